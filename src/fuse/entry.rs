//! What runs first: start functions, data relocations, constructors, in the plan's order.

use super::World;
use super::image::Image;
use super::objects::Objects;
use super::relocate;
use super::targets::{Func, Targets, fresh, lost};
use super::values::Values;
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::plan::{ObjectId, lifecycle};
use crate::text;

pub(super) struct Entry {
    /// In the order of instantiation.
    starts: Vec<Func>,
    /// `__wasm_apply_data_relocs` of the objects, as far as they are not carried out.
    relocations: Vec<Func>,
    constructors: Vec<Func>,
    /// `_start` of the main program.
    main: Option<Func>,
    /// A program, rather than a library.
    pub command: bool,
}

impl Entry {
    pub fn new(world: &World<'_>, objects: Objects<'_>) -> Result<Entry> {
        let targets = objects.targets;
        let mut entry = Entry {
            starts: Vec::new(),
            relocations: Vec::new(),
            constructors: Vec::new(),
            main: None,
            command: false,
        };
        for &id in &world.plan.order {
            let object = fresh(world, id)?;
            let start = objects.of(object)?.0.start;
            entry
                .starts
                .extend(start.map(|start| targets.func_of(object, start)));
        }
        for &id in &world.plan.init {
            let found = world.request.found(id).ok_or_else(|| lost("an object"))?;
            let steps = lifecycle(found.object.brief(), found.role);
            if let Some(name) = steps.relocate {
                entry.relocations.extend(step(world, targets, id, name)?);
            }
            if let Some(name) = steps.construct {
                entry.constructors.extend(step(world, targets, id, name)?);
            }
        }
        if let Some(main) = world.request.main() {
            entry.main = step(world, targets, main, abi::START)?;
            entry.command = entry.main.is_some();
        }
        Ok(entry)
    }

    /// Carries out the data relocations that can be. Gives these functions, by object: nobody calls them.
    pub fn relocate(
        &mut self,
        objects: Objects<'_>,
        values: &Values,
        image: &mut Image<'_>,
    ) -> Result<Vec<Option<Func>>> {
        let mut relocated = vec![None; objects.modules.len()];
        // A start function runs before, and may look at what is not relocated yet.
        if !self.starts.is_empty() {
            return Ok(relocated);
        }
        let mut left = Vec::new();
        for &func in &self.relocations {
            match func {
                // What is left to the start may look at what the later ones change.
                Func::Own { object, index }
                    if left.is_empty() && carried_out(objects, values, image, object, index)? =>
                {
                    if let Some(place) = relocated.get_mut(object as usize) {
                        *place = Some(func);
                    }
                }
                _ => left.push(func),
            }
        }
        self.relocations = left;
        Ok(relocated)
    }

    /// Leaves to the linker what it calls itself before the program: relocations and constructors of each object. Gives the start functions,
    /// which the engine calls.
    pub fn leave_to_linker(&mut self) -> Result<Vec<Func>> {
        if self.main.is_none() {
            let why = "--dynamic is for programs: this is a library";
            return Err(Error::new(Code::Unsupported, why));
        }
        self.relocations.clear();
        self.constructors.clear();
        Ok(std::mem::take(&mut self.starts))
    }

    /// What is called, in order.
    pub fn steps(&self) -> Vec<Func> {
        let steps = self.starts.iter().chain(&self.relocations);
        let steps = steps.chain(&self.constructors).chain(&self.main);
        steps.copied().collect()
    }
}

/// Puts what a function stores into the image, if it does nothing else and all of that lies in its object's own segments.
fn carried_out(
    objects: Objects<'_>,
    values: &Values,
    image: &mut Image<'_>,
    object: u32,
    index: u32,
) -> Result<bool> {
    let body = objects.body(object, index)?;
    let Some(stores) = relocate::stores(body, |global| values.global(object, global))? else {
        return Ok(false);
    };
    // What lies elsewhere, in another object or where no segment is, is stored when it runs.
    let within = |store: &relocate::Store| {
        let mut bytes = (0..u64::from(store.bytes)).map(|n| store.address.checked_add(n));
        bytes.all(|at| at.is_some_and(|at| image.holds(object, at)))
    };
    if !stores.iter().all(within) {
        return Ok(false);
    }
    for store in stores {
        let bytes = store.value.to_le_bytes();
        for (&byte, at) in bytes.iter().take(store.bytes as usize).zip(store.address..) {
            image.put(object, at, byte);
        }
    }
    Ok(true)
}

/// An exported function that the object itself defines.
fn step(world: &World<'_>, targets: &Targets, id: ObjectId, name: &str) -> Result<Option<Func>> {
    let found = world.request.found(id).ok_or_else(|| lost("an object"))?;
    let Some(step) = found.object.brief().step(name).filter(|step| step.own) else {
        return Ok(None);
    };
    if !step.plain {
        let found = text::name(&found.name);
        return Err(Error::new(
            Code::Malformed,
            format!("{found}: {name} is no function of type () -> ()"),
        ));
    }
    let index = found.object.defined_func(step.export);
    let index = index.ok_or_else(|| lost("a function"))?;
    Ok(Some(targets.func_of(fresh(world, id)?, index)))
}

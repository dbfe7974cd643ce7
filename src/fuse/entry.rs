//! What runs first: start functions, data relocations, constructors, in the plan's order.

use super::World;
use super::image::{Image, Values};
use super::module::Module;
use super::relocate;
use super::targets::{Func, Targets, fresh, lost};
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::plan::{ObjectId, lifecycle};
use crate::text;

pub(super) struct Entry {
    /// In the order of instantiation.
    starts: Vec<Func>,
    /// By object: `__wasm_apply_data_relocs`.
    relocations: Vec<Func>,
    constructors: Vec<Func>,
    /// `_start` of the main program.
    main: Option<Func>,
    /// A program, rather than a library.
    pub command: bool,
    objects: usize,
}

impl Entry {
    pub fn new(world: &World<'_>, modules: &[Module<'_>], targets: &Targets) -> Result<Entry> {
        let mut entry = Entry {
            starts: Vec::new(),
            relocations: Vec::new(),
            constructors: Vec::new(),
            main: None,
            command: false,
            objects: modules.len(),
        };
        for &id in &world.plan.order {
            let object = fresh(world, id)?;
            let start = modules.get(object as usize).and_then(|module| module.start);
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

    /// Carries out the data relocations that can be. Gives these functions, by object.
    pub fn relocate(
        &self,
        modules: &[Module<'_>],
        targets: &Targets,
        values: &Values,
        image: &mut Image<'_>,
    ) -> Result<Vec<Option<Func>>> {
        let mut relocated = vec![None; self.objects];
        // A start function runs before, and may look at what is not relocated yet.
        if !self.starts.is_empty() {
            return Ok(relocated);
        }
        for &func in &self.relocations {
            let Func::Own { object, index } = func else {
                continue;
            };
            let imported = targets
                .spaces
                .get(object as usize)
                .map_or(0, |spaces| spaces.funcs.len());
            let own = (index as usize).checked_sub(imported);
            let body = own.and_then(|own| modules.get(object as usize)?.bodies.get(own));
            let body = body.ok_or_else(|| lost("a function's body"))?;
            let stores = relocate::stores(body, |global| values.global(targets, object, global))?;
            let Some(stores) = stores else { continue };
            // What lies elsewhere, in another object or where no segment is, is stored when it runs.
            let within = |store: &relocate::Store| {
                let bytes = (0..u64::from(store.bytes)).map(|n| store.address.checked_add(n));
                bytes
                    .into_iter()
                    .all(|at| at.is_some_and(|at| image.holds(object, at)))
            };
            if !stores.iter().all(within) {
                continue;
            }
            for store in stores {
                let bytes = store.value.to_le_bytes();
                for (&byte, at) in bytes.iter().take(store.bytes as usize).zip(store.address..) {
                    image.put(object, at, byte);
                }
            }
            if let Some(place) = relocated.get_mut(object as usize) {
                *place = Some(func);
            }
        }
        Ok(relocated)
    }

    /// What is called, in order.
    pub fn steps(&self, relocated: &[Option<Func>]) -> Vec<Func> {
        let left = |func: &&Func| !relocated.contains(&Some(**func));
        let steps = self.starts.iter();
        let steps = steps.chain(self.relocations.iter().filter(left));
        steps
            .chain(&self.constructors)
            .chain(&self.main)
            .copied()
            .collect()
    }
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

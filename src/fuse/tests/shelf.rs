//! Modules by name, and a load of them that is planned and linked.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::fuse::{Fused, Options, World, fuse};
use crate::object::{ExternType, Metadata, Object, ParseLimits, externalize};
use crate::plan::needed::{Provider, Root, closure};
use crate::plan::{
    Found, HostDef, Identity, Model, Options as PlanOptions, Plan, Precedence, Request, plan,
    role_of,
};

#[derive(Default)]
pub struct Shelf {
    files: BTreeMap<String, (Found, Vec<u8>)>,
    pub model: Model,
}

impl Shelf {
    pub fn put(&mut self, name: &str, bytes: &[u8], main: bool) -> Result<()> {
        let limits = ParseLimits::default();
        let (mut bytes, mut stack_pointer) = (bytes.to_vec(), None);
        let mut object = Object::parse(&bytes, &limits)?;
        if main && let Some((moved, what)) = externalize(&bytes, &object)? {
            (bytes, stack_pointer) = (moved, what.stack_pointer);
            object = Object::parse(&bytes, &limits)?;
        }
        let found = Found {
            in_guest: false,
            name: name.into(),
            path: None,
            identity: Identity::Host(name.into()),
            role: role_of(&object, main)?,
            object: Metadata::new(object),
            needed: Vec::new(),
            stack_pointer,
            within: None,
            parts: Vec::new(),
        };
        self.files.insert(name.to_string(), (found, bytes));
        Ok(())
    }

    /// What the host defines: the imports of a module.
    pub fn host(&mut self, bytes: &[u8]) -> Result<()> {
        for import in &Object::parse(bytes, &ParseLimits::default())?.imports {
            let def = HostDef {
                ty: import.ty.clone(),
                precedence: Precedence::Behind,
            };
            self.model.host.define(import.module, &import.name, def);
        }
        Ok(())
    }

    /// The plan of the load of `root`, and what `with` makes of it.
    pub fn plan<T>(&mut self, root: &str, with: impl FnOnce(&World<'_>) -> Result<T>) -> Result<T> {
        self.plan_with(&Config::default(), root, with)
    }

    /// As [`plan`](Self::plan), with a configuration.
    pub fn plan_with<T>(
        &mut self,
        config: &Config,
        root: &str,
        with: impl FnOnce(&World<'_>) -> Result<T>,
    ) -> Result<T> {
        let model = std::mem::take(&mut self.model);
        let closure = closure(&model, vec![Root::Name(root, None)], self, 1000)?;
        let options = PlanOptions {
            global: true,
            ..config.options()
        };
        let request = Request {
            model: &model,
            fresh: &closure.fresh,
            group: &closure.group,
            roots: &closure.roots,
            options: &options,
            now: None,
        };
        let plan: Plan = plan(&request)?;
        let bytes = closure
            .fresh
            .iter()
            .map(|found| self.files[&*found.name].1.as_slice());
        let bytes: Vec<&[u8]> = bytes.collect();
        let world = World {
            request: &request,
            plan: &plan,
            bytes: &bytes,
        };
        with(&world)
    }
}

impl Provider for Shelf {
    type Located = Found;

    fn locate(&mut self, name: &str, _by: Option<&Found>) -> Result<Found> {
        let file = self.files.get(name);
        file.map(|(found, _)| found.clone())
            .ok_or_else(|| Error::new(Code::NotFound, format!("no {name} on the shelf")))
    }

    fn identity(&self, located: &Found) -> Identity {
        located.identity.clone()
    }

    fn open(&mut self, located: Found) -> Result<Found> {
        Ok(located)
    }
}

pub fn program() -> Options {
    Options {
        exports: Vec::new(),
        keep: Vec::new(),
        library: false,
        gc: true,
        hosted: false,
        fold: false,
        dynamic: false,
        names: false,
        debug: false,
    }
}

/// Links `main` with the other modules of a list.
#[cfg(test)]
pub fn linked(modules: &[(&str, &str)], options: &Options) -> Result<Fused> {
    let mut shelf = Shelf::default();
    for (name, text) in modules {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        match *name {
            "host" => shelf.host(&bytes)?,
            name => shelf.put(name, &bytes, name == "main")?,
        }
    }
    shelf.plan(modules[0].0, |world| fuse(world, options))
}

/// What a module imports: functions as `module.name`.
pub fn imports(bytes: &[u8]) -> Vec<String> {
    let object = Object::parse(bytes, &ParseLimits::default()).expect("a module");
    let functions = object
        .imports
        .iter()
        .filter(|i| matches!(i.ty, ExternType::Func(_)));
    functions
        .map(|i| format!("{}.{}", i.module, i.name))
        .collect()
}

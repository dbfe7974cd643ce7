//! A namespace without an engine: a shelf of objects instead of a file system, and loads that only plan and commit.

use std::collections::{BTreeMap, HashMap};

use super::check;
use crate::error::{Code, Error, Result};
use crate::object::{Metadata, Object, ParseLimits, externalize};
use crate::plan::needed::{Closure, Provider, Root, closure};
use crate::plan::*;

pub struct File {
    pub object: Metadata,
    pub identity: Identity,
    pub role: Role,
    pub stack_pointer: Option<u64>,
}

/// Objects by the name under which they are needed.
#[derive(Default)]
pub struct Shelf {
    pub files: BTreeMap<String, File>,
    /// What was read, in order.
    pub opened: Vec<String>,
}

impl Shelf {
    pub fn put(&mut self, name: &str, object: Object) {
        let file = File {
            object: Metadata::new(object),
            identity: Identity::Host(name.into()),
            role: Role::Library,
            stack_pointer: None,
        };
        self.files.insert(name.to_string(), file);
    }

    /// A module as bytes, prepared as a load does it.
    pub fn put_bytes(&mut self, name: &str, bytes: &[u8], main: bool) -> Result<()> {
        let limits = ParseLimits::default();
        let mut object = Object::parse(bytes, &limits)?;
        let mut stack_pointer = None;
        if main && let Some((moved, what)) = externalize(bytes, &object)? {
            object = Object::parse(&moved, &limits)?;
            stack_pointer = what.stack_pointer;
        }
        let role = role_of(&object, main)?;
        self.put(name, object);
        let file = self.files.get_mut(name).expect("just put there");
        (file.role, file.stack_pointer) = (role, stack_pointer);
        Ok(())
    }

    /// A second name for a file.
    pub fn link(&mut self, name: &str, other: &str) {
        let file = &self.files[name];
        let file = File {
            object: file.object.clone(),
            identity: file.identity.clone(),
            ..*file
        };
        self.files.insert(other.to_string(), file);
    }

    fn found(&self, name: &str) -> Result<Found> {
        let missing =
            || Error::new(Code::NotFound, "library not found; searched:").line("  the shelf");
        let file = self.files.get(name).ok_or_else(missing)?;
        Ok(Found {
            in_guest: false,
            name: name.into(),
            path: None,
            identity: file.identity.clone(),
            object: file.object.clone(),
            role: file.role,
            needed: Vec::new(),
            stack_pointer: file.stack_pointer,
            within: None,
            parts: Vec::new(),
        })
    }
}

impl Provider for Shelf {
    type Located = Found;

    fn locate(&mut self, name: &str, _by: Option<&Found>) -> Result<Found> {
        self.found(name)
    }

    fn identity(&self, located: &Found) -> Identity {
        located.identity.clone()
    }

    fn open(&mut self, located: Found) -> Result<Found> {
        self.opened.push(located.name.to_string());
        Ok(located)
    }
}

/// How one load differs from the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    pub global: bool,
    pub deepbind: bool,
    pub bind: Bind,
}

pub struct World {
    pub shelf: Shelf,
    pub model: Model,
    pub now: Option<Sizes>,
    pub preloads: Vec<String>,
    pub plt: Plt,
    pub stack_size: u64,
    pub limits: LoadLimits,
}

impl Default for World {
    fn default() -> World {
        World {
            shelf: Shelf::default(),
            model: Model::default(),
            now: None,
            preloads: Vec::new(),
            plt: Plt::Auto,
            stack_size: 4096,
            limits: LoadLimits {
                host_memory: u64::MAX,
                memory_pages: crate::abi::MAX_PAGES,
                table_slots: 10_000_000,
                objects: 8_000,
            },
        }
    }
}

impl World {
    pub fn put(&mut self, name: &str, draft: super::draft::Draft) {
        self.shelf.put(name, draft.done());
    }

    pub fn closure(&mut self, name: &str) -> Result<Closure> {
        let main = self.shelf.files.get(name).filter(|f| f.role.is_main());
        let root = match main {
            Some(_) => Root::Found(Box::new(self.shelf.found(name)?)),
            None => Root::Name(name, None),
        };
        let mut roots = vec![root];
        if self.model.nodes.is_empty() {
            roots.extend(self.preloads.iter().map(|name| Root::Name(name, None)));
        }
        closure(&self.model, roots, &mut self.shelf, self.limits.objects)
    }

    fn options(&self, flags: Flags, closure: &Closure) -> Options {
        let main = closure.fresh.first().is_some_and(|f| f.role.is_main());
        Options {
            bind: flags.bind,
            plt: self.plt,
            stack_size: self.stack_size,
            limits: self.limits.clone(),
            global: flags.global || main,
            deepbind: flags.deepbind,
        }
    }

    /// Plans a load and shows it, without taking part in the namespace.
    pub fn plan<T>(
        &mut self,
        name: &str,
        flags: Flags,
        look: impl FnOnce(&Request<'_>, Plan) -> T,
    ) -> Result<T> {
        let closure = self.closure(name)?;
        let request = Request {
            model: &self.model,
            fresh: &closure.fresh,
            group: &closure.group,
            roots: &closure.roots,
            options: &self.options(flags, &closure),
            now: self.now,
        };
        Ok(look(&request, plan(&request)?))
    }

    /// Plans, checks the plan, and makes it part of the namespace.
    pub fn load(&mut self, name: &str, flags: Flags) -> Result<(Plan, String)> {
        self.load_and(name, flags, true)
    }

    /// As [`load`](Self::load); for large sets of objects, which the checks would take much time for.
    pub fn load_and(&mut self, name: &str, flags: Flags, checks: bool) -> Result<(Plan, String)> {
        let closure = self.closure(name)?;
        let options = self.options(flags, &closure);
        let request = Request {
            model: &self.model,
            fresh: &closure.fresh,
            group: &closure.group,
            roots: &closure.roots,
            options: &options,
            now: self.now,
        };
        let mut plan = match plan(&request) {
            Ok(plan) => plan,
            Err(error) => {
                if checks {
                    check::refusal(&request, &error);
                }
                return Err(error);
            }
        };
        if checks {
            check::plan(&request, &plan);
        }
        let text = dump(&request, &plan).into_string();
        self.now = Some(Sizes {
            memory_pages: plan.layout.memory.after,
            table_slots: plan.layout.table.after,
        });
        self.model.commit(closure, &mut plan, &options);
        Ok((plan, text))
    }

    pub fn id(&self, name: &str) -> ObjectId {
        self.model.names[name]
    }

    pub fn place(&self, name: &str) -> Placement {
        self.model.nodes[&self.id(name)].place
    }

    /// The addresses that a loaded object has in its GOT, by module and name of the import.
    pub fn numbers(&self, plan: &Plan, name: &str, first: u32) -> HashMap<(String, String), u64> {
        let id = self.id(name);
        let imports = &self.model.nodes[&id].found.object.imports;
        let supplies = &plan.objects[(id.0 - first) as usize].imports;
        let pairs = imports.iter().zip(supplies);
        let numbers = pairs.filter_map(|(import, supply)| match supply {
            Supply::Number { value, .. } => {
                Some(((import.module.to_string(), import.name.to_string()), *value))
            }
            _ => None,
        });
        numbers.collect()
    }
}

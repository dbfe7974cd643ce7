//! What each index of each object's spaces stands for, once all imports are bound.

use std::collections::HashMap;
use std::sync::Arc;

use super::World;
use super::module::Module;
use crate::error::{Code, Error, Result};
use crate::object::{ExportItem, ExternType, FuncType, GlobalType, Import, ValType};
use crate::plan::{Binding, Callee, Definition, FuncId, ObjectId, Supply};
use crate::text;

/// A function of the fused module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Func {
    /// Imported from the host: a position in [`Targets::hosts`].
    Host(u32),
    /// Of an object, by its number and the function's index there.
    Own { object: u32, index: u32 },
    /// Not there: traps. A position in [`Targets::absent`].
    Absent(u32),
    /// Does nothing.
    Nothing,
}

/// A global of the fused module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Global {
    /// A known number: no global, except where its importer writes to it.
    Number {
        value: u64,
        ty: Number,
    },
    Stack,
    Host(u32),
    Own {
        object: u32,
        index: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Number {
    I32,
    I64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Table {
    Shared,
    Own { object: u32, index: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Tag {
    /// One of the namespace's: a position in [`Targets::tags`].
    Named(u32),
    Host(u32),
    Own {
        object: u32,
        index: u32,
    },
}

/// What the fused module imports.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub module: Arc<str>,
    pub name: String,
    pub kind: HostKind,
    /// The object that calls it, where each has one of its own.
    pub by: Option<u32>,
}

#[derive(Clone, Debug)]
pub(super) enum HostKind {
    Func(Sig),
    Global(GlobalType),
    Tag(Sig),
}

/// A type of functions.
#[derive(Clone, Debug)]
pub(super) enum Sig {
    /// By an object that names it, and its index there.
    Of(u32, u32),
    Is(Arc<FuncType>),
}

/// A function that nobody defines.
#[derive(Clone, Debug)]
pub(super) struct Absent {
    pub name: String,
    pub object: u32,
    pub ty: u32,
}

/// The imports of one object, by kind; what stands behind them are its own definitions.
#[derive(Default)]
pub(super) struct Spaces {
    pub funcs: Vec<Func>,
    pub globals: Vec<Global>,
    /// Whose data or function a number among `globals` is.
    pub uses: Vec<Option<Used>>,
    pub tables: Vec<Table>,
    pub tags: Vec<Tag>,
}

/// What lives on because its address is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Used {
    Object(u32),
    Func(Func),
    /// A function of the host's, by its number there.
    Host(u32),
}

/// Module, name and caller.
type HostKey = (Arc<str>, String, Option<u32>);

#[derive(Default)]
pub(super) struct Targets {
    pub spaces: Vec<Spaces>,
    pub hosts: Vec<Host>,
    pub absent: Vec<Absent>,
    /// With an object that imports it, and the index of its type there.
    pub tags: Vec<(Arc<str>, u32, u32)>,
    host_names: HashMap<u32, (Arc<str>, String)>,
    host_of: HashMap<HostKey, u32>,
    /// Each object has its own imports of the host's functions, so that these know who calls.
    by_caller: bool,
    absent_of: HashMap<(String, u32, u32), u32>,
    tag_of: HashMap<Arc<str>, u32>,
}

impl Targets {
    pub fn new(world: &World<'_>, modules: &[Module<'_>], by_caller: bool) -> Result<Targets> {
        let mut targets = Targets {
            by_caller,
            ..Targets::default()
        };
        targets.spaces.resize_with(modules.len(), Spaces::default);
        for (id, module, name) in world.request.model.host.each() {
            targets
                .host_names
                .insert(id, (module.into(), name.to_string()));
        }
        // Definitions come first, so that what is exported again is known.
        for &id in &world.plan.order {
            let object = fresh(world, id)?;
            let n = object as usize;
            let (Some(found), Some(module), Some(planned)) = (
                world.request.fresh.get(n),
                modules.get(n),
                world.plan.objects.get(n),
            ) else {
                return Err(lost("an object"));
            };
            let mut spaces = Spaces::default();
            let bound = planned.bindings.iter().zip(&planned.imports);
            for (import, (binding, supply)) in found.object.imports.iter().zip(bound) {
                let at = At {
                    object,
                    found: &found.name,
                    import: &import,
                };
                targets.import(world, module, &mut spaces, &at, binding, supply)?;
            }
            if let Some(place) = targets.spaces.get_mut(n) {
                *place = spaces;
            }
        }
        // Those whose address alone is taken.
        for fill in &world.plan.fills {
            if let FuncId::Host(id) = fill.callee.id() {
                let sig = world.request.model.host_func(id);
                let sig = sig.ok_or_else(|| lost("a function of the host's"))?;
                targets.host_func(id, Sig::Is(sig.clone()), None)?;
            }
        }
        Ok(targets)
    }

    fn import(
        &mut self,
        world: &World<'_>,
        module: &Module<'_>,
        spaces: &mut Spaces,
        at: &At<'_>,
        binding: &Binding,
        supply: &Supply,
    ) -> Result<()> {
        match at.import.ty {
            ExternType::Func(_) => {
                let ty = module.func_types.get(spaces.funcs.len());
                let ty = *ty.ok_or_else(|| lost("a function's type"))?;
                let func = self.func(world, at, binding, ty)?;
                spaces.funcs.push(func);
            }
            ExternType::Global(ty) => {
                let global = self.global(world, at, *ty, binding, supply)?;
                spaces.globals.push(global);
                spaces.uses.push(self.used(world, at, binding)?);
            }
            ExternType::Table(_) => spaces.tables.push(match binding {
                Binding::Table => Table::Shared,
                Binding::Export(definition) => match item(world, definition)? {
                    (object, ExportItem::Table { index, .. }) => self.table_at(object, *index),
                    _ => return Err(at.unsupported("a table that is none")),
                },
                _ => return Err(at.unsupported("a table of the host's")),
            }),
            ExternType::Memory(_) => match binding {
                Binding::Memory => {}
                _ => return Err(at.unsupported("a second memory")),
            },
            ExternType::Tag(_) => {
                let ty = module.tag_types.get(spaces.tags.len());
                let ty = *ty.ok_or_else(|| lost("a tag's type"))?;
                let tag = match binding {
                    Binding::Tag(name) => {
                        let next = number(self.tags.len())?;
                        let position = *self.tag_of.entry(Arc::clone(name)).or_insert(next);
                        if position == next {
                            self.tags.push((Arc::clone(name), at.object, ty));
                        }
                        Tag::Named(position)
                    }
                    Binding::Export(definition) => match item(world, definition)? {
                        (object, ExportItem::Tag { index, .. }) => self.tag_at(object, *index),
                        _ => return Err(at.unsupported("a tag that is none")),
                    },
                    _ => Tag::Host(self.host(at, HostKind::Tag(Sig::Of(at.object, ty)))?),
                };
                spaces.tags.push(tag);
            }
        }
        Ok(())
    }

    fn func(&mut self, world: &World<'_>, at: &At<'_>, binding: &Binding, ty: u32) -> Result<Func> {
        Ok(match binding {
            Binding::Func(callee) => match callee.id() {
                FuncId::Object { object, index } => Func::Own {
                    object: fresh(world, object)?,
                    index,
                },
                FuncId::Host(id) => {
                    let by = self.by_caller.then_some(at.object);
                    Func::Host(self.host_func(id, Sig::Of(at.object, ty), by)?)
                }
            },
            Binding::Unresolved { .. } => {
                let key = (at.import.name.text().to_string(), at.object, ty);
                let next = number(self.absent.len())?;
                let position = *self.absent_of.entry(key).or_insert(next);
                if position == next {
                    let name = at.import.name.text().to_string();
                    self.absent.push(Absent {
                        name,
                        object: at.object,
                        ty,
                    });
                }
                Func::Absent(position)
            }
            Binding::Nothing => Func::Nothing,
            _ => {
                return Err(
                    at.unsupported("a function that the program names by a number when it runs")
                );
            }
        })
    }

    fn global(
        &mut self,
        world: &World<'_>,
        at: &At<'_>,
        ty: GlobalType,
        binding: &Binding,
        supply: &Supply,
    ) -> Result<Global> {
        match (supply, binding) {
            (Supply::Number { value, ty }, _) => Ok(Global::Number {
                value: *value,
                ty: match ty.content {
                    ValType::I32 => Number::I32,
                    ValType::I64 => Number::I64,
                    _ => return Err(at.unsupported("an address that is no integer")),
                },
            }),
            (Supply::StackPointer, _) => Ok(Global::Stack),
            (_, Binding::Export(definition)) => match item(world, definition)? {
                (object, ExportItem::Global { index, .. }) => Ok(self.global_at(object, *index)),
                (object, ExportItem::Data(_)) => Err(at.unsupported(&format!(
                    "a constant that {} defines as a symbol",
                    name_of(world, object)
                ))),
                _ => Err(at.unsupported("a global that is none")),
            },
            _ => Ok(Global::Host(self.host(at, HostKind::Global(ty))?)),
        }
    }

    fn used(&self, world: &World<'_>, at: &At<'_>, binding: &Binding) -> Result<Option<Used>> {
        Ok(match binding {
            Binding::Data(definition) => Some(Used::Object(fresh(world, definition.object)?)),
            Binding::MemoryBase | Binding::TableBase => Some(Used::Object(at.object)),
            Binding::Slot(callee) => match callee.id() {
                FuncId::Object { object, index } => Some(Used::Func(Func::Own {
                    object: fresh(world, object)?,
                    index,
                })),
                FuncId::Host(id) => Some(Used::Host(id)),
            },
            _ => None,
        })
    }

    fn host_func(&mut self, id: u32, sig: Sig, by: Option<u32>) -> Result<u32> {
        let names = self.host_names.get(&id);
        let (module, name) = names
            .cloned()
            .ok_or_else(|| lost("a function of the host's"))?;
        self.add_host(module, name, HostKind::Func(sig), by)
    }

    fn host(&mut self, at: &At<'_>, kind: HostKind) -> Result<u32> {
        let (module, name) = (at.import.module.clone(), at.import.name.text().to_string());
        self.add_host(module, name, kind, None)
    }

    fn add_host(
        &mut self,
        module: Arc<str>,
        name: String,
        kind: HostKind,
        by: Option<u32>,
    ) -> Result<u32> {
        let next = number(self.hosts.len())?;
        let position = *self
            .host_of
            .entry((module.clone(), name.clone(), by))
            .or_insert(next);
        if position == next {
            self.hosts.push(Host {
                module,
                name,
                kind,
                by,
            });
        }
        Ok(position)
    }

    /// The function of a slot.
    pub fn callee(&self, world: &World<'_>, callee: &Callee) -> Result<Func> {
        match callee.id() {
            FuncId::Object { object, index } => Ok(Func::Own {
                object: fresh(world, object)?,
                index,
            }),
            FuncId::Host(id) => {
                let position = self.host_position(id);
                position
                    .map(Func::Host)
                    .ok_or_else(|| lost("a function of the host's"))
            }
        }
    }

    /// A function of the host's that nobody in particular calls.
    fn host_position(&self, id: u32) -> Option<u32> {
        let (module, name) = self.host_names.get(&id)?;
        self.host_of
            .get(&(module.clone(), name.clone(), None))
            .copied()
    }

    pub fn func_of(&self, object: u32, index: u32) -> Func {
        let spaces = self.spaces.get(object as usize);
        let import = spaces.and_then(|spaces| spaces.funcs.get(index as usize));
        import.copied().unwrap_or(Func::Own { object, index })
    }

    pub fn global_at(&self, object: u32, index: u32) -> Global {
        let spaces = self.spaces.get(object as usize);
        let import = spaces.and_then(|spaces| spaces.globals.get(index as usize));
        import.copied().unwrap_or(Global::Own { object, index })
    }

    /// What is kept by the use of a global.
    pub fn use_of(&self, object: u32, index: u32) -> Option<Used> {
        let spaces = self.spaces.get(object as usize)?;
        match *spaces.uses.get(index as usize)? {
            Some(Used::Host(id)) => {
                let position = self.host_position(id)?;
                Some(Used::Func(Func::Host(position)))
            }
            used => used,
        }
    }

    pub fn table_at(&self, object: u32, index: u32) -> Table {
        let spaces = self.spaces.get(object as usize);
        let import = spaces.and_then(|spaces| spaces.tables.get(index as usize));
        import.copied().unwrap_or(Table::Own { object, index })
    }

    pub fn tag_at(&self, object: u32, index: u32) -> Tag {
        let spaces = self.spaces.get(object as usize);
        let import = spaces.and_then(|spaces| spaces.tags.get(index as usize));
        import.copied().unwrap_or(Tag::Own { object, index })
    }
}

/// An import of an object.
struct At<'a> {
    object: u32,
    found: &'a str,
    import: &'a Import<'a>,
}

impl At<'_> {
    fn unsupported(&self, what: &str) -> Error {
        let (module, name) = (
            text::name(self.import.module),
            text::name(&self.import.name),
        );
        let found = text::name(self.found);
        Error::new(
            Code::Unsupported,
            format!("{found} imports {module}.{name}, {what}, which one module cannot have"),
        )
    }
}

pub(super) fn lost(what: &str) -> Error {
    Error::new(Code::Internal, format!("linking has lost {what}"))
}

pub(super) fn number(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| Error::new(Code::Limit, "more than 4,294,967,295 items of a kind"))
}

/// The number of an object among those of the plan. All are new to it.
pub(super) fn fresh(world: &World<'_>, id: ObjectId) -> Result<u32> {
    let n = world
        .request
        .fresh_index(id)
        .ok_or_else(|| lost("an object"))?;
    number(n)
}

fn name_of<'a>(world: &World<'a>, object: u32) -> &'a str {
    let found = world.request.fresh.get(object as usize);
    found.map_or("?", |found| &found.name)
}

fn item<'a>(world: &World<'a>, definition: &Definition) -> Result<(u32, &'a ExportItem)> {
    let object = fresh(world, definition.object)?;
    let found = world.request.fresh.get(object as usize);
    let export = found.and_then(|found| found.object.exports.get(definition.export as usize));
    let export = export.ok_or_else(|| lost("an export"))?;
    Ok((object, export.item))
}

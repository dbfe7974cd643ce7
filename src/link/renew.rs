//! A namespace in the place of another, in a store of its own: what the host has given goes over to it, and what the host has open is loaded
//! anew. What the guests have in memory does not.
//!
//! The old one is not changed. Where a step fails, it is as it was, and the new one is given up.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::given::GivenBody;
use super::namespace::Namespace;
use super::open::{Flags, Party, Source};
use crate::control::Mode;
use crate::engine::{EngineGlobalType, Extern, Global, Store, Val};
use crate::error::{Code, Context, Error, Result};
use crate::hash_map::HashMap;
use crate::object::{FuncType, GlobalType};
use crate::plan::ObjectId;
use crate::text;

/// What the host has defined, by module and name. The last definition of a name counts.
#[derive(Default)]
pub(super) struct Definitions(HashMap<(Box<str>, Box<str>), Definition>);

pub(super) struct Definition {
    pub value: Value,
    pub overriding: bool,
}

pub(super) enum Value {
    /// A function by its type: another one is made of it.
    Func(Arc<FuncType>, Arc<GivenBody>),
    /// A global that never changes: one of the same value is as good.
    Constant(GlobalType, Val),
    /// Something of the store, which nothing else stands for: the text says what.
    OfStore(&'static str),
}

impl Definitions {
    pub fn note(&mut self, module: &str, name: &str, value: Value, overriding: bool) {
        let definition = Definition { value, overriding };
        self.0.insert((module.into(), name.into()), definition);
    }
}

/// What the host has opened, in order.
#[derive(Default)]
pub(super) struct Openings(Vec<Opening>);

#[derive(Clone)]
struct Opening {
    object: ObjectId,
    again: Again,
    flags: Flags,
}

/// How an object is opened again.
#[derive(Clone)]
enum Again {
    Path(PathBuf),
    Name(String),
    /// Its bytes are not kept.
    Given,
}

/// A source, as far as it can be asked again.
pub(super) struct Origin(Again);

impl Origin {
    pub fn of(source: &Source) -> Option<Origin> {
        Some(Origin(match source {
            Source::Path(path) => Again::Path(path.clone()),
            Source::Name(name) => Again::Name(name.clone()),
            Source::Bytes { .. } => Again::Given,
            Source::Guest { .. } => return None,
        }))
    }
}

impl Openings {
    /// Those that are gone go now and then: `there` says which are not.
    fn note(
        &mut self,
        object: ObjectId,
        origin: Origin,
        flags: Flags,
        there: impl Fn(ObjectId) -> bool,
    ) {
        if let Some(known) = self.0.iter_mut().find(|known| known.object == object) {
            known.flags.global |= flags.global;
            known.flags.nodelete |= flags.nodelete;
            return;
        }
        self.0.retain(|known| there(known.object));
        let Origin(again) = origin;
        self.0.push(Opening {
            object,
            again,
            flags,
        });
    }
}

impl Namespace {
    /// Notes how the host has opened an object.
    pub(super) fn note_opening(&self, object: ObjectId, origin: Origin, flags: Flags) {
        let mut openings = self.openings.borrow_mut();
        openings.note(object, origin, flags, |id| self.contains(id));
    }

    /// An empty namespace in another store, with the host's settings.
    pub fn successor(&self, store: Store) -> Result<Rc<Namespace>> {
        drop(self.change()?);
        if store.raw() == self.store().raw() {
            let why = "the store is the namespace's own: a namespace is renewed in another one";
            return Err(Error::new(Code::InvalidArgument, why));
        }
        let next = Namespace::new(store, self.given.clone());
        let control = self.control();
        if control.mode() != Mode::Off {
            next.control().set_timeout(control.timeout())?;
            let watch = self.watch.borrow().clone();
            if let Some((every, ask)) = watch {
                drop(next.set_watcher(every, Some(ask))?);
            }
        }
        if control.mode() == Mode::Budget {
            next.set_budget(self.budget_left()?)?;
        }
        Ok(next)
    }

    /// Gives what the host has given to `old`, lets the host add to it, and loads what it has open there.
    pub fn succeed(
        self: &Rc<Self>,
        old: &Namespace,
        add: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        if old.restored.get() {
            let why = "the namespace was made of a snapshot, which knows what it has open: restore that into a new namespace";
            return Err(Error::new(Code::Unsupported, why));
        }
        // What is to stop the old one stops what is done for it.
        let _entry = old.enter();
        self.take_over(old)?;
        add()?;
        self.check_definitions(old)?;
        self.load_as(old)
    }

    fn take_over(&self, old: &Namespace) -> Result<()> {
        for ((module, name), definition) in &old.definitions.borrow().0 {
            let overriding = definition.overriding;
            match &definition.value {
                Value::Func(ty, body) => {
                    self.define_func(module, name, (**ty).clone(), body.clone(), overriding)?;
                }
                Value::Constant(ty, value) => {
                    let ty = EngineGlobalType::new(self.store().api(), *ty)?;
                    let global = Global::new(self.store(), &ty, *value)?;
                    let raw = std::ptr::NonNull::new(global.as_extern().raw());
                    let raw =
                        raw.ok_or_else(|| Error::new(Code::Engine, "the engine gave no global"))?;
                    // SAFETY: the view of a global that lives for the call.
                    let value = unsafe { Extern::lend(self.store().api(), raw) };
                    self.define_extern(module, name, &value, overriding)?;
                }
                Value::OfStore(_) => {}
            }
        }
        Ok(())
    }

    /// What is of the old store has to be defined anew by the host.
    fn check_definitions(&self, old: &Namespace) -> Result<()> {
        let (old, new) = (old.definitions.borrow(), self.definitions.borrow());
        let of_store = old
            .0
            .iter()
            .filter_map(|(key, definition)| match definition.value {
                Value::OfStore(what) if !new.0.contains_key(key) => Some((key, what)),
                _ => None,
            });
        let mut lacking: Vec<String> = of_store
            .map(|((module, name), what)| {
                format!("{}.{}: {what}", text::name(module), text::name(name))
            })
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        lacking.sort();
        let why = "what was defined by wasm_dyld_define is of the old store: define it anew in the callback that prepares the namespace, or functions by wasm_dyld_define_func";
        let count = lacking.len();
        Err(Error::new(Code::Unsupported, why).list(lacking, count))
    }

    /// Opens what the host has open in `old`, in the same order and as often.
    fn load_as(self: &Rc<Self>, old: &Namespace) -> Result<()> {
        // Constructors may call the host, which may load into the old namespace.
        let openings = old.openings.borrow().0.clone();
        for opening in &openings {
            // The program is the first object: where something from bytes has to come behind it, the host has loaded it already.
            if opening.flags.main && self.state().model.main.is_some() {
                continue;
            }
            let Some(info) = old.object(opening.object) else {
                continue;
            };
            // What the host has closed stays there for the sake of others, or for good.
            if info.opens.host == 0 && !opening.flags.nodelete {
                continue;
            }
            let source = match &opening.again {
                Again::Path(path) => Source::Path(path.clone()),
                Again::Name(name) => Source::Name(name.clone()),
                Again::Given if info.opens.host == 0 => continue,
                Again::Given => {
                    self.check_given(&info.name)?;
                    continue;
                }
            };
            // An object that was only asked for first may have been loaded later.
            let flags = Flags {
                noload: false,
                ..opening.flags
            };
            let id = self.load(source, flags)?;
            self.reopened(id, info.opens.host)?;
        }
        Ok(())
    }

    /// An object whose bytes the host gave: only the host can give them again.
    fn check_given(&self, name: &str) -> Result<()> {
        let state = self.state();
        let mut nodes = state.model.nodes.values();
        if nodes.any(|node| &*node.found.name == name) {
            return Ok(());
        }
        let why = format!(
            "{} was loaded from bytes, which are not kept: load it in the callback that prepares the namespace, or unload it before",
            text::name(name)
        );
        Err(Error::new(Code::NotFound, why))
    }

    /// An object that was opened once is open so often.
    fn reopened(self: &Rc<Self>, id: ObjectId, times: u32) -> Result<()> {
        match times.checked_sub(1) {
            None => self.close(id, Party::Host).context(|| "closing what stays"),
            Some(more) => {
                let mut state = self.change()?;
                if let Some(node) = state.model.nodes.get_mut(&id) {
                    node.opens.host = node.opens.host.saturating_add(more);
                }
                Ok(())
            }
        }
    }
}

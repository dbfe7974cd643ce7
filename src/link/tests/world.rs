//! A namespace with libraries from text, and all that is to be compared of it.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

use crate::hash_map::HashMap;

use crate::config::Config;
use crate::engine::{Api, EngineOptions, OwnedEngine, OwnedStore, Store, shim};
use crate::error::Result;
use crate::link::{Flags, Namespace, Source};
use crate::plan::{ObjectId, Plt, Regions};
use crate::search::Opened;

/// Libraries by name.
pub type Shelf = Rc<RefCell<HashMap<String, Vec<u8>>>>;

/// What the callback that finds libraries does besides.
type Asked = Rc<RefCell<Option<Box<dyn Fn()>>>>;

pub struct World {
    // In this order: handles go before their store, that before its engine.
    pub ns: Rc<Namespace>,
    pub shelf: Shelf,
    asked: Asked,
    _store: OwnedStore,
    _engine: OwnedEngine,
}

impl World {
    /// `api` must be the linked engine's functions, or wrap them.
    pub fn new(api: &'static Api, plt: Plt) -> World {
        let config = Config {
            plt,
            ..Config::default()
        };
        World::with(api, config)
    }

    /// As [`new`](World::new), but for the callback that finds libraries.
    pub fn with(api: &'static Api, mut config: Config) -> World {
        let linked = Api::linked();
        let options = EngineOptions::default();
        let engine = shim::of(linked).new_engine(linked, &options).unwrap();
        let owned = engine.new_store().unwrap();
        let raw = std::ptr::NonNull::new(owned.store().raw()).unwrap();
        // SAFETY: a store of the engine behind the functions that `api` wraps; it outlives the namespace.
        let store = unsafe { Store::from_raw(api, raw) };
        let shelf = Shelf::default();
        let books = shelf.clone();
        let asked = Asked::default();
        let ask = asked.clone();
        config.search.open = Some(std::sync::Arc::new(move |name, _| {
            // Once: what it does may search again.
            if let Some(asked) = ask.take() {
                asked();
            }
            let bytes = books.borrow().get(name).cloned();
            let identity = name.as_bytes().to_vec();
            Ok(bytes.map(|bytes| Opened {
                bytes,
                identity,
                ready: None,
            }))
        }));
        World {
            ns: Namespace::new(store, config),
            shelf,
            asked,
            _store: owned,
            _engine: engine,
        }
    }

    /// As [`with`](World::with), on an engine with options and without a callback that finds libraries: they come from files.
    #[cfg(test)]
    pub fn of_files(options: &EngineOptions, config: Config) -> World {
        let linked = Api::linked();
        let engine = shim::of(linked).new_engine(linked, options).unwrap();
        let owned = engine.new_store().unwrap();
        World {
            ns: Namespace::new(owned.store(), config),
            shelf: Shelf::default(),
            asked: Asked::default(),
            _store: owned,
            _engine: engine,
        }
    }

    /// What the callback that finds libraries does besides, at the next search.
    pub fn on_open(&mut self, does: impl Fn() + 'static) {
        self.asked.replace(Some(Box::new(does)));
    }

    #[cfg(test)]
    pub fn put(&self, name: &str, text: &str) {
        let bytes = wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        self.shelf.borrow_mut().insert(name.to_string(), bytes);
    }

    pub fn open(&self, name: &str, flags: Flags) -> Result<ObjectId> {
        self.ns.load(Source::Name(name.to_string()), flags)
    }

    /// The first object of the namespace: the program.
    #[cfg(test)]
    pub fn program(&self, text: &str) -> ObjectId {
        let source = Source::Bytes {
            name: "main.wasm".to_string(),
            bytes: wat::parse_str(text).unwrap(),
        };
        let flags = Flags {
            main: true,
            ..Flags::default()
        };
        self.ns.load(source, flags).unwrap()
    }

    /// All that a load may change and a failed one must not, as text: one line a thing.
    ///
    /// Memory and table never shrink, so what is free of them is shown as what is used.
    pub fn snapshot(&self) -> String {
        let state = self.ns.state();
        let model = &state.model;
        let mut out = String::new();
        let mut ids: Vec<_> = model.nodes.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let node = &model.nodes[&id];
            let mut uses: Vec<_> = node.uses.iter().collect();
            uses.sort_unstable();
            let live = state.live.contains_key(&id);
            let _ = writeln!(
                out,
                "{id:?} {} {:?} needed {:?} global {} {:?} stays {} uses {uses:?} live {live}",
                node.found.name,
                node.place,
                node.found.needed,
                node.global,
                node.opens,
                node.nodelete
            );
        }
        let _ = writeln!(
            out,
            "scope {:?} main {:?}",
            model.global.order(),
            model.main
        );
        let mut names: Vec<_> = model.names.iter().collect();
        names.sort();
        let _ = writeln!(out, "names {names:?}");
        let mut slots: Vec<_> = model.slots.iter().collect();
        slots.sort();
        let _ = writeln!(out, "slots {slots:?}");
        let _ = writeln!(
            out,
            "landmarks {:?} hosts {} live {} loads {} exit {:?} busy {}",
            model.landmarks,
            state.hosts.len(),
            state.live.len(),
            state.loads.len(),
            (state.exit.all(), &state.exit.libc),
            self.ns.begin().is_err()
        );
        let _ = writeln!(out, "texts {:?}", state.texts.pieces().len());
        if let Some(space) = &state.space {
            let (bytes, size) = (space.memory.size(), u64::from(space.table.size()));
            // Of what an emptied namespace has, all is there for the next load, however much that is.
            if model.landmarks.is_some() {
                let _ = writeln!(out, "memory {:?}", used(&model.memory, bytes));
                let _ = writeln!(out, "table {:?}", used(&model.table, size));
            }
            let _ = writeln!(
                out,
                "stack {:?}",
                space.stack_pointer.as_ref().map(|g| g.get())
            );
            let mut contents = vec![0; bytes as usize];
            space.memory.read(0, &mut contents).unwrap();
            let nonzero = contents.iter().enumerate().filter(|(_, b)| **b != 0);
            let _ = writeln!(out, "bytes {:?}", nonzero.collect::<Vec<_>>());
            let filled: Vec<u32> = (0..size as u32)
                .filter(|&n| space.table.get(n).is_some())
                .collect();
            let _ = writeln!(out, "filled {filled:?}");
        }
        out
    }
}

/// What is not free of `size` units.
fn used(free: &Regions, size: u64) -> Vec<(u64, u64)> {
    let mut used = Vec::new();
    let mut at = 0;
    for (start, len) in free.iter() {
        if start > at {
            used.push((at, start));
        }
        at = start + len;
    }
    if at < size {
        used.push((at, size));
    }
    used
}

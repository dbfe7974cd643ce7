//! Scopes: ordered lists of objects with an index over their symbols.
//!
//! The first definition in order wins, weak or not (dlsym(3), ELF gABI "Symbol resolution" as glibc and musl apply it).

use std::sync::Arc;

use foldhash::HashMap;

use super::model::ObjectId;
use crate::abi;
use crate::object::Object;

/// An export of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    pub object: ObjectId,
    pub export: u32,
}

#[derive(Clone, Debug, Default)]
pub struct Scope {
    order: Vec<ObjectId>,
    /// Every definition of a name, in scope order; nearly always one.
    index: HashMap<Arc<str>, Definitions>,
}

#[derive(Clone, Debug)]
enum Definitions {
    One(Definition),
    Many(Vec<Definition>),
}

impl Definitions {
    fn all(&self) -> &[Definition] {
        match self {
            Definitions::One(one) => std::slice::from_ref(one),
            Definitions::Many(many) => many,
        }
    }
}

impl Scope {
    pub fn order(&self) -> &[ObjectId] {
        &self.order
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Makes room for that many more symbols.
    pub fn reserve(&mut self, symbols: usize) {
        self.index.reserve(symbols);
    }

    /// Appends an object and its symbols.
    pub fn push(&mut self, id: ObjectId, object: &Object) {
        self.order.push(id);
        for (position, export) in object.exports.iter().enumerate() {
            let name = export.name.as_ref();
            if name.starts_with('_') && abi::LIFECYCLE.contains(&name) {
                continue;
            }
            let definition = Definition {
                object: id,
                export: position as u32,
            };
            self.index
                .entry(export.name.clone())
                .and_modify(|known| match known {
                    Definitions::One(first) => {
                        *known = Definitions::Many(vec![*first, definition]);
                    }
                    Definitions::Many(many) => many.push(definition),
                })
                .or_insert(Definitions::One(definition));
        }
    }

    /// Takes an object and its symbols out.
    pub fn remove(&mut self, id: ObjectId, object: &Object) {
        self.order.retain(|&o| o != id);
        for export in &object.exports {
            let empty = match self.index.get_mut(&export.name) {
                Some(Definitions::One(one)) => one.object == id,
                Some(Definitions::Many(many)) => {
                    many.retain(|d| d.object != id);
                    many.is_empty()
                }
                None => false,
            };
            if empty {
                self.index.remove(&export.name);
            }
        }
    }

    /// All definitions of a name, the one that wins first.
    pub fn lookup(&self, name: &str) -> &[Definition] {
        self.index.get(name).map_or(&[], Definitions::all)
    }
}

/// The scopes that one object's symbols are looked up in, in order.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    pub scopes: [Option<&'a Scope>; 3],
}

impl<'a> Lookup<'a> {
    pub fn all(self, name: &str) -> impl Iterator<Item = Definition> + use<'a> {
        // Resolved per scope now, so that the iterator does not borrow `name`.
        let found = self
            .scopes
            .map(|scope| scope.map_or(&[][..], |s| s.lookup(name)));
        found.into_iter().flatten().copied()
    }
}

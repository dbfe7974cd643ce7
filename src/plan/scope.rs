//! Scopes: ordered lists of objects with an index over their symbols.
//!
//! The first definition in order wins, weak or not (dlsym(3), ELF gABI "Symbol resolution" as glibc and musl apply it).
//! Only what an import could take counts as a definition: a program that exports its memory as `memory` does not define a
//! function of that name.

use std::fmt;
use std::sync::{Arc, OnceLock};

use foldhash::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::model::ObjectId;
use crate::abi;
use crate::object::{ExportItem, ExternType, Metadata, Object, ValType};

/// An export of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Definition {
    pub object: ObjectId,
    pub export: u32,
}

/// What a name is looked up as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A function or a datum: a C program has one name space for both, so that the first of either wins.
    Symbol,
    Global,
    Table,
    Memory,
    Tag,
}

impl Kind {
    /// What an import outside the GOT asks for.
    pub fn of_import(ty: &ExternType) -> Kind {
        match ty {
            ExternType::Func(_) => Kind::Symbol,
            ExternType::Global(_) => Kind::Global,
            ExternType::Table(_) => Kind::Table,
            ExternType::Memory(_) => Kind::Memory,
            ExternType::Tag(_) => Kind::Tag,
        }
    }

    /// Whether an export may be what is asked for. A datum is an immutable i32, and that is also a global.
    fn takes(self, item: &ExportItem) -> bool {
        match item {
            ExportItem::Func { .. } => self == Kind::Symbol,
            ExportItem::Data { ty, .. } | ExportItem::Global { ty, .. } => {
                let datum = ty.content == ValType::I32 && !ty.mutable;
                self == Kind::Global || (self == Kind::Symbol && datum)
            }
            ExportItem::Table { .. } => self == Kind::Table,
            ExportItem::Memory { .. } => self == Kind::Memory,
            ExportItem::Tag { .. } => self == Kind::Tag,
        }
    }

    /// The export of `object` under a name, if it may be what is asked for.
    pub fn export_of(self, object: &Object, name: &str) -> Option<u32> {
        let export = *object.by_name.get(name)?;
        let item = &object.exports.get(export as usize)?.item;
        self.takes(item).then_some(export)
    }

    const ALL: [Kind; 5] = [
        Kind::Symbol,
        Kind::Global,
        Kind::Table,
        Kind::Memory,
        Kind::Tag,
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

#[derive(Clone, Default)]
pub struct Scope {
    order: Vec<ObjectId>,
    /// Made when first needed of what is still unread.
    index: OnceLock<Index>,
    unread: Vec<(ObjectId, Metadata)>,
}

/// Every definition of a name, in scope order; nearly always one.
#[derive(Clone, Debug, Default)]
struct Index(HashMap<Arc<str>, Entries>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    definition: Definition,
    /// As what it may be looked up: a bit for each [`Kind`].
    kinds: u8,
}

#[derive(Clone, Debug)]
enum Entries {
    One(Entry),
    Many(Vec<Entry>),
}

impl Entries {
    fn all(&self) -> &[Entry] {
        match self {
            Entries::One(one) => std::slice::from_ref(one),
            Entries::Many(many) => many,
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Scope");
        shown.field("order", &self.order);
        // Whether anybody has asked makes no difference.
        shown.field("index", self.index()).finish()
    }
}

impl Scope {
    pub fn order(&self) -> &[ObjectId] {
        &self.order
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// A scope of these objects, whose metadata nobody reads before a name is looked up.
    pub fn unread(objects: Vec<(ObjectId, Metadata)>) -> Scope {
        Scope {
            order: objects.iter().map(|(id, _)| *id).collect(),
            index: OnceLock::new(),
            unread: objects,
        }
    }

    /// Names that are defined.
    pub fn len(&self) -> usize {
        self.index().0.len()
    }

    /// Makes room for that many more symbols.
    pub fn reserve(&mut self, symbols: usize) {
        self.change(|index| index.0.reserve(symbols));
    }

    /// Appends an object and its symbols.
    pub fn push(&mut self, id: ObjectId, object: &Object) {
        self.order.push(id);
        self.change(|index| index.add(id, object));
    }

    /// Takes objects and their symbols out, all at once: a name that all of them define is cleared at the first.
    pub fn remove<'a>(
        &mut self,
        gone: &HashSet<ObjectId>,
        objects: impl Iterator<Item = &'a Object>,
    ) {
        self.order.retain(|id| !gone.contains(id));
        self.change(|index| index.remove(gone, objects));
    }

    /// All definitions of a name that may be what is asked for, the one that wins first.
    pub fn lookup(&self, name: &str, kind: Kind) -> impl Iterator<Item = Definition> + use<'_> {
        let all = self.index().0.get(name).map_or(&[][..], Entries::all);
        let wanted = all.iter().filter(move |one| one.kinds & kind.bit() != 0);
        wanted.map(|one| one.definition)
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.unread))
    }

    fn change(&mut self, with: impl FnOnce(&mut Index)) {
        let unread = std::mem::take(&mut self.unread);
        let index = self.index.take();
        let mut index = index.unwrap_or_else(|| Index::of(&unread));
        with(&mut index);
        self.index = OnceLock::from(index);
    }
}

impl Index {
    fn of(objects: &[(ObjectId, Metadata)]) -> Index {
        let mut index = Index::default();
        let exports = objects.iter().map(|(_, object)| object.exports.len());
        index.0.reserve(exports.sum());
        for (id, object) in objects {
            index.add(*id, object);
        }
        index
    }

    fn add(&mut self, id: ObjectId, object: &Object) {
        for (position, export) in object.exports.iter().enumerate() {
            let name = export.name.as_ref();
            if name.starts_with('_') && abi::LIFECYCLE.contains(&name) {
                continue;
            }
            let takes = |kind: &Kind| kind.takes(&export.item);
            let kinds = Kind::ALL.into_iter().filter(takes);
            let entry = Entry {
                definition: Definition {
                    object: id,
                    export: position as u32,
                },
                kinds: kinds.fold(0, |bits, kind| bits | kind.bit()),
            };
            self.0
                .entry(export.name.clone())
                .and_modify(|known| match known {
                    Entries::One(first) => *known = Entries::Many(vec![*first, entry]),
                    Entries::Many(many) => many.push(entry),
                })
                .or_insert(Entries::One(entry));
        }
    }

    fn remove<'a>(&mut self, gone: &HashSet<ObjectId>, objects: impl Iterator<Item = &'a Object>) {
        for export in objects.flat_map(|object| &object.exports) {
            let empty = match self.0.get_mut(&export.name) {
                Some(Entries::One(one)) => gone.contains(&one.definition.object),
                Some(Entries::Many(many)) => {
                    many.retain(|one| !gone.contains(&one.definition.object));
                    many.is_empty()
                }
                None => false,
            };
            if empty {
                self.0.remove(&export.name);
            }
        }
    }
}

/// The scopes that one object's symbols are looked up in, in order.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    pub scopes: [Option<&'a Scope>; 3],
}

impl<'a> Lookup<'a> {
    pub fn all(self, name: &str, kind: Kind) -> impl Iterator<Item = Definition> + use<'a> {
        // Resolved per scope now, so that the iterator does not borrow `name`.
        let found = self
            .scopes
            .map(|scope| scope.map(|scope| scope.lookup(name, kind)));
        found.into_iter().flatten().flatten()
    }
}

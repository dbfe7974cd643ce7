//! Scopes: ordered lists of objects with an index over their symbols.
//!
//! The first definition in order wins, weak or not (dlsym(3), ELF gABI "Symbol resolution" as glibc and musl apply it).
//! Only what an import could take counts as a definition: a program that exports its memory as `memory` does not define a
//! function of that name.

use std::fmt;
use std::sync::OnceLock;

use crate::hash_map::{HashMap, HashSet};
use serde::{Deserialize, Serialize};

use super::index::{Entry, Index, Member, TOGETHER};
use super::model::ObjectId;
use super::unload::leave;
use crate::abi;
use crate::object::{Export, ExportItem, ExternType, Metadata, Name, Object, ValType};

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
    pub(super) fn takes(self, item: &ExportItem) -> bool {
        match item {
            ExportItem::Func { .. } => self == Kind::Symbol,
            ExportItem::Data(_) | ExportItem::Global { .. } => match self {
                Kind::Global => true,
                Kind::Symbol => {
                    let ty = item.global_type();
                    ty.is_some_and(|ty| ty.content == ValType::I32 && !ty.mutable)
                }
                _ => false,
            },
            ExportItem::Table { .. } => self == Kind::Table,
            ExportItem::Memory { .. } => self == Kind::Memory,
            ExportItem::Tag { .. } => self == Kind::Tag,
        }
    }

    /// Whether an export of this name is found by it where it is looked up.
    pub fn finds(self, name: &str, item: &ExportItem) -> bool {
        !is_own(name) && self.takes(item)
    }

    /// The export of `object` under a name, if it may be what is asked for.
    pub fn export_of(self, object: &Object, name: Name<'_>) -> Option<u32> {
        let export = object.exports.position(name)?;
        let item = object.exports.get(export as usize)?.item;
        self.takes(item).then_some(export)
    }
}

/// A definition, and what is there.
#[derive(Clone, Copy)]
pub struct Defined<'a> {
    pub definition: Definition,
    pub object: &'a Object,
    pub item: &'a ExportItem,
}

/// Objects in a scope up to which each is asked for a name, in its own table; larger scopes get an index.
const FEW: usize = 1;

/// Whether a name steers an object's own life, so that it is no symbol of others.
pub(super) fn is_own(name: &str) -> bool {
    name.starts_with('_') && abi::LIFECYCLE.contains(&name)
}

#[derive(Clone, Default)]
pub struct Scope {
    order: Vec<ObjectId>,
    members: Vec<Member>,
    /// Made when a name is first looked up in many objects.
    index: OnceLock<Index>,
    /// Where each object stands among the members; made when objects are first taken out.
    at: Option<HashMap<ObjectId, u32>>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Scope");
        shown.field("order", &self.order);
        // Whether anybody has asked makes no difference.
        let definitions = self.index().all(&self.members);
        shown.field("definitions", &definitions).finish()
    }
}

impl Scope {
    pub fn order(&self) -> &[ObjectId] {
        &self.order
    }

    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// A scope of these objects, in order, as if each had been [pushed](Self::push).
    pub fn of(objects: Vec<(ObjectId, Metadata)>) -> Scope {
        Scope {
            order: objects.iter().map(|(id, _)| *id).collect(),
            members: objects.into_iter().map(Some).collect(),
            index: OnceLock::new(),
            at: None,
        }
    }

    /// Names that are defined.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    /// Appends an object and its symbols. Its metadata are not read before a name is looked up.
    pub fn push(&mut self, id: ObjectId, object: &Metadata) {
        self.order.push(id);
        if let Some(at) = &mut self.at {
            at.insert(id, self.members.len() as u32);
        }
        self.members.push(Some((id, object.clone())));
        if let Some(index) = self.index.get_mut() {
            index.add(&self.members, self.members.len() - 1);
        }
    }

    /// Takes objects and their symbols out, all at once: a name that all of them define is cleared at the first.
    pub fn remove(&mut self, gone: &HashSet<ObjectId>) {
        let at = self.at.get_or_insert_with(|| places(&self.members));
        let going: HashSet<u32> = gone.iter().filter_map(|id| at.remove(id)).collect();
        if going.is_empty() {
            return;
        }
        leave(&mut self.order, gone);
        if let Some(index) = self.index.get_mut() {
            index.remove(&self.members, &going);
        }
        for &member in &going {
            if let Some(member) = self.members.get_mut(member as usize) {
                *member = None;
            }
        }
        // The index knows members by their places, so these are closed up only now and then.
        if self.members.len() > 2 * self.order.len() {
            self.members.retain(Option::is_some);
            self.index = OnceLock::new();
            self.at = None;
        }
    }

    /// All definitions of a name that may be what is asked for, the one that wins first.
    pub fn lookup<'a>(
        &'a self,
        name: Name<'a>,
        kind: Kind,
    ) -> impl Iterator<Item = Definition> + use<'a> {
        self.defined(name, kind).map(|defined| defined.definition)
    }

    /// What [`first`](Self::first) gives for each name that has none so far; see [`Index::candidates`].
    fn firsts<'a>(
        &'a self,
        names: impl Iterator<Item = Name<'a>> + Clone,
        kind: Kind,
        found: &mut [Option<Defined<'a>>; TOGETHER],
    ) {
        let found = found.iter_mut().zip(names.clone());
        if self.members.len() <= FEW {
            for (found, name) in found.filter(|(found, _)| found.is_none()) {
                *found = self.first(name, kind);
            }
            return;
        }
        let candidates = self.index().candidates(names);
        for ((found, name), candidate) in found.zip(&candidates) {
            if let (None, Some(candidate)) = (&found, candidate) {
                match self.single(candidate, name) {
                    Some((member, export)) => {
                        *found = taken(member, candidate.export, export, kind);
                    }
                    None => self.first_into(name, kind, found),
                }
            }
        }
    }

    /// Apart, so that what nearly all names come to is written where it belongs, and not put together elsewhere first.
    #[cold]
    #[inline(never)]
    fn first_into<'a>(&'a self, name: Name<'a>, kind: Kind, found: &mut Option<Defined<'a>>) {
        *found = self.first(name, kind);
    }

    /// The definition that an entry of the index stands for, if it is one of that name, and the only one.
    #[inline]
    fn single(&self, entry: &Entry, name: Name<'_>) -> Option<(&(ObjectId, Metadata), Export<'_>)> {
        let member = self.members.get(entry.member as usize)?.as_ref()?;
        let export = member.1.exports.get(entry.export as usize)?;
        (export.name == name).then_some((member, export))
    }

    fn defined<'a>(
        &'a self,
        name: Name<'a>,
        kind: Kind,
    ) -> impl Iterator<Item = Defined<'a>> + use<'a> {
        let (indexed, asked) = match self.members.len() {
            0..=FEW if is_own(&name) => (&[][..], &[][..]),
            0..=FEW => (&[][..], &self.members[..]),
            _ => (self.index().find(&self.members, name), &[][..]),
        };
        let indexed = indexed.iter();
        let indexed = indexed.filter_map(move |entry| self.entry(entry, kind));
        let asked = asked.iter().flatten();
        let asked = asked.filter_map(move |member| {
            let position = member.1.exports.position(name)?;
            let export = member.1.exports.get(position as usize)?;
            taken(member, position, export, kind)
        });
        indexed.chain(asked)
    }

    /// The first of those that [`defined`](Self::defined) gives: what nearly all look-ups ask for.
    #[inline]
    fn first<'a>(&'a self, name: Name<'a>, kind: Kind) -> Option<Defined<'a>> {
        match self.members.len() {
            0 => None,
            1..=FEW => self.defined(name, kind).next(),
            _ => {
                let mut found = self.index().find(&self.members, name).iter();
                found.find_map(|entry| self.entry(entry, kind))
            }
        }
    }

    #[inline]
    fn entry(&self, entry: &Entry, kind: Kind) -> Option<Defined<'_>> {
        let member = self.members.get(entry.member as usize)?.as_ref()?;
        let export = member.1.exports.get(entry.export as usize)?;
        taken(member, entry.export, export, kind)
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(&self.members))
    }
}

/// An export of a member, if it may be what is asked for.
#[inline]
fn taken<'a>(
    (id, object): &'a (ObjectId, Metadata),
    position: u32,
    export: Export<'a>,
    kind: Kind,
) -> Option<Defined<'a>> {
    let definition = Definition {
        object: *id,
        export: position,
    };
    kind.takes(export.item).then_some(Defined {
        definition,
        object,
        item: export.item,
    })
}

fn places(members: &[Member]) -> HashMap<ObjectId, u32> {
    let known = members.iter().zip(0..);
    let known = known.filter_map(|(member, n)| Some((member.as_ref()?.0, n)));
    known.collect()
}

/// The scopes that one object's symbols are looked up in, in order.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    pub scopes: [Option<&'a Scope>; 3],
}

impl<'a> Lookup<'a> {
    pub fn all(self, name: Name<'a>, kind: Kind) -> impl Iterator<Item = Definition> + use<'a> {
        let scopes = self.scopes.into_iter().flatten();
        scopes.flat_map(move |scope| scope.lookup(name, kind))
    }

    /// What [`first`](Self::first) gives for each of these names, [`TOGETHER`] at most: they are found sooner than one by one.
    pub fn firsts(
        self,
        names: impl Iterator<Item = Name<'a>> + Clone,
        kind: Kind,
    ) -> [Option<Defined<'a>>; TOGETHER] {
        let mut found = [None; TOGETHER];
        for scope in self.scopes.into_iter().flatten() {
            scope.firsts(names.clone(), kind, &mut found);
        }
        found
    }

    /// The definition that wins.
    pub fn first(self, name: Name<'a>, kind: Kind) -> Option<Defined<'a>> {
        let mut scopes = self.scopes.into_iter().flatten();
        scopes.find_map(|scope| scope.first(name, kind))
    }
}

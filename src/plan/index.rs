//! The symbols of a scope's objects by name: a table of places, with neither names nor hashes of its own, since the objects' metadata
//! have both.

use std::slice;

use crate::hash_map::HashSet;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::model::ObjectId;
use super::scope::{Definition, is_own};
use crate::object::{Metadata, Name};

/// An object of the scope; `None` where it was taken out.
pub type Member = Option<(ObjectId, Metadata)>;

/// Where a definition stands: the object's place among the members, and the export's position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub member: u32,
    pub export: u32,
}

impl Entry {
    /// Of names that several objects define, `export` is the number of a list.
    const SEVERAL: u32 = u32::MAX;

    fn list(self) -> Option<usize> {
        (self.member == Entry::SEVERAL).then_some(self.export as usize)
    }

    fn name(self, members: &[Member]) -> Option<Name<'_>> {
        let (_, object) = members.get(self.member as usize)?.as_ref()?;
        Some(object.exports.get(self.export as usize)?.name)
    }
}

#[derive(Clone, Default)]
pub struct Index {
    table: HashTable<Entry>,
    /// The definitions of names that several objects define, in scope order.
    several: Several,
}

/// How many names are fetched together at most.
pub const TOGETHER: usize = 64;

/// Lists by number. Empty ones are used again.
#[derive(Clone, Default)]
struct Several {
    lists: Vec<Vec<Entry>>,
    free: Vec<u32>,
}

impl Several {
    /// The definition that stands for a name: the first of several.
    fn first(&self, entry: &Entry) -> Entry {
        self.definitions(entry).first().copied().unwrap_or(*entry)
    }

    fn definitions<'a>(&'a self, entry: &'a Entry) -> &'a [Entry] {
        match entry.list() {
            Some(list) => self.lists.get(list).map_or(&[], Vec::as_slice),
            None => slice::from_ref(entry),
        }
    }

    fn list(&mut self, entry: Entry) -> Option<&mut Vec<Entry>> {
        self.lists.get_mut(entry.list()?)
    }

    /// Keeps a list. Gives what stands for it in the table.
    fn keep(&mut self, definitions: Vec<Entry>) -> Entry {
        let number = match self.free.pop() {
            Some(free) => free,
            None => {
                self.lists.push(Vec::new());
                (self.lists.len() - 1) as u32
            }
        };
        if let Some(list) = self.lists.get_mut(number as usize) {
            *list = definitions;
        }
        Entry {
            member: Entry::SEVERAL,
            export: number,
        }
    }
}

/// Takes the definition of one member out of those of a name, and those of all others that go where they are many.
fn take_out(definitions: &mut Vec<Entry>, member: u32, going: &HashSet<u32>) {
    const FEW: usize = 8;
    if going.len() > FEW {
        definitions.retain(|entry| !going.contains(&entry.member));
    } else if let Ok(at) = definitions.binary_search_by_key(&member, |entry| entry.member) {
        definitions.remove(at);
    }
}

impl Index {
    pub fn of(members: &[Member]) -> Index {
        let mut index = Index::default();
        let exports = members.iter().flatten();
        let exports = exports.map(|(_, object)| object.exports.len()).sum();
        index.table.reserve(exports, |_| 0);
        for member in 0..members.len() {
            index.add(members, member);
        }
        index
    }

    /// Names that are defined.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// For each of some names the first entry of the table that may be its own, [`TOGETHER`] at most. Looked up one by one, each name waits for
    /// memory three times: for the place in the table, the export, its name. Here nothing depends on what is read, so that the processor waits for
    /// many at a time.
    pub fn candidates<'a>(
        &self,
        names: impl Iterator<Item = Name<'a>>,
    ) -> [Option<Entry>; TOGETHER] {
        let mut first = [None; TOGETHER];
        for (first, name) in first.iter_mut().zip(names) {
            *first = self.table.find(name.hash(), |_| true).copied();
        }
        first
    }

    /// The definitions of a name, in scope order.
    #[inline]
    pub fn find(&self, members: &[Member], name: Name<'_>) -> &[Entry] {
        let same = |entry: &Entry| self.several.first(entry).name(members) == Some(name);
        match self.table.find(name.hash(), same) {
            Some(entry) => self.several.definitions(entry),
            None => &[],
        }
    }

    /// Adds the symbols of a member, which stands behind those that are there.
    pub fn add(&mut self, members: &[Member], member: usize) {
        let Some(Some((_, object))) = members.get(member) else {
            return;
        };
        let Index { table, several } = self;
        for (export, position) in object.exports.iter().zip(0..) {
            if is_own(&export.name) {
                continue;
            }
            let entry = Entry {
                member: member as u32,
                export: position,
            };
            let first = |known: &Entry| several.first(known).name(members);
            let same = |known: &Entry| first(known) == Some(export.name);
            let hash = |known: &Entry| first(known).map_or(0, Name::hash);
            match table.entry(export.name.hash(), same, hash) {
                Slot::Vacant(free) => {
                    free.insert(entry);
                }
                Slot::Occupied(mut known) => {
                    let known = known.get_mut();
                    match several.list(*known) {
                        Some(definitions) => definitions.push(entry),
                        None => *known = several.keep(vec![*known, entry]),
                    }
                }
            }
        }
    }

    /// Takes out the symbols of members that go, which are still there.
    pub fn remove(&mut self, members: &[Member], going: &HashSet<u32>) {
        for &member in going {
            let object = members.get(member as usize).and_then(Option::as_ref);
            for export in object.into_iter().flat_map(|(_, object)| &object.exports) {
                let Index { table, several } = self;
                let same = |entry: &Entry| several.first(entry).name(members) == Some(export.name);
                let Ok(known) = table.find_entry(export.name.hash(), same) else {
                    continue;
                };
                let goes = match several.list(*known.get()) {
                    Some(definitions) => {
                        take_out(definitions, member, going);
                        definitions.is_empty()
                    }
                    None => known.get().member == member,
                };
                if goes {
                    let (entry, _) = known.remove();
                    several.free.extend(entry.list().map(|_| entry.export));
                }
            }
        }
    }

    /// All definitions, by name.
    pub fn all<'a>(&'a self, members: &'a [Member]) -> Vec<(&'a str, Vec<Definition>)> {
        let definition = |entry: &Entry| {
            let (object, _) = members.get(entry.member as usize)?.as_ref()?;
            Some(Definition {
                object: *object,
                export: entry.export,
            })
        };
        let mut all: Vec<_> = (self.table.iter())
            .filter_map(|entry| {
                let definitions = self.several.definitions(entry);
                let name = definitions.first()?.name(members)?;
                let definitions = definitions.iter().filter_map(definition);
                Some((name.text(), definitions.collect()))
            })
            .collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }
}

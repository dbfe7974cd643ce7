//! A module's exports, kept small, with a table of their names.

use std::fmt;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::ExportItem;
use super::name::{Name, Names, NotText, Span};

/// One export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export<'a> {
    pub name: Name<'a>,
    pub item: &'a ExportItem,
    /// `export_info` marks the symbol as thread-local: its value is relative to `__tls_base`.
    pub tls: bool,
    /// `export_info` marks the symbol weak. Kept for display; the first definition wins, weak or not.
    pub weak: bool,
}

/// All of them, in the module's own order.
#[derive(Clone, Default)]
pub struct Exports {
    names: Names,
    rows: Vec<Row>,
    /// Positions by the hash of the name, which the row has.
    positions: HashTable<u32>,
}

#[derive(Clone)]
struct Row {
    name: Span,
    tls: bool,
    weak: bool,
    item: ExportItem,
}

impl Row {
    fn new(name: Span, item: ExportItem) -> Row {
        Row {
            name,
            tls: false,
            weak: false,
            item,
        }
    }
}

const _: () = assert!(size_of::<Row>() <= 32, "there are very many of them");

/// Why an export cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is one of the name.
    Second,
    /// The names are too long for a module.
    TooLong,
}

impl Exports {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn get(&self, position: usize) -> Option<Export<'_>> {
        self.rows.get(position).map(|row| self.shown(row))
    }

    /// The position of the export of a name.
    pub fn position(&self, name: Name<'_>) -> Option<u32> {
        let same = |&position: &u32| self.is_at(position, name);
        self.positions.find(name.hash(), same).copied()
    }

    /// Whether the export at a position has a name.
    pub fn is_at(&self, position: u32, name: Name<'_>) -> bool {
        let row = self.rows.get(position as usize);
        row.is_some_and(|row| self.names.get(row.name) == name)
    }

    /// The first export that is thread-local.
    pub fn first_tls(&self) -> Option<Export<'_>> {
        let row = self.rows.iter().find(|row| row.tls)?;
        Some(self.shown(row))
    }

    pub fn iter(&self) -> Iter<'_> {
        Iter {
            all: self,
            rows: self.rows.iter(),
        }
    }

    /// Makes room for exports with so many bytes of names.
    pub fn reserve(&mut self, exports: usize, names: usize) {
        self.names.reserve(names);
        self.rows.reserve(exports);
        let rows = &self.rows;
        self.positions
            .reserve(exports, |&position| hash_at(rows, position));
    }

    /// Adds an export that is neither thread-local nor weak.
    pub fn push(&mut self, name: &str, item: ExportItem) -> Result<(), Unfit> {
        let span = self.names.add(name).ok_or(Unfit::TooLong)?;
        let (names, rows) = (&self.names, &self.rows);
        let added = names.get(span);
        let same = |&position: &u32| {
            let row = rows.get(position as usize);
            row.is_some_and(|row| names.get(row.name) == added)
        };
        place(&mut self.positions, rows, span, same)?;
        self.rows.push(Row::new(span, item));
        Ok(())
    }

    /// As [`push`](Self::push), with a name that [`settle`](Self::settle) checks. Until then nothing is found, and no export has a name.
    pub(super) fn push_unchecked(&mut self, name: &[u8], item: ExportItem) -> Result<(), Unfit> {
        let span = self.names.add_unchecked(name).ok_or(Unfit::TooLong)?;
        let (names, rows) = (&self.names, &self.rows);
        let same = |&position: &u32| {
            let row = rows.get(position as usize);
            row.is_some_and(|row| {
                row.name.hash() == span.hash() && names.unchecked(row.name) == name
            })
        };
        place(&mut self.positions, rows, span, same)?;
        self.rows.push(Row::new(span, item));
        Ok(())
    }

    pub(super) fn settle(&mut self) -> Result<(), NotText> {
        self.names.settle(self.rows.iter().map(|row| row.name))
    }

    /// Marks an export, beside what it is marked as. What is not exported is not marked.
    pub fn mark(&mut self, name: &str, tls: bool, weak: bool) {
        let position = self.position(Name::new(name));
        let row = position.and_then(|position| self.rows.get_mut(position as usize));
        if let Some(row) = row {
            row.tls |= tls;
            row.weak |= weak;
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.names.shrink_to_fit();
        self.rows.shrink_to_fit();
    }

    fn shown<'a>(&'a self, row: &'a Row) -> Export<'a> {
        Export {
            name: self.names.get(row.name),
            item: &row.item,
            tls: row.tls,
            weak: row.weak,
        }
    }
}

/// Notes the position of the row that comes next, unless one of the same name is there.
#[inline]
fn place(
    positions: &mut HashTable<u32>,
    rows: &[Row],
    name: Span,
    same: impl FnMut(&u32) -> bool,
) -> Result<(), Unfit> {
    let hash = |&position: &u32| hash_at(rows, position);
    match positions.entry(name.hash(), same, hash) {
        Entry::Occupied(_) => Err(Unfit::Second),
        Entry::Vacant(free) => {
            free.insert(rows.len() as u32);
            Ok(())
        }
    }
}

fn hash_at(rows: &[Row], position: u32) -> u64 {
    rows.get(position as usize).map_or(0, |row| row.name.hash())
}

#[derive(Clone)]
pub struct Iter<'a> {
    all: &'a Exports,
    rows: std::slice::Iter<'a, Row>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Export<'a>;

    fn next(&mut self) -> Option<Export<'a>> {
        self.rows.next().map(|row| self.all.shown(row))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Exports {
    type Item = Export<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Exports {
    fn eq(&self, other: &Exports) -> bool {
        self.iter().eq(other)
    }
}

impl fmt::Debug for Exports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

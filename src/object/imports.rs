//! A module's imports, kept small: a load of many libraries has hundreds of thousands.

use std::fmt;
use std::sync::Arc;

use super::ExternType;
use super::name::{Name, Names, NotText, Span};

/// One import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import<'a> {
    pub module: &'a Arc<str>,
    pub name: Name<'a>,
    pub ty: &'a ExternType,
    /// `import_info` marks the symbol weak: it may stay undefined.
    pub weak: bool,
}

/// All of them, in the module's own order.
#[derive(Clone, Default)]
pub struct Imports {
    names: Names,
    /// Each once: a handful, used thousands of times.
    modules: Vec<Arc<str>>,
    /// Many imports share one.
    types: Vec<ExternType>,
    rows: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    name: Span,
    module: u32,
    ty: u32,
    weak: bool,
}

const _: () = assert!(size_of::<Row>() <= 24, "there are very many of them");

/// How many of the types that came last are looked through for one that is added.
const RECENT: usize = 8;

impl Imports {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn get(&self, position: usize) -> Option<Import<'_>> {
        self.shown(self.rows.get(position)?)
    }

    /// Whether something of a name is imported, from whatever module.
    pub fn has(&self, name: Name<'_>) -> bool {
        let mut same = self
            .rows
            .iter()
            .filter(|row| row.name.hash() == name.hash());
        same.any(|row| self.names.get(row.name) == name)
    }

    pub fn iter(&self) -> Iter<'_> {
        Iter {
            all: self,
            rows: self.rows.iter(),
        }
    }

    /// Makes room for imports with so many bytes of names.
    pub fn reserve(&mut self, imports: usize, names: usize) {
        self.rows.reserve(imports);
        self.names.reserve(names);
    }

    /// Adds the name of a module, which is none of those that are there. Gives its number.
    pub fn add_module(&mut self, name: &str) -> u32 {
        self.modules.push(Arc::from(name));
        (self.modules.len() - 1) as u32
    }

    /// The name of a module by its number.
    pub(super) fn module(&self, number: u32) -> Option<&str> {
        self.modules.get(number as usize).map(AsRef::as_ref)
    }

    /// Adds a type, which may be there. Gives its number.
    pub(super) fn add_type(&mut self, ty: ExternType) -> u32 {
        self.types.push(ty);
        (self.types.len() - 1) as u32
    }

    /// Adds an import of a module that [`add_module`](Self::add_module) has numbered. `None`: the names are too long for a module.
    pub fn push(&mut self, module: u32, name: &str, ty: ExternType, weak: bool) -> Option<()> {
        self.modules.get(module as usize)?;
        let mut recent = self.types.iter().enumerate().rev().take(RECENT);
        let ty = match recent.find(|(_, known)| **known == ty) {
            Some((number, _)) => number as u32,
            None => self.add_type(ty),
        };
        let name = self.names.add(name)?;
        self.rows.push(Row {
            name,
            module,
            ty,
            weak,
        });
        Some(())
    }

    /// As [`push`](Self::push), of a type that [`add_type`](Self::add_type) has numbered and with a name that [`settle`](Self::settle)
    /// checks. Until then no import has a name.
    pub(super) fn push_unchecked(&mut self, module: u32, name: &[u8], ty: u32) -> Option<()> {
        self.modules.get(module as usize)?;
        let name = self.names.add_unchecked(name)?;
        self.rows.push(Row {
            name,
            module,
            ty,
            weak: false,
        });
        Some(())
    }

    pub(super) fn settle(&mut self) -> Result<(), NotText> {
        self.names.settle(self.rows.iter().map(|row| row.name))
    }

    /// Takes the last ones off.
    pub fn truncate(&mut self, len: usize) {
        self.rows.truncate(len);
    }

    /// Marks those as weak that `is_weak` says of, by module and name.
    pub fn mark_weak(&mut self, is_weak: impl Fn(&str, &str) -> bool) {
        for row in &mut self.rows {
            if let Some(module) = self.modules.get(row.module as usize) {
                row.weak |= is_weak(module, self.names.get(row.name).text());
            }
        }
    }

    /// The types, to be changed.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn types_mut(&mut self) -> impl Iterator<Item = &mut ExternType> {
        let types = std::mem::take(&mut self.types);
        for (row, own) in self.rows.iter_mut().zip(0..) {
            self.types.push(types[row.ty as usize].clone());
            row.ty = own;
        }
        self.types.iter_mut()
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.names.shrink_to_fit();
        self.rows.shrink_to_fit();
        self.types.shrink_to_fit();
    }

    fn shown<'a>(&'a self, row: &'a Row) -> Option<Import<'a>> {
        Some(Import {
            module: self.modules.get(row.module as usize)?,
            name: self.names.get(row.name),
            ty: self.types.get(row.ty as usize)?,
            weak: row.weak,
        })
    }
}

#[derive(Clone)]
pub struct Iter<'a> {
    all: &'a Imports,
    rows: std::slice::Iter<'a, Row>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Import<'a>;

    fn next(&mut self) -> Option<Import<'a>> {
        self.all.shown(self.rows.next()?)
    }

    fn nth(&mut self, n: usize) -> Option<Import<'a>> {
        self.all.shown(self.rows.nth(n)?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.all.shown(self.rows.next_back()?)
    }
}

impl<'a> IntoIterator for &'a Imports {
    type Item = Import<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Imports {
    fn eq(&self, other: &Imports) -> bool {
        self.iter().eq(other)
    }
}

impl fmt::Debug for Imports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

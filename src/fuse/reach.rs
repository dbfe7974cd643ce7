//! What is used, from what the host calls on: the rest is left out.

use std::collections::{BTreeSet, HashSet};

use wasmparser::TableInit;

use super::image::{Image, NOBODY};
use super::module::Module;
use super::refs::Refs;
use super::targets::{Func, Global, Spaces, Table, Tag, Targets, Used, lost};
use crate::error::Result;

/// What is used.
#[derive(Default)]
pub(super) struct Live {
    pub funcs: BTreeSet<Func>,
    pub globals: BTreeSet<Global>,
    /// Numbers that their importer writes to, by object and index there.
    pub cells: BTreeSet<(u32, u32)>,
    pub tables: BTreeSet<Table>,
    pub tags: BTreeSet<Tag>,
    pub elements: BTreeSet<(u32, u32)>,
    pub data: BTreeSet<(u32, u32)>,
    /// Objects whose memory and whose part of the table are used.
    pub objects: BTreeSet<u32>,
    /// Functions whose slots are used.
    pub slots: HashSet<Func>,
    /// Functions that code takes references of.
    pub taken: BTreeSet<Func>,
}

/// Something that is used, and what it uses has to be looked at.
enum Item {
    Func(Func),
    Global(Global),
    Element(u32, u32),
    Table(u32, u32),
    Object(u32),
}

pub(super) struct Reach<'a> {
    pub targets: &'a Targets,
    pub modules: &'a [Module<'a>],
    pub image: &'a Image<'a>,
    /// For each object, the function that wrote addresses into its data and need not any more.
    pub relocated: &'a [Option<Func>],
    pub live: Live,
    open: Vec<Item>,
}

impl<'a> Reach<'a> {
    pub fn new(
        targets: &'a Targets,
        modules: &'a [Module<'a>],
        image: &'a Image<'a>,
        relocated: &'a [Option<Func>],
    ) -> Self {
        Reach {
            targets,
            modules,
            image,
            relocated,
            live: Live::default(),
            open: Vec::new(),
        }
    }

    /// Everything.
    pub fn all(&mut self) -> Result<()> {
        for (module, object) in self.modules.iter().zip(0..) {
            self.object(object);
            let imported = |count: usize, own: usize| -> Result<std::ops::Range<u32>> {
                let first = super::targets::number(count)?;
                Ok(first..super::targets::number(count.saturating_add(own))?)
            };
            let spaces = self
                .targets
                .spaces
                .get(object as usize)
                .ok_or_else(|| lost("an object"))?;
            for index in imported(spaces.funcs.len(), module.bodies.len())? {
                // What has been done at link time is of no use.
                if self.relocated.get(object as usize) != Some(&Some(Func::Own { object, index })) {
                    self.func(Func::Own { object, index });
                }
            }
            for index in imported(spaces.globals.len(), module.globals.len())? {
                self.global(object, index);
            }
            for index in imported(spaces.tables.len(), module.tables.len())? {
                self.table(object, index);
            }
            for index in 0..super::targets::number(module.tag_types.len())? {
                self.live.tags.insert(self.targets.tag_at(object, index));
            }
            for (n, _) in (0..).zip(&module.elements) {
                self.element(object, n);
            }
        }
        self.live.data.extend(&self.image.data);
        self.run()
    }

    pub fn func(&mut self, func: Func) {
        if self.live.funcs.insert(func) {
            self.open.push(Item::Func(func));
        }
    }

    pub fn object(&mut self, object: u32) {
        if self.live.objects.insert(object) {
            self.open.push(Item::Object(object));
        }
    }

    pub fn slot(&mut self, func: Func) {
        self.live.slots.insert(func);
        self.func(func);
    }

    pub fn global(&mut self, object: u32, index: u32) {
        match self.targets.use_of(object, index) {
            Some(Used::Object(used)) => self.object(used),
            Some(Used::Func(func)) => self.slot(func),
            Some(Used::Host(_)) | None => {}
        }
        let global = self.targets.global_at(object, index);
        if !matches!(global, Global::Number { .. }) && self.live.globals.insert(global) {
            self.open.push(Item::Global(global));
        }
    }

    fn table(&mut self, object: u32, index: u32) {
        let table = self.targets.table_at(object, index);
        if self.live.tables.insert(table)
            && let Table::Own { object, index } = table
        {
            self.open.push(Item::Table(object, index));
        }
    }

    fn element(&mut self, object: u32, n: u32) {
        if self.live.elements.insert((object, n)) {
            self.open.push(Item::Element(object, n));
        }
    }

    /// Follows what is used to the end.
    pub fn run(&mut self) -> Result<()> {
        while let Some(item) = self.open.pop() {
            match item {
                Item::Func(Func::Own { object, index }) => self.body(object, index)?,
                Item::Global(Global::Own { object, index }) => {
                    let (module, spaces) = self.object_parts(object)?;
                    let global = own(&module.globals, spaces.globals.len(), index)?;
                    self.follow(object, &Refs::of_expression(&global.init_expr)?);
                }
                Item::Func(_) | Item::Global(_) => {}
                Item::Table(object, index) => {
                    let (module, spaces) = self.object_parts(object)?;
                    let table = own(&module.tables, spaces.tables.len(), index)?;
                    if let TableInit::Expr(value) = &table.init {
                        self.follow(object, &Refs::of_expression(value)?);
                    }
                    // Active segments of other tables are as old as these.
                    self.active_elements(object);
                }
                Item::Element(object, n) => {
                    let (module, _) = self.object_parts(object)?;
                    let element = own(&module.elements, 0, n)?;
                    self.follow(object, &Refs::of_items(&element.items)?);
                }
                Item::Object(object) => self.parts(object)?,
            }
        }
        Ok(())
    }

    fn object_parts(&self, object: u32) -> Result<(&'a Module<'a>, &'a Spaces)> {
        let found = self.modules.get(object as usize);
        let both = found.zip(self.targets.spaces.get(object as usize));
        both.ok_or_else(|| lost("an object"))
    }

    fn body(&mut self, object: u32, index: u32) -> Result<()> {
        let (module, spaces) = self.object_parts(object)?;
        let body = own(&module.bodies, spaces.funcs.len(), index)?;
        self.follow(object, &Refs::of_body(body)?);
        Ok(())
    }

    /// What an object's memory and slots lead to.
    fn parts(&mut self, object: u32) -> Result<()> {
        if let Some(Some(Func::Own { object, index })) = self.relocated.get(object as usize) {
            self.body(*object, *index)?;
        }
        let image = self.image;
        let entries = image.table.values();
        let entries = entries.filter(|entry| entry.object == object && entry.object != NOBODY);
        for entry in entries {
            self.func(entry.func);
        }
        self.active_elements(object);
        Ok(())
    }

    /// Segments that the engine itself puts into tables.
    fn active_elements(&mut self, object: u32) {
        let image = self.image;
        for &(of, n, offset) in &image.elements {
            if of == object && offset.is_some() {
                self.element(of, n);
            }
        }
    }

    fn follow(&mut self, object: u32, refs: &Refs) {
        for &index in &refs.funcs {
            self.func(self.targets.func_of(object, index));
        }
        for &index in &refs.taken {
            self.live.taken.insert(self.targets.func_of(object, index));
        }
        for &index in &refs.globals {
            self.global(object, index);
        }
        for &index in &refs.written {
            if let Global::Number { .. } = self.targets.global_at(object, index) {
                self.live.cells.insert((object, index));
            }
        }
        for &index in &refs.tables {
            self.table(object, index);
        }
        for &index in &refs.tags {
            self.live.tags.insert(self.targets.tag_at(object, index));
        }
        for &n in &refs.elements {
            self.element(object, n);
        }
        for &n in &refs.data {
            self.live.data.insert((object, n));
        }
    }
}

/// A definition of an object's own, by its index, behind those that are imported.
fn own<T>(all: &[T], imported: usize, index: u32) -> Result<&T> {
    let found = (index as usize)
        .checked_sub(imported)
        .and_then(|own| all.get(own));
    found.ok_or_else(|| lost("a definition"))
}

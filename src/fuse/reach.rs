//! What is used, from what the host calls on: the rest is left out.

use std::collections::{BTreeSet, HashSet};

use wasmparser::TableInit;

use super::image::Image;
use super::objects::Objects;
use super::refs::Refs;
use super::targets::{Func, Global, Table, Tag, Used, number};
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
    objects: Objects<'a>,
    image: &'a Image<'a>,
    /// For each object, the function that wrote addresses into its data and need not any more.
    relocated: &'a [Option<Func>],
    /// For each object, what is in its part of the table.
    entries: Vec<Vec<Func>>,
    pub live: Live,
    open: Vec<Item>,
}

impl<'a> Reach<'a> {
    pub fn new(objects: Objects<'a>, image: &'a Image<'a>, relocated: &'a [Option<Func>]) -> Self {
        let mut entries = vec![Vec::new(); objects.modules.len()];
        for entry in image.table.values() {
            // Nobody's are in none.
            if let Some(entries) = entries.get_mut(entry.object as usize) {
                entries.push(entry.func);
            }
        }
        Reach {
            objects,
            image,
            relocated,
            entries,
            live: Live::default(),
            open: Vec::new(),
        }
    }

    /// Everything.
    pub fn all(&mut self) -> Result<()> {
        for (module, object) in self.objects.modules.iter().zip(0..) {
            self.object(object);
            let imported = |count: usize, own: usize| -> Result<std::ops::Range<u32>> {
                let first = number(count)?;
                Ok(first..number(count.saturating_add(own))?)
            };
            let (_, spaces) = self.objects.of(object)?;
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
            for index in 0..number(module.tag_types.len())? {
                self.live
                    .tags
                    .insert(self.objects.targets.tag_at(object, index));
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
        match self.objects.targets.use_of(object, index) {
            Some(Used::Object(used)) => self.object(used),
            Some(Used::Func(func)) => self.slot(func),
            Some(Used::Host(_)) | None => {}
        }
        let global = self.objects.targets.global_at(object, index);
        if !matches!(global, Global::Number { .. }) && self.live.globals.insert(global) {
            self.open.push(Item::Global(global));
        }
    }

    fn table(&mut self, object: u32, index: u32) {
        let table = self.objects.targets.table_at(object, index);
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
                    let global = self.objects.global(object, index)?;
                    self.follow(object, &Refs::of_expression(&global.init_expr)?);
                }
                Item::Func(_) | Item::Global(_) => {}
                Item::Table(object, index) => {
                    if let TableInit::Expr(value) = &self.objects.table(object, index)?.init {
                        self.follow(object, &Refs::of_expression(value)?);
                    }
                    // Active segments of other tables are as old as these.
                    self.active_elements(object);
                }
                Item::Element(object, n) => {
                    let element = self.objects.element(object, n)?;
                    self.follow(object, &Refs::of_items(&element.items)?);
                }
                Item::Object(object) => self.parts(object)?,
            }
        }
        Ok(())
    }

    fn body(&mut self, object: u32, index: u32) -> Result<()> {
        let body = self.objects.body(object, index)?;
        self.follow(object, &Refs::of_body(body)?);
        Ok(())
    }

    /// What an object's memory and slots lead to.
    fn parts(&mut self, object: u32) -> Result<()> {
        if let Some(Some(Func::Own { object, index })) = self.relocated.get(object as usize) {
            self.body(*object, *index)?;
        }
        let entries = self.entries.get_mut(object as usize);
        for func in entries.map(std::mem::take).unwrap_or_default() {
            self.func(func);
        }
        self.active_elements(object);
        Ok(())
    }

    /// Segments that the engine itself puts into tables.
    fn active_elements(&mut self, object: u32) {
        let all = &self.image.elements;
        let first = all.partition_point(|(of, ..)| *of < object);
        let own = all.iter().skip(first);
        for &(of, n, offset) in own.take_while(|(of, ..)| *of == object) {
            if offset.is_some() {
                self.element(of, n);
            }
        }
    }

    fn follow(&mut self, object: u32, refs: &Refs) {
        for &index in &refs.funcs {
            self.func(self.objects.targets.func_of(object, index));
        }
        for &index in &refs.taken {
            self.live
                .taken
                .insert(self.objects.targets.func_of(object, index));
        }
        for &index in &refs.globals {
            self.global(object, index);
        }
        for &index in &refs.written {
            if let Global::Number { .. } = self.objects.targets.global_at(object, index) {
                self.live.cells.insert((object, index));
            }
        }
        for &index in &refs.tables {
            self.table(object, index);
        }
        for &index in &refs.tags {
            self.live
                .tags
                .insert(self.objects.targets.tag_at(object, index));
        }
        for &n in &refs.elements {
            self.element(object, n);
        }
        for &n in &refs.data {
            self.live.data.insert((object, n));
        }
    }
}

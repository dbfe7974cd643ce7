//! What is used, from what the host calls on: the rest is left out.

use std::collections::{BTreeSet, HashSet};

use super::image::{Image, NOBODY};
use super::module::Module;
use super::refs::Refs;
use super::targets::{Func, Global, Table, Tag, Targets, Used, lost};
use crate::error::Result;

/// All references of all objects, by object: of functions from the first that it defines on, and so on.
pub(super) struct AllRefs {
    pub funcs: Vec<Vec<Refs>>,
    pub globals: Vec<Vec<Refs>>,
    pub elements: Vec<Vec<Refs>>,
    pub tables: Vec<Vec<Refs>>,
}

impl AllRefs {
    pub fn new(modules: &[Module<'_>]) -> Result<AllRefs> {
        let mut all = AllRefs {
            funcs: Vec::new(),
            globals: Vec::new(),
            elements: Vec::new(),
            tables: Vec::new(),
        };
        for module in modules {
            let bodies = module.bodies.iter().map(Refs::of_body);
            all.funcs.push(bodies.collect::<Result<_>>()?);
            let globals = module
                .globals
                .iter()
                .map(|global| Refs::of_expression(&global.init_expr));
            all.globals.push(globals.collect::<Result<_>>()?);
            let elements = module
                .elements
                .iter()
                .map(|element| Refs::of_items(&element.items));
            all.elements.push(elements.collect::<Result<_>>()?);
            let tables = module.tables.iter().map(|table| match &table.init {
                wasmparser::TableInit::RefNull => Ok(Refs::default()),
                wasmparser::TableInit::Expr(value) => Refs::of_expression(value),
            });
            all.tables.push(tables.collect::<Result<_>>()?);
        }
        Ok(all)
    }
}

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
    pub refs: &'a AllRefs,
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
        refs: &'a AllRefs,
        image: &'a Image<'a>,
        relocated: &'a [Option<Func>],
    ) -> Self {
        Reach {
            targets,
            modules,
            refs,
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
            None => {}
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
                Item::Func(Func::Own { object, index }) => {
                    let refs =
                        self.own(&self.refs.funcs, object, index, |spaces| spaces.funcs.len())?;
                    self.follow(object, refs);
                }
                Item::Global(Global::Own { object, index }) => {
                    let refs = self.own(&self.refs.globals, object, index, |spaces| {
                        spaces.globals.len()
                    })?;
                    self.follow(object, refs);
                }
                Item::Func(_) | Item::Global(_) => {}
                Item::Table(object, index) => {
                    let refs = self.own(&self.refs.tables, object, index, |spaces| {
                        spaces.tables.len()
                    })?;
                    self.follow(object, refs);
                    // Active segments of other tables are as old as these.
                    self.active_elements(object);
                }
                Item::Element(object, n) => {
                    let refs = self.own(&self.refs.elements, object, n, |_| 0)?;
                    self.follow(object, refs);
                }
                Item::Object(object) => self.parts(object)?,
            }
        }
        Ok(())
    }

    /// What an object's memory and slots lead to.
    fn parts(&mut self, object: u32) -> Result<()> {
        if let Some(Some(Func::Own { object, index })) = self.relocated.get(object as usize) {
            let refs = self.own(&self.refs.funcs, *object, *index, |spaces| {
                spaces.funcs.len()
            })?;
            self.follow(*object, refs);
        }
        let image = self.image;
        let entries = image
            .table
            .values()
            .filter(|entry| entry.object == object && entry.object != NOBODY);
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

    fn own(
        &self,
        refs: &'a [Vec<Refs>],
        object: u32,
        index: u32,
        imported: impl Fn(&super::targets::Spaces) -> usize,
    ) -> Result<&'a Refs> {
        let spaces = self.targets.spaces.get(object as usize);
        let own = spaces.and_then(|spaces| (index as usize).checked_sub(imported(spaces)));
        let found = own.and_then(|own| refs.get(object as usize)?.get(own));
        found.ok_or_else(|| lost("what a definition refers to"))
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

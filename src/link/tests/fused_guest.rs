//! Random programs and libraries that open nothing: they call each other, directly and by pointers, store to their own and to each other's
//! data, read and write globals, fill memory from passive segments, and tell the host what they find.

use std::borrow::Cow;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, CustomSection, DataCountSection, DataSection,
    ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, InstructionSink, MemArg, MemorySection, MemoryType,
    Module, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

use super::fused::{HOST, TOLD};
use super::guest::dylink;
use crate::plan::tests::random::Random;

pub const MAIN: &str = "main";

/// Functions, data and other globals that all may define and use.
const FUNCS: u64 = 6;
const DATA: u64 = 4;
const GLOBALS: u64 = 2;
/// A cell of the null page counts calls, so that no program runs without end.
const FUEL: u64 = 8;
const CALLS: i32 = 200;
/// Where a fixed program has its data, what the smallest data are, and how much memory it has.
const FIXED: u64 = 2048;
const LEAST: u64 = 64;
const FIXED_PAGES: u64 = 2;

pub fn name(n: u64) -> String {
    format!("lib{n}.so")
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Main { fixed: bool },
    Library,
}

// Types, by index.
const VOID: u32 = 0;
const NUMBER: u32 = 1;
const TAKES: u32 = 2;

/// A module in the making.
struct Guest<'a> {
    random: &'a mut Random,
    kind: Kind,
    libraries: u64,
    size: u64,
    /// Functions imported behind the host's, by number of name.
    funcs: Vec<u64>,
    /// Imported globals: those that hold a slot, an address, or are another's own.
    slots: Vec<u32>,
    addresses: Vec<u32>,
    others: Vec<u32>,
    /// How many globals are imported.
    imported: u32,
    /// One of its own, which it changes.
    own: u32,
    /// In a start function: it has to do with its own data alone, since in a load the objects behind it are not there yet.
    alone: bool,
}

pub fn guest(random: &mut Random, libraries: u64, kind: Kind) -> Vec<u8> {
    let size = [LEAST, LEAST, 100, 5_000, 70_000][random.below(5) as usize];
    let size = if kind == (Kind::Main { fixed: true }) {
        size.min(5_000)
    } else {
        size
    };
    let mut guest = Guest {
        random,
        kind,
        libraries,
        size,
        funcs: Vec::new(),
        slots: Vec::new(),
        addresses: Vec::new(),
        others: Vec::new(),
        imported: 0,
        own: 0,
        alone: false,
    };
    guest.module()
}

impl Guest<'_> {
    fn fixed(&self) -> bool {
        self.kind == (Kind::Main { fixed: true })
    }

    fn module(&mut self) -> Vec<u8> {
        let imports = self.imports();
        let mut globals = GlobalSection::new();
        let mut exports = ExportSection::new();
        let number = |value: u64| ConstExpr::i32_const(value as i32);
        if self.fixed() {
            // The stack pointer is the first.
            globals.global(variable(), &number(FIXED));
        }
        self.own = self.imported + globals.len();
        globals.global(variable(), &number(self.random.below(100)));
        if self.random.one_in(2) {
            exports.export(
                &format!("g{}", self.random.below(GLOBALS)),
                ExportKind::Global,
                self.own,
            );
        }
        for d in 0..DATA {
            if self.random.one_in(2) {
                let index = self.imported + globals.len();
                let base = if self.fixed() { FIXED } else { 0 };
                globals.global(constant(), &number(base + self.random.below(LEAST / 4) * 4));
                exports.export(&format!("d{d}"), ExportKind::Global, index);
            }
        }
        let defined: Vec<u64> = (0..FUNCS).filter(|_| self.random.one_in(2)).collect();
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        let first = 1 + self.funcs.len() as u32;
        let mut next = first;
        let mut put = |ty: u32, body: Function| {
            functions.function(ty);
            code.function(&body);
            next += 1;
            next - 1
        };
        for n in &defined {
            let index = put(NUMBER, self.body(NUMBER));
            exports.export(&format!("f{n}"), ExportKind::Func, index);
        }
        let relocations = match self.random.below(4) {
            0 => Some(self.body(VOID)),
            1 | 2 if !self.fixed() => Some(self.relocations()),
            _ => None,
        };
        if let Some(body) = relocations {
            exports.export(
                "__wasm_apply_data_relocs",
                ExportKind::Func,
                put(VOID, body),
            );
        }
        if self.kind == Kind::Library && self.random.one_in(2) {
            let index = put(VOID, self.body(VOID));
            exports.export("__wasm_call_ctors", ExportKind::Func, index);
        }
        self.alone = true;
        let start = self.random.one_in(4).then(|| put(VOID, self.body(VOID)));
        self.alone = false;
        if self.kind != Kind::Library {
            let index = put(VOID, self.body(VOID));
            exports.export("_start", ExportKind::Func, index);
        }
        let count = 1 + self.random.below(3);
        let held: Vec<u32> = (0..count)
            .map(|_| self.random.below(next.into()) as u32)
            .collect();
        let mut module = Module::new();
        module.section(&self.dylink(held.len() as u64));
        module.section(&types());
        module.section(&imports);
        module.section(&functions);
        if self.fixed() {
            let mut tables = TableSection::new();
            tables.table(TableType {
                minimum: 1 + count,
                ..table()
            });
            module.section(&tables);
            let mut memories = MemorySection::new();
            memories.memory(MemoryType {
                minimum: FIXED_PAGES,
                ..memory()
            });
            module.section(&memories);
            exports.export("memory", ExportKind::Memory, 0);
        }
        module.section(&globals);
        module.section(&exports);
        if let Some(function_index) = start {
            module.section(&StartSection { function_index });
        }
        let mut elements = ElementSection::new();
        let at = if self.fixed() {
            ConstExpr::i32_const(1)
        } else {
            ConstExpr::global_get(TABLE_BASE)
        };
        elements.active(None, &at, Elements::Functions(Cow::Borrowed(&held)));
        module.section(&elements);
        module.section(&DataCountSection { count: 2 });
        module.section(&code);
        let mut data = DataSection::new();
        let text: Vec<u8> = (0..40).map(|n| (n * 7 + self.size) as u8).collect();
        let at = if self.fixed() {
            ConstExpr::i32_const(FIXED as i32)
        } else {
            ConstExpr::global_get(MEMORY_BASE)
        };
        data.active(0, &at, text.iter().copied());
        data.passive(*b"passive!");
        module.section(&data);
        module.finish()
    }

    fn imports(&mut self) -> ImportSection {
        let mut imports = ImportSection::new();
        imports.import(HOST, TOLD, EntityType::Function(TAKES));
        if !self.fixed() {
            imports.import("env", "memory", EntityType::Memory(memory()));
            imports.import(
                "env",
                "__indirect_function_table",
                EntityType::Table(table()),
            );
            imports.import("env", "__memory_base", constant());
            imports.import("env", "__table_base", constant());
            imports.import("env", "__stack_pointer", variable());
            self.imported = 3;
        }
        for _ in 0..self.random.below(4) {
            let n = self.random.below(FUNCS);
            imports.import("env", &format!("f{n}"), EntityType::Function(NUMBER));
            self.funcs.push(n);
        }
        for _ in 0..self.random.below(3) {
            imports.import(
                "GOT.mem",
                &format!("d{}", self.random.below(DATA)),
                variable(),
            );
            self.addresses.push(self.imported);
            self.imported += 1;
        }
        for _ in 0..self.random.below(3) {
            imports.import(
                "GOT.func",
                &format!("f{}", self.random.below(FUNCS)),
                variable(),
            );
            self.slots.push(self.imported);
            self.imported += 1;
        }
        if self.random.one_in(6) {
            imports.import(
                "env",
                &format!("g{}", self.random.below(GLOBALS)),
                variable(),
            );
            self.others.push(self.imported);
            self.imported += 1;
        }
        imports
    }

    fn dylink(&mut self, slots: u64) -> CustomSection<'static> {
        let count = if self.libraries == 0 {
            0
        } else {
            self.random.below(4)
        };
        let needed: Vec<String> = (0..count)
            .map(|_| name(self.random.below(self.libraries)))
            .collect();
        let size = if self.fixed() { 0 } else { self.size };
        let slots = if self.fixed() { 0 } else { slots };
        let align = [2, 2, 4, 12][self.random.below(4) as usize];
        let mut weak = Vec::new();
        // All may be missing, most of the time.
        if !self.random.one_in(12) {
            let all =
                (0..FUNCS).flat_map(|n| [("GOT.func", format!("f{n}")), ("env", format!("f{n}"))]);
            weak.extend(all.chain((0..DATA).map(|n| ("GOT.mem", format!("d{n}")))));
        }
        dylink([size as u32, align, slots as u32, 0], &needed, &weak)
    }

    /// Only stores sums of constants, as wasm-ld makes it.
    fn relocations(&mut self) -> Function {
        let mut function = Function::new([(1, ValType::I32)]);
        let mut code = function.instructions();
        for n in 0..1 + self.random.below(3) {
            code.global_get(MEMORY_BASE)
                .i32_const(4 * n as i32)
                .i32_add()
                .local_tee(0);
            match self.addresses.first().filter(|_| self.random.one_in(2)) {
                Some(&address) => code.global_get(address),
                None => code.global_get(TABLE_BASE).i32_const(1).i32_add(),
            };
            code.i32_store(place(0));
        }
        code.end();
        function
    }

    fn body(&mut self, ty: u32) -> Function {
        let mut function = Function::new([(1, ValType::I32)]);
        let mut code = function.instructions();
        let cell = place(FUEL);
        code.i32_const(0)
            .i32_const(0)
            .i32_load(cell)
            .i32_const(1)
            .i32_add()
            .i32_store(cell);
        code.i32_const(0).i32_load(cell).i32_const(CALLS).i32_gt_u();
        code.if_(BlockType::Empty).unreachable().end();
        for _ in 0..self.random.below(5) {
            self.act(&mut code);
        }
        if self.random.one_in(40) {
            code.unreachable();
        }
        if ty == NUMBER {
            code.i32_const(self.random.below(100) as i32);
        }
        code.end();
        function
    }

    /// The address of its own data.
    fn base(&self, code: &mut InstructionSink<'_>) {
        match self.fixed() {
            true => code.i32_const(FIXED as i32),
            false => code.global_get(MEMORY_BASE),
        };
    }

    fn one_of(&mut self, all: fn(&Self) -> &Vec<u32>) -> Option<u32> {
        let count = all(self).len() as u64;
        if count == 0 {
            return None;
        }
        let n = self.random.below(count) as usize;
        all(self).get(n).copied()
    }

    fn act(&mut self, code: &mut InstructionSink<'_>) {
        let at = self.random.below(LEAST - 8);
        let act = self.random.below(14);
        match act {
            _ if self.alone && ![0, 1, 8].contains(&act) => {}
            0 => {
                self.base(code);
                code.i32_const(at as i32).i32_store8(place(at));
            }
            1 => {
                self.base(code);
                code.i32_load(place(at)).call(0);
            }
            2 if !self.funcs.is_empty() => {
                let n = self.random.below(self.funcs.len() as u64) as u32;
                code.call(1 + n).call(0);
            }
            3 | 4 => {
                if let Some(address) = self.one_of(|guest| &guest.addresses) {
                    code.global_get(address).i32_load(place(0)).call(0);
                    code.global_get(address).call(0);
                }
            }
            5 => {
                if let Some(address) = self.one_of(|guest| &guest.addresses) {
                    code.global_get(address)
                        .i32_const(at as i32)
                        .i32_store8(place(1));
                }
            }
            6 => {
                if let Some(slot) = self.one_of(|guest| &guest.slots) {
                    code.global_get(slot).call(0);
                    code.global_get(slot).call_indirect(0, NUMBER).call(0);
                }
            }
            7 => {
                // A pointer compared, and called only if it is one.
                if let Some(slot) = self.one_of(|guest| &guest.slots) {
                    code.global_get(slot).if_(BlockType::Empty);
                    code.global_get(slot).call_indirect(0, NUMBER).call(0).end();
                }
            }
            8 => {
                let own = self.own;
                code.global_get(own)
                    .i32_const(3)
                    .i32_add()
                    .global_set(own)
                    .global_get(own)
                    .call(0);
            }
            9 => {
                if let Some(other) = self.one_of(|guest| &guest.others) {
                    code.global_get(other)
                        .call(0)
                        .i32_const(at as i32)
                        .global_set(other);
                }
            }
            10 => {
                self.base(code);
                code.i32_const(at as i32)
                    .i32_add()
                    .i32_const(2)
                    .i32_const(4)
                    .memory_init(0, 1);
            }
            11 if self.random.one_in(4) => {
                code.data_drop(1);
            }
            12 => {
                // An entry of the GOT is its importer's own to change.
                if let Some(address) = self
                    .one_of(|guest| &guest.addresses)
                    .filter(|_| self.random.one_in(3))
                {
                    code.global_get(address)
                        .i32_const(4)
                        .i32_add()
                        .global_set(address);
                }
            }
            13 => self.indexed(code, at),
            _ => {
                code.i32_const(at as i32).call(0);
            }
        }
    }

    /// Accesses to its own data by an index that has a bound: how many calls there have been.
    fn indexed(&self, code: &mut InstructionSink<'_>, at: u64) {
        let index = |code: &mut InstructionSink<'_>| {
            code.i32_const(0).i32_load8_u(place(FUEL));
            code.i32_const(15).i32_and();
        };
        match at % 4 {
            0 => {
                index(code);
                self.base(code);
                code.i32_add().i32_load8_u(place(at % 32)).call(0);
            }
            1 => {
                self.base(code);
                code.local_set(0);
                index(code);
                code.i32_const(1).i32_shl().local_get(0).i32_add();
                code.i32_const(at as i32).i32_store8(place(at % 32));
            }
            2 => {
                // What the local holds depends on the way here.
                self.base(code);
                code.i32_const((at % 32) as i32).i32_add().local_set(0);
                code.block(BlockType::Empty);
                index(code);
                code.i32_const(1).i32_and().br_if(0);
                self.base(code);
                code.local_set(0).end();
                index(code);
                code.local_get(0).i32_add().i32_load8_u(place(0)).call(0);
            }
            _ => {
                self.base(code);
                code.local_set(0).loop_(BlockType::Empty);
                index(code);
                code.local_get(0).i32_add().i32_load8_u(place(0)).call(0);
                code.local_get(0).i32_const(1).i32_add().local_tee(0);
                self.base(code);
                code.i32_const(3).i32_add().i32_lt_u().br_if(0).end();
            }
        }
    }
}

// Globals that all but fixed programs import, by index.
const MEMORY_BASE: u32 = 0;
const TABLE_BASE: u32 = 1;

fn place(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        memory_index: 0,
    }
}

fn constant() -> GlobalType {
    GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    }
}

fn variable() -> GlobalType {
    GlobalType {
        mutable: true,
        ..constant()
    }
}

fn memory() -> MemoryType {
    MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    }
}

fn table() -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 0,
        maximum: None,
        shared: false,
    }
}

fn types() -> TypeSection {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], [ValType::I32]);
    types.ty().function([ValType::I32], []);
    types
}

//! Random guests: libraries that store, register exit handlers, open and close each other, grow memory and table, call and trap, in
//! start functions, constructors, exit handlers and functions called from outside.

use std::borrow::Cow;

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, Encode,
    EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    HeapType, ImportSection, InstructionSink, MemArg, MemoryType, Module, RefType, StartSection,
    TableType, TypeSection, ValType,
};

use crate::abi;
use crate::plan::tests::random::Random;

/// Functions `f0`, `f1` and so on, and data `d0` and so on, that the guests have among them.
pub const FUNCS: u64 = 5;
const DATA: u64 = 3;

/// A cell of the null page, where nobody's data are: it counts calls, so that no guest runs without end. The host empties it.
pub const FUEL: u32 = 8;
const CALLS: i32 = 400;

/// In an object's own data: the names of all guests, and the handle that it opened last.
const NAME: u64 = 8;
const HANDLE: u64 = 60;
/// Behind it, what is stored to.
const FREE: u64 = 64;
const LEAST: u64 = 80;

/// What guests of a world do.
#[derive(Clone, Copy, Debug)]
pub struct Mood {
    pub guests: u64,
    /// Exit handlers open and close.
    pub handlers_open: bool,
    /// Memory and table grow.
    pub grow: bool,
    pub traps: bool,
    /// Segments reach beyond what is the object's own.
    pub beyond: bool,
}

pub fn name(n: u64) -> String {
    format!("lib{n}.so")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Start,
    Constructor,
    Handler,
    Export,
}

// Types, by index.
const VOID: u32 = 0;
const NUMBER: u32 = 1;
const TAKES: u32 = 2;
const OPEN: u32 = 3;
const REGISTER: u32 = 4;

// Functions that all guests import, by index.
const DLOPEN: u32 = 0;
const DLCLOSE: u32 = 1;
const ATEXIT: u32 = 2;
const SERVICES: u32 = 3;

// Globals that all guests import, by index.
const MEMORY_BASE: u32 = 0;
const TABLE_BASE: u32 = 1;
const STACK: u32 = 2;
const BASES: u32 = 3;

/// A guest in the making.
struct Guest<'a> {
    random: &'a mut Random,
    mood: Mood,
    size: u64,
    /// Functions imported beside the services.
    imported: Vec<String>,
    /// Globals imported beside the bases that hold slots.
    slots: Vec<u32>,
}

/// A module, as the decisions say.
pub fn guest(random: &mut Random, mood: Mood) -> Vec<u8> {
    let size = [LEAST, LEAST, 100, 1_000, 70_000][random.below(5) as usize];
    let mut guest = Guest {
        random,
        mood,
        size,
        imported: Vec::new(),
        slots: Vec::new(),
    };
    guest.module()
}

impl Guest<'_> {
    fn module(&mut self) -> Vec<u8> {
        let mut module = Module::new();
        let imports = self.imports();
        let handlers = 1 + self.random.below(2);
        let defined: Vec<u64> = (0..FUNCS).filter(|_| self.random.one_in(2)).collect();
        let (start, constructor) = (self.random.one_in(2), self.random.one_in(2));
        let relocates = self.random.one_in(4);
        // Handlers come first, so that the element segment holds them at its beginning.
        let first = SERVICES + self.imported.len() as u32;
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut exports = ExportSection::new();
        let mut next = first;
        let mut put = |guest: &mut Self, ty: u32, kind: Kind| {
            functions.function(ty);
            code.function(&guest.body(kind, ty));
            next += 1;
            next - 1
        };
        for _ in 0..handlers {
            put(self, TAKES, Kind::Handler);
        }
        for n in &defined {
            let index = put(self, NUMBER, Kind::Export);
            exports.export(&format!("f{n}"), ExportKind::Func, index);
        }
        let start = start.then(|| put(self, VOID, Kind::Start));
        if constructor {
            let index = put(self, VOID, Kind::Constructor);
            exports.export("__wasm_call_ctors", ExportKind::Func, index);
        }
        if relocates {
            // What relocations do is store to the object's own data.
            let index = put(self, VOID, Kind::Start);
            exports.export("__wasm_apply_data_relocs", ExportKind::Func, index);
        }
        let mut globals = GlobalSection::new();
        for d in 0..DATA {
            if self.random.one_in(3) {
                let index = BASES + self.globals() + globals.len();
                let offset = self.random.below(LEAST) as i32;
                globals.global(constant(ValType::I32), &ConstExpr::i32_const(offset));
                exports.export(&format!("d{d}"), ExportKind::Global, index);
            }
        }
        let held = self.held(
            handlers,
            first,
            first + handlers as u32 + defined.len() as u32,
        );
        module.section(&self.dylink(held.len() as u64));
        module.section(&types());
        module.section(&imports);
        module.section(&functions);
        if !globals.is_empty() {
            module.section(&globals);
        }
        module.section(&exports);
        if let Some(start) = start {
            module.section(&StartSection {
                function_index: start,
            });
        }
        module.section(&self.elements(&held));
        module.section(&code);
        module.section(&self.data());
        module.finish()
    }

    /// How many globals are imported beside the bases: the address of a datum, and slots.
    fn globals(&self) -> u32 {
        1 + self.slots.len() as u32
    }

    fn imports(&mut self) -> ImportSection {
        let mut imports = ImportSection::new();
        let memory = MemoryType {
            minimum: 0,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        let table = TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 0,
            maximum: None,
            shared: false,
        };
        imports.import("env", "memory", EntityType::Memory(memory));
        imports.import("env", "__indirect_function_table", EntityType::Table(table));
        imports.import("env", "__memory_base", constant(ValType::I32));
        imports.import("env", "__table_base", constant(ValType::I32));
        imports.import("env", "__stack_pointer", variable());
        imports.import("env", "dlopen", EntityType::Function(OPEN));
        imports.import("env", "dlclose", EntityType::Function(TAKES + 3));
        imports.import("env", "__cxa_atexit", EntityType::Function(REGISTER));
        for _ in 0..self.random.below(4) {
            let name = format!("f{}", self.random.below(FUNCS));
            imports.import("env", &name, EntityType::Function(NUMBER));
            self.imported.push(name);
        }
        let mut global = BASES;
        imports.import(
            "GOT.mem",
            &format!("d{}", self.random.below(DATA)),
            variable(),
        );
        global += 1;
        for _ in 0..self.random.below(3) {
            let name = format!("f{}", self.random.below(FUNCS));
            imports.import("GOT.func", &name, variable());
            self.slots.push(global);
            global += 1;
        }
        imports
    }

    fn dylink(&mut self, slots: u64) -> CustomSection<'static> {
        let mut needed = Vec::new();
        for _ in 0..self.random.below(3) {
            needed.push(name(self.random.below(self.mood.guests)));
        }
        let align = [0, 0, 2, 4, 12][self.random.below(5) as usize];
        // Functions may be missing: then they are weak, most of the time.
        let weak: Vec<&String> = self
            .imported
            .iter()
            .filter(|_| !self.random.one_in(12))
            .collect();
        let all = (0..FUNCS).map(|n| ("GOT.func", format!("f{n}")));
        let all = all.chain((0..DATA).map(|n| ("GOT.mem", format!("d{n}"))));
        let weak = all.chain(weak.into_iter().map(|name| ("env", name.clone())));
        let weak: Vec<_> = weak.collect();
        dylink([self.size as u32, align, slots as u32, 0], &needed, &weak)
    }

    /// The functions of the element segment: all handlers, and some of what there is.
    fn held(&mut self, handlers: u64, first: u32, end: u32) -> Vec<u32> {
        let mut held: Vec<u32> = (first..first + handlers as u32).collect();
        for _ in 0..self.random.below(3) {
            held.push(SERVICES + self.random.below(u64::from(end - SERVICES)) as u32);
        }
        held
    }

    fn elements(&mut self, held: &[u32]) -> ElementSection {
        let mut elements = ElementSection::new();
        let at = ConstExpr::global_get(TABLE_BASE);
        elements.active(None, &at, Elements::Functions(Cow::Borrowed(held)));
        if self.mood.beyond && self.random.one_in(4) {
            let at = ConstExpr::i32_const(self.random.below(8) as i32);
            elements.active(None, &at, Elements::Functions(Cow::Borrowed(&held[..1])));
        }
        elements
    }

    fn data(&mut self) -> DataSection {
        let names: String = (0..self.mood.guests).map(|n| name(n) + "\0").collect();
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::global_get(MEMORY_BASE), names.into_bytes());
        if self.mood.beyond && self.random.one_in(4) {
            let at = [0, 1_000, 1_024, 70_000, -4][self.random.below(5) as usize];
            data.active(0, &ConstExpr::i32_const(at), *b"beyond");
        }
        data
    }

    /// A few acts, as the kind of function permits.
    fn body(&mut self, kind: Kind, ty: u32) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        fuel(&mut code);
        for _ in 0..self.random.below(4) {
            self.act(&mut code, kind);
        }
        if self.mood.traps && self.random.one_in(8) {
            code.unreachable();
        }
        if ty == NUMBER {
            code.i32_const(7);
        }
        code.end();
        function
    }

    fn act(&mut self, code: &mut InstructionSink<'_>, kind: Kind) {
        let opens = kind != Kind::Handler || self.mood.handlers_open;
        let constructs = matches!(kind, Kind::Start | Kind::Constructor);
        match self.random.below(8) {
            // What is called from outside changes no memory: a load that fails would have to leave that.
            0 if kind != Kind::Export => {
                let at = FREE + self.random.below(self.size - FREE);
                code.global_get(MEMORY_BASE)
                    .i32_const(0x5a)
                    .i32_store8(place(at));
            }
            1 if constructs => {
                let handler = self.random.below(2) as i32;
                code.global_get(TABLE_BASE).i32_const(handler).i32_add();
                code.i32_const(3)
                    .global_get(MEMORY_BASE)
                    .call(ATEXIT)
                    .drop();
            }
            2 if opens => {
                let other = self.random.below(self.mood.guests) * NAME;
                let flags = [1, 2, 0x102, 0x1002, 5][self.random.below(5) as usize];
                let keep = kind != Kind::Export;
                if keep {
                    code.global_get(MEMORY_BASE);
                }
                code.global_get(MEMORY_BASE)
                    .i32_const(other as i32)
                    .i32_add();
                code.i32_const(flags).call(DLOPEN);
                match keep {
                    true => code.i32_store(place(HANDLE)),
                    false => code.drop(),
                };
            }
            3 if opens => {
                code.global_get(MEMORY_BASE)
                    .i32_load(place(HANDLE))
                    .call(DLCLOSE)
                    .drop();
            }
            4 if self.mood.grow && constructs => {
                code.i32_const(1).memory_grow(0).drop();
            }
            5 if self.mood.grow && constructs => {
                code.ref_null(HeapType::FUNC)
                    .i32_const(1)
                    .table_grow(0)
                    .drop();
            }
            6 if !self.imported.is_empty() => {
                let callee = self.random.below(self.imported.len() as u64) as u32;
                code.call(SERVICES + callee).drop();
            }
            7 if !self.slots.is_empty() && self.mood.traps => {
                let n = self.random.below(self.slots.len() as u64) as usize;
                code.global_get(self.slots[n])
                    .call_indirect(0, NUMBER)
                    .drop();
            }
            _ if constructs => {
                code.global_get(STACK)
                    .i32_const(16)
                    .i32_sub()
                    .global_set(STACK);
            }
            _ => {}
        }
    }
}

/// One call more; too many of them trap.
fn fuel(code: &mut InstructionSink<'_>) {
    let cell = place(FUEL.into());
    code.i32_const(0)
        .i32_const(0)
        .i32_load(cell)
        .i32_const(1)
        .i32_add()
        .i32_store(cell);
    code.i32_const(0).i32_load(cell).i32_const(CALLS).i32_gt_u();
    code.if_(wasm_encoder::BlockType::Empty).unreachable().end();
}

fn place(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        memory_index: 0,
    }
}

fn constant(val_type: ValType) -> GlobalType {
    GlobalType {
        val_type,
        mutable: false,
        shared: false,
    }
}

fn variable() -> GlobalType {
    GlobalType {
        mutable: true,
        ..constant(ValType::I32)
    }
}

fn types() -> TypeSection {
    const I32: ValType = ValType::I32;
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], [I32]);
    types.ty().function([I32], []);
    types.ty().function([I32, I32], [I32]);
    types.ty().function([I32, I32, I32], [I32]);
    types.ty().function([I32], [I32]);
    types
}

/// A `dylink.0` section: what is asked for of memory and table, needed libraries, and imports that may be missing, if it says that of any.
pub fn dylink(
    mem_info: [u32; 4],
    needed: &[String],
    weak: &[(&str, String)],
) -> CustomSection<'static> {
    let mut contents = Vec::new();
    let mut subsection = |kind: u8, bytes: Vec<u8>| {
        contents.push(kind);
        bytes.as_slice().encode(&mut contents);
    };
    let mut info = Vec::new();
    for number in mem_info {
        number.encode(&mut info);
    }
    subsection(abi::DYLINK_MEM_INFO, info);
    let mut names = Vec::new();
    needed.len().encode(&mut names);
    for name in needed {
        name.as_str().encode(&mut names);
    }
    subsection(abi::DYLINK_NEEDED, names);
    if !weak.is_empty() {
        let mut infos = Vec::new();
        weak.len().encode(&mut infos);
        for (module, name) in weak {
            module.encode(&mut infos);
            name.as_str().encode(&mut infos);
            abi::SYMBOL_BINDING_WEAK.encode(&mut infos);
        }
        subsection(abi::DYLINK_IMPORT_INFO, infos);
    }
    CustomSection {
        name: Cow::Borrowed(abi::DYLINK_0),
        data: Cow::Owned(contents),
    }
}

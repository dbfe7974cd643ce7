//! Synthetic shared libraries as bytes: many of them, with many symbols, needing each other in a given shape.
//!
//! Every tenth symbol of a library is a datum and every tenth a function that others use by its address; the rest are
//! functions that others call. Half of the functions used by address stand in the library's own element segment, as
//! those do that a library takes the address of itself.
#![allow(
    dead_code,
    reason = "shared by several programs, none of which uses all"
)]

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ElementSection, Elements, Encode, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemoryType, Module, RefType, TableType, TypeSection, ValType,
};

/// Which libraries a library needs and imports from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each needs the next.
    Chain,
    /// The first needs all others, and all import from the last: programs around a libc.
    Star,
    /// The first needs all but the last, and each of those needs the last.
    Diamond,
    /// Each needs the next, the last one the first.
    Cycle,
    /// Each needs up to three others anywhere, so that there are cycles; all can be reached from the first.
    Random,
}

/// A set of libraries. The first one is the root.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub shape: Shape,
    pub libraries: usize,
    /// Symbols that each library defines.
    pub exports: usize,
    /// Symbols that each library with a needed one imports, spread evenly over those that it needs.
    pub imports: usize,
    /// Imports of its own exports that each library has on top (libc.so has many).
    pub own_imports: usize,
    /// For [`Shape::Random`].
    pub seed: u64,
}

impl Spec {
    /// Libraries that import from others alone.
    pub const fn new(shape: Shape, libraries: usize, exports: usize, imports: usize) -> Spec {
        Spec {
            shape,
            libraries,
            exports,
            imports,
            own_imports: 0,
            seed: 1,
        }
    }
}

pub struct Library {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Marsaglia's xorshift64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.max(1))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// What a symbol is, and how others use it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Called,
    ByAddress,
    Datum,
}

fn use_of(symbol: usize) -> Use {
    match symbol % 10 {
        8 => Use::ByAddress,
        9 => Use::Datum,
        _ => Use::Called,
    }
}

pub fn library_name(library: usize) -> String {
    format!("lib{library:04}.so")
}

/// As long as a short C++ name.
pub fn symbol_name(library: usize, symbol: usize) -> String {
    format!("lib{library:04}_symbol_{symbol:06}")
}

/// The function types in use; a symbol's is the one with its number modulo their number.
const TYPES: &[(&[ValType], &[ValType])] = &[
    (&[ValType::I32], &[ValType::I32]),
    (&[], &[]),
    (&[ValType::I32, ValType::I32, ValType::I32], &[ValType::I32]),
    (&[ValType::I64, ValType::F64], &[ValType::F64]),
];

fn type_of(symbol: usize) -> u32 {
    (symbol % TYPES.len()) as u32
}

/// The libraries that each library needs.
pub fn needed(spec: &Spec) -> Vec<Vec<usize>> {
    let count = spec.libraries;
    let last = count.saturating_sub(1);
    let mut random = Random::new(spec.seed);
    (0..count)
        .map(|n| match spec.shape {
            Shape::Chain if n < last => vec![n + 1],
            Shape::Cycle => vec![(n + 1) % count],
            Shape::Star | Shape::Diamond if n == 0 => (1..count).collect(),
            Shape::Star | Shape::Diamond if n < last => vec![last],
            // The next one, so that all are reached, and two by chance.
            Shape::Random => {
                let mut all = vec![(n + 1) % count, random.below(count), random.below(count)];
                let mut seen = vec![n];
                all.retain(|other| {
                    let new = !seen.contains(other);
                    seen.push(*other);
                    new
                });
                all
            }
            _ => vec![],
        })
        .collect()
}

/// The libraries whose symbols each library imports.
fn imported(spec: &Spec, library: usize, needed: &[usize]) -> Vec<usize> {
    match spec.shape {
        Shape::Star if !needed.is_empty() && library + 1 < spec.libraries => {
            vec![spec.libraries - 1]
        }
        _ => needed.to_vec(),
    }
}

pub fn generate(spec: &Spec) -> Vec<Library> {
    needed(spec)
        .iter()
        .enumerate()
        .map(|(n, needed)| {
            let from = imported(spec, n, needed);
            let mut imports: Vec<(usize, usize)> = if from.is_empty() {
                Vec::new()
            } else {
                (0..spec.imports)
                    .map(|k| (from[k % from.len()], k / from.len() % spec.exports))
                    .collect()
            };
            imports.extend((0..spec.own_imports).map(|k| (n, k % spec.exports)));
            Library {
                name: library_name(n),
                bytes: library(n, needed, &imports, spec.exports),
            }
        })
        .collect()
}

/// A program that needs the first library, calls nothing and ends.
pub fn program(spec: &Spec) -> Vec<u8> {
    let imports: Vec<(usize, usize)> = (0..spec.imports).map(|k| (0, k % spec.exports)).collect();
    module(usize::MAX, &[0], &imports, 0, &["_start"])
}

/// One library. `imports` are pairs of a library and a symbol of it.
fn library(number: usize, needed: &[usize], imports: &[(usize, usize)], exports: usize) -> Vec<u8> {
    // What every library of wasm-ld has.
    let steps = ["__wasm_call_ctors", "__wasm_apply_data_relocs"];
    module(number, needed, imports, exports, &steps)
}

/// A module that exports so many symbols, and functions that do nothing.
fn module(
    number: usize,
    needed: &[usize],
    imports: &[(usize, usize)],
    exports: usize,
    steps: &[&str],
) -> Vec<u8> {
    let mut types = TypeSection::new();
    for (params, results) in TYPES {
        types
            .ty()
            .function(params.iter().copied(), results.iter().copied());
    }
    let mut import_section = linker_imports();
    let mut imported_functions = 0;
    for &(library, symbol) in imports {
        let name = symbol_name(library, symbol);
        match use_of(symbol) {
            Use::Called => {
                import_section.import("env", &name, EntityType::Function(type_of(symbol)));
                imported_functions += 1;
            }
            Use::ByAddress => {
                import_section.import("GOT.func", &name, address(true));
            }
            Use::Datum => {
                import_section.import("GOT.mem", &name, address(true));
            }
        }
    }
    let imported_globals = 3 + imports
        .iter()
        .filter(|(_, symbol)| use_of(*symbol) != Use::Called)
        .count() as u32;

    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    let (mut globals, mut export_section) = (GlobalSection::new(), ExportSection::new());
    let mut in_table = Vec::new();
    for symbol in 0..exports {
        let name = symbol_name(number, symbol);
        if use_of(symbol) == Use::Datum {
            let EntityType::Global(ty) = address(false) else {
                continue;
            };
            let index = imported_globals + globals.len();
            globals.global(ty, &ConstExpr::i32_const(4 * globals.len() as i32));
            export_section.export(&name, ExportKind::Global, index);
            continue;
        }
        let index = imported_functions + functions.len();
        functions.function(type_of(symbol));
        code.function(&body(TYPES[type_of(symbol) as usize].1));
        export_section.export(&name, ExportKind::Func, index);
        if symbol % 20 == 8 {
            in_table.push(index);
        }
    }
    let nothing = 1;
    for name in steps {
        export_section.export(name, ExportKind::Func, imported_functions + functions.len());
        functions.function(nothing);
        code.function(&body(&[]));
    }
    let mut elements = ElementSection::new();
    if !in_table.is_empty() {
        let table_base = ConstExpr::global_get(2);
        elements.active(None, &table_base, Elements::Functions((&in_table).into()));
    }
    let names: Vec<String> = needed.iter().map(|&n| library_name(n)).collect();
    let dylink = dylink(4 * globals.len(), in_table.len() as u32, &names);
    let mut module = Module::new();
    module
        .section(&CustomSection {
            name: "dylink.0".into(),
            data: dylink.into(),
        })
        .section(&types)
        .section(&import_section)
        .section(&functions)
        .section(&globals)
        .section(&export_section)
        .section(&elements)
        .section(&code);
    module.finish()
}

fn address(mutable: bool) -> EntityType {
    EntityType::Global(GlobalType {
        val_type: ValType::I32,
        mutable,
        shared: false,
    })
}

/// Memory, table, and globals 0 to 2: stack pointer and bases.
fn linker_imports() -> ImportSection {
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
    imports
        .import("env", "memory", memory)
        .import("env", "__indirect_function_table", table)
        .import("env", "__stack_pointer", address(true))
        .import("env", "__memory_base", address(false))
        .import("env", "__table_base", address(false));
    imports
}

/// The least work that has the right type.
fn body(results: &[ValType]) -> Function {
    let mut body = Function::new([]);
    for result in results {
        body.instruction(&match result {
            ValType::F64 => Instruction::F64Const(1.0.into()),
            _ => Instruction::I32Const(1),
        });
    }
    body.instruction(&Instruction::End);
    body
}

/// Contents of a `dylink.0` section: mem-info and needed.
pub fn dylink(memory_size: u32, table_size: u32, needed: &[String]) -> Vec<u8> {
    let mut info = Vec::new();
    for number in [memory_size, 2, table_size, 0] {
        number.encode(&mut info);
    }
    let mut section = vec![1];
    info.encode(&mut section);
    if !needed.is_empty() {
        let mut list = Vec::new();
        needed.len().encode(&mut list);
        for name in needed {
            name.as_str().encode(&mut list);
        }
        section.push(2);
        list.encode(&mut section);
    }
    section
}

/// The engine to measure: a library that `WASMDYLD_ENGINE` names, else the linked one.
#[allow(dead_code, reason = "a module of several programs")]
#[cfg(feature = "wasmtime")]
pub fn engine() -> wasmdyld::error::Result<&'static wasmdyld::engine::Api> {
    use wasmdyld::engine::{Api, EngineLibrary};
    match std::env::var_os("WASMDYLD_ENGINE") {
        // SAFETY: the user names a library whose code is to run.
        Some(path) => Ok(unsafe { EngineLibrary::open(path.as_ref())? }.api()),
        None => Ok(Api::linked()),
    }
}

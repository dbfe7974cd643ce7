//! Generated modules: stubs, slots to fill, tags. Few a load, since each costs the engine half a millisecond to compile.
//!
//! Names of imports and exports are numbers of fixed width: wasmi hands exports out in alphabetical order (Q1).

use crate::hash_map::HashMap;
use std::sync::Arc;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    InstructionSink, Module, NameSection, RefType, Section, TableType, TagKind, TagSection,
    TagType, TypeSection, ValType,
};

use crate::error::{Code, Error, Result};
use crate::object::{FuncType, HeapType, ValType as OurValType};
use crate::plan::{LazyStub, Stub};

/// How the generated modules call themselves, to be known in backtraces.
pub const NAME: &str = "wasmdyld";

/// Import names in generated modules.
pub const TABLE: &str = "table";
pub const RESOLVE: &str = "resolve";
pub const SLOT: &str = "slot";
pub const MEMORY: &str = "memory";

/// The name of the n-th item.
pub fn numbered(n: usize) -> String {
    format!("{n:08}")
}

/// Function types, each once.
#[derive(Default)]
pub(super) struct Types {
    pub section: TypeSection,
    index: HashMap<Arc<FuncType>, u32>,
}

impl Types {
    pub fn of(&mut self, sig: &Arc<FuncType>) -> Result<u32> {
        if let Some(&known) = self.index.get(sig) {
            return Ok(known);
        }
        let index = self.section.len();
        let params = sig
            .params
            .iter()
            .map(|t| val_type(*t))
            .collect::<Result<Vec<_>>>()?;
        let results = sig
            .results
            .iter()
            .map(|t| val_type(*t))
            .collect::<Result<Vec<_>>>()?;
        self.section.ty().function(params, results);
        self.index.insert(sig.clone(), index);
        Ok(index)
    }
}

pub(crate) fn val_type(ty: OurValType) -> Result<ValType> {
    Ok(match ty {
        OurValType::I32 => ValType::I32,
        OurValType::I64 => ValType::I64,
        OurValType::F32 => ValType::F32,
        OurValType::F64 => ValType::F64,
        OurValType::V128 => ValType::V128,
        OurValType::Ref { nullable, heap } => {
            let abstract_type = match heap {
                HeapType::Func => RefType::FUNCREF,
                HeapType::Extern => RefType::EXTERNREF,
                HeapType::Exn => RefType::EXNREF,
                HeapType::Other(_) | HeapType::Concrete(_) => {
                    return Err(Error::new(
                        Code::Unsupported,
                        format!(
                            "a function whose type has {ty} cannot be bound through generated code"
                        ),
                    ));
                }
            };
            ValType::Ref(RefType {
                nullable,
                ..abstract_type
            })
        }
    })
}

pub(super) fn table_import() -> EntityType {
    EntityType::Table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 0,
        maximum: None,
        shared: false,
    })
}

pub(super) fn finish(sections: &[&dyn Section]) -> Vec<u8> {
    let mut bytes = Module::HEADER.to_vec();
    for section in sections {
        section.append_to(&mut bytes);
    }
    let mut names = NameSection::new();
    names.module(NAME);
    names.append_to(&mut bytes);
    bytes
}

/// Passes all parameters on and ends in a call through the table, as a tail call where the engine has them: then a
/// stub adds no frame, and a chain of tail calls through stubs needs no stack.
pub(super) fn call_slot(
    function: &mut Function,
    sig: &FuncType,
    ty: u32,
    slot: impl FnOnce(&mut InstructionSink<'_>),
    tail_calls: bool,
) {
    let mut put = function.instructions();
    for n in 0..sig.params.len() as u32 {
        put.local_get(n);
    }
    slot(&mut put);
    match tail_calls {
        true => put.return_call_indirect(0, ty),
        false => put.call_indirect(0, ty),
    };
    put.end();
}

/// One function for each stub.
pub fn stubs(stubs: &[Stub], tail_calls: bool) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    let mut imports = ImportSection::new();
    imports.import("", TABLE, table_import());
    for (n, stub) in stubs.iter().enumerate() {
        let ty = types.of(&stub.sig)?;
        functions.function(ty);
        exports.export(&numbered(n), ExportKind::Func, n as u32);
        let mut function = Function::new([]);
        let number = slot_number(stub.slot)?;
        let slot = |put: &mut InstructionSink<'_>| {
            put.i32_const(number);
        };
        call_slot(&mut function, &stub.sig, ty, slot, tail_calls);
        code.function(&function);
    }
    Ok(finish(&[
        &types.section,
        &imports,
        &functions,
        &exports,
        &code,
    ]))
}

/// One function for each missing symbol: the first call asks `resolve` for the slot (or traps in it), later calls go
/// straight through the table. The host's frame is gone before the target runs. Behind the functions the globals that keep
/// the slots are exported, for a binding that has to be taken back.
pub fn lazy_stubs(absent: &[LazyStub], tail_calls: bool) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let resolver = types.of(&Arc::new(FuncType {
        params: vec![OurValType::I32],
        results: vec![OurValType::I32],
    }))?;
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    let mut globals = GlobalSection::new();
    let mut imports = ImportSection::new();
    imports.import("", TABLE, table_import());
    imports.import("", RESOLVE, EntityType::Function(resolver));
    let mut kept: Vec<u32> = Vec::with_capacity(absent.len());
    for (n, missing) in absent.iter().enumerate() {
        let index = n as u32;
        let ty = types.of(&missing.sig)?;
        functions.function(ty);
        exports.export(&numbered(n), ExportKind::Func, index + 1);
        kept.push(index);
        // 0 is never a function's slot.
        let slot = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(slot, &ConstExpr::i32_const(0));
        let mut function = Function::new([]);
        let mut put = function.instructions();
        put.global_get(index).i32_eqz().if_(BlockType::Empty);
        put.i32_const(n as i32).call(0).global_set(index).end();
        call_slot(
            &mut function,
            &missing.sig,
            ty,
            |put| {
                put.global_get(index);
            },
            tail_calls,
        );
        code.function(&function);
    }
    for index in kept {
        exports.export(
            &numbered(absent.len() + index as usize),
            ExportKind::Global,
            index,
        );
    }
    Ok(finish(&[
        &types.section,
        &imports,
        &functions,
        &globals,
        &exports,
        &code,
    ]))
}

/// Imports functions and puts each into its slot.
pub fn fills(fills: &[(u64, Arc<FuncType>)]) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let mut imports = ImportSection::new();
    let mut elements = ElementSection::new();
    imports.import("", TABLE, table_import());
    for (n, (_, sig)) in fills.iter().enumerate() {
        imports.import("", &numbered(n), EntityType::Function(types.of(sig)?));
    }
    // New slots mostly follow each other.
    let mut functions = 0..fills.len() as u32;
    for run in fills.chunk_by(|(slot, _), (next, _)| slot.checked_add(1) == Some(*next)) {
        let Some((slot, _)) = run.first() else {
            continue;
        };
        let offset = ConstExpr::i32_const(slot_number(*slot)?);
        let functions: Vec<u32> = functions.by_ref().take(run.len()).collect();
        elements.active(Some(0), &offset, Elements::Functions(functions.into()));
    }
    Ok(finish(&[&types.section, &imports, &elements]))
}

/// Puts one function of type `sig` into the slot that an imported global names: compiled once for all slots.
pub fn fill_one(sig: &Arc<FuncType>) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let mut imports = ImportSection::new();
    imports.import("", TABLE, table_import());
    let slot = GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    };
    imports.import("", SLOT, EntityType::Global(slot));
    imports.import("", &numbered(0), EntityType::Function(types.of(sig)?));
    let mut elements = ElementSection::new();
    elements.active(
        Some(0),
        &ConstExpr::global_get(0),
        Elements::Functions((&[0][..]).into()),
    );
    Ok(finish(&[&types.section, &imports, &elements]))
}

/// The shapes of [`calls`]: how many parameters, and whether there is a result; all are i32.
pub const CALLS: [(usize, bool); 4] = [(0, false), (1, false), (3, true), (1, true)];

/// For each of [`CALLS`] a function that calls the function in the slot given first with the other arguments.
pub fn calls() -> Vec<u8> {
    let mut types = TypeSection::new();
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    let mut imports = ImportSection::new();
    imports.import("", TABLE, table_import());
    for (n, (params, result)) in CALLS.into_iter().enumerate() {
        let results = || result.then_some(ValType::I32);
        let inner = types.len();
        types.ty().function(vec![ValType::I32; params], results());
        let outer = types.len();
        types
            .ty()
            .function(vec![ValType::I32; params + 1], results());
        functions.function(outer);
        exports.export(&numbered(n), ExportKind::Func, n as u32);
        let mut function = Function::new([]);
        let mut put = function.instructions();
        for param in 0..params as u32 {
            put.local_get(param + 1);
        }
        put.local_get(0).call_indirect(0, inner).end();
        code.function(&function);
    }
    finish(&[&types, &imports, &functions, &exports, &code])
}

/// Defines and exports tags.
pub fn tags(tags: &[(Arc<str>, Arc<FuncType>)]) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let (mut section, mut exports) = (TagSection::new(), ExportSection::new());
    for (n, (_, sig)) in tags.iter().enumerate() {
        let func_type_idx = types.of(sig)?;
        section.tag(TagType {
            kind: TagKind::Exception,
            func_type_idx,
        });
        exports.export(&numbered(n), ExportKind::Tag, n as u32);
    }
    Ok(finish(&[&types.section, &section, &exports]))
}

/// A function of no parameters that does nothing.
pub fn nothing() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    functions.function(0);
    exports.export(&numbered(0), ExportKind::Func, 0);
    let mut function = Function::new([]);
    function.instructions().end();
    code.function(&function);
    finish(&[&types, &functions, &exports, &code])
}

fn slot_number(slot: u64) -> Result<i32> {
    let slot = u32::try_from(slot);
    slot.map(u32::cast_signed)
        .map_err(|_| Error::new(Code::Internal, "a slot beyond 32 bits"))
}

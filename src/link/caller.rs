//! The generated module that calls functions of one type through the table: one by its slot, or one for each row of arguments in memory.

use std::sync::Arc;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, InstructionSink, MemArg, MemoryType,
    ValType,
};

use super::glue::{MEMORY, TABLE, Types, call_slot, finish, numbered, table_import, val_type};
use crate::abi;
use crate::error::Result;
use crate::object::{FuncType, Metering, ValType as OurValType};

/// Positions of the exports. The function that calls a slot takes the function's arguments and the slot, and gives its results.
pub const CALL: usize = 0;
/// Takes how many rows there are, the slot, and for each column, parameters first, its address and its stride.
pub const ROWS: usize = 1;
/// The global that says how many rows are done.
pub const DONE: usize = 2;

/// Bytes of a value in a column; `None` for what lies in no memory.
pub fn width(ty: OurValType) -> Option<u64> {
    match ty {
        OurValType::I32 | OurValType::F32 => Some(4),
        OurValType::I64 | OurValType::F64 => Some(8),
        OurValType::V128 | OurValType::Ref { .. } => None,
    }
}

/// The module for functions of type `sig`; without [`ROWS`] where a value of theirs lies in no memory. Each row is a turn of a
/// loop, with such a check as [`meter`](crate::object::meter) makes of this kind; the last two imports are those of the checks, if these have any.
pub fn caller(sig: &Arc<FuncType>, tail_calls: bool, checks: Metering) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let callee = types.of(sig)?;
    let slot = sig.params.len() as u32;
    let call = FuncType {
        params: [&sig.params[..], &[OurValType::I32]].concat(),
        results: sig.results.clone(),
    };
    let call = types.of(&Arc::new(call))?;
    let mut imports = ImportSection::new();
    imports.import("", TABLE, table_import());
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    let checks = match has_rows(sig) {
        true => checks,
        false => Metering::Off,
    };
    // Behind what is imported.
    let first = u32::from(checks.imports().is_some());
    let done = done_global(checks);
    functions.function(call);
    exports.export(&numbered(CALL), ExportKind::Func, first);
    let mut body = Function::new([]);
    call_slot(
        &mut body,
        sig,
        callee,
        |put| {
            put.local_get(slot);
        },
        tail_calls,
    );
    code.function(&body);

    let mut globals = GlobalSection::new();
    if has_rows(sig) {
        imports.import("", MEMORY, EntityType::Memory(memory));
        if let Some([looks_at, asks]) = checks.imports() {
            let ty = match checks {
                Metering::Flag { .. } => EntityType::Memory(PAGE),
                _ => EntityType::Global(COUNTER),
            };
            imports.import(abi::CONTROL, looks_at, ty);
            let ask = types.of(&Arc::new(FuncType::default()))?;
            imports.import(abi::CONTROL, asks, EntityType::Function(ask));
        }
        functions.function(types.of(&Arc::new(rows_type(sig)))?);
        exports.export(&numbered(ROWS), ExportKind::Func, first + 1);
        globals.global(COUNTER, &ConstExpr::i64_const(0));
        exports.export(&numbered(DONE), ExportKind::Global, done);
        code.function(&rows(sig, callee, checks)?);
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

const COUNTER: GlobalType = GlobalType {
    val_type: ValType::I64,
    mutable: true,
    shared: false,
};

/// A memory that the linker makes, beside the guest's.
pub(super) const PAGE: MemoryType = MemoryType {
    minimum: 1,
    maximum: Some(1),
    memory64: false,
    shared: false,
    page_size_log2: None,
};

/// The index of the global that says how many rows are done.
fn done_global(checks: Metering) -> u32 {
    u32::from(checks == Metering::Counted)
}

/// Whether functions of the type can be called for rows.
pub fn has_rows(sig: &FuncType) -> bool {
    let mut all = sig.params.iter().chain(&sig.results);
    all.all(|&ty| width(ty).is_some())
}

fn rows_type(sig: &FuncType) -> FuncType {
    let columns = sig.params.len() + sig.results.len();
    let mut params = vec![OurValType::I64, OurValType::I32];
    params.resize(2 + 2 * columns, OurValType::I32);
    FuncType {
        params,
        results: Vec::new(),
    }
}

/// The loop. All arguments of a row are read before its results are written, and its results before the next row is read.
fn rows(sig: &FuncType, callee: u32, checks: Metering) -> Result<Function> {
    let done_global = done_global(checks);
    const COUNT: u32 = 0;
    const SLOT: u32 = 1;
    let address = |column: usize| 2 + 2 * column as u32;
    let stride = |column: usize| 3 + 2 * column as u32;
    let (params, results) = (sig.params.len(), sig.results.len());
    let done = 2 + 2 * (params + results) as u32;
    let result = |n: usize| done + 1 + n as u32;
    let mut locals = vec![(1, ValType::I64)];
    for &ty in &sig.results {
        locals.push((1, val_type(ty)?));
    }
    let mut body = Function::new(locals);
    let mut put = body.instructions();
    put.i64_const(0);
    put.global_set(done_global);
    put.block(BlockType::Empty);
    put.loop_(BlockType::Empty);
    put.local_get(done);
    put.local_get(COUNT);
    put.i64_ge_u();
    put.br_if(1);
    match checks {
        Metering::Off | Metering::Light => {}
        Metering::Counted => count_a_row(&mut put),
        Metering::Flag { .. } => look(&mut put),
    }
    for (n, &ty) in sig.params.iter().enumerate() {
        put.local_get(address(n));
        load(&mut put, ty, UNALIGNED);
    }
    put.local_get(SLOT);
    put.call_indirect(0, callee);
    for n in (0..results).rev() {
        put.local_set(result(n));
    }
    for (n, &ty) in sig.results.iter().enumerate() {
        put.local_get(address(params + n));
        put.local_get(result(n));
        store(&mut put, ty, UNALIGNED);
    }
    for column in 0..params + results {
        put.local_get(address(column));
        put.local_get(stride(column));
        put.i32_add();
        put.local_set(address(column));
    }
    put.local_get(done);
    put.i64_const(1);
    put.i64_add();
    put.local_tee(done);
    put.global_set(done_global);
    put.br(0);
    put.end();
    put.end();
    put.end();
    Ok(body)
}

/// Asks where the flag, in the memory behind the guest's own, is raised.
fn look(put: &mut InstructionSink<'_>) {
    let flag = MemArg {
        offset: 0,
        align: 2,
        memory_index: 1,
    };
    put.i32_const(0).i32_atomic_load(flag);
    put.if_(BlockType::Empty).call(0).end();
}

/// Takes a unit for a row; below zero it asks.
fn count_a_row(put: &mut InstructionSink<'_>) {
    put.global_get(0).i64_const(1).i64_sub().global_set(0);
    put.global_get(0).i64_const(0).i64_lt_s();
    put.if_(BlockType::Empty).call(0).end();
}

/// Any address will do.
const UNALIGNED: MemArg = MemArg {
    offset: 0,
    align: 0,
    memory_index: 0,
};

/// Of what [`has_rows`].
pub(super) fn load(put: &mut InstructionSink<'_>, ty: OurValType, from: MemArg) {
    match ty {
        OurValType::I64 => put.i64_load(from),
        OurValType::F32 => put.f32_load(from),
        OurValType::F64 => put.f64_load(from),
        _ => put.i32_load(from),
    };
}

/// Of what [`has_rows`].
pub(super) fn store(put: &mut InstructionSink<'_>, ty: OurValType, to: MemArg) {
    match ty {
        OurValType::I64 => put.i64_store(to),
        OurValType::F32 => put.f32_store(to),
        OurValType::F64 => put.f64_store(to),
        _ => put.i32_store(to),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_is_valid() {
        use OurValType::{F32, F64, I32, I64};
        const FUNCREF: OurValType = OurValType::Ref {
            nullable: true,
            heap: crate::object::HeapType::Func,
        };
        let types: [(&[OurValType], &[OurValType]); 4] = [
            (&[], &[]),
            (&[I32, I32], &[I32]),
            (&[I32, I64, F32, F64], &[F64, F32, I64, I32]),
            (&[FUNCREF], &[I32]),
        ];
        for (params, results) in types {
            let sig = Arc::new(FuncType {
                params: params.to_vec(),
                results: results.to_vec(),
            });
            let all = [
                Metering::Off,
                Metering::Counted,
                Metering::Flag { aside: true },
            ];
            let ways = all.map(|checks| [(false, checks), (true, checks)]);
            for (tail_calls, checks) in ways.into_iter().flatten() {
                let bytes = caller(&sig, tail_calls, checks).unwrap();
                wasmparser::validate(&bytes).unwrap();
            }
        }
    }
}

//! The generated module that calls one function with arguments out of a memory of the linker's, and leaves the results there.
//!
//! An engine's `wasm_func_call` looks at each value, and some take memory for them; a function that takes and gives nothing costs them about
//! half. What the guest's stack pointer is when the call begins is left in that memory as well, so that the host need not ask the engine for it.

use std::sync::Arc;

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalType,
    ImportSection, MemArg, ValType,
};

use super::caller::{PAGE, load, store};
use super::glue::{Types, finish, numbered, val_type};
use crate::error::Result;
use crate::object::FuncType;

/// The word for the stack pointer, as a number of 64 bits: no pointer is [`UNTOLD`].
pub const STACK: usize = 0;
/// What the host writes there before each call.
pub const UNTOLD: u64 = u64::MAX;
/// The word of the first argument and of the first result. Each further one is in the next.
pub const FIRST: usize = 1;

/// How many words are used by a function of a type.
pub fn words(sig: &FuncType) -> usize {
    FIRST + sig.params.len().max(sig.results.len())
}

/// The module for functions of a type of numbers alone. It imports the memory, the function and the guest's stack pointer; its one export is
/// the function that calls.
pub fn carrier(sig: &Arc<FuncType>) -> Result<Vec<u8>> {
    let mut types = Types::default();
    let (callee, call) = (types.of(sig)?, types.of(&Arc::new(FuncType::default()))?);
    let mut imports = ImportSection::new();
    imports.import("", &numbered(0), EntityType::Memory(PAGE));
    imports.import("", &numbered(1), EntityType::Function(callee));
    let stack_pointer = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    imports.import("", &numbered(2), EntityType::Global(stack_pointer));
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    functions.function(call);
    exports.export(&numbered(0), ExportKind::Func, 1);
    code.function(&body(sig)?);
    Ok(finish(&[
        &types.section,
        &imports,
        &functions,
        &exports,
        &code,
    ]))
}

/// All arguments are read before the function is called, which may lead to other calls with the same memory.
fn body(sig: &FuncType) -> Result<Function> {
    let mut locals = Vec::new();
    for &ty in &sig.results {
        locals.push((1, val_type(ty)?));
    }
    let mut body = Function::new(locals);
    let mut put = body.instructions();
    put.i32_const(0);
    put.global_get(0);
    put.i64_extend_i32_u();
    put.i64_store(word(STACK));
    for (n, &ty) in sig.params.iter().enumerate() {
        put.i32_const(0);
        load(&mut put, ty, word(FIRST + n));
    }
    put.call(0);
    for n in (0..sig.results.len() as u32).rev() {
        put.local_set(n);
    }
    for (n, &ty) in sig.results.iter().enumerate() {
        put.i32_const(0);
        put.local_get(n as u32);
        store(&mut put, ty, word(FIRST + n));
    }
    put.end();
    Ok(body)
}

/// The place of a word.
fn word(n: usize) -> MemArg {
    MemArg {
        offset: (n * size_of::<u64>()) as u64,
        align: 2,
        memory_index: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ValType::{F32, F64, I32, I64};
    use wasmparser::{Operator, Parser, Payload};

    /// The places that the code uses, in order.
    fn used(bytes: &[u8]) -> Vec<u64> {
        let mut used = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let Payload::CodeSectionEntry(body) = payload.unwrap() else {
                continue;
            };
            for operator in body.get_operators_reader().unwrap() {
                match operator.unwrap() {
                    Operator::I32Load { memarg: at }
                    | Operator::I64Load { memarg: at }
                    | Operator::F32Load { memarg: at }
                    | Operator::F64Load { memarg: at }
                    | Operator::I32Store { memarg: at }
                    | Operator::I64Store { memarg: at }
                    | Operator::F32Store { memarg: at }
                    | Operator::F64Store { memarg: at } => used.push(at.offset),
                    _ => {}
                }
            }
        }
        used
    }

    #[test]
    fn what_is_generated_is_valid_and_keeps_to_its_words() {
        for (params, results) in [
            (vec![], vec![]),
            (vec![I32, I32], vec![I32]),
            (vec![I32, I64, F32, F64], vec![F64, F32, I64, I32, I32]),
            (vec![I64; 1000], vec![F64; 1000]),
        ] {
            let sig = Arc::new(FuncType { params, results });
            let bytes = carrier(&sig).unwrap();
            wasmparser::validate(&bytes).unwrap();
            let first = FIRST as u64 * 8;
            let values = |count| (0..count as u64).map(move |n| first + 8 * n);
            let expected: Vec<u64> = [STACK as u64 * 8]
                .into_iter()
                .chain(values(sig.params.len()))
                .chain(values(sig.results.len()))
                .collect();
            assert_eq!(used(&bytes), expected);
            let last = first + 8 * sig.params.len().max(sig.results.len()) as u64;
            assert_eq!(words(&sig) as u64 * 8, last);
        }
    }
}

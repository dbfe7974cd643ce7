//! A library in the place of the linker's own functions, for programs that are linked into one module: they fail, and `dlerror` says why.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalType, ImportSection, Instruction, MemArg, MemoryType, Module, RefType,
    TableType, TypeSection, ValType,
};

use super::{info, libc};
use crate::abi;
use crate::object::mem_info;

/// What the library is called, in maps and in names of functions.
pub const NAME: &str = "no-dlopen";

/// What `dlerror` gives.
pub const WHY: &str = "this program was linked without dlopen";

/// Layout of its data: the text, with its NUL; whether `dlerror` has something to tell; the one object that there is.
const TEXT_SIZE: u32 = (WHY.len() as u32 + 1).next_multiple_of(8);
const TOLD: u32 = TEXT_SIZE;
const OBJECT: u32 = TOLD + 8;
const SIZE: u32 = OBJECT + info::PHDR_INFO_SIZE as u32;
/// In `dl_phdr_info`: the name, and how many objects have been loaded.
const OBJECT_NAME: u32 = OBJECT + 4;
const OBJECT_ADDS: u32 = OBJECT + 16;

/// The only global: where the data begin.
const BASE: u32 = 0;
/// The first types are those of functions of so many parameters that give a number.
const MAX_PARAMS: u32 = 3;

/// The library's bytes: it defines all functions of C's dlfcn.h that the linker has.
pub fn library() -> Vec<u8> {
    let services = || libc::SERVICES.iter().chain(info::SERVICES);
    let mut types = TypeSection::new();
    for params in 0..=MAX_PARAMS {
        let params = vec![ValType::I32; params as usize];
        types.ty().function(params, [ValType::I32]);
    }
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    for (service, number) in services().zip(0..) {
        functions.function(service.params as u32);
        exports.export(service.name, ExportKind::Func, number);
        let mut function = Function::new([]);
        for instruction in body(service.name) {
            function.instruction(&instruction);
        }
        function.instruction(&Instruction::End);
        code.function(&function);
    }
    let mut data = DataSection::new();
    let mut bytes = vec![0; SIZE as usize];
    for (place, byte) in bytes.iter_mut().zip(WHY.bytes()) {
        *place = byte;
    }
    data.active(0, &ConstExpr::global_get(BASE), bytes);

    let mut module = Module::new();
    module
        .section(&mem_info(SIZE, 3))
        .section(&types)
        .section(&imports())
        .section(&functions)
        .section(&exports)
        .section(&code)
        .section(&data);
    module.finish()
}

fn imports() -> ImportSection {
    let memory = MemoryType {
        minimum: 0,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let table = TableType {
        element_type: RefType::FUNCREF,
        minimum: 0,
        maximum: None,
        table64: false,
        shared: false,
    };
    let base = GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    };
    let mut imports = ImportSection::new();
    imports
        .import(abi::ENV, abi::MEMORY, EntityType::Memory(memory))
        .import(
            abi::ENV,
            abi::INDIRECT_FUNCTION_TABLE,
            EntityType::Table(table),
        )
        .import(abi::ENV, abi::MEMORY_BASE, EntityType::Global(base));
    imports
}

/// What each function does instead.
fn body(name: &str) -> Vec<Instruction<'static>> {
    let nothing = |value: i32| vec![Instruction::I32Const(value)];
    match name {
        abi::DLERROR => error(),
        // As elsewhere, it fails without a text.
        "dladdr" => nothing(0),
        "dl_iterate_phdr" => iterate(),
        "dlclose" | "dlinfo" => failure(-1),
        _ => failure(0),
    }
}

fn at(offset: u32) -> MemArg {
    MemArg {
        offset: offset.into(),
        align: 2,
        memory_index: 0,
    }
}

/// Leaves something to tell.
fn failure(value: i32) -> Vec<Instruction<'static>> {
    vec![
        Instruction::GlobalGet(BASE),
        Instruction::I32Const(1),
        Instruction::I32Store(at(TOLD)),
        Instruction::I32Const(value),
    ]
}

/// The text, if something was left to tell since the last time.
fn error() -> Vec<Instruction<'static>> {
    vec![
        Instruction::GlobalGet(BASE),
        Instruction::I32Const(0),
        Instruction::GlobalGet(BASE),
        Instruction::I32Load(at(TOLD)),
        Instruction::Select,
        Instruction::GlobalGet(BASE),
        Instruction::I32Const(0),
        Instruction::I32Store(at(TOLD)),
    ]
}

/// Tells of one object without a name, as C libraries without dynamic linking do.
fn iterate() -> Vec<Instruction<'static>> {
    vec![
        // The callback may have written into it the last time.
        Instruction::GlobalGet(BASE),
        Instruction::GlobalGet(BASE),
        // The empty text.
        Instruction::I32Const(WHY.len() as i32),
        Instruction::I32Add,
        Instruction::I32Store(at(OBJECT_NAME)),
        Instruction::GlobalGet(BASE),
        Instruction::I64Const(1),
        Instruction::I64Store(MemArg {
            align: 3,
            ..at(OBJECT_ADDS)
        }),
        Instruction::GlobalGet(BASE),
        Instruction::I32Const(OBJECT as i32),
        Instruction::I32Add,
        Instruction::I32Const(info::PHDR_INFO_SIZE as i32),
        Instruction::LocalGet(1),
        Instruction::LocalGet(0),
        Instruction::CallIndirect {
            type_index: MAX_PARAMS,
            table_index: 0,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{ExternType, Object, ParseLimits};

    #[test]
    fn it_is_a_library_with_all_functions_of_c() {
        let bytes = library();
        wasmparser::Validator::new()
            .validate_all(&bytes)
            .expect("a module");
        let object = Object::parse(&bytes, &ParseLimits::default()).expect("a library");
        let dylink = object.dylink.as_ref().expect("a library");
        assert_eq!(dylink.memory_size, u64::from(SIZE));
        for service in libc::SERVICES.iter().chain(info::SERVICES) {
            assert!(
                object.position(service.name).is_some(),
                "{} is not there",
                service.name
            );
            assert!(service.params as u32 <= MAX_PARAMS && service.result);
        }
        let function = |import: &ExternType| matches!(import, ExternType::Func(_));
        assert!(!object.imports.iter().any(|import| function(import.ty)));
    }
}

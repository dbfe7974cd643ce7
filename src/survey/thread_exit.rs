//! A library in the place of the linker's `__cxa_thread_atexit`, for programs that are linked into one module: C libraries without threads do not
//! define it. Destructors of thread_local objects become exit handlers there, in the order in which they are registered.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, Module, TypeSection, ValType,
};

use crate::abi;
use crate::object::mem_info;
use crate::plan::Found;

/// What the library is called, in maps and in names of functions.
pub(super) const NAME: &str = "thread-exit";

/// Whether an object imports the function, and none defines it.
pub(super) fn is_wanted(objects: &[Found]) -> bool {
    let name = abi::CXA_THREAD_ATEXIT;
    let imports = |found: &Found| {
        let mut imports = found.object.imports.iter();
        imports.any(|import| {
            let module = import.module.as_ref();
            import.name.text() == name && [abi::ENV, abi::GOT_FUNC].contains(&module)
        })
    };
    objects.iter().any(imports)
        && objects
            .iter()
            .all(|found| found.object.position(name).is_none())
}

/// The library's bytes. It calls the C library's `__cxa_atexit`, which takes the same arguments.
pub(super) fn library() -> Vec<u8> {
    const PARAMS: [ValType; 3] = [ValType::I32; 3];
    let mut types = TypeSection::new();
    types.ty().function(PARAMS, [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import(abi::ENV, abi::CXA_ATEXIT, EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut exports = ExportSection::new();
    exports.export(abi::CXA_THREAD_ATEXIT, ExportKind::Func, 1);
    let mut function = Function::new([]);
    for local in 0..PARAMS.len() {
        function.instruction(&Instruction::LocalGet(local as u32));
    }
    function.instruction(&Instruction::Call(0));
    function.instruction(&Instruction::End);
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module
        .section(&mem_info(0, 0))
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module.finish()
}

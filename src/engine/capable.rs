//! Whether an engine can host shared libraries at all: asked before anything is loaded.
//!
//! Everything that libraries share is an import that the linker made: memory, table, base addresses. WAMR takes such imports
//! and ignores them (Q8); libraries on it would each see a memory of their own, or none.

use super::externs::{ExternKind, ExternPtr, Global};
use super::memory::Memory;
use super::module::{Instance, Module};
use super::store::Store;
use super::types::EngineGlobalType;
use super::val::Val;
use crate::error::{Code, Error, Result};
use crate::object::{GlobalType, Limits, MemoryType, ValType};

/// The module, whose start function stores the global at address 0 and sets the global to what lies at address 4.
///
/// (import "" "g" (global (mut i32))) (import "" "m" (memory 1))
/// (start (i32.store (i32.const 0) (global.get 0)) (global.set 0 (i32.load offset=4 (i32.const 0))))
#[rustfmt::skip]
const MODULE: &[u8] = &[
    b'\0', b'a', b's', b'm', 1, 0, 0, 0,
    1, 4, 1, 0x60, 0, 0, // a type: () -> ()
    2, 13, 2, 0, 1, b'g', 3, 0x7f, 1, 0, 1, b'm', 2, 0, 1, // imports
    3, 2, 1, 0, // a function
    8, 1, 0, // is the start function
    10, 18, 1, 16, 0, // its code: store, load
    0x41, 0, 0x23, 0, 0x36, 2, 0,
    0x41, 0, 0x28, 2, 4, 0x24, 0, 0x0b,
];

const FROM_GLOBAL: u32 = 0x600d_0001;
const FROM_MEMORY: u32 = 0x600d_0002;

/// Fails, naming the engine and the reason, where instances do not see the memories and globals that they are given.
///
/// Asked once for each engine: it takes the compilation of a tiny module, and an instance of `store`.
pub fn can_link(store: Store) -> Result<()> {
    let api = store.api();
    if api.capable.get().is_some() || store.shim().known_to_link() {
        return Ok(());
    }
    ask(store)?;
    // Only success is kept: what failed for want of memory may work the next time.
    let _ = api.capable.set(());
    Ok(())
}

pub(super) fn ask(store: Store) -> Result<()> {
    let api = store.api();
    let memory_type = MemoryType {
        limits: Limits {
            min: 1,
            max: Some(1),
        },
        shared: false,
        memory64: false,
        page_log2: None,
    };
    let memory = Memory::new(store, memory_type).map_err(|e| cannot(store, e.message()))?;
    let global_type = GlobalType {
        content: ValType::I32,
        mutable: true,
    };
    let engine_type = EngineGlobalType::new(api, global_type)?;
    let global = Global::new(store, &engine_type, Val::u32(FROM_GLOBAL))
        .map_err(|e| cannot(store, e.message()))?;
    if memory.write_u32(4, FROM_MEMORY).is_err() {
        let why = "a memory made through wasm.h has not the size that was asked for";
        return Err(cannot(store, why));
    }

    let module = Module::compile(store, MODULE).ok_or_else(|| {
        cannot(
            store,
            "it refuses a module that imports a memory and a global",
        )
    })?;
    let imports: Vec<ExternPtr<'_>> = module
        .imports()
        .iter()
        .map(|import| match import.kind {
            ExternKind::Memory => memory.as_extern(),
            _ => global.as_extern(),
        })
        .collect();
    if imports.len() != 2 {
        return Err(cannot(store, "it does not list a module's imports"));
    }
    let _instance = Instance::new(store, &module, &imports).map_err(|error| {
        let cause = error
            .trap
            .map_or_else(|| "it gives no reason".to_string(), |t| t.cause());
        let why =
            format!("a module that imports a memory and a global cannot be instantiated: {cause}");
        cannot(store, &why)
    })?;
    let ignored = match (memory.read_u32(0), global.get().as_u32()) {
        (Ok(FROM_GLOBAL), Some(FROM_MEMORY)) => return Ok(()),
        // With neither, the memory is the one that all the rest stands on.
        (Ok(0) | Err(_), _) => "memories",
        _ => "globals",
    };
    let why = format!(
        "instances do not see the {ignored} that they import, and libraries share theirs in no other way"
    );
    Err(cannot(store, &why))
}

fn cannot(store: Store, why: &str) -> Error {
    let name = store.shim().name();
    let file = store.api().file().unwrap_or_default();
    Error::new(
        Code::Unsupported,
        format!(
            "the engine in {} ({name}) cannot host shared libraries: {why}",
            file.display()
        ),
    )
}

#[cfg(all(test, feature = "wasmtime"))]
mod tests {
    use super::super::{Api, EngineOptions, shim};
    use super::*;

    #[test]
    fn the_bundled_engine_can() {
        let api = Api::linked();
        let engine = shim::of(api).new_engine(api, &EngineOptions::default());
        let engine = engine.unwrap();
        let store = engine.new_store().unwrap();
        ask(store.store()).unwrap();
    }

    #[test]
    fn the_module_is_the_text() {
        let text = r#"(module
            (import "" "g" (global (mut i32))) (import "" "m" (memory 1))
            (func
                (i32.store (i32.const 0) (global.get 0))
                (global.set 0 (i32.load offset=4 (i32.const 0))))
            (start 0))"#;
        assert_eq!(MODULE, wat::parse_str(text).unwrap());
    }
}

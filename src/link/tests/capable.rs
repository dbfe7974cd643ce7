//! An engine on which nothing can be linked, and one that gives names in a way of its own.

use super::world::World;
use crate::engine::Api;
use crate::engine::sys::*;
use crate::error::Code;
use crate::link::Flags;
use crate::plan::Plt;

/// The instance gets a memory of its own in place of the one that it imports.
unsafe extern "C" fn wasm_instance_new(
    store: *mut wasm_store_t,
    module: *const wasm_module_t,
    imports: *const wasm_extern_vec_t,
    trap: *mut *mut wasm_trap_t,
) -> *mut wasm_instance_t {
    let api = Api::linked();
    let limits = wasm_limits_t { min: 1, max: 1 };
    // SAFETY: the caller's own arguments, but for the memory, which takes the place of another.
    unsafe {
        let ty = (api.wasm_memorytype_new)(&raw const limits);
        let other = (api.wasm_memory_as_extern)((api.wasm_memory_new)(store, ty));
        (api.wasm_memorytype_delete)(ty);
        let mut own = std::slice::from_raw_parts((*imports).data, (*imports).size).to_vec();
        for item in &mut own {
            if (api.wasm_extern_kind)(*item) == WASM_EXTERN_MEMORY {
                *item = other;
            }
        }
        let view = wasm_extern_vec_t {
            size: own.len(),
            data: own.as_mut_ptr(),
        };
        let made = (api.wasm_instance_new)(store, module, &raw const view, trap);
        (api.wasm_extern_delete)(other);
        made
    }
}

#[test]
fn an_engine_that_ignores_imports_is_refused_by_name() {
    let api = Box::leak(Box::new(Api {
        wasm_instance_new,
        ..Api::linked_but_unknown()
    }));
    let world = World::new(api, Plt::Auto);
    world.put(
        "lib.so",
        "(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))))",
    );
    // What is made once and kept is made before.
    world.ns.define_services().unwrap();
    let before = world.snapshot();
    let error = world.open("lib.so", Flags::default()).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    for text in [
        "loading lib.so",
        "the engine in ",
        "cannot host shared libraries",
        "memories",
    ] {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(before, world.snapshot());
}

/// The same name with the NUL behind it, as an engine that counts it gives it.
///
/// # Safety
/// `name` is a vector that is alive.
unsafe fn counted(name: *const wasm_byte_vec_t) -> *const wasm_byte_vec_t {
    // SAFETY: by the caller's promise.
    let bytes = unsafe { &*name };
    let mut text = match bytes.size {
        0 => Vec::new(),
        // SAFETY: as above.
        size => unsafe { std::slice::from_raw_parts(bytes.data.cast::<u8>(), size) }.to_vec(),
    };
    text.push(0);
    // As long as the test.
    let text = Box::leak(text.into_boxed_slice());
    Box::leak(Box::new(wasm_byte_vec_t {
        size: text.len(),
        data: text.as_mut_ptr().cast(),
    }))
}

unsafe extern "C" fn wasm_importtype_module(
    ty: *const wasm_importtype_t,
) -> *const wasm_byte_vec_t {
    // SAFETY: the caller's own argument.
    unsafe { counted((Api::linked().wasm_importtype_module)(ty)) }
}

unsafe extern "C" fn wasm_importtype_name(ty: *const wasm_importtype_t) -> *const wasm_byte_vec_t {
    // SAFETY: the caller's own argument.
    unsafe { counted((Api::linked().wasm_importtype_name)(ty)) }
}

unsafe extern "C" fn wasm_exporttype_name(ty: *const wasm_exporttype_t) -> *const wasm_byte_vec_t {
    // SAFETY: the caller's own argument.
    unsafe { counted((Api::linked().wasm_exporttype_name)(ty)) }
}

#[test]
fn an_engine_that_counts_the_end_of_names_is_understood() {
    let api = Box::leak(Box::new(Api {
        wasm_importtype_module,
        wasm_importtype_name,
        wasm_exporttype_name,
        ..Api::linked_but_unknown()
    }));
    let world = World::new(api, Plt::Auto);
    world.put(
        "libone.so",
        r#"(module (@dylink.0 (mem-info (memory 4 2) (table 0 0)))
            (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
            (func (export "one") (result i32) (i32.load (global.get $base)))
            (data (global.get $base) "\01\00\00\00"))"#,
    );
    world.put(
        "libtwo.so",
        r#"(module (@dylink.0 (needed "libone.so"))
            (import "env" "one" (func $one (result i32))) (import "GOT.func" "one" (global (mut i32)))
            (func (export "two") (result i32) (i32.add (call $one) (call $one))))"#,
    );
    world.open("libtwo.so", Flags::default()).unwrap();
}

//! Modules, instances, calls and types.

use super::{FUNCREF, Fixture, func_type};
use crate::engine::*;
use crate::error::Code;
use crate::object::ValType;
use crate::object::ValType::{F32, F64, I32, I64};

#[test]
fn calls_a_function() {
    let f = Fixture::new();
    let i = f.instance(
        r#"(module (func (export "add") (param i32 i64 f32 f64) (result f64 i32)
            local.get 3 local.get 2 f64.promote_f32 f64.add local.get 0 local.get 1 i32.wrap_i64 i32.add))"#,
        &[],
    );
    let exports = i.exports();
    let item = exports.get(0).unwrap();
    let func = item.as_func().unwrap();
    let mut results = [Val::i32(0); 2];
    func.call(
        &[Val::i32(-7), Val::i64(9), Val::f32(1.5), Val::f64(2.0)],
        &mut results,
    )
    .unwrap();
    assert_eq!(results[0].as_f64(), Some(3.5));
    assert_eq!(results[1].as_i32(), Some(2));
    assert_eq!((func.param_arity(), func.result_arity()), (4, 2));
    assert_eq!(
        func.ty().unwrap().to_string(),
        "(i32, i64, f32, f64) -> (f64, i32)"
    );
    assert!(item.as_global().is_none() && item.as_table().is_none() && item.as_memory().is_none());
}

/// Handles that are made one at a time are those that the header's way makes all at once.
#[test]
fn exports_are_made_when_asked_for() {
    let f = Fixture::new();
    // Few are made all at once.
    let more: String = (0..100)
        .map(|n| format!(r#"(export "more{n}" (func $seven))"#))
        .collect();
    let text = format!(
        r#"(module
            (func $seven (result i32) i32.const 7) (global $n (mut i32) (i32.const 5)) (table $t 3 funcref) (memory $m 2) (tag $x)
            (func $n (export "n") (result i32) global.get $n)
            (export "zz" (func $seven)) (export "" (memory $m)) (export "aa" (table $t)) (export "x" (tag $x))
            (export "g" (global $n)) (export "again" (func $seven)) {more})"#
    );
    let i = f.instance(&text, &[]);
    let (all, asked) = (i.exports(), i.exports_on_demand(f.store(), None));
    assert_eq!((asked.len(), asked.is_empty()), (all.len(), false));
    assert!(asked.get(all.len()).is_none() && asked.get(usize::MAX).is_none());
    for at in (0..all.len()).rev() {
        let (one, same) = (all.get(at).unwrap(), asked.get(at).unwrap());
        assert_eq!(one.kind(), same.kind(), "{at}");
        assert_eq!(
            same.as_extern().raw(),
            asked.get(at).unwrap().as_extern().raw()
        );
        assert_ne!(same.as_extern().raw(), one.as_extern().raw());
    }
    // They outlive the instance's handle, and are the same objects.
    drop(i);
    let number = |exports: &ExternVec, at| {
        let mut results = [Val::i32(0)];
        let item = exports.get(at).unwrap();
        item.as_func().unwrap().call(&[], &mut results).unwrap();
        results[0].as_i32().unwrap()
    };
    assert_eq!((number(&asked, 1), number(&asked, 6)), (7, 7));
    let global = asked.get(5).unwrap();
    global.as_global().unwrap().set(Val::i32(8));
    assert_eq!((number(&all, 0), number(&asked, 0)), (8, 8));
    assert_eq!(asked.get(2).unwrap().as_memory().unwrap().pages(), 2);
    assert_eq!(asked.get(3).unwrap().as_table().unwrap().size(), 3);
    // As imports, in place of the others.
    let imports = [asked.get(4).unwrap(), asked.get(1).unwrap()];
    let user = f.instance(
        r#"(module (import "e" "x" (tag)) (import "e" "f" (func $f (result i32)))
            (func (export "caught") (result i32) (block $h (try_table (catch 0 $h) (throw 0))) (i32.add (call $f) (i32.const 1))))"#,
        &imports.each_ref().map(|item| item.as_extern()),
    );
    assert_eq!(number(&user.exports_on_demand(f.store(), None), 0), 8);
}

#[test]
fn vectors_of_a_c_host() {
    use crate::engine::sys::{wasm_val_t, wasm_val_vec_t};
    let mut values = [std::mem::MaybeUninit::<wasm_val_t>::uninit(); 2];
    let mut vec = wasm_val_vec_t {
        size: 2,
        data: values.as_mut_ptr().cast(),
    };
    // SAFETY: room for two values; NULL; and what was written before.
    unsafe {
        let results = host_results(&raw mut vec);
        results[1] = Val::i64(7);
        assert!(host_results(std::ptr::null_mut()).is_empty());
        assert!(host_args(std::ptr::null()).is_empty());
        let args = host_args(&raw const vec);
        assert_eq!((args[0].as_i32(), args[1].as_i64()), (Some(0), Some(7)));
    }
}

#[test]
fn reads_types_that_the_header_lacks() {
    let f = Fixture::new();
    let i = f.instance(
        r#"(module (func (export "f") (param v128 exnref) (result v128) local.get 0))"#,
        &[],
    );
    let ty = i.exports().get(0).unwrap().as_func().unwrap().ty().unwrap();
    assert_eq!(ty.to_string(), "(v128, exnref) -> v128");
    let refused = EngineFuncType::new(Api::linked(), &ty).err().unwrap();
    assert_eq!(refused.code(), Code::Unsupported);
    assert!(refused.message().contains("v128"), "{refused}");
}

#[test]
fn types_go_there_and_back() {
    let f = Fixture::new();
    let types = [
        func_type(&[], &[]),
        func_type(&[I32; 40], &[I64, F32, F64]),
        func_type(&[FUNCREF], &[FUNCREF]),
    ];
    for ty in types {
        let engine_type = EngineFuncType::new(Api::linked(), &ty).unwrap();
        // SAFETY: alive.
        assert_eq!(unsafe { func_type_of(engine_type.raw()) }, Some(ty.clone()));
        let func = HostFunc::new(f.store(), &ty, Box::new(|_, _| Ok(()))).unwrap();
        assert_eq!(func.func().ty(), Some(ty));
    }
}

unsafe fn func_type_of(raw: *const sys::wasm_functype_t) -> Option<crate::object::FuncType> {
    // SAFETY: by the caller's promise.
    unsafe { crate::engine::func_type(Api::linked(), raw) }
}

#[test]
fn the_engine_lists_imports_in_order() {
    let f = Fixture::new();
    let m = f.module(
        r#"(module
            (import "z" "g" (global i32)) (import "a" "f" (func)) (import "z" "g" (global i32))
            (import "m" "" (memory 1)) (import "é" "t" (table 1 funcref)) (import "e" "x" (tag))
            (export "zz" (func 0)) (export "" (memory 0)) (export "aa" (table 0)) (export "t" (tag 0)) (export "g" (global 1)))"#,
    );
    let imports = m.imports();
    let seen: Vec<_> = imports
        .iter()
        .map(|i| {
            (
                str::from_utf8(i.module).unwrap(),
                str::from_utf8(i.name).unwrap(),
                i.kind,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("z", "g", ExternKind::Global),
            ("a", "f", ExternKind::Func),
            ("z", "g", ExternKind::Global),
            ("m", "", ExternKind::Memory),
            ("é", "t", ExternKind::Table),
            ("e", "x", ExternKind::Tag),
        ]
    );
    let exports = m.exports();
    let seen: Vec<_> = exports.iter().map(|e| (e.name, e.kind)).collect();
    assert_eq!(
        seen,
        [
            (&b"zz"[..], ExternKind::Func),
            (b"", ExternKind::Memory),
            (b"aa", ExternKind::Table),
            (b"t", ExternKind::Tag),
            (b"g", ExternKind::Global),
        ]
    );
    assert!(f.store().shim().import_order_is_declared());
    assert_eq!((imports.len(), exports.len()), (6, 5));
}

#[test]
fn invalid_modules_are_explained() {
    let f = Fixture::new();
    assert!(Module::new(f.store(), b"").is_none());
    assert!(Module::new(f.store(), b"\0asm\x01\0\0\0\xff").is_none());
    let bad = wat::parse_str("(module (func (result i32)))").unwrap();
    assert!(Module::new(f.store(), &bad).is_none());
    assert!(!Module::validate(f.store(), &bad));
    let shim = f.store().shim();
    for engine in [None, Some(f.engine().raw())] {
        // SAFETY: the fixture's engine.
        let text = unsafe { shim.explain_compile_failure(engine, &bad) }.unwrap();
        assert!(text.contains("type mismatch"), "{text}");
    }
    let good = wat::parse_str("(module)").unwrap();
    // SAFETY: no engine.
    assert_eq!(unsafe { shim.explain_compile_failure(None, &good) }, None);
}

#[test]
fn what_an_instantiation_failed_with() {
    let f = Fixture::new();
    let fail = |text: &str, imports: &[ExternPtr<'_>]| {
        let error = Instance::new(f.store(), &f.module(text), imports)
            .err()
            .unwrap();
        (error.stage, error.trap.unwrap().cause())
    };
    let wants = r#"(module (import "env" "f" (func (param i32))))"#;
    let (stage, text) = fail(wants, &[]);
    assert_eq!(stage, Stage::Link);
    assert!(text.contains("expected 1 imports, found 0"), "{text}");

    let host = |results: &'static [ValType], body: HostBody| {
        HostFunc::new(f.store(), &func_type(&[], results), body).unwrap()
    };
    let quiet = host(&[I64], Box::new(|_, _| Ok(())));
    let (stage, text) = fail(wants, &[quiet.as_extern()]);
    assert_eq!(stage, Stage::Link);
    assert!(text.contains("types incompatible"), "{text}");

    let start = r#"(module (import "env" "f" (func $f)) (start $f))"#;
    let failing = host(&[], Box::new(|_, _| Err("not today".into())));
    assert_eq!(
        fail(
            r#"(module (import "env" "f" (func $f)) (func $g (call $f)) (start $g))"#,
            &[failing.as_extern()]
        ),
        (Stage::Run, "not today".into())
    );
    // Without a frame of guest code the engine's trap does not show that anything ran.
    assert_eq!(
        fail(start, &[failing.as_extern()]),
        (Stage::Link, "not today".into())
    );
    assert_eq!(
        fail("(module (func $g unreachable) (start $g))", &[]),
        (Stage::Run, "wasm `unreachable` instruction executed".into())
    );
    let (stage, text) = fail(r#"(module (memory 1) (data (i32.const 65536) "x"))"#, &[]);
    assert_eq!(stage, Stage::Run);
    assert!(text.contains("out of bounds memory access"), "{text}");
}

#[test]
fn a_tag_is_passed_on_between_modules() {
    let f = Fixture::new();
    let a = f.instance(r#"(module (tag (export "x") (param i32)))"#, &[]);
    let a_exports = a.exports();
    let tag = a_exports.get(0).unwrap();
    assert_eq!(tag.kind(), ExternKind::Tag);
    let b = f.instance(
        r#"(module (import "e" "x" (tag $x (param i32))) (func (export "throw") (throw $x (i32.const 42))))"#,
        &[tag.as_extern()],
    );
    let b_exports = b.exports();
    // An owned handle of its own serves as well.
    let tag = tag.duplicate().unwrap();
    let c = f.instance(
        r#"(module (import "e" "x" (tag $x (param i32))) (import "e" "throw" (func $throw))
            (func (export "catch") (result i32)
                (block (result i32) (try_table (catch $x 0) (call $throw)) (i32.const -1))))"#,
        &[tag.as_extern(), b_exports.get(0).unwrap().as_extern()],
    );
    let mut result = [Val::i32(0)];
    let exports = c.exports();
    exports
        .get(0)
        .unwrap()
        .as_func()
        .unwrap()
        .call(&[], &mut result)
        .unwrap();
    assert_eq!(result[0].as_i32(), Some(42));
}

#[test]
fn features() {
    let f = Fixture::new();
    let features = EngineFeatures::default();
    let has: Vec<_> = Feature::ALL
        .into_iter()
        .filter(|&feature| features.has(f.store(), feature))
        .collect();
    assert_eq!(
        has,
        [
            Feature::TailCalls,
            Feature::Exceptions,
            Feature::Simd,
            Feature::Memory64,
            Feature::MultiMemory,
            Feature::ReferenceTypes,
            Feature::ExtendedConst,
            Feature::BulkMemory,
            Feature::SignExtension,
            Feature::SaturatingConversions,
            Feature::MultiValue,
        ]
    );
}

#[test]
fn probes_use_their_feature_and_are_right_otherwise() {
    use wasmparser::{Validator, WasmFeatures};
    for feature in Feature::ALL {
        let text = match feature {
            Feature::TailCalls => "(table 1 funcref) (func i32.const 0 return_call_indirect)",
            Feature::Exceptions => "(tag) (func (block (try_table (catch_all 0) (throw 0))))",
            // The text format has it without parentheses alone.
            Feature::LegacyExceptions => "(tag) (func try throw 0 catch_all end)",
            Feature::Simd => "(func i32.const 0 i32x4.splat drop)",
            Feature::Memory64 => "(memory i64 0)",
            Feature::MultiMemory => "(memory 0) (memory 0)",
            Feature::ReferenceTypes => "(table 0 funcref) (table 0 externref)",
            Feature::ExtendedConst => "(global i32 (i32.add (i32.const 0) (i32.const 0)))",
            Feature::BulkMemory => {
                "(memory 0) (func i32.const 0 i32.const 0 i32.const 0 memory.copy)"
            }
            Feature::SignExtension => "(func i32.const 0 i32.extend8_s drop)",
            Feature::SaturatingConversions => "(func f32.const 0 i32.trunc_sat_f32_s drop)",
            Feature::MultiValue => "(func (result i32 i32) i32.const 0 i32.const 0)",
        };
        let module = wat::parse_str(format!("(module {text})")).unwrap();
        assert_eq!(feature.probe(), module, "{feature:?}");
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(feature.probe())
            .unwrap_or_else(|e| panic!("{feature:?}: {e}"));
        let without =
            Validator::new_with_features(WasmFeatures::WASM1).validate_all(feature.probe());
        assert!(without.is_err(), "{feature:?} proves nothing");
    }
}

#[test]
fn the_list_of_functions_is_the_header() {
    for name in Api::REQUIRED.iter().chain(Api::OPTIONAL) {
        assert!(name.to_str().unwrap().starts_with("wasm_"));
    }
    assert!(std::ptr::eq(Api::linked(), Api::linked()));
    assert_eq!(shim::of(Api::linked()).name(), "wasmtime");
}

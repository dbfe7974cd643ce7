//! Values that `wasm.h` cannot carry, where the linker would ask an engine for one: it may end the process then (Q4, Q5).

use crate::kit::Case;

/// The engine in the command, and those that `cargo xtask test` has built.
fn on_each_engine(case: &mut Case, test: impl Fn(&Case, &str)) {
    test(case, "the bundled engine");
    let others = std::env::var("WASMDYLD_TEST_ENGINES").unwrap_or_default();
    for engine in others.split(':').filter(|engine| !engine.is_empty()) {
        let (name, path) = engine.split_once('=').expect("name=path");
        case.env("WASMDYLD_ENGINE", path);
        test(case, name);
    }
}

/// Types with a value of each. Not every engine knows all of them: it refuses the module then.
const ODD: &[(&str, &str)] = &[
    ("externref", "(ref.null extern)"),
    ("funcref", "(ref.null func)"),
    ("v128", "(v128.const i64x2 1 2)"),
    ("exnref", "(ref.null exn)"),
    ("anyref", "(ref.null any)"),
    ("eqref", "(ref.null eq)"),
    ("i31ref", "(ref.null i31)"),
    ("structref", "(ref.null struct)"),
    ("(ref func)", "(ref.func $s)"),
    ("(ref null $t)", "(ref.null $t)"),
    ("i64", "(i64.const 1)"),
    ("f32", "(f32.const 1)"),
];

/// An engine that knows the type runs the program, one that does not refuses it with a reason.
fn runs_or_is_refused(ran: &crate::kit::Ran, what: &str) {
    let refused = ran.code == Some(127) && !ran.stderr.is_empty();
    assert!(ran.code == Some(0) || refused, "{what}: {ran}");
    assert!(!ran.says(&["internal error"]), "{what}: {ran}");
}

#[test]
fn what_is_called_a_stack_pointer_and_is_none() {
    for mutable in [false, true] {
        for (ty, value) in ODD {
            let mut case = Case::new("stack-pointer");
            let global = match mutable {
                true => format!("(mut {ty})"),
                false => (*ty).to_string(),
            };
            case.wat(
                "main.wasm",
                &format!(
                    r#"(module (type $t (func)) (memory 1) (export "memory" (memory 0))
                      (global (export "__stack_pointer") {global} {value})
                      (func $s (export "_start")))"#
                ),
            );
            on_each_engine(&mut case, |case, engine| {
                let ran = case.run(&["run", "main.wasm"]);
                runs_or_is_refused(&ran, &format!("{global} on {engine}"));
            });
        }
    }
}

#[test]
fn a_stack_pointer_that_is_one_is_put_back_after_a_trap() {
    // The global is not the first of the program's, so the linker leaves it to the program.
    let mut case = Case::new("own-stack-pointer");
    case.wat(
        "main.wasm",
        r#"(module (memory 1) (export "memory" (memory 0))
          (global i32 (i32.const 0))
          (global (export "__stack_pointer") (mut i32) (i32.const 4096))
          (func (export "_start") (global.set 1 (i32.const 64)) unreachable))"#,
    );
    on_each_engine(&mut case, |case, engine| {
        let ran = case.run(&["run", "main.wasm"]);
        assert_eq!(ran.code, Some(134), "{engine}: {ran}");
    });
}

/// What goes from object to object never goes through the host, whatever is asked for.
#[test]
fn arguments_and_results_between_objects() {
    for (ty, value) in ODD.iter().filter(|(ty, _)| !ty.contains('$')) {
        let mut case = Case::new("between-objects");
        // Not in a declaration: what a function is given comes from the module that calls it.
        let value = value.replace("$s", "$own");
        case.wat(
            "liba.so",
            &format!(
                r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
                  (func (export "id") (param {ty}) (result {ty}) (local.get 0)))"#
            ),
        );
        case.wat(
            "main.wasm",
            &format!(
                r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "liba.so"))
                  (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global i32))
                  (import "env" "id" (func $id (param {ty}) (result {ty})))
                  (func $own) (elem declare func $own)
                  (func (export "_start") (drop (call $id {value}))))"#
            ),
        );
        on_each_engine(&mut case, |case, engine| {
            for plt in ["auto", "wasm", "host"] {
                let ran = case.run(&["run", "--plt", plt, "-L", ".", "main.wasm"]);
                runs_or_is_refused(&ran, &format!("{ty}, {plt}, on {engine}"));
            }
        });
    }
}

#[test]
fn bases_and_entries_of_the_got_that_are_no_numbers() {
    for (ty, _) in ODD.iter().filter(|(ty, _)| !ty.contains('$')) {
        for (module, name) in [
            ("env", "__memory_base"),
            ("env", "__table_base"),
            ("env", "__stack_pointer"),
            ("env", "__heap_base"),
            ("GOT.mem", "datum"),
            ("GOT.func", "f"),
        ] {
            for mutable in [false, true] {
                let mut case = Case::new("got");
                let global = match mutable {
                    true => format!("(mut {ty})"),
                    false => (*ty).to_string(),
                };
                case.wat(
                    "main.wasm",
                    &format!(
                        r#"(module (@dylink.0 (mem-info (memory 8 0) (table 0 0)))
                          (import "env" "memory" (memory 0))
                          (import "{module}" "{name}" (global {global}))
                          (global (export "datum") i32 (i32.const 4)) (func $f (export "f"))
                          (func (export "_start")))"#
                    ),
                );
                on_each_engine(&mut case, |case, engine| {
                    let ran = case.run(&["run", "main.wasm"]);
                    let what = format!("{module}.{name} as {global} on {engine}");
                    assert!(matches!(ran.code, Some(127)), "{what}: {ran}");
                    assert!(!ran.says(&["internal error"]), "{what}: {ran}");
                });
            }
        }
    }
}

/// Functions that the linker calls itself.
#[test]
fn what_the_linker_calls_gives_nothing_odd() {
    for (ty, value) in ODD.iter().filter(|(ty, _)| !ty.contains('$')) {
        let value = value.replace("$s", "$own");
        for name in [
            "__wasm_call_ctors",
            "_initialize",
            "__wasm_apply_data_relocs",
            "_start",
            "__cxa_atexit",
            "atexit",
        ] {
            let mut case = Case::new("life");
            case.wat(
                "main.wasm",
                &format!(
                    r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
                      (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global i32))
                      (func $own) (elem declare func $own)
                      (func (export "{name}") (result {ty}) {value})
                      (func (export "other")))"#
                ),
            );
            on_each_engine(&mut case, |case, engine| {
                let ran = case.run(&["run", "main.wasm"]);
                assert_eq!(ran.code, Some(127), "{name} -> {ty} on {engine}: {ran}");
            });
        }
    }
}

/// Lazy and weak functions are bound by stubs of their own type.
#[test]
fn lazy_functions_of_any_type() {
    for (ty, value) in ODD.iter().filter(|(ty, _)| !ty.contains('$')) {
        let value = value.replace("$s", "$own");
        let mut case = Case::new("lazy");
        case.wat(
            "main.wasm",
            &format!(
                r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)))
                  (import "env" "memory" (memory 0)) (import "env" "__memory_base" (global i32))
                  (import "env" "later" (func $later (param {ty}) (result {ty})))
                  (func $own) (elem declare func $own)
                  (func (export "_start") (drop (call $later {value}))))"#
            ),
        );
        on_each_engine(&mut case, |case, engine| {
            let ran = case.run(&["run", "--bind", "lazy", "main.wasm"]);
            let what = format!("{ty} on {engine}");
            assert!(matches!(ran.code, Some(134 | 127)), "{what}: {ran}");
            assert!(!ran.says(&["internal error"]), "{what}: {ran}");
        });
    }
}

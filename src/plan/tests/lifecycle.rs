//! Which functions bring an object to life, by what it exports.

use super::draft::{Draft, sig};
use crate::error::Code;
use crate::object::{Brief, Object};
use crate::plan::*;

fn exporting(legacy: bool, names: &[&str]) -> Object {
    let mut draft = Draft::library();
    draft.dylink().legacy = legacy;
    draft.dylink().memory_size = 16;
    for name in names {
        draft.func(name, sig(0));
    }
    draft.done()
}

fn chosen(
    legacy: bool,
    names: &[&str],
    role: Role,
) -> (Option<&'static str>, Option<&'static str>) {
    let Lifecycle {
        relocate,
        construct,
    } = lifecycle(&Brief::of(&exporting(legacy, names)), role);
    (relocate, construct)
}

#[test]
fn libraries_of_llvm() {
    let relocs = "__wasm_apply_data_relocs";
    let all = [relocs, "__wasm_call_ctors", "_initialize"];
    let library = |names: &[&str]| chosen(false, names, Role::Library);
    assert_eq!(library(&all), (Some(relocs), Some("_initialize")));
    assert_eq!(
        library(&all[..2]),
        (Some(relocs), Some("__wasm_call_ctors"))
    );
    assert_eq!(library(&[]), (None, None));
    // Names of the old form mean nothing in a module of the new one.
    let old = ["__wasm_apply_relocs", "__post_instantiate"];
    assert_eq!(library(&old), (None, None));
}

#[test]
fn a_program_constructs_itself_and_a_reactor_is_constructed() {
    let all = ["__wasm_apply_data_relocs", "_start", "__wasm_call_ctors"];
    let relocs = Some(all[0]);
    assert_eq!(chosen(false, &all, Role::Main), (relocs, None));
    assert_eq!(
        chosen(false, &["_initialize"], Role::FixedMain),
        (None, Some("_initialize"))
    );
}

#[test]
fn one_memory_is_all_that_a_module_has() {
    let message = |memories: &str, main: bool| {
        let text = format!("(module (@dylink.0 (mem-info)) {memories})");
        let object = Object::parse(&wat::parse_str(text).unwrap(), &Default::default()).unwrap();
        role_of(&object, main).map_err(|error| error.message().to_string())
    };
    let shared = r#"(import "env" "memory" (memory 1))"#;
    let both = format!("{shared} (memory 1)");
    assert!(message(shared, false).is_ok() && message(shared, true).is_ok());
    for main in [false, true] {
        let refused = message(&both, main).unwrap_err();
        assert!(refused.contains("more than one memory"), "{refused}");
    }
    let refused = message("(memory 1)", false).unwrap_err();
    assert!(refused.contains("link with -shared"), "{refused}");
}

#[test]
fn libraries_with_the_legacy_section() {
    let legacy = |names: &[&str]| chosen(true, names, Role::Library);
    let (relocs, post, ctors) = (
        "__wasm_apply_relocs",
        "__post_instantiate",
        "__wasm_call_ctors",
    );
    assert_eq!(legacy(&[relocs, post]), (Some(relocs), Some(post)));
    assert_eq!(legacy(&[post, ctors]), (None, Some(post)));
    assert_eq!(legacy(&[relocs, ctors]), (Some(relocs), Some(ctors)));
    assert_eq!(legacy(&[relocs]), (Some(relocs), None));
    assert_eq!(
        legacy(&["__wasm_apply_data_relocs", ctors]),
        (Some("__wasm_apply_data_relocs"), Some(ctors))
    );
}

#[test]
fn legacy_data_that_nobody_would_relocate_are_refused() {
    let refused = role_of(&exporting(true, &["f"]), false).unwrap_err();
    assert_eq!(refused.code(), Code::Unsupported);
    assert!(
        refused.message().contains("__post_instantiate"),
        "{refused}"
    );
    for name in [
        "__post_instantiate",
        "__wasm_apply_relocs",
        "__wasm_call_ctors",
    ] {
        role_of(&exporting(true, &[name]), false).unwrap();
    }
    let mut empty = exporting(true, &[]);
    empty.dylink.as_mut().unwrap().memory_size = 0;
    role_of(&empty, false).unwrap();
    role_of(&exporting(false, &[]), false).unwrap();
}

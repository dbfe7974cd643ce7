//! What tells a module that emscripten has made: it wants functions that its JavaScript, its compiler's or its libc have, and no other.
//!
//! Nothing else does. Emscripten writes no `producers` section into what is optimised, and what its `dylink.0` says wasm-ld says for all.

use super::Object;
use crate::abi;

/// Of emscripten's compiler and C library.
const NAMES: [&str; 13] = [
    "setTempRet0",
    "getTempRet0",
    "setThrew",
    "saveSetjmp",
    "testSetjmp",
    "llvm_eh_typeid_for",
    "__resumeException",
    "iprintf",
    "fiprintf",
    "siprintf",
    "sniprintf",
    "vfiprintf",
    "vsiprintf",
];
const BEGINNINGS: [&str; 5] = [
    "emscripten_",
    "_emscripten_",
    "__cxa_find_matching_catch",
    "__small_",
    "__syscall_",
];

impl Object {
    /// What it wants of emscripten, in the order of its imports; where it says that it needs the library for that, the library.
    pub fn of_emscripten(&self) -> impl Iterator<Item = &str> {
        let needed = self.dylink.iter().flat_map(|dylink| &dylink.needed);
        let needed = needed.map(|name| &**name);
        let imports = self.imports.iter();
        let imports = imports.filter(|import| import.module.as_ref() == abi::ENV);
        let names = imports.map(|import| import.name.text());
        needed
            .filter(|name| *name == abi::EMSCRIPTEN_LIBRARY)
            .chain(names.filter(|name| is_of_emscripten(name)))
    }
}

fn is_of_emscripten(name: &str) -> bool {
    let invoked = name.strip_prefix("invoke_");
    let types = invoked.is_some_and(|types| {
        !types.is_empty() && types.bytes().all(|letter| b"vijfdp".contains(&letter))
    });
    types
        || NAMES.contains(&name)
        || (BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
            && !name.starts_with(abi::EMSCRIPTEN_OWN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ParseLimits;

    fn wanted(text: &str) -> Vec<String> {
        let bytes = wat::parse_str(text).unwrap();
        let object = Object::parse(&bytes, &ParseLimits::default()).unwrap();
        object.of_emscripten().map(str::to_owned).collect()
    }

    #[test]
    fn names_tell_and_none_of_libc_does() {
        for name in [
            "invoke_vii",
            "invoke_d",
            "setTempRet0",
            "__cxa_find_matching_catch_3",
            "emscripten_resize_heap",
            "_emscripten_outf",
            "__small_sprintf",
        ] {
            assert!(is_of_emscripten(name), "{name}");
        }
        for name in [
            "invoke_",
            "invoke_hook",
            "sprintf",
            "__cxa_throw",
            "emscripten_compat_open",
            "open",
            "",
        ] {
            assert!(!is_of_emscripten(name), "{name}");
        }
    }

    #[test]
    fn imports_of_env_and_what_is_needed() {
        let text = r#"(module
            (@dylink.0 (mem-info) (needed "libc.so" "libemscripten-compat.so"))
            (import "env" "open" (func (param i32 i32 i32) (result i32)))
            (import "env" "invoke_v" (func (param i32)))
            (import "host" "saveSetjmp" (func)))"#;
        assert_eq!(wanted(text), ["libemscripten-compat.so", "invoke_v"]);
        assert_eq!(wanted("(module (@dylink.0 (mem-info)))"), [""; 0]);
    }
}

//! One module by itself: what it can be loaded as, and what is to be said of it.

use crate::abi;
use crate::error::Result;
use crate::object::{Export, Object, ParseLimits, externalize};
use crate::plan::{Role, role_of};
use crate::text::{list, name};

/// What a module can be loaded as. An error of reading it comes outside, why it cannot be loaded inside.
pub fn loads_as(bytes: &[u8]) -> Result<Result<Role>> {
    let limits = ParseLimits::default();
    let object = Object::parse(bytes, &limits)?;
    let main = object.export(abi::START).is_some();
    Ok(match externalize(bytes, &object) {
        Ok(Some((moved, _))) if main => {
            // One at a time: both may be large.
            drop(object);
            Object::parse(&moved, &limits).and_then(|moved| role_of(&moved, true))
        }
        Ok(_) => role_of(&object, main),
        Err(error) => Err(error),
    })
}

/// What a module is, in words; `role` is what [`loads_as`] gave.
pub fn what(object: &Object, role: &Result<Role>) -> &'static str {
    let start = object.export(abi::START).is_some();
    match (role, &object.dylink) {
        (Ok(Role::Main), _) => "a position-independent program",
        (Ok(Role::FixedMain), Some(_)) => "a program at fixed addresses, with needed libraries",
        (Ok(Role::FixedMain), None) => "a program at fixed addresses, without needed libraries",
        (Ok(Role::Library), _) => "a shared library",
        (Err(_), Some(dylink)) if dylink.legacy => "a module with a legacy dylink section",
        (Err(_), Some(_)) => "a module with a dylink.0 section",
        (Err(_), None) if start => "a program",
        (Err(_), None) => "a module without a dylink.0 section",
    }
}

/// The exports that others can be bound to.
pub fn symbols(object: &Object) -> impl Iterator<Item = Export<'_>> {
    let life = |name: &str| abi::LIFECYCLE.contains(&name);
    object.exports.iter().filter(move |e| !life(&e.name))
}

/// What is legal and often not meant.
pub fn notes(object: &Object) -> Vec<String> {
    let mut notes = Vec::new();
    let library = object.dylink.is_some() && object.export(abi::START).is_none();
    let imports = |name: &str| {
        let mut imports = object.imports.iter();
        imports.any(|i| i.module.as_ref() == abi::ENV && i.name.as_ref() == name)
    };
    if library && symbols(object).next().is_none() {
        notes.push(
            "no symbols are exported: clang hides them unless it is told -fvisibility=default"
                .to_string(),
        );
    }
    if library && (imports(abi::INITIALIZE) || imports(abi::CALL_CTORS)) {
        notes.push("it was linked with -nostartfiles: its constructors will not run".to_string());
    }
    if object.dylink.as_ref().is_some_and(|dylink| dylink.legacy) {
        notes.push(
            "its section is the legacy `dylink`, as before LLVM 13, and not `dylink.0`; libraries are better built anew"
                .to_string(),
        );
    }
    let of_emscripten: Vec<_> = object.of_emscripten().take(1000).map(name).collect();
    if !of_emscripten.is_empty() {
        notes.push(format!(
            "it was made by emscripten, as it wants {}: load {} with it, and read of the differences in the guide (docs/guide/emscripten.md)",
            list(of_emscripten.iter(), 3, ", "),
            abi::EMSCRIPTEN_LIBRARY
        ));
    }
    if object.features.legacy_exceptions {
        notes.push(
            "it uses the legacy form of exceptions, which few engines run; compile with -mllvm -wasm-use-legacy-eh=false"
                .to_string(),
        );
    }
    notes
}

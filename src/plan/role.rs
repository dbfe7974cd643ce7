//! What a module can be loaded as. What it cannot be gets a message that says what it is and what to do.

use super::lifecycle::lacks_relocations;
use super::model::Role;
use crate::abi;
use crate::error::{Code, Error, Result};
use crate::object::{ExternType, GlobalType, Object, ValType};
use crate::text;

fn unsupported(message: String) -> Error {
    Error::new(Code::Unsupported, message)
}

fn one_memory(what: &str) -> Error {
    unsupported(format!(
        "the {what} has more than one memory: all objects of a namespace share one, and none has another; build it with one memory"
    ))
}

/// The role of a module that has been externalised if it is to be the main program.
pub fn role_of(object: &Object, main: bool) -> Result<Role> {
    linkable(object)?;
    let based = imports_env(object, abi::MEMORY_BASE);
    if main {
        if object.defined_memories > 0 {
            return Err(one_memory("program"));
        }
        return Ok(if based { Role::Main } else { Role::FixedMain });
    }
    if object.export(abi::START).is_some() {
        return Err(program_refused());
    }
    if object.dylink.is_none() {
        return Err(unsupported(
            "not a shared library: it has no dylink.0 section; compile with -fPIC and link with -shared -Wl,--experimental-pic".to_string(),
        ));
    }
    if object.defined_memories > 0 && !object.memory_imports.is_empty() {
        return Err(one_memory("library"));
    }
    if object.defined_memories > 0 {
        return Err(unsupported(
            "the library defines its own memory instead of importing env.memory; link with -shared"
                .to_string(),
        ));
    }
    let dylink = object.dylink.as_ref();
    if !based && dylink.is_some_and(|d| d.memory_size > 0) && !has_no_data_address(object) {
        return Err(unsupported(
            "a non-PIC program cannot be loaded as a library: its data has fixed addresses; compile with -fPIC and link with -shared".to_string(),
        ));
    }
    Ok(Role::Library)
}

/// A program is opened as a library, as glibc refuses it ("cannot dynamically load executable").
pub fn program_refused() -> Error {
    unsupported(
        "a program, not a shared library: it can only be the first object of a namespace, loaded as the program (wasmdyld run, WASM_DYLD_PROGRAM); a program opens itself by dlopen(NULL); a library is compiled with -fPIC and linked with -shared -Wl,--experimental-pic".to_string(),
    )
}

/// A library whose data no code refers to need not import its base.
fn has_no_data_address(object: &Object) -> bool {
    object.memory.is_none()
}

fn linkable(object: &Object) -> Result<()> {
    // Of functions, which are the most by far, nothing is asked.
    let mut others: Vec<u32> = (object.table_imports.iter())
        .chain(&object.memory_imports)
        .chain(&object.global_imports)
        .copied()
        .collect();
    others.sort_unstable();
    let others = others.into_iter();
    for import in others.filter_map(|position| object.imports.get(position as usize)) {
        let what = || format!("{}.{}", text::name(import.module), text::name(&import.name));
        match import.ty {
            ExternType::Memory(ty) if import.module.as_ref() == abi::ENV => {
                if ty.memory64 {
                    return Err(unsupported(format!(
                        "{} is a 64-bit memory; only wasm32 is supported, compile for wasm32",
                        what()
                    )));
                }
                if ty.shared {
                    return Err(unsupported(format!(
                        "{} is a shared memory; threads are not supported, compile without -pthread",
                        what()
                    )));
                }
                if ty.page_log2.is_some_and(|log2| log2 != 16) {
                    return Err(unsupported(format!(
                        "{} has pages of an unusual size",
                        what()
                    )));
                }
            }
            ExternType::Table(ty)
                if import.name.as_ref() == abi::INDIRECT_FUNCTION_TABLE && ty.table64 =>
            {
                return Err(unsupported(format!(
                    "{} is a 64-bit table; only wasm32 is supported",
                    what()
                )));
            }
            ExternType::Table(ty)
                if import.module.as_ref() == abi::ENV
                    && import.name.as_ref() == abi::INDIRECT_FUNCTION_TABLE
                    && ty.element != ValType::FUNCREF =>
            {
                return Err(unsupported(format!(
                    "{} is a table of {}; the one that objects share is of funcref",
                    what(),
                    ty.element
                )));
            }
            ExternType::Global(ty) if import.module.as_ref() == abi::ENV => {
                linker_global(object, &import.name, ty)?
            }
            _ => {}
        }
    }
    if lacks_relocations(object) {
        return Err(unsupported(format!(
            "its dylink section is of the form before LLVM 13, and it exports neither {} nor {} nor {}, so its data cannot be relocated; build it with LLVM 13 or newer",
            abi::POST_INSTANTIATE,
            abi::APPLY_RELOCS,
            abi::CALL_CTORS,
        )));
    }
    if let Some(export) = object.exports.first_tls() {
        return Err(unsupported(format!(
            "the symbol {} is thread-local, which needs threads; {}",
            text::name(&export.name),
            without_threads(object),
        )));
    }
    Ok(())
}

/// What to do about thread-local data. Only where the toolchain says that it compiled for threads do its flags help.
fn without_threads(object: &Object) -> &'static str {
    match object.features.threads {
        true => "compile without -pthread and -matomics (then _Thread_local is plain data)",
        false => "threads are not supported, so declare the data without _Thread_local",
    }
}

fn linker_global(object: &Object, name: &str, ty: &GlobalType) -> Result<()> {
    let wanted = match name {
        abi::MEMORY_BASE | abi::TABLE_BASE | abi::TABLE_BASE_32 => false,
        abi::STACK_POINTER => true,
        abi::TLS_BASE => {
            return Err(unsupported(format!(
                "the object imports {name}, which needs threads; {}",
                without_threads(object)
            )));
        }
        _ => return Ok(()),
    };
    if ty.content == ValType::I32 && ty.mutable == wanted {
        return Ok(());
    }
    let expected = GlobalType {
        content: ValType::I32,
        mutable: wanted,
    };
    Err(Error::new(
        Code::TypeMismatch,
        format!("env.{name} is imported as global {ty}; it is a global {expected}"),
    ))
}

fn imports_env(object: &Object, name: &str) -> bool {
    let mut imports = object.imports.iter();
    imports.any(|i| i.module.as_ref() == abi::ENV && i.name.as_ref() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ParseLimits;

    fn refusal(features: &str) -> String {
        let wat = format!(
            r#"(module
              (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (export-info "counter" 0x100))
              {features}
              (global (export "counter") i32 (i32.const 0)))"#
        );
        let bytes = wat::parse_str(wat).unwrap();
        let object = Object::parse(&bytes, &ParseLimits::default()).unwrap();
        role_of(&object, false).unwrap_err().to_string()
    }

    #[test]
    fn flags_are_blamed_only_where_they_were_given() {
        // One feature that is used, `atomics`.
        let atomics = r#"(@custom "target_features" "\01+\07atomics")"#;
        assert!(
            refusal(atomics).contains("-matomics"),
            "{}",
            refusal(atomics)
        );
        let plain = refusal("");
        assert!(plain.contains("counter is thread-local"), "{plain}");
        assert!(!plain.contains("-matomics"), "{plain}");
    }
}

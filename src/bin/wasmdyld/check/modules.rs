//! Modules and instances: orders, refusals, numbers.

use wasmdyld::engine::{ExternKind, Instance, Module, ModuleKey};

use super::kit::{Answer, Kit, Made, fine, same};

fn in_a_row<'a>(names: impl Iterator<Item = &'a [u8]>) -> String {
    let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
    names.collect::<Vec<_>>().join(" ")
}

pub fn import_order(kit: &Kit) -> Answer {
    let module = kit.module(
        r#"(module
          (import "" "d" (func)) (import "" "b" (memory 0)) (import "" "c" (global i32))
          (import "" "a" (func)) (import "" "e" (table 0 funcref)) (import "" "d" (func)))"#,
    )?;
    let imports = module.imports();
    let got = in_a_row(imports.iter().map(|import| import.name));
    let functions = imports
        .iter()
        .filter(|i| i.kind == ExternKind::Func)
        .count();
    same("functions among the imports", functions, 3)?;
    same("the order", got.as_str(), "d b c a e d")?;
    fine()
}

pub fn export_order(kit: &Kit) -> Answer {
    let module = kit.module(
        r#"(module (func $f) (memory 0)
          (export "d" (func $f)) (export "b" (memory 0)) (export "c" (func $f)) (export "a" (func $f)))"#,
    )?;
    let exports = module.exports();
    let got = in_a_row(exports.iter().map(|export| export.name));
    same("the order", got.as_str(), "d b c a")?;
    fine()
}

/// Names and objects are paired by position: both lists must be in one order, whichever that is.
pub fn exports_in_pairs(kit: &Kit) -> Answer {
    let made = kit.instance(
        r#"(module
          (func (export "d") (result i32) (i32.const 4)) (memory (export "b") 1)
          (func (export "a") (result i32) (i32.const 1)) (global (export "e") i32 (i32.const 5))
          (func (export "c") (result i32) (i32.const 3)))"#,
        &[],
    )?;
    for (name, value) in [("d", 4), ("a", 1), ("c", 3)] {
        same(name, made.int(name, &[])?, value)?;
    }
    same("b", made.item("b")?.kind(), ExternKind::Memory)?;
    same("e", made.item("e")?.kind(), ExternKind::Global)?;
    fine()
}

pub fn invalid_module(kit: &Kit) -> Answer {
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x01\xff", b"garbage"] {
        if Module::new(kit.store(), bytes).is_some() {
            return Err(format!("it takes {bytes:?} for a module").into());
        }
    }
    fine()
}

/// The linker checks types itself; the engine is what stands behind it.
pub fn wrong_signature(kit: &Kit) -> Answer {
    let owner = kit.instance(
        r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#,
        &[],
    )?;
    let function = owner.item("f")?;
    let module = kit.module(r#"(module (import "" "f" (func (param i64 i64) (result f64))))"#)?;
    match Instance::new(kit.store(), &module, &[function.as_extern()]) {
        Ok(_) => Err("an import of another type is accepted".into()),
        Err(error) => Ok(match error.trap {
            Some(_) => String::new(),
            None => "without a reason".to_string(),
        }),
    }
}

pub fn start_traps(kit: &Kit) -> Answer {
    let module = kit.module("(module (func $f (unreachable)) (start $f))")?;
    match Instance::new(kit.store(), &module, &[]) {
        Ok(_) => Err("a trap in a start function gets lost".into()),
        Err(error) => match error.trap {
            Some(_) => fine(),
            None => Err("it gives no reason".into()),
        },
    }
}

const SEVEN: &str = r#"(module (func (export "f") (result i32) (i32.const 7)))"#;

fn gives_seven(kit: &Kit, module: &Module) -> Answer<()> {
    same("a call", kit.instance_of(module, &[])?.int("f", &[])?, 7)
}

/// As namespaces have one another's modules.
pub fn shared(kit: &Kit) -> Answer {
    let (shim, module) = (kit.store().shim(), kit.module(SEVEN)?);
    let shared = shim.share(&module);
    let shared = shared.ok_or("it has no function for it that the linker uses")?;
    drop(module);
    let again = shim.obtain(kit.store(), &shared);
    gives_seven(
        kit,
        &again.ok_or("a store does not obtain what was shared")?,
    )?;
    fine()
}

/// As code is kept for namespaces that come later.
pub fn kept(kit: &Kit) -> Answer {
    let keeper = kit.store().shim().keeper(kit.store());
    let keeper = keeper.ok_or("it has no functions for it that the linker uses")?;
    let bytes = super::kit::bytes(SEVEN)?;
    let key = ModuleKey::of(&bytes);
    let module = keeper.compile(kit.store(), key, &bytes);
    drop(module.ok_or("it refuses the module")?);
    let again = keeper.find(kit.store(), &[key]).pop().flatten();
    gives_seven(kit, &again.ok_or("it does not read what it wrote")?)?;
    fine()
}

const MANY: usize = 12_000;

pub fn many_instances(kit: &Kit) -> Answer {
    let module = kit.module(r#"(module (func (export "f") (result i32) (i32.const 1)))"#)?;
    let mut all: Vec<Made> = Vec::with_capacity(MANY);
    for n in 0..MANY {
        match kit.instance_of(&module, &[]) {
            Ok(made) => all.push(made),
            Err(why) => return Err(format!("{n} are the limit ({})", why.as_str()).into()),
        }
    }
    let last = all.last().ok_or("none were made")?;
    same("a call of the last", last.int("f", &[])?, 1)?;
    fine()
}

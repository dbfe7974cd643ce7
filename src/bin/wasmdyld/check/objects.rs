//! What libraries share: memory, table, globals, tags, and each other's functions.

use wasmdyld::engine::{Feature, HostFunc, Val};
use wasmdyld::object::ValType;

use super::kit::{Answer, Kit, Made, fine, same};

const MEMORY_USER: &str = r#"(module
  (import "" "memory" (memory 1))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;

fn two_users(kit: &Kit, memory: &wasmdyld::engine::Memory) -> Answer<(Made, Made)> {
    let given = [("memory", memory.as_extern())];
    let module = kit.module(MEMORY_USER)?;
    Ok((
        kit.instance_of(&module, &given)?,
        kit.instance_of(&module, &given)?,
    ))
}

pub fn memory(kit: &Kit) -> Answer {
    let memory = kit.memory(1, 4)?;
    let (a, b) = two_users(kit, &memory)?;
    memory.write_u32(64, 11)?;
    same(
        "an instance reads what the host wrote",
        a.int("load", &[64])?,
        11,
    )?;
    a.call("store", &[Val::i32(68), Val::i32(12)])?;
    same("another reads what that wrote", b.int("load", &[68])?, 12)?;
    same("the host reads it", memory.read_u32(68)?, 12)?;
    fine()
}

pub fn memory_grown_by_host(kit: &Kit) -> Answer {
    let memory = kit.memory(1, 10)?;
    let (a, b) = two_users(kit, &memory)?;
    memory.write_u32(0, 5)?;
    same("pages before", memory.grow(3), Some(1))?;
    same("pages after, to the host", memory.pages(), 4)?;
    same("to an instance", a.int("size", &[])?, 4)?;
    let last = 4 * 65536 - 4;
    memory.write_u32(last as u64, 21)?;
    same(
        "an instance reads the new page",
        b.int("load", &[last])?,
        21,
    )?;
    same("what was there before", memory.read_u32(0)?, 5)?;
    same("growth beyond the maximum", memory.grow(100), None)?;
    fine()
}

pub fn memory_grown_by_guest(kit: &Kit) -> Answer {
    let memory = kit.memory(1, 200)?;
    let (a, b) = two_users(kit, &memory)?;
    same("pages before", a.int("grow", &[150])?, 1)?;
    same("pages after, to the host", memory.pages(), 151)?;
    same("to another instance", b.int("size", &[])?, 151)?;
    let last = 151 * 65536 - 4;
    b.call("store", &[Val::i32(last), Val::i32(22)])?;
    same(
        "the host reads the last page",
        memory.read_u32(last as u64)?,
        22,
    )?;
    fine()
}

pub fn global(kit: &Kit) -> Answer {
    let global = kit.global(Val::i32(1), ValType::I32, true)?;
    let text = r#"(module
      (import "" "global" (global $g (mut i32)))
      (func (export "get") (result i32) (global.get $g))
      (func (export "set") (param i32) (global.set $g (local.get 0))))"#;
    let given = [("global", global.as_extern())];
    let (a, b) = (kit.instance(text, &given)?, kit.instance(text, &given)?);
    same(
        "an instance reads what the host made",
        a.int("get", &[])?,
        1,
    )?;
    global.set(Val::i32(2));
    same("what the host set", b.int("get", &[])?, 2)?;
    a.call("set", &[Val::i32(3)])?;
    same("what another set", b.int("get", &[])?, 3)?;
    same("the host reads it", global.get().as_i32(), Some(3))?;
    fine()
}

pub fn segments(kit: &Kit) -> Answer {
    let (memory, table) = (kit.memory(1, 1)?, kit.table(8, 8)?);
    let address = kit.global(Val::i32(256), ValType::I32, false)?;
    let slot = kit.global(Val::i32(5), ValType::I32, false)?;
    let made = kit.instance(
        r#"(module
          (import "" "memory" (memory 1))
          (import "" "table" (table 1 funcref))
          (import "" "address" (global $address i32))
          (import "" "slot" (global $slot i32))
          (func $f (result i32) (i32.const 31))
          (data (global.get $address) "\20\00\00\00")
          (elem (global.get $slot) $f)
          (func (export "call") (result i32) (call_indirect (result i32) (global.get $slot))))"#,
        &[
            ("memory", memory.as_extern()),
            ("table", table.as_extern()),
            ("address", address.as_extern()),
            ("slot", slot.as_extern()),
        ],
    )?;
    same("the host reads the data", memory.read_u32(256)?, 32)?;
    same("a call of the slot", made.int("call", &[])?, 31)?;
    fine()
}

const CALLER: &str = r#"(module
  (import "" "table" (table 1 funcref))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#;

/// Puts an imported function into a slot, as the linker's own modules do.
const FILLER: &str = r#"(module
  (import "" "table" (table 1 funcref))
  (import "" "function" (func $f (result i32)))
  (elem (i32.const 3) $f))"#;

pub fn table(kit: &Kit) -> Answer {
    let table = kit.table(10, 10)?;
    let given = [("table", table.as_extern())];
    let _filler = kit.instance(
        r#"(module
          (import "" "table" (table 1 funcref))
          (func $f (result i32) (i32.const 41))
          (elem (i32.const 2) $f))"#,
        &given,
    )?;
    let caller = kit.instance(CALLER, &given)?;
    same(
        "a call of the slot from another instance",
        caller.int("call", &[2])?,
        41,
    )?;
    let there = table.get(2).ok_or("the host finds the slot empty")?;
    same("a slot that nobody filled", table.get(4).is_none(), true)?;
    same("the host's copying of a slot", table.set(7, &there), true)?;
    same("a call of the copy", caller.int("call", &[7])?, 41)?;
    same("the host's emptying of a slot", table.set_null(2), true)?;
    match caller.try_call("call", &[Val::i32(2)])? {
        Ok(_) => Err("a call of an empty slot does not trap".into()),
        Err(_) => fine(),
    }
}

pub fn wasm_function_in_slot(kit: &Kit) -> Answer {
    let table = kit.table(10, 10)?;
    let owner = kit.instance(
        r#"(module (func (export "f") (result i32) (i32.const 51)))"#,
        &[],
    )?;
    let function = owner.item("f")?;
    let given = [
        ("table", table.as_extern()),
        ("function", function.as_extern()),
    ];
    let _filler = kit.instance(FILLER, &given)?;
    let caller = kit.instance(CALLER, &given)?;
    same("a call of the slot", caller.int("call", &[3])?, 51)?;
    fine()
}

pub fn host_function_in_slot(kit: &Kit) -> Answer {
    let table = kit.table(10, 10)?;
    let function: HostFunc = kit.host(&[], &[ValType::I32], |_, results| {
        results.fill(Val::i32(52));
        Ok(())
    })?;
    let given = [
        ("table", table.as_extern()),
        ("function", function.as_extern()),
    ];
    let _filler = kit.instance(FILLER, &given)?;
    let caller = kit.instance(CALLER, &given)?;
    same("a call of the slot", caller.int("call", &[3])?, 52)?;
    fine()
}

pub fn table_grown(kit: &Kit) -> Answer {
    let table = kit.table(2, 1000)?;
    let given = [("table", table.as_extern())];
    let caller = kit.instance(CALLER, &given)?;
    same("slots before", table.grow(500), Some(2))?;
    same("slots after", table.size(), 502)?;
    same("a new slot is empty", table.get(501).is_none(), true)?;
    let _filler = kit.instance(
        r#"(module
          (import "" "table" (table 1 funcref))
          (func $f (result i32) (i32.const 61))
          (elem (i32.const 501) $f))"#,
        &given,
    )?;
    same("a call of a new slot", caller.int("call", &[501])?, 61)?;
    fine()
}

pub fn direct_import(kit: &Kit) -> Answer {
    let a = kit.instance(
        r#"(module
          (global $calls (mut i32) (i32.const 0))
          (func (export "work") (param i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (i32.add (local.get 0) (global.get $calls))))"#,
        &[],
    )?;
    let work = a.item("work")?;
    let b = kit.instance(
        r#"(module
          (import "" "work" (func $work (param i32) (result i32)))
          (export "again" (func $work))
          (func (export "run") (param i32) (result i32) (call $work (local.get 0))))"#,
        &[("work", work.as_extern())],
    )?;
    same("a call", b.int("run", &[100])?, 101)?;
    same("a second one", b.int("run", &[100])?, 102)?;
    // An object may pass on what it imports.
    same(
        "a call of what was exported again",
        b.int("again", &[100])?,
        103,
    )?;
    fine()
}

pub fn tag(kit: &Kit) -> Answer {
    let owner = kit.instance_with_tags(r#"(module (tag (export "tag") (param i32)))"#, &[])?;
    let tag = owner.item("tag")?;
    let given = [("tag", tag.as_extern())];
    let import = r#"(import "" "tag" (tag $tag (param i32)))"#;
    let _user = kit.instance_with_tags(&format!("(module {import})"), &given)?;
    if !kit.has(Feature::Exceptions) {
        return Ok("passed on; not thrown, for want of exceptions".to_string());
    }
    let thrower =
        format!(r#"(module {import} (func (export "throw") (throw $tag (i32.const 71))))"#);
    let thrower = kit.instance_with_tags(&thrower, &given)?;
    let throw = thrower.item("throw")?;
    let catcher = kit.instance_with_tags(
        &format!(
            r#"(module {import} (import "" "throw" (func $throw))
              (func (export "run") (result i32)
                (block $caught (result i32)
                  (try_table (catch $tag $caught) (call $throw))
                  (i32.const 0))))"#
        ),
        &[("tag", tag.as_extern()), ("throw", throw.as_extern())],
    )?;
    same(
        "what another instance catches",
        catcher.int("run", &[])?,
        71,
    )?;
    fine()
}

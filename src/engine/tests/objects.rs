//! Globals, memories and tables.

use super::{FUNCREF, Fixture, func_type, limits};
use crate::engine::*;
use crate::error::Code;
use crate::object::ValType::{I32, I64};
use crate::object::{GlobalType, MemoryType, TableType};

fn memory(f: &Fixture, min: u64, max: Option<u64>) -> Memory {
    Memory::new(f.store(), memory_type(min, max)).unwrap()
}

fn memory_type(min: u64, max: Option<u64>) -> MemoryType {
    MemoryType {
        limits: limits(min, max),
        shared: false,
        memory64: false,
        page_log2: None,
    }
}

fn table(f: &Fixture, min: u64, max: Option<u64>) -> Table {
    let ty = TableType {
        element: FUNCREF,
        limits: limits(min, max),
        table64: false,
    };
    Table::new(f.store(), ty).unwrap()
}

#[test]
fn globals() {
    let f = Fixture::new();
    let api = Api::linked();
    let var = GlobalType {
        content: I32,
        mutable: true,
    };
    let constant = GlobalType {
        content: I64,
        mutable: false,
    };
    let (var_type, constant_type) = (
        EngineGlobalType::new(api, var).unwrap(),
        EngineGlobalType::new(api, constant).unwrap(),
    );
    let a = Global::new(f.store(), &var_type, Val::u32(0x8000_0001)).unwrap();
    let b = Global::new(f.store(), &constant_type, Val::i64(-3)).unwrap();
    assert_eq!(a.get().as_u32(), Some(0x8000_0001));
    assert_eq!(b.get().as_i64(), Some(-3));
    assert_eq!((a.ty(), b.ty()), (Some(var), Some(constant)));
    let i = f.instance(
        r#"(module (import "GOT.mem" "a" (global $a (mut i32))) (import "env" "b" (global $b i64))
            (func (export "f") (result i64)
                (global.set $a (i32.const 7)) (global.get $b)))"#,
        &[a.as_extern(), b.as_extern()],
    );
    let mut result = [Val::i32(0)];
    i.exports()
        .get(0)
        .unwrap()
        .as_func()
        .unwrap()
        .call(&[], &mut result)
        .unwrap();
    assert_eq!(result[0].as_i64(), Some(-3));
    assert_eq!(a.get().as_i32(), Some(7));
    a.set(Val::i32(9));
    assert_eq!(a.get().as_i32(), Some(9));
    // A value of another kind is refused, not written.
    assert!(Global::new(f.store(), &var_type, Val::i64(1)).is_err());
}

#[test]
fn memory_stays_within_its_bounds() {
    let f = Fixture::new();
    let m = memory(&f, 1, Some(3));
    assert_eq!((m.pages(), m.size()), (1, 65536));
    assert_eq!(m.limits(), limits(1, Some(3)));
    m.write(65532, &[1, 2, 3, 4]).unwrap();
    assert_eq!(m.read_u32(65532), Ok(0x0403_0201));
    m.write(65536, &[]).unwrap();
    let mut one = [0];
    for (address, len) in [(65533, 4), (65536, 1), (u64::MAX, 1), (u64::MAX - 2, 4)] {
        let error = OutOfBounds {
            address,
            len,
            size: 65536,
        };
        assert_eq!(m.zero(address, len), Err(error));
        assert_eq!(m.write(address, &vec![0; len as usize]), Err(error));
    }
    assert!(m.read(65536, &mut one).is_err());
    assert!(m.zero(0, u64::MAX).is_err());
    assert!(m.read_u32(65533).is_err());

    assert_eq!(m.grow(1), Some(1));
    assert_eq!(m.read_u32(65532), Ok(0x0403_0201));
    m.write_u32(65536, 5).unwrap();
    m.zero(65535, 2).unwrap();
    assert_eq!(m.read_u32(65532), Ok(0x0003_0201));
    assert_eq!(m.grow(0), Some(2));
    assert_eq!(m.grow(2), None);
    assert_eq!(m.grow(u64::MAX), None);
    assert_eq!(m.pages(), 2);
}

#[test]
fn c_strings() {
    let f = Fixture::new();
    let m = memory(&f, 1, None);
    m.write(10, b"abc\0def").unwrap();
    assert_eq!(m.read_c_str(10, 100).unwrap(), b"abc");
    assert_eq!(m.read_c_str(10, 4).unwrap(), b"abc");
    assert!(m.read_c_str(10, 3).is_err());
    assert_eq!(m.read_c_str(13, 1).unwrap(), b"");
    m.write(65534, b"xy").unwrap();
    assert!(m.read_c_str(65534, 100).is_err());
    assert!(m.read_c_str(65536, 100).is_err());
    assert!(m.read_c_str(65537, 100).is_err());
}

#[test]
fn an_empty_memory() {
    let f = Fixture::new();
    let m = memory(&f, 0, None);
    assert_eq!((m.pages(), m.size()), (0, 0));
    m.write(0, &[]).unwrap();
    m.zero(0, 0).unwrap();
    assert!(m.write(0, &[1]).is_err());
    assert!(m.read_c_str(0, 1).is_err());
    // SAFETY: alone with it.
    assert!(unsafe { m.read_all(<[u8]>::is_empty) });
    assert_eq!(m.grow(1), Some(0));
    // SAFETY: alone with it.
    unsafe { m.change_all(|bytes| bytes[65535] = 1) };
    assert_eq!(m.read_u32(65532), Ok(0x0100_0000));
}

#[test]
fn memories_that_cannot_be_made() {
    let f = Fixture::new();
    let ty = memory_type(1, Some(2));
    let code = |ty| Memory::new(f.store(), ty).err().unwrap().code();
    assert_eq!(code(MemoryType { shared: true, ..ty }), Code::Unsupported);
    assert_eq!(
        code(MemoryType {
            memory64: true,
            ..ty
        }),
        Code::Unsupported
    );
    assert_eq!(code(memory_type(1 << 33, None)), Code::Limit);
}

#[test]
fn tables() {
    let f = Fixture::new();
    let t = table(&f, 2, Some(6));
    assert_eq!(t.size(), 2);
    assert_eq!(t.ty().unwrap().limits.max, Some(6));
    assert_eq!(t.ty().unwrap().element, FUNCREF);
    assert_eq!(t.grow(2), Some(2));
    assert_eq!(t.grow(3), None);
    assert!(t.get(3).is_none() && t.get(4).is_none());

    // What the linker does to install functions: an element segment of a generated module.
    let host = HostFunc::new(
        f.store(),
        &func_type(&[], &[I32]),
        Box::new(|_, results| {
            results[0] = Val::i32(5);
            Ok(())
        }),
    )
    .unwrap();
    let installer = f.instance(
        r#"(module (import "t" "" (table 0 funcref)) (import "f" "" (func $f (result i32)))
            (func $g (result i32) (i32.const 6))
            (elem (i32.const 1) func $f $g)
            (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#,
        &[t.as_extern(), host.as_extern()],
    );
    let exports = installer.exports();
    let call = |slot: i32| {
        let mut result = [Val::i32(0)];
        exports
            .get(0)
            .unwrap()
            .as_func()
            .unwrap()
            .call(&[slot.into()], &mut result)
            .map(|()| result[0].as_i32().unwrap())
            .map_err(|trap| trap.cause())
    };
    assert_eq!((call(1), call(2)), (Ok(5), Ok(6)));
    let kept = t.get(2).unwrap();
    assert!(t.set(3, &kept));
    assert!(t.set_null(2));
    assert!(!t.set_null(4));
    assert!(!t.set(4, &kept));
    assert!(t.get(2).is_none());
    assert_eq!(call(2), Err("uninitialized element".into()));
    assert_eq!(
        call(4),
        Err("undefined element: out of bounds table access".into())
    );
    assert_eq!(call(3), Ok(6));
}

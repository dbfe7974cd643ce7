//! Host functions, traps, and the ways between host and guest.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;

use super::{Fixture, func_type};
use crate::engine::*;
use crate::object::ValType::{F32, F64, I32, I64};

const CALLER: &str = r#"(module
    (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "call") (param i32) (result i32) (call $f (local.get 0))))"#;

fn call_export(instance: &Instance, arg: i32) -> Result<i32, Trap> {
    let exports = instance.exports();
    let mut result = [Val::i32(0)];
    exports
        .get(0)
        .unwrap()
        .as_func()
        .unwrap()
        .call(&[arg.into()], &mut result)?;
    Ok(result[0].as_i32().unwrap())
}

fn call(f: &Fixture, host: ExternPtr<'_>, arg: i32) -> Result<i32, Trap> {
    call_export(&f.instance(CALLER, &[host]), arg)
}

fn host(f: &Fixture, body: impl Fn(i32) -> Result<i32, HostTrap> + 'static) -> HostFunc {
    HostFunc::new(
        f.store(),
        &func_type(&[I32], &[I32]),
        Box::new(move |args, results| {
            results[0] = body(args[0].as_i32().unwrap())?.into();
            Ok(())
        }),
    )
    .unwrap()
}

#[test]
fn a_closure_is_called() {
    let f = Fixture::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let func = host(&f, {
        let seen = Rc::clone(&seen);
        move |x| {
            seen.borrow_mut().push(x);
            Ok(x * 2)
        }
    });
    assert_eq!(call(&f, func.as_extern(), 21).unwrap(), 42);
    assert_eq!(*seen.borrow(), [21]);
}

#[test]
fn results_are_zero_unless_set() {
    let f = Fixture::new();
    let func = HostFunc::new(
        f.store(),
        &func_type(&[], &[I32, I64, F32, F64]),
        Box::new(|_, results| {
            assert_eq!(results[3].as_f64(), Some(0.0));
            results[1] = Val::i64(1);
            Ok(())
        }),
    )
    .unwrap();
    let mut results = [Val::i32(-1); 4];
    func.func().call(&[], &mut results).unwrap();
    assert_eq!(results[0].as_i32(), Some(0));
    assert_eq!(results[1].as_i64(), Some(1));
    assert_eq!(results[2].as_f32(), Some(0.0));
    assert_eq!(results[3].as_f64(), Some(0.0));
}

#[test]
fn a_result_of_another_kind_traps() {
    let f = Fixture::new();
    let func = HostFunc::new(
        f.store(),
        &func_type(&[], &[I32]),
        Box::new(|_, results| {
            results[0] = Val::i64(1);
            Ok(())
        }),
    )
    .unwrap();
    let trap = func.func().call(&[], &mut [Val::i32(0)]).unwrap_err();
    assert_eq!(trap.cause(), "a host function returned i64 in place of i32");
}

#[test]
fn a_message_becomes_a_trap() {
    let f = Fixture::new();
    for (message, cause) in [
        ("no such thing", "no such thing"),
        ("", "host trap"),
        ("naïve\0text", "naïve\u{fffd}text"),
        ("two\nlines", "two\nlines"),
    ] {
        let func = host(&f, move |_| Err(message.into()));
        let trap = call(&f, func.as_extern(), 1).unwrap_err();
        assert_eq!(trap.cause(), cause);
        assert!(trap.message().starts_with("error while executing"));
        assert!(!trap.message().contains('\0'));
    }
    assert_eq!(
        Trap::new(f.store(), "by hand").unwrap().message(),
        "by hand"
    );
}

#[test]
fn a_panic_becomes_a_trap() {
    let f = Fixture::new();
    let func = host(&f, |x| panic!("at {x}"));
    let trap = call(&f, func.as_extern(), 7).unwrap_err();
    assert_eq!(trap.cause(), "a host function panicked: at 7");
    let func = host(&f, |_| std::panic::panic_any(5));
    let trap = call(&f, func.as_extern(), 7).unwrap_err();
    assert_eq!(trap.cause(), "a host function panicked: no text");
}

#[test]
fn traps_pass_through_host_functions() {
    let f = Fixture::new();
    let inner = f.instance(
        r#"(module (func (export "f") (param i32) (result i32) unreachable))"#,
        &[],
    );
    let func = host(&f, move |x| Ok(call_export(&inner, x)?));
    let trap = call(&f, func.as_extern(), 1).unwrap_err();
    assert_eq!(trap.cause(), "wasm `unreachable` instruction executed");

    let deepest = host(&f, |_| Err("the reason".into()));
    let middle = f.instance(CALLER, &[deepest.as_extern()]);
    let outer = host(&f, move |x| Ok(call_export(&middle, x)?));
    let trap = call(&f, outer.as_extern(), 1).unwrap_err();
    assert_eq!(trap.cause(), "the reason");
}

#[test]
fn a_closure_goes_with_its_owner() {
    let f = Fixture::new();
    let alive = Rc::new(());
    let watch = Rc::downgrade(&alive);
    let func = host(&f, move |_| Ok(Rc::strong_count(&alive) as i32));
    let instance = f.instance(CALLER, &[func.as_extern()]);
    assert_eq!(call_export(&instance, 0).unwrap(), 1);
    drop(func);
    assert!(watch.upgrade().is_none());
    let trap = call_export(&instance, 0).unwrap_err();
    assert_eq!(
        trap.cause(),
        "a host function was called after it was removed"
    );
}

#[test]
fn a_closure_may_drop_its_own_function() {
    let f = Fixture::new();
    let slot: Rc<RefCell<Option<HostFunc>>> = Rc::default();
    let func = host(&f, {
        let slot = Rc::downgrade(&slot);
        let text = String::from("still here");
        move |_| {
            drop(slot.upgrade().unwrap().take());
            Ok(text.len() as i32)
        }
    });
    let instance = f.instance(CALLER, &[func.as_extern()]);
    *slot.borrow_mut() = Some(func);
    assert_eq!(call_export(&instance, 0).unwrap(), 10);
    assert!(call_export(&instance, 0).is_err());
}

#[test]
fn forwarders() {
    let f = Fixture::new();
    let target = f.instance(
        r#"(module (func (export "f") (param i32) (result i32)
            (if (result i32) (local.get 0) (then (i32.add (local.get 0) (i32.const 1))) (else unreachable))))"#,
        &[],
    );
    let exports = target.exports();
    let target = exports.get(0).unwrap();
    let target = target.as_func().unwrap();
    let forwarder =
        Forwarder::new(f.store(), &func_type(&[I32], &[I32]), "libz.so: inflate").unwrap();
    let trap = call(&f, forwarder.as_extern(), 1).unwrap_err();
    assert_eq!(
        trap.cause(),
        "libz.so: inflate was called before it was linked"
    );
    // SAFETY: of this store and type, alive until the end.
    unsafe { forwarder.set_target(NonNull::new(target.raw())) };
    assert_eq!(call(&f, forwarder.as_extern(), 41).unwrap(), 42);
    let trap = call(&f, forwarder.as_extern(), 0).unwrap_err();
    assert_eq!(trap.cause(), "wasm `unreachable` instruction executed");
    // SAFETY: none.
    unsafe { forwarder.set_target(None) };
    assert!(call(&f, forwarder.as_extern(), 1).is_err());
}

#[test]
fn exceptions_pass_through_forwarders() {
    let f = Fixture::new();
    let thrower = f.instance(
        r#"(module (tag $x (export "x") (param i32))
            (func (export "throw") (param i32) (throw $x (local.get 0))))"#,
        &[],
    );
    let exports = thrower.exports();
    let (tag, func) = (exports.get(0).unwrap(), exports.get(1).unwrap());
    let forwarder = Forwarder::new(f.store(), &func_type(&[I32], &[]), "throw").unwrap();
    // SAFETY: of this store and type, alive until the end.
    unsafe { forwarder.set_target(NonNull::new(func.as_func().unwrap().raw())) };
    let catcher = f.instance(
        r#"(module (import "e" "x" (tag $x (param i32))) (import "e" "throw" (func $throw (param i32)))
            (func (export "catch") (param i32) (result i32)
                (block (result i32) (try_table (catch $x 0) (call $throw (local.get 0))) (i32.const -1))))"#,
        &[tag.as_extern(), forwarder.as_extern()],
    );
    assert_eq!(call_export(&catcher, 42).unwrap(), 42);
}

#[test]
fn nesting_ends_in_a_trap() {
    let f = Fixture::new();
    let again: Rc<RefCell<Option<Instance>>> = Rc::default();
    let deepest = Rc::new(Cell::new(0));
    let func = host(&f, {
        let (again, deepest) = (Rc::clone(&again), Rc::clone(&deepest));
        move |x| {
            deepest.set(deepest.get().max(x));
            let again = again.borrow();
            Ok(call_export(again.as_ref().unwrap(), x + 1)?)
        }
    });
    *again.borrow_mut() = Some(f.instance(CALLER, &[func.as_extern()]));
    let trap = call_export(again.borrow().as_ref().unwrap(), 0).unwrap_err();
    println!("{} levels: {}", deepest.get(), trap.cause());
    assert!(deepest.get() >= 100);
    // The store is as good as before.
    let fine = host(&f, Ok);
    assert_eq!(call(&f, fine.as_extern(), 3).unwrap(), 3);
    again.borrow_mut().take();
}

#[test]
fn host_functions_instantiate_and_grow() {
    let f = Fixture::new();
    let store = f.store();
    let bytes = wat::parse_str(CALLER).unwrap();
    let table = Table::new(
        store,
        crate::object::TableType {
            element: super::FUNCREF,
            limits: super::limits(0, None),
            table64: false,
        },
    )
    .unwrap();
    let double = Rc::new(host(&f, |x| Ok(2 * x)));
    let func = host(&f, {
        let double = Rc::clone(&double);
        move |x| {
            let module = Module::new(store, &bytes).ok_or("refused")?;
            let instance =
                Instance::new(store, &module, &[double.as_extern()]).map_err(|_| "refused")?;
            table.grow(1).ok_or("no slot")?;
            Ok(call_export(&instance, x)? + table.size() as i32)
        }
    });
    assert_eq!(call(&f, func.as_extern(), 20).unwrap(), 41);
    assert_eq!(call(&f, func.as_extern(), 20).unwrap(), 42);
}

use std::cell::RefCell;
use std::rc::Rc;

use super::{Fixture, func_type};
use crate::engine::*;
use crate::object::ValType::I32;

const CALLER: &str = r#"(module
    (import "env" "f" (func $f (param i32) (result i32)))
    (func (export "call") (param i32) (result i32) (call $f (local.get 0))))"#;

fn call(f: &Fixture, host: ExternPtr<'_>, arg: i32) -> Result<i32, Trap> {
    let instance = f.instance(CALLER, &[host]);
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
fn a_message_becomes_a_trap() {
    let f = Fixture::new();
    let func = host(&f, |_| Err("no such thing".into()));
    let trap = call(&f, func.as_extern(), 1).unwrap_err();
    println!("{}", trap.message());
    assert_eq!(trap.cause(), "no such thing");
}

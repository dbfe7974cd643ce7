//! Functions that are called often go through carriers, which stop and count as other calls do.

use super::*;

/// A function that adds, one that never ends where its argument is not zero, and a table slot for the first.
const OFTEN: &str = r#"(module (@dylink.0 (mem-info (table 1 0)))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__table_base" (global $slot i32))
  (elem (global.get $slot) $add)
  (func $add (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "loops") (param i32)
    (loop $again (br_if $again (local.get 0)))))"#;

/// Takes of the stack, and throws where its argument is not zero.
const THROWS: &str = r#"(module (@dylink.0)
  (import "env" "__stack_pointer" (global $sp (mut i32)))
  (tag $thrown (param i32))
  (func (export "throws") (param i32) (result i32)
    (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
    (if (local.get 0) (then (throw $thrown (local.get 0))))
    (global.set $sp (i32.add (global.get $sp) (i32.const 16)))
    (i32.const 7))
  (func (export "stack") (result i32) (global.get $sp)))"#;

/// An exception that nobody catches ends a call through a carrier as a trap does.
#[test]
fn functions_that_are_called_often_may_throw() {
    for (name, api) in engines() {
        let engine = engine(api);
        let outcome = within_mode(&engine, Mode::Off, (Bind::Now, Plt::Auto), |ns| {
            if load(ns, "libthrows.so", THROWS).is_err() {
                assert_eq!(name, "wasmi", "which has no exceptions");
                return Ok(());
            }
            let throws = prepared(ns, "throws")?;
            let stack = call(ns, "stack", &[])?;
            for n in 0..1_100 {
                let mut cells = [u64::from(n % 100 == 99)];
                let ran = throws.call_cells(&mut cells);
                match n % 100 {
                    99 => assert_eq!(ran.expect_err(&name).code(), Code::Trap, "{name}"),
                    _ => assert_eq!((ran?, cells), ((), [7]), "{name}"),
                }
                assert_eq!(call(ns, "stack", &[])?, stack, "{name}");
            }
            Ok(())
        });
        outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

fn prepared(ns: &Rc<Namespace>, name: &str) -> Result<Function> {
    let Symbol::Func { callee, .. } = ns.dlsym(SearchIn::Global, name)? else {
        panic!("no function");
    };
    // SAFETY: the namespace keeps the function during the call.
    let func = unsafe { Func::lend(ns.store().api(), ns.func_ptr(callee)?) };
    ns.prepare_call(&func)
}

/// Calls that go through a carrier after the first thousand use as much as before, and are stopped as before.
#[test]
fn functions_that_are_called_often_are_counted_and_stopped() {
    for (name, api) in engines() {
        let engine = engine(api);
        let counted = |ns: &Rc<Namespace>| {
            load(ns, "liboften.so", OFTEN)?;
            let (add, loops) = (prepared(ns, "add")?, prepared(ns, "loops")?);
            let (instances, mut each) = (ns.instances(), Vec::new());
            for _ in 0..1_100 {
                each.push(used(ns, |_| {
                    add.call_cells(&mut [1, 2])?;
                    loops.call(&[Val::i32(0)], &mut [])
                })?);
            }
            // The linked engine has a quicker way of its own.
            let carriers = if name == "linked" { 0 } else { 2 };
            assert_eq!(ns.instances() - instances, carriers, "{name}");
            assert!(each.iter().all(|&units| units == each[0] && units > 0));
            ns.set_budget(Some(1_000))?;
            let error = loops.call(&[Val::i32(1)], &mut []).expect_err(&name);
            assert_eq!(error.code(), Code::OutOfBudget, "{name}: {error}");
            ns.set_budget(None)?;
            add.call_cells(&mut [1, 2])
        };
        let outcome = within(&engine, (Bind::Now, Plt::Auto), counted);
        outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
        let stopped = |ns: &Rc<Namespace>| {
            load(ns, "liboften.so", OFTEN)?;
            let (add, loops) = (prepared(ns, "add")?, prepared(ns, "loops")?);
            for _ in 0..1_100 {
                loops.call(&[Val::i32(0)], &mut [])?;
                add.call_cells(&mut [1, 2])?;
            }
            let error = interrupted(ns, || loops.call(&[Val::i32(1)], &mut []));
            let error = error.expect_err(&name);
            assert_eq!(error.code(), Code::Interrupted, "{name}: {error}");
            ns.control().set_timeout(Some(SOON))?;
            let error = loops.call(&[Val::i32(1)], &mut []).expect_err(&name);
            assert_eq!(error.code(), Code::TimedOut, "{name}: {error}");
            let mut cells = [40, 2];
            add.call_cells(&mut cells)?;
            assert_eq!(cells[0], 42, "{name}");
            Ok(())
        };
        let outcome = within_mode(&engine, Mode::Interrupt, (Bind::Now, Plt::Auto), stopped);
        outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

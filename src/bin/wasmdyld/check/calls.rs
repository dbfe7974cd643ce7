//! Calls between guest and host.

use std::cell::RefCell;
use std::rc::Rc;

use wasmdyld::engine::{HostTrap, Val};
use wasmdyld::object::ValType;

use super::kit::{Answer, Kit, Made, Reason, fine, same};

/// An instance that a host function calls, and that imports that function: known to it only later. Empty at the end, so that
/// neither keeps the other.
#[derive(Clone, Default)]
struct Later(Rc<RefCell<Option<Rc<Made>>>>);

impl Later {
    /// Calls an export of one i32; a trap is passed on as it is.
    fn call(&self, name: &str, args: &[Val], results: &mut [Val]) -> Result<(), HostTrap> {
        let made = self.0.borrow().clone();
        let made = made.ok_or("called too early")?;
        let outcome = made.try_call(name, args);
        let outcome = outcome.map_err(|why| HostTrap::Message(why.as_str().to_string()))?;
        for (result, value) in results.iter_mut().zip(outcome?) {
            *result = value;
        }
        Ok(())
    }

    fn with<T>(&self, made: Made, run: impl FnOnce(&Made) -> Answer<T>) -> Answer<T> {
        let made = Rc::new(made);
        *self.0.borrow_mut() = Some(made.clone());
        let outcome = run(&made);
        self.0.borrow_mut().take();
        outcome
    }
}

pub fn arguments_and_results(kit: &Kit) -> Answer {
    use ValType::{F32, F64, I32, I64};
    let host = kit.host(&[I32, I64, F32, F64], &[F64], |args, results| {
        let [a, b, c, d] = args else {
            return Err(format!("{} arguments in place of 4", args.len()).into());
        };
        let all = (a.as_i32(), b.as_i64(), c.as_f32(), d.as_f64());
        let (Some(a), Some(b), Some(c), Some(d)) = all else {
            return Err(format!("arguments of other kinds: {args:?}").into());
        };
        let sum = f64::from(a) + b as f64 + f64::from(c) + d;
        results.fill(Val::f64(sum));
        Ok(())
    })?;
    let guest = kit.instance(
        r#"(module
          (import "" "host" (func $host (param i32 i64 f32 f64) (result f64)))
          (func (export "run") (result f64)
            (call $host (i32.const -1) (i64.const 0x100000000) (f32.const 0.5) (f64.const 0.25))))"#,
        &[("host", host.as_extern())],
    )?;
    let results = guest.call("run", &[])?;
    let result = results.first().and_then(|value| value.as_f64());
    same("the result", result, Some(4_294_967_295.75))?;
    fine()
}

const CALLS_HOST: &str = r#"(module
  (import "" "host" (func $host))
  (func (export "run") (call $host) (unreachable)))"#;

pub fn trap_of_the_host(kit: &Kit) -> Answer {
    let host = kit.host(&[], &[], |_, _| Err("no such file".into()))?;
    let guest = kit.instance(CALLS_HOST, &[("host", host.as_extern())])?;
    match guest.try_call("run", &[])? {
        Ok(_) => Err("a trap of a host function gets lost".into()),
        Err(trap) if trap.message().contains("unreachable") => {
            Err("the guest runs on after a trap of a host function".into())
        }
        Err(_) => fine(),
    }
}

pub fn trap_text(kit: &Kit) -> Answer {
    let said = "no such file: \"a\"";
    let host = kit.host(&[], &[], move |_, _| Err(said.into()))?;
    let guest = kit.instance(CALLS_HOST, &[("host", host.as_extern())])?;
    let Err(trap) = guest.try_call("run", &[])? else {
        return Err("a trap of a host function gets lost".into());
    };
    if trap.cause() != said {
        return Err(format!("{said:?} comes back as {:?}", trap.message()).into());
    }
    let guest = kit.instance(r#"(module (func (export "run") (unreachable)))"#, &[])?;
    match guest.try_call("run", &[])? {
        Ok(_) => Err("unreachable does not trap".into()),
        Err(trap) if trap.cause().trim().is_empty() => {
            Err("the guest's own traps have no text".into())
        }
        Err(trap) => Ok(format!("unreachable: {}", trap.cause())),
    }
}

/// A guest in a host in a guest.
const NESTED: &str = r#"(module
  (import "" "host" (func $host (param i32) (result i32)))
  (func (export "dive") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 1))
      (else (i32.add (i32.const 1) (call $host (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "fail") (param i32) (result i32) (unreachable))
  (func (export "run") (result i32) (call $host (i32.const 0))))"#;

fn nested<T>(kit: &Kit, export: &'static str, run: impl FnOnce(&Made) -> Answer<T>) -> Answer<T> {
    let later = Later::default();
    let again = later.clone();
    let host = kit.host(&[ValType::I32], &[ValType::I32], move |args, results| {
        again.call(export, args, results)
    })?;
    let guest = kit.instance(NESTED, &[("host", host.as_extern())])?;
    later.with(guest, run)
}

pub fn trap_through_host(kit: &Kit) -> Answer {
    nested(kit, "fail", |guest| {
        let direct = guest.try_call("fail", &[Val::i32(0)])?;
        let direct = direct.err().ok_or("unreachable does not trap")?.cause();
        match guest.try_call("run", &[])? {
            Ok(_) => Err("a trap gets lost in a host function's frame".into()),
            Err(trap) if trap.cause() == direct => fine(),
            Err(trap) => Ok(format!("the text changes: {}", trap.cause())),
        }
    })
}

/// More than the linker itself allows by default.
const DEPTH: i32 = 150;

pub fn nesting(kit: &Kit) -> Answer {
    nested(kit, "dive", |guest| {
        same("levels", guest.int("dive", &[DEPTH])?, DEPTH + 1)?;
        Ok(format!("{DEPTH} levels"))
    })
}

/// Deeper than any stack: it has to end in a trap.
pub fn endless_nesting(kit: &Kit) -> Answer {
    nested(kit, "dive", |guest| {
        match guest.try_call("dive", &[Val::i32(1_000_000)])? {
            Ok(_) => Err("a million levels are not noticed".into()),
            Err(trap) => {
                let cause = trap.cause();
                Ok(wasmdyld::link::cut(&cause, 100).to_string())
            }
        }
    })
}

/// A guest that calls itself without end.
pub fn endless_recursion(kit: &Kit) -> Answer {
    let guest = kit.instance(
        r#"(module (func $f (export "f") (param i32) (result i32)
          (i32.add (i32.const 1) (call $f (local.get 0)))))"#,
        &[],
    )?;
    match guest.try_call("f", &[Val::i32(0)])? {
        Ok(_) => Err("endless recursion comes back".into()),
        Err(trap) => Ok(trap.cause()),
    }
}

pub fn several_results(kit: &Kit) -> Answer {
    use ValType::{I32, I64};
    let host = kit.host(&[I32, I64], &[I64, I32], |args, results| {
        let [a, b] = args else {
            return Err("arguments".into());
        };
        results.copy_from_slice(&[*b, *a]);
        Ok(())
    })?;
    let guest = kit.instance(
        r#"(module
          (import "" "host" (func $host (param i32 i64) (result i64 i32)))
          (func (export "run") (param i32 i64) (result i64 i32)
            (call $host (local.get 0) (local.get 1))))"#,
        &[("host", host.as_extern())],
    )?;
    let results = guest.call("run", &[Val::i32(81), Val::i64(82)])?;
    let [first, second] = results.as_slice() else {
        return Err(Reason::from(format!(
            "{} results in place of 2",
            results.len()
        )));
    };
    same("the first", first.as_i64(), Some(82))?;
    same("the second", second.as_i32(), Some(81))?;
    fine()
}

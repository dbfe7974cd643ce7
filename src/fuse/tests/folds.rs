//! Which constants are folded, and that nothing else changes.

use wasmparser::{FunctionBody, Operator};

use super::shelf::{linked, program};
use crate::fuse::module::Module;
use crate::fuse::{Fused, Options};

/// A library whose one function does this: `$x` is its parameter, `$y` and `$b` are locals.
fn library(body: &str, fold: bool) -> Fused {
    let text = format!(
        r#"(module
          (@dylink.0 (mem-info (memory 64 2) (table 0 0)))
          (import "env" "memory" (memory 1))
          (import "env" "__memory_base" (global $base i32))
          (func (export "f") (param $x i32) (result i32) (local $y i32) (local $b i32)
            global.get $base
            drop
            {body}))"#
    );
    let options = Options {
        library: true,
        fold,
        ..program()
    };
    linked(&[("liba.so", &text)], &options).expect("a module")
}

/// `before` becomes `after`, in which `{N}` is the address of the library's data and N.
#[track_caller]
fn becomes(before: &str, after: &str) {
    let folded = library(before, true);
    let base = folded.map.objects[0].memory;
    let mut expected = String::new();
    for (n, piece) in after.split(['{', '}']).enumerate() {
        match piece.parse::<u64>() {
            Ok(more) if n % 2 == 1 => expected.push_str(&(base + more).to_string()),
            _ => expected.push_str(piece),
        }
    }
    let expected = library(&expected, false);
    assert!(
        folded.bytes == expected.bytes,
        "{before} became\n{:?}\nand not\n{:?}",
        bodies(&folded)[0],
        bodies(&expected)[0]
    );
}

#[track_caller]
fn stays(body: &str) {
    becomes(body, body);
}

#[test]
fn sums_of_constants_are_constants() {
    becomes(
        "global.get $base i32.const 12 i32.add i32.const 3 i32.add",
        "i32.const {15}",
    );
    becomes(
        "local.get $x global.get $base i32.add i32.const 4 i32.add",
        "local.get $x i32.const {4} i32.add",
    );
    becomes(
        "global.get $base local.get $x i32.add i32.const 8 local.get $x i32.add i32.add",
        "i32.const {8} local.get $x i32.add local.get $x i32.add",
    );
    becomes("local.get $x i32.const 0 i32.add", "local.get $x");
}

#[test]
fn constants_go_into_offsets_where_the_sum_cannot_wrap() {
    for bounded in [
        "local.get $x i32.load8_u",
        "local.get $x i32.load16_u i32.const 2 i32.shl",
        "local.get $x i32.const 255 i32.and",
        "local.get $x i32.const 20 i32.shr_u i32.const 12 i32.mul",
        "local.get $x i32.eqz i32.const 3 i32.or",
        "local.get $x i32.const 100 i32.rem_u",
        "local.get $x i32.load8_u i32.const 7 local.get $x select",
        "local.get $x i32.load8_u local.set $y local.get $y",
    ] {
        becomes(
            &format!("{bounded} global.get $base i32.add i32.load8_u offset=4"),
            &format!("{bounded} i32.load8_u offset={{4}}"),
        );
    }
    becomes(
        "global.get $base local.get $x i32.load8_u i32.add local.get $x i32.store16 local.get $x",
        "local.get $x i32.load8_u local.get $x i32.store16 offset={0} local.get $x",
    );
    becomes(
        "local.get $x i32.load8_u global.get $base i32.add local.get $x f64.load f64.store local.get $x",
        "local.get $x i32.load8_u local.get $x f64.load f64.store offset={0} local.get $x",
    );
}

#[test]
fn what_could_wrap_or_is_wanted_otherwise_stays() {
    for unbounded in [
        "local.get $x",
        "local.get $x i32.load8_s",
        "local.get $x i32.const 2 i32.shl",
        "local.get $x i32.load16_u i32.const 17 i32.shl",
        "local.get $x i32.load8_u i32.const -1 i32.xor",
        "local.get $x i32.load8_u i32.const 300 i32.sub",
        "local.get $x i32.const 255 i32.and local.get $x local.get $x select",
        "local.get $x i32.const 0 i32.shr_u",
        "local.get $x i32.const 32 i32.shr_u",
        "local.get $y",
    ] {
        stays(&format!("{unbounded} global.get $base i32.add i32.load8_u"));
    }
    // It is as large as can be, and would wrap.
    stays("local.get $x i32.const 255 i32.and i32.const -16 i32.add i32.load8_u");
    // An engine would look at the bounds of that.
    stays("local.get $x i32.load8_u global.get $base i32.add i32.load8_u offset=33554432");
    // The sum is used twice.
    stays(
        "local.get $x i32.load8_u global.get $base i32.add local.tee $y i32.load8_u local.get $y i32.add",
    );
    // A call ends what is known of the stack.
    stays(
        "local.get $x i32.load8_u global.get $base i32.add local.get $x call 0 i32.add i32.load8_u",
    );
}

const USE: &str = "local.get $x i32.load8_u local.get $b i32.add i32.load8_u";
const FOLDED: &str = "local.get $x i32.load8_u i32.load8_u offset={0}";

#[test]
fn locals_are_known_to_the_end_of_their_block() {
    let set = "global.get $base local.set $b";
    becomes(&format!("{set} {USE}"), &format!("{set} {FOLDED}"));
    // Inside of blocks that follow, and behind those that do not set it.
    becomes(
        &format!("{set} block local.get $x br_if 0 {USE} drop end loop {USE} br_if 0 end {USE}"),
        &format!(
            "{set} block local.get $x br_if 0 {FOLDED} drop end loop {FOLDED} br_if 0 end {FOLDED}"
        ),
    );
    // Something else is in it then.
    stays(&format!("{set} local.get $x local.set $b {USE}"));
    // The block may have been left before.
    stays(&format!("block local.get $x br_if 0 {set} end {USE}"));
    stays(&format!(
        "local.get $x if {set} else {USE} local.set $y end {USE}"
    ));
    stays(&format!(
        "{set} block local.get $x br_if 0 local.get $x local.set $b {set} end {USE}"
    ));
    // It is set anew before the loop comes back.
    stays(&format!(
        "{set} loop {USE} local.set $b local.get $x br_if 0 end {USE}"
    ));
}

fn bodies(fused: &Fused) -> Vec<Vec<Operator<'_>>> {
    let module = Module::read(&fused.bytes).expect("a module");
    module.bodies.iter().map(operators).collect()
}

fn operators<'a>(body: &FunctionBody<'a>) -> Vec<Operator<'a>> {
    let mut reader = body.get_operators_reader().expect("operators");
    std::iter::from_fn(|| (!reader.eof()).then(|| reader.read().expect("an operator"))).collect()
}

/// Panics where a folded module does not have the operators of the plain one but for additions of constants. Gives how many are gone.
pub fn only_folds(plain: &Fused, folded: &Fused) -> usize {
    let (before, after) = (bodies(plain), bodies(folded));
    assert_eq!(before.len(), after.len());
    let mut gone = 0;
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        let mut after = after.iter().peekable();
        let (mut adds, mut terms, mut locals) = (0, 0, false);
        // All constants and offsets together stay the same.
        let mut sum = 0u64;
        for old in before {
            sum = sum.wrapping_add(constant(old));
            let new = after.peek().copied();
            if new.is_some_and(|new| same(old, new)) {
                sum = sum.wrapping_sub(constant(new.expect("an operator")));
                locals |= matches!(old, Operator::LocalGet { .. }) && new != Some(old);
                after.next();
                continue;
            }
            match old {
                Operator::I32Add => adds += 1,
                Operator::I32Const { .. } => terms += 1,
                Operator::LocalGet { .. } => (terms, locals) = (terms + 1, true),
                other => panic!("function {n}: {other:?} became {new:?}"),
            }
        }
        assert_eq!((after.next(), adds), (None, terms), "function {n}");
        assert!(locals || sum as u32 == 0, "function {n}: constants differ");
        gone += adds;
    }
    gone
}

/// A constant, or the offset of an access.
fn constant(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::I32Const { value } => value.cast_unsigned().into(),
        _ => offset(operator).unwrap_or(0),
    }
}

fn offset(operator: &Operator<'_>) -> Option<u64> {
    let text = format!("{operator:?}");
    let digits = text.split_once("offset: ")?.1;
    digits.split(',').next()?.parse().ok()
}

fn same(old: &Operator<'_>, new: &Operator<'_>) -> bool {
    match (old, new) {
        _ if old == new => true,
        (Operator::I32Const { .. } | Operator::LocalGet { .. }, Operator::I32Const { .. }) => true,
        _ => match (offset(old), offset(new)) {
            (Some(less), Some(more)) if less < more => {
                let text = |operator, offset| {
                    format!("{operator:?}").replace(&format!("offset: {offset},"), "")
                };
                text(old, less) == text(new, more)
            }
            _ => false,
        },
    }
}

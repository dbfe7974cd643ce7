//! Checks that look at a flag.

use std::path::Path;

use super::super::tests::metered::check_agreement;
use super::tests::{assemble, count_checks, modules_below, names, sections, validate};
use super::*;
use crate::object::{Object, ParseLimits};

fn flagged(bytes: &[u8]) -> Option<Vec<u8>> {
    let rewritten = meter(bytes, Mode::Flag { aside: true }).unwrap_or_else(|e| panic!("{e}"))?;
    validate(&rewritten.bytes);
    check_agreement(bytes, &rewritten, Mode::Flag { aside: true });
    Some(rewritten.bytes)
}

/// `LOOK` in `after` stands for a check of the memory `$flag`.
fn becomes(before: &str, after: &str) {
    let rewritten = flagged(&assemble(before)).expect("checks");
    let look = "i32.const 0 i32.atomic.load $flag if call $ask end";
    let wanted = assemble(&after.replace("LOOK", look));
    validate(&wanted);
    assert_eq!(sections(&rewritten), sections(&wanted));
}

/// A tight loop of which there are eight copies: `first` stands for a turn that does not look, `last` for the one that does.
fn tight(name: &str, first: &str, last: &str) -> String {
    let first = format!("block $next {first} br $out end\n").repeat(7);
    format!(
        "block $out loop $again block $ask loop {name} {first} {last} br $out end end call $ask br $again end end"
    )
}

/// `LOOK` in these.
const FLAG: &str = "i32.const 0 i32.atomic.load $flag";

/// What is run through once is not checked, and the way out of a loop is not either.
#[test]
fn turns_are_checked_where_they_end() {
    let last = format!("local.get 0 if {FLAG} br_if $ask br $inner end");
    let inner = tight("$inner", "local.get 0 br_if $next", &last);
    becomes(
        r#"(module
          (type $v (func))
          (import "env" "memory" (memory 1))
          (import "env" "f" (func $f))
          (global $own (mut i32) (i32.const 0))
          (export "loop" (func $loop))
          (func $loop (param i32)
            loop $outer
              loop $inner
                local.get 0
                br_if $inner
              end
              local.get 0
              global.set $own
              block $done
                local.get 0
                br_if $done
                br $outer
              end
              loop $once end
            end
            call $f))"#,
        &r#"(module
          (type $v (func))
          (type $loop (func (param i32)))
          (type $ask (func))
          (import "env" "memory" (memory 1))
          (import "env" "f" (func $f (type $v)))
          (import "wasmdyld:control" "flag" (memory $flag 1 1))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (global $own (mut i32) (i32.const 0))
          (export "loop" (func $loop))
          (func $loop (type $loop)
            ENTER
            loop $outer
              INNER
              local.get 0
              global.set $own
              block $done
                local.get 0
                br_if $done
                LOOK
                br $outer
              end
              loop $once end
            end
            call $f)
          (func $aside (type $loop)
            call $ask
            local.get 0
            return_call $loop))"#
            .replace(
                "ENTER",
                &format!("{FLAG} if local.get 0 return_call $aside end"),
            )
            .replace("INNER", &inner),
    );
}

/// Functions that are checked where they are entered ask in others, to which they hand all parameters.
#[test]
fn entries_ask_in_functions_beside_them() {
    becomes(
        r#"(module
          (func nop)
          (func $first (param i32 f64) (result i32)
            local.get 0
            f64.const 1
            call $first)
          (func $second (param i64)
            local.get 0
            call $second))"#,
        &r#"(module
          (type (func))
          (type (func (param i32 f64) (result i32)))
          (type (func (param i64)))
          (type $ask (func))
          (import "wasmdyld:control" "flag" (memory $flag 1 1))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (func (type 0) nop)
          (func $first (type 1)
            FLAG if local.get 0 local.get 1 return_call $beside_first end
            local.get 0
            f64.const 1
            call $first)
          (func $second (type 2)
            FLAG if local.get 0 return_call $beside_second end
            local.get 0
            call $second)
          (func $beside_first (type 1)
            call $ask
            local.get 0
            local.get 1
            return_call $first)
          (func $beside_second (type 2)
            call $ask
            local.get 0
            return_call $second))"#
            .replace("FLAG", FLAG),
    );
}

/// So they do on engines that have no tail calls: where they stand.
#[test]
fn entries_ask_in_place_without_tail_calls() {
    let mode = Mode::Flag { aside: false };
    let before = assemble("(module (func $f (param i32) local.get 0 call $f))");
    let rewritten = meter(&before, mode).unwrap().expect("checks");
    validate(&rewritten.bytes);
    check_agreement(&before, &rewritten, mode);
    let wanted = r#"(module
      (type (func (param i32)))
      (type $ask (func))
      (import "wasmdyld:control" "flag" (memory $flag 1 1))
      (import "wasmdyld:control" "ask" (func $ask (type $ask)))
      (func $f (type 0) FLAG if call $ask end local.get 0 call $f))"#;
    let wanted = assemble(&wanted.replace("FLAG", FLAG));
    assert_eq!(sections(&rewritten.bytes), sections(&wanted));
}

/// A function that asks for another has that one's name, and the index says which one it is. What fills in pieces stands between.
#[test]
fn what_asks_beside_tells_for_which_function() {
    let text = r#"(module
      (import "env" "f" (func $f))
      (memory 1)
      (func $short)
      (func $named (param i32)
        (memory.fill (local.get 0) (local.get 0) (local.get 0))
        (call $named (local.get 0)))
      (func (param i64) (call 3 (local.get 0))))"#;
    let before = assemble(text);
    let mode = Mode::Flag { aside: true };
    let rewritten = meter(&before, mode).unwrap().expect("checks");
    validate(&rewritten.bytes);
    let named = ["f 0", "short 2", "named 3", "named 6"];
    assert_eq!(names(&rewritten.bytes).unwrap(), named);
    let object = Object::parse(&rewritten.bytes, &ParseLimits::default()).unwrap();
    let object = object.metered(mode, 3, rewritten.asides).unwrap();
    let asked: Vec<Option<u32>> = (0..9).map(|index| object.asked_for(index)).collect();
    let mut wanted = [None; 9];
    wanted[6..8].copy_from_slice(&[Some(3), Some(4)]);
    assert_eq!(asked, wanted);
}

/// Nothing much is written beyond the bound before a module is refused.
#[test]
fn what_asks_beside_is_bounded_as_it_is_written() {
    let params = "i64 ".repeat(1000);
    let calls = "local.get 0 ".repeat(1000);
    let one = |n| format!("(func (param {params}) {calls} call {n})");
    let all: String = (0..20).map(one).collect();
    let bytes = assemble(&format!("(module {all})"));
    let survey = survey::Survey::of(&bytes).unwrap();
    let entries = entries::Entries::of(&bytes, &survey).unwrap();
    let asides = Asides::of(&entries, &survey, 21);
    let mut all = Vec::new();
    (asides.bodies(&mut all, &survey, 0, usize::MAX)).unwrap();
    let each = all.len() / 20;
    assert!(each > 2000, "{each} bytes for each");
    let mut out = Vec::new();
    let refused = asides.bodies(&mut out, &survey, 0, 10 * each);
    assert_eq!(refused.unwrap_err().code(), Code::Limit);
    assert!(out.len() < 12 * each, "{} bytes", out.len());
}

/// Where a loop takes values from the stack, and where a branch has other labels as well, the check stands in front.
#[test]
fn branches_that_may_lead_back_are_checked_in_front() {
    becomes(
        r#"(module
          (func $values (param i32) (result i32)
            local.get 0
            loop $l (param i32) (result i32)
              local.get 0
              br_if $l
            end)
          (func $table (param i32)
            block $out
              loop $l
                local.get 0
                br_table $out $l $out
              end
            end)
          (func $null (param funcref)
            loop $l
              local.get 0
              br_on_null $l
              drop
            end)
          (tag $t)
          (func $caught
            loop $l
              try_table (catch_all $l)
                throw $t
              end
            end))"#,
        r#"(module
          (type (func (param i32) (result i32)))
          (type (func (param i32)))
          (type (func (param funcref)))
          (type (func))
          (type $ask (func))
          (import "wasmdyld:control" "flag" (memory $flag 1 1))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (tag $t (type 3))
          (func $values (type 0)
            local.get 0
            loop $l (type 0)
              local.get 0
              LOOK
              br_if $l
            end)
          (func $table (type 1)
            block $out
              loop $l
                local.get 0
                LOOK
                br_table $out $l $out
              end
            end)
          (func $null (type 2)
            loop $l
              local.get 0
              LOOK
              br_on_null $l
              drop
            end)
          (func $caught (type 3)
            loop $l
              LOOK
              try_table (catch_all $l)
                throw $t
              end
            end))"#,
    );
}

/// The flag's memory comes before those that a module defines, and behind those that it imports.
#[test]
fn memories_of_the_modules_own_move() {
    becomes(
        r#"(module
          (import "env" "memory" (memory $env 1))
          (memory $own 1)
          (memory $wide i64 1)
          (export "own" (memory $own))
          (export "env" (memory $env))
          (func (param i32 i64)
            loop $l
              (drop (i32.load $env offset=8 (local.get 0)))
              (i32.store8 $own offset=300 (local.get 0) (i32.const 1))
              (drop (i64.load32_u $wide offset=0x100000000 align=1 (local.get 1)))
              (drop (v128.load8_lane $own offset=7 3 (local.get 0) (v128.const i64x2 0 0)))
              (drop (v128.load $own (local.get 0)))
              (drop (i32.atomic.rmw.add $own offset=4 (local.get 0) (i32.const 1)))
              (drop (memory.size $own))
              (drop (memory.grow $env (i32.const 0)))
              (memory.copy $own $env (i32.const 0) (i32.const 0) (i32.const 8))
              (memory.copy $env $wide (i32.const 0) (i64.const 0) (i32.const 8))
              (memory.fill $wide (i64.const 0) (i32.const 0) (i64.const 8))
              (memory.init $own $passive (i32.const 0) (i32.const 0) (i32.const 1))
              br $l
            end)
          (data (memory $env) (i32.const 0) "a")
          (data (memory $own) (i32.const 300) "b")
          (data $passive "c")
          (data (memory $wide) (i64.const 5) "d"))"#,
        r#"(module
          (type (func (param i32 i64)))
          (type $ask (func))
          (import "env" "memory" (memory $env 1))
          (import "wasmdyld:control" "flag" (memory $flag 1 1))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (memory $own 1)
          (memory $wide i64 1)
          (export "own" (memory $own))
          (export "env" (memory $env))
          (func (type 0)
            loop $l
              (drop (i32.load $env offset=8 (local.get 0)))
              (i32.store8 $own offset=300 (local.get 0) (i32.const 1))
              (drop (i64.load32_u $wide offset=0x100000000 align=1 (local.get 1)))
              (drop (v128.load8_lane $own offset=7 3 (local.get 0) (v128.const i64x2 0 0)))
              (drop (v128.load $own (local.get 0)))
              (drop (i32.atomic.rmw.add $own offset=4 (local.get 0) (i32.const 1)))
              (drop (memory.size $own))
              (drop (memory.grow $env (i32.const 0)))
              (memory.copy $own $env (i32.const 0) (i32.const 0) (i32.const 8))
              (memory.copy $env $wide (i32.const 0) (i64.const 0) (i32.const 8))
              (memory.fill $wide (i64.const 0) (i32.const 0) (i64.const 8))
              (memory.init $own $passive (i32.const 0) (i32.const 0) (i32.const 1))
              LOOK
              br $l
            end)
          (data (memory $env) (i32.const 0) "a")
          (data (memory $own) (i32.const 300) "b")
          (data $passive "c")
          (data (memory $wide) (i64.const 5) "d"))"#,
    );
}

/// A single memory of the module's own is the first, which data need not name and accesses name by nothing.
#[test]
fn the_first_memory_of_the_modules_own_is_named_from_then_on() {
    let store = "(i32.store $own (i32.const 0) (i32.load8_s $own offset=1 (i32.const 0)))";
    let turns = tight(
        "$turn",
        &format!("{store} br $next"),
        &format!("{store} {FLAG} br_if $ask br $turn"),
    );
    becomes(
        r#"(module
          (memory 1)
          (func (loop (i32.store (i32.const 0) (i32.load8_s offset=1 (i32.const 0))) (br 0)))
          (data (i32.const 8) "a"))"#,
        &r#"(module
          (type (func))
          (type $ask (func))
          (import "wasmdyld:control" "flag" (memory $flag 1 1))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (memory $own 1)
          (func (type 0)
            LOOP)
          (data (memory $own) (i32.const 8) "a"))"#
            .replace("LOOP", &turns),
    );
}

#[test]
fn bulk_operations_are_checked_unless_they_are_known_to_be_short() {
    becomes(
        r#"(module
          (import "env" "memory" (memory 1))
          (func (param i32)
            (memory.fill (local.get 0) (i32.const 0) (local.get 0))
            (memory.copy (local.get 0) (i32.const 0) (i32.const 4096))))"#,
        r#"(module
          (type (func (param i32)))
          (type $ask (func))
          (type $filling (func (param i32 i32 i32)))
          (import "env" "memory" (memory 1))
          (import "wasmdyld:control" "flag" (memory $flag 1 1))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (func (type 0) (local $length i32)
            local.get 0 i32.const 0 local.get 0
            local.tee $length local.get $length i32.const 4096 i32.gt_u
            if (type $filling) call $fill else memory.fill end
            (memory.copy (local.get 0) (i32.const 0) (i32.const 4096)))
          (func $fill (type $filling) (local $left i64) (local $at i64) (local i64) (local $spare i64)
            local.get 2 LOOK
            i64.extend_i32_u local.tee $left i64.const 0x1000000 i64.le_u
            if local.get 0 local.get 1 local.get 2 memory.fill return end
            local.get 0 i64.extend_i32_u local.set $at
            memory.size i64.extend_i32_u i64.const 16 i64.shl local.tee $spare local.get $left i64.lt_u
            local.get $at local.get $spare local.get $left i64.sub i64.gt_u
            i32.or
            if local.get 0 local.get 1 local.get 2 memory.fill return end
            loop $piece
              local.get $at i32.wrap_i64 local.get 1 i32.const 0x1000000 memory.fill
              local.get $at i64.const 0x1000000 i64.add local.set $at
              local.get $left i64.const 0x1000000 i64.sub local.set $left
              LOOK
              local.get $left i64.const 0x1000000 i64.gt_u br_if $piece
            end
            local.get $at i32.wrap_i64 local.get 1 local.get $left i32.wrap_i64 memory.fill))"#,
    );
}

/// Each by the number that its memory has then; nothing is left of the one that it had.
#[test]
fn bulk_operations_on_memories_of_the_modules_own_move() {
    let bytes = flagged(&assemble(
        r#"(module
          (memory 1) (memory $b 1) (memory $wide i64 1)
          (func (param i32 i64)
            (memory.fill $b (local.get 0) (i32.const 0) (local.get 0))
            (memory.copy $b $wide (local.get 0) (local.get 1) (local.get 0))
            (memory.fill $wide (local.get 1) (i32.const 0) (local.get 1))))"#,
    ));
    let bytes = bytes.unwrap();
    let (mut fills, mut copies, mut nothing) = ([0; 4], 0, 0);
    for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
        let wasmparser::Payload::CodeSectionEntry(body) = payload.unwrap() else {
            continue;
        };
        for operator in body.get_operators_reader().unwrap() {
            match operator.unwrap() {
                wasmparser::Operator::MemoryFill { mem } => fills[mem as usize] += 1,
                wasmparser::Operator::MemoryCopy { dst_mem, src_mem } => {
                    assert_eq!((dst_mem, src_mem), (2, 3));
                    copies += 1;
                }
                wasmparser::Operator::Nop => nothing += 1,
                _ => {}
            }
        }
    }
    // Where it stands and four times in the function for long ones; a length of 64 bits is always for that one.
    assert_eq!((fills, copies, nothing), ([0, 0, 5, 4], 7, 0));
}

/// No loop's head is a check, so that the way through one counts from before.
#[test]
fn long_code_is_checked_in_and_behind_loops_that_turn_once() {
    let third = "nop ".repeat(path::STRETCH as usize / 3);
    let piece = format!("loop {third} i32.const 0 br_if 0 end ");
    let bytes = flagged(&assemble(&format!("(module (func {}))", piece.repeat(9)))).unwrap();
    // One on each way back, and at the entry, and one for each three pieces but the first.
    let found = count_checks(&bytes);
    assert!((9 + 1 + 2..=9 + 1 + 4).contains(&found), "{found}");
}

#[test]
fn what_has_nothing_to_stop_stays_as_it_is() {
    let text = r#"(module (memory 1) (func (export "f") (drop (i32.load (i32.const 0)))))"#;
    assert_eq!(flagged(&assemble(text)), None);
}

#[test]
fn what_the_module_itself_uses_is_told_apart() {
    let flagged = |text: &str| {
        let bytes = assemble(text);
        let own = Object::parse(&bytes, &ParseLimits::default()).unwrap();
        let own = own.bodies.len();
        let bytes = flagged(&bytes).unwrap();
        let object = Object::parse(&bytes, &ParseLimits::default()).unwrap();
        object
            .metered(Mode::Flag { aside: true }, own, Asides::default())
            .unwrap()
            .features
            .multi_memory
    };
    assert!(!flagged("(module (memory 1) (func (loop (br 0))))"));
    assert!(flagged(
        "(module (memory 1) (memory 1) (func (loop (br 0))))"
    ));
}

#[test]
fn the_guests_are_valid_with_a_flag() {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guests");
    if !guests.join("lib/libc.so").exists() {
        return crate::skip::skip("the guests", "cargo xtask guests");
    }
    let mut paths = Vec::new();
    for folder in ["lib", "cases"] {
        modules_below(&guests.join(folder), &mut paths);
    }
    let (mut before, mut after) = (0, 0);
    for path in &paths {
        let bytes = std::fs::read(path).expect("a guest");
        if Object::parse(&bytes, &ParseLimits::default()).is_err() {
            continue;
        }
        if let Some(rewritten) = flagged(&bytes) {
            before += bytes.len();
            after += rewritten.len();
        }
    }
    assert!(before > 1 << 20, "{before} bytes");
    assert!(after < before + before / 4, "{before} bytes became {after}");
}

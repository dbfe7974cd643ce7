use std::path::Path;

use wasmparser::{NameSectionReader, Validator, WasmFeatures};

use super::super::section::{self, Sections};
use super::super::tests::metered::check_agreement;
use super::*;
use crate::object::{Object, ParseLimits};

pub(super) fn assemble(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"))
}

pub(super) fn validate(bytes: &[u8]) {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .unwrap_or_else(|e| panic!("{e}"));
}

/// With checks that count; what comes out is valid, and says the same of itself.
fn counted(bytes: &[u8]) -> Option<Vec<u8>> {
    let rewritten = meter(bytes, Mode::Counted).unwrap_or_else(|e| panic!("{e}"))?;
    validate(&rewritten.bytes);
    check_agreement(bytes, &rewritten, Mode::Counted);
    Some(rewritten.bytes)
}

/// Contents of all sections but `name` and hints: sizes of sections are written with room to spare.
pub(super) fn sections(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let sections = Sections::new(bytes).map(|section| section.unwrap());
    let kept = sections.filter(|section| {
        let name = section.reader().read_string().unwrap_or_default();
        section.id != section::CUSTOM || !["name", hints::NAME].contains(&name)
    });
    kept.map(|section| (section.id, section.contents.to_vec()))
        .collect()
}

fn becomes(before: &str, after: &str) {
    let rewritten = counted(&assemble(before)).expect("checks");
    let wanted = assemble(after);
    validate(&wanted);
    assert_eq!(sections(&rewritten), sections(&wanted));
}

#[test]
fn loops_and_callers_are_checked_and_what_they_name_moves() {
    becomes(
        r#"(module
          (type $v (func))
          (import "env" "f" (func $f))
          (import "env" "g" (global $g i32))
          (table 3 funcref)
          (global $own (mut i32) (global.get $g))
          (global $ref funcref (ref.func $small))
          (export "loop" (func $loop))
          (export "own" (global $own))
          (export "f" (func $f))
          (start $small)
          (elem (i32.const 0) func $f $small $loop)
          (elem (table 0) (i32.const 0) funcref (ref.func $loop) (ref.null func))
          (func $small global.get $g global.set $own)
          (func $loop (param i32) (local f32 f32)
            loop
              local.get 0
              br_if 0
            end
            call $f
            call $small
            ref.func $loop
            drop))"#,
        r#"(module
          (type $v (func))
          (type $loop (func (param i32)))
          (type $ask (func))
          (import "env" "f" (func $f (type $v)))
          (import "env" "g" (global $g i32))
          (import "wasmdyld:control" "units" (global $units (mut i64)))
          (import "wasmdyld:control" "ask" (func $ask (type $ask)))
          (table 3 funcref)
          (global $own (mut i32) (global.get $g))
          (global $ref funcref (ref.func $small))
          (export "loop" (func $loop))
          (export "own" (global $own))
          (export "f" (func $f))
          (start $small)
          (elem (i32.const 0) func $f $small $loop)
          (elem (table 0) (i32.const 0) funcref (ref.func $loop) (ref.null func))
          (func $small (type $v) global.get $g global.set $own)
          (func $loop (type $loop) (local f32 f32) (local $left i64)
            global.get $units i64.const 1 i64.sub local.tee $left global.set $units
            local.get $left i64.const 0 i64.lt_s if call $ask end
            loop
              global.get $units i64.const 1 i64.sub local.tee $left global.set $units
              local.get $left i64.const 0 i64.lt_s if call $ask end
              local.get 0
              br_if 0
            end
            call $f
            call $small
            ref.func $loop
            drop))"#,
    );
}

#[test]
fn bulk_operations_cost_by_their_length() {
    becomes(
        r#"(module
          (memory 1)
          (memory $wide i64 1)
          (table 1 funcref)
          (func (param i32 i64)
            (memory.fill (local.get 0) (i32.const 0) (local.get 0))
            (memory.copy (local.get 0) (i32.const 0) (i32.const 4096))
            (memory.copy (local.get 0) (i32.const 0) (i32.const 4160))
            (memory.fill $wide (local.get 1) (i32.const 0) (local.get 1))
            (drop (memory.grow $wide (local.get 1)))
            (drop (table.grow (ref.null func) (local.get 0)))))"#,
        &r#"(module
          (type (func (param i32 i64)))
          (type (func))
          (type $narrow (func (param i32 i32 i32)))
          (type $copying (func (param i32 i32 i32)))
          (type $wide (func (param i64 i32 i64)))
          (import "wasmdyld:control" "units" (global $units (mut i64)))
          (import "wasmdyld:control" "ask" (func $ask (type 1)))
          (memory 1)
          (memory $wide i64 1)
          (table 1 funcref)
          (func (type 0) (local $left i64)
            local.get 0 i32.const 0 local.get 0 call $fill
            local.get 0 i32.const 0 i32.const 4096 memory.copy
            local.get 0 i32.const 0 i32.const 4160 call $copy
            local.get 1 i32.const 0 local.get 1 call $fill_wide
            local.get 1
            local.tee $left
            global.get $units local.get $left
            i64.const 0xffffffff i64.and i64.const 10 i64.shl
            TAKE
            memory.grow $wide drop
            ref.null func local.get 0
            i64.extend_i32_u local.tee $left i32.wrap_i64
            global.get $units local.get $left i64.const 2 i64.shr_u TAKE
            table.grow drop)
          (func $fill (type $narrow) (local $n i64) (local $at i64) (local i64) (local $left i64)
            local.get 2 i64.extend_i32_u local.tee $left i32.wrap_i64
            global.get $units local.get $left i64.const 6 i64.shr_u TAKE
            i64.extend_i32_u local.tee $n i64.const 0x1000000 i64.le_u
            if local.get 0 local.get 1 local.get 2 memory.fill return end
            local.get 0 i64.extend_i32_u local.set $at
            memory.size i64.extend_i32_u i64.const 16 i64.shl local.tee $left local.get $n i64.lt_u
            local.get $at local.get $left local.get $n i64.sub i64.gt_u i32.or
            if local.get 0 local.get 1 local.get 2 memory.fill return end
            loop $piece
              local.get $at i32.wrap_i64 local.get 1 i32.const 0x1000000 memory.fill
              local.get $at i64.const 0x1000000 i64.add local.set $at
              local.get $n i64.const 0x1000000 i64.sub local.set $n
              call $ask
              local.get $n i64.const 0x1000000 i64.gt_u br_if $piece
            end
            local.get $at i32.wrap_i64 local.get 1 local.get $n i32.wrap_i64 memory.fill)
          (func $copy (type $copying) (local $n i64) (local $at i64) (local $from i64) (local $left i64)
            local.get 2 i64.extend_i32_u local.tee $left i32.wrap_i64
            global.get $units local.get $left i64.const 6 i64.shr_u TAKE
            i64.extend_i32_u local.tee $n i64.const 0x1000000 i64.le_u
            if local.get 0 local.get 1 local.get 2 memory.copy return end
            local.get 0 i64.extend_i32_u local.set $at
            memory.size i64.extend_i32_u i64.const 16 i64.shl local.tee $left local.get $n i64.lt_u
            local.get $at local.get $left local.get $n i64.sub i64.gt_u i32.or
            local.get 1 i64.extend_i32_u local.set $from
            memory.size i64.extend_i32_u i64.const 16 i64.shl local.tee $left local.get $n i64.lt_u
            local.get $from local.get $left local.get $n i64.sub i64.gt_u i32.or
            i32.or
            if local.get 0 local.get 1 local.get 2 memory.copy return end
            local.get $at local.get $from i64.gt_u
            if
              loop $piece
                local.get $n i64.const 0x1000000 i64.sub local.set $n
                local.get $at local.get $n i64.add i32.wrap_i64
                local.get $from local.get $n i64.add i32.wrap_i64
                i32.const 0x1000000 memory.copy
                call $ask
                local.get $n i64.const 0x1000000 i64.gt_u br_if $piece
              end
              local.get $at i32.wrap_i64 local.get $from i32.wrap_i64 local.get $n i32.wrap_i64 memory.copy
            else
              loop $piece
                local.get $at i32.wrap_i64 local.get $from i32.wrap_i64 i32.const 0x1000000 memory.copy
                local.get $at i64.const 0x1000000 i64.add local.set $at
                local.get $from i64.const 0x1000000 i64.add local.set $from
                local.get $n i64.const 0x1000000 i64.sub local.set $n
                call $ask
                local.get $n i64.const 0x1000000 i64.gt_u br_if $piece
              end
              local.get $at i32.wrap_i64 local.get $from i32.wrap_i64 local.get $n i32.wrap_i64 memory.copy
            end)
          (func $fill_wide (type $wide) (local $n i64) (local $at i64) (local i64) (local $left i64)
            local.get 2 local.tee $left
            global.get $units local.get $left i64.const 6 i64.shr_u TAKE
            local.tee $n i64.const 0x1000000 i64.le_u
            if local.get 0 local.get 1 local.get 2 memory.fill $wide return end
            local.get 0 local.set $at
            memory.size $wide i64.const 16 i64.shl local.tee $left local.get $n i64.lt_u
            local.get $at local.get $left local.get $n i64.sub i64.gt_u i32.or
            if local.get 0 local.get 1 local.get 2 memory.fill $wide return end
            loop $piece
              local.get $at local.get 1 i64.const 0x1000000 memory.fill $wide
              local.get $at i64.const 0x1000000 i64.add local.set $at
              local.get $n i64.const 0x1000000 i64.sub local.set $n
              call $ask
              local.get $n i64.const 0x1000000 i64.gt_u br_if $piece
            end
            local.get $at local.get 1 local.get $n memory.fill $wide))"#
            .replace("TAKE", "i64.sub local.tee $left global.set $units local.get $left i64.const 0 i64.lt_s if call $ask end"),
    );
}

#[test]
fn units_of_a_length_never_overflow_nor_turn_negative() {
    let all = [
        bulk::Price::Less(6),
        bulk::Price::Less(2),
        bulk::Price::More(10),
    ];
    for price in all {
        for length in [0, 1, 63, 64, 1 << 31, 1 << 32, 1 << 53, 1 << 54, u64::MAX] {
            let units = bulk::Bulk { wide: true, price }.units(length);
            assert!(units < 1 << 62, "{price:?} of {length}: {units}");
        }
    }
}

/// How many checks stand in the code: calls of the function that asks.
pub(super) fn count_checks(bytes: &[u8]) -> usize {
    let object = Object::parse(bytes, &ParseLimits::default()).unwrap();
    let ask = object.imported_funcs - 1;
    let mut found = 0;
    for section in Sections::new(bytes).map(|section| section.unwrap()) {
        if section.id != section::CODE {
            continue;
        }
        for body in wasmparser::CodeSectionReader::new(section.reader()).unwrap() {
            for operator in body.unwrap().get_operators_reader().unwrap() {
                let operator = operator.unwrap();
                found += usize::from(
                    matches!(operator, wasmparser::Operator::Call { function_index } if function_index == ask),
                );
            }
        }
    }
    found
}

#[test]
fn long_straight_code_is_checked_every_stretch() {
    let nops = "nop ".repeat(10 * path::STRETCH as usize);
    let bytes = counted(&assemble(&format!("(module (func {nops}))"))).unwrap();
    // At the entry, and before each stretch but the first.
    assert_eq!(count_checks(&bytes), 10);
    let calls = "call 1 ".repeat(path::STRETCH as usize);
    let text = format!("(module (func {calls}) (func i32.const 1 drop))");
    let bytes = counted(&assemble(&text)).unwrap();
    // Each call counts with the three instructions that it leads to, and from a call it is half as far to the next check.
    assert_eq!(count_checks(&bytes), 4 * 2);
}

/// A branch past a check leads to one: else each could stand in a block that is left before it.
#[test]
fn no_way_through_blocks_goes_without_checks() {
    let half = "nop ".repeat(path::STRETCH as usize - 3);
    for (jump, leave) in [
        ("block", "br 0"),
        ("block i32.const 0", "br_if 0"),
        ("block i32.const 0", "br_table 0 0 0"),
        ("block ref.null func", "br_on_null 0 drop"),
    ] {
        let piece = format!("{jump} {half} {leave} nop nop nop nop nop nop nop end ");
        let text = format!("(module (func {}))", piece.repeat(5));
        let bytes = assemble(&text);
        validate(&bytes);
        let bytes = counted(&bytes).unwrap();
        // Each piece has one in its dead or left part, and there is one behind each.
        assert!(count_checks(&bytes) >= 1 + 5 + 4, "{jump} {leave}");
    }
}

#[test]
fn what_catches_begins_with_a_check() {
    let text = r#"(module
      (tag $t)
      (func $f call $f)
      (func try call $f catch $t nop catch_all nop end)
      (func (block $b (try_table (catch_all $b) call $f)) nop))"#;
    let bytes = counted(&assemble(text)).unwrap();
    // The entry of what calls itself; both handlers; behind the block.
    assert_eq!(count_checks(&bytes), 1 + 2 + 1);
}

/// How many functions have a check, where none loops nor is long.
fn checked_entries(text: &str) -> usize {
    counted(&assemble(text)).map_or(0, |bytes| count_checks(&bytes))
}

#[test]
fn circles_of_calls_have_a_check() {
    // Itself, by an ordinary call and by a tail call.
    assert_eq!(checked_entries("(module (func $f call $f))"), 1);
    assert_eq!(checked_entries("(module (func $f return_call $f))"), 1);
    // One is enough for a circle, whatever leads into it.
    let circle = "(func $a call $b) (func $b call $c) (func $c call $a)";
    assert_eq!(checked_entries(&format!("(module {circle})")), 1);
    assert_eq!(
        checked_entries(&format!("(module (func call $b) {circle} (func call $c))")),
        1
    );
    // Two circles that share a function, and two that do not.
    let shared = "(func $a call $b call $c) (func $b call $a) (func $c call $a)";
    assert_eq!(checked_entries(&format!("(module {shared})")), 1);
    let apart = "(func $a call $a call $b) (func $b call $b)";
    assert_eq!(checked_entries(&format!("(module {apart})")), 2);
}

/// What may be called from outside and calls outside may close a circle that is not seen.
#[test]
fn what_others_call_and_calls_others_has_a_check() {
    let module = |rest: &str| {
        format!(
            r#"(module (type $v (func)) (import "env" "f" (func $f)) (table 1 funcref) {rest})"#
        )
    };
    for call in [
        "call $f",
        "return_call $f",
        "i32.const 0 call_indirect (type $v)",
    ] {
        // By nobody; by the module alone.
        assert_eq!(checked_entries(&module(&format!("(func {call})"))), 0);
        let own = format!("(func call $own) (func $own {call})");
        assert_eq!(checked_entries(&module(&own)), 0);
        // By export, element, and reference in code or in a global.
        for open in [
            r#"(func (export "g") {})"#,
            "(elem (i32.const 0) $g) (func $g {})",
            "(elem declare func $g) (func $g {}) (func ref.func $g drop)",
            "(global funcref (ref.func $g)) (func $g {})",
            // By way of another.
            r#"(func (export "h") call $g) (func $g {})"#,
        ] {
            let text = module(&open.replace("{}", call));
            assert_eq!(checked_entries(&text), 1, "{text}");
        }
    }
    // What calls nobody else is not checked, unless it is long.
    let nops = |count: u32| {
        let nops = "nop ".repeat(count as usize);
        module(&format!(r#"(func (export "g") {nops})"#))
    };
    assert_eq!(checked_entries(&nops(entries::OPEN - 1)), 0);
    assert_eq!(checked_entries(&nops(entries::OPEN)), 1);
}

/// Each calls the next a few times: what happens doubles at each step, until one is checked.
#[test]
fn weights_add_up_along_calls() {
    let mut text = String::from("(module ");
    for n in 0..64 {
        text += &format!("(func $f{n} call $f{0} call $f{0})", n + 1);
    }
    text += "(func $f64))";
    let checked = checked_entries(&text);
    assert!((4..=16).contains(&checked), "{checked}");
}

#[test]
fn every_proposal_passes() {
    let text = r#"(module
      (type $s (struct (field (mut i32))))
      (type $a (array (mut i32)))
      (type $n (func (param i32) (result i32 i64)))
      (rec (type $x (struct (field (ref null $y)))) (type $y (struct (field (ref null $x)))))
      (import "env" "t" (tag $t (param i32)))
      (import "env" "f" (func $f (type $n)))
      (memory $m 1 2 shared)
      (table $t64 i64 1 funcref)
      (global $g (ref $a) (array.new_default $a (i32.const 4)))
      (table 2 (ref func) (ref.func $n))
      (data $d "abc")
      (elem $e func $n)
      (elem declare func $n)
      (func $n (type $n)
        (drop (array.new $a (i32.const 1) (local.get 0)))
        (array.fill $a (global.get $g) (i32.const 0) (i32.const 1) (local.get 0))
        (array.copy $a $a (global.get $g) (i32.const 0) (global.get $g) (i32.const 1) (local.get 0))
        (drop (array.new_data $a $d (i32.const 0) (local.get 0)))
        (memory.init $d (i32.const 0) (i32.const 0) (local.get 0))
        (table.init $t64 $e (i64.const 0) (i32.const 0) (local.get 0))
        (table.fill $t64 (i64.const 0) (ref.func $n) (i64.const 0))
        (table.copy $t64 $t64 (i64.const 0) (i64.const 0) (i64.const 0))
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (drop (i8x16.add (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
        (loop (param) (result i32) (i32.const 1))
        (return_call $f))
      (func (param (ref $n)) (result i32 i64)
        (loop (result i32) (i32.const 5) (br_if 0 (i32.const 0)))
        (call_ref $n (local.get 0))))"#;
    assert!(counted(&assemble(text)).is_some());
}

#[test]
fn what_needs_no_check_stays_as_it_is() {
    for text in [
        "(module)",
        "(module (func) (func (result i32) i32.const 1))",
        r#"(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))))"#,
    ] {
        assert_eq!(meter(&assemble(text), Mode::Counted).unwrap(), None);
        assert_eq!(meter(&assemble(text), Mode::Light).unwrap(), None);
    }
    let loops = assemble("(module (func (loop (br 0))))");
    assert_eq!(meter(&loops, Mode::Off).unwrap(), None);
    assert_eq!(meter(&loops, Mode::Light).unwrap(), None);
}

/// What the section `name` says, if there is a sound one.
pub(super) fn names(bytes: &[u8]) -> Option<Vec<String>> {
    let section = Sections::new(bytes)
        .map(|section| section.unwrap())
        .find(|section| section.contents.starts_with(b"\x04name"))?;
    let mut reader = section.reader();
    reader.read_string().unwrap();
    let rest = section.contents.get(reader.current_position()..).unwrap();
    let mut out = Vec::new();
    for name in NameSectionReader::new(wasmparser::BinaryReader::new(rest, 0)) {
        match name.unwrap() {
            wasmparser::Name::Module { name, .. } => out.push(name.to_string()),
            wasmparser::Name::Function(map) | wasmparser::Name::Global(map) => {
                for naming in map {
                    let naming = naming.unwrap();
                    out.push(format!("{} {}", naming.name, naming.index));
                }
            }
            wasmparser::Name::Local(map) | wasmparser::Name::Label(map) => {
                for indirect in map {
                    let indirect = indirect.unwrap();
                    for naming in indirect.names {
                        let naming = naming.unwrap();
                        out.push(format!(
                            "{} {} {}",
                            indirect.index, naming.name, naming.index
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    Some(out)
}

#[test]
fn names_move_and_damaged_ones_go() {
    let text = r#"(module $m
      (import "env" "f" (func $f))
      (import "env" "g" (global $g i32))
      (global $own i32 (i32.const 1))
      (func $one (param $p i32) (block $label (loop $again (br $again)))))"#;
    let bytes = assemble(text);
    let rewritten = counted(&bytes).unwrap();
    let wanted = [
        "m",
        "f 0",
        "one 2",
        "2 p 0",
        "2 label 0",
        "2 again 1",
        "g 0",
        "own 2",
    ];
    assert_eq!(names(&rewritten).unwrap(), wanted);
    // The names say that there are more than there are.
    let mut damaged = assemble("(module (func (loop (br 0))))");
    damaged.extend_from_slice(b"\x00\x09\x04name\x01\x02\x05\x00");
    assert_eq!(
        names(&meter(&damaged, Mode::Counted).unwrap().unwrap().bytes),
        None
    );
}

#[test]
fn other_sections_stay_unless_they_tell_of_places_in_the_code() {
    let custom = |name: &str| {
        let mut contents = vec![name.len() as u8];
        contents.extend_from_slice(name.as_bytes());
        contents.extend_from_slice(b"contents");
        let mut section = vec![section::CUSTOM, contents.len() as u8];
        section.extend_from_slice(&contents);
        section
    };
    let mut bytes = assemble("(module (func (loop (br 0))))");
    let stays = ["producers", "target_features", "build_id", "anything"];
    let goes = [
        ".debug_info",
        ".debug_line",
        "reloc.CODE",
        "sourceMappingURL",
        "metadata.code.trace_inst",
    ];
    for name in stays.iter().chain(&goes) {
        bytes.extend_from_slice(&custom(name));
    }
    let rewritten = meter(&bytes, Mode::Counted).unwrap().unwrap().bytes;
    let has = |name: &&str| {
        let section = custom(name);
        rewritten.windows(section.len()).any(|w| w == section)
    };
    assert!(stays.iter().all(has));
    assert!(!goes.iter().any(has));
}

fn refused(text: &str, mode: Mode) -> String {
    let bytes = assemble(text);
    Object::parse(&bytes, &ParseLimits::default()).expect("a module");
    meter(&bytes, mode).expect_err("an error").to_string()
}

#[test]
fn what_has_no_room_for_checks_is_refused() {
    let reserved = r#"(module (import "wasmdyld:control" "ask" (func)))"#;
    let why = refused(reserved, Mode::Counted);
    assert!(why.contains("wasmdyld:control"), "{why}");
    let locals = format!(
        "(module (func (local {}) (loop (br 0))))",
        "i32 ".repeat(50_000)
    );
    let why = refused(&locals, Mode::Counted);
    assert!(why.contains("locals"), "{why}");
    // One less leaves room.
    let locals = format!(
        "(module (func (local {}) (loop (br 0))))",
        "i32 ".repeat(49_999)
    );
    assert!(counted(&assemble(&locals)).is_some());
    // Three bytes each before, and more than twenty after.
    let loops = format!("(func {})", "loop end ".repeat(1 << 18));
    let loops = format!("(module {})", loops.repeat(4));
    let why = refused(&loops, Mode::Counted);
    assert!(why.contains("half as large again"), "{why}");
    let loops = format!("(module (func {}))", "loop end ".repeat(450_000));
    let why = refused(&loops, Mode::Counted);
    assert!(why.contains("as many bytes"), "{why}");
}

#[test]
fn waiting_on_shared_memory_is_refused() {
    let wait = |shared: &str| {
        format!(
            "(module (memory 1 1 {shared}) (func (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))"
        )
    };
    for mode in [Mode::Light, Mode::Counted] {
        let why = refused(&wait("shared"), mode);
        assert!(why.contains("memory.atomic.wait"), "{why}");
        assert_eq!(meter(&assemble(&wait("")), mode).unwrap(), None);
    }
}

#[test]
fn the_light_mode_only_parts_many_bulk_operations() {
    let text = |count: usize, with: &str| {
        let fill = format!("local.get 0 i32.const 0 local.get 0 {with} memory.fill ");
        format!(
            "(module (memory 1) (func $other (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))) (func (param i32) {}) (func call $other))",
            fill.repeat(count)
        )
    };
    let few = assemble(&text(light::FEW, ""));
    assert_eq!(meter(&few, Mode::Light).unwrap(), None);
    let many = assemble(&text(light::FEW + 1, ""));
    let rewritten = meter(&many, Mode::Light).unwrap().expect("loops").bytes;
    validate(&rewritten);
    assert_eq!(
        sections(&rewritten),
        sections(&assemble(&text(light::FEW + 1, "loop end")))
    );
    // Bytes that only look like such operations are none.
    let constants = format!("(module (func {}))", "i32.const 0x7c drop ".repeat(100));
    assert_eq!(meter(&assemble(&constants), Mode::Light).unwrap(), None);
}

/// What takes an engine long, and is no operation of a length.
const HEAVY: [&str; 6] = [
    "ref.func $g drop",
    "elem.drop 0",
    "data.drop 0",
    "i32.const 0 table.get 0 drop",
    "struct.new_default $s drop",
    "i32.const 0 i32.const 0 memory.atomic.notify drop",
];

fn with_heavy(code: &str) -> Vec<u8> {
    assemble(&format!(
        "(module (type $s (struct)) (memory 1) (table 1 funcref) (elem func $g) (data \"\") (func $g) (func $f {code}))"
    ))
}

#[test]
fn what_is_heavy_counts_as_many_instructions() {
    for heavy in HEAVY {
        let count = path::STRETCH as usize / 100 + 1;
        let bytes = counted(&with_heavy(&format!("{heavy} ").repeat(count))).expect("checks");
        // At the entry, and where a stretch is full.
        assert_eq!(count_checks(&bytes), 2, "{heavy}");
    }
    // As many fields as are made, and as many locals as are made zero.
    let text = format!(
        "(module (type $s (struct {})) (func {}))",
        "(field i64)".repeat(10_000),
        "struct.new_default $s drop ".repeat(5)
    );
    assert_eq!(count_checks(&counted(&assemble(&text)).unwrap()), 1 + 5);
    let text = format!("(module (func (local {})))", "i64 ".repeat(45_000));
    let bytes = counted(&assemble(&text)).expect("a check");
    let cost = [0x42, 44, 0x7d];
    assert!(bytes.windows(3).any(|code| code == cost), "44 units");
}

/// How many empty loops stand in the code.
fn count_loops(bytes: &[u8]) -> usize {
    let empty = [0x03, 0x40, 0x0b];
    bytes.windows(3).filter(|code| *code == empty).count()
}

#[test]
fn the_light_mode_parts_long_stretches() {
    let light = |bytes: &[u8]| {
        meter(bytes, Mode::Light)
            .unwrap()
            .map(|metered| metered.bytes)
    };
    for heavy in HEAVY {
        let least = light::STRETCH as usize / 110;
        assert_eq!(
            light(&with_heavy(&format!("{heavy} ").repeat(least / 2))),
            None
        );
        let bytes = light(&with_heavy(&format!("{heavy} ").repeat(10 * least)));
        let bytes = bytes.expect("loops");
        validate(&bytes);
        assert!((8..=10).contains(&count_loops(&bytes)), "{heavy}");
    }
    let nops = "nop ".repeat(4 * light::STRETCH as usize + 1);
    let bytes = light(&with_heavy(&nops)).expect("loops");
    assert_eq!(count_loops(&bytes), 4);
    // A loop that is there already will do.
    let nops = "nop ".repeat(light::STRETCH as usize - 9);
    assert_eq!(
        light(&with_heavy(&format!("loop {nops} end ").repeat(5))),
        None
    );
    // The ways past each other do not add up; one behind the other do.
    let choice = format!("i32.const 0 if {nops} else {nops} end ");
    assert_eq!(light(&with_heavy(&choice)), None);
    let bytes = light(&with_heavy(&choice.repeat(3))).expect("loops");
    assert!(count_loops(&bytes) >= 2);
}

/// Functions that are not read for being light are light.
#[test]
fn what_code_weighs_is_bounded_by_its_bytes() {
    let codes = HEAVY.into_iter().chain([
        "local.get 0 i32.const 0 i32.const 9 memory.fill",
        "i32.const 0 memory.grow drop",
        "f64.const 0 f64.sqrt f64.const 0 f64.div drop",
        "i64.const 1 i64.const 1 i64.rem_u drop",
        "v128.const i64x2 0 0 f64x2.sqrt drop",
        "f64.const 0 i32.trunc_sat_f64_s drop",
        "i32.const 0 i32.const 1 i32.atomic.rmw.add drop",
        "i32.const 0 ref.i31 drop",
        "i32.const 1 i32.const 2 array.new_fixed $a 2 drop",
    ]);
    for code in codes {
        let text = format!(
            "(module (type $s (struct)) (type $a (array i32)) (memory 1) (table 1 funcref) (elem func $g) (data \"\") (func $g) (func $f (local i32) {code}))"
        );
        let bytes = assemble(&text);
        let survey = survey::Survey::of(&bytes).unwrap();
        let section = Sections::new(&bytes).map(|section| section.unwrap());
        let code = section.into_iter().find(|s| s.id == section::CODE).unwrap();
        for body in wasmparser::CodeSectionReader::new(code.reader()).unwrap() {
            let body = body.unwrap();
            let mut weight = 0;
            let mut operators = body.get_operators_reader().unwrap();
            while !operators.eof() {
                let (operator, at) = operators.read_with_offset().unwrap();
                weight += 1 + u64::from(cost::of(&operator, bytes[at], &survey));
            }
            let bound = cost::bound(&bytes[body.range()]);
            assert!(weight <= bound, "{text}: {weight}, {bound}");
        }
    }
}

/// All modules of a folder and those below it.
pub(super) fn modules_below(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            modules_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "wasm" || e == "so") {
            found.push(path);
        }
    }
}

#[test]
fn real_guests_stay_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guests = root.join("target/guests");
    if !guests.join("lib/libc.so").exists() {
        return crate::skip::skip("the guests", "cargo xtask guests");
    }
    let mut paths = Vec::new();
    for folder in ["lib", "cases"] {
        modules_below(&guests.join(folder), &mut paths);
    }
    let (mut before, mut after, mut light) = (0, 0, Vec::new());
    for path in &paths {
        let bytes = std::fs::read(path).expect("a guest");
        if Object::parse(&bytes, &ParseLimits::default()).is_err() {
            continue;
        }
        let what = path.display();
        let rewritten = meter(&bytes, Mode::Counted).unwrap_or_else(|e| panic!("{what}: {e}"));
        if let Some(rewritten) = &rewritten {
            Validator::new_with_features(WasmFeatures::all())
                .validate_all(&rewritten.bytes)
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            check_agreement(&bytes, rewritten, Mode::Counted);
            before += bytes.len();
            after += rewritten.bytes.len();
        }
        if meter(&bytes, Mode::Light).unwrap().is_some() {
            light.push(path.file_name().map(|name| name.to_owned()));
        }
    }
    assert!(
        paths.len() > 50 && before > 1 << 20,
        "{} guests",
        paths.len()
    );
    assert!(after < before + before / 2, "{before} bytes became {after}");
    // Of what compilers make, only an interpreter's largest functions need the loops.
    light.retain(|name| name.as_deref() != Some("libpython3.14.so".as_ref()));
    assert!(light.is_empty(), "{light:?}");
}

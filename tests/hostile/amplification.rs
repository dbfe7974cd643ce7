//! Small input that asks for much: memory stays in proportion to it, and what is shown is what a person reads.

use wasm_encoder::Encode;

use crate::command;
use crate::kit::{Case, Law};

/// A section of a module.
fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    contents.encode(&mut bytes);
    bytes
}

fn entries(count: u32, entry: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut contents = Vec::new();
    count.encode(&mut contents);
    for n in 0..count {
        contents.extend(entry(n));
    }
    contents
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    text.encode(&mut bytes);
    bytes
}

/// A `dylink.0` section with lists of needed libraries and search paths.
fn dylink(needed: &[String], runtime_path: &[String]) -> Vec<u8> {
    let list = |kind: u8, texts: &[String]| {
        let list = entries(texts.len() as u32, |n| string(&texts[n as usize]));
        match texts {
            [] => Vec::new(),
            _ => section(kind, &list),
        }
    };
    let lists = [list(2, needed), list(5, runtime_path)].concat();
    section(
        0,
        &[string("dylink.0"), section(1, &[0, 0, 0, 0]), lists].concat(),
    )
}

/// `_start` that does nothing.
fn start() -> Vec<u8> {
    [
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[1, 0]),
        section(7, &[&[1][..], &string("_start"), &[0, 0]].concat()),
        section(10, &[1, 2, 0, 0x0b]),
    ]
    .concat()
}

/// A type with a thousand parameters and results.
fn wide() -> Vec<u8> {
    let mut values = Vec::new();
    [0x6f_u8; 1_000].as_slice().encode(&mut values);
    [&[0x60][..], &values, &values].concat()
}

/// A library with so many imports of the wide type. One in `distinct` has a name of its own.
fn importer(count: u32, distinct: u32) -> Vec<u8> {
    let name = |n: u32| string(&format!("{}", n % distinct));
    let import = |n| [string("env"), name(n), vec![0, 0]].concat();
    module(&[
        dylink(&[], &[]),
        section(1, &[&[1][..], &wide()].concat()),
        section(2, &entries(count, import)),
    ])
}

const LISTS: [&[&str]; 4] = [
    &["symbols"],
    &["symbols", "--format", "json"],
    &["inspect", "--format", "json"],
    &["inspect", "--imports"],
];

#[test]
fn undefined_symbols_of_long_types_are_told_in_a_short_text() {
    for (name, bytes) in [
        ("same", importer(10_000, 1)),
        ("other", importer(20_000, 20_000)),
    ] {
        let mut case = Case::new(&format!("undefined-{name}"));
        case.bytes("big.so", &bytes);
        for tool in ["inspect", "ldd", "plan"] {
            let ran = case.run(&[tool, "big.so"]);
            assert!(ran.stderr.lines().count() < 150, "{ran}");
        }
        for list in LISTS {
            // A line or an object of JSON for each import has more letters than the few bytes of the import.
            let law = Law {
                stdout: 16 << 20,
                ..case.law()
            };
            let ran = case.run_by(law, &[list, &["big.so"]].concat());
            if list == ["symbols"] && name == "same" {
                assert!(ran.stdout.contains(", 10000 times\n"), "{ran}");
            }
        }
        case.wat("main.wasm", &command::program(""));
        let ran = case.run(&["run", "--preload", "./big.so", "main.wasm"]);
        assert!(ran.says(&["1,000 in all"]), "{ran}");
        assert_eq!(
            ran.says(&["20,000 undefined symbols", " more"]),
            name == "other",
            "{ran}"
        );
    }
}

#[test]
fn a_million_imports_end_a_load_and_not_the_host() {
    let mut case = Case::new("million");
    case.bytes("big.so", &importer(1_000_000, 1));
    case.wat("main.wasm", &opens("/guest/big.so"));
    let ran = case.run(&["run", "--dir", ".::/guest", "main.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stdout.starts_with("loading /guest/big.so: "), "{ran}");
    case.tools("big.so");
}

/// A program that opens a library and writes what dlerror says.
pub fn opens(name: &str) -> String {
    format!(
        r#"(module
          (@dylink.0 (mem-info (memory 256 4) (table 0 0)))
          (import "env" "memory" (memory 0))
          (import "env" "__memory_base" (global $base i32))
          (import "env" "dlopen" (func $open (param i32 i32) (result i32)))
          (import "env" "dlerror" (func $error (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (data (global.get $base) "{name}\00")
          (func (export "_start") (local $text i32) (local $length i32)
            (if (call $open (global.get $base) (i32.const 2)) (then return))
            (local.set $text (call $error))
            (block $end (loop $next
              (br_if $end (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $length)))))
              (local.set $length (i32.add (local.get $length) (i32.const 1)))
              (br $next)))
            (i32.store offset=240 (global.get $base) (local.get $text))
            (i32.store offset=244 (global.get $base) (local.get $length))
            (drop (call $write (i32.const 1) (i32.add (global.get $base) (i32.const 240)) (i32.const 1)
              (i32.add (global.get $base) (i32.const 252))))))"#
    )
}

#[test]
fn missing_libraries_and_search_paths_are_not_multiplied() {
    let needed: Vec<String> = (0..4_000).map(|n| format!("l{n}")).collect();
    let same = vec!["$ORIGIN/a".to_string(); 1_000];
    let folders: Vec<String> = (0..7_000).map(|n| format!("$ORIGIN/{n}")).collect();
    let long = format!("$ORIGIN/{}", "x/".repeat(2_000));
    for (name, path) in [
        ("entries", same.clone()),
        ("parts", vec![same.join(":"); 10]),
        ("folders", vec![folders.join(":")]),
        ("long", vec![format!("{long}a:{long}b:{long}c:{long}d"); 10]),
        ("empty", vec![":".repeat(90_000)]),
    ] {
        let mut case = Case::new(&format!("search-{name}"));
        let bytes = module(&[dylink(&needed, &path), start()]);
        case.bytes("main.wasm", &bytes);
        for ran in case.tools("main.wasm") {
            assert_ne!(ran.code, None, "{ran}");
        }
        let law = Law {
            stdout: 16 << 20,
            ..case.law()
        };
        let format = if name == "folders" { "json" } else { "svg" };
        let ran = case.run_by(law, &["ldd", "--format", format, "main.wasm"]);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert_eq!(case.run(&["run", "main.wasm"]).code, Some(127));
    }
}

#[test]
fn shared_libraries_and_long_chains_are_shown_once() {
    // Each library needs the next two, so that there are more ways through them than could be shown.
    let mut case = Case::new("chain");
    let name = |n: u32| format!("l{n}.so");
    for n in 0..2_000 {
        let needed = [name(n + 1), name(n + 2)];
        let needed = &needed[..2.min(1_999 - n as usize)];
        case.bytes(&name(n), &module(&[dylink(needed, &[])]));
    }
    case.bytes("main.wasm", &module(&[dylink(&[name(0)], &[]), start()]));
    for format in ["tree", "json", "dot", "svg"] {
        let law = Law {
            stdout: 4 << 20,
            ..case.law()
        };
        let ran = case.run_by(law, &["ldd", "-L", ".", "--format", format, "main.wasm"]);
        assert_eq!(ran.code, Some(0), "{ran}");
        if format == "tree" {
            assert_eq!(ran.stdout.matches(" => ").count(), 2_000, "{ran}");
        }
    }
}

#[test]
fn metadata_stays_in_proportion_to_the_module() {
    let parameters = |n: u32| (0..1_000).map(move |at| 0x7f - (n >> (at % 16) & 1) as u8);
    let ty = |values: Vec<u8>| [vec![0x60, 0xe8, 0x07], values, vec![0]].concat();
    let name = |n: u32| {
        let letters = [n, n >> 6, n >> 12].map(|n| b'0' + (n & 63) as u8);
        [&[3][..], &letters].concat()
    };
    let function = [section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0])].concat();
    for (what, sections) in [
        (
            "types",
            section(1, &entries(20_000, |_| ty(vec![0x7f; 1_000]))),
        ),
        (
            "types",
            section(1, &entries(20_000, |n| ty(parameters(n).collect()))),
        ),
        (
            "imports",
            section(
                2,
                &entries(250_000, |n| [&[0], &name(n)[..], &[3, 0x7f, 0]].concat()),
            ),
        ),
        (
            "exports",
            [
                function,
                section(7, &entries(250_000, |n| [&name(n)[..], &[0, 0]].concat())),
            ]
            .concat(),
        ),
        (
            "globals",
            section(6, &entries(1_000_000, |_| vec![0x7f, 0, 0x41, 0, 0x0b])),
        ),
        ("sections", section(0, &[0]).repeat(2_000_000)),
    ] {
        let mut case = Case::new(&format!("many-{what}"));
        case.bytes("many.so", &module(&[dylink(&[], &[]), sections]));
        let law = Law {
            stdout: 256 << 20,
            ..case.law()
        };
        case.tools("many.so");
        for tool in ["inspect", "symbols"] {
            case.run_by(law, &[tool, "--format", "json", "many.so"]);
        }
    }
}

//! What modules, files and guests say reaches terminals, logs and other guests in a form that does nothing but be read.

use crate::amplification::opens;
use crate::command;
use crate::kit::Case;

/// What a name may hold, as a string of WebAssembly text: clears the screen, forges a line, rings, turns letters round, breaks lines.
const HARM: &str = r"\1b[2J\1b[31m\0awasmdyld: all is well\0d\07\e2\80\aewasm\e2\81\a6\e2\80\a8\c2\85\d8\9c\e2\80\8f";

/// The same without a control character.
const TURNED: &str = r"\e2\80\aewasm\e2\81\a6\e2\80\a8x\d8\9c\e2\80\8f";

fn tools(case: &Case, file: &str) {
    for arguments in [
        &["inspect"][..],
        &["inspect", "--imports", "--exports", "--sections"],
        &["inspect", "--format", "json"],
        &["ldd"],
        &["ldd", "--format", "json"],
        &["ldd", "--format", "dot"],
        &["ldd", "--format", "svg"],
        &["plan"],
        &["plan", "--bindings"],
        &["plan", "--format", "json"],
        &["symbols", "--all"],
        &["symbols", "--format", "json"],
        &["run"],
        &["run", "--map", "-"],
    ] {
        // The kit looks for what a terminal obeys.
        let ran = case.run(
            &[
                arguments,
                &["-L", "."][..2 * usize::from(arguments[0] != "inspect")],
                &[file],
            ]
            .concat(),
        );
        for line in ran.stdout.lines().chain(ran.stderr.lines()) {
            assert!(!line.starts_with("wasmdyld: all is well"), "{ran}");
        }
    }
}

#[test]
fn names_of_modules_do_nothing_but_be_read() {
    for (kind, text) in [
        (
            "memory",
            format!(r#"(import "env" "memory" (memory 1 1 shared)) (import "{HARM}" "f" (func))"#),
        ),
        (
            "table",
            format!(r#"(import "{HARM}" "__indirect_function_table" (table i64 1 funcref))"#),
        ),
        (
            "function",
            format!(r#"(import "env" "{HARM}" (func (param i32)))"#),
        ),
        (
            "host",
            format!(r#"(import "{HARM}" "{HARM}" (func (param i32)))"#),
        ),
        (
            "address",
            format!(r#"(import "GOT.mem" "{HARM}" (global (mut i32)))"#),
        ),
        ("export", format!(r#"(func (export "{HARM}"))"#)),
        ("global", format!(r#"(import "env" "{HARM}" (global i64))"#)),
        ("tag", format!(r#"(import "env" "{HARM}" (tag))"#)),
        ("custom", format!(r#"(@custom "{HARM}" "x")"#)),
        (
            "producers",
            format!(r#"(@producers (processed-by "{HARM}" "{HARM}"))"#),
        ),
    ] {
        let mut case = Case::new(&format!("names-{kind}"));
        let needed = r#"(@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "liba.so"))"#;
        case.wat(
            "main.wasm",
            &format!(r#"(module {needed} (func (export "_start")))"#),
        );
        let of_library = r#"(@dylink.0 (mem-info (memory 0 0) (table 0 0)))"#;
        case.wat("liba.so", &format!("(module {of_library} {text})"));
        case.env(
            "WASMDYLD_DEBUG",
            "libs,symbols,bindings,plan,reloc,init,map",
        );
        tools(&case, "main.wasm");
        tools(&case, "liba.so");
    }
}

#[test]
fn names_in_dylink_sections_do_nothing_but_be_read() {
    let info = "(mem-info (memory 0 0) (table 0 0))";
    for (kind, text) in [
        ("needed", format!(r#"{info} (needed "{HARM}")"#)),
        (
            "path",
            format!(r#"{info} (needed "libb.so") (runtime-path "$ORIGIN/{HARM}" "{HARM}")"#),
        ),
        ("tls", format!(r#"{info} (export-info "{HARM}" 0x100)"#)),
    ] {
        let mut case = Case::new(&format!("dylink-{kind}"));
        let export = format!(r#"(func (export "{HARM}")) (func (export "_start"))"#);
        case.wat(
            "main.wasm",
            &format!("(module (@dylink.0 {text}) {export})"),
        );
        case.env("WASMDYLD_DEBUG", "libs,init");
        tools(&case, "main.wasm");
    }
}

#[test]
fn traps_and_files_that_are_no_modules_do_nothing_but_be_read() {
    let mut case = Case::new("traps");
    for harm in [HARM, TURNED] {
        case.wat(
            "main.wasm",
            &format!(r#"(module $"{harm}" (func $"{harm}" (export "_start") unreachable))"#),
        );
        let ran = case.run(&["run", "main.wasm"]);
        assert_eq!(ran.code, Some(134), "{ran}");
    }
    let text = "\u{202e}\x1b[2Jtext\u{2028}that is no module\u{85}";
    case.bytes("text.wasm", text.as_bytes());
    case.bytes("cut.wasm", b"\0asm");
    for file in ["text.wasm", "cut.wasm"] {
        for ran in case.tools(file) {
            assert_eq!(ran.code, Some(127), "{ran}");
        }
    }
}

/// What no guest may read.
const SECRET: &str = "KEY=not-for-guests";

#[test]
fn guests_learn_nothing_of_files_that_are_no_modules() {
    let mut case = Case::new("secret");
    let begins_well = [b"\0asm\x01\0\0\0\x63".as_slice(), SECRET.as_bytes()].concat();
    let a_name = [
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x2b\x02".as_slice(),
        &[18],
        SECRET.as_bytes(),
        &[0, 0],
        &[18],
        SECRET.as_bytes(),
        &[0, 0],
    ]
    .concat();
    for (name, bytes) in [
        ("lib/secret.env", SECRET.as_bytes()),
        ("lib/bin.dat", &[&[0x89], SECRET.as_bytes()].concat()),
        ("lib/section.so", &begins_well),
        ("lib/twice.so", &a_name),
        (".netrc", SECRET.as_bytes()),
    ] {
        case.bytes(name, bytes);
    }
    for (name, host_says) in [
        ("secret.env", true),
        ("bin.dat", false),
        ("section.so", false),
        ("twice.so", true),
        ("$ORIGIN/.netrc", true),
        ("$ORIGIN/lib/secret.env", true),
    ] {
        case.wat("main.wasm", &opens(name));
        let ran = case.run(&["run", "-L", "lib", "main.wasm"]);
        assert_eq!(ran.code, Some(0), "{ran}");
        let told = ran
            .stdout
            .strip_prefix(&format!("loading {name}: "))
            .unwrap_or_default();
        assert!(
            told.contains("not a WebAssembly module")
                || told.contains("not a valid WebAssembly module"),
            "{ran}"
        );
        for part in [
            "KEY",
            "4b 45",
            "begins with",
            "offset",
            "0x",
            "secret-",
            "/lib",
            case.folder().to_str().unwrap(),
        ] {
            assert!(!told.replace(name, "").contains(part), "{part:?} in {ran}");
        }
        // The host is told what it is.
        let path = name
            .rsplit_once('/')
            .map_or(format!("lib/{name}"), |_| name.replace("$ORIGIN/", ""));
        let ran = case.run(&["inspect", &path]);
        assert_eq!(ran.says(&["KEY=not-for-guests"]), host_says, "{ran}");
    }
    // What is the guest's own, it may be told of.
    case.wat("main.wasm", &opens("/own/secret.env"));
    let ran = case.run(&["run", "--dir", "lib::/own", "main.wasm"]);
    assert!(ran.stdout.contains("KEY=not-for-guests"), "{ran}");
}

/// As [`opens`], by WASIX's function, which writes the text to a buffer of the caller's.
fn opens_by_wasix(name: &str) -> String {
    let length = name.len();
    format!(
        r#"(module
          (@dylink.0 (mem-info (memory 1024 4) (table 0 0)))
          (import "env" "memory" (memory 0))
          (import "env" "__memory_base" (global $base i32))
          (import "wasix_32v1" "dlopen"
            (func $open (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (data (global.get $base) "{name}")
          (func (export "_start")
            (if (i32.eqz (call $open (global.get $base) (i32.const {length}) (i32.const 2)
                  (i32.add (global.get $base) (i32.const 64)) (i32.const 500)
                  (i32.const 0) (i32.const 0) (i32.add (global.get $base) (i32.const 60))))
              (then return))
            (i32.store offset=600 (global.get $base) (i32.add (global.get $base) (i32.const 64)))
            (i32.store offset=604 (global.get $base) (i32.const 300))
            (drop (call $write (i32.const 1) (i32.add (global.get $base) (i32.const 600)) (i32.const 1)
              (i32.add (global.get $base) (i32.const 608))))))"#
    )
}

#[test]
fn guests_of_other_interfaces_learn_no_more() {
    let mut case = Case::new("secret-wasix");
    case.bytes("lib/secret.env", SECRET.as_bytes());
    // A C program takes the text up to its NUL; this one writes all of the buffer.
    case.wat("main.wasm", &opens_by_wasix("secret.env"));
    let program = case.folder().join("main.wasm");
    let ran = command::ran(
        command::wasmdyld()
            .current_dir(case.folder())
            .args(["run", "-L", "lib"])
            .arg(program),
    );
    let text = ran.stdout.split('\0').next().unwrap_or_default();
    assert!(
        text.ends_with("not a WebAssembly module"),
        "{text} {}",
        ran.stderr
    );
    assert!(!ran.stdout.contains("KEY"), "{}", ran.stdout);
}

#[test]
fn what_is_opened_was_not_needed() {
    let mut case = Case::new("opened");
    case.wat("main.wasm", &opens("none.so"));
    let ran = case.run(&["run", "main.wasm"]);
    assert!(
        ran.stdout.contains("none.so, opened by main.wasm: "),
        "{ran}"
    );
}

use super::*;
use crate::abi;

const EMPTY: &str = "(module)";

fn dylink(payload: &[u8]) -> Vec<u8> {
    with_custom("dylink.0", payload, EMPTY)
}

fn list(kind: u8, entries: &[&str]) -> Vec<u8> {
    let mut payload = leb(entries.len() as u32);
    for entry in entries {
        payload.extend(string(entry));
    }
    subsection(kind, &payload)
}

fn read(bytes: &[u8]) -> Dylink {
    parse_bytes(bytes).unwrap().dylink.unwrap()
}

#[test]
fn every_subsection() {
    let object = parse(EVERYTHING);
    let dylink = object.dylink.as_ref().unwrap();
    assert_eq!(dylink.memory_size, 100);
    assert_eq!(dylink.memory_p2align, 4);
    assert_eq!(dylink.table_size, 3);
    assert_eq!(dylink.table_p2align, 0);
    assert_eq!(names(&dylink.needed), ["libc.so", "libm.so"]);
    assert_eq!(names(&dylink.runtime_path), ["$ORIGIN/lib"]);
    let datum = object.export("datum").unwrap();
    assert!(datum.tls && !datum.weak);
    assert!(object.exports.iter().filter(|e| e.tls || e.weak).count() == 1);
}

#[test]
fn weak_marks_under_env_reach_the_got() {
    let object = parse(EVERYTHING);
    let weak: Vec<(&str, &str)> = object
        .imports
        .iter()
        .filter(|import| import.weak)
        .map(|import| (&**import.module, import.name.text()))
        .collect();
    assert_eq!(weak, [("GOT.mem", "maybe"), ("env", "maybe")]);
}

#[test]
fn weak_marks_under_other_modules_are_exact() {
    let object = parse(
        r#"(module
          (@dylink.0
            (import-info "GOT.func" "f" binding-weak)
            (import-info "env" "strong" undefined)
            (import-info "other" "g" 1))
          (import "env" "f" (func))
          (import "GOT.func" "f" (global (mut i32)))
          (import "GOT.mem" "f" (global (mut i32)))
          (import "env" "strong" (func))
          (import "other" "g" (func))
          (import "another" "g" (func)))"#,
    );
    let weak: Vec<bool> = object.imports.iter().map(|import| import.weak).collect();
    assert_eq!(weak, [false, true, false, false, true, false]);
}

#[test]
fn weak_and_absent_exports() {
    let object = parse(
        r#"(module
          (@dylink.0
            (export-info "f" binding-weak)
            (export-info "absent" binding-weak tls))
          (func (export "f")))"#,
    );
    assert!(object.export("f").unwrap().weak);
    assert!(object.export("absent").is_none());
}

#[test]
fn unknown_subsections_are_passed_over() {
    let mut payload = subsection(77, b"whatever this may be");
    payload.extend(subsection(abi::DYLINK_COPY_PROVIDED, &[1, 2, 3]));
    payload.extend(list(abi::DYLINK_NEEDED, &["a.so"]));
    payload.extend(subsection(0, &[]));
    assert_eq!(names(&read(&dylink(&payload)).needed), ["a.so"]);
}

#[test]
fn duplicates_in_needed_go_and_the_order_stays() {
    let mut payload = list(abi::DYLINK_NEEDED, &["b.so", "a.so", "b.so"]);
    payload.extend(list(abi::DYLINK_NEEDED, &["a.so", "c.so"]));
    assert_eq!(
        names(&read(&dylink(&payload)).needed),
        ["b.so", "a.so", "c.so"]
    );
}

#[test]
fn alignments_are_kept_as_written() {
    let payload = [leb(u32::MAX), leb(4_000_000_000), leb(u32::MAX), leb(99)].concat();
    let dylink = read(&dylink(&subsection(abi::DYLINK_MEM_INFO, &payload)));
    assert_eq!(dylink.memory_size, 0xffff_ffff);
    assert_eq!(dylink.memory_p2align, 4_000_000_000);
    assert_eq!(dylink.table_size, 0xffff_ffff);
    assert_eq!(dylink.table_p2align, 99);
}

#[test]
fn legacy_section() {
    let mut payload = [leb(1000), leb(4), leb(7), leb(1)].concat();
    let without_needed = with_custom("dylink", &payload, EMPTY);
    assert_eq!(read(&without_needed).table_size, 7);

    payload.extend(leb(3));
    payload.extend(string("x.wasm"));
    payload.extend(string("y.wasm"));
    payload.extend(string("x.wasm"));
    let dylink = read(&with_custom("dylink", &payload, EMPTY));
    assert_eq!(dylink.memory_size, 1000);
    assert_eq!(dylink.memory_p2align, 4);
    assert_eq!(dylink.table_p2align, 1);
    assert_eq!(names(&dylink.needed), ["x.wasm", "y.wasm"]);

    payload.push(0);
    let message = refused(&with_custom("dylink", &payload, EMPTY), Code::Malformed);
    assert!(message.contains("1 bytes are left over"), "{message}");
}

#[test]
fn the_section_counts_anywhere_but_once() {
    let mut bytes = assemble(r#"(module (import "GOT.mem" "m" (global (mut i32))))"#);
    let mut payload = leb(1);
    payload.extend([string("env"), string("m"), leb(1)].concat());
    let mut custom = string("dylink.0");
    custom.extend(subsection(abi::DYLINK_IMPORT_INFO, &payload));
    bytes.push(0);
    bytes.extend(leb(custom.len() as u32));
    bytes.extend(&custom);
    let object = parse_bytes(&bytes).unwrap();
    assert!(object.dylink.is_some() && object.imports.get(0).unwrap().weak);

    bytes.push(0);
    bytes.extend(leb(custom.len() as u32));
    bytes.extend(&custom);
    let message = refused(&bytes, Code::Malformed);
    assert!(message.contains("a second dylink section"), "{message}");

    let both = with_custom("dylink", &[0, 0, 0, 0], "(module (@dylink.0))");
    refused(&both, Code::Malformed);
}

#[test]
fn two_requests_for_memory_contradict() {
    let one = subsection(abi::DYLINK_MEM_INFO, &[1, 0, 0, 0]);
    let message = refused(&dylink(&[one.clone(), one].concat()), Code::Malformed);
    assert!(message.contains("a second mem_info"), "{message}");
}

#[test]
fn names_that_no_file_can_have() {
    for kind in [abi::DYLINK_NEEDED, abi::DYLINK_RUNTIME_PATH] {
        let message = refused(&dylink(&list(kind, &["a\0b"])), Code::Malformed);
        assert!(message.contains("contains NUL at offset 0x16"), "{message}");
        let message = refused(&dylink(&list(kind, &["ok", ""])), Code::Malformed);
        assert!(message.contains("is empty at offset 0x19"), "{message}");
    }
    // The search judges these.
    let odd = list(abi::DYLINK_NEEDED, &["../a.so", "/b.so"]);
    assert_eq!(names(&read(&dylink(&odd)).needed), ["../a.so", "/b.so"]);
}

#[test]
fn names_that_are_not_utf8() {
    let payload = [&[1u8, 4][..], b"ab\xff\xff"].concat();
    let message = refused(
        &dylink(&subsection(abi::DYLINK_NEEDED, &payload)),
        Code::Malformed,
    );
    assert!(
        message.contains("not valid UTF-8 at offset 0x19"),
        "{message}"
    );
    assert!(
        message.contains("reading the dylink.0 section"),
        "{message}"
    );
}

#[test]
fn lengths_that_do_not_fit() {
    let cases = [
        // A subsection longer than the section.
        vec![abi::DYLINK_NEEDED, 100, 1],
        // A subsection shorter than its contents, and longer.
        subsection(abi::DYLINK_MEM_INFO, &[1, 2, 3]),
        subsection(abi::DYLINK_MEM_INFO, &[1, 2, 3, 4, 5]),
        // A count above the entries.
        subsection(abi::DYLINK_NEEDED, &[2, 1, b'a']),
        // An integer of more than 32 bits, and one that does not end.
        subsection(
            abi::DYLINK_MEM_INFO,
            &[0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0],
        ),
        subsection(abi::DYLINK_MEM_INFO, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
        // No length.
        vec![abi::DYLINK_NEEDED],
    ];
    for payload in cases {
        let message = refused(&dylink(&payload), Code::Malformed);
        assert!(message.contains(" at offset 0x"), "{message}");
    }
}

#[test]
fn absurd_counts_are_over_the_limit() {
    for kind in [
        abi::DYLINK_NEEDED,
        abi::DYLINK_EXPORT_INFO,
        abi::DYLINK_IMPORT_INFO,
        abi::DYLINK_RUNTIME_PATH,
    ] {
        let bytes = dylink(&subsection(kind, &leb(u32::MAX)));
        let message = refused(&bytes, Code::Limit);
        assert!(message.contains("4294967295"), "{message}");
        assert!(message.contains("at offset 0x15"), "{message}");
    }
    let legacy = [leb(0), leb(0), leb(0), leb(0), leb(u32::MAX)].concat();
    refused(&with_custom("dylink", &legacy, EMPTY), Code::Limit);
}

#[test]
fn limits_count_over_all_subsections() {
    let limits = ParseLimits {
        needed: 3,
        name: 4,
        ..ParseLimits::default()
    };
    let two = list(abi::DYLINK_NEEDED, &["a", "b"]);
    let parse = |payload: &[u8]| Object::parse(&dylink(payload), &limits);
    assert!(parse(&two).is_ok());
    let error = parse(&[two.clone(), two].concat()).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    let error = parse(&list(abi::DYLINK_NEEDED, &["abcde"])).unwrap_err();
    assert_eq!(error.code(), Code::Limit);
    assert!(error.message().contains("bytes in a name"), "{error}");
}

fn with_soname(payload: &[u8]) -> Vec<u8> {
    let mut bytes = assemble("(module (@dylink.0 (needed \"libc.so\")))");
    add_custom(&mut bytes, abi::SONAME, payload);
    bytes
}

#[test]
fn a_soname_is_part_of_what_a_shared_object_says_of_itself() {
    assert_eq!(parse(EVERYTHING).dylink.unwrap().soname, None);
    let dylink = read(&with_soname(b"\x0blibx-0.so.2"));
    assert_eq!(dylink.soname.as_deref(), Some("libx-0.so.2"));
    assert_eq!(names(&dylink.needed), ["libc.so"]);
    // What is no shared object is needed by nobody.
    let mut bytes = assemble(EMPTY);
    add_custom(&mut bytes, abi::SONAME, b"\x04x.so");
    assert_eq!(parse_bytes(&bytes).unwrap().dylink, None);
}

#[test]
fn sonames_that_no_needed_entry_could_be_are_refused() {
    let long = string(&"x".repeat(256));
    for (payload, why) in [
        (&b"\x00"[..], "it is empty"),
        (b"\x05a/b.so", "path separator"),
        (b"\x02..", "it is a folder"),
        (b"\x03a\x00b", "NUL"),
        (b"\x03a\x1bb", "cannot be shown"),
        (&long, "longer than a file name"),
        (b"\x03a\xffb", "UTF-8"),
        (b"\x09short", "unexpected end"),
        (b"\x01xyz", "2 bytes are left over"),
        (b"", "unexpected end"),
    ] {
        let error = parse_bytes(&with_soname(payload)).unwrap_err();
        assert_eq!(error.code(), Code::Malformed, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(why) && text.contains("wasmdyld.soname"),
            "{text}"
        );
        assert!(text.len() < 1_000, "{text}");
    }
    let mut twice = with_soname(b"\x04x.so");
    add_custom(&mut twice, abi::SONAME, b"\x04x.so");
    let error = parse_bytes(&twice).unwrap_err().to_string();
    assert!(
        error.contains("a second wasmdyld.soname section"),
        "{error}"
    );
}

#[test]
fn the_section_alone_says_the_same() {
    let limits = ParseLimits::default();
    let of = |bytes: &[u8]| Dylink::of(bytes, &limits);
    let needed = list(abi::DYLINK_NEEDED, &["liba.so", "libb.so"]);
    let everything = assemble(EVERYTHING);
    for bytes in [&everything, &dylink(&needed)] {
        assert_eq!(of(bytes), Some(read(bytes)));
    }
    assert_eq!(of(&assemble(EMPTY)), None);
    // What a load refuses has nothing to fetch.
    assert_eq!(of(&dylink(&[needed.as_slice(), &[9]].concat())), None);
    assert_eq!(of(b"no module"), None);
}

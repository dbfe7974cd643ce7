use super::*;

#[test]
fn foreign_files_are_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "the file is empty"),
        (
            b"\x7fELF\x02\x01\x01\0",
            "an ELF file (compile for wasm32-wasip1",
        ),
        (b"!<arch>\nfoo.o/", "an ar archive"),
        (b"!<thin>\nfoo.o/", "a thin ar archive"),
        (b"BC\xc0\xde\x35\x14", "LLVM bitcode"),
        (b"\xde\xc0\x17\x0b\0\0", "wrapped LLVM bitcode"),
        (b"\xcf\xfa\xed\xfe\x07\0\0\x01", "a Mach-O file"),
        (b"\xfe\xed\xfa\xce\0\0\0\x01", "a Mach-O file"),
        (b"\xca\xfe\xba\xbe\0\0\0\x02", "Mach-O or Java"),
        (b"MZ\x90\0\x03\0\0\0", "a Windows PE file"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "gzip-compressed"),
        (b"\x28\xb5\x2f\xfd\x04\0\0\0", "zstd-compressed"),
        (b"\xfd7zXZ\0\0\x04", "xz-compressed"),
        (b"BZh91AY&SY", "bzip2-compressed"),
        (b"PK\x03\x04\x14\0\0\0", "a zip archive"),
        (b"(module)", "WebAssembly text"),
        (
            b"  ;; note\n(; and\n another ;) ( module $m",
            "WebAssembly text",
        ),
        (b"\xef\xbb\xbf(component)", "WebAssembly text"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "Git LFS pointer",
        ),
        (
            b"<!DOCTYPE html>\n<html>",
            "text that begins with `<!DOCTYPE html>`",
        ),
        (b"INPUT(-lfoo)", "text that begins with `INPUT(-lfoo)`"),
        (b"\x01\x02\x03", "unknown bytes at offset 0x0: 01 02 03"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", "unknown bytes"),
        (b"\0as", "cut off after 3 bytes"),
        (b"\0asm\x01\0", "cut off after 6 bytes"),
    ];
    for (bytes, expected) in cases {
        let message = refused(bytes, Code::Malformed);
        assert!(
            message.starts_with("not a WebAssembly module: "),
            "{message}"
        );
        assert!(
            message.contains(expected),
            "{message} should say {expected}"
        );
    }
}

#[test]
fn text_is_cut_at_a_character() {
    // 512 falls inside of the two-byte letter.
    let mut text = "x".repeat(511);
    text.push_str("\u{e9}\u{e9}");
    let message = refused(text.as_bytes(), Code::Malformed);
    assert!(message.contains("text that begins with"), "{message}");
}

#[test]
fn components_and_other_versions_are_unsupported() {
    let message = refused(b"\0asm\x0d\0\x01\0", Code::Unsupported);
    assert!(message.contains("a WebAssembly component"), "{message}");
    let message = refused(b"\0asm\x02\0\0\0", Code::Unsupported);
    assert!(
        message.contains("version 2, layer 0 at offset 0x4"),
        "{message}"
    );
}

#[test]
fn object_files_are_unsupported() {
    let object = with_custom(
        "linking",
        &[2],
        r#"(module (import "env" "__linear_memory" (memory 1)) (func))"#,
    );
    let message = refused(&object, Code::Unsupported);
    assert!(message.contains("-shared"), "{message}");
    assert!(message.contains("at offset 0x12"), "{message}");
    // crt1.o exports _start before it is linked.
    let exporting = with_custom(
        "linking",
        &[2],
        r#"(module (import "env" "__linear_memory" (memory 1)) (func (export "_start")))"#,
    );
    refused(&exporting, Code::Unsupported);
    // Linked with --emit-relocs.
    let linked = with_custom("linking", &[2], r#"(module (func (export "_start")))"#);
    assert!(parse_bytes(&linked).is_ok());
    let library = with_custom(
        "linking",
        &[2],
        "(module (@dylink.0 (mem-info (memory 0 0))))",
    );
    assert!(parse_bytes(&library).is_ok());
}

#[test]
fn the_smallest_module_is_one() {
    assert_eq!(parse("(module)"), Object::default());
}

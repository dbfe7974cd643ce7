//! `include/wasmdyld.h` is generated from `src/capi` and committed. `WASMDYLD_BLESS=1` writes it anew.

use std::path::Path;

fn generate() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let sources = [
        "types",
        "error",
        "config",
        "kept",
        "engine",
        "namespace",
        "host",
        "memory",
        "renew",
        "snapshot",
        "control",
        "link",
        "symbol",
        "function",
        "object",
        "wasi",
        "folder",
        "hosted",
        "clocks",
    ];
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources {
        builder = builder.with_src(root.join(format!("src/capi/{source}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().expect("cbindgen").write(&mut text);
    String::from_utf8(text).expect("the header is UTF-8")
}

#[test]
fn the_committed_header_is_what_the_source_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/wasmdyld.h");
    let header = generate();
    if std::env::var_os("WASMDYLD_BLESS").is_some() {
        std::fs::write(&path, &header).expect("writing the header");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == header,
        "include/wasmdyld.h is out of date; WASMDYLD_BLESS=1 cargo test --test header writes it anew"
    );
}

/// Every function of the header has a comment, and none of the words that only Rust programmers know.
#[test]
fn every_function_is_documented_for_c() {
    let header = generate();
    let functions = [
        "wasm_dyld_code_t",
        "void",
        "bool",
        "size_t",
        "const char",
        "struct",
        "wasm_dyld_object_t",
    ];
    let mut after_comment = false;
    let mut checked = 0;
    for line in header.lines() {
        let starts = functions.iter().any(|ty| line.starts_with(ty)) && line.contains('(');
        if starts {
            assert!(after_comment, "no comment before: {line}");
            checked += 1;
        }
        if !line.trim().is_empty() {
            after_comment = line.trim() == "*/" || line.trim_end().ends_with("*/");
        }
    }
    assert!(checked > 50, "only {checked} functions were seen");
    for word in ["# Safety", "# Errors", "Option<", "Result<", "&mut", "[`"] {
        assert!(!header.contains(word), "{word} leaked into the header");
    }
}

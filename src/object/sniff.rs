//! Says what a file is when it is not a core WebAssembly module, and what to do about it.

use crate::error::{Code, Error, Result};

/// What every module begins with.
pub const MAGIC: &[u8] = b"\0asm";

/// As much of a file as is looked at to say what it is instead; a file of gigabytes is not read for an error message.
pub const LOOK: usize = 512;

/// Files that people hand to a dynamic linker by mistake, by their first bytes.
const SIGNATURES: &[(&[u8], &str)] = &[
    (
        b"\x7fELF",
        "an ELF file (compile for wasm32-wasip1 and link with -shared)",
    ),
    (
        b"!<arch>\n",
        "an ar archive of object files (link it into a library: -shared -Wl,--whole-archive)",
    ),
    (
        b"!<thin>\n",
        "a thin ar archive (link it into a library: -shared -Wl,--whole-archive)",
    ),
    (
        b"BC\xc0\xde",
        "LLVM bitcode (compile it to wasm32 and link with -shared)",
    ),
    (
        b"\xde\xc0\x17\x0b",
        "wrapped LLVM bitcode (compile it to wasm32 and link with -shared)",
    ),
    (b"\xfe\xed\xfa\xce", MACH_O),
    (b"\xfe\xed\xfa\xcf", MACH_O),
    (b"\xce\xfa\xed\xfe", MACH_O),
    (b"\xcf\xfa\xed\xfe", MACH_O),
    (b"\xca\xfe\xba\xbe", "a universal Mach-O or Java class file"),
    (
        b"MZ",
        "a Windows PE file (compile for wasm32-wasip1 and link with -shared)",
    ),
    (b"\x1f\x8b", "gzip-compressed (decompress it first)"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed (decompress it first)"),
    (b"\xfd7zXZ\0", "xz-compressed (decompress it first)"),
    (b"BZh", "bzip2-compressed (decompress it first)"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
];

const MACH_O: &str = "a Mach-O file (compile for wasm32-wasip1 and link with -shared)";

/// Accepts what begins like a core module; an error says what it is instead.
pub(super) fn check(bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Err(not_a_module(Code::Malformed, "the file is empty"));
    }
    if let Some(header) = bytes.first_chunk::<8>() {
        let [m0, m1, m2, m3, v0, v1, l0, l1] = *header;
        if [m0, m1, m2, m3] == *MAGIC {
            return version(u16::from_le_bytes([v0, v1]), u16::from_le_bytes([l0, l1]));
        }
    } else if bytes.starts_with(MAGIC) || MAGIC.starts_with(bytes) {
        return Err(not_a_module(
            Code::Malformed,
            &format!(
                "the file is cut off after {} bytes, the header alone has 8",
                bytes.len()
            ),
        ));
    }
    for (signature, what) in SIGNATURES {
        if bytes.starts_with(signature) {
            return Err(not_a_module(Code::Malformed, what));
        }
    }
    Err(not_a_module(
        Code::Malformed,
        &text(bytes).unwrap_or_else(|| unknown(bytes)),
    ))
}

/// Since the component model, the second half of the version word tells modules from components.
fn version(version: u16, layer: u16) -> Result<()> {
    match (version, layer) {
        (1, 0) => Ok(()),
        (_, 1) => Err(not_a_module(
            Code::Unsupported,
            "a WebAssembly component (dynamic linking needs core modules: \
             build for wasm32-wasip1, or extract the core modules)",
        )),
        _ => Err(not_a_module(
            Code::Unsupported,
            &format!("version {version}, layer {layer} at offset 0x4 (known: version 1, layer 0)"),
        )),
    }
}

/// A description of `bytes` if they look like text.
fn text(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..LOOK).unwrap_or(bytes);
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        // The look may end inside a character; anything else that is invalid is not text.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let head = head.trim_start_matches('\u{feff}');
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c');
    if head.is_empty() || !head.chars().all(is_text) {
        return None;
    }
    if is_wat(head) {
        return Some(
            "WebAssembly text (assemble it first, with wat2wasm or `wasm-tools parse`)".into(),
        );
    }
    if head.starts_with("version https://git-lfs") {
        return Some("a Git LFS pointer (fetch the file itself with `git lfs pull`)".into());
    }
    let first: String = head
        .trim_start()
        .chars()
        .take_while(|c| !matches!(c, '\r' | '\n'))
        .take(40)
        .flat_map(char::escape_debug)
        .collect();
    Some(format!("text that begins with `{first}`"))
}

/// The first token that is no comment opens a module, or a component, or a bare module field.
fn is_wat(mut text: &str) -> bool {
    // A round strips one comment or line of it, so that the text gets shorter in each.
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix(";;") {
            match comment.split_once('\n') {
                Some((_, rest)) => text = rest,
                // Nothing but comments in sight; only WebAssembly text comments like this.
                None => return true,
            }
        } else if let Some(comment) = text.strip_prefix("(;") {
            match comment.split_once(";)") {
                Some((_, rest)) => text = rest,
                None => return true,
            }
        } else {
            break;
        }
    }
    let Some(field) = text.strip_prefix('(') else {
        return false;
    };
    [
        "module",
        "component",
        "import",
        "func",
        "memory",
        "table",
        "global",
        "type",
        "@",
    ]
    .iter()
    .any(|keyword| field.trim_start().starts_with(keyword))
}

fn unknown(bytes: &[u8]) -> String {
    let mut what = String::from("unknown bytes at offset 0x0:");
    for byte in bytes.iter().take(8) {
        what.push_str(&format!(" {byte:02x}"));
    }
    what
}

fn not_a_module(code: Code, what: &str) -> Error {
    Error::new(code, format!("not a WebAssembly module: {what}"))
}

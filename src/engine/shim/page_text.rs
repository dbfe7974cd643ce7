//! What JavaScript engines say of traps: V8 (node, Chromium), SpiderMonkey (Firefox) and JavaScriptCore (Safari).

use crate::engine::frame::{EngineFrame, ModuleName};

/// Their words, and the core specification's for the same. The first that a text begins with counts.
const WORDS: &[(&str, &str)] = &[
    ("unreachable", "wasm `unreachable` instruction executed"),
    ("memory access out of bounds", "out of bounds memory access"),
    ("index out of bounds", "out of bounds memory access"),
    (
        "table index is out of bounds",
        "undefined element: out of bounds table access",
    ),
    (
        "table access out of bounds",
        "undefined element: out of bounds table access",
    ),
    (
        "indirect call to null",
        "uninitialized element: indirect call to null",
    ),
    (
        "null function or function signature",
        "indirect call type mismatch",
    ),
    (
        "indirect call signature mismatch",
        "indirect call type mismatch",
    ),
    ("divide by zero", "integer divide by zero"),
    ("remainder by zero", "integer divide by zero"),
    ("divide result unrepresentable", "integer overflow"),
    (
        "float unrepresentable in integer range",
        "invalid conversion to integer",
    ),
    ("Maximum call stack size exceeded", "call stack exhausted"),
    ("too much recursion", "call stack exhausted"),
];

/// The reason in words that are the same on every engine.
pub(super) fn cause(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let known = WORDS.iter().find(|(start, _)| first.starts_with(start));
    known.map_or(text, |(_, words)| words).to_owned()
}

/// The guest's functions in an error's `stack`, the innermost first. V8 writes `at NAME (wasm://wasm/HASH:wasm-function[3]:0x1a2)`, Firefox
/// `NAME@URL:wasm-function[3]:0x1a2`. What is no such line is skipped: names come from modules, and may hold anything but line breaks.
pub(super) fn frames(stack: &str) -> Vec<EngineFrame> {
    stack.lines().filter_map(frame).collect()
}

fn frame(line: &str) -> Option<EngineFrame> {
    const MARK: &str = ":wasm-function[";
    let (before, behind) = line.rsplit_once(MARK)?;
    let (index, offset) = behind.split_once("]:0x")?;
    let digits = offset.trim_end().trim_end_matches(')');
    let before = before.trim_start();
    let name = match before.strip_prefix("at ") {
        Some(rest) => rest.rsplit_once(" (").map(|(name, _)| name),
        None => before.split_once('@').map(|(name, _)| name),
    };
    let module = module(before);
    // A function without a name has the module's there.
    let name = name.filter(|name| !name.is_empty() && Some(*name) != module);
    Some(EngineFrame {
        func_index: index.parse().ok()?,
        module_offset: Some(u64::from_str_radix(digits, 16).ok()?),
        func_offset: None,
        func_name: name.map(|name| plain(name, module)),
        module_name: module.map_or(ModuleName::Untold, |name| ModuleName::Is(name.to_owned())),
        source: None,
        module: None,
    })
}

/// The name of the module, where V8 has made a place of that: `wasm://wasm/NAME-HASH`. It cuts longer ones off, which are then not told.
fn module(before: &str) -> Option<&str> {
    const LONGEST: usize = 99;
    let (_, place) = before.rsplit_once("wasm://wasm/")?;
    let (name, hash) = place.rsplit_once('-')?;
    let is_hash = hash.len() == 8 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_hash && name.len() <= LONGEST).then_some(name)
}

/// V8 puts the module's name before the function's.
fn plain(name: &str, module: Option<&str>) -> String {
    let of_module = module.and_then(|module| name.strip_prefix(module)?.strip_prefix('.'));
    let file = || name.rsplit_once(".wasm.").map(|(_, name)| name);
    of_module.or_else(file).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes() {
        assert_eq!(
            cause("memory access out of bounds"),
            "out of bounds memory access"
        );
        assert_eq!(
            cause("null function or function signature mismatch"),
            "indirect call type mismatch"
        );
        assert_eq!(cause("two\nlines"), "two\nlines");
        assert_eq!(cause(""), "");
    }

    #[test]
    fn frames_of_two_engines() {
        let stack = "RuntimeError: unreachable\n    at inner (wasm://wasm/8c2a1f06:wasm-function[7]:0x1a2)\n    at wasm://wasm/8c2a1f06:wasm-function[9]:0x2b0\n    at call (file:///engine.js:1:2)\n";
        let told = frames(stack);
        let parts: Vec<_> = told
            .iter()
            .map(|f| (f.func_index, f.module_offset, f.func_name.as_deref()))
            .collect();
        let expected = [(7, Some(0x1a2), Some("inner")), (9, Some(0x2b0), None)];
        assert_eq!(parts, expected);
        let stack = "at libx.so.f (wasm://wasm/libx.so-8c2a1f06:wasm-function[7]:0x1a2)\nat libx.so (wasm://wasm/libx.so-8c2a1f06:wasm-function[8]:0x1b2)\n\
            at a.wasm.g (http://localhost/a.wasm:wasm-function[1]:0x2)\nat h (wasm://wasm/x-8c2a1f0:wasm-function[1]:0x2)\n";
        let told = frames(stack);
        let parts: Vec<_> = told
            .iter()
            .map(|f| (f.func_name.as_deref(), f.module_name.clone()))
            .collect();
        let of_libx = || ModuleName::Is("libx.so".to_string());
        let expected = [
            (Some("f"), of_libx()),
            (None, of_libx()),
            (Some("g"), ModuleName::Untold),
            (Some("h"), ModuleName::Untold),
        ];
        assert_eq!(parts, expected);
        let long = "n".repeat(100);
        let told = frames(&format!(
            "at wasm://wasm/{long}-8c2a1f06:wasm-function[7]:0x1"
        ));
        assert_eq!(told[0].module_name, ModuleName::Untold);
        let told = frames("inner@http://localhost/x.wasm:wasm-function[7]:0x1a2\nf@x.js:1:2\n");
        assert_eq!(told[0].func_name.as_deref(), Some("inner"));
        assert_eq!((told.len(), told[0].func_index), (1, 7));
        assert!(
            frames("at x:wasm-function[99999999999]:0x1\nat y:wasm-function[1]:0xz").is_empty()
        );
    }
}

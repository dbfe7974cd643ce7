//! A library and a program that end too early, wherever that is, or whose lengths promise more than there is.

use crate::kit::Case;

/// Names with what a terminal obeys in them: an error may show any of these.
const LIBRARY: &str = r#"(module
  (@dylink.0 (mem-info (memory 64 4) (table 1 0)) (needed "dep\1b[2J.so") (runtime-path "$ORIGIN/\e2\80\ae"))
  (import "env" "memory" (memory 0))
  (import "env" "__indirect_function_table" (table 0 funcref))
  (import "env" "__memory_base" (global $base i32))
  (import "env" "__table_base" (global $slots i32))
  (import "env" "\07bell" (func (param i32)))
  (import "GOT.mem" "line\0aforged" (global (mut i32)))
  (func $f (export "\e2\80\a8f") (result i32) (i32.const 1))
  (elem (global.get $slots) $f)
  (data (global.get $base) "some data"))"#;

#[test]
fn a_library_cut_anywhere_is_refused_in_a_text_of_one_line() {
    let whole = wat::parse_str(LIBRARY).expect("valid text");
    let mut case = Case::new("cut");
    case.wat(
        "main.wasm",
        r#"(module
          (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "liba.so"))
          (import "env" "memory" (memory 0))
          (func (export "_start")))"#,
    );
    for length in (0..whole.len()).step_by(7) {
        case.bytes("liba.so", &whole[..length]);
        for arguments in [
            &["plan", "-L", ".", "main.wasm"][..],
            &["run", "-L", ".", "main.wasm"],
        ] {
            let ran = case.run(arguments);
            // What is left may be a whole module that lacks what main needs of it; main needs nothing.
            assert!(ran.code != Some(0) || length >= 8, "{length} bytes: {ran}");
            assert!(ran.stderr.lines().count() < 20, "{length} bytes: {ran}");
        }
    }
}

#[test]
fn a_count_beyond_the_file_takes_no_memory() {
    let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    let mut case = Case::new("huge");
    // A section of each kind whose count of entries is the largest number.
    for section in 1..=13_u8 {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend([section, huge.len() as u8]);
        bytes.extend(huge);
        case.bytes("main.wasm", &bytes);
        for ran in case.tools("main.wasm") {
            assert_ne!(ran.code, Some(0), "section {section}: {ran}");
        }
        assert_ne!(case.run(&["run", "main.wasm"]).code, Some(0));
    }
}

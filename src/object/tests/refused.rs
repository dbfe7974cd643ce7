use super::*;

#[test]
fn sizes_that_contradict_are_refused() {
    let mut bytes = assemble("(module (memory 1 2))");
    let last = bytes.len() - 1;
    bytes[last] = 0;
    let message = refused(&bytes, Code::Malformed);
    assert!(message.contains("above the maximum"), "{message}");
    // 0x1_0001 pages of 64 KiB.
    let mut bytes = assemble("(module)");
    bytes.extend([section::MEMORY, 5, 1, 0, 0x81, 0x80, 0x04]);
    refused(&bytes, Code::Malformed);
}

#[test]
fn a_second_export_of_a_name_is_refused() {
    let mut bytes = assemble("(module (func))");
    // The export section stands before the code section.
    let code = bytes.split_off(bytes.len() - 6);
    bytes.extend([7, 9, 2, 1, b'\n', 0, 0, 1, b'\n', 0, 0]);
    bytes.extend(code);
    let message = refused(&bytes, Code::Malformed);
    assert!(message.contains("a second export named `\\n`"), "{message}");
    assert!(message.contains("at offset 0x19"), "{message}");
}

#[test]
fn indices_out_of_range_are_refused() {
    let header = b"\0asm\x01\0\0\0";
    let cases: &[(&[u8], &str)] = &[
        (&[7, 5, 1, 1, b'f', 0, 5], "function index 5"),
        (&[7, 5, 1, 1, b'f', 1, 0], "table index 0"),
        (&[7, 5, 1, 1, b'f', 2, 1], "memory index 1"),
        (&[7, 5, 1, 1, b'f', 3, 2], "global index 2"),
        (&[7, 5, 1, 1, b'f', 4, 3], "tag index 3"),
        (&[8, 1, 9], "function index 9"),
        (&[2, 7, 1, 1, b'm', 1, b'f', 0, 7], "type index 7"),
        (&[3, 2, 1, 4], "type index 4"),
        (&[13, 3, 1, 0, 4], "type index 4"),
        (&[9, 6, 1, 0, 0x41, 0, 0x0b, 0], "table index 0"),
        (
            &[4, 4, 1, 0x70, 0, 1, 9, 7, 1, 0, 0x41, 0, 0x0b, 1, 6],
            "function index 6",
        ),
        (
            &[1, 3, 1, 0x5f, 0, 3, 2, 1, 0],
            "type 0 is no function type",
        ),
        (&[99, 1, 0], "unknown kind 99"),
    ];
    for (sections, expected) in cases {
        let bytes = [header, *sections].concat();
        let message = refused(&bytes, Code::Malformed);
        assert!(message.contains(expected), "{message} / {expected}");
        assert!(message.contains(" at offset 0x"), "{message}");
    }
}

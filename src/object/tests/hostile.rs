use super::*;
#[cfg(test)]
use crate::abi;

/// A module as a compiler makes it, only small: every kind of section.
#[cfg(test)]
fn sample() -> Vec<u8> {
    let mut bytes = assemble(EVERYTHING);
    let name = bytes.clone();
    // Some custom sections that are read, at the end.
    for (name, payload) in [
        ("target_features", &b"\x02+\x07simd128+\x07atomics"[..]),
        (abi::SONAME, b"\x0clibsample.so"),
        ("other", &name[..40]),
    ] {
        add_custom(&mut bytes, name, payload);
    }
    bytes
}

/// All that is done with bytes of unknown origin.
pub(crate) fn try_everything(bytes: &[u8]) -> bool {
    match parse_bytes(bytes) {
        Ok(object) => {
            check(&object);
            if let Ok(Some((rewritten, _))) = super::super::externalize(bytes, &object) {
                parse_bytes(&rewritten).expect("a rewritten module parses");
            }
            true
        }
        Err(error) => {
            assert!(
                matches!(
                    error.code(),
                    Code::Malformed | Code::Unsupported | Code::Limit
                ),
                "{error}"
            );
            false
        }
    }
}

/// What others may rely on in an object, wherever its bytes came from.
fn check(object: &Object) {
    for (export, position) in object.exports.iter().zip(0..) {
        assert_eq!(object.position(&export.name), Some(position));
    }
    assert_eq!(object.func_imports.len(), object.imported_funcs as usize);
    for &import in &object.func_imports {
        assert!(matches!(
            object.imports.get(import as usize).unwrap().ty,
            ExternType::Func(_)
        ));
    }
    for &import in &object.global_imports {
        assert!(matches!(
            object.imports.get(import as usize).unwrap().ty,
            ExternType::Global(_)
        ));
    }
    for &import in &object.tag_imports {
        assert!(matches!(
            object.imports.get(import as usize).unwrap().ty,
            ExternType::Tag(_)
        ));
    }
    if let Some(dylink) = &object.dylink {
        for name in dylink.needed.iter().chain(&dylink.runtime_path) {
            assert!(!name.is_empty() && !name.contains('\0'));
        }
    }
}

#[test]
fn the_sample_itself_is_fine() {
    let bytes = sample();
    assert!(try_everything(&bytes));
    assert_eq!(explain(&bytes).invalid, None);
}

#[test]
fn truncation_at_every_byte() {
    for bytes in [
        sample(),
        with_custom("dylink", &[9, 1, 9, 1, 1, 1, b'a'], EVERYTHING),
    ] {
        for end in 0..bytes.len() {
            try_everything(&bytes[..end]);
            explain(&bytes[..end]);
        }
    }
}

struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn random_damage() {
    let whole = sample();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut survived = 0;
    for round in 0..60_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(5) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next() as u8,
                2 => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
                3 => {
                    bytes.remove(at);
                }
                _ => bytes.insert(at, random.next() as u8),
            }
        }
        survived += usize::from(try_everything(&bytes));
        if round % 50 == 0 {
            explain(&bytes);
        }
    }
    // Damage in names, code and data goes unnoticed; if nothing survived, the test would test little.
    assert!((1_000..59_000).contains(&survived), "{survived}");
}

#[test]
fn random_sections() {
    // Valid framing around noise gets deeper than noise in the framing.
    let mut random = Xorshift(42);
    for _ in 0..20_000 {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        for id in [0, 1, 2, 3, 4, 5, 13, 6, 7, 9] {
            if random.below(2) == 0 {
                continue;
            }
            let mut contents = Vec::new();
            if id == 0 {
                contents = string("dylink.0");
            }
            contents.push(random.below(4) as u8);
            for _ in 0..random.below(24) {
                let byte = match random.below(4) {
                    0 => random.next() as u8,
                    1 => [0x60, 0x7f, 0x4e, 0x70, 0x41, 0x0b, 0x5f, 0x23][random.below(8)],
                    _ => random.below(5) as u8,
                };
                contents.push(byte);
            }
            bytes.push(id);
            contents.as_slice().encode(&mut bytes);
        }
        try_everything(&bytes);
    }
}

/// One section with a count and next to nothing behind it.
fn count_only(id: u8, count: &[u8], more: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.push(id);
    [count, more].concat().as_slice().encode(&mut bytes);
    bytes
}

#[test]
fn absurd_counts_cost_nothing() {
    const MANY: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0x0f];
    const MILLION: &[u8] = &[0xc0, 0x84, 0x3d];
    // Data (11) is passed over, its count included.
    for id in (1..=13).filter(|&id| id != 11) {
        for more in [&[][..], &[0], &[0x60, 0, 0, 0, 0]] {
            assert!(parse_bytes(&count_only(id, MANY, more)).is_err(), "{id}");
            assert!(parse_bytes(&count_only(id, MILLION, more)).is_err(), "{id}");
        }
    }
    for id in [1, 2, 6, 7] {
        refused(&count_only(id, MANY, &[]), Code::Limit);
        refused(&count_only(id, MILLION, &[]), Code::Malformed);
    }
    // A recursion group of a million types in no bytes at all.
    let message = refused(
        &count_only(1, &[1], &[0x4e, 0xc0, 0x84, 0x3d, 0x60, 0, 0]),
        Code::Malformed,
    );
    assert!(message.contains("recursion group of 1000000"), "{message}");
}

#[test]
fn limits_hold() {
    let wat = r#"(module
      (import "env" "a" (func)) (import "env" "b" (func)) (import "env" "g" (global i32))
      (type (func (param i32))) (type (func (param i64)))
      (global i32 (i32.const 0)) (table 9 funcref) (elem (i32.const 0) 0 1) (elem (i32.const 3) 0)
      (export "x" (func 0)) (export "long_name" (func 1)))"#;
    let bytes = assemble(wat);
    let exact = ParseLimits {
        imports: 3,
        exports: 2,
        types: 3,
        globals: 2,
        segment_entries: 3,
        name: 9,
        ..ParseLimits::default()
    };
    assert!(Object::parse(&bytes, &exact).is_ok());
    let lower: [fn(&mut ParseLimits); 6] = [
        |limits| limits.imports -= 1,
        |limits| limits.exports -= 1,
        |limits| limits.types -= 1,
        |limits| limits.globals -= 1,
        |limits| limits.segment_entries -= 1,
        |limits| limits.name -= 1,
    ];
    for change in lower {
        let mut limits = exact.clone();
        change(&mut limits);
        let error = Object::parse(&bytes, &limits).unwrap_err();
        assert_eq!(error.code(), Code::Limit, "{limits:?}: {error}");
        assert!(error.message().contains("the limit is"), "{error}");
    }
}

#[test]
fn deep_nesting_does_not_recurse() {
    // A constant expression of a million blocks, never closed.
    let mut contents = vec![1, 0x7f, 0];
    for _ in 0..1_000_000 {
        contents.extend([0x02, 0x40]);
    }
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.push(section::GLOBAL);
    contents.as_slice().encode(&mut bytes);
    refused(&bytes, Code::Malformed);
}

#[test]
fn the_name_that_a_group_of_imports_shares_counts_for_each() {
    let group = |imports: u32, length: usize| {
        let mut contents = vec![1];
        "m".repeat(length).as_str().encode(&mut contents);
        contents.extend([0, 0x7f]);
        imports.encode(&mut contents);
        for _ in 0..imports {
            contents.extend([0, 3, 0x7f, 0]);
        }
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.push(section::IMPORT);
        contents.as_slice().encode(&mut bytes);
        bytes
    };
    refused(&group(1_000, 90_000), Code::Limit);
    let few = group(1_000, 3);
    assert_eq!(
        Object::parse(&few, &ParseLimits::default())
            .unwrap()
            .imports
            .len(),
        1_000
    );
}

/// As `count_only`, with entries behind it.
fn many(id: u8, count: u32, entry: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let mut contents = Vec::new();
    count.encode(&mut contents);
    for n in 0..count {
        contents.extend(entry(n));
    }
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.push(id);
    contents.as_slice().encode(&mut bytes);
    bytes
}

/// A name of three letters for each number.
fn letters(n: u32) -> [u8; 3] {
    [n, n >> 6, n >> 12].map(|n| b'0' + (n & 63) as u8)
}

#[test]
fn lists_of_short_entries_come_to_the_end_of_a_budget() {
    let name = |n| [&[3][..], &letters(n)].concat();
    for bytes in [
        many(2, 250_000, |n| [&[0], &name(n)[..], &[3, 0x7f, 0]].concat()),
        many(7, 250_000, |n| [&name(n)[..], &[3, 0]].concat()),
        many(6, 1_000_000, |_| vec![0x7f, 0, 0x41, 0, 0x0b]),
        many(1, 1_000_000, |_| vec![0x4e, 1, 0x5f, 0]),
        many(4, 1_000_000, |_| vec![0x70, 0, 0]),
        many(5, 1_000_000, |_| vec![0, 0]),
    ] {
        refused(&bytes, Code::Limit);
    }
    // Distinct types with a thousand parameters each.
    let parameters = |n: u32| (0..1_000).map(move |at| 0x7f - (n >> (at % 14) & 1) as u8);
    let types = many(1, 10_000, |n| {
        let ty = [0x60, 0xe8, 0x07].into_iter();
        ty.chain(parameters(n)).chain([0]).collect()
    });
    refused(&types, Code::Limit);
}

#[test]
fn equal_types_are_one() {
    let mut types = many(1, 20_000, |_| {
        [&[0x60, 0xe8, 0x07][..], &[0x7f; 1_000], &[0]].concat()
    });
    types.extend([2, 11, 2, 0, 1, b'f', 0, 7, 0, 1, b'g', 0, 8]);
    let object = parse_bytes(&types).unwrap();
    let sigs: Vec<_> = object
        .imports
        .iter()
        .map(|import| match import.ty {
            ExternType::Func(sig) => sig,
            other => panic!("{other}"),
        })
        .collect();
    assert!(Arc::ptr_eq(sigs[0], sigs[1]));
    // Shown by its first few parameters.
    let text = sigs[0].to_string();
    assert_eq!(
        text,
        "(i32, i32, i32, i32, i32, i32, i32, i32, ... 1,000 in all) -> ()"
    );
}

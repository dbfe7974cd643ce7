//! Sections that no compiler writes.

use super::bytes::{Broken, Cursor, push_leb, put_leb};
use super::input::{Input, Sections};
use super::{Places, rewrite};
use crate::fuse::targets::Number;

/// What comes of an object's sections, in which one function of 16 bytes has moved by 100.
fn rewritten(sections: &Sections<&[u8]>) -> Result<Sections<Vec<u8>>, Broken> {
    let mut places = Places::default();
    places.function(10..26, 110..126, Vec::new());
    let input = Input {
        sections,
        bases: Sections::default(),
        places: &places,
        memory: 0x1000,
        global: &|index| match index {
            1 => Some(Ok(7)),
            2 => Some(Err((0x2000, Number::I32))),
            _ => None,
        },
    };
    rewrite(&input)
}

/// A unit of version 4.
fn unit(abbreviations: u32, entries: &[u8]) -> Vec<u8> {
    let length = u32::try_from(entries.len() + 7).expect("a size");
    let mut unit = length.to_le_bytes().to_vec();
    unit.extend([4, 0]);
    unit.extend(abbreviations.to_le_bytes());
    unit.push(4);
    unit.extend(entries);
    unit
}

/// `DW_TAG_lexical_block` with children, and nothing to say.
const BLOCK: [u8; 6] = [1, 0x0b, 1, 0, 0, 0];

#[test]
fn entries_may_lie_in_each_other_to_any_depth() {
    let info = unit(0, &vec![1; 3_000_000]);
    let sections = Sections {
        info: &info[..],
        abbrev: &BLOCK[..],
        ..Sections::default()
    };
    let new = rewritten(&sections).expect("it is valid as far as it is looked at");
    assert_eq!(new.info, info);
}

fn assert_says_more(info: &[u8], abbrev: &[u8]) {
    let sections = Sections {
        info,
        abbrev,
        ..Sections::default()
    };
    let broken = rewritten(&sections).expect_err("it is bounded");
    assert_eq!(broken, Broken("its entries say more than they have bytes"));
}

#[test]
fn what_takes_no_room_is_bounded() {
    // Flags that are told by the abbreviation alone.
    let mut abbrev = vec![1, 0x0b, 0];
    for _ in 0..60_000 {
        abbrev.extend([0x3f, 0x19]);
    }
    abbrev.extend([0, 0, 0]);
    let info = unit(0, &[1; 60_000]);
    assert_says_more(&info, &abbrev);
}

#[test]
fn abbreviations_that_overlap_are_bounded() {
    let (mut abbrev, mut info) = (Vec::new(), Vec::new());
    for code in 1..20_000 {
        let place = u32::try_from(abbrev.len()).expect("a place");
        let mut entry = Vec::new();
        push_leb(&mut entry, code);
        info.extend(unit(place, &entry));
        abbrev.extend(entry);
        abbrev.extend([0x0b, 0, 0, 0]);
    }
    abbrev.push(0);
    assert_says_more(&info, &abbrev);
}

#[test]
fn a_size_has_the_room_that_it_has() {
    let mut bytes = [0xaa; 4];
    put_leb(&mut bytes, 1, 2, 300).expect("it fits");
    assert_eq!(bytes[0], 0xaa);
    assert_eq!(Cursor::new(&bytes, 1).leb(), Ok(300));
    assert_eq!(bytes[3], 0xaa);
    assert!(put_leb(&mut bytes, 1, 1, 128).is_err());
    assert!(put_leb(&mut bytes, 3, 2, 1).is_err());
}

/// `DW_TAG_subprogram` with an address and a size of four bytes.
const FUNCTION: [u8; 10] = [1, 0x2e, 0, 0x11, 0x01, 0x12, 0x06, 0, 0, 0];

#[test]
fn what_stands_for_code_that_was_left_out_before_is_no_code() {
    for low in [0, u32::MAX, u32::MAX - 1, 500] {
        let entry = [&[1][..], &low.to_le_bytes(), &16u32.to_le_bytes()].concat();
        let info = unit(0, &entry);
        let sections = Sections {
            info: &info[..],
            abbrev: &FUNCTION[..],
            ..Sections::default()
        };
        let new = rewritten(&sections).expect("it is valid").info;
        let new_low = if low == 0 { 0 } else { u32::MAX };
        assert_eq!(new[12..16], new_low.to_le_bytes(), "{low:#x}");
        assert_eq!(new[16..], [0; 4], "{low:#x}");
    }
    let entry = [&[1][..], &10u32.to_le_bytes(), &16u32.to_le_bytes()].concat();
    let info = unit(0, &entry);
    let sections = Sections {
        info: &info[..],
        abbrev: &FUNCTION[..],
        ..Sections::default()
    };
    let new = rewritten(&sections).expect("it is valid").info;
    assert_eq!(new[12..], [110, 0, 0, 0, 16, 0, 0, 0]);
}

/// `DW_TAG_variable` with a location.
const VARIABLE: [u8; 8] = [1, 0x34, 0, 0x02, 0x18, 0, 0, 0];

/// The location that is written for one of a variable.
fn location(old: &[u8]) -> Vec<u8> {
    let size = u8::try_from(old.len()).expect("a short one");
    let info = unit(0, &[&[1, size], old].concat());
    let sections = Sections {
        info: &info[..],
        abbrev: &VARIABLE[..],
        ..Sections::default()
    };
    let new = rewritten(&sections).expect("it is valid").info;
    new[13..].to_vec()
}

#[test]
fn data_counts_from_the_objects_base() {
    // DW_OP_addr
    assert_eq!(location(&[3, 8, 0, 0, 0]), [3, 8, 0x10, 0, 0]);
    // Left out by wasm-ld.
    let gone = [3, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(location(&gone), gone);
    // DW_OP_WASM_location of __memory_base, DW_OP_addr, DW_OP_plus
    let sum = location(&[0xed, 3, 2, 0, 0, 0, 3, 8, 0, 0, 0, 0x22]);
    let nops = [0x96; 6];
    assert_eq!(sum, [&nops[..], &[3, 8, 0x20, 0, 0, 0x96]].concat());
    // Not as a sum: DW_OP_const4u, DW_OP_nop
    let base = location(&[0xed, 3, 2, 0, 0, 0, 0x9f]);
    assert_eq!(base, [0x0c, 0, 0x20, 0, 0, 0x96, 0x9f]);
    // In DW_OP_entry_value
    let inner = location(&[0xa3, 5, 3, 8, 0, 0, 0]);
    assert_eq!(inner, [0xa3, 5, 3, 8, 0x10, 0, 0]);
}

#[test]
fn globals_have_the_modules_numbers() {
    assert_eq!(location(&[0xed, 3, 1, 0, 0, 0]), [0xed, 3, 7, 0, 0, 0]);
    assert_eq!(location(&[0xed, 1, 1]), [0xed, 1, 7]);
    // What a global gives is added to: the address stays.
    let sum = [0xed, 3, 7, 0, 0, 0, 3, 8, 0, 0, 0, 0x22];
    assert_eq!(location(&[&[0xed, 3, 1], &sum[3..]].concat()), sum);
    // Those that are not there have none.
    let gone = [0xed, 3, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(location(&[0xed, 3, 0, 0, 0, 0]), gone);
    assert_eq!(location(&[0xed, 1, 0]), [0xed, 1, 0x7f]);
    // Locals stay.
    assert_eq!(location(&[0xed, 0, 1, 0x9f]), [0xed, 0, 1, 0x9f]);
}

/// `DW_TAG_variable` whose location is a list.
const LISTED: [u8; 8] = [1, 0x34, 0, 0x02, 0x17, 0, 0, 0];

/// Lists whose one expression has the heads of all that follow, and ends where theirs do.
#[test]
fn expressions_that_overlap_are_bounded() {
    let mut loc = Vec::new();
    for size in [0x064fu16, 0x0645, 0x063b, 0x0631] {
        // As operations these are DW_OP_deref and DW_OP_lit.
        loc.extend([6; 8]);
        loc.extend(size.to_le_bytes());
    }
    loc.resize(10 + 0x064f, 6);
    loc.extend([0; 8]);
    let rewritten = |lists: u32| {
        let entries = (0..lists).flat_map(|n| [&[1][..], &(n * 10).to_le_bytes()].concat());
        let info = unit(0, &entries.collect::<Vec<u8>>());
        let sections = Sections {
            info: &info[..],
            abbrev: &LISTED[..],
            loc: &loc[..],
            ..Sections::default()
        };
        rewritten(&sections).map(|_| ())
    };
    assert_eq!(rewritten(2), Ok(()));
    assert_eq!(rewritten(3), Err(Broken("its lists overlap")));
}

#[test]
fn lists_that_say_only_where_they_count_from_are_bounded() {
    let rewritten = |lists: u32| {
        // DW_TAG_compile_unit with children; DW_TAG_lexical_block with DW_AT_ranges.
        let abbrev = [1, 0x11, 1, 0, 0, 2, 0x0b, 0, 0x55, 0x17, 0, 0, 0];
        let length = |rest: &[u8]| u32::try_from(rest.len()).expect("a size").to_le_bytes();
        // DW_RLE_base_address; a list begins at each, and they have one end.
        let mut ranges = vec![5, 0, 4, 0, 0, 0, 0, 0];
        (0..lists).for_each(|_| ranges.extend([5, 2, 0, 0, 0]));
        ranges.push(0);
        let ranges = [&length(&ranges)[..], &ranges].concat();
        // Of version 5, a compilation unit.
        let mut info = vec![5, 0, 1, 4, 0, 0, 0, 0, 1];
        for list in 0..lists {
            info.push(2);
            info.extend((12 + 5 * list).to_le_bytes());
        }
        info.push(0);
        let info = [&length(&info)[..], &info].concat();
        rewritten(&Sections {
            info: &info[..],
            abbrev: &abbrev[..],
            rnglists: &ranges[..],
            ..Sections::default()
        })
        .map(drop)
    };
    assert_eq!(rewritten(1), Ok(()));
    assert_eq!(rewritten(2_000), Err(Broken("its lists overlap")));
}

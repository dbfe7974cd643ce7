//! Sections that no compiler writes.

use super::bytes::{Broken, Cursor, push_leb, put_leb};
use super::input::{Input, Sections};
use super::{Places, rewrite};

/// What comes of an object's sections, in which one function of 16 bytes has moved by 100.
fn rewritten(sections: &Sections<&[u8]>) -> Result<Sections<Vec<u8>>, Broken> {
    let mut places = Places::default();
    places.function(10..26, 110..126, Vec::new());
    let input = Input {
        sections,
        bases: Sections::default(),
        places: &places,
        memory: 0x1000,
        global: &|_| None,
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

#[test]
fn what_takes_no_room_is_bounded() {
    // Flags that are told by the abbreviation alone.
    let mut abbrev = vec![1, 0x0b, 0];
    for _ in 0..60_000 {
        abbrev.extend([0x3f, 0x19]);
    }
    abbrev.extend([0, 0, 0]);
    let info = unit(0, &[1; 60_000]);
    let sections = Sections {
        info: &info[..],
        abbrev: &abbrev[..],
        ..Sections::default()
    };
    let broken = rewritten(&sections).expect_err("it is bounded");
    assert_eq!(broken, Broken("its entries say more than they have bytes"));
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
    let sections = Sections {
        info: &info[..],
        abbrev: &abbrev[..],
        ..Sections::default()
    };
    let broken = rewritten(&sections).expect_err("it is bounded");
    assert_eq!(broken, Broken("its entries say more than they have bytes"));
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

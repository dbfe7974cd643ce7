//! Sections of any bytes, for the fuzzer `fuse`: whatever they say, what is written stays in proportion, and is read again.

use super::input::{Input, Sections};
use super::{Places, rewrite};
use crate::fuse::targets::Number;

/// Rewrites sections that follow one another in the order of [`Sections`], each behind its size in two bytes, little-endian. What is beyond the end is empty.
pub(crate) fn any(bytes: &[u8]) {
    let mut rest = bytes;
    let old = Sections::<()>::default().map(|()| {
        let (size, behind) = rest.split_first_chunk::<2>().unwrap_or((&[0, 0], &[]));
        let size = usize::from(u16::from_le_bytes(*size)).min(behind.len());
        let (section, behind) = behind.split_at(size);
        rest = behind;
        section
    });
    let Some(new) = rewritten(&old) else { return };
    let (mut before, mut after) = (0usize, 0usize);
    old.each().for_each(|(_, bytes)| before += bytes.len());
    new.each().for_each(|(_, bytes)| after += bytes.len());
    // A list's entry of three bytes becomes one of ten, and lists may be written twice.
    assert!(after <= 8 * before + (64 << 10), "{before} become {after}");
    for same in [
        (old.info, &new.info),
        (old.abbrev, &new.abbrev),
        (old.str, &new.str),
        (old.loc, &new.loc),
    ] {
        assert_eq!(same.0.len(), same.1.len());
    }
    rewritten(&new.map(Vec::as_slice));
}

/// What comes of sections of an object of which three functions are left, one of them with instructions of other sizes.
fn rewritten(sections: &Sections<&[u8]>) -> Option<Sections<Vec<u8>>> {
    let mut places = Places::default();
    places.function(3..40, 500..540, vec![(7, 505), (20, 519)]);
    places.function(60..200, 600..740, Vec::new());
    places.function(210..4000, 1..3791, Vec::new());
    places.finish(3);
    let input = Input {
        sections,
        bases: sections.map(|_| 0x100),
        places: &places,
        memory: 0x1000,
        global: &|index| match index {
            1 => Some(Ok(300)),
            2 => Some(Err((0x2000, Number::I32))),
            _ => None,
        },
    };
    rewrite(&input).ok()
}

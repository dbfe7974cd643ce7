//! Debug information of the objects, as that of the fused module.
//!
//! ```text
//! rewriting of code -> places      where each function and instruction has gone
//! .debug_info       -> info        numbers of entries, in their place; which lists and tables they name
//! .debug_line       -> lines       line tables, for the new distances
//! .debug_*lists     -> lists       ranges and locations
//!                   -> append      behind what other objects have in these sections
//! ```
//! An object whose debug information is malformed goes without it. What is read, written and kept of each is in proportion to its sections.

#[cfg(any(test, feature = "fuzzing"))]
mod any;
mod bytes;
mod expression;
mod info;
mod input;
mod lines;
mod lists;
mod places;
#[cfg(test)]
mod tests;

use wasm_encoder::CustomSection;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::any::any;
use self::bytes::{Broken, Cursor, Read, TOO_LARGE, put_offset, put_word};
use self::info::{To, Units};
use self::input::Input;
pub(super) use self::input::Sections;
use self::lists::{Gone, Kind};
pub(super) use self::places::{Places, place};
use super::emit::Parts;
use super::rewrite::Numbers;
use crate::text;

/// The sections of the fused module, and what was left out of them, for people.
#[derive(Default)]
pub(super) struct Debug {
    sections: Sections<Vec<u8>>,
    pub warnings: Vec<String>,
}

impl Debug {
    /// Takes what the objects have, by where their functions have gone.
    pub fn of(parts: &Parts<'_>, numbers: &Numbers<'_>, places: &[Option<Places>]) -> Debug {
        let mut debug = Debug::default();
        let plan = &parts.world.plan.objects;
        let objects = parts.objects.modules.iter().zip(parts.world.request.fresh);
        for (((module, found), planned), (places, object)) in
            objects.zip(plan).zip(places.iter().zip(0..))
        {
            let Some((sections, places)) = module.debug.as_ref().zip(places.as_ref()) else {
                continue;
            };
            let global = |index| {
                let number = numbers.global_number(object, index);
                expression::found(numbers.targets.global_at(object, index), number)
            };
            let input = Input {
                sections,
                bases: debug.sections.map(Vec::len),
                places,
                memory: u32::try_from(planned.place.memory_base).unwrap_or(0),
                global: &global,
            };
            let added = rewrite(&input).and_then(|new| debug.add(new));
            if let Err(Broken(why)) = added {
                let name = text::name(&found.name);
                let lost = format!("the debug information of {name} is left out: {why}");
                debug.warnings.push(lost);
            }
        }
        debug
    }

    /// Adds the sections of one more object.
    fn add(&mut self, new: Sections<Vec<u8>>) -> Read<()> {
        let mut sizes = self.sections.map(Vec::len);
        let mut fits = true;
        sizes.zip(new.map(Vec::len), |size, more| {
            let sum = size.checked_add(more);
            fits &= sum.is_some_and(|sum| u32::try_from(sum).is_ok());
        });
        if !fits {
            return Err(TOO_LARGE);
        }
        self.sections
            .zip(new, |all, mut more| all.append(&mut more));
        Ok(())
    }

    pub fn each(&self) -> impl Iterator<Item = CustomSection<'_>> {
        let sections = self.sections.each();
        let sections = sections.filter(|(_, bytes)| !bytes.is_empty());
        sections.map(|(name, bytes)| CustomSection {
            name: name.into(),
            data: bytes.into(),
        })
    }
}

/// The sections of one object as they are in the fused module.
fn rewrite(input: &Input<'_>) -> Read<Sections<Vec<u8>>> {
    let old = input.sections;
    let mut new = Sections {
        line: Vec::new(),
        rnglists: Vec::new(),
        loclists: Vec::new(),
        ..old.map(|bytes| bytes.to_vec())
    };
    texts(input, &mut new.str_offsets)?;
    let mut units = info::rewrite(input, &mut new)?;
    let tables = lines::rewrite(input, &mut new.line)?;
    let (list, addr) = (&mut new.rnglists, &mut new.addr);
    let ranges = lists::rewrite(input, &mut units, Kind::Ranges, list, addr)?;
    let locations = lists::rewrite(input, &mut units, Kind::Locations, &mut new.loclists, addr)?;
    let gone = |to| -> (&Gone, usize, bool) {
        let bases = &input.bases;
        match to {
            To::Line => (&tables, bases.line, old.line.is_empty()),
            To::RangeList => (&ranges, bases.rnglists, old.rnglists.is_empty()),
            To::LocationList => (&locations, bases.loclists, old.loclists.is_empty()),
        }
    };
    fix(&units, &mut new.info, gone)?;
    Ok(new)
}

/// Rewrites the offsets of texts that units name by numbers.
fn texts(input: &Input<'_>, new: &mut [u8]) -> Read<()> {
    let mut parts = Cursor::new(input.sections.str_offsets, 0);
    while !parts.is_at_end() {
        let mut part = parts.unit()?;
        if part.half()? != 5 {
            return Err(Broken("its texts are of a version that is not known"));
        }
        part.half()?;
        while !part.is_at_end() {
            let at = part.at;
            let text = part.word()? as usize;
            put_offset(new, at, text, input.bases.str)?;
        }
    }
    Ok(())
}

/// Puts in where tables and lists have gone.
fn fix<'a>(
    units: &Units,
    info: &mut [u8],
    gone: impl Fn(To) -> (&'a Gone, usize, bool),
) -> Read<()> {
    for fixup in &units.fixups {
        let (gone, base, is_absent) = gone(fixup.to);
        let at = fixup.at as usize;
        match gone.get(fixup.offset) {
            Some(place) => put_offset(info, at, place, base)?,
            // A unit may say where lists begin of which there are none.
            None if is_absent => put_word(info, at, 0)?,
            None => return Err(Broken("an entry names a table or list that is not there")),
        }
    }
    Ok(())
}

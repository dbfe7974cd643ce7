//! What operators weigh, counted in plain instructions that take about as long.
//!
//! A plain instruction takes up to a nanosecond in compiled code and up to ten where it is interpreted. What calls into the engine
//! itself takes a hundred times that. What is slow on one engine counts so on all, since checks are to stand in the same places everywhere.

use wasmparser::Operator;

use super::bulk::Bulk;
use super::survey::Survey;

/// Divisions, roots, rounding, and what other threads see.
const SLOW: u32 = 10;
/// Vectors, as far as processors have such instructions.
const VECTOR: u32 = 4;
/// What looks into an engine's own structures, or makes an object in them.
const HEAVY: u32 = 100;
/// A bulk operation, beyond what is taken for its length: as many units as need no check of their own.
const BULK: u32 = 200;
/// The most fields of a type, and the most that a call passes: limits that engines share.
const MOST: u32 = 10_000;

/// What an operator counts for beyond one, by itself: not what it calls. `first` is its first byte.
pub(super) fn of(operator: &Operator<'_>, first: u8, survey: &Survey) -> u32 {
    match *operator {
        Operator::DataDrop { .. }
        | Operator::ElemDrop { .. }
        | Operator::MemoryAtomicNotify { .. } => HEAVY,
        Operator::ArrayNewFixed { array_size, .. } => HEAVY.saturating_add(array_size.min(MOST)),
        Operator::StructNew { struct_type_index }
        | Operator::StructNewDefault { struct_type_index }
        | Operator::StructNewDesc { struct_type_index }
        | Operator::StructNewDefaultDesc { struct_type_index } => {
            HEAVY.saturating_add(survey.width(struct_type_index).min(MOST))
        }
        _ if Bulk::of(operator, survey).is_some() => BULK,
        _ => by_first_byte(first),
    }
}

const fn by_first_byte(first: u8) -> u32 {
    match first {
        // throw, rethrow, throw_ref; table.get, table.set; ref.func.
        0x08..=0x0a | 0x25 | 0x26 | 0xd2 => HEAVY,
        // Objects; stacks.
        0xfb | 0xe0..=0xe6 => HEAVY,
        // Division of integers.
        0x6d..=0x70 | 0x7f..=0x82 => SLOW,
        // Rounding, roots and division of floats.
        0x8d..=0x91 | 0x95 | 0x9b..=0x9f | 0xa3 => SLOW,
        // Saturating conversions and wide arithmetic, as far as `of` does not name them; atomics.
        0xfc | 0xfe => SLOW,
        0xfd => VECTOR,
        _ => 0,
    }
}

/// The most that code can weigh, found without reading its operators.
pub(super) fn bound(code: &[u8]) -> u64 {
    const EACH: [u16; 256] = each();
    code.iter()
        .map(|byte| u64::from(EACH.get(usize::from(*byte)).copied().unwrap_or(u16::MAX)))
        .sum()
}

/// What an operator weighs at the most that begins with each byte.
const fn each() -> [u16; 256] {
    let mut each = [0; 256];
    let mut first = 0_u8;
    loop {
        let most = match first {
            0xfb => 1 + HEAVY + MOST,
            0x40 | 0xfc => 1 + BULK,
            0xfe => 1 + HEAVY,
            _ => 1 + by_first_byte(first),
        };
        each[first as usize] = most as u16;
        if first == u8::MAX {
            return each;
        }
        first += 1;
    }
}

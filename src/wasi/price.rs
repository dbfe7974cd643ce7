//! What a call costs where guests have a budget: the same on every engine, and the same each time for a guest that gets the same.
//!
//! The guest's own checks see one unit of a call, whatever the host does for it.

use super::preview1::{MAX_SUBSCRIPTIONS, MAX_VECTORS};

/// A call by itself: about what a call of the system takes, in checks.
const CALL: u64 = 100;

/// Bytes that are moved for a unit, as for the guest's own copying (`object::meter`).
const BYTES: u64 = 64;

/// Bytes that an entry of a folder stands for when the host lists it: it looks at each.
pub const ENTRY: u64 = 1024;

/// A path that is longer names nothing on any system. To read one of a gigabyte takes seconds, in which no guest can be stopped.
const LONGEST_PATH: u32 = 64 << 10;

/// What a parameter says of the work of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Nothing.
    None,
    /// So many bytes are read or filled.
    Length,
    /// So many bytes of a path are read.
    Path,
    /// So many vectors are read.
    Vectors,
    /// So many subscriptions are read, and as many events written.
    Subscriptions,
}

/// Whether a call with these arguments names something by a path that is too long to be looked at.
pub fn has_long_path(measures: &[Measure], args: &[u64]) -> bool {
    let mut lengths = measures.iter().zip(args);
    lengths.any(|(&measure, &arg)| measure == Measure::Path && arg as u32 > LONGEST_PATH)
}

/// Units of a call for what these arguments ask, before it is made: no call is made that the budget does not hold.
pub fn asked(measures: &[Measure], args: &[u64], memory_size: u64) -> u64 {
    let each = measures.iter().zip(args).map(|(measure, &arg)| {
        let arg = arg as u32;
        match measure {
            Measure::None => 0,
            // What is beyond the memory is not looked at.
            Measure::Length | Measure::Path => u64::from(arg).min(memory_size),
            Measure::Vectors => u64::from(arg.min(MAX_VECTORS)) * 8,
            Measure::Subscriptions if arg > MAX_SUBSCRIPTIONS => 0,
            Measure::Subscriptions => u64::from(arg) * (48 + 32),
        }
    });
    CALL.saturating_add(of_bytes(each.fold(0, u64::saturating_add)))
}

pub fn of_bytes(bytes: u64) -> u64 {
    bytes / BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use Measure::*;

    #[test]
    fn bytes_cost_what_they_are() {
        let of = |measures: &[Measure], args: &[u64]| asked(measures, args, 1 << 16);
        assert_eq!(of(&[], &[]), 100);
        assert_eq!(of(&[None, Length], &[1 << 15, 640]), 110);
        assert_eq!(of(&[None, Length], &[0, u32::MAX.into()]), 1124);
        assert_eq!(of(&[Vectors, None], &[16, 40]), 102);
        assert_eq!(of(&[Subscriptions], &[4096]), 100 + 4096 * 80 / 64);
        assert_eq!(of(&[Subscriptions], &[4097]), 100);
        assert_eq!(of(&[Vectors], &[u32::MAX.into()]), 228);
        assert!(asked(&[Length; 3], &[u32::MAX.into(); 3], u64::MAX) > 3 << 25);
        assert_eq!(of_bytes(6400), 100);
    }
}

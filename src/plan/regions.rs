//! Free ranges of addresses or slots: first fit, coalescing. Used for memory and for the table alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};

/// Disjoint, non-adjacent free ranges: start -> length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regions {
    free: BTreeMap<u64, u64>,
}

/// Rounds `value` up to a multiple of `align`, a power of two.
pub fn align_up(value: u64, align: u64) -> Option<u64> {
    let mask = align.checked_sub(1)?;
    Some(value.checked_add(mask)? & !mask)
}

impl Regions {
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.free.iter().map(|(&start, &len)| (start, len))
    }

    pub fn total(&self) -> u64 {
        self.free.values().sum()
    }

    /// Takes `size` units aligned to `align` from the first range that has them.
    pub fn take(&mut self, size: u64, align: u64) -> Option<u64> {
        if size == 0 {
            return None;
        }
        let (start, len, at) = self.free.iter().find_map(|(&start, &len)| {
            let at = align_up(start, align)?;
            let end = at.checked_add(size)?;
            (end <= start.checked_add(len)?).then_some((start, len, at))
        })?;
        self.free.remove(&start);
        if at > start {
            self.free.insert(start, at - start);
        }
        let rest = (start + len) - (at + size);
        if rest > 0 {
            self.free.insert(at + size, rest);
        }
        Some(at)
    }

    /// Takes out the range that reaches up to `end`, if there is one, and gives its start.
    pub fn take_tail(&mut self, end: u64) -> Option<u64> {
        let (&start, &len) = self.free.last_key_value()?;
        (start + len == end).then(|| {
            self.free.remove(&start);
            start
        })
    }

    /// Gives a range back, merging it with its neighbours. Giving back what is free already is a defect of the caller.
    pub fn give(&mut self, start: u64, len: u64) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let bad = || {
            Error::new(
                Code::Internal,
                format!("range {start:#x}+{len:#x} given back twice"),
            )
        };
        let mut end = start.checked_add(len).ok_or_else(bad)?;
        let mut start_at = start;
        if let Some((&before, &before_len)) = self.free.range(..=start).next_back() {
            if before + before_len > start {
                return Err(bad());
            }
            if before + before_len == start {
                start_at = before;
            }
        }
        if let Some((&after, &after_len)) = self.free.range(start..).next() {
            if after < end {
                return Err(bad());
            }
            if after == end {
                self.free.remove(&after);
                end = after + after_len;
            }
        }
        self.free.insert(start_at, end - start_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_respects_alignment_and_keeps_the_gap() {
        let mut r = Regions::default();
        r.give(10, 100).unwrap();
        assert_eq!(r.take(16, 64), Some(64));
        assert_eq!(r.iter().collect::<Vec<_>>(), [(10, 54), (80, 30)]);
        assert_eq!(r.take(54, 1), Some(10));
        assert_eq!(r.take(31, 1), None);
        assert_eq!(r.take(0, 1), None);
    }

    #[test]
    fn only_a_range_that_reaches_the_end_is_a_tail() {
        let mut r = Regions::default();
        r.give(10, 10).unwrap();
        r.give(30, 10).unwrap();
        assert_eq!(r.take_tail(41), None);
        assert_eq!(r.take_tail(20), None);
        assert_eq!(r.take_tail(40), Some(30));
        assert_eq!(r.iter().collect::<Vec<_>>(), [(10, 10)]);
    }

    #[test]
    fn give_merges_both_neighbours() {
        let mut r = Regions::default();
        r.give(0, 10).unwrap();
        r.give(20, 10).unwrap();
        r.give(10, 10).unwrap();
        assert_eq!(r.iter().collect::<Vec<_>>(), [(0, 30)]);
        assert!(r.give(29, 1).is_err());
        assert!(r.give(5, 1).is_err());
        assert_eq!(r.total(), 30);
    }

    #[test]
    fn align_up_does_not_wrap() {
        assert_eq!(align_up(1, 16), Some(16));
        assert_eq!(align_up(16, 16), Some(16));
        assert_eq!(align_up(u64::MAX, 16), None);
        assert_eq!(align_up(1, 0), None);
    }
}

//! How much of its work a guest has left, where checks in its modules count.
//!
//! The guest counts down by itself, in a global, what it was lent of its budget. Below zero it asks for more. So what it has used is
//! exact at any time, and a stop comes at the same check on every engine, however much is lent at once.

use std::cell::Cell;

/// Lent at once, at the most and at the least. A check stands for a few instructions or for thousands, or for a call of the host: how much
/// is lent goes by how long the last took.
const MOST: u64 = 20_000;
const LEAST: u64 = 100;

/// Nanoseconds after which the guest is to ask again, more or less. Asking takes less than a thousandth of that.
const OFTEN: u64 = 500_000;

pub struct Budget {
    /// Without what is lent. `None`: no bound.
    left: Cell<Option<u64>>,
    lent: Cell<u64>,
    /// How much is to be lent next, and when that was found.
    pace: Cell<u64>,
    asked: Cell<u64>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            left: Cell::new(None),
            lent: Cell::new(0),
            pace: Cell::new(LEAST),
            asked: Cell::new(0),
        }
    }
}

impl Budget {
    /// A new budget. Gives what the guest's counter is to stand at.
    pub fn set(&self, units: Option<u64>) -> i64 {
        self.left.set(units);
        self.lend()
    }

    /// What a counter that is made now is to stand at.
    pub fn lent(&self) -> i64 {
        i64::try_from(self.lent.get()).unwrap_or(i64::MAX)
    }

    /// What is left, if the guest's counter stands at `counter`, or is not made yet; `None` without a bound.
    pub fn left(&self, counter: Option<i64>) -> Option<u64> {
        let counter = counter.unwrap_or(i64::MAX);
        let unused = u64::try_from(counter).unwrap_or(0).min(self.lent.get());
        Some(self.left.get()?.saturating_add(unused))
    }

    /// The guest asks for more, at a time in nanoseconds: its counter is below zero, or it is between two pieces of what takes long.
    /// `None`: the budget does not hold what it has used; nothing is left of it.
    pub fn ask(&self, counter: i64, now: u64) -> Option<i64> {
        self.recall(counter);
        self.set_pace(now);
        let owed = counter.min(0).unsigned_abs();
        if let Some(left) = self.left.get() {
            let rest = left.checked_sub(owed);
            self.left.set(Some(rest.unwrap_or(0)));
            if rest.is_none() {
                self.lent.set(0);
                return None;
            }
        }
        Some(self.lend())
    }

    /// What stands in the guest's counter is taken back: the guest asks at its next check.
    pub fn recall(&self, counter: i64) {
        let unused = u64::try_from(counter).unwrap_or(0).min(self.lent.get());
        self.left
            .set(self.left.get().map(|left| left.saturating_add(unused)));
        self.lent.set(0);
    }

    fn set_pace(&self, now: u64) {
        let took = now.saturating_sub(self.asked.replace(now));
        let pace = self.pace.get();
        self.pace.set(match took {
            0..OFTEN => pace.saturating_mul(2).min(MOST),
            _ if took > 2 * OFTEN => (pace / 4).max(LEAST),
            _ => pace,
        });
    }

    fn lend(&self) -> i64 {
        let pace = self.pace.get();
        let lent = self.left.get().map_or(pace, |left| left.min(pace));
        self.left
            .set(self.left.get().map(|left| left.saturating_sub(lent)));
        self.lent.set(lent);
        self.lent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a guest that uses `step` at each check; gives how much it has used before the check at which it was stopped.
    fn run(
        budget: &Budget,
        mut counter: i64,
        steps: impl Iterator<Item = u64>,
    ) -> (u64, Option<i64>) {
        let mut used = 0;
        for step in steps {
            counter -= step as i64;
            if counter < 0 {
                match budget.ask(counter, 0) {
                    Some(more) => counter = more,
                    None => return (used, None),
                }
            }
            used += step;
        }
        (used, Some(counter))
    }

    #[test]
    fn a_guest_uses_exactly_its_budget() {
        for units in [0, 1, 99_999, 100_000, 100_001, 1_234_567] {
            let budget = Budget::default();
            let counter = budget.set(Some(units));
            let (used, end) = run(&budget, counter, std::iter::repeat(1));
            assert_eq!((used, end), (units, None));
            assert_eq!(budget.left(Some(0)), Some(0));
        }
    }

    #[test]
    fn who_asks_early_loses_nothing() {
        let budget = Budget::default();
        let mut counter = budget.set(Some(1_000));
        for _ in 0..100 {
            counter = budget.ask(counter - 3, 0).unwrap();
        }
        assert_eq!(budget.left(Some(counter)), Some(700));
    }

    #[test]
    fn what_is_left_is_exact_at_every_check() {
        let budget = Budget::default();
        let counter = budget.set(Some(300_000));
        assert_eq!(budget.left(Some(counter)), Some(300_000));
        let (used, end) = run(&budget, counter, std::iter::repeat_n(7, 20_000));
        assert_eq!(used, 140_000);
        assert_eq!(budget.left(end), Some(160_000));
    }

    #[test]
    fn a_step_of_any_size_is_counted_once() {
        let budget = Budget::default();
        let counter = budget.set(Some(1_000_000));
        let (used, end) = run(&budget, counter, [999_999, 1].into_iter());
        assert_eq!((used, budget.left(end)), (1_000_000, Some(0)));
        assert_eq!(run(&budget, end.unwrap(), [1].into_iter()), (0, None));
        let counter = budget.set(Some(5));
        assert_eq!(run(&budget, counter, [1 << 40].into_iter()), (0, None));
    }

    #[test]
    fn who_takes_long_asks_often() {
        let budget = Budget::default();
        let mut counter = budget.set(None);
        for n in 0..20 {
            counter = budget.ask(counter - 1 - counter, n).unwrap();
        }
        assert_eq!(counter, MOST as i64);
        for n in 1..20 {
            counter = budget.ask(-1, n * 1_000_000_000).unwrap();
        }
        assert_eq!(counter, LEAST as i64);
    }

    #[test]
    fn what_is_taken_back_is_not_used() {
        let budget = Budget::default();
        let counter = budget.set(Some(1_000));
        budget.recall(counter - 30);
        assert_eq!(budget.left(Some(0)), Some(970));
        let (used, end) = run(&budget, 0, std::iter::repeat(1));
        assert_eq!((used, end), (970, None));
    }

    #[test]
    fn without_a_budget_nothing_ends() {
        let budget = Budget::default();
        let counter = budget.set(None);
        let (used, end) = run(&budget, counter, std::iter::repeat_n(33, 100_000));
        assert_eq!(used, 3_300_000);
        assert_eq!(budget.left(end), None);
    }
}

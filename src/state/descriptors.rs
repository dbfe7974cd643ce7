//! A guest's descriptors, as far as a snapshot has them: which are open, not what is behind them.

use serde::{Deserialize, Serialize};

/// What is open of one WASI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DescriptorBook {
    /// Descriptors below this were given to the guest when its WASI was made.
    pub given: u32,
    /// By their numbers.
    pub open: Vec<(u32, Held)>,
}

/// What a descriptor stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Held {
    /// What the guest was given: the number that it had then.
    Given(u32),
    /// What it has opened: a number of this process, which nothing else has.
    Opened(u64),
}

impl DescriptorBook {
    /// What is left of it in another process: what the guest was given.
    pub fn without_opened(&mut self) {
        self.open.retain(|(_, held)| matches!(held, Held::Given(_)));
    }
}

/// Who has a guest's descriptors.
pub trait Descriptors {
    /// What the guest has opened and not closed, beside what it was given: descriptors, with the paths that it named.
    fn opened(&self) -> Vec<(u32, String)>;

    /// What is open. What the guest was given is kept from then on, though the guest closes it.
    fn kept(&self) -> DescriptorBook;

    /// Has those open that the book names, by the same numbers, and closes what the guest has opened since. What is not there any more stays closed; what
    /// was given beyond the book's stays as it is.
    fn put_back(&self, book: &DescriptorBook);
}

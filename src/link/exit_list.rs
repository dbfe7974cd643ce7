//! The list of exit handlers, and what libc's own list holds of it. Books only: no guest code runs here.
//!
//! At exit, handlers of thread_local objects run first, then all others, the last registered first (C++ [basic.start.term],
//! Itanium C++ ABI 3.3.6). Where one object goes, its own run in that order; the index by object finds them.

use std::collections::{BTreeMap, BTreeSet};

use crate::hash_map::{HashMap, HashSet};

use crate::plan::ObjectId;
use crate::state::{ExitBook, ExitEntry, LibcBook};

/// More handlers than any program has: some 20 MB of them. A guest that registers without end gets errors, not the host's memory.
const MAX_HANDLERS: usize = 1 << 18;

/// Entries without handlers that the list of a program's libc may have at its end.
const SPARE_ENTRIES: usize = 64;

/// What registered a handler, in the order in which their handlers come last at exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `atexit`, `__cxa_atexit`.
    Exit,
    /// `__cxa_thread_atexit`: destroys a thread_local object of the one thread there is.
    Thread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    pub kind: Kind,
    pub slot: u32,
    /// What it is called with; a function given to `atexit` takes nothing.
    pub argument: Option<u32>,
    pub owner: Option<ObjectId>,
}

/// Those of thread_local objects come last in the order. No program registers so many handlers that their numbers have this bit.
const OF_THREAD: u64 = 1 << 63;

impl Handler {
    /// Where a handler of this number stands among those of its object: the last is the next at exit.
    fn turn(&self, number: u64) -> u64 {
        match self.kind {
            Kind::Exit => number,
            Kind::Thread => number | OF_THREAD,
        }
    }
}

#[derive(Debug, Default)]
pub struct ExitList {
    /// By number; numbers rise with each registration.
    handlers: BTreeMap<u64, Handler>,
    threads: BTreeSet<u64>,
    /// By [`Handler::turn`].
    of: HashMap<ObjectId, BTreeSet<u64>>,
    registered: u64,
    /// Owners of the handlers that are running, the innermost last.
    pub running: Vec<ObjectId>,
    pub libc: Option<LibcList>,
    /// No object before this one has a libc.
    pub searched: u32,
}

impl ExitList {
    /// False if there are too many.
    #[must_use]
    pub fn register(&mut self, handler: Handler) -> bool {
        if self.handlers.len() >= MAX_HANDLERS {
            return false;
        }
        self.registered += 1;
        let number = self.registered;
        if handler.kind == Kind::Thread {
            self.threads.insert(number);
        }
        if let Some(owner) = handler.owner {
            self.of
                .entry(owner)
                .or_default()
                .insert(handler.turn(number));
        }
        self.handlers.insert(number, handler);
        true
    }

    /// The number of the handler registered last so far.
    pub fn mark(&self) -> u64 {
        self.registered
    }

    /// Takes the handler that is next at exit, of those from `first` on. Those of thread_local objects are always among them.
    pub fn take_next(&mut self, first: u64) -> Option<Handler> {
        let number = self.next(first)?;
        self.take(number)
    }

    /// Whether [`take_next`](Self::take_next) would find one.
    pub fn has_next(&self, first: u64) -> bool {
        self.next(first).is_some()
    }

    fn next(&self, first: u64) -> Option<u64> {
        let thread = self.threads.last().copied();
        thread.or_else(|| {
            let (&number, _) = self.handlers.last_key_value()?;
            (number >= first).then_some(number)
        })
    }

    /// Takes the handler of one object that is its next.
    pub fn take_next_of(&mut self, owner: ObjectId) -> Option<Handler> {
        let turn = *self.of.get(&owner)?.last()?;
        self.take(turn & !OF_THREAD)
    }

    fn take(&mut self, number: u64) -> Option<Handler> {
        let handler = self.handlers.remove(&number)?;
        self.threads.remove(&number);
        if let Some(owner) = handler.owner
            && let Some(numbers) = self.of.get_mut(&owner)
        {
            numbers.remove(&handler.turn(number));
            if numbers.is_empty() {
                self.of.remove(&owner);
            }
        }
        Some(handler)
    }

    /// Drops what objects that are gone have left.
    pub fn forget(&mut self, gone: &HashSet<ObjectId>) {
        for id in gone {
            for turn in self.of.remove(id).unwrap_or_default() {
                let number = turn & !OF_THREAD;
                self.handlers.remove(&number);
                self.threads.remove(&number);
            }
        }
        if self
            .libc
            .as_ref()
            .is_some_and(|libc| gone.contains(&libc.object()))
        {
            self.libc = None;
        }
    }

    /// Drops what was registered after `mark`.
    pub fn forget_since(&mut self, mark: u64) {
        while let Some((&number, _)) = self.handlers.last_key_value() {
            if number <= mark {
                break;
            }
            self.take(number);
        }
    }

    /// Whether libc's list leads to the handler registered last.
    pub fn is_reached(&mut self) -> bool {
        let newest = self.registered;
        let before = self.handlers.range(..newest).next_back();
        let before = before.map_or(0, |(&number, _)| number);
        let libc = self.libc.as_mut();
        libc.is_some_and(|libc| libc.reaches_new(newest, before))
    }

    /// Whether libc's list leads to what is left from `first` on.
    pub fn is_left_reached(&self, first: u64) -> bool {
        match &self.libc {
            None => false,
            Some(LibcList::Shared { entered, .. }) => *entered,
            // Above it stand those of handlers registered since.
            Some(LibcList::OfProgram { entries, .. }) => {
                let mut above = entries.iter().rev().take_while(|&&entry| entry >= first);
                above.any(|&entry| entry == first)
            }
        }
    }

    /// The list as it is written down, where no handler is running.
    pub fn book(&self) -> ExitBook {
        let handlers = self.handlers.iter().map(|(&number, handler)| {
            let entry = ExitEntry {
                thread: handler.kind == Kind::Thread,
                slot: handler.slot,
                argument: handler.argument,
                owner: handler.owner,
            };
            (number, entry)
        });
        let libc = self.libc.as_ref().map(|libc| match libc {
            LibcList::Shared { libc, entered } => LibcBook::Shared {
                libc: *libc,
                entered: *entered,
            },
            LibcList::OfProgram { libc, entries } => LibcBook::OfProgram {
                libc: *libc,
                entries: entries.clone(),
            },
        });
        ExitBook {
            handlers: handlers.collect(),
            registered: self.registered,
            libc,
            searched: self.searched,
        }
    }

    /// The list that was written down. `None` where it cannot have been one.
    pub fn from_book(book: &ExitBook) -> Option<ExitList> {
        let mut list = ExitList::default();
        // Far below, so that none that is registered later has it either.
        if book.registered >= OF_THREAD / 2 || book.handlers.len() > MAX_HANDLERS {
            return None;
        }
        for &(number, entry) in &book.handlers {
            let rises = number > list.registered && number <= book.registered;
            list.registered = number.checked_sub(1).filter(|_| rises)?;
            let kind = match entry.thread {
                true => Kind::Thread,
                false => Kind::Exit,
            };
            let registered = list.register(Handler {
                kind,
                slot: entry.slot,
                argument: entry.argument,
                owner: entry.owner,
            });
            registered.then_some(())?;
        }
        list.registered = book.registered;
        list.searched = book.searched;
        list.libc = book.libc.clone().map(|libc| match libc {
            LibcBook::Shared { libc, entered } => LibcList::Shared { libc, entered },
            LibcBook::OfProgram { libc, entries } => LibcList::OfProgram { libc, entries },
        });
        Some(list)
    }

    /// All that is registered, for comparisons.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn all(&self) -> Vec<Handler> {
        self.handlers.values().copied().collect()
    }
}

/// What libc's own list of exit handlers holds of ours.
#[derive(Debug, PartialEq, Eq)]
pub enum LibcList {
    /// libc is a library, so that all registrations come by the linker: one entry runs all handlers.
    Shared { libc: ObjectId, entered: bool },
    /// libc is a part of the program, whose own registrations go past the linker: each of ours gets an entry there, so that all
    /// run in one order. Of each entry that libc has not run, in its order: the first handler that it runs.
    OfProgram { libc: ObjectId, entries: Vec<u64> },
}

impl LibcList {
    pub fn new(libc: ObjectId, in_program: bool) -> LibcList {
        if in_program {
            let entries = Vec::new();
            LibcList::OfProgram { libc, entries }
        } else {
            let entered = false;
            LibcList::Shared { libc, entered }
        }
    }

    /// The object that is libc.
    pub fn object(&self) -> ObjectId {
        match self {
            LibcList::Shared { libc, .. } | LibcList::OfProgram { libc, .. } => *libc,
        }
    }

    /// libc has taken one more entry, for the handlers from `first` on.
    pub fn entered(&mut self, first: u64) {
        match self {
            LibcList::Shared { entered, .. } => *entered = true,
            LibcList::OfProgram { entries, .. } => entries.push(first),
        }
    }

    /// libc runs the entry that it took last: the first handler that is to run.
    pub fn left(&mut self) -> u64 {
        match self {
            LibcList::Shared { entered, .. } => {
                *entered = false;
                0
            }
            LibcList::OfProgram { entries, .. } => entries.pop().unwrap_or(u64::MAX),
        }
    }

    /// Whether an entry runs the handler `newest`, which has just been registered; `before` is the one registered before it.
    fn reaches_new(&mut self, newest: u64, before: u64) -> bool {
        let entries = match self {
            LibcList::Shared { entered, .. } => return *entered,
            LibcList::OfProgram { entries, .. } => entries,
        };
        // Of the newest entries all handlers may be gone. When these have become many, the oldest of them serves again, so that
        // libc's list does not grow with each library that comes and goes. Not before: a new entry stands behind what the program
        // has registered meanwhile, one that is used again does not.
        let last = entries.iter().rposition(|&first| first <= before);
        let free = entries.get_mut(last.map_or(0, |last| last + 1)..);
        let Some((first, rest)) = free.and_then(<[u64]>::split_first_mut) else {
            return false;
        };
        if rest.len() < SPARE_ENTRIES {
            return false;
        }
        *first = newest;
        rest.fill(u64::MAX);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(owners: &[(Kind, u32)]) -> ExitList {
        let mut list = ExitList::default();
        for (n, (kind, owner)) in owners.iter().enumerate() {
            let handler = Handler {
                kind: *kind,
                slot: n as u32,
                argument: None,
                owner: Some(ObjectId(*owner)),
            };
            assert!(list.register(handler));
        }
        list
    }

    fn slots(mut next: impl FnMut() -> Option<Handler>) -> Vec<u32> {
        std::iter::from_fn(|| next().map(|handler| handler.slot)).collect()
    }

    use Kind::{Exit, Thread};

    #[test]
    fn threads_come_first_then_the_last_registered() {
        let mut list = list(&[(Exit, 1), (Thread, 1), (Exit, 2), (Thread, 2), (Exit, 1)]);
        assert_eq!(slots(|| list.take_next(0)), [3, 1, 4, 2, 0]);
        assert!(list.of.is_empty() && list.threads.is_empty());
    }

    #[test]
    fn one_object_has_its_own_order() {
        let mut list = list(&[(Exit, 1), (Thread, 1), (Exit, 2), (Exit, 1)]);
        assert_eq!(slots(|| list.take_next_of(ObjectId(1))), [1, 3, 0]);
        assert_eq!(slots(|| list.take_next(0)), [2]);
    }

    #[test]
    fn an_entry_runs_what_came_after_it() {
        let mut list = list(&[(Exit, 1), (Exit, 1), (Exit, 1)]);
        assert_eq!(slots(|| list.take_next(2)), [2, 1]);
        assert!(!list.has_next(2) && list.has_next(1));
    }

    #[test]
    fn what_was_registered_since_a_mark_is_dropped() {
        let mut list = list(&[(Exit, 1), (Thread, 2)]);
        let mark = list.mark();
        for kind in [Exit, Thread] {
            let handler = Handler {
                kind,
                slot: 9,
                argument: Some(1),
                owner: Some(ObjectId(1)),
            };
            assert!(list.register(handler));
        }
        list.forget_since(mark);
        assert_eq!(slots(|| list.take_next_of(ObjectId(1))), [0]);
        assert_eq!(slots(|| list.take_next(0)), [1]);
    }

    #[test]
    fn a_list_that_was_written_down_is_the_same() {
        let mut before = list(&[(Exit, 1), (Thread, 1), (Exit, 2), (Exit, 1)]);
        before.take_next_of(ObjectId(2));
        before.libc = Some(LibcList::new(ObjectId(3), true));
        let book = before.book();
        let mut after = ExitList::from_book(&book).unwrap();
        assert_eq!(after.book(), book);
        assert_eq!(slots(|| after.take_next_of(ObjectId(1))), [1, 3, 0]);
        let wrong = |change: fn(&mut ExitBook)| {
            let mut book = book.clone();
            change(&mut book);
            ExitList::from_book(&book).is_none()
        };
        assert!(wrong(|book| book.handlers.swap(0, 1)));
        assert!(wrong(|book| book.registered = 1));
        assert!(wrong(|book| book.registered = u64::MAX));
        assert!(wrong(|book| book.registered = OF_THREAD - 1));
        assert!(wrong(|book| book.handlers[0].0 = 0));
    }

    #[test]
    fn gone_objects_leave_nothing() {
        let mut list = list(&[(Exit, 1), (Thread, 2), (Exit, 2), (Exit, 3)]);
        list.libc = Some(LibcList::new(ObjectId(3), false));
        list.forget(&[ObjectId(2)].into_iter().collect());
        assert!(list.libc.is_some());
        assert_eq!(list.all().len(), 2);
        list.forget(&[ObjectId(3)].into_iter().collect());
        assert!(list.libc.is_none());
        assert_eq!(slots(|| list.take_next(0)), [0]);
    }

    #[test]
    fn registering_without_end_ends() {
        let mut list = ExitList::default();
        let handler = Handler {
            kind: Exit,
            slot: 1,
            argument: None,
            owner: None,
        };
        let taken = (0..MAX_HANDLERS + 5).filter(|_| list.register(handler));
        assert_eq!(taken.count(), MAX_HANDLERS);
    }

    #[test]
    fn a_program_keeps_few_entries_for_libraries_that_come_and_go() {
        let mut list = ExitList {
            libc: Some(LibcList::new(ObjectId(0), true)),
            ..ExitList::default()
        };
        let mut entered = 0;
        for round in 0..10 * SPARE_ENTRIES as u32 {
            let handler = Handler {
                kind: Exit,
                slot: round,
                argument: None,
                owner: Some(ObjectId(round + 1)),
            };
            assert!(list.register(handler));
            if !list.is_reached() {
                entered += 1;
                let mark = list.mark();
                list.libc.as_mut().unwrap().entered(mark);
            }
            list.forget(&[ObjectId(round + 1)].into_iter().collect());
        }
        assert!(entered <= SPARE_ENTRIES + 1, "{entered}");
    }
}

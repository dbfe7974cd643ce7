//! A guest's descriptors.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::descriptor::{Entry, File, Folder, Opened};
use super::types::{Filetype, Rights};
use crate::state::{DescriptorBook, Held};

/// A descriptor.
pub struct Slot {
    pub kind: Kind,
    /// All that could be done with it.
    pub rights: Rights,
    /// And with what is opened through it.
    pub inheriting: Rights,
    /// What the guest has given up of the first, for good.
    pub dropped: Cell<Rights>,
    /// And of the second.
    pub dropped_inheriting: Cell<Rights>,
}

pub enum Kind {
    File(Rc<dyn File>),
    Folder {
        folder: Rc<dyn Folder>,
        /// The guest's name of it, if it was given to the guest.
        preopened: Option<String>,
        /// The listing that cookies other than 0 refer to: a guest may remove entries as it goes.
        listing: RefCell<Option<Arc<[Entry]>>>,
    },
}

impl Slot {
    pub fn file(file: Rc<dyn File>, rights: Rights) -> Slot {
        Slot::new(Kind::File(file), rights, Rights::NONE)
    }

    pub fn folder(folder: Rc<dyn Folder>, preopened: Option<String>) -> Slot {
        let kind = Kind::Folder {
            folder,
            preopened,
            listing: RefCell::default(),
        };
        Slot::new(kind, Rights::OF_DIRECTORY, Rights::OF_ENTRIES)
    }

    /// A standard stream of the process, with this of reading and writing.
    pub fn stream(file: Rc<dyn File>, right: Rights) -> Slot {
        let rights = of(file.filetype()).without(Rights::FD_READ.with(Rights::FD_WRITE));
        Slot::file(file, rights.with(right))
    }

    /// What was opened for these of reading and writing.
    pub fn opened(opened: Opened, read: bool, write: bool) -> Slot {
        match opened {
            Opened::Folder(folder) => Slot::folder(folder, None),
            Opened::File(file) => {
                let mut rights = of(file.filetype());
                if !read {
                    rights = rights.without(Rights::FD_READ);
                }
                if !write {
                    rights = rights.without(Rights::FD_WRITE);
                }
                Slot::file(file, rights)
            }
        }
    }

    fn new(kind: Kind, rights: Rights, inheriting: Rights) -> Slot {
        Slot {
            kind,
            rights,
            inheriting,
            dropped: Cell::default(),
            dropped_inheriting: Cell::default(),
        }
    }
}

fn of(filetype: Filetype) -> Rights {
    match filetype {
        Filetype::RegularFile => Rights::OF_FILE,
        _ => Rights::OF_STREAM,
    }
}

/// Bounded by what may be open (`descriptors.rs` beside this folder) and by what was given.
#[derive(Default)]
pub struct Table {
    slots: BTreeMap<u32, Open>,
    /// What the guest was given is below this.
    given: u32,
    /// What it was given and may be put back, by the numbers that it had then.
    kept: BTreeMap<u32, Rc<Slot>>,
}

struct Open {
    slot: Rc<Slot>,
    origin: Origin,
}

/// Where a descriptor comes from.
enum Origin {
    /// The guest was given it, by this number.
    Given(u32),
    /// The guest has opened it: its number in the process, and the path that the guest named, or what it is.
    Opened(u64, String),
}

impl Open {
    fn held(&self) -> Held {
        match self.origin {
            Origin::Given(was) => Held::Given(was),
            Origin::Opened(number, _) => Held::Opened(number),
        }
    }
}

/// Numbers of what guests open, in any namespace of the process.
static OPENED: AtomicU64 = AtomicU64::new(0);

impl Table {
    pub fn get(&self, fd: u32) -> Option<Rc<Slot>> {
        Some(self.slots.get(&fd)?.slot.clone())
    }

    /// Puts what the guest is given.
    pub fn put(&mut self, fd: u32, slot: Slot) {
        let open = Open {
            slot: Rc::new(slot),
            origin: Origin::Given(fd),
        };
        self.given = self.given.max(fd.saturating_add(1));
        self.slots.insert(fd, open);
    }

    pub fn take(&mut self, fd: u32) -> Option<Rc<Slot>> {
        Some(self.slots.remove(&fd)?.slot)
    }

    /// Puts what the guest has opened, by this path, at the lowest number that is free, as POSIX does.
    pub fn push(&mut self, slot: Slot, path: String) -> u32 {
        let taken = self.slots.keys().zip(0..);
        let fd = taken.take_while(|(fd, expected)| *fd == expected).count() as u32;
        let open = Open {
            slot: Rc::new(slot),
            origin: Origin::Opened(OPENED.fetch_add(1, Ordering::Relaxed), path),
        };
        self.slots.insert(fd, open);
        fd
    }

    /// Those that the guest was not given, with the paths that it named. What it was given, under another number, is as good as opened.
    pub fn opened(&self) -> impl Iterator<Item = (u32, String)> {
        self.slots
            .iter()
            .filter_map(|(&fd, open)| match &open.origin {
                Origin::Given(was) if *was == fd => None,
                Origin::Given(was) => Some((fd, format!("descriptor {was}"))),
                Origin::Opened(_, path) => Some((fd, path.clone())),
            })
    }

    /// What is open. What the guest was given is kept from then on.
    pub fn kept(&mut self) -> DescriptorBook {
        let mut open = Vec::with_capacity(self.slots.len());
        for (&fd, known) in &self.slots {
            if let Origin::Given(was) = known.origin {
                self.kept.insert(was, known.slot.clone());
            }
            open.push((fd, known.held()));
        }
        DescriptorBook {
            given: self.given,
            open,
        }
    }

    /// Makes those open that the book names, as far as they are there. Gives what is closed.
    pub fn put_back(&mut self, book: &DescriptorBook) -> Vec<Rc<Slot>> {
        drop(self.kept());
        let mut known = BTreeMap::new();
        for (fd, open) in std::mem::take(&mut self.slots) {
            known.insert(open.held(), (fd, open));
        }
        for (&was, slot) in &self.kept {
            let closed = || {
                let open = Open {
                    slot: slot.clone(),
                    origin: Origin::Given(was),
                };
                (was, open)
            };
            known.entry(Held::Given(was)).or_insert_with(closed);
        }
        for (fd, held) in &book.open {
            if let Some((_, open)) = known.remove(held) {
                self.slots.insert(*fd, open);
            }
        }
        let mut closed = Vec::new();
        for (held, (fd, open)) in known {
            match held {
                Held::Given(was) if was >= book.given && !self.slots.contains_key(&fd) => {
                    self.slots.insert(fd, open);
                }
                _ => closed.push(open.slot),
            }
        }
        closed
    }

    /// Entries that the listings of folders keep.
    pub fn listed(&self) -> usize {
        let kept = self.slots.values().map(|open| match &open.slot.kind {
            Kind::Folder { listing, .. } => listing.borrow().as_ref().map_or(0, |kept| kept.len()),
            Kind::File(_) => 0,
        });
        kept.fold(0, usize::saturating_add)
    }

    /// Moves a descriptor to a number in use, and gives what that was. `None` if one of the two is not open.
    pub fn renumber(&mut self, from: u32, to: u32) -> Option<Option<Rc<Slot>>> {
        if !self.slots.contains_key(&to) || !self.slots.contains_key(&from) {
            return None;
        }
        if from == to {
            return Some(None);
        }
        let open = self.slots.remove(&from)?;
        Some(self.slots.insert(to, open).map(|old| old.slot))
    }
}

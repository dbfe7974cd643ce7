//! A guest's descriptors.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::descriptor::{Entry, File, Folder, Opened};
use super::types::{Filetype, Rights};

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
    slots: BTreeMap<u32, Rc<Slot>>,
    /// What the guest has opened of these, or given another number: the path that it named, or what it is.
    opened: BTreeMap<u32, String>,
}

impl Table {
    pub fn get(&self, fd: u32) -> Option<Rc<Slot>> {
        self.slots.get(&fd).cloned()
    }

    pub fn put(&mut self, fd: u32, slot: Slot) {
        self.slots.insert(fd, Rc::new(slot));
    }

    pub fn take(&mut self, fd: u32) -> Option<Rc<Slot>> {
        self.opened.remove(&fd);
        self.slots.remove(&fd)
    }

    /// Puts what the guest has opened, by this path, at the lowest number that is free, as POSIX does.
    pub fn push(&mut self, slot: Slot, path: String) -> u32 {
        let taken = self.slots.keys().zip(0..);
        let fd = taken.take_while(|(fd, expected)| *fd == expected).count() as u32;
        self.put(fd, slot);
        self.opened.insert(fd, path);
        fd
    }

    /// Those that the guest was not given, with the paths that it named.
    pub fn opened(&self) -> impl Iterator<Item = (u32, &str)> {
        self.opened.iter().map(|(fd, path)| (*fd, path.as_str()))
    }

    /// Entries that the listings of folders keep.
    pub fn listed(&self) -> usize {
        let kept = self.slots.values().map(|slot| match &slot.kind {
            Kind::Folder { listing, .. } => listing.borrow().as_ref().map_or(0, |kept| kept.len()),
            Kind::File(_) => 0,
        });
        kept.fold(0, usize::saturating_add)
    }

    /// Moves a descriptor to a number in use, whose own goes. False if one of the two is not open.
    pub fn renumber(&mut self, from: u32, to: u32) -> bool {
        if !self.slots.contains_key(&to) || !self.slots.contains_key(&from) {
            return false;
        }
        if from == to {
            return true;
        }
        // What was given, under another number, is as good as opened.
        let path = self.opened.remove(&from);
        let path = path.unwrap_or_else(|| format!("descriptor {from}"));
        self.opened.insert(to, path);
        if let Some(slot) = self.slots.remove(&from) {
            self.slots.insert(to, slot);
        }
        true
    }
}

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
pub struct Table(BTreeMap<u32, Rc<Slot>>);

impl Table {
    pub fn get(&self, fd: u32) -> Option<Rc<Slot>> {
        self.0.get(&fd).cloned()
    }

    pub fn put(&mut self, fd: u32, slot: Slot) {
        self.0.insert(fd, Rc::new(slot));
    }

    pub fn take(&mut self, fd: u32) -> Option<Rc<Slot>> {
        self.0.remove(&fd)
    }

    /// Puts it at the lowest number that is free, as POSIX does.
    pub fn push(&mut self, slot: Slot) -> u32 {
        let taken = self.0.keys().zip(0..);
        let fd = taken.take_while(|(fd, expected)| *fd == expected).count() as u32;
        self.put(fd, slot);
        fd
    }

    /// Entries that the listings of folders keep.
    pub fn listed(&self) -> usize {
        let kept = self.0.values().map(|slot| match &slot.kind {
            Kind::Folder { listing, .. } => listing.borrow().as_ref().map_or(0, |kept| kept.len()),
            Kind::File(_) => 0,
        });
        kept.fold(0, usize::saturating_add)
    }

    /// Moves a descriptor to a number in use, whose own goes. False if one of the two is not open.
    pub fn renumber(&mut self, from: u32, to: u32) -> bool {
        if !self.0.contains_key(&to) || !self.0.contains_key(&from) {
            return false;
        }
        if let Some(slot) = self.take(from) {
            self.0.insert(to, slot);
        }
        true
    }
}

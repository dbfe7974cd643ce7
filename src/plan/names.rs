//! The names under which objects are known, found from either side.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use crate::hash_map::{HashMap, HashSet};

use super::model::ObjectId;

/// Each name means one object, which may have several. It reads as a map from names to objects.
#[derive(Clone, Debug, Default)]
pub struct Names {
    objects: HashMap<Arc<str>, ObjectId>,
    of: HashMap<ObjectId, HashSet<Arc<str>>>,
    /// All objects' numbers by the name that each came with, which an older one may have.
    came_as: HashMap<Arc<str>, BTreeSet<u64>>,
    came: HashMap<ObjectId, Arc<str>>,
}

impl Names {
    /// An object has come, under a name that it may inherit.
    pub(super) fn enter(&mut self, id: ObjectId, name: &Arc<str>) {
        let came_as = self.came_as.entry(name.clone()).or_default();
        came_as.insert(id.0.into());
        self.came.insert(id, name.clone());
    }

    /// Whoever had a name first keeps it. False if somebody has.
    pub(super) fn give(&mut self, name: Arc<str>, id: ObjectId) -> bool {
        if self.objects.contains_key(&name) {
            return false;
        }
        self.of.entry(id).or_default().insert(name.clone());
        self.objects.insert(name, id);
        true
    }

    pub(super) fn take_back(&mut self, name: &str) {
        if let Some(id) = self.objects.remove(name)
            && let Some(of) = self.of.get_mut(&id)
        {
            of.remove(name);
        }
    }

    /// Objects go. Of those that came with one of their names the oldest inherits it.
    pub(super) fn leave(&mut self, gone: &HashSet<ObjectId>) {
        for id in gone {
            let name = self.came.remove(id);
            let came_as = name.as_ref().and_then(|name| self.came_as.get_mut(name));
            if let (Some(name), Some(came_as)) = (&name, came_as) {
                came_as.remove(&id.0.into());
                if came_as.is_empty() {
                    self.came_as.remove(name);
                }
            }
        }
        let free = gone.iter().filter_map(|id| self.of.remove(id)).flatten();
        for name in free.collect::<Vec<_>>() {
            self.objects.remove(&name);
            let heir = self.came_as.get(&name).and_then(BTreeSet::first);
            if let Some(heir) = heir.and_then(|&id| u32::try_from(id).ok()) {
                self.give(name, ObjectId(heir));
            }
        }
    }

    /// The names that were written down, of the objects that are there.
    pub(super) fn put_back(&mut self, names: impl Iterator<Item = (Arc<str>, ObjectId)>) {
        self.objects.clear();
        self.of.clear();
        for (name, id) in names {
            self.give(name, id);
        }
    }
}

impl Deref for Names {
    type Target = HashMap<Arc<str>, ObjectId>;

    fn deref(&self) -> &HashMap<Arc<str>, ObjectId> {
        &self.objects
    }
}

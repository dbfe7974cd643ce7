//! What a namespace's model is beyond its objects' modules, as plain data, and a model made of it again.

use serde::{Deserialize, Serialize};

use super::model::{FuncId, Landmarks, Model, Node, ObjectId, Opens, Placement};
use super::{Init, Regions, Scope};
use crate::error::{Code, Error, Result};
use crate::object::FuncType;

/// A namespace's model without its objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptModel {
    pub next: u32,
    pub main: Option<ObjectId>,
    /// The global scope, in order.
    pub global: Vec<ObjectId>,
    /// Free ranges.
    pub memory: Vec<(u64, u64)>,
    pub table: Vec<(u64, u64)>,
    pub landmarks: Landmarks,
    pub memory_max: Option<u64>,
    pub table_max: Option<u64>,
    pub names: Vec<(String, ObjectId)>,
    pub slots: Vec<(FuncId, u64)>,
    pub calls: Vec<(FuncId, u64)>,
    pub loaded: Vec<ObjectId>,
    pub openings: Vec<ObjectId>,
    pub provided: Vec<(String, u64)>,
    pub tags: Vec<(String, FuncType)>,
}

/// What a namespace knows of one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptNode {
    pub id: ObjectId,
    pub place: Placement,
    pub global: bool,
    pub opens: Opens,
    pub nodelete: bool,
    pub uses: Vec<ObjectId>,
    pub opened: bool,
    pub deepbind: bool,
    pub init: Init,
}

impl Node {
    pub fn kept(&self, id: ObjectId) -> KeptNode {
        let mut uses: Vec<ObjectId> = self.uses.iter().copied().collect();
        uses.sort_unstable();
        KeptNode {
            id,
            place: self.place,
            global: self.global,
            opens: self.opens,
            nodelete: self.nodelete,
            uses,
            opened: self.opened,
            deepbind: self.deepbind,
            init: self.init,
        }
    }

    /// Makes it what it was, but for its place and its bindings, which never change.
    pub fn put_back(&mut self, kept: &KeptNode) {
        self.global = kept.global;
        self.opens = kept.opens;
        self.nodelete = kept.nodelete;
        self.uses = kept.uses.iter().copied().collect();
        self.opened = kept.opened;
        self.deepbind = kept.deepbind;
        self.init = kept.init;
    }
}

impl Model {
    /// `None` where nothing is loaded.
    pub fn kept(&self) -> Option<KeptModel> {
        fn sorted<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
            let mut all: Vec<T> = all.collect();
            all.sort_unstable();
            all
        }
        let named = |(name, value): (&std::sync::Arc<str>, &u64)| (name.to_string(), *value);
        let mut tags: Vec<(String, FuncType)> = (self.tags.iter())
            .map(|(name, sig)| (name.to_string(), (**sig).clone()))
            .collect();
        tags.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Some(KeptModel {
            next: self.next,
            main: self.main,
            global: self.global.order().to_vec(),
            memory: self.memory.iter().collect(),
            table: self.table.iter().collect(),
            landmarks: self.landmarks?,
            memory_max: self.memory_max,
            table_max: self.table_max,
            names: sorted(self.names.iter().map(|(name, id)| (name.to_string(), *id))),
            slots: sorted(self.slots.iter().map(|(id, slot)| (*id, *slot))),
            calls: sorted(self.calls.iter().map(|(id, slot)| (*id, *slot))),
            loaded: self.loaded.clone(),
            openings: self.openings.clone(),
            provided: sorted(self.provided.iter().map(named)),
            tags,
        })
    }

    /// Scopes, names, openings and free memory as they were. The nodes are those of then, and what was kept of them is put back.
    pub fn put_back(&mut self, kept: &KeptModel) -> Result<()> {
        let global = kept.global.iter().filter_map(|id| {
            let node = self.nodes.get(id)?;
            Some((*id, node.found.object.clone()))
        });
        self.global = Scope::of(global.collect());
        self.memory = regions(&kept.memory)?;
        let names = kept.names.iter();
        self.names
            .put_back(names.map(|(name, id)| (name.as_str().into(), *id)));
        self.openings.clone_from(&kept.openings);
        let provided = kept.provided.iter();
        self.provided = provided
            .map(|(name, value)| (name.as_str().into(), *value))
            .collect();
        self.changed();
        Ok(())
    }

    /// As [`put_back`](Self::put_back) in a model that had nothing before, with the table as it was, too.
    pub fn put_into_new(&mut self, kept: &KeptModel) -> Result<()> {
        self.put_back(kept)?;
        self.table = regions(&kept.table)?;
        self.next = kept.next;
        self.main = kept.main;
        self.landmarks = Some(kept.landmarks);
        self.memory_max = kept.memory_max;
        self.table_max = kept.table_max;
        self.slots.extend(kept.slots.iter().copied());
        self.calls.extend(kept.calls.iter().copied());
        self.loaded.clone_from(&kept.loaded);
        self.count_users();
        Ok(())
    }

    /// What was kept of the objects is put back, after [`put_back`](Self::put_back).
    pub fn put_nodes_back<'a>(&mut self, kept: impl Iterator<Item = &'a KeptNode>) {
        for kept in kept {
            if let Some(node) = self.nodes.get_mut(&kept.id) {
                node.put_back(kept);
            }
        }
        self.count_users();
    }

    /// Takes an object in that comes from a snapshot.
    pub fn take_in(&mut self, id: ObjectId, node: Node) {
        self.enter_node(id, node);
    }

    /// Takes out what stands only for an object that was gone.
    pub fn take_out(&mut self, id: ObjectId) {
        self.leave_node(id);
    }
}

/// Free ranges that were written down.
pub fn regions(ranges: &[(u64, u64)]) -> Result<Regions> {
    let mut regions = Regions::default();
    for &(start, len) in ranges {
        if start.checked_add(len).is_none_or(|end| end > 1 << 32) {
            return Err(contradicts("a free range is none"));
        }
        regions
            .give(start, len)
            .map_err(|_| contradicts("a range is free twice"))?;
    }
    Ok(regions)
}

/// What was written down cannot have been true.
pub fn contradicts(what: &str) -> Error {
    let why = format!("the snapshot contradicts itself: {what}");
    Error::new(Code::Malformed, why)
}

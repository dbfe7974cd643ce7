//! What keeps each object, counted as objects come and go, so that closing one looks at what it kept and not at all that is there.
//!
//! Objects that keep each other in a circle go together. Between circles nothing goes round, so that a circle is dead once it holds no
//! root and nothing outside uses one of its objects: counts tell, as they do where there are no circles.

use crate::hash_map::{HashMap, HashSet};

use super::model::{Model, Node, ObjectId};
use super::order::components;

#[derive(Clone, Debug, Default)]
pub(super) struct Keepers {
    /// How many edges of other objects lead to each; none where there is no entry.
    users: HashMap<ObjectId, u32>,
    /// Of objects in circles of several.
    circle_of: HashMap<ObjectId, u32>,
    circles: HashMap<u32, Circle>,
    next: u32,
    /// What may have lost the last that kept it since somebody asked.
    suspects: HashSet<ObjectId>,
}

#[derive(Clone, Debug, Default)]
struct Circle {
    members: Vec<ObjectId>,
    /// How many edges lead into it from outside.
    outside: u32,
    /// The member that was a root when somebody looked last: all of them are not looked at for each that is closed.
    root: usize,
}

/// An object, or a circle of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    One(ObjectId),
    Circle(u32),
}

impl Node {
    /// The objects that it keeps, with each edge to another.
    fn edges(&self, id: ObjectId) -> impl Iterator<Item = ObjectId> {
        let all = self.found.needed.iter().chain(&self.uses);
        all.copied().filter(move |&to| to != id)
    }

    fn is_open(&self) -> bool {
        self.opens.host > 0 || self.opens.guest > 0 || self.nodelete
    }
}

impl Keepers {
    fn part(&self, id: ObjectId) -> Part {
        let circle = self.circle_of.get(&id);
        circle.map_or(Part::One(id), |&circle| Part::Circle(circle))
    }

    /// How many edges keep it, from outside.
    fn users(&self, part: Part) -> u32 {
        match part {
            Part::One(id) => self.users.get(&id).copied().unwrap_or(0),
            Part::Circle(n) => self.circles.get(&n).map_or(0, |circle| circle.outside),
        }
    }

    fn members(&self, part: Part) -> Vec<ObjectId> {
        match part {
            Part::One(id) => vec![id],
            Part::Circle(n) => self
                .circles
                .get(&n)
                .map_or(Vec::new(), |circle| circle.members.clone()),
        }
    }

    fn add_edge(&mut self, from: ObjectId, to: ObjectId) {
        *self.users.entry(to).or_insert(0) += 1;
        let (from, to) = (self.part(from), self.part(to));
        if let Part::Circle(n) = to
            && from != to
            && let Some(circle) = self.circles.get_mut(&n)
        {
            circle.outside += 1;
        }
    }

    fn remove_edge(&mut self, from: ObjectId, to: ObjectId) {
        if let Some(users) = self.users.get_mut(&to) {
            *users -= 1;
            if *users == 0 {
                self.users.remove(&to);
            }
        }
        let (from, to_part) = (self.part(from), self.part(to));
        if let Part::Circle(n) = to_part
            && from != to_part
            && let Some(circle) = self.circles.get_mut(&n)
        {
            circle.outside -= 1;
        }
        self.suspects.insert(to);
    }

    /// Makes one circle of objects that reach each other.
    fn join(&mut self, nodes: &HashMap<ObjectId, Node>, members: Vec<ObjectId>) {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        for id in &members {
            if let Some(old) = self.circle_of.insert(*id, number) {
                self.circles.remove(&old);
            }
        }
        let all: u32 = members.iter().map(|id| self.users(Part::One(*id))).sum();
        let edges = members
            .iter()
            .filter_map(|id| Some(nodes.get(id)?.edges(*id)));
        let within = edges
            .flatten()
            .filter(|to| self.part(*to) == Part::Circle(number));
        let circle = Circle {
            outside: all - within.count() as u32,
            root: 0,
            members,
        };
        self.circles.insert(number, circle);
    }

    /// Finds the circles among some objects, all of whose paths to each other lead through these.
    fn find_circles(&mut self, nodes: &HashMap<ObjectId, Node>, ids: &[ObjectId]) {
        if ids.len() < 2 {
            return;
        }
        let position: HashMap<ObjectId, usize> = ids.iter().copied().zip(0..).collect();
        let graph: Vec<Vec<usize>> = (ids.iter())
            .map(|id| {
                let edges = nodes.get(id).into_iter().flat_map(|node| node.edges(*id));
                edges.filter_map(|to| position.get(&to).copied()).collect()
            })
            .collect();
        let component = components(&graph);
        let mut members: Vec<Vec<ObjectId>> = vec![Vec::new(); ids.len()];
        for (id, component) in ids.iter().zip(&component) {
            if let Some(members) = members.get_mut(*component) {
                members.push(*id);
            }
        }
        for members in members {
            let known = members.first().map(|id| self.part(*id));
            let same = |id: &ObjectId| Some(self.part(*id)) == known;
            if members.len() > 1 && !members.iter().all(same) {
                self.join(nodes, members);
            }
        }
    }
}

impl Model {
    /// Counts all anew, where objects were not added one load after the other.
    pub fn count_users(&mut self) {
        self.keepers = Keepers::default();
        let all: Vec<ObjectId> = self.nodes.keys().copied().collect();
        self.count_fresh(&all);
    }

    /// Counts what objects keep that have just been added. Nothing older is bound to them.
    pub(super) fn count_fresh(&mut self, fresh: &[ObjectId]) {
        let Model { keepers, nodes, .. } = self;
        for id in fresh {
            let edges = nodes.get(id).into_iter().flat_map(|node| node.edges(*id));
            edges.for_each(|to| keepers.add_edge(*id, to));
        }
        keepers.suspects.extend(fresh);
        keepers.find_circles(nodes, fresh);
    }

    /// From now on each of these objects cannot do without the other. Looks at all that the others keep, since this may close a circle.
    pub fn bind(&mut self, pairs: &[(ObjectId, ObjectId)]) {
        let Model { keepers, nodes, .. } = self;
        let mut reached = Vec::new();
        for &(user, used) in pairs {
            let there = nodes.contains_key(&used) && user != used;
            let user_node = nodes.get_mut(&user).filter(|_| there);
            if user_node.is_none_or(|node| !node.uses.insert(used)) {
                continue;
            }
            keepers.add_edge(user, used);
            // Where nothing leads to the user, no circle is closed.
            let leads_on = keepers.users(Part::One(user)) > 0;
            reached.extend(leads_on.then_some(used));
        }
        let mut seen: HashSet<ObjectId> = reached.iter().copied().collect();
        let mut next = 0;
        while let Some(id) = reached.get(next).copied() {
            next += 1;
            let edges = nodes.get(&id).into_iter().flat_map(|node| node.edges(id));
            reached.extend(edges.filter(|&to| seen.insert(to)));
        }
        let ids: Vec<ObjectId> = seen.into_iter().collect();
        keepers.find_circles(nodes, &ids);
    }

    /// An object may be less open than it was.
    pub fn suspect(&mut self, id: ObjectId) {
        self.keepers.suspects.insert(id);
    }

    /// The objects that neither a handle nor another object keeps. `held` are kept whatever the counts say.
    pub fn unkept(&mut self, held: &HashSet<ObjectId>) -> HashSet<ObjectId> {
        let suspects = std::mem::take(&mut self.keepers.suspects);
        let parts: HashSet<Part> = (suspects.into_iter())
            .filter(|id| self.nodes.contains_key(id))
            .map(|id| self.keepers.part(id))
            .collect();
        let mut dead = HashSet::default();
        let mut open = Vec::new();
        for part in parts {
            if self.keepers.users(part) > 0 || self.has_root(part) {
                continue;
            }
            // What is only held now is looked at again, and so is what nobody removes.
            let members = self.keepers.members(part);
            self.keepers.suspects.extend(members.first());
            if !self.holds(part, held) {
                open.push(part);
            }
        }
        // Of what dead objects use: how many edges are left.
        let mut left: HashMap<Part, u32> = HashMap::default();
        while let Some(part) = open.pop() {
            for id in self.keepers.members(part) {
                dead.insert(id);
                let edges = self
                    .nodes
                    .get(&id)
                    .into_iter()
                    .flat_map(|node| node.edges(id));
                let edges: Vec<Part> = edges.map(|to| self.keepers.part(to)).collect();
                for to in edges.into_iter().filter(|to| *to != part) {
                    let left = left.entry(to).or_insert_with(|| self.keepers.users(to));
                    *left -= 1;
                    if *left == 0 && !self.has_root(to) && !self.holds(to, held) {
                        open.push(to);
                    }
                }
            }
        }
        dead
    }

    fn holds(&self, part: Part, held: &HashSet<ObjectId>) -> bool {
        !held.is_empty()
            && self
                .keepers
                .members(part)
                .iter()
                .any(|id| held.contains(id))
    }

    /// Whether an object is there that is kept for itself.
    fn has_root(&mut self, part: Part) -> bool {
        let (main, nodes) = (self.main, &self.nodes);
        let is_root = |id: &ObjectId| main == Some(*id) || nodes.get(id).is_some_and(Node::is_open);
        match part {
            Part::One(id) => is_root(&id),
            Part::Circle(n) => self.keepers.circles.get_mut(&n).is_some_and(|circle| {
                let (before, from) = circle
                    .members
                    .split_at(circle.root.min(circle.members.len()));
                let behind = from.iter().position(is_root).map(|n| before.len() + n);
                let found = behind.or_else(|| before.iter().position(is_root));
                circle.root = found.unwrap_or(0);
                found.is_some()
            }),
        }
    }

    /// Takes the edges of objects out that have gone. What stays and used one of them uses it no longer; that happens only after a load
    /// that failed, since others go before what they use.
    pub(super) fn uncount(&mut self, gone: &[(ObjectId, Node)], ids: &HashSet<ObjectId>) {
        let Model { keepers, nodes, .. } = self;
        let edges = |(id, node): &(ObjectId, Node)| {
            let id = *id;
            let edges: Vec<ObjectId> = node.edges(id).collect();
            edges.into_iter().map(move |to| (id, to))
        };
        for (from, to) in gone.iter().flat_map(edges) {
            keepers.remove_edge(from, to);
        }
        let used = ids.iter().any(|id| keepers.users.contains_key(id));
        if used {
            for node in nodes.values_mut() {
                node.uses.retain(|id| !ids.contains(id));
            }
            self.count_users();
            return;
        }
        for id in ids {
            keepers.suspects.remove(id);
            if let Some(circle) = keepers.circle_of.remove(id) {
                keepers.circles.remove(&circle);
            }
        }
    }
}

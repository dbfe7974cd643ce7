//! Groups: an object with all that it needs. They are what a handle covers, and they are the local scopes: an object sees the
//! group of each opening that holds it, of the one that brought it and of those since (as glibc's `l_scope` grows).

use std::cell::RefCell;
use std::rc::Rc;

use crate::hash_map::{HashMap, HashSet};

use super::model::{Model, ObjectId};
use super::scope::{Definition, Kind, Scope, is_own};
use crate::object::Name;

/// Objects in a group up to which each is asked for a name; larger groups get an index.
const FEW: usize = 64;
/// Names that all indices hold together before they are dropped.
const MAX_NAMES: usize = 1 << 20;

impl Model {
    /// The objects that a handle on `root` covers: itself, then needed ones breadth first.
    pub fn group(&self, root: ObjectId) -> Vec<ObjectId> {
        let mut group = vec![root];
        let mut seen: HashSet<ObjectId> = group.iter().copied().collect();
        let mut next = 0;
        while let Some(id) = group.get(next).copied() {
            next += 1;
            let needed = self.nodes.get(&id).map_or(&[][..], |n| &n.found.needed);
            group.extend(needed.iter().filter(|&&needed| seen.insert(needed)));
        }
        group
    }

    /// The openings whose groups hold an object, the oldest first.
    fn openings_of(&self, id: ObjectId) -> Vec<ObjectId> {
        let mut seen: HashSet<ObjectId> = HashSet::from_iter([id]);
        let mut holders = vec![id];
        let mut next = 0;
        while let Some(id) = holders.get(next) {
            next += 1;
            let users = self.needed_by.get(id).into_iter().flatten();
            holders.extend(users.filter(|&&user| seen.insert(user)));
        }
        holders.retain(|id| self.nodes.get(id).is_some_and(|node| node.opened));
        // Nearly always there is one, and nobody has to look for its turn.
        if holders.len() > 1 {
            let openings = self.openings.iter().copied();
            return openings.filter(|id| seen.contains(id)).collect();
        }
        holders
    }

    /// Local scopes are not what they were.
    pub(super) fn changed(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Notes that an object was opened itself. False if it was before.
    pub(super) fn opening(&mut self, id: ObjectId) -> bool {
        let node = self.nodes.get_mut(&id);
        if node.is_none_or(|node| std::mem::replace(&mut node.opened, true)) {
            return false;
        }
        self.openings.push(id);
        self.changed();
        true
    }

    /// Takes back that an object was opened itself.
    pub fn unopened(&mut self, id: ObjectId) {
        let node = self.nodes.get_mut(&id);
        if !node.is_some_and(|node| std::mem::take(&mut node.opened)) {
            return;
        }
        if let Some(position) = self.openings.iter().rposition(|&opened| opened == id) {
            self.openings.remove(position);
            self.changed();
        }
    }
}

/// Objects in the order in which they are searched.
#[derive(Debug, Default)]
pub struct Group {
    order: Vec<ObjectId>,
    index: Option<Scope>,
}

impl Group {
    fn new(model: &Model, order: Vec<ObjectId>) -> Group {
        let index = (order.len() > FEW).then(|| {
            let mut index = Scope::default();
            for &id in &order {
                if let Some(node) = model.nodes.get(&id) {
                    index.push(id, &node.found.object);
                }
            }
            index
        });
        Group { order, index }
    }

    pub fn order(&self) -> &[ObjectId] {
        &self.order
    }

    /// All definitions of a symbol, the one that wins first.
    pub fn lookup<'a>(
        &'a self,
        model: &'a Model,
        name: Name<'a>,
    ) -> impl Iterator<Item = Definition> {
        let indexed = self.index.iter();
        let indexed = indexed.flat_map(move |index| index.lookup(name, Kind::Symbol));
        let asked = match self.index {
            None if !is_own(&name) => &self.order[..],
            _ => &[],
        };
        let asked = asked.iter().filter_map(move |&object| {
            let export = Kind::Symbol.export_of(&model.nodes.get(&object)?.found.object, name)?;
            Some(Definition { object, export })
        });
        indexed.chain(asked)
    }
}

/// Groups of a namespace, kept while it stays as it is: a program may ask for thousands of symbols.
#[derive(Debug, Default)]
pub struct Groups {
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    generation: u64,
    /// By the openings whose groups they are.
    groups: HashMap<Vec<ObjectId>, Rc<Group>>,
    /// Local scopes.
    scopes: HashMap<ObjectId, Rc<Group>>,
    names: usize,
}

impl Groups {
    /// What a handle on `root` covers.
    pub fn of_handle(&self, model: &Model, root: ObjectId) -> Rc<Group> {
        self.known(model).group(model, vec![root])
    }

    /// The scopes of an object beside the global one, as one. Where no opening is left that holds it, its own group.
    pub fn of_object(&self, model: &Model, id: ObjectId) -> Rc<Group> {
        let mut known = self.known(model);
        if let Some(scope) = known.scopes.get(&id) {
            return scope.clone();
        }
        let mut openings = model.openings_of(id);
        if openings.is_empty() {
            openings.push(id);
        }
        let scope = known.group(model, openings);
        known.scopes.insert(id, scope.clone());
        scope
    }

    fn known(&self, model: &Model) -> std::cell::RefMut<'_, Known> {
        let mut known = self.known.borrow_mut();
        if known.generation != model.generation || known.names > MAX_NAMES {
            *known = Known {
                generation: model.generation,
                ..Known::default()
            };
        }
        known
    }
}

impl Known {
    /// The group of each of `openings`, one behind the other.
    fn group(&mut self, model: &Model, openings: Vec<ObjectId>) -> Rc<Group> {
        if let Some(group) = self.groups.get(&openings) {
            return group.clone();
        }
        let mut seen = HashSet::default();
        let all = openings.iter().flat_map(|&root| model.group(root));
        let order: Vec<ObjectId> = all.filter(|&id| seen.insert(id)).collect();
        let group = Rc::new(Group::new(model, order));
        self.names += group.index.as_ref().map_or(0, Scope::len) + group.order.len();
        self.groups.insert(openings, group.clone());
        group
    }
}

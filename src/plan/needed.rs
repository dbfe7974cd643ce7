//! The closure of needed libraries: breadth first, cycles allowed, one object a file.

use crate::hash_map::Entry;
use crate::hash_map::{HashMap, HashSet};
use std::collections::VecDeque;
use std::sync::Arc;

use super::model::{Found, Identity, Model, ObjectId};
use crate::error::{Code, Context, Error, Result};
use crate::text;

/// Finds files. The closure asks for a file's bytes only if no object has its identity yet.
pub trait Provider {
    type Located;

    /// Finds `name` for `by` (the object that needs it), or says every place that was searched.
    fn locate(&mut self, name: &str, by: Option<&Found>) -> Result<Self::Located>;
    fn identity(&self, located: &Self::Located) -> Identity;
    /// Reads and parses it. `needed` of the result is filled in by the closure.
    fn open(&mut self, located: Self::Located) -> Result<Found>;
}

/// What a load starts from.
pub enum Root<'a> {
    /// An object of the namespace.
    Loaded(ObjectId),
    /// A new object that is at hand.
    Found(Box<Found>),
    /// A name to search for, as a needed entry would; on behalf of an object that asks for it at run time, if there is one.
    Name(&'a str, Option<&'a Found>),
}

#[derive(Clone, Debug, Default)]
pub struct Closure {
    /// New objects; the n-th gets the id `model.next + n`.
    pub fresh: Vec<Found>,
    /// Scope order: roots (preloads before a library, but after the main program), then needed breadth first; loaded
    /// objects among them.
    pub group: Vec<ObjectId>,
    pub roots: Vec<ObjectId>,
    /// Names by which objects were asked for.
    pub names: Vec<(Arc<str>, ObjectId)>,
}

impl Closure {
    /// Adds a root behind all others, of a closure that began with `model`. It needs nothing.
    pub fn append(&mut self, model: &Model, found: Found) {
        let id = ObjectId(model.next.saturating_add(self.fresh.len() as u32));
        self.fresh.push(found);
        self.roots.push(id);
        self.group.push(id);
    }
}

struct Walk<'a, P: Provider> {
    model: &'a Model,
    provider: &'a mut P,
    limit: usize,
    closure: Closure,
    by_name: HashMap<Arc<str>, ObjectId>,
    /// New objects by the files that they came from.
    by_identity: HashMap<Identity, ObjectId>,
    /// Preloads that came with the program's module.
    preloaded: Vec<ObjectId>,
}

/// Collects everything that `roots` need. Beyond here no object is added.
pub fn closure<P: Provider>(
    model: &Model,
    roots: Vec<Root<'_>>,
    provider: &mut P,
    limit: usize,
) -> Result<Closure> {
    let mut walk = Walk {
        model,
        provider,
        limit,
        closure: Closure::default(),
        by_name: HashMap::new(),
        by_identity: HashMap::new(),
        preloaded: Vec::new(),
    };
    for root in roots {
        let id = match root {
            Root::Loaded(id) => id,
            Root::Found(found) => walk.add(*found)?,
            Root::Name(name, by) => walk.find(name, by, "opened")?,
        };
        if !walk.closure.roots.contains(&id) {
            walk.closure.roots.push(id);
        }
        let preloaded = std::mem::take(&mut walk.preloaded);
        walk.closure.roots.extend(preloaded);
    }
    // Preloads come after the main program, and before a library (see `Config::preloads`).
    let main = walk
        .closure
        .roots
        .first()
        .is_some_and(|&id| walk.is_main(id));
    let mut start = walk.closure.roots.clone();
    if !main && !start.is_empty() {
        start.rotate_left(1);
    }
    walk.breadth_first(start)?;
    Ok(walk.closure)
}

impl<P: Provider> Walk<'_, P> {
    fn is_main(&self, id: ObjectId) -> bool {
        let fresh = id.0.checked_sub(self.model.next);
        fresh
            .and_then(|n| self.closure.fresh.get(n as usize))
            .is_some_and(|found| found.role.is_main())
    }

    fn breadth_first(&mut self, start: Vec<ObjectId>) -> Result<()> {
        let mut seen: HashSet<ObjectId> = start.iter().copied().collect();
        let mut queue = VecDeque::from(start);
        while let Some(id) = queue.pop_front() {
            self.closure.group.push(id);
            for needed in self.needed_of(id)? {
                if seen.insert(needed) {
                    queue.push_back(needed);
                }
            }
        }
        Ok(())
    }

    fn needed_of(&mut self, id: ObjectId) -> Result<Vec<ObjectId>> {
        if let Some(node) = self.model.nodes.get(&id) {
            return Ok(node.found.needed.clone());
        }
        let n = (id.0 - self.model.next) as usize;
        let Some(found) = self.closure.fresh.get(n).cloned() else {
            return Ok(Vec::new());
        };
        let (mut needed, mut seen) = (Vec::new(), HashSet::new());
        for name in found.object.dylink.iter().flat_map(|d| &d.needed) {
            let dependency = self.find(name, Some(&found), "needed")?;
            if seen.insert(dependency) {
                needed.push(dependency);
            }
        }
        if let Some(found) = self.closure.fresh.get_mut(n) {
            found.needed.clone_from(&needed);
        }
        Ok(needed)
    }

    /// The object behind a name: asked for before under this name, or the same file, or a new one. `how` says for errors what it is
    /// to `by`.
    fn find(&mut self, name: &str, by: Option<&Found>, how: &str) -> Result<ObjectId> {
        let names = &self.model.names;
        let known = names.get(name).or_else(|| self.by_name.get(name));
        if let Some(&id) = known {
            return Ok(id);
        }
        let wanted_by = || match by {
            Some(by) => format!("{}, {how} by {}", text::name(name), by.name),
            None => text::name(name).into_owned(),
        };
        let located = self.provider.locate(name, by).context(wanted_by)?;
        let identity = self.provider.identity(&located);
        let known = self.model.by_identity(&identity);
        let id = match known.or_else(|| self.by_identity.get(&identity).copied()) {
            Some(id) => id,
            None => {
                let found = self.provider.open(located).context(wanted_by)?;
                self.add(found)?
            }
        };
        let name: Arc<str> = name.into();
        self.by_name.insert(name.clone(), id);
        self.closure.names.push((name, id));
        Ok(id)
    }

    fn add(&mut self, mut found: Found) -> Result<ObjectId> {
        let parts = std::mem::take(&mut found.parts);
        let id = self.add_one(found)?;
        // They are there with the program: nobody searches for them.
        for part in parts {
            let preloaded = part.within.as_ref().is_some_and(|within| within.preloaded);
            let part = self.add_one(part)?;
            self.preloaded.extend(preloaded.then_some(part));
        }
        Ok(id)
    }

    fn add_one(&mut self, found: Found) -> Result<ObjectId> {
        let count = self.model.nodes.len() + self.closure.fresh.len();
        if count >= self.limit {
            return Err(Error::new(
                Code::Limit,
                format!(
                    "{} would be one object more than the limit of {}",
                    found.name, self.limit
                ),
            ));
        }
        let id = u32::try_from(self.closure.fresh.len())
            .ok()
            .and_then(|n| self.model.next.checked_add(n))
            .filter(|&id| id < u32::MAX)
            .map(ObjectId)
            .ok_or_else(|| Error::new(Code::Limit, "object numbers are used up"))?;
        self.by_identity.insert(found.identity.clone(), id);
        self.by_name.entry(found.name.clone()).or_insert(id);
        self.closure.names.push((found.name.clone(), id));
        if let Some(soname) = found.soname() {
            self.know_by_soname(soname, id);
        }
        self.closure.fresh.push(found);
        Ok(id)
    }

    /// What asks for a library by the name that it has for itself means it, whatever its file is called. The first object of a name keeps
    /// it (glibc compares requests with the names of what is loaded, in the order of loading).
    fn know_by_soname(&mut self, soname: &Arc<str>, id: ObjectId) {
        if self.model.names.contains_key(soname) {
            return;
        }
        if let Entry::Vacant(entry) = self.by_name.entry(soname.clone()) {
            entry.insert(id);
            self.closure.names.push((soname.clone(), id));
        }
    }
}

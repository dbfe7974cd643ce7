//! A launch closure as bytes.
//!
//! ```text
//! bytes of the head, little endian (4)   head (postcard)   metadata of the objects (postcard each), one behind the other
//! ```
//! Who keeps it checks that the bytes are as they were written. Even so nothing here trusts them: lengths are bounded by the bytes at
//! hand, nothing recurses, and numbers that name something are looked up.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::object;
use super::place::Place;
use super::plan::PlanForm;
use crate::engine::ModuleKey;
use crate::object::{Brief, Metadata};
use crate::plan::needed::Closure;
use crate::plan::{Found, Identity, ObjectId, Plan, Role, Within};
use crate::platform;

/// What the first load of a namespace comes to.
pub struct Launch {
    pub closure: Closure,
    pub plan: Plan,
    /// Of the objects.
    pub modules: Vec<ModuleKey>,
    /// Of the generated modules, in the order in which they are instantiated.
    pub generated: Vec<ModuleKey>,
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    places: Vec<Place<'a>>,
    #[serde(borrow)]
    objects: Vec<FoundForm<'a>>,
    group: Vec<ObjectId>,
    roots: Vec<ObjectId>,
    #[serde(borrow)]
    names: Vec<(&'a str, ObjectId)>,
    #[serde(borrow)]
    plan: PlanForm<'a>,
    modules: Vec<[u8; 32]>,
    generated: Vec<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct FoundForm<'a> {
    name: &'a str,
    path: Option<&'a [u8]>,
    identity: Identity,
    role: Role,
    needed: Vec<ObjectId>,
    stack_pointer: Option<u64>,
    within: Option<Within>,
    brief: Brief,
    /// Where the metadata lie behind the head.
    at: (u32, u32),
}

/// A closure's bytes, where they were found: what objects have beyond their [`Brief`] is read there when it is asked for.
type Record = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Writes the first load of a namespace. `None` for one that cannot be kept.
pub fn encode(
    places: Vec<Place<'_>>,
    closure: &Closure,
    plan: &Plan,
    modules: &[ModuleKey],
    generated: &[ModuleKey],
) -> Option<Vec<u8>> {
    let mut metadata = Vec::new();
    let objects = closure.fresh.iter().map(|found| {
        let written = object::encode(&found.object).ok()?;
        let at = u32::try_from(metadata.len()).ok()?;
        metadata.extend_from_slice(&written);
        Some(FoundForm {
            name: &found.name,
            path: found
                .path
                .as_ref()
                .map(|path| path.as_os_str().as_encoded_bytes()),
            identity: found.identity.clone(),
            role: found.role,
            needed: found.needed.clone(),
            stack_pointer: found.stack_pointer,
            within: found.within.as_deref().cloned(),
            brief: found.object.brief().clone(),
            at: (at, u32::try_from(written.len()).ok()?),
        })
    });
    let keys = |keys: &[ModuleKey]| keys.iter().map(|key| *key.as_bytes()).collect();
    let names = closure.names.iter();
    let head = Head {
        places,
        objects: objects.collect::<Option<_>>()?,
        group: closure.group.clone(),
        roots: closure.roots.clone(),
        names: names.map(|(name, id)| (name.as_ref(), *id)).collect(),
        plan: PlanForm::of(plan),
        modules: keys(modules),
        generated: keys(generated),
    };
    let head = postcard::to_allocvec(&head).ok()?;
    let size = u32::try_from(head.len()).ok()?;
    Some([&size.to_le_bytes()[..], &head, &metadata].concat())
}

/// Reads what [`encode`] wrote, if all places are as they were; else why it cannot be used.
pub fn decode(record: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Launch, String> {
    let damaged = || "it is damaged".to_string();
    let record: Record = Arc::new(record);
    let bytes = (*record).as_ref();
    let (head, metadata) = split(bytes).ok_or_else(damaged)?;
    let head: Head<'_> = postcard::from_bytes(head).map_err(|_| damaged())?;
    head.places.iter().try_for_each(Place::check)?;
    let start = bytes.len() - metadata.len();
    launch(head, &record, start).ok_or_else(damaged)
}

fn split(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = record.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)
}

fn launch(head: Head<'_>, record: &Record, start: usize) -> Option<Launch> {
    let objects = head.objects.into_iter();
    let fresh: Vec<Found> = objects
        .map(|found| found.found(record, start))
        .collect::<Option<_>>()?;
    let there = |id: &ObjectId| (id.0 as usize) < fresh.len();
    let complete = head.modules.len() == fresh.len()
        && !head.roots.is_empty()
        && head.group.iter().chain(&head.roots).all(there)
        && head.names.iter().all(|(_, id)| there(id))
        && fresh.iter().flat_map(|found| &found.needed).all(there);
    if !complete {
        return None;
    }
    let metadata = |id: ObjectId| Some(fresh.get(id.0 as usize)?.object.clone());
    let plan = head.plan.plan(metadata)?;
    let keys = |keys: Vec<[u8; 32]>| keys.into_iter().map(ModuleKey::from_bytes).collect();
    let names = head.names.into_iter();
    Some(Launch {
        closure: Closure {
            group: head.group,
            roots: head.roots,
            names: names.map(|(name, id)| (Arc::from(name), id)).collect(),
            fresh,
        },
        plan,
        modules: keys(head.modules),
        generated: keys(head.generated),
    })
}

impl FoundForm<'_> {
    fn found(self, record: &Record, start: usize) -> Option<Found> {
        let (at, size) = (
            usize::try_from(self.at.0).ok()?,
            usize::try_from(self.at.1).ok()?,
        );
        let from = start.checked_add(at)?;
        let range = from..from.checked_add(size)?;
        (**record).as_ref().get(range.clone())?;
        let record = Arc::clone(record);
        // What was written by this form and is unchanged is read by it; what is neither is an object without exports.
        let read = move || {
            let bytes = (*record).as_ref().get(range.clone());
            let bytes = bytes.unwrap_or_default();
            object::decode(bytes).unwrap_or_default()
        };
        let path = self.path.and_then(platform::path);
        Some(Found {
            name: self.name.into(),
            path: path.map(Arc::from),
            in_guest: false,
            identity: self.identity,
            object: Metadata::unread(self.brief, Box::new(read)),
            role: self.role,
            needed: self.needed,
            stack_pointer: self.stack_pointer,
            within: self.within.map(Arc::new),
            parts: Vec::new(),
        })
    }
}

//! An object's metadata, at hand or to be read when somebody asks, and the little that every load asks for.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::{ByValue, Metering, Name, Object};
use crate::abi;

/// The metadata of an object. Clones share it.
#[derive(Clone)]
pub struct Metadata(Arc<Shared>);

struct Shared {
    brief: Brief,
    object: OnceLock<Object>,
    by_value: OnceLock<ByValue>,
    read: Option<Read>,
}

/// Reads the metadata of one object from where they are kept.
pub type Read = Box<dyn Fn() -> Object + Send + Sync>;

/// What a load asks of each of its objects, also where its plan is known. The rest of the metadata can wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    pub imports: u32,
    pub exports: u32,
    /// Of `dylink.0`; 0 without one.
    pub memory_p2align: u32,
    /// The metadata come from a `dylink` section, of before LLVM 13.
    pub legacy: bool,
    /// As in [`Object::metered`] and [`Object::footprint`].
    pub metered: Metering,
    pub footprint: u64,
    /// It imports the function that tells guests of errors.
    pub calls_dlerror: bool,
    /// What it exports under the names of [`abi::STEPS`].
    steps: [Option<Step>; abi::STEPS.len()],
}

/// An export that brings the object to life or runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub export: u32,
    /// The object defines the function itself: an import exported again is somebody else's.
    pub own: bool,
    /// It is a function of type `() -> ()`.
    pub plain: bool,
}

impl Brief {
    pub fn of(object: &Object) -> Brief {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let dylink = object.dylink.as_ref();
        Brief {
            imports: count(object.imports.len()),
            exports: count(object.exports.len()),
            memory_p2align: dylink.map_or(0, |dylink| dylink.memory_p2align),
            legacy: dylink.is_some_and(|dylink| dylink.legacy),
            metered: object.metered,
            footprint: object.footprint as u64,
            calls_dlerror: object.imports.has(Name::new(abi::DLERROR)),
            steps: abi::STEPS.map(|name| {
                let export = object.position(name)?;
                let sig = object.func_type(export);
                Some(Step {
                    export,
                    own: object.defined_func(export).is_some(),
                    plain: sig.is_some_and(|sig| sig.params.is_empty() && sig.results.is_empty()),
                })
            }),
        }
    }

    /// What is exported under a name of [`abi::STEPS`].
    pub fn step(&self, name: &str) -> Option<Step> {
        let position = abi::STEPS.iter().position(|step| *step == name)?;
        *self.steps.get(position)?
    }
}

impl Metadata {
    pub fn new(object: Object) -> Metadata {
        Metadata(Arc::new(Shared {
            brief: Brief::of(&object),
            object: OnceLock::from(object),
            by_value: OnceLock::new(),
            read: None,
        }))
    }

    /// Metadata that `read` gives when somebody asks for more than the brief.
    pub fn unread(brief: Brief, read: Read) -> Metadata {
        Metadata(Arc::new(Shared {
            brief,
            object: OnceLock::new(),
            by_value: OnceLock::new(),
            read: Some(read),
        }))
    }

    /// What is known without reading the rest.
    pub fn brief(&self) -> &Brief {
        &self.0.brief
    }

    /// The object's exports and segments by what they stand for.
    pub fn by_value(&self) -> &ByValue {
        self.0.by_value.get_or_init(|| ByValue::of(self))
    }

    /// Whether all of it is in memory.
    pub fn is_read(&self) -> bool {
        self.0.object.get().is_some()
    }
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata::new(Object::default())
    }
}

impl From<Object> for Metadata {
    fn from(object: Object) -> Metadata {
        Metadata::new(object)
    }
}

impl Deref for Metadata {
    type Target = Object;

    fn deref(&self) -> &Object {
        let read = || {
            self.0
                .read
                .as_ref()
                .map_or_else(Object::default, |read| read())
        };
        self.0.object.get_or_init(read)
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

//! The closure's view of the file system: finds, reads and parses, and keeps the bytes for the engine.

use std::path::Path;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::stats::{Clock, Phase};
use crate::abi;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::object::{self, Object};
use crate::plan::needed::Provider;
use crate::plan::{Found, Identity, Role, role_of};
use crate::search::{self, Located, View};

pub struct Files<'a> {
    config: &'a Config,
    view: View<'a>,
    clock: &'a Clock,
    /// Bytes of the objects opened so far, as the engine is to get them.
    pub bytes: HashMap<Identity, Vec<u8>>,
}

impl<'a> Files<'a> {
    pub fn new(config: &'a Config, view: View<'a>, clock: &'a Clock) -> Self {
        Files {
            config,
            view,
            clock,
            bytes: HashMap::new(),
        }
    }

    /// What the guest names by a path.
    pub fn find_in_guest(&self, path: &str, by: Option<&Found>) -> Result<Located> {
        let Files { config, view, .. } = self;
        search::find_in_guest(&config.search, path, by, *view, &config.trace)
    }

    /// An object from a file that was found.
    pub fn take(&mut self, located: Located, main: bool) -> Result<Found> {
        let (name, path, identity, in_guest) = (
            located.name.clone(),
            located.path.clone(),
            located.identity.clone(),
            located.in_guest,
        );
        let bytes = self.clock.time(Phase::Read, || located.read())?;
        let found = self.parse(&name, path.as_deref(), identity, bytes, main);
        match found {
            Ok(found) => Ok(Found { in_guest, ..found }),
            // The guest can read the file itself.
            Err(error) if in_guest => Err(error.of_the_guest()),
            Err(error) => Err(error),
        }
    }

    /// An object from bytes at hand.
    pub fn parse(
        &mut self,
        name: &str,
        path: Option<&Path>,
        identity: Identity,
        bytes: Vec<u8>,
        main: bool,
    ) -> Result<Found> {
        let Files { config, clock, .. } = self;
        let parsed = clock.time(Phase::Parse, || prepare(bytes, &config.parse, main));
        let (object, bytes, role, stack_pointer) = parsed?;
        self.bytes.insert(identity.clone(), bytes);
        Ok(Found {
            name: name.into(),
            path: path.map(Arc::from),
            in_guest: false,
            identity,
            object: Arc::new(object),
            role,
            needed: Vec::new(),
            stack_pointer,
        })
    }
}

type Prepared = (Object, Vec<u8>, Role, Option<u64>);

/// Parses; a main program's own memory and table become imports, so that libraries can be instantiated before it.
fn prepare(bytes: Vec<u8>, limits: &object::ParseLimits, main: bool) -> Result<Prepared> {
    let mut object = Object::parse(&bytes, limits)?;
    let mut bytes = bytes;
    let mut stack_pointer = None;
    let unfit = |error: Error| error.told_guests("not a valid WebAssembly module");
    if main && let Some((moved, what)) = object::externalize(&bytes, &object).map_err(unfit)? {
        let code = |object: &Object| object.bodies.first().copied().map_or(0, i64::from);
        let before = code(&object);
        // One of each is there at a time: both may be large.
        drop(object);
        bytes = moved;
        object = Object::parse(&bytes, limits)?;
        object.code_moved = before - code(&object);
        stack_pointer = what.stack_pointer;
    }
    let role = role_of(&object, main)?;
    if role == Role::Main && object.dylink.is_none() {
        return Err(Error::new(
            Code::Unsupported,
            format!(
                "the program imports env.{} but has no dylink.0 section; link it with -Wl,-pie -Wl,--experimental-pic",
                abi::MEMORY_BASE
            ),
        ));
    }
    Ok((object, bytes, role, stack_pointer))
}

impl Provider for Files<'_> {
    type Located = Located;

    fn locate(&mut self, name: &str, by: Option<&Found>) -> Result<Located> {
        // Only the host names files by their path; what an object needs is a bare name.
        match by {
            None if name.contains('/') => search::open_path(Path::new(name)),
            _ => search::find(&self.config.search, name, by, self.view, &self.config.trace),
        }
    }

    fn identity(&self, located: &Located) -> Identity {
        located.identity.clone()
    }

    fn open(&mut self, located: Located) -> Result<Found> {
        self.take(located, false)
    }
}

//! A program that opens no libraries, as one module with all that it needs: it starts as fast as one that was linked statically.
//!
//! A launch closure keeps the load of that module as it would keep that of the objects. It is linked when the load is made for the first time.

use super::files::Files;
use super::namespace::Namespace;
use super::open::Flags;
use super::service;
use super::stats::Phase;
use crate::abi;
use crate::control::Checks;
use crate::engine::ModuleKey;
use crate::error::{Code, Error, Result};
use crate::fuse::{self, World};
use crate::object::{Metadata, Object};
use crate::plan::needed::Closure;
use crate::plan::{Bind, Model, ObjectId, Options, Plt, Request, plan};

/// Bytes of all modules up to which they are looked at: the first start takes the time to read all code once more.
const MAX_BYTES: usize = 16 << 20;
/// How much more there may be to compile than without it, where libraries have been compiled for other programs: some 50 ms.
const ALLOWANCE: usize = 256 << 10;

impl Namespace {
    /// Puts one module into the place of a program and its libraries, where that starts faster. Gives why not otherwise.
    pub(super) fn prelink(
        &self,
        closure: &mut Closure,
        files: &mut Files<'_>,
        flags: Flags,
        options: &Options,
    ) -> Result<(), String> {
        self.may_prelink(closure, flags, options)?;
        let bytes: Option<Vec<&[u8]>> = closure
            .fresh
            .iter()
            .map(|found| files.bytes.get(&found.identity).map(Vec::as_slice))
            .collect();
        let bytes = bytes.ok_or("bytes of an object are not at hand")?;
        if bytes.iter().map(|bytes| bytes.len()).sum::<usize>() > MAX_BYTES {
            return Err(format!("the modules have more than {MAX_BYTES} bytes"));
        }
        let keys: Vec<ModuleKey> = bytes.iter().map(|bytes| ModuleKey::of(bytes)).collect();
        let known = (self.clock).time(Phase::Compile, || self.known_modules(&keys));
        let unknown = bytes.iter().zip(known).filter(|(_, known)| known.is_none());
        let otherwise: usize = unknown.map(|(bytes, _)| bytes.len()).sum();
        if otherwise == 0 {
            return Err("all of it has been compiled already".to_string());
        }
        let linked = (self.clock).time(Phase::Plan, || self.linked(closure, &bytes, options));
        let linked = linked.map_err(|error| error.message().to_string())?;
        if linked.absent {
            return Err("it calls weak functions that nobody defines".to_string());
        }
        if linked.loses_debug {
            return Err("it has debug information, which would be lost".to_string());
        }
        if linked.code > otherwise.saturating_add(ALLOWANCE) {
            return Err("its libraries have been compiled already".to_string());
        }
        let root = closure.fresh.first().ok_or("there is no program")?;
        let (name, path, identity) = (root.name.clone(), root.path.clone(), root.identity.clone());
        let found = files.parse(&name, path.as_deref(), identity, linked.bytes, true);
        let (mut found, _) = found.map_err(|error| error.message().to_string())?;
        let object = Object::clone(&found.object);
        found.object = Metadata::new(Object {
            fused: true,
            code_rewritten: true,
            ..object
        });
        let id = ObjectId(self.state().model.next);
        *closure = Closure {
            fresh: vec![found],
            group: vec![id],
            roots: vec![id],
            names: closure
                .names
                .iter()
                .filter(|(_, of)| *of == id)
                .cloned()
                .collect(),
        };
        Ok(())
    }

    /// Whether the host asks for no objects, and nothing is told of them.
    pub(super) fn prelinks(&self) -> bool {
        self.config.prelink && !self.config.trace.shows_objects()
    }

    fn may_prelink(
        &self,
        closure: &Closure,
        flags: Flags,
        options: &Options,
    ) -> Result<(), &'static str> {
        if !self.prelinks() {
            return Err("the host asks for its objects");
        }
        let root = closure.fresh.first();
        let starts = root.is_some_and(|root| root.object.brief().step(abi::START).is_some());
        if !flags.main || !starts || closure.fresh.len() < 2 {
            return Err("it is not a program with libraries");
        }
        if self.side.control.checks() != Checks::None {
            return Err("it is to be stopped or counted");
        }
        if options.bind != Bind::Now || options.plt != Plt::Auto {
            return Err("options are about its objects");
        }
        if closure.fresh.iter().any(|found| {
            found
                .object
                .imports
                .iter()
                .any(|import| service::is_asked_for(&import))
        }) {
            return Err("it opens libraries, or asks about them");
        }
        Ok(())
    }

    fn linked(&self, closure: &Closure, bytes: &[&[u8]], options: &Options) -> Result<fuse::Fused> {
        let state = self.state();
        if !state.model.nodes.is_empty() {
            return Err(Error::new(Code::Busy, "something is loaded already"));
        }
        // Where nobody opens or closes libraries, libc's own list of exit handlers does.
        let mut model = Model::default();
        model.next = state.model.next;
        model.host = state.model.host.clone();
        service::forget(&mut model.host);
        let request = Request {
            model: &model,
            fresh: &closure.fresh,
            group: &closure.group,
            roots: &closure.roots,
            options,
            now: None,
        };
        let plan = plan(&request)?;
        let world = World {
            request: &request,
            plan: &plan,
            bytes,
        };
        fuse::fuse(&world, &fuse::Options::hosted())
    }
}

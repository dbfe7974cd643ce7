//! The closure's view of the file system: finds, reads and parses, and keeps the bytes for the engine.

use std::path::Path;
use std::sync::Arc;

use crate::aside::is_lean;
use crate::hash_map::HashMap;

use super::launch::Record;
use super::order::lost;
use super::parts;
use super::stats::{Clock, Phase};
use crate::abi;
use crate::config::Config;
use crate::engine::ModuleKey;
use crate::error::{Code, Error, Result};
use crate::object::{self, Asides, Metadata, Metering, Object, Parts};
use crate::plan::needed::Provider;
use crate::plan::{Found, Identity, Role, role_of};
use crate::search::{self, Located, Tried, View};
use crate::state;

pub struct Files<'a> {
    config: &'a Config,
    view: View<'a>,
    clock: &'a Clock,
    metering: Metering,
    /// Bytes of memory that the namespace's objects take, those opened so far among them.
    pub taken: u64,
    /// Bytes of the modules read so far, as they are on the disk.
    pub read: u64,
    /// Bytes of the objects opened so far, as the engine is to get them.
    pub bytes: HashMap<Identity, Vec<u8>>,
    /// Those of them that the host has compiled.
    pub ready: HashMap<Identity, u32>,
    /// The same as they came, where snapshots are taken.
    pub(super) modules: HashMap<Identity, state::Module>,
    /// Takes down where files were looked for.
    pub(super) record: Option<Box<Record>>,
}

impl<'a> Files<'a> {
    /// `metering`: what is put into the objects' code.
    pub fn new(config: &'a Config, view: View<'a>, clock: &'a Clock, metering: Metering) -> Self {
        Files {
            config,
            view,
            clock,
            metering,
            taken: 0,
            read: 0,
            bytes: HashMap::new(),
            ready: HashMap::new(),
            modules: HashMap::new(),
            record: None,
        }
    }

    /// Opens a file that the host names by its path.
    pub fn open_path(&mut self, path: &Path) -> Result<Located> {
        let located = search::open_path(&self.config.search, path)?;
        self.note(&[], Some(&located));
        Ok(located)
    }

    /// Takes down what a search came to.
    fn note(&mut self, tried: &[Tried], found: Option<&Located>) {
        if is_lean() {
            return;
        }
        let Some(record) = &mut self.record else {
            return;
        };
        let places = &mut record.places;
        for tried in tried {
            match &tried.path {
                Some(path) if tried.absent => places.note(path, None),
                Some(path) => places.spoil(format!("{}: {}", path.display(), tried.problem)),
                // Why a folder was not searched stands in the configuration or in the object that named it.
                None => {}
            }
        }
        match found.map(|found| (&found.path, &found.stamp)) {
            Some((Some(path), Some(stamp))) => places.note(path, Some(stamp.clone())),
            Some(_) => places.spoil("a library is no file".to_string()),
            None => {}
        }
    }

    /// What the guest names by a path.
    pub fn find_in_guest(&self, path: &str, by: Option<&Found>) -> Result<Located> {
        let Config { search, trace, .. } = self.config;
        search::find_in_guest(search, path, by, self.view(), trace)
    }

    /// The view, with as much room as is left of what the namespace may take of the host's memory.
    fn view(&self) -> View<'a> {
        View {
            room: self.view.room.saturating_sub(self.taken),
            ..self.view
        }
    }

    /// An object from a file that was found.
    pub fn take(&mut self, located: Located, main: bool) -> Result<Found> {
        let (name, path, identity, in_guest) = (
            located.name.clone(),
            located.path.clone(),
            located.identity.clone(),
            located.in_guest,
        );
        // Before the file takes any.
        self.within_limit(&name, located.size())?;
        let ready = located.ready;
        let bytes = self.clock.time(Phase::Read, || located.read())?;
        let found = self.parse(&name, path.as_deref(), identity.clone(), bytes, main);
        match found {
            Ok((found, rewritten)) => {
                if let (Some(ready), false) = (ready, rewritten) {
                    self.ready.insert(identity, ready);
                }
                Ok(Found { in_guest, ..found })
            }
            // The guest can read the file itself.
            Err(error) if in_guest => Err(error.of_the_guest()),
            Err(error) => Err(error),
        }
    }

    /// Whether another `size` bytes are within what the namespace may take of the host's memory.
    fn within_limit(&self, name: &str, size: u64) -> Result<()> {
        let limit = self.config.limits.host_memory;
        if self.taken.saturating_add(size) <= limit {
            return Ok(());
        }
        let why = format!(
            "{name} takes {size} bytes of the host's memory besides {} that are taken; the limit is {limit}",
            self.taken
        );
        Err(Error::new(Code::Limit, crate::text::name(&why)))
    }

    /// An object from bytes at hand, and whether the engine gets others.
    pub fn parse(
        &mut self,
        name: &str,
        path: Option<&Path>,
        identity: Identity,
        bytes: Vec<u8>,
        main: bool,
    ) -> Result<(Found, bool)> {
        self.read = self.read.saturating_add(bytes.len() as u64);
        let module = self.config.snapshots.then(|| state::Module {
            key: ModuleKey::of(&bytes),
            bytes: Arc::from(bytes.as_slice()),
            path: None,
            in_guest: false,
        });
        let parsed = self.clock.time(Phase::Parse, || self.prepare(bytes, main));
        let Prepared {
            object,
            bytes,
            role,
            stack_pointer,
            parts,
            rewritten,
        } = parsed?;
        let footprints = object
            .footprint
            .saturating_mul(1 + parts.as_ref().map_or(0, |parts| parts.objects.len()));
        let size = bytes.len().saturating_add(footprints) as u64;
        self.within_limit(name, size)?;
        self.taken = self.taken.saturating_add(size);
        self.ready.remove(&identity);
        self.bytes.insert(identity.clone(), bytes);
        if let Some(module) = module {
            self.taken = self.taken.saturating_add(module.bytes.len() as u64);
            self.modules.insert(identity.clone(), module);
        }
        let whole = Found {
            name: name.into(),
            path: path.map(Arc::from),
            in_guest: false,
            identity,
            object: Metadata::default(),
            role,
            needed: Vec::new(),
            stack_pointer,
            within: None,
            parts: Vec::new(),
        };
        let Some(parts) = parts else {
            let object = Metadata::new(object);
            return Ok((Found { object, ..whole }, rewritten));
        };
        let program = parts::split(whole, &object, parts)?;
        if self.config.snapshots {
            let identities = program.parts.iter().map(|part| part.identity.clone());
            // Their code is in the program's module.
            self.modules
                .extend(identities.map(|identity| (identity, state::Module::none())));
        }
        Ok((program, rewritten))
    }
}

/// An object, and what the engine gets for it.
struct Prepared {
    object: Object,
    bytes: Vec<u8>,
    role: Role,
    stack_pointer: Option<u64>,
    parts: Option<Parts>,
    /// The bytes are not those of the file.
    rewritten: bool,
}

impl Files<'_> {
    /// Parses; a main program's own memory and table become imports, so that libraries can be instantiated before it, and checks are put
    /// into the code.
    fn prepare(&self, bytes: Vec<u8>, main: bool) -> Result<Prepared> {
        let limits = &self.config.parse;
        let mut object = Object::parse(&bytes, limits)?;
        let mut bytes = bytes;
        let mut stack_pointer = None;
        let unfit = |error: Error| error.told_guests("not a valid WebAssembly module");
        let before = first_body(&object);
        let own_funcs = object.bodies.len();
        let parts = match main {
            true => Parts::of(&bytes, &object, limits).map_err(unfit)?,
            false => None,
        };
        let mut moved = false;
        if main
            && let Some((rewritten, what)) = object::externalize(&bytes, &object).map_err(unfit)?
        {
            bytes = rewritten;
            stack_pointer = what.stack_pointer;
            moved = true;
        }
        // Behind that, since the program's own memory and table are the namespace's.
        if let Some(clamped) = object::clamp(&bytes, self.config.bounds()).map_err(unfit)? {
            bytes = clamped;
            moved = true;
        }
        if self.config.snapshots
            && let Some(exposed) = object::expose(&bytes).map_err(unfit)?
        {
            bytes = exposed;
            moved = true;
        }
        let mut asides = Asides::default();
        let mut checked = false;
        if let Some(metered) = object::meter(&bytes, self.metering).map_err(unfit)? {
            (bytes, asides) = (metered.bytes, metered.asides);
            checked = true;
        }
        if moved || checked {
            // One of each is there at a time: both may be large.
            drop(object);
            object = Object::parse(&bytes, limits)?;
            object.code_moved = before - first_body(&object);
            object.code_rewritten = checked;
        }
        if checked && self.metering.imports().is_some() {
            let hidden = object.metered(self.metering, own_funcs, asides);
            object = hidden.ok_or_else(|| lost("the imports of the checks"))?;
        }
        let (object, role) = check_role(object, main)?;
        Ok(Prepared {
            object,
            bytes,
            role,
            stack_pointer,
            parts,
            rewritten: moved || checked,
        })
    }
}

/// Where the code begins.
fn first_body(object: &Object) -> i64 {
    object.bodies.first().copied().map_or(0, i64::from)
}

fn check_role(object: Object, main: bool) -> Result<(Object, Role)> {
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
    Ok((object, role))
}

impl Provider for Files<'_> {
    type Located = Located;

    fn locate(&mut self, name: &str, by: Option<&Found>) -> Result<Located> {
        // Only the host names files by their path; what an object needs is a bare name.
        match by {
            None if name.contains('/') => self.open_path(Path::new(name)),
            _ => {
                let (search, trace) = (&self.config.search, &self.config.trace);
                let searched = search::search(search, name, by, self.view(), trace)?;
                self.note(&searched.tried, searched.found.as_ref());
                searched.located()
            }
        }
    }

    fn identity(&self, located: &Located) -> Identity {
        located.identity.clone()
    }

    fn open(&mut self, located: Located) -> Result<Found> {
        self.take(located, false)
    }
}

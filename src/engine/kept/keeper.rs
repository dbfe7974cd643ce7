//! What an engine keeps of its modules, and how it is asked for: by keys alone, or by keys and bytes.

use std::sync::Arc;

use super::blob::{Blob, Code, page_size};
use super::form::{self, Contents, Parts, Settings};
use super::key::ModuleKey;
use super::place::{Name, Place};
use crate::engine::module::Module;
use crate::engine::shim;
use crate::engine::store::Store;

/// So many modules that are asked for at once are kept in one file as well: each file that is opened costs some microseconds.
const TOGETHER: usize = 8;

/// What stands for the settings where no code is kept but a record of the linker's own.
pub(super) const RECORDS: &Settings = b"wasmdyld: a record and no code..";

/// Where the modules of one engine are kept. May be used by several threads.
#[derive(Debug)]
pub struct Keeper {
    settings: Settings,
    /// In the order in which they are asked. All that can be written to get what is kept.
    places: Vec<Arc<dyn Place>>,
}

/// A file that has been opened, with its header read.
struct Opened {
    blob: Blob,
    contents: Contents,
}

impl Opened {
    fn code(&self, key: ModuleKey) -> Option<Code> {
        let piece = self.contents.piece(key)?;
        self.contents.bytes(self.blob.bytes(), piece)?;
        Some(Code::new(
            &self.blob,
            piece.offset..piece.offset + piece.length,
        ))
    }
}

impl Keeper {
    pub fn new(settings: Settings, places: Vec<Arc<dyn Place>>) -> Keeper {
        Keeper { settings, places }
    }

    /// Hash of the engine's build and of all in its configuration that code depends on: what holds for one engine holds for another with
    /// the same settings.
    pub fn settings(&self) -> &[u8; 32] {
        &self.settings
    }

    /// The modules of these keys, as far as their code is kept, in the order of the keys; of a key that is named twice, one.
    ///
    /// `store` is of the engine that this keeper belongs to.
    pub fn find(&self, store: Store, keys: &[ModuleKey]) -> Vec<Option<Module>> {
        let codes = self.codes(keys);
        let shim = shim::of(store.api());
        let taken_up = codes.into_iter().map(|code| {
            // SAFETY: an engine with these settings wrote it, and it is as it was written.
            code.and_then(|code| unsafe { shim.take_up(store, &code) })
        });
        taken_up.collect()
    }

    fn codes(&self, keys: &[ModuleKey]) -> Vec<Option<Code>> {
        let together = match keys.len() >= TOGETHER {
            true => self.open(&self.settings, keys),
            false => None,
        };
        let mut seen = std::collections::HashSet::new();
        let mut damaged = false;
        let mut codes = Vec::with_capacity(keys.len());
        for &key in keys {
            let code = if seen.insert(key) {
                let found = together.as_ref().and_then(|file| file.code(key));
                damaged |= together.is_some() && found.is_none();
                found.or_else(|| self.code(&self.settings, key))
            } else {
                None
            };
            codes.push(code);
        }
        if damaged {
            self.discard(&name_of(&self.settings, keys));
        }
        codes
    }

    /// The code in a file of its own.
    fn code(&self, settings: &Settings, key: ModuleKey) -> Option<Code> {
        let file = self.open(settings, &[key])?;
        let code = file.code(key);
        if code.is_none() {
            self.discard(&name_of(settings, &[key]));
        }
        code
    }

    /// The first place's file of these keys that is what it should be, as far as its header tells.
    fn open(&self, settings: &Settings, keys: &[ModuleKey]) -> Option<Opened> {
        let name = name_of(settings, keys);
        self.places.iter().enumerate().find_map(|(n, place)| {
            let blob = place.get(&name)?;
            let contents =
                form::read(blob.bytes()).filter(|contents| contents.settings == *settings);
            let Some(contents) = contents else {
                place.discard(&name);
                return None;
            };
            let opened = Opened { blob, contents };
            if n > 0 {
                self.bring_nearer(n, &name, &opened);
            }
            Some(opened)
        })
    }

    /// Puts what a later place gave into those before it, if it is a place that has to be asked over a network.
    fn bring_nearer(&self, from: usize, name: &Name, file: &Opened) {
        let is_far = self.places.get(from).is_some_and(|place| place.is_far());
        let Some(pieces) = is_far.then(|| file.pieces()).flatten() else {
            return;
        };
        if let Some(parts) = Parts::new(&file.contents.settings, page_size(), pieces) {
            for place in self.places.iter().take(from) {
                place.put(name, &parts);
            }
        }
    }

    fn discard(&self, name: &Name) {
        self.places.iter().for_each(|place| place.discard(name));
    }

    fn put(&self, settings: &Settings, pieces: Vec<(ModuleKey, &[u8])>) {
        let keys: Vec<ModuleKey> = pieces.iter().map(|(key, _)| *key).collect();
        if let Some(parts) = Parts::new(settings, page_size(), pieces) {
            let name = name_of(settings, &keys);
            self.places
                .iter()
                .for_each(|place| place.put(&name, &parts));
        }
    }

    /// Compiles `bytes`, whose key this is, and keeps the code. Does not look for kept code. `None` if the engine refuses them.
    pub fn compile(&self, store: Store, key: ModuleKey, bytes: &[u8]) -> Option<Module> {
        let module = Module::compile(store, bytes)?;
        if let Some(code) = shim::of(store.api()).serialize(&module) {
            self.put(&self.settings, vec![(key, &code)]);
        }
        Some(module)
    }

    /// Keeps the code of these modules in one file beside those of their own, so that whoever asks for just these keys opens one file.
    /// Without effect where they are few, where the code of one is not kept, or where there is such a file.
    pub fn keep_together(&self, keys: &[ModuleKey]) {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let name = name_of(&self.settings, &keys);
        if keys.len() < TOGETHER || self.places.iter().any(|place| place.has(&name)) {
            return;
        }
        let codes = keys.iter().map(|&key| self.code(&self.settings, key));
        let Some(codes) = codes.collect::<Option<Vec<Code>>>() else {
            return;
        };
        let codes = codes.iter().map(Code::bytes);
        self.put(&self.settings, keys.iter().copied().zip(codes).collect());
    }

    /// What was kept as a record under this name, whole and unchanged: something small that belongs to code, such as which modules a
    /// program needs. The name is a hash of what the record is about.
    pub fn record(&self, name: ModuleKey) -> Option<Code> {
        self.code(RECORDS, name)
    }

    /// Keeps a record, in the place of what had its name. If it cannot be written it is not kept.
    pub fn keep_record(&self, name: ModuleKey, record: &[u8]) {
        self.put(RECORDS, vec![(name, record)]);
    }
}

impl Opened {
    /// All pieces, if each is as it was written.
    fn pieces(&self) -> Option<Vec<(ModuleKey, &[u8])>> {
        let file = self.blob.bytes();
        let pieces = self.contents.pieces().iter();
        pieces
            .map(|piece| Some((piece.key, self.contents.bytes(file, *piece)?)))
            .collect()
    }
}

/// What a file with the code of these modules is called, in whatever order they are.
fn name_of(settings: &Settings, keys: &[ModuleKey]) -> Name {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let mut hash = blake3::Hasher::new();
    hash.update(settings);
    keys.iter().for_each(|key| {
        hash.update(key.as_bytes());
    });
    Name::new(hash.finalize().into())
}

//! All that a load depends on beside files, as one name.

use std::hash::{Hash, Hasher};

use crate::control::Checks;
use crate::engine::ModuleKey;
use crate::object::ParseLimits;
use crate::plan::{HostDefs, LoadLimits, Options};
use crate::platform;
use crate::search::SearchOptions;

/// What the first load of a namespace is asked for, and by whom.
pub struct Inputs<'a> {
    /// Of the engine's build, and of all in its configuration that code depends on.
    pub engine: &'a [u8; 32],
    /// The program's path or a library's name, as the host gave it.
    pub source: &'a [u8],
    pub is_path: bool,
    pub main: bool,
    pub prelink: bool,
    /// What is put into the modules.
    pub checks: Checks,
    pub options: &'a Options,
    pub search: &'a SearchOptions,
    pub preloads: &'a [String],
    pub parse: &'a ParseLimits,
    pub host: &'a HostDefs,
}

/// Feeds what wants to be hashed to a hash that is the same in every process.
struct Feed(blake3::Hasher);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Inputs<'_> {
    /// Two loads with the same name do the same, if they find the same files. The sources of this library are part of it: they
    /// say what is planned, and in what form that is written down.
    pub fn name(&self) -> ModuleKey {
        let mut feed = Feed(blake3::Hasher::new());
        let to = &mut feed;
        (
            "wasmdyld launch",
            env!("CARGO_PKG_VERSION"),
            env!("WASMDYLD_SOURCES"),
        )
            .hash(to);
        self.engine.hash(to);
        (
            self.source,
            self.is_path,
            self.main,
            self.prelink,
            self.checks,
        )
            .hash(to);
        user(to);
        let SearchOptions {
            library_paths,
            default_paths,
            runtime_path,
            // A load that asks them is not kept.
            open: _,
            files: _,
        } = self.search;
        for paths in [library_paths, default_paths] {
            let paths = paths.iter().map(|p| p.as_os_str().as_encoded_bytes());
            paths.collect::<Vec<&[u8]>>().hash(to);
        }
        (*runtime_path as u8).hash(to);
        self.preloads.hash(to);
        let Options {
            bind,
            plt,
            stack_size,
            limits,
            global,
            deepbind,
        } = self.options;
        (*bind as u8, *plt as u8, stack_size, global, deepbind).hash(to);
        let LoadLimits {
            memory_pages,
            table_slots,
            objects,
            host_memory,
        } = limits;
        (memory_pages, table_slots, objects, host_memory).hash(to);
        let ParseLimits {
            imports,
            exports,
            types,
            globals,
            functions,
            segments,
            segment_entries,
            needed,
            runtime_paths,
            name,
        } = self.parse;
        (imports, exports, types, globals, functions).hash(to);
        (segments, segment_entries, needed, runtime_paths, name).hash(to);
        self.host.hash(to);
        ModuleKey::from_bytes(feed.0.finalize().into())
    }
}

/// Who runs this: what one user may read another may not. And where, since paths may count from there.
fn user(to: &mut Feed) {
    platform::user().hash(to);
    let here = std::env::current_dir().unwrap_or_default();
    here.as_os_str().as_encoded_bytes().hash(to);
}

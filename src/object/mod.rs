//! bytes -> [`Object`]: everything that linking needs to know of a module, read without an engine.

mod budget;
mod by_value;
mod clamp;
mod constant;
mod convert;
mod data;
mod datum;
mod dylink;
mod elements;
mod emscripten;
mod entries;
mod explain;
#[cfg(any(test, target_family = "wasm"))]
mod exported;
mod exports;
mod expose;
mod externalize;
mod fault;
mod features;
mod imports;
#[cfg(any(test, target_family = "wasm"))]
mod mangled;
mod metadata;
mod meter;
mod name;
mod operators;
mod outline;
mod parse;
mod parts;
mod pointer_call;
mod section;
mod signature;
#[cfg(any(test, target_family = "wasm"))]
mod slim;
mod sniff;
mod soname;
mod spaces;
#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "fuzzers use a part of it")
)]
pub(crate) mod tests;
mod types;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use by_value::ByValue;
pub use clamp::{Bounds, clamp};
pub(crate) use constant::{Global as KnownGlobal, Width, evaluate};
pub(crate) use convert::value as value_type;
pub use datum::Datum;
pub(crate) use dylink::mem_info;
pub use explain::{Explanation, explain};
#[cfg(target_family = "wasm")]
pub use exported::{Exported, exported};
pub use exports::{Export, Exports, Unfit};
pub(crate) use expose::changes_table;
pub use expose::expose;
pub use externalize::{Externalized, STACK_POINTER_TYPE, externalize};
pub use features::Features;
pub use imports::{Import, Imports};
#[cfg(target_family = "wasm")]
pub use mangled::has_mangled_names;
pub use metadata::{Brief, Metadata, Step};
pub use meter::{Asides, Metered, Mode as Metering, meter};
pub use name::Name;
pub use outline::{Outline, Part, outline};
pub use parts::{Item as PartItem, Part as PartOf, Parts, Space, Split};
pub use pointer_call::{Guest, PointerCall, Seen, bodies, function_type, pointer_call};
pub use signature::signature;
#[cfg(target_family = "wasm")]
pub use slim::slim;
#[cfg_attr(
    not(feature = "wasi"),
    allow(unused_imports, reason = "WASI reads files")
)]
pub(crate) use sniff::{LOOK, MAGIC};
pub use soname::unfit_file_name;
pub use types::*;

use crate::abi;
use crate::error::Result;

/// What a module says of itself as a shared object (`dylink.0`, or the legacy `dylink`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dylink {
    /// From a `dylink` section, of before LLVM 13.
    pub legacy: bool,
    /// Bytes of static data, .bss included.
    pub memory_size: u64,
    /// Power of two; as written, unclamped.
    pub memory_p2align: u32,
    /// Table slots that the object's own element segment fills.
    pub table_size: u64,
    /// Power of two; as written, unclamped.
    pub table_p2align: u32,
    /// Names of the libraries needed, in order, duplicates removed.
    pub needed: Vec<Arc<str>>,
    /// Search path entries for the needed libraries (`$ORIGIN` unexpanded).
    pub runtime_path: Vec<Arc<str>>,
    /// The name by which others are to need it, whatever its file is called.
    pub soname: Option<Arc<str>>,
}

/// What an export stands for, seen from other objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportItem {
    /// A function, by its index in the module's function index space. An index below
    /// [`Object::imported_funcs`] is an alias: an import exported again.
    Func {
        index: u32,
        sig: Arc<FuncType>,
    },
    /// An immutable global with a constant initialiser: the address of a datum, or a plain number.
    Data(Datum),
    /// Any other global (mutable, or without a known value).
    Global {
        index: u32,
        ty: Box<GlobalType>,
    },
    Table {
        index: u32,
        ty: Box<TableType>,
    },
    Memory {
        index: u32,
        ty: Box<MemoryType>,
    },
    Tag {
        index: u32,
        sig: Arc<FuncType>,
    },
}

impl ExportItem {
    /// The type, if it is a global.
    pub fn global_type(&self) -> Option<GlobalType> {
        match self {
            ExportItem::Data(datum) => Some(datum.ty()),
            ExportItem::Global { ty, .. } => Some(**ty),
            _ => None,
        }
    }
}

/// A run of table slots that the object's own active element segment fills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Table index; slots of the indirect function table are those of [`Object::table`].
    pub table: u32,
    /// Where it starts.
    pub offset: ConstValue,
    /// Function indices; `None` for a null or a computed element.
    pub funcs: Vec<Option<u32>>,
}

/// What the active data segments of one form fill of a memory: all lie between the first byte and the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// Memory index.
    pub memory: u32,
    /// What offsets count from; `None` where only the engine knows where a segment begins.
    pub base: Option<Base>,
    pub start: u64,
    pub end: u64,
}

/// A module's metadata. Pure data: no bytes, no engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    pub dylink: Option<Dylink>,
    pub imports: Imports,
    pub exports: Exports,
    pub imported_funcs: u32,
    pub imported_globals: u32,
    /// Position in `imports` of the n-th imported function, table, memory, global and tag.
    pub func_imports: Vec<u32>,
    pub table_imports: Vec<u32>,
    pub memory_imports: Vec<u32>,
    pub global_imports: Vec<u32>,
    pub tag_imports: Vec<u32>,
    /// Active element segments with their functions.
    pub segments: Vec<Segment>,
    /// What active data segments fill, joined.
    pub data: Vec<Filled>,
    /// Type of the first memory defined (not imported) by the module.
    pub memory: Option<MemoryType>,
    /// Index and type of the first table of functions defined by the module.
    pub table: Option<(u32, TableType)>,
    /// Number of memories and tables defined by the module.
    pub defined_memories: u32,
    pub defined_tables: u32,
    /// The module has a start function.
    pub start: Option<u32>,
    /// What the module uses beyond the first release of WebAssembly.
    pub features: Features,
    /// How the module calls itself, for messages only; it may say anything.
    pub module_name: Option<Arc<str>>,
    /// Where the body of each function that the module defines begins in its bytes. Those that [`meter`] has put behind them are not
    /// among these.
    pub bodies: Arc<[u32]>,
    /// The module's last two imports are those of the checks of this kind that [`meter`] has put into it ([`Metering::imports`]). They are in
    /// the index spaces, and not in [`Object::imports`]: they are no symbols.
    pub metered: Metering,
    /// Functions of the checks' that stand for the module's own while these are entered.
    pub asides: Asides,
    /// Bytes of memory that all this takes, and a plan of it, by an estimate that is rather too high.
    pub footprint: usize,
    /// How much further into the file the code was, before [`externalize`] rewrote what stands in front of it.
    pub code_moved: i64,
    /// [`meter`] rewrote the code itself: no place in it is that in the file.
    pub code_rewritten: bool,
    /// Several objects as one: its functions are called by their objects' names, `!`, and their own.
    pub fused: bool,
}

impl Object {
    /// Parses `bytes`. Errors name the byte offset, and what the file is where it is not a core module
    /// (a component, a wasm object file, text, an ELF file, ...).
    ///
    /// `limits` bounds every count before anything is allocated for it. Guests are told of an error that it is no module, and
    /// nothing of what the file is instead: it may be any file of the host's that a library path leads to.
    pub fn parse(bytes: &[u8], limits: &ParseLimits) -> Result<Object> {
        sniff::check(bytes)
            .map_err(|error| error.told_guests("not a WebAssembly module"))
            .and_then(|()| {
                let parsed = parse::parse(bytes, limits);
                parsed.map_err(|error| error.told_guests("not a valid WebAssembly module"))
            })
    }

    /// The object of a module that [`meter`] has put checks of this kind into, with these asides, and that had so many functions of its own: without the two
    /// imports of the checks, and without the bodies of their functions. `None`: its imports do not end in these.
    pub fn metered(mut self, mode: Metering, own_funcs: usize, asides: Asides) -> Option<Object> {
        let names = mode.imports()?;
        let own = self.imports.len().checked_sub(2)?;
        let last = self.imports.iter().skip(own);
        let last = last.map(|import| (&**import.module, import.name.text()));
        if !last.eq(names.map(|name| (abi::CONTROL, name))) {
            return None;
        }
        self.imports.truncate(own);
        self.func_imports.pop();
        self.bodies = self.bodies.iter().take(own_funcs).copied().collect();
        if matches!(mode, Metering::Flag { .. }) {
            self.memory_imports.pop();
            // What the module itself uses.
            let own = self.memory_imports.len() + self.defined_memories as usize;
            self.features.multi_memory = own > 1;
        } else {
            self.global_imports.pop();
        }
        self.metered = mode;
        self.asides = asides;
        Some(self)
    }

    pub fn export(&self, name: &str) -> Option<Export<'_>> {
        self.exports.get(self.position(name)? as usize)
    }

    /// The position of the export of a name.
    pub fn position(&self, name: &str) -> Option<u32> {
        self.exports.position(Name::new(name))
    }

    /// The type of an exported function, by the export's position.
    pub fn func_type(&self, export: u32) -> Option<Arc<FuncType>> {
        match self.exports.get(export as usize)?.item {
            ExportItem::Func { sig, .. } => Some(sig.clone()),
            _ => None,
        }
    }

    /// The index of an exported function that the module itself defines.
    pub fn defined_func(&self, export: u32) -> Option<u32> {
        match self.exports.get(export as usize)?.item {
            ExportItem::Func { index, .. } => (*index >= self.imported_funcs).then_some(*index),
            _ => None,
        }
    }

    /// The index of the module's own function that is entered while the one of this index, of the checks', asks for it.
    pub fn asked_for(&self, func: u32) -> Option<u32> {
        self.asides.asks_for(func)?.checked_add(self.imported_funcs)
    }

    /// The import behind a function index, if that function is imported.
    pub fn import_of_func(&self, index: u32) -> Option<u32> {
        self.func_imports.get(index as usize).copied()
    }
}

/// Bounds on what a module may declare.
#[derive(Clone, Debug)]
pub struct ParseLimits {
    pub imports: u32,
    pub exports: u32,
    pub types: u32,
    pub globals: u32,
    pub functions: u32,
    pub segments: u32,
    pub segment_entries: u32,
    pub needed: u32,
    pub runtime_paths: u32,
    /// Bytes of one name.
    pub name: u32,
}

impl Default for ParseLimits {
    /// Several times what the largest modules known need (one published python.wasm: 2,911 exports, 1,306 GOT entries). Memory in
    /// proportion to the module is a bound of its own.
    fn default() -> Self {
        ParseLimits {
            imports: 1_000_000,
            exports: 1_000_000,
            types: 1_000_000,
            globals: 1_000_000,
            functions: 1_000_000,
            segments: 100_000,
            segment_entries: 10_000_000,
            needed: 10_000,
            runtime_paths: 1_000,
            name: 100_000,
        }
    }
}

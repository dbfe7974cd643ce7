//! A plan and its modules -> one module, in which nothing is left to link. Pure: no engine, no I/O.
//!
//! ```text
//! modules -> targets    what each index of each object stands for; beyond here nothing is looked up
//!         -> values     the numbers that globals stand for
//!         -> image      memory and table as segments leave them
//!         -> relocate   data relocations that only store known numbers are carried out
//!         -> reach      what is used, from the entry and the exports on
//!         -> emit       numbers for what is left, and everything rewritten with them
//!         -> validate   what comes out is a module
//! ```
//! A call across objects is a direct call, an address a constant. What the host defines stays imported.

pub(crate) mod dwarf;
mod dynamic;
mod emit;
mod entry;
mod exports;
mod fold;
mod image;
mod map;
mod module;
mod names;
mod numbers;
mod objects;
mod reach;
mod refs;
mod relocate;
mod rewrite;
pub mod snapshot;
mod targets;
mod types;
mod values;

#[cfg(any(test, feature = "fuzzing"))]
#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "fuzzers use a part of it")
)]
pub(crate) mod tests;

use wasmparser::{Validator, WasmFeatures};

pub use map::{Map, Placed};

use self::dynamic::Dynamic;
use self::entry::Entry;
use self::image::Image;
use self::module::Module;
use self::objects::Objects;
use self::reach::{Live, Reach};
use self::targets::{Func, Targets};
use self::types::Types;
use self::values::Values;
use crate::aside::{self, is_lean};
use crate::error::{Code, Error, Result};
use crate::plan::{Plan, Request, Role};

/// A load as it was planned: the first of a namespace, so that all objects are new.
pub struct World<'a> {
    pub request: &'a Request<'a>,
    pub plan: &'a Plan,
    /// The bytes of each object, as they were parsed.
    pub bytes: &'a [&'a [u8]],
}

#[derive(Clone, Debug)]
pub struct Options {
    /// Symbols that the module exports, beside its entry and its memory.
    pub exports: Vec<String>,
    /// Symbols that the module has whether anything reaches them or not, with what they lead to. They are not exported.
    pub keep: Vec<String>,
    /// What a library exports is exported: those symbols that the first object defines itself.
    pub library: bool,
    /// What nothing reaches is left out.
    pub gc: bool,
    /// For a namespace: it is told where the stack pointer is, so that it can say that the stack is full and put it back after a trap.
    pub hosted: bool,
    /// The module says of its objects what is known of them, for a namespace in which more are loaded.
    pub dynamic: bool,
    /// Constants that linking makes are folded into what uses them. Without, and with `debug` in an object that has debug information, operators are those of the objects, one by one.
    pub fold: bool,
    /// Functions have their names, in the form `libc.so!malloc`.
    pub names: bool,
    /// The debug information of the objects is that of the module. It is no more true once code is put before others, as for a snapshot.
    pub debug: bool,
}

impl Options {
    /// For a program that a namespace makes one module of and runs.
    pub fn hosted() -> Options {
        Options {
            exports: Vec::new(),
            keep: Vec::new(),
            library: false,
            gc: true,
            hosted: true,
            fold: true,
            dynamic: false,
            names: true,
            debug: false,
        }
    }
}

/// What linking comes to.
pub struct Fused {
    pub bytes: Vec<u8>,
    /// How many of them are code.
    pub code: usize,
    /// An object has debug information, which is left out.
    pub loses_debug: bool,
    /// Functions are called that nobody defines.
    pub absent: bool,
    pub map: Map,
    /// What is lost or unwise, for people.
    pub warnings: Vec<String>,
}

/// Makes one module of all objects of a plan.
///
/// The memory it takes is in proportion to the modules, and so is the time, but for a logarithm.
///
/// # Errors
/// `Malformed`: a module is not valid. `Unsupported`: something that one module cannot have: a second memory, a table of the host's, a symbol that the
/// program gives when it runs. `Limit`: more items of a kind than a module may have.
pub fn fuse(world: &World<'_>, options: &Options) -> Result<Fused> {
    if is_lean() {
        return Err(aside::without(
            "programs are not linked into one module here",
        ));
    }
    let modules = world.bytes.iter().map(|bytes| Module::read(bytes));
    let modules = modules.collect::<Result<Vec<_>>>()?;
    let mut types = Types::new(&modules)?;
    let targets = Targets::new(world, &modules, options.dynamic)?;
    let values = Values::new(world, &modules, &targets)?;
    let mut image = Image::new(world, &modules, &targets, &values)?;
    let objects = Objects {
        modules: &modules,
        targets: &targets,
    };
    let mut entry = Entry::new(world, objects)?;
    let relocated = entry.relocate(objects, &values, &mut image)?;
    let starts = match options.dynamic {
        true => entry.leave_to_linker()?,
        false => Vec::new(),
    };
    let dynamic = options
        .dynamic
        .then(|| Dynamic::new(world, &targets, &values, options, &relocated));
    let dynamic = dynamic.transpose()?;
    let exports = exports::exports(world, &targets, &values, options)?;

    let mut reach = Reach::new(objects, &image, &relocated);
    let steps = entry.steps();
    for &func in steps.iter().chain(&starts) {
        reach.func(func);
    }
    // Code of a program at fixed addresses knows them without a base.
    for (found, object) in world.request.fresh.iter().zip(0..) {
        if found.role == Role::FixedMain {
            reach.object(object);
        }
    }
    for export in &exports {
        export.reach(&mut reach);
    }
    for kept in exports::kept(world, &targets, &values, options)? {
        kept.reach(&mut reach);
    }
    if let Some(dynamic) = &dynamic {
        dynamic.reach(world, &mut reach);
    }
    if options.gc {
        reach.run()?;
    } else {
        reach.all()?;
    }
    let live = reach.live;

    let parts = emit::Parts {
        world,
        objects,
        image: &image,
        live: &live,
        steps,
        starts,
        command: entry.command,
        exports: &exports,
        dynamic: dynamic.as_ref(),
    };
    let emit::Emitted {
        bytes,
        code,
        map,
        lost,
    } = emit::emit(&parts, &mut types, options)?;
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&bytes)
        .map_err(|error| {
            if error.message().contains("exceeds limit") {
                let why = format!("one module cannot have so much: {}", error.message());
                return Error::new(Code::Limit, why);
            }
            Error::new(
                Code::Internal,
                format!(
                    "what was linked is not valid: {} at offset {:#x}",
                    error.message(),
                    error.offset()
                ),
            )
        })?;
    let mut warnings = warnings(world, &modules, &targets, &live, options);
    warnings.extend(lost);
    warnings.extend(dynamic.into_iter().flat_map(|dynamic| dynamic.warnings));
    Ok(Fused {
        bytes,
        code,
        absent: live
            .funcs
            .iter()
            .any(|func| matches!(func, Func::Absent(_))),
        loses_debug: !options.debug && modules.iter().any(|module| module.debug.is_some()),
        map,
        warnings,
    })
}

fn warnings(
    world: &World<'_>,
    modules: &[Module<'_>],
    targets: &Targets,
    live: &Live,
    options: &Options,
) -> Vec<String> {
    let mut warnings = world.plan.warnings.clone();
    for (module, found) in modules.iter().zip(world.request.fresh) {
        let name = crate::text::name(&found.name);
        if module.debug.is_some() && !options.debug {
            warnings.push(format!("the debug information of {name} is left out: it names places in the code that has moved"));
        }
    }
    for (absent, position) in targets.absent.iter().zip(0..) {
        if live.funcs.contains(&Func::Absent(position)) {
            let name = crate::text::name(&absent.name);
            warnings.push(format!("nobody defines {name}: calling it traps"));
        }
    }
    warnings
}

/// Whether a function is one that an object defines.
fn is_own(func: Func, object: u32) -> bool {
    matches!(func, Func::Own { object: of, .. } if of == object)
}

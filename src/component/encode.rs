//! The encoder of components, and the reader of WIT.

use std::borrow::Cow;
use std::path::Path;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{CustomSection, Encode, Section};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::World;
use crate::error::{Code, Context, Error, Result};
use crate::survey::Survey;

/// What wit-bindgen's sections begin with, which tell a world in the object files of its bindings.
const WORLD: &str = "component-type";

/// Bytes of worlds and of WIT that are read, which bounds how deep their types are nested.
const MAX_WORLDS: u64 = 1 << 20;
/// Bytes of stack for these. Only what is used of it takes memory.
const STACK: usize = 512 << 20;

/// A component of a module that was made of `survey`.
pub fn encode(mut module: Vec<u8>, survey: &Survey, world: &World) -> Result<Vec<u8>> {
    let sections = survey.custom_sections(WORLD);
    if survey.is_library() && world.wit.is_none() && sections.is_empty() {
        return Err(Error::new(
            Code::InvalidArgument,
            "a component exports what a world tells of, with types that a library does not have: give one by --wit and --world (wit and world of wasm_dyld_link_options_t), or link bindings by wit-bindgen into the library",
        ));
    }
    let worlds = sections.iter().map(|(_, data)| data.len() as u64);
    small("the worlds in its objects", worlds.sum())?;
    for (name, data) in sections {
        append(&mut module, &name, data);
    }
    if let Some(wit) = &world.wit {
        small(&wit.display().to_string(), size(wit)?)?;
    }
    let adapter = match survey.is_library() {
        true => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
        false => WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    };
    let (wit, name) = (world.wit.as_deref(), world.name.as_deref());
    on_a_large_stack(move || {
        if let Some(wit) = wit {
            embed(&mut module, wit, name).context(|| format!("reading {}", wit.display()))?;
        }
        let encoder = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter));
        let component = encoder.and_then(|mut encoder| encoder.encode());
        component.map_err(refused)
    })
}

/// Puts the world into the module, where the encoder looks for it.
fn embed(module: &mut Vec<u8>, wit: &Path, name: Option<&str>) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(refused)?;
    let world = resolve.select_world(&[package], name);
    let world = world.map_err(refused)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(refused)
}

/// Refuses what would be deeper than the stack.
fn small(what: &str, size: u64) -> Result<()> {
    if size <= MAX_WORLDS {
        return Ok(());
    }
    let why = format!("{what}: {size} bytes of worlds, and a component has at most {MAX_WORLDS}");
    Err(Error::new(Code::Limit, why))
}

/// Bytes of a file, or of a folder with the packages that it depends on, none of which may be a device or a pipe: these have no end. What cannot
/// be read is told of by who reads it.
fn size(wit: &Path) -> Result<u64> {
    let length = |path: &Path| match std::fs::metadata(path) {
        Ok(file) if file.is_file() => Ok(file.len()),
        Ok(file) if !file.is_dir() => {
            let why = format!("{}: not a regular file", path.display());
            Err(Error::new(Code::InvalidArgument, why))
        }
        _ => Ok(0),
    };
    if !wit.is_dir() {
        return length(wit);
    }
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let packages = entries(&wit.join("deps"));
    let nested = packages.iter().flat_map(|package| entries(package));
    let all = entries(wit)
        .into_iter()
        .chain(nested)
        .chain(packages.clone());
    all.map(|path| length(&path)).sum()
}

/// The crates that read worlds do it by recursion: their text, their types, and when they drop them. How deep that goes is the input's choice.
fn on_a_large_stack<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, work).map_err(|error| {
            let why = format!("there is no thread with a stack of {STACK} bytes: {error}");
            Error::new(Code::Io, why)
        })?;
        thread.join().unwrap_or_else(|_| {
            let why = "the encoder of components has panicked, and said why on stderr";
            Err(Error::new(Code::Internal, why))
        })
    })
}

fn append(module: &mut Vec<u8>, name: &str, data: &[u8]) {
    let section = CustomSection {
        name: Cow::Borrowed(name),
        data: Cow::Borrowed(data),
    };
    module.push(section.id());
    section.encode(module);
}

/// What the crates say that make components: the whole chain of it, which may have several lines.
fn refused(error: impl std::fmt::Display) -> Error {
    let text = format!("{error:#}");
    let mut lines = text.lines();
    let first = Error::new(Code::Unsupported, lines.next().unwrap_or_default());
    lines.fold(first, |error, line| error.line(format!("  {line}")))
}

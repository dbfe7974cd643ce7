//! One module as a component of WASI 0.2.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{CustomSection, Encode, Section};
use wasmdyld::error::{Code, Context, Error, Result};
use wasmdyld::survey::Survey;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What wit-bindgen's sections begin with, which tell a world in the object files of its bindings.
const WORLD: &str = "component-type";

/// What a component is made by.
#[derive(Args)]
pub struct ComponentArgs {
    /// Write a component of WASI 0.2 rather than a module: a command of a program, of a library what --wit says
    #[arg(long)]
    component: bool,
    /// The component's imports and exports beside WASI: a WIT file, or a folder of a package
    #[arg(long, value_name = "PATH", requires = "component", value_hint = ValueHint::AnyPath)]
    wit: Option<PathBuf>,
    /// The world of --wit, if there are several
    #[arg(long, value_name = "NAME", requires = "wit")]
    world: Option<String>,
}

impl ComponentArgs {
    /// What is written: the module, or a component of it.
    pub fn apply(&self, module: Vec<u8>, survey: &Survey) -> Result<Vec<u8>> {
        match self.component {
            true => self
                .component(module, survey)
                .context(|| "making a component"),
            false => Ok(module),
        }
    }

    fn component(&self, mut module: Vec<u8>, survey: &Survey) -> Result<Vec<u8>> {
        let mut told = self.wit.is_some();
        for (name, data) in survey.custom_sections(WORLD) {
            append(&mut module, &name, data);
            told = true;
        }
        if survey.is_library() && !told {
            return Err(Error::new(
                Code::InvalidArgument,
                "a component exports what a world tells of, with types that a library does not have: give one by --wit and --world, or link bindings by wit-bindgen into the library",
            ));
        }
        if let Some(wit) = &self.wit {
            self.embed(&mut module, wit)
                .context(|| format!("reading {}", wit.display()))?;
        }
        let adapter = match survey.is_library() {
            true => WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            false => WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
        };
        let encoder = ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .and_then(|encoder| encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter));
        let component = encoder.and_then(|mut encoder| encoder.encode());
        component.map_err(refused)
    }

    /// Puts the world into the module, where the encoder looks for it.
    fn embed(&self, module: &mut Vec<u8>, wit: &Path) -> Result<()> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(wit).map_err(refused)?;
        let world = resolve.select_world(&[package], self.world.as_deref());
        let world = world.map_err(refused)?;
        embed_component_metadata(module, &resolve, world, StringEncoding::UTF8).map_err(refused)
    }
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

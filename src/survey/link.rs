//! A program and its libraries, found to be linked into one module.

use std::collections::BTreeSet;
use std::path::Path;

use wasmparser::{Parser, Payload};

use super::{Origin, Purpose, Survey, Surveyor, thread_exit};
use crate::abi;
use crate::config::Config;
use crate::dlfcn::{self, absent};
use crate::error::{Code, Error, Result};
use crate::fuse::{self, Fused, World};
use crate::plan::{Binding, Found, FuncId, Identity, Plan};
use crate::text;

/// What is linked with all that it needs.
#[derive(Clone, Copy, Debug)]
pub enum Program<'a> {
    Path(&'a Path),
    /// Searched as a needed library.
    Name(&'a str),
    Bytes {
        name: &'a str,
        bytes: &'a [u8],
    },
}

impl Program<'_> {
    pub(super) fn shown(&self) -> String {
        match self {
            Program::Path(path) => path.display().to_string(),
            Program::Name(name) | Program::Bytes { name, .. } => name.to_string(),
        }
    }
}

/// How it is looked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Linking<'a> {
    /// What the host defines, as `MODULE` or `MODULE.NAME`.
    pub imports: &'a [String],
    /// The functions of dlfcn.h are there, and fail. Otherwise they are undefined.
    pub no_dlopen: bool,
    /// A namespace runs it: the linker's own functions are there.
    pub dynamic: bool,
    /// The first library that is missing or unusable is an error, as of a load. Otherwise it is one of [`Survey::problems`].
    pub strict: bool,
}

/// What can be done about a program that opens libraries.
const NO_DLOPEN: &str = "  One module cannot open libraries: nobody is there to link them. Run the program with `wasmdyld run`, link it with --dynamic, so that `wasmdyld run` can load more beside it, or link it with --no-dlopen (WASM_DYLD_LINK_NO_DLOPEN): then they fail.";

/// The same about interfaces that are not C's, which --no-dlopen has no functions for.
const NO_LINKER: &str = "  One module cannot open libraries: nobody is there to link them. Run the program with `wasmdyld run`, or leave these functions to the module's host by --import.";
/// What can be done about exit handlers, which one module has no list of its own for.
const NO_LIBC: &str = "  In one module the C library keeps the exit handlers. Link with libc.so, or have a program that has a C library inside export its function: -Wl,--export=__cxa_atexit or -Wl,--export=atexit.";

impl Survey {
    /// A survey as far as all is known before the program runs on its own: the linker is not there then, so that its own functions are
    /// undefined. The objects' bytes are kept.
    pub fn to_link(
        program: &Program<'_>,
        config: &Config,
        linking: &Linking<'_>,
    ) -> Result<Survey> {
        let purpose = Purpose::Link {
            strict: linking.strict,
            no_dlopen: linking.no_dlopen,
            dynamic: linking.dynamic,
        };
        Survey::made(program, config, linking.imports, purpose)
    }

    /// Whether what is linked does not start by itself.
    pub fn is_library(&self) -> bool {
        !self.options.global
    }

    /// The error where a library is asked for.
    pub fn is_a_program(&self) -> Error {
        let name = self.objects().first().map_or("it", |root| &root.name);
        let why = format!(
            "{} is a program, since it exports {}: only a library is linked as one",
            text::name(name),
            abi::START
        );
        Error::new(Code::InvalidArgument, why)
    }

    /// Whether an object defines a symbol.
    pub fn defines(&self, name: &str) -> bool {
        let mut objects = self.objects().iter();
        objects.any(|found| found.object.position(name).is_some())
    }

    /// Whether what is linked defines a symbol itself.
    pub fn root_defines(&self, name: &str) -> bool {
        let root = self.objects().first();
        root.is_some_and(|root| root.object.position(name).is_some())
    }

    /// Custom sections of the objects whose names begin with `prefix`, which one module has no more: name and content.
    pub fn custom_sections(&self, prefix: &str) -> Vec<(String, &[u8])> {
        let mut found = Vec::new();
        for bytes in &self.bytes {
            for payload in Parser::new(0)
                .parse_all(bytes)
                .map_while(wasmparser::Result::ok)
            {
                if let Payload::CustomSection(section) = payload
                    && section.name().starts_with(prefix)
                {
                    found.push((section.name().to_string(), section.data()));
                }
            }
        }
        found
    }

    /// One module of all objects.
    pub fn fuse(&self, options: &fuse::Options) -> Result<Fused> {
        self.world(|world| fuse::fuse(world, options))
    }

    /// What is to be linked, given to `with`.
    pub(crate) fn world<T>(&self, with: impl FnOnce(&World<'_>) -> Result<T>) -> Result<T> {
        let request = self.request();
        let plan = self.plan().map_err(|error| {
            let undefined = error.undefined_symbols().iter();
            let advice: BTreeSet<_> = undefined.filter_map(|of| advice(&of.symbol)).collect();
            advice.into_iter().fold(error, Error::line)
        })?;
        self.without_stubs(&plan)?;
        let bytes: Vec<&[u8]> = self.bytes.iter().map(Vec::as_slice).collect();
        with(&World {
            request: &request,
            plan: &plan,
            bytes: &bytes,
        })
    }

    /// The libdl of wasi-libc defines functions that fail, which a load overrides: a program that was linked with it counts on that.
    fn without_stubs(&self, plan: &Plan) -> Result<()> {
        let object = |id| self.objects().get(self.number(id));
        for (found, planned) in self.objects().iter().zip(&plan.objects) {
            for (import, binding) in found.object.imports.iter().zip(planned.bindings.iter()) {
                let (Binding::Func(callee) | Binding::Slot(callee)) = binding else {
                    continue;
                };
                let FuncId::Object { object: by, .. } = callee.id() else {
                    continue;
                };
                let stub = object(by).is_some_and(|by| *by.name == *abi::LIBDL);
                if stub && dlfcn::is_of_c(import.name.text()) {
                    let (who, name) = (text::name(&found.name), text::name(&import.name));
                    let why = format!("{who} calls {name}, which in {} only fails", abi::LIBDL);
                    return Err(Error::new(Code::Unsupported, why).line(NO_DLOPEN));
                }
            }
        }
        Ok(())
    }
}

/// What can be done about an undefined symbol, given with its module where that is not `env`: one of the linker's own functions.
fn advice(symbol: &str) -> Option<&'static str> {
    let (module, name) = symbol.split_once('.').unwrap_or((abi::ENV, symbol));
    match (module, name) {
        (abi::ENV, abi::ATEXIT | abi::CXA_ATEXIT) => Some(NO_LIBC),
        (abi::ENV, name) if dlfcn::is_of_c(name) => Some(NO_DLOPEN),
        _ => dlfcn::services()
            .any(|service| (service.module, service.name) == (module, name))
            .then_some(NO_LINKER),
    }
}

impl Surveyor<'_> {
    /// The library whose functions fail.
    pub(super) fn no_dlopen(&mut self) -> Result<Found> {
        self.made(absent::NAME, absent::library(), "made by --no-dlopen")
    }

    /// The library for destructors of thread_local objects.
    pub(super) fn thread_exit(&mut self) -> Result<Found> {
        let why = "made for thread_local objects";
        self.made(thread_exit::NAME, thread_exit::library(), why)
    }

    fn made(&mut self, name: &str, bytes: Vec<u8>, why: &str) -> Result<Found> {
        let size = bytes.len() as u64;
        let identity = Identity::Host(name.into());
        let (found, _) = self
            .files
            .parse(name, None, identity.clone(), bytes, false)?;
        self.keep(&identity);
        self.sources.push(Origin {
            why: why.to_string(),
            size,
            problem: None,
        });
        Ok(found)
    }
}

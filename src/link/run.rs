//! Running the main program.

use std::rc::Rc;

use super::namespace::Namespace;
use super::symbols::{SearchIn, Symbol};
use super::{calls, exit};
use crate::abi;
use crate::engine::Val;
use crate::error::{Code, Context, Error, Result};
use crate::object::ValType;
use crate::plan::Definition;

/// Where a program begins.
pub enum Entry {
    /// `_start`, which does everything.
    Start(Definition),
    /// `__main_void`, of a library that has a main function: its own, or libc's, which calls the library's with the arguments.
    Main(Definition),
}

#[cfg(target_family = "wasm")]
impl Entry {
    pub fn definition(&self) -> Definition {
        let (Entry::Start(definition) | Entry::Main(definition)) = *self;
        definition
    }
}

impl Namespace {
    /// Calls `_start` of the main program, or the main function of a library that was loaded as one, and gives the exit code: what it
    /// passed to `exit` or what main returned, or 0 if `_start` returned.
    pub fn run(self: &Rc<Self>) -> Result<i32> {
        // Not from callbacks that run while the namespace works.
        drop(self.change()?);
        let _entry = self.enter();
        let (entry, name) = self.entry()?;
        let code = match entry {
            Entry::Start(start) => calls::plain(self, start).map(|()| 0),
            Entry::Main(main) => self.call_main(main),
        };
        self.after_run(code, &name)
    }

    /// What the program's end leaves to do.
    pub(super) fn after_run(self: &Rc<Self>, code: Result<i32>, name: &str) -> Result<i32> {
        let code = match code {
            Ok(code) => code,
            Err(error) => match error.exit_code() {
                Some(code) => code,
                None => return Err(error).context(|| format!("running {name}")),
            },
        };
        match exit::run_homeless(self) {
            Ok(()) => Ok(code),
            Err(error) => match error.exit_code() {
                Some(code) => Ok(code),
                None => Err(error).context(|| format!("at the end of {name}")),
            },
        }
    }

    pub(super) fn entry(&self) -> Result<(Entry, String)> {
        let state = self.state();
        let main = state.model.main;
        let main = main.ok_or_else(|| Error::new(Code::Busy, "no main program has been loaded"))?;
        let node = state.model.nodes.get(&main);
        let node = node.ok_or_else(|| Error::new(Code::Internal, "the main program got lost"))?;
        let name = node.found.name.to_string();
        let object = &node.found.object;
        if let Some(step) = object.brief().step(abi::START).filter(|step| step.plain) {
            let definition = Definition {
                object: main,
                export: step.export,
            };
            return Ok((Entry::Start(definition), name));
        }
        // libc has one that calls the main function of another object, which it imports.
        let is_libc = || {
            let mut imports = object.imports.iter();
            imports.any(|import| import.name.text() == abi::MAIN_ARGC_ARGV)
        };
        let exports = |name: &str| object.position(name).is_some();
        let has_main = exports(abi::MAIN_ARGC_ARGV) || exports(abi::MAIN_VOID) && !is_libc();
        drop(state);
        if has_main
            && let Ok(Symbol::Func { callee, sig }) = self.dlsym(SearchIn::Global, abi::MAIN_VOID)
            && let Some(definition) = callee.export()
            && sig.params.is_empty()
            && sig.results[..] == [ValType::I32]
        {
            return Ok((Entry::Main(definition), name));
        }
        Err(Error::new(
            Code::Unsupported,
            format!(
                "{name} exports no function {} of type () -> () and has no main function: it is a library or a reactor; call its functions instead, or link it as a command",
                abi::START
            ),
        ))
    }

    /// As `_start` of wasi-libc has it: exit handlers run, and stdio is flushed, before the code is known.
    fn call_main(&self, main: Definition) -> Result<i32> {
        let mut result = [Val::i32(0)];
        calls::export(self, main, &[], &mut result)?;
        self.finish()?;
        let [code] = result;
        Ok(code.as_u32().unwrap_or_default().cast_signed())
    }
}

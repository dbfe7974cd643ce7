//! Running the main program.

use std::rc::Rc;

use super::namespace::Namespace;
use super::{calls, exit};
use crate::abi;
use crate::error::{Code, Context, Error, Result};
use crate::plan::Definition;

impl Namespace {
    /// Calls `_start` of the main program and gives its exit code: what it passed to `exit`, or 0 if it returned.
    pub fn run(self: &Rc<Self>) -> Result<i32> {
        // Not from callbacks that run while the namespace works.
        drop(self.change()?);
        let _entry = self.enter();
        let (start, name) = {
            let state = self.state();
            let main = state.model.main;
            let main =
                main.ok_or_else(|| Error::new(Code::Busy, "no main program has been loaded"))?;
            let node = state.model.nodes.get(&main);
            let node =
                node.ok_or_else(|| Error::new(Code::Internal, "the main program got lost"))?;
            let step = node.found.object.brief().step(abi::START);
            let Some(step) = step.filter(|step| step.plain) else {
                return Err(Error::new(
                    Code::Unsupported,
                    format!(
                        "{} exports no function {} of type () -> (): it is a library or a reactor; call its functions instead, or link it as a command",
                        node.found.name,
                        abi::START
                    ),
                ));
            };
            let definition = Definition {
                object: main,
                export: step.export,
            };
            (definition, node.found.name.clone())
        };
        let code = match calls::plain(self, start) {
            Ok(()) => 0,
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
}

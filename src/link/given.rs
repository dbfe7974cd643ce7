//! Functions of the host's that it gives by their type: the linker makes the engine's functions of them, for each namespace its own.

use std::cell::OnceCell;
use std::sync::Arc;

use super::host::HostValue;
use super::namespace::{Namespace, Side};
use super::renew::Value;
use crate::control::{self, Checks};
use crate::engine::{HostFunc, HostTrap, Val};
use crate::error::{Context, Error, Frame, Result};
use crate::object::{ExternType, FuncType};
use crate::plan::Precedence;

/// How a function of the host's fails.
pub struct Failure {
    pub text: String,
    /// What was running in the guest, if it is a call of the guest that failed.
    pub frames: Vec<Frame>,
    /// The guest has called exit inside.
    pub exit: Option<i32>,
}

/// What a function of the host's does, for a namespace and those that are made in its place. It is told by what the host knows the namespace whose guest calls, see [`Namespace::known_as`].
pub type GivenBody = dyn Fn(usize, &[Val], &mut [Val]) -> Result<(), Failure>;

impl Namespace {
    /// Defines a function for objects loaded from now on.
    pub fn define_func(
        &self,
        module: &str,
        name: &str,
        ty: FuncType,
        body: Arc<GivenBody>,
        overriding: bool,
    ) -> Result<()> {
        let (ty, store, side) = (Arc::new(ty), self.store(), self.side.clone());
        let noted = Value::Func(ty.clone(), body.clone());
        let (sig, what) = (ty.clone(), format!("{module}.{name}"));
        let make = move || {
            let (side, body) = (side.clone(), body.clone());
            let run = move |args: &[Val], results: &mut [Val]| call(&side, &*body, args, results);
            HostFunc::new(store, &sig, Box::new(run)).context(|| format!("defining {what}"))
        };
        let value = HostValue::Func(OnceCell::new(), Box::new(make));
        let precedence = Precedence::of_host(overriding);
        self.define(module, name, value, ExternType::Func(ty), precedence)?;
        let mut all = self.definitions.borrow_mut();
        all.note(module, name, noted, overriding);
        Ok(())
    }
}

fn call(side: &Side, body: &GivenBody, args: &[Val], results: &mut [Val]) -> Result<(), HostTrap> {
    body(side.known_as.get(), args, results).map_err(|failure| match failure.exit {
        Some(code) => side.exiting(code),
        None => side.trap_with(failure.text, failure.frames),
    })?;
    // Where the guest looks only when it has used what it was lent, it could call a slow function many times until then.
    match control::wanted().filter(|_| side.control.checks() == Checks::Counted) {
        None => Ok(()),
        Some(stop) => Err(stop.error().into()),
    }
}

#[cfg(target_family = "wasm")]
impl Namespace {
    /// The trap by which a guest of this namespace ends itself, for WASI that is the host's own.
    pub fn exit_trap(&self, code: i32) -> HostTrap {
        self.side.exiting(code)
    }
}

impl Side {
    /// A trap with a text, and the functions that were running inside.
    pub fn trap_with(&self, text: String, frames: Vec<Frame>) -> HostTrap {
        if !frames.is_empty() {
            self.inner.set(Some(Box::new((text.clone(), frames))));
        }
        HostTrap::Message(text)
    }

    /// The trap for a function of ours that cannot answer: an exit of the guest goes on as one.
    pub fn as_trap(&self, error: &Error) -> HostTrap {
        match error.exit_code() {
            Some(code) => self.exiting(code),
            None => self.trap_with(error.headline(), error.frames().to_vec()),
        }
    }
}

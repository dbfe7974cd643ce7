//! `proc_*` and `sched_yield`.

use super::memory::Memory;
use super::{Fail, Outcome, Wasi};
use crate::wasi::Stop;

impl Wasi {
    /// Any code: C programs do exit with 127 and 255.
    pub(super) fn proc_exit(&self, _: &mut Memory<'_>, code: u32) -> Outcome {
        Err(Fail::Stop(Stop::Exit(code.cast_signed())))
    }

    /// A guest has no signals: one that raises one of them is not to go on as if it had been handled.
    pub(super) fn proc_raise(&self, _: &mut Memory<'_>, signal: u32) -> Outcome {
        let text = format!("the guest raised signal {signal}: there are none");
        Err(Fail::Stop(Stop::Trap(text)))
    }

    pub(super) fn sched_yield(&self, _: &mut Memory<'_>) -> Outcome {
        std::thread::yield_now();
        Ok(())
    }
}

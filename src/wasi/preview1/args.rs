//! `args_*` and `environ_*`.

use super::memory::Memory;
use super::{Outcome, Wasi};

impl Wasi {
    pub(super) fn args_get(&self, memory: &mut Memory<'_>, argv: u32, argv_buf: u32) -> Outcome {
        self.add_moved(self.given.args.size());
        Ok(self.given.args.get(memory, argv, argv_buf)?)
    }

    pub(super) fn args_sizes_get(&self, memory: &mut Memory<'_>, argc: u32, size: u32) -> Outcome {
        Ok(self.given.args.sizes(memory, argc, size)?)
    }

    pub(super) fn environ_get(&self, memory: &mut Memory<'_>, environ: u32, buf: u32) -> Outcome {
        self.add_moved(self.given.env.size());
        Ok(self.given.env.get(memory, environ, buf)?)
    }

    pub(super) fn environ_sizes_get(
        &self,
        memory: &mut Memory<'_>,
        environc: u32,
        size: u32,
    ) -> Outcome {
        Ok(self.given.env.sizes(memory, environc, size)?)
    }
}

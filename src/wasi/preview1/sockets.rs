//! `sock_*`.

use super::memory::Memory;
use super::table::Slot;
use super::types::{Errno, Fdflags, Riflags, Rights, Sdflags};
use super::{Outcome, Wasi};

impl Wasi {
    pub(super) fn sock_accept(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        flags: u32,
        to: u32,
    ) -> Outcome {
        let flags = Fdflags::parse(flags)?;
        if !Fdflags::NONBLOCK.has(flags) {
            return Err(Errno::Inval.into());
        }
        let connection = self.file(fd, Rights::SOCK_ACCEPT)?.accept(flags)?;
        let slot = Slot::file(connection, Rights::OF_CONNECTION);
        let fd = self
            .table
            .borrow_mut()
            .push(slot, "a connection".to_string());
        Ok(memory.store_u32(to, fd)?)
    }

    #[allow(clippy::too_many_arguments, reason = "as the specification has it")]
    pub(super) fn sock_recv(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        flags: u32,
        to: u32,
        out_flags: u32,
    ) -> Outcome {
        let flags = Riflags::parse(flags)?;
        let file = self.file(fd, Rights::FD_READ)?;
        self.read_into(memory, vectors, count, to, |room| file.receive(room, flags))?;
        // Of a stream nothing is cut off.
        Ok(memory.store_u16(out_flags, 0)?)
    }

    pub(super) fn sock_send(
        &self,
        memory: &mut Memory<'_>,
        fd: u32,
        vectors: u32,
        count: u32,
        flags: u32,
        to: u32,
    ) -> Outcome {
        if flags != 0 {
            return Err(Errno::Inval.into());
        }
        let file = self.file(fd, Rights::FD_WRITE)?;
        self.write_from(memory, vectors, count, to, |parts| file.send(parts))
    }

    pub(super) fn sock_shutdown(&self, _: &mut Memory<'_>, fd: u32, how: u32) -> Outcome {
        let how = Sdflags::parse(how)?;
        Ok(self.file(fd, Rights::SOCK_SHUTDOWN)?.shutdown(how)?)
    }
}

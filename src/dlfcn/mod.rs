//! dlopen and its like for guests: one core, and a thin adapter for each guest ABI, told apart by import module.
//!
//! | module | adapter | who |
//! |---|---|---|
//! | `env` | [`libc`], [`info`] | wasi-libc's `<dlfcn.h>`, with what musl and glibc have beyond it; cowasm |
//! | `dyld` | [`toywasm`] | programs for toywasm's libdyld |
//! | `wasix_32v1` | [`wasix`] | wasix-libc |
//!
//! For programs that are linked into one module, [`absent`] has functions for C that fail.
//!
//! The same flag has another number in each: an adapter turns numbers into [`Flags`](crate::link::Flags).

pub(crate) mod absent;
mod core;
mod info;
mod libc;
mod toywasm;
mod wasix;

use crate::link::Service;

/// Whether a function of `env` is one of dlfcn.h.
pub(crate) fn is_of_c(name: &str) -> bool {
    let mut all = libc::SERVICES.iter().chain(info::SERVICES);
    all.any(|service| service.name == name)
}

/// How a function opens a library, if it does: a number of [`Shim::opens`](crate::engine::shim::Shim::opens).
pub fn opens(service: &Service) -> Option<u32> {
    let all = [libc::SERVICES, toywasm::SERVICES, wasix::SERVICES].into_iter();
    // In each adapter it is the first one.
    let mut first = all
        .zip(1..)
        .filter_map(|(all, way)| Some((all.first()?, way)));
    let found =
        first.find(|(first, _)| (first.module, first.name) == (service.module, service.name));
    found.map(|(_, way)| way)
}

/// All functions that guests can import.
pub fn services() -> impl Iterator<Item = &'static Service> {
    [
        libc::SERVICES,
        info::SERVICES,
        toywasm::SERVICES,
        wasix::SERVICES,
    ]
    .into_iter()
    .flatten()
}

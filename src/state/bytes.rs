//! A snapshot as bytes.
//!
//! ```text
//! "wdstate\0"   version (4)   size of the head (4)   head (postcard)   modules   chunks of memory   BLAKE3 of all before (32)
//! ```
//! Numbers are little endian. The sum tells damage; it is no signature. Whoever can change the bytes can make any other state of the guest,
//! so nothing here or behind it trusts them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::books::Books;
use super::image::{CHUNK, Image, Run};
use super::{Module, Snapshot};
use crate::engine::ModuleKey;
use crate::error::{Code, Error, Result};

const MAGIC: [u8; 8] = *b"wdstate\0";
const VERSION: u32 = 2;
const SUM: usize = 32;

/// Bytes of a head, beside a tenth of all bytes. A byte of it may stand for 40 in memory, so that this bounds what a small file makes of itself.
const HEAD: usize = 1_500_000;

#[derive(Serialize, Deserialize)]
struct Head {
    books: Books,
    /// Bytes of each module.
    modules: Vec<u32>,
    /// Chunks of the memory, and those that are not zero.
    memory: u32,
    runs: Vec<Run>,
}

/// The bytes of a snapshot.
pub fn encode(snapshot: &Snapshot) -> Result<Vec<u8>> {
    let large = |_| {
        let why = "a module of the snapshot has 4 GiB or more: it has no form as bytes";
        Error::new(Code::Limit, why)
    };
    let sizes = snapshot.modules.iter();
    let sizes = sizes.map(|module| u32::try_from(module.bytes.len()).map_err(large));
    let (memory, runs, chunks) = snapshot.memory.parts();
    let head = Head {
        books: snapshot.books.clone(),
        modules: sizes.collect::<Result<_>>()?,
        memory,
        runs: runs.to_vec(),
    };
    let head = postcard::to_allocvec(&head)
        .map_err(|error| Error::new(Code::Internal, format!("writing a snapshot: {error}")))?;
    let size = u32::try_from(head.len()).map_err(large)?;
    let mut out = [
        &MAGIC[..],
        &VERSION.to_le_bytes(),
        &size.to_le_bytes(),
        &head,
    ]
    .concat();
    for module in &snapshot.modules {
        out.extend_from_slice(&module.bytes);
    }
    out.extend_from_slice(chunks);
    if head.len() > most(out.len()) {
        let why = "the namespace's books take more than a snapshot's bytes may: it has far more names or exit handlers than code";
        return Err(Error::new(Code::Limit, why));
    }
    let sum = blake3::hash(&out);
    out.extend_from_slice(sum.as_bytes());
    Ok(out)
}

/// Bytes that a head may have of so many.
fn most(all: usize) -> usize {
    HEAD.saturating_add(all / 10)
}

/// Reads what [`encode`] wrote. What the books say is looked at by who restores them.
pub fn decode(bytes: &[u8]) -> Result<Snapshot> {
    let all = bytes.strip_prefix(&MAGIC);
    let all = all.and_then(|all| all.split_first_chunk::<4>());
    let Some((version, all)) = all else {
        let why = "these bytes are no snapshot: give what wasm_dyld_snapshot_serialize gave";
        return Err(Error::new(Code::Malformed, why));
    };
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        let why = format!(
            "the snapshot has version {version}, and this library reads {VERSION}: take it anew with this library"
        );
        return Err(Error::new(Code::Unsupported, why));
    }
    let damaged = || {
        let why = "the snapshot is damaged: its bytes are not those that were written";
        Error::new(Code::Malformed, why)
    };
    let sum = bytes.split_last_chunk::<SUM>();
    let (before, sum) = sum.ok_or_else(damaged)?;
    if blake3::hash(before).as_bytes() != sum {
        return Err(damaged());
    }
    let rest = all.get(..all.len().saturating_sub(SUM));
    rest.and_then(|rest| read(rest, bytes.len()))
        .ok_or_else(damaged)
}

fn read(rest: &[u8], total: usize) -> Option<Snapshot> {
    let (size, rest) = rest.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    if size > most(total) {
        return None;
    }
    let (head, mut rest) = rest.split_at_checked(size)?;
    let mut head: Head = postcard::from_bytes(head).ok()?;
    for book in &mut head.books.descriptors {
        book.without_opened();
    }
    if head.modules.len() != head.books.objects.len() {
        return None;
    }
    let mut modules = Vec::with_capacity(head.modules.len());
    for size in head.modules {
        let (module, others) = rest.split_at_checked(usize::try_from(size).ok()?)?;
        rest = others;
        modules.push(Module {
            bytes: Arc::from(module),
            key: ModuleKey::of(module),
            path: None,
            in_guest: false,
        });
    }
    if u64::from(head.memory) * CHUNK as u64
        != head.books.memory_pages.checked_mul(crate::abi::PAGE)?
    {
        return None;
    }
    let memory = Image::from_parts(head.memory, head.runs, rest.to_vec())?;
    Some(Snapshot::new(head.books, modules, memory))
}

/// Bytes with the sum that fits them, for tests that change them.
#[cfg(test)]
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = blake3::hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes
}

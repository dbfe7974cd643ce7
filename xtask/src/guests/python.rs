//! CPython as a shared library, with its own library of modules. PyPI's componentize-py has both inside its extension module, compressed: no other
//! registry has a CPython that was built as a library for WASI. It wants the functions of libc that its makers' libc has for sockets
//! (`--bind lazy`, or definitions of the program's).

use super::{Layout, toolchain};
use crate::util::{self, At, Result};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

pub const LIBRARY: &str = "libpython3.14.so";
const PACKAGE: &str = "componentize-py==0.25.1";
/// The libraries that it needs beside libc.
pub const NEEDS: [&str; 4] = [
    "libdl.so",
    "libwasi-emulated-getpid.so",
    "libwasi-emulated-process-clocks.so",
    "libwasi-emulated-signal.so",
];
/// What its frames begin with (RFC 8878).
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const MODULE: &[u8] = b"\0asm";
/// A function of the library's, and one of its modules.
const ITS_MAIN: &[u8] = b"Py_BytesMain";
const ITS_MODULE: &[u8] = b"encodings/utf_8.py";
/// Where a file of a tar archive has the word, and what it is.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Where it is: the library, and in `lib` the modules.
pub fn folder(layout: &Layout) -> PathBuf {
    layout.root.join("python")
}

/// Fetches it where it is not there.
pub fn set_up(layout: &Layout) -> Result<()> {
    let place = folder(layout);
    let stamp = place.join("package");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == PACKAGE) {
        return Ok(());
    }
    util::step("CPython (once)");
    util::timed(PACKAGE, || {
        let scratch = util::beside(&place, "tmp");
        util::remove(&scratch)?;
        util::create_dir(&scratch)?;
        let unpacked = toolchain::pypi(&scratch, PACKAGE)?;
        let found = Found::in_package(&unpacked.join("componentize_py"))?;
        let (complete, archive) = (scratch.join("complete"), scratch.join("modules.tar"));
        util::create_dir(&complete.join("lib"))?;
        util::write(&complete.join(LIBRARY), found.library)?;
        util::write(&archive, found.modules)?;
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(&archive).arg("-C");
        util::run_quiet(tar.arg(complete.join("lib")))?;
        util::write(&complete.join("package"), PACKAGE)?;
        util::install_dir(&complete, &place)?;
        util::remove(&scratch)
    })
}

#[derive(Debug)]
struct Found {
    library: Vec<u8>,
    /// An archive of tar's.
    modules: Vec<u8>,
}

impl Found {
    fn in_package(package: &Path) -> Result<Found> {
        for file in util::list(package)? {
            let bytes = fs::read(&file).at("read", &file)?;
            if let Some(found) = Found::in_file(&bytes) {
                return Ok(found);
            }
        }
        Err(format!(
            "{}: no file of {PACKAGE} has {LIBRARY} and its modules inside",
            package.display()
        ))
    }

    fn in_file(bytes: &[u8]) -> Option<Found> {
        let (mut library, mut modules) = (None, None);
        let starts = memchr::memmem::find_iter(bytes, &FRAME);
        for frame in starts.filter_map(|start| frame(bytes.get(start..)?)) {
            let has = |what| memchr::memmem::find(&frame, what).is_some();
            if library.is_none() && frame.starts_with(MODULE) && has(ITS_MAIN) {
                library = Some(frame);
            } else if modules.is_none() && is_tar(&frame) && has(ITS_MODULE) {
                modules = Some(frame);
            }
        }
        Some(Found {
            library: library?,
            modules: modules?,
        })
    }
}

/// What one frame holds. The four bytes that it begins with may be others' as well.
fn frame(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes).ok()?;
    let mut frame = Vec::new();
    decoder.read_to_end(&mut frame).ok()?;
    Some(frame)
}

fn is_tar(bytes: &[u8]) -> bool {
    let (at, word) = TAR;
    bytes.get(at..).is_some_and(|rest| rest.starts_with(word))
}

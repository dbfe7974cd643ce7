//! What WASI's calls cost by themselves, without an engine: `cargo bench --bench wasi`. An argument picks the lines whose name contains it.
//!
//! Each line is the best of some rounds, since other work on the machine only ever adds to a time.

use std::time::{Duration, Instant};

use wasmdyld::wasi::{Output, Preview1, WasiConfig};

const ROUNDS: usize = 15;

/// Where the guest's memory has what: a result, vectors, a path and data.
const OUT: u64 = 64;
const VECTORS: u64 = 128;
const PATH: u64 = 256;
const DATA: u64 = 4096;
const MEGABYTE: u64 = 1 << 20;

const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;

struct Guest {
    wasi: Box<dyn Preview1>,
    memory: Vec<u64>,
}

impl Guest {
    fn call(&mut self, name: &str, args: &[u64]) {
        let index = self.index(name);
        self.call_index(index, args);
    }

    fn index(&self, name: &str) -> usize {
        let mut functions = self.wasi.functions().iter();
        functions.position(|f| f.name == name).expect("a function")
    }

    fn call_index(&mut self, index: usize, args: &[u64]) {
        // SAFETY: bytes of a live vector, of which any are fine.
        let memory = unsafe {
            std::slice::from_raw_parts_mut(
                self.memory.as_mut_ptr().cast::<u8>(),
                self.memory.len() * 8,
            )
        };
        assert_eq!(self.wasi.call(index, memory, args), Ok(Some(0)));
    }

    fn put(&mut self, at: u64, word: u64) {
        self.memory[at as usize / 8] = word;
    }

    fn vector(&mut self, length: u64) {
        self.put(VECTORS, DATA | (length << 32));
    }

    fn open(&mut self, oflags: u64) -> u64 {
        self.put(PATH, u64::from_le_bytes(*b"file\0\0\0\0"));
        self.call(
            "path_open",
            &[3, 1, PATH, 4, oflags, READ | WRITE, 0, 0, OUT],
        );
        self.memory[OUT as usize / 8] & 0xffff_ffff
    }
}

/// What is measured, and the work.
type Line<'a> = (&'a str, &'a mut dyn FnMut(&mut Guest));

fn main() {
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let folder = std::env::temp_dir().join(format!("wasmdyld-bench-wasi-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut config = WasiConfig::new();
    config.preopen(&folder, "/").stdout(Output::Null);
    let mut guest = Guest {
        wasi: config.build().expect("WASI"),
        memory: vec![0; 2 * MEGABYTE as usize / 8],
    };
    let fd = guest.open(1);
    let lines: [Line<'_>; 7] = [
        ("1 MB written to a file, 100 times", &mut |guest| {
            guest.vector(MEGABYTE);
            let write = guest.index("fd_pwrite");
            (0..100).for_each(|_| guest.call_index(write, &[fd, VECTORS, 1, 0, OUT]));
        }),
        ("1 MB read from a file, 100 times", &mut |guest| {
            guest.vector(MEGABYTE);
            let read = guest.index("fd_pread");
            (0..100).for_each(|_| guest.call_index(read, &[fd, VECTORS, 1, 0, OUT]));
        }),
        ("10 bytes written to a file, 100,000 times", &mut |guest| {
            guest.vector(10);
            guest.call("fd_seek", &[fd, 0, 0, OUT]);
            let write = guest.index("fd_write");
            (0..100_000).for_each(|_| guest.call_index(write, &[fd, VECTORS, 1, OUT]));
        }),
        ("10 bytes written to nowhere, 100,000 times", &mut |guest| {
            guest.vector(10);
            let write = guest.index("fd_write");
            (0..100_000).for_each(|_| guest.call_index(write, &[1, VECTORS, 1, OUT]));
        }),
        ("a file opened and closed, 10,000 times", &mut |guest| {
            for _ in 0..10_000 {
                let opened = guest.open(0);
                guest.call("fd_close", &[opened]);
            }
        }),
        ("a file looked at by its path, 10,000 times", &mut |guest| {
            let look = guest.index("path_filestat_get");
            (0..10_000).for_each(|_| guest.call_index(look, &[3, 1, PATH, 4, OUT]));
        }),
        ("the time asked for, 100,000 times", &mut |guest| {
            let time = guest.index("clock_time_get");
            (0..100_000).for_each(|_| guest.call_index(time, &[1, 0, OUT]));
        }),
    ];
    for (name, work) in lines {
        if only
            .as_ref()
            .is_some_and(|only| !name.contains(only.as_str()))
        {
            continue;
        }
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            work(&mut guest);
            start.elapsed()
        });
        let best = rounds.min().unwrap_or(Duration::ZERO);
        println!("{name}: {:.2} ms", best.as_secs_f64() * 1e3);
    }
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

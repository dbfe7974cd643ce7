//! Whatever a guest passes, a call returns or stops it. (A panic fails the test, a call that hangs does too.)

use super::*;
use crate::wasi::{Input, Output, OutputBuffer};

/// xorshift64*: the same numbers in every run.
pub(super) struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound
    }

    /// A number that code stumbles over rather than just any.
    fn awkward(&mut self) -> u64 {
        const EDGES: [u64; 20] = [
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            8,
            24,
            64,
            SIZE as u64 - 8,
            SIZE as u64 - 1,
            SIZE as u64,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_fff8,
            0xffff_ffff,
            i64::MAX as u64,
            1 << 63,
            u64::MAX,
        ];
        match self.next() % 4 {
            0 => self.next() >> (self.next() % 64),
            _ => EDGES[self.next() as usize % EDGES.len()],
        }
    }
}

/// A memory where garbage addresses find something: paths, vectors, subscriptions.
fn furnish(guest: &mut Guest, numbers: &mut Numbers) {
    for word in 0..SIZE as u64 / 8 {
        let value = match word % 4 {
            // A vector or a small number.
            0 => ((numbers.next() % 64) << 32) | (numbers.next() % 512),
            1 => u64::from_le_bytes(*b"sub/../x"),
            2 => numbers.awkward(),
            _ => numbers.next() % 4,
        };
        guest.put(word * 8, &value.to_le_bytes());
    }
    guest.put(0, b"sub\0file../link/.\0\0\0");
    for (at, text) in [(1, "x"), (2, ".."), (3, "/"), (4, "file"), (24, "link")] {
        guest.put(at, text.as_bytes());
    }
}

fn garbage(seed: u64, rounds: usize) {
    let mut numbers = Numbers(seed);
    for _ in 0..rounds {
        let dir = TempDir::new();
        std::fs::create_dir(dir.join("sub")).unwrap();
        std::fs::write(dir.join("file"), "content").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("file", dir.join("link")).unwrap();
        let mut config = WasiConfig::new();
        config
            .arg("program")
            .env("NAME", "value")
            .stdin(Input::bytes("input"))
            .stdout(Output::Buffer(OutputBuffer::limited(1 << 16)))
            .preopen(dir.path(), "/")
            .preopen_read_only(dir.path(), "/read-only");
        let mut guest = Guest::new(&config);
        for _ in 0..16 {
            furnish(&mut guest, &mut numbers);
            guest.heap = HEAP;
            let _ = guest.open(3, "file", 0, READ | WRITE);
            for index in 0..46 {
                let function = guest.wasi.functions()[index];
                let args: Vec<u64> = function.params.iter().map(|_| numbers.awkward()).collect();
                let outcome = guest.call(function.name, &args);
                assert!(
                    !matches!(&outcome, Err(Stop::Trap(text)) if text.contains("internal error")),
                    "{}{args:x?}: {outcome:?}",
                    function.name
                );
            }
        }
    }
}

#[test]
fn no_argument_panics() {
    garbage(0x9e37_79b9_7f4a_7c15, 40);
}

/// The same for longer, with a seed from the environment: `WASMDYLD_SEED=7 cargo test -- --ignored no_argument`.
#[test]
#[ignore = "takes minutes"]
fn no_argument_panics_for_long() {
    let seed = std::env::var("WASMDYLD_SEED").ok();
    garbage(seed.and_then(|s| s.parse().ok()).unwrap_or(1), 10_000);
}

#[test]
fn constant_garbage() {
    for value in [0, 1, 3, 0xffff_ffff, u64::MAX] {
        let dir = TempDir::new();
        let mut guest = guest_in(&dir);
        for index in 0..46 {
            let function = guest.wasi.functions()[index];
            let _ = guest.call(function.name, &vec![value; function.params.len()]);
        }
    }
}

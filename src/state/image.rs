//! A memory without what is zero, and putting it back with as few writes as there are differences.

use serde::{Deserialize, Serialize};

/// Bytes that are compared and copied together: a page of most machines, so that what the guest has not touched stays untouched.
pub const CHUNK: usize = 4096;

static ZERO: [u8; CHUNK] = [0; CHUNK];

/// Chunks that follow one another, from a chunk's number on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub first: u32,
    pub count: u32,
}

/// The contents of a memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// In chunks.
    size: u32,
    /// Rising, apart from each other.
    runs: Vec<Run>,
    /// Those of the runs, one behind the other.
    bytes: Vec<u8>,
}

impl Image {
    /// What a memory holds. Its size is whole chunks, as pages of WebAssembly are.
    pub fn of(memory: &[u8]) -> Image {
        let mut image = Image::default();
        for (chunk, number) in memory.chunks(CHUNK).zip(0..) {
            image.size = number + 1;
            if ZERO.starts_with(chunk) {
                continue;
            }
            match image.runs.last_mut() {
                Some(run) if run.first + run.count == number => run.count += 1,
                _ => image.runs.push(Run {
                    first: number,
                    count: 1,
                }),
            }
            image.bytes.extend_from_slice(chunk);
        }
        image
    }

    /// An image of parts that were written down. `None` where they contradict each other.
    pub fn from_parts(size: u32, runs: Vec<Run>, bytes: Vec<u8>) -> Option<Image> {
        let mut end = 0u32;
        let mut total = 0usize;
        for run in &runs {
            if run.count == 0 || run.first < end {
                return None;
            }
            end = run.first.checked_add(run.count)?;
            total = total.checked_add((run.count as usize).checked_mul(CHUNK)?)?;
        }
        (end <= size && total == bytes.len()).then_some(Image { size, runs, bytes })
    }

    pub fn parts(&self) -> (u32, &[Run], &[u8]) {
        (self.size, &self.runs, &self.bytes)
    }

    /// Bytes that are not left out.
    pub fn stored(&self) -> usize {
        self.bytes.len()
    }

    /// Each run with where it begins in the memory.
    fn pieces(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.runs.iter().map_while(move |run| {
            let (piece, others) = rest.split_at_checked(run.count as usize * CHUNK)?;
            rest = others;
            Some((run.first as usize * CHUNK, piece))
        })
    }

    /// Makes a memory what it was. Chunks that are as they were are only read. What lies behind the image becomes zero.
    pub fn put_back(&self, memory: &mut [u8]) {
        let mut at = 0;
        for (start, piece) in self.pieces() {
            zero(memory.get_mut(at..start).unwrap_or_default());
            at = start + piece.len();
            let into = memory.get_mut(start..at).unwrap_or_default();
            for (into, chunk) in into.chunks_mut(CHUNK).zip(piece.chunks(CHUNK)) {
                if into != chunk {
                    into.copy_from_slice(chunk);
                }
            }
        }
        zero(memory.get_mut(at..).unwrap_or_default());
    }

    /// Fills a memory that is zero but for `touched` (start and length of each).
    pub fn put_into_new(&self, memory: &mut [u8], touched: impl Iterator<Item = (u64, u64)>) {
        for (start, len) in touched {
            let range = usize::try_from(start).ok().zip(usize::try_from(len).ok());
            let range = range.and_then(|(start, len)| Some(start..start.checked_add(len)?));
            if let Some(touched) = range.and_then(|range| memory.get_mut(range)) {
                zero(touched);
            }
        }
        for (start, piece) in self.pieces() {
            if let Some(into) = memory.get_mut(start..start + piece.len()) {
                into.copy_from_slice(piece);
            }
        }
    }
}

/// Writes only where something is to be changed.
fn zero(memory: &mut [u8]) {
    for chunk in memory.chunks_mut(CHUNK) {
        if !ZERO.starts_with(chunk) {
            chunk.fill(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(chunks: usize, marks: &[(usize, u8)]) -> Vec<u8> {
        let mut memory = vec![0; chunks * CHUNK];
        for &(at, value) in marks {
            memory[at] = value;
        }
        memory
    }

    #[test]
    fn zeros_are_left_out() {
        let full = memory(16, &[(3 * CHUNK, 1), (4 * CHUNK + 9, 2), (15 * CHUNK, 3)]);
        let image = Image::of(&full);
        let runs = [(3, 2), (15, 1)].map(|(first, count)| Run { first, count });
        assert_eq!(image.runs, runs);
        assert_eq!(
            (image.size as usize * CHUNK, image.stored()),
            (full.len(), 3 * CHUNK)
        );
    }

    #[test]
    fn a_memory_becomes_what_it_was() {
        let before = memory(8, &[(0, 1), (2 * CHUNK, 5), (8 * CHUNK - 1, 7)]);
        let image = Image::of(&before);
        // Changed, cleared, filled, and grown.
        let mut now = memory(10, &[(1, 1), (CHUNK, 9), (5 * CHUNK, 4), (9 * CHUNK, 4)]);
        image.put_back(&mut now);
        assert_eq!(now[..before.len()], before);
        assert!(now[before.len()..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_new_memory_is_filled() {
        let before = memory(8, &[(0, 1), (7 * CHUNK, 5)]);
        let image = Image::of(&before);
        let mut now = memory(8, &[(3 * CHUNK + 1, 9), (4 * CHUNK, 9)]);
        let touched = [(3 * CHUNK as u64 + 1, CHUNK as u64), (u64::MAX, 8)];
        image.put_into_new(&mut now, touched.into_iter());
        assert_eq!(now, before);
    }

    #[test]
    fn parts_that_contradict_each_other_are_refused() {
        let run = |first, count| Run { first, count };
        let of = |size, runs: &[Run], chunks: usize| {
            Image::from_parts(size, runs.to_vec(), vec![1; chunks * CHUNK])
        };
        assert!(of(4, &[run(0, 1), run(2, 2)], 3).is_some());
        assert!(of(3, &[run(0, 1), run(2, 2)], 3).is_none());
        assert!(of(4, &[run(0, 1), run(2, 2)], 2).is_none());
        assert!(of(9, &[run(2, 2), run(3, 1)], 3).is_none());
        assert!(of(9, &[run(2, 0)], 0).is_none());
        assert!(of(u32::MAX, &[run(u32::MAX, 1)], 1).is_none());
        assert!(of(u32::MAX, &[run(1, u32::MAX)], 1).is_none());
    }
}

//! Memory as segments: what is not zero, in pieces.

use std::ops::Range;

/// Segments that one module has at most, so that every engine takes it (100,000 is what the specification's web interface allows).
const MAX_PIECES: usize = 90_000;
/// What a segment takes beside its bytes. Fewer zeros than that are cheaper written down.
const OVERHEAD: usize = 12;

const ZEROS: [u8; 4096] = [0; 4096];

/// Where memory is not zero, by address. Pieces lie so far apart that there are not too many of them.
pub(super) fn pieces(memory: &[u8]) -> Vec<Range<usize>> {
    merged(memory, MAX_PIECES)
}

fn merged(memory: &[u8], most: usize) -> Vec<Range<usize>> {
    let mut gap = OVERHEAD;
    loop {
        let pieces = apart(memory, gap);
        if pieces.len() <= most.max(1) {
            return pieces;
        }
        gap = gap.saturating_mul(4);
    }
}

/// Pieces between which there are at least `gap` zeros.
fn apart(memory: &[u8], gap: usize) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(start) = next_set(memory, at) {
        let rest = memory.get(start..).unwrap_or_default();
        let end = memchr::memchr(0, rest).map_or(memory.len(), |zero| start.saturating_add(zero));
        match pieces.last_mut() {
            Some(last) if start.saturating_sub(last.end) < gap => last.end = end,
            _ => pieces.push(start..end),
        }
        at = end;
    }
    pieces
}

/// The first byte from `at` on that is not zero.
fn next_set(memory: &[u8], at: usize) -> Option<usize> {
    let rest = memory.get(at..)?;
    // Whole pages of zeros are most of it.
    let zeros = rest
        .chunks(ZEROS.len())
        .take_while(|chunk| ZEROS.starts_with(chunk));
    let skipped = zeros.map(<[u8]>::len).sum::<usize>();
    let found = rest.get(skipped..)?.iter().position(|&byte| byte != 0)?;
    Some(at.saturating_add(skipped).saturating_add(found))
}

#[cfg(test)]
mod tests {
    use super::{apart, merged, pieces};

    #[test]
    fn zeros_between_pieces_are_left_out_where_that_is_shorter() {
        let mut memory = vec![0; 3 * 65536];
        memory[10] = 1;
        memory[15] = 2;
        memory[100] = 3;
        memory[70_000..70_100].fill(4);
        *memory.last_mut().unwrap() = 5;
        assert_eq!(
            pieces(&memory),
            [10..16, 100..101, 70_000..70_100, 196_607..196_608]
        );
        assert_eq!(pieces(&[0; 5000]), []);
        assert_eq!(pieces(&[]), []);
        let whole = 0..5000;
        assert_eq!(pieces(&[7; 5000]), [whole]);
    }

    #[test]
    fn too_many_pieces_are_merged_and_lose_nothing() {
        let mut memory = vec![0; 1 << 20];
        for at in (0..memory.len()).step_by(64) {
            memory[at] = 1;
        }
        assert_eq!(apart(&memory, 12).len(), 1 << 14);
        let few = merged(&memory, 1000);
        assert!(few.len() <= 1000);
        let set = memory.iter().filter(|&&byte| byte != 0).count();
        let written = few.iter().flat_map(|piece| &memory[piece.clone()]);
        assert_eq!(written.filter(|&&byte| byte != 0).count(), set);
    }
}

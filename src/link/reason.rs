//! A trap's reason in the words of those who write guests. Shims give the core specification's words for what it has; these stay, in brackets.

use super::namespace::Namespace;
use super::pointer::{Site, Wrong};
use crate::abi;
use crate::engine::Trap;
use crate::text;

/// What calls by pointer trap with, and what that means in C.
const CALLS_BY_POINTER: [(&str, &str, Wrong); 3] = [
    (
        "uninitialized element",
        "call of a null function pointer, or of one whose library is gone",
        Wrong::Null,
    ),
    (
        "indirect call type mismatch",
        "call of a function pointer whose function has another type",
        Wrong::Type,
    ),
    (
        "undefined element",
        "call of a function pointer that is none",
        Wrong::NoSlot,
    ),
];

/// The engine's own stack is full.
const CALLS_TOO_DEEP: &str = "call stack exhausted";
/// What a guest's own stack ends in that is the first thing in memory.
const OUT_OF_BOUNDS: &str = "out of bounds memory access";

impl Namespace {
    /// Why the guest trapped, at this place if it is known. Exceptions are asked what they say, which runs the guest's code, if that `may_run`.
    pub(super) fn reason(&self, trap: &Trap, site: Option<Site>, may_run: bool) -> String {
        let cause = trap.cause();
        let words = cause.strip_prefix("wasm trap: ").unwrap_or(&cause);
        if words.starts_with(CALLS_TOO_DEEP) {
            return format!(
                "stack overflow: the guest's calls are nested deeper than the engine's stack allows ({words})"
            );
        }
        // What stands in front of it may say where (Q25).
        if words.ends_with(OUT_OF_BOUNDS)
            && let Some(overflow) = self.stack_overflow()
        {
            return format!("{overflow} ({words})");
        }
        if let Some(exception) = self.uncaught(trap, may_run) {
            return exception;
        }
        let known = CALLS_BY_POINTER
            .iter()
            .find(|(start, ..)| words.starts_with(start));
        let Some((_, meaning, wrong)) = known else {
            return cause;
        };
        match site.and_then(|site| self.bad_pointer(&site, *wrong)) {
            Some(more) => format!("{meaning}: {more} ({words})"),
            None => format!("{meaning} ({words})"),
        }
    }

    /// What there is to say where the guest's stack pointer has left the guest's stack at its lower end.
    fn stack_overflow(&self) -> Option<String> {
        let pointer = self.stack_pointer()?.as_u32()?.into();
        let state = self.state();
        let end = state.space.as_ref()?.memory.size();
        let landmarks = state.model.landmarks.as_ref()?;
        // Where a fixed program does not tell, its stack is taken to be the first thing in memory, as wasm-ld has it: what wraps round at
        // address 0 lies beyond the memory's end.
        let low = landmarks.stack_low.unwrap_or(0);
        if !is_below(pointer, low, end) {
            return None;
        }
        let high = landmarks.stack_high.filter(|&high| high > low);
        let size = high.and_then(|high| usize::try_from(high - low).ok());
        let size = size.map_or(String::from("all"), |n| format!("all {}", text::number(n)));
        Some(format!(
            "stack overflow: the guest has used {size} bytes of its stack, which a position-independent program gets by --stack-size and another by the linker's -z stack-size"
        ))
    }
}

/// Whether a stack pointer is below the lower end of its stack, or is so near that a function which does not move it, as those that call
/// none need not, has left the stack.
fn is_below(pointer: u64, low: u64, end: u64) -> bool {
    pointer < low.saturating_add(abi::RED_ZONE) || pointer >= end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_pointer_that_has_left_its_stack() {
        let end = 4 * abi::PAGE;
        for (pointer, low, below) in [
            (0xffff_f000, 0, true),
            (0xffff_f000, 1024, true),
            (1100, 1024, true),
            (1024 + abi::RED_ZONE, 1024, false),
            (65_536, 1024, false),
            // A coroutine's stack is in the heap.
            (3 * abi::PAGE, 1024, false),
            (0, 0, true),
        ] {
            assert_eq!(is_below(pointer, low, end), below, "{pointer:#x} {low}");
        }
    }
}

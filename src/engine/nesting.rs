//! A bound on how deep guest and host may call each other.
//!
//! An engine guards the stack of the guest's code, but each call from guest to host to guest again also takes native stack, and
//! wasmi and wasmer run off its end (Q15: SIGSEGV after a few thousand such calls). So each entry into a host function, and each call of the guest
//! that the linker makes, checks how much of the thread's own stack is left, and fails while there is still enough to report it.

use std::cell::Cell;

/// What a host function may need: reporting, or compiling and linking a library from inside `dlopen`.
const RESERVE: usize = 256 * 1024;

/// What a host function needs at the least, to report that there is no more.
const LEAST_RESERVE: usize = 64 * 1024;

/// The bound where the stack's extent is unknown, or where the call runs on a stack other than the thread's own.
const MAX_DEPTH: u32 = 200;

#[derive(Clone, Copy)]
enum Bounds {
    Unasked,
    Unknown,
    /// The lowest and the highest address of the thread's stack, which grows down.
    Known {
        low: usize,
        high: usize,
    },
}

thread_local! {
    static BOUNDS: Cell<Bounds> = const { Cell::new(Bounds::Unasked) };
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// An entry into host code. Dropped on the way back, also by a panic.
pub(crate) struct Entered(());

impl Entered {
    /// `None` if the host has been entered too deep already.
    pub(crate) fn new() -> Option<Entered> {
        let depth = DEPTH.get();
        let here = (&raw const depth).addr();
        if is_deep(here, depth) {
            return None;
        }
        DEPTH.set(depth + 1);
        Some(Entered(()))
    }
}

/// Whether too little of the stack is left to call guest code once more, `depth` such calls deep. Host functions that are not ours
/// count no entries, so they end here.
pub(crate) fn is_near_end(depth: u32) -> bool {
    is_deep((&raw const depth).addr(), depth)
}

/// Whether the thread's stack has that many bytes left, and what host functions need besides; yes where its extent is not known.
pub(crate) fn has_room(bytes: usize) -> bool {
    let here = (&raw const bytes).addr();
    match bounds() {
        Bounds::Known { low, high } if (low..high).contains(&here) => {
            here - low >= bytes.saturating_add(LEAST_RESERVE)
        }
        _ => true,
    }
}

/// Whether host code that a guest called is running on this thread.
pub(crate) fn inside() -> bool {
    DEPTH.get() > 0
}

impl Drop for Entered {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn is_deep(here: usize, depth: u32) -> bool {
    match bounds() {
        Bounds::Known { low, high } if (low..high).contains(&here) => {
            // On a very small stack the full reserve would leave nothing to run on.
            here - low < RESERVE.min((high - low) / 4)
        }
        _ => depth >= MAX_DEPTH,
    }
}

/// The extent of the thread's stack; asked once a thread, since the answer is read from a file on some systems.
fn bounds() -> Bounds {
    let known = BOUNDS.get();
    if !matches!(known, Bounds::Unasked) {
        return known;
    }
    let asked = ask();
    BOUNDS.set(asked);
    asked
}

#[cfg(target_os = "linux")]
fn ask() -> Bounds {
    use std::mem::MaybeUninit;
    use std::ptr::null_mut;

    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size, mut guard) = (null_mut(), 0, 0);
    // SAFETY: `pthread_getattr_np` initialises the attributes if it returns 0; they are destroyed once.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return Bounds::Unknown;
        }
        let got = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size)
            == 0
            && libc::pthread_attr_getguardsize(attributes.as_ptr(), &raw mut guard) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if !got {
            return Bounds::Unknown;
        }
    }
    // Some C libraries count the guard pages to the stack.
    let low = low.addr();
    Bounds::Known {
        low: low.saturating_add(guard),
        high: low.saturating_add(size),
    }
}

#[cfg(not(target_os = "linux"))]
fn ask() -> Bounds {
    Bounds::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dive(levels: &mut u32) {
        let Some(_entry) = Entered::new() else { return };
        *levels += 1;
        // Keeps the compiler from turning the recursion into a loop, and makes a frame of some size.
        let mut frame = [0u8; 4096];
        std::hint::black_box(&mut frame);
        dive(levels);
        std::hint::black_box(&mut frame);
    }

    #[test]
    fn ends_before_the_stack_does() {
        for (stack, at_least) in [(128 << 10, 10), (2 << 20, 300)] {
            let levels = std::thread::Builder::new()
                .stack_size(stack)
                .spawn(|| {
                    let mut levels = 0;
                    dive(&mut levels);
                    assert_eq!(DEPTH.get(), 0);
                    levels
                })
                .unwrap()
                .join()
                .unwrap();
            assert!(levels >= at_least, "only {levels} levels on {stack} bytes");
        }
    }

    /// A thread may be given a larger stack than it asked for, since glibc hands out those of threads that have ended. So what is left is
    /// taken from the extent itself.
    #[test]
    fn there_is_room_for_what_is_left_and_no_more() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let asked = thread.spawn(|| {
            let here = 0u8;
            let Bounds::Known { low, high } = bounds() else {
                return;
            };
            let left = (&raw const here).addr() - low;
            assert!(left < high - low);
            // The question looks from a place of its own, some bytes further up or down.
            assert!(!has_room(left - LEAST_RESERVE + 4096));
            assert!(has_room(left - LEAST_RESERVE - 4096));
            assert!(has_room(0));
        });
        asked.unwrap().join().unwrap();
    }
}

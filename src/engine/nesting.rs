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
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only Linux is asked")
    )]
    Known {
        low: usize,
        high: usize,
    },
}

/// What guests want of a stack, and more: whoever has that below has room.
const AMPLE: usize = 1 << 20;

/// What is known of a thread: one look-up for all of it, since each costs a few nanoseconds in a shared library.
struct Thread {
    bounds: Cell<Bounds>,
    /// Where the stack has ample room below, as first address and size: nothing where it is too small, or not known.
    ample: Cell<(usize, usize)>,
    /// Entries into host functions under way.
    depth: Cell<u32>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            bounds: Cell::new(Bounds::Unasked),
            ample: Cell::new((0, 0)),
            depth: Cell::new(0),
        }
    };
}

/// An entry into host code. Dropped on the way back, also by a panic.
pub(crate) struct Entered(());

impl Entered {
    /// `None` if the host has been entered too deep already.
    pub(crate) fn new() -> Option<Entered> {
        THREAD.with(|thread| {
            let depth = thread.depth.get();
            if thread.bounds().near_end((&raw const depth).addr(), depth) {
                return None;
            }
            thread.depth.set(depth + 1);
            Some(Entered(()))
        })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.depth.set(thread.depth.get() - 1));
    }
}

/// What the thread's stack has for a call of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Enough,
    /// Too little to call once more. Host functions that are not ours count no entries, so they end here.
    NearEnd,
    /// Less than an outermost call wants.
    TooSmall,
}

/// The room for a call that is `depth` such calls deep. An outermost one wants `wanted` bytes for the guest; behind that the engine counts by
/// itself.
#[inline]
pub(crate) fn room(depth: u32, wanted: usize) -> Room {
    let (first, size) = THREAD.with(|thread| thread.ample.get());
    let here = (&raw const depth).addr();
    if here.wrapping_sub(first) < size && wanted <= AMPLE {
        return Room::Enough;
    }
    less_than_ample(here, depth, wanted)
}

#[cold]
fn less_than_ample(here: usize, depth: u32, wanted: usize) -> Room {
    THREAD.with(|thread| {
        let bounds = thread.bounds();
        let outermost = depth == 0 && thread.depth.get() == 0;
        if outermost && !bounds.has_room(here, wanted) {
            Room::TooSmall
        } else if bounds.near_end(here, depth) {
            Room::NearEnd
        } else {
            Room::Enough
        }
    })
}

/// Whether host code that a guest called is running on this thread.
pub(crate) fn inside() -> bool {
    THREAD.with(|thread| thread.depth.get() > 0)
}

impl Thread {
    /// The extent of the thread's stack; asked once a thread, since the answer is read from a file on some systems.
    #[inline]
    fn bounds(&self) -> Bounds {
        match self.bounds.get() {
            Bounds::Unasked => self.ask(),
            known => known,
        }
    }

    #[cold]
    fn ask(&self) -> Bounds {
        let asked = ask();
        self.bounds.set(asked);
        if let Bounds::Known { low, high } = asked {
            let first = low.saturating_add(AMPLE + LEAST_RESERVE);
            self.ample.set((first, high.saturating_sub(first)));
        }
        asked
    }
}

impl Bounds {
    /// Whether the stack has that many bytes left at `here`, and what host functions need besides; yes where its extent is not known.
    #[inline]
    fn has_room(self, here: usize, bytes: usize) -> bool {
        match self {
            Bounds::Known { low, high } if (low..high).contains(&here) => {
                here - low >= bytes.saturating_add(LEAST_RESERVE)
            }
            _ => true,
        }
    }

    #[inline]
    fn near_end(self, here: usize, depth: u32) -> bool {
        match self {
            Bounds::Known { low, high } if (low..high).contains(&here) => {
                // On a very small stack the full reserve would leave nothing to run on.
                here - low < RESERVE.min((high - low) / 4)
            }
            _ => depth >= MAX_DEPTH,
        }
    }
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

#[cfg(windows)]
fn ask() -> Bounds {
    let (low, high) = crate::platform::stack();
    // The system keeps pages at the end, of which it tells one when a thread comes to them, and has no room for more than that.
    const KEPT: usize = 16 << 10;
    match low.checked_add(KEPT) {
        Some(low) if low < high => Bounds::Known { low, high },
        _ => Bounds::Unknown,
    }
}

#[cfg(not(any(target_os = "linux", windows)))]
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
                    assert!(!inside());
                    levels
                })
                .unwrap()
                .join()
                .unwrap();
            assert!(levels >= at_least, "only {levels} levels on {stack} bytes");
        }
    }

    /// What is quickly told is what would be told slowly.
    #[test]
    fn there_is_ample_room_where_there_is_room() {
        const { assert!(AMPLE + LEAST_RESERVE >= RESERVE) };
        for stack in [256 << 10, 1 << 20, 4 << 20] {
            let thread = std::thread::Builder::new().stack_size(stack);
            let asked = thread.spawn(|| {
                let bounds = THREAD.with(Thread::bounds);
                let (first, size) = THREAD.with(|thread| thread.ample.get());
                let Bounds::Known { low, high } = bounds else {
                    return;
                };
                for at in [first, first + size / 2, (first + size).saturating_sub(1)] {
                    if at.wrapping_sub(first) < size {
                        assert!((low..high).contains(&at));
                        assert!(bounds.has_room(at, AMPLE) && !bounds.near_end(at, MAX_DEPTH));
                    }
                }
                assert_eq!(size > 0, high - low > AMPLE + LEAST_RESERVE);
            });
            asked.unwrap().join().unwrap();
        }
    }

    /// A thread may be given a larger stack than it asked for, since glibc hands out those of threads that have ended. So what is left is
    /// taken from the extent itself.
    #[test]
    fn there_is_room_for_what_is_left_and_no_more() {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        let asked = thread.spawn(|| {
            let here = 0u8;
            let here = (&raw const here).addr();
            let bounds = THREAD.with(Thread::bounds);
            let Bounds::Known { low, high } = bounds else {
                return;
            };
            let left = here - low;
            assert!(left < high - low);
            assert!(!bounds.has_room(here, left));
            assert!(!bounds.has_room(here, left - LEAST_RESERVE + 1));
            assert!(bounds.has_room(here, left - LEAST_RESERVE));
            assert!(bounds.has_room(here, 0));
            // The question looks from a place of its own, some bytes further up or down.
            assert_eq!(room(0, left - LEAST_RESERVE + 4096), Room::TooSmall);
            assert_eq!(room(0, left - LEAST_RESERVE - 4096), Room::Enough);
            // Behind the outermost call it is the engine's to count.
            assert_eq!(room(1, left), Room::Enough);
            let _entered = Entered::new().unwrap();
            assert_eq!(room(0, left), Room::Enough);
        });
        asked.unwrap().join().unwrap();
    }
}

//! What stops a guest from outside: interrupts of other threads and of signal handlers, time-outs, budgets.
//!
//! A guest is asked to stop and stops by itself. Its code comes to a check again and again: one that its engine makes (the shim says),
//! or one that the linker has put into its modules (`object::meter`): these count, and ask by themselves from time to time, or look at a flag. WASI checks where it waits (`wait.rs`). A check asks [`wanted`]
//! and, if a stop is wanted, ends the guest by a trap, which [`Control::finish`] knows again by what it has noted here, not by its text.
//!
//! No engine, and nothing of the linker: a [`Control`] belongs to a namespace and to its thread, its [`Signal`] to all threads.

mod bell;
mod budget;
mod forked;
mod registry;
mod signal;
mod timer;
#[cfg(any(unix, windows, feature = "wasi"))]
mod wait;
mod watcher;

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use budget::Budget;
pub use forked::{generation, notice};
pub use registry::{Registered, interrupt};
pub use signal::Signal;
use signal::clock;
#[cfg(all(windows, feature = "wasi"))]
pub use wait::in_pipe;
#[cfg(any(unix, windows, feature = "wasi"))]
pub use wait::{Entry as WaitEntry, Pollable, Ready, Waited, wait};
pub use watcher::Watcher;

use crate::error::{Code, Error, Result};

/// What a namespace can do about its guests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: guests run as they are, and cannot be stopped.
    #[default]
    Off,
    /// Interrupts and time-outs, by the engine's own means where it has some, else by checks in the modules.
    Interrupt,
    /// Interrupts, time-outs and budgets, by checks in the modules, which count the same on every engine.
    Budget,
}

/// What is put into the modules of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checks {
    #[default]
    None,
    /// Where the engine checks by itself, but not between operations that take long and follow each other without a loop.
    Between,
    /// At every function and loop, where the guest looks at a flag that others raise.
    Flag,
    /// At every function and loop, counted.
    Counted,
}

/// Why a guest is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Interrupted,
    TimedOut,
    /// The budget is used up.
    Spent,
}

impl Stop {
    pub fn error(self) -> Error {
        match self {
            Stop::Interrupted => Error::new(Code::Interrupted, "the guest was interrupted"),
            Stop::TimedOut => Error::new(
                Code::TimedOut,
                "the guest's time is over: give it more with wasm_dyld_set_timeout, or run it in pieces",
            ),
            Stop::Spent => Error::new(
                Code::OutOfBudget,
                "the guest's budget is used up: give it another with wasm_dyld_set_budget",
            ),
        }
    }
}

/// One namespace's means to stop its guests.
pub struct Control {
    mode: Mode,
    signal: Arc<Signal>,
    /// Entries of the host under way, one inside the other.
    entries: Cell<u32>,
    /// Why the guest was stopped; until the outermost entry ends, none of its code runs any more.
    stopped: Cell<Option<Stop>>,
    checks: Cell<Checks>,
    timeout: Cell<Option<Duration>>,
    watcher: RefCell<Option<Rc<Watcher>>>,
    /// The budget, where checks count.
    pub budget: Budget,
    /// Takes back what stands in the guest's counter.
    recall: RefCell<Option<Recall>>,
    /// The control of the namespace whose guest, by way of the host, entered this one.
    outer: Cell<*const Control>,
}

thread_local! {
    /// The namespace that was entered last on this thread, and is not left.
    static CURRENT: Cell<*const Control> = const { Cell::new(ptr::null()) };
}

/// How a control takes back what stands in its guest's counter.
pub type Recall = Box<dyn Fn(&Budget)>;

/// An entry of the host into a namespace, until it is dropped.
pub struct Entry<'a>(&'a Control);

impl Control {
    pub fn new(mode: Mode) -> Control {
        if mode != Mode::Off {
            forked::notice();
        }
        Control {
            mode,
            signal: Arc::new(Signal::new(mode != Mode::Off)),
            entries: Cell::new(0),
            stopped: Cell::new(None),
            checks: Cell::new(Checks::None),
            timeout: Cell::new(None),
            watcher: RefCell::new(None),
            budget: Budget::default(),
            recall: RefCell::new(None),
            outer: Cell::new(ptr::null()),
        }
    }

    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What is to be put into modules, where the engine checks by itself (`by_engine`), or the signal has a flag, or neither.
    pub fn settle(&self, by_engine: bool, has_flag: bool) {
        self.checks.set(match (self.mode, by_engine, has_flag) {
            (Mode::Off, ..) => Checks::None,
            (Mode::Interrupt, true, _) => Checks::Between,
            (Mode::Interrupt, false, true) => Checks::Flag,
            (Mode::Interrupt, false, false) | (Mode::Budget, ..) => Checks::Counted,
        });
    }

    pub fn checks(&self) -> Checks {
        self.checks.get()
    }

    pub fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }

    /// The host enters. The outermost entry begins anew: an interrupt that came before it found nothing to stop, and time counts from
    /// here.
    #[inline]
    pub fn enter(&self) -> Entry<'_> {
        // Nobody can stop it but those whose guests wait for it, and these stay as they are.
        if self.mode != Mode::Off {
            self.begin();
        }
        Entry(self)
    }

    fn begin(&self) {
        let entries = self.entries.get();
        self.entries.set(entries.saturating_add(1));
        if entries == 0 {
            self.stopped.set(None);
            self.signal.begin();
            self.set_times();
            let outer = CURRENT.replace(self);
            self.outer.set(outer);
            if !outer.is_null() {
                self.enter_from_another();
            }
        }
    }

    /// The entry that began last is over.
    fn leave(&self) {
        let entries = self.entries.get().saturating_sub(1);
        self.entries.set(entries);
        if entries > 0 {
            self.goes_on();
            return;
        }
        let outer = self.outer.replace(ptr::null());
        CURRENT.set(outer);
        // SAFETY: it is in the chain that is left: see `each`.
        if let Some(outer) = unsafe { outer.as_ref() } {
            outer.signal.left();
            outer.goes_on();
        }
        self.signal.end();
    }

    /// The end of an entry that was not dropped where it began.
    #[cfg(target_family = "wasm")]
    pub fn end_entry(&self) {
        if self.mode != Mode::Off {
            self.leave();
        }
    }

    /// The guest that waits for this one may be stopped meanwhile: its own engine, if it has checks of its own, is not the one to be told.
    #[cold]
    fn enter_from_another(&self) {
        let now = clock();
        each(|control| {
            if let Some(at) = control.signal.next() {
                timer::watch_always(&control.signal, now, at);
            }
        });
        // SAFETY: as in `each`: the outer one is in the chain.
        if let Some(outer) = unsafe { self.outer.get().as_ref() } {
            outer.signal.entered(&self.signal);
        }
    }

    /// When the guest has to look, in the entry that begins.
    fn set_times(&self) {
        let watcher = self.watcher.borrow();
        let times = (self.timeout.get(), watcher.as_ref().map(|w| w.every));
        if times == (None, None) {
            return;
        }
        let now = clock();
        let deadline = times.0.map(|after| self.signal.set_deadline(now, after));
        let look = times.1.map(|after| self.signal.set_look(now, after));
        if let Some(at) = deadline.into_iter().chain(look).min() {
            timer::watch(&self.signal, now, at);
        }
    }

    /// How long an outermost entry may take, if that is bounded.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.get()
    }

    /// Sets how long an outermost entry may take.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.need(Mode::Interrupt)?;
        self.timeout.set(timeout);
        Ok(())
    }

    /// Who is asked, while guests run or wait, whether they are to stop: from the next outermost entry on. Gives who was asked before.
    pub fn set_watcher(&self, watcher: Option<Watcher>) -> Result<Option<Rc<Watcher>>> {
        self.need(Mode::Interrupt)?;
        Ok(self.watcher.replace(watcher.map(Rc::new)))
    }

    /// Whether the namespace was made for that much.
    pub fn need(&self, mode: Mode) -> Result<()> {
        let has = match (self.mode, mode) {
            (_, Mode::Off) | (Mode::Budget, _) => true,
            (has, mode) => has == mode,
        };
        match has {
            true => Ok(()),
            false => Err(Error::new(
                Code::Unsupported,
                match mode {
                    Mode::Budget => {
                        "the namespace counts no budget: make it with wasm_dyld_config_set_control and WASM_DYLD_CONTROL_BUDGET"
                    }
                    _ => {
                        "the namespace cannot stop its guests: make it with wasm_dyld_config_set_control"
                    }
                },
            )),
        }
    }

    /// Fails if the guest is to stop, or has been stopped: none of its code is to run.
    #[inline]
    pub fn check(&self) -> Result<()> {
        match self.mode {
            Mode::Off => Ok(()),
            _ => self.check_signal(),
        }
    }

    fn check_signal(&self) -> Result<()> {
        match self.wants() {
            None => Ok(()),
            Some(stop) => Err(stop.error()),
        }
    }

    /// How what stands in the guest's counter is taken back; `None`: it is gone.
    pub fn set_recall(&self, recall: Option<Recall>) {
        drop(self.recall.replace(recall));
    }

    /// The guest goes on, whatever a function of the host's has made of the stop: it is to look at its very next check.
    #[inline]
    fn goes_on(&self) {
        if self.stopped.get().is_some() || self.signal.wants().is_some() {
            self.look_soon();
        }
    }

    #[cold]
    fn look_soon(&self) {
        if let Some(recall) = &*self.recall.borrow() {
            recall(&self.budget);
        }
    }

    /// The guest asks, and its counter stands at `counter`: what it is to stand at, or why the guest is to stop.
    pub fn ask(&self, counter: i64) -> Result<i64, Stop> {
        if let Some(stop) = wanted() {
            return Err(stop);
        }
        self.budget.ask(counter, clock()).ok_or_else(|| {
            self.stopped.set(Some(Stop::Spent));
            Stop::Spent
        })
    }

    /// The guest has seen the flag. `None`: it is the flag of others, since the namespace is gone; else why the guest is to stop, if it is.
    pub fn ask_for_flag(&self) -> Option<Result<(), Stop>> {
        // Before: who wants a stop raises the flag afterwards.
        if !self.signal.lower() {
            return None;
        }
        let Some(stop) = wanted() else {
            return Some(Ok(()));
        };
        // What goes on in spite of it asks again at once.
        self.signal.raise();
        Some(Err(stop))
    }

    /// Why the guest was stopped in this entry, if it was: for its own sake, or for that of one that waits for it.
    pub fn stopped(&self) -> Option<Stop> {
        let mut stopped = self.stopped.get();
        each(|control| stopped = stopped.or(control.stopped.get()));
        stopped
    }

    /// Asks the host, if it is time. False: nobody is to be asked.
    fn look_up(&self) -> bool {
        let Some(watcher) = self.watcher.borrow().clone() else {
            return false;
        };
        if self.signal.begin_look() {
            if (watcher.ask)() {
                self.signal.interrupt();
            }
            let now = clock();
            let at = self.signal.set_look(now, watcher.every);
            // While the host was asked, there was no time to look at.
            timer::watch(&self.signal, now, at);
        }
        true
    }

    #[inline]
    fn wants(&self) -> Option<Stop> {
        let stop = self.stopped.get().or_else(|| self.signal.wants())?;
        self.stopped.set(Some(stop));
        Some(stop)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        timer::forget(&self.signal);
    }
}

impl Drop for Entry<'_> {
    #[inline]
    fn drop(&mut self) {
        let Entry(control) = *self;
        if control.mode != Mode::Off {
            control.leave();
        }
    }
}

/// Whether the guest that runs on this thread is to stop: the namespace that was entered last, or one whose guest waits for it.
pub fn wanted() -> Option<Stop> {
    noted().or_else(|| {
        // The innermost one: its guest is the one that runs.
        let mut asked = false;
        each(|control| asked = asked || control.look_up());
        noted()
    })
}

fn noted() -> Option<Stop> {
    let mut wanted = None;
    each(|control| wanted = control.wants().or(wanted));
    wanted
}

/// Whether the guest that runs on this thread may be stopped at any time.
pub fn is_watched() -> bool {
    let mut watched = false;
    each(|control| watched |= control.mode != Mode::Off);
    watched
}

/// The namespaces entered on this thread, the last one first.
fn each(mut look: impl FnMut(&Control)) {
    let mut at = CURRENT.get();
    // SAFETY: each is borrowed by its `Entry`, which takes it out of the chain before that borrow ends; entries end in the order of a
    // stack, as the calls do that hold them. The chain is this thread's alone.
    while let Some(control) = unsafe { at.as_ref() } {
        look(control);
        at = control.outer.get();
    }
}

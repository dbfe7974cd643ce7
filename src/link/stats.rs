//! Where the time of a load goes: the linker's own work apart from the engine's.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use crate::plan::{Found, Plan, Supply};
use crate::platform::Instant;
use crate::text::Lines;

#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Reading files.
    pub read: Duration,
    pub parse: Duration,
    /// Searching, and all of the closure but reading and parsing.
    pub search: Duration,
    pub plan: Duration,
    /// The linker's part of executing the plan.
    pub link: Duration,
    /// The engine: compiling modules (or fetching them from its cache), generated ones included.
    pub compile: Duration,
    /// The engine: instantiating, which runs start functions.
    pub instantiate: Duration,
    /// The guest: data relocations and constructors.
    pub init: Duration,
    pub objects: usize,
    pub imports: usize,
    pub exports: usize,
    /// Generated modules.
    pub generated: usize,
    pub stubs: usize,
    pub direct: usize,
    /// Keeping the load as a launch closure.
    pub keep: Duration,
    pub launched: Launched,
    /// Why a load that could be kept as a launch closure was not.
    pub not_kept: Option<String>,
    /// Why a program was not made one module with its libraries.
    pub not_prelinked: Option<String>,
}

/// What a launch closure did for a load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Launched {
    /// It was used.
    Hit,
    /// There was none, or it did not hold: why.
    Miss(String),
    /// Why the load is none of those that are kept.
    Unfit(&'static str),
    /// Nothing was to be loaded.
    #[default]
    Nothing,
}

impl fmt::Display for Launched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Launched::Hit => f.write_str("hit"),
            Launched::Miss(why) => write!(f, "miss: {why}"),
            Launched::Unfit(why) => write!(f, "none: {why}"),
            Launched::Nothing => f.write_str("none: nothing was loaded"),
        }
    }
}

impl Statistics {
    /// The linker's own time.
    pub fn own(&self) -> Duration {
        self.parse + self.search + self.plan + self.link
    }
}

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Read,
    Parse,
    Search,
    Plan,
    Link,
    Compile,
    Instantiate,
    Init,
    Keep,
}

impl Statistics {
    pub fn count_objects(&mut self, fresh: &[Found]) {
        self.objects = fresh.len();
        self.imports = fresh
            .iter()
            .map(|f| f.object.brief().imports as usize)
            .sum();
        self.exports = fresh
            .iter()
            .map(|f| f.object.brief().exports as usize)
            .sum();
    }

    pub fn count_plan(&mut self, plan: &Plan) {
        self.stubs = plan.stubs.len();
        let supplies = plan.objects.iter().flat_map(|o| &o.imports);
        self.direct = supplies.filter(|s| matches!(s, Supply::Export(_))).count();
    }

    fn of(&mut self, phase: Phase) -> &mut Duration {
        match phase {
            Phase::Read => &mut self.read,
            Phase::Parse => &mut self.parse,
            Phase::Search => &mut self.search,
            Phase::Plan => &mut self.plan,
            Phase::Link => &mut self.link,
            Phase::Compile => &mut self.compile,
            Phase::Instantiate => &mut self.instantiate,
            Phase::Init => &mut self.init,
            Phase::Keep => &mut self.keep,
        }
    }
}

/// Measures one load. A phase inside another one interrupts it: time counts for the innermost.
#[derive(Debug, Default)]
pub struct Clock(RefCell<Reading>);

#[derive(Debug, Default)]
struct Reading {
    statistics: Statistics,
    /// The phase that is under way, and since when its time has not been counted.
    phase: Option<(Phase, Instant)>,
}

impl Reading {
    /// Counts the time of the phase under way, and goes on with another one. Gives the one before.
    fn switch(&mut self, to: Option<Phase>) -> Option<Phase> {
        let now = Instant::now();
        let before = self.phase.take().map(|(phase, since)| {
            *self.statistics.of(phase) += now.saturating_duration_since(since);
            phase
        });
        self.phase = to.map(|phase| (phase, now));
        before
    }
}

impl Clock {
    /// Counts the time that `work` takes for `phase`.
    pub fn time<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let before = self.0.borrow_mut().switch(Some(phase));
        let result = work();
        self.0.borrow_mut().switch(before);
        result
    }

    /// Counts something other than time.
    pub fn count(&self, with: impl FnOnce(&mut Statistics)) {
        with(&mut self.0.borrow_mut().statistics);
    }

    pub fn statistics(&self) -> Statistics {
        self.0.borrow().statistics.clone()
    }

    /// Starts anew; the reading so far is what [`resume`](Self::resume) takes.
    pub fn set_aside(&self) -> Clock {
        Clock(RefCell::new(self.0.take()))
    }

    /// Goes on where a clock was set aside.
    pub fn resume(&self, aside: Clock) {
        self.0.replace(aside.0.into_inner());
    }
}

impl Statistics {
    /// All of it as text for people.
    pub fn lines(&self) -> Lines {
        let mut lines = Lines::default();
        lines.line(format_args!(
            "{} objects, {} imports, {} exports; {} imports bound directly, {} stubs, {} generated modules",
            self.objects, self.imports, self.exports, self.direct, self.stubs, self.generated
        ));
        lines.line(format_args!(
            "linker {:>9} ms: parse {}, search {}, plan {}, link {}",
            ms(self.own()),
            ms(self.parse),
            ms(self.search),
            ms(self.plan),
            ms(self.link)
        ));
        lines.line(format_args!(
            "engine {:>9} ms: compile {}, instantiate {}",
            ms(self.compile + self.instantiate),
            ms(self.compile),
            ms(self.instantiate)
        ));
        lines.line(format_args!(
            "files  {:>9} ms: reading {}, keeping the launch closure {}",
            ms(self.read + self.keep),
            ms(self.read),
            ms(self.keep)
        ));
        lines.line(format_args!(
            "guest  {:>9} ms: relocations and constructors",
            ms(self.init)
        ));
        lines.line(format_args!("launch closure: {}", self.launched));
        if let Some(why) = &self.not_kept {
            lines.line(format_args!("launch closure not kept: {why}"));
        }
        if let Some(why) = &self.not_prelinked {
            lines.line(format_args!("not prelinked: {why}"));
        }
        lines
    }
}

/// Milliseconds with three digits behind the point. Numbers with a fraction are not used, whose text takes more code than this file.
fn ms(time: Duration) -> String {
    let nanos = time + Duration::from_nanos(500);
    let micros = nanos.as_secs().saturating_mul(1_000_000) + u64::from(nanos.subsec_micros());
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

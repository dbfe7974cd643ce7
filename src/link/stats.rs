//! Where the time of a load goes: the linker's own work apart from the engine's.

use std::fmt;
use std::time::{Duration, Instant};

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
}

impl Statistics {
    /// The linker's own time.
    pub fn own(&self) -> Duration {
        self.parse + self.search + self.plan + self.link
    }
}

/// Adds the time that `work` takes to `total`.
pub fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        writeln!(
            f,
            "{} objects, {} imports, {} exports; {} imports bound directly, {} stubs, {} generated modules",
            self.objects, self.imports, self.exports, self.direct, self.stubs, self.generated
        )?;
        writeln!(
            f,
            "linker {:9.3} ms: parse {:.3}, search {:.3}, plan {:.3}, link {:.3}",
            ms(self.own()),
            ms(self.parse),
            ms(self.search),
            ms(self.plan),
            ms(self.link)
        )?;
        writeln!(
            f,
            "engine {:9.3} ms: compile {:.3}, instantiate {:.3}",
            ms(self.compile + self.instantiate),
            ms(self.compile),
            ms(self.instantiate)
        )?;
        writeln!(f, "files  {:9.3} ms", ms(self.read))?;
        write!(
            f,
            "guest  {:9.3} ms: relocations and constructors",
            ms(self.init)
        )
    }
}

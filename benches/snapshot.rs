//! What a warmed-up guest costs: loading and warming up against restoring a snapshot, in the same namespace and in new ones. `cargo bench --bench snapshot`.
//!
//! SQLite with a table in memory. Compiled code is shared, so that no way compiles anything. The rounds are interleaved, in time of the
//! processor. The guests are libraries of `cargo xtask guests`, below the target folder.

mod generator;
mod measure;

use std::path::Path;
use std::rc::Rc;

use measure::{guests, median, processor_time};
use wasmdyld::config::Config;
use wasmdyld::engine::{EngineCache, EngineOptions, Func, OwnedEngine, OwnedStore, Val, shim};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::{Flags, Namespace, SearchIn, Source, Symbol};
use wasmdyld::wasi::WasiConfig;

const ROUNDS: usize = 21;

const SQL: &str = "
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, about TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
  INSERT INTO item (name, price, about) SELECT 'item ' || (i * 7919 % 6000), i * 31 % 997, printf('%08x about %d', i, i) FROM n;
CREATE INDEX by_price ON item (price, name);
";
const QUERY: &str = "SELECT count(*) FROM item WHERE price = 5;";
const CHANGE: &str = "DELETE FROM item WHERE id % 3 = 0;";

/// A namespace; it goes before its store.
struct Guest {
    ns: Rc<Namespace>,
    _store: OwnedStore,
}

fn wrong(what: &str) -> Error {
    Error::new(Code::Internal, what)
}

impl Guest {
    fn empty(engine: &OwnedEngine, folder: &Path) -> Result<Guest> {
        let store = engine.new_store()?;
        let mut config = Config {
            snapshots: true,
            ..Config::default()
        };
        config.search.library_paths.push(folder.to_path_buf());
        let ns = Namespace::new(store.store(), config);
        ns.define_wasi(WasiConfig::new().build()?)?;
        Ok(Guest { ns, _store: store })
    }

    /// Loads SQLite and fills a database, whose address it gives.
    fn warm_up(&self) -> Result<u32> {
        let flags = Flags {
            global: true,
            ..Flags::default()
        };
        let source = Source::Name("libsqlite3.so".to_string());
        self.ns.load(source, flags)?;
        let place = self.call("malloc", &[4])?;
        let name = self.put(":memory:")?;
        self.call("sqlite3_open", &[name, place])?;
        let database = self.ns.memory()?.read_u32(place.into());
        let database = database.map_err(|_| wrong("no database"))?;
        self.run(database, SQL)?;
        Ok(database)
    }

    fn run(&self, database: u32, sql: &str) -> Result<()> {
        let text = self.put(sql)?;
        match self.call("sqlite3_exec", &[database, text, 0, 0, 0])? {
            0 => Ok(()),
            _ => Err(wrong("the guest's work failed")),
        }
    }

    /// Calls a function that takes and gives numbers of 32 bits.
    fn call(&self, name: &str, args: &[u32]) -> Result<u32> {
        let Symbol::Func { callee, sig } = self.ns.dlsym(SearchIn::Global, name)? else {
            return Err(wrong("no function"));
        };
        let args: Vec<Val> = args.iter().map(|arg| Val::u32(*arg)).collect();
        let mut results = vec![Val::u32(0); sig.results.len()];
        // SAFETY: the namespace keeps the function during the call.
        let func = unsafe { Func::lend(self.ns.store().api(), self.ns.func_ptr(callee)?) };
        self.ns.call_checked(&func, &args, &mut results)?;
        Ok(results.first().and_then(|v| v.as_u32()).unwrap_or(0))
    }

    /// A C string in the guest's memory.
    fn put(&self, text: &str) -> Result<u32> {
        let bytes = [text.as_bytes(), b"\0"].concat();
        let at = self.call("malloc", &[bytes.len() as u32])?;
        let written = self.ns.memory()?.write(at.into(), &bytes);
        written.map_err(|_| wrong("malloc gave no memory"))?;
        Ok(at)
    }
}

/// The seconds of the processor that `work` takes.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = processor_time();
    let done = work()?;
    Ok((done, (processor_time() - start).as_secs_f64()))
}

fn main() -> Result<()> {
    let Some(folder) = guests("libsqlite3.so") else {
        println!("no guests are built; run cargo xtask guests");
        return Ok(());
    };
    let api = generator::engine()?;
    let options = EngineOptions {
        cache: EngineCache::Off,
        ..EngineOptions::default()
    };
    let engine = shim::of(api).new_engine(api, &options)?;
    // It holds the compiled code for all the others.
    let first = Guest::empty(&engine, &folder)?;
    let database = first.warm_up()?;
    let snapshot = first.ns.snapshot(false)?;
    let (mut loads, mut forks, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (guest, time) = timed(|| {
            let guest = Guest::empty(&engine, &folder)?;
            guest.warm_up()?;
            Ok(guest)
        })?;
        loads.push(time);
        drop(guest);
        let (guest, time) = timed(|| {
            let guest = Guest::empty(&engine, &folder)?;
            guest.ns.restore(&snapshot)?;
            Ok(guest)
        })?;
        forks.push(time);
        guest.run(database, QUERY)?;
        drop(guest);
        first.run(database, CHANGE)?;
        let ((), time) = timed(|| first.ns.restore(&snapshot))?;
        same.push(time);
        first.run(database, QUERY)?;
    }
    let stored = snapshot.memory.stored() as f64 / 1e6;
    println!(
        "SQLite with a filled database, {stored:.1} MB that are not zero; medians of {ROUNDS} rounds, time of the processor"
    );
    let load = median(loads);
    println!("load and warm up           {:8.2} ms", load * 1e3);
    for (name, times) in [
        ("restore into a new one", forks),
        ("restore in place", same),
    ] {
        let time = median(times);
        println!(
            "{name:26} {:8.2} ms, 1/{:.0} of that",
            time * 1e3,
            load / time
        );
    }
    Ok(())
}

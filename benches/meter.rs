//! What it costs that guests can be stopped, with Lua and SQLite. `cargo bench --bench meter`.
//!
//! Each guest runs with nothing, with the engine's own interrupts, and with checks in its modules, which look at a flag or count. The rounds are
//! interleaved. Other work on the machine only ever adds to a time, so what counts is the least of all rounds by the least of the same
//! guest with nothing; the median of the rounds' ratios is printed beside it, and is the same where the machine is quiet. The guests are
//! libraries of `cargo xtask guests`, below the target folder.

mod generator;
mod measure;

use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use measure::{guests, median, processor_time};
use wasmdyld::config::Config;
use wasmdyld::control::Mode;
use wasmdyld::engine::{EngineCache, EngineOptions, Func, OwnedEngine, OwnedStore, Val, shim};
use wasmdyld::error::{Code, Error, Result};
use wasmdyld::link::{Flags, Namespace, SearchIn, Source, Symbol};
use wasmdyld::object::{Metering, meter};
use wasmdyld::wasi::WasiConfig;

const ROUNDS: usize = 80;
/// Counting costs several times as much as the rest, and has no goal: it takes part in every so many rounds.
const COUNTED: usize = 8;
/// The most that interrupts and time-outs may cost, by the way that costs least.
const GOAL: f64 = 1.10;

const LUA: &str = r#"
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local total = fib(24)
local sieve = {}
for i = 2, 60000 do sieve[i] = true end
for i = 2, 244 do
  if sieve[i] then for k = i * i, 60000, i do sieve[k] = false end end
end
for i = 2, 60000 do if sieve[i] then total = total + 1 end end
local parts = {}
for i = 1, 4000 do parts[#parts + 1] = ("%d:%s"):format(i, ("x"):rep(i % 17)) end
local text = table.concat(parts, ",")
for word in text:gmatch("(%d+):x+") do total = total + #word end
table.sort(parts)
local object = setmetatable({}, { __index = function(_, key) return #key end })
for i = 1, 40000 do total = total + object.field + (i & 3) end
return total + #text
"#;

const SQL: &str = "
DROP TABLE IF EXISTS item;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, about TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
  INSERT INTO item (name, price, about) SELECT 'item ' || (i * 7919 % 6000), i * 31 % 997, printf('%08x about %d', i, i) FROM n;
CREATE INDEX by_price ON item (price, name);
SELECT price % 10, count(*), sum(price), max(length(about)) FROM item GROUP BY 1 ORDER BY 2;
SELECT count(*) FROM item AS a JOIN item AS b ON a.price = b.price AND a.id < b.id WHERE a.name LIKE '%7%';
UPDATE item SET about = upper(about) WHERE price BETWEEN 100 AND 500;
SELECT name FROM item WHERE about LIKE '%ABOUT 12%' ORDER BY name DESC LIMIT 50;
DELETE FROM item WHERE id % 3 = 0;
";

/// A guest that is loaded; handles go before their store.
struct Guest {
    ns: Rc<Namespace>,
    /// What is called, and with what.
    call: Work,
    _store: OwnedStore,
}

enum Work {
    Lua { text: u32 },
    Sqlite { database: u32, text: u32 },
}

fn wrong(what: &str) -> Error {
    Error::new(Code::Internal, what)
}

impl Guest {
    fn load(engine: &OwnedEngine, folder: &Path, library: &str, control: Mode) -> Result<Guest> {
        let store = engine.new_store()?;
        let mut config = Config {
            control,
            ..Config::default()
        };
        config.search.library_paths.push(folder.to_path_buf());
        let ns = Namespace::new(store.store(), config);
        ns.define_wasi(WasiConfig::new().build()?)?;
        let flags = Flags {
            global: true,
            ..Flags::default()
        };
        ns.load(Source::Name(library.to_string()), flags)?;
        let call = if library == "liblua.so" {
            Work::Lua {
                text: put(&ns, LUA)?,
            }
        } else {
            let place = call(&ns, "malloc", &[4])?;
            call(&ns, "sqlite3_open", &[put(&ns, ":memory:")?, place])?;
            let database = ns.memory()?.read_u32(place.into());
            Work::Sqlite {
                database: database.map_err(|_| wrong("no database"))?,
                text: put(&ns, SQL)?,
            }
        };
        Ok(Guest {
            ns,
            call,
            _store: store,
        })
    }

    /// Does the work once; gives the seconds of the processor that it took.
    ///
    /// Lua mixes the time of day into its hashes when a state is made, and some mixtures are slow: each round has a state of its own, so
    /// that all guests of a round have about the same.
    fn run(&self) -> Result<f64> {
        match self.call {
            Work::Lua { text } => {
                let state = call(&self.ns, "luaL_newstate", &[])?;
                call(&self.ns, "luaL_openlibs", &[state])?;
                let time = timed(|| {
                    let loaded = call(&self.ns, "luaL_loadstring", &[state, text])?;
                    let ran = call(&self.ns, "lua_pcallk", &[state, 0, 0, 0, 0, 0])?;
                    Ok(loaded | ran)
                })?;
                call(&self.ns, "lua_close", &[state])?;
                Ok(time)
            }
            Work::Sqlite { database, text } => {
                timed(|| call(&self.ns, "sqlite3_exec", &[database, text, 0, 0, 0]))
            }
        }
    }

    /// What one round uses, where its modules count.
    fn units(&self) -> Result<u64> {
        const MANY: u64 = 1 << 60;
        self.ns.set_budget(Some(MANY))?;
        self.run()?;
        let left = self.ns.budget_left()?.unwrap_or(MANY);
        self.ns.set_budget(None)?;
        Ok(MANY - left)
    }
}

/// Calls a function that takes and gives numbers of 32 bits.
fn call(ns: &Rc<Namespace>, name: &str, args: &[u32]) -> Result<u32> {
    let Symbol::Func { callee, sig } = ns.dlsym(SearchIn::Global, name)? else {
        return Err(wrong("no function"));
    };
    let args: Vec<Val> = args
        .iter()
        .zip(&sig.params)
        .map(|(arg, ty)| match ty {
            wasmdyld::object::ValType::I64 => Val::i64((*arg).into()),
            _ => Val::u32(*arg),
        })
        .collect();
    let mut results = vec![Val::u32(0); sig.results.len()];
    // SAFETY: the namespace keeps the function during the call.
    let func = unsafe { Func::lend(ns.store().api(), ns.func_ptr(callee)?) };
    ns.call_checked(&func, &args, &mut results)?;
    Ok(results.first().and_then(|v| v.as_u32()).unwrap_or(0))
}

/// A C string in the guest's memory.
fn put(ns: &Rc<Namespace>, text: &str) -> Result<u32> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    let at = call(ns, "malloc", &[bytes.len() as u32])?;
    let written = ns.memory()?.write(at.into(), &bytes);
    written.map_err(|_| wrong("malloc gave no memory"))?;
    Ok(at)
}

/// The seconds of the processor that `work` takes, which gives 0.
fn timed(work: impl FnOnce() -> Result<u32>) -> Result<f64> {
    let start = processor_time();
    let failed = work()?;
    let time = (processor_time() - start).as_secs_f64();
    match failed {
        0 => Ok(time),
        _ => Err(wrong("the guest's work failed")),
    }
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The way of these whose checks count.
const COUNTS: usize = 2;

fn main() -> Result<()> {
    let Some(folder) = guests("liblua.so") else {
        println!("no guests are built; run cargo xtask guests");
        return Ok(());
    };
    let api = generator::engine()?;
    let options = |interruptible| EngineOptions {
        cache: EngineCache::Off,
        interruptible,
        ..EngineOptions::default()
    };
    let plain = shim::of(api).new_engine(api, &options(false))?;
    let interruptible = shim::of(api).new_engine(api, &options(true))?;
    for (name, library) in [("Lua", "liblua.so"), ("SQLite", "libsqlite3.so")] {
        let load = |engine, mode| Guest::load(engine, &folder, library, mode);
        let nothing = load(&plain, Mode::Off)?;
        let ways = [
            (
                "the engine's interrupts",
                load(&interruptible, Mode::Interrupt)?,
            ),
            ("checks in modules", load(&plain, Mode::Interrupt)?),
            ("checks that count", load(&plain, Mode::Budget)?),
        ];
        let mut rounds = [Vec::new(), Vec::new(), Vec::new()];
        let mut alone = Vec::new();
        for round in 0..=ROUNDS {
            let base = nothing.run()?;
            for (way, (_, guest)) in ways.iter().enumerate() {
                if way == COUNTS && round % COUNTED != 0 {
                    continue;
                }
                let time = guest.run()?;
                // The first warms up.
                if round > 0 {
                    rounds[way].push((time, time / base));
                }
            }
            alone.push(base);
        }
        let base = least(&alone);
        println!("{name:8} with nothing: {:.1} ms", base * 1e3);
        let ratios = rounds.map(|rounds| {
            let (times, ratios): (Vec<f64>, Vec<f64>) = rounds.into_iter().unzip();
            (least(&times) / base, median(ratios))
        });
        for ((way, guest), (ratio, middle)) in ways.iter().zip(ratios) {
            let checks = guest.ns.control().checks();
            println!("         with {way:24} x {ratio:.3} (median {middle:.3}; {checks:?})");
        }
        let [(own, _), (in_modules, _), _] = ratios;
        let least = own.min(in_modules);
        let verdict = if least <= GOAL { "met" } else { "MISSED" };
        println!("         interrupts cost x {least:.3}, goal {GOAL}: {verdict}");
        println!("         units a round: {}", ways[COUNTS].1.units()?);
        let bytes = std::fs::read(folder.join(library)).map_err(|_| wrong("no library"))?;
        for mode in [Metering::Flag { aside: true }, Metering::Counted] {
            let start = Instant::now();
            let rewritten = meter(&bytes, mode)?.map_or(0, |metered| metered.bytes.len());
            println!(
                "         {library}: {} bytes become {rewritten} in {:.1} ms ({mode:?})",
                bytes.len(),
                start.elapsed().as_secs_f64() * 1e3
            );
        }
    }
    Ok(())
}

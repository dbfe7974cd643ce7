//! Ring three on other engines: every guest program through the same command on each engine that is opened at run time, and the C
//! tests with each engine linked in. What runs where is the table in `docs/ENGINES.md`, which must say neither more nor less than
//! what happens here; `WASMDYLD_BLESS=1` writes it anew.
//!
//! `cargo xtask test` builds the engines and says in `WASMDYLD_TEST_ENGINES` where they are: `name=path`, separated by colons; and in
//! `WASMDYLD_TEST_NEUTRAL`, the folder of a libwasmdyld.so without an engine of its own.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/guests.rs"]
mod support;
#[path = "support/table.rs"]
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use c::machine;
use table::{Cells, put};

/// The first column: the engine inside the library.
const BUNDLED: &str = "wasmtime";

/// C tests that are about time and memory, about code that is kept, or about guests' exceptions, which the row of cxx-uncaught has, and are run with
/// the bundled engine alone.
const BUNDLED_ONLY: &[&str] = &["churn", "kept", "soak", "uncaught"];

struct Engine {
    name: String,
    path: PathBuf,
}

/// Nothing if they are not built, which is said.
fn engines() -> Option<(Vec<Engine>, PathBuf)> {
    let (engines, neutral) = (c::engines(), c::neutral()?);
    if engines.is_empty() {
        return None;
    }
    let engines = engines
        .into_iter()
        .map(|(name, path)| Engine { name, path });
    // The bundled engine as a library of its own is the first column already.
    let others = engines.filter(|engine| engine.name != BUNDLED);
    Some((others.collect(), neutral))
}

#[test]
fn the_table_is_what_happens() {
    let Some((engines, neutral)) = engines() else {
        return;
    };
    let cells = all(&engines, &neutral);
    table::compare(BEGIN, "the_table_is", &columns(&engines), &cells);
}

/// The engines that write their code.
const KEEP_CODE: &[&str] = &["wasmtime", "wasmer"];

#[test]
fn code_is_kept_between_processes_for_this_build_of_an_engine() {
    let Some((engines, _)) = engines() else {
        return;
    };
    let keep = engines
        .iter()
        .filter(|engine| KEEP_CODE.contains(&engine.name.as_str()));
    for engine in keep {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let scratch = scratch.join(format!("{}-code-{}", engine.name, std::process::id()));
        let _ = std::fs::remove_dir_all(&scratch);
        let kept = scratch.join("kept");
        std::fs::create_dir_all(&kept).expect("a folder");
        assert!(
            !says_hello(&engine.path, Some(&kept)),
            "nothing is kept yet"
        );
        assert!(says_hello(&engine.path, Some(&kept)), "{}", engine.name);
        assert!(!says_hello(&engine.path, None), "it is switched off");
        // Damage is noticed, and what is damaged is made anew.
        for file in files(&kept) {
            let mut bytes = std::fs::read(&file).expect("kept code");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            std::fs::write(&file, bytes).expect("damage");
        }
        assert!(!says_hello(&engine.path, Some(&kept)), "all was damaged");
        assert!(says_hello(&engine.path, Some(&kept)), "{}", engine.name);
        // Another build of the same version, of the same size.
        let other = scratch.join("libother.so");
        let mut library = std::fs::read(&engine.path).expect("the engine");
        let text = b"called `Option::unwrap()` on a `None` value";
        let at = library.windows(text.len()).position(|part| part == text);
        library[at.expect("a text of Rust's own")] = b'C';
        std::fs::write(&other, library).expect("another build");
        assert!(
            !says_hello(&other, Some(&kept)),
            "its code is not this one's"
        );
        assert!(says_hello(&other, Some(&kept)) && says_hello(&engine.path, Some(&kept)));
        let _ = std::fs::remove_dir_all(&scratch);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    assert!(!files.is_empty(), "{}: nothing is there", folder.display());
    files
}

/// Runs hello on an engine. Whether all of it was kept.
fn says_hello(engine: &Path, kept: Option<&Path>) -> bool {
    let guests = support::guests();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wasmdyld"));
    command
        .arg("run")
        .arg("--engine")
        .arg(engine)
        .arg("--engine-cache")
        .arg(kept.unwrap_or(Path::new("off")))
        .arg("-L")
        .arg(guests.join("lib"))
        .arg(guests.join("cases/hello/main-pie.wasm"))
        .env("WASMDYLD_DEBUG", "statistics");
    let outcome = support::execute(command);
    let told = outcome.stderr;
    assert!(
        outcome.status.is_some_and(|status| status.success()),
        "{told}"
    );
    assert!(outcome.stdout.contains("Hello"), "{}", outcome.stdout);
    told.contains("launch closure: hit")
}

/// Engines are opened apart from the symbols of the program (RTLD_DEEPBIND), which AddressSanitizer does not allow.
const OPENS_ENGINES: &[&str] = &["engine"];

fn asan() -> bool {
    std::env::var_os("WASMDYLD_TEST_ASAN").is_some()
}

/// `cargo xtask asan` has built the library and the command with AddressSanitizer, whose report ends a process by a signal. What an
/// engine lacks is the table's affair.
#[test]
fn under_address_sanitizer() {
    if !asan() {
        return;
    }
    let (engines, neutral) = engines().expect("an engine and the library");
    let cells = all(&engines, &neutral);
    let of_engine = cells.iter().filter(|((_, engine), _)| engine != BUNDLED);
    let (good, bad): (Vec<_>, Vec<_>) = of_engine.partition(|(_, result)| result.is_ok());
    println!("{} run, {} do not: {bad:#?}", good.len(), bad.len());
    assert!(good.len() > 4 * bad.len(), "most of them run");
}

/// `cargo xtask aarch64` has built the library, the command and an engine for another machine, and says what runs programs of it. There the same
/// programs run, and the others fail for the same reasons.
#[test]
fn on_another_machine() {
    if !machine::is_another() || machine::is_windows() {
        return;
    }
    let (engines, neutral) = engines().expect("an engine and the library");
    let mut cells = all(&engines, &neutral);
    // Nothing was run on it.
    cells.retain(|(_, engine), _| engine != BUNDLED);
    let differ = table::differences(BEGIN, &cells);
    assert!(differ.is_empty(), "{differ:#?}");
    println!("{} rows are as the table has them", cells.len());
}

/// What comes out in another way on Windows: a row of the table each, and why.
const ON_WINDOWS: &str = "tests/windows.txt";

/// `cargo xtask windows` has built the same for Windows. What is listed comes out in another way there, and nothing else.
#[test]
fn on_windows() {
    if !machine::is_windows() {
        return;
    }
    let (engines, neutral) = engines().expect("an engine and the library");
    let mut cells = all(&engines, &neutral);
    // Nothing was run on it.
    cells.retain(|(_, engine), _| engine != BUNDLED);
    let differ = table::differences(BEGIN, &cells);
    println!("{} rows, of which differ: {differ:#?}", cells.len());
    let list = std::fs::read_to_string(c::source(ON_WINDOWS)).expect(ON_WINDOWS);
    let rows = list.lines().filter_map(|line| line.rsplit_once(" -- "));
    // What depends on how busy the machine is may come out either way.
    let (at_times, always): (Vec<_>, Vec<_>) =
        rows.partition(|(_, why)| why.starts_with("at times"));
    let listed: BTreeSet<&str> = always.iter().map(|(row, _)| row.trim()).collect();
    let differ = differ.iter().filter_map(|line| line.split_once(" on "));
    let mut differ: BTreeSet<&str> = differ.map(|(row, _)| row).collect();
    for (row, _) in at_times {
        differ.remove(row.trim());
    }
    assert_eq!(differ, listed, "{ON_WINDOWS} is not what differs");
}

/// Everything on every engine.
fn all(engines: &[Engine], neutral: &Path) -> Cells {
    let cells = Mutex::new(Cells::new());
    let crashes = Mutex::new(Vec::new());
    guests(engines, &cells, &crashes);
    c_tests(engines, neutral, &cells, &crashes);
    let crashes = crashes.into_inner().expect("crashes");
    // What takes too long there is listed as what differs.
    assert!(
        crashes.is_empty() || machine::is_windows(),
        "no engine may end the process: {crashes:#?}"
    );
    cells.into_inner().expect("cells")
}

fn guests(engines: &[Engine], cells: &Mutex<Cells>, crashes: &Mutex<Vec<String>>) {
    let cases = support::cases();
    let mut jobs = Vec::new();
    // Some are only for the examples, which start no program.
    for case in cases.iter().filter(|case| !case.runs.is_empty()) {
        // tests/guests.rs runs them.
        put(cells, &case.name, BUNDLED, Ok(()));
    }
    for engine in engines {
        for case in &cases {
            for expected in &case.runs {
                for program in case.programs_of(expected) {
                    jobs.push((engine, case, expected, program));
                }
            }
        }
    }
    support::two_at_a_time(&jobs, |(engine, case, expected, program)| {
        let (engine, path) = (&engine.name, engine.path.to_str().expect("a path in UTF-8"));
        // A command under AddressSanitizer is linked with the engine.
        let options: &[&str] = match asan() {
            true => &[],
            false => &["--engine", path],
        };
        let result = support::run(case, expected, program, options);
        let name = format!(
            "{engine} {}:{} {}",
            case.name,
            expected.line,
            program.file()
        );
        let result = result.map_err(|failure| {
            println!("{name}: {failure}");
            if failure.crashed {
                crashes.lock().expect("crashes").push(name);
            }
            reason(&failure.stderr, &failure.wrong)
        });
        put(cells, &case.name, engine, result);
    });
}

/// What a C test is compiled and linked with, and how that ends.
fn c_tests(engines: &[Engine], neutral: &Path, cells: &Mutex<Cells>, crashes: &Mutex<Vec<String>>) {
    let compiler = c::compiler();
    let mut names: Vec<String> = std::fs::read_dir(c::source("c-tests"))
        .expect("c-tests")
        .filter_map(|file| {
            let path = file.expect("an entry").path();
            let is_c = path.extension().is_some_and(|e| e == "c");
            is_c.then(|| {
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
        })
        .filter(|name| !BUNDLED_ONLY.contains(&name.as_str()))
        .filter(|name| !(asan() && OPENS_ENGINES.contains(&name.as_str())))
        .collect();
    names.sort();
    let mut jobs = Vec::new();
    for engine in engines {
        let lib = c::beside(neutral, &engine.name, &engine.path);
        jobs.extend(names.iter().map(|name| (engine, lib.clone(), name)));
    }
    for name in &names {
        // tests/c_api.rs runs them.
        put(cells, &format!("C: {name}"), BUNDLED, Ok(()));
    }
    support::two_at_a_time(&jobs, |(engine, lib, name)| {
        let machine = if machine::is_another() { "other-" } else { "" };
        let label = format!("on-{machine}{}", engine.name);
        let what = format!("{name} on {}", engine.name);
        let result = (|| {
            let file = c::source(&format!("c-tests/{name}.c"));
            let engine_library = format!("-l{}", engine.name);
            let built = c::compile_with(
                &compiler,
                &file,
                "c11",
                &label,
                lib,
                &["-lwasmdyld", &engine_library],
            )?;
            let command = c::program(&[built.as_os_str()], &format!("run-{name}-{label}"));
            let output = support::execute(command);
            let good = output.status.is_some_and(|status| status.success());
            if good && output.stdout.starts_with("ok 1 ") {
                return Ok(());
            }
            if output.status.and_then(|status| status.code()).is_none() {
                crashes.lock().expect("crashes").push(what.clone());
            }
            Err(format!("{}{}", output.stdout, output.stderr))
        })();
        let result = result.map_err(|why| {
            println!("{what}: {why}");
            reason(&why, "it ends early")
        });
        put(cells, &format!("C: {name}"), &engine.name, result);
    });
}

/// The line that says why, without what differs from place to place and from case to case.
fn reason(stderr: &str, wrong: &str) -> String {
    // What the linker says of a module that is refused.
    if let Some((_, lacks)) = stderr.split_once("; the engine has no ") {
        let lacks = lacks.lines().next().unwrap_or_default();
        return format!("the engine has no {lacks}");
    }
    if let Some((_, rest)) = stderr.split_once("undefined reference to `") {
        let function = rest.split('\'').next().unwrap_or_default();
        return format!("the engine has no {function}");
    }
    let lines = || stderr.lines().chain(wrong.lines()).map(str::trim);
    let line = lines()
        .rfind(|line| line.starts_with("wasmdyld: ") || line.contains(".c:"))
        .or_else(|| lines().find(|line| !line.is_empty()))
        .unwrap_or("it ends early");
    let line = line.strip_prefix("wasmdyld: ").unwrap_or(line);
    // Paths are told by their last part: the rest is of this machine.
    let words = line.split(' ').map(|word| match word.starts_with('/') {
        true => word.rsplit('/').next().unwrap_or(word),
        false => word,
    });
    words.collect::<Vec<_>>().join(" ").replace('|', "/")
}

/// The section that the test writes.
const BEGIN: &str = "\n### The table\n";

fn columns(engines: &[Engine]) -> Vec<&str> {
    let others = engines.iter().map(|engine| engine.name.as_str());
    std::iter::once(BUNDLED).chain(others).collect()
}

/// Numbers of quirks in a text, as comments cite them: "Q" and digits, alone.
fn quirks(text: &str) -> impl Iterator<Item = u32> + '_ {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter_map(|word| word.strip_prefix('Q')?.parse().ok())
}

/// `each` gets the path from the root, and the text, of all that is written by hand.
fn sources(each: &mut dyn FnMut(&str, &str)) {
    const ENDS: &[&str] = &["rs", "c", "cc", "h", "hh", "py", "md", "toml"];
    let mut folders: Vec<PathBuf> = [
        "src",
        "tests",
        "c-tests",
        "benches",
        "examples",
        "include",
        "bindings/python/src",
        "docs",
        "xtask/src",
    ]
    .map(c::source)
    .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let end = path.extension().and_then(|end| end.to_str()).unwrap_or("");
            if path.is_dir() {
                folders.push(path);
            } else if ENDS.contains(&end) {
                let shown = path.strip_prefix(c::source("")).expect("below the root");
                let text = std::fs::read_to_string(&path).expect("a source in UTF-8");
                each(&shown.to_string_lossy(), &text);
            }
        }
    }
}

/// A workaround says for which quirk it is, and a quirk without one can go from the list.
#[test]
fn quirks_that_are_cited_are_listed_and_those_listed_are_cited() {
    let page = std::fs::read_to_string(c::source("docs/ENGINES.md")).expect("the page");
    let listed: Vec<u32> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| Q")?.split(' ').next()?.parse().ok())
        .collect();
    assert!(!listed.is_empty());
    assert!(
        listed.iter().copied().eq(1..=listed.len() as u32),
        "rows are numbered from 1 on: {listed:?}"
    );
    let mut cited = std::collections::BTreeSet::new();
    sources(&mut |path, text| {
        if path != "docs/ENGINES.md" && path != "tests/engines.rs" {
            for number in quirks(text) {
                assert!(
                    listed.contains(&number),
                    "{path} cites Q{number}, which is not in docs/ENGINES.md"
                );
                cited.insert(number);
            }
        }
    });
    let not_cited: Vec<u32> = listed.into_iter().filter(|n| !cited.contains(n)).collect();
    assert!(not_cited.is_empty(), "no comment cites Q{not_cited:?}");
}

#[test]
fn quirks_have_an_engine_and_no_comment_hides_it() {
    // "Some engines do this" cannot be looked up.
    let vague = ["some engines", "some engine "];
    let mut found = Vec::new();
    sources(&mut |path, text| {
        let comments = text.lines().enumerate();
        let comments = comments.filter(|(_, line)| line.trim_start().starts_with("//"));
        for (number, line) in comments {
            let lower = line.to_lowercase();
            if path != "tests/engines.rs"
                && path.ends_with(".rs")
                && vague.iter().any(|vague| lower.contains(vague))
            {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    });
    assert!(
        found.is_empty(),
        "which engine, and which quirk of docs/ENGINES.md? {found:#?}"
    );
}

/// Outside the shims the linker knows no engine by name. A comment may name one whose quirk it cites.
#[test]
fn engines_have_names_in_their_shims_alone() {
    /// What stands outside all the same: the file, and a part of each line that may.
    const ALLOWED: &[(&str, &str)] = &[
        // What is bundled has to be named once.
        ("src/engine/bundled.rs", "pub use wasmtime_c_api::*;"),
        // The header says what the function gives.
        ("src/capi/engine.rs", "///"),
        // A test that the bundled engine is known as what it is.
        (
            "src/engine/tests/modules.rs",
            "shim::of(Api::linked()).name(), \"wasmtime\"",
        ),
    ];
    const NAMES: &[&str] = &["wasmtime", "wasmer", "wasmi", "wamr", "v8", "cranelift"];

    fn look(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                if !path.ends_with("engine/shim") {
                    look(&path, found);
                }
                continue;
            }
            // A list of symbols for the system's linker has those of all that is linked.
            if path.extension().is_some_and(|extension| extension == "ld") {
                continue;
            }
            let shown = path.strip_prefix(c::source("")).expect("below the root");
            let shown = shown.to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a source in UTF-8");
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                // The feature is called after what is bundled.
                let plain = line.replace("feature = \"wasmtime\"", "").to_lowercase();
                // With the lines around it, since a sentence goes on.
                let around = lines.get(number.saturating_sub(2)..lines.len().min(number + 3));
                let around = around.unwrap_or_default();
                let cites = around.iter().any(|line| quirks(line).next().is_some());
                if line.trim_start().starts_with("//") && cites {
                    continue;
                }
                let mut words = plain.split(|c: char| !c.is_alphanumeric());
                let named = words.any(|word| NAMES.contains(&word));
                let allowed = ALLOWED
                    .iter()
                    .any(|(file, part)| shown == *file && line.contains(part));
                if named && !allowed {
                    found.push(format!("{shown}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    let mut found = Vec::new();
    look(&c::source("src"), &mut found);
    assert!(found.is_empty(), "engines by name: {found:#?}");
}

//! Tests of C libraries: wasi-libc's own (`test/src`), and musl's libc-test (`src/functional` and `src/regression`; `src/math` and `src/api` ask nothing
//! of WASI). Each is a program of its own that says what went wrong and ends with another status than 0.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::{Row, Verdict};
use super::sides::{BOTH, Compiler, Ended, Program, Side, Sides, fresh};
use crate::util::{self, Result};

const MOST: Duration = Duration::from_secs(60);

/// What wasi-libc emulates by libraries of their own.
const EMULATED: [&str; 4] = ["getpid", "mman", "process-clocks", "signal"];
/// What all of musl's tests use beside the header.
const COMMON: [&str; 4] = ["print.c", "rand.c", "path.c", "utf8.c"];

struct Test {
    suite: &'static str,
    name: String,
    sources: Vec<PathBuf>,
    flags: Vec<String>,
    arguments: Vec<String>,
    env: Vec<(String, String)>,
    /// It has no folder otherwise.
    folder: bool,
    /// Why it is not even built.
    skipped: Option<String>,
}

/// musl's libc-test.
pub fn musl(sides: &Sides, compiler: &Compiler, suite: &Path) -> Result<Vec<Row>> {
    let common = suite.join("src/common");
    let mut tests = Vec::new();
    for folder in ["functional", "regression"] {
        for source in util::list(&suite.join("src").join(folder))? {
            let name = source
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // What ends in `_dso` is a library of another test's.
            if source.extension().is_none_or(|ending| ending != "c") || name.ends_with("_dso") {
                continue;
            }
            let mut sources = vec![source];
            sources.extend(COMMON.iter().map(|name| common.join(name)));
            tests.push(Test {
                suite: "libc-test",
                name: format!("{folder}/{name}"),
                sources,
                flags: vec![format!("-I{}", common.display())],
                arguments: Vec::new(),
                env: Vec::new(),
                folder: true,
                skipped: None,
            });
        }
    }
    all(sides, compiler, tests)
}

/// wasi-libc's own tests, as its CMakeLists.txt says how each is run.
///
/// They say what went wrong by what libc-test has for that.
pub fn wasi(
    sides: &Sides,
    compiler: &Compiler,
    suite: &Path,
    libc_test: &Path,
) -> Result<Vec<Row>> {
    let common = libc_test.join("src/common");
    let (text, folder) = (
        util::read(&suite.join("test/CMakeLists.txt"))?,
        suite.join("test/src"),
    );
    let mut tests = Vec::new();
    for (name, words) in declared(&text) {
        let source = folder.join(&name);
        let mut test = Test {
            suite: "wasi-libc",
            name: name.trim_end_matches(".c").to_string(),
            skipped: (!source.is_file()).then(|| format!("there is no {name}")),
            sources: std::iter::once(source)
                .chain(COMMON.iter().map(|name| common.join(name)))
                .collect(),
            flags: vec![
                format!("-I{}", folder.display()),
                format!("-I{}", common.display()),
            ],
            arguments: Vec::new(),
            env: Vec::new(),
            folder: false,
        };
        let mut of = "";
        for word in &words {
            match word.as_str() {
                "FS" => test.folder = true,
                "NETWORK" => test.skipped = Some("preview1 makes no connections".into()),
                word if word.contains("--initial-memory") => {
                    test.skipped = Some("it wants a memory that is laid out otherwise".into());
                }
                "SETJMP" => test.skipped = Some("setjmp wants exceptions".into()),
                "ARGV" | "ENV" | "LDFLAGS" | "CFLAGS" => of = word,
                word if word.starts_with(|first: char| first.is_ascii_uppercase())
                    && !word.contains('=') =>
                {
                    of = ""
                }
                word => match of {
                    "ARGV" => test.arguments.push(word.into()),
                    "CFLAGS" | "LDFLAGS" => test.flags.push(word.into()),
                    "ENV" => test.env.extend(
                        word.split_once('=')
                            .map(|(name, value)| (name.into(), value.into())),
                    ),
                    _ => {}
                },
            }
        }
        tests.push(test);
    }
    all(sides, compiler, tests)
}

/// The tests that a CMakeLists.txt adds, with the words behind their names.
fn declared(text: &str) -> Vec<(String, Vec<String>)> {
    let calls = text.split("add_wasilibc_test(").skip(1);
    let inside = calls
        .filter_map(|call| call.split_once(')'))
        .map(|(inside, _)| inside);
    inside
        .filter_map(|inside| {
            let mut words = inside
                .split_whitespace()
                .map(|word| word.trim_matches('"').to_string());
            let name = words.next().filter(|name| name.ends_with(".c"))?;
            Some((name, words.collect()))
        })
        .collect()
}

fn all(sides: &Sides, compiler: &Compiler, tests: Vec<Test>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for test in tests {
        let built = match &test.skipped {
            Some(why) => Err(why.clone()),
            None => build(compiler, &test),
        };
        let verdict = |side| match &built {
            Ok(module) => judge(sides, side, module, &test),
            Err(why) => Ok(Verdict::Skipped(why.clone())),
        };
        let [ours, theirs] = BOTH.map(verdict);
        rows.push(Row {
            suite: test.suite.into(),
            name: test.name,
            ours: ours?,
            theirs: theirs?,
        });
    }
    Ok(rows)
}

fn build(compiler: &Compiler, test: &Test) -> std::result::Result<PathBuf, String> {
    let mut flags = test.flags.clone();
    flags.push("-D_GNU_SOURCE".into());
    for name in EMULATED {
        flags.push(format!(
            "-D_WASI_EMULATED_{}",
            name.to_uppercase().replace('-', "_")
        ));
        flags.push(format!("-lwasi-emulated-{name}"));
    }
    let name = test.name.replace('/', "-");
    compiler
        .one_module(&name, &test.sources, &flags)
        .map_err(|why| {
            let told = why
                .lines()
                .find(|line| line.contains("error") || line.contains("undefined"));
            let told = told.or(why.lines().next()).unwrap_or_default();
            format!(
                "not built: {}",
                told.trim_start_matches([' ', '|'])
                    .chars()
                    .take(160)
                    .collect::<String>()
            )
        })
}

fn judge(sides: &Sides, side: Side, module: &Path, test: &Test) -> Result<Verdict> {
    let mut program = Program {
        module: module.into(),
        arguments: test.arguments.clone(),
        env: test.env.clone(),
        folders: Vec::new(),
    };
    if test.folder {
        let folder = sides.root.join("folder");
        fresh(&folder, None)?;
        util::create_dir(&folder.join("tmp"))?;
        program.folders.push((folder, "/".into()));
    }
    let outcome = sides.run(side, &program, MOST)?;
    Ok(match outcome.ended {
        Ended::Code(0) => Verdict::Passed,
        // Tests of libc say what went wrong on standard output.
        _ if outcome.stderr.trim().is_empty() && !outcome.stdout.trim().is_empty() => {
            Verdict::Failed(
                outcome
                    .stdout
                    .lines()
                    .next_back()
                    .unwrap_or_default()
                    .chars()
                    .take(200)
                    .collect(),
            )
        }
        _ => Verdict::Failed(outcome.brief()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_declared_is_found() {
        let text = "function(add_wasilibc_test test_file)\nadd_wasilibc_test(access.c FS)\n  add_wasilibc_test(mmap.c FS\n    LDFLAGS -lx \"-Dy\")\n";
        let found = declared(text);
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                ("access.c".to_string(), words(&["FS"])),
                (
                    "mmap.c".to_string(),
                    words(&["FS", "LDFLAGS", "-lx", "-Dy"])
                )
            ]
        );
    }
}

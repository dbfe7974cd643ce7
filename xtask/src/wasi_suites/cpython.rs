//! CPython's own tests of what stands on WASI, by one interpreter, linked into one module, on both sides. Its library has no tests with it: they are
//! taken from a folder that has `test/__init__.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::{Row, Verdict};
use super::sides::{Compiler, Ended, Program, Side, Sides, fresh};
use crate::util::{self, Result};

const TESTS: [&str; 6] = [
    "test_os",
    "test_posixpath",
    "test_io",
    "test_tempfile",
    "test_zipfile",
    "test_sqlite3",
];
const DRIVER: &str = include_str!("unittests.py");
/// Its makers' libc has `h_errno` and sockets, and ours has not: what is left undefined would trap, where tests ask whether there is IPv6.
const INTERPRETER: &str = "\
#include <errno.h>
int Py_BytesMain(int argc, char **argv);
int h_errno;
int socket(int domain, int type, int protocol) { errno = ENOTSUP; return -1; }
int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
";
/// For one interpreter: what is under way then has hung.
const MOST: Duration = Duration::from_secs(300);
/// Interpreters of one test, of which each but the last was ended by one of its parts.
const MOST_STARTS: usize = 40;

pub fn run(sides: &Sides, compiler: &Compiler, folder: &Path) -> Result<Vec<Row>> {
    if !folder.join("test/__init__.py").is_file() {
        return Err(format!(
            "{} has no test/__init__.py: it is not the folder Lib of CPython's sources",
            folder.display()
        ));
    }
    let interpreter = interpreter(sides, compiler)?;
    let mut rows = Vec::new();
    for test in TESTS {
        let mut sides_of = BTreeMap::new();
        for side in super::sides::BOTH {
            let found = util::timed(format!("{test}, {}", side.name()), || {
                one(sides, side, &interpreter, compiler, folder, test)
            })?;
            for (name, verdict) in found {
                let both = sides_of.entry(name).or_insert([None, None]);
                both[usize::from(side != Side::Ours)] = Some(verdict);
            }
        }
        let absent = || Verdict::Skipped("it was not found".into());
        rows.extend(sides_of.into_iter().map(|(name, [ours, theirs])| Row {
            suite: format!("CPython, {test}"),
            name,
            ours: ours.unwrap_or_else(absent),
            theirs: theirs.unwrap_or_else(absent),
        }));
    }
    Ok(rows)
}

fn interpreter(sides: &Sides, compiler: &Compiler) -> Result<PathBuf> {
    let source = sides.root.join("python.c");
    util::write(&source, INTERPRETER)?;
    let flags = [
        "-Wl,--unresolved-symbols=import-dynamic",
        "-Wl,--export=h_errno",
        "-Wl,--export=socket",
        "-lpython3.14",
    ]
    .map(String::from);
    compiler.one_module("python", &[source], &flags)
}

/// What came of each part of a test. An interpreter that a part ends is followed by one that goes on behind it.
fn one(
    sides: &Sides,
    side: Side,
    interpreter: &Path,
    compiler: &Compiler,
    folder: &Path,
    test: &str,
) -> Result<BTreeMap<String, Verdict>> {
    let root = sides.root.join("python");
    let mut found = BTreeMap::new();
    for _ in 0..MOST_STARTS {
        fresh(&root, None)?;
        util::create_dir(&root.join("tmp"))?;
        util::write(&root.join("unittests.py"), DRIVER)?;
        let done: Vec<&str> = found.keys().map(String::as_str).collect();
        util::write(&root.join("done"), done.join("\n"))?;
        let program = Program {
            module: interpreter.into(),
            arguments: ["/unittests.py", "/done", &format!("test.{test}")]
                .map(String::from)
                .into(),
            env: [
                ("PYTHONHOME", "/"),
                ("PYTHONPATH", "/lib:/tests"),
                ("PYTHONUTF8", "1"),
                ("TMPDIR", "/tmp"),
            ]
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .into(),
            folders: vec![
                (root.clone(), "/".into()),
                (compiler.guests().root.join("python/lib"), "/lib".into()),
                (folder.into(), "/tests".into()),
            ],
        };
        let outcome = sides.run(side, &program, MOST)?;
        let told = std::fs::read_to_string(root.join("told")).unwrap_or_default();
        let (ended, under_way, all) = read(&told);
        let went_on = !ended.is_empty() || under_way.is_some();
        found.extend(ended);
        if let Some(name) = under_way {
            found.insert(name, Verdict::Failed(outcome.brief()));
        } else if all && outcome.ended == Ended::Code(0) {
            return Ok(found);
        } else if !went_on || all {
            return Err(format!("{test} on {}: {}", side.name(), outcome.brief()));
        }
    }
    Err(format!(
        "{test} on {}: more than {MOST_STARTS} of its parts ended the interpreter",
        side.name()
    ))
}

/// What the driver told: what came of each part, the one that was under way, and whether all were run.
fn read(told: &str) -> (BTreeMap<String, Verdict>, Option<String>, bool) {
    let (mut ended, mut under_way, mut all) = (BTreeMap::new(), None, false);
    for line in told.lines() {
        let mut fields = line.split('\t');
        let (what, name, why) = (fields.next(), fields.next(), fields.next());
        let (name, why) = (
            name.unwrap_or_default().to_string(),
            why.unwrap_or_default().to_string(),
        );
        let verdict = match what {
            Some("begun") => {
                under_way = Some(name);
                continue;
            }
            Some("passed") => Verdict::Passed,
            Some("failed") => Verdict::Failed(why),
            Some("skipped") => Verdict::Skipped(why),
            Some("all") => {
                all = true;
                continue;
            }
            _ => continue,
        };
        under_way = None;
        ended.insert(name, verdict);
    }
    (ended, under_way, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_an_interpreter_is_known() {
        let (ended, under_way, all) =
            read("begun\ta\t\npassed\ta\t\nbegun\tb\t\nfailed\tb\twhy\nbegun\tc\t\n");
        assert_eq!(ended.len(), 2);
        assert_eq!(ended.get("b"), Some(&Verdict::Failed("why".into())));
        assert_eq!((under_way.as_deref(), all), (Some("c"), false));
        let (ended, under_way, all) = read("begun\ta\t\nskipped\ta\tso\nall\t\t\n");
        assert_eq!((ended.len(), under_way, all), (1, None, true));
    }
}

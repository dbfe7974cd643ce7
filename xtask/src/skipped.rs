//! What tests left out for want of something. Test programs and pytest append a line to one file for each test and each thing that was missing;
//! `tests/support/skip.rs` and `bindings/python/tests/support.py` write it. The end of `cargo xtask test` tells it, and `--skipped` goes by it.

use crate::util::{self, At, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The name of pytest in the third column, where test programs have theirs.
const PYTEST: &str = "pytest";

/// One line: what was missing, how to get it, the test program, and the test, or nothing if that is not known.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    what: String,
    how: String,
    program: String,
    test: String,
}

/// What a run left out.
#[derive(Debug, Default)]
pub struct Skipped(BTreeSet<Line>);

/// Where it is kept.
pub fn file() -> PathBuf {
    util::target_dir().join("skipped.txt")
}

/// Before a run.
pub fn forget() -> Result<()> {
    util::write(&file(), "")
}

/// Before a run that makes up for the last: the tests look there for what each was in want of.
pub fn set_aside() -> Result<PathBuf> {
    let (last, aside) = (file(), util::beside(&file(), "before"));
    std::fs::copy(&last, &aside).at("copy", &last)?;
    Ok(aside)
}

/// What the last run left out.
pub fn read() -> Result<Skipped> {
    let path = file();
    let text = std::fs::read_to_string(&path).at("read", &path)?;
    parse(&text).map_err(|line| format!("{}: what is `{line}`?", path.display()))
}

/// After a run that failed: what was to be run is still to be run.
pub fn keep(before: Skipped) -> Result<()> {
    let mut all = read()?.0;
    all.extend(before.0);
    let lines = all.iter().map(|line| {
        let parts = [&line.what, &line.how, &line.program, &line.test];
        parts.map(String::as_str).join("\t") + "\n"
    });
    util::write(&file(), lines.collect::<String>())
}

/// The first line that is none is the error.
fn parse(text: &str) -> std::result::Result<Skipped, String> {
    let line = |text: &str| {
        let mut parts = text.split('\t').map(str::to_string);
        Some(Line {
            what: parts.next()?,
            how: parts.next()?,
            program: parts.next()?,
            test: parts.next()?,
        })
    };
    let lines = text
        .lines()
        .map(|text| line(text).ok_or_else(|| text.to_string()));
    lines.collect::<std::result::Result<_, _>>().map(Skipped)
}

impl Skipped {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The test programs of cargo that left something out, and for each the tests; none means all of them.
    pub fn of_cargo(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut programs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for line in self.0.iter().filter(|line| line.program != PYTEST) {
            programs
                .entry(&line.program)
                .or_default()
                .insert(&line.test);
        }
        for tests in programs.values_mut().filter(|tests| tests.contains("")) {
            tests.clear();
        }
        programs
    }

    /// Those of pytest.
    pub fn of_pytest(&self) -> BTreeSet<&str> {
        let lines = self.0.iter().filter(|line| line.program == PYTEST);
        lines.map(|line| line.test.as_str()).collect()
    }

    /// A line for each thing that was missing, with how to get it.
    pub fn report(&self) -> String {
        let mut missing: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
        for line in &self.0 {
            let test = format!("{}::{}", line.program, line.test);
            missing
                .entry((&line.what, &line.how))
                .or_default()
                .insert(test.trim_end_matches("::").to_string());
        }
        let lines = missing.iter().map(|((what, how), tests)| {
            let tests = match (tests.len(), tests.first()) {
                (1, Some(test)) => test.clone(),
                (count, _) => format!("{count} tests"),
            };
            format!("    {what:<16} {tests}: {how}\n")
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const TEXT: &str = "clang\tapt-get install clang\tc_api\topen::as_c99\n\
        clang\tapt-get install clang\tc_api\topen::as_c99\n\
        clang\tapt-get install clang\tinstall\tpkg_config\n\
        mandoc\tapt-get install mandoc\tterminal\t\n\
        mandoc\tapt-get install mandoc\tterminal\tpages\n\
        cc\ta compiler\tpytest\ttests/test_package.py::test_it\n";

    /// The places that say what is left out; a test that leaves something out calls one of them.
    const PLACES: [&str; 2] = ["tests/support/skip.rs", "bindings/python/tests/support.py"];

    /// Ways of leaving something out that nobody would hear of.
    const SILENT: [&str; 8] = [
        "\"CI\"",
        "\"skipped",
        "pytest.skip",
        "mark.skip",
        "skipif",
        "importorskip",
        "unittest.skip",
        "SkipTest",
    ];

    fn look(folder: &Path, found: &mut Vec<String>, seen: &mut usize) {
        for path in util::list(folder).expect("a folder") {
            if path.is_dir() {
                look(&path, found, seen);
                continue;
            }
            let is_place = PLACES.iter().any(|place| path.ends_with(place));
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            *seen += 1;
            for (number, line) in text.lines().enumerate() {
                if !is_place && SILENT.iter().any(|way| line.contains(way)) {
                    found.push(format!(
                        "{}:{}: {}",
                        path.display(),
                        number + 1,
                        line.trim()
                    ));
                }
            }
        }
    }

    #[test]
    fn nothing_is_left_out_silently() {
        let (mut found, mut seen) = (Vec::new(), 0);
        for folder in ["src", "tests", "bindings/python/tests"] {
            look(&util::workspace().join(folder), &mut found, &mut seen);
        }
        assert!(seen > 100, "only {seen} files were seen");
        assert!(found.is_empty(), "{found:#?}");
        for place in PLACES {
            let text = util::read(&util::workspace().join(place)).expect("the place");
            assert!(text.contains("WASMDYLD_TEST_SKIPPED"), "{place}");
        }
    }

    #[test]
    fn each_thing_is_told_once() {
        let skipped = parse(TEXT).expect("lines");
        let expected = "    cc               pytest::tests/test_package.py::test_it: a compiler\n    \
            clang            2 tests: apt-get install clang\n    \
            mandoc           2 tests: apt-get install mandoc\n";
        assert_eq!(skipped.report(), expected);
        assert!(!skipped.is_empty() && parse("").is_ok_and(|none| none.is_empty()));
    }

    #[test]
    fn what_runs_again_is_what_left_something_out() {
        let skipped = parse(TEXT).expect("lines");
        let programs = BTreeMap::from([
            ("c_api", BTreeSet::from(["open::as_c99"])),
            ("install", BTreeSet::from(["pkg_config"])),
            // One that ran without a thread of its own: which it was is not known.
            ("terminal", BTreeSet::new()),
        ]);
        assert_eq!(skipped.of_cargo(), programs);
        let pytest = BTreeSet::from(["tests/test_package.py::test_it"]);
        assert_eq!(skipped.of_pytest(), pytest);
        assert!(parse("a line without tabs").is_err());
    }
}

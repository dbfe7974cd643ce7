//! The format of `guests/ports/NAME.sh`: a script that builds a project for wasmdyld by its own build system and runs its own tests, with
//! lines at its top that say what it takes.
//!
//! ```text
//! # project: libyaml                 its name
//! # build: autoconf, libtool         its build system
//! # source: debian libyaml           a source package of Debian's, or
//! # source: crate expat-sys expat    a folder in a crate of guests/ports/sources
//! # needs: make autoreconf           programs of this machine
//! # from-pypi: meson==1.12.1         programs that are fetched
//! # after: zlib                      ports whose libraries it uses
//! # starts: yes                      its build or its tests start guests by themselves: binfmt_misc is needed
//! # libraries: libyaml-0.so.2        what it installs below $INSTALLED, by the name that others need it by
//! ```
//!
//! It is run by `sh -eu` in a copy of its source. What it prints tells how many tests passed: a test suite's report in the form of automake,
//! CTest or Meson, or, from the script, `tests: PASSED of ALL`.

/// A port, as its script tells.
#[derive(Debug, PartialEq)]
pub struct Recipe {
    /// The name of its file.
    pub name: String,
    pub project: String,
    pub build: String,
    pub source: Source,
    pub needs: Vec<String>,
    pub from_pypi: Vec<String>,
    pub after: Vec<String>,
    pub starts: bool,
    pub libraries: Vec<String>,
}

#[derive(Debug, PartialEq)]
pub enum Source {
    Debian(String),
    Crate { name: String, folder: String },
}

/// Reads the lines at the top of a script.
pub fn parse(name: &str, script: &str) -> Result<Recipe, String> {
    let lines = script.lines().map_while(|line| line.strip_prefix("# "));
    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let known = [
        "project",
        "build",
        "source",
        "needs",
        "from-pypi",
        "after",
        "starts",
        "libraries",
    ];
    if let Some((unknown, _)) = fields.iter().find(|(field, _)| !known.contains(field)) {
        return Err(format!("{name}: nothing is called {unknown}"));
    }
    let optional = |field: &str| {
        fields
            .iter()
            .find(|(known, _)| *known == field)
            .map(|(_, value)| *value)
    };
    let get = |field: &str| optional(field).ok_or_else(|| format!("{name}: it says no {field}"));
    let words = |field: &str| -> Vec<String> {
        let value = optional(field).unwrap_or_default();
        value.split_whitespace().map(str::to_string).collect()
    };
    let source = match get("source")?.split_whitespace().collect::<Vec<_>>()[..] {
        ["debian", package] => Source::Debian(package.to_string()),
        ["crate", name, folder] => Source::Crate {
            name: name.to_string(),
            folder: folder.to_string(),
        },
        _ => {
            return Err(format!(
                "{name}: its source is `debian PACKAGE` or `crate NAME FOLDER`"
            ));
        }
    };
    let starts = match optional("starts") {
        None => false,
        Some("yes") => true,
        Some(other) => return Err(format!("{name}: starts is `yes` or left out, not {other}")),
    };
    get("libraries")?;
    Ok(Recipe {
        name: name.to_string(),
        project: get("project")?.to_string(),
        build: get("build")?.to_string(),
        source,
        needs: words("needs"),
        from_pypi: words("from-pypi"),
        after: words("after"),
        starts,
        libraries: words("libraries"),
    })
}

/// How many of a project's tests passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tests {
    pub passed: usize,
    pub all: usize,
}

/// What the reports in an output come to. Tests that left themselves out count among all.
pub fn tests(output: &str) -> Tests {
    let mut tests = Tests::default();
    for line in output.lines() {
        let line = line.trim();
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let after = |prefix: &str| line.strip_prefix(prefix).and_then(number);
        if let Some(all) = after("# TOTAL:") {
            // automake
            tests.all += all;
        } else if let Some(passed) = after("# PASS:").or(after("# XFAIL:")) {
            tests.passed += passed;
        } else if let Some((rest, all)) = line.split_once(" tests failed out of ") {
            // CTest: `97% tests passed, 1 tests failed out of 36`
            let failed = rest.rsplit(' ').next().and_then(number);
            if let (Some(all), Some(failed)) = (number(all), failed) {
                tests.all += all;
                tests.passed += all.saturating_sub(failed);
            }
        } else if let Some(passed) = after("Ok:").or(after("Expected Fail:")) {
            // Meson, which gives no sum.
            tests.all += passed;
            tests.passed += passed;
        } else if let Some(other) = ["Fail:", "Unexpected Pass:", "Skipped:", "Timeout:"]
            .iter()
            .find_map(|kind| after(kind))
        {
            tests.all += other;
        } else if let Some(rest) = line.strip_prefix("tests: ") {
            let numbers = rest
                .split_once(" of ")
                .map(|(passed, all)| (number(passed), number(all)));
            if let Some((Some(passed), Some(all))) = numbers {
                tests.passed += passed;
                tests.all += all;
            }
        }
    }
    tests
}

#[cfg(test)]
mod tests_of_recipes {
    use super::*;

    #[test]
    fn a_script_says_what_it_takes() {
        let script = "# project: x y\n# build: make\n# source: crate x-sys src/x\n# needs: make awk\n# starts: yes\n# libraries: libx.so.1\nmake\n# source: none\n";
        let recipe = parse("x", script).unwrap();
        assert_eq!(recipe.project, "x y");
        let source = Source::Crate {
            name: "x-sys".into(),
            folder: "src/x".into(),
        };
        assert_eq!(recipe.source, source);
        assert_eq!(recipe.needs, ["make", "awk"]);
        assert!(recipe.starts && recipe.after.is_empty());
        for (from, to, why) in [
            ("# project: x y\n", "", "no project"),
            ("debian", "debian", "`debian PACKAGE`"),
            ("# needs", "# wants", "nothing is called wants"),
            ("starts: yes", "starts: no", "`yes` or left out"),
            ("# libraries: libx.so.1\n", "", "no libraries"),
        ] {
            let script = match from {
                "debian" => script.replace("crate x-sys src/x", "debian"),
                from => script.replace(from, to),
            };
            let error = parse("x", &script).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn reports_of_test_suites_are_summed_up() {
        let of = |passed, all| Tests { passed, all };
        let automake = "# TOTAL: 33\n# PASS:  30\n# SKIP:  1\n# XFAIL: 1\n# FAIL:  1\n# XPASS: 0\n# ERROR: 0\n";
        assert_eq!(tests(automake), of(31, 33));
        let ctest =
            "\n97% tests passed, 1 tests failed out of 36\n\nTotal Test time (real) =   5.00 sec\n";
        assert_eq!(tests(ctest), of(35, 36));
        let meson = "Ok:                8   \nExpected Fail:     1\nFail:              1   \nSkipped:           2\n";
        assert_eq!(tests(meson), of(9, 12));
        assert_eq!(tests("tests: 3 of 4\n"), of(3, 4));
        assert_eq!(tests(&[automake, ctest].concat()), of(66, 69));
        assert_eq!(
            tests("Ok: fine\n# TOTAL: many\ntests: all of them\n"),
            of(0, 0)
        );
    }
}

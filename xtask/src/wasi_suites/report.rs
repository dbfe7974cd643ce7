//! What came of the suites, as tables.

use std::fmt::Write as _;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Verdict {
    fn kind(&self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Skipped(_) => "skipped",
        }
    }

    fn why(&self) -> &str {
        match self {
            Verdict::Passed => "",
            Verdict::Failed(why) | Verdict::Skipped(why) => why,
        }
    }
}

/// One test on both sides.
#[derive(Debug)]
pub struct Row {
    pub suite: String,
    pub name: String,
    pub ours: Verdict,
    pub theirs: Verdict,
}

impl Row {
    fn differs(&self) -> bool {
        self.ours.kind() != self.theirs.kind()
    }
}

/// A difference that the page of WASI gives a reason for: the suite and the test, either of which may end in `*`.
pub struct Known {
    suite: String,
    name: String,
}

impl Known {
    fn is(&self, row: &Row) -> bool {
        let matches = |pattern: &str, text: &str| match pattern.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => text == pattern,
        };
        matches(&self.suite, &row.suite) && matches(&self.name, &row.name)
    }
}

/// The rows of the page's table of differences: `| suite | `test` | ...`, behind the line that names them.
pub fn known(page: &str) -> Vec<Known> {
    let after = page.split_once(DIFFERENCES).map_or("", |(_, rest)| rest);
    let mut known = Vec::new();
    let rows = after
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    for line in rows.skip(2) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        if let (Some(suite), Some(names)) = (cells.next(), cells.next()) {
            for name in names.split(", ") {
                known.push(Known {
                    suite: suite.to_string(),
                    name: name.trim_matches('`').to_string(),
                });
            }
        }
    }
    known
}

/// What the page has above its table of them.
const DIFFERENCES: &str = "### Tests that come out otherwise";

/// The table of each suite's numbers.
pub fn totals(rows: &[Row]) -> String {
    let mut suites: Vec<&str> = Vec::new();
    for row in rows {
        if !suites.contains(&row.suite.as_str()) {
            suites.push(&row.suite);
        }
    }
    let mut table = format!(
        "{:<28} {:>5}   {:>8} {:>6} {:>7}   {:>8} {:>6} {:>7}\n{:<28} {:>5}   {:>23}   {:>23}\n",
        "",
        "tests",
        "passed",
        "failed",
        "skipped",
        "passed",
        "failed",
        "skipped",
        "",
        "",
        "wasmdyld",
        "wasmtime"
    );
    for suite in suites {
        let of_suite = || rows.iter().filter(|row| row.suite == suite);
        let count = |of: fn(&Row) -> &Verdict, kind: &str| {
            of_suite().filter(|row| of(row).kind() == kind).count()
        };
        let numbers = |of: fn(&Row) -> &Verdict| {
            format!(
                "{:>8} {:>6} {:>7}",
                count(of, "passed"),
                count(of, "failed"),
                count(of, "skipped")
            )
        };
        let _ = writeln!(
            table,
            "{suite:<28} {:>5}   {}   {}",
            of_suite().count(),
            numbers(|row| &row.ours),
            numbers(|row| &row.theirs)
        );
    }
    table
}

/// The tests that did not end alike, those that failed on both sides, and what was skipped: for reading. The second is how many differences have no
/// reason on the page.
pub fn details(rows: &[Row], known: &[Known]) -> (String, usize) {
    let mut text = String::new();
    let mut without_reason = 0;
    for row in rows.iter().filter(|row| row.differs()) {
        let reason = known.iter().any(|known| known.is(row));
        without_reason += usize::from(!reason);
        let _ = writeln!(
            text,
            "{} {}: {}\n    wasmdyld {} {}\n    wasmtime {} {}",
            if reason {
                "differs, as the page says:"
            } else {
                "DIFFERS:"
            },
            row.suite,
            row.name,
            row.ours.kind(),
            row.ours.why(),
            row.theirs.kind(),
            row.theirs.why()
        );
    }
    for (kind, title) in [
        ("failed", "failed on both sides"),
        ("skipped", "skipped on both sides"),
    ] {
        for row in rows
            .iter()
            .filter(|row| !row.differs() && row.ours.kind() == kind)
        {
            let _ = write!(
                text,
                "{title}: {}: {}\n    wasmdyld {}\n",
                row.suite,
                row.name,
                row.ours.why()
            );
            if row.theirs.why() != row.ours.why() {
                let _ = writeln!(text, "    wasmtime {}", row.theirs.why());
            }
        }
    }
    (text, without_reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ours: Verdict, theirs: Verdict) -> Row {
        Row {
            suite: "s".into(),
            name: name.into(),
            ours,
            theirs,
        }
    }

    #[test]
    fn differences_without_a_reason_are_counted() {
        let failed = || Verdict::Failed("why".into());
        let rows = [
            row("same", failed(), failed()),
            row("a.one", failed(), Verdict::Passed),
            row("a.two", Verdict::Passed, failed()),
            row("b", failed(), Verdict::Passed),
        ];
        let page = format!(
            "{DIFFERENCES}\n\ntext\n\n| suite | test | why |\n|---|---|---|\n| s | `a.*` | so |\n\n| s | `b` | of another table |\n"
        );
        let known = known(&page);
        let (text, without_reason) = details(&rows, &known);
        assert_eq!(without_reason, 1, "{text}");
        assert!(text.contains("DIFFERS: s: b"), "{text}");
        assert!(text.contains("failed on both sides: s: same"), "{text}");
        assert_eq!(details(&rows, &[]).1, 3);
        assert!(
            totals(&rows).contains("    4          1      3       0          2      2       0"),
            "{}",
            totals(&rows)
        );
    }
}

//! Tables in docs/ENGINES.md that say what runs where. Tests find out, and compare; with `WASMDYLD_BLESS=1` they write them anew.

// Each of the test programs uses a part of this.
#![allow(dead_code, reason = "compiled into two programs")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;

/// Row, column: whether it runs, or why not.
pub type Cells = BTreeMap<(String, String), Result<(), String>>;

const PAGE: &str = "docs/ENGINES.md";
/// What ends the section of a table, if the page does not.
const NEXT: &str = "\n## ";

pub fn put(cells: &Mutex<Cells>, row: &str, column: &str, result: Result<(), String>) {
    let mut cells = cells.lock().expect("cells");
    let cell = cells
        .entry((row.to_string(), column.to_string()))
        .or_insert(Ok(()));
    // The smallest of several reasons, since the runs of a case end in no order.
    if let Err(why) = result {
        match cell {
            Err(known) if *known <= why => {}
            _ => *cell = Err(why),
        }
    }
}

fn table(columns: &[&str], cells: &Cells) -> String {
    let mut rows: Vec<&str> = cells.keys().map(|(row, _)| row.as_str()).collect();
    // The guests first, then the C tests.
    rows.sort_by_key(|row| (row.starts_with("C: "), *row));
    rows.dedup();
    let mut text = String::from("\n| case |");
    for column in columns {
        let _ = write!(text, " {column} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(columns.len()));
    text.push('\n');
    let mut reasons: Vec<&str> = Vec::new();
    let mut passed = vec![0; columns.len()];
    for row in &rows {
        let _ = write!(text, "| {row} |");
        for (column, passed) in columns.iter().zip(&mut passed) {
            match cells.get(&(row.to_string(), column.to_string())) {
                None => text.push_str(" |"),
                Some(Ok(())) => {
                    *passed += 1;
                    text.push_str(" yes |");
                }
                Some(Err(why)) => {
                    let known = reasons.iter().position(|known| known == why);
                    let number = known.unwrap_or_else(|| {
                        reasons.push(why);
                        reasons.len() - 1
                    });
                    let _ = write!(text, " no: {} |", number + 1);
                }
            }
        }
        text.push('\n');
    }
    let _ = write!(text, "| **{} in all** |", rows.len());
    for passed in passed {
        let _ = write!(text, " **{passed}** |");
    }
    text.push_str("\n\n");
    for (i, why) in reasons.iter().enumerate() {
        let _ = writeln!(text, "{}. {why}", i + 1);
    }
    text
}

/// What the page says, where `begin` begins a section, of hosts that this machine lacks.
pub fn take(begin: &str, missing: &[&str], cells: &mut Cells) {
    let (_, section, _) = section(begin);
    let reason = |number: &str| {
        let start = format!("{number}. ");
        let mut lines = section.lines();
        lines.find_map(|line| line.strip_prefix(&start).map(str::to_string))
    };
    let mut rows = section
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(str::trim).collect::<Vec<_>>()
        });
    let head = rows.next().unwrap_or_default();
    for row in rows.filter(|row| row.iter().all(|cell| !cell.starts_with(['-', '*']))) {
        for (column, cell) in head.iter().zip(&row) {
            if !missing.contains(column) || cell.is_empty() {
                continue;
            }
            let cell = match cell.strip_prefix("no: ") {
                Some(number) => Err(reason(number).unwrap_or_default()),
                None => Ok(()),
            };
            cells.insert((row[0].to_string(), column.to_string()), cell);
        }
    }
}

/// What the page says of one column.
pub fn column(begin: &str, name: &str) -> Cells {
    let mut cells = Cells::new();
    take(begin, &[name], &mut cells);
    cells
}

/// Where `found` is something else than what the page says of the columns in it.
pub fn differences(begin: &str, found: &Cells) -> Vec<String> {
    let columns: BTreeSet<&str> = found.keys().map(|(_, name)| name.as_str()).collect();
    let expected: Cells = columns
        .into_iter()
        .flat_map(|name| column(begin, name))
        .collect();
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differ = keys
        .into_iter()
        .filter(|key| expected.get(key) != found.get(key));
    let shown = |cell: Option<&Result<(), String>>| match cell {
        None => "not run".to_string(),
        Some(Ok(())) => "yes".to_string(),
        Some(Err(why)) => why.clone(),
    };
    differ
        .map(|key| {
            let (row, column) = key;
            let [expected, found] = [&expected, found].map(|cells| shown(cells.get(key)));
            format!("{row} on {column}: {found}; {PAGE} says {expected}")
        })
        .collect()
}

/// What is before a section, the section, and what comes after it.
fn section(begin: &str) -> (String, String, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let document = std::fs::read_to_string(file).expect(PAGE);
    let (before, rest) = document.split_once(begin).expect("where the table begins");
    let end = rest.find(NEXT).unwrap_or(rest.len());
    let (section, after) = rest.split_at(end);
    [before, section, after].map(str::to_string).into()
}

/// Fails if the page says something else in the section that begins with `begin`. `test` is what writes it anew.
pub fn compare(begin: &str, test: &str, columns: &[&str], cells: &Cells) {
    let (before, committed, after) = section(begin);
    let found = table(columns, cells);
    if std::env::var_os("WASMDYLD_BLESS").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
        let text = [&before, begin, &found, &after].concat();
        std::fs::write(file, text).expect(PAGE);
        return;
    }
    if found == committed {
        return;
    }
    let mut message = String::new();
    let only = |these: &str, those: &str, mark: char, message: &mut String| {
        for line in these.lines().filter(|l| !those.lines().any(|o| o == *l)) {
            let _ = writeln!(message, "{mark} {line}");
        }
    };
    only(&committed, &found, '-', &mut message);
    only(&found, &committed, '+', &mut message);
    panic!(
        "{PAGE} is not what happens (`WASMDYLD_BLESS=1 cargo xtask test {test}` writes it anew):\n{message}"
    );
}

//! The tree for people.

use std::collections::HashSet;
use std::io::{self, Write};

use wasmdyld::error::plain;
use wasmdyld::survey::Survey;

use super::graph::{in_full, in_short};
use crate::style::{DIM, ERROR, OBJECT, paint};

/// An object whose needed libraries are being written.
struct Open<'a> {
    /// What stands before each of its lines.
    indent: String,
    needed: std::vec::IntoIter<(&'a str, usize)>,
}

/// Without recursion: how deep it goes is for the modules to say.
pub fn write(out: &mut impl Write, survey: &Survey, max_depth: Option<usize>) -> io::Result<()> {
    let mut roots = survey.closure.roots.iter().map(|&id| survey.number(id));
    let Some(root) = roots.next() else {
        return Ok(());
    };
    let objects = survey.objects();
    let name = |number: usize| objects.get(number).map_or("?", |found| &found.name);
    writeln!(out, "{}", paint(OBJECT, plain(name(root))))?;
    let preloads = roots.map(|preload| (name(preload), preload));
    let below: Vec<_> = preloads.chain(survey.needed(root)).collect();
    let mut shown = HashSet::from([root]);
    let mut open = vec![Open {
        indent: String::new(),
        needed: below.into_iter(),
    }];
    while let Some(level) = open.last_mut() {
        let Some((name, number)) = level.needed.next() else {
            open.pop();
            continue;
        };
        let last = level.needed.len() == 0;
        let branch = format!("{}{}", level.indent, if last { "└─ " } else { "├─ " });
        let indent = format!("{}{}", level.indent, if last { "   " } else { "│  " });
        write!(out, "{}{}", paint(DIM, &branch), paint(OBJECT, plain(name)))?;
        if !shown.insert(number) {
            writeln!(out, " {}", paint(DIM, "(above)"))?;
            continue;
        }
        let both = objects.get(number).zip(survey.sources.get(number));
        let Some((found, source)) = both else {
            continue;
        };
        let path = found.path.as_ref().map(|path| path.display().to_string());
        let path = path.map(|path| format!(" {} {}", paint(DIM, "=>"), plain(&path)));
        write!(out, "{}", path.unwrap_or_default())?;
        if let Some(problem) = &source.problem {
            writeln!(out, " {}", paint(ERROR, in_short(problem)))?;
            for line in in_full(problem) {
                let line = format!("{indent}   {}", plain(&line));
                writeln!(out, "{}", paint(DIM, line.trim_end()))?;
            }
            continue;
        }
        let why = plain(&source.why);
        writeln!(out, " {}", paint(DIM, format!("({why})")))?;
        let needed = survey.needed(number);
        if max_depth.is_some_and(|max| open.len() >= max) {
            if !needed.is_empty() {
                writeln!(out, "{}", paint(DIM, format!("{indent}└─ ...")))?;
            }
            continue;
        }
        open.push(Open {
            indent,
            needed: needed.into_iter(),
        });
    }
    Ok(())
}

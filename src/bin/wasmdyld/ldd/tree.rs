//! The tree for people.

use std::collections::HashSet;
use std::io;

use wasmdyld::survey::Survey;
use wasmdyld::text::name as shown;

use super::graph::{in_full, in_short};
use crate::line;
use crate::style::{DIM, ERROR, OBJECT, Out, paint};

/// Deeper objects are not indented further: of a long chain of libraries, the indents would be most of the output.
const MAX_INDENT: usize = 40;

/// An object whose needed libraries are being written.
struct Open<'a> {
    /// Its parent has more libraries below it.
    goes_on: bool,
    needed: std::vec::IntoIter<(&'a str, usize)>,
}

/// What stands before the lines of the innermost object.
fn indent(open: &[Open<'_>]) -> String {
    let levels = open.iter().skip(1);
    let bars = levels.map(|level| if level.goes_on { "│  " } else { "   " });
    let mut indent: String = bars.take(MAX_INDENT).collect();
    if open.len() > MAX_INDENT + 1 {
        indent.push_str(&format!("({}) ", open.len()));
    }
    indent
}

/// Without recursion: how deep it goes is for the modules to say.
pub fn write(out: &mut Out, survey: &Survey, max_depth: Option<usize>) -> io::Result<()> {
    let mut roots = survey.closure.roots.iter().map(|&id| survey.number(id));
    let Some(root) = roots.next() else {
        return Ok(());
    };
    let objects = survey.objects();
    let name = |number: usize| objects.get(number).map_or("?", |found| &found.name);
    line!(out, "{}", paint(OBJECT, shown(name(root))))?;
    let preloads = roots.map(|preload| (name(preload), preload));
    let below: Vec<_> = preloads.chain(survey.needed(root)).collect();
    let mut seen = HashSet::from([root]);
    let mut open = vec![Open {
        goes_on: false,
        needed: below.into_iter(),
    }];
    while let Some(level) = open.last_mut() {
        let Some((name, number)) = level.needed.next() else {
            open.pop();
            continue;
        };
        let last = level.needed.len() == 0;
        let indent = indent(&open);
        let branch = format!("{indent}{}", if last { "└─ " } else { "├─ " });
        let below = format!("{indent}{}", if last { "   " } else { "│  " });
        let branch = format!("{}{}", paint(DIM, &branch), paint(OBJECT, shown(name)));
        if !seen.insert(number) {
            line!(out, "{branch} {}", paint(DIM, "(above)"))?;
            continue;
        }
        let both = objects.get(number).zip(survey.sources.get(number));
        let Some((found, source)) = both else {
            continue;
        };
        let path = found.path.as_ref().map(|path| path.display());
        let path = path.map(|path| format!(" {} {path}", paint(DIM, "=>")));
        let soname = found.soname().filter(|soname| soname.as_ref() != name);
        let soname =
            soname.map(|soname| format!(" {}", paint(DIM, format!("(soname {})", shown(soname)))));
        let branch = format!(
            "{branch}{}{}",
            soname.unwrap_or_default(),
            path.unwrap_or_default()
        );
        if let Some(problem) = &source.problem {
            line!(out, "{branch} {}", paint(ERROR, in_short(problem)))?;
            for one in in_full(problem) {
                line!(out, "{}", paint(DIM, format!("{below}   {one}").trim_end()))?;
            }
            continue;
        }
        line!(out, "{branch} {}", paint(DIM, format!("({})", source.why)))?;
        let needed = survey.needed(number);
        if max_depth.is_some_and(|max| open.len() >= max) {
            if !needed.is_empty() {
                line!(out, "{}", paint(DIM, format!("{below}└─ ...")))?;
            }
            continue;
        }
        open.push(Open {
            goes_on: !last,
            needed: needed.into_iter(),
        });
    }
    Ok(())
}

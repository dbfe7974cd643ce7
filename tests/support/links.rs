//! Links of Markdown pages.

use std::collections::HashSet;
use std::path::Path;

/// The text without its code, where brackets are no links.
pub fn prose(page: &str) -> String {
    let mut text = String::new();
    let (mut fenced, mut after_blank) = (false, true);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !(fenced || after_blank && line.starts_with("    ")) {
            // Between an odd and an even backquote is code.
            let parts = line.split('`').enumerate();
            text.extend(parts.map(|(i, part)| if i % 2 == 0 { part } else { "code" }));
            after_blank = line.trim().is_empty();
        }
        text.push('\n');
    }
    text
}

/// Where links lead, with their lines: of `[text](target)` and `[label]: target`.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            links.push((number, target.to_string()));
        }
        if let Some((label, target)) = line.split_once("]: ")
            && label.starts_with('[')
        {
            links.push((number, target.trim().to_string()));
        }
    }
    links
}

/// The anchors of a page's headings, as its readers make them.
fn anchors(page: &str) -> HashSet<String> {
    let mut fenced = false;
    let headings = page.lines().filter(|line| {
        fenced ^= line.trim_start().starts_with("```");
        !fenced && line.starts_with('#')
    });
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|line| line.chars().filter(kept).collect::<String>())
        .map(|line| line.replace(' ', "-"))
        .collect()
}

pub fn broken_link(page: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = page.parent().unwrap_or(page).join(file);
    if !file.is_empty() && !path.exists() {
        return Some(format!("{target} leads nowhere"));
    }
    if anchor.is_empty() {
        return None;
    }
    let there = if file.is_empty() {
        anchors(text)
    } else {
        anchors(&std::fs::read_to_string(&path).unwrap_or_default())
    };
    (!there.contains(anchor)).then(|| format!("{target}: no heading is called so"))
}

//! Pages of documentation as tests: their blocks of code, and how transcripts are compared.
//!
//! ```text
//! ```LANGUAGE FILE   the block is written to FILE
//! ```sh              is run by `sh -eu`
//! ```console         a transcript: `$ ` begins a command, the other lines are its output; there `...` alone stands for any
//!                    lines and `[..]` for anything within a line. A command that fails is followed by `$ echo $?`
//! ```sh ci           commands that .ci/run has as lines of its own, so that they are not run here
//! ```text            is not run
//! ```
//!
//! What it takes to run a page besides, and what is checked that readers need not see, are blocks of a page of the same path in
//! `tests/pages`, which are run after it.

use std::path::Path;

#[derive(Debug, PartialEq)]
pub struct Block {
    /// Of the first line of what is in it.
    pub line: usize,
    pub kind: Kind,
    pub text: String,
}

#[derive(Debug, PartialEq)]
pub enum Kind {
    File(String),
    Shell,
    Console,
    Text,
    Ci,
}

/// All blocks of a page, or what is wrong with one of them, by line.
pub fn parse(page: &str) -> Result<Vec<Block>, (usize, String)> {
    let mut blocks = Vec::new();
    let (mut after_blank, mut in_list) = (true, false);
    let mut lines = (1..).zip(page.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let mut text = String::new();
            loop {
                match lines.next() {
                    Some((_, line)) if line.trim() == "```" => break,
                    Some((_, line)) => {
                        let blanks = line.len() - line.trim_start().len();
                        text.push_str(&line[indent.min(blanks)..]);
                        text.push('\n');
                    }
                    None => return Err((number, "the block has no end".into())),
                }
            }
            let kind = kind(info.trim()).map_err(|error| (number, error))?;
            blocks.push(Block {
                line: number + 1,
                kind,
                text,
            });
            after_blank = false;
        } else if line.starts_with("    ") && after_blank && !in_list {
            let error = "an indented block is run by nobody: fence it and say what it is";
            return Err((number, error.into()));
        } else if line.contains("<!--") {
            let error = "a comment hides something from readers: put it below tests/pages";
            return Err((number, error.into()));
        } else {
            after_blank = line.trim().is_empty();
            if !after_blank {
                in_list = is_item(line) || (in_list && line.starts_with(' '));
            }
        }
    }
    Ok(blocks)
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let after_digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark))
        || (after_digits.len() < line.len() && after_digits.starts_with(". "))
}

fn kind(info: &str) -> Result<Kind, String> {
    let words: Vec<&str> = info.split_whitespace().collect();
    match words[..] {
        ["sh"] => Ok(Kind::Shell),
        ["sh", "ci"] => Ok(Kind::Ci),
        ["console"] => Ok(Kind::Console),
        ["text"] => Ok(Kind::Text),
        [_, file] if is_safe(file) => Ok(Kind::File(file.to_string())),
        _ => Err(format!(
            "a block that is \"{info}\" is run by nobody: say `sh`, `sh ci`, `console`, `text`, or a language and a file name"
        )),
    }
}

/// Pages write to their own folder only.
fn is_safe(file: &str) -> bool {
    let parts = Path::new(file).components();
    parts
        .into_iter()
        .all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// A command of a transcript, and the output that it is to have.
#[derive(Debug, PartialEq)]
pub struct Step {
    pub command: String,
    pub output: Vec<String>,
}

pub fn steps(transcript: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    for line in transcript.lines() {
        if open {
            let step = steps.last_mut().ok_or("a line without a command")?;
            step.command.push('\n');
            step.command.push_str(line);
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_string(),
                output: Vec::new(),
            });
        } else {
            let step = steps
                .last_mut()
                .ok_or_else(|| format!("output before any command: {line}"))?;
            step.output.push(line.trim_end().to_string());
            continue;
        }
        open = line.ends_with('\\');
    }
    if steps.is_empty() {
        return Err("a transcript without commands".into());
    }
    Ok(steps)
}

/// Whether output is what a transcript says.
pub fn matches(expected: &[String], output: &[&str]) -> bool {
    match (expected, output) {
        ([], []) => true,
        ([any, rest @ ..], _) if any == "..." => {
            (0..=output.len()).any(|taken| matches(rest, &output[taken..]))
        }
        ([first, expected @ ..], [line, output @ ..]) => {
            line_matches(first, line.trim_end()) && matches(expected, output)
        }
        _ => false,
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

/// The commands in a block: comments and prompts are none.
pub fn commands(block: &str) -> impl Iterator<Item = &str> {
    block
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .map(|line| line.strip_prefix("$ ").unwrap_or(line))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

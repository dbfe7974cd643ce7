//! `wasmdyld completions` and `wasmdyld man`: what the command's own description is good for elsewhere.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::{Cli, style};

/// The date of all pages: that of their last revision, so that a version's pages are always the same.
const DATE: &str = "2026-11-26";

/// The longest line of a page's source.
const WIDTH: usize = 78;

#[derive(Args)]
#[command(after_help = "Where it goes:
  bash  ~/.local/share/bash-completion/completions/wasmdyld
  zsh   _wasmdyld, in a folder of $fpath
  fish  ~/.config/fish/completions/wasmdyld.fish")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub fn execute(self) -> ExitCode {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "wasmdyld", &mut script);
        written(std::io::stdout().write_all(&script), "standard output")
    }
}

#[derive(Args)]
pub struct ManPages {
    /// The command whose page is written to standard output; without it, that of wasmdyld
    #[arg(conflicts_with = "dir")]
    command: Option<String>,
    /// Write all pages into a folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl ManPages {
    pub fn execute(self) -> ExitCode {
        if let Some(dir) = &self.dir {
            return written(write_all(dir), &dir.display().to_string());
        }
        let name = match &self.command {
            Some(command) => format!("wasmdyld-{}", command.replace(' ', "-")),
            None => "wasmdyld".to_string(),
        };
        let page = pages().into_iter().find(|(of, _)| *of == name);
        match page {
            Some((_, text)) => written(std::io::stdout().write_all(&text), "standard output"),
            None => {
                style::print_error(format_args!("there is no page {name}"));
                ExitCode::from(2)
            }
        }
    }
}

fn written(outcome: std::io::Result<()>, to: &str) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            style::print_error(format_args!("writing to {to}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn write_all(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    for (name, text) in pages() {
        fs::write(dir.join(format!("{name}.1")), text)?;
    }
    Ok(())
}

/// Name and text of each page.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut root = Cli::command().disable_help_subcommand(true);
    // Names of subcommands are made whole.
    root.build();
    let mut pages = Vec::new();
    add_pages(&mut pages, "wasmdyld", root, None);
    pages
}

/// The page of a command, and those of its own commands.
fn add_pages(
    pages: &mut Vec<(String, Vec<u8>)>,
    name: &str,
    command: Command,
    parent: Option<&str>,
) {
    let own = command.get_subcommands();
    let own = own.filter(|c| !c.is_hide_set() && c.get_name() != "help");
    let own: Vec<Command> = own.cloned().collect();
    let names: Vec<String> = own
        .iter()
        .map(|own| format!("{name}-{}", own.get_name()))
        .collect();
    let see_also = parent.map(str::to_string).into_iter().chain(names.clone());
    let see_also: Vec<String> = see_also.collect();
    pages.push((name.to_string(), page(name, command, &see_also)));
    for (own, own_name) in own.into_iter().zip(&names) {
        add_pages(pages, own_name, own, Some(name));
    }
}

fn page(name: &str, command: Command, see_also: &[String]) -> Vec<u8> {
    let more = command.get_after_help().map(ToString::to_string);
    let has_commands = command.get_subcommands().any(|c| !c.is_hide_set());
    let man = Man::new(command);
    let title = name.to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        format!(".TH \"{title}\" \"1\" \"{DATE}\" \"wasmdyld {version}\" \"wasmdyld\"\n")
            .into_bytes();
    let write = |text: &mut Vec<u8>| -> std::io::Result<()> {
        man.render_name_section(text)?;
        man.render_synopsis_section(text)?;
        man.render_description_section(text)?;
        man.render_options_section(text)?;
        if has_commands {
            man.render_subcommands_section(text)?;
        }
        sections(&more.unwrap_or_default(), see_also).to_writer(text)
    };
    // Writing to a vector cannot fail.
    let _ = write(&mut text);
    tidy(&String::from_utf8_lossy(&text)).into_bytes()
}

/// A page as mandoc's lint likes it, which shows the same: lines of at most [`WIDTH`] bytes without spaces at their ends, and one request
/// for a gap rather than an empty line between two breaks.
fn tidy(page: &str) -> String {
    let page = page.replace("\n.br\n\n.br\n", "\n.sp\n");
    let mut text = String::with_capacity(page.len());
    for line in page.lines().map(str::trim_end) {
        if line.starts_with(['.', '\'']) {
            text.extend([line, "\n"]);
            continue;
        }
        let mut length = 0;
        for word in line.split(' ') {
            // Requests begin so, at the beginning of a line.
            let fits = length + 1 + word.len() <= WIDTH || word.starts_with(['.', '\'']);
            if length > 0 {
                text.push(if fits { ' ' } else { '\n' });
                length = if fits { length + 1 } else { 0 };
            }
            text.push_str(word);
            length += word.len();
        }
        text.push('\n');
    }
    text
}

/// What stands below the options in `--help`, by paragraphs: `Title: text`, or `Title:` and a line each of a name and its meaning.
fn sections(more: &str, see_also: &[String]) -> Roff {
    let mut roff = Roff::new();
    for paragraph in more.split("\n\n").filter(|text| !text.is_empty()) {
        let (title, text) = paragraph.split_once(':').unwrap_or(("Notes", paragraph));
        roff.control("SH", [title.to_uppercase().as_str()]);
        if !text.starts_with('\n') {
            roff.text([roman(text.trim())]);
            continue;
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (name, meaning) = line.trim().split_once("  ").unwrap_or(("", line));
            roff.control("TP", []);
            roff.text([bold(name)]);
            roff.text([roman(meaning.trim())]);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let mut list = Vec::new();
    for (n, name) in see_also.iter().enumerate() {
        let comma = if n + 1 < see_also.len() { ", " } else { "" };
        list.push(bold(name.as_str()));
        list.push(roman(format!("(1){comma}")));
    }
    roff.text(list);
    roff
}

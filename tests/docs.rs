//! What the documentation shows is run: every block of its pages, in an installed prefix, as a reader would. The format is described
//! in `support/pages.rs`. Links lead somewhere.
//!
//! `WASMDYLD_TEST_PREFIX` is where everything is installed, `WASMDYLD_TEST_PYTHON` a python of an environment with the package.

mod support {
    pub mod links;
    pub mod pages;
    pub mod skip;
}

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Instant;
use support::links::{broken_link, links, prose};
use support::pages::{self, Block, Kind};
use support::skip;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Pages whose blocks are run: files, and folders with all that is in them.
const PAGES: [&str; 4] = [
    "README.md",
    "docs",
    "guests/README.md",
    "examples/README.md",
];
const TOOLS: [&str; 4] = ["cc", "c++", "cmake", "pkg-config"];

fn markdown_below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(path)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for entry in entries {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                markdown_below(&entry, found);
            }
        }
    } else if path.extension().is_some_and(|extension| extension == "md") {
        found.push(path.to_path_buf());
    }
}

fn short(page: &Path) -> String {
    let name = page.strip_prefix(ROOT).unwrap_or(page);
    name.display().to_string()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What pages are run with.
struct Place {
    prefix: PathBuf,
    python: PathBuf,
    guests: PathBuf,
    work: PathBuf,
}

impl Place {
    /// Nothing if something is missing, all of which is said.
    fn new() -> Option<Place> {
        let is_there = TOOLS.map(skip::has).iter().all(|there| *there);
        let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let made = |name: &str, what: &str| {
            let path = set(name);
            if path.is_none() {
                skip::skip(what, "`cargo xtask test` makes it");
            }
            path
        };
        let prefix = made("WASMDYLD_TEST_PREFIX", "an installation");
        let python = made("WASMDYLD_TEST_PYTHON", "a Python with the package");
        if !is_there {
            return None;
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let guests = set("WASMDYLD_GUESTS").unwrap_or_else(|| target.with_file_name("guests"));
        Some(Place {
            prefix: prefix?,
            python: python?,
            guests: guests
                .canonicalize()
                .unwrap_or_else(|e| panic!("the guests are not built: {e}")),
            work: target.join("docs"),
        })
    }

    fn shell(&self, folder: &Path) -> Command {
        // A page that hangs is a failure, not the end of the test's own time.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", "900", "sh"]);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if ["WASMDYLD_", "CARGO_", "WASI_SDK"]
                .iter()
                .any(|own| text.starts_with(own))
            {
                command.env_remove(name);
            }
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let python = self.python.parent().unwrap_or(&self.python).to_path_buf();
        let folders = [self.prefix.join("bin"), python];
        let path = folders.into_iter().chain(std::env::split_paths(&path));
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("PATH", std::env::join_paths(path).expect("folders"))
            .env("PREFIX", &self.prefix)
            .env("LD_LIBRARY_PATH", self.prefix.join("lib"))
            .env("PKG_CONFIG_PATH", self.prefix.join("lib/pkgconfig"))
            .env("CMAKE_PREFIX_PATH", &self.prefix)
            .env("WASMDYLD_TOOLCHAIN", &self.guests)
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

/// What is run after a page, in its folder, if there is something.
fn besides(page: &Path) -> Option<PathBuf> {
    let besides = Path::new(ROOT).join("tests/pages").join(short(page));
    besides.exists().then_some(besides)
}

/// Runs a page's blocks in order, up to the first that fails.
fn run_page(place: &Place, page: &Path) -> Result<usize, String> {
    let folder = place.work.join(short(page).replace('/', "-"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut count = 0;
    for page in [Some(page.to_path_buf()), besides(page)]
        .into_iter()
        .flatten()
    {
        let at = |line: usize, text: String| format!("{}:{line}: {text}", short(&page));
        let blocks = pages::parse(&read(&page)).map_err(|(line, error)| at(line, error))?;
        for block in &blocks {
            run_block(place, &folder, block).map_err(|error| {
                let kept = format!("its files are in {}", folder.display());
                at(block.line, format!("{error}\n{kept}"))
            })?;
        }
        count += blocks.len();
    }
    Ok(count)
}

fn run_block(place: &Place, folder: &Path, block: &Block) -> Result<(), String> {
    match &block.kind {
        Kind::Text => Ok(()),
        Kind::File(name) => {
            let file = folder.join(name);
            let parent = file.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&file, &block.text))
                .map_err(|e| format!("{}: {e}", file.display()))
        }
        Kind::Shell => {
            // Both streams in the order in which they came.
            let script = format!("exec 2>&1\n{}", block.text);
            let output = place.shell(folder).args(["-euc", &script]).output();
            let output = output.map_err(|e| format!("sh: {e}"))?;
            if output.status.success() {
                return Ok(());
            }
            let text = String::from_utf8_lossy(&output.stdout);
            Err(format!(
                "{}\n{}--- it printed:\n{text}",
                output.status, block.text
            ))
        }
        Kind::Console => run_transcript(place, folder, &block.text),
        Kind::Ci => check_ci(&read(&Path::new(ROOT).join(".ci/run")), block),
    }
}

const MARK: &str = "--- the end of a command:";

/// Runs the commands of a transcript in one shell, so that `cd` and variables last to its end.
fn run_transcript(place: &Place, folder: &Path, transcript: &str) -> Result<(), String> {
    let steps = pages::steps(transcript)?;
    let mut script = String::from("exec 2>&1\n");
    for step in &steps {
        // `$?` is the last command's again.
        let _ = write!(
            script,
            "{}\n__status=$?; printf '\\n%s %s\\n' '{MARK}' $__status; (exit $__status)\n",
            step.command
        );
    }
    let output = place.shell(folder).args(["-c", &script]).output();
    let output = output.map_err(|e| format!("sh: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    compare(&steps, &text)
}

/// Compares what came of a transcript's commands, each ended by a mark with its exit code, with what it says.
fn compare(steps: &[pages::Step], text: &str) -> Result<(), String> {
    let mut rest = text;
    for (index, step) in steps.iter().enumerate() {
        let (came, after) = rest.split_once(&format!("\n{MARK} ")).ok_or_else(|| {
            format!(
                "$ {}\n--- ended the shell. It printed:\n{rest}",
                step.command
            )
        })?;
        let (status, after) = after.split_once('\n').unwrap_or((after, ""));
        rest = after;
        // Where the output ends a line, the mark's own line break is one too many.
        let lines: Vec<&str> = came.lines().collect();
        if !pages::matches(&step.output, &lines) {
            let expected = step.output.join("\n");
            return Err(format!(
                "$ {}\n--- expected:\n{expected}\n--- came:\n{came}\n--- exit code {status}",
                step.command
            ));
        }
        let is_shown = steps
            .get(index + 1)
            .is_some_and(|next| next.command.trim() == "echo $?");
        if status != "0" && !is_shown {
            return Err(format!(
                "$ {}\n--- exit code {status}, which is to be shown by `$ echo $?` if it is meant. It printed:\n{came}",
                step.command
            ));
        }
    }
    Ok(())
}

/// That CI runs what is not run here: all commands of the block, as they stand there.
fn check_ci(script: &str, block: &Block) -> Result<(), String> {
    let lines: HashSet<&str> = script.lines().map(str::trim).collect();
    match pages::commands(&block.text).find(|command| !lines.contains(command)) {
        Some(command) => Err(format!(".ci/run has no line `{command}`")),
        None => Ok(()),
    }
}

#[test]
fn what_the_pages_show_works() {
    let mut pages = Vec::new();
    for page in PAGES {
        let path = Path::new(ROOT).join(page);
        assert!(path.exists(), "{page} is gone");
        markdown_below(&path, &mut pages);
    }
    let Some(place) = Place::new() else {
        return;
    };
    let (todo, failures) = (Mutex::new(pages), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some(page) = todo.lock().unwrap().pop() else {
                        return;
                    };
                    let start = Instant::now();
                    match run_page(&place, &page) {
                        Ok(blocks) => println!(
                            "{}: {blocks} blocks, {:.1} s",
                            short(&page),
                            start.elapsed().as_secs_f64()
                        ),
                        Err(error) => failures.lock().unwrap().push(error),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n\n"));
}

/// Without a prefix, too: that no block has a form that nobody runs, and what is left to CI is there.
#[test]
fn every_block_has_a_form_that_is_run() {
    let mut pages = Vec::new();
    for page in PAGES {
        markdown_below(&Path::new(ROOT).join(page), &mut pages);
    }
    let mut all = Vec::new();
    markdown_below(&Path::new(ROOT).join("tests/pages"), &mut all);
    pages.extend(
        pages
            .iter()
            .filter_map(|page| besides(page))
            .collect::<Vec<_>>(),
    );
    for page in all {
        assert!(
            pages.contains(&page),
            "{}: there is no such page",
            short(&page)
        );
    }
    let script = read(&Path::new(ROOT).join(".ci/run"));
    let mut failures = Vec::new();
    for page in &pages {
        let mut fail =
            |line: usize, error: String| failures.push(format!("{}:{line}: {error}", short(page)));
        match pages::parse(&read(page)) {
            Err((line, error)) => fail(line, error),
            Ok(blocks) => {
                for block in &blocks {
                    let checked = match &block.kind {
                        Kind::Ci => check_ci(&script, block),
                        Kind::Console => pages::steps(&block.text).map(drop),
                        _ => Ok(()),
                    };
                    if let Err(error) = checked {
                        fail(block.line, error);
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let mut pages = Vec::new();
    markdown_below(Path::new(ROOT), &mut pages);
    let (mut failures, mut checked) = (Vec::new(), 0);
    for page in &pages {
        let text = read(page);
        for (line, target) in links(&prose(&text)) {
            checked += 1;
            if let Some(error) = broken_link(page, &text, &target) {
                failures.push(format!("{}:{line}: {error}", short(page)));
            }
        }
    }
    assert!(checked > 20, "only {checked} links were seen");
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// The pages of the API: doxygen warns of what is not documented, and its warnings are errors.
fn reference(input: &str, output: &Path) -> std::process::Output {
    std::fs::create_dir_all(output).expect("a folder for the pages");
    // Later settings win; all else is the project's.
    let file = output.join("Doxyfile");
    let settings = format!("@INCLUDE = docs/Doxyfile\n{input}\n");
    std::fs::write(&file, settings).expect("writing the settings");
    let mut command = Command::new("doxygen");
    command.arg(&file).current_dir(ROOT);
    command
        .env("WASMDYLD_VERSION", env!("CARGO_PKG_VERSION"))
        .env("WASMDYLD_DOC_OUTPUT", output);
    command.output().expect("doxygen starts")
}

#[test]
fn the_reference_builds_without_warnings() {
    if !skip::has("doxygen") {
        return;
    }
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference");
    let _ = std::fs::remove_dir_all(&work);
    let done = reference("", &work.join("pages"));
    let warnings = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{warnings}");
    let page = read(&work.join("pages/wasmdyld_8h.html"));
    for name in ["wasm_dyld_load", "WASM_DYLD_TRAP", "wasm_dyld_object_t"] {
        assert!(page.contains(name), "{name} is not on the page");
    }

    // And it would notice.
    let changed = work.join("wasmdyld.h");
    let header = Path::new(ROOT).join("include/wasmdyld.h");
    let text = read(&header).replace(
        "wasm_dyld_wasi_t *wasm_dyld_wasi_new(void);",
        "wasm_dyld_wasi_t *wasm_dyld_wasi_new(void);\nint wasm_dyld_undocumented(void);",
    );
    std::fs::write(&changed, text).expect("writing a header");
    let input = format!("INPUT = docs/api.md {} include/wasmdyld", changed.display());
    let done = reference(&input, &work.join("undocumented"));
    let warnings = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success() && warnings.contains("wasm_dyld_undocumented"),
        "{warnings}"
    );
}

// That these tests can fail.

fn transcript_of(transcript: &str, text: &str) -> Result<(), String> {
    compare(&pages::steps(transcript).expect("a transcript"), text)
}

#[test]
fn a_transcript_has_to_match() {
    let ended = |output: &str, status: u8| format!("{output}\n{MARK} {status}\n");
    let good = [
        ("$ a\none\ntwo", ended("one\ntwo\n", 0)),
        ("$ a\none\n...\nfour", ended("one\ntwo\nthree\nfour\n", 0)),
        ("$ a\n...", ended("", 0)),
        ("$ a\nin [..] ms, [..]", ended("in 12 ms, or so\n", 0)),
        ("$ a\n$ b\nout", ended("", 0) + &ended("out\n", 0)),
        (
            "$ a\nbad\n$ echo $?\n3",
            ended("bad\n", 3) + &ended("3\n", 0),
        ),
        ("$ a \\\n  b\nout", ended("out", 0)),
    ];
    for (transcript, text) in good {
        assert_eq!(transcript_of(transcript, &text), Ok(()), "{transcript}");
    }
    let bad = [
        ("$ a\none", ended("two\n", 0)),
        ("$ a\none", ended("one\ntwo\n", 0)),
        ("$ a\none\ntwo", ended("one\n", 0)),
        ("$ a", ended("one\n", 0)),
        ("$ a\none\n...\nfour", ended("one\nfour\nfive\n", 0)),
        ("$ a\nin [..] ms", ended("in 12 s\n", 0)),
        ("$ a\nbad", ended("bad\n", 3)),
        ("$ a\n$ b\nout", ended("out\n", 0) + &ended("", 0)),
        ("$ exit 0\n$ b", String::new()),
    ];
    for (transcript, text) in bad {
        assert!(transcript_of(transcript, &text).is_err(), "{transcript}");
    }
}

#[test]
fn a_block_has_to_say_what_it_is() {
    let kinds = |page: &str| {
        let blocks = pages::parse(page).map_err(|(line, _)| line)?;
        Ok(blocks.into_iter().map(|block| block.kind).collect())
    };
    let good: Result<Vec<Kind>, usize> = Ok(vec![
        Kind::File("a/b.c".into()),
        Kind::Shell,
        Kind::Ci,
        Kind::Text,
    ]);
    let page = "\
```c a/b.c
```

- item

    ```sh
    true
    ```

and then

```sh ci
make   # all
make test
```

```text
```
";
    assert_eq!(kinds(page), good);
    let bad: [(&str, usize); 7] = [
        ("```c\nint x;\n```", 1),
        ("```\nx\n```", 1),
        ("\n```c ../x.c\n```", 2),
        ("```c /x.c\n```", 1),
        ("```sh\ntrue", 1),
        ("text:\n\n    make\n", 3),
        ("text\n<!-- hidden -->", 2),
    ];
    for (page, line) in bad {
        assert_eq!(kinds(page), Err(line), "{page}");
    }
}

#[test]
fn what_is_left_to_ci_has_to_be_there() {
    let block = |text: &str| Block {
        line: 1,
        kind: Kind::Text,
        text: text.into(),
    };
    let script = "step x\nmake\n  make test\n";
    let both = block("make   # all\n$ make test\n");
    assert_eq!(check_ci(script, &both), Ok(()));
    assert!(check_ci("make\n", &both).is_err());
    assert!(check_ci("echo make\n", &block("make")).is_err());
}

#[test]
fn a_link_can_be_broken() {
    let page = Path::new(ROOT).join("README.md");
    let text = "# A thing, or two\n[a](LICENSE) `[b](gone)` [c](#a-thing-or-two) [d](docs/DESIGN.md#files)\n[e]: https://x\n";
    let all = links(&prose(text));
    assert_eq!(all.len(), 4);
    for (_, target) in all {
        assert_eq!(broken_link(&page, text, &target), None);
    }
    for target in ["gone.md", "#gone", "docs/DESIGN.md#gone"] {
        assert!(broken_link(&page, text, target).is_some(), "{target}");
    }
}

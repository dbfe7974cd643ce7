//! What the fuzzers in `fuzz/` call: each function takes any bytes and panics where something does not hold. The library's own
//! tests call them with the committed corpus, so that an input which once led to a fault stays a test.

#[cfg(all(unix, feature = "wasi"))]
mod archive;
mod files;
mod fuse;
mod load;
mod parse;
mod plan;
#[cfg(all(unix, feature = "wasi"))]
mod sandbox;
mod text;

#[cfg(all(unix, feature = "wasi"))]
pub use archive::archive;
pub use files::{File, files, join, split};
pub use fuse::fuse;
pub use load::load;
pub use parse::{explain, parse};
pub use plan::plan;
#[cfg(all(unix, feature = "wasi"))]
pub use sandbox::sandbox;
pub use text::text;

use crate::error::Error;

/// What a text for people must be, wherever its parts came from: nothing that a terminal obeys, and not without end.
fn check_text(text: &str, most: usize) {
    let obeyed = |c: char| {
        let moves = matches!(c,
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
        c != '\n' && (c.is_control() || moves)
    };
    if let Some(c) = text.chars().find(|c| obeyed(*c)) {
        panic!("{c:?} in a text: {text:?}");
    }
    assert!(
        text.len() <= most,
        "a text of {} bytes, {most} are allowed",
        text.len()
    );
}

/// An error about `input` bytes of input.
fn check_error(error: &Error, input: usize) {
    check_text(&error.to_string(), (64 << 10) + 8 * input);
    assert_ne!(error.code(), crate::error::Code::Internal, "{error}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// All of the corpus of a target, by name.
    fn each(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let entries = std::fs::read_dir(&folder).expect("the corpus");
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("an entry").path();
            let bytes = std::fs::read(&path).expect("reading the corpus");
            let ran = std::panic::catch_unwind(|| run(&bytes));
            assert!(ran.is_ok(), "{}", path.display());
            count += 1;
        }
        assert!(count > 0, "{} is empty", folder.display());
    }

    /// With `WASMDYLD_BLESS=1`, the modules of `tests/plans` become seeds: each folder's together, and each by itself.
    #[test]
    fn seeds_are_the_modules_of_plans() {
        if std::env::var_os("WASMDYLD_BLESS").is_none_or(|v| v != "1") {
            return;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in std::fs::read_dir(root.join("tests/plans")).expect("the plans") {
            let folder = folder.expect("an entry").path();
            let plan = folder
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let mut files = Vec::new();
            for entry in std::fs::read_dir(&folder).expect("a plan") {
                let path = entry.expect("an entry").path();
                let name = path
                    .file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned();
                if path.extension().is_none_or(|e| e != "wat")
                    || name == "host"
                    || name == "override"
                {
                    continue;
                }
                let bytes = wat::parse_file(&path).expect("a module");
                let main = name == "main";
                let name = if main { name } else { format!("{name}.so") };
                files.push((!main, name, bytes));
            }
            files.sort();
            // The second decision says whether the first file is a program.
            let main = files.first().is_some_and(|file| !file.0);
            let decisions = [0, u8::from(!main), 0, 1, 1, 0, 1, 1, 1];
            let files: Vec<super::File> = files
                .into_iter()
                .map(|(_, name, bytes)| (name, bytes))
                .collect();
            let write = |target: &str, name: &str, bytes: &[u8]| {
                let folder = root.join("fuzz/corpus").join(target);
                std::fs::create_dir_all(&folder).expect("the corpus");
                std::fs::write(folder.join(name), bytes).expect("writing a seed");
            };
            if files.iter().all(|file| file.1.len() < 4_000) {
                write("files", &plan, &super::join(&decisions, &files));
                let (name, bytes) = files.first().expect("a module");
                write("parse", &format!("{plan}-{name}"), bytes);
            }
        }
    }

    #[test]
    fn the_corpus_of_parse() {
        each("parse", |bytes| {
            super::parse(bytes);
            super::explain(bytes);
        });
    }

    #[test]
    fn the_corpus_of_plan() {
        each("plan", super::plan);
    }

    #[test]
    fn the_corpus_of_files() {
        each("files", super::files);
    }

    #[cfg(all(unix, feature = "wasi"))]
    #[test]
    fn the_corpus_of_sandbox() {
        each("sandbox", super::sandbox);
    }

    #[cfg(all(unix, feature = "wasi"))]
    #[test]
    fn the_corpus_of_archive() {
        each("archive", super::archive);
    }

    /// On the bundled engine.
    #[test]
    fn the_corpus_of_load() {
        each("load", super::load);
    }

    /// On the bundled engine.
    #[test]
    fn the_corpus_of_fuse() {
        each("fuse", super::fuse);
    }

    #[test]
    fn the_corpus_of_text() {
        each("text", super::text);
    }
}

//! The programs of `guests/cases`: each as one module does what its load would.

use std::path::{Path, PathBuf};

use super::compare::compare;
use super::folds::only_folds;
use super::shelf::program;
use crate::config::Config;
use crate::fuse::{Options, fuse};
use crate::survey::{Linking, Program, Survey};

/// Programs of a folder and of those in it.
fn programs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of guests") {
        let path = entry.expect("an entry").path();
        match path.extension() {
            _ if path.is_dir() => programs(&path, found),
            Some(extension) if extension == "wasm" => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn every_case_as_one_module_does_what_its_load_would() {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guests");
    if !guests.join("lib/libc.so").exists() {
        return crate::skip::skip("the guests", "cargo xtask guests");
    }
    let mut all = Vec::new();
    programs(&guests.join("cases"), &mut all);
    let (mut compared, mut numbers, mut folds) = (0, 0, 0);
    all.sort();
    let imports = ["env".to_string()];
    let linking = Linking {
        imports: &imports,
        ..Linking::default()
    };
    for (n, path) in all.iter().enumerate() {
        let mut config = Config::default();
        let folder = path.parent().expect("a folder");
        config.search.library_paths = vec![folder.to_path_buf(), guests.join("lib")];
        // Those that are no programs, or want what is not there or a linker at run time.
        let Ok(survey) = Survey::to_link(&Program::Path(path), &config, &linking) else {
            continue;
        };
        let ran = survey.world(|world| {
            // With all of libc.so each time it would take minutes.
            let all_of_it: &[bool] = if n % 10 == 0 { &[true, false] } else { &[true] };
            for &gc in all_of_it {
                let fused = fuse(world, &Options { gc, ..program() })?;
                println!("{}", path.display());
                let tally = compare(world, &fused, !gc);
                numbers += tally.numbers;
                if n % 10 == 0 && gc {
                    let fold = Options {
                        fold: true,
                        ..program()
                    };
                    folds += only_folds(&fused, &fuse(world, &fold)?);
                }
                assert!(tally.calls > 10 && tally.bytes > 10, "{}", path.display());
            }
            Ok(())
        });
        compared += usize::from(ran.is_ok());
    }
    assert!(numbers > 10_000, "only {numbers} addresses and slots");
    assert!(folds > 1_000, "only {folds} additions are gone");
    assert!(
        compared > 60,
        "only {compared} of {} programs were compared",
        all.len()
    );
}

//! What is written down is read again as it was: objects of the planner's tests and, where they are built, of real programs.

use std::fs;
use std::path::Path;

use super::object::{decode, encode};
use crate::object::{Object, ParseLimits};

fn same(bytes: &[u8], what: &Path) {
    let Ok(object) = Object::parse(bytes, &ParseLimits::default()) else {
        return;
    };
    let written = encode(&object).unwrap();
    assert_eq!(
        decode(&written).as_ref(),
        Some(&object),
        "{}",
        what.display()
    );
    let most = bytes.len() * 4 + 256;
    assert!(
        written.len() <= most,
        "{}: {} bytes",
        what.display(),
        written.len()
    );
    // Cut short it is nothing.
    for len in (0..written.len()).step_by(written.len() / 16 + 1) {
        assert_eq!(
            decode(&written[..len]),
            None,
            "{} cut at {len}",
            what.display()
        );
    }
}

/// All files below a folder.
fn each(folder: &Path, with: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => each(&path, with),
            false => with(&path),
        }
    }
}

#[test]
fn objects_are_read_as_they_were() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    each(&root.join("tests/plans"), &mut |path| {
        if path.extension().is_some_and(|e| e == "wat") {
            let text = fs::read_to_string(path).unwrap();
            if let Ok(bytes) = wat::parse_str(text) {
                same(&bytes, path);
                count += 1;
            }
        }
    });
    assert!(count > 50, "{count}");
    each(&root.join("fuzz/corpus/parse"), &mut |path| {
        same(&fs::read(path).unwrap(), path);
    });
    each(&root.join("target/guests/lib"), &mut |path| {
        same(&fs::read(path).unwrap(), path);
    });
}

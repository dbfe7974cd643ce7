//! Every folder of `tests/plans` whose program has a plan: what comes out is valid, and imports nothing but what the host defines.

use std::collections::HashSet;
use std::path::Path;

use super::compare::compare;
use super::shelf::{Shelf, imports, program};
use crate::error::{Code, Result};
use crate::fuse::{Options, fuse};

/// The modules of a folder, with what the host defines. `None`: there is no program, or it is refused.
fn shelf(folder: &Path) -> Option<(Shelf, HashSet<String>)> {
    let (mut shelf, mut host) = (Shelf::default(), HashSet::new());
    for entry in std::fs::read_dir(folder).ok()? {
        let path = entry.ok()?.path();
        if path.extension().is_none_or(|extension| extension != "wat") {
            continue;
        }
        let bytes = wat::parse_file(&path).ok()?;
        match path.file_stem()?.to_str()? {
            "main" => shelf.put("main", &bytes, true).ok()?,
            "host" | "override" => {
                shelf.host(&bytes).ok()?;
                host.extend(imports(&bytes));
            }
            library => shelf.put(&format!("{library}.so"), &bytes, false).ok()?,
        }
    }
    Some((shelf, host))
}

#[test]
fn what_is_planned_can_be_linked() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans");
    let (mut linked, mut refused) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).expect("tests/plans") {
        let folder = entry.expect("an entry").path();
        for gc in [true, false] {
            let Some((mut shelf, host)) = shelf(&folder) else {
                continue;
            };
            let options = Options { gc, ..program() };
            let fused: Result<_> = shelf.plan("main", |world| {
                let fused = fuse(world, &options);
                if let Ok(fused) = &fused {
                    println!("{}", folder.display());
                    compare(world, fused, !gc);
                }
                Ok(fused)
            });
            match fused {
                // There is no plan.
                Err(_) => {}
                Ok(Ok(fused)) => {
                    linked += 1;
                    for import in imports(&fused.bytes) {
                        assert!(
                            host.contains(&import),
                            "{}: imports {import}",
                            folder.display()
                        );
                    }
                }
                Ok(Err(error)) => {
                    assert_eq!(
                        error.code(),
                        Code::Unsupported,
                        "{}: {error}",
                        folder.display()
                    );
                    refused.push(format!("{}: {error}", folder.display()));
                }
            }
        }
    }
    println!("refused:\n{}", refused.join("\n"));
    assert!(linked >= 60, "only {linked} were linked");
}

//! The functions that a start of the command runs lie side by side in it (`src/bin/wasmdyld/start.ld`), so that few pages are brought in.

#![cfg(feature = "cli")]

use object::{Object, ObjectSection};

/// Made from names, it goes out of date as code and compiler change.
#[test]
fn what_a_start_runs_lies_side_by_side() {
    if env!("WASMDYLD_START_ORDER") != "true" {
        // Another linker, flags, target, or a build without optimisation: build.rs says which.
        return;
    }
    let file = std::fs::read(env!("CARGO_BIN_EXE_wasmdyld")).unwrap();
    let file = object::File::parse(&*file).unwrap();
    let size = |name| file.section_by_name(name).map_or(0, |s| s.size());
    let (start, rest) = (size(".text.start"), size(".text"));
    let anew = "`cargo xtask start-order` writes the list anew";
    assert!(
        start > 500_000,
        "{start} bytes of a start's functions are in their place: {anew}"
    );
    assert!(
        rest > 2 * start,
        "{start} bytes are more than starts run, beside {rest}: {anew}"
    );
}

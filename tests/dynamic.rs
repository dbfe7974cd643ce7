//! Programs that open libraries, as one module each with all that they need (`wasmdyld link --dynamic`): what `guests/cases` expects of them is
//! what they do.
#![cfg(feature = "cli")]

#[path = "support/machine.rs"]
mod machine;
#[path = "support/guests.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use support::{Case, Failure, Program, Run};

/// Programs of `dl-identity` that open by its path what the module has as well: that is another file.
const BY_PATH: [&str; 2] = ["needing-pie.wasm", "needing-nonpie.wasm"];

/// Links a program of a case as the run would load it.
fn link(case: &Case, run: &Run, program: &Program<'_>, module: &Path) -> Result<(), Failure> {
    let folder = support::folder(case, program);
    let mut command = support::wasmdyld();
    command.args(["link", "--dynamic", "-L"]).arg(&folder);
    command.arg("-L").arg(support::guests().join("lib"));
    for name in &run.preload {
        command.args(["--preload", name]);
    }
    if let Some(bytes) = run.stack_size {
        command.arg("--stack-size").arg(bytes.to_string());
    }
    command
        .arg("-o")
        .arg(module)
        .arg(folder.join(program.file()));
    let output = command.output().map_err(Failure::broken)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::broken(String::from_utf8_lossy(&output.stderr))),
    }
}

fn run(case: &Case, run: &Run, program: &Program<'_>) -> Result<(), Failure> {
    let folder = support::folder(case, program);
    let place = support::scratch().map_err(Failure::broken)?;
    // What lies beside a program lies beside the module, and guests say what they are called.
    let module = place.join(program.file());
    for entry in std::fs::read_dir(&folder).map_err(Failure::broken)? {
        let entry = entry.map_err(Failure::broken)?;
        let beside = place.join(entry.file_name());
        if beside != module {
            std::os::unix::fs::symlink(entry.path(), beside).map_err(Failure::broken)?;
        }
    }
    let outcome = link(case, run, program, &module).and_then(|()| {
        let mut command: Command = support::wasmdyld();
        command.args(["run", "-L"]).arg(&folder);
        // Libraries that the module has are found in it.
        command.arg("-L").arg(support::guests().join("lib"));
        support::run_file(case, run, &folder, &module, command)
    });
    let _ = std::fs::remove_dir_all(&place);
    outcome
}

#[test]
fn every_case_that_opens_libraries() {
    let cases = support::cases();
    let mut jobs = Vec::new();
    for case in cases.iter().filter(|case| case.name.starts_with("dl-")) {
        for expected in &case.runs {
            let programs = case.programs_of(expected).into_iter();
            let programs = programs.filter(|program| !BY_PATH.contains(&program.file().as_str()));
            // One in two ways: what differs between these is what is linked, not how it is loaded.
            let programs = programs
                .filter(|program| case.name == "dl-hello" || !program.file().contains("nonpie"));
            jobs.extend(programs.map(|program| (case, expected, program)));
        }
    }
    let failures = Mutex::new(Vec::new());
    support::two_at_a_time(&jobs, |(case, expected, program)| {
        let name = format!("{}:{} {}", case.name, expected.line, program.file());
        match run(case, expected, program) {
            Ok(()) => println!("ok     {name}"),
            Err(why) => {
                println!("FAILED {name}: {why}");
                failures.lock().expect("failures").push(name);
            }
        }
    });
    let failures = failures.into_inner().expect("failures");
    let (failed, all) = (failures.len(), jobs.len());
    assert!(
        failures.is_empty(),
        "{failed} of {all} runs failed: {failures:#?}"
    );
}

#[test]
fn the_module_says_of_which_objects_it_is() {
    let place = support::scratch().expect("a folder");
    let program = support::guests().join("cases/dl-hello/main-pie.wasm");
    let module = place.join("main.wasm");
    let link = |more: &[&str]| {
        let mut command = support::wasmdyld();
        command.args(["link", "--dynamic", "-L"]);
        command.arg(support::guests().join("lib"));
        let done = command.args(more).arg("-o").arg(&module).arg(&program);
        done.output().expect("wasmdyld")
    };
    for other in ["--snapshot", "--component", "--no-dlopen", "--library"] {
        let done = link(&[other]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{other}: {said}");
        assert!(said.contains("--dynamic") && said.contains(other), "{said}");
        assert!(!module.exists());
    }
    let done = link(&[]);
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!said.contains("does not define itself"), "{said}");
    let inspected = |more: &[&str], file: &Path| {
        let mut command = support::wasmdyld();
        let done = command.arg("inspect").args(more).arg(file).output();
        let done = done.expect("wasmdyld");
        assert!(done.status.success(), "{done:?}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    let text = inspected(&[], &module);
    assert!(text.contains("objects    main-pie.wasm, "), "{text}");
    assert!(text.contains("libc.so, "), "{text}");
    let json = inspected(&["--format", "json"], &module);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["objects"][1], "libc.so");
    let json = inspected(&["--format", "json"], &program);
    assert!(!json.contains("\"objects\""), "{json}");
    std::fs::remove_dir_all(&place).expect("a folder");
}

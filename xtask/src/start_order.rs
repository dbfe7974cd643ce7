//! Which functions a start of the command runs, for the linker to lay side by side.
//!
//! The command has 15 MB of code, most of it the engine's compiler, and a start runs 1 MB of it, here and there. The kernel brings in code
//! by pieces of 64 KB, so that two thirds of the whole came into memory. `src/bin/wasmdyld/start.ld` names what is run; `build.rs` hands it to
//! the linker. A name that is not there, since the code or the compiler has changed, costs nothing but its place. So the file is made
//! anew when `tests/start_order.rs` finds that too little of it holds, or when somebody wants it exact.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::builds;
use crate::util::{self, At, Result};

/// Programs whose starts are looked at, below the folder of guests.
const PROGRAMS: &[&str] = &["cases/hello/main-pie.wasm", "cases/hello/main-nonpie.wasm"];

/// Files written a moment ago are not trusted by launch closures.
const SETTLED: Duration = Duration::from_millis(2_200);

pub fn main() -> Result<()> {
    if !util::works("valgrind", &["--version"]) {
        return Err("this needs valgrind, which counts what is run".into());
    }
    util::step("The command");
    util::run(Command::new("cargo").args(builds::LIBRARY))?;
    let target = util::target_dir();
    let (command, guests) = (target.join("release/wasmdyld"), target.join("guests"));
    let scratch = target.join("tmp/start-order");
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).at("make", &scratch)?;
    let mut functions = BTreeSet::new();
    for program in PROGRAMS {
        let program = guests.join(program);
        if !program.exists() {
            return Err(format!(
                "{} is not there: cargo xtask guests",
                program.display()
            ));
        }
        util::step(format!("Starts of {}", program.display()));
        let run = |options: &[&str]| {
            let mut run = Command::new("valgrind");
            run.args(options).arg(&command).arg("run");
            run.arg("--engine-cache").arg(scratch.join("kept"));
            run.arg("-L").arg(guests.join("lib"));
            run.arg("--dir").arg(&scratch).arg("--").arg(&program);
            util::run_quiet(&mut run).map(drop)
        };
        // Under valgrind the processor can do less, so that what is kept is other code.
        run(&["--tool=none"])?;
        std::thread::sleep(SETTLED);
        run(&["--tool=none"])?;
        let profile = scratch.join("profile");
        let to = format!("--callgrind-out-file={}", profile.display());
        run(&["--tool=callgrind", "--demangle=no", &to])?;
        let profile = std::fs::read_to_string(&profile).at("read", &profile)?;
        functions.extend(profile.lines().filter_map(function).map(pattern));
    }
    let file = util::workspace().join("src/bin/wasmdyld/start.ld");
    util::write(&file, script(&functions))?;
    println!("    {} functions", functions.len());
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(())
}

/// The name that a line of callgrind's output is the first to give a function, if it is one of Rust's.
fn function(line: &str) -> Option<&str> {
    let named = line.strip_prefix("fn=").or(line.strip_prefix("cfn="))?;
    let (_, name) = named.split_once(' ')?;
    let rust = name.starts_with("_ZN") || name.starts_with("_R");
    // A function that calls itself is counted again, as name'2.
    rust.then(|| name.split('\'').next().unwrap_or(name))
}

/// A function's name in those of sections, whatever the compiler's hashes in it.
fn pattern(name: &str) -> String {
    if let Some((stem, _)) = name.rsplit_once("17h").filter(|_| name.starts_with("_ZN")) {
        return format!("{stem}17h*");
    }
    let mut pattern = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("Cs") {
        let (before, crate_name) = rest.split_at(at + 2);
        pattern.push_str(before);
        rest = crate_name;
        let hash = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if hash > 5 && rest.as_bytes().get(hash) == Some(&b'_') {
            pattern.push('*');
            rest = rest.split_at(hash).1;
        }
    }
    pattern + rest
}

fn script(functions: &BTreeSet<String>) -> String {
    let mut script = String::from(
        "/* The functions that starts of programs run, side by side. `cargo xtask start-order` writes this file. */\nSECTIONS {\n  .text.start : {\n",
    );
    for function in functions {
        // The compiler puts what it takes to be rare behind the second prefix.
        script += &format!("    *(.text.{function} .text.unlikely.{function})\n");
    }
    script + "  }\n}\nINSERT BEFORE .text;\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_without_their_hashes() {
        let named = |line| function(line).map(pattern);
        let legacy = "fn=(12) _ZN8wasmtime7runtime6module6Module10from_parts17h0123456789abcdefE";
        assert_eq!(
            named(legacy).as_deref(),
            Some("_ZN8wasmtime7runtime6module6Module10from_parts17h*")
        );
        assert_eq!(
            named("cfn=(7) _RNvNtNtCslNYArtu3iFV_4core5slice6memchr14memchr_aligned'2").as_deref(),
            Some("_RNvNtNtCs*_4core5slice6memchr14memchr_aligned")
        );
        assert_eq!(named("fn=(12)"), None);
        assert_eq!(named("fn=(3) malloc"), None);
        assert_eq!(named("calls=1 0"), None);
    }
}

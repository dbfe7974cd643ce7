//! `cargo xtask demo`: the main job.

use crate::guests;
use crate::install::Installed;
use crate::library;
use crate::util::{self, Result};
use std::process::Command;
use std::time::Instant;

/// SQLite as a shared library: in a program run by the command, and without a program under a C host.
pub fn main() -> Result<()> {
    let start = Instant::now();
    // SQLite is one file, which keeps one processor busy, and the compiler for it comes by the network.
    let (stage, guests) = std::thread::scope(|scope| {
        let stage = scope.spawn(library::stage);
        util::step("guests: a C program, libsqlite3.so and libc.so as WebAssembly");
        let guests = guests::main(&["sqlite-demo".to_string()]);
        (util::joined(stage), guests)
    });
    let (stage, ()) = util::both(stage, guests)?;
    program(&stage)?;
    host(&stage)?;
    println!("\nAll of it took {}.", util::seconds(start.elapsed()));
    Ok(())
}

fn program(stage: &Installed) -> Result<()> {
    util::step("a program: main -> libsqlite3.so -> libc.so, linked and run by `wasmdyld run`");
    let guests = util::target_dir().join("guests");
    let data = util::target_dir().join("demo");
    util::remove(&data)?;
    util::create_dir(&data)?;
    let mut command = Command::new(stage.bin.join("wasmdyld"));
    command.arg("run").arg("-L").arg(guests.join("lib"));
    command
        .arg("--dir")
        .arg(format!("{}::/data", data.display()));
    command.arg(guests.join("cases/sqlite-demo/main-pie.wasm"));
    command.arg("/data/books.db");
    println!("$ {}", util::show(&command));
    let start = Instant::now();
    util::run(&mut command)?;
    util::done("run, with compiling what is new", start.elapsed());
    util::remove(&data.join("books.db"))?;
    let start = Instant::now();
    util::run_quiet(&mut command)?;
    println!(
        "    {:<53} {:>7} ms",
        "run again, compiled code kept",
        start.elapsed().as_millis()
    );
    Ok(())
}

fn host(stage: &Installed) -> Result<()> {
    util::step(
        "a C host: libsqlite3.so in a namespace without a program, called through wasm_dyld_dlsym",
    );
    let guests = util::target_dir().join("guests");
    let built = util::target_dir().join("demo/sqlite-host");
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut compile = Command::new(cc);
    compile
        .args(["-std=c11", "-Wall", "-Wextra", "-O1", "-I"])
        .arg(&stage.include);
    compile.arg("-o").arg(&built);
    compile.arg(util::workspace().join("examples/sqlite.c"));
    compile.arg("-L").arg(&stage.lib).arg("-lwasmdyld");
    compile.arg(format!("-Wl,-rpath,{}", stage.lib.display()));
    println!("$ {}", util::show(&compile));
    util::run(&mut compile)?;
    let mut command = Command::new(&built);
    command.arg(guests.join("lib"));
    println!("$ {}", util::show(&command));
    util::timed("run", || util::run(&mut command))
}

//! What one module costs beside a static link: SQLite, Lua and zlib, linked from libraries by `wasmdyld link`, and by wasm-ld from the very objects that the
//! libraries were made of and libc.a. `cargo bench --features cli --bench one_module`.
//!
//! Runs are in turn, of the command on the bundled engine with compiled code kept, and each round begins with another program. What counts is a program's
//! user time in its fastest quarter of rounds by that of the static program: other work on the machine only ever makes a run slower. Then the sizes.
//! `WASMDYLD_BENCH_WASM_OPT` is a wasm-opt, such as that of npm's `binaryen`: with it both are measured as `wasm-opt` makes them, too, with the passes of
//! `WASMDYLD_BENCH_PASSES` instead of those that the guide recommends. `WASMDYLD_BENCH_ROUNDS` is how many rounds there are. The libraries are those of
//! `cargo xtask guests`.
//!
//! Then the sizes of programs of which there is no static one: tree-sitter, C++, Rust, CPython.

#[path = "python_example.rs"]
mod example;
mod measure;

use measure::cost;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const ROUNDS: usize = 40;
/// Functions that are tiny go into those that call them. Larger ones that are called once, and what `-O3` does beyond, make SQLite slower on an engine with
/// an optimizer of its own, linked either way.
const PASSES: &str = "--inlining -ocimfs 1 -aimfs 2 -fimfs 2";
/// What the guests are compiled with.
const COMPILE: [&str; 7] = [
    "-Os",
    "-fPIC",
    "-DNDEBUG",
    "-mllvm",
    "-wasm-enable-sjlj",
    "-mllvm",
    "-wasm-use-legacy-eh=false",
];
const PIE: [&str; 6] = [
    "-Wl,-pie",
    "-Wl,--experimental-pic",
    "-Wl,--import-memory",
    "-Wl,--export-if-defined=__main_argc_argv",
    // Lua's program says itself what time it is.
    "-Wl,--export-if-defined=time",
    "-Wl,--unresolved-symbols=import-dynamic",
];
/// The stack that a PIE gets from the linker.
const STATIC: &str = "-Wl,-z,stack-size=1048576";
/// What wasm-opt has to know that these use.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
    "--enable-reference-types",
    "--enable-exception-handling",
];

struct Bench {
    command: PathBuf,
    guests: PathBuf,
    scratch: PathBuf,
    wasm_opt: Option<PathBuf>,
    passes: String,
    rounds: usize,
}

fn main() -> Result<()> {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_wasmdyld"));
    let target = command.ancestors().nth(2).unwrap_or(&command);
    let bench = Bench {
        guests: target.join("guests"),
        scratch: target.join("tmp/bench-one-module"),
        wasm_opt: std::env::var_os("WASMDYLD_BENCH_WASM_OPT").map(PathBuf::from),
        passes: std::env::var("WASMDYLD_BENCH_PASSES").unwrap_or_else(|_| PASSES.to_string()),
        rounds: std::env::var("WASMDYLD_BENCH_ROUNDS")
            .ok()
            .and_then(|rounds| rounds.parse().ok())
            .unwrap_or(ROUNDS),
        command,
    };
    if !bench.guests.join("lib/libsqlite3.so").exists() {
        println!("no guests are built; run cargo xtask guests");
        return Ok(());
    }
    let _ = fs::remove_dir_all(&bench.scratch);
    fs::create_dir_all(&bench.scratch)?;
    println!(
        "user time by that of the static program, in the fastest quarter of {} rounds; sizes in KB; wasm-opt {}",
        bench.rounds, bench.passes
    );
    println!(
        "{:8} {:>9} {:>10} {:>12} {:>9} | {:>8} {:>8} {:>10} {:>8}",
        "",
        "static ms",
        "one module",
        "static+opt",
        "one+opt",
        "static",
        "no gc",
        "one module",
        "one+opt"
    );
    for (name, library) in [("sqlite", "sqlite3"), ("lua", "lua"), ("zlib", "z")] {
        bench.program(name, library)?;
    }
    println!("\nsizes in KB of other programs");
    println!("{:24} {:>8} {:>8}", "", "no gc", "gc");
    bench.sizes()?;
    fs::remove_dir_all(&bench.scratch)
}

impl Bench {
    fn program(&self, name: &str, library: &str) -> Result<()> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("benches/one_module")
            .join(name)
            .with_extension("c");
        let file = |kind: &str| self.scratch.join(format!("{name}-{kind}"));
        let object = file("main.o");
        let mut compile = self.compiler();
        compile.args(COMPILE).arg("-c").arg(source);
        done(compile.arg("-o").arg(&object))?;

        let pie = file("pie.wasm");
        let mut link = self.compiler();
        link.args(PIE).arg(&object).arg(format!("-l{library}"));
        done(link.arg("-o").arg(&pie))?;
        let (whole, all) = (file("whole.wasm"), file("all.wasm"));
        done(&mut self.link(&pie, &whole))?;
        done(self.link(&pie, &all).arg("--no-gc"))?;

        let fixed = file("static.wasm");
        let mut objects = fs::read_dir(self.guests.join(format!("obj/lib/lib{library}.so")))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        objects.sort();
        let libraries = self.guests.join("sysroot/lib/wasm32-wasip1");
        let mut link = self.compiler();
        link.arg(&object).args(objects).arg(STATIC);
        // By their paths, since the compiler looks for shared ones first.
        for archive in ["libsetjmp.a", "libdl.a"] {
            link.arg(libraries.join(archive));
        }
        done(link.arg("-o").arg(&fixed))?;

        let mut others = vec![whole.clone()];
        if let Some(wasm_opt) = &self.wasm_opt {
            for (module, kind) in [
                (&fixed, "static-optimized.wasm"),
                (&whole, "optimized.wasm"),
            ] {
                let optimized = file(kind);
                let mut command = Command::new(wasm_opt);
                command
                    .args(self.passes.split_whitespace())
                    .args(FEATURES)
                    .arg(module);
                done(command.arg("-o").arg(&optimized))?;
                others.push(optimized);
            }
        }
        let (base, ratios) = self.in_turn(&fixed, &others)?;
        let ratio = |at: usize| ratios.get(at).map_or("-".into(), |r| format!("{r:.3}"));
        let optimized = others
            .get(2)
            .map_or(Ok("-".into()), |path| kilobytes(path))?;
        println!(
            "{name:8} {:>9.0} {:>10} {:>12} {:>9} | {:>8} {:>8} {:>10} {:>8}",
            base * 1e3,
            ratio(0),
            ratio(1),
            ratio(2),
            kilobytes(&fixed)?,
            kilobytes(&all)?,
            kilobytes(&whole)?,
            optimized
        );
        Ok(())
    }

    /// Programs that nobody links statically with these libraries.
    fn sizes(&self) -> Result<()> {
        let cases = self.guests.join("cases");
        let rust = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rust");
        let mut programs = vec![
            ("tree-sitter", cases.join("tree-sitter/main-pie.wasm")),
            (
                "C++ with exceptions",
                cases.join("cxx-exceptions/main-pie.wasm"),
            ),
            ("Rust", rust.join("program.wasm")),
        ];
        if example::modules(&self.guests).exists() {
            let python = self.scratch.join("python");
            example::build(&self.command, &self.guests, &python)?;
            programs.push(("CPython", python.join("python.wasm")));
        }
        for (name, program) in programs {
            let beside = program.parent().unwrap_or(&self.guests);
            let size = |option: &str| {
                let output = self.scratch.join("size.wasm");
                let mut link = self.link(&program, &output);
                link.arg("-L").arg(beside).args(["--bind", "lazy"]);
                done(link.args(option.split_whitespace()))?;
                kilobytes(&output)
            };
            println!("{name:24} {:>8} {:>8}", size("--no-gc")?, size("")?);
        }
        Ok(())
    }

    fn compiler(&self) -> Command {
        Command::new(self.guests.join("tools/bin/wasm-cc"))
    }

    /// These programs open no libraries, though SQLite and Lua could.
    fn link(&self, program: &Path, output: &Path) -> Command {
        let mut command = Command::new(&self.command);
        command.args(["link", "--no-dlopen", "-L"]);
        command.arg(self.guests.join("lib"));
        command.arg("-o").arg(output).arg(program);
        command
    }

    /// The time of `base` in its fastest quarter of rounds, and for each of the others its time there by that.
    fn in_turn(&self, base: &Path, others: &[PathBuf]) -> Result<(f64, Vec<f64>)> {
        let programs: Vec<&Path> = [base]
            .into_iter()
            .chain(others.iter().map(PathBuf::as_path))
            .collect();
        for program in &programs {
            // It is compiled.
            self.run(program)?;
        }
        let mut times = vec![Vec::new(); programs.len()];
        for round in 0..self.rounds {
            for n in 0..programs.len() {
                let n = (n + round) % programs.len();
                times[n].push(self.run(programs[n])?);
            }
        }
        let mut fastest = times.into_iter().map(quarter);
        let base = fastest.next().unwrap_or(f64::NAN);
        Ok((base, fastest.map(|time| time / base).collect()))
    }

    /// The user time of a run.
    fn run(&self, program: &Path) -> Result<f64> {
        let mut command = Command::new(&self.command);
        command.args(["run", "--no-prelink", "--engine-cache"]);
        command.arg(self.scratch.join("kept")).arg(program);
        Ok(cost(&mut command)?.user)
    }
}

fn kilobytes(path: &Path) -> Result<String> {
    Ok((fs::metadata(path)?.len() / 1000).to_string())
}

/// What a quarter of the values are below.
fn quarter(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 4).copied().unwrap_or(f64::NAN)
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!("{command:?}: {said}")))
}

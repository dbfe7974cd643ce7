//! `examples/python-snapshot`: CPython with a C extension as objects apart, as one module, and started ahead of time does the same on wasmtime and in
//! node. `cargo xtask guests` fetches CPython.
#![cfg(all(feature = "cli", feature = "wasmtime"))]

#[path = "support/c.rs"]
mod c;
#[path = "support/command.rs"]
mod command;
#[path = "support/web.rs"]
mod web;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use command::{Ran, guests, ran, scratch, wasmdyld};

/// Everything that was imported before the start, a module that was not, arguments, and the time of the run.
const CODE: &str = r#"
import json, re, sqlite3, spam, sys, time
print(json.dumps({"eggs": spam.eggs(6)}), re.findall("[a-c]+", "abxcd"))
rows = sqlite3.connect(":memory:").execute("SELECT sum(value) FROM json_each('[20, 22]')").fetchall()
print(rows, sys.argv[1:], time.time() > 1_700_000_000)
try:
    spam.eggs("many")
except TypeError as error:
    print(type(error).__name__)
try:
    import wave
    print("a module of files", wave.__name__)
except ImportError:
    print("no files")
print("to standard error", file=sys.stderr)
sys.exit(3)
"#;
const SEEN: &str = "{\"eggs\": 42} ['ab', 'c']\n[(42,)] ['one', 'two'] True\nTypeError\n";
const WITH_FILES: &str = "a module of files wave\n";
const WITHOUT_FILES: &str = "no files\n";

struct Example {
    folder: PathBuf,
    modules: String,
}

impl Example {
    /// As its script builds it, with the command and the compiler that are tested.
    fn build() -> Example {
        let folder = scratch("python");
        let modules = guests().join("python/lib");
        assert!(
            modules.exists(),
            "{} is not there: `cargo xtask guests`",
            modules.display()
        );
        let mut build = Command::new(c::source("examples/python-snapshot/build.sh"));
        build.arg(guests().join("lib")).arg(&modules).arg(&folder);
        build.env("WASMDYLD", env!("CARGO_BIN_EXE_wasmdyld"));
        build.env("WASMDYLD_CC", c::source("guests/tools/wasmdyld-cc"));
        build.env("WASMDYLD_TOOLCHAIN", guests());
        build.env("XDG_CACHE_HOME", folder.join("cache"));
        c::succeed("build.sh", &mut build);
        Example {
            folder,
            modules: format!("{}::/lib", modules.display()),
        }
    }

    fn run(&self, module: &str, options: &[&str]) -> Ran {
        let mut command = wasmdyld();
        command.env("XDG_CACHE_HOME", self.folder.join("cache"));
        command.args(["run", "--bind", "lazy", "--stack-size", "8388608", "-L"]);
        command
            .arg(&self.folder)
            .arg("-L")
            .arg(guests().join("lib"));
        command.args(options).arg(self.folder.join(module));
        ran(command.args([CODE, "one", "two"]))
    }

    fn with_files(&self, module: &str) -> Ran {
        self.with_library(module, ["--dir", &self.modules])
    }

    /// With its own library in this folder.
    fn with_library(&self, module: &str, folder: [&str; 2]) -> Ran {
        let variables = ["--env", "PYTHONHOME=/", "--env", "PYTHONPATH=/lib"];
        self.run(module, &[&folder[..], &variables].concat())
    }

    /// An archive of its own library, as the option of the command says it.
    fn archive(&self) -> String {
        let archive = self.folder.join("lib.zip");
        let mut pack = Command::new("python3");
        pack.args(["-m", "zipfile", "-c"]).arg(&archive);
        let modules = guests().join("python/lib");
        let entries = fs::read_dir(&modules).expect("the modules");
        pack.args(entries.map(|entry| entry.expect("a module").path()));
        c::succeed("python3 -m zipfile", &mut pack);
        format!("{}::/lib", archive.display())
    }

    /// In node, without any files.
    fn in_node(&self, web: &web::Web, module: &str) -> serde_json::Value {
        let run = serde_json::json!([{
            "module": self.folder.join(module), "args": [CODE, "one", "two"], "env": [], "dirs": [],
        }]);
        let manifest = self.folder.join("manifest.json");
        fs::write(&manifest, run.to_string()).expect("a manifest");
        let told = ran(&mut web.node("node.mjs", &[&manifest]));
        serde_json::from_str(&told.stdout).unwrap_or_else(|e| panic!("{e}: {}", told.stderr))
    }
}

fn does(ran: &Ran, last: &str) {
    assert_eq!(ran.stdout, format!("{SEEN}{last}"), "{}", ran.stderr);
    assert_eq!(ran.stderr, "to standard error\n");
    assert_eq!(ran.code, Some(3));
}

#[test]
fn python_does_the_same_apart_as_one_module_and_started_ahead_of_time() {
    let example = Example::build();
    std::thread::scope(|scope| {
        // Each is compiled: two at a time.
        scope.spawn(|| {
            does(&example.with_files("python.wasm"), WITH_FILES);
            does(&example.with_files("whole.wasm"), WITH_FILES);
            let archive = ["--dir-zip", &example.archive()];
            does(&example.with_library("whole.wasm", archive), WITH_FILES);
        });
        // What it has imported it has without any files.
        does(&example.run("started.wasm", &[]), WITHOUT_FILES);
        let files = ["--dir", &example.modules];
        does(&example.run("started.wasm", &files), WITH_FILES);
        if let Some(web) = web::folder() {
            let told = example.in_node(&web, "started.wasm");
            assert_eq!(told["stdout"], format!("{SEEN}{WITHOUT_FILES}"), "{told}");
            assert_eq!(told["stderr"], "to standard error\n");
            assert_eq!(told["exit"], 3);
        }
    });
    fs::remove_dir_all(&example.folder).expect("the test's own folder");
}

//! `examples/redis`: code that one process has compiled is what another starts with, by way of a server.

#[path = "support/command.rs"]
mod command;
#[path = "support/skip.rs"]
mod skip;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use command::{Ran, guests, hello, ran, scratch};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server of the test's own, on a socket in `folder`, which keeps nothing on disk.
fn server(folder: &Path) -> (Server, PathBuf) {
    let socket = folder.join("redis.sock");
    let mut command = Command::new("redis-server");
    command
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(&socket);
    command.current_dir(folder).stdout(Stdio::null());
    let server = Server(command.spawn().expect("redis-server starts"));
    let start = Instant::now();
    while !socket.exists() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "redis-server is slow"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    (server, socket)
}

/// The example, built against the library that this test was built with.
fn build(folder: &Path) -> PathBuf {
    let release = Path::new(env!("CARGO_BIN_EXE_wasmdyld"))
        .parent()
        .expect("a folder");
    for name in ["libwasmdyld.so", "libwasmdyld.so.0"] {
        symlink(release.join("libwasmdyld.so"), folder.join(name)).expect("a link");
    }
    let target = release.parent().expect("a target folder").join("redis");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--manifest-path"]);
    cargo.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/redis/Cargo.toml"));
    cargo
        .env("CARGO_TARGET_DIR", &target)
        .env("WASMDYLD_LIB", folder);
    let built = ran(&mut cargo);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    target.join("release/wasmdyld-redis")
}

#[test]
fn one_process_compiles_and_another_starts() {
    if !skip::has("redis-server") {
        return;
    }
    let folder = scratch("redis");
    let program = build(&folder);
    let (server, socket) = server(&folder);
    let run = |secret: &str| -> Ran {
        let mut command = Command::new(&program);
        command.arg(format!("unix:{}", socket.display()));
        command.arg(guests().join("lib")).arg(hello());
        ran(command.env("REDIS_CODE_SECRET", secret))
    };
    let says = |ran: &Ran| {
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.starts_with("Hello"), "{}", ran.stdout);
        let numbers = ran
            .stderr
            .split_whitespace()
            .filter_map(|word| word.parse().ok());
        let numbers: Vec<u32> = numbers.collect();
        (numbers[0], numbers[1])
    };
    let first = says(&run("a secret of the fleet"));
    assert!(first.0 == 0 && first.1 > 2, "{first:?}");
    let second = says(&run("a secret of the fleet"));
    assert!(second.0 > 2 && second.1 == 0, "{second:?}");
    // Whoever has another secret takes nothing that others have put there.
    let other = says(&run("a secret of somebody else"));
    assert_eq!(other.1, first.1);
    assert_eq!(run("short").code, Some(1));
    drop(server);
    let alone = run("a secret of the fleet");
    assert_eq!(alone.code, Some(1));
    assert!(alone.stderr.contains("Redis"), "{}", alone.stderr);
}

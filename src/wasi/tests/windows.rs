//! What Windows does in its own way, and guests are not to notice.

use std::io::Write;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::control::{Control, Mode, Signal};
use crate::wasi::host::HostFile;
use crate::wasi::preview1::types::Rights;
use crate::wasi::preview1::{Slot, Waiting};

#[test]
fn no_way_of_writing_a_path_leads_out() {
    let dir = TempDir::new();
    std::fs::write(dir.join("secret"), "secret").unwrap();
    std::fs::create_dir_all(dir.join("cell/sub")).unwrap();
    std::fs::write(dir.join("cell/own"), "own").unwrap();
    let secret = dir.join("secret");
    let secret = secret.to_str().unwrap();
    let verbatim = format!("\\\\?\\{secret}");
    let device = format!("\\\\.\\{secret}");
    let (drive, rest) = secret.split_at(2);
    let relative_to_drive = format!("{drive}{}", rest.trim_start_matches('\\'));
    let mut guest = Guest::new(WasiConfig::new().preopen(dir.join("cell"), "/"));
    for path in [
        secret,
        rest,
        &verbatim,
        &device,
        &relative_to_drive,
        "..\\secret",
        "../secret",
        "sub\\..\\..\\secret",
        "sub/..\\../secret",
        "\\secret",
        "own\\..\\..\\secret",
        "...\\secret",
        "..\\cell\\..\\secret",
        "NUL",
        "CON",
        "nul.txt",
        "\\\\localhost\\c$\\secret",
    ] {
        for oflags in [0, CREAT, CREAT | EXCL, DIRECTORY] {
            let opened = guest.open(3, path, oflags, READ);
            assert!(opened.is_err(), "{path} by {oflags}: {opened:?}");
        }
        let [at, length] = guest.string(path);
        assert_ne!(
            guest.errno("path_unlink_file", &[3, at, length]),
            0,
            "{path}"
        );
        assert_ne!(
            guest.errno("path_filestat_get", &[3, 1, at, length, OUT]),
            0
        );
        let [to, to_length] = guest.string("taken");
        assert_ne!(
            guest.errno("path_rename", &[3, at, length, 3, to, to_length]),
            0,
            "{path}"
        );
    }
    assert_eq!(std::fs::read(secret).unwrap(), b"secret");
    // Within the folder either separator will do.
    for path in ["sub/../own", "sub\\..\\own", ".\\own"] {
        let fd = guest.open(3, path, 0, READ).unwrap();
        assert_eq!(guest.read(fd, 9), Ok(b"own".to_vec()), "{path}");
    }
}

#[test]
fn variables_of_drives_are_none_of_the_guests() {
    assert!(
        crate::wasi::host::variables().all(|(name, _)| !name.as_encoded_bytes().starts_with(b"="))
    );
    WasiConfig::new()
        .inherit_env(true)
        .build_with(Box::new(Waiting))
        .unwrap();
}

/// What a guest is told that is stopped while it does `work`, and how long that took.
fn stopped<T>(after: Duration, work: impl FnOnce() -> T) -> (T, Duration) {
    let control = Control::new(Mode::Interrupt);
    control.settle(true, false);
    let entry = control.enter();
    let signal: Arc<Signal> = control.signal().clone();
    let start = Instant::now();
    let helper = std::thread::spawn(move || {
        std::thread::sleep(after);
        assert!(signal.interrupt());
    });
    let outcome = work();
    let took = start.elapsed();
    helper.join().unwrap();
    drop(entry);
    (outcome, took)
}

#[test]
fn whatever_waits_is_stopped() {
    const SOON: Duration = Duration::from_millis(50);
    const LATE: Duration = Duration::from_secs(10);
    let intr = Errno::Intr as i32;

    let (idle, _writer) = std::io::pipe().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = WasiConfig::new();
    config.listener(socket);
    let mut guest = Guest::on(
        config.build_with(Box::new(Waiting)).unwrap(),
        Awake::default(),
    );
    let file = HostFile::inherited(idle.into()).unwrap();
    guest
        .wasi
        .insert(0, Slot::stream(Rc::new(file), Rights::FD_READ));

    let (read, took) = stopped(SOON, || guest.read(0, 1));
    assert_eq!(read, Err(intr));
    assert!(took >= SOON && took < LATE, "{took:?}");

    let (accepted, took) = stopped(SOON, || guest.errno("sock_accept", &[3, 0, OUT]));
    assert_eq!(accepted, intr);
    assert!(took >= SOON && took < LATE, "{took:?}");

    // An hour.
    let sub = DATA;
    guest.put(sub, &[0; 48]);
    guest.put(sub + 16, &1u32.to_le_bytes());
    guest.put(sub + 24, &3_600_000_000_000u64.to_le_bytes());
    let (slept, took) = stopped(SOON, || {
        guest.errno("poll_oneoff", &[sub, DATA + 512, 1, OUT])
    });
    assert_eq!(slept, intr);
    assert!(took >= SOON && took < LATE, "{took:?}");
}

#[test]
fn a_guest_that_can_be_stopped_gets_what_comes() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut config = WasiConfig::new();
    config.listener(socket);
    let mut guest = Guest::on(
        config.build_with(Box::new(Waiting)).unwrap(),
        Awake::default(),
    );
    let file = HostFile::inherited(reader.into()).unwrap();
    guest
        .wasi
        .insert(0, Slot::stream(Rc::new(file), Rights::FD_READ));
    let control = Control::new(Mode::Interrupt);
    control.settle(true, false);
    let _entry = control.enter();
    let pause = || std::thread::sleep(Duration::from_millis(30));
    let other = std::thread::spawn(move || {
        pause();
        writer.write_all(b"abc").unwrap();
        pause();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        pause();
        stream.write_all(b"hello").unwrap();
        let mut back = [0; 4];
        std::io::Read::read_exact(&mut stream, &mut back).unwrap();
        back
    });
    assert_eq!(guest.read(0, 9), Ok(b"abc".to_vec()));
    guest.ok("sock_accept", &[3, 0, OUT]);
    let connection = u64::from(guest.u32(OUT));
    assert_eq!(guest.read(connection, 9), Ok(b"hello".to_vec()));
    assert_eq!(guest.write(connection, b"back"), Ok(4));
    assert_eq!(other.join().unwrap(), *b"back");
    // The other end is gone.
    assert_eq!(guest.read(connection, 9), Ok(Vec::new()));
}

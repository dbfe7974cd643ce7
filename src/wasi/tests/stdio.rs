//! Standard streams.

use std::io;
use std::rc::Rc;

use super::*;
#[cfg(unix)]
use crate::skip::skip;
use crate::wasi::host::HostFile;
use crate::wasi::preview1::Slot;
use crate::wasi::preview1::types::Rights;
use crate::wasi::{Input, Output, OutputBuffer};

#[test]
fn buffers_collect_what_is_written() {
    let (out, err) = (OutputBuffer::new(), OutputBuffer::limited(4));
    let mut config = WasiConfig::new();
    config
        .stdout(Output::Buffer(out.clone()))
        .stderr(Output::Buffer(err.clone()));
    let mut guest = Guest::new(&config);
    assert_eq!(guest.write(1, b"hello "), Ok(6));
    assert_eq!(guest.write(1, b"world"), Ok(5));
    assert_eq!(out.contents(), b"hello world");
    assert_eq!(out.take(), b"hello world");
    assert!(out.contents().is_empty());

    assert_eq!(guest.write(2, b"abcdef"), Ok(4), "what fits");
    assert_eq!(guest.write(2, b"ef"), Err(Errno::Nospc as i32));
    assert_eq!(guest.write(2, b""), Ok(0));
    assert_eq!(err.take(), b"abcd");
    assert_eq!(guest.write(2, b"ef"), Ok(2));
}

#[test]
fn nothing_by_default() {
    let mut guest = Guest::new(&WasiConfig::new());
    assert_eq!(guest.read(0, 10), Ok(Vec::new()));
    assert_eq!(guest.write(1, b"lost"), Ok(4));
    assert_eq!(guest.write(2, b"lost"), Ok(4));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf as i32));
    assert_eq!(guest.read(1, 10), Err(Errno::Badf as i32));
    for fd in 0..3 {
        guest.expect(Errno::Spipe, "fd_seek", &[fd, 0, 0, OUT]);
        guest.ok("fd_fdstat_get", &[fd, OUT]);
        assert!(is_type(guest.get(OUT, 1)[0], Filetype::Unknown));
        guest.ok("fd_fdstat_set_flags", &[fd, 0]);
        guest.expect(Errno::Notsup, "fd_fdstat_set_flags", &[fd, 4]);
    }
}

#[test]
fn input_from_bytes_starts_anew_in_each_context() {
    let mut config = WasiConfig::new();
    config.stdin(Input::bytes("line"));
    for _ in 0..2 {
        let mut guest = Guest::new(&config);
        assert_eq!(guest.read(0, 3), Ok(b"lin".to_vec()));
        assert_eq!(guest.read(0, 3), Ok(b"e".to_vec()));
        assert_eq!(guest.read(0, 3), Ok(Vec::new()));
    }
}

#[test]
fn callbacks_are_called() {
    let seen = OutputBuffer::new();
    let sink = seen.clone();
    let mut left = 3u8;
    let mut config = WasiConfig::new();
    config
        .stdin(Input::callback(move |buffer| {
            if left == 0 {
                return Ok(0);
            }
            left -= 1;
            buffer[0] = b'0' + left;
            Ok(1)
        }))
        .stdout(Output::callback(move |bytes| match bytes {
            b"bad" => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
            b"odd" => Err(io::Error::other("no errno fits")),
            _ => sink.append(bytes).map(drop),
        }));
    let mut guest = Guest::new(&config);
    assert_eq!(guest.read(0, 8), Ok(b"2".to_vec()));
    assert_eq!(guest.read(0, 8), Ok(b"1".to_vec()));
    assert_eq!(guest.read(0, 8), Ok(b"0".to_vec()));
    assert_eq!(guest.read(0, 8), Ok(Vec::new()));
    assert_eq!(guest.write(1, b"text"), Ok(4));
    assert_eq!(guest.write(1, b"bad"), Err(Errno::Pipe as i32));
    assert_eq!(guest.write(1, b"odd"), Err(Errno::Io as i32));
    guest.put(DATA, b"goodbad");
    guest.vectors(&[(DATA, 4), (DATA + 4, 3)]);
    guest.ok("fd_write", &[1, IOVS, 2, OUT]);
    assert_eq!(guest.u32(OUT), 4, "what went out before the error");
    assert_eq!(seen.take(), b"textgood");
}

#[test]
fn a_callback_cannot_claim_more_than_the_buffer() {
    let mut config = WasiConfig::new();
    config.stdin(Input::callback(|buffer| Ok(buffer.len() + 1)));
    let mut guest = Guest::new(&config);
    assert_eq!(guest.read(0, 8), Err(Errno::Io as i32));
}

/// The guard of the linker catches the panic; the context has to be usable then.
#[test]
fn a_panicking_callback_breaks_nothing() {
    let mut calls = 0;
    let mut config = WasiConfig::new();
    config.stdout(Output::callback(move |_| {
        calls += 1;
        assert!(calls > 1, "the host's own mistake");
        Ok(())
    }));
    let mut guest = Guest::new(&config);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| guest.write(1, b"x")));
    assert!(caught.is_err());
    assert_eq!(guest.write(1, b"x"), Ok(1));
    assert!(guest.write(2, b"x").is_ok());
}

/// A callback that gets back into the context, by whatever way, meets no lock and no panic.
#[test]
fn calls_may_nest() {
    use std::cell::RefCell;
    thread_local!(static INNER: RefCell<Option<&'static Wasi>> = const { RefCell::new(None) });
    fn inner(name: &str, args: &[u64]) -> i32 {
        let common = INNER.with_borrow(|common| common.unwrap());
        let index = common.functions().iter().position(|f| f.name == name);
        let mut backing = [0; 512];
        let memory = aligned(&mut backing);
        // A vector at 64, of the four bytes at 0.
        memory[68] = 4;
        common.call(index.unwrap(), memory, args).unwrap().unwrap()
    }
    let results = Arc::new(Mutex::new(Vec::new()));
    let kept = results.clone();
    let mut config = WasiConfig::new();
    config.stdout(Output::callback(move |_| {
        kept.lock().unwrap().extend([
            inner("clock_time_get", &[1, 0, 8]),
            inner("fd_write", &[2, 64, 1, 8]),
            inner("fd_fdstat_set_flags", &[2, 0]),
            // The same stream: that would have no end.
            inner("fd_write", &[1, 64, 1, 8]),
        ]);
        Ok(())
    }));
    let common = config.build_with(Box::new(Awake::default())).unwrap();
    let common: &'static Wasi = Box::leak(Box::new(common));
    INNER.set(Some(common));
    let mut backing = [0; 512];
    let memory = aligned(&mut backing);
    memory[68] = 4;
    let index = common
        .functions()
        .iter()
        .position(|f| f.name == "fd_write")
        .unwrap();
    assert_eq!(common.call(index, memory, &[1, 64, 1, 8]), Ok(Some(0)));
    assert_eq!(*results.lock().unwrap(), [0, 0, 0, Errno::Deadlk as i32]);
}

mod of_process {
    use std::io::{Read, Write};
    #[cfg(unix)]
    use std::os::fd::OwnedFd as Owned;
    #[cfg(windows)]
    use std::os::windows::io::OwnedHandle as Owned;
    use std::process::{Command, Stdio};

    use super::*;

    fn guest_with(fd: u32, file: impl Into<Owned>, right: Rights) -> Guest {
        let guest = Guest::new(&WasiConfig::new());
        let file = HostFile::inherited(file.into()).unwrap();
        guest.wasi.insert(fd, Slot::stream(Rc::new(file), right));
        guest
    }

    #[test]
    fn output_passes_at_once() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut guest = guest_with(1, writer, Rights::FD_WRITE);
        assert_eq!(guest.write(1, b"no newline"), Ok(10));
        let mut buffer = [0; 10];
        reader.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"no newline");
        guest.expect(Errno::Spipe, "fd_seek", &[1, 0, 0, OUT]);
    }

    #[test]
    fn a_closed_pipe_is_an_errno() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut guest = guest_with(1, writer, Rights::FD_WRITE);
        assert_eq!(guest.write(1, b"x"), Err(Errno::Pipe as i32));
        assert_eq!(guest.write(1, b"x"), Err(Errno::Pipe as i32));
    }

    /// What the guest leaves is there for whoever reads next.
    #[test]
    fn input_is_not_read_ahead() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut rest = reader.try_clone().unwrap();
        writer.write_all(b"abcdef").unwrap();
        drop(writer);
        let mut guest = guest_with(0, reader, Rights::FD_READ);
        assert_eq!(guest.read(0, 2), Ok(b"ab".to_vec()));
        let mut left = String::new();
        rest.read_to_string(&mut left).unwrap();
        assert_eq!(left, "cdef");
    }

    #[test]
    fn the_processs_own_flags_stay() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut guest = guest_with(0, reader, Rights::FD_READ);
        guest.ok("fd_fdstat_set_flags", &[0, 0]);
        guest.expect(Errno::Notsup, "fd_fdstat_set_flags", &[0, 4]);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_terminal_is_a_terminal() {
        use std::os::fd::FromRawFd;
        let null = std::fs::File::open("/dev/null").unwrap();
        let mut guest = guest_with(1, null, Rights::FD_WRITE);
        guest.ok("fd_fdstat_get", &[1, OUT]);
        assert!(is_type(guest.get(OUT, 1)[0], Filetype::Unknown));

        let (mut master, mut slave) = (-1, -1);
        // SAFETY: both are places for a descriptor; the other pointers may be null.
        let made = unsafe {
            libc::openpty(
                &mut master,
                &mut slave,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        if made != 0 {
            return skip("a terminal", "mount /dev/pts");
        }
        // SAFETY: openpty gave these to us.
        let (_master, slave) = unsafe { (Owned::from_raw_fd(master), Owned::from_raw_fd(slave)) };
        let mut guest = guest_with(1, slave, Rights::FD_WRITE);
        guest.ok("fd_fdstat_get", &[1, OUT]);
        assert!(is_type(guest.get(OUT, 1)[0], Filetype::CharacterDevice));
    }

    #[test]
    fn a_file_as_input_can_be_sought() {
        let dir = TempDir::new();
        std::fs::write(dir.join("in"), "0123456789").unwrap();
        let file = std::fs::File::open(dir.join("in")).unwrap();
        let mut guest = guest_with(0, file, Rights::FD_READ);
        guest.ok("fd_seek", &[0, 8, 0, OUT]);
        assert_eq!(guest.read(0, 10), Ok(b"89".to_vec()));
    }

    /// Runs in a process of its own, started by the test below.
    #[test]
    #[ignore = "half of inherited_streams_are_the_processs_own"]
    fn inherited_streams_child() {
        let mut config = WasiConfig::new();
        config
            .stdin(Input::Inherit)
            .stdout(Output::Inherit)
            .stderr(Output::Inherit);
        let mut guest = Guest::new(&config);
        let input = guest.read(0, 5).unwrap();
        guest.write(1, &[b"<", &*input, b">"].concat()).unwrap();
        guest.write(2, b"<err>").unwrap();
        guest.ok("fd_close", &[1]);
        // That was the guest's descriptor, not the process's.
        let mut other = Guest::new(&config);
        other.write(1, b"<again>").unwrap();
    }

    #[test]
    fn inherited_streams_are_the_processs_own() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--nocapture", "inherited_streams_child"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"hello").unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("<hello><again>"));
        assert!(text(&output.stderr).contains("<err>"));
    }
}

//! Sockets, clocks and random numbers that the host gives.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::*;
use crate::wasi::preview1::Waiting;

const NONBLOCK: u64 = 4;

/// A guest that listens as descriptor 3, or 4 beside a folder, and where.
fn listening(config: &mut WasiConfig) -> (Guest, std::net::SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let wasi = config.listener(socket).build_with(Box::new(Waiting));
    (Guest::on(wasi.unwrap(), Awake::default()), address)
}

fn accept(guest: &mut Guest, fd: u64) -> u64 {
    guest.ok("sock_accept", &[fd, 0, OUT]);
    u64::from(guest.u32(OUT))
}

fn receive(guest: &mut Guest, fd: u64, length: u64, flags: u64) -> Result<Vec<u8>, i32> {
    guest.vectors(&[(DATA, length)]);
    match guest.errno("sock_recv", &[fd, IOVS, 1, flags, OUT, OUT + 4]) {
        0 => {
            let came = guest.u32(OUT) as usize;
            Ok(guest.get(DATA, came))
        }
        errno => Err(errno),
    }
}

#[test]
fn a_connection_is_read_and_written() {
    let (mut guest, address) = listening(&mut WasiConfig::new());
    let mut client = TcpStream::connect(address).unwrap();
    let fd = accept(&mut guest, 3);
    assert_eq!(fd, 4);
    for at in [3, fd] {
        guest.ok("fd_fdstat_get", &[at, OUT]);
        assert_eq!(guest.get(OUT, 1), [6], "a stream socket");
    }
    client.write_all(b"hello").unwrap();
    assert_eq!(
        receive(&mut guest, fd, 2, 1),
        Ok(b"he".to_vec()),
        "peeked at"
    );
    assert_eq!(receive(&mut guest, fd, 2, 0), Ok(b"he".to_vec()));
    assert_eq!(
        receive(&mut guest, fd, 3, 2),
        Ok(b"llo".to_vec()),
        "all of it"
    );
    client.write_all(b"again").unwrap();
    assert_eq!(guest.read(fd, 100), Ok(b"again".to_vec()));
    guest.put(DATA, b"answer");
    guest.vectors(&[(DATA, 6)]);
    guest.ok("sock_send", &[fd, IOVS, 1, 0, OUT]);
    assert_eq!(guest.u32(OUT), 6);
    assert_eq!(guest.write(fd, b"!"), Ok(1));
    guest.ok("sock_shutdown", &[fd, 2]);
    let mut heard = String::new();
    client.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "answer!");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive(&mut guest, fd, 10, 0), Ok(Vec::new()), "its end");
    guest.expect(Errno::Inval, "sock_shutdown", &[fd, 0]);
    guest.expect(Errno::Inval, "sock_shutdown", &[fd, 4]);
    guest.expect(Errno::Notsock, "sock_accept", &[fd, 0, OUT]);
    guest.expect(Errno::Spipe, "fd_seek", &[fd, 0, 0, OUT]);
    guest.expect(Errno::Badf, "fd_prestat_get", &[3, OUT]);
}

#[test]
fn nobody_is_waited_for_where_the_guest_says_so() {
    let (mut guest, address) = listening(&mut WasiConfig::new());
    guest.ok("fd_fdstat_set_flags", &[3, NONBLOCK]);
    guest.ok("fd_fdstat_get", &[3, OUT]);
    assert_eq!(guest.u32(OUT) >> 16, NONBLOCK as u32);
    guest.expect(Errno::Again, "sock_accept", &[3, 0, OUT]);
    guest.expect(Errno::Inval, "sock_accept", &[3, 1, OUT]);
    guest.ok("fd_fdstat_set_flags", &[3, 0]);
    let _client = TcpStream::connect(address).unwrap();
    guest.ok("sock_accept", &[3, NONBLOCK, OUT]);
    let fd = u64::from(guest.u32(OUT));
    assert_eq!(receive(&mut guest, fd, 10, 0), Err(Errno::Again as i32));
}

#[test]
fn connections_are_files_and_sockets_come_after_folders() {
    let dir = TempDir::new();
    let mut config = WasiConfig::new();
    config.preopen(dir.path(), "/").max_files(1);
    let (mut guest, address) = listening(&mut config);
    let _clients = [TcpStream::connect(address), TcpStream::connect(address)];
    let fd = accept(&mut guest, 4);
    guest.expect(Errno::Mfile, "sock_accept", &[4, 0, OUT]);
    guest.ok("fd_close", &[fd]);
    accept(&mut guest, 4);
}

#[cfg(unix)]
#[test]
fn what_does_not_listen_is_no_listener() {
    use std::os::fd::AsRawFd;
    let refused = |descriptor| {
        let error = WasiConfig::new().listener_of(descriptor).err().unwrap();
        assert_eq!(error.code(), crate::error::Code::InvalidArgument, "{error}");
    };
    let file = std::fs::File::open("/dev/null").unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    for descriptor in [-1, i32::MAX, file.as_raw_fd(), client.as_raw_fd()] {
        refused(descriptor);
    }
    assert!(WasiConfig::new().listener_of(socket.as_raw_fd()).is_ok());
}

#[test]
fn runs_that_are_to_be_the_same_are() {
    let run = |seed| {
        let mut config = WasiConfig::new();
        let wasi = config.deterministic(seed).build_with(Box::new(Waiting));
        let mut guest = Guest::on(wasi.unwrap(), Awake::default());
        let mut seen = Vec::new();
        let now = |guest: &mut Guest| {
            [0, 1].map(|clock| {
                guest.ok("clock_time_get", &[clock, 0, OUT]);
                guest.u64(OUT)
            })
        };
        seen.extend(now(&mut guest));
        // An hour of sleep, and no time of ours.
        guest.put(1024, &[0; 48]);
        guest.put(1024 + 16, &1u32.to_le_bytes());
        guest.put(1024 + 24, &3_600_000_000_000u64.to_le_bytes());
        guest.ok("poll_oneoff", &[1024, DATA, 1, OUT]);
        assert_eq!(guest.u32(OUT), 1);
        seen.extend(now(&mut guest));
        guest.ok("random_get", &[DATA, 64]);
        let numbers = guest.get(DATA, 64);
        (seen, numbers)
    };
    let (times, numbers) = run(5);
    let (start, hour) = (1_000_000_000_000_000_000, 3_600_000_000_000);
    assert_eq!(times, [start, 0, start + hour, hour]);
    assert_eq!(run(5), (times, numbers.clone()));
    assert_ne!(run(6).1, numbers);
}

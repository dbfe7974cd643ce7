//! `wasmdyld run --listen`: a guest that serves connections of the machine.
#![cfg(feature = "cli")]

#[path = "support/command.rs"]
mod command;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use command::{scratch, wasmdyld, wat};

const CONNECTIONS: u32 = 1000;
const CLIENTS: u32 = 8;

/// Sends back what it gets, to one connection after the other, and ends well after so many. What goes wrong is its exit code. It looks at
/// the socket by `poll_oneoff` before it accepts a connection.
fn echo() -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
          (memory (export "memory") 2)
          (func $must (param i32) (if (local.get 0) (then (call $exit (local.get 0)))))
          (func (export "_start") (local $left i32) (local $fd i32)
            (local.set $left (i32.const {CONNECTIONS}))
            ;; A subscription to reading from 3, at 64, and a vector of 64 KiB at 0.
            (i32.store8 (i32.const 72) (i32.const 1))
            (i32.store (i32.const 80) (i32.const 3))
            (i32.store (i32.const 0) (i32.const 65536))
            (loop $next
              (call $must (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 16)))
              (call $must (call $accept (i32.const 3) (i32.const 0) (i32.const 16)))
              (local.set $fd (i32.load (i32.const 16)))
              (loop $more
                (i32.store (i32.const 4) (i32.const 65536))
                (call $must (call $recv (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 20)))
                (if (i32.load (i32.const 16))
                  (then
                    (i32.store (i32.const 4) (i32.load (i32.const 16)))
                    (call $must (call $send (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 16)))
                    (br $more))))
              (call $must (call $shutdown (local.get $fd) (i32.const 3)))
              (call $must (call $close (local.get $fd)))
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $next (local.get $left)))))"#
    )
}

/// Starts a guest that listens; gives where.
fn start(name: &str, module: &str, options: &[&str]) -> (Child, String) {
    let folder = scratch(name);
    let module = wat(&folder, "main.wasm", module);
    let mut child = wasmdyld()
        .args(["run", "--engine-cache", "off", "--listen", "127.0.0.1:0"])
        .args(options)
        .arg(module)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut line = String::new();
    let said = child.stderr.as_mut().expect("a pipe");
    let mut one = [0];
    while !line.ends_with('\n') && said.read(&mut one).expect("a line") == 1 {
        line.push(char::from(one[0]));
    }
    let address = line.trim().rsplit(' ').next().unwrap_or_default();
    (child, address.to_owned())
}

fn visit(address: &str, number: u32) {
    let mut socket = TcpStream::connect(address).expect("a connection");
    let limit = Some(Duration::from_secs(60));
    socket.set_read_timeout(limit).expect("a limit");
    let mut said = BufReader::new(socket.try_clone().expect("a second handle"));
    let text = format!("visitor {number}\n");
    socket.write_all(text.as_bytes()).expect("sent");
    let mut heard = String::new();
    said.read_line(&mut heard).expect("an answer");
    assert_eq!(heard, text);
    socket.shutdown(Shutdown::Write).expect("an end");
    assert_eq!(said.read(&mut [0; 8]).expect("the other end"), 0);
}

#[test]
fn an_echo_server_serves_a_thousand_connections() {
    let (child, address) = start("echo", &echo(), &[]);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let address = &address;
            scope.spawn(move || {
                let each = CONNECTIONS / CLIENTS;
                (client * each..(client + 1) * each).for_each(|number| visit(address, number));
            });
        }
    });
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// Nobody comes: the guest waits in `poll_oneoff`, and in `sock_accept` where it does not ask first.
#[test]
fn a_guest_that_waits_for_connections_is_stopped() {
    let asks = echo();
    let waits = asks
        .replace("(call $must (call $poll", "(drop (i32.const 0)) (;")
        .replace(
            "(i32.const 128) (i32.const 1) (i32.const 16)))",
            "(i32.const 128) (i32.const 1) (i32.const 16))) ;)",
        );
    assert_ne!(asks, waits);
    for (name, module) in [("poll", asks), ("accept", waits)] {
        let before = Instant::now();
        let (child, _) = start(name, &module, &["--timeout", "300ms"]);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(124), "{output:?}");
        assert!(before.elapsed() < Duration::from_secs(30), "{name}");
    }
}

//! The table, each function once as a program would call it, and bad pointers.

use std::collections::BTreeSet;

use super::*;
use crate::object::ValType;
use crate::wasi::preview1::types::Rights;
use crate::wasi::{Input, MODULE};

const OF_FILE: u64 = Rights::OF_FILE.bits();

/// The types by which every toolchain imports some of the functions.
#[test]
fn the_table_is_that_of_preview1() {
    use ValType::{I32, I64};
    let guest = Guest::new(&WasiConfig::new());
    let functions = guest.wasi.functions();
    assert_eq!(MODULE, "wasi_snapshot_preview1");
    assert_eq!(functions.len(), 46);
    let names: BTreeSet<_> = functions.iter().map(|f| f.name).collect();
    assert_eq!(names.len(), 46);
    for f in functions {
        let results: &[ValType] = if f.name == "proc_exit" { &[] } else { &[I32] };
        assert_eq!(f.results, results, "{}", f.name);
    }
    let params = |name: &str| functions.iter().find(|f| f.name == name).unwrap().params;
    assert_eq!(params("args_get"), [I32, I32]);
    assert_eq!(params("args_sizes_get"), [I32, I32]);
    assert_eq!(params("environ_get"), [I32, I32]);
    assert_eq!(params("environ_sizes_get"), [I32, I32]);
    assert_eq!(params("proc_exit"), [I32]);
    assert_eq!(params("sched_yield"), []);
    assert_eq!(params("fd_fdstat_set_flags"), [I32, I32]);
    assert_eq!(params("poll_oneoff"), [I32, I32, I32, I32]);
    assert_eq!(params("fd_write"), [I32, I32, I32, I32]);
    assert_eq!(params("fd_seek"), [I32, I64, I32, I32]);
    assert_eq!(
        params("path_open"),
        [I32, I32, I32, I32, I32, I64, I64, I32, I32]
    );
}

/// `name`, arguments, errno: each function is called with arguments that are right.
fn script(guest: &mut Guest) -> Vec<(&'static str, Vec<u64>, Errno)> {
    let file = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    let spare = guest.open(3, "spare", CREAT, READ | WRITE).unwrap();
    let other = guest.open(3, "other", CREAT, READ | WRITE).unwrap();
    let mut at = |text: &str| guest.string(text);
    let ([name, name_len], [sub, sub_len]) = (at("file"), at("sub"));
    let ([link, link_len], [hard, hard_len]) = (at("link"), at("hard"));
    let [renamed, renamed_len] = at("renamed");
    guest.vectors(&[(DATA, 8), (DATA + 8, 8)]);
    // A poll for a relative time on the monotonic clock.
    let poll = 1024;
    guest.put(poll, &7u64.to_le_bytes());
    guest.put(poll + 16, &1u32.to_le_bytes());
    guest.put(poll + 24, &5_000u64.to_le_bytes());

    use Errno::{Notsock, Notsup, Success};
    vec![
        ("args_sizes_get", vec![OUT, OUT + 4], Success),
        ("args_get", vec![DATA, DATA + 64], Success),
        ("environ_sizes_get", vec![OUT, OUT + 4], Success),
        ("environ_get", vec![DATA, DATA + 64], Success),
        ("clock_res_get", vec![0, OUT], Success),
        ("clock_time_get", vec![1, 0, OUT], Success),
        ("fd_advise", vec![file, 0, 16, 0], Success),
        ("fd_allocate", vec![file, 0, 16], Notsup),
        ("fd_write", vec![file, IOVS, 2, OUT], Success),
        ("fd_pwrite", vec![file, IOVS, 2, 4, OUT], Success),
        ("fd_datasync", vec![file], Success),
        ("fd_sync", vec![file], Success),
        ("fd_seek", vec![file, 0, 0, OUT], Success),
        ("fd_tell", vec![file, OUT], Success),
        ("fd_read", vec![file, IOVS, 2, OUT], Success),
        ("fd_pread", vec![file, IOVS, 2, 0, OUT], Success),
        ("fd_fdstat_get", vec![file, OUT], Success),
        ("fd_fdstat_set_flags", vec![file, 1], Success),
        ("fd_fdstat_set_rights", vec![file, OF_FILE, 0], Success),
        ("fd_filestat_get", vec![file, OUT], Success),
        ("fd_filestat_set_size", vec![file, 4], Success),
        (
            "fd_filestat_set_times",
            vec![file, 1_000_000_000, 2_000_000_000, 5],
            Success,
        ),
        ("fd_prestat_get", vec![3, OUT], Success),
        ("fd_prestat_dir_name", vec![3, OUT, 1], Success),
        ("fd_readdir", vec![3, DATA, 512, 0, OUT], Success),
        ("fd_renumber", vec![spare, other], Success),
        ("fd_close", vec![other], Success),
        ("path_create_directory", vec![3, sub, sub_len], Success),
        ("path_remove_directory", vec![3, sub, sub_len], Success),
        (
            "path_filestat_get",
            vec![3, 1, name, name_len, OUT],
            Success,
        ),
        (
            "path_filestat_set_times",
            vec![3, 1, name, name_len, 0, 0, 10],
            Success,
        ),
        (
            "path_link",
            vec![3, 0, name, name_len, 3, hard, hard_len],
            Success,
        ),
        (
            "path_symlink",
            vec![name, name_len, 3, link, link_len],
            Success,
        ),
        (
            "path_readlink",
            vec![3, link, link_len, DATA, 64, OUT],
            Success,
        ),
        (
            "path_rename",
            vec![3, hard, hard_len, 3, renamed, renamed_len],
            Success,
        ),
        (
            "path_open",
            vec![3, 1, link, link_len, 0, READ, READ, 0, OUT],
            Success,
        ),
        ("path_unlink_file", vec![3, link, link_len], Success),
        ("poll_oneoff", vec![poll, DATA, 1, OUT], Success),
        ("sched_yield", vec![], Success),
        ("random_get", vec![DATA, 64], Success),
        ("sock_accept", vec![file, 0, OUT], Notsock),
        ("sock_recv", vec![file, IOVS, 2, 0, OUT, OUT + 4], Notsock),
        ("sock_send", vec![file, IOVS, 2, 0, OUT], Notsock),
        ("sock_shutdown", vec![file, 1], Notsock),
    ]
}

#[test]
fn every_function_works() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let script = script(&mut guest);
    let mut left: BTreeSet<_> = guest.wasi.functions().iter().map(|f| f.name).collect();
    for (name, args, errno) in &script {
        guest.expect(*errno, name, args);
        left.remove(name);
    }
    assert!(is_trap(&guest.call("proc_raise", &[6])));
    assert_eq!(guest.call("proc_exit", &[3]), Err(Stop::Exit(3)));
    left.remove("proc_raise");
    left.remove("proc_exit");
    assert!(left.is_empty(), "not called: {left:?}");
    assert_eq!(
        *guest.slept.0.lock().unwrap(),
        [Duration::from_nanos(5_000)]
    );
}

/// The first parameter that is an address, by name; for each the call traps when it lies beyond the memory.
const POINTERS: &[(&str, usize)] = &[
    ("args_sizes_get", 0),
    ("args_sizes_get", 1),
    ("args_get", 0),
    ("args_get", 1),
    ("environ_sizes_get", 0),
    ("environ_get", 0),
    ("environ_get", 1),
    ("clock_res_get", 1),
    ("clock_time_get", 2),
    ("fd_write", 1),
    ("fd_write", 3),
    ("fd_pwrite", 1),
    ("fd_pwrite", 4),
    ("fd_seek", 3),
    ("fd_tell", 1),
    ("fd_read", 1),
    ("fd_read", 3),
    ("fd_pread", 1),
    ("fd_fdstat_get", 1),
    ("fd_filestat_get", 1),
    ("fd_prestat_get", 1),
    ("fd_prestat_dir_name", 1),
    ("fd_readdir", 1),
    ("fd_readdir", 4),
    ("path_create_directory", 1),
    ("path_remove_directory", 1),
    ("path_filestat_get", 2),
    ("path_filestat_get", 4),
    ("path_filestat_set_times", 2),
    ("path_link", 2),
    ("path_link", 5),
    ("path_symlink", 0),
    ("path_symlink", 3),
    ("path_readlink", 1),
    ("path_rename", 1),
    ("path_rename", 4),
    ("path_open", 2),
    ("path_unlink_file", 1),
    ("poll_oneoff", 0),
    ("random_get", 0),
    ("sock_recv", 1),
    ("sock_send", 1),
];

#[test]
fn pointers_out_of_bounds_trap() {
    for &(name, position) in POINTERS {
        for beyond in [SIZE as u64, 0xffff_fff8, 0x8000_0000, 0xffff_ffff] {
            let dir = TempDir::new();
            let mut config = WasiConfig::new();
            config.preopen(dir.path(), "/").arg("program").env("K", "V");
            let mut guest = Guest::new(&config);
            for (function, mut args, _) in script(&mut guest) {
                if function != name {
                    let _ = guest.call(function, &args);
                    continue;
                }
                args[position] = beyond;
                let outcome = guest.call(name, &args);
                assert!(is_trap(&outcome), "{name}{args:x?}: {outcome:?}");
                break;
            }
        }
    }
}

#[test]
fn a_bad_vector_traps() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let file = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    guest.vectors(&[(DATA, 8), (SIZE as u64 - 4, 8)]);
    assert!(is_trap(&guest.call("fd_write", &[file, IOVS, 2, OUT])));
    guest.vectors(&[(0xffff_ffff, 0xffff_ffff)]);
    assert!(is_trap(&guest.call("fd_read", &[file, IOVS, 1, OUT])));
    // Misaligned.
    assert!(is_trap(&guest.call("fd_write", &[file, IOVS + 1, 1, OUT])));
    assert!(is_trap(&guest.call("args_sizes_get", &[OUT + 2, OUT])));
}

#[test]
fn more_vectors_than_a_system_takes_are_a_short_write() {
    let dir = TempDir::new();
    let mut guest = guest_in(&dir);
    let file = guest.open(3, "file", CREAT, READ | WRITE).unwrap();
    let parts: Vec<_> = (0..1500).map(|_| (HEAP as u64 + 16384, 1)).collect();
    guest.vectors(&parts);
    guest.ok("fd_write", &[file, IOVS, 1500, OUT]);
    assert_eq!(guest.u32(OUT), 1024);
    // Nothing of the length of a memory is set up for a count that no memory could hold.
    guest.ok("fd_write", &[file, IOVS, 0xffff_ffff, OUT]);
    guest.expect(Errno::Inval, "poll_oneoff", &[IOVS, DATA, 0xffff_ffff, OUT]);
}

#[test]
fn the_linkers_own_mistakes_do_not_panic() {
    let guest = Guest::new(&WasiConfig::new());
    let mut memory = [0u8; 16];
    assert!(is_trap(&guest.wasi.call(46, &mut memory, &[])));
    assert!(is_trap(&guest.wasi.call(usize::MAX, &mut memory, &[])));
    for index in 0..46 {
        assert!(is_trap(&guest.wasi.call(index, &mut memory, &[0; 12])));
        // No memory at all.
        let params = guest.wasi.functions()[index].params.len();
        let _ = guest.wasi.call(index, &mut [], &vec![0; params]);
    }
}

#[test]
fn arguments_and_variables_are_laid_out_as_main_wants_them() {
    let mut config = WasiConfig::new();
    config.arg("prog").arg(&b"caf\xe9"[..]).arg("");
    config.env("HOME", "/").env("A", "x=y").env("HOME", "/home");
    let mut guest = Guest::new(&config);

    guest.ok("args_sizes_get", &[OUT, OUT + 4]);
    assert_eq!(guest.u32(OUT), 3);
    assert_eq!(guest.u32(OUT + 4), 11);
    guest.ok("args_get", &[OUT, DATA]);
    let heads = [guest.u32(OUT), guest.u32(OUT + 4), guest.u32(OUT + 8)];
    assert_eq!(heads.map(u64::from), [DATA, DATA + 5, DATA + 10]);
    assert_eq!(guest.get(DATA, 11), b"prog\0caf\xe9\0\0");

    guest.ok("environ_sizes_get", &[OUT, OUT + 4]);
    assert_eq!(guest.u32(OUT), 2);
    guest.ok("environ_get", &[OUT, DATA]);
    assert_eq!(guest.get(DATA, 17), b"HOME=/home\0A=x=y\0");
    assert_eq!(u64::from(guest.u32(OUT + 4)), DATA + 11);
}

#[test]
fn the_environment_is_passed_on_when_asked_for() {
    // Every test process has one; which, does not matter.
    let (name, value) = std::env::vars_os().next().unwrap();
    let size = |config: &WasiConfig| {
        let mut guest = Guest::new(config);
        guest.ok("environ_sizes_get", &[OUT, OUT + 4]);
        guest.u32(OUT) as usize
    };
    let mut config = WasiConfig::new();
    assert_eq!(size(&config), 0);
    config.inherit_env(true);
    let all = size(&config);
    assert!(all >= 1);
    config.env(name.as_encoded_bytes(), "mine");
    assert_eq!(size(&config), all, "{name:?}={value:?}");
}

#[test]
fn strings_that_no_guest_can_be_given_are_refused() {
    let refused = |config: &mut WasiConfig| {
        let error = config.build().err().unwrap();
        assert_eq!(error.code(), crate::error::Code::InvalidArgument, "{error}");
        assert!(!error.message().contains('\0'));
        error.to_string()
    };
    assert!(refused(WasiConfig::new().arg("a").arg("b\0c")).contains("argument 1"));
    assert!(refused(WasiConfig::new().env("", "v")).contains("no name"));
    assert!(refused(WasiConfig::new().env("A=B", "v")).contains("A=B"));
    assert!(refused(WasiConfig::new().env("A", "v\0")).contains("`A`"));
    assert!(refused(WasiConfig::new().env("A\0", "v")).contains('A'));
}

#[test]
fn exit_codes_pass_unchanged() {
    let mut guest = Guest::new(WasiConfig::new().stdin(Input::Null));
    for (raw, code) in [
        (0, 0),
        (1, 1),
        (125, 125),
        (126, 126),
        (255, 255),
        (0xffff_ffff, -1),
    ] {
        assert_eq!(guest.call("proc_exit", &[raw]), Err(Stop::Exit(code)));
    }
}

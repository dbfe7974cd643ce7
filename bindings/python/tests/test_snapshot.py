"""Snapshots: a namespace put back after a trap, forked into others, and as bytes."""

from pathlib import Path

import pytest

import wasmdyld
from support import wat
from wasmdyld import Namespace, Snapshot

COUNTER = wat(
    """(import "host" "ten" (func $ten (result i32)))
    (global $n (mut i32) (i32.const 0))
    (func (export "count") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.mul (global.get $n) (call $ten)))
    (func (export "crash") unreachable)"""
)


def fresh() -> Namespace:
    ns = Namespace(snapshots=True, wasi=False)
    ns.define("host", "ten", lambda: 10, "() -> i32")
    return ns


def counted() -> Namespace:
    ns = fresh()
    counter = ns.load_bytes("counter.so", COUNTER)
    assert [counter.count(), counter.count()] == [10, 20]
    return ns


def test_a_crash_costs_a_restore() -> None:
    with counted() as ns:
        counter = ns.load("counter.so", wasmdyld.RTLD_NOLOAD)
        snapshot = ns.snapshot()
        for _ in range(20):
            assert counter.count() == 30
            with pytest.raises(wasmdyld.Trap):
                counter.crash()
            ns.restore(snapshot)
        later = ns.load_bytes("later.so", COUNTER)
        ns.restore(snapshot)
        with pytest.raises(wasmdyld.InvalidArgument):
            later.count()
        assert counter.count() == 30


def test_new_namespaces_go_on() -> None:
    with counted() as ns:
        snapshot = ns.snapshot()
    again = Snapshot.from_bytes(snapshot.to_bytes())
    for one in [snapshot, again]:
        with fresh() as fork:
            fork.restore(one)
            assert fork.load("counter.so", wasmdyld.RTLD_NOLOAD).count() == 30


def test_a_program_that_is_one_module_goes_on_in_new_namespaces(guests: Path) -> None:
    opens = guests / "cases/dl-main/main-pie.wasm"
    linked = wasmdyld.link(opens, library_paths=[guests / "lib"], default_paths=[], dynamic=True)

    def namespace(output: wasmdyld.Output) -> Namespace:
        wasi = wasmdyld.Wasi(stdout=output, stderr=output)
        return Namespace(snapshots=True, default_paths=[], library_paths=[opens.parent], wasi=wasi)

    first, output = wasmdyld.Output(), wasmdyld.Output()
    with namespace(first) as ns:
        ns.load_bytes("main-pie.wasm", linked.bytes, wasmdyld.Flags.PROGRAM)
        names = [loaded.name for loaded in ns.objects]
        assert "libc.so" in names
        snapshot = ns.snapshot()
        status = ns.run()
    said = first.take()
    assert said
    for one in [snapshot, Snapshot.from_bytes(snapshot.to_bytes())]:
        with namespace(output) as fork:
            fork.restore(one)
            assert [loaded.name for loaded in fork.objects] == names
            assert (fork.run(), output.take()) == (status, said)


def test_what_is_refused() -> None:
    with Namespace(wasi=False) as ns, counted() as other:
        snapshot = other.snapshot()
        with pytest.raises(wasmdyld.Unsupported, match="wasm_dyld_config_set_snapshots"):
            ns.restore(snapshot)
    with Namespace(snapshots=True, wasi=False) as ns, pytest.raises(wasmdyld.UndefinedSymbol, match="host.ten"):
        ns.restore(snapshot)
    data = bytearray(snapshot.to_bytes())
    data[len(data) // 2] ^= 1
    with pytest.raises(wasmdyld.Malformed, match="damaged"):
        Snapshot.from_bytes(bytes(data))


OPENER = wat(
    """
  (import "env" "memory" (memory 1))
  (import "env" "__memory_base" (global $base i32))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (data (global.get $base) ".")
  (func (export "open_folder") (result i32)
    (call $open (i32.const 3) (i32.const 0) (global.get $base) (i32.const 1) (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0)
      (i32.add (global.get $base) (i32.const 4))))
    """,
    memory=16,
)


def test_open_files(tmp_path: Path) -> None:
    wasi = wasmdyld.Wasi(read_only_dirs={"/here": tmp_path})
    with Namespace(snapshots=True, wasi=wasi) as ns:
        opener = ns.load_bytes("opener.so", OPENER)
        before = ns.snapshot()
        assert opener.open_folder() == 0
        with pytest.raises(wasmdyld.Unsupported, match=r"(?s)files open.*\n  4: \."):
            ns.snapshot()
        after = ns.snapshot(open_files=True)
        ns.restore(before)
        # It was closed.
        ns.snapshot()
        ns.restore(after)

"""The guest's memory, copies and views of it, and its heap."""

import gc

import pytest

import wasmdyld
from support import Make, wat
from wasmdyld import Library, Namespace


def test_there_is_none_before_the_first_load(make: Make) -> None:
    ns = make()
    for use in (lambda: len(ns.memory), lambda: ns.memory.read(0, 1), lambda: ns.memory.view(), lambda: ns.table_size):
        with pytest.raises(wasmdyld.Busy):
            use()
    with pytest.raises(wasmdyld.NotFound, match="no object of the guest exports malloc"):
        ns.alloc(1)


def test_data_symbols(ns: Namespace, calc: Library) -> None:
    version = calc.address("calc_version")
    assert ns.memory.unpack("<i", version) == (3,)
    ns.memory.pack("<i", version, -7)
    assert ns.memory[version : version + 4] == b"\xf9\xff\xff\xff"
    assert ns.memory.string(ns.memory.unpack("I", calc.address("calc_name"))[0]) == "calc"
    assert ns.memory.unpack("4d", calc.address("calc_constants"))[3] == 3.141592653589793
    assert calc.symbol("calc_version").kind is wasmdyld.SymbolKind.DATA
    assert calc.symbol("calc_version").value == version
    assert calc.symbol("malloc").kind is wasmdyld.SymbolKind.FUNC
    with pytest.raises(wasmdyld.SymbolNotFound, match="is a function"):
        calc.address("malloc")
    object, symbol, value = ns.dladdr(version)
    assert (object, symbol, value) == (calc.object, "calc_version", version)
    with pytest.raises(OverflowError):
        ns.dladdr(-1)


def test_bounds(ns: Namespace, calc: Library) -> None:
    size = len(ns.memory)
    assert size % 65536 == 0
    ns.memory[size - 1] = 77
    assert ns.memory[size - 1] == 77 and ns.memory.read(size, 0) == b""
    for use in (
        lambda: ns.memory[size],
        lambda: ns.memory[-1],
        lambda: ns.memory.read(size - 1, 2),
        lambda: ns.memory.read(0, -1),
        lambda: ns.memory.read(2**70, 1),
        lambda: ns.memory.write(size - 1, b"ab"),
        lambda: ns.memory.view(size - 1, 2),
        lambda: ns.memory.cstring(size - 1),
        lambda: ns.memory.cstring(size + 1),
        lambda: ns.memory[5:4],
    ):
        with pytest.raises(wasmdyld.InvalidArgument):
            use()
    with pytest.raises(ValueError):
        ns.memory[0:4:2]
    with pytest.raises(ValueError):
        ns.memory[0:4] = b"abc"
    with pytest.raises(TypeError):
        iter(ns.memory)
    assert ns.memory[size - 1] == 77


def test_strings(ns: Namespace, calc: Library) -> None:
    text = "é" * 5000
    with ns.buffer(text) as buffer:
        assert ns.memory.string(buffer.address) == text
        assert ns.memory.cstring(buffer.address, 7) == text.encode()[:7]
        assert buffer.cstring() == text.encode()
    with ns.buffer(b"no end") as buffer:
        assert buffer.cstring() == b"no end"
        assert ns.memory.cstring(buffer.address, 0) == b""


def test_views(ns: Namespace, calc: Library) -> None:
    with ns.alloc(16) as block:
        with block.view("I") as numbers:
            numbers[0], numbers[3] = 1, 0xFFFFFFFF
            assert len(numbers) == 4
        assert block.read(4) == b"\1\0\0\0" and block.unpack("<i", 12) == (-1,)
        with ns.memory.view(block.address, 8) as view, view[4:] as part:
            part[:] = b"abcd"
            assert block.read(8) == b"\1\0\0\0abcd"
        with ns.memory.view(0, 0) as nothing:
            assert len(nothing) == 0
        with ns.memory.view() as all:
            assert len(all) == len(ns.memory)


def test_growth(ns: Namespace, calc: Library) -> None:
    size = len(ns.memory)
    assert ns.memory.grow(2) == size and len(ns.memory) == size + 2 * 65536
    with ns.memory.view(size) as view:
        view[-1] = 5
    assert ns.memory[size + 2 * 65536 - 1] == 5
    # The bundled engine's memory stays where it is, so a view does.
    block = ns.alloc(4)
    with block.view("I") as view, ns.memory.view(size, 1) as last:
        for _ in range(4):
            before = len(ns.memory)
            ns.memory.grow(2000)
            assert len(ns.memory) == before + 2000 * 65536
            with ns.buffer(bytes(1_000_000)), ns.memory.view(before) as added:
                added[-1] = 7
            calc.memset(block, 0x11 + view[0] % 2, 4)
            last[0] += 1
        assert view[0] == 0x12121212 or view[0] == 0x11111111
        assert block.unpack("I") == (view[0],) and ns.memory[size] == last[0] == 4
    for pages in (1 << 20, -1, 1 << 40):
        with pytest.raises(MemoryError):
            ns.memory.grow(pages)


def test_a_namespace_does_not_close_under_a_view(guests: object) -> None:
    ns = wasmdyld.Namespace()
    ns.load_bytes("empty.so", wat(""))
    view = ns.memory.view(1024, 16)
    part = view[4:8]
    view.release()
    with pytest.raises(BufferError, match="release"):
        ns.close()
    part[0] = 9
    part.release()
    ns.close()

    # A view keeps the memory of a namespace that is forgotten.
    ns = wasmdyld.Namespace()
    ns.load_bytes("empty.so", wat(""))
    view = ns.memory.view(1024, 16)
    state = ns._state.handles
    del ns
    gc.collect()
    view[0] = 1
    assert view[0] == 1 and not state.closed
    del view
    gc.collect()
    assert state.closed


def test_allocations(ns: Namespace, calc: Library) -> None:
    block = ns.alloc(10)
    assert len(block) == block.size == 10 and int(block) == block.address
    block.write(b"12345", 5)
    assert block.read(5, 5) == b"12345" and block.read(offset=9) == b"5"
    for use in (lambda: block.write(b"123456", 5), lambda: block.read(11), lambda: block.read(1, -1), lambda: block.pack("Q", 1, offset=3)):
        with pytest.raises(wasmdyld.InvalidArgument):
            use()
    block.free()
    block.free()
    with pytest.raises(wasmdyld.InvalidArgument, match="freed"):
        block.address
    assert "freed" in repr(block)

    # Many are made and freed without the heap growing.
    ns.alloc(100_000).free()
    size = len(ns.memory)
    for _ in range(100):
        with ns.alloc(100_000) as one:
            assert one.address % 8 == 0
    assert len(ns.memory) == size

    # Given away: the guest frees it.
    given = ns.buffer(b"x").give()
    calc.free(given)
    with ns.alloc(0) as nothing:
        assert nothing.address != 0 and nothing.read() == b""
    for size in (-1, 1 << 32):
        with pytest.raises(ValueError):
            ns.alloc(size)
    with pytest.raises(MemoryError):
        ns.alloc(0xFFFF0000)


def test_the_heap_is_found_again(make: Make) -> None:
    ns = make("library-only")
    for _ in range(2):
        with ns.load("libz.so") as z, ns.buffer("text") as text:
            z.crc32(0, text, 4)
        assert ns.objects == []
        with pytest.raises(wasmdyld.NotFound):
            ns.alloc(1)

"""Bindings written on ctypes, run on Python's own and a native library where there is one, and on wasmdyld.ctypes and the guest's: one import is
changed, and what they give is the same."""

import ctypes.util
import re
import types
import zlib
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

import wasmdyld
from support import Make
from wasmdyld import ctypes as guest


def changed(name: str) -> str:
    """A binding's text, with its import changed."""
    text = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    text, count = re.subn(r"^import ctypes\.util$", "from wasmdyld import ctypes", text, flags=re.MULTILINE)
    text, more = re.subn(r"^from ctypes import", "from wasmdyld.ctypes import", text, flags=re.MULTILINE)
    assert (count, more) == (1, 1)
    return text


# The system's own libraries are compared with where it has them.
NATIVE = all(ctypes.util.find_library(name) for name in ("c", "z", "sqlite3"))


@pytest.fixture(params=["native", "guest"] if NATIVE else ["guest"])
def bound(request: pytest.FixtureRequest, make: Make) -> Iterator[Any]:
    """Gives a binding by its name and by the library that it is of."""
    before = guest.use(make() if request.param == "guest" else None)

    def load(name: str) -> Any:
        module: Any = types.ModuleType(name)
        if request.param == "guest":
            exec(compile(changed(name), f"{name} changed", "exec"), module.__dict__)
        else:
            exec(compile((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"), name, "exec"), module.__dict__)
        return module

    yield load
    guest.use(before)


def test_zlib(bound: Any) -> None:
    z = bound("bound_zlib")
    assert z.version().startswith("1.")
    data = b"".join(b"line %d of a text that repeats itself\n" % (n % 50) for n in range(1000))
    assert z.crc32(data) == zlib.crc32(data) and z.adler32(data) == zlib.adler32(data)
    assert z.crc32(data[10:], z.crc32(data[:10])) == zlib.crc32(data)
    for level in (0, 1, 9):
        packed = z.compress(data, level)
        assert zlib.decompress(packed) == data and z.decompress(packed, len(data)) == data
    packed = z.gzip(data)
    assert zlib.decompress(packed, 31) == data and z.gunzip(packed) == data
    # Its memory came from the binding's own callbacks, and is back.
    assert z.count[0] >= 2 and z.count[0] == z.count[1] and z.blocks == {}
    with pytest.raises(z.Error, match="data error"):
        z.gunzip(packed[:20] + b"\xff" * 20 + packed[40:])
    # A buffer that is too small is no error to streams, but it is one to uncompress.
    packed, size = z.compress(data), z.c_ulong(10)
    assert z.lib.uncompress(z.create_string_buffer(10), z.byref(size), packed, len(packed)) == z.Z_BUF_ERROR


def test_sqlite(bound: Any) -> None:
    s = bound("bound_sqlite")
    assert s.api.libversion().startswith(b"3.")
    db = s.Database(":memory:")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, size REAL, data BLOB)")
    rows: List[Any] = [
        (1, "Müller", 1.5, b"\0\1\2"),
        (1 << 40, "", -2.25, b""),
        (-5, None, None, None),
        (7, "zwei\0drei", 1e300, bytes(range(256))),
    ]
    for row in rows:
        assert list(db.query("INSERT INTO t VALUES (?, ?, ?, ?)", row)) == []
        assert s.api.last_insert_rowid(db.handle) == row[0] and s.api.changes(db.handle) == 1
    # An empty blob is NULL to bind_blob of a pointer to nothing, and empty of another one.
    assert list(db.query("SELECT * FROM t ORDER BY id")) == sorted(rows)
    seen: List[Dict[str, Any]] = []

    def see(row: Dict[str, Any]) -> int:
        seen.append(row)
        return 0

    db.execute("SELECT id, name FROM t WHERE id < 2 ORDER BY id", see)
    assert seen == [{"id": "-5", "name": None}, {"id": "1", "name": "Müller"}]
    with pytest.raises(s.Error, match="no such table: nowhere"):
        db.execute("SELECT * FROM nowhere")
    with pytest.raises(s.Error, match="syntax error"):
        list(db.query("SELEC"))
    with pytest.raises(s.Error, match="query aborted"):
        db.execute("SELECT 1", lambda row: 1)

    db.function("twice", 1, lambda text: text * 2)
    db.function("length_of_all", -1, lambda *texts: sum(len(text) for text in texts))
    db.function("failing", 0, lambda: 1 // 0)
    db.aggregate("total_of")
    db.collation("backwards", lambda one, other: (one < other) - (one > other))
    assert list(db.query("SELECT twice('ab'), length_of_all('a', 'bcd', 'ef')")) == [("abab", 6)]
    assert list(db.query("SELECT total_of(id) FROM t")) == [(sum(row[0] for row in rows),)]
    names = [name for (name,) in db.query("SELECT name FROM t WHERE name > '' ORDER BY name COLLATE backwards")]
    assert names == sorted((row[1] for row in rows if row[1]), reverse=True)
    with pytest.raises(s.Error, match="division|modulo"):
        list(db.query("SELECT failing()"))
    assert s.quoted("it's", -7, 2.5, 1 << 50) == f"'it''s' -7 2.500 {1 << 50}"
    db.close()


def test_an_exception_in_a_callback_comes_back(make: Make) -> None:
    """Where Python's own ctypes prints it and goes on."""
    before = guest.use(make())
    try:
        module: Any = types.ModuleType("bound")
        exec(changed("bound_sqlite"), module.__dict__)
        db = module.Database(":memory:")
        with pytest.raises(ZeroDivisionError):
            db.execute("SELECT 1", lambda row: 1 // 0)
        db.execute("SELECT 1")
        with pytest.raises(OSError) as caught:
            guest.CDLL("libnothing.so")
        assert isinstance(caught.value, wasmdyld.Error) and caught.value.code == wasmdyld.Code.NOT_FOUND
        assert guest.util.find_library("nothing") is None
    finally:
        guest.use(before)

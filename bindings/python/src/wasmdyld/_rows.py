"""Calls of a function for many rows at once: arguments and results are columns in the guest's memory."""

import array
from ctypes import byref, c_uint64
from typing import TYPE_CHECKING, Any, List, Optional, Sequence, Tuple

from ._convert import BITS, integer
from ._errors import Error
from ._ffi import wasm_dyld_column_t
from ._library import dyld
from ._memory import Allocation

if TYPE_CHECKING:
    from ._core import Core
    from ._quick import Quick

WIDTHS = {"i32": 4, "i64": 8, "f32": 4, "f64": 8}
TYPECODES = {"i32": "i", "i64": "q", "f32": "f", "f64": "d"}
INTEGERS = "bBhHiIlLqQnN"


class Column:
    """A parameter or a result: of the host's, to be copied to `offset` of the call's own memory or out of there, or in the guest's memory."""

    def __init__(self, kind: str, value: Any, writable: bool) -> None:
        self.kind, self.width = kind, WIDTHS[kind]
        self.view: Optional["memoryview[Any]"] = None
        self.address, self.offset, self.stride = 0, 0, self.width
        self.rows: Optional[int] = None
        if isinstance(value, Allocation):
            self.address = value.address
            self.rows = len(value) // self.width
        elif isinstance(value, (int, float)) and not writable:
            # One for all rows.
            number = integer(value, 8 * self.width) if kind in BITS else float(value)
            self.view = memoryview(array.array(TYPECODES[kind], [number])).cast("B")
            self.stride = 0
        else:
            self.view = self._bytes(memoryview(value), writable)
            self.rows = self.view.nbytes // self.width

    def _bytes(self, view: "memoryview[Any]", writable: bool) -> "memoryview[Any]":
        form = view.format.lstrip("@=<")
        fits = form in INTEGERS if self.kind in BITS else form == TYPECODES[self.kind]
        if len(form) != 1 or not fits or view.itemsize != self.width:
            raise TypeError(f"a column of {self.kind} has values of {self.width} bytes each; this buffer has the format {view.format!r}")
        if writable and (view.readonly or not view.c_contiguous):
            raise TypeError("results go into a buffer that can be written to and has no gaps")
        return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())

    @property
    def size(self) -> int:
        """Bytes of the call's own memory that it needs."""
        return 0 if self.view is None else self.view.nbytes

    def told(self, base: int) -> wasm_dyld_column_t:
        return wasm_dyld_column_t(self.address or base + self.offset, self.stride)


def call_rows(core: "Core", quick: "Quick", name: str, arguments: Sequence[Any], rows: Optional[int], out: Any) -> Any:
    """Calls a function for rows of arguments, and gives what its results went into."""
    type = quick.type
    if len(arguments) != len(type.params):
        raise TypeError(f"{name} takes {len(type.params)} columns, {len(arguments)} given")
    columns = [_column(name, index, kind, value) for index, (kind, value) in enumerate(zip(type.params, arguments))]
    told = {column.rows for column in columns if column.rows is not None}
    if rows is None:
        if len(told) != 1:
            raise ValueError(f"{name} needs columns of one length, or rows=: these have {sorted(told) or 'none'}")
        rows = told.pop()
    elif rows < 0 or any(known < rows for known in told):
        raise ValueError(f"{name} is to be called for {rows} rows; its columns have {sorted(told)}")
    kinds = type.results
    given = _outs(out, kinds, rows)
    results = [Column(kind, value, True) for kind, value in zip(kinds, given)]
    if any(result.rows is not None and result.rows < rows for result in results):
        raise ValueError(f"the results of {rows} rows do not fit into what they are to go into")
    _run(core, quick, columns, results, rows)
    return given[0] if len(given) == 1 else tuple(given) if given else None


def _column(name: str, index: int, kind: str, value: Any) -> Column:
    try:
        return Column(kind, value, False)
    except (TypeError, OverflowError) as error:
        raise error.__class__(f"column {index + 1} of {name}: {error}") from None


def _outs(out: Any, kinds: Tuple[str, ...], rows: int) -> List[Any]:
    if out is None:
        if any(WIDTHS[kind] * rows >= 1 << 32 for kind in kinds):
            raise ValueError(f"the results of {rows} rows do not fit into the guest's memory, through which they come: call it for fewer at a time")
        return [array.array(TYPECODES[kind], bytes(WIDTHS[kind] * rows)) for kind in kinds]
    given = list(out) if isinstance(out, tuple) else [out]
    if len(given) != len(kinds):
        raise TypeError(f"{len(kinds)} results go into as many buffers; {len(given)} were given")
    return given


def _run(core: "Core", quick: "Quick", columns: List[Column], results: List[Column], rows: int) -> None:
    total = 0
    for column in (*columns, *results):
        column.offset = total
        # Aligned, which costs the engine less.
        total += -(-column.size // 8) * 8
    base = core.malloc(total) if total else 0
    done = c_uint64()
    try:
        for column in columns:
            if column.view is not None and column.size:
                core.memory.write(base + column.offset, column.view)
        every = (*columns, *results)
        told = (wasm_dyld_column_t * len(every))(*(column.told(base) for column in every))
        try:
            core.state.call_prepared(dyld.wasm_dyld_func_call_rows, quick.handle, told, len(every), rows, byref(done))
        except Error as error:
            error.rows_done = done.value
            raise
        finally:
            for result in results:
                size = done.value * result.width
                if result.view is not None and size:
                    result.view[:size] = core.memory.read(base + result.offset, size)
    finally:
        if base:
            core.free(base)

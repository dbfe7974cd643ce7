"""A binding to SQLite as people write them on Python's own ctypes. test_ctypes_bindings.py runs it as it stands, and with the import changed."""

import ctypes.util
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_double, c_int, c_int64, c_void_p, cast, create_string_buffer, memmove, string_at
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

SQLITE_OK, SQLITE_ROW, SQLITE_DONE, SQLITE_UTF8 = 0, 100, 101, 1
SQLITE_TRANSIENT = c_void_p(-1)

lib = ctypes.CDLL(ctypes.util.find_library("sqlite3"))

exec_callback = CFUNCTYPE(c_int, c_void_p, c_int, POINTER(c_char_p), POINTER(c_char_p))
function_callback = CFUNCTYPE(None, c_void_p, c_int, POINTER(c_void_p))
final_callback = CFUNCTYPE(None, c_void_p)
collation_callback = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p, c_int, c_void_p)

# name: (result, arguments)
API: Dict[str, Tuple[Any, List[Any]]] = {
    "libversion": (c_char_p, []),
    "open": (c_int, [c_char_p, POINTER(c_void_p)]),
    "close": (c_int, [c_void_p]),
    "errmsg": (c_char_p, [c_void_p]),
    "exec": (c_int, [c_void_p, c_char_p, exec_callback, c_void_p, POINTER(c_char_p)]),
    "free": (None, [c_void_p]),
    "changes": (c_int, [c_void_p]),
    "last_insert_rowid": (c_int64, [c_void_p]),
    "prepare_v2": (c_int, [c_void_p, c_char_p, c_int, POINTER(c_void_p), POINTER(c_char_p)]),
    "finalize": (c_int, [c_void_p]),
    "reset": (c_int, [c_void_p]),
    "step": (c_int, [c_void_p]),
    "bind_parameter_count": (c_int, [c_void_p]),
    "bind_null": (c_int, [c_void_p, c_int]),
    "bind_int64": (c_int, [c_void_p, c_int, c_int64]),
    "bind_double": (c_int, [c_void_p, c_int, c_double]),
    "bind_text": (c_int, [c_void_p, c_int, c_char_p, c_int, c_void_p]),
    "bind_blob": (c_int, [c_void_p, c_int, c_void_p, c_int, c_void_p]),
    "column_count": (c_int, [c_void_p]),
    "column_name": (c_char_p, [c_void_p, c_int]),
    "column_type": (c_int, [c_void_p, c_int]),
    "column_int64": (c_int64, [c_void_p, c_int]),
    "column_double": (c_double, [c_void_p, c_int]),
    "column_text": (c_void_p, [c_void_p, c_int]),
    "column_blob": (c_void_p, [c_void_p, c_int]),
    "column_bytes": (c_int, [c_void_p, c_int]),
    "create_function": (c_int, [c_void_p, c_char_p, c_int, c_int, c_void_p, function_callback, function_callback, final_callback]),
    "create_collation": (c_int, [c_void_p, c_char_p, c_int, c_void_p, collation_callback]),
    "value_int64": (c_int64, [c_void_p]),
    "value_text": (c_char_p, [c_void_p]),
    "value_bytes": (c_int, [c_void_p]),
    "result_int64": (None, [c_void_p, c_int64]),
    "result_text": (None, [c_void_p, c_char_p, c_int, c_void_p]),
    "result_error": (None, [c_void_p, c_char_p, c_int]),
    "aggregate_context": (c_void_p, [c_void_p, c_int]),
    # The arguments of `...` come after these.
    "mprintf": (c_void_p, [c_char_p]),
}


class Functions:
    def __getattr__(self, name: str) -> Any:
        function = getattr(lib, "sqlite3_" + name)
        function.restype, function.argtypes = API[name]
        setattr(self, name, function)
        return function


api = Functions()


class Error(Exception):
    pass


class Database:
    def __init__(self, path: str) -> None:
        self.handle = c_void_p()
        self.callbacks: List[Any] = []
        self.check(api.open(path.encode(), byref(self.handle)))

    def check(self, code: int) -> int:
        if code not in (SQLITE_OK, SQLITE_ROW, SQLITE_DONE):
            raise Error(api.errmsg(self.handle).decode())
        return code

    def close(self) -> None:
        self.check(api.close(self.handle))

    def execute(self, sql: str, row: Optional[Callable[[Dict[str, Any]], int]] = None) -> None:
        """By sqlite3_exec, whose callback gets arrays of strings."""

        def each(data: Any, count: int, values: Any, names: Any) -> int:
            texts = [None if value is None else value.decode() for value in values[:count]]
            return 0 if row is None else row(dict(zip((name.decode() for name in names[:count]), texts)))

        message = c_char_p()
        callback = exec_callback(each)
        code = api.exec(self.handle, sql.encode(), callback, None, byref(message))
        if code != SQLITE_OK:
            text = (message.value or b"").decode()
            api.free(message)
            raise Error(text)

    def query(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Tuple[Any, ...]]:
        """By a prepared statement."""
        statement, tail = c_void_p(), c_char_p()
        text = sql.encode()
        self.check(api.prepare_v2(self.handle, text, len(text), byref(statement), byref(tail)))
        try:
            for index, value in enumerate(values, 1):
                self.bind(statement, index, value)
            while self.check(api.step(statement)) == SQLITE_ROW:
                yield tuple(column(statement, index) for index in range(api.column_count(statement)))
        finally:
            api.finalize(statement)

    def bind(self, statement: Any, index: int, value: Any) -> None:
        if value is None:
            code = api.bind_null(statement, index)
        elif isinstance(value, int):
            code = api.bind_int64(statement, index, value)
        elif isinstance(value, float):
            code = api.bind_double(statement, index, value)
        elif isinstance(value, str):
            data = value.encode()
            code = api.bind_text(statement, index, data, len(data), SQLITE_TRANSIENT)
        else:
            buffer = create_string_buffer(len(value))
            memmove(buffer, value, len(value))
            code = api.bind_blob(statement, index, buffer, len(value), SQLITE_TRANSIENT)
        self.check(code)

    def function(self, name: str, arity: int, call: Callable[..., Any]) -> None:
        def run(context: Any, count: int, values: Any) -> None:
            try:
                answer = call(*(api.value_text(values[index]) for index in range(count)))
            except Exception as error:
                text = str(error).encode()
                api.result_error(context, text, len(text))
                return
            if isinstance(answer, int):
                api.result_int64(context, answer)
            else:
                api.result_text(context, answer, len(answer), SQLITE_TRANSIENT)

        callback = function_callback(run)
        self.callbacks.append(callback)
        none, final = cast(0, function_callback), cast(0, final_callback)
        self.check(api.create_function(self.handle, name.encode(), arity, SQLITE_UTF8, None, callback, none, final))

    def aggregate(self, name: str) -> None:
        """A sum, whose state is in SQLite's own memory."""

        def state(context: Any) -> Any:
            return cast(api.aggregate_context(context, 8), POINTER(c_int64))

        def step(context: Any, count: int, values: Any) -> None:
            state(context).contents.value += api.value_int64(values[0])

        def final(context: Any) -> None:
            api.result_int64(context, state(context)[0])

        callbacks = function_callback(step), final_callback(final)
        self.callbacks.extend(callbacks)
        self.check(api.create_function(self.handle, name.encode(), 1, SQLITE_UTF8, None, cast(0, function_callback), *callbacks))

    def collation(self, name: str, compare: Callable[[bytes, bytes], int]) -> None:
        def run(data: Any, size: int, text: Any, other_size: int, other: Any) -> int:
            return compare(string_at(text, size), string_at(other, other_size))

        callback = collation_callback(run)
        self.callbacks.append(callback)
        self.check(api.create_collation(self.handle, name.encode(), SQLITE_UTF8, None, callback))


def column(statement: Any, index: int) -> Any:
    kind = api.column_type(statement, index)
    if kind == 1:
        return api.column_int64(statement, index)
    if kind == 2:
        return api.column_double(statement, index)
    if kind == 5:
        return None
    data = string_at((api.column_text if kind == 3 else api.column_blob)(statement, index), api.column_bytes(statement, index))
    return data.decode() if kind == 3 else data


def quoted(text: str, number: int, real: float, large: int) -> str:
    """By a function with `...`."""
    address = api.mprintf(b"%Q %d %.3f %lld", c_char_p(text.encode()), c_int(number), c_double(real), c_int64(large))
    try:
        return string_at(address).decode()
    finally:
        api.free(address)

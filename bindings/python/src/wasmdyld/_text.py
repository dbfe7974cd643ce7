"""Text for C, which takes a string to end at its first NUL: what holds one is refused, since C would see another text. Bytes for C, which have a length."""

import difflib
import os
from ctypes import c_char_p
from typing import Any, Iterable, Optional, Union

PathLike = Union[str, "os.PathLike[str]"]
Buffer = Union[bytes, bytearray, memoryview]


def c_path(value: PathLike, what: str) -> bytes:
    """A path, or a text of the system's; a byte that Python could not decode goes back to what it was."""
    return _whole(os.fsencode(value), value, what)


def c_name(value: str, what: str = "the name") -> bytes:
    """A name in UTF-8."""
    return _whole(value.encode(), value, what)


def c_bytes(data: Buffer) -> bytes:
    """Bytes of whatever holds some. TypeError for the rest, numbers among it, which bytes() would make so many zeros of."""
    if isinstance(data, bytes):
        return data
    with memoryview(data) as view:
        return view.tobytes()


def _whole(data: bytes, value: object, what: str) -> bytes:
    if b"\0" in data:
        raise ValueError(f"{what} holds a NUL: {value!r}")
    return data


def close(name: str, names: Iterable[str]) -> Optional[str]:
    """The name among these that may have been meant."""
    # Most names differ in length by more than a slip of the keyboard.
    few = [other for other in names if abs(len(other) - len(name)) <= 3]
    return next(iter(difflib.get_close_matches(name, few, 1, 0.75)), None)


class Text(c_char_p):
    """A string parameter of the C interface. What comes this far with a NUL was not made by the functions above."""

    @classmethod
    def from_param(cls, value: Any) -> Any:
        if isinstance(value, bytes) and b"\0" in value:
            raise ValueError("a string for C holds a NUL")
        return c_char_p.from_param(value)

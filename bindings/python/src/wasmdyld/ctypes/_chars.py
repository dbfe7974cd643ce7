"""Characters, and pointers that Python sees as strings or numbers."""

import operator
import sys
from typing import TYPE_CHECKING, Any, Callable, Optional, Tuple, Union

from .._convert import Addressed, Call, Number, is_buffer
from ._block import Block, Ref
from ._data import Byref, CType, Holder, fitted, unfit
from ._simple import _SimpleCData

if TYPE_CHECKING:
    from .._core import Core

WCHAR = 4


class c_char(_SimpleCData):
    """`char`: bytes of length 1."""

    _type_ = "c"
    _size_ = _align_ = 1

    def __init__(self, value: Any = b"\0") -> None:
        super().__init__(value)

    @classmethod
    def _pack(cls, value: Any) -> bytes:
        if isinstance(value, int) and 0 <= value < 256:
            return bytes([value])
        if isinstance(value, (bytes, bytearray)) and len(value) == 1:
            return bytes(value)
        raise TypeError("one character bytes, bytearray, or an integer in range(256) expected")

    @classmethod
    def _of_number(cls, number: Number, core: "Core") -> Any:
        return bytes([int(number) & 0xFF])

    def _argument(self, kind: str, call: Call) -> Number:
        # The guest's char is signed.
        return int.from_bytes(bytes(self), "little", signed=True)

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        return (), "B"


class c_wchar(_SimpleCData):
    """`wchar_t`, which has four bytes: a str of length 1."""

    _type_ = "u"
    _size_ = _align_ = WCHAR

    def __init__(self, value: Any = "\0") -> None:
        super().__init__(value)

    @classmethod
    def _pack(cls, value: Any) -> bytes:
        if not isinstance(value, str):
            raise TypeError(f"unicode string expected instead of {type(value).__name__} instance")
        if len(value) != 1:
            raise TypeError("one character unicode string expected")
        return value.encode("utf-32-le", "surrogatepass")

    @classmethod
    def _unpack(cls, data: bytes) -> Any:
        number = int.from_bytes(data, "little")
        if number > sys.maxunicode:
            raise ValueError(f"character U+{number:x} is not in range [U+0000; U+{sys.maxunicode:x}]")
        return chr(number)

    @classmethod
    def _of_number(cls, number: Number, core: "Core") -> Any:
        return cls._unpack((int(number) & 0xFFFFFFFF).to_bytes(WCHAR, "little"))

    def _argument(self, kind: str, call: Call) -> Number:
        return ord(self.value)

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        return (), "I"


class _Address(Holder, _SimpleCData):
    """A pointer that is one number to Python: `void *`, `char *`, `wchar_t *`."""


    @classmethod
    def _plain(cls, value: Any) -> Optional[Number]:
        return fitted(value, "i32") if isinstance(value, int) else None

    @classmethod
    def _result(cls, number: Number, core: "Core") -> Any:
        made = super()._result(number, core)
        return made.value if cls._is_own() else made

    def __bool__(self) -> bool:
        return self._block.target(self._offset) != 0

    def _shape(self) -> Tuple[Tuple[int, ...], str]:
        return (), "I"

    @classmethod
    def _taken(cls, value: Any, text: Tuple[type, ...]) -> Any:
        """What a pointer to characters or to anything may be made of, as an argument: None if it is none of that."""
        from ._array import Array
        from ._function import _CFuncPtr
        from ._pointer import _Pointer

        fits: Callable[[Any], bool] = lambda type: not text or (isinstance(type, CType) and issubclass(type, text))
        if value is None or isinstance(value, (int, cls)):
            return value
        if isinstance(value, (Array, _Pointer)) and fits(value._type_):
            return value
        if isinstance(value, Byref) and fits(type(value._obj)):
            return value
        if not text and isinstance(value, (_CFuncPtr, _Address)):
            return value
        if c_char in text or not text:
            if is_buffer(value):
                return value
        if (c_wchar in text or not text) and isinstance(value, str):
            return value
        if isinstance(value, Addressed):
            return value
        parameter = getattr(value, "_as_parameter_", None)
        return None if parameter is None else cls._taken(parameter, text)

    @classmethod
    def _from_param(cls, value: Any, text: Tuple[type, ...], wanted: str) -> Any:
        taken = cls._taken(value, text)
        if taken is None and value is not None:
            raise unfit(wanted, value)
        return taken


class c_void_p(_Address):
    """`void *`: an int, or None."""

    _type_ = "P"

    @classmethod
    def _load(cls, block: Block, offset: int) -> Any:
        return block.number(offset) or None

    @classmethod
    def _store(cls, block: Block, offset: int, value: Any) -> None:
        if value is not None and not hasattr(value, "__index__"):
            raise TypeError(f"cannot be converted to pointer: an address or None is wanted, not {type(value).__name__}; cast() makes pointers of objects")
        block.point(offset, 0 if value is None else operator.index(value))

    @classmethod
    def from_param(cls, value: Any) -> Any:
        return cls._from_param(value, (), "an address, bytes, a buffer, None, or a ctypes object that is a pointer or an array")


class c_char_p(_Address):
    """`char *`: the bytes up to the first NUL, or None."""

    _type_ = "z"

    @classmethod
    def _load(cls, block: Block, offset: int) -> Any:
        return string_to(block, offset, False)

    @classmethod
    def _store(cls, block: Block, offset: int, value: Any) -> None:
        if isinstance(value, bytes):
            text = Block(len(value) + 1, bytearray(value + b"\0"))
            block.point(offset, Ref(text), value)
        elif value is None or isinstance(value, int):
            block.point(offset, value or 0)
        else:
            raise TypeError(f"bytes or integer address expected instead of {type(value).__name__} instance{encode(value)}")

    @classmethod
    def from_param(cls, value: Any) -> Any:
        return cls._from_param(value, (c_char,), f"bytes, a buffer, None or an address{encode(value)}")


class c_wchar_p(_Address):
    """`wchar_t *`: the str up to the first NUL, or None."""

    _type_ = "Z"

    @classmethod
    def _load(cls, block: Block, offset: int) -> Any:
        return string_to(block, offset, True)

    @classmethod
    def _store(cls, block: Block, offset: int, value: Any) -> None:
        if isinstance(value, str):
            data = bytearray((value + "\0").encode("utf-32-le", "surrogatepass"))
            block.point(offset, Ref(Block(len(data), data)), value)
        elif value is None or isinstance(value, int):
            block.point(offset, value or 0)
        else:
            raise TypeError(f"unicode string or integer address expected instead of {type(value).__name__} instance")

    @classmethod
    def from_param(cls, value: Any) -> Any:
        return cls._from_param(value, (c_wchar,), "str, None or an address")


def encode(value: object) -> str:
    return " (encode() makes bytes of a str)" if isinstance(value, str) else ""


def string_to(block: Block, offset: int, wide: bool) -> Union[bytes, str, None]:
    """The string that the pointer at an offset leads to."""
    to = block.target(offset)
    if to == 0:
        return None
    if isinstance(to, Ref) and to.block.address is None:
        return string_in(to.block.read(to.offset, max(to.block.size - to.offset, 0)), wide)
    core = block.home()
    address = to if isinstance(to, int) else to.attach(core)
    return wide_string(core, address) if wide else core.memory.cstring(address)


def string_in(data: bytes, wide: bool) -> Union[bytes, str]:
    """The string at the beginning of some bytes."""
    if not wide:
        return data.partition(b"\0")[0]
    end = next((at for at in range(0, len(data) - WCHAR + 1, WCHAR) if data[at : at + WCHAR] == bytes(WCHAR)), len(data))
    return data[:end].decode("utf-32-le", "surrogatepass")


def wide_string(core: "Core", address: int, size: int = -1) -> str:
    """The wide string at an address: up to the NUL, or of so many characters."""
    memory, found, step = core.memory, b"", 256
    if size >= 0:
        return memory.read(address, WCHAR * size).decode("utf-32-le", "surrogatepass")
    while True:
        at = address + len(found)
        part = memory.read(at, max(min(step, (len(memory) - at) // WCHAR * WCHAR), WCHAR))
        text = string_in(part, True)
        found += part
        if len(text) * WCHAR < len(part):
            return string_in(found, True)  # type: ignore[return-value]
        step *= 4

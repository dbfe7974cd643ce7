"""The namespace that ctypes works in where none is named: what `CDLL("libz.so")` loads into, and where an address is that is only a number."""

from typing import TYPE_CHECKING, Optional

from .._errors import InvalidArgument
from .._namespace import Namespace

if TYPE_CHECKING:
    from .._core import Core


_current: Optional[Namespace] = None


def use(namespace: Optional[Namespace]) -> Optional[Namespace]:
    """Says which namespace `CDLL`, `string_at`, `from_address` and the like work in; gives the one before. None: none any more."""
    global _current
    before, _current = _current, namespace
    return before


def namespace() -> Namespace:
    """The namespace in use. If `use` named none, or it is closed, it is made with what the variables WASMDYLD_... say, such as
    WASMDYLD_LIBRARY_PATH."""
    global _current
    if _current is None or _current.closed:
        _current = Namespace(read_env=True)
    return _current


def core_in_use() -> "Core":
    """What an address without a namespace of its own is an address in."""
    if _current is None:
        raise InvalidArgument("there is no namespace for addresses yet: load a library with CDLL, or name a namespace with wasmdyld.ctypes.use(ns)")
    return _current._core


def known_core() -> Optional["Core"]:
    """The same, if there is one that can be used."""
    return None if _current is None or _current.closed else _current._core

"""What is said of a name that does not exist."""

from typing import Any, Iterable

from .._text import close


def unknown(object: Any, name: str, names: Iterable[str]) -> AttributeError:
    """An AttributeError that says which name may have been meant."""
    near = close(name, names)
    return AttributeError(f"{type(object).__name__!r} object has no attribute {name!r}{f'; did you mean {near}?' if near else ''}")

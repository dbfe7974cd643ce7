"""What is said of a name that does not exist."""

import difflib
from typing import Any, Iterable


def unknown(object: Any, name: str, names: Iterable[str]) -> AttributeError:
    """An AttributeError that says which name may have been meant."""
    near = difflib.get_close_matches(name, list(names), 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return AttributeError(f"{type(object).__name__!r} object has no attribute {name!r}{meant}")

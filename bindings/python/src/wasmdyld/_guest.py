"""Libraries for guests that come with the package: libc.so, libc++.so and their like. They are searched last, as /usr/lib is."""

from pathlib import Path
from typing import Tuple

from ._errors import NotFound

# The place that the command in the package finds by itself.
BUNDLED = Path(__file__).with_name("share") / "wasmdyld" / "lib"


def bundled() -> Tuple[str, ...]:
    """The folder, if there is one."""
    return (str(BUNDLED),) if (BUNDLED / "libc.so").is_file() else ()


def guest_library_path() -> str:
    """The folder with the guests' own libraries (libc.so, libc++.so), which the package brings along: namespaces search it last."""
    for folder in bundled():
        return folder
    raise NotFound(f"wasmdyld was installed without libraries for guests ({BUNDLED}); wasmdyld-cc --print-lib-dir tells of others")

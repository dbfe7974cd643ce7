"""Libraries for guests that come with the package: libc.so, libc++.so and their like. They are searched last, as /usr/lib is."""

from pathlib import Path

from ._errors import NotFound

# The place that the command in the package finds by itself.
BUNDLED = Path(__file__).with_name("share") / "wasmdyld" / "lib"


def guest_library_path() -> str:
    """The folder with the guests' own libraries (libc.so, libc++.so), which the package brings along: namespaces search it last."""
    if not (BUNDLED / "libc.so").is_file():
        raise NotFound(f"wasmdyld was installed without libraries for guests ({BUNDLED}); wasmdyld-cc --print-lib-dir tells of others")
    return str(BUNDLED)

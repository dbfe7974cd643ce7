"""ctypes.util, for the guest's libraries."""

import os
from typing import Optional

from ._space import namespace


def find_library(name: str) -> Optional[str]:
    """The file name of a library by what -l of a linker is given: "z" is libz.so, if the namespace in use has it in its library paths."""
    file = f"lib{name}.so"
    return file if any(os.path.isfile(os.path.join(folder, file)) for folder in namespace().library_paths) else None

"""ctypes.util, for the guest's libraries."""

import os
from typing import Optional

from ._space import namespace


def find_library(name: str) -> Optional[str]:
    """The file name of a library by what -l of a linker is given: "z" is libz.so, if the namespace in use has it in a folder that it searches."""
    file = f"lib{name}.so"
    ns = namespace()
    folders = [*ns.library_paths, *ns._state.default_paths]
    return file if any(os.path.isfile(os.path.join(folder, file)) for folder in folders) else None

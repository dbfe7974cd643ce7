"""The build backend: that of setuptools, which also asks for a cmake where the library is to be built and the machine has none."""

import os
import shutil

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F401,F403


def needed():
    """The build of the engine inside wants a cmake. A source distribution does not, nor does a library that is there."""
    return [] if os.environ.get("WASMDYLD_LIBRARY") or shutil.which("cmake") else ["cmake>=3.20"]


def get_requires_for_build_wheel(config_settings=None):
    return [*build_meta.get_requires_for_build_wheel(config_settings), *needed()]


def get_requires_for_build_editable(config_settings=None):
    return [*build_meta.get_requires_for_build_editable(config_settings), *needed()]

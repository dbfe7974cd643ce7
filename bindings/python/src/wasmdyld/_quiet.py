"""Callbacks in which the namespace stands still: what WASI asks the host for."""

import errno
from typing import Callable

from ._state import Callee

BY_CLASS = {
    FileNotFoundError: errno.ENOENT,
    FileExistsError: errno.EEXIST,
    PermissionError: errno.EACCES,
    IsADirectoryError: errno.EISDIR,
    NotADirectoryError: errno.ENOTDIR,
    BlockingIOError: errno.EAGAIN,
    InterruptedError: errno.EINTR,
    BrokenPipeError: errno.EPIPE,
    TimeoutError: errno.ETIMEDOUT,
}
"""What those mean that were raised without a number."""


def errno_of(error: OSError) -> int:
    """A positive number, EIO if it has none."""
    number = error.errno
    if number is None:
        number = next((number for kind, number in BY_CLASS.items() if isinstance(error, kind)), errno.EIO)
    return number if isinstance(number, int) and 0 < number < 1 << 31 else errno.EIO


class Quiet(Callee):
    """A callback that must not use the namespace, and whose exceptions cannot stop the guest."""

    def guarded(self, failed: int, function: Callable[[], int]) -> int:
        used = self.in_use()
        for one in used:
            one.in_callback_of_io += 1
        try:
            return function()
        except OSError as error:
            return failed * errno_of(error)
        except BaseException as error:
            self.defer(error)
            return failed * errno.EIO
        finally:
            for one in used:
                one.in_callback_of_io -= 1


def number_of(value: object, what: str, bits: int = 64) -> int:
    """A number without a sign that C takes whole."""
    # A truth value is one by mistake.
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is a number, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise OverflowError(f"{what} is {value}, which is no number of {bits} bits without a sign")
    return value


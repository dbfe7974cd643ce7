"""Functions that C calls. Nothing that is raised leaves them: what ctypes would give to C then is no answer of ours.

A handler of a signal may raise where any Python code begins or goes on, and while a guest runs signals are waiting to be handled in the
next Python code there is: such a function. So it handles none before it is inside of its `try`.
"""

import opcode
from types import CodeType
from typing import Any, Callable, Optional

from ._state import callee


def entry(answer: Optional[int]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function one for C to call, with the number of a Callee first. What it raises goes on where Python called the guest, and C
    gets `answer`; with None it is a function of a guest's, which traps."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except BaseException as error:
                return failed(arguments[0], error, answer)

        called.__code__ = unchecked(called.__code__)
        return called

    return wrap


def failed(number: Optional[int], error: BaseException, answer: Optional[int]) -> Optional[int]:
    about = callee(number)
    if about is None:
        return answer
    if answer is None:
        trap: Optional[int] = about.state.trap(error)
        return trap
    about.defer(error)
    return answer


def unchecked(code: CodeType) -> CodeType:
    """The code, which does not look for signals where it begins. Since Python 3.11 there is an instruction for that, RESUME, whose operand
    tells where it stands; behind an `await` it does not look. Before 3.11 no code looks where it begins with a `try`."""
    resume = opcode.opmap.get("RESUME")
    raw = bytearray(code.co_code)
    for at in range(0, len(raw), 2):
        if raw[at] == resume:
            raw[at + 1] |= 3
            return code.replace(co_code=bytes(raw))
    return code

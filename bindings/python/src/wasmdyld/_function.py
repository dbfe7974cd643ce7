"""Functions of guests."""

from struct import error as StructError
from threading import get_ident
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple

from ._callbacks import Prototype
from ._convert import DEFAULTS, F32, F64, I32, I64, Addressed, Anything, Call, Converter, Float, Int, converter, converters, results_of
from ._errors import Closed, Error, InvalidArgument
from ._quick import Quick
from ._rows import call_rows
from ._turns import in_turn, refused
from ._types import FuncType, of_function

if TYPE_CHECKING:
    from ._core import Core


class _Unset:
    def __repr__(self) -> str:
        return "the module's own"


UNSET = _Unset()

# What these give of a number is the number.
AS_IS: Tuple[Converter, ...] = (*DEFAULTS.values(), I32, I64, F32, F64)


class Function(Addressed):
    """A function of a guest: call it.

    What it takes and gives comes from the module: ints, floats; several results are a tuple. Where the guest wants a pointer,
    None is NULL, a str or bytes is copied into the guest's memory for the time of the call, with a NUL at its end, and a bytearray
    is copied in and back out. `timeout` is how many seconds it may take. `argtypes` and `restype` say more, as those of ctypes do.
    """

    def __init__(
        self,
        core: "Core",
        name: str,
        place: str,
        resolve: Callable[[], int],
        slot: Callable[[], int],
        last: Tuple[int, ...] = (),
    ) -> None:
        self._core = core
        self._state = core.state
        self.__name__ = name
        self._place = place
        self._resolve = resolve
        self._slot = slot
        self._last = last
        self._pointer = 0
        self._type = FuncType()
        self._quick: Optional[Quick] = None
        self._seen = -1
        self._plain = self._as_is = False
        self._argtypes: Optional[Tuple[Converter, ...]] = None
        self._restype: Any = UNSET
        self._results: Optional[Tuple[Converter, ...]] = None
        self.errcheck: Optional[Callable[[Any, "Function", Tuple[Any, ...]], Any]] = None
        """Gets the result, the function and the arguments of each call; what it returns is what the call gives."""

    @property
    def name(self) -> str:
        return self.__name__

    @property
    def type(self) -> FuncType:
        """Its type, from the module."""
        self._refresh()
        return self._type

    @property
    def slot(self) -> int:
        """Its table slot, which is what the guest knows as its address; it is given one now if it has none."""
        return self._slot()

    _as_parameter_ = slot

    @in_turn
    def _refresh(self) -> int:
        # Asked anew each time: the object may have been unloaded, by the guest as well, and another one loaded.
        pointer = self._resolve()
        if pointer != self._pointer:
            whole = of_function(self._core.state, pointer)
            self._type = FuncType(whole.params[: len(whole.params) - len(self._last)], whole.results)
            self._pointer = pointer
        return pointer

    @property
    def argtypes(self) -> Optional[Sequence[Any]]:
        """C types of the arguments: a sequence of c_int, str, CFUNCTYPE(...) and the like. None: by the module alone."""
        return self._argtypes

    @argtypes.setter
    def argtypes(self, types: Optional[Sequence[Any]]) -> None:
        given = None if types is None else converters(types)
        if given is not None:
            self._fits("argtypes", [c.kind for c in given], self.type.params)
        self._argtypes = given
        self._settle()

    @property
    def restype(self) -> Any:
        """The C type of the result: c_uint, str, CFUNCTYPE(...) and the like; None throws it away; a tuple for several results; or a
        function that gets the int or float and gives what the call is to give."""
        return self._restype

    @restype.setter
    def restype(self, type: Any) -> None:
        if type is UNSET or _is_plain_callable(type):
            results = None
        else:
            results = results_of(type)
            if results:
                self._fits("restype", [c.kind for c in results], self.type.results)
        self._restype, self._results = type, results
        self._settle()

    def _fits(self, what: str, given: Sequence[str], wanted: Sequence[str]) -> None:
        if list(given) != list(wanted):
            raise TypeError(f"{what} of {self}: ({', '.join(given)}) does not fit")

    def __call__(self, *arguments: Any, timeout: Optional[float] = None) -> Any:
        __tracebackhide__ = True
        # As in_turn, without the price of one more function.
        state = self._state
        me = get_ident()
        mine = state.thread == me
        if not mine:
            try:
                del state.turn[0]
            except KeyError:
                raise refused(state) from None
            state.thread = me
        try:
            if state.last != me:
                state.move(me)
            if timeout is not None:
                with state.within(timeout):
                    return self(*arguments)
            quick = self._quick
            if quick is not None and self._plain and self._seen == state.changes:
                try:
                    quick.pack(quick.cells, 0, *arguments, *self._last)
                except (StructError, TypeError, OverflowError):
                    pass  # What is no such number is looked at one by one.
                else:
                    answers = quick.run()
                    if answers is not None:
                        result = (answers[0] if len(answers) == 1 else answers or None) if self._as_is else self._result(answers)
                        return result if self.errcheck is None else self.errcheck(result, self, arguments)
            return self._call(arguments)
        finally:
            if not mine:
                state.thread = 0
                state.turn[0] = None

    @in_turn
    def rows(self, *columns: Any, rows: Optional[int] = None, out: Any = None) -> Any:
        """Calls it once for each row of arguments, crossing into the guest once: `add.rows(array("i", [1, 2]), array("i", [3, 4]))`.

        A column is a buffer of numbers as wide as the parameter (array, memoryview, numpy), an Allocation, which is used where it is, or one
        number for all rows. How many rows there are is told by the columns, or by `rows`. The results come as an array, several as a tuple of
        arrays; with `out`, a buffer or an Allocation or a tuple of those, they go there, and that is given back.

        If the function traps, the error's `rows_done` says for how many rows it had returned; their results are in `out`.
        """
        for _ in range(2):
            quick = self._prepared()
            if self._last:
                raise TypeError(f"{self} is called by its pointer: look it up by its name to call it for rows")
            try:
                return call_rows(self._core, quick, str(self), columns, rows, out)
            except InvalidArgument:
                # It may have been unloaded by a guest.
                if self._resolve() == quick.pointer:
                    raise
                self._quick = None
        raise AssertionError("not reached")

    def _prepared(self) -> Quick:
        """The function, looked up anew and prepared."""
        pointer = self._refresh()
        type = self._type
        if not type.plain:
            raise TypeError(f"{self} cannot be called from Python, which has nothing for all of these types")
        state = self._core.state
        quick = self._quick
        if quick is None or quick.pointer != pointer:
            whole = FuncType((*type.params, *("i32" for _ in self._last)), type.results)
            quick = self._quick = Quick(state, pointer, whole)
        self._seen = state.changes
        self._settle()
        return quick

    def _settle(self) -> None:
        """Whether arguments and results are plain numbers, for which nothing is done but what `struct` does."""
        given = self._argtypes or ()
        self._plain = all(isinstance(kind, (Int, Float, Anything)) for kind in given)
        results = self._results
        self._as_is = (results is None or all(result in AS_IS for result in results) and results != ()) and not _is_plain_callable(self._restype)

    def _call(self, arguments: Tuple[Any, ...]) -> Any:
        __tracebackhide__ = True
        core = self._core
        quick = self._prepared()
        type = self._type
        if len(arguments) != len(type.params):
            plural = "" if len(type.params) == 1 else "s"
            raise TypeError(f"{self} takes {len(type.params)} argument{plural}, {len(arguments)} given")
        with Call(core) as call:
            result = self._result(self._answers(quick, self._numbers(arguments, call)))
        return result if self.errcheck is None else self.errcheck(result, self, arguments)

    @in_turn
    def _plain_answers(self, arguments: Sequence[Any]) -> Optional[Sequence[Any]]:
        """What it gives for plain numbers. None: it is not prepared, or these are none, and it was not called."""
        quick = self._quick
        if quick is None or self._seen != self._state.changes:
            return None
        try:
            quick.pack(quick.cells, 0, *arguments, *self._last)
        except (StructError, TypeError, OverflowError):
            return None
        return quick.run()

    @in_turn
    def _in_turn(self, work: Callable[[], Any]) -> Any:
        """What converts arguments, calls the function and converts its result, while no other thread uses the namespace."""
        return work()

    def _answers(self, quick: Quick, numbers: Sequence[Any]) -> Sequence[Any]:
        """Calls it, as it was prepared, with numbers."""
        numbers = [*numbers, *self._last]
        answers = quick.call(numbers)
        if answers is None:
            # The object went while its arguments were made, or the address is another function's.
            self._quick = None
            answers = self._prepared().call(numbers)
        if answers is None:
            raise Closed(f"{self} was unloaded")
        return answers

    def _numbers(self, arguments: Sequence[Any], call: Call) -> List[Any]:
        given = self._argtypes or tuple(DEFAULTS[kind] for kind in self._type.params)
        numbers = []
        for index, (kind, argument) in enumerate(zip(given, arguments)):
            try:
                numbers.append(kind.to_guest(argument, call))
            except (TypeError, OverflowError) as error:
                # Only what is exactly one of these: an exception of a callback may be a kind of them.
                if error.__class__ in (TypeError, OverflowError):
                    raise error.__class__(f"argument {index + 1} of {self}: {error}") from None
                raise
        return numbers

    def _result(self, answers: Sequence[Any]) -> Any:
        core = self._core
        results = self._results
        if results == ():
            return None
        if results is None:
            results = tuple(DEFAULTS[kind] for kind in self._type.results)
        values = tuple(result.from_guest(answer, core) for result, answer in zip(results, answers))
        value = values[0] if len(values) == 1 else values if values else None
        return self._restype(value) if _is_plain_callable(self._restype) else value

    def __str__(self) -> str:
        try:
            return f"{self.__name__}{self.type}"
        except Error:  # It is gone.
            return self.__name__

    def __repr__(self) -> str:
        return f"<wasmdyld function {self} of {self._place}>"


def _is_plain_callable(type: Any) -> bool:
    """Whether a restype is a function to apply to the result, and no C type."""
    if type is UNSET or type is None or not callable(type) or isinstance(type, Converter):
        return False
    try:
        converter(type)
        return False
    except TypeError:
        return True


def pointer_function(core: "Core", slot: int, type: Prototype) -> Function:
    """A function of the guest by its pointer."""
    made = Function(core, f"function {slot}", "a pointer", lambda: core.thunks.caller(type.type), lambda: slot, (slot,))
    made.argtypes = type.params
    made.restype = type.results
    return made

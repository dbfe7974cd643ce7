"""A namespace in the place of another, in a store of its own."""

from ctypes import byref, c_void_p
from typing import TYPE_CHECKING, Any, Callable, List, Optional

from . import _ffi
from ._callbacks import MODULE, NAME, HostFunction, adapted
from ._core import Core
from ._entry import entry
from ._library import dyld
from ._signals import watch
from ._state import Callee, Carried, State, callee
from ._store import Global
from ._text import c_name

if TYPE_CHECKING:
    from ._namespace import Namespace

Prepare = Optional[Callable[["Namespace"], Any]]


class Preparation(Callee):
    """What C calls when there is a new namespace, and nothing in it yet."""

    def __init__(self, state: State, prepare: Callable[[int], None]) -> None:
        super().__init__(state)
        self.prepare = prepare

    def enter(self, handle: int) -> Optional[int]:
        try:
            self.prepare(handle)
        except BaseException as error:
            self.state.defer(error)
            return dyld.wasm_dyld_error_new(b"preparing the namespace in Python")
        return None


@entry(0)
def enter(env: Optional[int], handle: int) -> Optional[int]:
    preparation: Optional[Preparation] = callee(env)
    return None if preparation is None else preparation.enter(handle)


prepare_callback = _ffi.wasm_dyld_prepare_callback_t(enter)


def renew(old: "Namespace", prepare: Prepare) -> "Namespace":
    """See Namespace.renew. The turn is the old one's."""
    before = old._core.state
    before.check()
    state = State(before.handles.engine)
    made = old.__class__.__new__(old.__class__)
    made.__dict__.update(old.__dict__)
    made._state, made._core = state, Core(state)
    state.take_settings(before)

    def begin(handle: int) -> None:
        state.handles.namespace = c_void_p(handle)
        carry_over(old._core, made._core)
        if made._wasi is not None:
            made._wasi._apply(state)
        if prepare is not None:
            prepare(made)

    # This thread's, so that what is called meanwhile knows whose it is.
    del state.turn[0]
    state.thread = before.thread
    try:
        run(before, state, begin)
    except BaseException:
        # What looks at its memory keeps the store, which goes with the last view.
        if not len(state.views):
            state.close()
        raise
    finally:
        state.thread = 0
        state.turn[0] = None
    return made


def run(before: State, state: State, begin: Callable[[int], None]) -> None:
    for carried in [carried for carried in before.callees if isinstance(carried, Carried)]:
        carried.join(state)
    preparation = Preparation(state, begin)
    handle, error = c_void_p(), c_void_p()
    running: List[State] = [before, state]
    for one in running:
        one.handles.running += 1
    try:
        arguments = (state.handles.store, prepare_callback, preparation.number, byref(handle), byref(error))
        code = dyld.wasm_dyld_renew(before.handles.namespace, *arguments)
    finally:
        for one in running:
            one.handles.running -= 1
        # It refers to the old one.
        state.callees.remove(preparation)
    state.take_exception(before)
    state.finish(code, error)


def carry_over(old: Core, new: Core) -> None:
    """Gives the new namespace what is of the old one's store, and what C would call the old one's Python for."""
    if old.state.handles.watcher is not None:
        watch(new.state)
    for (module, name), (function, type, overriding) in old.definitions.items():
        HostFunction(new, type.type, adapted(new, function, type)).define(c_name(module), c_name(name), overriding)
    new.definitions = dict(old.definitions)
    if old.pools:
        # Function pointers are the old one's. Nothing imports this before it is a function again, and C would miss it.
        nothing = Global(new.state, "i32", 0, False)
        new.state.call(dyld.wasm_dyld_define, c_name(MODULE), c_name(NAME), new.state.api.wasm_global_as_extern(nothing.handle), 0)
        nothing.close()

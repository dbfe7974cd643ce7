"""Namespaces."""

import operator
import os
from ctypes import byref, c_char_p, c_int32, c_uint64, c_void_p
from typing import Any, Callable, Iterable, List, Mapping, NamedTuple, Optional, TypeVar, Union

from . import _ffi
from ._callbacks import Callback, Definition, HostFunction, Prototype, adapted, override_flag, prototype
from ._config import Trace, new_config
from ._core import Core
from ._engine import Engine, EngineHandle, engine_of
from ._enums import Bind, Code, Control, Flags, Limit, Plt, RuntimePath, SymbolKind
from ._errors import Busy, NotFound, Unsupported, check
from ._function import Function, pointer_function
from ._library import dyld
from ._memory import Allocation, Memory, measured
from ._objects import Library, Object, Symbol
from ._signals import watch
from ._snapshot import Snapshot
from ._state import State
from ._store import Global, Module, byte_vector
from ._text import Buffer, PathLike, c_bytes, c_name, c_path
from ._turns import in_turn
from ._types import FuncType
from ._wasi import OpenCallback, Wasi

Type = Union[Prototype, FuncType, str, None]
T = TypeVar("T")


NO_BUDGET = (1 << 64) - 1
NO_BOUND = (1 << 64) - 1


class Address(NamedTuple):
    """What an address or slot belongs to."""

    object: Object
    symbol: Optional[str]
    """The function in the slot, or the nearest datum at or below the address."""
    value: Optional[int]
    """The symbol's own address or slot."""


class Namespace:
    """A memory, a function table, and the objects that are linked in them: like a process for shared libraries.

    `library_paths` are folders with libraries, `default_paths` those that are searched last, after what libraries say themselves: by default the
    folder of the package with libc.so and its like (guest_library_path), with () none. `preload` libraries that come before all others. `wasi` is what guests get of the
    machine: by default nothing, though the functions are there; with False not even these. `engine` is an Engine, or the path of an
    engine library; by default the bundled engine. `open` is asked first for every library, by its name and by who needs it: it
    gives the bytes, or (bytes, identity), where libraries of the same identity are the same, or None for the search to go on.
    `trace` is categories of debug output ("libs,bindings", "all"), which goes to standard error, or (categories, function).
    `control` says whether guests can be stopped, by Ctrl-C for instance: on the bundled engine they can unless it is Control.NONE, on
    others if it is Control.INTERRUPT, or if there is a `timeout` or a `budget`: see these properties.
    `read_env` takes over what the variables WASMDYLD_... say. The other options are those of the C interface.

    A namespace may move between threads, and one thread uses it at a time: another one that comes meanwhile gets WrongThread. `with` closes it.
    """

    def __init__(
        self,
        *,
        library_paths: Iterable[PathLike] = (),
        default_paths: Optional[Iterable[PathLike]] = None,
        preload: Iterable[PathLike] = (),
        wasi: Union[Wasi, bool, None] = None,
        engine: Union[Engine, PathLike, None] = None,
        open: Optional[OpenCallback] = None,
        trace: Optional[Trace] = None,
        stack_size: Optional[int] = None,
        bind: Optional[Bind] = None,
        plt: Optional[Plt] = None,
        runtime_path: Optional[RuntimePath] = None,
        limits: Optional[Mapping[Limit, int]] = None,
        guest_dlopen: bool = True,
        guest_paths: bool = False,
        launch_closure: bool = True,
        snapshots: bool = False,
        read_env: bool = False,
        control: Optional[Control] = None,
        timeout: Optional[float] = None,
        budget: Optional[int] = None,
    ) -> None:
        handle = engine_of(engine)
        if control is None:
            control = default_control(handle, timeout, budget)
        self._wasi = None if wasi is False else wasi if isinstance(wasi, Wasi) else Wasi()
        self._state = state = State(handle)
        try:
            options = (library_paths, default_paths, preload, stack_size, bind, plt, runtime_path, limits, guest_dlopen, guest_paths)
            config = new_config(state, handle, *options, launch_closure, snapshots, open, trace, read_env, control)
            # Takes the configuration.
            check(dyld.wasm_dyld_new, state.handles.store, config, byref(state.handles.namespace))
            if control is not Control.NONE:
                watch(state)
            if timeout is not None:
                state.timeout = timeout
            if self._wasi is not None:
                self._wasi._apply(state)
        except BaseException:
            state.close()
            raise
        self._core = Core(state)
        if budget is not None:
            self.budget = budget

    # Loading

    @in_turn
    def load(self, name: PathLike, flags: int = 0, *, timeout: Optional[float] = None) -> Library:
        """Loads a library with all that it needs and runs the constructors, or gives the one that is loaded already.

        A name with a slash is a path, one without is searched. `flags` are RTLD_NOW, RTLD_GLOBAL and so on. With RTLD_NOLOAD, a
        library that is not loaded is not found. `timeout` is how many seconds it may take, constructors included.
        """
        handle = c_void_p()
        with self._state.within(timeout):
            self._state.call(dyld.wasm_dyld_load, c_path(name, "the name"), int(flags), byref(handle))
        return self._library(handle, os.fspath(name))

    @in_turn
    def load_bytes(self, name: str, data: Buffer, flags: int = 0, *, module: Optional[Module] = None, timeout: Optional[float] = None) -> Library:
        """Loads a library from its bytes. It is found under `name`, a file name, when others need it.

        `module` is what the engine has compiled of just these bytes before: see compile and deserialize.
        """
        handle, data = c_void_p(), c_bytes(data)
        with self._state.within(timeout):
            if module is None:
                self._state.call(dyld.wasm_dyld_load_bytes, c_name(name), data, len(data), int(flags), byref(handle))
            else:
                # Takes the module, also on failure.
                arguments = (c_name(name), module.take(), data, len(data), int(flags), byref(handle))
                self._state.call(dyld.wasm_dyld_load_compiled, *arguments)
        return self._library(handle, name)

    def _library(self, handle: c_void_p, name: str) -> Library:
        if not handle.value:
            raise NotFound(f"{name} is not loaded")
        return Library(self._core, handle.value)

    @in_turn
    def run(self, program: Optional[PathLike] = None, *, timeout: Optional[float] = None) -> int:
        """Runs a program and gives its exit code: the program at this path, or the one that was loaded with Flags.PROGRAM. `timeout` is
        how many seconds it may run, and as many to load it."""
        if program is not None:
            self.load(program, Flags.PROGRAM, timeout=timeout)
        code = c_int32()
        with self._state.within(timeout):
            self._state.call(dyld.wasm_dyld_run, byref(code))
        return code.value

    def finish(self) -> None:
        """Ends the guest as its `exit` does: runs exit handlers and flushes its stdio. For namespaces without a program."""
        self._state.call(dyld.wasm_dyld_finish)

    # Snapshots

    @in_turn
    def snapshot(self, *, open_files: bool = False) -> Snapshot:
        """Takes the state of the namespace, which was made with snapshots=True: memory, table, globals, objects, exit handlers.

        No guest code may be running. What the host holds is not in it: files of WASI, streams, budgets and time-outs. Where the guest has files open, that is an error which
        names them, unless `open_files` says that the snapshot does without: the same namespace keeps those open that are not closed since, and elsewhere the guest gets EBADF.
        """
        handle = c_void_p()
        self._state.call(dyld.wasm_dyld_snapshot, _ffi.WASM_DYLD_SNAPSHOT_OPEN_FILES if open_files else 0, byref(handle))
        return Snapshot(handle)

    @in_turn
    def restore(self, snapshot: Snapshot) -> None:
        """Puts the namespace into the state of a snapshot, also after a trap. No guest code runs.

        It is the namespace that the snapshot was taken of, from which goes what was loaded since, while libraries and functions of before stay good; or a new one, made with snapshots=True, in which the
        host has defined what the objects use of it. `load` with RTLD_NOLOAD gives the libraries there.
        """
        self._state.call(dyld.wasm_dyld_restore, snapshot.handle)

    # Stopping guests

    def interrupt(self) -> None:
        """Stops what runs in the namespace: it raises Interrupted, soon. Nothing happens if nothing runs. Any thread may call it."""
        # The handle of a namespace that is gone is refused, and is not used for another one.
        code = dyld.wasm_dyld_interrupt(self._state.handles.namespace)
        if code == Code.UNSUPPORTED:
            raise Unsupported("the namespace cannot stop its guests: make it with control=Control.INTERRUPT")

    async def to_thread(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Calls a function of the guest's, or any other, in a thread, as asyncio.to_thread does, and stops the guest if the task is cancelled.

        Where that is (asyncio.timeout, Ctrl-C in asyncio.run), asyncio.to_thread would leave a guest behind that runs on. The task ends when the thread
        has done with the namespace, which is good for further use then.
        """
        from ._tasks import in_thread

        return await in_thread(self, function, *arguments, **named)

    @property
    def timeout(self) -> Optional[float]:
        """How many seconds each load, run or call may take; what takes longer raises TimedOut. None: as long as it likes.

        Calls inside of another one, by Python functions that the guest calls, share the time of that one.
        """
        return self._state.timeout

    @timeout.setter
    def timeout(self, seconds: Optional[float]) -> None:
        self._state.timeout = seconds

    @property
    def budget(self) -> Optional[int]:
        """What the guests have left for all that follows, in units: a loop that goes round once is one, and so are most calls.
        It is the same number on every engine, every time. What is beyond it raises OutOfBudget. None: as many as they like.

        It takes Control.BUDGET, which a namespace has that is made with a budget.
        """
        left = c_uint64()
        self._state.call(dyld.wasm_dyld_budget_left, byref(left))
        return None if left.value == NO_BUDGET else left.value

    @budget.setter
    def budget(self, units: Optional[int]) -> None:
        if units is None:
            number = NO_BUDGET
        else:
            try:
                number = operator.index(units)
            except TypeError:
                raise TypeError(f"a budget is an int, or None for as many units as they like; got {type(units).__name__}") from None
            if not 0 <= number < NO_BUDGET:
                raise OverflowError(f"a budget of {number}")
        self._state.call(dyld.wasm_dyld_set_budget, number)

    @in_turn
    def compile(self, data: Buffer) -> Module:
        """Has the engine compile a module, for load_bytes and to be kept (Module.serialize)."""
        vector = byte_vector(data)
        return Module(self._state, self._state.api.wasm_module_new(self._state.store, byref(vector)))

    @in_turn
    def deserialize(self, data: Buffer) -> Module:
        """Takes what Module.serialize gave. It runs as machine code: only what nobody else can have changed."""
        vector = byte_vector(data)
        return Module(self._state, self._state.api.wasm_module_deserialize(self._state.store, byref(vector)))

    # What the host gives to guests

    @in_turn
    def define(self, module: str, name: str, value: Union[Callable[..., Any], Global], type: Type = None, overriding: bool = False) -> None:
        """Defines what objects that are loaded from now on get for the import `module`.`name`.

        That is a Python function or a Global. A function's `type` is a text such as "(i32, f64) -> i32", a CFUNCTYPE, or else what its
        annotations say. In the module "env", definitions of objects come first unless `overriding`. An exception ends the guest,
        and is raised where Python called it.
        """
        if isinstance(value, Global):
            extern = self._state.api.wasm_global_as_extern(value.handle)
            self._state.changes += 1
            self._state.call(dyld.wasm_dyld_define, c_name(module, "the module"), c_name(name), extern, override_flag(overriding))
            self._core.definitions.pop((module, name), None)
            return
        if not callable(value):
            raise TypeError(f"{value!r} is neither a function nor a Global")
        made = prototype(value, type)
        HostFunction(self._core, made.type, adapted(self._core, value, made)).define(c_name(module, "the module"), c_name(name), overriding)
        self._core.definitions[module, name] = Definition(value, made, overriding)

    @in_turn
    def callback(self, function: Callable[..., Any], type: Type = None) -> Callback:
        """A function pointer of the guest that leads to a Python function; its type as for define. Keep it while the guest has it."""
        return Callback(self._core, function, prototype(function, type))

    @in_turn
    def new_global(self, kind: str, value: Union[int, float] = 0, mutable: bool = False) -> Global:
        """A global variable ("i32", "i64", "f32", "f64") to define."""
        self._state.check()
        return Global(self._state, kind, value, mutable)

    # Memory

    @property
    def memory(self) -> Memory:
        """The memory that all objects share."""
        return self._core.memory

    def alloc(self, size: int) -> Allocation:
        """Memory from the guest's malloc, with what happens to be in it. `with` frees it."""
        return Allocation(self._core, size)

    @in_turn
    def buffer(self, data: Union[Buffer, str]) -> Allocation:
        """Memory from the guest's malloc with a copy of some bytes, or of a text and a NUL. `with` frees it."""
        content = data.encode() + b"\0" if isinstance(data, str) else data
        made = self.alloc(measured(content))
        made.write(content)
        return made

    @property
    @in_turn
    def table_size(self) -> int:
        """Slots of the table that function pointers lead to."""
        table = c_void_p()
        self._state.call(dyld.wasm_dyld_table, byref(table))
        return self._state.api.wasm_table_size(table)

    # Looking things up

    def symbol(self, name: str) -> Symbol:
        """Looks a symbol up in the global scope: the program, and libraries loaded with RTLD_GLOBAL."""
        return Symbol(self._core, None, "the global scope", name, False)

    def function(self, name: str) -> Function:
        """A function of the global scope; see Library for those of libraries."""
        return self.symbol(name).function()

    @in_turn
    def function_at(self, slot: int, type: Union[Prototype, FuncType, str]) -> Function:
        """The function that a function pointer of the guest leads to."""
        self._state.check()
        return pointer_function(self._core, slot, prototype(pointer_function, type))

    @in_turn
    def dladdr(self, value: Union[int, Function, Allocation], kind: SymbolKind = SymbolKind.DATA) -> Address:
        """Tells what an address in memory belongs to; with SymbolKind.FUNC, or for a Function, a table slot."""
        if isinstance(value, Function):
            value, kind = value.slot, SymbolKind.FUNC
        elif isinstance(value, Allocation):
            value = value.address
        if not 0 <= value < 1 << 64:
            raise OverflowError(f"{value} is no address")
        handle, name, at = c_void_p(), c_char_p(), c_uint64()
        self._state.call(dyld.wasm_dyld_dladdr, int(kind), value, byref(handle), byref(name), byref(at))
        symbol = None if name.value is None else name.value.decode()
        return Address(Object(self._core, handle.value or 0), symbol, None if symbol is None else at.value)

    @property
    @in_turn
    def objects(self) -> List[Object]:
        """All objects, in the order in which they were loaded; also the small ones that this package makes for callbacks."""
        return [Object(self._core, handle) for handle in self._core.objects()]

    @in_turn
    def link_map(self) -> str:
        """What lies where in memory and table, the objects, what each needs and what keeps it: a text for people."""
        return (dyld.wasm_dyld_link_map(self._state.namespace) or b"").decode("utf-8", "replace")

    @property
    @in_turn
    def library_paths(self) -> List[str]:
        """The library paths, in order. The folders of `default_paths`, which are searched last, are not among them."""
        namespace = self._state.namespace
        count = dyld.wasm_dyld_library_path_count(namespace)
        return [os.fsdecode(dyld.wasm_dyld_library_path_at(namespace, index) or b"") for index in range(count)]

    @property
    @in_turn
    def instance_count(self) -> int:
        """How many instances have been made in the store so far. Some engines make a limited number (the bundled one 10,000)."""
        return dyld.wasm_dyld_instance_count(self._state.namespace)

    @property
    @in_turn
    def instances_left(self) -> Optional[int]:
        """How many more the engine makes in the store; None if there is no bound. What opens and closes libraries without end goes on in
        what renew() gives before that: loads beyond it raise LimitReached."""
        left: int = dyld.wasm_dyld_instances_left(self._state.namespace)
        return None if left == NO_BOUND else left

    # Going on

    @in_turn
    def renew(self, prepare: Optional[Callable[["Namespace"], Any]] = None) -> "Namespace":
        """Makes a namespace like this one in a new store, for programs that load and unload without end: see instances_left.

        It has the same settings, what `define` has given, what is left of the budget, and what is open here: loaded again by the same path or name, with the
        same flags, as often. `prepare` is called with it before that. It has to load what came from bytes, and to define Globals that change: these are
        of one store, as is all that was got from this namespace: libraries, functions, callbacks, allocations, objects of wasmdyld.ctypes, addresses. The
        guests' memory starts anew.

        This one stays as it is, for its memory to be read, until it is closed; finish() before that runs the guests' exit handlers. If anything fails, there
        is no new one. Compiled code is shared.
        """
        from ._renew import renew

        return renew(self, prepare)

    # The end

    @property
    def closed(self) -> bool:
        return self._state.handles.closed

    @in_turn
    def close(self) -> None:
        """Ends it, with all that it holds. The guest's exit handlers do not run: see finish. Again does nothing."""
        state = self._state
        if state.handles.closed:
            return
        state.check()
        if state.handles.running:
            raise Busy("the namespace does not close while its guest runs")
        if len(state.views):
            raise BufferError("there are views of the namespace's memory: release() them before it closes")
        state.close()

    def __enter__(self) -> "Namespace":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<wasmdyld.Namespace{' (closed)' if self.closed else ''}>"


def default_control(engine: EngineHandle, timeout: Optional[float], budget: Optional[int]) -> Control:
    """What is asked for, or costs little: on other engines guests check by what the linker puts into their modules."""
    if budget is not None:
        return Control.BUDGET
    return Control.INTERRUPT if timeout is not None or engine.interruptible else Control.NONE

"""Objects of a namespace, and libraries to call."""

from ctypes import byref, c_uint32, c_uint64
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional

from . import _ffi
from ._entry import unchecked
from ._enums import SymbolKind
from ._errors import Busy, Closed, Error, SymbolNotFound
from ._function import Function
from ._library import dyld
from ._text import close
from ._turns import in_turn

if TYPE_CHECKING:
    from ._core import Core


class Place(NamedTuple):
    """Where an object's data and its own table slots are."""

    memory_base: int
    memory_size: int
    table_base: int
    table_size: int


class Opens(NamedTuple):
    """How often an object is open."""

    host: int
    guest: int


class Symbol:
    """A symbol that was found: a function, a datum, or a number."""

    def __init__(self, core: "Core", scope: Optional[int], place: str, name: str, after: bool) -> None:
        self._core, self._scope, self._place, self._after = core, scope, place, after
        self.name = name
        self.kind: SymbolKind = core.find(scope, name, after).kind

    @property
    def value(self) -> int:
        """A datum's address, or a function's table slot; it is given one now if it has none."""
        return self._core.value(self._scope, self.name, self._after)

    def function(self) -> Function:
        """The function, to be called."""
        core, scope, name, after = self._core, self._scope, self.name, self._after

        def resolve() -> int:
            found = core.find(scope, name, after)
            if found.function is None:
                raise SymbolNotFound(f"{name} in {self._place} is no function but {found.kind.name.lower()}: see address()")
            return found.function

        resolve()
        return Function(core, name, self._place, resolve, lambda: core.value(scope, name, after))

    def __repr__(self) -> str:
        return f"<wasmdyld.Symbol {self.name} of {self._place}: {self.kind.name}>"


class Object:
    """An object of a namespace: a program or a library. Two are equal if they are the same object."""

    def __init__(self, core: "Core", handle: int) -> None:
        self._core = core
        self._state = core.state
        self._handle = handle
        self._name = self.name

    @property
    def handle(self) -> int:
        """The number that the C interface knows it by."""
        return self._handle

    def _text(self, found: Optional[bytes]) -> Optional[str]:
        return None if found is None else found.decode("utf-8", "surrogateescape")

    @property
    @in_turn
    def loaded(self) -> bool:
        """Whether it is still loaded."""
        return dyld.wasm_dyld_object_name(self._core.state.namespace, self._handle) is not None

    @property
    @in_turn
    def name(self) -> str:
        """Its file name, or what it was loaded under."""
        name = self._text(dyld.wasm_dyld_object_name(self._core.state.namespace, self._handle))
        if name is None:
            raise Closed(f"{getattr(self, '_name', 'the object')} is not loaded any more")
        return name

    @property
    @in_turn
    def path(self) -> Optional[str]:
        """The path of its file; None if it came from bytes."""
        self.name
        return self._text(dyld.wasm_dyld_object_path(self._core.state.namespace, self._handle))

    @property
    @in_turn
    def origin(self) -> Optional[str]:
        """The folder of its path; None if it came from bytes."""
        self.name
        return self._text(dyld.wasm_dyld_object_origin(self._core.state.namespace, self._handle))

    @property
    @in_turn
    def needed(self) -> List["Object"]:
        """The libraries that it needs itself."""
        self.name
        namespace = self._core.state.namespace
        count = dyld.wasm_dyld_object_needed_count(namespace, self._handle)
        found = [dyld.wasm_dyld_object_needed_at(namespace, self._handle, index) for index in range(count)]
        return [Object(self._core, handle) for handle in found if handle]

    @property
    def opens(self) -> Opens:
        """How often it is open, by the host and by guests."""
        host, guest = c_uint32(), c_uint32()
        self._core.state.call(dyld.wasm_dyld_object_opens, self._handle, byref(host), byref(guest))
        return Opens(host.value, guest.value)

    @property
    def place(self) -> Place:
        """Where its data and its own table slots are."""
        parts = [c_uint64() for _ in Place._fields]
        self._core.state.call(dyld.wasm_dyld_object_place, self._handle, *(byref(part) for part in parts))
        return Place(*(part.value for part in parts))

    @property
    @in_turn
    def is_program(self) -> bool:
        """Whether it is the main program."""
        self.name
        return dyld.wasm_dyld_object_is_program(self._core.state.namespace, self._handle)

    @property
    @in_turn
    def is_global(self) -> bool:
        """Whether its symbols are in the global scope."""
        self.name
        return dyld.wasm_dyld_object_is_global(self._core.state.namespace, self._handle)

    @property
    @in_turn
    def is_nodelete(self) -> bool:
        """Whether it is never unloaded."""
        self.name
        return dyld.wasm_dyld_object_is_nodelete(self._core.state.namespace, self._handle)

    def symbols(self) -> Dict[str, SymbolKind]:
        """The names that it defines itself, in the order of its exports, and what each is."""
        found: Dict[str, SymbolKind] = {}

        state = self._core.state

        def add(env: object, name: Optional[bytes], kind: int) -> None:
            try:
                found[(name or b"").decode()] = SymbolKind(kind)
            except BaseException as error:  # Of a signal's handler.
                state.defer(error)

        add.__code__ = unchecked(add.__code__)
        callback = _ffi.wasm_dyld_symbol_callback_t(add)
        state.call(dyld.wasm_dyld_object_symbols, self._handle, callback, None)
        return found

    def symbol(self, name: str) -> Symbol:
        """Looks a symbol up, in the object and what it needs."""
        return Symbol(self._core, self._handle, self._name, name, False)

    def next_symbol(self, name: str) -> Symbol:
        """Looks up the next definition of a symbol after this object's (RTLD_NEXT)."""
        return Symbol(self._core, self._handle, self._name, name, True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Object) and (self._core, self._handle) == (other._core, other._handle)

    def __hash__(self) -> int:
        return hash(self._handle)

    def __repr__(self) -> str:
        return f"<wasmdyld.Object {self._name}>"


class Library:
    """A library that is loaded, to call its functions: `lib.crc32(...)`, or `lib["crc32"]` for names that are methods here.

    A function is the same object each time, and keeps its `argtypes` and `restype`. `with` unloads the library.
    """

    def __init__(self, core: "Core", handle: int) -> None:
        self._core = core
        self._state = core.state
        self._object = Object(core, handle)
        self._functions: Dict[str, Function] = {}
        self._closed = False

    @property
    def object(self) -> Object:
        """The object: its name, path, place, and what it needs."""
        return self._object

    def _check(self) -> None:
        if self._closed:
            raise Closed(f"{self._object._name} was unloaded")

    def symbol(self, name: str) -> Symbol:
        """Looks a symbol up, in the library and what it needs."""
        self._check()
        return self._object.symbol(name)

    def function(self, name: str) -> Function:
        """A function by its name, the same as `lib[name]`."""
        found = self._functions.get(name)
        if found is None:
            made = self.symbol(name).function()
            resolve, slot = made._resolve, made._slot

            def checked() -> int:
                self._check()
                return resolve()

            def checked_slot() -> int:
                self._check()
                return slot()

            found = self._functions[name] = Function(self._core, name, self._object._name, checked, checked_slot)
        return found

    __getitem__ = function

    def __getattr__(self, name: str) -> Function:
        # What Python and its tools ask objects for is nothing of the guest's.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        try:
            return self.function(name)
        except SymbolNotFound as error:
            raise self._meant(name, error) from None

    def _meant(self, name: str, error: SymbolNotFound) -> SymbolNotFound:
        """The error, which says what name may have been meant."""
        near = close(name, self._object.symbols())
        message = f"{error.message}; did you mean {near}?" if near else error.message
        return SymbolNotFound(message, error.code, error.undefined)

    def __dir__(self) -> List[str]:
        names = set(super().__dir__())
        # It may be unloaded, closed, or in use by another thread.
        try:
            self._check()
            names.update(name for name, kind in self._object.symbols().items() if kind is SymbolKind.FUNC)
        except Error:
            pass
        return sorted(names)

    def _ipython_key_completions_(self) -> List[str]:
        return [name for name, kind in self._object.symbols().items() if kind is SymbolKind.FUNC]

    def address(self, name: str) -> int:
        """Where a datum is in memory."""
        symbol = self.symbol(name)
        if symbol.kind is SymbolKind.FUNC:
            raise SymbolNotFound(f"{name} in {self._object._name} is a function, not a datum: its pointer is .slot")
        return symbol.value

    @in_turn
    def unload(self) -> None:
        """Takes one loading back (dlclose): at the last one its exit handlers run and it goes, unless something needs it."""
        if not self._closed:
            state = self._state
            # Not before it is known that it may be used.
            state.check()
            state.check_views()
            self._closed = True
            state.changes += 1
            try:
                state.call(dyld.wasm_dyld_unload, self._object.handle)
            except Busy:
                self._closed = False
                raise

    def __enter__(self) -> "Library":
        return self

    def __exit__(self, *exception: Any) -> None:
        # One that is gone with its namespace need not be unloaded.
        if not self._core.state.handles.closed:
            self.unload()

    def __repr__(self) -> str:
        return f"<wasmdyld.Library {self._object._name}{' (unloaded)' if self._closed else ''}>"

//! Every name and number of the dynamic-linking ABI, in one place.
//!
//! DynamicLinking.md of WebAssembly/tool-conventions, with what wasm-ld and emscripten add to it.

/// The module name of symbols bound by the dynamic linker.
pub const ENV: &str = "env";
/// Addresses of data symbols, one mutable global an entry.
pub const GOT_MEM: &str = "GOT.mem";
/// Table slots of function symbols, one mutable global an entry.
pub const GOT_FUNC: &str = "GOT.func";

/// Modern custom section, with subsections.
pub const DYLINK_0: &str = "dylink.0";
/// The section before LLVM 13: a fixed record and the needed list.
pub const DYLINK_LEGACY: &str = "dylink";

// Subsections of `dylink.0`.
pub const DYLINK_MEM_INFO: u8 = 1;
pub const DYLINK_NEEDED: u8 = 2;
pub const DYLINK_EXPORT_INFO: u8 = 3;
pub const DYLINK_IMPORT_INFO: u8 = 4;
pub const DYLINK_RUNTIME_PATH: u8 = 5;
pub const DYLINK_COPY_PROVIDED: u8 = 6;

/// Ours, since `dylink.0` has no place for it: the name that others are to need a library by (DT_SONAME of ELF), as one string. `wasmdyld-ld`
/// writes it behind the other sections. LLVM's `--soname` sets the name of the module, which every other module has as well.
pub const SONAME: &str = "wasmdyld.soname";

/// Ours: what `wasmdyld link --dynamic` says of the objects that are in one module, so that they are still known, and more can be loaded
/// beside them. [`crate::object::Parts`] has its form.
pub const OBJECTS: &str = "wasmdyld.objects";

// Symbol flags in `export_info` and `import_info`, as in the linking section.
pub const SYMBOL_BINDING_WEAK: u32 = 0x1;
pub const SYMBOL_TLS: u32 = 0x100;

// What the linker itself provides to each object, in module `env`.
pub const MEMORY: &str = "memory";
pub const INDIRECT_FUNCTION_TABLE: &str = "__indirect_function_table";
pub const STACK_POINTER: &str = "__stack_pointer";
pub const MEMORY_BASE: &str = "__memory_base";
pub const TABLE_BASE: &str = "__table_base";
pub const TABLE_BASE_32: &str = "__table_base32";
pub const TLS_BASE: &str = "__tls_base";

// Data symbols that the linker provides where no object exports them.
pub const HEAP_BASE: &str = "__heap_base";
pub const HEAP_END: &str = "__heap_end";
pub const STACK_LOW: &str = "__stack_low";
pub const STACK_HIGH: &str = "__stack_high";

// The life of an object.
pub const APPLY_DATA_RELOCS: &str = "__wasm_apply_data_relocs";
pub const APPLY_TLS_RELOCS: &str = "__wasm_apply_tls_relocs";
/// Of modules with the legacy section: what [`APPLY_DATA_RELOCS`] was called before LLVM 12.
pub const APPLY_RELOCS: &str = "__wasm_apply_relocs";
/// Of emscripten's modules with the legacy section: relocates, then constructs.
pub const POST_INSTANTIATE: &str = "__post_instantiate";
pub const CALL_CTORS: &str = "__wasm_call_ctors";
pub const INITIALIZE: &str = "_initialize";
pub const START: &str = "_start";
pub const INIT_TLS: &str = "__wasm_init_tls";
pub const DSO_HANDLE: &str = "__dso_handle";

// Exit handlers (Itanium C++ ABI 3.3.6, atexit(3)).
pub const CXA_ATEXIT: &str = "__cxa_atexit";
/// Destructors of thread_local objects (Itanium C++ ABI, 2.5 of its section on thread-local storage).
pub const CXA_THREAD_ATEXIT: &str = "__cxa_thread_atexit";
pub const ATEXIT: &str = "atexit";
/// Of wasi-libc: runs the exit handlers and flushes stdio; what `_start` ends with.
pub const CALL_DTORS: &str = "__wasm_call_dtors";

/// What C programs call their main function, and what clang renames it to, by its parameters.
pub const MAIN: &str = "main";
pub const MAIN_ARGC_ARGV: &str = "__main_argc_argv";
/// The guest's heap, where the host takes memory for it.
pub const MALLOC: &str = "malloc";
pub const FREE: &str = "free";
pub const MAIN_VOID: &str = "__main_void";

/// Of dlfcn.h: who imports it is told of errors in guest memory.
pub const DLERROR: &str = "dlerror";
/// Bytes kept for such a text from the start. Longer texts get more where there is memory.
pub const ERROR_ROOM: u64 = 1024;

/// cowasm: a program that exports a function of this name with NAME appended, `() -> i32`, provides NAME: the function's
/// result is a slot or an address.
pub const PROVIDES: &str = "__WASM_EXPORT__";

/// Of wasi-libc: functions of dlfcn.h that fail.
pub const LIBDL: &str = "libdl.so";

/// Shared libraries that come with toolchains for guests (wasi-libc, libc++), and what those are called that emulate a part of POSIX.
pub const TOOLCHAIN_LIBRARIES: [&str; 7] = [
    "libc.so",
    LIBDL,
    "libm.so",
    "libsetjmp.so",
    "libc++.so",
    "libc++abi.so",
    "libunwind.so",
];
pub const EMULATED: &str = "libwasi-emulated-";

/// Import module of functions that the linker makes for itself.
pub const LINKER: &str = "wasmdyld";

/// Import module of what the checks use that [`crate::object::meter`] puts into modules. No module may import from it by itself.
pub const CONTROL: &str = "wasmdyld:control";
/// A mutable i64: the units left until the host is asked.
pub const CONTROL_UNITS: &str = "units";
/// A memory of one page: its first four bytes are not zero where the host is to be asked.
pub const CONTROL_FLAG: &str = "flag";
/// A function without parameters and results: asks the host. A trap of its ends what runs.
pub const CONTROL_ASK: &str = "ask";

/// What modules export besides in namespaces that snapshots are taken of: their own mutable globals, by index, and their start function.
pub const EXPOSED_GLOBAL: &str = "wasmdyld:global.";
pub const EXPOSED_START: &str = "wasmdyld:start";

/// Exception tags of LLVM; one of each in a namespace.
pub const CPP_EXCEPTION: &str = "__cpp_exception";
pub const C_LONGJMP: &str = "__c_longjmp";

/// What the values of [`CPP_EXCEPTION`] lead to: the header that all languages have in front of what is thrown (`_Unwind_Exception`, 32 bytes).
/// It begins with who threw: these are C++ of LLVM, and one that is thrown again by an `exception_ptr`.
pub const CXX_CLASS: u64 = u64::from_be_bytes(*b"CLNGC++\0");
pub const CXX_CLASS_DEPENDENT: u64 = u64::from_be_bytes(*b"CLNGC++\x01");
/// How far in front of that header the type is (`__cxa_exception`), and the thrown object's address of one that is thrown again.
pub const CXX_TYPE_BEFORE: i64 = -48;
pub const CXX_PRIMARY_BEFORE: i64 = -4;
pub const CXX_OBJECT_AFTER: u32 = 32;
/// The names of the types of types that have one base, and several: `std::type_info` of classes is of such a type.
pub const CXX_ONE_BASE: &str = "N10__cxxabiv120__si_class_type_infoE";
pub const CXX_BASES: &str = "N10__cxxabiv121__vmi_class_type_infoE";
/// The name of `std::exception`'s type, and of `char const*`'s.
pub const CXX_STD_EXCEPTION: &str = "St9exception";
pub const CXX_TEXT: &str = "PKc";
/// Where `what` is in the table of a `std::exception`'s virtual functions, behind two destructors.
pub const CXX_WHAT: i64 = 8;

/// The guest library with what emscripten's modules want beside libc.
pub const EMSCRIPTEN_LIBRARY: &str = "libemscripten-compat.so";
/// What its own names begin with.
pub const EMSCRIPTEN_OWN: &str = "emscripten_compat_";
/// Functions that emscripten's libc has with other numbers and structures than wasi-libc, and what that library has in their place for modules of
/// emscripten's.
pub const EMSCRIPTEN_INSTEAD: [(&str, &str); 8] = [
    ("open", "emscripten_compat_open"),
    ("openat", "emscripten_compat_openat"),
    ("fcntl", "emscripten_compat_fcntl"),
    ("clock_gettime", "emscripten_compat_clock_gettime"),
    ("clock_getres", "emscripten_compat_clock_getres"),
    ("gettimeofday", "emscripten_compat_gettimeofday"),
    ("time", "emscripten_compat_time"),
    ("nanosleep", "emscripten_compat_nanosleep"),
];

/// Bytes in a page of memory.
pub const PAGE: u64 = 0x1_0000;
/// Addresses below this stay unused, so that a null pointer (and a field near it) never names an object. wasm-ld's own default for `--global-base`.
pub const NULL_GUARD: u64 = 1024;
/// Alignment of the stack and the heap in LLVM's wasm ABI.
pub const STACK_ALIGN: u64 = 16;
/// Below its stack pointer, a function that calls none may use so many bytes and leave the pointer where it is.
pub const RED_ZONE: u64 = 128;
/// The first table slot stays null, so that a null function pointer traps.
pub const FIRST_SLOT: u64 = 1;
/// The largest alignment that is honoured, as a power of two: 1 GiB, beyond what a 32-bit memory could hold twice.
pub const MAX_P2ALIGN: u32 = 30;
/// Pages in a 32-bit memory.
pub const MAX_PAGES: u64 = 0x1_0000;

/// Exports that the linker calls to bring an object to life, and the one that runs a program.
pub const STEPS: [&str; 6] = [
    APPLY_DATA_RELOCS,
    APPLY_RELOCS,
    POST_INSTANTIATE,
    INITIALIZE,
    CALL_CTORS,
    START,
];

/// Exports that steer an object's own life and are no symbols for others: a library that imports `_initialize` does not mean its neighbour's.
pub const LIFECYCLE: &[&str] = &[
    APPLY_DATA_RELOCS,
    APPLY_TLS_RELOCS,
    APPLY_RELOCS,
    POST_INSTANTIATE,
    CALL_CTORS,
    INITIALIZE,
    START,
    INIT_TLS,
    DSO_HANDLE,
    MEMORY_BASE,
    TABLE_BASE,
    TLS_BASE,
    "__tls_size",
    "__tls_align",
    "__wasm_init_memory",
    "__wasm_init_memory_flag",
];

/// What a program calls where `link --snapshot=ready` is to make the snapshot: `<wasmdyld/snapshot.h>` defines it.
pub const SNAPSHOT: &str = "wasmdyld_snapshot";
/// Functions of wasi-libc that a snapshot is made after, with 0 for arguments: buffers are written, and what it knows of folders and environment is
/// forgotten.
pub const BEFORE_SNAPSHOT: [&str; 3] = [
    "fflush",
    "__wasilibc_reset_preopens",
    "__wasilibc_deinitialize_environ",
];
/// The first of these that there is reads the environment of a run that begins with a snapshot. Folders are looked up when they are needed.
pub const AFTER_SNAPSHOT: [&str; 2] = [
    "__wasilibc_maybe_reinitialize_environ_eagerly",
    "__wasilibc_initialize_environ",
];

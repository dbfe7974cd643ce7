//! Numbers of the C API, tied to the core's at compile time.

#![allow(non_camel_case_types)]

use crate::control::Mode;
use crate::error::{Code, Error, Result};
use crate::plan::{Bind, Plt};
use crate::search::RuntimePath;

/// Major version of this header. It is in the soname.
pub const WASM_DYLD_VERSION_MAJOR: u32 = 0;
/// Minor version of this header.
pub const WASM_DYLD_VERSION_MINOR: u32 = 1;
/// Patch version of this header.
pub const WASM_DYLD_VERSION_PATCH: u32 = 0;

/// What became of a call. The numbers are stable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum wasm_dyld_code_t {
    /// It worked.
    WASM_DYLD_OK = 0,
    /// A NULL, freed, foreign or otherwise unusable argument.
    WASM_DYLD_INVALID_ARGUMENT = 1,
    /// A library, file or symbol was not found.
    WASM_DYLD_NOT_FOUND = 2,
    /// The operating system failed to read or write something.
    WASM_DYLD_IO = 3,
    /// The bytes are not a valid module.
    WASM_DYLD_MALFORMED = 4,
    /// Valid, but not something that this linker or this engine can link.
    WASM_DYLD_UNSUPPORTED = 5,
    /// One or more symbols have no definition: see wasm_dyld_error_undefined_count.
    WASM_DYLD_UNDEFINED_SYMBOL = 6,
    /// A symbol's use and its definition have different types.
    WASM_DYLD_TYPE_MISMATCH = 7,
    /// A limit of the configuration or of the engine was reached.
    WASM_DYLD_LIMIT = 8,
    /// The engine refused a module, an instance or an object.
    WASM_DYLD_ENGINE = 9,
    /// The guest trapped.
    WASM_DYLD_TRAP = 10,
    /// The guest exited where it was expected to return: see wasm_dyld_error_exit_code.
    WASM_DYLD_EXIT = 11,
    /// The namespace is in the midst of something that excludes the request.
    WASM_DYLD_BUSY = 12,
    /// A defect of this library.
    WASM_DYLD_INTERNAL = 13,
    /// The guest was interrupted: see wasm_dyld_interrupt.
    WASM_DYLD_INTERRUPTED = 14,
    /// The guest took longer than it may: see wasm_dyld_set_timeout.
    WASM_DYLD_TIMED_OUT = 15,
    /// The guest has used up its budget: see wasm_dyld_set_budget.
    WASM_DYLD_OUT_OF_BUDGET = 16,
}

use wasm_dyld_code_t::*;
use wasm_dyld_symbol_kind_t::*;

impl From<Code> for wasm_dyld_code_t {
    fn from(code: Code) -> Self {
        match code {
            Code::Ok => WASM_DYLD_OK,
            Code::InvalidArgument => WASM_DYLD_INVALID_ARGUMENT,
            Code::NotFound => WASM_DYLD_NOT_FOUND,
            Code::Io => WASM_DYLD_IO,
            Code::Malformed => WASM_DYLD_MALFORMED,
            Code::Unsupported => WASM_DYLD_UNSUPPORTED,
            Code::UndefinedSymbol => WASM_DYLD_UNDEFINED_SYMBOL,
            Code::TypeMismatch => WASM_DYLD_TYPE_MISMATCH,
            Code::Limit => WASM_DYLD_LIMIT,
            Code::Engine => WASM_DYLD_ENGINE,
            Code::Trap => WASM_DYLD_TRAP,
            Code::Exit => WASM_DYLD_EXIT,
            Code::Busy => WASM_DYLD_BUSY,
            Code::Internal => WASM_DYLD_INTERNAL,
            Code::Interrupted => WASM_DYLD_INTERRUPTED,
            Code::TimedOut => WASM_DYLD_TIMED_OUT,
            Code::OutOfBudget => WASM_DYLD_OUT_OF_BUDGET,
        }
    }
}

/// When undefined functions are an error (RTLD_NOW and RTLD_LAZY of dlopen(3)). Undefined data always are at once.
#[repr(u32)]
pub enum wasm_dyld_bind_t {
    /// When the object is loaded. The default.
    WASM_DYLD_BIND_NOW = 0,
    /// When they are called.
    WASM_DYLD_BIND_LAZY = 1,
}

/// How calls reach functions of other objects.
#[repr(u32)]
pub enum wasm_dyld_plt_t {
    /// Directly where possible, through generated stubs elsewhere. The default.
    WASM_DYLD_PLT_AUTO = 0,
    /// Always through generated stubs.
    WASM_DYLD_PLT_WASM = 1,
    /// Always through host functions: slow, but every call passes the host.
    WASM_DYLD_PLT_HOST = 2,
}

/// How far RUNTIME_PATH entries, which come from the modules themselves, are followed.
#[repr(u32)]
pub enum wasm_dyld_runtime_path_t {
    /// Not at all.
    WASM_DYLD_RUNTIME_PATH_OFF = 0,
    /// Within the folder of the object that holds them ($ORIGIN, $ORIGIN/lib). The default.
    WASM_DYLD_RUNTIME_PATH_ORIGIN = 1,
    /// Anywhere. Only for modules that you trust.
    WASM_DYLD_RUNTIME_PATH_ANY = 2,
}

/// Whether guests of a namespace can be stopped.
#[repr(u32)]
pub enum wasm_dyld_control_t {
    /// They run as they are. The default.
    WASM_DYLD_CONTROL_NONE = 0,
    /// By wasm_dyld_interrupt and wasm_dyld_set_timeout.
    WASM_DYLD_CONTROL_INTERRUPT = 1,
    /// By these, and by a budget that counts the same on every engine: wasm_dyld_set_budget.
    WASM_DYLD_CONTROL_BUDGET = 2,
    /// As WASM_DYLD_CONTROL_INTERRUPT. wasm_dyld_engine_new makes an engine that checks by itself, where the engine can.
    WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE = 3,
}

/// Bounds that a host can set.
#[repr(u32)]
pub enum wasm_dyld_limit_t {
    /// Pages of 64 KiB in the memory; 65536 by default, to the last of which the bundled engine does not grow it. A maximum below that also
    /// binds the guest's own memory.grow, each memory that a module has besides, and on the bundled engine what guests keep as objects of the
    /// engine (exceptions, structures, arrays), all of a store together. There, as long as the namespace is there, it also
    /// binds memories without a maximum that the host makes in the store, or that modules of other namespaces have for themselves; the memories
    /// that other namespaces' objects share it does not bind. The smallest of several such maxima counts.
    WASM_DYLD_LIMIT_MEMORY_PAGES = 0,
    /// Slots in the table; 10,000,000 by default. A maximum that is set also binds the guest's own table.grow, and, if it is lower, each
    /// table that a module has for itself.
    WASM_DYLD_LIMIT_TABLE_SLOTS = 1,
    /// Objects in a namespace; 8,000 by default.
    WASM_DYLD_LIMIT_OBJECTS = 2,
    /// Calls from guest to host to guest, one inside the other; 128 by default.
    WASM_DYLD_LIMIT_NESTING = 3,
    /// Bytes of the host's memory that the linker uses for the objects of the namespace: their files while they are being loaded, and
    /// what it knows of them afterwards, by an estimate that is rather too high. Compiled code, which the engine holds, is not counted.
    /// No bound by default.
    WASM_DYLD_LIMIT_HOST_MEMORY = 4,
}

/// Flags of wasm_dyld_load, to be combined (dlopen(3)). The values up to WASM_DYLD_NODELETE are those of wasi-libc's dlfcn.h.
#[repr(u32)]
pub enum wasm_dyld_load_flag_t {
    /// Undefined functions are looked up when they are called.
    WASM_DYLD_LAZY = 1,
    /// Undefined functions are an error. The default, unless the configuration says lazy.
    WASM_DYLD_NOW = 2,
    /// Only if the object is loaded already: then as without the flag, otherwise there is no object and no error.
    WASM_DYLD_NOLOAD = 4,
    /// The symbols serve only this object and what it needs. The default.
    WASM_DYLD_LOCAL = 8,
    /// The symbols, and those of what the object needs, enter the global scope, for objects loaded later. An object that is
    /// loaded already is promoted.
    WASM_DYLD_GLOBAL = 256,
    /// The object is never unloaded.
    WASM_DYLD_NODELETE = 4096,
    /// The object's own group is searched before the global scope.
    WASM_DYLD_DEEPBIND = 16384,
    /// The object is the main program: the first of its namespace, in the global scope, to be run with wasm_dyld_run.
    WASM_DYLD_PROGRAM = 65536,
}

/// Flags of wasm_dyld_define.
#[repr(u32)]
pub enum wasm_dyld_define_flag_t {
    /// The definition comes before those of objects, in the module "env" too.
    WASM_DYLD_OVERRIDE = 1,
}

/// Flags of wasm_dyld_config_set_guest: where guests may do less, or see more, than by default.
#[repr(u32)]
pub enum wasm_dyld_guest_flag_t {
    /// Guests cannot open libraries themselves: every dlopen with a name fails. By default they can. Names without a slash are then
    /// searched for them as needed entries are, those with a slash in the folders that WASI lets the guest use, and nowhere else.
    WASM_DYLD_GUEST_NO_DLOPEN = 1,
    /// Guests see the names of the host's folders, in the texts of dlerror, by dladdr and by dlinfo. By default they see only the names
    /// of files, and paths of their own.
    WASM_DYLD_GUEST_SEES_PATHS = 2,
}

/// Flags of wasm_dyld_link_options_t.
#[repr(u32)]
pub enum wasm_dyld_link_flag_t {
    /// What nothing reaches is kept. By default it is left out.
    WASM_DYLD_LINK_NO_GC = 1,
    /// Functions have no names. By default they have those of their objects, as "libc.so!malloc".
    WASM_DYLD_LINK_STRIP = 2,
    /// dlopen and its like are there and fail: NULL, and dlerror says that the program was linked without them. By default a program that
    /// calls them is an error.
    WASM_DYLD_LINK_NO_DLOPEN = 4,
    /// It is to be a library: a program is an error. By default either will do.
    WASM_DYLD_LINK_LIBRARY = 8,
    /// The module keeps what is known of its objects: a namespace that loads it as its program knows them as objects, and opens more libraries
    /// beside them. The functions that open them stay imported, so that other hosts cannot run a module that has them. It is for programs, and
    /// neither for libraries nor with WASM_DYLD_LINK_NO_DLOPEN.
    WASM_DYLD_LINK_DYNAMIC = 16,
    /// A component of WASI 0.2 is made rather than a module: a command of a program, and of a library what `wit` and `world` say, or bindings by
    /// wit-bindgen in it. It does not go with WASM_DYLD_LINK_DYNAMIC. A library that was built without them (the one without an engine, or of Cargo's feature
    /// `component` left out) answers WASM_DYLD_UNSUPPORTED.
    WASM_DYLD_LINK_COMPONENT = 32,
    /// The debug information of the objects (DWARF) is kept, for the code as it is in the module. It excludes a snapshot.
    WASM_DYLD_LINK_DEBUG = 64,
}

/// Flags of wasm_dyld_config_set_launch.
#[repr(u32)]
pub enum wasm_dyld_launch_flag_t {
    /// Launch closures are neither used nor kept: the first load of the namespace searches, reads, parses and plans as any other.
    WASM_DYLD_LAUNCH_NO_CLOSURE = 1,
}

/// Flags of wasm_dyld_snapshot.
#[allow(dead_code, reason = "for the header")]
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum wasm_dyld_snapshot_flag_t {
    /// A snapshot is taken though the guest has files open. They are no part of it: after a restore those of them are open that the same namespace still has
    /// open, where they are then read and written; the others are closed, and the guest gets EBADF.
    WASM_DYLD_SNAPSHOT_OPEN_FILES = 1,
}

/// Flags of wasm_dyld_wasi_add_folder. One of them must be given: what a guest may do with a folder is said, not assumed.
#[cfg_attr(
    not(feature = "wasi"),
    allow(dead_code, reason = "the header has it in any case")
)]
#[repr(u32)]
pub enum wasm_dyld_folder_flag_t {
    /// Guests may read.
    WASM_DYLD_FOLDER_READ_ONLY = 1,
    /// Guests may write, make and delete, too.
    WASM_DYLD_FOLDER_READ_WRITE = 2,
}

/// Whether flags of wasm_dyld_folder_flag_t, of which one has to be there, say that guests may read only.
#[cfg(feature = "wasi")]
pub fn read_only(given: u32) -> Result<bool> {
    const READ_ONLY: u32 = wasm_dyld_folder_flag_t::WASM_DYLD_FOLDER_READ_ONLY as u32;
    const READ_WRITE: u32 = wasm_dyld_folder_flag_t::WASM_DYLD_FOLDER_READ_WRITE as u32;
    match flags(given, &[READ_ONLY, READ_WRITE], "folder")? {
        READ_ONLY => Ok(true),
        READ_WRITE => Ok(false),
        _ => {
            let why = "a folder is added with WASM_DYLD_FOLDER_READ_ONLY or with WASM_DYLD_FOLDER_READ_WRITE";
            Err(Error::new(Code::InvalidArgument, why))
        }
    }
}

/// Flags of wasm_dyld_engine_description_t: what is true of this engine, and not of every one.
#[repr(u32)]
pub enum wasm_dyld_engine_flag_t {
    /// wasm_module_imports and wasm_module_exports list what the module declares in its order.
    WASM_DYLD_ENGINE_DECLARED_ORDER = 1,
    /// What wasm_module_validate accepts always compiles.
    WASM_DYLD_ENGINE_FINAL_VALIDATION = 2,
    /// wasm_instance_delete may be called while the instance's code runs.
    WASM_DYLD_ENGINE_LASTING_INSTANCES = 4,
}

/// What a symbol is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum wasm_dyld_symbol_kind_t {
    /// A function; its value is its table slot, the number that a C function pointer holds in the guest.
    WASM_DYLD_FUNC = 0,
    /// A datum; its value is its address in the namespace's memory.
    WASM_DYLD_DATA = 1,
    /// What a program says of a name that it provides by a function of its own (`__WASM_EXPORT__NAME`): a slot or an address, it
    /// does not say which.
    WASM_DYLD_NUMBER = 2,
}

// Parameters are numbers and not Rust enums: C may pass anything.
pub type BindNumber = u32;
pub type PltNumber = u32;
pub type RuntimePathNumber = u32;
pub type LimitNumber = u32;
pub type SymbolKindNumber = u32;
pub type ControlNumber = u32;

pub fn symbol_kind(number: SymbolKindNumber) -> Option<wasm_dyld_symbol_kind_t> {
    [WASM_DYLD_FUNC, WASM_DYLD_DATA, WASM_DYLD_NUMBER]
        .into_iter()
        .find(|&kind| kind as u32 == number)
}

/// Flags of which all are known.
pub fn flags(number: u32, known: &[u32], what: &str) -> Result<u32> {
    let unknown = number & !known.iter().fold(0, |all, flag| all | flag);
    match unknown {
        0 => Ok(number),
        _ => Err(Error::new(
            Code::InvalidArgument,
            format!("unknown {what} flags {unknown:#x}"),
        )),
    }
}

pub fn bind(number: BindNumber) -> Option<Bind> {
    const NOW: u32 = wasm_dyld_bind_t::WASM_DYLD_BIND_NOW as u32;
    const LAZY: u32 = wasm_dyld_bind_t::WASM_DYLD_BIND_LAZY as u32;
    match number {
        NOW => Some(Bind::Now),
        LAZY => Some(Bind::Lazy),
        _ => None,
    }
}

pub fn plt(number: PltNumber) -> Option<Plt> {
    const AUTO: u32 = wasm_dyld_plt_t::WASM_DYLD_PLT_AUTO as u32;
    const WASM: u32 = wasm_dyld_plt_t::WASM_DYLD_PLT_WASM as u32;
    const HOST: u32 = wasm_dyld_plt_t::WASM_DYLD_PLT_HOST as u32;
    match number {
        AUTO => Some(Plt::Auto),
        WASM => Some(Plt::Wasm),
        HOST => Some(Plt::Host),
        _ => None,
    }
}

/// What a namespace can do about its guests, and whether its engine is to be made with means of its own for that.
pub fn control(number: ControlNumber) -> Option<(Mode, bool)> {
    const NONE: u32 = wasm_dyld_control_t::WASM_DYLD_CONTROL_NONE as u32;
    const INTERRUPT: u32 = wasm_dyld_control_t::WASM_DYLD_CONTROL_INTERRUPT as u32;
    const BUDGET: u32 = wasm_dyld_control_t::WASM_DYLD_CONTROL_BUDGET as u32;
    const BY_ENGINE: u32 = wasm_dyld_control_t::WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE as u32;
    match number {
        NONE => Some((Mode::Off, false)),
        INTERRUPT => Some((Mode::Interrupt, false)),
        BUDGET => Some((Mode::Budget, false)),
        BY_ENGINE => Some((Mode::Interrupt, true)),
        _ => None,
    }
}

pub fn runtime_path(number: RuntimePathNumber) -> Option<RuntimePath> {
    const OFF: u32 = wasm_dyld_runtime_path_t::WASM_DYLD_RUNTIME_PATH_OFF as u32;
    const ORIGIN: u32 = wasm_dyld_runtime_path_t::WASM_DYLD_RUNTIME_PATH_ORIGIN as u32;
    const ANY: u32 = wasm_dyld_runtime_path_t::WASM_DYLD_RUNTIME_PATH_ANY as u32;
    match number {
        OFF => Some(RuntimePath::Off),
        ORIGIN => Some(RuntimePath::Origin),
        ANY => Some(RuntimePath::Any),
        _ => None,
    }
}

const fn is_number(text: &str, number: u32) -> bool {
    matches!(u32::from_str_radix(text, 10), Ok(n) if n == number)
}

const _: () = {
    assert!(is_number(
        env!("CARGO_PKG_VERSION_MAJOR"),
        WASM_DYLD_VERSION_MAJOR
    ));
    assert!(is_number(
        env!("CARGO_PKG_VERSION_MINOR"),
        WASM_DYLD_VERSION_MINOR
    ));
    assert!(is_number(
        env!("CARGO_PKG_VERSION_PATCH"),
        WASM_DYLD_VERSION_PATCH
    ));
    assert!(WASM_DYLD_INTERNAL as u32 == Code::Internal as u32);
    assert!(WASM_DYLD_LIMIT as u32 == Code::Limit as u32);
    assert!(WASM_DYLD_TRAP as u32 == Code::Trap as u32);
};

/**
 * @file
 * wasmdyld: a dynamic linker for WebAssembly programs made of shared libraries, on any engine with the standard wasm.h.
 *
 * Every function that can fail returns a code and takes an optional wasm_dyld_error_t **: if that is not NULL, it gets
 * the error, which the caller deletes, or NULL on success. (Read it after the call, not among the same call's
 * arguments: C does not order these.) Strings are NUL-terminated UTF-8. Pointers marked as belonging to something live as long as
 * it does.
 *
 * A handle of this library's types is a number that names something, and points to nothing. It is not used again: one that is NULL,
 * was freed, or is of another type gives WASM_DYLD_INVALID_ARGUMENT, whatever has been made since.
 *
 * What a callback may call:
 *
 * - A function of the host that the guest calls (wasm_dyld_define, wasm_dyld_define_func) may call everything. Where it is called by a start function, so
 *   that an object is being instantiated, wasm_dyld_load and its kin, wasm_dyld_unload, and a look-up that would have to give a
 *   function its table slot answer WASM_DYLD_BUSY.
 * - The open callback, the trace callback, the watcher, the streams of WASI, its clocks and random numbers, and the callbacks of a folder may look at the namespace: objects, names,
 *   symbols, the link map, the memory's contents (not in those of WASI and the watcher: the guest is using the memory). What changes the namespace, or would run guests,
 *   answers WASM_DYLD_BUSY and does nothing: wasm_dyld_load and its kin, wasm_dyld_unload, wasm_dyld_define and wasm_dyld_define_func, wasm_dyld_set_wasi, wasm_dyld_alloc and wasm_dyld_free,
 *   wasm_dyld_run, wasm_dyld_finish, wasm_dyld_call, and a look-up that would have to give a function its table slot. They must
 *   not do with functions of wasm.h what these refuse: grow the memory or the table, or call the guest.
 * - The callback of wasm_dyld_object_symbols may call everything, and so may that for warnings of wasm_dyld_link. So may a finalizer; the handle of what is being deleted is freed already.
 * - Callbacks of wasm_dyld_engine_description_t must call nothing of this library.
 *
 * Other namespaces may be used from all of them but the last. Each of them may delete the namespace: the handle is freed at once, and
 * what it named goes when the functions of this library that are using it have returned. (A guest that was called by wasm_func_call
 * is used by no function of this library: do not delete its namespace before that has returned.)
 *
 * Generated from src/capi; do not edit.
 */

/* Some engines' wasm.h uses C11's static_assert inside a function. */
#if !defined(__cplusplus) && defined(__STDC_VERSION__) && __STDC_VERSION__ < 201112L && !defined(static_assert)
#define static_assert(condition, message) ((void)0)
#endif

#ifndef WASMDYLD_H
#define WASMDYLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasm.h>

/**
 * Major version of this header. It is in the soname.
 */
#define WASM_DYLD_VERSION_MAJOR 0

/**
 * Minor version of this header.
 */
#define WASM_DYLD_VERSION_MINOR 1

/**
 * Patch version of this header.
 */
#define WASM_DYLD_VERSION_PATCH 0

/**
 * What became of a call. The numbers are stable.
 */
enum wasm_dyld_code_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * It worked.
   */
  WASM_DYLD_OK = 0,
  /**
   * A NULL, freed, foreign or otherwise unusable argument.
   */
  WASM_DYLD_INVALID_ARGUMENT = 1,
  /**
   * A library, file or symbol was not found.
   */
  WASM_DYLD_NOT_FOUND = 2,
  /**
   * The operating system failed to read or write something.
   */
  WASM_DYLD_IO = 3,
  /**
   * The bytes are not a valid module.
   */
  WASM_DYLD_MALFORMED = 4,
  /**
   * Valid, but not something that this linker or this engine can link.
   */
  WASM_DYLD_UNSUPPORTED = 5,
  /**
   * One or more symbols have no definition: see wasm_dyld_error_undefined_count.
   */
  WASM_DYLD_UNDEFINED_SYMBOL = 6,
  /**
   * A symbol's use and its definition have different types.
   */
  WASM_DYLD_TYPE_MISMATCH = 7,
  /**
   * A limit of the configuration or of the engine was reached.
   */
  WASM_DYLD_LIMIT = 8,
  /**
   * The engine refused a module, an instance or an object.
   */
  WASM_DYLD_ENGINE = 9,
  /**
   * The guest trapped.
   */
  WASM_DYLD_TRAP = 10,
  /**
   * The guest exited where it was expected to return: see wasm_dyld_error_exit_code.
   */
  WASM_DYLD_EXIT = 11,
  /**
   * The namespace is in the midst of something that excludes the request.
   */
  WASM_DYLD_BUSY = 12,
  /**
   * A defect of this library.
   */
  WASM_DYLD_INTERNAL = 13,
  /**
   * The guest was interrupted: see wasm_dyld_interrupt.
   */
  WASM_DYLD_INTERRUPTED = 14,
  /**
   * The guest took longer than it may: see wasm_dyld_set_timeout.
   */
  WASM_DYLD_TIMED_OUT = 15,
  /**
   * The guest has used up its budget: see wasm_dyld_set_budget.
   */
  WASM_DYLD_OUT_OF_BUDGET = 16,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_code_t wasm_dyld_code_t;
#else
typedef uint32_t wasm_dyld_code_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a symbol is.
 */
enum wasm_dyld_symbol_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * A function; its value is its table slot, the number that a C function pointer holds in the guest.
   */
  WASM_DYLD_FUNC = 0,
  /**
   * A datum; its value is its address in the namespace's memory.
   */
  WASM_DYLD_DATA = 1,
  /**
   * What a program says of a name that it provides by a function of its own (`__WASM_EXPORT__NAME`): a slot or an address, it
   * does not say which.
   */
  WASM_DYLD_NUMBER = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_symbol_kind_t wasm_dyld_symbol_kind_t;
#else
typedef uint32_t wasm_dyld_symbol_kind_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * When undefined functions are an error (RTLD_NOW and RTLD_LAZY of dlopen(3)). Undefined data always are at once.
 */
enum wasm_dyld_bind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * When the object is loaded. The default.
   */
  WASM_DYLD_BIND_NOW = 0,
  /**
   * When they are called.
   */
  WASM_DYLD_BIND_LAZY = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_bind_t wasm_dyld_bind_t;
#else
typedef uint32_t wasm_dyld_bind_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How calls reach functions of other objects.
 */
enum wasm_dyld_plt_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Directly where possible, through generated stubs elsewhere. The default.
   */
  WASM_DYLD_PLT_AUTO = 0,
  /**
   * Always through generated stubs.
   */
  WASM_DYLD_PLT_WASM = 1,
  /**
   * Always through host functions: slow, but every call passes the host.
   */
  WASM_DYLD_PLT_HOST = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_plt_t wasm_dyld_plt_t;
#else
typedef uint32_t wasm_dyld_plt_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * How far RUNTIME_PATH entries, which come from the modules themselves, are followed.
 */
enum wasm_dyld_runtime_path_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Not at all.
   */
  WASM_DYLD_RUNTIME_PATH_OFF = 0,
  /**
   * Within the folder of the object that holds them ($ORIGIN, $ORIGIN/lib). The default.
   */
  WASM_DYLD_RUNTIME_PATH_ORIGIN = 1,
  /**
   * Anywhere. Only for modules that you trust.
   */
  WASM_DYLD_RUNTIME_PATH_ANY = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_runtime_path_t wasm_dyld_runtime_path_t;
#else
typedef uint32_t wasm_dyld_runtime_path_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Whether guests of a namespace can be stopped.
 */
enum wasm_dyld_control_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * They run as they are. The default.
   */
  WASM_DYLD_CONTROL_NONE = 0,
  /**
   * By wasm_dyld_interrupt and wasm_dyld_set_timeout.
   */
  WASM_DYLD_CONTROL_INTERRUPT = 1,
  /**
   * By these, and by a budget that counts the same on every engine: wasm_dyld_set_budget.
   */
  WASM_DYLD_CONTROL_BUDGET = 2,
  /**
   * As WASM_DYLD_CONTROL_INTERRUPT. wasm_dyld_engine_new makes an engine that checks by itself, where the engine can.
   */
  WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_control_t wasm_dyld_control_t;
#else
typedef uint32_t wasm_dyld_control_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Bounds that a host can set.
 */
enum wasm_dyld_limit_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Pages of 64 KiB in the memory; 65536 by default, to the last of which the bundled engine does not grow it. A maximum below that also
   * binds the guest's own memory.grow, each memory that a module has besides, and on the bundled engine what guests keep as objects of the
   * engine (exceptions, structures, arrays), all of a store together. There, as long as the namespace is there, it also
   * binds memories without a maximum that the host makes in the store, or that modules of other namespaces have for themselves; the memories
   * that other namespaces' objects share it does not bind. The smallest of several such maxima counts.
   */
  WASM_DYLD_LIMIT_MEMORY_PAGES = 0,
  /**
   * Slots in the table; 10,000,000 by default. A maximum that is set also binds the guest's own table.grow, and, if it is lower, each
   * table that a module has for itself.
   */
  WASM_DYLD_LIMIT_TABLE_SLOTS = 1,
  /**
   * Objects in a namespace; 8,000 by default.
   */
  WASM_DYLD_LIMIT_OBJECTS = 2,
  /**
   * Calls from guest to host to guest, one inside the other; 128 by default.
   */
  WASM_DYLD_LIMIT_NESTING = 3,
  /**
   * Bytes of the host's memory that the linker uses for the objects of the namespace: their files while they are being loaded, and
   * what it knows of them afterwards, by an estimate that is rather too high. Compiled code, which the engine holds, is not counted.
   * No bound by default.
   */
  WASM_DYLD_LIMIT_HOST_MEMORY = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_limit_t wasm_dyld_limit_t;
#else
typedef uint32_t wasm_dyld_limit_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_load, to be combined (dlopen(3)). The values up to WASM_DYLD_NODELETE are those of wasi-libc's dlfcn.h.
 */
enum wasm_dyld_load_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Undefined functions are looked up when they are called.
   */
  WASM_DYLD_LAZY = 1,
  /**
   * Undefined functions are an error. The default, unless the configuration says lazy.
   */
  WASM_DYLD_NOW = 2,
  /**
   * Only if the object is loaded already: then as without the flag, otherwise there is no object and no error.
   */
  WASM_DYLD_NOLOAD = 4,
  /**
   * The symbols serve only this object and what it needs. The default.
   */
  WASM_DYLD_LOCAL = 8,
  /**
   * The symbols, and those of what the object needs, enter the global scope, for objects loaded later. An object that is
   * loaded already is promoted.
   */
  WASM_DYLD_GLOBAL = 256,
  /**
   * The object is never unloaded.
   */
  WASM_DYLD_NODELETE = 4096,
  /**
   * The object's own group is searched before the global scope.
   */
  WASM_DYLD_DEEPBIND = 16384,
  /**
   * The object is the main program: the first of its namespace, in the global scope, to be run with wasm_dyld_run.
   */
  WASM_DYLD_PROGRAM = 65536,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_load_flag_t wasm_dyld_load_flag_t;
#else
typedef uint32_t wasm_dyld_load_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_define.
 */
enum wasm_dyld_define_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * The definition comes before those of objects, in the module "env" too.
   */
  WASM_DYLD_OVERRIDE = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_define_flag_t wasm_dyld_define_flag_t;
#else
typedef uint32_t wasm_dyld_define_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_config_set_guest: where guests may do less, or see more, than by default.
 */
enum wasm_dyld_guest_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Guests cannot open libraries themselves: every dlopen with a name fails. By default they can. Names without a slash are then
   * searched for them as needed entries are, those with a slash in the folders that WASI lets the guest use, and nowhere else.
   */
  WASM_DYLD_GUEST_NO_DLOPEN = 1,
  /**
   * Guests see the names of the host's folders, in the texts of dlerror, by dladdr and by dlinfo. By default they see only the names
   * of files, and paths of their own.
   */
  WASM_DYLD_GUEST_SEES_PATHS = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_guest_flag_t wasm_dyld_guest_flag_t;
#else
typedef uint32_t wasm_dyld_guest_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_config_set_launch.
 */
enum wasm_dyld_launch_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Launch closures are neither used nor kept: the first load of the namespace searches, reads, parses and plans as any other.
   */
  WASM_DYLD_LAUNCH_NO_CLOSURE = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_launch_flag_t wasm_dyld_launch_flag_t;
#else
typedef uint32_t wasm_dyld_launch_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_link_options_t.
 */
enum wasm_dyld_link_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * What nothing reaches is kept. By default it is left out.
   */
  WASM_DYLD_LINK_NO_GC = 1,
  /**
   * Functions have no names. By default they have those of their objects, as "libc.so!malloc".
   */
  WASM_DYLD_LINK_STRIP = 2,
  /**
   * dlopen and its like are there and fail: NULL, and dlerror says that the program was linked without them. By default a program that
   * calls them is an error.
   */
  WASM_DYLD_LINK_NO_DLOPEN = 4,
  /**
   * It is to be a library: a program is an error. By default either will do.
   */
  WASM_DYLD_LINK_LIBRARY = 8,
  /**
   * The module keeps what is known of its objects: a namespace that loads it as its program knows them as objects, and opens more libraries
   * beside them. The functions that open them stay imported, so that other hosts cannot run a module that has them. It is for programs, and
   * neither for libraries nor with WASM_DYLD_LINK_NO_DLOPEN.
   */
  WASM_DYLD_LINK_DYNAMIC = 16,
  /**
   * A component of WASI 0.2 is made rather than a module: a command of a program, and of a library what `wit` and `world` say, or bindings by
   * wit-bindgen in it. It does not go with WASM_DYLD_LINK_DYNAMIC. A library that was built without them (the one without an engine, or of Cargo's feature
   * `component` left out) answers WASM_DYLD_UNSUPPORTED.
   */
  WASM_DYLD_LINK_COMPONENT = 32,
  /**
   * The debug information of the objects (DWARF) is kept, for the code as it is in the module. It excludes a snapshot.
   */
  WASM_DYLD_LINK_DEBUG = 64,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_link_flag_t wasm_dyld_link_flag_t;
#else
typedef uint32_t wasm_dyld_link_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_snapshot.
 */
enum wasm_dyld_snapshot_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * A snapshot is taken though the guest has files open. They are no part of it: after a restore those of them are open that the same namespace still has
   * open, where they are then read and written; the others are closed, and the guest gets EBADF.
   */
  WASM_DYLD_SNAPSHOT_OPEN_FILES = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_snapshot_flag_t wasm_dyld_snapshot_flag_t;
#else
typedef uint32_t wasm_dyld_snapshot_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_wasi_add_folder. One of them must be given: what a guest may do with a folder is said, not assumed.
 */
enum wasm_dyld_folder_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Guests may read.
   */
  WASM_DYLD_FOLDER_READ_ONLY = 1,
  /**
   * Guests may write, make and delete, too.
   */
  WASM_DYLD_FOLDER_READ_WRITE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_folder_flag_t wasm_dyld_folder_flag_t;
#else
typedef uint32_t wasm_dyld_folder_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What something in a folder is.
 */
enum wasm_dyld_file_kind_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * A file.
   */
  WASM_DYLD_KIND_FILE = 1,
  /**
   * A folder.
   */
  WASM_DYLD_KIND_FOLDER = 2,
  /**
   * A symbolic link.
   */
  WASM_DYLD_KIND_LINK = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_file_kind_t wasm_dyld_file_kind_t;
#else
typedef uint32_t wasm_dyld_file_kind_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a file is opened for. To read it says none of these.
 */
enum wasm_dyld_open_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * To write to it.
   */
  WASM_DYLD_OPEN_WRITE = 1,
  /**
   * It is not there and has to be made. Without this flag it is there.
   */
  WASM_DYLD_OPEN_CREATE = 2,
  /**
   * Nothing of what is in it stays.
   */
  WASM_DYLD_OPEN_TRUNCATE = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_open_flag_t wasm_dyld_open_flag_t;
#else
typedef uint32_t wasm_dyld_open_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * A clock of guests.
 */
enum wasm_dyld_clock_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * Nanoseconds since 1970.
   */
  WASM_DYLD_CLOCK_REALTIME = 0,
  /**
   * Nanoseconds since a moment of the clock's own; it does not go back.
   */
  WASM_DYLD_CLOCK_MONOTONIC = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_clock_t wasm_dyld_clock_t;
#else
typedef uint32_t wasm_dyld_clock_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Flags of wasm_dyld_engine_description_t: what is true of this engine, and not of every one.
 */
enum wasm_dyld_engine_flag_t
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  /**
   * wasm_module_imports and wasm_module_exports list what the module declares in its order.
   */
  WASM_DYLD_ENGINE_DECLARED_ORDER = 1,
  /**
   * What wasm_module_validate accepts always compiles.
   */
  WASM_DYLD_ENGINE_FINAL_VALIDATION = 2,
  /**
   * wasm_instance_delete may be called while the instance's code runs.
   */
  WASM_DYLD_ENGINE_LASTING_INSTANCES = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wasm_dyld_engine_flag_t wasm_dyld_engine_flag_t;
#else
typedef uint32_t wasm_dyld_engine_flag_t;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What a namespace is made with. Made by wasm_dyld_config_new, given to wasm_dyld_new, which takes it. Not for use by
 * two threads at once.
 */
typedef struct wasm_dyld_config_t wasm_dyld_config_t;

/**
 * A shared library with an engine in it, opened by wasm_dyld_engine_open. May be used by several threads.
 */
typedef struct wasm_dyld_engine_t wasm_dyld_engine_t;

/**
 * What went wrong. Made by a function that takes a wasm_dyld_error_t ** and failed; the caller deletes it. Immutable,
 * so several threads may read it.
 */
typedef struct wasm_dyld_error_t wasm_dyld_error_t;

/**
 * A folder for guests that is none of the system: in memory, in an archive, or behind callbacks. Several WASI configurations may have it, and so several namespaces
 * on several threads; all find the same files. The caller deletes it, at any time after it was given to them.
 */
typedef struct wasm_dyld_folder_t wasm_dyld_folder_t;

/**
 * A function of a namespace, prepared to be called again and again: what wasm_dyld_call finds out with every call, its type above all, is
 * found out once.
 *
 * Made by wasm_dyld_func_new and wasm_dyld_func_at; the caller's, who deletes it with wasm_dyld_func_delete, before or after the namespace.
 * It keeps nothing alive: when the object that defines the function is unloaded, or the namespace deleted, its calls are
 * WASM_DYLD_INVALID_ARGUMENT. It is of its namespace's thread.
 */
typedef struct wasm_dyld_func_t wasm_dyld_func_t;

/**
 * An object of a namespace. The pointer is a name and points to nothing: it is never deleted. Using it after the object was
 * unloaded, or with another namespace, is an error; no object gets the name of an earlier one.
 */
typedef struct wasm_dyld_object_t wasm_dyld_object_t;

/**
 * A buffer that collects what guests write. The caller deletes it; guests may go on writing to it after that.
 */
typedef struct wasm_dyld_output_t wasm_dyld_output_t;

/**
 * The state of a namespace: its guest's memory, table and globals, its objects, and what the linker knows of them. It belongs to no
 * namespace, store or engine, and outlives them. It never changes, and any number of threads may use it at once.
 */
typedef struct wasm_dyld_snapshot_t wasm_dyld_snapshot_t;

/**
 * A namespace: a memory, a table and the objects linked in them, in one store.
 *
 * It belongs to the thread that uses its store: use both from one thread at a time. While no function of either is running, both may move to another
 * thread, which may delete them as well; the host sees to it that the one thread has done before the other begins, by a lock for instance. A
 * callback that waits for another thread must not have that use the namespace. What callbacks may call stands at the top of this file. Delete
 * it before its store.
 */
typedef struct wasm_dyld_t wasm_dyld_t;

/**
 * What guests get of WASI preview1. By default nothing: no arguments, an empty environment, no folders, empty input, output
 * to nowhere. Given to wasm_dyld_set_wasi, which takes it. Not for use by two threads at once.
 */
typedef struct wasm_dyld_wasi_t wasm_dyld_wasi_t;

/**
 * Answers a search for a library.
 *
 * `name` is what is searched, as it stands in a needed entry or as a guest gave it to dlopen; `needed_by` is the object that
 * needs it or calls dlopen, or NULL if the host asked. To give the library: set `*bytes` and `*size` to its bytes, which are copied as soon as the callback
 * returns, `*identity` and `*identity_size` to something that is the same for the same library under any name (copied
 * too; left alone, it is the name), and return 0. Return 1 to let the search go on in the library paths, anything else
 * to fail it. It may look at the namespace, and not change it: see the top of this file.
 */
typedef int32_t (*wasm_dyld_open_callback_t)(void *env,
                                             const char *name,
                                             const char *needed_by,
                                             const uint8_t **bytes,
                                             size_t *size,
                                             const uint8_t **identity,
                                             size_t *identity_size);

/**
 * Gives up a callback's environment, once, when nothing needs it any more: at once, where there is no callback. Where the function
 * that takes both fails, the environment stays the caller's. It may call everything: see the top of this file.
 */
typedef void (*wasm_dyld_finalizer_t)(void *env);

/**
 * Gets debug output: the category's name, and a text of one or more lines. Both are the callee's for the call only. It
 * may look at the namespace, and not change it: see the top of this file.
 */
typedef void (*wasm_dyld_trace_callback_t)(void *env, const char *category, const char *text);

/**
 * Takes the bytes that a wasm_dyld_kept_get_callback_t has found, and copies them; `to` is what that was called with.
 */
typedef void (*wasm_dyld_kept_give_t)(void *to, const uint8_t *bytes, size_t size);

/**
 * Looks for a file of compiled code. `name` is a C string of 64 hexadecimal digits, the callee's for the call. To give the file: call
 * `give(to, bytes, size)`, which copies the bytes, and return 0. Return 1 if there is none, anything else if that cannot be told now, which
 * comes to the same.
 *
 * It is called by whichever thread loads something, and by several at once. It may not enter a namespace.
 */
typedef int32_t (*wasm_dyld_kept_get_callback_t)(void *env,
                                                 const char *name,
                                                 wasm_dyld_kept_give_t give,
                                                 void *to);

/**
 * Keeps a file of compiled code, in the place of one of that name. The name and the bytes are the callee's for the call. It may lose them:
 * what is not found is compiled anew.
 *
 * It is called by whichever thread loads something, and by several at once. It may not enter a namespace.
 */
typedef void (*wasm_dyld_kept_put_callback_t)(void *env, const char *name, const uint8_t *bytes, size_t size);

/**
 * A function of an engine, to be cast to the type that wasm.h gives it.
 */
typedef void (*wasm_dyld_engine_function_t)(void);

/**
 * Writes a text of at most `size` bytes, without NUL, to `buffer` and returns how many; 0: nothing to say. `text` is what it is about.
 * May be called by any thread; it must call nothing of this library.
 */
typedef size_t (*wasm_dyld_text_callback_t)(void *env, const char *text, char *buffer, size_t size);

/**
 * What a host says of an engine that this library does not know. All zeros say what is true of every engine: it works, but the
 * linker goes longer ways round.
 */
typedef struct {
  /**
   * sizeof of this structure, for later versions of it.
   */
  size_t size;
  /**
   * The engine's name, for messages.
   */
  const char *name;
  /**
   * What is true of it: flags of wasm_dyld_engine_flag_t.
   */
  uint32_t flags;
  /**
   * Takes the reason out of a trap's text. May be NULL.
   */
  wasm_dyld_text_callback_t trap_cause;
  /**
   * What the engine refused last on this thread; `text` is empty. May be NULL.
   */
  wasm_dyld_text_callback_t last_error;
  /**
   * Passed to both; it must stay good for the rest of the process.
   */
  void *env;
} wasm_dyld_engine_description_t;

/**
 * A function of the host's that a guest calls. `caller` is the namespace whose guest calls, also where the definition was carried over to another by
 * wasm_dyld_renew. `args` are as many values as the type has parameters, the callee's for the call. `results` has room for as many as the
 * type has results; they are zeros of their kinds, so that only the field of the value has to be set (`results[0].of.i32 = 1`).
 *
 * NULL says that all is well. An error ends the guest's call in a trap with the error's message; the error is taken. It is made by
 * wasm_dyld_error_new, or is what a function of this library has failed with: the guest's exit in a call that the callback made goes on as
 * its exit. What the guest gives (addresses above all) is to be checked: wasm_dyld_read, wasm_dyld_write and wasm_dyld_read_string do.
 *
 * It is called on the thread that the guest runs on, and may call everything: see the top of this file.
 */
typedef wasm_dyld_error_t *(*wasm_dyld_func_callback_t)(void *env,
                                                        wasm_dyld_t *caller,
                                                        const wasm_val_t *args,
                                                        wasm_val_t *results);

/**
 * Prepares the namespace that wasm_dyld_renew makes, before anything is loaded in it: defines what is of its store, and loads what came from bytes.
 * NULL says that all is well; an error, of wasm_dyld_error_new or what a function of this library has failed with, ends the renewal
 * and is taken. It may call everything but delete `renewed`.
 */
typedef wasm_dyld_error_t *(*wasm_dyld_prepare_callback_t)(void *env, wasm_dyld_t *renewed);

/**
 * Tells whether the guest is to stop. Called on the thread that the guest runs on, while that waits for the answer. It may look at the
 * namespace, though not at its memory, and not change it: see the top of this file.
 */
typedef bool (*wasm_dyld_watcher_callback_t)(void *env);

/**
 * Gets what is lost or unwise in a module that wasm_dyld_link makes, as a line of text for people, which is the callee's for the call.
 */
typedef void (*wasm_dyld_warning_callback_t)(void *env, const char *text);

/**
 * What wasm_dyld_link links, and how. All zeros but for `size` and `file` are the defaults. Strings and lists are the caller's, and are read
 * during the call.
 */
typedef struct {
  /**
   * sizeof of this structure, for later versions of it.
   */
  size_t size;
  /**
   * The program or library: a name without a slash is searched, one with a slash is a path. With `bytes`: what to call it.
   */
  const char *file;
  /**
   * The module itself, or NULL.
   */
  const uint8_t *bytes;
  /**
   * How many bytes it has.
   */
  size_t bytes_size;
  /**
   * Symbols that the module exports, beside `memory` and `_start`, or `_initialize` and its own symbols for a library.
   */
  const char *const *exports;
  /**
   * How many there are.
   */
  size_t export_count;
  /**
   * Symbols that are kept whether anything reaches them or not, and are not exported.
   */
  const char *const *keep;
  /**
   * How many there are.
   */
  size_t keep_count;
  /**
   * What stays imported, as "MODULE" or "MODULE.NAME", beside WASI: the module's host defines it.
   */
  const char *const *imports;
  /**
   * How many there are.
   */
  size_t import_count;
  /**
   * Flags of wasm_dyld_link_flag_t.
   */
  uint32_t flags;
  /**
   * May be NULL.
   */
  wasm_dyld_warning_callback_t warning;
  /**
   * Passed to `warning`.
   */
  void *env;
  /**
   * NULL, or the program is run first, and the module begins with the memory that it has then, and goes on with main: "" until everything is constructed,
   * "ready" until main calls wasmdyld_snapshot of <wasmdyld/snapshot.h>, else until this function, called after the constructors, has returned.
   */
  const char *snapshot;
  /**
   * What the program sees until the snapshot, or NULL: nothing. It stays the caller's, and may be given again. Random numbers follow from the module, if they are
   * not the host's and do not follow from a seed that it has given.
   */
  const wasm_dyld_wasi_t *wasi;
  /**
   * How long that may take, in nanoseconds; 0: as long as it likes.
   */
  uint64_t timeout;
  /**
   * Its budget, in units of wasm_dyld_set_budget; 0: no bound.
   */
  uint64_t budget;
  /**
   * With WASM_DYLD_LINK_COMPONENT, what the component imports and exports beside WASI: the path of a WIT file, or of the folder of a package. NULL: what the
   * worlds say that are in the objects.
   */
  const char *wit;
  /**
   * One of its worlds, or NULL if there is only one.
   */
  const char *world;
} wasm_dyld_link_options_t;

/**
 * The bits of a number, for wasm_dyld_func_call_cells.
 */
typedef union {
  /**
   * An i32.
   */
  int32_t i32;
  /**
   * An i64.
   */
  int64_t i64;
  /**
   * An f32.
   */
  float f32;
  /**
   * An f64.
   */
  double f64;
} wasm_dyld_cell_t;

/**
 * Where the values of a parameter or a result lie in the guest's memory, for wasm_dyld_func_call_rows: that of row n, counted from 0, at
 * `address` + n * `stride`, little-endian, in 4 bytes (i32, f32) or 8 (i64, f64). No alignment is asked for.
 */
typedef struct {
  /**
   * Where the value of the first row is. Not 0, which is the guest's null pointer.
   */
  uint64_t address;
  /**
   * Bytes from one row's value to the next one's: the size of a value for an array, that of the structure for an array of structures, 0
   * for one value that serves all rows.
   */
  uint64_t stride;
} wasm_dyld_column_t;

/**
 * Gets a name that an object defines, and what it is: a function or a datum. The name is the callee's for the call only. It may call everything: see
 * the top of this file.
 */
typedef void (*wasm_dyld_symbol_callback_t)(void *env, const char *name, wasm_dyld_symbol_kind_t kind);

/**
 * Gives a guest input: fills `buffer` with up to `size` bytes and returns how many; 0 is the end of input, a negative number
 * is an errno of the host system (on WebAssembly: of WASI preview1), negated. It may look at the namespace, though not at its memory, and not change it: see the top
 * of this file.
 */
typedef int64_t (*wasm_dyld_read_callback_t)(void *env, uint8_t *buffer, size_t size);

/**
 * Takes what a guest writes: all `size` bytes, returning 0, or none, returning an errno of the host system (on
 * WebAssembly: of WASI preview1). It may look at the namespace, though not at its memory, and not change it: see the top of this file.
 */
typedef int32_t (*wasm_dyld_write_callback_t)(void *env, const uint8_t *bytes, size_t size);

/**
 * What a host says of something in a folder. It is all zeros before.
 */
typedef struct {
  /**
   * One of wasm_dyld_file_kind_t.
   */
  uint32_t kind;
  /**
   * Bytes of a file or of a link's contents.
   */
  uint64_t size;
  /**
   * A number that no other file, folder or link of this folder has. 0: one that follows from the path. Guests that open libraries have one library for each number.
   */
  uint64_t inode;
  /**
   * When it was last read, in nanoseconds since 1970.
   */
  uint64_t accessed;
  /**
   * When its contents were last changed.
   */
  uint64_t modified;
  /**
   * When it itself was last changed.
   */
  uint64_t changed;
} wasm_dyld_file_stat_t;

/**
 * The functions behind a folder for guests. `size` and the first four functions are to be given; each of the others may be NULL, and guests then get EROFS for what
 * it would do, but for `close` and `sync`, which then do nothing, `stat_open`, in whose stead `stat` is asked by the path that was opened, and `read_link`, without which there are no links.
 *
 * Each gets `env` first. A path begins in the folder, without a slash, has at most 4,095 bytes, and has no part that is `.` or `..`; "" is the folder itself. Of a longer path nothing is asked:
 * a guest that goes so deep gets ENAMETOOLONG. What is above the last part of a
 * path has been said by `stat` to be a folder: links, and whether a path leads out of the folder, are looked after before. Each returns 0 or an errno of the host system; those whose result is 64 bits wide return a
 * number of bytes, or an errno, negated. In a host that is WebAssembly itself, these numbers are the errnos of WASI preview1 (ENOENT is 44), whatever its C library has. What cannot be (more bytes than there was room for, a name with a
 * slash) is the guest's EIO, and so is an errno that WASI does not have.
 *
 * They are called by whichever threads run guests that have the folder, and by several at once if these are several. They may look at the namespace, though not at its memory, and not
 * change it: see the top of this file. They must return: no C++ exception may leave them.
 */
typedef struct {
  /**
   * sizeof of this structure, for later versions of it.
   */
  size_t size;
  /**
   * Tells what is at a path, of a link itself. ENOENT: nothing.
   */
  int32_t (*stat)(void *env, const char *path, wasm_dyld_file_stat_t *stat);
  /**
   * Opens a file with flags of wasm_dyld_open_flag_t. `*file`, 0 before, is what names it in other calls until it is closed.
   */
  int32_t (*open)(void *env, const char *path, uint32_t flags, uint64_t *file);
  /**
   * Reads up to `size` bytes of a file from `offset` on. 0: that is behind its end.
   */
  int64_t (*read)(void *env, uint64_t file, uint8_t *buffer, size_t size, uint64_t offset);
  /**
   * Writes the name of entry `number` of a folder, from 0 on, to `name`, where there is room for `size` bytes, and returns its length without a NUL; 0: there are no more. `.` and `..` may
   * be among them. A guest that lists a folder asks for all, one after the other.
   */
  int64_t (*entry)(void *env, const char *folder, uint64_t number, char *name, size_t size);
  /**
   * Closes a file. It is called once for each that was opened.
   */
  void (*close)(void *env, uint64_t file);
  /**
   * As `stat`, of a file that is open.
   */
  int32_t (*stat_open)(void *env, uint64_t file, wasm_dyld_file_stat_t *stat);
  /**
   * Writes up to `size` bytes to a file at `offset`, and returns how many. What lies between its end and `offset` becomes zeros.
   */
  int64_t (*write)(void *env, uint64_t file, const uint8_t *bytes, size_t size, uint64_t offset);
  /**
   * Gives a file another size.
   */
  int32_t (*set_size)(void *env, uint64_t file, uint64_t size);
  /**
   * Has what was written to a file lie where it stays.
   */
  int32_t (*sync)(void *env, uint64_t file);
  /**
   * Makes a folder, where there is nothing.
   */
  int32_t (*create_folder)(void *env, const char *path);
  /**
   * Removes a folder that has no entries.
   */
  int32_t (*remove_folder)(void *env, const char *path);
  /**
   * Removes a file or a link.
   */
  int32_t (*remove_file)(void *env, const char *path);
  /**
   * Gives something another path, in the stead of what is there: a file or a link in that of such, a folder in that of one without entries.
   */
  int32_t (*rename)(void *env, const char *path, const char *to);
  /**
   * Writes the contents of a link to `contents`, where there is room for `size` bytes, and returns their length without a NUL.
   */
  int64_t (*read_link)(void *env, const char *path, char *contents, size_t size);
  /**
   * Makes a link, where there is nothing.
   */
  int32_t (*make_link)(void *env, const char *contents, const char *path);
  /**
   * Sets when a file or folder was last read and changed, in nanoseconds since 1970. UINT64_MAX: it stays as it is.
   */
  int32_t (*set_times)(void *env, const char *path, uint64_t accessed, uint64_t modified);
} wasm_dyld_folder_callbacks_t;

/**
 * The functions behind the clocks of guests. `size` is to be given and at least one function; each of the others may be NULL.
 *
 * Each gets `env` first and returns 0 or an errno of the host system (on WebAssembly: of WASI preview1), which is what the guest gets from the call of WASI that has asked. An
 * errno that WASI does not have is EIO.
 *
 * They are called by the thread that runs the guest. They may look at the namespace, though not at its memory, and not change it: see the top of this
 * file. They must return: no C++ exception may leave them, and a guest that is to stop does so when they have returned.
 */
typedef struct {
  /**
   * sizeof of this structure, for later versions of it.
   */
  size_t size;
  /**
   * Tells the time in nanoseconds since 1970, also for files that guests change in folders that are none of the system; these bear the time 0 where it fails. NULL: the system's time.
   */
  int32_t (*realtime)(void *env, uint64_t *time);
  /**
   * Tells the nanoseconds since any moment. What a guest sees does not go back, whatever this says: a clock that does so stands still for it meanwhile. NULL: the system's.
   */
  int32_t (*monotonic)(void *env, uint64_t *time);
  /**
   * Tells how many nanoseconds are between two times of a clock, one of wasm_dyld_clock_t, that can be told apart. NULL: 1. So is 0.
   */
  int32_t (*resolution)(void *env, uint32_t clock, uint64_t *nanoseconds);
  /**
   * Lets so many nanoseconds of the monotonic clock pass, at least 1, and returns then: how guests sleep, and how they wait with a time-out for descriptors of which none
   * is ready, which are looked at once more after it. The monotonic clock of the guest shows at least the end of the sleep from then on, whatever `monotonic` says. With EINTR it ends
   * the guest's waiting before. NULL: guests sleep as long in the system's time, which an interrupt or a time-out of the namespace ends at once.
   */
  int32_t (*sleep)(void *env, uint64_t nanoseconds);
} wasm_dyld_clock_callbacks_t;

/**
 * Gives a guest random bytes: fills all `size` bytes of `buffer` and returns 0, or an errno of the host system (on WebAssembly: of WASI preview1). It may look at the
 * namespace, though not at its memory, and not change it: see the top of this file.
 */
typedef int32_t (*wasm_dyld_random_callback_t)(void *env, uint8_t *buffer, size_t size);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The error's code; WASM_DYLD_INVALID_ARGUMENT if `error` is no live error.
 */
wasm_dyld_code_t wasm_dyld_error_code(const wasm_dyld_error_t *error);

/**
 * The error as text for people, UTF-8, possibly of several lines: what was being done, and the cause, with every name
 * that matters. Lives as long as the error. Never NULL.
 */
const char *wasm_dyld_error_message(const wasm_dyld_error_t *error);

/**
 * How many undefined symbols the error reports; they are reported all at once, of more than a thousand the first ones.
 */
size_t wasm_dyld_error_undefined_count(const wasm_dyld_error_t *error);

/**
 * The name of an undefined symbol. Lives as long as the error; NULL if there are not so many.
 */
const char *wasm_dyld_error_undefined_symbol(const wasm_dyld_error_t *error, size_t index);

/**
 * The object that needs it. Lives as long as the error; NULL if there are not so many.
 */
const char *wasm_dyld_error_undefined_importer(const wasm_dyld_error_t *error, size_t index);

/**
 * What it is needed as, such as "func (i32) -> i32" or "data". Lives as long as the error; NULL if there are not so many.
 */
const char *wasm_dyld_error_undefined_wanted(const wasm_dyld_error_t *error,
                                             size_t index);

/**
 * Whether the guest exited, and with which code, written to `exit_code` if that is not NULL.
 */
bool wasm_dyld_error_exit_code(const wasm_dyld_error_t *error, int32_t *exit_code);

/**
 * How many functions of the guest were running when it trapped, as far as the engine tells: none on engines that tell nothing. Of
 * very many only the first and the last are given. The message has them as well, a line each.
 */
size_t wasm_dyld_error_frame_count(const wasm_dyld_error_t *error);

/**
 * The object that a function belongs to; the innermost function is number 0. Several names, joined by " or ", where what the
 * engine tells is true of several objects, as of two that were loaded from the same bytes. Lives as long as the error; NULL if the
 * function belongs to no loaded object, or if there are not so many.
 */
const char *wasm_dyld_error_frame_object(const wasm_dyld_error_t *error,
                                         size_t index);

/**
 * The function's name, from the object's name section or exports; names of C++ and Rust are demangled. Lives as long as the error;
 * NULL if it has none, or if there are not so many.
 */
const char *wasm_dyld_error_frame_function(const wasm_dyld_error_t *error,
                                           size_t index);

/**
 * Where in the object's file the instruction stands that trapped or called, written to `offset` if that is not NULL. False if the
 * engine does not tell, or if there are not so many.
 */
bool wasm_dyld_error_frame_offset(const wasm_dyld_error_t *error,
                                  size_t index,
                                  uint64_t *offset);

/**
 * Deletes an error. NULL is allowed.
 */
void wasm_dyld_error_delete(wasm_dyld_error_t *error);

/**
 * A configuration with the defaults: no library paths, bind now, direct calls, 1 MiB of stack. The caller deletes it or
 * gives it to wasm_dyld_new.
 */
wasm_dyld_config_t *wasm_dyld_config_new(void);

/**
 * Deletes a configuration that was not given away. NULL is allowed.
 */
void wasm_dyld_config_delete(wasm_dyld_config_t *config);

/**
 * Adds a folder to search for libraries, after those added before.
 */
wasm_dyld_code_t wasm_dyld_config_add_library_path(wasm_dyld_config_t *config,
                                                   const char *folder,
                                                   wasm_dyld_error_t **error);

/**
 * Adds a folder that is searched last, after the library paths and what an object's own RUNTIME_PATH says: where the libraries are that guests
 * are compiled against, libc.so for instance (`wasmdyld-cc --print-lib-dir`). After those added before. By default there is none.
 */
wasm_dyld_code_t wasm_dyld_config_add_default_path(wasm_dyld_config_t *config,
                                                   const char *folder,
                                                   wasm_dyld_error_t **error);

/**
 * Adds a library that is loaded together with the first object and whose symbols come before those of other libraries
 * (LD_PRELOAD). A name without a slash is searched, one with a slash is a path.
 */
wasm_dyld_code_t wasm_dyld_config_add_preload(wasm_dyld_config_t *config,
                                              const char *name,
                                              wasm_dyld_error_t **error);

/**
 * Sets the bytes of stack that a position-independent program, or libraries without a program, get: 1024 at least.
 */
wasm_dyld_code_t wasm_dyld_config_set_stack_size(wasm_dyld_config_t *config,
                                                 uint64_t bytes,
                                                 wasm_dyld_error_t **error);

/**
 * Sets when undefined functions are an error, for loads whose flags do not say.
 */
wasm_dyld_code_t wasm_dyld_config_set_bind(wasm_dyld_config_t *config,
                                           wasm_dyld_bind_t bind,
                                           wasm_dyld_error_t **error);

/**
 * Sets how calls reach functions of other objects.
 */
wasm_dyld_code_t wasm_dyld_config_set_plt(wasm_dyld_config_t *config,
                                          wasm_dyld_plt_t plt,
                                          wasm_dyld_error_t **error);

/**
 * Sets how far RUNTIME_PATH entries of modules are followed.
 */
wasm_dyld_code_t wasm_dyld_config_set_runtime_path(wasm_dyld_config_t *config,
                                                   wasm_dyld_runtime_path_t mode,
                                                   wasm_dyld_error_t **error);

/**
 * Sets one of the limits.
 */
wasm_dyld_code_t wasm_dyld_config_set_limit(wasm_dyld_config_t *config,
                                            wasm_dyld_limit_t limit,
                                            uint64_t value,
                                            wasm_dyld_error_t **error);

/**
 * Sets what guests may do and see: flags of wasm_dyld_guest_flag_t, 0 for the default. They replace those set before.
 */
wasm_dyld_code_t wasm_dyld_config_set_guest(wasm_dyld_config_t *config,
                                            uint32_t flags,
                                            wasm_dyld_error_t **error);

/**
 * Sets how the first load of the namespace is made: flags of wasm_dyld_launch_flag_t, 0 for the default. They replace those set before.
 *
 * By default, where the engine keeps compiled code (wasm_dyld_config_set_engine_cache), the same folder keeps what the first load from
 * files comes to: which files it found and which places had none, the objects' metadata and the plan. A namespace whose first load is
 * asked for in the same way uses that while all of these places are as they were, and does not read the files. What a load asks an
 * open callback for is not kept, nor are loads from bytes. The debug category "statistics" tells what was used, or why not.
 */
wasm_dyld_code_t wasm_dyld_config_set_launch(wasm_dyld_config_t *config,
                                             uint32_t flags,
                                             wasm_dyld_error_t **error);

/**
 * Sets a callback that is asked for every library before the library paths are searched, and for what guests open by a path,
 * with the path as the guest wrote it. `finalizer` (may be NULL) is
 * called with `env` when the namespace, or a configuration that never became one, is deleted.
 */
wasm_dyld_code_t wasm_dyld_config_set_open(wasm_dyld_config_t *config,
                                           wasm_dyld_open_callback_t callback,
                                           void *env,
                                           wasm_dyld_finalizer_t finalizer,
                                           wasm_dyld_error_t **error);

/**
 * Sends debug output of some categories ("libs,bindings", "all") to a callback, or to standard error if that is NULL.
 */
wasm_dyld_code_t wasm_dyld_config_set_trace(wasm_dyld_config_t *config,
                                            const char *categories,
                                            wasm_dyld_trace_callback_t callback,
                                            void *env,
                                            wasm_dyld_finalizer_t finalizer,
                                            wasm_dyld_error_t **error);

/**
 * Takes over what the environment says: WASMDYLD_LIBRARY_PATH (folders, separated as in PATH), WASMDYLD_PRELOAD,
 * WASMDYLD_BIND_NOW, WASMDYLD_NO_LAUNCH_CLOSURE and WASMDYLD_DEBUG (to standard error). Nothing of it is read otherwise.
 */
wasm_dyld_code_t wasm_dyld_config_read_env(wasm_dyld_config_t *config,
                                           wasm_dyld_error_t **error);

/**
 * Lets wasm_dyld_engine_new make engines that keep compiled code between processes, where that is known how (docs/ENGINES.md
 * names them; a library that was opened, on Linux): in `folder`, which is made if it is missing, or if that is NULL in `wasmdyld` among this
 * user's caches (XDG_CACHE_HOME, ~/.cache). Only what is loaded into namespaces is kept. Without this call nothing is. The engines of a
 * library that was opened, and compile alike, keep code where the one that was made last does.
 *
 * What is in there is run as machine code. So `folder` and every folder above it must belong to this user or to root, and none of
 * them may be writable for others (but for those above with the sticky bit, as /tmp), else wasm_dyld_engine_new fails with
 * WASM_DYLD_INVALID_ARGUMENT. What is damaged is compiled anew. A folder that cannot be made or written to keeps nothing, which is no error.
 */
wasm_dyld_code_t wasm_dyld_config_set_engine_cache(wasm_dyld_config_t *config,
                                                   const char *folder,
                                                   wasm_dyld_error_t **error);

/**
 * Makes an engine with all that dynamic linking can use switched on (tail calls, exceptions) and with the
 * configuration's engine cache: of the engine library that wasm_dyld_config_set_engine names, else of the linked one. `config`
 * may be NULL and stays the caller's. An engine made with wasm_engine_new does as
 * well. The caller deletes the engine with wasm_engine_delete.
 */
wasm_dyld_code_t wasm_dyld_engine_new(const wasm_dyld_config_t *config,
                                      wasm_engine_t **engine,
                                      wasm_dyld_error_t **error);

/**
 * Lets wasm_dyld_engine_new make engines that look for compiled code in a folder that somebody has filled before (`wasmdyld cache add`),
 * after the one of wasm_dyld_config_set_engine_cache and those added before. Nothing is written to it. Without this call
 * `/usr/local/lib/wasmdyld/cache` and `/usr/lib/wasmdyld/cache` are such folders, for engines that keep compiled code.
 *
 * What is in there is run as machine code: what wasm_dyld_config_set_engine_cache says of a folder's owners holds here. One that is missing
 * is passed over.
 */
wasm_dyld_code_t wasm_dyld_config_add_prebuilt_cache(wasm_dyld_config_t *config,
                                                     const char *folder,
                                                     wasm_dyld_error_t **error);

/**
 * Lets wasm_dyld_engine_new make engines that look for compiled code in a place of the host's, after all folders, and keep there what they
 * compile: an object store or a cache server that a fleet shares. What comes from there is put into the folder of
 * wasm_dyld_config_set_engine_cache as well, if there is one. `put` may be NULL: then nothing is kept there. A file of more than 1 GiB is not.
 *
 * **Code from there is run as machine code.** Each file has hashes that tell damage, not forgery. So either nobody but the hosts that use
 * it can write there, or these share a `secret` of 16 random bytes or more (copied; NULL: none), by which each file is sealed (keyed
 * BLAKE3): a file without the right seal is as if it was not there. Whoever knows the secret can run what he likes in each host.
 *
 * `finalizer` (may be NULL) is called with `env` when the configuration is gone and nothing is left of the engines that were made with it, on
 * whichever thread that is: at once on Linux on x86-64, elsewhere when another engine is made or used. WASM_DYLD_INVALID_ARGUMENT if `get` is NULL or the secret too short.
 */
wasm_dyld_code_t wasm_dyld_config_set_code_store(wasm_dyld_config_t *config,
                                                 wasm_dyld_kept_get_callback_t get,
                                                 wasm_dyld_kept_put_callback_t put,
                                                 const uint8_t *secret,
                                                 size_t secret_size,
                                                 void *env,
                                                 wasm_dyld_finalizer_t finalizer,
                                                 wasm_dyld_error_t **error);

/**
 * Opens a shared library that has the functions of wasm.h ("libwasmer.so", or a path): an engine chosen at run time.
 *
 * Its symbols are its own: another engine in the process, the bundled one for instance, is not disturbed. Use what
 * wasm_dyld_engine_function gives for all that the host does with it; objects of two engines do not mix. The library is never
 * closed again. A function that it lacks and that cannot be done without is named in the error.
 *
 * The library's code runs in this process: open only what you trust.
 */
wasm_dyld_code_t wasm_dyld_engine_open(const char *library,
                                       wasm_dyld_engine_t **engine,
                                       wasm_dyld_error_t **error);

/**
 * Gives up a handle. What was made with the engine stays as it is. NULL is allowed.
 */
void wasm_dyld_engine_close(wasm_dyld_engine_t *engine);

/**
 * What engine it is: "wasmtime", "wasmer", "wasmi", what wasm_dyld_engine_describe said, or "wasm.h" for one that is not known by name.
 * Belongs to the handle.
 */
const char *wasm_dyld_engine_name(const wasm_dyld_engine_t *engine);

/**
 * A function of the engine by its name, "wasm_store_new" for instance; NULL if it has none. It stays good.
 */
wasm_dyld_engine_function_t wasm_dyld_engine_function(const wasm_dyld_engine_t *engine, const char *name);

/**
 * Describes an engine: one that was opened, or the linked one if `engine` is NULL. Once, before the engine is used, and only for
 * engines that are not known by name: otherwise WASM_DYLD_BUSY.
 */
wasm_dyld_code_t wasm_dyld_engine_describe(const wasm_dyld_engine_t *engine,
                                           const wasm_dyld_engine_description_t *description,
                                           wasm_dyld_error_t **error);

/**
 * Lets wasm_dyld_engine_new make engines of an opened library, and wasm_dyld_new namespaces in stores of such. `engine` stays
 * the caller's.
 */
wasm_dyld_code_t wasm_dyld_config_set_engine(wasm_dyld_config_t *config,
                                             const wasm_dyld_engine_t *engine,
                                             wasm_dyld_error_t **error);

/**
 * The library's version, such as "0.1.0".
 */
const char *wasm_dyld_version(void);

/**
 * Makes a namespace in `store`, which must outlive it and be of the engine that `config` names (wasm_dyld_config_set_engine), else
 * of the linked one. `config` is taken in any case, also on failure; NULL means the
 * defaults. On success `*namespace` is the caller's, to be deleted with wasm_dyld_delete.
 */
wasm_dyld_code_t wasm_dyld_new(wasm_store_t *store,
                               wasm_dyld_config_t *config,
                               wasm_dyld_t **namespace_,
                               wasm_dyld_error_t **error);

/**
 * Deletes a namespace with all that it holds. Functions taken from it must not be called any more. NULL is allowed.
 * The engine keeps the objects' code and memory until the store is deleted. Exit handlers do not run: see wasm_dyld_finish.
 */
void wasm_dyld_delete(wasm_dyld_t *namespace_);

/**
 * Defines what objects loaded from now on get for the import `module`.`name`: a function, global, table or memory of
 * the namespace's store. (A callback is defined by wasm_dyld_define_func, without a function of wasm.h.) `value` stays the caller's, who may delete it. In the module "env", objects' own definitions
 * come first, unless `flags` has WASM_DYLD_OVERRIDE (wasm_dyld_define_flag_t).
 */
wasm_dyld_code_t wasm_dyld_define(wasm_dyld_t *namespace_,
                                  const char *module,
                                  const char *name,
                                  const wasm_extern_t *value,
                                  uint32_t flags,
                                  wasm_dyld_error_t **error);

/**
 * Loads an object with all that it needs, links them and runs their constructors (dlopen(3)).
 *
 * A `name` with a slash is a path; one without is searched: open callback, library paths. With WASM_DYLD_PROGRAM it is
 * always a path. `flags` are of wasm_dyld_load_flag_t. On success `*object` (if `object` is not NULL) names the object, which
 * is loaded once more: wasm_dyld_unload takes that back. It is NULL if WASM_DYLD_NOLOAD is given and the object is not loaded. An
 * object that is loaded already, under whatever name, is the same one; its constructors do not run again.
 *
 * On failure nothing has changed, and one error tells all that is wrong. If it was a constructor that failed, what had been
 * constructed is destroyed again: its exit handlers run. (What cannot be taken back: memory and table stay grown, for the next
 * load to use; what the host itself loaded or closed meanwhile; and a function of an older library that got a table slot keeps
 * it.)
 */
wasm_dyld_code_t wasm_dyld_load(wasm_dyld_t *namespace_,
                                const char *name,
                                uint32_t flags,
                                wasm_dyld_object_t **object,
                                wasm_dyld_error_t **error);

/**
 * As wasm_dyld_load, from bytes, which are copied. `name` is a file name without a slash: the object is found under it when
 * others need it. Each call makes a new object.
 */
wasm_dyld_code_t wasm_dyld_load_bytes(wasm_dyld_t *namespace_,
                                      const char *name,
                                      const uint8_t *bytes,
                                      size_t size,
                                      uint32_t flags,
                                      wasm_dyld_object_t **object,
                                      wasm_dyld_error_t **error);

/**
 * As wasm_dyld_load_bytes, for a module that the host has compiled already, or taken from a cache of its own: `module` is of the
 * namespace's engine and store, and is taken, also on failure, unless `namespace` is none. `bytes` are those that it was compiled from; the linker
 * reads in them what no engine tells (the dylink.0 section, addresses of data, table segments). That they belong together is the
 * host's word beyond the names of imports and exports.
 */
wasm_dyld_code_t wasm_dyld_load_compiled(wasm_dyld_t *namespace_,
                                         const char *name,
                                         wasm_module_t *module,
                                         const uint8_t *bytes,
                                         size_t size,
                                         uint32_t flags,
                                         wasm_dyld_object_t **object,
                                         wasm_dyld_error_t **error);

/**
 * Calls `_start` of the main program, or main of a library that was loaded as one. `*exit_code` (may be NULL) is what it passed to
 * exit or main returned, or 0 if `_start` returned. A trap is an error.
 */
wasm_dyld_code_t wasm_dyld_run(wasm_dyld_t *namespace_,
                               int32_t *exit_code,
                               wasm_dyld_error_t **error);

/**
 * Takes one loading of an object back (dlclose(3)): call it as often as the object was loaded.
 *
 * At the last time, unless something loaded needs it or is bound to it, its exit handlers run (what it gave to atexit and
 * __cxa_atexit, destructors among them), the last registered first, and it is unloaded with what only it needed. Functions
 * taken from it must not be called any more; memory and table slots are used again; a pointer to one of its functions traps
 * until its slot is. The engine keeps code and instance until the store is deleted.
 *
 * A main program, a preload and what was loaded with WASM_DYLD_NODELETE stay. If an exit handler traps, the error is
 * WASM_DYLD_TRAP, and all the rest is done nevertheless.
 */
wasm_dyld_code_t wasm_dyld_unload(wasm_dyld_t *namespace_,
                                  wasm_dyld_object_t *object,
                                  wasm_dyld_error_t **error);

/**
 * Ends the guest as its `exit` does, without a trap: runs all exit handlers, the last registered first, and flushes the
 * guest's stdio. For namespaces without a program. Objects stay loaded; handlers run once, here or when their object is
 * unloaded. If one traps, the error is WASM_DYLD_TRAP, and all the rest is done nevertheless.
 */
wasm_dyld_code_t wasm_dyld_finish(wasm_dyld_t *namespace_,
                                  wasm_dyld_error_t **error);

/**
 * Calls a function of the namespace, as wasm_func_call does, and turns what goes wrong into an error: a trap
 * (WASM_DYLD_TRAP: the reason, and the functions that were running, see wasm_dyld_error_frame_count) or the guest's exit
 * (WASM_DYLD_EXIT). `args` and `results` must fit the function's
 * type; NULL stands for none. A function with values that wasm.h cannot carry on every engine (v128, externref and other references
 * than funcref) among its parameters or results is not called: WASM_DYLD_UNSUPPORTED. After a trap the guest's stack pointer is as it was before the call, which a plain
 * wasm_func_call cannot see to: the frames of a trap there stay on the guest's stack.
 */
wasm_dyld_code_t wasm_dyld_call(wasm_dyld_t *namespace_,
                                const wasm_func_t *function,
                                const wasm_val_vec_t *args,
                                wasm_val_vec_t *results,
                                wasm_dyld_error_t **error);

/**
 * Whether the guest has called exit during a call that the host made with wasm_func_call, which ends in a trap, and with which
 * code. Asking forgets it.
 */
bool wasm_dyld_take_exit(wasm_dyld_t *namespace_,
                         int32_t *exit_code);

/**
 * The memory that all objects share. There is none before the first load (WASM_DYLD_BUSY).
 *
 * The handle belongs to the namespace and lives as long. It is the same one until the namespace has no objects any more, or its first
 * load has failed: the next load may make another memory, so ask again then.
 */
wasm_dyld_code_t wasm_dyld_memory(wasm_dyld_t *namespace_,
                                  wasm_memory_t **memory,
                                  wasm_dyld_error_t **error);

/**
 * The table that all objects share, where function pointers lead. As wasm_dyld_memory.
 */
wasm_dyld_code_t wasm_dyld_table(wasm_dyld_t *namespace_, wasm_table_t **table, wasm_dyld_error_t **error);

/**
 * How many instances the namespace has made in its store so far, generated ones included. The bundled engine makes
 * 10,000 in the life of a store and gives none back when libraries are closed. A host that opens and closes
 * libraries without end goes on with a new namespace in a new store before that; a load beyond the limit, and a look-up that has
 * to give a function its table slot, fails with WASM_DYLD_LIMIT and changes nothing.
 */
uint64_t wasm_dyld_instance_count(const wasm_dyld_t *namespace_);

/**
 * The link map, as text for people: what lies where in memory and table, the objects in the order of loading, what each needs, and
 * what keeps it. Its form may change with each version of the library. Belongs to the namespace and lives until the next call of
 * this function; NULL if `namespace` is none.
 */
const char *wasm_dyld_link_map(const wasm_dyld_t *namespace_);

/**
 * How many folders are searched for libraries.
 */
size_t wasm_dyld_library_path_count(const wasm_dyld_t *namespace_);

/**
 * One of the folders that are searched for libraries, in order; NULL if there are not so many. Belongs to the namespace.
 */
const char *wasm_dyld_library_path_at(const wasm_dyld_t *namespace_,
                                      size_t index);

/**
 * Defines a function for objects loaded from now on, which import it as `module`.`name`: "env" is the module of C's undefined functions.
 *
 * `signature` is the type, such as "(i32 i64) -> f32", "() -> ()" or "(i32) -> (i32, i32)", of i32, i64, f32, f64 and funcref; commas may stand between the
 * types. A pointer of the guest's is an i32. (What is behind a funcref is as in callbacks of wasm.h: lent as an argument, given up as a result.)
 * Where it is none, the error (WASM_DYLD_INVALID_ARGUMENT) tells at which character. `flags` are those of wasm_dyld_define.
 *
 * `finalizer` (may be NULL) is called with `env` when the function is gone: with the namespace, or the last that wasm_dyld_renew has carried it over to. What is
 * passed by wasm.h itself, such as the trap of an inner wasm_func_call, needs a function of wasm.h: wasm_dyld_define.
 */
wasm_dyld_code_t wasm_dyld_define_func(wasm_dyld_t *namespace_,
                                       const char *module,
                                       const char *name,
                                       const char *signature,
                                       wasm_dyld_func_callback_t callback,
                                       void *env,
                                       wasm_dyld_finalizer_t finalizer,
                                       uint32_t flags,
                                       wasm_dyld_error_t **error);

/**
 * An error for a callback to give: `text` says why it fails, for people; what is no UTF-8 in it is replaced. Its code is WASM_DYLD_TRAP. It is the caller's, until a
 * callback returns it. It is never NULL.
 */
wasm_dyld_error_t *wasm_dyld_error_new(const char *text);

/**
 * Reads a type in words, such as "(i32 i64) -> f32", as wasm_dyld_define_func does, for hosts that make functions of wasm.h. Like wasm_dyld_function_type: `*params` and
 * `*results` are how many values there are, and `kinds` gets the numbers that wasm.h has for their types, those of the parameters first; it has
 * room for `room` numbers, and is not written beyond.
 */
wasm_dyld_code_t wasm_dyld_parse_type(const char *signature,
                                      uint8_t *kinds,
                                      size_t room,
                                      size_t *params,
                                      size_t *results,
                                      wasm_dyld_error_t **error);

/**
 * Copies `size` bytes out of the memory, as it is now. Out of bounds is WASM_DYLD_INVALID_ARGUMENT, and nothing is copied.
 */
wasm_dyld_code_t wasm_dyld_read(wasm_dyld_t *namespace_,
                                uint64_t address,
                                uint8_t *into,
                                size_t size,
                                wasm_dyld_error_t **error);

/**
 * Copies `size` bytes into the memory. Out of bounds is WASM_DYLD_INVALID_ARGUMENT, and nothing is copied.
 */
wasm_dyld_code_t wasm_dyld_write(wasm_dyld_t *namespace_,
                                 uint64_t address,
                                 const uint8_t *from,
                                 size_t size,
                                 wasm_dyld_error_t **error);

/**
 * Copies a string of the guest's, which ends with a NUL, and the NUL. `buffer` has room for `size` bytes, the NUL among them; it is the
 * caller's. `*length` (may be NULL) gets the bytes before the NUL. They are the guest's own: whether they are UTF-8 is for the caller to see.
 *
 * A null `address`, one beyond the memory, and a string that does not end within `size` bytes or before the memory does, is
 * WASM_DYLD_INVALID_ARGUMENT: nothing is copied, and nothing beyond these bytes is looked at.
 */
wasm_dyld_code_t wasm_dyld_read_string(wasm_dyld_t *namespace_,
                                       uint64_t address,
                                       char *buffer,
                                       size_t size,
                                       size_t *length,
                                       wasm_dyld_error_t **error);

/**
 * Takes `size` bytes of the guest's heap, by a call of the guest's own malloc: the one of the global scope, else of the first object that
 * has malloc and free. The bytes are what they happen to be. `*address` is the guest's, for wasm_dyld_write and as an argument; give it
 * back with wasm_dyld_free, or leave it to a function of the guest's that frees it. It goes with the object whose malloc it is
 * (wasm_dyld_heap), and with the namespace.
 *
 * WASM_DYLD_NOT_FOUND if no object has malloc and free, WASM_DYLD_LIMIT if malloc gives null or `size` is not below 4 GiB, and what a call
 * may end with (wasm_dyld_call). What malloc gives is checked to be within the memory, else the error is WASM_DYLD_INVALID_ARGUMENT; that it
 * is nobody else's is the guest's word. It may be called wherever wasm_dyld_call may, by functions that the guest calls, too.
 */
wasm_dyld_code_t wasm_dyld_alloc(wasm_dyld_t *namespace_,
                                 uint64_t size,
                                 uint64_t *address,
                                 wasm_dyld_error_t **error);

/**
 * Gives memory back to the guest's heap, by a call of its free. A null address does nothing; one beyond the memory is
 * WASM_DYLD_INVALID_ARGUMENT. What is none of malloc's, or was freed before, does in the guest what it does there.
 */
wasm_dyld_code_t wasm_dyld_free(wasm_dyld_t *namespace_,
                                uint64_t address,
                                wasm_dyld_error_t **error);

/**
 * The object whose malloc wasm_dyld_alloc calls; NULL if there is none. It stays the same one until it is unloaded: then what was taken of
 * its heap is gone, and is not to be freed.
 */
wasm_dyld_object_t *wasm_dyld_heap(wasm_dyld_t *namespace_);

/**
 * Makes a namespace like another one in a new store, for hosts that run for long: an engine keeps the instances of unloaded libraries until
 * their store is deleted, and some make only so many in a store (wasm_dyld_instances_left).
 *
 * `store` is of the same engine as the old one's, and another store; it must outlive the new namespace. On success `*renewed` is the caller's. The old
 * namespace is as it was, for the host to take over what it wants of its memory; then the host calls wasm_dyld_finish for it and deletes it and its store. On failure `*renewed` is NULL,
 * the old one goes on being used, and the store is the caller's to delete.
 *
 * Carried over are: the configuration with its callbacks, the control, the time-out, the watcher, what is left of the budget, WASI (its folders are opened
 * anew, input from bytes begins at its start), what was defined by wasm_dyld_define_func, globals of numbers that do not change, and what the host has open: it is loaded again by the same path or name with the same flags, in the same
 * order, and is open as often. Files that have changed are taken as they are now. `prepare` (may be NULL) is called with `env`
 * before that, for what cannot be carried over: functions of wasm.h, memories, tables and globals that change, which are of the old store (WASM_DYLD_UNSUPPORTED
 * names those that are missing), and objects that were loaded from bytes (WASM_DYLD_NOT_FOUND names one); if there
 * is a program, `prepare` loads it before these.
 *
 * Not carried over is what guests have: memory, open files, libraries that they opened themselves, exit handlers. Constructors run, and a
 * program is loaded and not run. No handle of the old namespace names anything of the new one: look up objects (wasm_dyld_object_at, or wasm_dyld_load with
 * WASM_DYLD_NOLOAD), functions and addresses anew. Once the old one is deleted its handles are WASM_DYLD_INVALID_ARGUMENT.
 *
 * A time-out of the old namespace is for all of it, and wasm_dyld_interrupt of the old one ends it. It can be called wherever wasm_dyld_load can, in a function that a guest of the
 * old namespace calls as well. Environments of callbacks belong to both namespaces as long as both are there: use both on one thread at a time.
 */
wasm_dyld_code_t wasm_dyld_renew(wasm_dyld_t *namespace_,
                                 wasm_store_t *store,
                                 wasm_dyld_prepare_callback_t prepare,
                                 void *env,
                                 wasm_dyld_t **renewed,
                                 wasm_dyld_error_t **error);

/**
 * How many more instances the engine makes in the namespace's store, as far as the namespace knows: those that other namespaces or the host
 * itself have made there are not counted. UINT64_MAX where the engine has no bound, or where `namespace` is none. A load takes one for each object, and few for what the linker generates.
 */
uint64_t wasm_dyld_instances_left(const wasm_dyld_t *namespace_);

/**
 * Sets whether snapshots can be taken of the namespace and restored into it (wasm_dyld_snapshot, wasm_dyld_restore); not by default.
 *
 * Such a namespace keeps the bytes of its objects, does without launch closures, and gives modules exports for what they keep to themselves: their mutable
 * globals and their start function. A module whose state is out of reach is refused when it is loaded: one that has a memory of its own,
 * a mutable global of a reference or vector type, or code that changes tables.
 */
wasm_dyld_code_t wasm_dyld_config_set_snapshots(wasm_dyld_config_t *config,
                                                bool enabled,
                                                wasm_dyld_error_t **error);

/**
 * Takes the state of a namespace whose configuration has wasm_dyld_config_set_snapshots. Something has been loaded, and no guest code is running:
 * a callback that a guest calls gets WASM_DYLD_BUSY. Nothing of the namespace changes. On success
 * `*snapshot` is the caller's, to be deleted with wasm_dyld_snapshot_delete.
 *
 * The state is the memory, the table, all mutable globals of objects, the objects with their handles and scopes, their exit handlers, and the text for dlerror.
 * It is not what the host holds: WASI's files, clocks and streams, budgets and time-outs, globals and memories that the host has defined.
 *
 * Of WASI's descriptors it is which are open, of those that the guest was given (streams, folders, sockets that listen). Where the guest has opened others,
 * WASM_DYLD_UNSUPPORTED names them, unless `flags` (of wasm_dyld_snapshot_flag_t) has WASM_DYLD_SNAPSHOT_OPEN_FILES.
 */
wasm_dyld_code_t wasm_dyld_snapshot(wasm_dyld_t *namespace_,
                                    uint32_t flags,
                                    wasm_dyld_snapshot_t **snapshot,
                                    wasm_dyld_error_t **error);

/**
 * Puts a namespace into the state of a snapshot, also after a trap of its guest. No guest code runs: neither constructors nor exit handlers. The snapshot stays
 * the caller's. On failure nothing has changed.
 *
 * The namespace is the one that the snapshot was taken of, or one that has its objects at the same places. What was loaded since is unloaded, its handles are
 * errors; handles of what was there, prepared functions and addresses stay good. Memory that the guest
 * has grown since stays, and is zero. What the guest has opened since by WASI is closed, and what it was given and has closed since is open again; rights that it has
 * given up stay given up. If an object of the snapshot has been unloaded since, restore into a new namespace.
 *
 * Or it is a new one, in any store, engine, thread or process, whose configuration has wasm_dyld_config_set_snapshots, and into which nothing has been loaded.
 * Its limits are its own. What the host had defined for the objects it has to define in the new one first, by the same names and
 * types, WASI among it. The objects come from the snapshot, no file is read; wasm_dyld_object_at names them. Compiled code is shared with other namespaces of the engine. Such a namespace cannot be renewed
 * (wasm_dyld_renew): restore the snapshot into another one.
 */
wasm_dyld_code_t wasm_dyld_restore(wasm_dyld_t *namespace_,
                                   const wasm_dyld_snapshot_t *snapshot,
                                   wasm_dyld_error_t **error);

/**
 * Gives a snapshot as bytes, for a file or another process. `*bytes` are the snapshot's and live as long as it; they are made once, when they
 * are first asked for. They hold the objects' modules, and name no file of this machine: what objects have in RUNTIME_PATH as `$ORIGIN` is not
 * found for what a namespace made of them opens later, library paths and open callbacks are.
 */
wasm_dyld_code_t wasm_dyld_snapshot_serialize(const wasm_dyld_snapshot_t *snapshot,
                                              const uint8_t **bytes,
                                              size_t *size,
                                              wasm_dyld_error_t **error);

/**
 * Makes a snapshot of the bytes of wasm_dyld_snapshot_serialize, which are copied. On success `*snapshot` is the caller's. Damage is found; a
 * forger is not: bytes are as trusted as the guest that they bring. Whatever they say, they harm none but that guest, and bring no code that could not have been
 * loaded as a module. Bytes of another version of their form are an error (WASM_DYLD_UNSUPPORTED).
 */
wasm_dyld_code_t wasm_dyld_snapshot_deserialize(const uint8_t *bytes,
                                                size_t size,
                                                wasm_dyld_snapshot_t **snapshot,
                                                wasm_dyld_error_t **error);

/**
 * Deletes a snapshot. Namespaces that were made of it stay. NULL is allowed.
 */
void wasm_dyld_snapshot_delete(wasm_dyld_snapshot_t *snapshot);

/**
 * Sets whether guests of the namespace can be stopped, and whether they can be given a budget.
 *
 * Not at all is the default, and costs nothing. Otherwise guests look again and again, at function entries and loops, whether they
 * are to stop: by checks that the linker puts into the modules as it loads them, on any engine. Such modules are rewritten: traces tell no
 * places in them, and a load takes longer, unless it is one that the cache keeps whole.
 *
 * With WASM_DYLD_CONTROL_INTERRUPT_BY_ENGINE, said before wasm_dyld_engine_new with this configuration, the bundled engine checks by itself:
 * nearly all modules stay as they are, and run more slowly than with checks of their own, and one memory.fill or memory.copy is not broken off. So it does in namespaces with WASM_DYLD_CONTROL_INTERRUPT, where
 * the engine was made so, or by a host that has switched epochs on. Where the engine has no such means, the modules get checks.
 */
wasm_dyld_code_t wasm_dyld_config_set_control(wasm_dyld_config_t *config,
                                              wasm_dyld_control_t control,
                                              wasm_dyld_error_t **error);

/**
 * Interrupts what runs in the namespace: it ends with WASM_DYLD_INTERRUPTED, soon. Nothing happens if nothing runs: the next call is not
 * interrupted.
 *
 * May be called by any thread at any time, by callbacks and by signal handlers: it takes no lock and no memory. A handle that was
 * deleted is WASM_DYLD_INVALID_ARGUMENT, a namespace made without a control WASM_DYLD_UNSUPPORTED.
 */
wasm_dyld_code_t wasm_dyld_interrupt(const wasm_dyld_t *namespace_);

/**
 * Sets how long each outermost call of the host may take from then on, in nanoseconds of wall time: a load, a run, a call, an unloading. What
 * takes longer ends with WASM_DYLD_TIMED_OUT. 0: as long as it likes. The time that a call has left is not changed by calls inside of it.
 *
 * A namespace made without a control answers WASM_DYLD_UNSUPPORTED.
 */
wasm_dyld_code_t wasm_dyld_set_timeout(wasm_dyld_t *namespace_,
                                       uint64_t nanoseconds,
                                       wasm_dyld_error_t **error);

/**
 * Has `callback` asked again and again, while guests of the namespace run or wait in WASI, whether they are to stop: each time that about
 * so many nanoseconds have gone by (a millisecond at least), from the next outermost call of the host on. If it answers true, what runs
 * ends with WASM_DYLD_INTERRUPTED. NULL: nobody is asked.
 *
 * For hosts that have something to look after meanwhile on the same thread: the signals of an interpreter, a loop of events. Nobody is
 * asked in calls that are shorter. Where a guest calls the host and that enters another namespace, the callback of the inner one is
 * asked. On failure `env` stays the caller's.
 *
 * A namespace made without a control answers WASM_DYLD_UNSUPPORTED.
 */
wasm_dyld_code_t wasm_dyld_set_watcher(wasm_dyld_t *namespace_,
                                       uint64_t nanoseconds,
                                       wasm_dyld_watcher_callback_t callback,
                                       void *env,
                                       wasm_dyld_finalizer_t finalizer,
                                       wasm_dyld_error_t **error);

/**
 * Gives the guests of the namespace a budget: so many units, for all that follows. One unit is a check at a function's entry or a loop's
 * head. Operations on many bytes at once cost a unit more for each 64 bytes, on elements of tables and arrays for each 4. A call of WASI or
 * of the linker (dlsym, for instance) costs 100, and one for each 64 bytes that it moves or that its paths have; an entry of a folder that is
 * listed costs 16; a module that a guest has loaded, one for each byte. What the host loads is free, but for the guest's code that runs in it.
 * UINT64_MAX: no bound.
 *
 * What is beyond the budget ends with WASM_DYLD_OUT_OF_BUDGET, at the same check on every engine and every time. Until there is another
 * budget, so does whatever comes to a check: loops, chains of calls, calls of WASI. A function that has no check, since it does little and
 * calls nothing, runs all the same.
 *
 * Needs WASM_DYLD_CONTROL_BUDGET, else WASM_DYLD_UNSUPPORTED. May be called while the guest runs, by a host function that it called.
 */
wasm_dyld_code_t wasm_dyld_set_budget(wasm_dyld_t *namespace_,
                                      uint64_t units,
                                      wasm_dyld_error_t **error);

/**
 * How many units of the budget are left: UINT64_MAX where there is no bound. Needs WASM_DYLD_CONTROL_BUDGET, else
 * WASM_DYLD_UNSUPPORTED.
 */
wasm_dyld_code_t wasm_dyld_budget_left(const wasm_dyld_t *namespace_,
                                       uint64_t *units,
                                       wasm_dyld_error_t **error);

/**
 * Makes one module of a program and all libraries that it needs, in which nothing is left to link: any engine runs it, without this library. A
 * library becomes a reactor, whose `_initialize` its host calls first. `wasmdyld link` does the same.
 *
 * Libraries are found, symbols bound and memory laid out as a namespace of this configuration would do it for its first load, with the same
 * errors. The same input gives the same bytes. `config` may be NULL and stays the caller's; its open callback and
 * trace are called. No store is needed. Guest code runs for a snapshot alone, on this thread, in an engine that is made for it, of the library that `config` names or of
 * the linked one.
 *
 * `*module` and `*map` are the caller's, who deletes them by wasm_byte_vec_delete of the engine that `config` names, else of the linked one; on an
 * error they are empty. `map` may be NULL. It is JSON in UTF-8, without a NUL, and says where each object's data, slots and functions are.
 *
 * WASM_DYLD_INVALID_ARGUMENT: `options` is of another version, flags or fields exclude each other, or a program is to be a library. WASM_DYLD_NOT_FOUND: a file, a library or a symbol to be exported or kept is missing,
 * or the function where the snapshot is to be made.
 * WASM_DYLD_UNDEFINED_SYMBOL: so does a program that opens libraries fail without WASM_DYLD_LINK_DYNAMIC or WASM_DYLD_LINK_NO_DLOPEN. WASM_DYLD_UNSUPPORTED: something
 * that one module or a component cannot have, a second memory for instance, or files that are open at the snapshot; this library makes no components. WASM_DYLD_TYPE_MISMATCH: the function of the snapshot takes something, or returns something other than an int.
 * WASM_DYLD_EXIT, WASM_DYLD_TRAP, WASM_DYLD_TIMED_OUT, WASM_DYLD_OUT_OF_BUDGET: the
 * program has ended before the snapshot.
 *
 * Several threads may call it at the same time, each with a configuration of its own.
 */
wasm_dyld_code_t wasm_dyld_link(const wasm_dyld_config_t *config,
                                const wasm_dyld_link_options_t *options,
                                wasm_byte_vec_t *module,
                                wasm_byte_vec_t *map,
                                wasm_dyld_error_t **error);

/**
 * Looks a symbol up: in `object` and what it needs, breadth first, or in the global scope if `object` is NULL (dlsym(3),
 * RTLD_DEFAULT).
 *
 * Every out parameter may be NULL. `*kind` tells what it is. `*function` is the function to call, or NULL if it is none; it
 * belongs to the namespace and lives until the object that defines it is unloaded. `*value` is a function's table slot, which
 * is what the guest calls its address and the same wherever it is taken (it is given one now if it has none), or a datum's
 * address in memory.
 */
wasm_dyld_code_t wasm_dyld_dlsym(wasm_dyld_t *namespace_,
                                 const wasm_dyld_object_t *object,
                                 const char *name,
                                 wasm_dyld_symbol_kind_t *kind,
                                 wasm_func_t **function,
                                 uint64_t *value,
                                 wasm_dyld_error_t **error);

/**
 * Looks up the next definition of a symbol after `caller`, in the scope where `caller` finds its own (dlsym(3), RTLD_NEXT): what
 * a function that stands before another of its name calls. Otherwise as wasm_dyld_dlsym.
 */
wasm_dyld_code_t wasm_dyld_dlsym_next(wasm_dyld_t *namespace_,
                                      const wasm_dyld_object_t *caller,
                                      const char *name,
                                      wasm_dyld_symbol_kind_t *kind,
                                      wasm_func_t **function,
                                      uint64_t *value,
                                      wasm_dyld_error_t **error);

/**
 * The type of a function of the namespace: `*params` and `*results` are how many values it takes and gives, and `kinds` gets the numbers
 * that wasm.h has for their types (WASM_I32), those of the parameters first; 255 where it has none, for vectors for instance.
 *
 * `kinds` has room for `room` numbers, and is not written beyond; it may be NULL if that is 0. Where a type has no number, engines end the
 * process in wasm_func_type and wasm_valtype_kind: ask here. wasm_dyld_call calls functions of numbers and funcref only.
 */
wasm_dyld_code_t wasm_dyld_function_type(wasm_dyld_t *namespace_,
                                         const wasm_func_t *function,
                                         uint8_t *kinds,
                                         size_t room,
                                         size_t *params,
                                         size_t *results,
                                         wasm_dyld_error_t **error);

/**
 * Tells which object a function's slot (`kind` WASM_DYLD_FUNC) or an address in memory (WASM_DYLD_DATA) belongs to (dladdr(3)).
 *
 * Every out parameter may be NULL. `*symbol` is the exported symbol in the slot, or the nearest one at or below the address,
 * NULL if there is none; it belongs to the namespace and lives until the object is unloaded. `*symbol_value` is its own slot
 * or address.
 */
wasm_dyld_code_t wasm_dyld_dladdr(wasm_dyld_t *namespace_,
                                  wasm_dyld_symbol_kind_t kind,
                                  uint64_t value,
                                  wasm_dyld_object_t **object,
                                  const char **symbol,
                                  uint64_t *symbol_value,
                                  wasm_dyld_error_t **error);

/**
 * Prepares a function that wasm_dyld_dlsym or wasm_dyld_dlsym_next gave for this namespace; no other is taken
 * (WASM_DYLD_INVALID_ARGUMENT). As for wasm_dyld_call, its type has numbers and funcref only, else the error is WASM_DYLD_UNSUPPORTED. On
 * success `*prepared` is the caller's, see wasm_dyld_func_t; `function` stays the namespace's.
 */
wasm_dyld_code_t wasm_dyld_func_new(wasm_dyld_t *namespace_,
                                    const wasm_func_t *function,
                                    wasm_dyld_func_t **prepared,
                                    wasm_dyld_error_t **error);

/**
 * Prepares what is in a table slot, which is what the guest knows as a pointer to a function. `kinds` has the numbers of wasm.h for the
 * types (WASM_I32), those of the `params` parameters first, then those of the `results` results; NULL if there are none.
 *
 * A slot without a function, 0 among them, is WASM_DYLD_INVALID_ARGUMENT. If an object exports the function, its type is compared now
 * (WASM_DYLD_TYPE_MISMATCH); of others each call compares it, and traps where it is another one. The slot of an object goes with that
 * object. Of a slot that the guest gave out itself, calls find what is in it then.
 */
wasm_dyld_code_t wasm_dyld_func_at(wasm_dyld_t *namespace_,
                                   uint64_t slot,
                                   const uint8_t *kinds,
                                   size_t params,
                                   size_t results,
                                   wasm_dyld_func_t **prepared,
                                   wasm_dyld_error_t **error);

/**
 * Deletes a prepared function; the function itself stays. NULL is allowed. A call that is under way ends as it would.
 */
void wasm_dyld_func_delete(wasm_dyld_func_t *function);

/**
 * Calls a prepared function, as wasm_dyld_call does: `args` and `results` must fit its type, NULL stands for none; after a trap the guest's
 * stack pointer is as it was, and the error has the functions that were running.
 */
wasm_dyld_code_t wasm_dyld_func_call(const wasm_dyld_func_t *function,
                                     const wasm_val_vec_t *args,
                                     wasm_val_vec_t *results,
                                     wasm_dyld_error_t **error);

/**
 * Calls a prepared function of numbers alone without telling their types again: the quickest way. `cells` has room for `count` values,
 * which are at least as many as the function takes, and as it gives; it begins with the arguments, in the field of their type, and after a call
 * that worked with the results. Fewer are WASM_DYLD_INVALID_ARGUMENT; a function with funcref is WASM_DYLD_UNSUPPORTED. Otherwise as
 * wasm_dyld_func_call.
 */
wasm_dyld_code_t wasm_dyld_func_call_cells(const wasm_dyld_func_t *function,
                                           wasm_dyld_cell_t *cells,
                                           size_t count,
                                           wasm_dyld_error_t **error);

/**
 * Calls a function of numbers by its name: what wasm_dyld_dlsym finds in `object` and what it needs, or in the global scope if `object` is
 * NULL. `signature` says what type it has to have, as for wasm_dyld_define_func ("(i32 i32) -> i32"). `cells` has room for `count` values, which are
 * at least as many as it has parameters, and as it has results; it begins with the arguments, in the field of their type, and after a call that worked
 * with the results.
 *
 * Nothing is called if the function has another type (WASM_DYLD_TYPE_MISMATCH), if there is none (WASM_DYLD_NOT_FOUND), or too little room
 * (WASM_DYLD_INVALID_ARGUMENT); else it goes as wasm_dyld_call. The name is looked up with each call: for what is called often, see
 * wasm_dyld_func_new.
 */
wasm_dyld_code_t wasm_dyld_call_args(wasm_dyld_t *namespace_,
                                     const wasm_dyld_object_t *object,
                                     const char *name,
                                     const char *signature,
                                     wasm_dyld_cell_t *cells,
                                     size_t count,
                                     wasm_dyld_error_t **error);

/**
 * Calls a prepared function once for each of `rows` rows: the arguments come out of the guest's memory, the results go there, and host and
 * guest are crossed once. `columns` has `count` entries: one for each parameter, then one for each result. Rows are done in order; a row's
 * arguments are read before its results are written, so that results may stand where arguments were.
 *
 * Numbers only (WASM_DYLD_UNSUPPORTED). All columns are checked before anything runs: one that is null, or not all within the memory as it is
 * now, is WASM_DYLD_INVALID_ARGUMENT. `*done` (may be NULL) gets the number of rows that were done: all of them, or, where the function trapped
 * or the guest exited, those before; their results have been written. Each namespace makes one small module for each type, when it is first
 * needed, and gives the function a table slot if it has none.
 */
wasm_dyld_code_t wasm_dyld_func_call_rows(const wasm_dyld_func_t *function,
                                          const wasm_dyld_column_t *columns,
                                          size_t count,
                                          uint64_t rows,
                                          uint64_t *done,
                                          wasm_dyld_error_t **error);

/**
 * How many objects there are.
 */
size_t wasm_dyld_object_count(const wasm_dyld_t *namespace_);

/**
 * The object at `index`, in the order in which they were loaded; NULL if there are not so many.
 */
wasm_dyld_object_t *wasm_dyld_object_at(const wasm_dyld_t *namespace_, size_t index);

/**
 * The object's name: its file name, or what it was loaded under. Belongs to the namespace. NULL if there is no such object.
 */
const char *wasm_dyld_object_name(const wasm_dyld_t *namespace_,
                                  const wasm_dyld_object_t *object);

/**
 * The path of the file that the object came from. Belongs to the namespace. NULL if it came from bytes, or if there is no
 * such object.
 */
const char *wasm_dyld_object_path(const wasm_dyld_t *namespace_,
                                  const wasm_dyld_object_t *object);

/**
 * The folder of the object's path, `$ORIGIN` in its RUNTIME_PATH. Belongs to the namespace. NULL if it came from bytes, or if
 * there is no such object. A path that the guest opened is one of the guest's own.
 */
const char *wasm_dyld_object_origin(const wasm_dyld_t *namespace_,
                                    const wasm_dyld_object_t *object);

/**
 * How often the object is loaded: by the host, and by guests (dlopen). What only others need has zero for both. Either may be NULL.
 */
wasm_dyld_code_t wasm_dyld_object_opens(const wasm_dyld_t *namespace_,
                                        const wasm_dyld_object_t *object,
                                        uint32_t *host,
                                        uint32_t *guest,
                                        wasm_dyld_error_t **error);

/**
 * Whether the object is never unloaded: it was loaded with WASM_DYLD_NODELETE, or is a preload, or holds in its code a number of
 * a host function's slot.
 */
bool wasm_dyld_object_is_nodelete(const wasm_dyld_t *namespace_,
                                  const wasm_dyld_object_t *object);

/**
 * Where the object's data and its own table slots are. Every out parameter may be NULL.
 */
wasm_dyld_code_t wasm_dyld_object_place(const wasm_dyld_t *namespace_,
                                        const wasm_dyld_object_t *object,
                                        uint64_t *memory_base,
                                        uint64_t *memory_size,
                                        uint64_t *table_base,
                                        uint64_t *table_size,
                                        wasm_dyld_error_t **error);

/**
 * Whether the object is the main program.
 */
bool wasm_dyld_object_is_program(const wasm_dyld_t *namespace_, const wasm_dyld_object_t *object);

/**
 * Whether the object's symbols are in the global scope.
 */
bool wasm_dyld_object_is_global(const wasm_dyld_t *namespace_, const wasm_dyld_object_t *object);

/**
 * How many libraries the object needs itself.
 */
size_t wasm_dyld_object_needed_count(const wasm_dyld_t *namespace_, const wasm_dyld_object_t *object);

/**
 * One of the libraries that the object needs itself; NULL if there are not so many.
 */
wasm_dyld_object_t *wasm_dyld_object_needed_at(const wasm_dyld_t *namespace_,
                                               const wasm_dyld_object_t *object,
                                               size_t index);

/**
 * Calls `callback` with each name that the object defines itself, not with those of what it needs: what wasm_dyld_dlsym finds. They come in the
 * order in which the module exports them. What is loaded or unloaded meanwhile changes nothing about the names that come.
 *
 * WASM_DYLD_INVALID_ARGUMENT: there is no such object, or no callback.
 */
wasm_dyld_code_t wasm_dyld_object_symbols(const wasm_dyld_t *namespace_,
                                          const wasm_dyld_object_t *object,
                                          wasm_dyld_symbol_callback_t callback,
                                          void *env,
                                          wasm_dyld_error_t **error);

/**
 * An empty WASI configuration. The caller deletes it or gives it to wasm_dyld_set_wasi.
 */
wasm_dyld_wasi_t *wasm_dyld_wasi_new(void);

/**
 * Deletes a WASI configuration that was not given away. NULL is allowed.
 */
void wasm_dyld_wasi_delete(wasm_dyld_wasi_t *wasi);

/**
 * Adds an argument. The first one is the program's name.
 */
wasm_dyld_code_t wasm_dyld_wasi_add_arg(wasm_dyld_wasi_t *wasi, const char *arg, wasm_dyld_error_t **error);

/**
 * Adds an environment variable.
 */
wasm_dyld_code_t wasm_dyld_wasi_add_env(wasm_dyld_wasi_t *wasi,
                                        const char *name,
                                        const char *value,
                                        wasm_dyld_error_t **error);

/**
 * Gives the guest the process's own environment; variables added win.
 */
wasm_dyld_code_t wasm_dyld_wasi_inherit_env(wasm_dyld_wasi_t *wasi, wasm_dyld_error_t **error);

/**
 * Gives the guest the process's own standard input, output and error. A write to a closed pipe raises SIGPIPE in the
 * process, as its own writes do.
 */
wasm_dyld_code_t wasm_dyld_wasi_inherit_stdio(wasm_dyld_wasi_t *wasi,
                                              wasm_dyld_error_t **error);

/**
 * Makes standard input these bytes, which are copied.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_stdin_bytes(wasm_dyld_wasi_t *wasi,
                                                const uint8_t *bytes,
                                                size_t size,
                                                wasm_dyld_error_t **error);

/**
 * Takes standard input from a callback. `finalizer` (may be NULL) is called with `env` when it is no longer needed.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_stdin(wasm_dyld_wasi_t *wasi,
                                          wasm_dyld_read_callback_t callback,
                                          void *env,
                                          wasm_dyld_finalizer_t finalizer,
                                          wasm_dyld_error_t **error);

/**
 * Sends standard output to a callback. `finalizer` (may be NULL) is called with `env` when it is no longer needed.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_stdout(wasm_dyld_wasi_t *wasi,
                                           wasm_dyld_write_callback_t callback,
                                           void *env,
                                           wasm_dyld_finalizer_t finalizer,
                                           wasm_dyld_error_t **error);

/**
 * Sends standard error to a callback. As wasm_dyld_wasi_set_stdout.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_stderr(wasm_dyld_wasi_t *wasi,
                                           wasm_dyld_write_callback_t callback,
                                           void *env,
                                           wasm_dyld_finalizer_t finalizer,
                                           wasm_dyld_error_t **error);

/**
 * A buffer for output. It keeps at most `limit` bytes at a time; a guest that writes more gets an error. 0: no limit.
 */
wasm_dyld_output_t *wasm_dyld_output_new(size_t limit);

/**
 * Deletes a buffer. NULL is allowed.
 */
void wasm_dyld_output_delete(wasm_dyld_output_t *output);

/**
 * Takes what has been written since the last call out of the buffer. `*bytes` is not NUL-terminated and lives until the next
 * call or until the buffer is deleted.
 */
wasm_dyld_code_t wasm_dyld_output_take(wasm_dyld_output_t *output,
                                       const uint8_t **bytes,
                                       size_t *size,
                                       wasm_dyld_error_t **error);

/**
 * Collects standard output in a buffer, which stays the caller's. One buffer may serve both.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_stdout_buffer(wasm_dyld_wasi_t *wasi,
                                                  const wasm_dyld_output_t *output,
                                                  wasm_dyld_error_t **error);

/**
 * Collects standard error in a buffer. As wasm_dyld_wasi_set_stdout_buffer.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_stderr_buffer(wasm_dyld_wasi_t *wasi,
                                                  const wasm_dyld_output_t *output,
                                                  wasm_dyld_error_t **error);

/**
 * Lets guests use a folder of the host, as `guest` (NULL: under the same name). `flags` says what they may do there, see
 * wasm_dyld_folder_flag_t. They reach nothing outside of it, by symbolic links neither. It is opened by wasm_dyld_set_wasi.
 */
wasm_dyld_code_t wasm_dyld_wasi_add_folder(wasm_dyld_wasi_t *wasi,
                                           const char *host,
                                           const char *guest,
                                           uint32_t flags,
                                           wasm_dyld_error_t **error);

/**
 * Sets how many files and folders guests may have open at a time, beside those that they are given: each is a descriptor of the process.
 * Opening more fails with the guest's EMFILE. Without this call 256, or half of what the process may open if that is less.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_max_files(wasm_dyld_wasi_t *wasi,
                                              uint32_t limit,
                                              wasm_dyld_error_t **error);

/**
 * Lets guests accept connections on a TCP socket of the host's that listens. `descriptor` stays the caller's, who may close it at once.
 * Guests find their sockets by number, in this order, after the folders that they are given: the first is 3 where there is no folder.
 * Connections count as files (wasm_dyld_wasi_set_max_files). The socket does not block from now on, for the host either.
 * Fails with WASM_DYLD_INVALID_ARGUMENT for what is no such socket.
 */
wasm_dyld_code_t wasm_dyld_wasi_add_listener(wasm_dyld_wasi_t *wasi,
                                             int32_t descriptor,
                                             wasm_dyld_error_t **error);

/**
 * Makes what guests see the same in every run: random numbers come from `seed`, and clocks stand still, the real-time clock at
 * 2001-09-09T01:46:40Z and the monotonic one at 0. Time passes only where guests sleep, and then at once. Random numbers are no secret
 * then. Of clocks and random numbers, guests get those that were asked for last: see wasm_dyld_wasi_set_clocks, wasm_dyld_wasi_set_clock_scale,
 * wasm_dyld_wasi_set_random and wasm_dyld_wasi_set_random_seed.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_deterministic(wasm_dyld_wasi_t *wasi,
                                                  uint64_t seed,
                                                  wasm_dyld_error_t **error);

/**
 * Defines all functions of wasi_snapshot_preview1 for objects loaded from now on. `wasi` is taken in any case, also on
 * failure; NULL grants nothing.
 */
wasm_dyld_code_t wasm_dyld_set_wasi(wasm_dyld_t *namespace_,
                                    wasm_dyld_wasi_t *wasi,
                                    wasm_dyld_error_t **error);

/**
 * A new empty folder in memory, of at most `max_bytes` (0: 256 MiB) in files, names and links, and at most `max_nodes` files, links, folders and further names of files (0: 65,536). What
 * would be more fails with the guest's ENOSPC. NULL if there are too many handles.
 */
wasm_dyld_folder_t *wasm_dyld_folder_new_memory(uint64_t max_bytes,
                                                uint64_t max_nodes);

/**
 * A new folder that a zip archive in a file is, for reading alone. The file stays open until nothing has the folder any more, and has to stay as it is. `max_nodes` are the files, folders and links that
 * it may have (0: 65,536). Only its directory is read here; guests that read a file unpack as much as they read. What is neither stored nor deflated, or encrypted, is ENOTSUP for guests, a file of more than
 * 64 MiB that is packed to less than a hundredth EFBIG, damage EIO.
 * Fails with WASM_DYLD_NOT_FOUND and WASM_DYLD_IO as files do, with WASM_DYLD_LIMIT, and with WASM_DYLD_MALFORMED for what is no archive and for one with entries that overlap, have one name, a name that
 * leads elsewhere, or are neither files, folders nor links.
 */
wasm_dyld_code_t wasm_dyld_folder_new_archive(const char *path,
                                              uint64_t max_nodes,
                                              wasm_dyld_folder_t **folder,
                                              wasm_dyld_error_t **error);

/**
 * As wasm_dyld_folder_new_archive, with an archive in memory, whose bytes are copied.
 */
wasm_dyld_code_t wasm_dyld_folder_new_archive_bytes(const uint8_t *bytes,
                                                    size_t size,
                                                    uint64_t max_nodes,
                                                    wasm_dyld_folder_t **folder,
                                                    wasm_dyld_error_t **error);

/**
 * Deletes the caller's handle. NULL is allowed. What is in the folder goes when no WASI configuration and no namespace has it.
 */
void wasm_dyld_folder_delete(wasm_dyld_folder_t *folder);

/**
 * Puts a file into a folder in memory, with the folders on the way; a file that is there gets these contents. `path` begins in the folder, without a slash;
 * the bytes are copied. What the host makes bears the time 0 (1970), so that guests see the same in every run. Fails with WASM_DYLD_LIMIT where there is no room.
 */
wasm_dyld_code_t wasm_dyld_folder_write(wasm_dyld_folder_t *folder,
                                        const char *path,
                                        const uint8_t *bytes,
                                        size_t size,
                                        wasm_dyld_error_t **error);

/**
 * Makes a folder in one in memory, with those on the way. One that is there is as good.
 */
wasm_dyld_code_t wasm_dyld_folder_make(wasm_dyld_folder_t *folder,
                                       const char *path,
                                       wasm_dyld_error_t **error);

/**
 * Reads a file of a folder in memory. `*bytes` is not NUL-terminated and lives until the next call of this or of wasm_dyld_folder_list with this
 * folder, or until it is deleted. Fails with WASM_DYLD_NOT_FOUND if there is no such file.
 */
wasm_dyld_code_t wasm_dyld_folder_read(wasm_dyld_folder_t *folder,
                                       const char *path,
                                       const uint8_t **bytes,
                                       size_t *size,
                                       wasm_dyld_error_t **error);

/**
 * Removes from a folder in memory a file, a link, or a folder with all that is in it. The folder itself cannot be removed (WASM_DYLD_INVALID_ARGUMENT); wasm_dyld_folder_clear empties it. What guests have open of it stays until they close it. Fails with
 * WASM_DYLD_NOT_FOUND if there is nothing.
 */
wasm_dyld_code_t wasm_dyld_folder_remove(wasm_dyld_folder_t *folder,
                                         const char *path,
                                         wasm_dyld_error_t **error);

/**
 * Removes all that is in a folder in memory. What guests have open of it stays until they close it.
 */
wasm_dyld_code_t wasm_dyld_folder_clear(wasm_dyld_folder_t *folder, wasm_dyld_error_t **error);

/**
 * Lists all that is in a folder in memory: the paths of files and links, and of folders that are empty, each of these with a slash at its end. What lies
 * deeper than a path of 4,095 bytes is left out. A NUL follows each path; `*size` is the bytes of all together. `*paths` lives as what wasm_dyld_folder_read gives.
 */
wasm_dyld_code_t wasm_dyld_folder_list(wasm_dyld_folder_t *folder,
                                       const uint8_t **paths,
                                       size_t *size,
                                       wasm_dyld_error_t **error);

/**
 * Lets guests use a folder as `guest`, in the order of wasm_dyld_wasi_add_folder and with the same `flags`. `folder` stays the caller's. Libraries in it are found by
 * guests that open them by a path, as in folders of the system.
 */
wasm_dyld_code_t wasm_dyld_wasi_add_virtual_folder(wasm_dyld_wasi_t *wasi,
                                                   wasm_dyld_folder_t *folder,
                                                   const char *guest,
                                                   uint32_t flags,
                                                   wasm_dyld_error_t **error);

/**
 * A new folder for guests behind callbacks, which are copied. `finalizer` (may be NULL) is called with `env` when nothing has the folder any more, or at once if the
 * call fails. Fails with WASM_DYLD_INVALID_ARGUMENT for a structure of another size, for a function that is missing, and where
 * `folder` is NULL.
 */
wasm_dyld_code_t wasm_dyld_folder_new_callbacks(const wasm_dyld_folder_callbacks_t *callbacks,
                                                void *env,
                                                wasm_dyld_finalizer_t finalizer,
                                                wasm_dyld_folder_t **folder,
                                                wasm_dyld_error_t **error);

/**
 * Has the clocks of guests show what callbacks say, which are copied. `finalizer` (may be NULL) is called with `env` when they are no longer needed. Clocks that were asked for
 * before (wasm_dyld_wasi_set_deterministic, wasm_dyld_wasi_set_clock_scale) are not had.
 * Fails with WASM_DYLD_INVALID_ARGUMENT for a structure of another size, and for one without functions.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_clocks(wasm_dyld_wasi_t *wasi,
                                           const wasm_dyld_clock_callbacks_t *callbacks,
                                           void *env,
                                           wasm_dyld_finalizer_t finalizer,
                                           wasm_dyld_error_t **error);

/**
 * Has time pass faster or slower for guests: `guest` nanoseconds in `host` of the system's. Both clocks do so from when the namespace is given this, the
 * real-time clock beginning with the system's time of then. Sleeps last as much shorter or longer. 1/1,000,000 to 1,000,000 times as fast is possible, anything else WASM_DYLD_INVALID_ARGUMENT.
 * Clocks that were asked for before are not had.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_clock_scale(wasm_dyld_wasi_t *wasi,
                                                uint32_t guest,
                                                uint32_t host,
                                                wasm_dyld_error_t **error);

/**
 * Takes random numbers from a callback. `finalizer` (may be NULL) is called with `env` when it is no longer needed. A guest that asks for many bytes is given them in
 * pieces of at most 64 KiB.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_random(wasm_dyld_wasi_t *wasi,
                                           wasm_dyld_random_callback_t callback,
                                           void *env,
                                           wasm_dyld_finalizer_t finalizer,
                                           wasm_dyld_error_t **error);

/**
 * Makes random numbers alone the same in every run: they come from `seed`, and are no secret then.
 */
wasm_dyld_code_t wasm_dyld_wasi_set_random_seed(wasm_dyld_wasi_t *wasi,
                                                uint64_t seed,
                                                wasm_dyld_error_t **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WASMDYLD_H */

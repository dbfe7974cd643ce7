/**
 * @file
 * dlfcn.h for programs and libraries that wasmdyld links: the C library's <dlfcn.h>, and what wasi-libc leaves out.
 *
 * With this header neither -ldl nor any other flag is needed: the functions are imports, which the linker provides.
 * (The libdl of wasi-libc holds stubs that fail. A shared libdl.so does no harm; do not link libdl.a.)
 *
 * What dlfcn.h takes for granted and wasm does not have:
 * - A pointer to a function is a number of its own kind, a slot of the table: the function in slot 8 and the data at the
 *   address 8 have nothing to do with each other. dlsym gives the kind that the symbol has; a function is the same slot
 *   wherever its address is taken.
 * - Code has no addresses. What other systems call the address of an object is here where its data begin.
 */
#ifndef WASMDYLD_DLFCN_H
#define WASMDYLD_DLFCN_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An import that the linker provides, whatever libraries the program is linked with. */
#define WASMDYLD_IMPORT(name) __attribute__((import_module("env"), import_name(name)))

/* For dlopen. One of these two: */
#ifndef RTLD_LAZY
#define RTLD_LAZY 1 /**< undefined functions pass; each is bound at its first call, and traps if it is undefined then */
#endif
#ifndef RTLD_NOW
#define RTLD_NOW 2 /**< every undefined symbol is an error; dlerror tells all of them */
#endif
/* with one of these two, */
#ifndef RTLD_LOCAL
#define RTLD_LOCAL 8 /**< the default: its symbols are for dlsym, and for the libraries opened with it */
#endif
#ifndef RTLD_GLOBAL
#define RTLD_GLOBAL 256 /**< its symbols are for all that is opened later as well; opening it again can add this */
#endif
/* and any of these. */
#ifndef RTLD_NOLOAD
#define RTLD_NOLOAD 4 /**< only if it is loaded already; else NULL, and dlerror stays as it is */
#endif
#ifndef RTLD_NODELETE
#define RTLD_NODELETE 4096 /**< it is never unloaded */
#endif
#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 16384 /**< it looks for symbols in itself and what it needs before the global scope */
#endif

/* For dlsym, in place of a handle. */
#ifndef RTLD_DEFAULT
#define RTLD_DEFAULT ((void *)0) /**< the global scope */
#endif
#ifndef RTLD_NEXT
#define RTLD_NEXT ((void *)-1) /**< the definition after the caller's own */
#endif

/* Requests of dlinfo, and the type of what `result` points to. */
#ifndef RTLD_DI_LMID
#define RTLD_DI_LMID 1 /**< Lmid_t: always LM_ID_BASE */
#endif
#ifndef RTLD_DI_LINKMAP
#define RTLD_DI_LINKMAP 2 /**< struct link_map *, which belongs to the linker and lives as long as the object */
#endif
#ifndef RTLD_DI_SERINFO
#define RTLD_DI_SERINFO 4 /**< Dl_serinfo, as large as RTLD_DI_SERINFOSIZE said and with those two numbers filled in */
#endif
#ifndef RTLD_DI_SERINFOSIZE
#define RTLD_DI_SERINFOSIZE 5 /**< Dl_serinfo: only dls_size and dls_cnt are written */
#endif
#ifndef RTLD_DI_ORIGIN
#define RTLD_DI_ORIGIN 6 /**< char[], PATH_MAX long: the folder that it came from; an error if that is the host's */
#endif
#ifndef LM_ID_BASE
#define LM_ID_BASE 0 /**< the only namespace that a guest sees */
#endif

/* wasi-libc leaves these types to us, until it stops to change what musl has. */
#if !defined(__wasilibc_unmodified_upstream) || !(defined(_GNU_SOURCE) || defined(_BSD_SOURCE))
/** What dladdr tells. */
typedef struct {
    const char *dli_fname; /**< path of the object if the program has it in its folders, else its file name */
    void *dli_fbase;       /**< where its data begin; NULL for a program at fixed addresses */
    const char *dli_sname; /**< the function in the slot, or the datum at or before the address; NULL if none is known */
    void *dli_saddr;       /**< its slot or address; NULL with dli_sname */
} Dl_info;
#endif

/** A namespace, for RTLD_DI_LMID. */
typedef long Lmid_t;

/** An object, in the list of all: what RTLD_DI_LINKMAP tells. */
struct link_map {
    uintptr_t l_addr; /**< where its data begin */
    char *l_name;     /**< as dli_fname */
    void *l_ld;       /**< NULL: there is no dynamic section */
    struct link_map *l_next; /**< the object that was loaded after it; NULL for the last */
    struct link_map *l_prev; /**< the one before it; NULL for the first */
};

/** A folder in which libraries are searched. */
typedef struct {
    char *dls_name; /**< a folder that is searched; one of the host's may have no name that the program could know */
    unsigned int dls_flags; /**< 0 */
} Dl_serpath;

/** The folders in which libraries are searched: what RTLD_DI_SERINFO tells. */
typedef struct {
    size_t dls_size;           /**< bytes of all of this, names included */
    unsigned int dls_cnt;      /**< how many entries follow */
    Dl_serpath dls_serpath[1]; /**< dls_cnt of them */
} Dl_serinfo;

/** An object, for dl_iterate_phdr. */
struct dl_phdr_info {
    uint32_t dlpi_addr;    /**< where its data begin: __memory_base */
    const char *dlpi_name; /**< as dli_fname */
    const void *dlpi_phdr; /**< NULL: */
    uint16_t dlpi_phnum;   /**< wasm has no program headers */
    unsigned long long dlpi_adds; /**< how many objects have been loaded so far */
    unsigned long long dlpi_subs; /**< how many have been unloaded */
    size_t dlpi_tls_modid; /**< 0: there is no thread-local storage */
    void *dlpi_tls_data;   /**< NULL */
};

/**
 * A name with a slash is a file in the program's own folders, relative to "/". One without is searched where the host
 * says, and in RUNTIME_PATH of the library that calls. NULL: the program and all that is global. A constructor that
 * traps or throws makes dlopen fail.
 */
void *dlopen(const char *file, int flags) WASMDYLD_IMPORT("dlopen");

/** A slot or an address. RTLD_NEXT needs a direct call: of a call by pointer nobody knows who made it. */
void *dlsym(void *__restrict handle, const char *__restrict name) WASMDYLD_IMPORT("dlsym");

/**
 * Closing as often as opening unloads the library with what only it needed, unless others are bound to it: destructors
 * run, then its data and slots are gone. A pointer to one of its functions traps until another library takes the slot.
 */
int dlclose(void *handle) WASMDYLD_IMPORT("dlclose");

/** What went wrong last, since the last time that this was asked; NULL: nothing. */
char *dlerror(void) WASMDYLD_IMPORT("dlerror");

/**
 * Which object and symbol `address` belongs to; 0 if to none. A pointer does not tell whether it is a slot or an
 * address: what is the slot of a function counts as that.
 */
int dladdr(const void *address, Dl_info *info) WASMDYLD_IMPORT("dladdr");

/** Answers one of the requests RTLD_DI_*; 0, or -1 and a text in dlerror. */
int dlinfo(void *__restrict handle, int request, void *__restrict result) WASMDYLD_IMPORT("dlinfo");

/**
 * Calls `function` for each object in the order of loading, the program first, until it does not return 0; gives what
 * it returned last. `size` is that of the structure. Exceptions and longjmp do not leave it: they are traps.
 */
int dl_iterate_phdr(int (*function)(struct dl_phdr_info *info, size_t size, void *data), void *data)
    WASMDYLD_IMPORT("dl_iterate_phdr");

#ifdef __cplusplus
}
#endif

#endif

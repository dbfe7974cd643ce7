// What side modules of emscripten 3.1.6 import and neither wasi-libc nor libc++abi has. The other half are the functions that invoke.py writes.
//
// Names beginning with emscripten_compat_ stand in the place of libc's functions without it, for modules that the loader takes for emscripten's:
// these have other numbers for O_CREAT and clocks, and a time_t of 32 bits.
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/time.h>
#include <time.h>
#include <typeinfo>

#include "cxa_exception.h"
#include "private_typeinfo.h"

#define API extern "C" __attribute__((visibility("default")))

// Exceptions and longjmp. Whoever catches one leaves it here, and the code that called through invoke_* looks.

extern "C" {
uintptr_t __THREW__;
int __threwValue;
}

static uint32_t second_result;
static _Unwind_Exception *last;
static char own_jump;

extern "C" [[noreturn]] void emscripten_compat_throw(void *exception);
extern "C" [[noreturn]] void emscripten_compat_jump(void *mark);

API void setTempRet0(uint32_t value) { second_result = value; }
API uint32_t getTempRet0() { return second_result; }

API void setThrew(uintptr_t threw, int value)
{
    if (__THREW__)
        return;
    __THREW__ = threw;
    __threwValue = value;
}

API void emscripten_compat_caught(void *exception)
{
    last = static_cast<_Unwind_Exception *>(exception);
    setThrew(1, 0);
}

API void emscripten_compat_jumped(void *mark)
{
    // A longjmp of wasi-libc's is for a setjmp further out.
    if (mark != &own_jump)
        emscripten_compat_jump(mark);
    setThrew(1, 0);
}

API void _emscripten_throw_longjmp() { emscripten_compat_jump(&own_jump); }

API void emscripten_longjmp(uintptr_t env, int value)
{
    setThrew(env, value);
    emscripten_compat_jump(&own_jump);
}

// Each call of a function that uses setjmp has a table, which ends in an entry of 0: which setjmp was at which of its labels.
struct Entry {
    uintptr_t id;
    uint32_t label;
};

API Entry *saveSetjmp(uintptr_t *env, uint32_t label, Entry *table, uint32_t size)
{
    static uintptr_t ids;
    uint32_t used = 0;
    while (used < size && table[used].id)
        used++;
    if (used == size) {
        size *= 2;
        table = static_cast<Entry *>(std::realloc(table, sizeof(Entry) * (size + 1)));
        if (!table)
            std::abort();
    }
    *env = ++ids;
    table[used] = {ids, label};
    table[used + 1].id = 0;
    setTempRet0(size);
    return table;
}

API uint32_t testSetjmp(uintptr_t id, const Entry *table, uint32_t size)
{
    for (uint32_t n = 0; n < size && table[n].id; n++)
        if (table[n].id == id)
            return table[n].label;
    return 0;
}

namespace abi = __cxxabiv1;
using abi::__cxa_dependent_exception;
using abi::__cxa_exception;
using abi::__shim_type_info;

// The exception that was caught last, with the first of the types that fits as second result; else with its own, which none of them is.
static void *matching(void *const *types, unsigned count)
{
    if (!last || (last->exception_class & ~uint64_t(0xff)) != abi::kOurExceptionClass) {
        setTempRet0(0);
        return last;
    }
    auto header = reinterpret_cast<__cxa_exception *>(last + 1) - 1;
    void *object = last + 1;
    if (last->exception_class == abi::kOurDependentExceptionClass)
        object = reinterpret_cast<__cxa_dependent_exception *>(header)->primaryException;
    auto thrown = static_cast<const __shim_type_info *>(header->exceptionType);
    header->adjustedPtr = object;
    for (unsigned n = 0; n < count && types[n]; n++) {
        void *adjusted = object;
        if (static_cast<const __shim_type_info *>(types[n])->can_catch(thrown, adjusted)) {
            header->adjustedPtr = adjusted;
            setTempRet0(reinterpret_cast<uintptr_t>(types[n]));
            return last;
        }
    }
    setTempRet0(reinterpret_cast<uintptr_t>(header->exceptionType));
    return last;
}

#define T(n) void *t##n
#define MATCHING(name, ...) API void *__cxa_find_matching_catch_##name(__VA_ARGS__)
// The number in the name is that of the types and 2.
MATCHING(2) { return matching(nullptr, 0); }
MATCHING(3, T(0))
{
    void *types[] = {t0};
    return matching(types, 1);
}
MATCHING(4, T(0), T(1))
{
    void *types[] = {t0, t1};
    return matching(types, 2);
}
MATCHING(5, T(0), T(1), T(2))
{
    void *types[] = {t0, t1, t2};
    return matching(types, 3);
}
MATCHING(6, T(0), T(1), T(2), T(3))
{
    void *types[] = {t0, t1, t2, t3};
    return matching(types, 4);
}
MATCHING(7, T(0), T(1), T(2), T(3), T(4))
{
    void *types[] = {t0, t1, t2, t3, t4};
    return matching(types, 5);
}
MATCHING(8, T(0), T(1), T(2), T(3), T(4), T(5))
{
    void *types[] = {t0, t1, t2, t3, t4, t5};
    return matching(types, 6);
}
MATCHING(9, T(0), T(1), T(2), T(3), T(4), T(5), T(6))
{
    void *types[] = {t0, t1, t2, t3, t4, t5, t6};
    return matching(types, 7);
}
MATCHING(10, T(0), T(1), T(2), T(3), T(4), T(5), T(6), T(7))
{
    void *types[] = {t0, t1, t2, t3, t4, t5, t6, t7};
    return matching(types, 8);
}

API void *llvm_eh_typeid_for(void *type) { return type; }

API void __resumeException(void *exception) { emscripten_compat_throw(exception); }

// printf without floating point, which emscripten chooses where no argument is of such a type. Here it is the same function.

#define FORWARD(call)                                                                                                                      \
    va_list list;                                                                                                                          \
    va_start(list, format);                                                                                                                \
    int written = call;                                                                                                                    \
    va_end(list);                                                                                                                          \
    return written;

API int iprintf(const char *format, ...) { FORWARD(std::vprintf(format, list)) }
API int fiprintf(FILE *file, const char *format, ...) { FORWARD(std::vfprintf(file, format, list)) }
API int siprintf(char *into, const char *format, ...) { FORWARD(std::vsprintf(into, format, list)) }
API int sniprintf(char *into, size_t size, const char *format, ...) { FORWARD(std::vsnprintf(into, size, format, list)) }
API int viprintf(const char *format, va_list list) { return std::vprintf(format, list); }
API int vfiprintf(FILE *file, const char *format, va_list list) { return std::vfprintf(file, format, list); }
API int vsiprintf(char *into, const char *format, va_list list) { return std::vsprintf(into, format, list); }
API int vsniprintf(char *into, size_t size, const char *format, va_list list) { return std::vsnprintf(into, size, format, list); }
API int __small_printf(const char *format, ...) { FORWARD(std::vprintf(format, list)) }
API int __small_fprintf(FILE *file, const char *format, ...) { FORWARD(std::vfprintf(file, format, list)) }
API int __small_sprintf(char *into, const char *format, ...) { FORWARD(std::vsprintf(into, format, list)) }
API int __small_snprintf(char *into, size_t size, const char *format, ...) { FORWARD(std::vsnprintf(into, size, format, list)) }
API int __small_vfprintf(FILE *file, const char *format, va_list list) { return std::vfprintf(file, format, list); }
API int __small_vsprintf(char *into, const char *format, va_list list) { return std::vsprintf(into, format, list); }
API int __small_vsnprintf(char *into, size_t size, const char *format, va_list list) { return std::vsnprintf(into, size, format, list); }

// The console: a line each.

static void line(FILE *to, const char *text) { std::fprintf(to, "%s\n", text); }
static void line_of(FILE *to, const char *format, va_list list)
{
    std::vfprintf(to, format, list);
    std::fputc('\n', to);
}

#define CONSOLE(name, to)                                                                                                                  \
    API void name(const char *text) { line(to, text); }                                                                                    \
    API void name##f(const char *format, ...)                                                                                              \
    {                                                                                                                                      \
        va_list list;                                                                                                                      \
        va_start(list, format);                                                                                                            \
        line_of(to, format, list);                                                                                                         \
        va_end(list);                                                                                                                      \
    }
CONSOLE(emscripten_out, stdout)
CONSOLE(_emscripten_out, stdout)
CONSOLE(emscripten_err, stderr)
CONSOLE(_emscripten_err, stderr)
CONSOLE(emscripten_dbg, stderr)
CONSOLE(emscripten_console_log, stdout)
CONSOLE(emscripten_console_warn, stderr)
CONSOLE(emscripten_console_error, stderr)

// The rest of what libc and compiler import from JavaScript.

API int *__errno_location() { return &errno; }
API void *emscripten_memcpy_big(void *to, const void *from, size_t size) { return std::memcpy(to, from, size); }
API size_t emscripten_get_heap_size() { return __builtin_wasm_memory_size(0) * 65536; }
API void emscripten_notify_memory_growth(size_t) {}

API int emscripten_resize_heap(size_t wanted)
{
    size_t now = emscripten_get_heap_size();
    return wanted <= now || __builtin_wasm_memory_grow(0, (wanted - now + 65535) / 65536) != SIZE_MAX;
}

API double emscripten_get_now()
{
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Files.

namespace em {

constexpr int wronly = 01, rdwr = 02, accmode = 03, at_cwd = -100, get_flags = 3, set_flags = 4;

struct Flag {
    int theirs, ours;
};
constexpr Flag flags[] = {
    {0100, O_CREAT},     {0200, O_EXCL},      {01000, O_TRUNC},      {02000, O_APPEND},  {04000, O_NONBLOCK},
    {010000, O_DSYNC}, {04000000, O_SYNC}, {0200000, O_DIRECTORY}, {0400000, O_NOFOLLOW},
};

int to_ours(int theirs)
{
    int access = theirs & accmode;
    int ours = access == wronly ? O_WRONLY : access == rdwr ? O_RDWR : O_RDONLY;
    for (Flag flag : flags)
        if (theirs & flag.theirs)
            ours |= flag.ours;
    return ours;
}

int to_theirs(int ours)
{
    int access = ours & O_ACCMODE;
    int theirs = access == O_WRONLY ? wronly : access == O_RDWR ? rdwr : 0;
    for (Flag flag : flags)
        if (ours & flag.ours)
            theirs |= flag.theirs;
    return theirs;
}

// Seconds in 32 bits, as that time_t has.
struct Time {
    int32_t seconds, fraction;
};

clockid_t clock(int id)
{
    switch (id) {
    case 0:
    case 5:
        return CLOCK_REALTIME;
    case 1:
    case 4:
    case 6:
    case 7:
        return CLOCK_MONOTONIC;
    default:
        return nullptr;
    }
}

int give(int failed, const timespec &time, Time *into)
{
    if (!failed && into)
        *into = {static_cast<int32_t>(time.tv_sec), static_cast<int32_t>(time.tv_nsec)};
    return failed;
}

int unknown()
{
    errno = EINVAL;
    return -1;
}

} // namespace em

API int emscripten_compat_open(const char *path, int flags, ...) { return open(path, em::to_ours(flags), 0666); }

API int emscripten_compat_openat(int folder, const char *path, int flags, ...)
{
    return openat(folder == em::at_cwd ? AT_FDCWD : folder, path, em::to_ours(flags), 0666);
}

API int emscripten_compat_fcntl(int file, int command, ...)
{
    va_list list;
    va_start(list, command);
    int value = command == em::set_flags ? va_arg(list, int) : 0;
    va_end(list);
    switch (command) {
    case em::get_flags: {
        int flags = fcntl(file, F_GETFL);
        return flags < 0 ? flags : em::to_theirs(flags);
    }
    case em::set_flags:
        return fcntl(file, F_SETFL, em::to_ours(value) & ~O_ACCMODE);
    // Whether it is closed by exec, of which there is none.
    case 1:
    case 2:
        return 0;
    default:
        return em::unknown();
    }
}

API int emscripten_compat_clock_gettime(int id, em::Time *into)
{
    timespec time{};
    clockid_t clock = em::clock(id);
    return clock ? em::give(clock_gettime(clock, &time), time, into) : em::unknown();
}

API int emscripten_compat_clock_getres(int id, em::Time *into)
{
    timespec time{};
    clockid_t clock = em::clock(id);
    return clock ? em::give(clock_getres(clock, &time), time, into) : em::unknown();
}

API int emscripten_compat_gettimeofday(em::Time *into, void *)
{
    timeval time{};
    int failed = gettimeofday(&time, nullptr);
    if (!failed && into)
        *into = {static_cast<int32_t>(time.tv_sec), static_cast<int32_t>(time.tv_usec)};
    return failed;
}

API int32_t emscripten_compat_time(int32_t *into)
{
    auto now = static_cast<int32_t>(time(nullptr));
    if (into)
        *into = now;
    return now;
}

API int emscripten_compat_nanosleep(const em::Time *wanted, em::Time *left)
{
    timespec ours{wanted->seconds, wanted->fraction}, rest{};
    int failed = nanosleep(&ours, &rest);
    if (failed)
        em::give(0, rest, left);
    return failed;
}

// Whoever links against libc++abi finds all that its header declares. A function that its build left out would be an undefined symbol here.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <set>
#include <stdexcept>
#include <string>
#include <typeinfo>

using Any = void (*)();
#define ADDRESS(name) reinterpret_cast<Any>(abi::name)

static const Any functions[] = {
    ADDRESS(__cxa_allocate_exception), ADDRESS(__cxa_free_exception), ADDRESS(__cxa_init_primary_exception),
    ADDRESS(__cxa_throw), ADDRESS(__cxa_get_exception_ptr), ADDRESS(__cxa_begin_catch), ADDRESS(__cxa_end_catch),
    ADDRESS(__cxa_current_exception_type), ADDRESS(__cxa_call_terminate), ADDRESS(__cxa_rethrow), ADDRESS(__cxa_bad_cast),
    ADDRESS(__cxa_bad_typeid), ADDRESS(__cxa_throw_bad_array_new_length), ADDRESS(__cxa_pure_virtual),
    ADDRESS(__cxa_deleted_virtual), ADDRESS(__cxa_guard_acquire), ADDRESS(__cxa_guard_release), ADDRESS(__cxa_guard_abort),
    ADDRESS(__cxa_vec_new), ADDRESS(__cxa_vec_new2), ADDRESS(__cxa_vec_new3), ADDRESS(__cxa_vec_ctor), ADDRESS(__cxa_vec_dtor),
    ADDRESS(__cxa_vec_cleanup), ADDRESS(__cxa_vec_delete), ADDRESS(__cxa_vec_delete2), ADDRESS(__cxa_vec_delete3),
    ADDRESS(__cxa_vec_cctor), ADDRESS(__cxa_demangle), ADDRESS(__cxa_current_primary_exception),
    ADDRESS(__cxa_rethrow_primary_exception), ADDRESS(__cxa_increment_exception_refcount),
    ADDRESS(__cxa_decrement_exception_refcount), ADDRESS(__cxa_uncaught_exception), ADDRESS(__cxa_uncaught_exceptions),
};

extern "C" int __cxa_thread_atexit(void (*)(void *), void *, void *) noexcept;
extern "C" void *__dso_handle;

static void demangles()
{
    int status = 1;
    char *name = abi::__cxa_demangle("_ZN4game5Level4loadERKSt6vectorIiSaIiEE", nullptr, nullptr, &status);
    std::printf("demangled: %s\n", status == 0 ? name : "not");
    std::free(name);
    abi::__cxa_demangle("_Znothing", nullptr, nullptr, &status);
    std::printf("refused with %d\n", status);
}

static int constructed, destroyed;

static void arrays()
{
    void *array = abi::__cxa_vec_new(5, 8, 8, [](void *) { constructed++; }, [](void *) { destroyed++; });
    abi::__cxa_vec_delete(array, 8, 8, [](void *) { destroyed++; });
    std::printf("an array of 5: constructed %d, destroyed %d\n", constructed, destroyed);
    // Of 32 bits, as on ARM.
    uint32_t guard = 0;
    int first = abi::__cxa_guard_acquire(&guard);
    abi::__cxa_guard_release(&guard);
    std::printf("a guard: first %d, then %d\n", first, abi::__cxa_guard_acquire(&guard));
}

struct AtEnd {
    ~AtEnd() { std::printf("uncaught while unwinding: %u\n", abi::__cxa_uncaught_exceptions()); }
};

static void exceptions()
{
    try {
        throw std::runtime_error("current");
    } catch (...) {
        int status = 1;
        char *name = abi::__cxa_demangle(abi::__cxa_current_exception_type()->name(), nullptr, nullptr, &status);
        std::printf("current: %s\n", name);
        std::free(name);
    }
    try {
        AtEnd end;
        throw 1;
    } catch (int) {
    }
    void *kept = nullptr;
    try {
        throw std::logic_error("kept");
    } catch (...) {
        kept = abi::__cxa_current_primary_exception();
    }
    try {
        abi::__cxa_rethrow_primary_exception(kept);
    } catch (const std::exception &error) {
        std::printf("a primary exception, kept and thrown again: %s\n", error.what());
    }
    abi::__cxa_decrement_exception_refcount(kept);
}

struct Left {
    virtual ~Left() = default;
};
struct Right {
    virtual ~Right() = default;
};
struct Both : Left, Right {};

static void casts()
{
    Both both;
    Left only, *left = &both, *other = &only;
    asm volatile("" : "+r"(left), "+r"(other));
    bool found = dynamic_cast<Right *>(left) == static_cast<Right *>(&both);
    std::printf("a cross cast: %s, and where there is none: %s\n", found ? "found" : "not found",
                dynamic_cast<Right *>(other) ? "one" : "null");
}

static void types()
{
    const std::type_info *const all[] = {
        &typeid(void), &typeid(bool), &typeid(char), &typeid(signed char), &typeid(unsigned char), &typeid(wchar_t),
        &typeid(char16_t), &typeid(char32_t), &typeid(short), &typeid(unsigned short), &typeid(int),
        &typeid(unsigned), &typeid(long), &typeid(unsigned long), &typeid(long long), &typeid(unsigned long long),
        &typeid(__int128), &typeid(unsigned __int128), &typeid(float), &typeid(double), &typeid(long double),
        &typeid(decltype(nullptr)),
    };
    std::set<std::string> names;
    for (const std::type_info *one : all)
        names.insert(one->name());
    std::printf("fundamental types: %zu, all told apart\n", names.size());
}

struct Pair {
    int first, second;
};

static void pointers()
{
    try {
        throw &Pair::second;
    } catch (int Pair::*member) {
        std::printf("pointer to member: caught as %s\n", member == &Pair::second ? "itself" : "another");
    }
    try {
        void (*pointer)() noexcept = [] () noexcept {};
        throw pointer;
    } catch (void (*)()) {
        std::puts("noexcept function pointer: caught as one that may throw");
    }
}

extern "C" void check()
{
    size_t there = 0;
    for (Any function : functions)
        there += function != nullptr;
    std::printf("%zu functions of cxxabi.h, %s\n", there, there == sizeof functions / sizeof *functions ? "all there" : "not all");
    demangles();
    arrays();
    exceptions();
    casts();
    types();
    pointers();
    __cxa_thread_atexit([](void *text) { std::puts(static_cast<const char *>(text)); },
                        const_cast<char *>("destructor for the thread's end"), &__dso_handle);
}

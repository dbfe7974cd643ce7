/*
 * What the tests of the C++ interface share: those of the C interface, in C++. They are compiled with exceptions and without; the
 * functions that throw are checked where there are any.
 *
 * WASMDYLD_TEST_ENGINE, if set, is an engine library to run on in place of the linked engine.
 */
#ifndef CHECK_HH
#define CHECK_HH

#include <wasmdyld.hh>

#include <initializer_list>

/* Parameters of everybody's would shadow the variable of check.h. */
#define error error_of_c
#include "build.h"
#include "check.h"
#undef error

#undef CODE
#define CODE(...) std::initializer_list<std::uint8_t>{__VA_ARGS__}.begin(), std::initializer_list<std::uint8_t>{__VA_ARGS__}.size()

using namespace wasmdyld;

/* The value of a result, which has one. */
#define VALUE(...) check_value(__FILE__, __LINE__, #__VA_ARGS__, __VA_ARGS__)
/* The error of a result, which has one: of a code, with all the texts that follow. */
#define ERROR(result, ...) check_error(__FILE__, __LINE__, #result, result, __VA_ARGS__)
#ifndef WASMDYLD_NO_EXCEPTIONS
/* The error of the Exception that a statement throws: of a code, with all the texts that follow. */
#define THROWS(statement, ...)                                                                                                             \
    check_error(__FILE__, __LINE__, #statement, check_thrown([&] { static_cast<void>(statement); }), __VA_ARGS__)
#endif

template <class T> T check_value(const char *file, int line, const char *what, Result<T> result)
{
    if (!result) {
        std::fprintf(stderr, "%s:%d: %s gives %u: %s\n", file, line, what, static_cast<unsigned>(result.error().code()), result.error().message());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

inline Error check_error(const char *file, int line, const char *what, const Error &error, Code code, std::initializer_list<const char *> texts = {})
{
    if (error.code() != code) {
        std::fprintf(stderr, "%s:%d: %s gives %u: %s\n", file, line, what, static_cast<unsigned>(error.code()), error.message());
        std::exit(1);
    }
    for (const char *text : texts)
        check_contains(file, line, what, error.message(), text);
    if (std::getenv("CHECK_SHOW"))
        std::printf("# %s\n", error.message());
    return error;
}

template <class T>
Error check_error(const char *file, int line, const char *what, const Result<T> &result, Code code, std::initializer_list<const char *> texts = {})
{
    if (result)
        check_failed(file, line, what);
    return check_error(file, line, what, result.error(), code, texts);
}

#ifndef WASMDYLD_NO_EXCEPTIONS
template <class Statement> Result<void> check_thrown(Statement statement)
{
    try {
        statement();
    } catch (const Exception &exception) {
        SAME_TEXT(exception.what(), exception.error().message());
        CHECK(exception.code() == exception.error().code());
        return exception.error();
    }
    return {};
}
#endif

inline EngineOptions engine_options()
{
    EngineOptions options;
    if (const char *library = std::getenv("WASMDYLD_TEST_ENGINE"))
        options.library(VALUE(EngineLibrary::try_open(library)));
    else if (const char *cache = std::getenv("WASMDYLD_TEST_CACHE"))
        options.cache(cache);
    return options;
}

inline Namespace make_namespace(const Config &config = {})
{
    return VALUE(Namespace::try_create(VALUE(Engine::try_create(engine_options())), config));
}

/* A namespace that finds the guests' libraries, with WASI. */
inline Namespace make_guest_namespace(Config config = {}, const Wasi &wasi = {})
{
    config.library_path(guest_path("lib")).library_path(guest_path("cases/library-only"));
    Namespace made = make_namespace(config);
    VALUE(made.try_set_wasi(wasi));
    return made;
}

/* The bytes of a module, which is gone then. */
inline std::vector<std::uint8_t> finish(struct module *m)
{
    struct bytes bytes = module_finish(m);
    std::vector<std::uint8_t> all(bytes.data, bytes.data + bytes.size);
    std::free(bytes.data);
    return all;
}

inline Library load(const NamespaceRef &in, const char *name, struct module *m, Load flags = Load::defaults)
{
    return VALUE(in.try_load_bytes(name, finish(m), flags));
}

#endif

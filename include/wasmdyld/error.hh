/**
 * @file
 * Errors: the value, the exception, and Result. Part of wasmdyld.hh, which says how they go together.
 */
#ifndef WASMDYLD_ERROR_HH
#define WASMDYLD_ERROR_HH

#include <cassert>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <wasmdyld.h>

#if __cplusplus < 201703L && defined(__GNUC__)
#error "wasmdyld.hh needs C++17"
#endif

// What reads this for documentation is no compiler, and sees all.
#if defined(__GNUC__) && !defined(__cpp_exceptions)
/// Defined where exceptions are off: then what throws is not declared.
#define WASMDYLD_NO_EXCEPTIONS 1
#endif

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
// Files compiled with exceptions and files compiled without do not mix their types: they have different names.
inline namespace no_exceptions {
#endif

/// What became of a call: the numbers of wasm_dyld_code_t.
enum class Code : std::uint32_t {
    ok = WASM_DYLD_OK,                             ///< It worked.
    invalid_argument = WASM_DYLD_INVALID_ARGUMENT, ///< An unusable argument; a namespace or an object that is gone; memory out of bounds.
    not_found = WASM_DYLD_NOT_FOUND,               ///< A library, file or symbol was not found.
    io = WASM_DYLD_IO,                             ///< The operating system failed to read or write something.
    malformed = WASM_DYLD_MALFORMED,               ///< The bytes are not a valid module.
    unsupported = WASM_DYLD_UNSUPPORTED,           ///< Valid, but not something that this linker or this engine can link.
    undefined_symbol = WASM_DYLD_UNDEFINED_SYMBOL, ///< Symbols have no definition: see Error::undefined.
    type_mismatch = WASM_DYLD_TYPE_MISMATCH,       ///< A symbol's use and its definition have different types.
    limit = WASM_DYLD_LIMIT,                       ///< A limit of the configuration, the engine or the guest was reached.
    engine = WASM_DYLD_ENGINE,                     ///< The engine refused a module, an instance or an object.
    trap = WASM_DYLD_TRAP,                         ///< The guest trapped.
    exit = WASM_DYLD_EXIT,                         ///< The guest exited: see Error::exit_code.
    busy = WASM_DYLD_BUSY,                         ///< The namespace is in the midst of something that excludes the request.
    internal = WASM_DYLD_INTERNAL,                 ///< A defect of the library.
    interrupted = WASM_DYLD_INTERRUPTED,           ///< The guest was interrupted: see NamespaceRef::interrupt.
    timed_out = WASM_DYLD_TIMED_OUT,               ///< The guest took longer than it may: see NamespaceRef::try_set_timeout.
    out_of_budget = WASM_DYLD_OUT_OF_BUDGET        ///< The guest has used up its budget: see NamespaceRef::try_set_budget.
};

/// A symbol without a definition.
struct Undefined {
    std::string symbol;   ///< Its name.
    std::string importer; ///< The object that needs it.
    std::string wanted;   ///< What it is needed as, such as "func (i32) -> i32".
};

/// A function of the guest that was running when it trapped.
struct TraceFrame {
    std::optional<std::string> object;   ///< The object that it belongs to; several, joined by " or ", where the engine does not tell which.
    std::optional<std::string> function; ///< Its name, if it has one.
    std::optional<std::uint64_t> offset; ///< Where in the object's file the instruction stands that trapped or called.
};

/**
 * What went wrong. A value: copies share what they say, which never changes, so that any thread may read it.
 */
class Error {
  public:
    /// An error of the host's own, for instance to be given by a host function.
    Error(Code code, std::string message) : state_(std::make_shared<State>(code, std::move(message))) {}

    // There is no move, which copies instead: no error is ever empty.
    /// Copies share what they say.
    Error(const Error &) = default;
    /// Copies share what they say.
    Error &operator=(const Error &) = default;
    ~Error() = default;

    /// Takes an error of the C interface over.
    static Error adopt(wasm_dyld_error_t *error) { return Error(std::make_shared<State>(error)); }

    /// What kind of error it is.
    Code code() const noexcept { return state_->code; }

    /// The error as text for people, UTF-8, possibly of several lines. Lives as long as this or a copy of it.
    const char *message() const noexcept { return state_->message.c_str(); }

    /// The undefined symbols that the error reports, all at once.
    std::vector<Undefined> undefined() const
    {
        std::vector<Undefined> all;
        std::size_t count = raw() ? wasm_dyld_error_undefined_count(raw()) : 0;
        for (std::size_t i = 0; i < count; i++)
            all.push_back({wasm_dyld_error_undefined_symbol(raw(), i), wasm_dyld_error_undefined_importer(raw(), i),
                           wasm_dyld_error_undefined_wanted(raw(), i)});
        return all;
    }

    /// With which code the guest exited, if it is that.
    std::optional<std::int32_t> exit_code() const noexcept
    {
        std::int32_t code = 0;
        return raw() && wasm_dyld_error_exit_code(raw(), &code) ? std::optional(code) : std::nullopt;
    }

    /// The functions of the guest that were running when it trapped, the innermost first, as far as the engine tells. The message has
    /// them as well.
    std::vector<TraceFrame> frames() const
    {
        auto text = [](const char *given) { return given ? std::optional<std::string>(given) : std::nullopt; };
        std::vector<TraceFrame> all;
        std::size_t count = raw() ? wasm_dyld_error_frame_count(raw()) : 0;
        for (std::size_t i = 0; i < count; i++) {
            std::uint64_t offset = 0;
            bool known = wasm_dyld_error_frame_offset(raw(), i, &offset);
            all.push_back({text(wasm_dyld_error_frame_object(raw(), i)), text(wasm_dyld_error_frame_function(raw(), i)),
                           known ? std::optional(offset) : std::nullopt});
        }
        return all;
    }

    /// The error of the C interface; null if it is not from there. It stays this object's.
    const wasm_dyld_error_t *raw() const noexcept { return state_->raw.get(); }

    /// The exception of a host function, or of another callback, that the guest's trap comes from; null if there is none.
    std::exception_ptr cause() const noexcept { return state_->cause; }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// Throws the cause, if there is one, else an Exception with this error.
    [[noreturn]] void raise() const;
#endif

    /// This error with a cause.
    Error with_cause(std::exception_ptr cause) const
    {
        auto state = std::make_shared<State>(*state_);
        state->cause = std::move(cause);
        return Error(std::move(state));
    }

    /// This error with more of a text, in a line of its own.
    Error with_note(const std::string &note) const
    {
        auto state = std::make_shared<State>(*state_);
        state->message += "\n" + note;
        return Error(std::move(state));
    }

  private:
    struct State {
        State(Code c, std::string text) : code(c), message(std::move(text)) {}
        explicit State(wasm_dyld_error_t *error)
            : raw(error, wasm_dyld_error_delete), code(static_cast<Code>(wasm_dyld_error_code(error))), message(wasm_dyld_error_message(error))
        {
        }

        std::shared_ptr<wasm_dyld_error_t> raw;
        Code code;
        std::string message;
        std::exception_ptr cause;
    };

    explicit Error(std::shared_ptr<const State> state) : state_(std::move(state)) {}

    std::shared_ptr<const State> state_;
};

#ifndef WASMDYLD_NO_EXCEPTIONS
/// What functions throw that do not begin with `try_`. Copying it does not throw.
class Exception : public std::exception {
  public:
    /// An exception for an error.
    explicit Exception(Error error) noexcept : error_(error) {}
    /// The error's text.
    const char *what() const noexcept override { return error_.message(); }
    /// The error.
    const Error &error() const noexcept { return error_; }
    /// The error's code.
    Code code() const noexcept { return error_.code(); }

  private:
    Error error_;
};

inline void Error::raise() const
{
    if (state_->cause)
        std::rethrow_exception(state_->cause);
    throw Exception(*this);
}
#endif

namespace detail {

/// The end of a `value()` of a result that has none.
[[noreturn]] inline void fail(const Error &error)
{
#ifdef WASMDYLD_NO_EXCEPTIONS
    std::fprintf(stderr, "wasmdyld: %s\n", error.message());
    std::abort();
#else
    error.raise();
#endif
}

} // namespace detail

/**
 * A value, or the error that there is instead. As std::expected of C++23, with `value()` that throws the error (Error::raise), or, where
 * exceptions are off, prints it and aborts.
 */
template <class T> class [[nodiscard]] Result {
  public:
    /// A value, from anything that makes one.
    template <class U = T, class = std::enable_if_t<std::is_convertible_v<U &&, T> && !std::is_same_v<std::decay_t<U>, Result> &&
                                                    !std::is_same_v<std::decay_t<U>, Error>>>
    Result(U &&value) : value_(std::in_place_index<0>, std::forward<U>(value))
    {
    }
    /// An error.
    Result(Error error) : value_(std::in_place_index<1>, error) {}

    /// Whether there is a value.
    bool has_value() const noexcept { return value_.index() == 0; }
    /// Whether there is a value.
    explicit operator bool() const noexcept { return has_value(); }

    /// The value; fails if there is none.
    T &value() & { return check(), *std::get_if<0>(&value_); }
    /// The value; fails if there is none.
    const T &value() const & { return check(), *std::get_if<0>(&value_); }
    /// The value; fails if there is none.
    T &&value() && { return check(), std::move(*std::get_if<0>(&value_)); }

    /// The value, or another one.
    template <class U> T value_or(U &&otherwise) &&
    {
        return has_value() ? std::move(*std::get_if<0>(&value_)) : static_cast<T>(std::forward<U>(otherwise));
    }

    /// The error. There must be one.
    const Error &error() const noexcept
    {
        assert(!has_value());
        return *std::get_if<1>(&value_);
    }

    /// The value. There must be one.
    T &operator*() & noexcept { return assert(has_value()), *std::get_if<0>(&value_); }
    /// The value. There must be one.
    const T &operator*() const & noexcept { return assert(has_value()), *std::get_if<0>(&value_); }
    /// The value. There must be one.
    T &&operator*() && noexcept { return assert(has_value()), std::move(*std::get_if<0>(&value_)); }
    /// The value's members. There must be one.
    T *operator->() noexcept { return assert(has_value()), std::get_if<0>(&value_); }
    /// The value's members. There must be one.
    const T *operator->() const noexcept { return assert(has_value()), std::get_if<0>(&value_); }

  private:
    void check() const
    {
        if (!has_value())
            detail::fail(error());
    }

    std::variant<T, Error> value_;
};

/// Nothing, or the error that there is instead.
template <> class [[nodiscard]] Result<void> {
  public:
    /// It worked.
    Result() = default;
    /// An error.
    Result(Error error) : error_(error) {}

    /// Whether it worked.
    bool has_value() const noexcept { return !error_; }
    /// Whether it worked.
    explicit operator bool() const noexcept { return has_value(); }

    /// Fails if it did not work.
    void value() const
    {
        if (error_)
            detail::fail(*error_);
    }

    /// The error. There must be one.
    const Error &error() const noexcept
    {
        assert(error_);
        return *error_;
    }

  private:
    std::optional<Error> error_;
};

namespace detail {

/// Calls something of the host's on behalf of C: what it throws ends here, and `failed` is called in its place.
template <class Call, class Failed> auto guarded(Call call, [[maybe_unused]] Failed failed) noexcept
{
#ifdef WASMDYLD_NO_EXCEPTIONS
    return call();
#else
    try {
        return call();
    } catch (...) {
        return failed();
    }
#endif
}

/// The text of the exception that is being handled.
inline std::string current_text()
{
#ifndef WASMDYLD_NO_EXCEPTIONS
    try {
        throw;
    } catch (const std::exception &exception) {
        return exception.what();
    } catch (...) {
    }
#endif
    return "an exception of a type that is not known";
}

/// Calls a function of the C interface that takes a place for its error last.
template <class Call> Result<void> checked(Call &&call)
{
    wasm_dyld_error_t *error = nullptr;
    if (call(&error) != WASM_DYLD_OK)
        return Error::adopt(error);
    return {};
}

/// Strings go to C by their bytes up to a NUL, so that one inside would cut them short.
inline Result<void> no_nul(const std::string &text, const char *what)
{
    if (text.find('\0') != std::string::npos)
        return Error(Code::invalid_argument, std::string("the ") + what + " has a NUL in it");
    return {};
}

} // namespace detail

/// The library's version, such as "0.1.0".
inline const char *version() noexcept { return wasm_dyld_version(); }

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif

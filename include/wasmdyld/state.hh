/**
 * @file
 * What a namespace and all that refers to it share, and how calls go into it and come back. Part of wasmdyld.hh; all of it is internal.
 */
#ifndef WASMDYLD_STATE_HH
#define WASMDYLD_STATE_HH

#include <algorithm>
#include <string_view>

#include <wasmdyld/engine.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

namespace detail {

/// What a callback failed with, on its way past the linker, whose errors have only room for a text or a number.
struct Failure {
    std::string sign; // what the linker's message has in it if it is about this failure
    std::string note; // what the message does not say
    std::exception_ptr cause;
};

struct State;
using Shared = std::shared_ptr<State>;

/// A namespace, and those that were made in its place: callbacks of the host serve all of them.
struct Family {
    std::vector<std::weak_ptr<State>> members;
    unsigned failures = 0;

    /// A callback has failed, of whose namespace nothing is told.
    void fail(const Failure &failure) const;

    Shared find(const wasm_dyld_t *dyld) const;
};

/// Handles hold it strongly; functions of the host that live in the namespace hold it weakly, or neither would ever go.
struct State {
    std::shared_ptr<const StoreState> store; // null when the namespace is gone
    wasm_dyld_t *dyld = nullptr;             // null when the namespace is gone
    std::optional<Failure> failure;          // of a callback during the call that is being made
    unsigned callbacks = 0;
    std::shared_ptr<Family> family;

    State() = default;
    State(const State &) = delete;
    State &operator=(const State &) = delete;
    ~State() { close(); }

    void close() noexcept
    {
        wasm_dyld_delete(std::exchange(dyld, nullptr));
        // A call that is being made holds the store as well.
        store.reset();
    }
};

inline Shared Family::find(const wasm_dyld_t *dyld) const
{
    for (const std::weak_ptr<State> &member : members)
        if (Shared state = member.lock(); state && state->dyld == dyld)
            return state;
    return nullptr;
}

inline void Family::fail(const Failure &failure) const
{
    for (const std::weak_ptr<State> &member : members)
        if (Shared state = member.lock())
            state->failure = failure;
}

/// Makes a state one of a family.
inline void join(const Shared &state, std::shared_ptr<Family> family)
{
    auto &members = family->members;
    members.erase(std::remove_if(members.begin(), members.end(), [](const auto &member) { return member.expired(); }), members.end());
    members.push_back(state);
    state->family = std::move(family);
}

/// A function that was prepared to be called; handles share it.
using Prepared = std::shared_ptr<wasm_dyld_func_t>;

inline Error gone() { return Error(Code::invalid_argument, "there is no namespace: it is gone, or this was moved from"); }

/// An error, with what a callback failed with meanwhile.
inline Error with_failure(const State &state, Error error)
{
    // The guest may have lived with a failure of a callback, and failed later for another reason.
    if (state.failure && std::string_view(error.message()).find(state.failure->sign) != std::string_view::npos) {
        if (!state.failure->note.empty())
            error = error.with_note(state.failure->note);
        if (state.failure->cause)
            error = error.with_cause(state.failure->cause);
    }
    return error;
}

/// Makes a call into a namespace: `call` gets it and a place for an error. What callbacks fail with meanwhile is told with the error;
/// what a call further out has been told waits until this one has ended.
template <class Call> Result<void> enter(const Shared &state, Call &&call)
{
    if (!state || !state->dyld)
        return gone();
    struct Frame {
        Shared state;
        std::shared_ptr<const StoreState> store;
        std::optional<Failure> outer;
        explicit Frame(const Shared &s) : state(s), store(s->store), outer(std::exchange(s->failure, std::nullopt)) {}
        Frame(const Frame &) = delete;
        Frame &operator=(const Frame &) = delete;
        ~Frame() { state->failure = std::move(outer); }
    } frame(state);

    wasm_dyld_error_t *raw = nullptr;
    if (call(state->dyld, &raw) == WASM_DYLD_OK)
        return {};
    return with_failure(*frame.state, Error::adopt(raw));
}

/// Prepares a function that a look-up gave.
inline Result<Prepared> prepare(const Shared &state, const wasm_func_t *function)
{
    wasm_dyld_func_t *prepared = nullptr;
    auto made = enter(state, [&](auto dyld, auto error) { return wasm_dyld_func_new(dyld, function, &prepared, error); });
    if (!made)
        return made.error();
    return Prepared(prepared, wasm_dyld_func_delete);
}

/// A text that engines take: UTF-8 without NUL, what is no UTF-8 replaced.
inline std::string utf8(std::string_view text)
{
    std::string good;
    std::size_t at = 0;
    while (at < text.size()) {
        auto byte = [&](std::size_t n) { return at + n < text.size() ? static_cast<unsigned char>(text[at + n]) : 0u; };
        unsigned first = byte(0);
        std::size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
        bool valid = first != 0 && length != 0;
        for (std::size_t n = 1; n < length; n++)
            valid = valid && (byte(n) & 0xc0) == 0x80;
        // Too long forms, surrogates, and what lies beyond U+10FFFF.
        unsigned second = byte(1);
        valid = valid && !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f) && !(first == 0xf0 && second < 0x90) &&
                !(first == 0xf4 && second > 0x8f);
        if (valid)
            good.append(text.substr(at, length));
        else
            good += "\xef\xbf\xbd";
        at += valid ? length : 1;
    }
    return good;
}

} // namespace detail

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif

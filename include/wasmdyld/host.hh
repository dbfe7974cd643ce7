/**
 * @file
 * C++ functions as functions that guests call. Part of wasmdyld.hh; all of it is internal.
 */
#ifndef WASMDYLD_HOST_HH
#define WASMDYLD_HOST_HH

#include <algorithm>

#include <wasmdyld/state.hh>
#include <wasmdyld/values.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

class NamespaceRef;

namespace detail {

/// The function type of a callable, without const, noexcept and class.
template <class F, class = void> struct Callable {
    static_assert(!std::is_same_v<F, F>, "the parameters of a generic or overloaded callable are not known: say its type, "
                                         "define<int(int)>(...)");
};
template <class R, class... A> struct Callable<R (*)(A...)> {
    using Type = R(A...);
};
template <class R, class... A> struct Callable<R (*)(A...) noexcept> {
    using Type = R(A...);
};
template <class M> struct Member;
template <class C, class R, class... A> struct Member<R (C::*)(A...)> {
    using Type = R(A...);
};
template <class C, class R, class... A> struct Member<R (C::*)(A...) const> {
    using Type = R(A...);
};
template <class C, class R, class... A> struct Member<R (C::*)(A...) noexcept> {
    using Type = R(A...);
};
template <class C, class R, class... A> struct Member<R (C::*)(A...) const noexcept> {
    using Type = R(A...);
};
template <class F> struct Callable<F, std::void_t<decltype(&F::operator())>> : Member<decltype(&F::operator())> {};

/// A callable may give a result, or a Result of it.
template <class R> struct Unwrapped {
    using Type = R;
};
template <class R> struct Unwrapped<Result<R>> {
    using Type = R;
};

template <class F, class Sig, class Context> class HostFunction;

/// What guests call: unpacks the arguments, calls the callable, packs the result. Nothing that it throws leaves it. The callable gets a
/// Context first, unless that is void.
template <class F, class R, class... A, class Context> class HostFunction<F, R(A...), Context> {
  public:
    using Given = Plain<typename Unwrapped<Plain<R>>::Type>;
    using Type = Given(A...);

    HostFunction(F callable, const Shared &state, std::string name)
        : callable_(std::move(callable)), family_(state->family), name_(std::move(name))
    {
    }

    static wasm_dyld_error_t *call(void *env, wasm_dyld_t *dyld, const wasm_val_t *arguments, wasm_val_t *results) noexcept
    {
        auto &self = *static_cast<HostFunction *>(env);
        Shared state = self.family_->find(dyld);
        if (!state)
            return failure("the namespace is gone");
        auto run = [&] { return self.run(state, arguments, results, std::index_sequence_for<A...>()); };
        return guarded(run, [&] {
            std::string text = self.name_ + ": " + current_text(), sign = utf8(text);
            // Engines indent what follows the first line, and trim what is blank.
            sign.erase(std::min(sign.find('\n'), sign.size()));
            sign.erase(sign.find_last_not_of(' ') + 1);
            state->failure = Failure{sign, {}, std::current_exception()};
            return failure(text);
        });
    }

  private:
    template <std::size_t... I>
    wasm_dyld_error_t *run(const Shared &state, const wasm_val_t *arguments, wasm_val_t *results, std::index_sequence<I...>)
    {
        static_cast<void>(state);
        static_cast<void>(arguments);
        static_cast<void>(results);
        auto go = [&]() -> R {
            if constexpr (std::is_void_v<Context>)
                return callable_(ValueTraits<Plain<A>>::from(arguments[I])...);
            else
                return callable_(Context(state), ValueTraits<Plain<A>>::from(arguments[I])...);
        };
        if constexpr (std::is_void_v<R>) {
            go();
        } else if constexpr (std::is_same_v<Plain<R>, Result<Given>>) {
            Plain<R> result = go();
            if (!result)
                return failure(name_ + ": " + result.error().message());
            if constexpr (!std::is_void_v<Given>)
                Returned<Given>::to(*std::move(result), results);
        } else {
            Returned<Given>::to(go(), results);
        }
        return nullptr;
    }

    static wasm_dyld_error_t *failure(const std::string &text) noexcept { return wasm_dyld_error_new(utf8(text).c_str()); }

    F callable_;
    std::shared_ptr<Family> family_;
    std::string name_;
};

/// The parameters that come from the guest: all, or all but a NamespaceRef in front.
template <class Sig, class = void> struct FromGuest {
    using Type = Sig;
    using Context = void;
};
template <class R, class First, class... A> struct FromGuest<R(First, A...), std::enable_if_t<std::is_same_v<Plain<First>, NamespaceRef>>> {
    using Type = R(A...);
    using Context = NamespaceRef;
};

template <class Sig, class F> using HostFunctionOf = HostFunction<F, typename FromGuest<Sig>::Type, typename FromGuest<Sig>::Context>;

/// A library whose `slot` gives the table slot of a function of the host's, which must have one since it takes its address.
inline std::vector<std::uint8_t> slot_library(const std::string &name)
{
    using Bytes = std::vector<std::uint8_t>;
    auto text = [](const std::string &of) {
        Bytes all{static_cast<std::uint8_t>(of.size())};
        all.insert(all.end(), of.begin(), of.end());
        return all;
    };
    Bytes module{0, 'a', 's', 'm', 1, 0, 0, 0};
    // All sizes are below 128, so that each is one byte.
    auto section = [&](std::uint8_t id, std::initializer_list<Bytes> parts) {
        Bytes contents;
        for (const Bytes &part : parts)
            contents.insert(contents.end(), part.begin(), part.end());
        assert(contents.size() < 128);
        module.insert(module.end(), {id, static_cast<std::uint8_t>(contents.size())});
        module.insert(module.end(), contents.begin(), contents.end());
    };
    section(0, {text("dylink.0"), {1, 4, 0, 0, 0, 0}});         // no data, no slots
    section(1, {{1, 0x60, 0, 1, 0x7f}});                        // func () -> i32
    section(2, {{1}, text("GOT.func"), text(name), {3, 0x7f, 1}}); // global, i32, mutable
    section(3, {{1, 0}});
    section(7, {{1}, text("slot"), {0, 0}});
    section(10, {{1, 4, 0, 0x23, 0, 0x0b}}); // global.get 0, end
    return module;
}

} // namespace detail

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif

/**
 * @file
 * Guest pointers, and which C++ types stand for which types of WebAssembly. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_VALUES_HH
#define WASMDYLD_VALUES_HH

#include <array>
#include <tuple>

#include <wasmdyld/error.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/**
 * A pointer of the guest: an address in its memory, of 32 bits. It is a number, and says nothing about whether there is a T.
 *
 * Where T is a function type, it is a function pointer of the guest, which is a table slot.
 */
template <class T = void> class Ptr {
  public:
    /// The null pointer.
    constexpr Ptr() noexcept = default;
    /// The null pointer, from nullptr; a template, so that 0 is an address.
    template <class Null, class = std::enable_if_t<std::is_same_v<Null, std::nullptr_t>>> constexpr Ptr(Null) noexcept {}
    /// From an address.
    constexpr explicit Ptr(std::uint32_t address) noexcept : address_(address) {}
    /// As host pointers convert: to const, and to void.
    template <class U, class = std::enable_if_t<std::is_convertible_v<U *, T *>>>
    constexpr Ptr(Ptr<U> other) noexcept : address_(other.address())
    {
    }

    /// The number.
    constexpr std::uint32_t address() const noexcept { return address_; }
    /// Whether it is not null.
    constexpr explicit operator bool() const noexcept { return address_ != 0; }
    /// As a pointer to something else.
    template <class U> constexpr Ptr<U> as() const noexcept { return Ptr<U>(address_); }

    /// The pointer to the element `n` further on, in steps of sizeof(T). It wraps as the guest's own arithmetic does.
    template <class U = T> constexpr Ptr<U> operator+(std::int64_t n) const noexcept
    {
        static_assert(std::is_object_v<U>, "only pointers to objects are counted on");
        return Ptr<U>(static_cast<std::uint32_t>(address_ + static_cast<std::uint64_t>(n) * sizeof(U)));
    }

    /// The same number.
    friend constexpr bool operator==(Ptr a, Ptr b) noexcept { return a.address_ == b.address_; }
    /// Another number.
    friend constexpr bool operator!=(Ptr a, Ptr b) noexcept { return a.address_ != b.address_; }
    /// The lower number, for ordered containers.
    friend constexpr bool operator<(Ptr a, Ptr b) noexcept { return a.address_ < b.address_; }

  private:
    std::uint32_t address_ = 0;
};

namespace detail {

template <class T> inline constexpr bool integer = std::is_integral_v<T> || std::is_enum_v<T>;
template <class T> inline constexpr bool is_i32 = integer<T> && sizeof(T) <= 4;
template <class T> inline constexpr bool is_i64 = integer<T> && sizeof(T) == 8;

} // namespace detail

/**
 * How a C++ type crosses between host and guest: `kind`, the type of wasm.h, and `to` and `from`. Specialize it for types of your own.
 *
 * Integers, enumerations and bool of up to 32 bits are i32, as clang passes them; those of 64 bits are i64; float is f32, double f64; Ptr
 * is i32. Mind that `long` and `size_t` have 32 bits in the guest, and most often 64 here: write std::int32_t and std::uint32_t for them.
 */
template <class T, class = void> struct ValueTraits {
    static_assert(!std::is_pointer_v<T>, "a pointer of the host means nothing to the guest: use wasmdyld::Ptr<T>");
    static_assert(std::is_pointer_v<T>, "this type stands for no value type of WebAssembly: specialize wasmdyld::ValueTraits");
};

/// Integers, bool and enumerations of up to 32 bits.
template <class T> struct ValueTraits<T, std::enable_if_t<detail::is_i32<T>>> {
    /// The type of wasm.h.
    static constexpr wasm_valkind_t kind = WASM_I32;
    /// To the guest.
    static void to(T value, wasm_val_t &to) noexcept { to.of.i32 = static_cast<std::int32_t>(value); }
    /// From the guest.
    static T from(const wasm_val_t &from) noexcept { return static_cast<T>(from.of.i32); }
};

/// Integers and enumerations of 64 bits.
template <class T> struct ValueTraits<T, std::enable_if_t<detail::is_i64<T>>> {
    /// The type of wasm.h.
    static constexpr wasm_valkind_t kind = WASM_I64;
    /// To the guest.
    static void to(T value, wasm_val_t &to) noexcept { to.of.i64 = static_cast<std::int64_t>(value); }
    /// From the guest.
    static T from(const wasm_val_t &from) noexcept { return static_cast<T>(from.of.i64); }
};

/// float.
template <> struct ValueTraits<float> {
    /// The type of wasm.h.
    static constexpr wasm_valkind_t kind = WASM_F32;
    /// To the guest.
    static void to(float value, wasm_val_t &to) noexcept { to.of.f32 = value; }
    /// From the guest.
    static float from(const wasm_val_t &from) noexcept { return from.of.f32; }
};

/// double.
template <> struct ValueTraits<double> {
    /// The type of wasm.h.
    static constexpr wasm_valkind_t kind = WASM_F64;
    /// To the guest.
    static void to(double value, wasm_val_t &to) noexcept { to.of.f64 = value; }
    /// From the guest.
    static double from(const wasm_val_t &from) noexcept { return from.of.f64; }
};

/// Pointers of the guest.
template <class T> struct ValueTraits<Ptr<T>> {
    /// The type of wasm.h.
    static constexpr wasm_valkind_t kind = WASM_I32;
    /// To the guest.
    static void to(Ptr<T> value, wasm_val_t &to) noexcept { to.of.i32 = static_cast<std::int32_t>(value.address()); }
    /// From the guest.
    static Ptr<T> from(const wasm_val_t &from) noexcept { return Ptr<T>(static_cast<std::uint32_t>(from.of.i32)); }
};

namespace detail {

template <class T> using Plain = std::remove_cv_t<std::remove_reference_t<T>>;

template <class T> void put(T value, wasm_val_t &to) noexcept
{
    to.kind = ValueTraits<T>::kind;
    ValueTraits<T>::to(value, to);
}

/// What a C++ function gives, as the results of a function of WebAssembly.
template <class R> struct Returned {
    static constexpr std::array<wasm_valkind_t, 1> kinds = {ValueTraits<R>::kind};
    static R from(const wasm_val_t *results) { return ValueTraits<R>::from(results[0]); }
    static void to(R value, wasm_val_t *results) { put<R>(value, results[0]); }
};

template <> struct Returned<void> {
    static constexpr std::array<wasm_valkind_t, 0> kinds = {};
};

template <class... R> struct Returned<std::tuple<R...>> {
    static constexpr std::array<wasm_valkind_t, sizeof...(R)> kinds = {ValueTraits<R>::kind...};
    static std::tuple<R...> from(const wasm_val_t *results) { return from(results, std::index_sequence_for<R...>()); }
    static void to(const std::tuple<R...> &value, wasm_val_t *results) { to(value, results, std::index_sequence_for<R...>()); }

  private:
    template <std::size_t... I> static std::tuple<R...> from(const wasm_val_t *results, std::index_sequence<I...>)
    {
        return std::tuple<R...>(ValueTraits<R>::from(results[I])...);
    }
    template <std::size_t... I> static void to(const std::tuple<R...> &value, wasm_val_t *results, std::index_sequence<I...>)
    {
        (put<R>(std::get<I>(value), results[I]), ...);
    }
};

template <class Sig> struct Signature {
    static_assert(std::is_function_v<Sig>, "a function type is needed, such as int(int, int)");
};

template <class R, class... A> struct Signature<R(A...)> {
    static constexpr std::array<wasm_valkind_t, sizeof...(A)> params = {ValueTraits<Plain<A>>::kind...};
    static constexpr auto &results = Returned<Plain<R>>::kinds;
};

template <class R, class... A> struct Signature<R(A...) noexcept> : Signature<R(A...)> {};

inline std::string list(const wasm_valkind_t *kinds, std::size_t count)
{
    std::string text;
    for (std::size_t i = 0; i < count; i++) {
        text += i ? ", " : "";
        switch (kinds[i]) {
        case WASM_I32: text += "i32"; break;
        case WASM_I64: text += "i64"; break;
        case WASM_F32: text += "f32"; break;
        case WASM_F64: text += "f64"; break;
        case WASM_FUNCREF: text += "funcref"; break;
        case WASM_EXTERNREF: text += "externref"; break;
        default: text += "?"; break;
        }
    }
    return text;
}

/// A function type in words, as parse_signature reads it.
template <class Kinds1, class Kinds2> std::string signature_text(const Kinds1 &params, const Kinds2 &results)
{
    std::string given = list(results.data(), results.size());
    return "(" + list(params.data(), params.size()) + ") -> " + (results.size() == 1 ? given : "(" + given + ")");
}

/// A function type in the linker's own words.
template <class Kinds1, class Kinds2> std::string type_text(const Kinds1 &params, const Kinds2 &results)
{
    return "func " + signature_text(params, results);
}

} // namespace detail

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif

/**
 * @file
 * The guest's memory: spans, values, strings, and memory that the host has of the guest's malloc. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_MEMORY_HH
#define WASMDYLD_MEMORY_HH

#include <cstring>
#if __has_include(<version>)
#include <version>
#endif
#ifdef __cpp_lib_ranges
#include <ranges>
#endif

#include <wasmdyld/state.hh>
#include <wasmdyld/values.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/**
 * A pointer and a length: std::span for C++17, to which it converts where there is one. It owns nothing.
 */
template <class T> class Span {
  public:
    /// An element.
    using element_type = T;
    /// An element, without const.
    using value_type = std::remove_cv_t<T>;

    /// Nothing.
    constexpr Span() noexcept = default;
    /// The elements from `data` on.
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    /// An array.
    template <std::size_t N> constexpr Span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /// Anything with data() and size(): std::vector, std::string, std::span, Span of what is not const.
    template <class C, class = std::enable_if_t<!std::is_same_v<detail::Plain<C>, Span> &&
                                                std::is_convertible_v<std::remove_pointer_t<decltype(std::declval<C &>().data())> (*)[], T (*)[]>>,
              class = decltype(std::declval<C &>().size())>
    constexpr Span(C &&container) noexcept : data_(container.data()), size_(container.size())
    {
    }

    /// The first element.
    constexpr T *data() const noexcept { return data_; }
    /// How many elements there are.
    constexpr std::size_t size() const noexcept { return size_; }
    /// Whether there are none.
    constexpr bool empty() const noexcept { return size_ == 0; }
    /// The first element.
    constexpr T *begin() const noexcept { return data_; }
    /// Behind the last element.
    constexpr T *end() const noexcept { return data_ + size_; }
    /// An element, which there must be.
    constexpr T &operator[](std::size_t index) const noexcept { return assert(index < size_), data_[index]; }
    /// `count` elements from `offset` on; what does not exist is left out.
    constexpr Span subspan(std::size_t offset, std::size_t count = static_cast<std::size_t>(-1)) const noexcept
    {
        offset = offset < size_ ? offset : size_;
        return Span(data_ + offset, count < size_ - offset ? count : size_ - offset);
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
inline constexpr bool big_endian = true;
#else
inline constexpr bool big_endian = false;
#endif

/// What can be copied into the guest and out of it, byte by byte, in the guest's order of bytes.
template <class T> inline constexpr bool plain = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_reference_v<T>;
template <class T> inline constexpr bool scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <class T> inline constexpr bool scalar<Ptr<T>> = true;

template <class T> void swap_bytes(T &value) noexcept
{
    static_assert(!big_endian || scalar<T>, "the guest is little-endian: read and write the members of structures one by one");
    if constexpr (big_endian) {
        unsigned char bytes[sizeof(T)];
        std::memcpy(bytes, &value, sizeof(T));
        for (std::size_t i = 0; i < sizeof(T) / 2; i++)
            std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
        std::memcpy(&value, bytes, sizeof(T));
    }
}

} // namespace detail

/**
 * The memory that all objects of a namespace share.
 *
 * A reference to it: copy it as you like. It is of the namespace's thread. Addresses are checked, also those that overflow; what is out
 * of bounds is Code::invalid_argument, and nothing is read or written then. There is none before the first load (Code::busy).
 *
 * Spans and string views lead into the memory itself. They are good until the guest runs again, or anything is loaded: when the memory
 * grows, it may move. Take them anew after that. read, write and string copy, and are always safe.
 */
class Memory {
  public:
    /// How many bytes there are now.
    Result<std::uint64_t> try_size() const
    {
        auto all = whole();
        if (!all)
            return all.error();
        return static_cast<std::uint64_t>(all->size());
    }

    /// The bytes from an address on.
    Result<Span<std::uint8_t>> try_bytes(std::uint64_t address, std::uint64_t size) const
    {
        auto all = whole();
        if (!all)
            return all.error();
        if (size > all->size() || address > all->size() - size)
            return out_of_bounds(address, size);
        return Span<std::uint8_t>(all->data() + address, static_cast<std::size_t>(size));
    }

    /// `count` elements from a pointer on, in place. The pointer must be aligned as the host wants it for a T.
    template <class T> Result<Span<T>> try_span(Ptr<T> pointer, std::uint64_t count) const
    {
        static_assert(detail::plain<std::remove_cv_t<T>>, "what is in the guest's memory is trivially copyable, and without pointers of the host");
        static_assert(!detail::big_endian || sizeof(T) == 1, "the guest is little-endian: copy with read and write");
        if (!pointer && count)
            return null();
        if (count > UINT64_MAX / sizeof(T))
            return out_of_bounds(pointer.address(), UINT64_MAX);
        auto bytes = try_bytes(pointer.address(), count * sizeof(T));
        if (!bytes)
            return bytes.error();
        if (reinterpret_cast<std::uintptr_t>(bytes->data()) % alignof(T) != 0)
            return Error(Code::invalid_argument, "address " + std::to_string(pointer.address()) + " is not aligned to " +
                                                     std::to_string(alignof(T)) + " bytes: copy with read and write");
        return Span<T>(reinterpret_cast<T *>(bytes->data()), static_cast<std::size_t>(count));
    }

    /// Copies a value out.
    template <class T> Result<T> try_read(std::uint64_t address) const
    {
        static_assert(detail::plain<T>, "what is in the guest's memory is trivially copyable, and without pointers of the host");
        T value{};
        if (auto read = try_read(address, reinterpret_cast<std::uint8_t *>(&value), sizeof value); !read)
            return read.error();
        detail::swap_bytes(value);
        return value;
    }

    /// Copies a value out.
    template <class T> Result<std::remove_cv_t<T>> try_read(Ptr<T> pointer) const
    {
        if (!pointer)
            return null();
        return try_read<std::remove_cv_t<T>>(std::uint64_t{pointer.address()});
    }

    /// Copies bytes out.
    Result<void> try_read(std::uint64_t address, std::uint8_t *into, std::size_t size) const
    {
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_read(dyld, address, into, size, error); });
    }

    /// Copies a value in.
    template <class T> Result<void> try_write(std::uint64_t address, T value) const
    {
        static_assert(detail::plain<T>, "what is in the guest's memory is trivially copyable, and without pointers of the host");
        detail::swap_bytes(value);
        return try_write(address, reinterpret_cast<const std::uint8_t *>(&value), sizeof value);
    }

    /// Copies a value in.
    template <class T> Result<void> try_write(Ptr<T> pointer, const detail::Plain<T> &value) const
    {
        static_assert(!std::is_const_v<T>, "the pointer is to const");
        if (!pointer)
            return null();
        return try_write(std::uint64_t{pointer.address()}, value);
    }

    /// Copies bytes in.
    Result<void> try_write(std::uint64_t address, const std::uint8_t *from, std::size_t size) const
    {
        return detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_write(dyld, address, from, size, error); });
    }

    /// A string in place, up to its NUL, which must be among `limit` bytes and within the memory.
    Result<std::string_view> try_c_string(Ptr<const char> text, std::uint64_t limit = UINT64_MAX) const
    {
        if (!text)
            return null();
        auto all = whole();
        if (!all)
            return all.error();
        std::size_t left = text.address() < all->size() ? all->size() - text.address() : 0;
        left = left < limit ? left : static_cast<std::size_t>(limit);
        const char *begin = left ? reinterpret_cast<const char *>(all->data()) + text.address() : "";
        const void *end = left ? std::memchr(begin, 0, left) : nullptr;
        if (!end)
            return Error(Code::invalid_argument, "the string at address " + std::to_string(text.address()) + " has no end within " +
                                                     std::to_string(left) + " bytes");
        return std::string_view(begin, static_cast<std::size_t>(static_cast<const char *>(end) - begin));
    }

    /// A copy of a string, up to its NUL, as try_c_string.
    Result<std::string> try_string(Ptr<const char> text, std::uint64_t limit = UINT64_MAX) const
    {
        auto view = try_c_string(text, limit);
        if (!view)
            return view.error();
        return std::string(*view);
    }

    /// Copies a string with its NUL into a buffer, and gives its length. Where it does not fit, nothing is copied: Code::invalid_argument.
    Result<std::size_t> try_string(Ptr<const char> text, Span<char> into) const
    {
        std::size_t length = 0;
        auto got = detail::enter(state_, [&](auto dyld, auto error) {
            return wasm_dyld_read_string(dyld, text.address(), into.data(), into.size(), &length, error);
        });
        if (!got)
            return got.error();
        return length;
    }

    /// The memory of wasm.h, which stays the namespace's.
    Result<wasm_memory_t *> try_raw() const
    {
        wasm_memory_t *memory = nullptr;
        auto got = detail::enter(state_, [&](auto dyld, auto error) { return wasm_dyld_memory(dyld, &memory, error); });
        if (!got)
            return got.error();
        return memory;
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_size.
    std::uint64_t size() const { return try_size().value(); }
    /// As try_bytes.
    Span<std::uint8_t> bytes(std::uint64_t address, std::uint64_t size) const { return try_bytes(address, size).value(); }
    /// As try_span.
    template <class T> Span<T> span(Ptr<T> pointer, std::uint64_t count) const { return try_span(pointer, count).value(); }
    /// As try_read.
    template <class T> T read(std::uint64_t address) const { return try_read<T>(address).value(); }
    /// As try_read.
    template <class T> std::remove_cv_t<T> read(Ptr<T> pointer) const { return try_read(pointer).value(); }
    /// As try_read.
    void read(std::uint64_t address, std::uint8_t *into, std::size_t size) const { try_read(address, into, size).value(); }
    /// As try_write.
    template <class T> void write(std::uint64_t address, T value) const { try_write(address, value).value(); }
    /// As try_write.
    template <class T> void write(Ptr<T> pointer, const detail::Plain<T> &value) const { try_write(pointer, value).value(); }
    /// As try_write.
    void write(std::uint64_t address, const std::uint8_t *from, std::size_t size) const { try_write(address, from, size).value(); }
    /// As try_c_string.
    std::string_view c_string(Ptr<const char> text, std::uint64_t limit = UINT64_MAX) const { return try_c_string(text, limit).value(); }
    /// As try_string.
    std::string string(Ptr<const char> text, std::uint64_t limit = UINT64_MAX) const { return try_string(text, limit).value(); }
    /// As try_string.
    std::size_t string(Ptr<const char> text, Span<char> into) const { return try_string(text, into).value(); }
#endif

  private:
    friend class NamespaceRef;
    explicit Memory(detail::Shared state) : state_(std::move(state)) {}

    Result<Span<std::uint8_t>> whole() const
    {
        auto memory = try_raw();
        if (!memory)
            return memory.error();
        const detail::Api &api = state_->store->api();
        return Span<std::uint8_t>(reinterpret_cast<std::uint8_t *>(api.wasm_memory_data(*memory)), api.wasm_memory_data_size(*memory));
    }

    static Error null() { return Error(Code::invalid_argument, "the guest's pointer is null"); }

    static Error out_of_bounds(std::uint64_t address, std::uint64_t size)
    {
        return Error(Code::invalid_argument,
                     std::to_string(size) + " bytes at address " + std::to_string(address) + " are not all within the guest's memory");
    }

    detail::Shared state_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#ifdef __cpp_lib_ranges
/// The elements outlive the span.
template <class T> inline constexpr bool std::ranges::enable_borrowed_range<wasmdyld::Span<T>> = true;
/// It is a view.
template <class T> inline constexpr bool std::ranges::enable_view<wasmdyld::Span<T>> = true;
#endif

#endif

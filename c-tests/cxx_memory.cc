/*
 * C++: the guest's memory: spans and their bounds, values, strings, and memory of the guest's malloc.
 */
#include "check.hh"

#if __cplusplus >= 202002L
#include <span>
#endif

struct Pair {
    std::int32_t first;
    double second;
};

static_assert(std::is_convertible_v<Ptr<int>, Ptr<const int>> && std::is_convertible_v<Ptr<int>, Ptr<>>);
static_assert(!std::is_convertible_v<Ptr<const int>, Ptr<int>> && !std::is_convertible_v<Ptr<>, Ptr<int>> && !std::is_convertible_v<Ptr<int>, Ptr<char>>);
static_assert(!std::is_convertible_v<int, Ptr<int>> && std::is_convertible_v<std::nullptr_t, Ptr<int>>);
static_assert(std::is_convertible_v<GuestString, Ptr<const char>> && !std::is_convertible_v<GuestString, Ptr<int>>);
static_assert(!std::is_copy_constructible_v<GuestString> && std::is_nothrow_move_constructible_v<GuestString>);
static_assert(std::is_convertible_v<std::vector<std::uint8_t>, Span<const std::uint8_t>> && std::is_convertible_v<Span<char>, Span<const char>>);
static_assert(!std::is_convertible_v<Span<const char>, Span<char>> && !std::is_convertible_v<std::vector<int>, Span<const std::uint8_t>>);

/* A library with some data: two i32s, and a string at the end of its memory. */
static Library load_data(const NamespaceRef &in)
{
    struct module *m = module_new();
    m->memory_size = 64;
    module_data(m, 0, "\5\0\0\0\xff\xff\xff\xff", 8);
    module_data(m, 16, "text", 5);
    module_datum(m, "numbers", 0);
    module_datum(m, "text", 16);
    module_function(m, "grow", "i", "i", CODE(LOCAL_GET, 0, MEMORY_GROW, 0));
    return load(in, "data.so", m);
}

static void bounds()
{
    Namespace in = make_namespace();
    Memory memory = in.memory();
    ERROR(memory.try_bytes(0, 1), Code::busy);
    Library data = load_data(in);
    std::uint64_t size = VALUE(memory.try_size());
    CHECK(size >= 65536 && size % 65536 == 0);
    CHECK(VALUE(memory.try_bytes(0, size)).size() == size);
    CHECK(VALUE(memory.try_bytes(size, 0)).empty());
    CHECK(VALUE(memory.try_bytes(size - 1, 1)).size() == 1);
    const std::uint64_t cases[][2] = {{size, 1}, {size - 1, 2}, {0, size + 1}, {size + 1, 0}, {UINT64_MAX, 1}, {1, UINT64_MAX}, {UINT64_MAX, UINT64_MAX}};
    for (auto &[address, length] : cases)
        ERROR(memory.try_bytes(address, length), Code::invalid_argument, {"within the guest's memory"});
    ERROR(memory.try_read<int>(size - 3), Code::invalid_argument);
    ERROR(memory.try_read<int>(UINT64_MAX - 1), Code::invalid_argument);
    ERROR(memory.try_write<int>(size - 3, 1), Code::invalid_argument);
    VALUE(memory.try_read<int>(size - 4));
    ERROR(memory.try_read(Ptr<int>()), Code::invalid_argument, {"null"});
    ERROR(memory.try_write(Ptr<int>(), 5), Code::invalid_argument, {"null"});
    ERROR(memory.try_span(Ptr<int>(), 1), Code::invalid_argument, {"null"});
    CHECK(VALUE(memory.try_span(Ptr<int>(), 0)).empty());
    ERROR(memory.try_span(Ptr<std::int32_t>(1024), size), Code::invalid_argument, {"within"});
    ERROR(memory.try_span(Ptr<std::int64_t>(1024), UINT64_MAX / 4), Code::invalid_argument, {"within"});
    ERROR(memory.try_span(Ptr<std::int32_t>(1025), 1), Code::invalid_argument, {"aligned to 4"});
    ok("bounds");
}

static void values()
{
    Namespace in = make_namespace();
    Library data = load_data(in);
    Memory memory = in.memory();
    auto numbers = VALUE(data.try_pointer<std::int32_t>("numbers"));
    CHECK(VALUE(memory.try_read(numbers)) == 5 && VALUE(memory.try_read(numbers + 1)) == -1);
    CHECK(VALUE(memory.try_read<std::uint64_t>(numbers.address())) == 0xffffffff00000005);
    VALUE(memory.try_write(numbers, 6));
    VALUE(memory.try_write(numbers + 1, -7));
    Span<std::int32_t> span = VALUE(memory.try_span(numbers, 2));
    CHECK(span[0] == 6 && span[1] == -7);
    span[1] = 8;
    CHECK(VALUE(memory.try_read(Ptr<const std::int32_t>(numbers + 1))) == 8);
    int sum = 0;
    for (std::int32_t number : span)
        sum += number;
    CHECK(sum == 14 && span.subspan(1)[0] == 8 && span.subspan(2).empty() && span.subspan(9, 9).empty() && span.subspan(0, 1).size() == 1);
#if __cplusplus >= 202002L
    std::span<std::int32_t> standard = span;
    std::span<const std::int32_t> constant = VALUE(memory.try_span(numbers, 2));
    CHECK(standard.size() == 2 && standard.data() == span.data() && constant.data() == span.data());
    Span<const std::int32_t> back = standard;
    CHECK(back.data() == span.data());
#endif
    VALUE(memory.try_write(numbers.as<Pair>(), {3, 1.5}));
    Pair pair = VALUE(memory.try_read(numbers.as<const Pair>()));
    CHECK(pair.first == 3 && pair.second == 1.5);
    VALUE(memory.try_write(numbers.as<Ptr<char>>(), Ptr<char>(77)));
    CHECK(VALUE(memory.try_read(numbers.as<Ptr<char>>())) == Ptr<char>(77) && VALUE(memory.try_read(numbers)) == 77);
    CHECK(VALUE(memory.try_read<bool>(numbers.address())));
    const std::uint8_t in_bytes[] = {1, 2, 3};
    std::uint8_t out_bytes[3] = {};
    VALUE(memory.try_write(numbers.address() + 1, in_bytes, 3));
    VALUE(memory.try_read(numbers.address() + 1, out_bytes, 3));
    CHECK(std::memcmp(in_bytes, out_bytes, 3) == 0 && VALUE(memory.try_bytes(numbers.address(), 2))[1] == 1);
    CHECK((numbers + -1).address() == numbers.address() - 4 && (Ptr<std::int32_t>(UINT32_MAX - 3) + 1).address() == 0);
    CHECK(numbers < numbers + 1 && numbers != numbers + 1 && Ptr<>(numbers) == (numbers + 0));
    ok("values");
}

static void strings()
{
    Namespace in = make_namespace();
    Library data = load_data(in);
    Memory memory = in.memory();
    auto text = VALUE(data.try_pointer<char>("text"));
    CHECK(VALUE(memory.try_c_string(text)) == "text" && VALUE(memory.try_string(text + 2)) == "xt");
    CHECK(VALUE(memory.try_c_string(text, 5)) == "text");
    ERROR(memory.try_c_string(text, 4), Code::invalid_argument, {"no end within 4 bytes"});
    ERROR(memory.try_c_string(nullptr), Code::invalid_argument, {"null"});
    char buffer[5] = "....";
    CHECK(VALUE(memory.try_string(text, buffer)) == 4 && std::string(buffer) == "text");
    ERROR(memory.try_string(text, Span<char>(buffer, 4)), Code::invalid_argument, {"does not end within 4 bytes"});
    ERROR(memory.try_string(nullptr, buffer), Code::invalid_argument, {"null"});
    /* One that runs to the end of the memory. */
    std::uint64_t size = VALUE(memory.try_size());
    std::memset(VALUE(memory.try_bytes(size - 10, 10)).data(), 'x', 10);
    ERROR(memory.try_c_string(Ptr<char>(static_cast<std::uint32_t>(size - 10))), Code::invalid_argument, {"no end within 10 bytes"});
    ERROR(memory.try_string(Ptr<char>(static_cast<std::uint32_t>(size))), Code::invalid_argument, {"no end within 0 bytes"});
    ERROR(memory.try_string(Ptr<char>(UINT32_MAX)), Code::invalid_argument);
    VALUE(memory.try_write<char>(size - 1, '\0'));
    CHECK(VALUE(memory.try_string(Ptr<char>(static_cast<std::uint32_t>(size - 10)))) == "xxxxxxxxx");
    ok("strings");
}

static void growth()
{
    Namespace in = make_namespace();
    Library data = load_data(in);
    Memory memory = in.memory();
    auto numbers = VALUE(data.try_pointer<std::int32_t>("numbers"));
    std::uint64_t before = VALUE(memory.try_size());
    VALUE(VALUE(data.try_function<int(int)>("grow")).try_call(500));
    CHECK(VALUE(memory.try_size()) == before + 500 * 65536);
    CHECK(VALUE(memory.try_span(numbers, 1))[0] == 5);
    VALUE(memory.try_write<int>(before + 400 * 65536, 9));
    ok("growth");
}

static void allocation()
{
    Namespace in = make_guest_namespace();
    ERROR(in.try_allocate<char>(1), Code::not_found, {"malloc and free"});
    Library libc = VALUE(in.try_load("libc.so"));
    Ptr<char> first;
    for (int round = 0; round < 1000; round++) {
        GuestString text = VALUE(in.try_copy_string("some text that takes some room"));
        CHECK(text.data() && text.size() == 31);
        CHECK(VALUE(in.memory().try_c_string(text)) == "some text that takes some room");
        /* It is freed each time: the place is always the same. */
        CHECK(!first || text.data() == first);
        first = text.data();
    }
    CHECK(VALUE(VALUE(libc.try_function<std::uint32_t(Ptr<const char>)>("strlen")).try_call(VALUE(in.try_copy_string("four")))) == 4);

    auto array = VALUE(in.try_allocate<double>(3));
    for (std::uint32_t i = 0; i < 3; i++)
        VALUE(array.try_write(i, i + 0.5));
    CHECK(VALUE(array.try_read(2)) == 2.5 && VALUE(array.try_span())[1] == 1.5 && VALUE(array.try_read()) == 0.5);
    ERROR(array.try_read(3), Code::invalid_argument, {"no element 3 of 3"});
    ERROR(array.try_write(UINT32_MAX, 1), Code::invalid_argument);
    ERROR(in.try_allocate<double>(UINT32_MAX), Code::limit, {"no memory"});
    ERROR(in.try_allocate<char>(UINT32_MAX), Code::limit, {"no memory for 4294967295 bytes"});
    GuestArray<int> empty = VALUE(in.try_allocate<int>(0));
    CHECK(empty.data() && empty.size() == 0);

    std::vector<std::int32_t> numbers = {1, 2, 3};
    auto copy = VALUE(in.try_copy(Span<const std::int32_t>(numbers)));
    CHECK(VALUE(copy.try_read(2)) == 3);
    GuestArray<std::int32_t> moved = std::move(copy);
    CHECK(!copy.data() && moved.size() == 3 && VALUE(moved.try_read(0)) == 1); // NOLINT: moved from
    moved = VALUE(in.try_copy(Span<const std::int32_t>(numbers)));
    Ptr<std::int32_t> kept = moved.release();
    CHECK(kept && !moved.data() && moved.size() == 0);
    VALUE(VALUE(libc.try_function<void(Ptr<>)>("free")).try_call(kept));
#ifndef WASMDYLD_NO_EXCEPTIONS
    CHECK(in.allocate<int>(4).span().size() == 4 && in.memory().string(in.copy_string("text")) == "text");
    THROWS(in.allocate<int>(UINT32_MAX), Code::limit);
    THROWS(array.read(3), Code::invalid_argument);
    CHECK(array.read(1) == 1.5 && in.memory().read(array.data()) == 0.5 && in.memory().read<double>(array.data().address()) == 0.5);
#endif

    /* Another malloc serves when the first is gone, and does not get back what was the first one's. */
    GuestString orphan = VALUE(in.try_copy_string("orphan"));
    VALUE(libc.try_unload());
    CHECK(in.objects().empty());
    ERROR(in.try_copy_string("text"), Code::not_found);
    libc = VALUE(in.try_load("libc.so"));
    GuestString other = VALUE(in.try_copy_string("text"));
    orphan = GuestString();
    CHECK(VALUE(in.memory().try_string(other)) == "text" && VALUE(in.try_copy_string("more")).data() != other.data());
    ok("memory of the guest's malloc");
}

int main()
{
    bounds();
    values();
    strings();
    growth();
    allocation();
    return 0;
}

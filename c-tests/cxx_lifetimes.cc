/*
 * C++: who owns what: moves, handles that go in any order, and references that outlive what they refer to.
 */
#include "check.hh"

#include <functional>

template <class T> constexpr bool move_only = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                                              !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T>;
static_assert(move_only<Engine> && move_only<Store> && move_only<Namespace> && move_only<Library> && move_only<GuestBuffer>);
static_assert(std::is_copy_constructible_v<Object> && std::is_copy_constructible_v<NamespaceRef> && std::is_copy_constructible_v<Memory> &&
              std::is_copy_constructible_v<Function<int(int)>> && std::is_copy_constructible_v<Symbol> && std::is_copy_constructible_v<Config>);

/* A library that tells host.gone when it is unloaded: its exit handler. */
static Library load_telling(const NamespaceRef &in, const char *name)
{
    struct module *m = module_new();
    module_import(m, "env", "__cxa_atexit", "iii", "i");
    module_import(m, "host", "gone", "i", "");
    std::uint32_t handler = module_function(m, nullptr, "i", "", CODE(LOCAL_GET, 0, CALL, 1));
    module_slot(m, handler);
    module_function(m, "__wasm_call_ctors", "", "", CODE(GLOBAL_GET, 1, I32_CONST, 7, GLOBAL_GET, 0, CALL, 0, DROP));
    module_function(m, "seven", "", "i", CODE(I32_CONST, 7));
    return load(in, name, m);
}

static void libraries()
{
    int gone = 0;
    Namespace in = make_namespace();
    VALUE(in.try_define("host", "gone", [&](int n) { gone += n; }));
    {
        Library one = load_telling(in, "one.so"), two;
        CHECK(one && !two && gone == 0);
        two = std::move(one);
        CHECK(!one && two && gone == 0); // NOLINT: moved from
        Library *self = &two;
        two = std::move(*self);
        CHECK(two && two.loaded());
        /* Assignment closes what was there. */
        Object first = two;
        two = load_telling(in, "other.so");
        CHECK(gone == 7 && !first.loaded() && first.name().empty() && two.loaded());
        ERROR(first.try_opens(), Code::invalid_argument);
        ERROR(first.try_place(), Code::invalid_argument);
        CHECK(!first.is_global() && !first.is_nodelete() && !first.is_program() && first.needed().empty() && !first.path());
    }
    CHECK(gone == 14 && in.objects().empty());
    Object kept = load_telling(in, "kept.so").release();
    CHECK(kept.loaded() && gone == 14);
    Library closed = load_telling(in, "closed.so");
    auto seven = VALUE(closed.try_function<int()>("seven"));
    CHECK(VALUE(seven.try_call()) == 7);
    VALUE(closed.try_unload());
    VALUE(closed.try_unload());
    CHECK(gone == 21 && !closed);
    ERROR(closed.try_function<int()>("seven"), Code::invalid_argument);
    ERROR(seven.try_call(), Code::invalid_argument, {"unloaded"});
    /* What is still loaded runs its handlers at the end, if asked. */
    VALUE(in.try_finish());
    CHECK(gone == 28);
    ok("libraries");
}

static void failing_handlers()
{
    Namespace in = make_namespace();
    VALUE(in.try_define("host", "gone", [](int) -> Result<void> { return Error(Code::io, "it does not want to go"); }));
    Library library = load_telling(in, "stubborn.so");
    ERROR(library.try_unload(), Code::trap, {"it does not want to go"});
    CHECK(!library && in.objects().empty());
    {
        Library other = load_telling(in, "stubborn.so");
    }
    CHECK(in.objects().empty());
    ok("exit handlers that fail");
}

/* The namespace goes first; all that referred to it says so. */
static void namespace_first()
{
    std::optional<Namespace> in = make_guest_namespace();
    NamespaceRef ref = *in;
    Memory memory = in->memory();
    Library libc = VALUE(in->try_load("libc.so"));
    Object object = libc;
    Symbol symbol = VALUE(libc.try_symbol("strlen"));
    auto strlen = VALUE(symbol.try_function<std::uint32_t(Ptr<const char>)>());
    GuestString text = VALUE(in->try_copy_string("text"));
    CHECK(VALUE(strlen.try_call(text)) == 4);
    in.reset();
    ERROR(strlen.try_call(text), Code::invalid_argument, {"no namespace"});
    ERROR(symbol.try_value(), Code::invalid_argument, {"no namespace"});
    ERROR(symbol.try_function<std::uint32_t(Ptr<const char>)>(), Code::invalid_argument, {"no namespace"});
    ERROR(memory.try_size(), Code::invalid_argument, {"no namespace"});
    ERROR(memory.try_string(text), Code::invalid_argument, {"no namespace"});
    ERROR(text.try_read(), Code::invalid_argument, {"no namespace"});
    ERROR(object.try_place(), Code::invalid_argument, {"no namespace"});
    ERROR(object.try_symbol("strlen"), Code::invalid_argument, {"no namespace"});
    ERROR(ref.try_load("libc.so"), Code::invalid_argument, {"no namespace"});
    ERROR(ref.try_define("env", "f", [] {}), Code::invalid_argument, {"no namespace"});
    ERROR(ref.try_set_wasi(), Code::invalid_argument, {"no namespace"});
    ERROR(ref.try_copy_string("text"), Code::invalid_argument, {"no namespace"});
    ERROR(libc.try_unload(), Code::invalid_argument, {"no namespace"});
    CHECK(!ref.raw() && ref.objects().empty() && ref.library_paths().empty() && ref.instance_count() == 0 && !ref.take_exit());
    CHECK(object && !object.loaded() && object.name().empty() && !object.is_global());
    ok("the namespace goes first");
}

static void moves()
{
    Namespace one = make_namespace();
    NamespaceRef ref = one;
    struct module *m = module_new();
    module_function(m, "value", "", "i", CODE(I32_CONST, 3));
    Library library = load(one, "value.so", m);
    auto value = VALUE(library.try_function<int()>("value"));
    Namespace two = std::move(one);
    CHECK(!one.raw() && two.raw() == ref.raw() && VALUE(value.try_call()) == 3); // NOLINT: moved from
    ERROR(one.try_load("any.so"), Code::invalid_argument, {"moved from"});
    two = make_namespace();
    CHECK(!ref.raw());
    ERROR(value.try_call(), Code::invalid_argument);
    Namespace *self = &two;
    two = std::move(*self);
    CHECK(two.raw());
    /* Stores and engines may go first as well. */
    std::optional<Engine> engine = VALUE(Engine::try_create(engine_options()));
    std::optional<Store> store = VALUE(Store::try_create(*engine));
    Namespace three = VALUE(Namespace::try_create(*store));
    engine.reset();
    store.reset();
    m = module_new();
    module_function(m, "value", "", "i", CODE(I32_CONST, 4));
    Library other = load(three, "value.so", m);
    CHECK(VALUE(VALUE(other.try_function<int()>("value")).try_call()) == 4);
    ok("moves");
}

/* A host function ends its own namespace: the call that it is in comes back. */
static void ended_from_within()
{
    std::optional<Namespace> in = make_namespace();
    auto alive = std::make_shared<int>(0);
    VALUE(in->try_define("host", "end", [&in, alive]() -> int {
        in.reset();
        return ++*alive;
    }));
    struct module *m = module_new();
    module_import(m, "host", "end", "", "i");
    module_function(m, "go", "", "i", CODE(CALL, 0));
    Library library = load(*in, "ending.so", m);
    auto go = VALUE(library.try_function<int()>("go"));
    static_cast<void>(go.try_call());
    CHECK(*alive == 1 && !in);
    ERROR(go.try_call(), Code::invalid_argument);
    CHECK(alive.use_count() == 1);
    ok("a namespace that ends from within");
}

/* Another namespace in its place: what the host has given serves both. */
static void renewal()
{
    Engine engine = VALUE(Engine::try_create(engine_options()));
    struct module *m = module_new();
    module_import(m, "host", "next", "", "i");
    module_function(m, "go", "", "i", CODE(CALL, 0));
    std::vector<std::uint8_t> library = finish(m);
    bool fails = false;
    auto alive = std::make_shared<int>(1);
    auto open = [&](std::string_view name, std::string_view) -> Result<std::optional<Opened>> {
        if (fails)
            return Error(Code::io, "the shelf is empty");
        return name == "lib.so" ? std::optional(Opened{library, {}}) : std::nullopt;
    };
    std::optional<Namespace> in = VALUE(Namespace::try_create(engine, Config().open(open)));
    std::size_t seen = 0;
    VALUE(in->try_define("host", "next", [alive, &seen](const NamespaceRef &caller) {
        seen = caller.objects().size();
        return ++*alive;
    }));
    Library old = VALUE(in->try_load("lib.so"));
    CHECK(VALUE(VALUE(old.try_function<int()>("go")).try_call()) == 2 && seen == 1);
    CHECK(!in->instances_left() || *in->instances_left() > 9000);
    fails = true;
    ERROR(in->try_renew(engine), Code::io, {"the shelf is empty"});
    fails = false;
    ERROR(in->try_renew(engine, [](const NamespaceRef &) { return Error(Code::io, "not prepared"); }), Code::trap, {"not prepared"});
    CHECK(VALUE(VALUE(old.try_function<int()>("go")).try_call()) == 3);
    for (int n = 4; n < 8; n++) {
        bool prepared = false;
        Namespace next = VALUE(in->try_renew(engine, [&](const NamespaceRef &made) {
            prepared = made.objects().empty();
            return Result<void>();
        }));
        CHECK(prepared && next.objects().size() == 1);
        Function<int()> before = VALUE(in->objects()[0].try_function<int()>("go"));
        in.emplace(std::move(next));
        ERROR(before.try_call(), Code::invalid_argument);
        seen = 0;
        CHECK(VALUE(VALUE(in->objects()[0].try_function<int()>("go")).try_call()) == n && seen == 1);
    }
    ERROR(old.try_function<int()>("go"), Code::invalid_argument);
    CHECK(alive.use_count() == 2);
    in.reset();
    CHECK(alive.use_count() == 1);
    ok("renewal");
}

int main()
{
    libraries();
    failing_handlers();
    namespace_first();
    moves();
    ended_from_within();
    renewal();
    return 0;
}

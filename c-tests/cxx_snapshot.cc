/*
 * C++: snapshots, in the namespace that they were taken of, in new ones and as bytes.
 */
#include "check.hh"

static Library load_counter(const NamespaceRef &in)
{
    struct module *m = module_new();
    m->memory_size = 16;
    module_function(m, "count", "", "i",
                    CODE(GLOBAL_GET, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0, I32_CONST, 1, I32_ADD, I32_STORE, 2, 0, GLOBAL_GET, 0, I32_LOAD, 2, 0));
    module_function(m, "crash", "", "", CODE(UNREACHABLE));
    return load(in, "counter.so", m, Load::global);
}

static std::int32_t count(const NamespaceRef &in) { return VALUE(VALUE(in.try_function<std::int32_t()>("count")).try_call()); }

static Snapshot put_back()
{
    Namespace in = make_namespace(Config().snapshots(true));
    ERROR(in.try_snapshot(), Code::busy, {"nothing has been loaded"});
    Library counter = load_counter(in);
    CHECK(count(in) == 1);
    Snapshot snapshot = VALUE(in.try_snapshot());
    auto function = VALUE(counter.try_function<std::int32_t()>("count"));
    CHECK(VALUE(function.try_call()) == 2);
    ERROR(VALUE(counter.try_function<void()>("crash")).try_call(), Code::trap);
    VALUE(in.try_restore(snapshot));
    CHECK(VALUE(function.try_call()) == 2);
    ok("a namespace is what it was");
    return snapshot;
}

static void elsewhere(Snapshot snapshot)
{
    Span<const std::uint8_t> bytes = VALUE(snapshot.try_bytes());
    Snapshot read = VALUE(Snapshot::try_from_bytes(bytes));
    for (const Snapshot &one : {snapshot, read}) {
        Namespace in = make_namespace(Config().snapshots(true));
        VALUE(in.try_restore(one));
        CHECK(count(in) == 2);
    }
    ERROR(Snapshot::try_from_bytes(bytes.subspan(1)), Code::malformed, {"no snapshot"});
    Namespace in = make_namespace();
    ERROR(in.try_restore(read), Code::unsupported, {"wasm_dyld_config_set_snapshots"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    Namespace made = make_namespace(Config().snapshots(true));
    made.restore(Snapshot::from_bytes(read.bytes()));
    made.restore(made.snapshot());
    CHECK(count(made) == 2);
#endif
    Snapshot moved = std::move(snapshot);
    CHECK(!snapshot.raw() && moved.raw());
    ERROR(in.try_restore(snapshot), Code::invalid_argument, {"the snapshot is NULL"});
    ok("new namespaces go on where it was taken");
}

static void open_files()
{
    struct module *m = module_new();
    m->memory_size = 16;
    module_import(m, "wasi_snapshot_preview1", "path_open", "iiiiiIIii", "i");
    module_data(m, 8, ".", 1);
    module_function(m, "open", "", "i",
                    CODE(I32_CONST, 3, I32_CONST, 0, GLOBAL_GET, 0, I32_CONST, 8, I32_ADD, I32_CONST, 1, I32_CONST, 2, 0x42, 0, 0x42, 0, I32_CONST, 0, GLOBAL_GET, 0,
                         CALL, 0));
    Namespace in = make_namespace(Config().snapshots(true));
    VALUE(in.try_set_wasi(Wasi().folder(".", "/here", Access::read_only)));
    Library opener = load(in, "opener.so", m, Load::global);
    auto open = VALUE(opener.try_function<std::int32_t()>("open"));
    Snapshot before = VALUE(in.try_snapshot());
    SAME(VALUE(open.try_call()), 0);
    ERROR(in.try_snapshot(), Code::unsupported, {"files open", "4: ."});
    Snapshot after = VALUE(in.try_snapshot(true));
    VALUE(in.try_restore(before));
    VALUE(in.try_snapshot());
    VALUE(in.try_restore(after));
    ok("open files");
}

int main()
{
    open_files();
    elsewhere(put_back());
    return 0;
}

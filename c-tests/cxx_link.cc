/*
 * C++: one module of a program and its libraries.
 */
#include "check.hh"

#include <algorithm>

static Linker linker() { return Linker(Config().library_path(guest_path("lib"))); }

static bool holds(const std::vector<std::uint8_t> &bytes, std::string_view text)
{
    return std::search(bytes.begin(), bytes.end(), text.begin(), text.end()) != bytes.end();
}

static void a_program()
{
    const std::string hello = guest_path("cases/hello/main-pie.wasm");
    Linked linked = VALUE(linker().try_link(hello));
    CHECK(holds(linked.module, "libc.so!fwrite") && !holds(linked.module, "libc.so!qsort"));
    CHECK(linked.map.find("\"libc.so\"") != std::string::npos && linked.warnings.empty());
    /* It runs where no library is found. */
    Output output;
    Namespace in = make_namespace();
    VALUE(in.try_set_wasi(Wasi().output(output)));
    Library whole = VALUE(in.try_load_bytes("whole.wasm", linked.module, Load::program));
    CHECK(whole.is_program());
    SAME(VALUE(in.try_run()), 0);
    SAME_TEXT(VALUE(output.try_take()).c_str(), "Hello from a program with a shared libc.\n");

    LinkOptions options;
    options.keep = {"qsort"};
    options.exports = {"malloc", "free"};
    options.gc = false;
    Linked all = VALUE(linker().try_link(hello, options));
    CHECK(all.map.find("\"free\"") != std::string::npos && all.map.find("\"qsort\"") == std::string::npos);
    options.names = false;
    CHECK(!holds(VALUE(linker().try_link(hello, options)).module, "libc.so!"));
    ok("a program");
}

static void started_ahead_of_time()
{
    const std::string warm = guest_path("cases/hello/main-pie.wasm");
    LinkOptions options;
    Output output;
    options.snapshot = "";
    options.wasi.env("NAME", "value").output(output);
    options.timeout = std::chrono::seconds(60);
    const std::vector<std::uint8_t> started = VALUE(linker().try_link(warm, options)).module;
    CHECK(started != VALUE(linker().try_link(warm)).module);
    Namespace in = make_namespace();
    VALUE(in.try_set_wasi(Wasi().output(output)));
    CHECK(VALUE(in.try_load_bytes("started.wasm", started, Load::program)).is_program());
    SAME(VALUE(in.try_run()), 0);
    SAME_TEXT(VALUE(output.try_take()).c_str(), "Hello from a program with a shared libc.\n");
    options.debug = true;
    ERROR(linker().try_link(warm, options), Code::invalid_argument, {"LINK_DEBUG"});
    options.debug = false;
    options.snapshot = "nobody";
    ERROR(linker().try_link(warm, options), Code::not_found, {"nobody defines nobody"});
    options.snapshot = std::string("a\0b", 3);
    ERROR(linker().try_link(warm, options), Code::invalid_argument, {"NUL"});
    options.snapshot = "";
    options.wasi.env("NO=NAME", "");
    ERROR(linker().try_link(warm, options), Code::invalid_argument, {"NO=NAME"});
    options.snapshot.reset();
    ERROR(linker().try_link(warm, options), Code::invalid_argument, {"not asked for"});
    ok("started ahead of time");
}

static void components()
{
    LinkOptions options;
    options.wit = "no/such.wit";
    ERROR(linker().try_link(guest_path("cases/hello/main-pie.wasm"), options), Code::invalid_argument, {"LINK_COMPONENT"});
    options.component = true;
    Result<Linked> made = linker().try_link(guest_path("cases/hello/main-pie.wasm"), options);
    CHECK(!made && made.error().code() == Code::unsupported);
    /* The library without an engine makes none. */
    if (std::string_view(made.error().message()).find("makes no components") == std::string_view::npos) {
        options.wit.clear();
        const std::vector<std::uint8_t> component = VALUE(linker().try_link(guest_path("cases/hello/main-pie.wasm"), options)).module;
        CHECK(component.size() > 8 && component[4] == 13 && component[6] == 1);
    }
    ok("components");
}

static void errors()
{
    LinkOptions options;
    options.library = true;
    ERROR(linker().try_link(guest_path("cases/hello/main-pie.wasm"), options), Code::invalid_argument, {"is a program"});
    CHECK(holds(VALUE(linker().try_link("libz.so", options)).module, "crc32_combine"));
    options.keep = {"no_such_symbol"};
    ERROR(linker().try_link("libz.so", options), Code::not_found, {"no_such_symbol", "kept"});
    options.keep = {std::string("a\0b", 3)};
    ERROR(linker().try_link("libz.so", options), Code::invalid_argument, {"NUL"});
    ERROR(linker().try_link("libno.so"), Code::not_found, {"libno.so"});
    ERROR(linker().try_link(std::string("a\0b", 3)), Code::invalid_argument, {"NUL"});
    ERROR(linker().try_link("damaged.wasm", Span<const std::uint8_t>()), Code::malformed, {"damaged.wasm"});
    ERROR(linker().try_link(guest_path("cases/dl-main/main-pie.wasm")), Code::undefined_symbol, {"dlopen"});
    options = {};
    options.no_dlopen = true;
    VALUE(linker().try_link(guest_path("cases/dl-main/main-pie.wasm"), options));
    options.dynamic = true;
    ERROR(linker().try_link(guest_path("cases/dl-main/main-pie.wasm"), options), Code::invalid_argument, {"LINK_DYNAMIC", "NO_DLOPEN"});
    options.no_dlopen = false;
    CHECK(holds(VALUE(linker().try_link(guest_path("cases/dl-main/main-pie.wasm"), options)).module, "wasmdyld.objects"));
    /* A callback's own words. */
    Config config;
    config.open([](std::string_view, std::string_view) -> Result<std::optional<Opened>> { return Error(Code::io, "the shelf is on fire"); });
    ERROR(Linker(config).try_link("libz.so"), Code::io, {"the shelf is on fire"});
#ifndef WASMDYLD_NO_EXCEPTIONS
    THROWS(linker().link("libno.so"), Code::not_found, {"libno.so"});
#endif
    ok("errors");
}

static void warnings()
{
    struct module *m = module_new();
    module_import(m, "env", "absent", "", "");
    module_function(m, "_start", "", "", CODE(CALL, 0));
    struct bytes bytes = module_finish(m);
    Linker lazy{Config().bind(Bind::lazy)};
    Linked linked = VALUE(lazy.try_link("lazy.wasm", Span<const std::uint8_t>(bytes.data, bytes.size)));
    SAME(linked.warnings.size(), 1);
    CONTAINS(linked.warnings[0].c_str(), "nobody defines absent");
    std::free(bytes.data);
    ok("warnings");
}

int main()
{
    a_program();
    started_ahead_of_time();
    components();
    errors();
    warnings();
}

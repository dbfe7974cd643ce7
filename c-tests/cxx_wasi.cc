/*
 * C++: WASI: input and output by callbacks and buffers, the environment, folders.
 */
#include "check.hh"
#include "guest_libc.hh"

#include <cerrno>
#include <cstdio>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void nothing_by_default()
{
    Guest guest({});
    CHECK(guest.getenv("PATH") == "(none)" && guest.write(1, "text") == 4 && guest.read(4).empty() && !guest.opens("/etc/passwd", "r"));
    ok("nothing by default");
}

static void callbacks()
{
    auto alive = std::make_shared<int>(0);
    std::string input = "some input", out, err;
    int answer = 0;
    {
        Wasi wasi;
        wasi.input([&, alive](Span<std::uint8_t> buffer) -> std::int64_t {
            std::size_t count = std::min({buffer.size(), input.size(), std::size_t{3}});
            std::copy_n(input.begin(), count, buffer.begin());
            input.erase(0, count);
            return answer ? -answer : static_cast<std::int64_t>(count);
        });
        wasi.output([&, alive](Span<const std::uint8_t> bytes) {
            if (!answer)
                out.append(bytes.begin(), bytes.end());
            return answer;
        });
        wasi.errors([&, alive](Span<const std::uint8_t> bytes) {
#ifndef WASMDYLD_NO_EXCEPTIONS
            if (bytes.empty() || bytes[0] == '!')
                throw std::bad_alloc();
#endif
            err.append(bytes.begin(), bytes.end());
            return 0;
        });
        CHECK(alive.use_count() == 4);
        Guest guest(wasi);
        CHECK(alive.use_count() == 7);
        CHECK(guest.write(1, "12345") == 5 && guest.write(2, "678") == 3 && out == "12345" && err == "678");
        CHECK(guest.read(20) == "som" && guest.read(2) == "e " && guest.read(20) == "inp" && guest.read(20) == "ut" && guest.read(20).empty());
        answer = ENOSPC;
        CHECK(guest.write(1, "1") == -1 && guest.read(1) == "failed");
        answer = 0;
        CHECK(guest.write(1, "6") == 1 && out == "123456");
#ifndef WASMDYLD_NO_EXCEPTIONS
        CHECK(guest.write(2, "!") == -1 && err == "678");
#endif
    }
    CHECK(alive.use_count() == 1);
    ok("callbacks");
}

static void buffers()
{
    Output output(8);
    Guest guest(Wasi().input_bytes(std::string("a\0b", 3)).output(output).errors(output));
    CHECK(VALUE(output.try_take()).empty());
    CHECK(guest.write(1, "123") == 3 && guest.write(2, "45") == 2 && VALUE(output.try_take()) == "12345");
    CHECK(guest.write(1, "12345678") == 8 && guest.write(1, "9") == -1);
    CHECK(VALUE(output.try_take()) == "12345678" && guest.write(1, std::string_view("\0", 1)) == 1 && VALUE(output.try_take()) == std::string(1, '\0'));
    output = Output();
    CHECK(guest.write(1, "to nobody") > 0 && VALUE(output.try_take()).empty());
    CHECK(guest.read(8) == std::string("a\0b", 3) && guest.read(8).empty());
    ok("buffers");
}

static void environment()
{
    setenv("WASMDYLD_CHECK_ONE", "inherited", 1);
    setenv("WASMDYLD_CHECK_TWO", "inherited", 1);
    Guest guest(Wasi().inherit_env().env("WASMDYLD_CHECK_ONE", "added"));
    CHECK(guest.getenv("WASMDYLD_CHECK_ONE") == "added" && guest.getenv("WASMDYLD_CHECK_TWO") == "inherited");
    ERROR(guest.in.try_set_wasi(Wasi().arg(std::string("a\0b", 3))), Code::invalid_argument, {"NUL"});
    ERROR(guest.in.try_set_wasi(Wasi().env(std::string("a\0b", 3), "c")), Code::invalid_argument, {"NUL"});
    ERROR(guest.in.try_set_wasi(Wasi().env("a", std::string("b\0c", 3))), Code::invalid_argument, {"NUL"});
    /* Cut at the NUL, each would be another folder. */
    ERROR(guest.in.try_set_wasi(Wasi().folder(std::string("/\0tmp", 5), "/x", Access::read_only)), Code::invalid_argument, {"NUL"});
    ERROR(guest.in.try_set_wasi(Wasi().folder("/tmp", std::string("/\0x", 3), Access::read_only)), Code::invalid_argument, {"NUL"});
    ERROR(guest.in.try_set_wasi(Wasi().env("a=b", "c")), Code::invalid_argument);
    ok("environment");
}

static void folders()
{
    mkdir("folder", 0777);
    FILE *file = std::fopen("folder/file", "w");
    CHECK(file && std::fputs("contents", file) >= 0 && std::fclose(file) == 0);
    Guest guest(Wasi().folder("folder", "/readable", Access::read_only).folder("folder", "/writable", Access::read_write).folder("folder", Access::read_only));
    CHECK(guest.opens("/readable/file", "r") && guest.opens("folder/file", "r") && !guest.opens("/readable/file", "r+"));
    CHECK(!guest.opens("/readable/../cxx", "r") && !guest.opens("/readable/new", "w") && guest.opens("/writable/new", "w"));
    CHECK(std::remove("folder/new") == 0 && std::remove("folder/file") == 0 && rmdir("folder") == 0);
    Guest none(Wasi().folder("/", "/all", Access::read_only).max_files(0));
    CHECK(!none.opens("/all/dev/null", "r"));
    Guest one(Wasi().folder("/", "/all", Access::read_only).max_files(1));
    CHECK(one.opens("/all/dev/null", "r"));
    ERROR(guest.in.try_set_wasi(Wasi().folder("/nowhere/at/all", Access::read_only)), Code::not_found, {"/nowhere/at/all"});
    ok("folders");
}

static void inherited()
{
    Guest guest(Wasi().inherit_stdio());
    CHECK(guest.write(1, "# the guest writes to the process's own output\n") == 47);
    ok("the process's own input and output");
}

static void listeners()
{
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    auto address = reinterpret_cast<sockaddr *>(&at);
    CHECK(bind(listener, address, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, address, &size) == 0);
    CHECK(connect(client, address, size) == 0 && ::write(client, "hello", 5) == 5);
    Guest guest(Wasi().listener(listener));
    auto accept = guest.function<int(int, Ptr<>, Ptr<>)>("accept");
    CHECK(VALUE(accept.try_call(3, Ptr<>(), Ptr<>())) == 4 && guest.write(4, "answer") == 6);
    char heard[8] = "";
    CHECK(::read(client, heard, sizeof heard) == 6 && std::string(heard) == "answer");
    close(listener);
    close(client);
    ERROR(guest.in.try_set_wasi(Wasi().listener(-1)), Code::invalid_argument, {"-1"});
    ok("listeners");
}

static void deterministic()
{
    auto time = [](const Wasi &wasi) { return VALUE(Guest(wasi).function<std::int64_t(Ptr<>)>("time").try_call(Ptr<>())); };
    CHECK(time(Wasi().deterministic(1)) == 1000000000 && time({}) > 1000000000);
    ok("deterministic");
}

static void clocks()
{
    using namespace std::chrono_literals;
    auto alive = std::make_shared<int>(0);
    std::chrono::nanoseconds passed{};
    std::int32_t answer = 0;
    {
        HostClocks mine;
        mine.realtime = [&, alive](std::chrono::nanoseconds &time) {
#ifndef WASMDYLD_NO_EXCEPTIONS
            if (answer == EIO)
                throw std::bad_alloc();
#endif
            time = 500s + passed;
            return answer;
        };
        mine.sleep = [&](std::chrono::nanoseconds time) {
            passed += time;
            return 0;
        };
        mine.resolution = [](Clock clock, std::chrono::nanoseconds &apart) {
            apart = clock == Clock::realtime ? 2s : 1ns;
            return 0;
        };
        Guest guest(Wasi().deterministic(1).clocks(mine));
        auto sleep = guest.function<std::uint32_t(std::uint32_t)>("sleep");
        auto room = VALUE(guest.in.try_allocate<std::int64_t>(2));
        auto clock = VALUE(guest.libc.try_pointer<void>("_CLOCK_REALTIME"));
        auto ask = [&](const char *name) {
            int failed = VALUE(guest.function<int(Ptr<>, Ptr<std::int64_t>)>(name).try_call(clock, room));
            return failed ? -1 : VALUE(room.try_read());
        };
        CHECK(ask("clock_gettime") == 500 && ask("clock_getres") == 2);
        CHECK(VALUE(sleep.try_call(3600)) == 0 && passed == 3600s && ask("clock_gettime") == 4100);
        /* A time before 1970 is none. */
        passed = -600s;
        CHECK(ask("clock_gettime") == -1);
        passed = 0s;
        for (std::int32_t failed : {EACCES, EIO}) {
            answer = failed;
            CHECK(ask("clock_gettime") == -1);
        }
        answer = 0;
        CHECK(ask("clock_gettime") == 500);
        CHECK(alive.use_count() > 1);
    }
    CHECK(alive.use_count() == 1);

    auto start = std::chrono::steady_clock::now();
    Guest fast(Wasi().clock_scale(100000));
    CHECK(VALUE(fast.function<std::uint32_t(std::uint32_t)>("sleep").try_call(3600)) == 0);
    CHECK(std::chrono::steady_clock::now() - start < 3600s);
    ERROR(fast.in.try_set_wasi(Wasi().clock_scale(0)), Code::invalid_argument, {"0/1"});
    ERROR(fast.in.try_set_wasi(Wasi().clocks({})), Code::invalid_argument, {"at least one"});
    ok("clocks");
}

static void random_numbers()
{
    auto draw = [](const Wasi &wasi) {
        Guest guest(wasi);
        auto room = VALUE(guest.in.try_allocate<char>(8));
        int failed = VALUE(guest.function<int(Ptr<char>, std::uint32_t)>("getentropy").try_call(room, 8));
        return failed ? "failed" : std::string(VALUE(room.try_span()).data(), 8);
    };
    auto random = [](Span<std::uint8_t> buffer) {
        std::fill(buffer.begin(), buffer.end(), 'x');
        return 0;
    };
    CHECK(draw(Wasi().random(random)) == "xxxxxxxx");
    CHECK(draw(Wasi().random([](Span<std::uint8_t>) { return EACCES; })) == "failed");
    CHECK(draw(Wasi().random_seed(1)) == draw(Wasi().deterministic(1)) && draw(Wasi().random_seed(1)) != draw(Wasi().random_seed(2)));
#ifndef WASMDYLD_NO_EXCEPTIONS
    CHECK(draw(Wasi().random([](Span<std::uint8_t>) -> std::int32_t { throw std::bad_alloc(); })) == "failed");
#endif
    ERROR(Guest({}).in.try_set_wasi(Wasi().random({})), Code::invalid_argument, {"NULL"});
    ok("random numbers");
}

int main()
{
    nothing_by_default();
    listeners();
    deterministic();
    clocks();
    random_numbers();
    callbacks();
    buffers();
    environment();
    folders();
    inherited();
    return 0;
}

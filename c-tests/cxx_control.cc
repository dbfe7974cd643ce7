/*
 * C++: guests that are stopped by other threads, by time, by a budget, by a callback that looks on, while they run and while they wait.
 */
#include "check.hh"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

static Namespace make(Control control, const Wasi &wasi = {})
{
    Engine engine = VALUE(Engine::try_create(engine_options().control(control)));
    Namespace made = VALUE(Namespace::try_create(engine, Config().control(control).library_path(guest_path("lib"))));
    VALUE(made.try_set_wasi(wasi));
    return made;
}

static Library loops(const NamespaceRef &in)
{
    struct module *m = module_new();
    module_function(m, "loops", "", "", CODE(LOOP, NOTHING, BR, 0, END));
    module_function(m, "one", "", "i", CODE(I32_CONST, 1));
    return load(in, "loops.so", m);
}

static void usable(const Library &loops) { CHECK(VALUE(VALUE(loops.try_function<int()>("one")).try_call()) == 1); }

/* Calls `stop` again and again on another thread, until `run` has ended: what comes before the guest runs has no effect. */
static Error stopped(const std::function<Code()> &stop, const std::function<Result<void>()> &run)
{
    std::atomic<bool> done{false};
    std::thread other([&] {
        while (!done) {
            CHECK(stop() == Code::ok);
            std::this_thread::sleep_for(1ms);
        }
    });
    Result<void> ran = run();
    done = true;
    other.join();
    CHECK(!ran);
    return ran.error();
}

static void interrupts()
{
    Namespace in = make(Control::interrupt);
    Library library = loops(in);
    auto endless = VALUE(library.try_function<void()>("loops"));
    /* Nothing runs. */
    CHECK(in.interrupt() == Code::ok);
    usable(library);
    Error error = stopped([&] { return in.interrupt(); }, [&] { return endless.try_call(); });
    CHECK(error.code() == Code::interrupted);
    usable(library);
    Interrupter interrupter = in.interrupter();
    error = stopped([&] { return interrupter.interrupt(); }, [&] { return endless.try_call(); });
    CHECK(error.code() == Code::interrupted);
    usable(library);
    static_assert(noexcept(in.interrupt()) && noexcept(interrupter.interrupt()));
    in = make(Control::none);
    CHECK(interrupter.interrupt() == Code::invalid_argument && Interrupter().interrupt() == Code::invalid_argument);
    CHECK(in.interrupt() == Code::unsupported);
    ERROR(in.try_set_timeout(1s), Code::unsupported, {"wasm_dyld_config_set_control"});
    ERROR(in.try_set_watcher(1s, [] { return false; }), Code::unsupported);
    ok("an interrupt of another thread");
}

static void while_it_waits()
{
    Namespace in = make(Control::interrupt);
    Library libc = VALUE(in.try_load("libc.so"));
    auto sleep = VALUE(libc.try_function<unsigned(unsigned)>("sleep"));
    auto sleeps = [&]() -> Result<void> {
        auto slept = sleep.try_call(1000);
        return slept ? Result<void>() : slept.error();
    };
    CHECK(stopped([&] { return in.interrupt(); }, sleeps).code() == Code::interrupted);
    VALUE(in.try_set_timeout(20ms));
    ERROR(sleep.try_call(1000), Code::timed_out);
    VALUE(in.try_set_timeout(std::nullopt));
    CHECK(VALUE(sleep.try_call(0)) == 0);
    ok("a guest that sleeps");
}

static void timeouts()
{
    Namespace in = make(Control::interrupt_by_engine);
    Library library = loops(in);
    auto endless = VALUE(library.try_function<void()>("loops"));
    for (std::chrono::nanoseconds timeout : {std::chrono::nanoseconds(10ms), std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1s)}) {
        VALUE(in.try_set_timeout(timeout));
        ERROR(endless.try_call(), Code::timed_out, {"wasm_dyld_set_timeout"});
    }
    VALUE(in.try_set_timeout(1h));
    usable(library);
#ifndef WASMDYLD_NO_EXCEPTIONS
    in.set_timeout(10ms);
    THROWS(endless(), Code::timed_out);
    in.set_timeout(std::nullopt);
#endif
    ok("time-outs");
}

static void budgets()
{
    Namespace in = make(Control::budget);
    Library library = loops(in);
    auto endless = VALUE(library.try_function<void()>("loops"));
    CHECK(!VALUE(in.try_budget_left()));
    VALUE(in.try_set_budget(100000));
    CHECK(VALUE(in.try_budget_left()) == 100000u);
    ERROR(endless.try_call(), Code::out_of_budget, {"wasm_dyld_set_budget"});
    CHECK(VALUE(in.try_budget_left()) == 0u);
    VALUE(in.try_set_budget(1000));
    usable(library);
    CHECK(*VALUE(in.try_budget_left()) <= 1000u);
    VALUE(in.try_set_budget(std::nullopt));
    CHECK(!VALUE(in.try_budget_left()));
#ifndef WASMDYLD_NO_EXCEPTIONS
    in.set_budget(5000);
    THROWS(endless(), Code::out_of_budget);
    CHECK(in.budget_left() == 0u);
#endif
    Namespace none = make(Control::interrupt);
    ERROR(none.try_set_budget(1), Code::unsupported, {"WASM_DYLD_CONTROL_BUDGET"});
    ERROR(none.try_budget_left(), Code::unsupported);
    ok("budgets");
}

static void watchers()
{
    auto alive = std::make_shared<int>(0);
    {
        Namespace in = make(Control::interrupt);
        Library library = loops(in);
        auto endless = VALUE(library.try_function<void()>("loops"));
        VALUE(in.try_set_watcher(2ms, [alive, in_ref = NamespaceRef(in), endless] {
            CHECK(!in_ref.objects().empty());
            ERROR(endless.try_call(), Code::busy);
            return ++*alive == 3;
        }));
        ERROR(endless.try_call(), Code::interrupted);
        CHECK(*alive == 3);
        usable(library);
#ifndef WASMDYLD_NO_EXCEPTIONS
        in.set_watcher(2ms, []() -> bool { throw 99; });
        CHECK(alive.use_count() == 1);
        try {
            endless();
            CHECK(false);
        } catch (int number) {
            CHECK(number == 99);
        }
#endif
        VALUE(in.try_set_watcher(2ms, [alive] { return true; }));
        CHECK(alive.use_count() == 2);
        VALUE(in.try_set_watcher(0s, nullptr));
        CHECK(alive.use_count() == 1);
        VALUE(in.try_set_watcher(2ms, [alive] { return true; }));
    }
    CHECK(alive.use_count() == 1);
    ok("a callback that looks on");
}

int main()
{
    interrupts();
    while_it_waits();
    timeouts();
    budgets();
    watchers();
    return 0;
}

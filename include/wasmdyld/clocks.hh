/**
 * @file
 * Clocks and random numbers for guests that are not the system's. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_CLOCKS_HH
#define WASMDYLD_CLOCKS_HH

#include <cerrno>
#include <chrono>

#include <wasmdyld/folder.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/// A clock of guests.
enum class Clock : std::uint32_t {
    realtime = WASM_DYLD_CLOCK_REALTIME,  ///< Nanoseconds since 1970.
    monotonic = WASM_DYLD_CLOCK_MONOTONIC ///< Nanoseconds since a moment of the clock's own; it does not go back.
};

/**
 * Clocks of the host's, for guests. Each function returns 0 or an errno of the host, which the guest gets; what it throws is EIO. They may look at the
 * namespace, though not at its memory; what changes that is Code::busy. A guest that is to stop does so when they have returned.
 */
struct HostClocks {
    /// Tells the time since 1970. Empty: the system's time.
    std::function<std::int32_t(std::chrono::nanoseconds &time)> realtime;
    /// Tells the time since any moment. What a guest sees does not go back, whatever this says. Empty: the system's.
    std::function<std::int32_t(std::chrono::nanoseconds &time)> monotonic;
    /// Tells how much time is between two times of a clock that can be told apart. Empty: a nanosecond.
    std::function<std::int32_t(Clock clock, std::chrono::nanoseconds &resolution)> resolution;
    /// Lets so much time of the monotonic clock pass: how guests sleep, and wait for descriptors with a time-out. Empty: they sleep as long in the
    /// system's time, which an interrupt or a time-out of the namespace ends at once.
    std::function<std::int32_t(std::chrono::nanoseconds time)> sleep;
};

/// Gives a guest random bytes: fills the buffer and returns 0, or an errno of the host. It may look at the namespace, though not at its memory; what
/// changes that is Code::busy. What it throws is EIO.
using RandomCallback = std::function<std::int32_t(Span<std::uint8_t> buffer)>;

namespace detail {

/// HostClocks as C calls them.
struct HostClocksEnv {
    HostClocks clocks;

    template <class Call> static std::int32_t ask(void *env, Call &&call) noexcept
    {
        return guarded([&] { return std::int32_t{call(static_cast<HostClocksEnv *>(env)->clocks)}; }, [] { return std::int32_t{EIO}; });
    }

    /// A time that was told, which has no sign for a guest.
    static std::int32_t tell(std::int32_t failed, std::chrono::nanoseconds time, std::uint64_t *to)
    {
        if (!failed && time.count() < 0)
            return EIO;
        *to = static_cast<std::uint64_t>(time.count());
        return failed;
    }

    static wasm_dyld_clock_callbacks_t callbacks(const HostClocks &clocks)
    {
        wasm_dyld_clock_callbacks_t given{};
        given.size = sizeof given;
        if (clocks.realtime)
            given.realtime = [](void *env, std::uint64_t *time) {
                return ask(env, [&](HostClocks &host) {
                    std::chrono::nanoseconds now{};
                    std::int32_t failed = host.realtime(now);
                    return tell(failed, now, time);
                });
            };
        if (clocks.monotonic)
            given.monotonic = [](void *env, std::uint64_t *time) {
                return ask(env, [&](HostClocks &host) {
                    std::chrono::nanoseconds now{};
                    std::int32_t failed = host.monotonic(now);
                    return tell(failed, now, time);
                });
            };
        if (clocks.resolution)
            given.resolution = [](void *env, std::uint32_t clock, std::uint64_t *nanoseconds) {
                return ask(env, [&](HostClocks &host) {
                    std::chrono::nanoseconds apart{};
                    std::int32_t failed = host.resolution(static_cast<Clock>(clock), apart);
                    return tell(failed, apart, nanoseconds);
                });
            };
        if (clocks.sleep)
            given.sleep = [](void *env, std::uint64_t nanoseconds) {
                const auto most = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
                const std::chrono::nanoseconds time{static_cast<std::int64_t>(std::min(nanoseconds, most))};
                return ask(env, [&](HostClocks &host) { return host.sleep(time); });
            };
        return given;
    }
};

inline std::int32_t random_for_guest(void *env, std::uint8_t *buffer, std::size_t size) noexcept
{
    auto fill = [&] { return (*static_cast<RandomCallback *>(env))({buffer, size}); };
    return guarded(fill, [] { return std::int32_t{EIO}; });
}

} // namespace detail

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif

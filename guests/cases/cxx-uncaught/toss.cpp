// Throws what is asked for by name. What an exception says of itself is found by its type's bases, so there is one of each form.
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

namespace game {

struct Named {
    virtual ~Named() = default;
    long name = 7;
};

// Not the first base, so that the object has to be adjusted.
struct Error : Named, std::out_of_range {
    Error() : std::out_of_range("overridden") {}
    const char *what() const noexcept override { return "the level has no exit"; }
};

struct Shared : virtual Named, virtual std::exception {
    const char *what() const noexcept override { return "from a virtual base"; }
};

struct Secret : private std::exception {
    const char *what() const noexcept override { return "not for others"; }
};

struct Plain {
    int code = 3;
};

static void fail()
{
    throw Plain();
}

// Asked, it ends in std::terminate, in a trap, never, with an address that is none, and with a text.
struct Trouble : std::exception {
    int kind;
    explicit Trouble(int kind) : kind(kind) {}
    const char *what() const noexcept override {
        if (kind == 0)
            fail();
        if (kind == 1)
            __builtin_trap();
        if (kind == 2)
            for (volatile int forever = 1; forever;) {
            }
        if (kind == 3)
            return reinterpret_cast<const char *>(0xffffff00u);
        // What the one that is on its way meets inside another is not mixed up with it.
        try {
            throw std::runtime_error("inner");
        } catch (const std::exception &) {
            return "after one that was caught";
        }
    }
};

} // namespace game

extern "C" void toss(const char *what)
{
    auto is = [what](const char *name) { return std::strcmp(what, name) == 0; };
    if (is("runtime"))
        throw std::runtime_error("no such file: \x1b[2Jlevel.dat\nwasmdyld: all is well");
    if (is("long"))
        throw std::runtime_error(std::string(100000, 'x'));
    if (is("several-bases"))
        throw game::Error();
    if (is("virtual-base"))
        throw game::Shared();
    if (is("private-base"))
        throw game::Secret();
    if (is("plain"))
        throw game::Plain();
    if (is("int"))
        throw 42;
    if (is("text"))
        throw "just a text";
    if (is("memory"))
        throw std::bad_alloc();
    if (is("again"))
        std::rethrow_exception(std::make_exception_ptr(std::logic_error("kept")));
    if (is("asks-for-trouble"))
        throw game::Trouble(0);
    if (is("traps-when-asked"))
        throw game::Trouble(1);
    if (is("loops-when-asked"))
        throw game::Trouble(2);
    if (is("bad-text"))
        throw game::Trouble(3);
    if (is("catches-when-asked"))
        throw game::Trouble(4);
}

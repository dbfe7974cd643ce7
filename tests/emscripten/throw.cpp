// Exceptions as emscripten compiles them with -fexceptions: without wasm exceptions, calls that may throw go through invoke_*.
#include <exception>
#include <stdexcept>

struct Counted {
    int *count;
    explicit Counted(int *count) : count(count) {}
    ~Counted() { ++*count; }
};

struct Base {
    virtual ~Base() {}
    int base = 5;
};
struct Other {
    virtual ~Other() {}
    int other = 6;
};
struct Both : Base, Other {};

static int cleaned;

__attribute__((noinline)) static void toss(int kind)
{
    Counted counted(&cleaned);
    static Both both;
    switch (kind) {
    case 1:
        throw 7;
    case 2:
        throw std::runtime_error("deep");
    case 3:
        throw std::out_of_range("far");
    case 4:
        throw Both();
    case 5:
        throw &both;
    case 6:
        throw 1.5;
    }
}

extern "C" int caught(int kind)
{
    cleaned = 0;
    try {
        toss(kind);
    } catch (int number) {
        return 100 + number + cleaned;
    } catch (const std::out_of_range &error) {
        return 200 + (error.what()[0] == 'f') + cleaned;
    } catch (const std::exception &error) {
        return 300 + (error.what()[0] == 'd') + cleaned;
    } catch (Other &object) {
        return 400 + object.other + cleaned;
    } catch (Other *object) {
        return 500 + object->other + cleaned;
    } catch (...) {
        return 600 + cleaned;
    }
    return cleaned;
}

extern "C" int again(int kind)
{
    cleaned = 0;
    try {
        Counted counted(&cleaned);
        try {
            toss(kind);
        } catch (const std::exception &) {
            Counted another(&cleaned);
            throw;
        }
    } catch (const std::runtime_error &error) {
        return 10 + cleaned;
    } catch (...) {
        return 20 + cleaned;
    }
    return 0;
}

/* What is not caught here goes on, past what has to be destroyed. */
extern "C" int passes(int kind)
{
    Counted counted(&cleaned);
    try {
        toss(kind);
    } catch (int) {
        return 1;
    }
    return 0;
}

/* Another object's function, which may throw; what of it is caught. */
extern "C" int calls(void (*function)(int), int value)
{
    cleaned = 0;
    try {
        Counted counted(&cleaned);
        function(value);
    } catch (const std::exception &error) {
        return 30 + cleaned + (error.what()[0] == 'w');
    }
    return 0;
}

#include "plugin.hpp"
#include <cstdio>

namespace {

/* Made by constructors that the compiler cannot execute. */
struct Static {
    Static() : text("static") { std::printf("round: static object made, value %d\n", ++value); }
    ~Static() { std::printf("round: %s object destroyed\n", text.c_str()); }
    std::string text;
    volatile int value = 0;
} object;

int counted;

struct Lazy {
    Lazy() { std::puts("round: lazy object made"); }
    ~Lazy() { std::printf("round: lazy object destroyed, counted %d\n", counted); }
};

class Circle : public Shape, public Scalable {
public:
    explicit Circle(double radius) : radius(radius)
    {
        if (radius < 0)
            throw std::out_of_range("radius");
    }
    double area() const override { return 3.14159265 * radius * radius; }
    const char *kind() const override { return "circle"; }
    void scale(double factor) override { radius *= factor; }

private:
    double radius;
};

} // namespace

extern "C" {

Shape *make(double size)
{
    count_of_uses()++;
    return new Circle(size);
}

void fail(int code) { throw PluginError(code); }

/* Each call is counted by an object made at the first. */
int count_it()
{
    static Lazy lazy;
    return ++counted;
}

int count_so_far() { return counted; }

std::string *catch_it(void (*function)())
{
    try {
        function();
    } catch (const std::logic_error &error) {
        return new std::string(error.what());
    }
    return nullptr;
}

void rethrow(void (*function)())
{
    try {
        function();
    } catch (...) {
        throw;
    }
}

std::vector<std::string> *words()
{
    return new std::vector<std::string>{"one", "two", "three"};
}
}

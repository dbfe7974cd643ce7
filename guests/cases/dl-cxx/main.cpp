/* Virtual tables hold slots, casts and handlers compare addresses of type infos, and each plugin comes with copies of both.
 * Static objects are destroyed by handlers that lie in the plugin's code. */
#include "../dl.h"
#include "plugin.hpp"
#include <memory>
#include <typeinfo>

typedef std::unique_ptr<Shape> ShapePointer;

static void throw_logic_error() { throw std::logic_error("from main"); }
static void throw_int() { throw 8; }

static void classes(void *round, void *flat)
{
    ShapePointer circle(FUNCTION(make_function *, round, "make")(2));
    std::printf("a %s of area %.2f, made in the plugin\n", circle->kind(), circle->area());
    auto *scalable = dynamic_cast<Scalable *>(circle.get());
    CHECK(scalable);
    scalable->scale(2);
    std::printf("cast to Scalable: %s of area %.2f\n", circle->kind(), circle->area());
    std::printf("cast to Named: %s\n", dynamic_cast<Named *>(circle.get()) ? "one" : "none");
    CHECK(dynamic_cast<void *>(scalable) == dynamic_cast<void *>(circle.get()));
    std::puts("dynamic_cast to void finds the whole object");
    const Shape &shape = *circle;
    std::string name = typeid(shape).name();
    CHECK(typeid(shape) != typeid(Shape));
    /* _ZN..6CircleE: mangled names of what is in a nameless namespace end with an E. */
    CHECK(name.size() > 7 && name.compare(name.size() - 7, 6, "Circle") == 0);
    std::puts("typeid is the plugin's, name ends with Circle");

    ShapePointer square(FUNCTION(make_function *, flat, "make")(3));
    std::printf("flat: a %s of area %.2f\n", square->kind(), square->area());
    auto *named = dynamic_cast<Named *>(square.get());
    CHECK(named && !dynamic_cast<Scalable *>(square.get()));
    std::printf("different plugins, different classes: cast to Named works, \"%s\"\n", named->name().c_str());
}

static void exceptions(void *round)
{
    try {
        FUNCTION(make_function *, round, "make")(-1);
    } catch (const std::out_of_range &error) {
        std::printf("thrown in the plugin, caught in main: std::out_of_range %s\n", error.what());
    }
    try {
        FUNCTION(void (*)(int), round, "fail")(7);
    } catch (const std::runtime_error &error) {
        auto *own = dynamic_cast<const PluginError *>(&error);
        CHECK(own);
        std::printf("thrown in the plugin, caught by base class: PluginError %d\n", own->code);
    }
    typedef std::string *catch_function(void (*)());
    catch_function *catch_it = FUNCTION(catch_function *, round, "catch_it");
    std::unique_ptr<std::string> caught(catch_it(throw_logic_error));
    CHECK(caught);
    std::printf("thrown in main, caught in the plugin: std::logic_error %s\n", caught->c_str());
    try {
        catch_it(throw_int);
    } catch (int value) {
        std::printf("thrown in main through the plugin: int %d\n", value);
    }
    try {
        FUNCTION(void (*)(void (*)()), round, "rethrow")(throw_logic_error);
    } catch (const std::logic_error &error) {
        std::printf("caught and rethrown by the plugin: std::logic_error %s\n", error.what());
    }
}

int main()
{
    void *round = OPEN("libround.so", RTLD_NOW | RTLD_LOCAL), *flat = OPEN("libflat.so", RTLD_NOW | RTLD_LOCAL);
    classes(round, flat);
    dl_function *count_it = FUNCTION(dl_function *, round, "count_it");
    int first = count_it(), second = count_it(), third = count_it();
    std::printf("counted: %d, %d, %d\n", first, second, third);
    exceptions(round);
    {
        typedef std::vector<std::string> *words_function();
        std::unique_ptr<std::vector<std::string>> words(FUNCTION(words_function *, round, "words")());
        CHECK(words->size() == 3);
        std::printf("strings and vectors from the plugin:");
        for (const std::string &word : *words)
            std::printf(" %s", word.c_str());
        std::puts("");
    }

    CLOSE(round);
    std::puts("closed: destroyed in reverse");
    round = OPEN("libround.so", RTLD_NOW);
    std::printf("again: fresh, counted %d\n", dl_call(round, "count_so_far"));

    for (int i = 0; i < 100; i++) {
        CHECK(dlopen("libthrowing.so", RTLD_NOW) == nullptr);
        CHECK_ERROR("libthrowing.so");
    }
    CHECK(dlopen("libthrowing.so", RTLD_NOW | RTLD_NOLOAD) == nullptr);
    std::puts("exception out of a constructor: dlopen fails");

    delete FUNCTION(make_function *, round, "make")(1);
    std::printf("counters of inline functions: one for all, %d\n", count_of_uses());
    std::puts("end of main");
    return 0;
}

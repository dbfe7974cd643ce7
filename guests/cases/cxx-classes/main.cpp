/* Vague linkage: each module has its own copy of inline functions, type infos and
 * vtables, and of all these copies the first in scope order must be everybody's. */
#include "shape.hpp"
#include "../check.h"

class Square : public Shape {
public:
    explicit Square(double side) : side(side) {}
    ~Square() override { std::printf("square gone, "); }
    double area() const override { return side * side; }
    std::string name() const override { return "square"; }

private:
    double side;
};

static const char *yes(bool condition) { return condition ? "yes" : "no"; }

int main()
{
    auto circle = make_circle(2);
    std::printf("%s: area %.2f, %d in all\n", circle->name().c_str(), circle->area(), Shape::count);
    std::unique_ptr<Shape> square = std::make_unique<Square>(3);
    std::printf("%s (made in main): area %.2f, %d in all\n", square->name().c_str(), square->area(), Shape::count);

    bool circle_is = dynamic_cast<Circle *>(circle.get()), square_is = dynamic_cast<Circle *>(square.get());
    std::printf("dynamic_cast in main: circle %s, square %s\n", yes(circle_is), yes(square_is));
    std::printf("dynamic_cast in the library: circle %s, square %s\n", yes(is_circle(*circle)), yes(is_circle(*square)));
    auto *named = dynamic_cast<Named *>(circle.get());
    CHECK(named && !dynamic_cast<Named *>(square.get()));
    std::printf("cross cast: circle is named %s\n", named->label().c_str());

    CHECK(type_of(*circle) == typeid(Circle) && type_of(*square) == typeid(Square));
    CHECK(&type_of(*circle) == &typeid(Circle));
    std::puts("typeid: equal in main and library");
    CHECK(type_of_box() == typeid(Box<std::string>) && type_of_box() != typeid(Box<int>));
    std::puts("typeid of a template's instance: equal");

    CHECK(setting == 1 && setting_in_library() == 1);
    setting = 5;
    std::printf("inline variable: one, set in main to %d, library has %d\n", setting, setting_in_library());
    std::printf("static of an inline function:");
    for (int i = 0; i < 2; i++) {
        std::printf(" %d", next_number());
        std::printf(" %d", next_number_in_library());
    }
    CHECK(&Box<int>::made == made_by_library());
    std::puts("\nstatic of a class template: one");

    double (Shape::*area)() const = &Shape::area;
    std::printf("member function pointer, virtual: %.2f\n", (square.get()->*area)());
    int offset = 3;
    std::printf("std::function across: %d\n", apply_twice([&](int n) { return 2 * n + offset; }, 3));
    std::printf("shared_ptr: ");
    make_shared_number(1).reset();

    std::printf("deleted through the base: ");
    circle.reset();
    square.reset();
    std::printf("%d left\n", Shape::count);
    return 0;
}

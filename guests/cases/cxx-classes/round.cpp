#include "shape.hpp"
#include <cstdio>

Circle::~Circle() { std::printf("circle gone, "); }
double Circle::area() const { return 3.14159265 * radius * radius; }
std::string Circle::name() const { return "circle"; }
std::string Circle::label() const { return "round"; }

std::unique_ptr<Shape> make_circle(double radius) { return std::make_unique<Circle>(radius); }
bool is_circle(const Shape &shape) { return dynamic_cast<const Circle *>(&shape) != nullptr; }
const std::type_info &type_of(const Shape &shape) { return typeid(shape); }

const std::type_info &type_of_box()
{
    static Box<std::string> box{"text"};
    return typeid(static_cast<Box<std::string> &>(box));
}
int *made_by_library() { return &Box<int>::made; }

int setting_in_library() { return setting; }
int next_number_in_library() { return next_number(); }

int apply_twice(const std::function<int(int)> &function, int value) { return function(function(value)); }

std::shared_ptr<int> make_shared_number(int value)
{
    return {new int(value), [](int *number) {
                std::printf("destroyed by the library's deleter\n");
                delete number;
            }};
}

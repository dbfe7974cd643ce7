#pragma once
#include <functional>
#include <memory>
#include <string>
#include <typeinfo>

class Shape {
public:
    Shape();
    virtual ~Shape();
    virtual double area() const = 0;
    virtual std::string name() const { return "shape"; }
    static int count;
};

/* A second base, so that casts have to move the pointer. */
class Named {
public:
    virtual ~Named() = default;
    virtual std::string label() const = 0;
};

class Circle : public Shape, public Named {
public:
    explicit Circle(double radius) : radius(radius) {}
    ~Circle() override;
    double area() const override;
    std::string name() const override;
    std::string label() const override;

private:
    double radius;
};

std::unique_ptr<Shape> make_circle(double radius);
bool is_circle(const Shape &shape);
const std::type_info &type_of(const Shape &shape);

template <typename T>
struct Box {
    explicit Box(T value) : value(std::move(value)) {}
    T value;
    virtual ~Box() = default;
    inline static int made = 0;
};
const std::type_info &type_of_box();
int *made_by_library();

inline int setting = 1;
int setting_in_library();

inline int next_number()
{
    static int number = 0;
    return ++number;
}
int next_number_in_library();

int apply_twice(const std::function<int(int)> &function, int value);
std::shared_ptr<int> make_shared_number(int value);

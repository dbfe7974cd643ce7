#include "plugin.hpp"

namespace {

class Square : public Shape, public Named {
public:
    explicit Square(double side) : side(side) {}
    double area() const override { return side * side; }
    const char *kind() const override { return "square"; }
    std::string name() const override { return area() == 9 ? "Nine" : "?"; }

private:
    double side;
};

} // namespace

extern "C" Shape *make(double size)
{
    count_of_uses()++;
    return new Square(size);
}

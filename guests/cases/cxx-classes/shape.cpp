#include "shape.hpp"

int Shape::count;

Shape::Shape() { ++count; }
Shape::~Shape() { --count; }

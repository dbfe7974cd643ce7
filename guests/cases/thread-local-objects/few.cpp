#include "counters.hpp"

int main() { std::printf("shared: %d\n", bump()); }

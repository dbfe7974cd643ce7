#include <stdexcept>

void act(void (*function)())
{
    if (function)
        function();
    throw std::runtime_error("from the library");
}

#include "hello.h"
#include <stddef.h>

greet_function hello;

int world(void)
{
    const struct greeting greeting = {"from the plugin", 1, NULL};
    return hello(&greeting);
}

greet_function *const world_greet = hello;

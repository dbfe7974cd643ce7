#include "a.h"

int a_array[8] = {100, 101, 102, 103, 104, 105, 106, 107};

/* Points into the main program, which this library cannot know. */
int *a_into_main = &main_array[2];

static int forty_two(void) { return 42; }
int (*const a_function)(void) = forty_two;

const char *const a_texts[] = {"unused", "from a"};

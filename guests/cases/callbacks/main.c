#include "events.h"
#include "shapes.h"
#include <stdio.h>

static void hear(void *context, double value) { printf("%s heard area %.2f\n", (const char *)context, value); }
static int square_of(int n) { return n * n; }

int main(void)
{
    struct shape shapes[] = {{&circle, 2}, {&square, 3}};
    int counter = 0;
    for (int i = 0; i < 2; i++)
        shapes[i].functions->print(&shapes[i]);

    listen(hear, "main");
    count_areas(&counter);
    for (int i = 0; i < 2; i++)
        announce(shapes[i].functions->area(&shapes[i]));

    printf("static function of main, through the library: %d\n", apply(square_of, 7));
    printf("static function of a library, called by main: %d\n", tripler()(3) + 1);
    printf("returned pointer, passed on: %d\n", apply(tripler(), 7));
    return 0;
}

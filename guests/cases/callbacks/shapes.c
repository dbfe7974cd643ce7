#include "shapes.h"
#include "events.h"
#include <stdio.h>

static void print(const struct shape *shape)
{
    double area = shape->functions->area(shape);
    printf("%s of %.0f: area %.2f\n", shape->functions->name, shape->size, area);
}

static double circle_area(const struct shape *shape) { return 3.14159265 * shape->size * shape->size; }
static double square_area(const struct shape *shape) { return shape->size * shape->size; }

const struct shape_functions circle = {"circle", circle_area, print};
const struct shape_functions square = {"square", square_area, print};

static void count(void *context, double value)
{
    (void)value;
    printf("shapes counted %d\n", ++*(int *)context);
}

void count_areas(int *counter) { listen(count, counter); }

static int triple(int n) { return 3 * n; }
int (*tripler(void))(int) { return triple; }

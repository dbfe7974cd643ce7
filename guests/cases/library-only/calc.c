#include "calc.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 64 };

static double stack[DEPTH];
static int depth;
static calc_function *functions[256];

int calc_version;
const char *calc_name = "calc";
double calc_constants[4];

static double square_root(double x) { return sqrt(x); }

__attribute__((constructor)) static void construct(void)
{
    calc_version = 3;
    const double constants[4] = {0, 1, 2.718281828459045, 3.141592653589793};
    memcpy(calc_constants, constants, sizeof constants);
    calc_define('r', square_root);
    history_add("calc loaded");
}

int calc_push(double value)
{
    if (depth == DEPTH)
        return -1;
    stack[depth++] = value;
    return 0;
}

int calc_pop(double *value)
{
    if (depth == 0)
        return -1;
    *value = stack[--depth];
    return 0;
}

int calc_define(char operation, calc_function *function)
{
    functions[(unsigned char)operation] = function;
    return 0;
}

int calc_apply(char operation)
{
    double a, b;
    calc_function *function = functions[(unsigned char)operation];
    if (function)
        return calc_pop(&a) ? -1 : calc_push(function(a));
    if (!strchr("+-*/", operation) || depth < 2)
        return -1;
    calc_pop(&b);
    calc_pop(&a);
    return calc_push(operation == '+' ? a + b : operation == '-' ? a - b : operation == '*' ? a * b : a / b);
}

double calc_evaluate(const char *text)
{
    double result = NAN;
    int before = depth;
    history_add(text);
    for (const char *at = text; *at;) {
        char *end;
        double value = strtod(at, &end);
        int failed = 0;
        if (end != at) {
            failed = calc_push(value);
            at = end;
        } else if (isspace((unsigned char)*at)) {
            at++;
        } else {
            failed = calc_apply(*at++);
        }
        if (failed) {
            depth = before;
            return NAN;
        }
    }
    if (depth == before + 1)
        calc_pop(&result);
    depth = before;
    return result;
}

void calc_print(void)
{
    printf("%s: %d on the stack:", calc_name, depth);
    for (int i = 0; i < depth; i++)
        printf(" %g", stack[i]);
    putchar('\n');
    fflush(stdout);
}

char *calc_shout(const char *text)
{
    char *copy = strdup(text);
    for (char *at = copy; at && *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return copy;
}

int64_t calc_factorial(int64_t n) { return n < 2 ? 1 : n * calc_factorial(n - 1); }

int calc_recurse(int depth)
{
    volatile char frame[1024];
    frame[depth % 1024] = 1;
    return depth == 0 ? 0 : calc_recurse(depth - 1) + frame[depth % 1024];
}

void calc_crash(void) { abort(); }

#ifndef CALC_H
#define CALC_H

#include <stdint.h>

/* A stack of numbers. Full or empty, a function does nothing and returns -1, else 0. */
int calc_push(double value);
int calc_pop(double *value);

/* Applies an operator, one of + - * /, to the two topmost numbers. */
int calc_apply(char operation);

/* Adds an operator of one's own, which takes and gives a double. */
typedef double calc_function(double);
int calc_define(char operation, calc_function *function);

/* Evaluates text in postfix notation, "1 2 + 3 *". On an error, NaN. */
double calc_evaluate(const char *text);

/* Prints the stack to standard output, which is libc's. */
void calc_print(void);

/* A copy of the text in upper case, from malloc. */
char *calc_shout(const char *text);

/* 64 bits in, 64 bits out. */
int64_t calc_factorial(int64_t n);

/* Calls itself with a KiB of stack in each call; gives depth. */
int calc_recurse(int depth);

/* Traps. */
void calc_crash(void);

extern int calc_version;         /* 3, once the constructor has run */
extern const char *calc_name;    /* "calc", a pointer in data */
extern double calc_constants[4]; /* 0, 1, e, pi */

/* In libhistory.so, which libcalc.so needs. */
void history_add(const char *text);
int history_count(void);
const char *history_get(int index);

#endif

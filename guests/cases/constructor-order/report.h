/* Constructors and destructors that tell when they run; NAME is the module's.
 * They are not written in the order in which they must run. */
#include <stdio.h>

__attribute__((constructor)) static void last(void) { puts(NAME ": constructor"); }
__attribute__((constructor(102))) static void second(void) { puts(NAME ": constructor 102"); }
__attribute__((constructor(101))) static void first(void) { puts(NAME ": constructor 101"); }

__attribute__((destructor(101))) static void third_from_last(void) { puts(NAME ": destructor 101"); }
__attribute__((destructor(102))) static void second_from_last(void) { puts(NAME ": destructor 102"); }
__attribute__((destructor)) static void at_once(void) { puts(NAME ": destructor"); }

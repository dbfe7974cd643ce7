#include <stdio.h>

extern void *__dso_handle __attribute__((visibility("hidden")));
int __cxa_atexit(void (*)(void *), void *, void *);

static void own(void *text) { puts(text); }

__attribute__((constructor)) static void begin(void) { __cxa_atexit(own, "registrar: its own", &__dso_handle); }

int register_for(void (*function)(void *), void *argument, void *dso) { return __cxa_atexit(function, argument, dso); }

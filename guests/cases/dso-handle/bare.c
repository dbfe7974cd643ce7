extern void *__dso_handle __attribute__((visibility("hidden")));
int __cxa_atexit(void (*)(void *), void *, void *);

void bare_register(void (*function)(void *), void *argument) { __cxa_atexit(function, argument, &__dso_handle); }

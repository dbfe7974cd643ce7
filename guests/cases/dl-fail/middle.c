int gone(void) __attribute__((weak));
int good(void) __attribute__((weak));
int middle(void) { return (gone ? gone() : 0) + (good ? good() : 0); }

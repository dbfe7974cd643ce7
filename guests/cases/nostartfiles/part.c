#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

volatile int JOIN(constructed_, NAME);

__attribute__((constructor)) static void construct(void) { JOIN(constructed_, NAME)++; }

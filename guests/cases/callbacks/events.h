/* A list of listeners; a listener is a function with a context. */
typedef void listener(void *context, double value);

void listen(listener *function, void *context);
void announce(double value);

int apply(int (*function)(int), int argument);

/* A plugin is why a program exports its symbols. */
int add(int, int);
int plugin(void) { return add(17, 5); }

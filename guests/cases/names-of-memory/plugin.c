int memory(int);
int call_it(int x) { return memory(x) * 2; }

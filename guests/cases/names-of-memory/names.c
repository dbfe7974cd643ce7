int memory(int x) { return x + 1; }
int __table(void) { return 7; }
int table(int a, int b) { return a * b; }
double memory_base = 2.5;
int start(void) { return 3; }
int env(void) { return 5; }
int stack_pointer = 11;
int self(void) { return memory(1) + table(2, 3); }

static int calls;
int late_function(int n) { return n * 3 * ++calls; }

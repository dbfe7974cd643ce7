int late_function(int);
int call_late(void) { return late_function(7); }

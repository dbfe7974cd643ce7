/* main defines it otherwise. */
double of_main(double);
double call(void) { return of_main(0.5); }

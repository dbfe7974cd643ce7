#ifdef OTHER
int other(void) { return 1; }
#else
int good_number = 7;
int good(void) { return good_number * 6; }
#endif

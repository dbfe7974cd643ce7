int shared(void);
int NAME(void) { return shared(); }
#ifdef DEFINE
int wanted(void) { return DEFINE; }
#endif

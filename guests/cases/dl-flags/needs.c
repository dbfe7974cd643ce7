int below(void);
int above(void) { return below() + 100; }

int not_provided(void);
int call(void) { return not_provided(); }

int increment(void);
int increment_by_y(void) { return increment(); }

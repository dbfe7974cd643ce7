const char *which(void);
const char *asked_by_left(void) { return which(); }

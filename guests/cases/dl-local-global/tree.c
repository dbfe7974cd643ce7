const char *which(void);
const char *asked_by_tree(void) { return which(); }

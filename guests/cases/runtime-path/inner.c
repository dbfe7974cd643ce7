const char *sibling(void);

const char *inner(void) { return "inner"; }
const char *sibling_by_inner(void) { return sibling(); }

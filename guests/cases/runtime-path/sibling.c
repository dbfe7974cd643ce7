const char *sibling(void) { return "sibling"; }

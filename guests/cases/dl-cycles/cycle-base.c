static char buffer[70000];
char *base_buffer(void) { return buffer; }

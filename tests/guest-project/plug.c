int host_value(void);
int plug(void) { return host_value() + 1; }

int owner_value(void);
int bound_value(void) { return owner_value() + 1; }

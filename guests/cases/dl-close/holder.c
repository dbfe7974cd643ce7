extern int used_number;

int *const held = &used_number;

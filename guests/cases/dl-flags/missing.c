/* Nobody defines these. */
int missing_one(int);
double missing_two(const char *, double);
void missing_three(void);

int present(void) { return 8; }
int call_missing_one(void) { return missing_one(1); }
double call_others(void)
{
    missing_three();
    return missing_two("", 0);
}

int good(void);
int missing_function(void);
extern int missing_data;

int call(void) { return good() + missing_function() + missing_data; }

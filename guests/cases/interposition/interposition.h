#define WEAK __attribute__((weak))

typedef const char *who_function(void);

const char *who(void);
extern int level;
const char *in_both(void);

const char *who_by_first(void);
int level_by_first(void);
who_function *who_pointer_by_first(void);
const char *who_by_second(void);
int level_by_second(void);
who_function *who_pointer_by_second(void);
const char *in_both_by_second(void);

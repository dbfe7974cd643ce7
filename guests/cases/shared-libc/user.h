/* Each does in a library what main does itself. */
void say(const char *text);
void set_errno(int value);
int get_errno(void);
int open_missing(void);
void set_variable(const char *name, const char *value);
const char *get_variable(const char *name);
char *next_token(const char *separators);
int random_number(void);
char *allocate(const char *text);
void say_at_exit(void);

#include "user.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void say(const char *text) { fputs(text, stdout); }
void set_errno(int value) { errno = value; }
int get_errno(void) { return errno; }
int open_missing(void) { return open("/no/such/file", O_RDONLY); }
void set_variable(const char *name, const char *value) { setenv(name, value, 1); }
const char *get_variable(const char *name) { return getenv(name); }
char *next_token(const char *separators) { return strtok(NULL, separators); }
int random_number(void) { return rand(); }
char *allocate(const char *text) { return strdup(text); }

static void last_words(void) { puts("at exit, from the library"); }
void say_at_exit(void) { atexit(last_words); }

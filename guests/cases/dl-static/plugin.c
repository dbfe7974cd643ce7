#include "plugin.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void at_exit(void) { puts("plugin: atexit"); }

__attribute__((constructor)) static void construct(void) { puts("plugin: constructor"); }
__attribute__((destructor)) static void destroy(void) { puts("plugin: destructor"); }

void register_handler(void) { atexit(at_exit); }
char *hello(const char *text)
{
    printf("plugin: hello, %s\n", text);
    return strdup(text);
}

int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
void set_errno(int value) { errno = value; }
const int *where_number_is(void) { return &number_of_main; }
size_t (*strlen_of_plugin(void))(const char *) { return strlen; }

#include "user.h"
#include "../check.h"
#include <errno.h>
#include <string.h>

extern char **environ;

int main(void)
{
    say_at_exit();
    /* No line is complete until the end: each text waits in the same buffer. */
    printf("one, ");
    say("two, ");
    printf("three, ");
    say("four\n");

    set_errno(EDOM);
    printf("errno set by the library: %s\n", errno == EDOM ? "EDOM" : "something else");
    errno = 0;
    printf("errno cleared by main: %d\n", get_errno());
    CHECK(open_missing() == -1);
    /* Which errno it is tells wasi-libc's search among preopened folders: none fits. */
    printf("the library's failed open: %s\n", errno == ENOENT || errno == ENOTCAPABLE ? "ENOENT" : "something else");

    CHECK(environ != NULL);
    printf("environment: %s, ", getenv("GREETING"));
    set_variable("GREETING", "bonjour");
    printf("changed by the library to %s\n", getenv("GREETING"));
    setenv("ANSWER", "42", 1);
    printf("environment set by main, read by the library: %s\n", get_variable("ANSWER"));
    CHECK(strcmp(get_variable("PATHS"), "/a:/b") == 0);

    char text[] = "a b c";
    char *first = strtok(text, " "), *second = next_token(" "), *third = strtok(NULL, " ");
    printf("tokens: main has %s, library has %s, main has %s\n", first, second, third);

    srand(1);
    int one = rand(), two = rand();
    srand(1);
    int same = random_number() == one && rand() == two;
    printf("random numbers: %s\n", same ? "one sequence" : "two sequences");

    char *copy = allocate("from the library");
    CHECK(strcmp(copy, "from the library") == 0);
    free(copy);
    puts("freed in main what the library allocated");
    return 0;
}

/* Two libraries that know nothing of each other but tables of function pointers; SQLite opens what it is asked for with
 * RTLD_GLOBAL and closes it with the connection. */
#include "../check.h"
#include <sqlite3.h>
#include <string.h>

/* Appends the first column of each row. */
static int append(void *context, int count, char **values, char **names)
{
    (void)names;
    char *text = context;
    if (count > 0 && values[0]) {
        strcat(text, *text ? " " : "");
        strcat(text, values[0]);
    }
    return 0;
}

/* The first column of all rows, or the error. */
static const char *query(sqlite3 *database, const char *sql)
{
    static char text[500];
    char *error = NULL;
    text[0] = 0;
    if (sqlite3_exec(database, sql, append, text, &error) != SQLITE_OK)
        snprintf(text, sizeof text, "%s", error);
    sqlite3_free(error);
    return text;
}

int main(void)
{
    sqlite3 *database, *other;
    CHECK(sqlite3_open("/data/test.db", &database) == SQLITE_OK);
    printf("before: %s\n", query(database, "SELECT reversed('wasm')"));
    printf("not allowed yet: %s\n", query(database, "SELECT load_extension('/ext/libtext.so')"));
    CHECK(sqlite3_enable_load_extension(database, 1) == SQLITE_OK);

    CHECK(strcmp(query(database, "SELECT load_extension('/ext/libtext.so')"), "") == 0);
    printf("reversed('wasm'): %s\n", query(database, "SELECT reversed('wasm')"));
    query(database, "CREATE TABLE words(word); INSERT INTO words VALUES ('ccc'), ('a'), ('dddd'), ('bb')");
    printf("ordered by a collation of the extension: %s\n",
           query(database, "SELECT group_concat(word, ', ') FROM (SELECT word FROM words ORDER BY word COLLATE by_length)"));

    /* SQLite adds the .so. */
    char *error = NULL;
    int status = sqlite3_load_extension(database, "/ext/libseries", NULL, &error);
    printf("series: %s\n", status == SQLITE_OK ? "loaded" : error);
    printf("sum of series(1, 100): %s\n", query(database, "SELECT sum(value) FROM series(1, 100)"));
    printf("squares of even numbers, joined with a table: %s\n",
           query(database, "SELECT value * value FROM series(2, 10, 2) JOIN words ON length(word) * 2 = value AND value < 8"));
    printf("an error of the extension: %s\n", query(database, "SELECT * FROM series(1, 2, 0)"));

    status = sqlite3_load_extension(database, "/ext/libmissing.so", NULL, &error);
    CHECK(status == SQLITE_ERROR && error);
    printf("missing: it says %s\n", strstr(error, "libmissing.so") ? "which file" : error);
    sqlite3_free(error);
    status = sqlite3_load_extension(database, "/ext/libempty.so", NULL, &error);
    CHECK(status == SQLITE_ERROR && error);
    printf("no entry point: it says %s\n", strstr(error, "sqlite3_empty_init") ? "which" : error);
    sqlite3_free(error);
    CHECK(sqlite3_load_extension(database, "/ext/libseries.so", NULL, NULL) == SQLITE_OK);
    printf("loaded twice: still %s\n", query(database, "SELECT sum(value) FROM series(1, 100)"));

    CHECK(sqlite3_open(":memory:", &other) == SQLITE_OK);
    CHECK(sqlite3_enable_load_extension(other, 1) == SQLITE_OK);
    printf("another connection: %s\n", query(other, "SELECT value FROM series(1, 5)"));
    CHECK(sqlite3_load_extension(other, "/ext/libseries.so", NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(database) == SQLITE_OK);
    printf("the first connection is closed, the other one still has it: %s\n",
           query(other, "SELECT sum(value) FROM series(1, 5)"));
    CHECK(sqlite3_close(other) == SQLITE_OK);
    puts("closed");
    return 0;
}

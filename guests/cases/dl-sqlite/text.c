/* An extension in the usual form: it knows SQLite by the table of functions that it is given. */
#include "extension.h"
SQLITE_EXTENSION_INIT1

static void reversed(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    int size = sqlite3_value_bytes(values[0]);
    char *result = sqlite3_malloc(size + 1);
    if (!text || !result) {
        sqlite3_free(result);
        sqlite3_result_null(context);
        return;
    }
    for (int i = 0; i < size; i++)
        result[i] = text[size - 1 - i];
    sqlite3_result_text(context, result, size, sqlite3_free);
}

static int by_length(void *context, int a_size, const void *a, int b_size, const void *b)
{
    (void)context, (void)a, (void)b;
    return a_size - b_size;
}

int sqlite3_text_init(sqlite3 *database, char **error, const sqlite3_api_routines *api)
{
    (void)error;
    SQLITE_EXTENSION_INIT2(api);
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    int status = sqlite3_create_function(database, "reversed", 1, flags, NULL, reversed, NULL, NULL);
    if (status == SQLITE_OK)
        status = sqlite3_create_collation(database, "by_length", SQLITE_UTF8, NULL, by_length);
    puts("text: loaded");
    return status;
}

__attribute__((destructor)) static void destroy(void) { puts("text: unloaded"); }

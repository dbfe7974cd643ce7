#include <sqlite3.h>
#include <stdlib.h>

static int take(void *context, int count, char **values, char **names)
{
    (void)names;
    if (count == 1 && values[0])
        *(int *)context = atoi(values[0]);
    return 0;
}

int sum_to(int n)
{
    sqlite3 *database;
    int sum = -1;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK)
        return -1;
    sqlite3_exec(database, "CREATE TABLE numbers(n INTEGER PRIMARY KEY)", NULL, NULL, NULL);
    for (int i = 1; i <= n; i++) {
        char *sql = sqlite3_mprintf("INSERT INTO numbers VALUES (%d)", i);
        sqlite3_exec(database, sql, NULL, NULL, NULL);
        sqlite3_free(sql);
    }
    sqlite3_exec(database, "SELECT sum(n) FROM numbers", take, &sum, NULL);
    sqlite3_close(database);
    sqlite3_shutdown();
    return sum;
}

/* A database in memory: filled, indexed, asked, joined and changed. */
#include <sqlite3.h>
#include <stdio.h>

static const char SQL[] =
    "DROP TABLE IF EXISTS item;"
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, about TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)"
    "  INSERT INTO item (name, price, about)"
    "  SELECT 'item ' || (i * 7919 % 6000), i * 31 % 997, printf('%08x about %d', i, i) FROM n;"
    "CREATE INDEX by_price ON item (price, name);"
    "SELECT price % 10, count(*), sum(price), max(length(about)) FROM item GROUP BY 1 ORDER BY 2;"
    "SELECT count(*) FROM item AS a JOIN item AS b ON a.price = b.price AND a.id < b.id WHERE a.name LIKE '%7%';"
    "UPDATE item SET about = upper(about) WHERE price BETWEEN 100 AND 500;"
    "SELECT name FROM item WHERE about LIKE '%ABOUT 12%' ORDER BY name DESC LIMIT 50;"
    "DELETE FROM item WHERE id % 3 = 0;";

static int row(void *rows, int columns, char **values, char **names)
{
    (void)columns, (void)values, (void)names;
    ++*(int *)rows;
    return 0;
}

int main(void)
{
    sqlite3 *database;
    int rows = 0;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK)
        return 1;
    for (int round = 0; round < 12; round++)
        if (sqlite3_exec(database, SQL, row, &rows, NULL) != SQLITE_OK)
            return 1;
    printf("%d rows\n", rows);
    return 0;
}

/* A small report from an SQLite database, which it makes first. SQLite is the
 * shared library libsqlite3.so, which calls libc.so for everything, and this program,
 * for the function length_of and the rows of each query. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *database;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

static void execute(const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        fail(sql);
    return statement;
}

static int number(const char *sql)
{
    sqlite3_stmt *statement = prepare(sql);
    if (sqlite3_step(statement) != SQLITE_ROW)
        fail(sql);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void create(void)
{
    static const struct {
        const char *author, *title, *about;
        int year, pages;
    } books[] = {
        {"Jane Austen", "Sense and Sensibility", "two sisters and their suitors", 1811, 374},
        {"Jane Austen", "Pride and Prejudice", "a proud man and a prejudiced woman", 1813, 432},
        {"Jane Austen", "Mansfield Park", "a poor cousin among the rich", 1814, 349},
        {"Mary Shelley", "Frankenstein", "a scientist makes a monster", 1818, 280},
        {"Mary Shelley", "The Last Man", "a plague ends the world", 1826, 479},
        {"Jules Verne", "Journey to the Centre of the Earth, Illustrated", "a descent into a volcano", 1864, 212},
        {"Jules Verne", "Twenty Thousand Leagues Under the Sea, Revised", "captain Nemo and his ship", 1870, 670},
        {"Jules Verne", "Around the World in Eighty Days", "a bet and a butler", 1872, 312},
    };
    execute("PRAGMA foreign_keys = ON;"
            "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);"
            "CREATE TABLE book (id INTEGER PRIMARY KEY, author INTEGER REFERENCES author, title TEXT, year INTEGER, pages INTEGER);"
            "CREATE INDEX book_by_year ON book (year);"
            "CREATE VIRTUAL TABLE about USING fts5 (text);"
            "BEGIN");
    sqlite3_stmt *author = prepare("INSERT INTO author (name) VALUES (?) ON CONFLICT DO NOTHING");
    sqlite3_stmt *book = prepare("INSERT INTO book (author, title, year, pages) SELECT id, ?2, ?3, ?4 FROM author WHERE name = ?1");
    sqlite3_stmt *about = prepare("INSERT INTO about (rowid, text) VALUES (last_insert_rowid(), ?)");
    for (size_t i = 0; i < sizeof books / sizeof books[0]; i++) {
        sqlite3_bind_text(author, 1, books[i].author, -1, SQLITE_STATIC);
        sqlite3_bind_text(book, 1, books[i].author, -1, SQLITE_STATIC);
        sqlite3_bind_text(book, 2, books[i].title, -1, SQLITE_STATIC);
        sqlite3_bind_int(book, 3, books[i].year);
        sqlite3_bind_int(book, 4, books[i].pages);
        sqlite3_bind_text(about, 1, books[i].about, -1, SQLITE_STATIC);
        sqlite3_stmt *const statements[] = {author, book, about};
        for (int k = 0; k < 3; k++) {
            if (sqlite3_step(statements[k]) != SQLITE_DONE)
                fail("insert");
            sqlite3_reset(statements[k]);
        }
    }
    sqlite3_finalize(author);
    sqlite3_finalize(book);
    sqlite3_finalize(about);
    execute("COMMIT");
}

static void report(void)
{
    sqlite3_stmt *rows = prepare("SELECT author.name, count(*), sum(pages), min(year) FROM book JOIN author ON author.id = book.author"
                                 " GROUP BY author.id ORDER BY min(year) DESC");
    printf("\n%-20s books   pages   first\n-------------------- -----  ------  ------\n", "author");
    while (sqlite3_step(rows) == SQLITE_ROW)
        printf("%-20s %5d  %6d  %6d\n", sqlite3_column_text(rows, 0), sqlite3_column_int(rows, 1), sqlite3_column_int(rows, 2),
               sqlite3_column_int(rows, 3));
    sqlite3_finalize(rows);
}

/* An SQL function in C: SQLite calls it through a table slot of this program. */
static void length_of(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    sqlite3_result_int(context, text ? (int)strlen(text) : 0);
}

static int print_title(void *prefix, int columns, char **values, char **names)
{
    (void)columns;
    (void)names;
    printf("%s%s letters: %s\n", (const char *)prefix, values[0], values[1]);
    return 0;
}

static void longest_titles(void)
{
    sqlite3_create_function(database, "length_of", 1, SQLITE_UTF8, NULL, length_of, NULL, NULL);
    puts("\nlongest titles, by a function of the program:");
    const char *sql = "SELECT length_of(title), title FROM book ORDER BY 1 DESC, year LIMIT 2";
    if (sqlite3_exec(database, sql, print_title, "  ", NULL) != SQLITE_OK)
        fail(sql);
}

int main(int argc, char **argv)
{
    const char *file = argc > 1 ? argv[1] : "/data/books.db";
    const char *slash = strrchr(file, '/');
    if (sqlite3_open(file, &database) != SQLITE_OK)
        fail(file);
    create();
    printf("created %s: %d authors, %d books\n", slash ? slash + 1 : file, number("SELECT count(*) FROM author"),
           number("SELECT count(*) FROM book"));
    report();
    longest_titles();

    execute("BEGIN; DELETE FROM book; ROLLBACK");
    printf("\na transaction taken back: %d books, as before\n", number("SELECT count(*) FROM book"));
    sqlite3_exec(database, "INSERT INTO author (name) VALUES ('Jane Austen')", NULL, NULL, NULL);
    printf("an error, as SQLite tells it: %s\n", sqlite3_errmsg(database));
    printf("full text search for \"monster OR captain\": %d books\n", number("SELECT count(*) FROM about WHERE about MATCH 'monster OR captain'"));

    sqlite3_close(database);
    if (sqlite3_open(file, &database) != SQLITE_OK)
        fail(file);
    sqlite3_stmt *check = prepare("PRAGMA integrity_check");
    sqlite3_step(check);
    printf("opened again: %d books, integrity %s\n", number("SELECT count(*) FROM book"), sqlite3_column_text(check, 0));
    sqlite3_finalize(check);
    sqlite3_close(database);
    return 0;
}

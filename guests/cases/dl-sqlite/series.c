/* A virtual table: SELECT value FROM series(first, last [, step]). */
#include "extension.h"
SQLITE_EXTENSION_INIT1

enum { VALUE, FIRST, LAST, STEP };

struct cursor {
    sqlite3_vtab_cursor base;
    sqlite3_int64 row, value, last, step;
};

static int connect(sqlite3 *database, void *context, int count, const char *const *arguments, sqlite3_vtab **table,
                   char **error)
{
    (void)context, (void)count, (void)arguments, (void)error;
    int status = sqlite3_declare_vtab(database, "CREATE TABLE series(value, first HIDDEN, last HIDDEN, step HIDDEN)");
    if (status != SQLITE_OK)
        return status;
    *table = sqlite3_malloc(sizeof **table);
    if (!*table)
        return SQLITE_NOMEM;
    memset(*table, 0, sizeof **table);
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    int given = 0, count = 0;
    for (int column = FIRST; column <= STEP; column++) {
        for (int i = 0; i < info->nConstraint; i++) {
            if (info->aConstraint[i].iColumn != column || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
                continue;
            if (!info->aConstraint[i].usable)
                return SQLITE_CONSTRAINT;
            info->aConstraintUsage[i].argvIndex = ++count;
            info->aConstraintUsage[i].omit = 1;
            given |= 1 << column;
            break;
        }
    }
    info->idxNum = given;
    info->estimatedCost = 100;
    return given & 1 << FIRST && given & 1 << LAST ? SQLITE_OK : SQLITE_CONSTRAINT;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **cursor)
{
    (void)table;
    struct cursor *made = sqlite3_malloc(sizeof *made);
    if (!made)
        return SQLITE_NOMEM;
    memset(made, 0, sizeof *made);
    *cursor = &made->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int given, const char *text, int count, sqlite3_value **values)
{
    (void)text, (void)count;
    struct cursor *cursor = (struct cursor *)base;
    cursor->row = 1;
    cursor->value = sqlite3_value_int64(values[0]);
    cursor->last = sqlite3_value_int64(values[1]);
    cursor->step = given & 1 << STEP ? sqlite3_value_int64(values[2]) : 1;
    if (cursor->step != 0)
        return SQLITE_OK;
    base->pVtab->zErrMsg = sqlite3_mprintf("series: step must not be %d", 0);
    return SQLITE_ERROR;
}

static int next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    cursor->value += cursor->step;
    cursor->row++;
    return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    return cursor->step > 0 ? cursor->value > cursor->last : cursor->value < cursor->last;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int which)
{
    struct cursor *cursor = (struct cursor *)base;
    sqlite3_result_int64(context, which == VALUE ? cursor->value : which == LAST ? cursor->last : cursor->step);
    return SQLITE_OK;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *row)
{
    *row = ((struct cursor *)base)->row;
    return SQLITE_OK;
}

/* No xCreate: the table is there by itself. */
static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = at_end,
    .xColumn = column,
    .xRowid = row_id,
};

int sqlite3_series_init(sqlite3 *database, char **error, const sqlite3_api_routines *api)
{
    (void)error;
    SQLITE_EXTENSION_INIT2(api);
    return sqlite3_create_module(database, "series", &module, NULL);
}

/* Running prepared statements, and what SQLite's codes mean in plain words. Called by the thread
 * that holds the connection. */
#include <stdlib.h>

#include "base/memory.h"
#include "store/store_private.h"

static const enum tb_store_record_kind record_of[TB_STATEMENT_COUNT] = {
#define X(name, file, access, record, sql) [name] = TB_RECORD_##record,
    TB_STORE_STATEMENTS(X)
#undef X
};

/* Primary codes that speak of the file or the disk. Everything else speaks of the one request. */
static const struct {
    int code;
    const char *words;
} troubles[] = {
    {SQLITE_FULL, "the disk is full; free some space"},
    {SQLITE_IOERR, "the disk failed; look at the system's log"},
    {SQLITE_CORRUPT, "the file is damaged; stop the bridge and restore a copy"},
    {SQLITE_NOTADB, "this is not a database (or its beginning is damaged); it was not touched"},
    {SQLITE_READONLY, "the file cannot be written; give the bridge's user the right to"},
    {SQLITE_CANTOPEN, "the file cannot be opened; look at the rights of its folder"},
    {SQLITE_BUSY, "another program holds the file; do not write it with other tools"},
    {SQLITE_LOCKED, "another program holds the file; do not write it with other tools"},
    {SQLITE_PROTOCOL, "another program holds the file; do not write it with other tools"},
    {SQLITE_NOMEM, "there is not enough memory; give the bridge more"},
};

bool tb_store_sql_fail(struct tb_store_db *db, int rc, const char *doing, struct tb_error *err)
{
    const char *file = db->path ? db->path : db->file->label;
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if ((rc & 0xff) == troubles[i].code) {
            db->fatal = rc;
            return tb_fail(err, TB_STORE_FAILED, "%s: %s (%s; %s, code %d).", file,
                           troubles[i].words, doing, sqlite3_errstr(rc), rc);
        }
    }
    if (rc == TB_SQL_NOT_JSON) {
        return tb_fail(err, TB_INTERNAL, "%s refused a record (%s): its document is not JSON.",
                       file, doing);
    }
    return tb_fail(err, TB_INTERNAL, "%s refused a record (%s): %s, code %d.", file, doing,
                   db->sqlite ? sqlite3_errmsg(db->sqlite) : sqlite3_errstr(rc), rc);
}

static int finish(struct tb_store_db *db, sqlite3_stmt *statement, int rc, int *changed_out)
{
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (changed_out) {
        *changed_out = rc == SQLITE_DONE ? sqlite3_changes(db->sqlite) : 0;
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return rc;
}

int tb_store_run(struct tb_store_db *db, enum tb_store_statement id, int *changed_out,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = tb_store_bind(db->statements[id], format, args);
    va_end(args);
    return finish(db, db->statements[id], rc, changed_out);
}

static bool is_json(struct tb_store_db *db, const char *text)
{
    bool bridge = db->file->id == TB_FILE_BRIDGE;
    sqlite3_stmt *check = db->statements[bridge ? TB_SQL_BRIDGE_JSON : TB_SQL_SERIES_JSON];
    bool ok = sqlite3_bind_text(check, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
              sqlite3_step(check) == SQLITE_ROW && sqlite3_column_int(check, 0) == 1;
    sqlite3_reset(check);
    sqlite3_clear_bindings(check);
    return ok;
}

static bool documents_are_json(struct tb_store_db *db, enum tb_store_record_kind kind,
                               const void *record)
{
    const struct tb_store_record *shape = &tb_store_records[kind];
    for (size_t i = 0; i < shape->n; i++) {
        const struct tb_store_field *field = &shape->fields[i];
        if (field->type == TB_FIELD_JSON) {
            const char *text = tb_store_text_of(record, field);
            if (text && !is_json(db, text)) {
                return false;
            }
        }
    }
    return true;
}

int tb_store_run_record(struct tb_store_db *db, enum tb_store_statement id, const void *record,
                        int *changed_out)
{
    if (!documents_are_json(db, record_of[id], record)) {
        return TB_SQL_NOT_JSON;
    }
    int rc = tb_store_bind_record(db->statements[id], record_of[id], record);
    return finish(db, db->statements[id], rc, changed_out);
}

static void rows_push(struct tb_store_rows *rows, void *item)
{
    if (rows->n == rows->capacity) {
        rows->capacity = rows->capacity ? 2 * rows->capacity : 8;
        rows->items = tb_xrealloc(rows->items, rows->capacity * sizeof rows->items[0]);
    }
    rows->items[rows->n++] = item;
}

bool tb_store_fetch(struct tb_store_db *db, enum tb_store_statement id, struct tb_store_rows *rows,
                    struct tb_error *err, const char *format, va_list args)
{
    sqlite3_stmt *statement = db->statements[id];
    int rc = tb_store_bind(statement, format, args);
    if (rc == SQLITE_OK) {
        while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
            rows_push(rows, tb_store_copy_row(statement, record_of[id]));
        }
    }
    bool ok = rc == SQLITE_DONE || tb_store_sql_fail(db, rc, "reading", err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return ok;
}

void tb_store_rows_free(struct tb_store_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free(rows->items[i]);
    }
    free(rows->items);
    *rows = (struct tb_store_rows){0};
}

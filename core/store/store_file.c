/* Opening one database file: what is refused, the pragmas, the prepared statements.
 *
 * Nothing is written to a file before it is known to be ours. Runs on the opening thread, and on
 * the thread that first needs another reader. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "store/store_private.h"

static const struct {
    enum tb_store_file_id file;
    enum tb_store_access access;
    enum tb_store_record_kind record;
    const char *name;
    const char *sql;
} statements[TB_STATEMENT_COUNT] = {
#define X(name, file, access, record, sql)                                                         \
    [name] = {TB_FILE_##file, TB_ACCESS_##access, TB_RECORD_##record, #name, sql},
    TB_STORE_STATEMENTS(X)
#undef X
};

/* Set, then read back: SQLite ignores what it does not know or cannot do. */
static const struct {
    enum tb_store_access access;
    bool only_files;
    const char *pragma;
    const char *value; /* as it is read back; NULL: the file's synchronous level */
} pragmas[] = {
    {TB_ACCESS_BOTH, false, "busy_timeout", "2000"}, /* first: other tools may hold the lock */
    {TB_ACCESS_WRITER, true, "journal_mode", "wal"},
    {TB_ACCESS_WRITER, true, "synchronous", NULL},
    {TB_ACCESS_WRITER, true, "journal_size_limit", "67108864"},
    {TB_ACCESS_BOTH, true, "mmap_size", "0"}, /* a failing disk must be an error, not SIGBUS */
    {TB_ACCESS_BOTH, false, "foreign_keys", "1"},
    {TB_ACCESS_BOTH, false, "trusted_schema", "0"},
    {TB_ACCESS_BOTH, false, "cell_size_check", "1"},
    {TB_ACCESS_BOTH, false, "temp_store", "2"},
    {TB_ACCESS_READER, true, "query_only", "1"},
};

bool tb_store_exec(struct tb_store_db *db, const char *sql, struct tb_error *err)
{
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ||
           tb_store_sql_fail(db, sqlite3_extended_errcode(db->sqlite), "preparing it", err);
}

/* The first column of the first row, copied; NULL on failure. */
static char *query_text(struct tb_store_db *db, const char *sql, struct tb_error *err)
{
    sqlite3_stmt *statement = NULL;
    char *text = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(statement, 0);
        text = tb_xstrdup(value ? value : "");
    } else if (rc == SQLITE_DONE) {
        text = tb_xstrdup("");
    } else {
        tb_store_sql_fail(db, rc, "opening it", err);
    }
    sqlite3_finalize(statement);
    return text;
}

bool tb_store_query_int(struct tb_store_db *db, const char *sql, int64_t *value_out,
                        struct tb_error *err)
{
    char *text = query_text(db, sql, err);
    if (!text) {
        return false;
    }
    *value_out = strtoll(text, NULL, 10);
    free(text);
    return true;
}

static bool set_pragma(struct tb_store_db *db, const char *pragma, const char *value,
                       struct tb_error *err)
{
    struct tb_buffer sql = TB_BUFFER_INIT;
    tb_buffer_printf(&sql, "PRAGMA %s = %s", pragma, value);
    bool ok = tb_store_exec(db, tb_buffer_text(&sql), err);
    tb_buffer_clear(&sql);
    tb_buffer_printf(&sql, "PRAGMA %s", pragma);
    char *now = ok ? query_text(db, tb_buffer_text(&sql), err) : NULL;
    if (now && strcmp(now, value) != 0) {
        tb_fail(err, TB_STORE_FAILED,
                "%s: the setting %s is '%s' and not '%s'. This SQLite or this file system cannot "
                "keep the store safe.",
                db->file->label, pragma, now, value);
        ok = false;
    }
    ok = ok && now;
    free(now);
    tb_buffer_free(&sql);
    return ok;
}

static bool configure(struct tb_store_db *db, enum tb_store_access access, struct tb_error *err)
{
    static const struct {
        int option;
        int value;
    } guards[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}};
    for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++) {
        int now = -1;
        int rc = sqlite3_db_config(db->sqlite, guards[i].option, guards[i].value, &now);
        if (rc != SQLITE_OK || now != guards[i].value) {
            return tb_fail(err, TB_STORE_FAILED, "%s: SQLite refused its guard %d.",
                           db->file->label, guards[i].option);
        }
    }
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0]; i++) {
        const char *value = pragmas[i].value ? pragmas[i].value : db->file->synchronous;
        if ((pragmas[i].access & access) == 0 || (pragmas[i].only_files && !db->path)) {
            continue;
        }
        if (!set_pragma(db, pragmas[i].pragma, value, err)) {
            return false;
        }
    }
    return true;
}

/* A reading statement's columns must be its record's fields. */
static bool fits_record(sqlite3_stmt *statement, const struct tb_store_record *shape)
{
    int columns = sqlite3_column_count(statement);
    if (columns == 0 || shape->n == 0) {
        return true;
    }
    if (columns != (int)shape->n) {
        return false;
    }
    for (int i = 0; i < columns; i++) {
        if (strcmp(sqlite3_column_name(statement, i), shape->fields[i].column) != 0) {
            return false;
        }
    }
    return true;
}

static bool prepare(struct tb_store_db *db, enum tb_store_access access, struct tb_error *err)
{
    for (size_t i = 0; i < TB_STATEMENT_COUNT; i++) {
        if (statements[i].file != db->file->id || (statements[i].access & access) == 0) {
            continue;
        }
        int rc = sqlite3_prepare_v3(db->sqlite, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->statements[i], NULL);
        if (rc != SQLITE_OK) {
            return tb_store_sql_fail(db, rc, statements[i].name, err);
        }
        if (!fits_record(db->statements[i], &tb_store_records[statements[i].record])) {
            return tb_fail(err, TB_INTERNAL, "The statement %s does not fit its record.",
                           statements[i].name);
        }
    }
    return true;
}

struct tb_store_db *tb_store_db_plain(const struct tb_store_file *file, const char *path, int flags,
                                      struct tb_error *err)
{
    struct tb_store_db *db = tb_xcalloc(1, sizeof *db);
    db->file = file;
    db->path = path;
    int rc =
        sqlite3_open_v2(path ? path : ":memory:", &db->sqlite, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK) {
        tb_store_sql_fail(db, rc, "opening it", err);
        tb_store_db_close(db);
        return NULL;
    }
    sqlite3_extended_result_codes(db->sqlite, 1);
    return db;
}

struct tb_store_db *tb_store_db_open(const struct tb_store_file *file, const char *path,
                                     enum tb_store_access access, struct tb_error *err)
{
    int flags = access == TB_ACCESS_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    struct tb_store_db *db = tb_store_db_plain(file, path, flags, err);
    if (!db) {
        return NULL;
    }
    if (configure(db, access, err) &&
        (path || tb_store_migrate(db, file->migrations, file->migration_count, err)) &&
        prepare(db, access, err)) {
        return db;
    }
    tb_store_db_close(db);
    return NULL;
}

void tb_store_db_close(struct tb_store_db *db)
{
    if (!db) {
        return;
    }
    for (size_t i = 0; i < TB_STATEMENT_COUNT; i++) {
        sqlite3_finalize(db->statements[i]);
    }
    sqlite3_close(db->sqlite);
    free(db);
}

/* Makes the file itself, so that it is private from its first byte. A missing file beside its
 * write-ahead log means that somebody moved one of the two: starting anew would drop the log. */
static bool create_file(const char *path, struct tb_error *err)
{
    struct stat st;
    struct tb_buffer wal = TB_BUFFER_INIT;
    tb_buffer_printf(&wal, "%s-wal", path);
    bool orphan = stat(path, &st) != 0 && stat(tb_buffer_text(&wal), &st) == 0 && st.st_size > 0;
    tb_buffer_free(&wal);
    if (orphan) {
        return tb_fail(err, TB_STORE_FAILED,
                       "%s is missing but %s-wal is there, with data that belongs to it. Put both "
                       "back, or move the -wal file away to start with an empty store.",
                       path, path);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        return tb_fail(err, TB_STORE_FAILED,
                       "%s cannot be opened for writing: %m. The bridge's user must be able to "
                       "write the file and its folder.",
                       path);
    }
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    close(fd);
    return regular || tb_fail(err, TB_STORE_FAILED, "%s is not a regular file.", path);
}

static bool check_owner(struct tb_store_db *db, struct tb_error *err)
{
    int64_t application = 0;
    int64_t tables = 0;
    if (!tb_store_query_int(db, "PRAGMA application_id", &application, err) ||
        !tb_store_query_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err)) {
        return false;
    }
    bool empty = application == 0 && tables == 0;
    if (!empty && application != db->file->application_id) {
        return tb_fail(err, TB_STORE_FAILED,
                       "%s is a database of another program (or not the %s it should be); it was "
                       "not touched. Give another path.",
                       db->path, db->file->label);
    }
    return true;
}

static bool check_damage(struct tb_store_db *db, struct tb_error *err)
{
    char *verdict = query_text(db, "PRAGMA quick_check(1)", err);
    bool ok = verdict && strcmp(verdict, "ok") == 0;
    if (verdict && !ok) {
        tb_fail(err, TB_STORE_FAILED,
                "%s is damaged (%.200s); it was not touched. Restore a copy, and keep the damaged "
                "file and its -wal.",
                db->path, verdict);
    }
    free(verdict);
    return ok;
}

bool tb_store_file_prepare(const struct tb_store_file *file, const char *path, struct tb_error *err)
{
    if (!create_file(path, err)) {
        return false;
    }
    struct tb_store_db *db = tb_store_db_plain(file, path, SQLITE_OPEN_READWRITE, err);
    if (!db) {
        return false;
    }
    sqlite3_busy_timeout(db->sqlite, 2000);
    bool ok = check_owner(db, err) && (!file->verify || check_damage(db, err)) &&
              configure(db, TB_ACCESS_WRITER, err) &&
              tb_store_migrate(db, file->migrations, file->migration_count, err);
    tb_store_db_close(db);
    return ok;
}

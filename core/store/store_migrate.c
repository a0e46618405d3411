/* The schema of both files as numbered steps, and how a file is brought to the newest one.
 *
 * A step that was shipped is never edited: a test holds its SHA-256. A file that has something in
 * it is copied to <path>.pre-N before it is changed. Runs once, at open, on the opening thread. */
#include <stdio.h>

#include "base/buffer.h"
#include "base/log.h"
#include "store/store_private.h"

/* server, owner and epoch are there for several bridges on one store; until then they have their
 * defaults. */
static const char bridge_1[] =
    "CREATE TABLE bots ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " server TEXT NOT NULL DEFAULT 'default',"
    " owner TEXT NOT NULL DEFAULT '',"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " name TEXT NOT NULL,"
    " slug TEXT NOT NULL,"
    " exchange TEXT NOT NULL,"
    " strategy TEXT NOT NULL,"
    " account TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " intent TEXT NOT NULL,"
    " plan_id TEXT,"
    " holds_name INTEGER NOT NULL CHECK (holds_name IN (0, 1)),"
    " version INTEGER NOT NULL CHECK (version > 0),"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " deleted_at INTEGER NOT NULL DEFAULT 0,"
    " doc TEXT NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX bots_living_name ON bots (name)"
    " WHERE holds_name = 1 AND deleted_at = 0;"
    "CREATE TABLE plans ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " server TEXT NOT NULL DEFAULT 'default',"
    " owner TEXT NOT NULL DEFAULT '',"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " hash TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL,"
    " doc TEXT NOT NULL,"
    " used_by_operation TEXT"
    ") STRICT;"
    "CREATE TABLE operations ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " server TEXT NOT NULL DEFAULT 'default',"
    " owner TEXT NOT NULL DEFAULT '',"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " kind TEXT NOT NULL,"
    " bot_id TEXT,"
    " state TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " ended_at INTEGER NOT NULL DEFAULT 0,"
    " doc TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX operations_of_bot ON operations (bot_id, id);"
    "CREATE TABLE steps ("
    " operation_id TEXT NOT NULL REFERENCES operations (id),"
    " seq INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " at INTEGER NOT NULL,"
    " detail TEXT,"
    " PRIMARY KEY (operation_id, seq)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE attempts ("
    " nonce TEXT NOT NULL PRIMARY KEY,"
    " server TEXT NOT NULL DEFAULT 'default',"
    " owner TEXT NOT NULL DEFAULT '',"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " base TEXT NOT NULL UNIQUE,"
    " bot_id TEXT NOT NULL,"
    " operation_id TEXT NOT NULL REFERENCES operations (id),"
    " state TEXT NOT NULL,"
    " instance TEXT,"
    " files TEXT NOT NULL,"
    " window_from INTEGER NOT NULL,"
    " window_to INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL,"
    " doc TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX attempts_of_bot ON attempts (bot_id, created_at);"
    "CREATE INDEX attempts_instance ON attempts (instance) WHERE instance IS NOT NULL;"
    "CREATE TABLE tokens ("
    " id TEXT NOT NULL PRIMARY KEY,"
    " name TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " bots TEXT,"
    " sha256 TEXT NOT NULL UNIQUE,"
    " created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL DEFAULT 0,"
    " revoked_at INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE TABLE idempotency ("
    " token_id TEXT NOT NULL,"
    " method TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " body_sha256 TEXT NOT NULL,"
    " operation_id TEXT,"
    " status INTEGER NOT NULL DEFAULT 0,"
    " body TEXT,"
    " created_at INTEGER NOT NULL,"
    " PRIMARY KEY (token_id, method, route, key)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX idempotency_age ON idempotency (created_at);"
    "CREATE TABLE audit ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at INTEGER NOT NULL,"
    " request_id TEXT NOT NULL,"
    " token_id TEXT,"
    " token_name TEXT NOT NULL,"
    " role TEXT NOT NULL,"
    " method TEXT NOT NULL,"
    " route TEXT NOT NULL,"
    " target TEXT,"
    " status INTEGER NOT NULL,"
    " code TEXT,"
    " doc TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE meta ("
    " key TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL"
    ") STRICT, WITHOUT ROWID;";

static const char bridge_2[] =
    "CREATE TABLE plugin_versions ("
    " plugin TEXT NOT NULL,"
    " hash TEXT NOT NULL,"
    " server TEXT NOT NULL DEFAULT 'default',"
    " owner TEXT NOT NULL DEFAULT '',"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " version TEXT NOT NULL,"
    " origin TEXT NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " activated_at INTEGER NOT NULL,"
    " files TEXT NOT NULL,"
    " doc TEXT NOT NULL,"
    " PRIMARY KEY (plugin, hash)"
    ") STRICT;"
    "CREATE INDEX plugin_versions_age ON plugin_versions (plugin, activated_at);"
    "CREATE TABLE plugin_states ("
    " plugin TEXT NOT NULL PRIMARY KEY,"
    " server TEXT NOT NULL DEFAULT 'default',"
    " owner TEXT NOT NULL DEFAULT '',"
    " epoch INTEGER NOT NULL DEFAULT 0,"
    " active TEXT,"
    " pin TEXT,"
    " folder TEXT,"
    " waiting TEXT,"
    " updated_at INTEGER NOT NULL"
    ") STRICT;";

static const char bridge_3[] = "CREATE TABLE backtests ("
                               " id TEXT NOT NULL PRIMARY KEY,"
                               " server TEXT NOT NULL DEFAULT 'default',"
                               " owner TEXT NOT NULL DEFAULT '',"
                               " epoch INTEGER NOT NULL DEFAULT 0,"
                               " plan_id TEXT NOT NULL,"
                               " state TEXT NOT NULL,"
                               " created_at INTEGER NOT NULL,"
                               " ended_at INTEGER NOT NULL DEFAULT 0,"
                               " doc TEXT NOT NULL"
                               ") STRICT;"
                               "CREATE INDEX backtests_of_plan ON backtests (plan_id, id);"
                               "CREATE INDEX backtests_open ON backtests (id) WHERE ended_at = 0;";

static const char series_1[] = "CREATE TABLE samples ("
                               " bot_id TEXT NOT NULL,"
                               " at INTEGER NOT NULL,"
                               " quote TEXT NOT NULL,"
                               " doc TEXT NOT NULL,"
                               " PRIMARY KEY (bot_id, at, quote)"
                               ") STRICT, WITHOUT ROWID;"
                               "CREATE INDEX samples_age ON samples (at);"
                               "CREATE TABLE log_lines ("
                               " id INTEGER PRIMARY KEY,"
                               " bot_id TEXT NOT NULL,"
                               " at INTEGER NOT NULL,"
                               " level TEXT NOT NULL,"
                               " text TEXT NOT NULL,"
                               " count INTEGER NOT NULL"
                               ") STRICT;"
                               "CREATE INDEX log_lines_of_bot ON log_lines (bot_id, at);"
                               "CREATE INDEX log_lines_age ON log_lines (at);"
                               "CREATE TABLE events ("
                               " id INTEGER PRIMARY KEY,"
                               " at INTEGER NOT NULL,"
                               " type TEXT NOT NULL,"
                               " doc TEXT NOT NULL"
                               ") STRICT;"
                               "CREATE INDEX events_age ON events (at);";

static const struct tb_store_migration bridge_migrations[] = {
    {1, bridge_1}, {2, bridge_2}, {3, bridge_3}};
static const struct tb_store_migration series_migrations[] = {{1, series_1}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The application ids spell "TBdb" and "TBse". */
const struct tb_store_file tb_store_files[TB_FILE_COUNT] = {
    [TB_FILE_BRIDGE] = {TB_FILE_BRIDGE, "bridge.db", 0x54426462, "2", true, bridge_migrations,
                        COUNT(bridge_migrations)},
    [TB_FILE_SERIES] = {TB_FILE_SERIES, "series.db", 0x54427365, "1", false, series_migrations,
                        COUNT(series_migrations)},
};

/* The copy is on the disk before it has its name: an interrupted one is only a .part file. */
static bool copy_before(struct tb_store_db *db, int64_t version, struct tb_error *err)
{
    struct tb_buffer name = TB_BUFFER_INIT;
    struct tb_buffer part = TB_BUFFER_INIT;
    tb_buffer_printf(&name, "%s.pre-%lld", db->path, (long long)version);
    tb_buffer_printf(&part, "%s.part", tb_buffer_text(&name));
    bool ok = tb_store_copy_into(db, tb_buffer_text(&part), err);
    if (ok && rename(tb_buffer_text(&part), tb_buffer_text(&name)) != 0) {
        ok = tb_fail(err, TB_STORE_FAILED, "%s cannot be kept: %m.", tb_buffer_text(&name));
    }
    if (ok) {
        tb_log(TB_INFO, "store.copied", "%s was copied to %s before its schema changes.",
               db->file->label, tb_buffer_text(&name));
    }
    tb_buffer_free(&name);
    tb_buffer_free(&part);
    return ok;
}

static bool migrate_one(struct tb_store_db *db, const struct tb_store_migration *migration,
                        struct tb_error *err)
{
    struct tb_buffer version = TB_BUFFER_INIT;
    tb_buffer_printf(&version, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
                     db->file->application_id, migration->version);
    bool ok = tb_store_exec(db, "BEGIN IMMEDIATE", err) && tb_store_exec(db, migration->sql, err) &&
              tb_store_exec(db, tb_buffer_text(&version), err) && tb_store_exec(db, "COMMIT", err);
    if (!ok && !sqlite3_get_autocommit(db->sqlite)) {
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    tb_buffer_free(&version);
    return ok;
}

bool tb_store_migrate(struct tb_store_db *db, const struct tb_store_migration *migrations, size_t n,
                      struct tb_error *err)
{
    int64_t version = 0;
    int64_t tables = 0;
    if (!tb_store_query_int(db, "PRAGMA user_version", &version, err) ||
        !tb_store_query_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err)) {
        return false;
    }
    int newest = migrations[n - 1].version;
    if (version > newest) {
        return tb_fail(err, TB_STORE_FAILED,
                       "%s was made by a newer Trading Bridge (schema %lld; this one knows %d). "
                       "Use the newer program, or restore the copy ending in .pre-%d.",
                       db->path ? db->path : db->file->label, (long long)version, newest, newest);
    }
    if (version < newest && tables > 0 && db->path && !copy_before(db, version, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (migrations[i].version > version && !migrate_one(db, &migrations[i], err)) {
            return false;
        }
    }
    return true;
}

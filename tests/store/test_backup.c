/* Backups of a store in use, their way back, and the way of every earlier schema to the newest. Run
 * with "sqlite" only. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "store/store_tar.h"
#include "store_fixture.h"

static int64_t raw_int(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void raw(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- migrations ---- */

static const struct tb_store_migration chain[] = {
    {1, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"},
    {2, "ALTER TABLE notes ADD COLUMN at INTEGER NOT NULL DEFAULT 7;"},
    {3, "CREATE TABLE tags (note INTEGER NOT NULL, tag TEXT NOT NULL) STRICT;"
        "INSERT INTO tags SELECT id, 'old' FROM notes;"},
    {4, "CREATE INDEX tags_of_note ON tags (note); UPDATE notes SET text = upper(text);"},
};
enum { NEWEST = 4 };

static void migrate(const char *path, size_t steps)
{
    struct tb_store_db *db = tb_store_db_plain(&tb_store_files[TB_FILE_BRIDGE], path,
                                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    assert_non_null(db);
    must(tb_store_migrate(db, chain, steps, &err));
    tb_store_db_close(db);
}

static void every_earlier_schema_becomes_the_newest(void **state)
{
    struct fixture *fixture = *state;
    for (size_t from = 0; from <= NEWEST; from++) {
        char path[160], name[32], copy[160];
        struct stat st;
        snprintf(name, sizeof name, "%zu.db", from);
        fixture_path(fixture, name, path);
        if (from > 0) {
            migrate(path, from);
            raw(path, "INSERT INTO notes (id, text) VALUES (1, 'one'), (2, 'two')");
        }
        migrate(path, NEWEST);
        assert_int_equal(raw_int(path, "PRAGMA user_version"), NEWEST);
        assert_int_equal(raw_int(path, "SELECT count(*) FROM sqlite_schema"), 3);
        assert_int_equal(raw_int(path, "SELECT count(*) FROM notes"), from > 0 ? 2 : 0);
        assert_int_equal(raw_int(path, "SELECT count(*) FROM notes WHERE at = 7"),
                         from > 0 ? 2 : 0);
        assert_int_equal(raw_int(path, "SELECT count(*) FROM tags"),
                         from == 1 || from == 2 ? 2 : 0);
        assert_int_equal(raw_int(path, "SELECT count(*) FROM notes WHERE text = 'ONE'"),
                         from > 0 && from < NEWEST ? 1 : 0);
        snprintf(name, sizeof name, "%zu.db.pre-%zu", from, from);
        fixture_path(fixture, name, copy);
        if (from == 0 || from == NEWEST) {
            assert_int_equal(access(copy, F_OK), -1);
            continue;
        }
        assert_int_equal(stat(copy, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(raw_int(copy, "PRAGMA user_version"), from);
        assert_int_equal(raw_int(copy, "SELECT count(*) FROM notes WHERE text = 'one'"), 1);
    }
}

/* What was shipped once must be openable for ever: grows by itself with the tables of steps. */
static void every_shipped_schema_opens(void **state)
{
    struct fixture *fixture = *state;
    const struct tb_store_file *file = &tb_store_files[TB_FILE_BRIDGE];
    for (size_t from = 1; from <= file->migration_count; from++) {
        char path[160], name[40];
        snprintf(name, sizeof name, "from%zu", from);
        fixture_path(fixture, name, path);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(name, sizeof name, "from%zu/bridge.db", from);
        fixture_path(fixture, name, path);
        struct tb_store_db *db =
            tb_store_db_plain(file, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
        must(tb_store_migrate(db, file->migrations, from, &err));
        tb_store_db_close(db);
        raw(path, "INSERT INTO meta (key, value) VALUES ('k', 'v')");
        struct tb_store *store = must_open(path);
        char *value = tb_store_meta_get(store, "k", NULL);
        assert_string_equal(value, "v");
        free(value);
        tb_store_close(store);
    }
}

/* One row in every table of the first schema, as its program wrote them. */
static const char *const first_rows[TB_FILE_COUNT] = {
    [TB_FILE_BRIDGE] =
        "INSERT INTO bots (id, name, slug, exchange, strategy, account, state, intent, plan_id,"
        " holds_name, version, created_at, updated_at, doc) VALUES ('b', 'My bot', 'my-bot',"
        " 'bitmart', 'spot_grid', 'main', 'running', 'run', 'p', 1, 42, 1001, 1002,"
        " '{\"facts\":{\"params\":{\"budget\":\"0.004\"}}}');"
        "INSERT INTO plans (id, hash, created_at, expires_at, doc, used_by_operation) VALUES"
        " ('p', 'hash', 1003, 1004, '{\"base\":\"hummingbot-my-bot-0123abcd\"}', 'o');"
        "INSERT INTO operations (id, kind, bot_id, state, created_at, ended_at, doc) VALUES"
        " ('o', 'create', 'b', 'succeeded', 1005, 1006, '{\"x\":1}');"
        "INSERT INTO steps (operation_id, seq, name, state, at, detail) VALUES"
        " ('o', 0, 'deploy', 'done', 1007, 'said so');"
        "INSERT INTO attempts (nonce, base, bot_id, operation_id, state, instance, files,"
        " window_from, window_to, created_at, updated_at, doc) VALUES ('0123abcd',"
        " 'hummingbot-my-bot-0123abcd', 'b', 'o', 'created',"
        " 'hummingbot-my-bot-0123abcd-20260101-000000', '[]', 1008, 1009, 1010, 1011, '{}');"
        "INSERT INTO tokens (id, name, role, bots, sha256, created_at) VALUES"
        " ('t', 'ops', 'operator', '[\"b\"]', 'feed', 1012);"
        "INSERT INTO idempotency (token_id, method, route, key, body_sha256, operation_id, status,"
        " body, created_at) VALUES ('t', 'POST', '/bots', 'key', 'bead', 'o', 202, '{}', 1013);"
        "INSERT INTO audit (at, request_id, token_id, token_name, role, method, route, target,"
        " status, code, doc) VALUES (1014, 'r', 't', 'ops', 'operator', 'POST', '/bots', 'b', 202,"
        " NULL, '{}');"
        "INSERT INTO meta (key, value) VALUES ('k', 'v');",
    [TB_FILE_SERIES] =
        "INSERT INTO samples VALUES ('b', 1015, 'USDT', '{\"net\":\"1.50\"}');"
        "INSERT INTO log_lines (bot_id, at, level, text, count) VALUES ('b', 1016, 'state', '{}', "
        "3);"
        "INSERT INTO events (id, at, type, doc) VALUES (7, 1017, 'bot.changed', '{}');",
};

static void write_first_schema(const char *path, enum tb_store_file_id kind, size_t to)
{
    const struct tb_store_file *file = &tb_store_files[kind];
    struct tb_store_db *db =
        tb_store_db_plain(file, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    must(tb_store_migrate(db, file->migrations, 1, &err));
    must(tb_store_exec(db, first_rows[kind], &err));
    must(tb_store_migrate(db, file->migrations, to, &err));
    tb_store_db_close(db);
}

static void count_sample(void *arg, const struct tb_store_sample *sample)
{
    assert_string_equal(sample->doc, "{\"net\":\"1.50\"}");
    ++*(int *)arg;
}

static void count_line(void *arg, const struct tb_store_log_line *line)
{
    assert_int_equal(line->count, 3);
    ++*(int *)arg;
}

static void count_audit(void *arg, const struct tb_store_audit *audit)
{
    assert_string_equal(audit->target, "b");
    ++*(int *)arg;
}

static void read_first_rows(struct tb_store *store)
{
    struct tb_error none = {0};
    int samples = 0, lines = 0, audits = 0;
    struct tb_store_bot *bot = tb_store_bot_by_name(store, "My bot", &none);
    struct tb_store_plan *plan = tb_store_plan_get(store, "p", &none);
    struct tb_store_operation *operation = tb_store_operation_get(store, "o", &none);
    struct tb_store_attempt *attempt = tb_store_attempt_get(store, "0123abcd", &none);
    struct tb_store_token *token = tb_store_token_by_sha256(store, "feed", 1020, &none);
    struct tb_store_idempotency *key =
        tb_store_idempotency_get(store, "t", "POST", "/bots", "key", 1020, &none);
    char *value = tb_store_meta_get(store, "k", &none);
    assert_int_equal(bot->version, 42);
    assert_string_equal(bot->state, "running");
    assert_string_equal(bot->doc, "{\"facts\":{\"params\":{\"budget\":\"0.004\"}}}");
    assert_string_equal(plan->doc, "{\"base\":\"hummingbot-my-bot-0123abcd\"}");
    assert_int_equal(operation->ended_at, 1006);
    assert_string_equal(attempt->instance, "hummingbot-my-bot-0123abcd-20260101-000000");
    assert_string_equal(token->bots, "[\"b\"]");
    assert_int_equal(key->status, 202);
    assert_string_equal(value, "v");
    must(tb_store_samples_each(store, "b", NULL, 0, INT64_MAX, count_sample, &samples, &none));
    must(tb_store_log_lines_each(store, "b", 10, count_line, &lines, &none));
    must(tb_store_audit_each(store, INT64_MAX, 10, count_audit, &audits, &none));
    assert_int_equal(samples, 1);
    assert_int_equal(lines, 1);
    assert_int_equal(audits, 1);
    free(bot);
    free(plan);
    free(operation);
    free(attempt);
    free(token);
    free(key);
    free(value);
}

/* Whatever step an old program had come to: what it had written is there, every field. */
static void what_old_programs_wrote_is_read(void **state)
{
    struct fixture *fixture = *state;
    size_t steps[TB_FILE_COUNT];
    for (int f = 0; f < TB_FILE_COUNT; f++)
        steps[f] = tb_store_files[f].migration_count;
    for (size_t i = 1; i <= steps[TB_FILE_BRIDGE] || i <= steps[TB_FILE_SERIES]; i++) {
        char path[160], name[40];
        snprintf(name, sizeof name, "old%zu", i);
        fixture_path(fixture, name, path);
        assert_int_equal(mkdir(path, 0700), 0);
        for (int f = 0; f < TB_FILE_COUNT; f++) {
            snprintf(name, sizeof name, "old%zu/%s", i,
                     f == TB_FILE_BRIDGE ? "bridge.db" : "series.db");
            fixture_path(fixture, name, path);
            write_first_schema(path, (enum tb_store_file_id)f, i < steps[f] ? i : steps[f]);
        }
        snprintf(name, sizeof name, "old%zu/bridge.db", i);
        fixture_path(fixture, name, path);
        struct tb_store *store = must_open(path);
        read_first_rows(store);
        tb_store_close(store);
    }
}

/* ---- backups ---- */

struct writer {
    struct tb_store *store;
    atomic_bool stop;
    atomic_int n;
};

/* Each commit is an operation with its step: a copy that has one without the other is torn. */
static void *commit_pairs(void *arg)
{
    struct writer *writer = arg;
    for (int i = 0; !atomic_load(&writer->stop); i++) {
        char id[32];
        snprintf(id, sizeof id, "%09d", i);
        struct tb_store_operation operation = some_operation(id, "bot");
        struct tb_store_step step = {id, 1, "deploy", "intended", 1, NULL};
        struct tb_store_change changes[] = {OPERATION(&operation), STEP(&step)};
        if (!tb_store_commit(writer->store, changes, 2, NULL)) {
            break;
        }
        atomic_store(&writer->n, i + 1);
    }
    return NULL;
}

static void a_backup_is_what_one_commit_left(void **state)
{
    struct fixture *fixture = *state;
    struct writer writer = {.store = must_open(fixture->path)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, commit_pairs, &writer), 0);
    for (int round = 0; round < 5; round++) {
        char folder[160], name[64], path[160];
        int64_t bytes = 0;
        struct tb_error why = {0};
        while (atomic_load(&writer.n) < 20 * (round + 1)) {
            sched_yield();
        }
        int before = atomic_load(&writer.n);
        int tar = tb_store_backup(writer.store, &bytes, &why);
        int after = atomic_load(&writer.n);
        if (tar < 0) {
            fail_msg("%s", why.detail);
        }
        assert_int_equal(bytes % 512, 0);
        snprintf(name, sizeof name, "out%d", round);
        fixture_path(fixture, name, folder);
        must(tb_store_unpack(tar, folder, &err));
        close(tar);
        snprintf(name, sizeof name, "out%d/bridge.db", round);
        fixture_path(fixture, name, path);
        int64_t operations = raw_int(path, "SELECT count(*) FROM operations");
        assert_in_range(operations, before, after + 1);
        assert_int_equal(raw_int(path, "SELECT count(*) FROM steps"), operations);
        assert_int_equal(raw_int(path, "SELECT max(CAST(id AS INTEGER)) + 1 FROM operations"),
                         operations);
        assert_int_equal(raw_int(path, "PRAGMA user_version"),
                         tb_store_files[TB_FILE_BRIDGE].migration_count);
    }
    atomic_store(&writer.stop, true);
    pthread_join(thread, NULL);
    tb_store_close(writer.store);
    char left[160];
    fixture_path(fixture, "bridge.db.copy", left);
    assert_int_equal(access(left, F_OK), -1);
    fixture_path(fixture, "bridge.db.tar", left);
    assert_int_equal(access(left, F_OK), -1);
}

static void one_backup_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    int64_t bytes;
    assert_int_equal(pthread_mutex_lock(&store->backup), 0);
    must_refuse(TB_BUSY, tb_store_backup(store, &bytes, &err) >= 0);
    assert_int_equal(pthread_mutex_unlock(&store->backup), 0);
    int tar = tb_store_backup(store, &bytes, NULL);
    assert_true(tar >= 0);
    close(tar);
    tb_store_close(store);
    store = must_open(":memory:");
    must_refuse(TB_NOT_IMPLEMENTED, tb_store_backup(store, &bytes, &err) >= 0);
    tb_store_close(store);
}

static void a_sample(void *arg, const struct tb_store_sample *sample)
{
    assert_string_equal(sample->quote, "USDT");
    ++*(int *)arg;
}

/* The curves that were queued are in it, and a restore leaves its mark. */
static void a_backup_comes_back_whole(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    struct tb_store_bot bot = some_bot("b1", "one");
    char file[160], place[160];
    int64_t bytes;
    must(tb_store_bot_put(store, &bot, 0, &err));
    tb_store_sample_add(store, &(struct tb_store_sample){"b1", 5, "USDT", NULL});
    int tar = tb_store_backup(store, &bytes, NULL);
    assert_true(tar >= 0);
    fixture_path(fixture, "kept.tar", file);
    FILE *out = fopen(file, "w");
    char chunk[4096];
    ssize_t n;
    while ((n = read(tar, chunk, sizeof chunk)) > 0) {
        assert_int_equal(fwrite(chunk, 1, (size_t)n, out), n);
    }
    fclose(out);
    close(tar);
    must_refuse(TB_BUSY, tb_store_restore(file, fixture->path, 9, &err));
    tb_store_close(store);
    must_refuse(TB_CONFLICT, tb_store_restore(file, fixture->path, 9, &err));

    fixture_path(fixture, "new/deep/bridge.db", place);
    must(tb_store_restore(file, place, 1234, &err));
    store = must_open(place);
    char *mark = tb_store_meta_get(store, TB_STORE_RESTORED, NULL);
    assert_string_equal(mark, "1234");
    free(mark);
    struct tb_store_bot *back = tb_store_bot_by_name(store, "one", NULL);
    assert_non_null(back);
    free(back);
    int samples = 0;
    must(tb_store_samples_each(store, "b1", NULL, 0, 9, a_sample, &samples, &err));
    assert_int_equal(samples, 1);
    tb_store_close(store);
    fixture_path(fixture, "new/deep/bridge.db.restore", place);
    assert_int_equal(access(place, F_OK), -1);
}

/* A folder copied by hand from under a running bridge has its newest commits in the -wal; series.db
 * may be missing. */
static void a_folder_with_a_log_comes_back_whole(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    struct tb_store_bot bot = some_bot("b1", "one");
    char command[512], folder[160], place[160];
    must(tb_store_bot_put(store, &bot, 0, &err));
    fixture_path(fixture, "copy", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(command, sizeof command, "cp '%s' '%s-wal' '%s'", fixture->path, fixture->path,
             folder);
    assert_int_equal(system(command), 0);
    tb_store_close(store);
    fixture_path(fixture, "new/bridge.db", place);
    must(tb_store_restore(folder, place, 1, &err));
    store = must_open(place);
    struct tb_store_bot *back = tb_store_bot_get(store, "b1", NULL);
    assert_non_null(back);
    free(back);
    tb_store_close(store);
}

static void a_newer_backup_is_refused_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    char place[160];
    tb_store_close(must_open(fixture->path));
    raw(fixture->path, "PRAGMA user_version = 99");
    fixture_path(fixture, "new/bridge.db", place);
    struct tb_error why = {0};
    assert_false(tb_store_restore(fixture->folder, place, 1, &why));
    assert_non_null(strstr(why.detail, "newer Trading Bridge"));
    assert_int_equal(access(place, F_OK), -1);
    fixture_path(fixture, "new/series.db", place);
    assert_int_equal(access(place, F_OK), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_folder, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_earlier_schema_becomes_the_newest),
        T(every_shipped_schema_opens),
        T(what_old_programs_wrote_is_read),
        T(a_backup_is_what_one_commit_left),
        T(one_backup_at_a_time),
        T(a_backup_comes_back_whole),
        T(a_folder_with_a_log_comes_back_whole),
        T(a_newer_backup_is_refused_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

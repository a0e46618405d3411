/* The files themselves: what is created, refused and migrated. Run with "sqlite" only. */
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "store_fixture.h"

static void raw(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

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

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void hash_file(const char *path, char out[TB_SHA256_TEXT])
{
    struct tb_buffer bytes = TB_BUFFER_INIT;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
        tb_buffer_append(&bytes, chunk, n);
    }
    fclose(file);
    tb_sha256_hex(bytes.data, bytes.len, out);
    tb_buffer_free(&bytes);
}

/* The store refuses the file, says `words`, and leaves its bytes alone. */
static void must_refuse_file(const struct fixture *fixture, const char *path, const char *words)
{
    char before[TB_SHA256_TEXT];
    char after[TB_SHA256_TEXT];
    struct tb_error err = {0};
    hash_file(path, before);
    assert_null(tb_store_open(fixture->path, &err));
    hash_file(path, after);
    assert_int_equal(err.code, TB_STORE_FAILED);
    if (!strstr(err.detail, words)) {
        fail_msg("\"%s\" does not say \"%s\"", err.detail, words);
    }
    assert_string_equal(before, after);
}

static void put_bots(struct tb_store *store, int from, int to)
{
    char doc[3000];
    memset(doc, 'x', sizeof doc);
    doc[0] = doc[sizeof doc - 2] = '"';
    doc[sizeof doc - 1] = '\0';
    for (int i = from; i < to; i++) {
        char id[16];
        snprintf(id, sizeof id, "bot%d", i);
        struct tb_store_bot bot = some_bot(id, id);
        bot.doc = doc;
        must(tb_store_bot_put(store, &bot, 0, &err));
    }
}

static void a_new_file_is_ours_and_private(void **state)
{
    struct fixture *fixture = *state;
    char deep[160];
    fixture_path(fixture, "a/b/bridge.db", deep);
    struct tb_store *store = must_open(deep);
    put_bots(store, 0, 1);
    tb_store_close(store);
    struct stat st;
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(raw_int(deep, "PRAGMA application_id"), 0x54426462);
    assert_int_equal(raw_int(deep, "PRAGMA user_version"),
                     tb_store_files[TB_FILE_BRIDGE].migration_count);
    char other[160];
    fixture_path(fixture, "a/b/series.db", other);
    assert_int_equal(raw_int(other, "PRAGMA application_id"), 0x54427365);
    fixture_path(fixture, "a/b/bridge.db-wal", other);
    assert_int_equal(stat(other, &st), -1);

    store = must_open(deep);
    struct tb_store_bot *bot = tb_store_bot_get(store, "bot0", NULL);
    assert_non_null(bot);
    free(bot);
    tb_store_close(store);
}

static void count_sample(void *arg, const struct tb_store_sample *sample)
{
    (void)sample;
    ++*(int *)arg;
}

static void closing_saves_the_series(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    tb_store_sample_add(store, &(struct tb_store_sample){"bot", 1, "USDT", NULL});
    tb_store_close(store);
    store = must_open(fixture->path);
    int n = 0;
    must(tb_store_samples_each(store, "bot", NULL, 0, 9, count_sample, &n, &err));
    assert_int_equal(n, 1);
    tb_store_close(store);
}

static void readers_cannot_write(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    struct tb_store_db *db =
        tb_store_db_open(&tb_store_files[TB_FILE_BRIDGE], fixture->path, TB_ACCESS_READER, NULL);
    assert_non_null(db);
    must_refuse(TB_STORE_FAILED, tb_store_exec(db, "DELETE FROM bots", &err));
    must_refuse(TB_STORE_FAILED, tb_store_exec(db, "PRAGMA user_version = 9", &err));
    tb_store_db_close(db);
    tb_store_close(store);
}

static void odd_paths_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    must_refuse(TB_INVALID, tb_store_open("", &err) != NULL);
    must_refuse(TB_NOT_IMPLEMENTED, tb_store_open("postgres://host/db", &err) != NULL);
    fixture_path(fixture, "series.db", path);
    must_refuse(TB_INVALID, tb_store_open(path, &err) != NULL);
    must_refuse(TB_STORE_FAILED, tb_store_open("/proc/no/bridge.db", &err) != NULL);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    must_refuse(TB_STORE_FAILED, tb_store_open(fixture->path, &err) != NULL);
}

static void what_is_not_ours_is_refused(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture->path,
               "These are somebody's notes and no database at all, but long enough "
               "to be read as the header of one, if nobody looked at its beginning.");
    must_refuse_file(fixture, fixture->path, "not a database");
    unlink(fixture->path);
    raw(fixture->path, "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
    must_refuse_file(fixture, fixture->path, "another program");
    unlink(fixture->path);

    tb_store_close(must_open(fixture->path));
    char series[160];
    fixture_path(fixture, "series.db", series);
    assert_int_equal(rename(series, fixture->path), 0);
    must_refuse_file(fixture, fixture->path, "another program");
}

static void a_newer_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    tb_store_close(must_open(fixture->path));
    raw(fixture->path, "PRAGMA user_version = 99");
    must_refuse_file(fixture, fixture->path, "newer Trading Bridge");
}

static void a_damaged_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    put_bots(store, 0, 200);
    tb_store_close(store);
    FILE *file = fopen(fixture->path, "r+");
    assert_non_null(file);
    char noise[8192];
    memset(noise, 0xa5, sizeof noise);
    assert_int_equal(fseek(file, 40L * 4096, SEEK_SET), 0);
    assert_int_equal(fwrite(noise, sizeof noise, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    must_refuse_file(fixture, fixture->path, "damaged");
}

/* Without its curves and its history the bridge would tell a bot's past wrongly. */
static void the_series_are_held_to_the_same(void **state)
{
    struct fixture *fixture = *state;
    char series[160];
    fixture_path(fixture, "series.db", series);
    tb_store_close(must_open(fixture->path));
    raw(series, "PRAGMA user_version = 99");
    must_refuse_file(fixture, series, "newer Trading Bridge");
    write_file(series, "no database at all, but longer than a header of one hundred bytes is, so "
                       "that it is read whole");
    must_refuse_file(fixture, series, "damaged");
}

static void a_log_without_its_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char wal[160];
    fixture_path(fixture, "bridge.db-wal", wal);
    write_file(wal, "frames");
    must_refuse(TB_STORE_FAILED, tb_store_open(fixture->path, &err) != NULL);
    assert_int_equal(access(wal, F_OK), 0);
    assert_int_equal(access(fixture->path, F_OK), -1);
}

enum { MIGRATIONS_MAX = 16 };

/* A shipped step is never edited: add a new one instead. */
static void shipped_migrations_are_unchanged(void **state)
{
    (void)state;
    static const char *const shipped[TB_FILE_COUNT][MIGRATIONS_MAX] = {
        [TB_FILE_BRIDGE] =
            {
                "ee223a05a7b5bc5121aca8511bbfb62ea6c98a364ee295cdc38f4e10546f87d6",
                "35be8634e106fc7eeeb6d970d5f68e07535e24a7b0411f5ce6570eefe240587c",
                "c648e20851ea06549214989bb4ecc1f1fb290d1037e4c065e581d5ed68eac433",
            },
        [TB_FILE_SERIES] = {"61ece04d89b378e06ea9ba95050dbac88f44ae16257a77a50e062e7bb0649cd7"},
    };
    for (int f = 0; f < TB_FILE_COUNT; f++) {
        const struct tb_store_file *file = &tb_store_files[f];
        assert_in_range(file->migration_count, 1, MIGRATIONS_MAX);
        for (size_t i = 0; i < MIGRATIONS_MAX; i++) {
            char hash[TB_SHA256_TEXT];
            assert_int_equal(shipped[f][i] != NULL, i < file->migration_count);
            if (!shipped[f][i])
                continue;
            tb_sha256_hex(file->migrations[i].sql, strlen(file->migrations[i].sql), hash);
            assert_int_equal(file->migrations[i].version, i + 1);
            assert_string_equal(hash, shipped[f][i]);
        }
    }
}

static void a_migration_copies_first_and_is_whole(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    put_bots(store, 0, 3);
    tb_store_close(store);
    const struct tb_store_file *file = &tb_store_files[TB_FILE_BRIDGE];
    struct tb_store_migration steps[MIGRATIONS_MAX + 2];
    size_t n = file->migration_count;
    memcpy(steps, file->migrations, n * sizeof steps[0]);
    steps[n] = (struct tb_store_migration){
        (int)n + 1, "CREATE TABLE extra (a INTEGER) STRICT; DELETE FROM bots;"};
    steps[n + 1] = (struct tb_store_migration){
        (int)n + 2, "CREATE TABLE more (a INTEGER) STRICT; CREATE TABLE extra (a INTEGER) STRICT;"};
    struct tb_store_db *db = tb_store_db_open(file, fixture->path, TB_ACCESS_WRITER, NULL);
    assert_non_null(db);
    must_refuse(TB_INTERNAL, tb_store_migrate(db, steps, n + 2, &err));
    tb_store_db_close(db);
    char copy[160], name[40];
    snprintf(name, sizeof name, "bridge.db.pre-%zu", n);
    fixture_path(fixture, name, copy);
    assert_int_equal(raw_int(copy, "SELECT count(*) FROM bots"), 3);
    assert_int_equal(raw_int(copy, "PRAGMA user_version"), n);
    assert_int_equal(raw_int(copy, "PRAGMA application_id"), 0x54426462);
    assert_int_equal(raw_int(fixture->path, "PRAGMA user_version"), n + 1);
    assert_int_equal(raw_int(fixture->path, "SELECT count(*) FROM bots"), 0);
    assert_int_equal(
        raw_int(fixture->path, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'"), 0);

    /* The newer file goes back to its old program by way of the copy. */
    must_refuse(TB_STORE_FAILED, tb_store_open(fixture->path, &err) != NULL);
    assert_int_equal(rename(copy, fixture->path), 0);
    store = must_open(fixture->path);
    struct tb_store_bot *bot = tb_store_bot_get(store, "bot2", NULL);
    assert_non_null(bot);
    free(bot);
    tb_store_close(store);
}

/* A key met in a transaction that then failed was never there. */
static void a_failed_commit_shows_no_key(void **state)
{
    struct fixture *fixture = *state;
    struct tb_store *store = must_open(fixture->path);
    struct tb_store_idempotency key = some_key("k", "hash", "op");
    struct tb_store_change begin = KEY(&key, NULL);
    must(tb_store_commit(store, &begin, 1, &err));
    char moved[160];
    fixture_path(fixture, "elsewhere.db", moved);
    assert_int_equal(rename(fixture->path, moved), 0);
    struct tb_store_idempotency_result result;
    begin.idempotency_result = &result;
    must_refuse(TB_STORE_FAILED, tb_store_commit(store, &begin, 1, &err));
    assert_int_equal(result.outcome, TB_STORE_FRESH);
    assert_null(result.found);

    /* A file that went away is not trusted again, even if something is back in its place. */
    assert_int_equal(rename(moved, fixture->path), 0);
    must_refuse(TB_STORE_FAILED, tb_store_meta_put(store, "k", "v", &err));
    struct tb_store_health health;
    tb_store_health(store, &health);
    assert_false(health.ok);
    assert_non_null(strstr(health.detail, "moved"));
    tb_store_close(store);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_folder, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_new_file_is_ours_and_private),
        T(closing_saves_the_series),
        T(readers_cannot_write),
        T(odd_paths_are_refused),
        T(what_is_not_ours_is_refused),
        T(a_newer_file_is_refused),
        T(a_damaged_file_is_refused),
        T(the_series_are_held_to_the_same),
        T(a_log_without_its_file_is_refused),
        T(shipped_migrations_are_unchanged),
        T(a_migration_copies_first_and_is_whole),
        T(a_failed_commit_shows_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Opening, closing, pruning and the health of the store: two files, each with its lock, one writer
 * thread and a few readers. Opened and closed by one thread, used by all. */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memory.h"
#include "store/store_private.h"

#define READERS 3

static void *make_reader(void *user, struct tb_error *err)
{
    struct tb_store_side *side = user;
    /* In memory there is one connection; readers and the writer take turns. */
    return side->path ? tb_store_db_open(side->file, side->path, TB_ACCESS_READER, err)
                      : side->writing;
}

static void drop_reader(void *user, void *reader)
{
    const struct tb_store_side *side = user;
    if (side->path) {
        tb_store_db_close(reader);
    }
}

static bool open_side(struct tb_store_side *side, struct tb_error *err)
{
    static const struct tb_lease_ops reader_ops = {make_reader, drop_reader};
    if (side->path) {
        side->lock_fd = tb_store_lock(side->path, err);
        if (side->lock_fd < 0 || !tb_store_file_prepare(side->file, side->path, err)) {
            return false;
        }
    }
    side->writing = tb_store_db_open(side->file, side->path,
                                     side->path ? TB_ACCESS_WRITER : TB_ACCESS_BOTH, err);
    if (!side->writing) {
        return false;
    }
    side->readers =
        tb_lease_pool_new(side->file->label, side->path ? READERS : 1, &reader_ops, side);
    /* One is made now, so that a mistake in a reading statement shows at start. */
    void *reader = tb_lease_take(side->readers, INT64_MAX, err);
    if (!reader) {
        return false;
    }
    tb_lease_return(side->readers, reader, false);
    side->writer = tb_store_writer_start(side->writing, side->path ? NULL : side->readers);
    return true;
}

/* The writing connection goes last: only it may checkpoint. */
static void close_side(struct tb_store_side *side)
{
    tb_store_writer_stop(side->writer);
    if (side->readers) {
        tb_lease_pool_free(side->readers);
    }
    if (side->writing && side->path &&
        sqlite3_wal_checkpoint_v2(side->writing->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                  NULL) != SQLITE_OK) {
        tb_log(TB_WARN, "store.checkpoint", "%s keeps its -wal file, which belongs to it: %s.",
               side->path, sqlite3_errmsg(side->writing->sqlite));
    }
    tb_store_db_close(side->writing);
    tb_store_unlock(side->lock_fd);
    free(side->path);
}

bool tb_store_make_folders(const char *path, struct tb_error *err)
{
    char *folder = tb_xstrdup(path);
    bool ok = true;
    for (char *slash = strchr(folder + 1, '/'); ok && slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            ok = tb_fail(err, TB_STORE_FAILED, "The folder %s cannot be made: %m.", folder);
        }
        *slash = '/';
    }
    free(folder);
    return ok;
}

char *tb_store_series_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    char *series = tb_xmalloc(folder + sizeof "series.db");
    memcpy(series, path, folder);
    memcpy(series + folder, "series.db", sizeof "series.db");
    return series;
}

static bool check_path(const char *path, struct tb_error *err)
{
    if (!path || !*path) {
        return tb_fail(err, TB_INVALID, "The store's path is empty; give that of bridge.db.");
    }
    if (strstr(path, "://")) {
        return tb_fail(err, TB_NOT_IMPLEMENTED,
                       "This build keeps its store in a file only; give the path of bridge.db.");
    }
    if (!sqlite3_threadsafe()) {
        return tb_fail(err, TB_STORE_FAILED, "This SQLite library was built without threads.");
    }
    return true;
}

static bool set_paths(struct tb_store *store, const char *path, struct tb_error *err)
{
    for (int i = 0; i < TB_FILE_COUNT; i++) {
        store->sides[i].file = &tb_store_files[i];
        store->sides[i].lock_fd = -1;
    }
    if (strcmp(path, ":memory:") == 0) {
        return true;
    }
    char *series = tb_store_series_path(path);
    store->sides[TB_FILE_BRIDGE].path = tb_xstrdup(path);
    store->sides[TB_FILE_SERIES].path = series;
    if (strcmp(path, series) == 0) {
        return tb_fail(err, TB_INVALID,
                       "The store cannot be named series.db: the bridge keeps its curves beside it "
                       "under that name. Use bridge.db.");
    }
    return tb_store_make_folders(path, err);
}

struct tb_store *tb_store_open(const char *path, struct tb_error *err)
{
    if (!check_path(path, err)) {
        return NULL;
    }
    struct tb_store *store = tb_xcalloc(1, sizeof *store);
    pthread_mutex_init(&store->backup, NULL);
    if (set_paths(store, path, err) && open_side(&store->sides[TB_FILE_BRIDGE], err) &&
        open_side(&store->sides[TB_FILE_SERIES], err)) {
        store->series = tb_store_series_new(store->sides[TB_FILE_SERIES].writer);
        return store;
    }
    tb_store_close(store);
    return NULL;
}

void tb_store_close(struct tb_store *store)
{
    if (!store) {
        return;
    }
    close_side(&store->sides[TB_FILE_SERIES]);
    tb_store_series_free(store->series);
    close_side(&store->sides[TB_FILE_BRIDGE]);
    pthread_mutex_destroy(&store->backup);
    free(store);
}

void tb_store_health(struct tb_store *store, struct tb_store_health *health_out)
{
    struct tb_store_writer_health bridge;
    struct tb_store_writer_health series;
    tb_store_writer_health(store->sides[TB_FILE_BRIDGE].writer, &bridge);
    tb_store_writer_health(store->sides[TB_FILE_SERIES].writer, &series);
    *health_out = (struct tb_store_health){
        .ok = bridge.ok,
        .series_ok = series.ok,
        .commits = bridge.commits,
        .writes = bridge.writes,
        .failures = bridge.failures,
        .queued = bridge.queued,
    };
    (void)tb_copy(health_out->detail, sizeof health_out->detail,
                  bridge.ok ? series.detail : bridge.detail);
    tb_store_series_counts(store->series, health_out);
}

struct prune {
    const enum tb_store_statement *statements;
    const int64_t *bounds;
    size_t n;
};

static bool run_prune(struct tb_store_db *db, void *arg, struct tb_error *err)
{
    const struct prune *prune = arg;
    for (size_t i = 0; i < prune->n; i++) {
        int rc = tb_store_run(db, prune->statements[i], NULL, "i", prune->bounds[i]);
        if (rc != SQLITE_DONE) {
            return tb_store_sql_fail(db, rc, "deleting what is old", err);
        }
    }
    return true;
}

bool tb_store_prune(struct tb_store *store, int64_t now, int64_t series_before,
                    int64_t versions_kept, struct tb_error *err)
{
    const enum tb_store_statement bridge[] = {TB_SQL_PLAN_PRUNE, TB_SQL_BACKTEST_PRUNE,
                                              TB_SQL_IDEMPOTENCY_PRUNE,
                                              TB_SQL_PLUGIN_VERSION_PRUNE};
    const int64_t yesterday = now - TB_STORE_IDEMPOTENCY_MS;
    const int64_t bridge_bounds[] = {yesterday, yesterday, yesterday, versions_kept};
    const enum tb_store_statement series[] = {TB_SQL_SAMPLE_PRUNE, TB_SQL_LOG_LINE_PRUNE,
                                              TB_SQL_EVENT_PRUNE};
    const int64_t series_bounds[] = {series_before, series_before, series_before};
    struct prune of_bridge = {bridge, bridge_bounds, 4};
    struct prune of_series = {series, series_bounds, 3};
    return tb_store_writer_run(store->sides[TB_FILE_BRIDGE].writer, run_prune, &of_bridge, err) ==
               TB_VERDICT_SAVED &&
           tb_store_writer_run(store->sides[TB_FILE_SERIES].writer, run_prune, &of_series, err) ==
               TB_VERDICT_SAVED;
}

/* The one thread that writes a file. Callers queue a job and wait; the thread takes all that are
 * queued, runs each in its own savepoint of one transaction and commits them with one fsync.
 *
 * It owns the writing connection while it runs. A failure of the file fails the whole batch, also
 * the jobs that were refused, because they may have read what was then not committed. A full or
 * failing disk is tried again with the next batch, and every two seconds even when nobody asks,
 * since callers may hold back while the health is bad; a damaged or exchanged file is not. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/store_private.h"

#define RETRY_MS 2000

struct job {
    tb_store_job_fn *fn;
    tb_store_settled_fn *settled;
    void *arg;
    struct tb_error err;
    enum tb_store_verdict verdict;
    bool done;
    struct job *next;
};

struct tb_store_writer {
    struct tb_store_db *db;
    struct tb_lease_pool *shared;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work; /* for the thread */
    pthread_cond_t done; /* for the callers */
    struct job *head;
    struct job **tail;
    bool stopping;
    bool beyond_repair;
    struct tb_store_writer_health health;
    struct job background;
    int64_t background_due; /* tb_mono_ms; INT64_MAX: nothing to do */
    struct job retry;
    int64_t retry_due; /* likewise */
};

/* Writes the first page as it is: the least that proves that the disk takes writes again. */
static bool probe(struct tb_store_db *db, void *arg, struct tb_error *err)
{
    (void)arg;
    int64_t version = 0;
    if (!tb_store_query_int(db, "PRAGMA user_version", &version, err)) {
        return false;
    }
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %lld", (long long)version);
    return tb_store_exec(db, sql, err);
}

/* When the frame of a transaction cannot be moved, nobody knows what is in it: fatal, whatever the
 * code. */
static bool exec(struct tb_store_db *db, const char *sql, struct tb_error *err)
{
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        return true;
    }
    tb_store_sql_fail(db, rc, sql, err);
    db->fatal = rc;
    return false;
}

/* A file that was moved or deleted takes writes that nobody will ever find again. */
static bool still_there(struct tb_store_db *db, struct tb_error *err)
{
    int moved = 0;
    if (!db->path ||
        sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
        !moved) {
        return true;
    }
    db->fatal = SQLITE_CORRUPT;
    return tb_fail(err, TB_STORE_FAILED,
                   "%s was moved, replaced or deleted while the bridge runs; nothing more is "
                   "written. Put it back and restart the bridge.",
                   db->path);
}

static void run_job(struct tb_store_db *db, struct job *job)
{
    job->verdict = TB_VERDICT_FAILED;
    if (!exec(db, "SAVEPOINT job", &job->err)) {
        return;
    }
    bool ok = job->fn(db, job->arg, &job->err);
    if (!ok && !db->fatal) {
        struct tb_error why = job->err;
        if (!exec(db, "ROLLBACK TO job", &job->err)) {
            return;
        }
        job->err = why;
    }
    if (!db->fatal && exec(db, "RELEASE job", ok ? &job->err : NULL)) {
        job->verdict = ok ? TB_VERDICT_SAVED : TB_VERDICT_REFUSED;
    }
}

/* True when every SAVED job is on the disk; else *err says why none is. */
static bool run_batch(struct tb_store_db *db, struct job *batch, struct tb_error *err)
{
    db->fatal = 0;
    if (!still_there(db, err) || !exec(db, "BEGIN IMMEDIATE", err)) {
        return false;
    }
    bool anything = false;
    for (struct job *job = batch; job && !db->fatal; job = job->next) {
        run_job(db, job);
        anything = anything || job->verdict == TB_VERDICT_SAVED;
        if (db->fatal) {
            *err = job->err;
        }
    }
    bool ok = !db->fatal && exec(db, anything ? "COMMIT" : "ROLLBACK", err);
    if (!sqlite3_get_autocommit(db->sqlite)) {
        sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
    }
    return ok;
}

/* Called with the lock. */
static void note_failure(struct tb_store_writer *writer, int fatal, const struct tb_error *err)
{
    if (writer->health.ok) {
        tb_log(TB_ERROR, "store.failed", "%s", err->detail);
    }
    writer->health.ok = false;
    (void)tb_copy(writer->health.detail, sizeof writer->health.detail, err->detail);
    int primary = fatal & 0xff;
    writer->beyond_repair =
        writer->beyond_repair || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
    writer->retry_due = writer->beyond_repair ? INT64_MAX : tb_mono_ms() + RETRY_MS;
}

/* Called with the lock. */
static void note_success(struct tb_store_writer *writer, size_t saved)
{
    if (saved == 0 || writer->beyond_repair) {
        return;
    }
    if (!writer->health.ok) {
        tb_log(TB_INFO, "store.healed", "%s can be written again.", writer->db->file->label);
    }
    writer->health.ok = true;
    writer->retry_due = INT64_MAX;
    writer->health.detail[0] = '\0';
    writer->health.commits++;
    writer->health.writes += saved;
}

/* Called without the lock; takes it to tell the callers, whose jobs are gone afterwards. */
static void settle(struct tb_store_writer *writer, struct job *batch, bool ok,
                   const struct tb_error *err)
{
    size_t saved = 0;
    for (struct job *job = batch; job; job = job->next) {
        if (!ok) {
            job->verdict = TB_VERDICT_FAILED;
            job->err = *err;
        }
        saved += job->verdict == TB_VERDICT_SAVED;
        if (job->settled) {
            job->settled(job->arg, job->verdict == TB_VERDICT_SAVED);
        }
    }
    pthread_mutex_lock(&writer->lock);
    if (ok) {
        note_success(writer, saved);
    } else {
        writer->health.failures++;
        note_failure(writer, writer->db->fatal, err);
    }
    for (struct job *job = batch; job; job = job->next) {
        job->done = true;
    }
    pthread_cond_broadcast(&writer->done);
    pthread_mutex_unlock(&writer->lock);
}

static void work_off(struct tb_store_writer *writer, struct job *batch, bool refused)
{
    struct tb_error err = {.code = TB_STORE_FAILED};
    bool ok = false;
    if (refused) {
        struct tb_store_writer_health health;
        tb_store_writer_health(writer, &health);
        (void)tb_copy(err.detail, sizeof err.detail, health.detail);
    } else if (!writer->shared || tb_lease_take(writer->shared, INT64_MAX, &err)) {
        ok = run_batch(writer->db, batch, &err);
        if (writer->shared) {
            tb_lease_return(writer->shared, writer->db, false);
        }
    }
    settle(writer, batch, ok, &err);
}

/* Called with the lock: adds a job of our own whose time has come. */
static void add_due(struct tb_store_writer *writer, struct job *job, int64_t *due)
{
    if (*due != INT64_MAX && (writer->stopping || tb_mono_ms() >= *due)) {
        *due = INT64_MAX;
        job->next = NULL;
        *writer->tail = job;
        writer->tail = &job->next;
    }
}

/* Called with the lock: waits for work; NULL when stopping and all is done. */
static struct job *next_batch(struct tb_store_writer *writer)
{
    for (;;) {
        int64_t due =
            writer->background_due < writer->retry_due ? writer->background_due : writer->retry_due;
        if (writer->head || writer->stopping || tb_mono_ms() >= due) {
            break;
        }
        if (due == INT64_MAX) {
            pthread_cond_wait(&writer->work, &writer->lock);
        } else {
            tb_cond_wait_until(&writer->work, &writer->lock, due);
        }
    }
    if (writer->stopping) {
        writer->retry_due = INT64_MAX;
    }
    add_due(writer, &writer->background, &writer->background_due);
    add_due(writer, &writer->retry, &writer->retry_due);
    struct job *batch = writer->head;
    writer->health.queued = 0;
    writer->head = NULL;
    writer->tail = &writer->head;
    return batch;
}

static void *run_writer(void *arg)
{
    struct tb_store_writer *writer = arg;
    pthread_mutex_lock(&writer->lock);
    struct job *batch;
    while ((batch = next_batch(writer)) != NULL) {
        bool refused = writer->beyond_repair;
        pthread_mutex_unlock(&writer->lock);
        work_off(writer, batch, refused);
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

struct tb_store_writer *tb_store_writer_start(struct tb_store_db *db, struct tb_lease_pool *shared)
{
    struct tb_store_writer *writer = tb_xcalloc(1, sizeof *writer);
    writer->db = db;
    writer->shared = shared;
    writer->tail = &writer->head;
    writer->health.ok = true;
    writer->background_due = INT64_MAX;
    writer->retry = (struct job){.fn = probe};
    writer->retry_due = INT64_MAX;
    pthread_mutex_init(&writer->lock, NULL);
    tb_cond_init(&writer->work);
    tb_cond_init(&writer->done);
    if (pthread_create(&writer->thread, NULL, run_writer, writer) != 0) {
        tb_log(TB_ERROR, "store.no_thread", "The store's writer thread cannot be started.");
        abort();
    }
    return writer;
}

void tb_store_writer_stop(struct tb_store_writer *writer)
{
    if (!writer) {
        return;
    }
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->done);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

static enum tb_store_verdict wait_for(struct tb_store_writer *writer, struct job *job,
                                      struct tb_error *err)
{
    pthread_mutex_lock(&writer->lock);
    *writer->tail = job;
    writer->tail = &job->next;
    writer->health.queued++;
    pthread_cond_signal(&writer->work);
    while (!job->done) {
        pthread_cond_wait(&writer->done, &writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    if (job->verdict != TB_VERDICT_SAVED && err) {
        *err = job->err;
    }
    return job->verdict;
}

enum tb_store_verdict tb_store_writer_run(struct tb_store_writer *writer, tb_store_job_fn *fn,
                                          void *arg, struct tb_error *err)
{
    struct job job = {.fn = fn, .arg = arg};
    return wait_for(writer, &job, err);
}

enum tb_store_verdict tb_store_writer_flush(struct tb_store_writer *writer, struct tb_error *err)
{
    struct job job = {.fn = writer->background.fn,
                      .settled = writer->background.settled,
                      .arg = writer->background.arg};
    return wait_for(writer, &job, err);
}

void tb_store_writer_background(struct tb_store_writer *writer, tb_store_job_fn *fn,
                                tb_store_settled_fn *settled, void *arg)
{
    writer->background = (struct job){.fn = fn, .settled = settled, .arg = arg};
}

void tb_store_writer_nudge(struct tb_store_writer *writer, int64_t ms)
{
    int64_t due = tb_mono_ms() + ms;
    pthread_mutex_lock(&writer->lock);
    if (due < writer->background_due) {
        writer->background_due = due;
        pthread_cond_signal(&writer->work);
    }
    pthread_mutex_unlock(&writer->lock);
}

void tb_store_writer_health(struct tb_store_writer *writer, struct tb_store_writer_health *out)
{
    pthread_mutex_lock(&writer->lock);
    *out = writer->health;
    pthread_mutex_unlock(&writer->lock);
}

void tb_store_writer_blame(struct tb_store_writer *writer, struct tb_store_db *db)
{
    struct tb_error err;
    int fatal = db->fatal;
    tb_store_sql_fail(db, fatal, "reading", &err);
    pthread_mutex_lock(&writer->lock);
    note_failure(writer, fatal, &err);
    pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
}

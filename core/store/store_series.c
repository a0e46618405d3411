/* Curves, log lines and events: a bounded queue before the writer thread of series.db.
 *
 * Callers only copy and go; what does not fit is dropped and counted. The queue has its own mutex,
 * held for a few pointers. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/store_private.h"

#define QUEUE_RECORDS 8192
#define QUEUE_BYTES   (32u << 20)
#define LINGER_MS     1000

struct entry {
    enum tb_store_statement statement;
    void *record;
    struct entry *next;
};

struct tb_store_series {
    struct tb_store_writer *writer;
    pthread_mutex_t lock;
    struct entry *head;
    struct entry **tail;
    size_t queued;
    size_t bytes;
    uint64_t saved;
    uint64_t dropped;
    /* Of the batch being written; the writer thread's own. */
    uint64_t written;
    uint64_t refused;
};

static struct entry *take_all(struct tb_store_series *series)
{
    pthread_mutex_lock(&series->lock);
    struct entry *all = series->head;
    series->head = NULL;
    series->tail = &series->head;
    series->queued = 0;
    series->bytes = 0;
    pthread_mutex_unlock(&series->lock);
    return all;
}

static void entry_free(struct entry *entry)
{
    free(entry->record);
    free(entry);
}

/* A record that is refused (bad JSON) must not take its neighbours with it. */
static bool write_queue(struct tb_store_db *db, void *arg, struct tb_error *err)
{
    struct tb_store_series *series = arg;
    bool ok = true;
    for (struct entry *entry = take_all(series), *next; entry; entry = next) {
        next = entry->next;
        int rc = ok ? tb_store_run_record(db, entry->statement, entry->record, NULL) : SQLITE_ABORT;
        if (rc == SQLITE_DONE) {
            series->written++;
        } else {
            series->refused++;
        }
        if (ok && rc != SQLITE_DONE) {
            tb_store_sql_fail(db, rc, "writing a series", err);
            ok = db->fatal == 0;
        }
        entry_free(entry);
    }
    return ok;
}

static void count_batch(void *arg, bool saved)
{
    struct tb_store_series *series = arg;
    pthread_mutex_lock(&series->lock);
    series->saved += saved ? series->written : 0;
    series->dropped += series->refused + (saved ? 0 : series->written);
    pthread_mutex_unlock(&series->lock);
    series->written = 0;
    series->refused = 0;
}

struct tb_store_series *tb_store_series_new(struct tb_store_writer *writer)
{
    struct tb_store_series *series = tb_xcalloc(1, sizeof *series);
    series->writer = writer;
    series->tail = &series->head;
    pthread_mutex_init(&series->lock, NULL);
    tb_store_writer_background(writer, write_queue, count_batch, series);
    return series;
}

void tb_store_series_free(struct tb_store_series *series)
{
    if (!series) {
        return;
    }
    for (struct entry *entry = series->head, *next; entry; entry = next) {
        next = entry->next;
        entry_free(entry);
    }
    pthread_mutex_destroy(&series->lock);
    free(series);
}

void tb_store_series_counts(struct tb_store_series *series, struct tb_store_health *out)
{
    pthread_mutex_lock(&series->lock);
    out->series_saved = series->saved;
    out->series_dropped = series->dropped;
    out->series_queued = series->queued;
    pthread_mutex_unlock(&series->lock);
}

static void enqueue(struct tb_store_series *series, enum tb_store_statement statement,
                    enum tb_store_record_kind kind, const void *record)
{
    size_t size = 0;
    struct entry *entry = tb_xcalloc(1, sizeof *entry);
    entry->statement = statement;
    entry->record = tb_store_copy_record(kind, record, &size);
    pthread_mutex_lock(&series->lock);
    bool fits = series->queued < QUEUE_RECORDS && series->bytes + size <= QUEUE_BYTES;
    if (fits) {
        *series->tail = entry;
        series->tail = &entry->next;
        series->queued++;
        series->bytes += size;
    } else {
        series->dropped++;
    }
    bool crowded = series->queued > QUEUE_RECORDS / 2 || series->bytes > QUEUE_BYTES / 2;
    pthread_mutex_unlock(&series->lock);
    if (!fits) {
        entry_free(entry);
    }
    tb_store_writer_nudge(series->writer, crowded ? 0 : LINGER_MS);
}

void tb_store_sample_add(struct tb_store *store, const struct tb_store_sample *sample)
{
    enqueue(store->series, TB_SQL_SAMPLE_INSERT, TB_RECORD_SAMPLE, sample);
}

void tb_store_log_line_add(struct tb_store *store, const struct tb_store_log_line *line)
{
    enqueue(store->series, TB_SQL_LOG_LINE_INSERT, TB_RECORD_LOG_LINE, line);
}

void tb_store_event_add(struct tb_store *store, const struct tb_store_event *event)
{
    enqueue(store->series, TB_SQL_EVENT_INSERT, TB_RECORD_EVENT, event);
}

/* Reads after writing what is queued, so that a caller sees what it just added. */
static bool read_series(struct tb_store *store, enum tb_store_statement id,
                        struct tb_store_rows *rows, struct tb_error *err, const char *format, ...)
{
    struct tb_store_side *side = &store->sides[TB_FILE_SERIES];
    if (tb_store_writer_flush(side->writer, err) != TB_VERDICT_SAVED) {
        return false;
    }
    va_list args;
    va_start(args, format);
    bool ok = tb_store_read(side, id, rows, err, format, args);
    va_end(args);
    return ok;
}

bool tb_store_samples_each(struct tb_store *store, const char *bot_id, const char *quote,
                           int64_t from, int64_t to, tb_store_sample_fn *fn, void *arg,
                           struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = read_series(store, TB_SQL_SAMPLES, &rows, err, "ttii", bot_id, quote, from, to);
    for (size_t i = 0; ok && i < rows.n; i++) {
        fn(arg, rows.items[i]);
    }
    tb_store_rows_free(&rows);
    return ok;
}

bool tb_store_log_lines_each(struct tb_store *store, const char *bot_id, int64_t limit,
                             tb_store_log_line_fn *fn, void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = read_series(store, TB_SQL_LOG_LINES, &rows, err, "ti", bot_id,
                          limit > 0 ? limit : INT64_C(-1));
    for (size_t i = rows.n; ok && i > 0; i--) {
        fn(arg, rows.items[i - 1]);
    }
    tb_store_rows_free(&rows);
    return ok;
}

bool tb_store_events_each(struct tb_store *store, int64_t after, int64_t limit,
                          tb_store_event_fn *fn, void *arg, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok =
        read_series(store, TB_SQL_EVENTS, &rows, err, "ii", after, limit > 0 ? limit : INT64_C(-1));
    for (size_t i = 0; ok && i < rows.n; i++) {
        fn(arg, rows.items[i]);
    }
    tb_store_rows_free(&rows);
    return ok;
}

bool tb_store_event_last(struct tb_store *store, int64_t *id_out, struct tb_error *err)
{
    struct tb_store_rows rows = {0};
    bool ok = read_series(store, TB_SQL_EVENT_LAST, &rows, err, "");
    if (ok) {
        *id_out = rows.n > 0 ? ((const struct tb_store_event *)rows.items[0])->id : 0;
    }
    tb_store_rows_free(&rows);
    return ok;
}

/* Shared by the files of the store only: connections, records, the statement table, the writer. */
#ifndef TB_STORE_PRIVATE_H
#define TB_STORE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "base/lease.h"
#include "store/store.h"
#include "store/store_statements.h"

/* ---- Files: store_file.c, store_migrate.c, store_lock.c ----------------------------------------
 */

enum tb_store_file_id { TB_FILE_BRIDGE, TB_FILE_SERIES, TB_FILE_COUNT };

struct tb_store_migration {
    int version;
    const char *sql;
};

struct tb_store_file {
    enum tb_store_file_id id;
    const char *label; /* how messages call it */
    int application_id;
    const char *synchronous; /* the pragma's number, as it is read back */
    bool verify;             /* the whole file is checked at open */
    const struct tb_store_migration *migrations;
    size_t migration_count;
};
extern const struct tb_store_file tb_store_files[TB_FILE_COUNT];

enum tb_store_access {
    TB_ACCESS_WRITER = 1,
    TB_ACCESS_READER = 2,
    TB_ACCESS_BOTH = TB_ACCESS_WRITER | TB_ACCESS_READER, /* the one connection of ":memory:" */
};

/* One connection; used by one thread at a time. */
struct tb_store_db {
    sqlite3 *sqlite;
    const struct tb_store_file *file;
    const char *path; /* NULL: in memory; borrowed from the side */
    int fatal;        /* the SQLite code of a failure that concerns the file, not the request */
    sqlite3_stmt *statements[TB_STATEMENT_COUNT];
};

struct tb_store_db *tb_store_db_open(const struct tb_store_file *file, const char *path,
                                     enum tb_store_access access, struct tb_error *err);
void tb_store_db_close(struct tb_store_db *db);
/* Creates or migrates; refuses what is not ours, damaged or newer. */
TB_MUST_CHECK
bool tb_store_file_prepare(const struct tb_store_file *file, const char *path,
                           struct tb_error *err);
TB_MUST_CHECK
bool tb_store_migrate(struct tb_store_db *db, const struct tb_store_migration *migrations, size_t n,
                      struct tb_error *err);
TB_MUST_CHECK
bool tb_store_exec(struct tb_store_db *db, const char *sql, struct tb_error *err);
/* One integer, such as that of a PRAGMA. */
TB_MUST_CHECK
bool tb_store_query_int(struct tb_store_db *db, const char *sql, int64_t *value_out,
                        struct tb_error *err);
/* Says in plain words what SQLite's code means for this file; false. Sets db->fatal. */
bool tb_store_sql_fail(struct tb_store_db *db, int rc, const char *doing, struct tb_error *err);

/* Copies what this connection reads to `to`, private and on the disk when true. A file of that name
 * is replaced. */
TB_MUST_CHECK
bool tb_store_copy_into(struct tb_store_db *db, const char *to, struct tb_error *err);
/* A connection without pragmas and statements; flags are SQLite's. */
struct tb_store_db *tb_store_db_plain(const struct tb_store_file *file, const char *path, int flags,
                                      struct tb_error *err);
/* series.db beside this path, malloc'd. */
char *tb_store_series_path(const char *path);
/* Makes the folders above the file. */
TB_MUST_CHECK
bool tb_store_make_folders(const char *path, struct tb_error *err);

/* The descriptor that holds the lock <path>.lock, or -1. */
TB_MUST_CHECK
int tb_store_lock(const char *path, struct tb_error *err);
void tb_store_unlock(int fd);

/* ---- Records: store_row.c ----------------------------------------------------------------------
 */

enum tb_store_field_type { TB_FIELD_TEXT, TB_FIELD_JSON, TB_FIELD_INT, TB_FIELD_BOOL };

struct tb_store_field {
    const char *column;
    size_t offset;
    enum tb_store_field_type type;
    const char *fallback; /* written for a NULL text */
};

struct tb_store_record {
    size_t size;
    const struct tb_store_field *fields;
    size_t n;
};
extern const struct tb_store_record tb_store_records[TB_RECORD_COUNT];

bool tb_store_is_text(const struct tb_store_field *field);
/* The text that is written for a text field, NULL for NULL. */
const char *tb_store_text_of(const void *record, const struct tb_store_field *field);
/* Parameter i + 1 is field i. */
int tb_store_bind_record(sqlite3_stmt *statement, enum tb_store_record_kind kind,
                         const void *record);
/* Binds ?1, ?2, … by a format of 't' (const char *, may be NULL) and 'i' (int64_t). */
int tb_store_bind(sqlite3_stmt *statement, const char *format, va_list args);
/* Column i is field i; one block, free() it. */
void *tb_store_copy_row(sqlite3_stmt *statement, enum tb_store_record_kind kind);
void *tb_store_copy_record(enum tb_store_record_kind kind, const void *record, size_t *size_out);

/* ---- Running statements: store_run.c -----------------------------------------------------------
 */

/* Among SQLite's codes: a text that should be JSON is not. Checked here and not in the schema,
 * where trusted_schema=0 forbids json_valid. */
#define TB_SQL_NOT_JSON (SQLITE_MISMATCH | (200 << 8))

/* Returns SQLite's extended code, SQLITE_DONE on success; *changed_out (may be NULL) is the number
 * of rows it touched. The statement is reset. */
int tb_store_run(struct tb_store_db *db, enum tb_store_statement id, int *changed_out,
                 const char *format, ...);
int tb_store_run_record(struct tb_store_db *db, enum tb_store_statement id, const void *record,
                        int *changed_out);

struct tb_store_rows {
    void **items; /* each a block from tb_store_copy_row */
    size_t n;
    size_t capacity;
};
TB_MUST_CHECK
bool tb_store_fetch(struct tb_store_db *db, enum tb_store_statement id, struct tb_store_rows *rows,
                    struct tb_error *err, const char *format, va_list args);
void tb_store_rows_free(struct tb_store_rows *rows);

/* ---- The writer thread: store_writer.c ---------------------------------------------------------
 */

/* Runs on the writer thread inside its own savepoint; false undoes only this job. */
typedef bool tb_store_job_fn(struct tb_store_db *db, void *arg, struct tb_error *err);
/* Runs on the writer thread when the fate of a batch is known. */
typedef void tb_store_settled_fn(void *arg, bool saved);

enum tb_store_verdict {
    TB_VERDICT_SAVED,
    TB_VERDICT_REFUSED, /* the job said no; what it read to say so is on the disk */
    TB_VERDICT_FAILED,  /* the file failed; whatever the job read or wrote does not count */
};

struct tb_store_writer;

/* The lease pool, when given, holds the one connection that readers share with the writer. */
struct tb_store_writer *tb_store_writer_start(struct tb_store_db *db, struct tb_lease_pool *shared);
/* Finishes what is queued, the background job included. */
void tb_store_writer_stop(struct tb_store_writer *writer);
/* Waits until the job's batch is committed or refused. */
enum tb_store_verdict tb_store_writer_run(struct tb_store_writer *writer, tb_store_job_fn *fn,
                                          void *arg, struct tb_error *err);
/* Work that nobody waits for: fn runs at the latest `ms` after the first tb_store_writer_nudge that
 * follows its last run, then settled. Called once, before other threads know the writer. */
void tb_store_writer_background(struct tb_store_writer *writer, tb_store_job_fn *fn,
                                tb_store_settled_fn *settled, void *arg);
void tb_store_writer_nudge(struct tb_store_writer *writer, int64_t ms);
/* Runs the background work now and waits for it. */
enum tb_store_verdict tb_store_writer_flush(struct tb_store_writer *writer, struct tb_error *err);

struct tb_store_writer_health {
    bool ok;
    char detail[160];
    uint64_t commits;
    uint64_t writes;
    uint64_t failures;
    size_t queued;
};
void tb_store_writer_health(struct tb_store_writer *writer, struct tb_store_writer_health *out);
/* A reader met this failure of the file. */
void tb_store_writer_blame(struct tb_store_writer *writer, struct tb_store_db *db);

/* ---- The store: store.c, store_series.c --------------------------------------------------------
 */

/* One file with its connections. */
struct tb_store_side {
    const struct tb_store_file *file;
    char *path; /* NULL: in memory */
    int lock_fd;
    struct tb_store_db *writing;
    struct tb_lease_pool *readers;
    struct tb_store_writer *writer;
};

struct tb_store_series; /* the bounded queue */

struct tb_store {
    struct tb_store_side sides[TB_FILE_COUNT];
    pthread_mutex_t backup; /* held while one is made */
    struct tb_store_series *series;
};

/* Runs a reading statement on a leased connection; the rows are the caller's to free. */
TB_MUST_CHECK
bool tb_store_read(struct tb_store_side *side, enum tb_store_statement id,
                   struct tb_store_rows *rows, struct tb_error *err, const char *format,
                   va_list args);

/* Made before other threads know the writer; freed after it has stopped. */
struct tb_store_series *tb_store_series_new(struct tb_store_writer *writer);
void tb_store_series_free(struct tb_store_series *series);
void tb_store_series_counts(struct tb_store_series *series, struct tb_store_health *out);

#endif

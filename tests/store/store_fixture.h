/* What the store's test programs share: a back end chosen by the first argument (memory or sqlite),
 * a folder of its own, records to start from. */
#ifndef TB_TESTS_STORE_FIXTURE_H
#define TB_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store_private.h"

struct fixture {
    char folder[64];
    char path[160];
    struct tb_store *store;
};

static bool in_memory;

static inline void fixture_path(const struct fixture *fixture, const char *name, char out[160])
{
    snprintf(out, 160, "%s/%s", fixture->folder, name);
}

static inline struct tb_store *must_open(const char *path)
{
    struct tb_error err = {0};
    struct tb_store *store = tb_store_open(path, &err);
    if (!store) {
        fail_msg("%s", err.detail);
    }
    return store;
}

static inline int fixture_folder(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *tmp = getenv("TMPDIR");
    snprintf(fixture->folder, sizeof fixture->folder, "%.40s/tb-store-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(fixture->folder)) {
        return -1;
    }
    fixture_path(fixture, "bridge.db", fixture->path);
    *state = fixture;
    return 0;
}

static inline int fixture_open(void **state)
{
    if (fixture_folder(state) != 0) {
        return -1;
    }
    struct fixture *fixture = *state;
    fixture->store = must_open(in_memory ? ":memory:" : fixture->path);
    return 0;
}

static inline struct tb_store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static inline int fixture_close(void **state)
{
    struct fixture *fixture = *state;
    tb_store_close(fixture->store);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->folder);
    int rc = system(command);
    free(fixture);
    return rc;
}

/* Fails the test with the store's own words. */
#define must(call)                                                                                 \
    do {                                                                                           \
        struct tb_error err = {0};                                                                 \
        if (!(call)) {                                                                             \
            fail_msg("%s: %s", #call, err.detail);                                                 \
        }                                                                                          \
    } while (0)

#define must_refuse(word, call)                                                                    \
    do {                                                                                           \
        struct tb_error err = {0};                                                                 \
        if (call) {                                                                                \
            fail_msg("%s went through", #call);                                                    \
        }                                                                                          \
        if (err.code != (word)) {                                                                  \
            fail_msg("%s gave %s: %s", #call, tb_code_word(err.code), err.detail);                 \
        }                                                                                          \
    } while (0)

static inline struct tb_store_bot some_bot(const char *id, const char *name)
{
    return (struct tb_store_bot){.id = id,
                                 .name = name,
                                 .slug = "slug",
                                 .exchange = "bitmart",
                                 .strategy = "spot_grid",
                                 .account = "master_account",
                                 .state = "deploying",
                                 .intent = "run",
                                 .holds_name = true,
                                 .created_at = 1000,
                                 .updated_at = 1000};
}

static inline struct tb_store_operation some_operation(const char *id, const char *bot_id)
{
    return (struct tb_store_operation){
        .id = id, .kind = "create", .bot_id = bot_id, .state = "pending", .created_at = 1000};
}

static inline struct tb_store_idempotency some_key(const char *key, const char *body,
                                                   const char *operation_id)
{
    return (struct tb_store_idempotency){.token_id = "token",
                                         .method = "POST",
                                         .route = "bots",
                                         .key = key,
                                         .body_sha256 = body,
                                         .operation_id = operation_id,
                                         .created_at = 5000};
}

#define OPERATION(record)                                                                          \
    {                                                                                              \
        .kind = TB_STORE_OPERATION_PUT, .operation = (record)                                      \
    }
#define STEP(record)                                                                               \
    {                                                                                              \
        .kind = TB_STORE_STEP_PUT, .step = (record)                                                \
    }
#define ATTEMPT(record)                                                                            \
    {                                                                                              \
        .kind = TB_STORE_ATTEMPT_ADD, .attempt = (record)                                          \
    }
#define BOT(record, number)                                                                        \
    {                                                                                              \
        .kind = TB_STORE_BOT_PUT, .bot = (record), .expected_version = (number)                    \
    }
#define KEY(record, result)                                                                        \
    {                                                                                              \
        .kind = TB_STORE_IDEMPOTENCY_BEGIN, .idempotency = (record),                               \
        .idempotency_result = (result)                                                             \
    }

#endif

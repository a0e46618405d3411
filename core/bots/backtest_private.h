/* What the files of a backtest share: its record, and the steps of the thread that drives it. */
#ifndef TB_BOTS_BACKTEST_PRIVATE_H
#define TB_BOTS_BACKTEST_PRIVATE_H

#include "bots/backtest.h"
#include "bots/bots_private.h"

#define BACKTEST_QUEUED    "queued"
#define BACKTEST_SENDING   "sending" /* intended, or sent and not known whether it was taken */
#define BACKTEST_RUNNING   "running" /* the second server has the task */
#define BACKTEST_SUCCEEDED "succeeded"
#define BACKTEST_FAILED    "failed"
#define BACKTEST_UNKNOWN   "unknown"

struct backtest {
    char id[TB_ULID_TEXT], plan_id[TB_ULID_TEXT], state[16];
    int64_t created_at, ended_at;
    int64_t days, from_s, to_s;
    int64_t sent_at; /* wall ms; 0: never */
    int64_t seen_at; /* wall ms of the task's last answer */
    char trade_cost[TB_DECIMAL_TEXT], controller[160];
    char config_id[160]; /* of the config that is sent: nobody else's task has it */
    char task_id[80], upstream_status[24];
    char code[48], detail[400]; /* why it ended otherwise, or what the last look failed with */
    struct tb_buffer result;    /* {…} of the figures; empty: none */
};

/* backtest_doc.c */
TB_MUST_CHECK
bool backtest_read(const struct tb_store_backtest *row, struct backtest *out, struct tb_error *err);
void backtest_free(struct backtest *t);
/* The record's document. */
void backtest_write_doc(const struct backtest *t, struct tb_buffer *out);
/* What people see. */
void backtest_write(const struct backtest *t, struct tb_json_writer *w);
/* Of a stored plan: its only controller's config, as text with another id. */
TB_MUST_CHECK
bool backtest_config(const struct tb_json *plan, struct backtest *t, struct tb_buffer *config_out,
                     struct tb_error *err);

/* backtest_step.c: one step of an open backtest; how long to wait for the next, in ms. Runs on the
 * backtest thread. */
int64_t backtest_step(struct tb_store *store, struct tb_hb *hb, struct backtest *t);
/* Ends it, since no server is marked any more. */
void backtest_end_unmarked(struct backtest *t);
TB_MUST_CHECK
bool backtest_commit(struct tb_store *store, const struct backtest *t, struct tb_error *err);

#endif

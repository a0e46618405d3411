/* Backtests: a plan's controller, simulated by Hummingbot's own engine, on a second Hummingbot API
 * that is marked for it.
 *
 * The engine computes inside the API's one event loop and freezes it, so it is never asked of the
 * API that commands the bots, nor of one that is found to run anything. Everything is in the store
 * before it is sent and after it is known: one thread drives one backtest at a time through
 * queued -> sending -> running -> succeeded | failed | unknown, and goes on after a crash where the
 * record says. Any thread may call; nothing here waits for the second server. */
#ifndef TB_BOTS_BACKTEST_H
#define TB_BOTS_BACKTEST_H

#include "bots/bots.h"

struct tb_backtests;

struct tb_backtests_config {
    struct tb_store *store;
    struct tb_hb *hb; /* of BRIDGE_BACKTEST_URL; NULL: no server is marked */
};

TB_MUST_CHECK
struct tb_backtests *tb_backtests_open(const struct tb_backtests_config *config,
                                       struct tb_error *err);
/* No new steps; a call in flight is finished. */
void tb_backtests_drain(struct tb_backtests *backtests);
void tb_backtests_close(struct tb_backtests *backtests);

/* POST /plans/{id}/backtest {days, fee_pct}: on disk when it returns. Writes {plan_id, backtest};
 * record (NULL without a key) is the request's Idempotency-Key, committed with it. */
TB_MUST_CHECK
bool tb_backtests_add(struct tb_backtests *backtests, const char *plan_id,
                      const struct tb_json *request, struct tb_store_idempotency *record,
                      struct tb_store_idempotency_result *record_result, struct tb_buffer *out,
                      struct tb_problems *problems, struct tb_error *err);
/* GET /plans/{id}: the plan as it was answered when it was made, used_by_operation and
 * backtests[], newest first. */
TB_MUST_CHECK
bool tb_backtests_plan(struct tb_backtests *backtests, const char *plan_id, struct tb_buffer *out,
                       struct tb_error *err);

/* May backtests be sent to this server? Reads only. False with *err: it does not answer as one, or
 * it has bots, executors or bot containers. */
TB_MUST_CHECK
bool tb_backtests_look(struct tb_hb *hb, struct tb_error *err);

#endif

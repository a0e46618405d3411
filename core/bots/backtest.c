/* Backtests: what may be asked for, and the thread that drives the oldest open one. Owns the
 * thread; everything else is in the store. */
#include "bots/backtest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/backtest_private.h"

enum { DAYS_USUAL = 7, DAYS_MAX = 30, OPEN_MAX = 8, DAY_S = 86400, STORE_RETRY_MS = 5000 };

/* What upstream takes for a trade when nobody says: 0.06 %. */
#define FEE_PCT_USUAL "0.06"
#define FEE_PCT_MAX   10

struct tb_backtests {
    struct tb_store *store;
    struct tb_hb *hb;
    pthread_mutex_t lock;
    pthread_cond_t wake, free;
    bool stop, poked, adding;
    pthread_t thread;
    bool started;
};

/* ---- the thread ---- */

/* The first of the open rows, and how many there are. */
struct open_rows {
    struct backtest first;
    const char *plan_id; /* only of this plan count, NULL: all */
    size_t count, of_plan;
    bool read;
    struct tb_error err;
};

static void see_open(void *arg, const struct tb_store_backtest *row)
{
    struct open_rows *o = arg;
    if (o->count++ == 0)
        o->read = backtest_read(row, &o->first, &o->err);
    if (o->plan_id && strcmp(o->plan_id, row->plan_id) == 0)
        o->of_plan++;
}

static void wait_for_more(struct tb_backtests *b, int64_t ms)
{
    int64_t deadline = tb_mono_ms() + ms;
    pthread_mutex_lock(&b->lock);
    while (!b->stop && !b->poked &&
           (ms < 0 ? pthread_cond_wait(&b->wake, &b->lock) == 0
                   : tb_cond_wait_until(&b->wake, &b->lock, deadline))) {
    }
    b->poked = false;
    pthread_mutex_unlock(&b->lock);
}

static bool stopped(struct tb_backtests *b)
{
    pthread_mutex_lock(&b->lock);
    bool stop = b->stop;
    pthread_mutex_unlock(&b->lock);
    return stop;
}

static void *run(void *arg)
{
    struct tb_backtests *b = arg;
    while (!stopped(b)) {
        struct open_rows open = {0};
        int64_t wait = -1;
        if (!tb_store_backtests_each(b->store, NULL, see_open, &open, &open.err))
            wait = STORE_RETRY_MS;
        else if (open.read)
            wait = backtest_step(b->store, b->hb, &open.first);
        else if (open.count > 0)
            tb_log(TB_ERROR, "backtest.unreadable", "Backtests stand still: %s", open.err.detail);
        backtest_free(&open.first);
        if (wait != 0)
            wait_for_more(b, wait);
    }
    return NULL;
}

/* The server of a start before is no longer marked: what it has of ours stays its secret. */
static bool end_what_is_open(struct tb_backtests *b, struct tb_error *err)
{
    bool ok = true, more = true;
    while (ok && more) {
        struct open_rows open = {0};
        ok = tb_store_backtests_each(b->store, NULL, see_open, &open, err);
        more = ok && open.read;
        if (more) {
            backtest_end_unmarked(&open.first);
            ok = backtest_commit(b->store, &open.first, err);
        }
        backtest_free(&open.first);
    }
    return ok;
}

struct tb_backtests *tb_backtests_open(const struct tb_backtests_config *config,
                                       struct tb_error *err)
{
    struct tb_backtests *b = tb_xcalloc(1, sizeof *b);
    b->store = config->store;
    b->hb = config->hb;
    pthread_mutex_init(&b->lock, NULL);
    tb_cond_init(&b->wake);
    tb_cond_init(&b->free);
    b->started = b->hb && pthread_create(&b->thread, NULL, run, b) == 0;
    if (b->started || (!b->hb && end_what_is_open(b, err)))
        return b;
    if (b->hb)
        (void)tb_fail(err, TB_INTERNAL, "The thread for backtests cannot be started.");
    tb_backtests_close(b);
    return NULL;
}

void tb_backtests_drain(struct tb_backtests *b)
{
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_broadcast(&b->wake);
    pthread_cond_broadcast(&b->free);
    pthread_mutex_unlock(&b->lock);
}

void tb_backtests_close(struct tb_backtests *b)
{
    tb_backtests_drain(b);
    if (b->started)
        pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->wake);
    pthread_cond_destroy(&b->free);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* ---- asking for one ---- */

static void wrong(struct tb_problems *problems, const char *pointer, const char *code,
                  const char *message, const char *hint)
{
    tb_problem_add(&problems->errors, pointer, code, message, hint);
}

static void check_members(const struct tb_json *request, struct tb_problems *problems)
{
    for (const struct tb_json *m = tb_json_first(request); m; m = m->next) {
        if (strcmp(m->key, "days") == 0 || strcmp(m->key, "fee_pct") == 0)
            continue;
        struct tb_buffer pointer = TB_BUFFER_INIT;
        tb_buffer_putc(&pointer, '/');
        tb_escape_control(&pointer, m->key);
        wrong(problems, tb_buffer_text(&pointer), "unknown_field", "A backtest has no such field.",
              "The fields are days and fee_pct.");
        tb_buffer_free(&pointer);
    }
}

static void read_days(const struct tb_json *request, struct backtest *t,
                      struct tb_problems *problems)
{
    const struct tb_json *days = tb_json_get(request, "days");
    t->days = DAYS_USUAL;
    if (days && (!tb_json_is(days, TB_JSON_NUMBER) || !tb_json_int64(days, &t->days) ||
                 t->days < 1 || t->days > DAYS_MAX))
        wrong(problems, "/days", "not_allowed", "days must be a whole number from 1 to 30.", NULL);
    t->to_s = tb_wall_ms() / 60000 * 60;
    t->from_s = t->to_s - t->days * DAY_S;
}

/* The fee of the request, else of the plan's form, as the fraction that upstream takes. */
static void read_cost(const struct tb_json *request, const struct tb_json *plan, struct backtest *t,
                      struct tb_problems *problems)
{
    const struct tb_json *asked = tb_json_get(request, "fee_pct");
    const struct tb_json *own = tb_json_path(plan, "params", "fee_pct", NULL);
    struct tb_decimal fee, most, hundredth, cost;
    bool good = tb_decimal_parse("0.01", 4, &hundredth);
    tb_decimal_from_int64(FEE_PCT_MAX, &most);
    if (asked)
        good = good && tb_json_decimal(asked, &fee);
    else if (!own || !tb_json_decimal(own, &fee))
        good = good && tb_decimal_parse(FEE_PCT_USUAL, sizeof FEE_PCT_USUAL - 1, &fee);
    if (!good || tb_decimal_sign(&fee) < 0 || tb_decimal_compare(&fee, &most) > 0 ||
        !tb_decimal_multiply(&fee, &hundredth, &cost)) {
        wrong(problems, "/fee_pct", "not_allowed", "fee_pct must be a number from 0 to 10.",
              "It is what one trade costs, in percent.");
        return;
    }
    tb_decimal_normalise(&cost);
    (void)tb_decimal_format(&cost, t->trade_cost);
}

static bool make(struct backtest *t, const struct tb_store_plan *row, const struct tb_json *request,
                 struct tb_problems *problems, struct tb_error *err)
{
    struct tb_buffer config = TB_BUFFER_INIT;
    struct tb_json_doc *doc = tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err);
    if (!doc)
        return false;
    tb_ulid(t->id);
    (void)tb_copy(t->plan_id, sizeof t->plan_id, row->id);
    (void)tb_copy(t->state, sizeof t->state, BACKTEST_QUEUED);
    t->created_at = tb_wall_ms();
    check_members(request, problems);
    read_days(request, t, problems);
    read_cost(request, tb_json_root(doc), t, problems);
    bool ok = problems->errors.len == 0
                  ? backtest_config(tb_json_root(doc), t, &config, err)
                  : tb_fail(err, TB_INVALID, "The request of the backtest is not acceptable.");
    tb_buffer_free(&config);
    tb_json_free(doc);
    return ok;
}

static bool commit(struct tb_backtests *b, const struct backtest *t,
                   struct tb_store_idempotency *record, struct tb_store_idempotency_result *result,
                   struct tb_buffer *out, struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_store_change change[2];
    struct tb_json_writer w;
    size_t n = 0;
    backtest_write_doc(t, &doc);
    const struct tb_store_backtest row = {.id = t->id,
                                          .plan_id = t->plan_id,
                                          .state = t->state,
                                          .created_at = t->created_at,
                                          .doc = tb_buffer_text(&doc)};
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "plan_id", t->plan_id);
    tb_jw_key(&w, "backtest");
    backtest_write(t, &w);
    tb_jw_end_object(&w);
    if (record) {
        record->body = tb_buffer_text(out);
        change[n++] = (struct tb_store_change){.kind = TB_STORE_IDEMPOTENCY_BEGIN,
                                               .idempotency_result = result,
                                               .idempotency = record};
    }
    change[n++] = (struct tb_store_change){.kind = TB_STORE_BACKTEST_PUT, .backtest = &row};
    bool ok = tb_store_commit(b->store, change, n, err);
    if (!ok)
        tb_buffer_clear(out);
    tb_buffer_free(&doc);
    return ok;
}

/* One request at a time decides whether there is room: no lock is held while the store works. */
static bool enter(struct tb_backtests *b, struct tb_error *err)
{
    pthread_mutex_lock(&b->lock);
    while (b->adding && !b->stop)
        pthread_cond_wait(&b->free, &b->lock);
    bool stop = b->stop;
    if (!stop)
        b->adding = true;
    pthread_mutex_unlock(&b->lock);
    return !stop || tb_fail(err, TB_DRAINING, "The bridge is shutting down.");
}

static void leave(struct tb_backtests *b, bool poke)
{
    pthread_mutex_lock(&b->lock);
    b->adding = false;
    b->poked = b->poked || poke;
    pthread_cond_signal(&b->free);
    pthread_cond_broadcast(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

static bool has_room(struct tb_backtests *b, const char *plan_id, struct tb_error *err)
{
    struct open_rows open = {.plan_id = plan_id};
    bool ok = tb_store_backtests_each(b->store, NULL, see_open, &open, err);
    backtest_free(&open.first);
    if (ok && open.of_plan > 0)
        return tb_fail(err, TB_CONFLICT,
                       "A backtest of this plan has not ended yet; GET /plans/%s shows it.",
                       plan_id);
    if (ok && open.count >= OPEN_MAX)
        return tb_fail(
            err, TB_BUSY,
            "%d backtests wait already, and they run one after another; try again later.",
            OPEN_MAX);
    return ok;
}

bool tb_backtests_add(struct tb_backtests *b, const char *plan_id, const struct tb_json *request,
                      struct tb_store_idempotency *record,
                      struct tb_store_idempotency_result *record_result, struct tb_buffer *out,
                      struct tb_problems *problems, struct tb_error *err)
{
    struct backtest t = {0};
    if (!b->hb)
        return tb_fail(
            err, TB_NO_BACKTEST_SERVER,
            "No server is marked for backtests. Hummingbot computes them inside the API's "
            "one event loop, which stands still meanwhile, so the API that runs the bots "
            "is never asked. Start a second Hummingbot API without bots and set "
            "BRIDGE_BACKTEST_URL to its address.");
    struct tb_store_plan *row = tb_store_plan_get(b->store, plan_id, err);
    bool ok = row && make(&t, row, request, problems, err) && enter(b, err);
    if (ok) {
        ok = has_room(b, t.plan_id, err) && commit(b, &t, record, record_result, out, err);
        leave(b, ok);
    }
    backtest_free(&t);
    free(row);
    return ok;
}

/* ---- reading a plan ---- */

struct shown {
    struct tb_json_writer *w;
    bool ok;
    struct tb_error *err;
};

static void show(void *arg, const struct tb_store_backtest *row)
{
    struct shown *s = arg;
    struct backtest t = {0};
    s->ok = s->ok && backtest_read(row, &t, s->err);
    if (s->ok)
        backtest_write(&t, s->w);
    backtest_free(&t);
}

bool tb_backtests_plan(struct tb_backtests *b, const char *plan_id, struct tb_buffer *out,
                       struct tb_error *err)
{
    struct tb_json_writer w;
    struct shown s = {.w = &w, .ok = true, .err = err};
    struct tb_store_plan *row = tb_store_plan_get(b->store, plan_id, err);
    struct tb_json_doc *doc =
        row ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err) : NULL;
    if (doc) {
        tb_jw_init(&w, out);
        tb_jw_object(&w);
        plan_write(&w, row->id, row->hash, row->expires_at, tb_json_root(doc));
        tb_jw_kv_time(&w, "created_at", row->created_at);
        tb_jw_kv_string(&w, "used_by_operation", row->used_by_operation);
        tb_jw_key(&w, "backtests");
        tb_jw_array(&w);
        s.ok = tb_store_backtests_each(b->store, row->id, show, &s, err) && s.ok;
        tb_jw_end_array(&w);
        tb_jw_end_object(&w);
    }
    bool ok = doc && s.ok;
    tb_json_free(doc);
    free(row);
    return ok;
}

/* One step of a backtest: what is asked of the second server, and what its answers mean.
 *
 * A task is sent once, after the record that it will be. Whether one whose answer was lost was
 * taken is read from the server's list, by the id that only this config has. A finished task counts
 * only with its figures. Silence is expected while the engine computes; nothing of all this trades.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/backtest_private.h"

enum {
    POLL_MIN_MS = 2000,
    POLL_MAX_MS = 30000,
    CALL_MS = 15000,
    LOOK_MS = 5000,
    SETTLE_MS = 60000,    /* a task that a slow server still takes is in its list by then */
    LOOK_MAX_MS = 600000, /* a list that cannot be read */
    RUN_MAX_MS = 6 * 3600000,
    FIGURES_MAX = 64,
};

static const char BOT_IMAGE[] = "hummingbot/hummingbot:";

/* ---- the record ---- */

/* The client's sentences name the settings of the first server. */
static const char *const SETTINGS[][2] = {
    {"HUMMINGBOT_API_URL", "BRIDGE_BACKTEST_URL"},
    {"HUMMINGBOT_API_USERNAME", "BRIDGE_BACKTEST_USERNAME"},
    {"HUMMINGBOT_API_PASSWORD", "BRIDGE_BACKTEST_PASSWORD"},
};

static void replace(struct tb_buffer *text, const char *from, const char *to)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    const char *at = tb_buffer_text(text), *hit;
    for (; (hit = strstr(at, from)); at = hit + strlen(from)) {
        tb_buffer_append(&out, at, (size_t)(hit - at));
        tb_buffer_puts(&out, to);
    }
    tb_buffer_puts(&out, at);
    tb_buffer_free(text);
    *text = out;
}

static void say(struct backtest *t, const char *code, const char *detail)
{
    struct tb_buffer plain = TB_BUFFER_INIT;
    tb_escape_control(&plain, detail);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        replace(&plain, SETTINGS[i][0], SETTINGS[i][1]);
    (void)tb_copy(t->code, sizeof t->code, code);
    (void)tb_copy(t->detail, sizeof t->detail, tb_buffer_text(&plain));
    tb_buffer_free(&plain);
}

static void end(struct backtest *t, const char *state)
{
    (void)tb_copy(t->state, sizeof t->state, state);
    t->ended_at = tb_wall_ms();
}

static void end_with(struct backtest *t, const char *state, const char *code, const char *detail)
{
    say(t, code, detail);
    end(t, state);
}

static void fail_unsent(struct backtest *t, const char *code, const char *why)
{
    char detail[sizeof t->detail];
    /* The client says it too, of what it could not deliver. */
    (void)snprintf(detail, sizeof detail, "%.330s%s", why,
                   strstr(why, "nothing was sent") ? "." : " Nothing was sent.");
    end_with(t, BACKTEST_FAILED, code, detail);
}

void backtest_end_unmarked(struct backtest *t)
{
    if (strcmp(t->state, BACKTEST_QUEUED) == 0)
        fail_unsent(t, tb_code_word(TB_NO_BACKTEST_SERVER), "No server is marked for backtests.");
    else
        end_with(t, BACKTEST_UNKNOWN, tb_code_word(TB_NO_BACKTEST_SERVER),
                 "The server that it was sent to is no longer marked, so what became of it is not "
                 "known.");
}

bool backtest_commit(struct tb_store *store, const struct backtest *t, struct tb_error *err)
{
    struct tb_buffer doc = TB_BUFFER_INIT;
    backtest_write_doc(t, &doc);
    const struct tb_store_backtest row = {.id = t->id,
                                          .plan_id = t->plan_id,
                                          .state = t->state,
                                          .created_at = t->created_at,
                                          .ended_at = t->ended_at,
                                          .doc = tb_buffer_text(&doc)};
    const struct tb_store_change change = {.kind = TB_STORE_BACKTEST_PUT, .backtest = &row};
    bool ok = tb_store_commit(store, &change, 1, err);
    tb_buffer_free(&doc);
    return ok;
}

/* ---- reading the second server ---- */

static struct tb_json_doc *get(struct tb_hb *hb, enum tb_hb_endpoint endpoint,
                               struct tb_hb_answer *answer, struct tb_error *err)
{
    const struct tb_hb_call call = {.endpoint = endpoint, .timeout_ms = CALL_MS, .fresh = true};
    if (!tb_hb_call(hb, &call, answer, err))
        return NULL;
    return tb_json_parse(tb_buffer_text(&answer->body), answer->body.len, TB_JSON_UPSTREAM, err);
}

/* False: *t ended, with why. */
static bool knows_no_bots(struct tb_hb *hb, struct backtest *t)
{
    struct tb_hb_answer answer = {0};
    struct tb_error err = {0};
    char why[256];
    struct tb_json_doc *doc = get(hb, TB_HB_BOTS_STATUS, &answer, &err);
    const struct tb_json *data = tb_json_get(tb_json_root(doc), "data");
    if (!doc) {
        fail_unsent(t, tb_code_word(err.code), err.detail);
    } else if (!tb_json_is(data, TB_JSON_OBJECT)) {
        fail_unsent(t, tb_code_word(TB_UPSTREAM_NOT_JSON),
                    "The server at BRIDGE_BACKTEST_URL does not say which bots it has.");
    } else if (data->child) {
        (void)snprintf(
            why, sizeof why,
            "The server at BRIDGE_BACKTEST_URL has bots, such as %.100s: a backtest would "
            "freeze the API that commands them.",
            data->child->key);
        fail_unsent(t, "backtest_server_trades", why);
    }
    tb_json_free(doc);
    tb_hb_answer_free(&answer);
    return !t->ended_at;
}

/* Executors that the API process runs itself would stand still with it. A build without them
 * answers 404. */
static bool runs_no_executors(struct tb_hb *hb, struct backtest *t)
{
    struct tb_hb_answer answer = {0};
    struct tb_error err = {0};
    int64_t active = -1;
    struct tb_json_doc *doc = get(hb, TB_HB_EXECUTORS_SUMMARY, &answer, &err);
    if (doc)
        (void)tb_json_int64(tb_json_get(tb_json_root(doc), "total_active"), &active);
    if (!doc && !(answer.outcome == TB_HB_REFUSED && answer.status == 404))
        fail_unsent(t, tb_code_word(err.code), err.detail);
    else if (doc && active != 0)
        fail_unsent(t, "backtest_server_trades",
                    active > 0 ? "The server at BRIDGE_BACKTEST_URL runs executors of its own: a "
                                 "backtest would freeze them."
                               : "The server at BRIDGE_BACKTEST_URL does not say whether it runs "
                                 "executors of its own.");
    tb_json_free(doc);
    tb_hb_answer_free(&answer);
    return !t->ended_at;
}

/* Bots that it does not hear are containers all the same. One that says it has no container engine
 * has none. */
static bool runs_no_containers(struct tb_hb *hb, struct backtest *t)
{
    struct tb_hb_answer answer = {0};
    struct tb_error err = {0};
    struct tb_json_doc *doc = get(hb, TB_HB_DOCKER_ACTIVE, &answer, &err);
    if (!doc && answer.outcome != TB_HB_FAILED)
        fail_unsent(t, tb_code_word(err.code), err.detail);
    for (const struct tb_json *c = doc ? tb_json_first(tb_json_root(doc)) : NULL; c; c = c->next) {
        const char *image = tb_json_get_string(c, "image");
        if (!t->ended_at && image && strncmp(image, BOT_IMAGE, sizeof BOT_IMAGE - 1) == 0)
            fail_unsent(t, "backtest_server_trades",
                        "A container of a bot runs beside the server at BRIDGE_BACKTEST_URL: a "
                        "backtest would freeze the API that commands it.");
    }
    tb_json_free(doc);
    tb_hb_answer_free(&answer);
    return !t->ended_at;
}

/* ---- sending ---- */

static bool write_body(struct tb_store *store, struct backtest *t, struct tb_buffer *out,
                       struct tb_error *err)
{
    struct tb_buffer config = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_decimal cost;
    struct tb_store_plan *row = tb_store_plan_get(store, t->plan_id, err);
    struct tb_json_doc *doc =
        row ? tb_json_parse(row->doc, strlen(row->doc), TB_JSON_UPSTREAM, err) : NULL;
    bool ok = doc && backtest_config(tb_json_root(doc), t, &config, err) &&
              (tb_decimal_parse(t->trade_cost, strlen(t->trade_cost), &cost) ||
               tb_fail(err, TB_INTERNAL, "The record of the backtest has no trade cost."));
    if (ok) {
        tb_jw_init(&w, out);
        tb_jw_object(&w);
        tb_jw_kv_int(&w, "start_time", t->from_s);
        tb_jw_kv_int(&w, "end_time", t->to_s);
        tb_jw_kv_string(&w, "backtesting_resolution", "1m");
        tb_jw_key(&w, "trade_cost");
        tb_jw_decimal_number(&w, &cost);
        tb_jw_kv_raw(&w, "config", config.data, config.len);
        tb_jw_end_object(&w);
    }
    tb_buffer_free(&config);
    tb_json_free(doc);
    free(row);
    return ok;
}

static bool is_task_id(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len > 0 && len <= 64 &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == len;
}

static void taken(struct backtest *t, const char *task_id)
{
    (void)tb_copy(t->task_id, sizeof t->task_id, task_id);
    (void)tb_copy(t->state, sizeof t->state, BACKTEST_RUNNING);
    t->code[0] = t->detail[0] = '\0';
    tb_log(TB_INFO, "backtest.running", "%s is task %s of the second server.", t->id, task_id);
}

/* What the answer to the task's POST says; without a clear word the state stays `sending`. */
static void judge_sent(struct backtest *t, const struct tb_hb_answer *answer,
                       const struct tb_error *err)
{
    struct tb_json_doc *doc = NULL;
    if (answer->outcome == TB_HB_UNSENT) {
        fail_unsent(t, tb_code_word(err->code), err->detail);
    } else if (answer->outcome == TB_HB_REFUSED && answer->status == 404) {
        end_with(t, BACKTEST_FAILED, tb_code_word(TB_UPSTREAM_TOO_OLD),
                 "The server at BRIDGE_BACKTEST_URL has no backtesting tasks; they came on "
                 "2026-04-21.");
    } else if (answer->outcome == TB_HB_REFUSED) {
        end_with(t, BACKTEST_FAILED, tb_code_word(err->code), err->detail);
    } else if (answer->outcome == TB_HB_DONE) {
        doc =
            tb_json_parse(tb_buffer_text(&answer->body), answer->body.len, TB_JSON_UPSTREAM, NULL);
        const char *id = doc ? tb_json_get_string(tb_json_root(doc), "task_id") : NULL;
        if (is_task_id(id))
            taken(t, id);
    } else {
        say(t, tb_code_word(err->code), err->detail);
    }
    tb_json_free(doc);
}

static bool runs_nothing(struct tb_hb *hb, struct backtest *t)
{
    return knows_no_bots(hb, t) && runs_no_executors(hb, t) && runs_no_containers(hb, t);
}

bool tb_backtests_look(struct tb_hb *hb, struct tb_error *err)
{
    struct backtest t = {.ended_at = 0};
    return runs_nothing(hb, &t) || tb_fail(err, TB_NO_BACKTEST_SERVER, "%s", t.detail);
}

/* A bridge that shuts down sends it after its next start. */
static void later_if_draining(struct backtest *t)
{
    if (!t->ended_at || strcmp(t->code, tb_code_word(TB_DRAINING)) != 0)
        return;
    (void)tb_copy(t->state, sizeof t->state, BACKTEST_QUEUED);
    t->code[0] = t->detail[0] = '\0';
    t->ended_at = t->sent_at = 0;
}

static int64_t send_task(struct tb_store *store, struct tb_hb *hb, struct backtest *t)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_hb_answer answer = {0};
    struct tb_error err = {0};
    int64_t wait = 0;

    if (!write_body(store, t, &body, &err)) {
        if (err.code == TB_STORE_FAILED)
            wait = LOOK_MS;
        else
            fail_unsent(t, tb_code_word(err.code), err.detail);
    } else if (runs_nothing(hb, t)) {
        (void)tb_copy(t->state, sizeof t->state, BACKTEST_SENDING);
        t->sent_at = tb_wall_ms();
        if (backtest_commit(store, t, &err)) {
            const struct tb_hb_call call = {.endpoint = TB_HB_BACKTESTING_TASK_ADD,
                                            .body = body.data,
                                            .body_len = body.len,
                                            .timeout_ms = CALL_MS};
            (void)!tb_hb_call(hb, &call, &answer, &err);
            judge_sent(t, &answer, &err);
            tb_hb_answer_free(&answer);
        } else {
            (void)tb_copy(t->state, sizeof t->state, BACKTEST_QUEUED);
            t->sent_at = 0;
            wait = LOOK_MS;
        }
    }
    tb_buffer_free(&body);
    later_if_draining(t);
    return wait;
}

/* A clock that was set back ends nothing early. */
static int64_t age_of(const struct backtest *t)
{
    int64_t age = tb_wall_ms() - t->sent_at;
    return age > 0 ? age : 0;
}

/* ---- was it taken? ---- */

static const char *find_task(const struct tb_json *list, const char *config_id)
{
    for (const struct tb_json *task = tb_json_first(list); task; task = task->next) {
        const char *id = tb_json_get_string(tb_json_get(task, "config"), "id");
        const char *task_id = tb_json_get_string(task, "task_id");
        if (id && strcmp(id, config_id) == 0 && is_task_id(task_id))
            return task_id;
    }
    return NULL;
}

static int64_t look_for(struct tb_hb *hb, struct backtest *t)
{
    struct tb_hb_answer answer = {0};
    struct tb_error err = {0};
    int64_t age = age_of(t);
    struct tb_json_doc *doc = get(hb, TB_HB_BACKTESTING_TASKS, &answer, &err);
    bool list = doc && tb_json_is(tb_json_root(doc), TB_JSON_ARRAY);
    const char *found = list ? find_task(tb_json_root(doc), t->config_id) : NULL;
    if (found)
        taken(t, found);
    else if (age > (list ? SETTLE_MS : LOOK_MAX_MS))
        end_with(
            t, BACKTEST_UNKNOWN, "backtest_not_seen",
            list ? "The answer to the task was lost, and it is not in the server's list. It may "
                   "have run all the same; it trades nothing. Ask again for another."
                 : "The answer to the task was lost, and the server's list could not be read "
                   "since. Ask again for another.");
    tb_json_free(doc);
    tb_hb_answer_free(&answer);
    return t->ended_at || found ? 0 : LOOK_MS;
}

/* ---- what became of it ---- */

/* Money and ratios are texts, as everywhere on our wire; counts stay numbers. */
static void write_figure(struct tb_json_writer *w, const struct tb_json *m)
{
    int64_t integer;
    struct tb_decimal exact;
    tb_jw_key(w, m->key);
    if (m->type == TB_JSON_NUMBER && !strpbrk(m->text, ".eE") && tb_json_int64(m, &integer))
        tb_jw_int(w, integer);
    else if (m->type == TB_JSON_NUMBER && tb_json_decimal(m, &exact))
        tb_jw_decimal_string(w, &exact);
    else
        tb_jw_null(w);
}

static void write_figures(struct tb_json_writer *w, const struct tb_json *results, bool deep)
{
    size_t n = 0;
    tb_jw_object(w);
    for (const struct tb_json *m = tb_json_first(results); m && n < FIGURES_MAX; m = m->next, n++) {
        if (m->type == TB_JSON_NUMBER || m->type == TB_JSON_NULL) {
            write_figure(w, m);
        } else if (deep && m->type == TB_JSON_OBJECT) {
            tb_jw_key(w, m->key);
            write_figures(w, m, false);
        }
    }
    tb_jw_end_object(w);
}

static struct tb_json_doc *member(const struct tb_json_slice *in, const char *key)
{
    struct tb_json_slice slice;
    return tb_json_slice_member(in->start, in->len, key, &slice)
               ? tb_json_parse(slice.start, slice.len, TB_JSON_UPSTREAM, NULL)
               : NULL;
}

/* The long lists beside the figures are not parsed. */
static bool read_figures(const struct tb_json_slice *body, struct backtest *t)
{
    struct tb_json_slice result;
    if (!tb_json_slice_member(body->start, body->len, "result", &result))
        return false;
    struct tb_json_doc *doc = member(&result, "results");
    const struct tb_json *results = tb_json_root(doc);
    bool good = doc && tb_json_is(results, TB_JSON_OBJECT) && results->child;
    if (good) {
        struct tb_json_writer w;
        tb_buffer_clear(&t->result);
        tb_jw_init(&w, &t->result);
        write_figures(&w, results, true);
    }
    tb_json_free(doc);
    return good;
}

static bool is_ours(const struct tb_json_slice *body, const struct backtest *t)
{
    struct tb_json_doc *config = member(body, "config");
    const char *id = config ? tb_json_get_string(tb_json_root(config), "id") : NULL;
    bool ours = id && strcmp(id, t->config_id) == 0;
    tb_json_free(config);
    return ours;
}

static void judge_task(struct backtest *t, const struct tb_json_slice *body)
{
    struct tb_json_doc *status_doc = member(body, "status"), *error_doc = member(body, "error");
    const char *status = status_doc ? tb_json_string(tb_json_root(status_doc)) : NULL;
    const char *error = error_doc ? tb_json_string(tb_json_root(error_doc)) : NULL;
    if (!is_ours(body, t)) {
        end_with(
            t, BACKTEST_UNKNOWN, "backtest_lost",
            "The server answers with another task under this one's id. Ask again for another.");
    } else if (!status) {
        say(t, tb_code_word(TB_UPSTREAM_NOT_JSON), "The server does not say what the task does.");
    } else {
        (void)tb_copy(t->upstream_status, sizeof t->upstream_status, status);
        t->seen_at = tb_wall_ms();
        t->code[0] = t->detail[0] = '\0';
        if (strcmp(status, "completed") == 0 && read_figures(body, t))
            end(t, BACKTEST_SUCCEEDED);
        else if (strcmp(status, "completed") == 0)
            end_with(t, BACKTEST_FAILED, "backtest_failed",
                     "The task is said to be completed and has no figures.");
        else if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
            end_with(t, BACKTEST_FAILED, "backtest_failed",
                     error && *error ? error : "Hummingbot's engine gave no reason.");
    }
    tb_json_free(status_doc);
    tb_json_free(error_doc);
}

static int64_t poll_task(struct tb_hb *hb, struct backtest *t)
{
    const struct tb_hb_call call = {.endpoint = TB_HB_BACKTESTING_TASK,
                                    .arg = {t->task_id},
                                    .timeout_ms = CALL_MS,
                                    .fresh = true};
    struct tb_hb_answer answer = {0};
    struct tb_error err = {0};
    int64_t age = age_of(t);
    if (tb_hb_call(hb, &call, &answer, &err))
        judge_task(t, &(struct tb_json_slice){answer.body.data, answer.body.len});
    else if (answer.outcome == TB_HB_REFUSED && answer.status == 404)
        end_with(
            t, BACKTEST_UNKNOWN, "backtest_lost",
            "The server no longer has this task: it was restarted, or fifty newer ones took its "
            "place. What became of it is not known. Ask again for another.");
    else
        say(t, tb_code_word(err.code), err.detail);
    tb_hb_answer_free(&answer);
    if (!t->ended_at && age > RUN_MAX_MS)
        end_with(t, BACKTEST_UNKNOWN, "backtest_too_long",
                 "The task had no end after six hours and is not looked at any more.");
    return t->ended_at              ? 0
           : age / 10 < POLL_MIN_MS ? POLL_MIN_MS
           : age / 10 > POLL_MAX_MS ? POLL_MAX_MS
                                    : age / 10;
}

int64_t backtest_step(struct tb_store *store, struct tb_hb *hb, struct backtest *t)
{
    struct tb_error err = {0};
    int64_t wait;
    if (strcmp(t->state, BACKTEST_QUEUED) == 0)
        wait = send_task(store, hb, t);
    else if (strcmp(t->state, BACKTEST_SENDING) == 0)
        wait = look_for(hb, t);
    else
        wait = poll_task(hb, t);
    if (!backtest_commit(store, t, &err)) {
        tb_log(TB_WARN, "store.failed", "The backtest %s is not stored: %s", t->id, err.detail);
        return LOOK_MS;
    }
    if (t->ended_at)
        tb_log(TB_INFO, "backtest.ended", "%s: %s%s%s", t->id, t->state, t->detail[0] ? ": " : "",
               t->detail);
    return wait;
}

/* PATCH /bots/{id}/params and PUT /bots/{id}: a person changes what a bot is wanted to do.
 *
 * The request is merged with what was wanted before and planned like a create; the plan's files are
 * compared with those the bot runs with. What was asked is stored before anything is sent, then the
 * fields that a running bot takes over are sent and read back; all else waits for a redeploy. Runs
 * on request threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/life_private.h"
#include "bots/params_live.h"

enum { ANSWER_MS = 15000 }; /* most that one write may take */

struct change {
    struct tb_bots *b;
    struct bot *bot;
    const struct tb_params_request *asked;
    struct tb_problems *problems;
    struct request words;     /* holds the translated request */
    struct tb_buffer request; /* merged: what a create of this bot would say */
    struct plan plan;
    struct deployed_key key;
    struct deployed deployed;
    struct param_rows rows;
    struct tb_buffer facts; /* as wanted before */
    int64_t version;        /* likewise; after the commit the new one */
    char name[264], strategy[64], account[132], image[160];
    char instance[TB_INSTANCE_NAME], plan_id[TB_ULID_TEXT]; /* that it was compared with */
};

static void change_free(struct change *c)
{
    request_free(&c->words);
    tb_buffer_free(&c->request);
    tb_buffer_free(&c->facts);
    plan_free(&c->plan);
    free(c->key.live);
    deployed_free(&c->deployed);
    rows_free(&c->rows);
}

/* ---- may it be changed? ---- */

static bool version_matches(const struct change *c, struct tb_error *err)
{
    if (c->asked->any_version || c->asked->version == c->version)
        return true;
    return tb_fail(err, TB_STALE_VERSION,
                   "The parameters were changed meanwhile: they are at version %lld now. Read them "
                   "again and send the change with If-Match: \"%lld\".",
                   (long long)c->version, (long long)c->version);
}

/* Otherwise a change that arrives late would undo this one. */
static bool not_in_doubt(const struct wanted *w, struct tb_error *err)
{
    return !w->same_instance || !tb_json_first(w->doubt) ||
           tb_fail(err, TB_OPERATION_IN_PROGRESS,
                   "Whether the running bot has the last change is not known yet, and it may still "
                   "arrive. GET the parameters: once `unknown` is empty, about three minutes later "
                   "and as soon as the bot's file can be read, send this again.");
}

/* Lock held. */
static bool may_change(struct change *c, struct tb_error *err)
{
    struct wanted w;
    bool ok;

    wanted_of(c->bot, &w);
    c->version = w.version;
    if (!version_matches(c, err))
        ok = false;
    else if (bot_busy(c->b, c->bot))
        ok = tb_fail(err, TB_OPERATION_IN_PROGRESS,
                     "An operation of this bot is under way (%s); change it when it has ended.",
                     c->bot->operation_id);
    else if (!tb_json_is(tb_json_get(w.facts, "params"), TB_JSON_OBJECT))
        ok = tb_fail(err, TB_STATE,
                     "No plugin knows this bot's strategy, so it has no parameters to change.");
    else if (!c->bot->plan_id[0])
        ok =
            tb_fail(err, TB_STATE,
                    "The files that this adopted bot runs with could not be kept, so what a change "
                    "means for them cannot be said. Make another bot from its parameters.");
    else
        ok = not_in_doubt(&w, err);
    if (ok)
        tb_json_canonical(w.facts, &c->facts);
    wanted_free(&w);
    return ok;
}

static bool begin(struct change *c, const char *id, struct tb_error *err)
{
    struct tb_bots *b = c->b;
    bool ok = false;

    pthread_mutex_lock(&b->lock);
    c->bot = registry_meant(b, id, err);
    if (!c->bot) {
        ok = false;
    } else if (!c->bot->managed) {
        tb_fail(err, TB_STATE,
                "This instance was not made by the bridge, so the bridge does not change it.");
    } else if (!live_begin(b, c->bot)) {
        tb_fail(err, TB_OPERATION_IN_PROGRESS, "The bot is being changed by another request.");
    } else {
        ok = may_change(c, err);
        if (ok) {
            deployed_key_of(c->bot, &c->key);
            tb_copy(c->name, sizeof c->name, c->bot->name);
            tb_copy(c->words.exchange, sizeof c->words.exchange, c->bot->exchange);
            tb_copy(c->strategy, sizeof c->strategy, c->bot->strategy);
            tb_copy(c->account, sizeof c->account, c->bot->account);
            tb_copy(c->image, sizeof c->image, c->bot->image);
            tb_copy(c->instance, sizeof c->instance, c->bot->life.instance);
            tb_copy(c->plan_id, sizeof c->plan_id, c->bot->plan_id);
        } else {
            c->bot->changing = false;
            pthread_cond_broadcast(&b->claims);
        }
    }
    pthread_mutex_unlock(&b->lock);
    return ok;
}

/* ---- the request ---- */

static const char *const FIELDS[] = {"params",   "risk",  "name",     "account",
                                     "exchange", "image", "strategy", NULL};

/* What makes the bot what it is may be repeated, not changed. */
static void check_fixed(struct change *c, const struct tb_json *request)
{
    const struct {
        const char *key, *now;
    } rows[] = {
        {"name", c->name}, {"account", c->account}, {"strategy", c->strategy}, {"image", c->image}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tb_json *said = tb_json_get(request, rows[i].key);
        char pointer[16];
        if (!said || said->type == TB_JSON_NULL ||
            (tb_json_string(said) && strcmp(tb_json_string(said), rows[i].now) == 0))
            continue;
        snprintf(pointer, sizeof pointer, "/%s", rows[i].key);
        tb_problem_add(&c->problems->errors, pointer, "cannot_change",
                       "This cannot be changed here; only parameters and risk can.",
                       strcmp(rows[i].key, "image") == 0 ? "Redeploy the bot with the other image."
                                                         : "Make another bot.");
    }
}

static void check_words(struct change *c, const struct tb_json *request)
{
    for (const struct tb_json *m = tb_json_first(request); m; m = m->next) {
        bool known = false;
        for (const char *const *f = FIELDS; *f; f++)
            known |= strcmp(*f, m->key) == 0;
        if (!known)
            problem_unknown_field(c->asked->lenient ? &c->problems->warnings : &c->problems->errors,
                                  m->key, FIELDS, "Fields: params, risk.", c->asked->lenient);
    }
    if (tb_json_get(request, "risk") && !tb_json_is(tb_json_get(request, "risk"), TB_JSON_OBJECT) &&
        !tb_json_is(tb_json_get(request, "risk"), TB_JSON_NULL))
        tb_problem_add(&c->problems->errors, "/risk", "type",
                       "The field \"risk\" must be an object.", NULL);
    check_fixed(c, request);
}

void params_merge(struct tb_json_writer *w, const char *key, const struct tb_json *before,
                  const struct tb_json *change)
{
    tb_jw_key(w, key);
    tb_jw_object(w);
    for (const struct tb_json *m = tb_json_first(before); m; m = m->next)
        if (!tb_json_get(change, m->key))
            tb_jw_kv_node(w, m->key, m);
    if (tb_json_is(change, TB_JSON_OBJECT))
        for (const struct tb_json *m = change->child; m; m = m->next)
            tb_jw_kv_node(w, m->key, m);
    tb_jw_end_object(w);
}

static bool merge_request(struct change *c, struct tb_error *err)
{
    struct tb_json_doc *facts = tb_json_parse(c->facts.data, c->facts.len, TB_JSON_UPSTREAM, err);
    const struct tb_json *request, *root;
    struct tb_json_writer w;

    if (!facts)
        return false;
    root = tb_json_root(facts);
    request = tb_json_get(tb_json_root(c->words.translated), "request");
    check_words(c, request);
    tb_jw_init(&w, &c->request);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "name", c->name);
    tb_jw_kv_string(&w, "exchange", c->words.exchange);
    tb_jw_kv_string(&w, "strategy", c->strategy);
    tb_jw_kv_string(&w, "account", c->account);
    tb_jw_kv_string(&w, "image", c->image);
    params_merge(&w, "params", tb_json_get(root, "params"), tb_json_get(request, "params"));
    params_merge(&w, "risk", tb_json_get(root, "risk"), tb_json_get(request, "risk"));
    tb_jw_end_object(&w);
    tb_json_free(facts);
    return true;
}

static struct tb_json_doc *wrap(const struct tb_json *params, struct tb_error *err)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_json_doc *doc;

    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "params", params);
    tb_jw_end_object(&w);
    doc = tb_json_parse(text.data, text.len, TB_JSON_CLIENT, err);
    tb_buffer_free(&text);
    return doc;
}

static bool translate(struct change *c, struct tb_error *err)
{
    struct tb_json_doc *wrapped = c->asked->bare ? wrap(c->asked->words, err) : NULL;
    c->words.in = tb_generation_hold(c->b->plugins, TB_LANE_LIVE);
    bool ok = (wrapped || !c->asked->bare) &&
              request_translate(c->b, wrapped ? tb_json_root(wrapped) : c->asked->words,
                                c->strategy, &c->words, c->problems, err);
    tb_json_free(wrapped);
    return ok;
}

/* "/params/pair" -> "/pair" */
static void shorten_pointers(struct tb_buffer *list)
{
    static const char prefix[] = "/params";
    const size_t len = sizeof prefix - 1;
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(list), list->len, TB_JSON_UPSTREAM, &ignored);
    for (const struct tb_json *p = doc ? tb_json_first(tb_json_root(doc)) : NULL; p; p = p->next) {
        const char *pointer = tb_json_get_string(p, "pointer");
        bool in = pointer && strncmp(pointer, prefix, len) == 0 &&
                  (pointer[len] == '/' || pointer[len] == '\0');
        tb_problem_add(&out,
                       in        ? pointer + len
                       : pointer ? pointer
                                 : "",
                       tb_json_get_string(p, "code"), tb_json_get_string(p, "message"),
                       tb_json_get_string(p, "hint"));
    }
    tb_json_free(doc);
    tb_buffer_free(list);
    *list = out;
}

void params_check_form(const struct tb_problems *problems, const struct tb_json *said,
                       const char *strategy, struct tb_error *err)
{
    static const char prefix[] = "/params/";
    struct tb_buffer gone = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_doc *doc = tb_json_parse(tb_buffer_text(&problems->errors), problems->errors.len,
                                            TB_JSON_UPSTREAM, &ignored);

    for (const struct tb_json *p = doc ? tb_json_first(tb_json_root(doc)) : NULL; p; p = p->next) {
        const char *pointer = tb_json_get_string(p, "pointer");
        const char *code = tb_json_get_string(p, "code");
        if (pointer && code && strcmp(code, "unknown_field") == 0 &&
            strncmp(pointer, prefix, sizeof prefix - 1) == 0 &&
            !tb_json_get(said, pointer + sizeof prefix - 1))
            tb_buffer_printf(&gone, "%s%.64s", gone.len ? ", " : "", pointer + sizeof prefix - 1);
    }
    if (gone.len > 0)
        tb_fail(err, TB_FORM_CHANGED,
                "The form of \"%s\" is another one than this bot was made with: it has no field "
                "%.300s. "
                "With the header `Prefer: handling=lenient` such fields are left out.",
                strategy, tb_buffer_text(&gone));
    tb_buffer_free(&gone);
    tb_json_free(doc);
}

/* A bot may have been given an earlier version of its plugin on purpose. */
static void warn_generation(struct change *c)
{
    struct tb_error ignored;
    struct tb_json_doc *facts =
        tb_json_parse(c->facts.data, c->facts.len, TB_JSON_UPSTREAM, &ignored);
    const char *was =
        facts ? tb_json_string(tb_json_path(tb_json_root(facts), "plugin", "generation", NULL))
              : NULL;
    struct tb_buffer message = TB_BUFFER_INIT;
    char live[TB_GENERATION_DIGITS + 1];

    tb_generation_hash(c->words.in, c->words.exchange, live);
    tb_buffer_printf(&message,
                     "The bot was made with version %s of its plugin, and this is planned with the "
                     "live one, %s: what the two build differently changes too.",
                     was ? was : "", live);
    if (was && strcmp(was, live) != 0)
        tb_problem_add(&c->problems->warnings, "", "other_generation", message.data,
                       "To keep that version, redeploy with `generation` and the parameters.");
    tb_buffer_free(&message);
    tb_json_free(facts);
}

static bool make_plan(struct change *c, struct tb_error *err)
{
    struct tb_json_doc *doc;
    bool ok;

    if (!translate(c, err) || !merge_request(c, err))
        return false;
    doc = tb_json_parse(c->request.data, c->request.len, TB_JSON_UPSTREAM, err);
    if (!doc)
        return false;
    /* With errors of the words the plan only adds those of the form. */
    ok = plan_make(c->b,
                   &(struct tb_plan_wish){.request = tb_json_root(doc),
                                          .lenient = c->asked->lenient,
                                          .of_a_bot = true,
                                          .in = c->words.in},
                   &c->plan, c->problems, err);
    if (ok)
        warn_generation(c);
    tb_json_free(doc);
    return ok;
}

/* ---- storing ---- */

static bool runs(const struct change *c)
{
    const struct bot *bot = c->bot;
    return (bot->state == TB_BOT_RUNNING || bot->state == TB_BOT_DEGRADED) &&
           bot->life.instance[0] && strcmp(bot->life.instance, c->instance) == 0 &&
           bot->sight.container == TB_CT_RUNNING;
}

static size_t live_rows(const struct change *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->rows.n; i++)
        n += c->rows.row[i].reason == PARAM_LIVE;
    return n;
}

static void hold_back(struct change *c, enum param_reason reason)
{
    for (size_t i = 0; i < c->rows.n; i++)
        if (c->rows.row[i].reason == PARAM_LIVE)
            c->rows.row[i].reason = reason;
}

static bool same_member(const char *a, const char *b, const char *key)
{
    struct tb_error ignored;
    struct tb_json_doc *x = tb_json_parse(a, strlen(a), TB_JSON_UPSTREAM, &ignored);
    struct tb_json_doc *y = tb_json_parse(b, strlen(b), TB_JSON_UPSTREAM, &ignored);
    bool same =
        x && y && same_config(tb_json_get(tb_json_root(x), key), tb_json_get(tb_json_root(y), key));
    tb_json_free(x);
    tb_json_free(y);
    return same;
}

/* Neither the words nor the files change: there is no new version to store. */
static bool nothing_changes(const struct change *c)
{
    const char *before = tb_buffer_text(&c->facts), *now = tb_buffer_text(&c->plan.facts);
    return live_rows(c) == 0 && same_member(before, now, "params") &&
           same_member(before, now, "risk");
}

static char *wanted_text(struct change *c, int64_t wall)
{
    struct param_rows live = {0}, doubt = {0}, pending = {0};
    struct wanted w;
    char *text;

    wanted_of(c->bot, &w);
    if (w.same_instance)
        rows_read(&live, w.live);
    for (size_t i = 0; i < c->rows.n; i++)
        rows_add(c->rows.row[i].reason == PARAM_LIVE ? &doubt : &pending, &c->rows.row[i]);
    text = params_write(
        c->bot, &(struct params_text){.version = c->version + 1,
                                      .at = wall,
                                      .doubt_until = wall + LATE_FOR +
                                                     (int64_t)c->plan.controllers * ANSWER_MS,
                                      .plan_id = c->plan.id,
                                      .facts = tb_buffer_text(&c->plan.facts),
                                      .live = &live,
                                      .doubt = &doubt,
                                      .pending = &pending});
    wanted_free(&w);
    rows_free(&live);
    rows_free(&doubt);
    rows_free(&pending);
    return text;
}

/* The answer of a repeated request, should this one not come to its end. */
static void write_stored(struct change *c, char *text, struct tb_buffer *out)
{
    struct bot shown;
    pthread_mutex_lock(&c->b->lock);
    shown = *c->bot;
    pthread_mutex_unlock(&c->b->lock);
    shown.wanted = text;
    params_write_answer(&shown, &c->problems->warnings, out);
}

/* An operation that is open, or that began and ended since the files were compared. (lock held) */
static bool moved(const struct change *c)
{
    return bot_busy(c->b, c->bot) || strcmp(c->bot->life.instance, c->instance) != 0 ||
           strcmp(c->bot->plan_id, c->plan_id) != 0;
}

/* Bot claimed. */
static bool store_claimed(struct change *c, struct tb_error *err)
{
    struct tb_store_idempotency *record = c->asked->record;
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_store_change first;
    char *text;
    bool ok;

    pthread_mutex_lock(&c->b->lock);
    ok = !moved(c) || tb_fail(err, TB_OPERATION_IN_PROGRESS,
                              "An operation of this bot began meanwhile; nothing was changed.");
    if (!runs(c))
        hold_back(c, PARAM_NOT_RUNNING);
    text = ok ? wanted_text(c, tb_wall_ms()) : NULL;
    pthread_mutex_unlock(&c->b->lock);
    if (!ok || !observing_allows(c->b, err)) {
        free(text);
        return false;
    }
    if (record) {
        write_stored(c, text, &body);
        record->status = 200;
        record->body = tb_buffer_text(&body);
        first = (struct tb_store_change){.kind = TB_STORE_IDEMPOTENCY_BEGIN,
                                         .idempotency_result = c->asked->record_result,
                                         .idempotency = record};
    }
    ok = params_store(c->b, c->bot, text, record ? &first : NULL, c->plan.id, err);
    tb_buffer_free(&body);
    c->version += ok;
    return ok;
}

static bool store(struct change *c, struct tb_error *err)
{
    bool ok;
    if (!bot_claim(c->b, c->bot))
        return tb_fail(err, TB_NOT_FOUND, "The bot was deleted meanwhile.");
    ok = store_claimed(c, err);
    bot_release(c->b, c->bot);
    return ok;
}

/* ---- the whole ---- */

/* From here on the change stands, whatever becomes of sending it. */
static void bring_live(struct change *c)
{
    struct param_rows sent = {0};
    struct tb_error err = {0};

    for (size_t i = 0; i < c->rows.n; i++)
        if (c->rows.row[i].reason == PARAM_LIVE)
            rows_add(&sent, &c->rows.row[i]);
    if (sent.n > 0) {
        live_send(c->b, &c->deployed, c->instance, &sent);
        if (!live_confirm(c->b, &c->deployed, c->instance, true, &sent, &err))
            tb_log(TB_WARN, "params.not_read_back", "%s: %s", c->instance, err.detail);
        if (!live_settle(c->b, c->bot, c->version, &sent, c->asked->record, &c->problems->warnings,
                         &err))
            tb_log(TB_WARN, "params.not_kept", "%s: %s", c->instance, err.detail);
    }
    rows_free(&sent);
}

static bool change(struct change *c, struct tb_error *err)
{
    bool running, planned = make_plan(c, err);

    if (!planned && err->code == TB_INVALID)
        params_check_form(c->problems,
                          c->words.translated ? tb_json_path(tb_json_root(c->words.translated),
                                                             "request", "params", NULL)
                                              : NULL,
                          c->strategy, err);
    if (c->asked->bare) {
        shorten_pointers(&c->problems->errors);
        shorten_pointers(&c->problems->warnings);
    }
    if (!planned ||
        !params_compare(c->b, &c->key, c->plan.id, c->image, &c->rows, &c->deployed, err))
        return false;
    pthread_mutex_lock(&c->b->lock);
    running = runs(c);
    pthread_mutex_unlock(&c->b->lock);
    if (!running)
        hold_back(c, PARAM_NOT_RUNNING);
    live_check(c->b, &c->deployed, c->instance, &c->rows);
    if (nothing_changes(c))
        return true;
    if (!store(c, err))
        return false;
    history_params(c->b, c->bot, c->version, tb_buffer_text(&c->plan.facts), tb_wall_ms());
    bring_live(c);
    return true;
}

bool tb_bots_change_params(struct tb_bots *bots, const char *id,
                           const struct tb_params_request *asked, struct tb_buffer *out,
                           int64_t *version_out, struct tb_problems *problems, struct tb_error *err)
{
    struct change c = {.b = bots, .asked = asked, .problems = problems};
    bool ok;

    if (!observing_allows(bots, err) || !begin(&c, id, err)) {
        *version_out = c.version;
        change_free(&c);
        return false;
    }
    ok = change(&c, err);
    live_end(bots, c.bot);
    *version_out = c.version;
    if (ok) {
        pthread_mutex_lock(&bots->lock);
        params_write_answer(c.bot, &problems->warnings, out);
        pthread_mutex_unlock(&bots->lock);
    }
    change_free(&c);
    return ok;
}

bool tb_bots_params(struct tb_bots *bots, const char *id, struct tb_buffer *out,
                    int64_t *version_out, struct tb_error *err)
{
    struct wanted w;
    struct bot *bot;

    pthread_mutex_lock(&bots->lock);
    bot = registry_find(bots, id);
    if (bot) {
        wanted_of(bot, &w);
        *version_out = w.version;
        wanted_free(&w);
        params_write_answer(bot, NULL, out);
    }
    pthread_mutex_unlock(&bots->lock);
    return bot || tb_fail(err, TB_NOT_FOUND, "There is no bot of this id, name or instance.");
}

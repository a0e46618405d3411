/* POST /bots/{id}/redeploy: a bot gets another instance, with other files or the same ones. One
 * operation: the old instance is stopped with proof, the new one deployed and proven.
 *
 * Everything that can be refused is refused before: the plan is made (or is the one that is wanted
 * already, params.h), stored, and compared field by field with the files the bot runs with. The
 * operation itself uses stored bytes only. The parameters of the request become the wanted ones as
 * PATCH would make them, so what a redeploy could not bring about waits for the next one. Runs on
 * request threads. */
#include <stdlib.h>
#include <string.h>

#include "bots/command.h"
#include "bots/params_live.h"

struct renewal {
    struct tb_bots *b;
    struct bot *bot;
    const struct tb_json *request;
    struct tb_problems *problems;
    bool dry, lenient;
    bool changing; /* this request has the right to change the bot (params_live.h) */
    bool fresh;    /* the plan was made for this redeploy */
    char image[160], plan_id[TB_ULID_TEXT], stored_plan[TB_ULID_TEXT];
    struct tb_buffer words; /* what a create of this bot would say */
    struct tb_buffer facts; /* of the bot as it is */
    int64_t version;        /* of the wanted parameters when they were read */
    struct plan plan;
    struct deployed_key key;
    struct deployed deployed;
    struct param_rows rows;
};

static void renewal_free(struct renewal *r)
{
    tb_buffer_free(&r->words);
    tb_buffer_free(&r->facts);
    plan_free(&r->plan);
    free(r->key.live);
    deployed_free(&r->deployed);
    rows_free(&r->rows);
}

/* ---- may it be redeployed? ---- */

bool command_may_redeploy(const struct bot *bot, struct tb_error *err)
{
    if (bot->state == TB_BOT_CONFLICT)
        return tb_fail(err, TB_STATE_UNKNOWN,
                       "Several instances of this bot exist, so it is not redeployed. Stop it "
                       "first: POST /bots/%s/stop.",
                       bot->id);
    if (!bot->plan_id[0])
        return tb_fail(err, TB_STATE,
                       "What this bot was made from is not known, so there is nothing to redeploy. "
                       "Make a new bot.");
    return true;
}

static bool may_redeploy(struct tb_bots *b, const struct bot *bot, struct tb_error *err)
{
    const struct operation *op = operation_of(b, bot);
    return op ? command_in_progress(op, err) : command_may_redeploy(bot, err);
}

/* A create's words for this bot, with the members of the request in place of those that were wanted
 * before. (lock held) */
static void write_words(struct renewal *r, const struct wanted *w)
{
    const struct tb_json *image = tb_json_get(r->request, "image");
    struct tb_json_writer out;

    tb_jw_init(&out, &r->words);
    tb_jw_object(&out);
    tb_jw_kv_string(&out, "name", r->bot->name);
    tb_jw_kv_string(&out, "exchange", r->bot->exchange);
    tb_jw_kv_string(&out, "strategy", r->bot->strategy);
    tb_jw_kv_string(&out, "account", r->bot->account);
    if (image)
        tb_jw_kv_node(&out, "image", image);
    else
        tb_jw_kv_string(&out, "image", r->bot->image);
    params_merge(&out, "params", tb_json_get(w->facts, "params"),
                 tb_json_get(r->request, "params"));
    params_merge(&out, "risk", tb_json_get(w->facts, "risk"), tb_json_get(r->request, "risk"));
    tb_jw_end_object(&out);
}

static bool begin(struct renewal *r, const char *id, struct tb_error *err)
{
    struct tb_bots *b = r->b;
    struct wanted w;
    bool ok = false;

    pthread_mutex_lock(&b->lock);
    r->bot = registry_meant(b, id, err);
    if (!r->bot) {
        ok = false;
    } else if (!r->bot->managed) {
        tb_fail(err, TB_STATE,
                "This instance was not made by the bridge, so the bridge does not command it.");
    } else if (!live_begin(b, r->bot)) {
        tb_fail(err, TB_OPERATION_IN_PROGRESS, "The bot is being changed by another request.");
    } else {
        r->changing = true;
        ok = may_redeploy(b, r->bot, err);
        wanted_of(r->bot, &w);
        r->version = w.version;
        write_words(r, &w);
        wanted_free(&w);
        deployed_key_of(r->bot, &r->key);
        params_plan(r->bot, r->stored_plan);
        tb_copy(r->plan_id, sizeof r->plan_id, r->bot->plan_id);
        tb_copy(r->image, sizeof r->image, r->bot->image);
        tb_buffer_puts(&r->facts, r->bot->facts ? r->bot->facts : "{}");
    }
    pthread_mutex_unlock(&b->lock);
    return ok;
}

/* ---- the plan ---- */

static void check_types(const struct tb_json *request, struct tb_problems *problems)
{
    static const struct {
        const char *key;
        enum tb_json_type type;
        const char *message;
    } fields[] = {
        {"params", TB_JSON_OBJECT, "The field \"params\" must be an object."},
        {"risk", TB_JSON_OBJECT, "The field \"risk\" must be an object."},
        {"image", TB_JSON_STRING, "The field \"image\" must be a text."},
        {"generation", TB_JSON_STRING, "The field \"generation\" must be a text."},
        {"dry_run", TB_JSON_BOOL, "The field \"dry_run\" must be true or false."},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct tb_json *said = tb_json_get(request, fields[i].key);
        char pointer[16] = "/";
        if (!said || said->type == fields[i].type)
            continue;
        tb_copy(pointer + 1, sizeof pointer - 1, fields[i].key);
        tb_problem_add(&problems->errors, pointer, "type", fields[i].message, NULL);
    }
}

struct tb_generation *redeploy_generation(struct tb_bots *b, const char *exchange,
                                          const struct tb_json *generation,
                                          struct tb_problems *problems, struct tb_error *err)
{
    const char *asked = tb_json_string(generation);
    struct tb_generation *in = NULL;

    if (!generation)
        return tb_generation_hold(b->plugins, TB_LANE_LIVE);
    if (!asked)
        (void)tb_fail(err, TB_INVALID, "The field \"generation\" must be a text.");
    else
        in = tb_generation_kept(b->plugins, exchange, asked, err);
    if (!in && (!asked || err->code == TB_NOT_FOUND || err->code == TB_PLUGIN_FAILED)) {
        tb_problem_add(&problems->errors, "/generation",
                       !asked                      ? "type"
                       : err->code == TB_NOT_FOUND ? "unknown_generation"
                                                   : "generation_fails",
                       err->detail, NULL);
        err->code = TB_INVALID;
    }
    return in;
}

static bool make_plan(struct renewal *r, struct tb_error *err)
{
    struct tb_generation *in = redeploy_generation(
        r->b, r->bot->exchange, tb_json_get(r->request, "generation"), r->problems, err);
    struct tb_json_doc *doc =
        in ? tb_json_parse(r->words.data, r->words.len, TB_JSON_UPSTREAM, err) : NULL;
    bool ok = doc && plan_make(r->b,
                               &(struct tb_plan_wish){.request = tb_json_root(doc),
                                                      .lenient = r->lenient,
                                                      .of_a_bot = true,
                                                      .in = in},
                               &r->plan, r->problems, err);
    if (!ok && in && err->code == TB_INVALID)
        params_check_form(r->problems, tb_json_get(r->request, "params"), r->bot->strategy, err);
    r->fresh = ok;
    tb_json_free(doc);
    tb_generation_release(in);
    return ok;
}

static bool plan(struct renewal *r, struct tb_error *err)
{
    static const char *const own[] = {"params", "risk", "image", "generation", NULL};
    bool planned = false;

    for (const char *const *k = own; *k; k++)
        planned |= tb_json_get(r->request, *k) != NULL;
    if (!(planned ? make_plan(r, err) : plan_load(r->b, r->stored_plan, &r->plan, err)))
        return false;
    return params_compare(r->b, &r->key, r->plan.id, r->plan.image, &r->rows, &r->deployed, err);
}

/* ---- what is shown of it ---- */

static void write_pair(struct tb_json_writer *w, const char *key, const char *from, const char *to)
{
    tb_jw_key(w, key);
    tb_jw_object(w);
    tb_jw_kv_string(w, "from", from);
    tb_jw_kv_string(w, "to", to);
    tb_jw_end_object(w);
}

static bool answer_dry(struct renewal *r, struct tb_buffer *out, struct tb_error *err)
{
    struct tb_json_doc *doc = plan_for_base(r->b, r->plan.id, NULL, err);
    struct tb_json_doc *was =
        doc ? tb_json_parse(r->facts.data, r->facts.len, TB_JSON_UPSTREAM, err) : NULL;
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;
    const struct tb_json *from = was ? tb_json_root(was) : NULL;
    char *changes;
    struct tb_json_writer w;

    if (was) {
        changes = rows_changes(&r->rows);
        tb_jw_init(&w, out);
        tb_jw_object(&w);
        tb_jw_kv_string(&w, "id", r->bot->id);
        tb_jw_kv_string(&w, "name", r->bot->name);
        tb_jw_kv_bool(&w, "dry_run", true);
        write_pair(&w, "image", r->image, r->plan.image);
        write_pair(&w, "generation",
                   tb_json_string(tb_json_path(from, "plugin", "generation", NULL)),
                   tb_json_string(tb_json_path(root, "bot_facts", "plugin", "generation", NULL)));
        tb_jw_kv_raw(&w, "changes", changes, strlen(changes));
        tb_jw_kv_node(&w, "params", tb_json_get(root, "params"));
        tb_jw_kv_node(&w, "risk", tb_json_get(root, "risk"));
        tb_jw_kv_node(&w, "files", tb_json_get(root, "files"));
        tb_jw_key(&w, "effects");
        tb_jw_array(&w);
        for (const struct tb_json *e = tb_json_first(tb_json_get(from, "effects")); e; e = e->next)
            tb_jw_node(&w, e);
        tb_jw_string(&w, operation_then(TB_OP_REDEPLOY));
        tb_jw_end_array(&w);
        tb_jw_kv_raw(&w, "warnings", r->problems->warnings.len ? r->problems->warnings.data : "[]",
                     r->problems->warnings.len ? r->problems->warnings.len : 2);
        tb_jw_end_object(&w);
        free(changes);
    }
    tb_json_free(doc);
    tb_json_free(was);
    return was != NULL;
}

/* ---- the operation ---- */

/* The wanted parameters after this request: those of its own plan, all of them pending. (lock held)
 */
static char *wanted_text(const struct renewal *r, int64_t wall)
{
    struct param_rows live = {0}, doubt = {0};
    struct wanted w;
    char *text;

    if (!r->fresh)
        return NULL;
    wanted_of(r->bot, &w);
    if (w.same_instance) {
        rows_read(&live, w.live);
        rows_read(&doubt, w.doubt);
    }
    text = params_write(r->bot, &(struct params_text){.version = w.version + 1,
                                                      .at = wall,
                                                      .doubt_until = w.doubt_until,
                                                      .plan_id = r->plan.id,
                                                      .facts = tb_buffer_text(&r->plan.facts),
                                                      .live = &live,
                                                      .doubt = &doubt,
                                                      .pending = &r->rows});
    wanted_free(&w);
    rows_free(&live);
    rows_free(&doubt);
    return text;
}

/* Planning took seconds: is it still the bot that was planned for? (lock held) */
static bool still_the_same(const struct renewal *r, struct tb_error *err)
{
    struct wanted w;
    bool same;

    if (!may_redeploy(r->b, r->bot, err))
        return false;
    wanted_of(r->bot, &w);
    same = w.version == r->version && strcmp(r->plan_id, r->bot->plan_id) == 0;
    wanted_free(&w);
    return same || tb_fail(err, TB_STALE_VERSION,
                           "The bot was changed meanwhile; look at it and ask again.");
}

/* Bot claimed. */
static bool open_claimed(struct renewal *r, struct opening *o, struct tb_command_result *result,
                         struct tb_error *err)
{
    char nonce[TB_NONCE_TEXT];
    bool ok;

    pthread_mutex_lock(&r->b->lock);
    ok = still_the_same(r, err);
    if (ok) {
        tb_nonce(nonce);
        tb_life_begin(&o->life, TB_OP_REDEPLOY, &r->bot->life, false, nonce, life_now(r->b));
        if (!o->life.stem[0])
            tb_copy(o->life.stem, sizeof o->life.stem, r->plan.stem);
        o->life.next_controllers = r->plan.controllers;
        o->life.next_reports = r->plan.reports;
        o->life.may_pull = r->plan.may_pull;
        o->wanted = wanted_text(r, o->wall);
        o->changes = rows_changes(&r->rows);
    }
    pthread_mutex_unlock(&r->b->lock);
    o->next_plan = r->plan.id;
    o->plan_id = r->fresh ? r->plan.id : NULL;
    return ok && command_open(o, "run", result, r->problems, err);
}

static bool redeploy(struct renewal *r, struct opening *o, struct tb_command_result *result,
                     struct tb_error *err)
{
    bool ok = plan(r, err);
    if (!ok || r->dry)
        return ok && answer_dry(r, &result->body, err);
    o->bot = r->bot;
    if (!bot_claim(r->b, r->bot))
        return tb_fail(err, TB_NOT_FOUND, "The bot was deleted meanwhile.");
    ok = open_claimed(r, o, result, err);
    bot_release(r->b, r->bot);
    return ok;
}

bool tb_bots_redeploy(struct tb_bots *bots, const char *id, const struct tb_json *request,
                      bool lenient, const struct tb_caller *caller,
                      const struct tb_idempotency *idempotency, struct tb_command_result *result,
                      struct tb_problems *problems, struct tb_error *err)
{
    static const char *const fields[] = {"params", "risk", "image", "generation", "dry_run", NULL};
    struct opening o = {.b = bots,
                        .caller = caller,
                        .key = idempotency,
                        .halts = command_halts(bots),
                        .wall = tb_wall_ms()};
    struct renewal r = {.b = bots, .request = request, .lenient = lenient, .problems = problems};
    bool done, ok;

    *result = (struct tb_command_result){0};
    ok = command_replayed(bots, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    r.dry = tb_json_true(tb_json_get(request, "dry_run"));
    check_types(request, problems);
    if (!command_fields(request, fields, problems, err) || (!r.dry && !observing_allows(bots, err)))
        return false;
    ok = begin(&r, id, err) && redeploy(&r, &o, result, err);
    if (r.changing)
        live_end(bots, r.bot);
    renewal_free(&r);
    return ok;
}

/* See params.h: reading and writing what is wanted of a bot, and its way to the wire. Owns nothing.
 */
#include "bots/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hummingbot/config_fields.h"

void wanted_of(const struct bot *bot, struct wanted *out)
{
    struct tb_error ignored;
    const struct tb_json *root;
    const char *text;

    *out = (struct wanted){.version = 1, .at = bot->created_at};
    tb_copy(out->plan_id, sizeof out->plan_id, bot->plan_id);
    text = bot->wanted ? bot->wanted : bot->facts ? bot->facts : "{}";
    out->doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &ignored);
    root = out->doc ? tb_json_root(out->doc) : NULL;
    out->facts = bot->wanted ? tb_json_get(root, "facts") : root;
    if (!bot->wanted)
        return;
    (void)(tb_json_int64(tb_json_get(root, "version"), &out->version) &&
           tb_json_int64(tb_json_get(root, "at"), &out->at) &&
           tb_json_int64(tb_json_get(root, "doubt_until"), &out->doubt_until));
    (void)(plan_copy_text(root, "plan_id", out->plan_id, sizeof out->plan_id) &&
           plan_copy_text(root, "instance", out->instance, sizeof out->instance));
    /* Redeployed with what was wanted: nothing is left over. */
    if (strcmp(out->plan_id, bot->plan_id) == 0)
        return;
    out->pending = tb_json_get(root, "pending");
    out->live = tb_json_get(root, "live");
    out->same_instance = strcmp(out->instance, bot->life.instance) == 0;
    out->doubt = tb_json_get(root, "doubt");
}

void wanted_free(struct wanted *w)
{
    tb_json_free(w->doc);
    w->doc = NULL;
}

const char *params_plan(const struct bot *bot, char out[TB_ULID_TEXT])
{
    struct wanted w;
    wanted_of(bot, &w);
    tb_copy(out, TB_ULID_TEXT, w.plan_id);
    wanted_free(&w);
    return out;
}

char *params_live(const struct bot *bot)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct wanted w;

    if (!bot->wanted)
        return NULL;
    wanted_of(bot, &w);
    if (w.same_instance && w.live && w.live->len > 0)
        tb_json_canonical(w.live, &text);
    wanted_free(&w);
    return text.len ? tb_buffer_steal(&text, NULL) : NULL;
}

/* What an instance that is gone had taken over, or may have: the one of the old files has not. */
static void read_lost(struct param_rows *pending, const struct tb_json *list)
{
    struct param_rows lost = {0};
    rows_read(&lost, list);
    for (size_t i = 0; i < lost.n; i++) {
        struct param_row *row = &lost.row[i], *hit = rows_find(pending, row);
        row->at = 0;
        row->reason = PARAM_NEW_INSTANCE;
        if (hit)
            hit->from = row->from;
        else
            rows_add(pending, row);
    }
    rows_free(&lost);
}

static void read_pending(const struct wanted *w, struct param_rows *pending)
{
    rows_read(pending, w->pending);
    if (w->same_instance)
        return;
    read_lost(pending, w->live);
    read_lost(pending, w->doubt);
}

static void write_rows(struct tb_json_writer *w, const char *key, const struct tb_json *list)
{
    struct param_rows rows = {0};
    rows_read(&rows, list);
    tb_jw_key(w, key);
    rows_write(&rows, true, w);
    rows_free(&rows);
}

static void write_pending(struct tb_json_writer *w, const struct wanted *wanted)
{
    struct param_rows rows = {0};
    read_pending(wanted, &rows);
    tb_jw_key(w, "pending_redeploy");
    rows_write(&rows, true, w);
    rows_free(&rows);
}

void params_write_wire(const struct bot *bot, struct tb_json_writer *w)
{
    struct wanted wanted;

    wanted_of(bot, &wanted);
    tb_jw_kv_node(w, "params", tb_json_get(wanted.facts, "params"));
    tb_jw_kv_node(w, "config", tb_json_get(wanted.facts, "params"));
    tb_jw_kv_node(w, "risk", tb_json_get(wanted.facts, "risk"));
    if (bot->managed)
        tb_jw_kv_int(w, "params_version", wanted.version);
    else
        tb_jw_kv_raw(w, "params_version", "", 0);
    write_pending(w, &wanted);
    write_rows(w, "unknown_params", wanted.same_instance ? wanted.doubt : NULL);
    wanted_free(&wanted);
}

/* ---- the answer ---- */

static void write_deployed(const struct bot *bot, struct tb_json_writer *w)
{
    struct tb_error ignored;
    const char *text = bot->facts ? bot->facts : "{}";
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &ignored);
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;

    tb_jw_key(w, "deployed");
    tb_jw_object(w);
    tb_jw_kv_node(w, "params", tb_json_get(root, "params"));
    tb_jw_kv_node(w, "risk", tb_json_get(root, "risk"));
    tb_jw_end_object(w);
    tb_json_free(doc);
}

/* One sentence for pages that show no lists. */
static void write_detail(const struct wanted *wanted, struct tb_json_writer *w)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct param_rows pending = {0};
    size_t live = wanted->same_instance && wanted->live ? wanted->live->len : 0;
    size_t doubt = wanted->same_instance && wanted->doubt ? wanted->doubt->len : 0;

    read_pending(wanted, &pending);
    if (live > 0)
        tb_buffer_printf(&text, "%zu field%s of the running bot's files were changed live. ", live,
                         live == 1 ? "" : "s");
    if (doubt > 0)
        tb_buffer_printf(&text, "Of %zu it is not known whether the bot has the change. ", doubt);
    if (pending.n > 0)
        tb_buffer_printf(&text,
                         "%zu wait%s for a redeploy; a start of the stopped bot goes on with the "
                         "files it has, unless its container is gone: then it is deployed with "
                         "what is wanted.",
                         pending.n, pending.n == 1 ? "s" : "");
    if (text.len == 0)
        tb_buffer_puts(&text, "The bot's files are what is wanted.");
    else if (text.data[text.len - 1] == ' ')
        text.data[--text.len] = '\0';
    tb_jw_kv_string(w, "detail", tb_buffer_text(&text));
    tb_buffer_free(&text);
    rows_free(&pending);
}

void params_write_answer(const struct bot *bot, const struct tb_buffer *warnings,
                         struct tb_buffer *out)
{
    struct tb_json_writer w;
    struct wanted wanted;

    wanted_of(bot, &wanted);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", bot->id);
    tb_jw_kv_string(&w, "name", bot->name);
    tb_jw_kv_string(&w, "exchange", bot->exchange);
    tb_jw_kv_string(&w, "strategy", bot->strategy);
    tb_jw_kv_int(&w, "version", wanted.version);
    tb_jw_kv_time(&w, "changed_at", wanted.at);
    tb_jw_kv_node(&w, "params", tb_json_get(wanted.facts, "params"));
    tb_jw_kv_node(&w, "risk", tb_json_get(wanted.facts, "risk"));
    write_deployed(bot, &w);
    write_rows(&w, "applied", wanted.same_instance ? wanted.live : NULL);
    write_pending(&w, &wanted);
    write_rows(&w, "unknown", wanted.same_instance ? wanted.doubt : NULL);
    write_detail(&wanted, &w);
    tb_jw_kv_raw(&w, "warnings", warnings && warnings->len ? warnings->data : "[]",
                 warnings && warnings->len ? warnings->len : 2);
    tb_jw_end_object(&w);
    wanted_free(&wanted);
}

void params_warn_start(const struct bot *bot, struct tb_problems *problems)
{
    struct param_rows rows = {0};
    struct wanted wanted;

    wanted_of(bot, &wanted);
    read_pending(&wanted, &rows);
    if (rows.n > 0)
        tb_problem_add(&problems->warnings, "", "pending_redeploy",
                       "The bot starts with the files it was deployed with, and its changed "
                       "parameters wait for a redeploy; only if its container is gone is it "
                       "deployed anew, with the changed parameters.",
                       NULL);
    rows_free(&rows);
    wanted_free(&wanted);
}

char *params_changes(const struct bot *bot)
{
    struct param_rows rows = {0};
    struct wanted wanted;
    char *text;

    wanted_of(bot, &wanted);
    read_pending(&wanted, &rows);
    text = rows_changes(&rows);
    rows_free(&rows);
    wanted_free(&wanted);
    return text;
}

/* ---- writing ---- */

static void write_list(struct tb_json_writer *w, const char *key, const struct param_rows *rows)
{
    static const struct param_rows none = {0};
    tb_jw_key(w, key);
    rows_write(rows ? rows : &none, false, w);
}

char *params_write(const struct bot *bot, const struct params_text *text)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &out);
    tb_jw_object(&w);
    tb_jw_kv_int(&w, "version", text->version);
    tb_jw_kv_int(&w, "at", text->at);
    tb_jw_kv_int(&w, "doubt_until", text->doubt_until);
    tb_jw_kv_string(&w, "plan_id", text->plan_id);
    tb_jw_kv_string(&w, "instance", bot->life.instance);
    tb_jw_kv_raw(&w, "facts", text->facts, strlen(text->facts));
    write_list(&w, "live", text->live);
    write_list(&w, "doubt", text->doubt);
    write_list(&w, "pending", text->pending);
    tb_jw_end_object(&w);
    return tb_buffer_steal(&out, NULL);
}

void params_set(struct bot *bot, char *text)
{
    struct wanted w;
    free(bot->wanted);
    bot->wanted = text;
    wanted_of(bot, &w);
    bot->in_doubt = w.doubt && w.doubt->len > 0;
    wanted_free(&w);
}

bool params_store(struct tb_bots *b, struct bot *bot, char *text,
                  const struct tb_store_change *first, const char *used, struct tb_error *err)
{
    struct tb_store_change change[4];
    struct tb_buffer doc = TB_BUFFER_INIT;
    struct tb_store_bot record;
    int64_t wall = tb_wall_ms();
    struct bot shown;
    size_t n = 0;
    bool ok;

    pthread_mutex_lock(&b->lock);
    shown = *bot;
    pthread_mutex_unlock(&b->lock);
    shown.wanted = text;
    bot_write_doc(&shown, &doc);
    bot_record(&shown, tb_buffer_text(&doc), wall, &record);
    if (first)
        change[n++] = *first;
    if (used)
        change[n++] =
            (struct tb_store_change){.kind = TB_STORE_PLAN_USE, .plan_use = {used, bot->id, wall}};
    change[n++] = (struct tb_store_change){
        .kind = TB_STORE_BOT_PUT, .expected_version = shown.store_version, .bot = &record};
    ok = tb_store_commit(b->store, change, n, err);
    tb_buffer_free(&doc);
    if (!ok) {
        free(text);
        return false;
    }
    pthread_mutex_lock(&b->lock);
    bot->store_version++;
    bot->updated_at = wall;
    params_set(bot, text);
    bot_changed(b, bot);
    pthread_mutex_unlock(&b->lock);
    return true;
}

/* ---- comparing ---- */

static const struct tb_json *root_of(struct param_rows *rows, struct tb_json_doc *doc)
{
    if (!doc)
        return NULL;
    rows_keep(rows, doc);
    return tb_json_root(doc);
}

/* The plan's file of the same place: controllers in their order, the script beside the script. */
static const struct tb_json *partner(const struct tb_json *files, const struct tb_json *of,
                                     size_t index)
{
    const struct tb_json *file = tb_json_at(files, index);
    if (!deployed_is_script(of))
        return file && !deployed_is_script(file) ? file : NULL;
    for (file = tb_json_first(files); file; file = file->next)
        if (deployed_is_script(file))
            return file;
    return NULL;
}

bool params_compare(struct tb_bots *b, struct deployed_key *key, const char *plan_id,
                    const char *image, struct param_rows *out, struct deployed *deployed_out,
                    struct tb_error *err)
{
    struct deployed wanted = {.base = ""};
    bool known = tb_hb_fields_known(image);
    size_t i = 0;
    const char *base;

    *deployed_out = (struct deployed){.base = ""};
    if (!deployed_read(b, key, deployed_out, err))
        return false;
    /* Of an adopted bot: the names that the bridge would give its files. */
    base = key->base[0] ? key->base : tb_json_get_string(tb_json_root(deployed_out->plan), "base");
    wanted.plan = plan_for_base(b, plan_id, base, err);
    if (!wanted.plan)
        return false;
    rows_keep(out, wanted.plan);
    wanted.files = tb_json_get(tb_json_root(wanted.plan), "files");
    for (const struct tb_json *f = tb_json_first(deployed_out->files); f; f = f->next, i++) {
        const struct tb_json *other = partner(wanted.files, f, i);
        const struct tb_json *expected = root_of(out, deployed_config(deployed_out, f, i));
        const struct tb_json *to = other ? root_of(out, deployed_config(&wanted, other, i)) : NULL;
        if (expected || to)
            rows_compare(out, deployed_is_script(f) ? 0 : (int64_t)i + 1, expected, to, known);
    }
    i = 0;
    for (const struct tb_json *f = tb_json_first(wanted.files); f; f = f->next, i++)
        if (!partner(deployed_out->files, f, i))
            rows_compare(out, deployed_is_script(f) ? 0 : (int64_t)i + 1, NULL,
                         root_of(out, deployed_config(&wanted, f, i)), known);
    return true;
}

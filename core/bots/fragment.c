/* A bot as ready JSON (DESIGN section 7). Nothing in a fragment depends on the time of reading, so
 * that a list is joined text and an ETag holds. Called with the room's lock held; pure otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "bots/params.h"
#include "bots/profit.h"

static void text_or_null(struct tb_json_writer *w, const char *key, const char *text)
{
    tb_jw_kv_string(w, key, text[0] ? text : NULL);
}

static void write_array(struct tb_json_writer *w, const char *key, const struct tb_json *array)
{
    if (tb_json_is(array, TB_JSON_ARRAY))
        tb_jw_kv_node(w, key, array);
    else
        tb_jw_kv_raw(w, key, "[]", 2);
}

static void write_facts(struct tb_json_writer *w, const struct bot *bot,
                        const struct tb_json *facts)
{
    params_write_wire(bot, w);
    tb_jw_kv_node(w, "budget_quote", tb_json_get(facts, "budget_quote"));
    tb_jw_kv_node(w, "plugin", tb_json_get(facts, "plugin"));
    tb_jw_kv_node(w, "adoption", tb_json_get(facts, "adoption"));
}

static void write_reason(struct tb_json_writer *w, const struct bot *bot)
{
    const struct watch_raised *why = watch_of(bot, bot->reason);

    tb_jw_key(w, "reason");
    if (!bot->reason[0]) {
        tb_jw_null(w);
        return;
    }
    tb_jw_object(w);
    tb_jw_kv_string(w, "code", bot->reason);
    text_or_null(w, "detail", bot->reason_detail);
    tb_jw_kv_time(w, "since", why ? why->since : bot->reason_since);
    tb_jw_end_object(w);
}

/* Every raised watchdog; the strongest is the reason. */
static void write_watch(struct tb_json_writer *w, const struct bot *bot)
{
    tb_jw_key(w, "watch");
    tb_jw_array(w);
    for (int i = 0; i < TB_WATCH_COUNT; i++) {
        const struct tb_watch_row *row = tb_watch_row((enum tb_watch)i);
        if (!bot->watch[i].since)
            continue;
        tb_jw_object(w);
        tb_jw_kv_string(w, "code", row->code);
        tb_jw_kv_string(w, "level", row->level);
        tb_jw_kv_time(w, "since", bot->watch[i].since);
        tb_jw_kv_string(w, "detail", bot->watch[i].detail);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

static bool is_error(enum tb_bot_state state)
{
    return strcmp(bot_state_status(state), "error") == 0;
}

/* How many there are is not known where the state says so. */
static void write_instances(struct tb_json_writer *w, const struct bot *bot)
{
    bool one = bot->life.instance[0] != '\0';
    bool open = bot->state == TB_BOT_SETTLING || bot->state == TB_BOT_UNKNOWN ||
                bot->state == TB_BOT_CONFLICT;
    tb_jw_key(w, "instances");
    if (open && !one)
        tb_jw_null(w);
    else
        tb_jw_int(w, one ? 1 : 0);
}

/* The latest one; its state is not part of the bot, GET its href for that. */
static void write_operation_link(struct tb_json_writer *w, const struct bot *bot)
{
    struct tb_buffer href = TB_BUFFER_INIT;
    tb_jw_key(w, "operation");
    if (!bot->operation_id[0]) {
        tb_jw_null(w);
        return;
    }
    tb_buffer_printf(&href, "/operations/%s", bot->operation_id);
    tb_jw_object(w);
    tb_jw_kv_string(w, "id", bot->operation_id);
    tb_jw_kv_string(w, "href", tb_buffer_text(&href));
    tb_jw_end_object(w);
    tb_buffer_free(&href);
}

/* The plugin's flags, and that there are none of it where its transform does not run. */
static void write_flags(struct tb_json_writer *w, const struct bot *bot,
                        const struct tb_json *flags)
{
    tb_jw_key(w, "flags");
    tb_jw_array(w);
    for (const struct tb_json *f = tb_json_first(flags); f; f = f->next)
        tb_jw_node(w, f);
    if (bot->untransformed) {
        tb_jw_object(w);
        tb_jw_kv_string(w, "code", "untransformed");
        tb_jw_kv_string(w, "message",
                        "The plugin of this bot fails; its figures are the bridge's general ones. "
                        "GET /plugins says why.");
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

static void write_operator(struct tb_json_writer *w, const struct bot *bot,
                           const struct tb_json *facts, const struct tb_json *figures)
{
    bool gateway = strchr(bot->connector, '-') != NULL || strcmp(bot->exchange, "jupiter") == 0;

    text_or_null(w, "strategy", bot->strategy);
    text_or_null(w, "account", bot->account);
    tb_jw_kv_string(w, "server", bot->server);
    tb_jw_kv_bool(w, "managed", bot->managed);
    tb_jw_kv_string(w, "intent", bot->managed ? bot->intent : NULL);
    write_reason(w, bot);
    write_watch(w, bot);
    text_or_null(w, "connector", bot->connector);
    tb_jw_kv_string(w, "chain", gateway ? "solana" : NULL);
    tb_jw_kv_string(w, "error",
                    !is_error(bot->state)   ? NULL
                    : bot->reason_detail[0] ? bot->reason_detail
                                            : bot->reason);
    text_or_null(w, "instance", bot->life.instance);
    write_instances(w, bot);
    tb_jw_kv_raw(w, "past_instances", bot->past ? bot->past : "[]",
                 bot->past ? strlen(bot->past) : 2);
    text_or_null(w, "image", bot->image);
    write_facts(w, bot, facts);
    write_array(w, "controllers", tb_json_get(figures, "controllers"));
    write_array(w, "positions", tb_json_get(figures, "positions"));
    tb_jw_kv_node(w, "closes", tb_json_get(figures, "closes"));
    write_flags(w, bot, tb_json_get(figures, "flags"));
    tb_jw_kv_bool(w, "untransformed", bot->untransformed);
    tb_jw_kv_raw(w, "errors", bot->errors ? bot->errors : "[]",
                 bot->errors ? strlen(bot->errors) : 2);
    tb_jw_kv_time(w, "last_seen", bot->last_seen);
    tb_jw_kv_time(w, "created_at", bot->created_at);
    tb_jw_kv_time(w, "updated_at", bot->updated_at);
    tb_jw_kv_int(w, "version", bot->store_version);
    write_operation_link(w, bot);
}

static struct tb_json_doc *parse(const char *json)
{
    struct tb_error err;
    return json ? tb_json_parse(json, strlen(json), TB_JSON_UPSTREAM, &err) : NULL;
}

void fragment_build(struct bot *bot, bool client, struct tb_buffer *out)
{
    struct tb_json_doc *facts = parse(bot->facts), *figures = parse(bot->figures);
    const struct tb_json *root = figures ? tb_json_root(figures) : NULL;
    struct tb_json_writer w;

    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", bot->id);
    tb_jw_kv_string(&w, "name", bot->name);
    text_or_null(&w, "exchange", bot->exchange);
    text_or_null(&w, "pair", bot->pair);
    tb_jw_kv_string(&w, "state", bot_state_word(bot->state));
    tb_jw_kv_string(&w, "status", bot_state_status(bot->state));
    profit_write(bot, facts ? tb_json_root(facts) : NULL, client, &w);
    tb_jw_kv_time(&w, "started_at", bot->started_at);
    if (!client)
        write_operator(&w, bot, facts ? tb_json_root(facts) : NULL, root);
    tb_jw_end_object(&w);
    tb_json_free(facts);
    tb_json_free(figures);
}

void fragment_with_operation(struct tb_bots *b, struct bot *bot, const char *operation_id,
                             const char *operation_state, const struct tb_buffer *warnings,
                             struct tb_buffer *out)
{
    struct tb_json_doc *doc;
    struct tb_json_writer w;
    struct tb_buffer href = TB_BUFFER_INIT;

    bot_changed(b, bot);
    doc = parse(bot->fragment);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    for (const struct tb_json *f = doc ? tb_json_first(tb_json_root(doc)) : NULL; f; f = f->next)
        if (strcmp(f->key, "operation") != 0)
            tb_jw_kv_node(&w, f->key, f);
    tb_buffer_printf(&href, "/operations/%s", operation_id);
    tb_jw_key(&w, "operation");
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "id", operation_id);
    tb_jw_kv_string(&w, "href", tb_buffer_text(&href));
    tb_jw_kv_string(&w, "state", operation_state);
    tb_jw_end_object(&w);
    tb_jw_kv_raw(&w, "warnings", warnings && warnings->len ? warnings->data : "[]",
                 warnings && warnings->len ? warnings->len : 2);
    tb_jw_end_object(&w);
    tb_buffer_free(&href);
    tb_json_free(doc);
}

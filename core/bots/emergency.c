/* POST /bots/emergency-stop: everything that trades is stopped, as one durable operation.
 *
 * Each bot is stopped as by its own stop: positions are closed at market, proven by empty reports.
 * Where that cannot work (the broker is dead, so no bot hears the command; or its proof does not
 * come) the container is stopped instead, which is called what it is: `abandon`. While the
 * Hummingbot API does not answer, items stay pending and go on when it does, for a day at most:
 * after that the bots may be others than those somebody wanted stopped.
 *
 * An instance that the bridge did not make is stopped only when asked for (`include_unmanaged`),
 * since only `adopt` works on those; else it is named as left running. Instances of the bridge's
 * own attempts (of a bot in conflict, say) are its own in any case.
 *
 * Runs on request threads and the batch's own; owns nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/batch.h"
#include "bots/command.h"

enum {
    ASK_MS = 3000,       /* for a sign of life, before the answer says that there is none */
    BELIEVED_MS = 10000, /* an API that has just started knows no bots yet */
    BOOT_MS = 60000,     /* a bot that has just been made is not heard yet */
    CANCEL_MS = 5000,
    AGAIN_MS = 5000,
    HALTS = 4, /* container stops tried for one item */
    GIVE_UP_MS = 24 * 3600 * 1000,
};

static const char not_known[] =
    "[\"What a stop does to this bot's orders and positions is not known.\"]";

/* ---- is there anybody to talk to? ---- */

static bool upstream_down(struct tb_bots *b)
{
    struct tb_hb_status s;
    tb_hb_status(b->hb, &s);
    return s.health == TB_HB_DOWN || s.health == TB_HB_NEVER_SEEN;
}

static void ask_for_life(struct tb_bots *b)
{
    struct tb_hb_call call = {.endpoint = TB_HB_ROOT_INFO, .timeout_ms = ASK_MS, .fresh = true};
    struct tb_hb_answer answer;
    struct tb_error ignored;
    (void)!tb_hb_call(b->hb, &call, &answer, &ignored);
    tb_hb_answer_free(&answer);
}

/* What a person on that host can do meanwhile. */
static void by_hand(const struct batch_item *item, char *out, size_t size)
{
    if (item->instance[0])
        snprintf(out, size, "By hand, on the host of the Hummingbot API: docker stop %s",
                 item->instance);
    else
        tb_copy(out, size, "Its container, if there is one, is not known yet.");
}

static void say_down(struct batch *p)
{
    char hand[200];

    tb_copy(p->code, sizeof p->code, "upstream_unreachable");
    tb_copy(p->detail, sizeof p->detail,
            "The Hummingbot API does not answer, so nothing more is stopped now. What is pending "
            "goes on as soon as it answers. Until then stop the containers by hand: docker stop, "
            "on its host; each item names its own.");
    for (size_t i = 0; i < p->items; i++) {
        if (p->item[i].state != ITEM_PENDING)
            continue;
        by_hand(&p->item[i], hand, sizeof hand);
        snprintf(p->item[i].detail, sizeof p->item[i].detail, "Not stopped yet. %s", hand);
    }
    p->changed = true;
}

static bool ready(struct batch *p)
{
    bool down = upstream_down(p->b);
    if (down && !p->code[0])
        say_down(p);
    else if (!down && p->code[0]) {
        p->code[0] = p->detail[0] = '\0';
        p->changed = true;
    }
    return !down;
}

/* ---- one item ---- */

/* A person started it after this was pressed: the later word counts. (lock held) */
static bool started_since(const struct batch *p, const struct batch_item *item,
                          const struct bot *bot)
{
    return strcmp(bot->operation_id, p->id) > 0 && strcmp(bot->intent, "run") == 0 &&
           strcmp(bot->operation_id, item->operation_id) != 0 &&
           tb_wall_ms() - p->created_at > BELIEVED_MS;
}

static struct bot *bot_of(struct batch *p, struct batch_item *item)
{
    struct tb_bots *b = p->b;
    struct bot *bot;

    pthread_mutex_lock(&b->lock);
    bot = item->managed ? registry_find(b, item->bot_id) : registry_by_instance(b, item->instance);
    /* Adopted meanwhile: its record's operations may be under way, so that is what is stopped. */
    if (!bot && item->instance[0])
        bot = registry_by_instance(b, item->instance);
    if (bot && started_since(p, item, bot)) {
        item->state = ITEM_SKIPPED;
        tb_copy(item->detail, sizeof item->detail,
                "It was started again after the emergency stop, so it is left alone.");
        bot = NULL;
    } else if (!bot) {
        item->state = ITEM_SKIPPED;
        tb_copy(item->detail, sizeof item->detail, "It is gone.");
    } else if (tb_wall_ms() - p->created_at > GIVE_UP_MS) {
        item->state = ITEM_FAILED;
        tb_copy(item->code, sizeof item->code, "too_late");
        tb_copy(item->detail, sizeof item->detail,
                "For a day it could not be stopped; ask again if it still should be.");
        bot = NULL;
    }
    item->lived = bot && !bot_busy(b, bot) &&
                  (bot->state == TB_BOT_RUNNING || bot->state == TB_BOT_DEGRADED ||
                   bot->state == TB_BOT_STALE);
    pthread_mutex_unlock(&b->lock);
    return bot;
}

static bool open_stop(struct batch *p, struct batch_item *item, const struct tb_caller *caller,
                      const struct tb_idempotency *key, struct tb_command_result *result,
                      struct tb_error *err)
{
    struct stop_order order = {.abandon = strcmp(item->policy, "abandon") == 0};
    struct tb_problems problems = {0};
    struct bot *bot;
    bool done, ok;

    ok = command_replayed(p->b, caller, key, result, &done, err);
    if (done)
        return ok;
    bot = bot_of(p, item);
    if (!bot)
        return false;
    if (!bot_claim(p->b, bot))
        return tb_fail(err, TB_BUSY, "It is being taken over.");
    order.join_any = !order.abandon;
    ok = command_stop(p->b, bot, order, caller, key, result, &problems, err);
    bot_release(p->b, bot);
    tb_problems_free(&problems);
    return ok;
}

static void again(struct batch_item *item)
{
    item->state = ITEM_PENDING;
    item->next_at = tb_mono_ms() + AGAIN_MS;
}

/* From now on by its container. */
static void abandon(struct batch_item *item, const char *why)
{
    char said[sizeof item->detail];
    tb_copy(said, sizeof said, why);
    tb_copy(item->policy, sizeof item->policy, "abandon");
    item->state = ITEM_PENDING;
    item->next_at = 0;
    snprintf(item->detail, sizeof item->detail,
             "The stop did not work (%.120s), so the container is stopped.", said);
}

static void ended(struct batch *p, struct batch_item *item, const struct tb_life *life)
{
    bool halting = strcmp(item->policy, "abandon") == 0;
    size_t n;

    if (life->state == TB_OPS_SUCCEEDED && !life->keep_container)
        tb_copy(item->policy, sizeof item->policy, "abandon");
    if (life->state == TB_OPS_SUCCEEDED)
        return;
    if (life->state == TB_OPS_SUPERSEDED || upstream_down(p->b)) {
        again(item); /* joins what superseded it; or waits until somebody answers */
        return;
    }
    if (life->state == TB_OPS_CONFLICT) {
        tb_copy(item->detail, sizeof item->detail,
                "It has several instances, which are stopped each for itself.");
        return;
    }
    if (!halting && life->instance[0]) {
        abandon(item, life->detail);
    } else if (item->tries < HALTS) {
        again(item);
    } else {
        n = strlen(item->detail);
        if (n > 160)
            n = 160;
        item->detail[n++] = ' ';
        by_hand(item, item->detail + n, sizeof item->detail - n);
    }
}

/* The API says itself that the command reached nobody. Waiting for a proof would be waiting for
 * nothing, unless the API has just started and does not know its bots yet, or the bot has: it is
 * told again when it is heard, so that its orders do not stay. */
static void watch(struct batch *p, struct batch_item *item, const struct tb_life *life)
{
    struct tb_hb_status s;

    tb_hb_status(p->b->hb, &s);
    if (strcmp(item->policy, "abandon") != 0 && life->phase == TB_PH_STOP_PROOF &&
        strcmp(life->reason, tb_code_word(TB_UPSTREAM_REFUSED)) == 0 &&
        tb_mono_ms() - s.up_since_mono_ms >= BELIEVED_MS &&
        (item->lived || life_now(p->b) - life->phase_at >= BOOT_MS))
        abandon(item, life->detail);
}

const struct batch_kind emergency_kind = {.word = "emergency_stop",
                                          .stops = true,
                                          .open = open_stop,
                                          .ready = ready,
                                          .ended = ended,
                                          .watch = watch};

/* ---- who is stopped ---- */

struct asked {
    const struct tb_json *bots; /* ids, names, instances; NULL: all */
    const char *exchange;       /* NULL: all */
    bool include_unmanaged, dry;
};

static bool is_asked(const struct asked *a, const struct bot *bot)
{
    bool named = !a->bots;
    for (const struct tb_json *i = tb_json_first(a->bots); i && !named; i = i->next) {
        const char *id = tb_json_string(i);
        named = id && (strcmp(id, bot->id) == 0 || strcmp(id, bot->name) == 0 ||
                       strcmp(id, bot->life.instance) == 0);
    }
    /* An unmanaged one's exchange is not known, so it may be the one that is asked for. */
    return named && (!a->exchange || !bot->managed || strcmp(a->exchange, bot->exchange) == 0);
}

bool bot_lives(const struct tb_bots *b, const struct bot *bot)
{
    if (bot_busy(b, bot) || bot->sight.trading)
        return true;
    if (!bot->managed)
        return bot->sight.container == TB_CT_RUNNING &&
               !(bot->sight.reported && !bot->sight.trading);
    return bot->state != TB_BOT_STOPPED && bot->state != TB_BOT_FAILED &&
           bot->state != TB_BOT_ARCHIVED;
}

const struct bot *bot_maker_of(const struct tb_bots *b, const char *instance)
{
    for (size_t i = 0; i < b->bots; i++) {
        const struct bot *bot = b->bot[i];
        size_t n = strlen(bot->life.base);
        if (bot->managed && !bot->deleted && n > 0 && strncmp(instance, bot->life.base, n) == 0 &&
            instance[n] == '-')
            return bot;
    }
    return NULL;
}

static char *effects_of(const struct bot *bot)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_error ignored;
    struct tb_json_doc *doc =
        bot->facts ? tb_json_parse(bot->facts, strlen(bot->facts), TB_JSON_UPSTREAM, &ignored)
                   : NULL;
    const struct tb_json *effects = doc ? tb_json_get(tb_json_root(doc), "effects") : NULL;

    if (tb_json_first(effects))
        tb_json_canonical(effects, &text);
    else
        tb_buffer_puts(&text, not_known);
    tb_json_free(doc);
    return tb_buffer_steal(&text, NULL);
}

static void add(struct batch *p, struct bot *bot, const struct asked *a)
{
    const struct bot *maker = bot->managed ? bot : bot_maker_of(p->b, bot->life.instance);
    struct batch_item *item = batch_add(p, bot);

    item->effects = effects_of(maker ? maker : bot);
    if (maker && maker != bot)
        tb_copy(bot->owner, sizeof bot->owner, maker->id);
    if (maker || bot->ghost || a->include_unmanaged) {
        tb_copy(item->policy, sizeof item->policy, "close");
        return;
    }
    item->state = ITEM_LEFT;
    tb_copy(
        item->detail, sizeof item->detail,
        "The bridge did not make it, so it runs on; \"include_unmanaged\": true stops such ones "
        "too.");
}

static void collect(struct batch *p, const struct asked *a)
{
    struct tb_bots *b = p->b;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->bots; i++)
        if (!b->bot[i]->deleted && is_asked(a, b->bot[i]) && bot_lives(b, b->bot[i]))
            add(p, b->bot[i], a);
    pthread_mutex_unlock(&b->lock);
}

/* ---- the request ---- */

static void expect(const struct tb_json *request, const char *key, enum tb_json_type type,
                   const char *pointer, const char *message, struct tb_problems *problems)
{
    const struct tb_json *value = tb_json_get(request, key);
    if (value && value->type != type)
        tb_problem_add(&problems->errors, pointer, "type", message, NULL);
}

/* A misspelt name must not pass for a bot that is at rest. */
static void check_names(struct tb_bots *b, const struct tb_json *list, struct tb_problems *problems)
{
    struct tb_buffer pointer = TB_BUFFER_INIT;
    size_t n = 0;
    for (const struct tb_json *i = tb_json_first(list); i; i = i->next, n++) {
        const char *id = tb_json_string(i);
        struct tb_error why;
        bool known;
        pthread_mutex_lock(&b->lock);
        known = registry_meant(b, id ? id : "", &why);
        pthread_mutex_unlock(&b->lock);
        tb_buffer_clear(&pointer);
        tb_buffer_printf(&pointer, "/bots/%zu", n);
        if (!known)
            tb_problem_add(&problems->errors, tb_buffer_text(&pointer),
                           why.code == TB_STATE ? "ambiguous" : "not_found", why.detail, NULL);
    }
    tb_buffer_free(&pointer);
}

static bool read_request(struct tb_bots *b, const struct tb_json *request, struct asked *a,
                         struct tb_problems *problems, struct tb_error *err)
{
    static const char *const fields[] = {"confirm", "dry_run",           "exchange",
                                         "bots",    "include_unmanaged", NULL};
    const char *confirm = tb_json_get_string(request, "confirm");

    if (!command_fields(request, fields, problems, err))
        return false;
    expect(request, "dry_run", TB_JSON_BOOL, "/dry_run", "`dry_run` is true or false.", problems);
    expect(request, "include_unmanaged", TB_JSON_BOOL, "/include_unmanaged",
           "`include_unmanaged` is true or false.", problems);
    expect(request, "exchange", TB_JSON_STRING, "/exchange", "`exchange` is the name of one.",
           problems);
    expect(request, "bots", TB_JSON_ARRAY, "/bots", "`bots` is a list of ids, names or instances.",
           problems);
    *a =
        (struct asked){.bots = tb_json_get(request, "bots"),
                       .exchange = tb_json_get_string(request, "exchange"),
                       .include_unmanaged = tb_json_true(tb_json_get(request, "include_unmanaged")),
                       .dry = tb_json_true(tb_json_get(request, "dry_run"))};
    check_names(b, a->bots, problems);
    if (!a->dry && (!confirm || strcmp(confirm, "stop") != 0))
        tb_problem_add(&problems->errors, "/confirm", "confirm",
                       "Every bot that is meant is stopped and its positions are closed at market.",
                       "Send \"confirm\": \"stop\" to do it, or \"dry_run\": true to see what it "
                       "would do.");
    return problems->errors.len == 0 || problems_fail(problems, err);
}

/* A person started it after the open one was pressed, which leaves it alone then. */
static bool started_after(const struct batch *p, const struct batch_item *item, const char *pressed)
{
    const struct bot *bot;
    bool yes;

    pthread_mutex_lock(&p->b->lock);
    bot = item->managed ? registry_find(p->b, item->bot_id) : NULL;
    yes = bot && strcmp(bot->operation_id, pressed) > 0 && strcmp(bot->intent, "run") == 0;
    pthread_mutex_unlock(&p->b->lock);
    return yes;
}

/* items: of the open one, as it was stored last */
static bool is_under_way(const struct tb_json *items, const struct batch_item *item)
{
    for (const struct tb_json *i = tb_json_first(items); i; i = i->next) {
        const char *bot = tb_json_get_string(i, "bot"), *state = tb_json_get_string(i, "state");
        if (bot && state && strcmp(bot, item->bot_id) == 0)
            return strcmp(state, "pending") == 0 || strcmp(state, "running") == 0 ||
                   strcmp(state, "left_running") == 0;
    }
    return false;
}

/* Pressed again while it is under way it is the same stop, unless something lives that the open one
 * does not stop. */
static bool joins_open_one(const struct batch *p, struct tb_command_result *result)
{
    struct tb_error ignored;
    struct tb_json_doc *doc = NULL;
    char id[TB_ULID_TEXT];
    bool all;

    if (batch_find(p->b, p, id) && tb_bots_operation(p->b, id, &result->body, &ignored))
        doc = tb_json_parse(result->body.data, result->body.len, TB_JSON_UPSTREAM, &ignored);
    all = doc != NULL;
    for (size_t i = 0; i < p->items && all; i++)
        all = is_under_way(tb_json_get(tb_json_root(doc), "items"), &p->item[i]) &&
              !started_after(p, &p->item[i], id);
    tb_json_free(doc);
    if (all)
        memcpy(result->operation_id, id, sizeof id);
    else
        tb_buffer_clear(&result->body);
    return all;
}

/* Takes the batch. When it cannot be stored nothing is stopped by it, and the person who pressed it
 * must know what to do instead. */
static bool open_or_say(struct batch *p, const struct tb_caller *caller,
                        const struct tb_idempotency *key, struct tb_command_result *result,
                        struct tb_problems *problems, struct tb_error *err)
{
    struct tb_buffer hands = TB_BUFFER_INIT;
    char hand[200];
    bool ok;

    for (size_t i = 0; i < p->items; i++) {
        if (p->item[i].state != ITEM_PENDING)
            continue;
        by_hand(&p->item[i], hand, sizeof hand);
        tb_problem_add(&hands, "", "not_stopped", p->item[i].name, hand);
    }
    ok = batch_open(p, caller, key, result, err);
    if (!ok && err->code == TB_STORE_FAILED) {
        tb_buffer_free(&problems->errors);
        problems->errors = hands;
    } else {
        tb_buffer_free(&hands);
    }
    return ok;
}

bool tb_bots_emergency_stop(struct tb_bots *bots, const struct tb_json *request,
                            const struct tb_caller *caller,
                            const struct tb_idempotency *idempotency,
                            struct tb_command_result *result, struct tb_problems *problems,
                            struct tb_error *err)
{
    struct tb_json_writer w;
    struct asked asked;
    struct batch *p;
    bool done, ok;

    ok = batch_replayed(bots, caller, idempotency, result, &done, err);
    if (done)
        return ok;
    if (!read_request(bots, request, &asked, problems, err))
        return false;
    p = batch_new(bots, &emergency_kind, request);
    if (!asked.dry)
        batches_cancel(bots, tb_mono_ms() + CANCEL_MS);
    ask_for_life(bots);
    collect(p, &asked);
    if (!asked.dry && joins_open_one(p, result)) {
        batch_free(p);
        return true;
    }
    (void)ready(p);
    if (!asked.dry)
        return open_or_say(p, caller, idempotency, result, problems, err);
    tb_jw_init(&w, &result->body);
    batch_write(p, true, &w);
    batch_free(p);
    return true;
}

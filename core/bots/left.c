/* What a stop may have left (left.h). The stop itself is proven by empty reports, or by an ended
 * container; this is what more can be seen afterwards, and it never holds a stop up.
 *
 * On spot an order that rests locks a part of the balance: units equal to available_units in a
 * *refreshed* portfolio prove that nothing rests. The portfolio is the account's, so what is locked
 * may be another bot's, and then it cannot be told. The bot's own fills would be a proof of their
 * own, but Hummingbot forgets them when it stops; where they are shown, they are used. Runs on the
 * settling thread; owns nothing. */
#include "bots/left.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PORTFOLIO_MS = 90000,
    HISTORY_MS = 15000,
    LOOKS = 3, /* a cancel takes a moment to show in the balance */
    LOOK_GAP_MS = 5000,
    LOOKS_WHILE_STOPPING = 24, /* bots stopped together release their locks one after another */
    DUST = 1000000000, /* upstream computes with doubles: a share below this is their noise */
};

enum orders { ORDERS_NONE, ORDERS_LOCKED, ORDERS_UNKNOWN };
static const char *const orders_words[] = {"none", "locked", "unknown"};

enum positions { POSITIONS_CLOSED, POSITIONS_KEPT, POSITIONS_UNKNOWN };
static const char *const positions_words[] = {"closed", "kept", "unknown"};

struct balance {
    const char *connector, *token;
    struct tb_decimal units, available, locked;
};

struct looking {
    struct tb_bots *b;
    const struct stopped *s;
    struct leg leg[LEGS_MAX];
    size_t legs;
    struct balance balance[LEFT_BALANCES];
    size_t balances;
    bool read, locked; /* every spot balance was read; something is locked */
    enum orders orders;
    enum positions positions;
    struct tb_buffer others, fills, unknown; /* JSON arrays under way */
    struct tb_json_writer w_others, w_fills, w_unknown;
    size_t others_n, fills_n;
    bool fills_level; /* what was bought was sold again */
};

static void not_known(struct looking *l, const char *sentence)
{
    tb_jw_string(&l->w_unknown, sentence);
}

/* ---- balances ---- */

static bool have_spot(const struct looking *l)
{
    for (size_t i = 0; i < l->legs; i++)
        if (leg_is_spot(&l->leg[i]))
            return true;
    return false;
}

static struct tb_json_doc *portfolio(struct looking *l, struct tb_error *err)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;
    struct tb_json_writer w;

    tb_jw_init(&w, &body);
    tb_jw_object(&w);
    tb_jw_key(&w, "account_names");
    tb_jw_array(&w);
    tb_jw_string(&w, l->s->account);
    tb_jw_end_array(&w);
    tb_jw_key(&w, "connector_names");
    tb_jw_array(&w);
    for (size_t i = 0; i < l->legs; i++)
        if (leg_is_spot(&l->leg[i]))
            tb_jw_string(&w, l->leg[i].connector);
    tb_jw_end_array(&w);
    tb_jw_kv_bool(&w, "skip_gateway", true);
    tb_jw_kv_bool(&w, "refresh", true);
    tb_jw_end_object(&w);
    if (tb_hb_call(l->b->hb,
                   &(struct tb_hb_call){.endpoint = TB_HB_PORTFOLIO_STATE,
                                        .body = body.data,
                                        .body_len = body.len,
                                        .mono_deadline_ms = tb_mono_ms() + PORTFOLIO_MS,
                                        .fresh = true},
                   &answer, err))
        doc = tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    tb_buffer_free(&body);
    return doc;
}

/* More than rounding can make of nothing? */
static bool is_locked(const struct balance *x)
{
    struct tb_decimal dust, scaled;
    tb_decimal_from_int64(DUST, &dust);
    return tb_decimal_sign(&x->locked) > 0 && (!tb_decimal_multiply(&x->locked, &dust, &scaled) ||
                                               tb_decimal_compare(&scaled, &x->units) > 0);
}

/* A coin that a balance does not list is not there, so nothing of it is locked. */
static bool read_balance(struct looking *l, const struct tb_json *coins, const char *connector,
                         const char *token)
{
    struct balance *x = &l->balance[l->balances];

    for (size_t i = 0; i < l->balances; i++)
        if (strcmp(l->balance[i].connector, connector) == 0 &&
            strcmp(l->balance[i].token, token) == 0)
            return true;
    for (const struct tb_json *c = tb_json_first(coins); c; c = c->next) {
        const char *name = tb_json_get_string(c, "token");
        if (!name || strcmp(name, token) != 0)
            continue;
        *x = (struct balance){.connector = connector, .token = token};
        if (!tb_json_decimal(tb_json_get(c, "units"), &x->units) ||
            !tb_json_decimal(tb_json_get(c, "available_units"), &x->available) ||
            !tb_decimal_subtract(&x->units, &x->available, &x->locked))
            return false;
        if (!is_locked(x))
            tb_decimal_from_int64(0, &x->locked);
        tb_decimal_normalise(&x->locked);
        l->locked |= is_locked(x);
        l->balances++;
        return true;
    }
    return true;
}

static bool read_balances(struct looking *l, const struct tb_json *root)
{
    bool ok = true;
    l->balances = 0;
    l->locked = false;
    for (size_t i = 0; i < l->legs; i++) {
        const struct leg *leg = &l->leg[i];
        const struct tb_json *coins =
            leg_is_spot(leg) ? tb_json_path(root, l->s->account, leg->connector, NULL) : NULL;
        if (!leg_is_spot(leg))
            continue;
        ok = ok && tb_json_is(coins, TB_JSON_ARRAY) && tb_json_first(coins) &&
             read_balance(l, coins, leg->connector, leg->base) &&
             read_balance(l, coins, leg->connector, leg->quote);
    }
    return ok;
}

/* ---- who else could hold the lock ---- */

static bool shares(const struct looking *l, const struct bot *other)
{
    char base[sizeof other->pair] = "";
    const char *dash = strrchr(other->pair, '-');

    if (!other->managed)
        return true; /* its account is not known */
    if (strcmp(other->account, l->s->account) != 0)
        return false;
    if (dash)
        memcpy(base, other->pair, (size_t)(dash - other->pair));
    for (size_t i = 0; i < l->legs; i++) {
        const struct leg *leg = &l->leg[i];
        if (strcmp(leg->connector, other->connector) == 0 && dash &&
            (strcmp(leg->base, base) == 0 || strcmp(leg->quote, base) == 0 ||
             strcmp(leg->base, dash + 1) == 0 || strcmp(leg->quote, dash + 1) == 0))
            return true;
    }
    return !dash;
}

/* Are others that may hold the lock being stopped at this moment? */
static bool others_stop(struct looking *l)
{
    bool yes = false;
    pthread_mutex_lock(&l->b->lock);
    for (size_t i = 0; i < l->b->bots && !yes; i++) {
        const struct bot *other = l->b->bot[i];
        yes = other != l->s->bot && !other->deleted && other->state == TB_BOT_STOPPING &&
              shares(l, other);
    }
    pthread_mutex_unlock(&l->b->lock);
    return yes;
}

static bool look_again(struct looking *l, int looks)
{
    if (l->read && !l->locked)
        return false;
    return looks < LOOKS || (l->read && looks < LOOKS_WHILE_STOPPING && others_stop(l));
}

static void look_at_balances(struct looking *l, bool (*stop_wait)(struct tb_bots *, int64_t))
{
    struct tb_error err = {0};
    char sentence[480];

    for (int i = 0; i == 0 || look_again(l, i); i++) {
        struct tb_json_doc *doc;
        if (i > 0 && stop_wait(l->b, LOOK_GAP_MS))
            return;
        doc = portfolio(l, &err);
        l->read = doc && read_balances(l, tb_json_root(doc));
        tb_json_free(doc);
    }
    if (l->read)
        return;
    l->balances = 0;
    snprintf(
        sentence, sizeof sentence,
        "Whether orders rest on the exchange: the balances of %.100s could not be read%s%.200s",
        l->s->account, err.detail[0] ? ": " : ".", err.detail);
    not_known(l, sentence);
}

static void look_for_others(struct looking *l)
{
    pthread_mutex_lock(&l->b->lock);
    for (size_t i = 0; i < l->b->bots; i++) {
        const struct bot *other = l->b->bot[i];
        if (other == l->s->bot || other->deleted || !bot_lives(l->b, other) || !shares(l, other))
            continue;
        l->others_n++;
        tb_jw_object(&l->w_others);
        tb_jw_kv_string(&l->w_others, "bot", other->id);
        tb_jw_kv_string(&l->w_others, "name", other->name);
        tb_jw_kv_string(&l->w_others, "instance", other->life.instance);
        tb_jw_kv_bool(&l->w_others, "managed", other->managed);
        tb_jw_end_object(&l->w_others);
    }
    pthread_mutex_unlock(&l->b->lock);
}

static void judge_orders(struct looking *l, bool (*stop_wait)(struct tb_bots *, int64_t))
{
    l->orders = ORDERS_UNKNOWN;
    if (l->legs == 0) {
        not_known(l, "On which market it traded, so whether orders rest there.");
        return;
    }
    for (size_t i = 0; i < l->legs; i++)
        if (!leg_is_spot(&l->leg[i]) && !leg_is_router(&l->leg[i]))
            not_known(l, "Orders and positions of a perpetual market are not in the balances.");
    if (have_spot(l))
        look_at_balances(l, stop_wait);
    else
        l->read = leg_is_router(&l->leg[0]);
    if (!l->read)
        return;
    for (size_t i = 0; i < l->legs; i++)
        if (!leg_is_spot(&l->leg[i]) && !leg_is_router(&l->leg[i]))
            return;
    l->orders = ORDERS_NONE;
    if (!l->locked)
        return;
    look_for_others(l);
    l->orders = l->others_n > 0 ? ORDERS_UNKNOWN : ORDERS_LOCKED;
    if (l->others_n > 0)
        not_known(l,
                  "A part of the balance is locked by orders; whether by orders of this bot or of "
                  "the others on the account cannot be told.");
}

/* ---- positions ---- */

/* What the plugin says of a stop; when it was only late it is asked again. */
static struct tb_json_doc *ask_effects(struct looking *l, const struct tb_buffer *input,
                                       bool (*stop_wait)(struct tb_bots *, int64_t))
{
    struct tb_buffer answer = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;

    for (int i = 0; i < LOOKS; i++) {
        struct tb_error err = {0};
        if (tb_plugins_call(l->b->plugins,
                            &(struct tb_plugin_call){.plugin = l->s->exchange,
                                                     .entry = TB_PLUGIN_EFFECTS,
                                                     .input = input->data,
                                                     .input_len = input->len,
                                                     .mono_deadline_ms = tb_plugins_deadline(2000)},
                            &answer, NULL, &err))
            doc = tb_json_parse(answer.data, answer.len, TB_JSON_UPSTREAM, &err);
        if (err.code != TB_BUSY || stop_wait(l->b, LOOK_GAP_MS))
            break;
    }
    tb_buffer_free(&answer);
    return doc;
}

/* "nothing", "something" or "perhaps": what the executors keep when they are stopped. */
static void what_is_kept(struct looking *l, bool (*stop_wait)(struct tb_bots *, int64_t),
                         char out[16])
{
    struct tb_buffer input = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_doc *facts, *doc = NULL;
    struct tb_json_writer w;
    const char *keeps;

    out[0] = '\0';
    facts = l->s->facts ? tb_json_parse(l->s->facts, strlen(l->s->facts), TB_JSON_UPSTREAM, &err)
                        : NULL;
    tb_jw_init(&w, &input);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "strategy", l->s->strategy);
    tb_jw_kv_node(&w, "params", facts ? tb_json_get(tb_json_root(facts), "params") : NULL);
    tb_jw_kv_string(&w, "verb", "stop");
    tb_jw_end_object(&w);
    if (l->s->strategy[0])
        doc = ask_effects(l, &input, stop_wait);
    keeps = doc ? tb_json_get_string(tb_json_root(doc), "keeps") : NULL;
    tb_copy(out, 16, keeps ? keeps : "");
    tb_json_free(doc);
    tb_json_free(facts);
    tb_buffer_free(&input);
}

static void judge_positions(struct looking *l, bool (*stop_wait)(struct tb_bots *, int64_t))
{
    const struct tb_life *life = &l->s->life;
    char keeps[16];

    what_is_kept(l, stop_wait, keeps);
    l->positions = POSITIONS_UNKNOWN;
    if (!life->keep_container) {
        l->positions = POSITIONS_KEPT; /* that is what abandoning means */
    } else if (strcmp(keeps, "something") == 0) {
        l->positions = POSITIONS_KEPT;
    } else if (l->fills_level ||
               (strcmp(keeps, "nothing") == 0 && strcmp(life->reason, "reports_empty") == 0)) {
        l->positions = POSITIONS_CLOSED;
    } else if (strcmp(keeps, "perhaps") == 0) {
        not_known(l, "Whether a trade with two legs was in progress: if only one of them was "
                     "filled, it stays open. Compare both balances.");
    } else if (strcmp(life->reason, "reports_empty") == 0) {
        not_known(l, "What its executors do with positions when they are stopped.");
    } else {
        not_known(l, "What became of its positions: it had ended before, or its end was not seen.");
    }
}

/* ---- fills ---- */

static bool add_signed(struct tb_decimal *net, const struct tb_json *trade)
{
    const char *side = tb_json_get_string(trade, "trade_type");
    struct tb_decimal amount, sum;
    if (!side || !tb_json_decimal(tb_json_get(trade, "quantity"), &amount))
        return false;
    if (strcmp(side, "SELL") == 0)
        tb_decimal_negate(&amount);
    if (!tb_decimal_add(net, &amount, &sum))
        return false;
    *net = sum;
    return true;
}

static void write_fill(struct looking *l, const struct tb_json *trade, int64_t at)
{
    static const struct {
        const char *ours, *theirs;
    } same[] = {{"connector", "market"},
                {"pair", "symbol"},
                {"side", "trade_type"},
                {"price", "price"},
                {"amount", "quantity"}};
    tb_jw_object(&l->w_fills);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        tb_jw_kv_node(&l->w_fills, same[i].ours, tb_json_get(trade, same[i].theirs));
    tb_jw_kv_time(&l->w_fills, "at", at);
    tb_jw_end_object(&l->w_fills);
    l->fills_n++;
}

/* Trades that came after the stop was sent, and whether all trades together come to nothing held.
 * With more than one market the sum would mix coins, so nothing is concluded. */
static void look_at_fills(struct looking *l)
{
    struct tb_hb_call call = {.endpoint = TB_HB_BOTS_HISTORY,
                              .arg = {l->s->life.instance},
                              .query = {{"timeout", "5"}},
                              .queries = 1,
                              .mono_deadline_ms = tb_mono_ms() + HISTORY_MS,
                              .fresh = true};
    struct tb_hb_answer answer;
    struct tb_error err;
    struct tb_json_doc *doc = NULL;
    struct tb_decimal net;
    bool whole = l->legs == 1;

    /* The question is heard on the bot's own topic, so one that has exited would seem to live. */
    if (!l->s->life.keep_container || strcmp(l->s->life.reason, "reports_empty") != 0)
        return;
    if (tb_hb_call(l->b->hb, &call, &answer, &err))
        doc = tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, &err);
    tb_hb_answer_free(&answer);
    tb_decimal_from_int64(0, &net);
    for (const struct tb_json *t = doc ? tb_json_first(tb_json_path(tb_json_root(doc), "response",
                                                                    "data", "data", "trades", NULL))
                                       : NULL;
         t; t = t->next) {
        int64_t at = 0;
        whole = add_signed(&net, t) && whole;
        /* Upstream's times have whole seconds. */
        if (tb_json_int64(tb_json_get(t, "trade_timestamp"), &at) &&
            at + 1000 >= l->s->life.sent_at)
            write_fill(l, t, at);
    }
    tb_json_free(doc);
    l->fills_level = l->fills_n > 0 && whole && tb_decimal_sign(&net) == 0;
    if (l->fills_n == 0)
        not_known(l, "The closing trades: Hummingbot forgets a bot's fills when it stops.");
}

/* ---- the document ---- */

static const char *proof_of(const struct looking *l)
{
    if (l->s->life.state != TB_OPS_SUCCEEDED || l->positions != POSITIONS_CLOSED)
        return "reported";
    if (l->orders == ORDERS_NONE)
        return "settled";
    return l->fills_level ? "fills" : "reported";
}

static void write_balances(const struct looking *l, struct tb_json_writer *w)
{
    tb_jw_key(w, "balances");
    tb_jw_array(w);
    for (size_t i = 0; i < l->balances; i++) {
        const struct balance *x = &l->balance[i];
        tb_jw_object(w);
        tb_jw_kv_string(w, "connector", x->connector);
        tb_jw_kv_string(w, "token", x->token);
        tb_jw_key(w, "units");
        tb_jw_decimal_string(w, &x->units);
        tb_jw_key(w, "available_units");
        tb_jw_decimal_string(w, &x->available);
        tb_jw_key(w, "locked");
        tb_jw_decimal_string(w, &x->locked);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

static void begin(struct tb_json_writer *w, struct tb_buffer *out)
{
    tb_jw_init(w, out);
    tb_jw_array(w);
}

static void write_list(struct tb_json_writer *w, const char *key, struct tb_json_writer *list,
                       struct tb_buffer *text)
{
    tb_jw_end_array(list);
    tb_jw_kv_raw(w, key, text->data, text->len);
    tb_buffer_free(text);
}

void left_look(struct tb_bots *b, const struct stopped *s,
               bool (*stop_wait)(struct tb_bots *, int64_t), struct tb_buffer *out,
               const char **proof_out)
{
    struct looking *l = tb_xcalloc(1, sizeof *l);
    struct tb_json_writer w;

    l->b = b;
    l->s = s;
    begin(&l->w_others, &l->others);
    begin(&l->w_fills, &l->fills);
    begin(&l->w_unknown, &l->unknown);
    l->legs = legs_of(b, s, l->leg);
    judge_orders(l, stop_wait);
    look_at_fills(l);
    judge_positions(l, stop_wait);
    *proof_out = proof_of(l);
    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_time(&w, "checked_at", tb_wall_ms());
    tb_jw_kv_string(&w, "proof", *proof_out);
    tb_jw_kv_string(&w, "orders", orders_words[l->orders]);
    tb_jw_kv_string(&w, "positions", positions_words[l->positions]);
    write_balances(l, &w);
    write_list(&w, "fills", &l->w_fills, &l->fills);
    write_list(&w, "others", &l->w_others, &l->others);
    write_list(&w, "unknown", &l->w_unknown, &l->unknown);
    tb_jw_end_object(&w);
    free(l);
}

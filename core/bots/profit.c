/* See profit.h. Owns nothing. */
#include "bots/profit.h"

#include <stdlib.h>
#include <string.h>

enum { SUMS = 5, PARTS_MAX = 32 };

static const char *const sum_keys[SUMS] = {"realised", "unrealised", "fees", "net", "volume"};
enum { NET = 3 };

static const char *const proofs[] = {"reported", "fills", "settled"};
enum { PROOFS = 3, SETTLED = 2 };

static struct tb_json_doc *parse(const char *text)
{
    struct tb_error ignored;
    return text && text[0] ? tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, &ignored) : NULL;
}

/* ---- one instance ---- */

/* Without what a plugin may have added. */
static void write_bare(const struct tb_json *rows, struct tb_buffer *out)
{
    struct tb_json_writer w;
    tb_buffer_clear(out);
    tb_jw_init(&w, out);
    tb_jw_array(&w);
    for (const struct tb_json *p = rows->child; p; p = p->next) {
        tb_jw_object(&w);
        tb_jw_kv_node(&w, "quote", tb_json_get(p, "quote"));
        for (int i = 0; i < SUMS; i++)
            tb_jw_kv_node(&w, sum_keys[i], tb_json_get(p, sum_keys[i]));
        tb_jw_kv_node(&w, "return_pct", tb_json_get(p, "return_pct"));
        tb_jw_end_object(&w);
    }
    tb_jw_end_array(&w);
}

void profit_take(struct bot *bot, const struct tb_json *rows, int64_t at)
{
    struct tb_buffer text = TB_BUFFER_INIT;

    if (tb_json_is(rows, TB_JSON_ARRAY) && rows->len > 0)
        tb_json_canonical(rows, &text);
    if (text.len >= sizeof bot->pnl)
        write_bare(rows, &text);
    /* Longer still than a dozen currencies are: unknown rather than cut. */
    if (!tb_copy(bot->pnl, sizeof bot->pnl, tb_buffer_text(&text)))
        bot->pnl[0] = '\0';
    bot->figures_at = bot->pnl[0] ? at : 0;
    tb_buffer_free(&text);
}

/* The highest net profit of its only quote, as it counts for the bot: from 0 at its start or
 * adoption. */
static bool own_peak(const struct bot *bot, const struct tb_json *facts, const struct tb_json *rows,
                     struct tb_decimal *out)
{
    struct tb_decimal opened;
    return rows && rows->len == 1 && bot->peak[0] &&
           tb_decimal_parse(bot->peak, strlen(bot->peak), out) &&
           (!opening_counts(bot, facts) || (opening_net(facts, rows->child, rows->len, &opened) &&
                                            tb_decimal_subtract(out, &opened, out)));
}

/* Highest net less present net. */
static void write_fall(struct tb_json_writer *w, bool known, const struct tb_decimal *peak,
                       const struct tb_decimal *net)
{
    struct tb_decimal fall;
    tb_jw_key(w, "drawdown");
    if (known && tb_decimal_subtract(peak, net, &fall) && tb_decimal_sign(&fall) >= 0) {
        tb_decimal_normalise(&fall);
        tb_jw_decimal_string(w, &fall);
    } else {
        tb_jw_null(w);
    }
}

/* Raw figures and a raw peak: what was before an adoption falls out of the difference. */
static void write_drawdown(struct tb_json_writer *w, const struct bot *bot,
                           const struct tb_json *net, size_t rows)
{
    struct tb_decimal now, peak;
    bool known = rows == 1 && bot->peak[0] && tb_json_decimal(net, &now) &&
                 tb_decimal_parse(bot->peak, strlen(bot->peak), &peak);
    write_fall(w, known, &peak, &now);
}

/* A stop closes positions after the last report, so a report is the final word only when nothing
 * was open in it and the stop is settled. */
static void write_proof(struct tb_json_writer *w, const struct bot *bot, const struct tb_json *row,
                        bool rests)
{
    struct tb_decimal open;
    bool whole = rests && bot->proof[0] && tb_json_decimal(tb_json_get(row, "unrealised"), &open) &&
                 tb_decimal_sign(&open) == 0;
    tb_jw_kv_string(w, "proof", whole ? bot->proof : proofs[0]);
    tb_jw_kv_bool(w, "final", whole && strcmp(bot->proof, proofs[SETTLED]) == 0);
}

/* Is it a member that only the bridge may say, whatever the plugin's transform wrote there? */
static bool is_ours(const char *key)
{
    static const char *const ours[] = {"drawdown", "proof",    "final",        "as_of",
                                       "stale",    "unproven", "not_reported", "instances"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(ours[i], key) == 0)
            return true;
    return false;
}

/* The rows as they count for this bot: since its adoption, when it was adopted. */
static void write_own(struct tb_json_writer *w, const struct bot *bot, const struct tb_json *facts,
                      const struct tb_json *rows, bool rests, bool client)
{
    bool since_adoption = opening_counts(bot, facts);

    tb_jw_array(w);
    for (const struct tb_json *p = tb_json_first(rows); p; p = p->next) {
        tb_jw_object(w);
        if (since_adoption)
            opening_write_row(w, facts, p, rows->len, client);
        for (const struct tb_json *f = p->child; f && !since_adoption; f = f->next)
            if (!is_ours(f->key))
                tb_jw_kv_node(w, f->key, f);
        write_drawdown(w, bot, tb_json_get(p, "net"), rows->len);
        write_proof(w, bot, p, rests);
        tb_jw_kv_time(w, "as_of", bot->figures_at);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

/* ---- several ---- */

/* One quote of the sum. */
struct line {
    const char *quote; /* NULL: not known */
    struct tb_decimal sum[SUMS];
    bool known[SUMS];
    int64_t instances, unproven, as_of;
    int proof;
    bool final, living;
};

struct total {
    struct line *line;
    size_t lines;
    int64_t instances, not_reported;
    struct tb_decimal budget, net, peak;
    bool budget_known, same_budget, fall_known;
};

static int proof_level(const struct tb_json *row)
{
    const char *word = tb_json_get_string(row, "proof");
    for (int i = PROOFS - 1; i > 0; i--)
        if (word && strcmp(word, proofs[i]) == 0)
            return i;
    return 0;
}

static int64_t count_of(const struct tb_json *object, const char *key, int64_t otherwise)
{
    int64_t n;
    return tb_json_int64(tb_json_get(object, key), &n) ? n : otherwise;
}

/* Two rows whose currency nobody knows may be of two currencies, so they are not added. */
static void add_values(struct line *line, const struct tb_json *row, bool first)
{
    for (int i = 0; i < SUMS; i++) {
        struct tb_decimal value;
        bool known = tb_json_decimal(tb_json_get(row, sum_keys[i]), &value);
        if (first) {
            line->known[i] = known;
            if (known)
                line->sum[i] = value;
        } else {
            line->known[i] = line->known[i] && known && line->quote &&
                             tb_decimal_add(&line->sum[i], &value, &line->sum[i]);
        }
    }
}

/* Nothing is nothing in every currency: a foreign bot's first report may name none. */
static bool is_nothing(const struct tb_json *row)
{
    struct tb_decimal value;
    bool nothing = !tb_json_get_string(row, "quote");
    for (int i = 0; i < SUMS && nothing; i++) {
        const struct tb_json *v = tb_json_get(row, sum_keys[i]);
        nothing = tb_json_decimal(v, &value) ? tb_decimal_sign(&value) == 0 : i != NET;
    }
    return nothing;
}

static void add_row(struct total *t, const struct tb_json *row, bool living)
{
    const char *quote = tb_json_get_string(row, "quote"), *text = tb_json_get_string(row, "as_of");
    bool final = tb_json_true(tb_json_get(row, "final"));
    int level = proof_level(row);
    struct line *line = NULL;
    bool first;
    int64_t at;

    for (size_t i = 0; i < t->lines && !line; i++)
        if (quote && t->line[i].quote ? strcmp(quote, t->line[i].quote) == 0
                                      : quote == t->line[i].quote)
            line = &t->line[i];
    first = line == NULL;
    if (first) {
        t->line = tb_xrealloc(t->line, (t->lines + 1) * sizeof *t->line);
        line = &t->line[t->lines++];
        *line = (struct line){.quote = quote, .proof = level, .final = true};
    }
    add_values(line, row, first);
    line->instances += count_of(row, "instances", 1);
    line->unproven += living ? 0 : count_of(row, "unproven", !final);
    line->proof = level < line->proof ? level : line->proof;
    line->final = line->final && final;
    line->living = line->living || living;
    if (text && tb_time_parse(text, &at) && at > line->as_of)
        line->as_of = at;
}

/* The next part in time: profits follow each other, so the highest point of its curve lies above
 * what was there before it. */
static void add_fall(struct total *t, const struct tb_json *rows, const struct tb_json *peak)
{
    struct tb_decimal net, high;

    t->fall_known = t->fall_known && rows->len == 1 &&
                    tb_json_decimal(tb_json_get(rows->child, "net"), &net) &&
                    tb_json_decimal(peak, &high) && tb_decimal_add(&t->net, &high, &high) &&
                    tb_decimal_add(&t->net, &net, &t->net);
    if (t->fall_known && tb_decimal_compare(&high, &t->peak) > 0)
        t->peak = high;
}

static void add_budget(struct total *t, const struct tb_json *budget)
{
    struct tb_decimal value;
    bool known = tb_json_decimal(budget, &value);

    if (t->budget_known || !t->same_budget)
        t->same_budget = t->same_budget && known && tb_decimal_compare(&value, &t->budget) == 0;
    else if (known)
        t->budget = value;
    else
        t->same_budget = false;
    t->budget_known = t->budget_known || known;
}

/* part: {pnl, peak, budget_quote, instances?, not_reported?} */
static void add_part(struct total *t, const struct tb_json *part)
{
    const struct tb_json *rows = tb_json_get(part, "pnl");
    bool some = tb_json_is(rows, TB_JSON_ARRAY) && rows->len > 0;

    t->instances += count_of(part, "instances", 1);
    t->not_reported += count_of(part, "not_reported", !some);
    if (!some)
        return;
    add_fall(t, rows, tb_json_get(part, "peak"));
    add_budget(t, tb_json_get(part, "budget_quote"));
}

static void total_init(struct total *t)
{
    *t = (struct total){.same_budget = true, .fall_known = true};
    tb_decimal_from_int64(0, &t->net);
    tb_decimal_from_int64(0, &t->peak);
}

static void add_rows(struct total *t, const struct tb_json *rows, bool living)
{
    for (const struct tb_json *p = tb_json_first(rows); p; p = p->next)
        if (living || !is_nothing(p))
            add_row(t, p, living);
}

/* The share of the budget, while it was the same all the time. */
static void write_return(struct tb_json_writer *w, const struct total *t, const struct line *line)
{
    struct tb_decimal hundred, percent;
    tb_decimal_from_int64(100, &hundred);
    tb_jw_key(w, "return_pct");
    if (t->lines == 1 && t->budget_known && t->same_budget && tb_decimal_sign(&t->budget) > 0 &&
        line->known[NET] && tb_decimal_multiply(&line->sum[NET], &hundred, &percent) &&
        tb_decimal_divide(&percent, &t->budget, 4, TB_ROUND_HALF_EVEN, &percent)) {
        tb_decimal_normalise(&percent);
        tb_jw_decimal_string(w, &percent);
    } else {
        tb_jw_null(w);
    }
}

static void write_values(struct tb_json_writer *w, struct line *line)
{
    tb_jw_kv_string(w, "quote", line->quote);
    for (int i = 0; i < SUMS; i++) {
        tb_jw_key(w, sum_keys[i]);
        if (line->known[i]) {
            tb_decimal_normalise(&line->sum[i]);
            tb_jw_decimal_string(w, &line->sum[i]);
        } else {
            tb_jw_null(w);
        }
    }
}

static void write_line(struct tb_json_writer *w, const struct total *t, struct line *line)
{
    write_values(w, line);
    tb_jw_kv_string(w, "proof", proofs[line->proof]);
    tb_jw_kv_bool(w, "final", line->final && t->not_reported == 0);
    tb_jw_kv_time(w, "as_of", line->as_of);
    tb_jw_kv_int(w, "instances", line->instances);
    tb_jw_kv_int(w, "unproven", line->unproven);
}

/* ---- the bot ---- */

static void write_peak(struct tb_json_writer *w, bool known, const struct tb_decimal *peak)
{
    tb_jw_key(w, "peak");
    if (known)
        tb_jw_decimal_string(w, peak);
    else
        tb_jw_null(w);
}

/* The last instance as a part. */
static struct tb_json_doc *own_part(const struct bot *bot, const struct tb_json *facts, bool rests,
                                    bool client)
{
    struct tb_json_doc *doc = parse(bot->pnl);
    const struct tb_json *rows = doc ? tb_json_root(doc) : NULL;
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_decimal peak;

    tb_jw_init(&w, &text);
    tb_jw_object(&w);
    tb_jw_key(&w, "pnl");
    write_own(&w, bot, facts, rows, rests, client);
    write_peak(&w, own_peak(bot, facts, rows, &peak), &peak);
    tb_jw_kv_node(&w, "budget_quote", tb_json_get(facts, "budget_quote"));
    tb_jw_end_object(&w);
    tb_json_free(doc);
    doc = parse(text.data);
    tb_buffer_free(&text);
    return doc;
}

/* The quotes of the last instance come first. */
static void join(struct total *t, const struct bot *bot, const struct tb_json *own,
                 const struct tb_json *past)
{
    const struct tb_json *part[PARTS_MAX];
    size_t n = 0;

    total_init(t);
    add_rows(t, tb_json_get(own, "pnl"), true);
    for (const struct tb_json *p = tb_json_first(past); p && n < PARTS_MAX; p = p->next) {
        add_rows(t, tb_json_get(p, "pnl"), false);
        part[n++] = p;
    }
    while (n > 0)
        add_part(t, part[--n]);
    /* One that was deployed a moment ago has reported nothing either. */
    if (bot->pnl[0] || bot->life.instance[0])
        add_part(t, own);
}

static void write_joined(struct tb_json_writer *w, const struct bot *bot, const struct tb_json *own,
                         const struct tb_json *past, bool stale)
{
    bool waits = bot->life.instance[0] && !bot->pnl[0];
    struct total t;

    join(&t, bot, own, past);
    tb_jw_array(w);
    for (size_t i = 0; i < t.lines; i++) {
        struct line *line = &t.line[i];
        tb_jw_object(w);
        write_line(w, &t, line);
        write_return(w, &t, line);
        write_fall(w, t.lines == 1 && t.fall_known && line->known[NET], &t.peak, &t.net);
        tb_jw_kv_bool(w, "stale", waits || (line->living && stale));
        tb_jw_kv_int(w, "not_reported", t.not_reported);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
    free(t.line);
}

static void write_alone(struct tb_json_writer *w, const struct tb_json *rows, bool stale)
{
    tb_jw_array(w);
    for (const struct tb_json *p = tb_json_first(rows); p; p = p->next) {
        tb_jw_object(w);
        for (const struct tb_json *f = tb_json_first(p); f; f = f->next)
            tb_jw_kv_node(w, f->key, f);
        tb_jw_kv_bool(w, "stale", stale);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
}

void profit_write(const struct bot *bot, const struct tb_json *facts, bool client,
                  struct tb_json_writer *w)
{
    /* Until the first report in this process what is shown is from the store. */
    bool stale = !bot->figures || (bot->state != TB_BOT_RUNNING && bot->state != TB_BOT_DEGRADED);
    bool rests = bot->state == TB_BOT_STOPPED || bot->state == TB_BOT_ARCHIVED;
    struct tb_json_doc *doc = own_part(bot, facts, rests, client);
    struct tb_json_doc *past = parse(bot->past);
    const struct tb_json *own = doc ? tb_json_root(doc) : NULL;

    tb_jw_key(w, "pnl");
    if (past)
        write_joined(w, bot, own, tb_json_root(past), stale);
    else
        write_alone(w, tb_json_get(own, "pnl"), stale);
    if (!client) {
        tb_jw_key(w, "instance_pnl");
        write_alone(w, tb_json_get(own, "pnl"), stale);
    }
    tb_json_free(doc);
    tb_json_free(past);
}

/* ---- instances that ended ---- */

void profit_write_ended(const struct bot *bot, const struct tb_json *facts, bool proven,
                        struct tb_json_writer *w)
{
    struct tb_json_doc *doc = own_part(bot, facts, proven, false);
    const struct tb_json *own = doc ? tb_json_root(doc) : NULL;

    tb_jw_key(w, "pnl");
    if (bot->pnl[0])
        tb_jw_node(w, tb_json_get(own, "pnl"));
    else
        tb_jw_null(w);
    tb_jw_kv_node(w, "peak", tb_json_get(own, "peak"));
    tb_jw_kv_node(w, "budget_quote", tb_json_get(own, "budget_quote"));
    tb_json_free(doc);
}

void profit_write_both(const struct tb_json *newer, const struct tb_json *older,
                       struct tb_json_writer *w)
{
    struct total t;

    total_init(&t);
    add_rows(&t, tb_json_get(newer, "pnl"), false);
    add_rows(&t, tb_json_get(older, "pnl"), false);
    add_part(&t, older);
    add_part(&t, newer);
    tb_jw_kv_int(w, "instances", t.instances);
    tb_jw_kv_int(w, "not_reported", t.not_reported);
    tb_jw_key(w, "pnl");
    tb_jw_array(w);
    for (size_t i = 0; i < t.lines; i++) {
        tb_jw_object(w);
        write_line(w, &t, &t.line[i]);
        tb_jw_end_object(w);
    }
    tb_jw_end_array(w);
    write_peak(w, t.lines == 1 && t.fall_known, &t.peak);
    tb_jw_key(w, "budget_quote");
    if (t.budget_known && t.same_budget)
        tb_jw_decimal_string(w, &t.budget);
    else
        tb_jw_null(w);
    free(t.line);
}

/* Single flight and the read cache.
 *
 * Identical reads in flight share one call, unless one of our own writes came between: then the
 * later reader could miss what it has just written. Answers of a few rows are kept for a moment;
 * every write of ours drops them, market data excepted. Any thread, under the server's mutex. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

#define CACHED_BYTES_MAX (32u << 20)

static const struct ttl {
    enum tb_hb_endpoint endpoint;
    int32_t ms;
    bool market; /* not ours to change: survives our writes */
} TTLS[] = {
    {TB_HB_CONNECTORS_TRADING_RULES, 600000, true},
    {TB_HB_CONNECTORS_ORDER_TYPES, 600000, true},
    {TB_HB_MARKET_PRICES, 2000, true},
    {TB_HB_MARKET_CANDLES, 30000, true},
    {TB_HB_MARKET_CANDLES_HISTORY, 600000, true},
    {TB_HB_PORTFOLIO_STATE, 5000, false},
    {TB_HB_CONNECTORS_LIST, 5000, false},
    {TB_HB_CONTROLLERS_LIST, 5000, false},
    {TB_HB_CONTROLLERS_TEMPLATE, 5000, false},
    {TB_HB_SCRIPTS_LIST, 5000, false},
    {TB_HB_DOCKER_IMAGES, 5000, false},
    {TB_HB_ACCOUNTS_LIST, 5000, false},
    {TB_HB_ACCOUNTS_CREDENTIALS, 5000, false},
};

struct tb_hb_flight {
    struct tb_hb_flight *next;
    char *key;
    enum tb_hb_endpoint endpoint;
    uint64_t generation; /* of writes, when it began */
    unsigned followers;
    bool landed;
    bool hurried; /* failed because its leader had little time: no verdict for the others */
    struct tb_hb_answer answer;
    struct tb_error error;
};

struct tb_hb_cached {
    struct tb_hb_cached *next;
    char *key;
    const struct ttl *ttl;
    int64_t until_mono_ms;
    struct tb_hb_answer answer;
};

static const struct ttl *ttl_of(enum tb_hb_endpoint endpoint)
{
    for (size_t i = 0; i < sizeof TTLS / sizeof *TTLS; i++) {
        if (TTLS[i].endpoint == endpoint)
            return &TTLS[i];
    }
    return NULL;
}

static void copy_answer(struct tb_hb_answer *to, const struct tb_hb_answer *from)
{
    *to = *from;
    to->body = (struct tb_buffer)TB_BUFFER_INIT;
    tb_buffer_append(&to->body, tb_buffer_text(&from->body), from->body.len);
}

static char *key_of(const struct tb_hb_call *call, const char *url)
{
    struct tb_buffer key = TB_BUFFER_INIT;
    tb_buffer_printf(&key, "%s %s\n", tb_hb_endpoint(call->endpoint)->method, url);
    if (call->body)
        tb_buffer_append(&key, call->body, call->body_len);
    return tb_buffer_steal(&key, NULL);
}

static void cached_drop(struct tb_hb *hb, struct tb_hb_cached **at)
{
    struct tb_hb_cached *c = *at;
    *at = c->next;
    hb->cached_bytes -= c->answer.body.len;
    tb_hb_answer_free(&c->answer);
    free(c->key);
    free(c);
}

static bool cached_copy(struct tb_hb *hb, const char *key, struct tb_hb_answer *answer)
{
    int64_t now = tb_mono_ms();
    for (struct tb_hb_cached **at = &hb->cached; *at;) {
        if (now >= (*at)->until_mono_ms) {
            cached_drop(hb, at);
        } else if (strcmp((*at)->key, key) == 0) {
            copy_answer(answer, &(*at)->answer);
            answer->cached = true;
            return true;
        } else {
            at = &(*at)->next;
        }
    }
    return false;
}

static void cached_put(struct tb_hb *hb, const struct tb_hb_flight *f)
{
    const struct ttl *ttl = ttl_of(f->endpoint);
    bool stale = f->generation != hb->write_generation;
    if (!ttl || f->answer.outcome != TB_HB_DONE || (stale && !ttl->market) ||
        f->answer.body.len > CACHED_BYTES_MAX / 4)
        return;
    for (struct tb_hb_cached **at = &hb->cached; *at;) {
        if (strcmp((*at)->key, f->key) == 0)
            cached_drop(hb, at);
        else
            at = &(*at)->next;
    }
    /* The newest is in front; the oldest go when there is no room. */
    while (hb->cached && hb->cached_bytes + f->answer.body.len > CACHED_BYTES_MAX) {
        struct tb_hb_cached **last = &hb->cached;
        while ((*last)->next)
            last = &(*last)->next;
        cached_drop(hb, last);
    }
    struct tb_hb_cached *c = tb_xcalloc(1, sizeof *c);
    c->key = tb_xstrdup(f->key);
    c->ttl = ttl;
    c->until_mono_ms = tb_mono_ms() + ttl->ms;
    copy_answer(&c->answer, &f->answer);
    c->next = hb->cached;
    hb->cached = c;
    hb->cached_bytes += c->answer.body.len;
}

/* ---- flights ---- */

static void flight_free(struct tb_hb_flight *f)
{
    tb_hb_answer_free(&f->answer);
    free(f->key);
    free(f);
}

static struct tb_hb_flight *flight_find(struct tb_hb *hb, const char *key)
{
    for (struct tb_hb_flight *f = hb->flights; f; f = f->next) {
        if (f->generation == hb->write_generation && strcmp(f->key, key) == 0)
            return f;
    }
    return NULL;
}

static bool shareable(const struct tb_hb_call *call)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    return row->retry == TB_HB_RETRY_ALWAYS && row->effect == TB_HB_READ &&
           (strcmp(row->method, "GET") == 0 || ttl_of(call->endpoint));
}

/* Waits for another's flight; false when its result is no verdict for us. */
static bool follow(struct tb_hb *hb, const struct tb_hb_call *call, struct tb_hb_flight *f,
                   int64_t deadline, struct tb_hb_answer *answer, struct tb_error *err)
{
    const struct tb_hb_endpoint_row *row = tb_hb_endpoint(call->endpoint);
    bool in_time = true;
    bool told = true;
    f->followers++;
    while (in_time && !f->landed && !hb->draining)
        in_time = tb_cond_wait_until(&hb->changed, &hb->mutex, deadline);
    if (f->landed) {
        told = !f->hurried;
        if (told) {
            copy_answer(answer, &f->answer);
            *err = f->error;
        }
    } else {
        answer->outcome = TB_HB_UNKNOWN;
        (void)tb_fail(err, hb->draining ? TB_DRAINING : TB_UPSTREAM_TIMEOUT,
                      "%s %s: the same question is still waiting for its answer", row->method,
                      row->path);
    }
    if (--f->followers == 0 && f->landed)
        flight_free(f);
    return told;
}

enum tb_hb_share tb_hb_share_board(struct tb_hb *hb, const struct tb_hb_call *call, const char *url,
                                   int64_t mono_deadline_ms, struct tb_hb_flight **flight_out,
                                   struct tb_hb_answer *answer, struct tb_error *err)
{
    if (!shareable(call))
        return TB_HB_SHARE_NONE;
    enum tb_hb_share share = TB_HB_SHARE_LEAD;
    char *key = key_of(call, url);
    pthread_mutex_lock(&hb->mutex);
    if (!call->fresh && cached_copy(hb, key, answer)) {
        share = TB_HB_SHARE_COPIED;
    } else {
        struct tb_hb_flight *other = call->fresh ? NULL : flight_find(hb, key);
        if (other && follow(hb, call, other, mono_deadline_ms, answer, err))
            share = TB_HB_SHARE_COPIED;
    }
    if (share == TB_HB_SHARE_LEAD) {
        struct tb_hb_flight *f = tb_xcalloc(1, sizeof *f);
        f->key = tb_xstrdup(key);
        f->endpoint = call->endpoint;
        f->generation = hb->write_generation;
        f->next = hb->flights;
        hb->flights = f;
        *flight_out = f;
    }
    pthread_mutex_unlock(&hb->mutex);
    free(key);
    return share;
}

void tb_hb_share_land(struct tb_hb *hb, struct tb_hb_flight *flight,
                      const struct tb_hb_answer *answer, const struct tb_error *err, bool hurried)
{
    pthread_mutex_lock(&hb->mutex);
    for (struct tb_hb_flight **at = &hb->flights; *at; at = &(*at)->next) {
        if (*at == flight) {
            *at = flight->next;
            break;
        }
    }
    bool silent = answer->outcome == TB_HB_UNKNOWN || answer->outcome == TB_HB_UNSENT;
    flight->landed = true;
    flight->hurried = hurried && silent;
    copy_answer(&flight->answer, answer);
    flight->error = *err;
    cached_put(hb, flight);
    if (flight->followers == 0)
        flight_free(flight);
    pthread_cond_broadcast(&hb->changed);
    pthread_mutex_unlock(&hb->mutex);
}

void tb_hb_share_written(struct tb_hb *hb)
{
    pthread_mutex_lock(&hb->mutex);
    hb->write_generation++;
    for (struct tb_hb_cached **at = &hb->cached; *at;) {
        if ((*at)->ttl->market)
            at = &(*at)->next;
        else
            cached_drop(hb, at);
    }
    pthread_mutex_unlock(&hb->mutex);
}

void tb_hb_share_free(struct tb_hb *hb)
{
    while (hb->cached)
        cached_drop(hb, &hb->cached);
}

unsigned tb_hb_share_followers(const struct tb_hb *hb)
{
    unsigned n = 0;
    for (const struct tb_hb_flight *f = hb->flights; f; f = f->next)
        n += f->followers;
    return n;
}

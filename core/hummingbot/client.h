/* The one client of the Hummingbot API.
 *
 * A call names a row of the endpoint table, its path arguments, query and body; the client checks
 * segments, sends once (again only as the row's `retry` allows), enforces time-outs and size caps,
 * reads the three error shapes and turns every 200 that hides a failure into an error. What it
 * cannot know it calls unknown. Blocking, with a deadline; any thread; calls of different threads
 * run on leased curl handles. Lanes per server: 4 reads, 1 write, 1 more for stop. Identical GETs
 * in flight share one call; rows with a TTL are cached.
 *
 * Facts: CONTRACT sections 1, 2, 4, 11, 13, 14; FIELD-NOTES section 4. */
#ifndef TB_HUMMINGBOT_CLIENT_H
#define TB_HUMMINGBOT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "hummingbot/endpoints.h"

#define TB_HB_PATH_ARGS 4
#define TB_HB_QUERIES   8

struct tb_hb_config {
    const char *url;      /* "http://host:8000", no path beyond an optional prefix */
    const char *username; /* Basic; NULL or "" sends none */
    const char *password;
    const char *api_key; /* X-API-KEY for a gateway in front; NULL for none */
    /* Extra lines "Name: value" separated by newlines or `;;`; NULL for none. */
    const char *headers;
    /* For instance "socks5h://localhost:1055"; NULL for none (never the environment's). */
    const char *proxy;
    /* PEM certificates; with them only what they sign is trusted. NULL: the system's. */
    const char *ca;
};

struct tb_hb;

TB_MUST_CHECK
struct tb_hb *tb_hb_open(const struct tb_hb_config *config, struct tb_error *err);
void tb_hb_close(struct tb_hb *hb);
/* User, password, headers, proxy and certificates of every request that is sent from now on: they
 * are rotated without a restart. The URL is not. False: they are no good, the old ones stay. */
TB_MUST_CHECK
bool tb_hb_set_access(struct tb_hb *hb, const struct tb_hb_config *config, struct tb_error *err);
/* Draining: reads in flight are cut, writes are finished, new calls are refused. */
void tb_hb_drain(struct tb_hb *hb);

enum tb_hb_lane {
    TB_HB_LANE_AUTO, /* read or write by the row's effect */
    TB_HB_LANE_STOP, /* the reserved one: a stop never queues behind a deploy */
};

enum tb_hb_outcome {
    TB_HB_DONE,    /* an honest success; body is the answer */
    TB_HB_REFUSED, /* upstream itself said no before doing anything: 401, 404, 405 or 422 with its
                      own JSON `detail` */
    TB_HB_FAILED,  /* upstream answered that it failed (a 200 that hides a failure, other 4xx, 500).
                      For a read this is simply an error; a write may nevertheless have happened */
    TB_HB_UNSENT,  /* no byte left this machine */
    TB_HB_UNKNOWN, /* sent, but no trustworthy answer: time-out, broken connection, HTML of a
                      tunnel, 502/503/504 of a proxy, not JSON */
};

struct tb_hb_pair {
    const char *name;
    const char *value;
};

struct tb_hb_call {
    enum tb_hb_endpoint endpoint;
    const char *arg[TB_HB_PATH_ARGS]; /* values of the path's {…}, in order */
    struct tb_hb_pair query[TB_HB_QUERIES];
    size_t queries;
    const char *body; /* JSON; NULL for none */
    size_t body_len;
    enum tb_hb_lane lane;
    uint32_t timeout_ms;      /* 0: the row's */
    int64_t mono_deadline_ms; /* 0: none beyond the time-out; otherwise the earlier of both */
    bool fresh;               /* a read that must not come from the cache or a shared flight */
};

struct tb_hb_answer {
    enum tb_hb_outcome outcome;
    int status; /* HTTP status, 0 when none came */
    /* The answer's bytes (also of refusals), for tb_json_parse with upstream trust. */
    struct tb_buffer body;
    int64_t sent_wall_ms; /* when the request was handed to the network */
    int64_t done_wall_ms;
    int64_t upstream_wall_ms; /* the answer's Date header (the API host's clock), 0 when absent */
    uint32_t elapsed_ms;
    bool cached;
};

/* True exactly when outcome is TB_HB_DONE. Otherwise *err says why in a sentence that names the
 * route, with upstream_status and upstream_detail; the answer is filled in either case and must be
 * freed with tb_hb_answer_free. */
TB_MUST_CHECK
bool tb_hb_call(struct tb_hb *hb, const struct tb_hb_call *call, struct tb_hb_answer *answer,
                struct tb_error *err);
void tb_hb_answer_free(struct tb_hb_answer *answer);

/* Busy is not down: while one of our own calls that is known to freeze the API (docker stop,
 * deploy, pull) is in flight, a time-out means busy. */
enum tb_hb_health { TB_HB_NEVER_SEEN, TB_HB_UP, TB_HB_BUSY_NOW, TB_HB_DOWN };

struct tb_hb_status {
    enum tb_hb_health health;
    int64_t last_ok_wall_ms;  /* last good answer */
    int64_t up_since_mono_ms; /* first answer after it was last seen down or restarted: answers of
                                 the first 10 s after a restart are not believed */
    bool clock_known;         /* an answer told the time */
    int64_t clock_offset_ms;  /* API host's wall clock minus ours, from Date headers */
    unsigned reads_in_flight, writes_in_flight;
    char last_error[256];
};
void tb_hb_status(struct tb_hb *hb, struct tb_hb_status *out);

/* Eras of the API (CONTRACT sections 0 and 13). */
enum tb_hb_era {
    TB_HB_ERA_UNKNOWN,
    TB_HB_ERA_NOT_HUMMINGBOT, /* something else answers at this address */
    TB_HB_ERA_A,              /* 2024, no authentication: refused */
    TB_HB_ERA_B,              /* backend-api: refused */
    TB_HB_ERA_C1,             /* 2025-07-14 … 2025-11-02: list, stop, archive; no create */
    TB_HB_ERA_C2,             /* … 2026-02-24: likewise */
    TB_HB_ERA_NOSCRIPT,       /* 2026-02-25 … 03-27: create through deploy-v2-controllers */
    TB_HB_ERA_C3,             /* 2026-03-28 … 05-17 */
    TB_HB_ERA_C4,             /* from 2026-05-18 on */
};

struct tb_hb_profile {
    enum tb_hb_era era;
    char name[24];        /* "c4", "noscript", "era-b", … */
    char since[16];       /* newest marker seen: "2026-06-29" */
    char fingerprint[65]; /* SHA-256 of the sorted path list */
    bool can_list, can_create, deploy_script, deploy_controllers;
    bool name_whitelist, slash_exact;
    char differences[512]; /* one sentence each, separated by newlines, for the admin */
};
/* Detects (GET / and GET /openapi.json) and remembers; `again` looks anew. */
TB_MUST_CHECK
bool tb_hb_profile(struct tb_hb *hb, bool again, struct tb_hb_profile *out, struct tb_error *err);

#endif

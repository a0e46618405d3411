/* What the files of the upstream client share: the state of one server, one transfer's raw result,
 * and the steps of a call. Not for other rooms. */
#ifndef TB_HUMMINGBOT_CLIENT_PRIVATE_H
#define TB_HUMMINGBOT_CLIENT_PRIVATE_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/lease.h"
#include "hummingbot/client.h"

#define TB_HB_READ_LANES 4
#define TB_HB_HANDLES    (TB_HB_READ_LANES + 2) /* + write + stop */

/* How a transfer ended, before anybody reads the answer. */
enum tb_hb_fate {
    TB_HB_FATE_ANSWERED,
    TB_HB_FATE_UNSENT,    /* curl proves that no byte of the request left */
    TB_HB_FATE_BROKEN,    /* the connection ended before the answer was whole */
    TB_HB_FATE_TIMED_OUT, /* sent, no whole answer in time */
    TB_HB_FATE_TOO_LARGE, /* the answer exceeds the row's cap */
    TB_HB_FATE_CUT,       /* we are draining and cut a read */
};

/* One transfer as it came off the wire. */
struct tb_hb_raw {
    enum tb_hb_fate fate;
    int status;
    bool timed_out;  /* also of an unsent one: the connection could not be made in time */
    bool unresolved; /* the host's name has no address */
    bool tls;        /* the TLS handshake failed: certificate or protocol */
    bool untrusted;  /* because the certificate was not accepted */
    bool busy;       /* one of our own calls froze the API meanwhile */
    struct tb_buffer body;
    char curl_text[256]; /* curl's own words on a failed transfer */
    char content_type[96];
    char server[96]; /* Server header */
    char location[160];
    char tunnel[32]; /* which tunnel's own header was seen, "" for none */
    int64_t sent_wall_ms, done_wall_ms, upstream_wall_ms;
    int64_t sent_mono_ms, done_mono_ms;
};

/* A curl handle with its private multi, leased by one call at a time. */
struct tb_hb_lease {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers; /* those of every request, the extra ones included */
    unsigned generation;        /* of the access whose headers these are; 0: of none */
    char error_text[CURL_ERROR_SIZE];
};

struct tb_hb_flight;
struct tb_hb_cached;

/* ---- access.c ---- */
struct tb_hb_access {
    char *username, *password, *proxy, *ca; /* NULL for none */
    char **extra;                           /* checked "Name: value" lines, NULL-terminated */
};
TB_MUST_CHECK
bool tb_hb_access_read(const struct tb_hb_config *config, struct tb_hb_access *out,
                       struct tb_error *err);
void tb_hb_access_free(struct tb_hb_access *access);

struct tb_hb {
    /* set at open, read-only afterwards */
    char *base; /* "http://host:8000/prefix", no slash at the end */

    struct tb_lease_pool *pool;

    /* Guards everything below; `changed` is signalled on every change of lanes, flights, drain. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct tb_hb_access access;
    unsigned access_generation; /* one more with each new access */
    bool draining;
    unsigned calls; /* inside tb_hb_call or tb_hb_profile */
    unsigned reads, writes, stops, histories;
    unsigned freezing;         /* our own calls in flight that freeze the API */
    int64_t frozen_until_mono; /* and their after-effects */
    CURLM *cuttable[TB_HB_HANDLES];

    enum tb_hb_health health;
    bool clock_known;
    int64_t last_ok_wall_ms, last_ok_mono_ms, up_since_mono_ms, clock_offset_ms;
    char last_error[256];

    struct tb_hb_flight *flights;
    struct tb_hb_cached *cached;
    size_t cached_bytes;
    uint64_t
        write_generation; /* counts our own writes: what was asked before one is not shared after */

    bool profiled;
    struct tb_hb_profile profile;
};

/* ---- url.c: the address of a call, from checked parts only ---- */
TB_MUST_CHECK
bool tb_hb_url(const char *base, const struct tb_hb_call *call, struct tb_buffer *out,
               struct tb_error *err);
/* The configured address: http or https, a host, an optional prefix, nothing else. */
TB_MUST_CHECK
char *tb_hb_base_url(const char *url, struct tb_error *err);

/* ---- headers.c: the configured extra header lines ---- */
/* A NULL-terminated list of checked lines; NULL on error. */
TB_MUST_CHECK
char **tb_hb_headers_parse(const struct tb_hb_config *config, struct tb_error *err);
void tb_hb_headers_free(char **lines);

/* ---- guard.c: bodies that upstream would accept and that break something there ---- */
TB_MUST_CHECK
bool tb_hb_guard(const struct tb_hb_call *call, struct tb_error *err);

/* ---- transfer.c: one transfer on a leased handle ---- */
struct tb_lease_ops tb_hb_lease_ops(void);
struct tb_hb_send {
    struct tb_hb *hb;
    struct tb_hb_lease *lease;
    const struct tb_hb_endpoint_row *row;
    const char *url;
    const char *body;
    size_t body_len;
    int64_t mono_deadline_ms;
};
void tb_hb_transfer(const struct tb_hb_send *send, struct tb_hb_raw *raw);

/* ---- answer.c: what an answer means ---- */
/* Moves raw->body into the answer. Pure: no clock, no network. */
void tb_hb_classify(const struct tb_hb_endpoint_row *row, struct tb_hb_raw *raw,
                    struct tb_hb_answer *answer, struct tb_error *err);
/* May the same row be sent once more after this? */
bool tb_hb_again(const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                 const struct tb_hb_answer *answer);
/* Upstream's own words made fit to show: no control characters, secrets, engine addresses, SQL. */
void tb_hb_clean_text(const char *text, size_t len, char *out, size_t size);

/* ---- lies.c: failures inside a 200 ---- */
enum tb_hb_truth { TB_HB_TRUE, TB_HB_FALSE, TB_HB_STRANGE };
/* FALSE: upstream says inside its 200 that it failed; STRANGE: not the shape this route answers
 * with. `why` gets a readable reason for both. */
enum tb_hb_truth tb_hb_judge(const struct tb_hb_endpoint_row *row, const char *body, size_t len,
                             char *why, size_t why_size);

/* ---- tunnel.c: whose page is this ---- */
bool tb_hb_is_html(const struct tb_hb_raw *raw);
/* Names the tunnel, proxy or platform whose own answer this is and what to do; false when unknown.
 */
bool tb_hb_tunnel(const struct tb_hb_raw *raw, const char **name_out, const char **remedy_out);
/* For the header callback: the short name of a tunnel that sends this header. */
const char *tb_hb_tunnel_header(const char *line, size_t len);

/* ---- lanes.c: who may send now, and what the server's health is ---- */
enum tb_hb_slot { TB_HB_SLOT_READ, TB_HB_SLOT_WRITE, TB_HB_SLOT_STOP };
TB_MUST_CHECK
bool tb_hb_lane_enter(struct tb_hb *hb, const struct tb_hb_call *call, int64_t mono_deadline_ms,
                      enum tb_hb_slot *slot_out, struct tb_error *err);
void tb_hb_lane_leave(struct tb_hb *hb, const struct tb_hb_call *call, enum tb_hb_slot slot,
                      const struct tb_hb_answer *answer);
/* Called around each transfer. */
void tb_hb_cuttable(struct tb_hb *hb, CURLM *multi, bool in);
bool tb_hb_draining(struct tb_hb *hb);
bool tb_hb_busy(struct tb_hb *hb);
void tb_hb_note(struct tb_hb *hb, const struct tb_hb_endpoint_row *row, const struct tb_hb_raw *raw,
                const struct tb_hb_answer *answer, const struct tb_error *err);

/* ---- cache.c: single flight and TTL ---- */
enum tb_hb_share {
    TB_HB_SHARE_NONE,   /* not shareable: send yourself */
    TB_HB_SHARE_LEAD,   /* send, then tell with tb_hb_share_land */
    TB_HB_SHARE_COPIED, /* *answer and *err are filled */
};
enum tb_hb_share tb_hb_share_board(struct tb_hb *hb, const struct tb_hb_call *call, const char *url,
                                   int64_t mono_deadline_ms, struct tb_hb_flight **flight_out,
                                   struct tb_hb_answer *answer, struct tb_error *err);
void tb_hb_share_land(struct tb_hb *hb, struct tb_hb_flight *flight,
                      const struct tb_hb_answer *answer, const struct tb_error *err, bool hurried);
/* One of our own writes was sent or has ended: nothing read before it is shared any more. */
void tb_hb_share_written(struct tb_hb *hb);
void tb_hb_share_free(struct tb_hb *hb);
/* How many readers wait for others' flights; under the mutex. */
unsigned tb_hb_share_followers(const struct tb_hb *hb);

/* ---- call.c ---- */
TB_MUST_CHECK
bool tb_hb_enter(struct tb_hb *hb, struct tb_error *err); /* refused while draining */
void tb_hb_leave(struct tb_hb *hb);

#endif

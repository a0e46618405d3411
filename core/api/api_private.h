/* What the files of the HTTP face share: one request's state, the route row, the helpers that each
 * handler uses. Not for other rooms. */
#ifndef TB_API_API_PRIVATE_H
#define TB_API_API_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "base/hash.h"
#include "base/http.h"
#include "base/problem.h"

struct call;

/* True: res holds the answer. False: *err, with call->problems, becomes the problem document. */
typedef bool api_handler(struct call *call, struct tb_error *err);

enum api_role {
    API_ADMIN,
    API_OPERATOR,
    API_DEVELOPER,
    API_CLIENT,
    API_SCRAPE,
    API_ROLES,
    API_ANY = API_ROLES, /* any good token */
    API_OPEN,            /* no token */
};

enum api_flag {
    API_AUDIT = 1,  /* a success changed something: it gets an audit row */
    API_ETAG = 2,   /* weak ETag, 304 */
    API_HEALTH = 4, /* served while draining */
    API_KEY = 8,    /* takes an Idempotency-Key */
    API_TAR = 32,   /* the body may be a tar, which is left as it is */
    API_LANE = 16,  /* asked with `lane` it shows what plugins do and needs the role developer */
};

struct api_route {
    const char *method, *pattern;
    const char *name; /* for Idempotency-Key: one for /bots and /bots/create */
    enum api_role role;
    unsigned flags;
    size_t body_max;
    const char *query; /* accepted query parameters, space-separated */
    api_handler *handle;
    const char *summary;
};

struct identity {
    char token_id[TB_ULID_TEXT];
    char name[264];
    enum api_role role;
    bool cookie;     /* came by the page's session */
    char *bots_text; /* of bots: the strings live here */
    struct tb_json_doc *bots_doc;
    const char **bots; /* ids a client may see, NULL-terminated; NULL: all */
};

struct call {
    struct tb_api *api;
    struct tb_http_request *req;
    struct tb_http_response *res;
    const struct api_route *row; /* NULL for 404 and 405 */
    bool known;                  /* `who` is filled */
    struct identity who;
    struct tb_caller caller;
    struct tb_json_doc *doc;
    const struct tb_json *body; /* the JSON object of a writing request */
    char body_sha256[TB_SHA256_TEXT];
    bool lenient;    /* Prefer: handling=lenient */
    int64_t wait_s;  /* Prefer: wait=n, 0 when absent */
    const char *key; /* Idempotency-Key, NULL when absent */
    struct tb_idempotency idempotency;
    struct tb_problems problems;
    struct tb_buffer existing; /* JSON of the bot that has the name already */
    struct tb_buffer audit;    /* JSON object for the audit row */
    enum tb_code code;         /* of the answer */
    bool tar;                  /* the body is a tar, not JSON */
    bool replayed;             /* the answer is an earlier one's: nothing was changed */
    bool dry_run;              /* asked what would be done: nothing was changed */
    bool changed;              /* something was changed, however the answer turned out */
    struct tb_generation *in;  /* of api_generation; NULL until asked for */
};

#define API_SESSIONS 64
#define PLUGINS_MAX  64 /* named in one answer */

struct session {
    char id_sha256[TB_SHA256_TEXT];
    char token_sha256[TB_SHA256_TEXT];
    int64_t ends_ms; /* tb_mono_ms; 0: free */
};

struct tb_api {
    struct tb_http_server *server;
    struct tb_http_route *routes;
    struct tb_store *store;
    struct tb_plugins *plugins;
    struct tb_bots *bots;
    struct tb_backtests *backtests;
    const struct tb_embedded *web;
    char *bind;
    char **origins; /* NULL-terminated */
    atomic_bool draining;
    atomic_uint waiting; /* requests inside `Prefer: wait` */
    unsigned waiting_max;
    bool uploads; /* plugins may come by PUT */

    pthread_mutex_t lock; /* guards what follows; never held across another room */
    char admin_sha256[TB_SHA256_TEXT];
    struct session sessions[API_SESSIONS];
    int64_t refused_window_ms; /* audit rows of strangers are limited per minute */
    unsigned refused_rows;
};

/* ---- routes.c ---- */
struct tb_http_route *api_routes_table(void); /* malloc'd; ends with a NULL method */

/* ---- api.c ---- */
void api_dispatch(struct tb_http_request *req, struct tb_http_response *res, void *user);

/* ---- auth.c ---- */
const char *api_role_word(enum api_role role); /* also "any" and "open" */
bool api_role_find(const char *word, enum api_role *out);
bool api_role_includes(enum api_role role, enum api_role other);
/* Fills call->who from the Authorization header or the page's cookie. */
TB_MUST_CHECK
bool api_authenticate(struct call *call, struct tb_error *err);
/* Whose token is this? sha256: of the token's text. */
TB_MUST_CHECK
bool api_identify(struct tb_api *api, const char *sha256, struct identity *out,
                  struct tb_error *err);
void api_identity_free(struct identity *who);
bool api_same_origin(const struct tb_http_request *req);

/* ---- session.c ---- */
bool api_session_find(struct tb_api *api, const struct tb_http_request *req,
                      char token_sha256_out[TB_SHA256_TEXT]);

/* ---- problems.c ---- */
void api_problem(const struct tb_http_request *req, struct tb_http_response *res,
                 const struct tb_error *err, const struct call *call);

/* ---- cors.c ---- */
TB_MUST_CHECK
bool api_cors_configure(struct tb_api *api, const char *origins, struct tb_error *err);
void api_cors_headers(const struct tb_api *api, const struct tb_http_request *req,
                      struct tb_http_response *res);
/* Answers OPTIONS; the headers above are already there. */
void api_cors_preflight(const struct tb_api *api, const struct tb_http_request *req,
                        struct tb_http_response *res);

/* ---- input.c: body, query, Prefer, Idempotency-Key ---- */
TB_MUST_CHECK
bool api_read_input(struct call *call, struct tb_error *err);
bool api_is_writing(const char *method);
/* A query parameter that is a whole number from 1 to max; absent: the fallback. */
TB_MUST_CHECK
bool api_query_count(const struct call *call, const char *name, size_t max, size_t fallback,
                     size_t *out, struct tb_error *err);
/* The query parameter `cursor`: NULL when absent; refused unless a list can have given it. */
TB_MUST_CHECK
bool api_query_cursor(const struct call *call, const char **out, struct tb_error *err);

/* ---- lane.c ---- */
/* The query parameter `lane` of an API_LANE row; NULL: none was given. */
const char *api_lane(const struct call *call);
/* The generation that answers all of this request; NULL when `lane` is no lane. */
TB_MUST_CHECK
struct tb_generation *api_generation(struct call *call, struct tb_error *err);
/* Says in X-Plugin-Generation which version of the plugin shaped the answer. */
void api_shaped_by(struct call *call, const char *plugin);

/* ---- bots.c ---- */
/* What the plugin said, into the object that is the answer; developers only. */
void api_add_plugin_log(struct call *call);

/* ---- exchanges.c ---- */
/* The plugin that the path's {exchange} means; TB_NOT_FOUND names those there are. */
TB_MUST_CHECK
bool api_exchange(struct call *call, char plugin_out[64], struct tb_error *err);
/* Has it the path's {strategy}? TB_NOT_FOUND names those it has. */
TB_MUST_CHECK
bool api_strategy(struct call *call, const char *plugin, struct tb_error *err);
/* Calls one entry of a plugin of this request's generation; the parsed document or NULL. */
TB_MUST_CHECK
struct tb_json_doc *api_ask_plugin(struct call *call, const char *plugin,
                                   enum tb_plugin_entry entry, const char *input, int64_t ms,
                                   struct tb_error *err);

/* ---- etag.c ---- */
/* Adds the weak ETag of the body; turns the answer into 304 when the client has it. */
void api_etag(const struct tb_http_request *req, struct tb_http_response *res);

/* ---- idempotency.c ---- */
/* For routes whose effect is not an operation: runs `handle` unless the key was used before. */
TB_MUST_CHECK
bool api_run_once(struct call *call, api_handler *handle, struct tb_error *err);
/* For those that commit the key themselves, with what they change; record is NULL without a key. */
typedef bool api_keyed_handler(struct call *call, struct tb_store_idempotency *record,
                               struct tb_store_idempotency_result *result, struct tb_error *err);
TB_MUST_CHECK
bool api_run_with_key(struct call *call, api_keyed_handler *handle, struct tb_error *err);
/* For what cannot be in one commit with its key, such as a call upstream: the key is stored first,
 * with an answer that calls the outcome unknown, and gets the real one, good or bad, afterwards. */
typedef bool api_begun_handler(struct call *call, const void *user, struct tb_error *err);
TB_MUST_CHECK
bool api_run_begun(struct call *call, api_begun_handler *handle, const void *user,
                   struct tb_error *err);

/* ---- audit.c ---- */
void api_audit(struct call *call);
void api_access_log(const struct tb_http_request *req, const struct tb_http_response *res);

/* ---- what routes.c names ---- */
api_handler api_get_root, api_get_web, api_get_health, api_get_ready;
api_handler api_get_bots, api_get_bot, api_get_logs, api_plan_bot, api_create_bot, api_start_bot;
api_handler api_start_bots, api_emergency_stop;
api_handler api_stop_bot, api_restart_bot, api_archive_bot, api_delete_bot;
api_handler api_redeploy_bot, api_redeploy_bots;
api_handler api_adopt_bots, api_release_bot, api_get_config, api_get_history;
api_handler api_get_params, api_patch_params, api_put_bot;
api_handler api_get_operations, api_get_operation;
api_handler api_get_exchanges, api_get_exchange, api_get_strategy, api_run_action;
api_handler api_get_plugins, api_get_plugin, api_reload_plugins;
api_handler api_get_generations, api_activate_plugin, api_rollback_plugin;
api_handler api_put_plugin, api_delete_plugin;
api_handler api_check_form, api_replay, api_get_plan, api_backtest_plan;
api_handler api_get_tokens, api_create_token, api_delete_token;
api_handler api_get_hummingbot;
api_handler api_get_backup, api_resume, api_cleanup;
api_handler api_get_session, api_create_session, api_delete_session;

#endif

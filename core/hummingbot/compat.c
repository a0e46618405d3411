/* Which Hummingbot API is this? The version string has been the same for a year, so the answer is
 * read from the routes it has (CONTRACT sections 0 and 13). Any thread; remembered in the client.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "hummingbot/client_private.h"

/* A route and the day since which the API has it, in order of time. */
static const struct marker {
    const char *since;
    const char *method; /* lower case; NULL for any */
    const char *path;
} MARKERS[] = {
    {"2025-07-14", NULL, "/bot-orchestration/status"},
    {"2025-08-09", NULL, "/controllers/{controller_type}/{controller_name}/config/validate"},
    {"2025-11-03", NULL, "/gateway/status"},
    {"2026-01-15", NULL, "/rate-oracle/config"},
    {"2026-01-28", NULL, "/executors/"},
    {"2026-03-28", NULL, "/gateway/clmm/add"},
    {"2026-04-21", NULL, "/backtesting/tasks"},
    {"2026-05-08", NULL, "/storage/"},
    {"2026-05-12", NULL, "/gateway/apiKeys"},
    {"2026-05-20", NULL, "/bot-orchestration/controller-performance-latest"},
    {"2026-05-27", "delete", "/bot-orchestration/bot-runs/{bot_run_id}"},
    {"2026-06-15", NULL, "/system/resources"},
};

/* Days on which something changed that the bridge feels. */
#define SUFFIXED_SCRIPTS "2026-03-28"
#define EXACT_SLASHES    "2026-05-18"
#define EXECUTORS        "2026-01-28"
#define GATEWAY_GROUPS   "2025-11-03"
#define NAME_WHITELIST   "2026-06-22"
#define GATEWAY_MTLS     "2026-06-29"

static const struct era_row {
    const char *name;
    bool list, create;
    const char *remark; /* for the admin; NULL for none */
} ERAS[] = {
    [TB_HB_ERA_UNKNOWN] = {"unknown", true, false,
                           "The API does not show its routes (GET /openapi.json), so bots can be "
                           "listed and stopped, but not created."},
    [TB_HB_ERA_NOT_HUMMINGBOT] =
        {"not-hummingbot", false, false,
         "Something else than the Hummingbot API answers at this address."},
    [TB_HB_ERA_A] = {"era-a", false, false,
                     "This is the backend-api of 2024 without any authentication; it is not "
                     "supported. Install hummingbot-api."},
    [TB_HB_ERA_B] =
        {"era-b", false, false,
         "This is the old backend-api (before 2025-07-14); it is not supported. Install "
         "hummingbot-api."},
    [TB_HB_ERA_C1] = {"c1", true, false,
                      "Older than 2025-11-03: bots can be listed, stopped and archived, but not "
                      "created. Update hummingbot-api."},
    [TB_HB_ERA_C2] = {"c2", true, false,
                      "Older than 2026-03-28: bots can be listed, stopped and archived, but not "
                      "created. Update hummingbot-api."},
    [TB_HB_ERA_NOSCRIPT] = {"noscript", true, true,
                            "deploy-v2-script is missing (builds of 2026-02-25 to 03-27): bots are "
                            "created through deploy-v2-controllers."},
    [TB_HB_ERA_C3] = {"c3", true, true, NULL},
    [TB_HB_ERA_C4] = {"c4", true, true, NULL},
};

static void remark(struct tb_hb_profile *p, const char *sentence)
{
    size_t len = strlen(p->differences);
    size_t left = sizeof p->differences - len;
    /* A sentence that does not fit whole is left out. */
    if (sentence && strlen(sentence) + 2 < left)
        snprintf(p->differences + len, left, "%s%s", len ? "\n" : "", sentence);
}

static void settle(struct tb_hb_profile *p, enum tb_hb_era era)
{
    const struct era_row *row = &ERAS[era];
    p->era = era;
    (void)tb_copy(p->name, sizeof p->name, row->name);
    p->can_list = row->list;
    p->can_create = row->create && (p->deploy_script || p->deploy_controllers);
    p->slash_exact = era == TB_HB_ERA_C4;
    remark(p, row->remark);
}

static bool has(const struct tb_json *paths, const char *method, const char *path)
{
    const struct tb_json *item = tb_json_get(paths, path);
    return item && (!method || tb_json_get(item, method));
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void fingerprint(const struct tb_json *paths, char out[65])
{
    const char **names = tb_xcalloc(paths->len + 1, sizeof *names);
    struct tb_buffer all = TB_BUFFER_INIT;
    size_t n = 0;
    for (const struct tb_json *p = paths->child; p; p = p->next)
        names[n++] = p->key;
    qsort(names, n, sizeof *names, by_bytes);
    for (size_t i = 0; i < n; i++)
        tb_buffer_printf(&all, "%s\n", names[i]);
    tb_sha256_hex(tb_buffer_text(&all), all.len, out);
    tb_buffer_free(&all);
    free(names);
}

static void newest_marker(const struct tb_json *doc, const struct tb_json *paths,
                          struct tb_hb_profile *p)
{
    const char *since = "";
    for (size_t i = 0; i < sizeof MARKERS / sizeof *MARKERS; i++) {
        if (has(paths, MARKERS[i].method, MARKERS[i].path))
            since = MARKERS[i].since;
    }
    /* The last two changes took something away. */
    if (has(paths, NULL, "/system/resources") && !has(paths, NULL, "/gateway/wallets/create")) {
        const struct tb_json *gateway =
            tb_json_path(doc, "components", "schemas", "GatewayConfig", "properties", NULL);
        since = gateway && !tb_json_get(gateway, "passphrase") ? GATEWAY_MTLS : NAME_WHITELIST;
    }
    (void)tb_copy(p->since, sizeof p->since, since);
}

static void note_missing_routes(const struct tb_json *paths, struct tb_hb_profile *p)
{
    unsigned missing = 0;
    const struct tb_hb_endpoint_row *first = NULL;
    for (unsigned i = 0; i < TB_HB_ENDPOINT_COUNT; i++) {
        const struct tb_hb_endpoint_row *row = tb_hb_endpoint((enum tb_hb_endpoint)i);
        char method[8] = "";
        for (size_t c = 0; row->method[c] && c + 1 < sizeof method; c++)
            method[c] = (char)(row->method[c] | 0x20);
        if (i == TB_HB_ROOT_OPENAPI || has(paths, method, row->path))
            continue;
        if (missing++ == 0)
            first = row;
    }
    char sentence[256];
    if (!missing)
        return;
    snprintf(sentence, sizeof sentence,
             "%u of the %u known routes are missing, %s %s the first of them.", missing,
             (unsigned)TB_HB_ENDPOINT_COUNT - 1, first->method, first->path);
    remark(p, sentence);
}

static enum tb_hb_era era_of(const struct tb_json *doc, const struct tb_json *paths,
                             const struct tb_hb_profile *p)
{
    if (has(paths, NULL, "/get-active-bots-status"))
        return tb_json_path(doc, "components", "securitySchemes", "HTTPBasic", NULL) ? TB_HB_ERA_B
                                                                                     : TB_HB_ERA_A;
    if (!p->since[0])
        return TB_HB_ERA_NOT_HUMMINGBOT;
    if (!p->deploy_script)
        return p->deploy_controllers && strcmp(p->since, EXECUTORS) >= 0 ? TB_HB_ERA_NOSCRIPT
                                                                         : TB_HB_ERA_C1;
    return strcmp(p->since, EXACT_SLASHES) >= 0      ? TB_HB_ERA_C4
           : strcmp(p->since, SUFFIXED_SCRIPTS) >= 0 ? TB_HB_ERA_C3
           : strcmp(p->since, GATEWAY_GROUPS) >= 0   ? TB_HB_ERA_C2
                                                     : TB_HB_ERA_C1;
}

static void read_routes(const struct tb_json *doc, struct tb_hb_profile *p)
{
    const struct tb_json *paths = tb_json_get(doc, "paths");
    if (!tb_json_is(paths, TB_JSON_OBJECT)) {
        settle(p, TB_HB_ERA_NOT_HUMMINGBOT);
        return;
    }
    fingerprint(paths, p->fingerprint);
    newest_marker(doc, paths, p);
    p->deploy_script = has(paths, "post", "/bot-orchestration/deploy-v2-script");
    p->deploy_controllers = has(paths, "post", "/bot-orchestration/deploy-v2-controllers");
    p->name_whitelist = strcmp(p->since, NAME_WHITELIST) >= 0;
    settle(p, era_of(doc, paths, p));
    if (!p->can_list)
        return;
    if (!has(paths, NULL, MARKERS[1].path))
        remark(p, "Controller configs cannot be validated by the API before a deploy.");
    if (!p->name_whitelist)
        remark(p, "The API does not check names (before 2026-06-19); the bridge does.");
    note_missing_routes(paths, p);
}

/* What GET / says. False: no verdict, *err says why. */
static bool read_root(struct tb_hb *hb, bool *ours_out, bool *old_out, struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = TB_HB_ROOT_INFO, .fresh = true};
    struct tb_hb_answer answer;
    bool done = tb_hb_call(hb, &call, &answer, err);
    *ours_out = false;
    *old_out = answer.outcome == TB_HB_REFUSED && answer.status == 404;
    if (done) {
        struct tb_json_doc *doc =
            tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, NULL);
        const char *name = tb_json_get_string(doc ? tb_json_root(doc) : NULL, "name");
        *ours_out =
            name && (strcmp(name, "Hummingbot API") == 0 || strcmp(name, "Backend API") == 0);
        tb_json_free(doc);
    }
    tb_hb_answer_free(&answer);
    return done || *old_out;
}

static bool detect(struct tb_hb *hb, struct tb_hb_profile *p, struct tb_error *err)
{
    bool ours = false, old = false;
    *p = (struct tb_hb_profile){0};
    if (!read_root(hb, &ours, &old, err))
        return false;
    if (!ours && !old) {
        settle(p, TB_HB_ERA_NOT_HUMMINGBOT);
        return true;
    }
    struct tb_hb_call call = {.endpoint = TB_HB_ROOT_OPENAPI, .fresh = true};
    struct tb_hb_answer answer;
    bool done = tb_hb_call(hb, &call, &answer, err);
    bool hidden = answer.outcome == TB_HB_REFUSED;
    if (done) {
        struct tb_json_doc *doc =
            tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, err);
        done = doc != NULL;
        if (doc)
            read_routes(tb_json_root(doc), p);
        tb_json_free(doc);
    }
    tb_hb_answer_free(&answer);
    if (!done && hidden) {
        settle(p, ours ? TB_HB_ERA_UNKNOWN : TB_HB_ERA_NOT_HUMMINGBOT);
        return true;
    }
    return done;
}

bool tb_hb_profile(struct tb_hb *hb, bool again, struct tb_hb_profile *out, struct tb_error *err)
{
    pthread_mutex_lock(&hb->mutex);
    bool known = hb->profiled && !again;
    if (known)
        *out = hb->profile;
    pthread_mutex_unlock(&hb->mutex);
    if (known)
        return true;
    struct tb_hb_profile found;
    if (!detect(hb, &found, err))
        return false;
    pthread_mutex_lock(&hb->mutex);
    hb->profile = found;
    hb->profiled = true;
    pthread_mutex_unlock(&hb->mutex);
    *out = found;
    return true;
}

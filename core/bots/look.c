/* Looking at upstream: is there anything of a base name, and what does one instance do?
 *
 * Several sources are read because each of them lies in its own way: the container lists leave out
 * containers in state `created`, the status document repeats old reports and forgets bots, run rows
 * may be missing. Runs on operation workers; owns nothing. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bots/bots_private.h"

enum {
    READ_MS = 15000,
    PROMPT_MS = 2000,
    BELIEVED_AFTER_MS = 10000, /* first answers after an API restart are empty lists */
    NAMES_MAX = 300,
    SLACK_MS = 2000,
    QUARTER_HOUR_MS = 900000,
};

static bool begins_with_base(const char *name, const char *base)
{
    size_t n = strlen(base);
    return n > 0 && name && strncmp(name, base, n) == 0 && name[n] == '-';
}

static void add_hit(struct tb_observation *obs, const char *instance, enum tb_container container)
{
    for (int64_t i = 0; i < obs->hits; i++)
        if (strcmp(obs->hit[i].instance, instance) == 0)
            return;
    if (obs->hits == TB_LOOK_HITS || strlen(instance) >= TB_INSTANCE_NAME)
        return;
    tb_copy(obs->hit[obs->hits].instance, TB_INSTANCE_NAME, instance);
    obs->hit[obs->hits++].container = container;
}

bool look_prompt(struct tb_bots *b)
{
    struct tb_hb_call call = {.endpoint = TB_HB_ROOT_INFO, .timeout_ms = PROMPT_MS, .fresh = true};
    struct tb_hb_answer answer;
    struct tb_hb_status status;
    struct tb_error err;
    bool prompt = tb_hb_call(b->hb, &call, &answer, &err);

    tb_hb_answer_free(&answer);
    tb_hb_status(b->hb, &status);
    return prompt && tb_mono_ms() - status.up_since_mono_ms >= BELIEVED_AFTER_MS;
}

/* A fresh read, parsed; NULL when it failed. */
static struct tb_json_doc *fresh(struct tb_bots *b, enum tb_hb_endpoint endpoint, const char *arg,
                                 const char *query, const char *value, struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = endpoint,
                              .arg = {arg},
                              .query = {{query, value}},
                              .queries = query ? 1 : 0,
                              .mono_deadline_ms = tb_mono_ms() + READ_MS,
                              .fresh = true};
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;

    if (tb_hb_call(b->hb, &call, &answer, err))
        doc = tb_json_parse(answer.body.data ? answer.body.data : "", answer.body.len,
                            TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    return doc;
}

/* Adds what a container list shows of the base; false when it was no list. */
static bool look_list(struct tb_bots *b, enum tb_hb_endpoint endpoint, const char *base,
                      enum tb_container container, struct tb_observation *obs)
{
    struct tb_error err;
    struct tb_json_doc *doc = fresh(b, endpoint, NULL, "name_filter", base, &err);
    const struct tb_json *list = doc ? tb_json_root(doc) : NULL;
    bool ok = tb_json_is(list, TB_JSON_ARRAY);

    for (const struct tb_json *c = ok ? tb_json_first(list) : NULL; c; c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        if (begins_with_base(name, base))
            add_hit(obs, name, container);
    }
    tb_json_free(doc);
    return ok;
}

/* "<base>-YYYYMMDD-HHMMSS" -> the time it names, as if it were UTC. */
static bool suffix_time(const char *instance, int64_t *wall_out)
{
    size_t n = strlen(instance);
    const char *at = n >= 15 ? instance + n - 15 : "";
    struct tm tm = {0};
    if (!read_digits(&at, 4, 4, &tm.tm_year) || !read_digits(&at, 2, 2, &tm.tm_mon) ||
        !read_digits(&at, 2, 2, &tm.tm_mday) || *at++ != '-' ||
        !read_digits(&at, 2, 2, &tm.tm_hour) || !read_digits(&at, 2, 2, &tm.tm_min) ||
        !read_digits(&at, 2, 2, &tm.tm_sec))
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *wall_out = (int64_t)timegm(&tm) * 1000;
    return true;
}

/* Names carry the API host's local time; run rows give both that and UTC. Also adds run rows of the
 * base, for when the container lists cannot be read. */
static int64_t look_runs(struct tb_bots *b, const struct tb_life *life, struct tb_observation *obs)
{
    struct tb_error err;
    struct tb_json_doc *doc = fresh(b, TB_HB_BOTS_RUNS, NULL, "limit", "100", &err);
    const struct tb_json *rows = doc ? tb_json_get(tb_json_root(doc), "data") : NULL;
    int64_t zone = 0;
    bool learnt = false;

    for (const struct tb_json *r = tb_json_first(rows); r; r = r->next) {
        const char *name = tb_json_get_string(r, "instance_name");
        const char *at = tb_json_get_string(r, "deployed_at");
        int64_t local, utc;
        if (begins_with_base(name, life->base) && !obs->lists)
            add_hit(obs, name, TB_CT_UNSEEN);
        if (!learnt && name && at && suffix_time(name, &local) && tb_time_parse(at, &utc)) {
            int64_t off = local - utc;
            off += off >= 0 ? QUARTER_HOUR_MS / 2 : -QUARTER_HOUR_MS / 2;
            zone = off / QUARTER_HOUR_MS * QUARTER_HOUR_MS;
            learnt = true;
        }
    }
    tb_json_free(doc);
    return zone;
}

/* A container in state `created` is in no list, but its instance folder answers by name: ask for
 * each second in which the call may have run. */
static void look_names(struct tb_bots *b, const struct tb_life *life, int64_t zone,
                       struct tb_observation *obs)
{
    int64_t from = (life->window_from - SLACK_MS) / 1000;
    int64_t to =
        ((life->phase == TB_PH_CLEAN || !life->window_to ? obs->done_wall : life->window_to) +
         SLACK_MS) /
        1000;
    if (to - from > NAMES_MAX)
        to = from + NAMES_MAX;
    for (int64_t second = from; second <= to && obs->hits < TB_LOOK_HITS; second++) {
        time_t at = (time_t)(second + zone / 1000);
        struct tm tm;
        char stamp[20], name[TB_INSTANCE_NAME];
        struct tb_hb_call call = {.endpoint = TB_HB_CONTROLLERS_BOT_CONFIGS,
                                  .arg = {name},
                                  .mono_deadline_ms = tb_mono_ms() + READ_MS,
                                  .fresh = true};
        struct tb_hb_answer answer;
        struct tb_error err;

        gmtime_r(&at, &tm);
        strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
        snprintf(name, sizeof name, "%.71s-%s", life->base, stamp);
        if (tb_hb_call(b->hb, &call, &answer, &err))
            add_hit(obs, name, TB_CT_CREATED);
        else if (answer.outcome != TB_HB_REFUSED)
            obs->result = TB_RES_UNKNOWN; /* not a clean look */
        tb_hb_answer_free(&answer);
    }
}

void look_for_base(struct tb_bots *b, const struct tb_life *life, struct tb_observation *obs)
{
    /* Asking by name costs a request a second of the window: at the first look, then every 10 s. */
    bool by_name = life->phase == TB_PH_CLEAN || (life_now(b) - life->phase_at) / 2000 % 5 == 0;
    bool active, exited;
    int64_t zone;

    obs->prompt = look_prompt(b);
    active = look_list(b, TB_HB_DOCKER_ACTIVE, life->base, TB_CT_RUNNING, obs);
    exited = look_list(b, TB_HB_DOCKER_EXITED, life->base, TB_CT_EXITED, obs);
    obs->lists = active && exited;
    obs->result = obs->lists ? TB_RES_DONE : TB_RES_UNKNOWN;
    zone = look_runs(b, life, obs);
    if (obs->hits == 0 && by_name)
        look_names(b, life, zone, obs);
    if (obs->hits > 0)
        obs->result = TB_RES_DONE;
}

static bool has_text(const struct tb_json *lines, const char *needle)
{
    for (const struct tb_json *l = tb_json_first(lines); l; l = l->next) {
        const char *msg = tb_json_get_string(l, "msg");
        if (msg && strstr(msg, needle))
            return true;
    }
    return false;
}

void sight_of_slice(const struct tb_json *slice, struct sight *out)
{
    const char *status = tb_json_get_string(slice, "status");
    const struct tb_json *performance = tb_json_get(slice, "performance");
    bool reports = status && (strcmp(status, "running") == 0 || strcmp(status, "idle") == 0);

    out->listed = status && strcmp(status, "not_found") != 0;
    out->active = tb_json_true(tb_json_get(slice, "recently_active"));
    out->reported = out->trading = false;
    for (const struct tb_json *c = reports ? tb_json_first(performance) : NULL; c; c = c->next) {
        const struct tb_json *figures = tb_json_get(c, "performance");
        out->reported = true;
        out->trading |= tb_json_is(figures, TB_JSON_OBJECT) && figures->len > 0;
    }
    out->start_error = has_text(tb_json_get(slice, "error_logs"), "Failed to start strategy") ||
                       has_text(tb_json_get(slice, "general_logs"), "Failed to load strategy");
}

static bool listed(struct tb_bots *b, enum tb_hb_endpoint endpoint, const char *instance,
                   bool *ok_out)
{
    struct tb_error err;
    struct tb_json_doc *doc = fresh(b, endpoint, NULL, "name_filter", instance, &err);
    const struct tb_json *list = doc ? tb_json_root(doc) : NULL;
    bool found = false;

    *ok_out = tb_json_is(list, TB_JSON_ARRAY);
    for (const struct tb_json *c = *ok_out ? tb_json_first(list) : NULL; c && !found; c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        found = name && strcmp(name, instance) == 0;
    }
    tb_json_free(doc);
    return found;
}

/* False when the status could not be read. `not_found` can be: it says that there is no report. */
static bool look_status_of(struct tb_bots *b, const char *instance, struct sight *sight)
{
    struct tb_hb_call call = {.endpoint = TB_HB_BOTS_BOT_STATUS,
                              .arg = {instance},
                              .mono_deadline_ms = tb_mono_ms() + READ_MS,
                              .fresh = true};
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;
    struct tb_error err;
    const struct tb_json *data;
    const char *status;
    bool ok = tb_hb_call(b->hb, &call, &answer, &err);

    if (answer.status == 200 && (ok || answer.outcome == TB_HB_FAILED))
        doc = tb_json_parse(tb_buffer_text(&answer.body), answer.body.len, TB_JSON_UPSTREAM, &err);
    data = doc ? tb_json_get(tb_json_root(doc), "data") : NULL;
    status = tb_json_get_string(data, "status");
    ok = status && (ok || strcmp(status, "not_found") == 0);
    if (ok)
        sight_of_slice(data, sight);
    tb_json_free(doc);
    tb_hb_answer_free(&answer);
    return ok;
}

void look_at_instance(struct tb_bots *b, const char *instance, struct tb_observation *obs)
{
    struct sight sight = {0};
    bool active_ok, exited_ok;
    bool running = listed(b, TB_HB_DOCKER_ACTIVE, instance, &active_ok);
    bool exited = !running && listed(b, TB_HB_DOCKER_EXITED, instance, &exited_ok);

    obs->heard = look_status_of(b, instance, &sight);
    if (running)
        obs->container = TB_CT_RUNNING;
    else if (exited)
        obs->container = TB_CT_EXITED;
    else
        obs->container = active_ok && exited_ok ? TB_CT_ABSENT : TB_CT_UNSEEN;
    obs->result = obs->container == TB_CT_UNSEEN ? TB_RES_UNKNOWN : TB_RES_DONE;
    obs->reported = sight.reported;
    obs->trading = sight.trading;
    obs->active = sight.active;
    obs->start_error = sight.start_error;
}

bool look_archived(struct tb_bots *b, const char *instance)
{
    struct tb_error err;
    struct tb_json_doc *doc = fresh(b, TB_HB_BOTS_RUNS, NULL, "bot_name", instance, &err);
    const struct tb_json *rows = doc ? tb_json_get(tb_json_root(doc), "data") : NULL;
    bool archived = false;

    for (const struct tb_json *r = tb_json_first(rows); r; r = r->next) {
        const char *name = tb_json_get_string(r, "instance_name");
        const char *status = tb_json_get_string(r, "deployment_status");
        archived |=
            name && status && strcmp(name, instance) == 0 && strcmp(status, "ARCHIVED") == 0;
    }
    tb_json_free(doc);
    return archived;
}

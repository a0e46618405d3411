/* The bridge's own leftovers upstream: configs of attempts that ended and have no container, and
 * exited containers of attempts that were given up or whose bot has another instance since.
 *
 * What is ours is decided by the attempts table alone, never by how a name looks: a nonce that the
 * store does not know is somebody else's. What cannot be seen (a list that failed) removes nothing.
 * Runs on a request thread; owns nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bots/bots_private.h"

enum { REMOVALS_MAX = 200, STAMP = 16 /* -YYYYMMDD-HHMMSS */ };

/* An attempt as far as it concerns its leftovers. */
struct past {
    char base[TB_BASE_NAME];
    char bot_id[TB_ULID_TEXT];
    char operation_id[TB_ULID_TEXT];
    /* burnt, never created, or replaced by a redeploy: nobody can want its container */
    bool given_up;
    bool final; /* what became of it is known, and nothing of its bot is under way */
    bool alive;
};

struct cleanup {
    struct tb_bots *b;
    bool dry_run;
    struct past *past;
    size_t n, capacity;
    struct tb_json_writer w;
    size_t listed, removed, failed;
    bool more;
};

static void add_past(void *arg, const struct tb_store_attempt *row)
{
    struct cleanup *c = arg;
    struct past *p;
    if (c->n == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 64;
        c->past = tb_xrealloc(c->past, c->capacity * sizeof *c->past);
    }
    p = &c->past[c->n++];
    *p = (struct past){.given_up = strcmp(row->state, "burnt") == 0 ||
                                   strcmp(row->state, "not_created") == 0};
    /* One that was sent and never found may execute late; of a conflict a person decides. */
    p->final =
        p->given_up || strcmp(row->state, "created") == 0 || strcmp(row->state, "intended") == 0;
    tb_copy(p->base, sizeof p->base, row->base);
    tb_copy(p->bot_id, sizeof p->bot_id, row->bot_id);
    tb_copy(p->operation_id, sizeof p->operation_id, row->operation_id);
}

/* Lock held. */
static bool replaced(const struct tb_bots *b, const struct past *p)
{
    for (size_t i = 0; i < b->bots; i++)
        if (!b->bot[i]->deleted && strcmp(b->bot[i]->id, p->bot_id) == 0)
            return b->bot[i]->life.instance[0] && strcmp(b->bot[i]->life.base, p->base) != 0;
    return false;
}

static bool load(struct cleanup *c, struct tb_error *err)
{
    if (!tb_store_attempts_each(c->b->store, NULL, add_past, c, err))
        return false;
    for (size_t i = 0; i < c->n; i++) {
        struct past *p = &c->past[i];
        struct tb_store_operation *op = tb_store_operation_get(c->b->store, p->operation_id, err);
        if (!op)
            return false;
        p->final = p->final && op->ended_at != 0;
        free(op);
    }
    pthread_mutex_lock(&c->b->lock);
    for (size_t i = 0; i < c->n; i++)
        c->past[i].given_up |= c->past[i].final && replaced(c->b, &c->past[i]);
    for (const struct operation *op = c->b->open; op; op = op->next)
        for (size_t i = 0; i < c->n; i++)
            if (strcmp(c->past[i].bot_id, op->bot->id) == 0)
                c->past[i].final = false;
    pthread_mutex_unlock(&c->b->lock);
    return true;
}

/* "<base><rest>" with a base of ours -> the attempt and the rest. */
static struct past *past_of(struct cleanup *c, const char *name, const char **rest_out)
{
    for (size_t i = 0; i < c->n; i++) {
        size_t n = strlen(c->past[i].base);
        if (n > 0 && strncmp(name, c->past[i].base, n) == 0 &&
            (name[n] == '\0' || name[n] == '-')) {
            *rest_out = name + n;
            return &c->past[i];
        }
    }
    return NULL;
}

static bool is_stamp(const char *rest)
{
    return strlen(rest) == STAMP && strspn(rest, "-0123456789") == STAMP && rest[9] == '-';
}

static struct tb_json_doc *list(struct tb_bots *b, enum tb_hb_endpoint endpoint,
                                struct tb_error *err)
{
    struct tb_hb_call call = {.endpoint = endpoint, .fresh = true};
    struct tb_hb_answer answer;
    struct tb_json_doc *doc = NULL;
    if (tb_hb_call(b->hb, &call, &answer, err))
        doc = tb_json_parse(answer.body.data ? answer.body.data : "", answer.body.len,
                            TB_JSON_UPSTREAM, err);
    tb_hb_answer_free(&answer);
    if (doc && !tb_json_is(tb_json_root(doc), TB_JSON_ARRAY)) {
        tb_json_free(doc);
        doc = NULL;
        tb_fail(err, TB_UPSTREAM_BROKEN,
                "The Hummingbot API could not list what there is, so nothing is removed.");
    }
    return doc;
}

static bool send(struct tb_bots *b, enum tb_hb_endpoint endpoint, const char *name,
                 struct tb_error *err)
{
    struct tb_hb_answer answer;
    bool ok =
        tb_hb_call(b->hb, &(struct tb_hb_call){.endpoint = endpoint, .arg = {name}}, &answer, err);
    /* Gone is what was wanted. */
    ok = ok || (answer.outcome == TB_HB_REFUSED && answer.status == 404);
    tb_hb_answer_free(&answer);
    return ok;
}

static void item(struct cleanup *c, const char *kind, enum tb_hb_endpoint endpoint,
                 const char *name, const struct past *p)
{
    struct tb_error err = {0};
    bool ok = true;
    if (c->listed == REMOVALS_MAX) {
        c->more = true;
        return;
    }
    c->listed++;
    if (!c->dry_run) {
        ok = send(c->b, endpoint, name, &err);
        c->removed += ok;
        c->failed += !ok;
        tb_log(ok ? TB_INFO : TB_WARN, "cleanup", "%s %s: %s", kind, name,
               ok ? "removed" : err.detail);
    }
    tb_jw_object(&c->w);
    tb_jw_kv_string(&c->w, "kind", kind);
    tb_jw_kv_string(&c->w, "name", name);
    tb_jw_kv_string(&c->w, "bot", p->bot_id);
    tb_jw_kv_string(&c->w, "result", c->dry_run ? "would_remove" : ok ? "done" : "failed");
    tb_jw_kv_string(&c->w, "detail", ok ? NULL : err.detail);
    tb_jw_end_object(&c->w);
}

/* Marks what has a container. One of a given-up attempt that only exited keeps nothing alive. */
static void mark_alive(struct cleanup *c, const struct tb_json_doc *containers, bool exited)
{
    for (const struct tb_json *i = tb_json_first(tb_json_root(containers)); i; i = i->next) {
        const char *rest, *name = tb_json_get_string(i, "name");
        struct past *p = name ? past_of(c, name, &rest) : NULL;
        if (p && !(exited && p->given_up))
            p->alive = true;
    }
}

static void containers(struct cleanup *c, const struct tb_json_doc *exited)
{
    for (const struct tb_json *i = tb_json_first(tb_json_root(exited)); i; i = i->next) {
        const char *rest, *name = tb_json_get_string(i, "name");
        const struct past *p = name ? past_of(c, name, &rest) : NULL;
        if (p && p->final && p->given_up && !p->alive && is_stamp(rest))
            item(c, "container", TB_HB_DOCKER_REMOVE, name, p);
    }
}

/* "-1", "-2", … */
static bool is_number(const char *rest)
{
    size_t n = strlen(rest);
    return n > 1 && n < 5 && rest[0] == '-' && strspn(rest + 1, "0123456789") == n - 1;
}

/* The files of an attempt: its script config has the base's name, its controllers' are numbered. */
static void configs(struct cleanup *c, const struct tb_json_doc *doc, const char *kind,
                    const char *member, enum tb_hb_endpoint endpoint)
{
    bool script = endpoint == TB_HB_SCRIPTS_CONFIG_DELETE;
    for (const struct tb_json *i = tb_json_first(tb_json_root(doc)); i; i = i->next) {
        const char *rest, *name = tb_json_get_string(i, member);
        const struct past *p = name ? past_of(c, name, &rest) : NULL;
        if (p && p->final && !p->alive && (script ? !*rest : is_number(rest)))
            item(c, kind, endpoint, name, p);
    }
}

static bool clean(struct cleanup *c, struct tb_error *err)
{
    struct tb_json_doc *scripts = list(c->b, TB_HB_SCRIPTS_CONFIG_LIST, err);
    struct tb_json_doc *controllers =
        scripts ? list(c->b, TB_HB_CONTROLLERS_CONFIG_LIST, err) : NULL;
    /* After the files, so that no container of a file that is listed can be missing here; and
     * before the attempts, so that one that is called final was final when its container was not
     * there. */
    struct tb_json_doc *active = controllers ? list(c->b, TB_HB_DOCKER_ACTIVE, err) : NULL;
    struct tb_json_doc *exited = active ? list(c->b, TB_HB_DOCKER_EXITED, err) : NULL;
    bool ok = exited && load(c, err);
    if (ok) {
        mark_alive(c, active, false);
        mark_alive(c, exited, true);
        containers(c, exited);
        configs(c, scripts, "script_config", "config_name", TB_HB_SCRIPTS_CONFIG_DELETE);
        configs(c, controllers, "controller_config", "id", TB_HB_CONTROLLERS_CONFIG_DELETE);
    }
    tb_json_free(scripts);
    tb_json_free(controllers);
    tb_json_free(active);
    tb_json_free(exited);
    return ok;
}

bool tb_bots_cleanup(struct tb_bots *bots, bool dry_run, struct tb_buffer *out,
                     struct tb_error *err)
{
    struct cleanup c = {.b = bots, .dry_run = dry_run};
    struct tb_buffer body = TB_BUFFER_INIT;
    bool ok = dry_run || observing_allows(bots, err);

    tb_jw_init(&c.w, &body);
    tb_jw_object(&c.w);
    tb_jw_kv_bool(&c.w, "dry_run", dry_run);
    tb_jw_key(&c.w, "items");
    tb_jw_array(&c.w);
    ok = ok && clean(&c, err);
    tb_jw_end_array(&c.w);
    tb_jw_kv_int(&c.w, "removed", (int64_t)c.removed);
    tb_jw_kv_int(&c.w, "failed", (int64_t)c.failed);
    tb_jw_kv_bool(&c.w, "more", c.more);
    tb_jw_end_object(&c.w);
    if (ok)
        tb_buffer_append(out, body.data, body.len);
    tb_buffer_free(&body);
    free(c.past);
    return ok;
}

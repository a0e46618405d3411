/* Makes the one call that a life step asks for and says what came back: one row per act.
 *
 * Nothing here decides anything; what an outcome means is life.h's. Runs on operation workers
 * without locks; the operation's plan document is read only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bots/bots_private.h"

struct doing {
    struct tb_bots *b;
    const struct operation *op;
    const struct tb_life *life;
    int64_t index;
    struct tb_observation *obs;
};

static const enum tb_result results[] = {
    [TB_HB_DONE] = TB_RES_DONE,       [TB_HB_REFUSED] = TB_RES_REFUSED,
    [TB_HB_FAILED] = TB_RES_FAILED,   [TB_HB_UNSENT] = TB_RES_UNSENT,
    [TB_HB_UNKNOWN] = TB_RES_UNKNOWN,
};

static void took(struct tb_observation *obs, const struct tb_hb_answer *answer,
                 const struct tb_error *err)
{
    obs->result = results[answer->outcome];
    if (obs->result != TB_RES_DONE) {
        obs->code = err->code;
        tb_copy(obs->detail, sizeof obs->detail, err->detail);
    }
}

/* One call; returns the parsed answer, or NULL when it failed or was not JSON. */
static struct tb_json_doc *send(struct doing *d, struct tb_hb_call *call)
{
    struct tb_hb_answer answer;
    struct tb_error err = {0};
    struct tb_json_doc *doc = NULL;

    (void)!tb_hb_call(d->b->hb, call, &answer, &err);
    took(d->obs, &answer, &err);
    if (answer.outcome == TB_HB_DONE) {
        doc = tb_json_parse(answer.body.data ? answer.body.data : "", answer.body.len,
                            TB_JSON_UPSTREAM, &err);
    }
    /* Upstream's own 404 to a delete says that the file is gone, which is what was asked. */
    if (answer.outcome == TB_HB_REFUSED && answer.status == 404)
        d->obs->code = TB_NOT_FOUND;
    tb_hb_answer_free(&answer);
    return doc;
}

static const struct tb_json *plan_root(const struct doing *d)
{
    return d->op->plan ? tb_json_root(d->op->plan) : NULL;
}

static const struct tb_json *file_of(const struct doing *d, int64_t index)
{
    return tb_json_at(tb_json_get(plan_root(d), "files"), (size_t)index);
}

static const char *file_name(const struct tb_json *file)
{
    const char *path = tb_json_get_string(file, "path");
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : "";
}

static bool is_script(const struct doing *d, int64_t index)
{
    return index == d->life->controllers;
}

static void do_images(struct doing *d)
{
    struct tb_hb_call call = {.endpoint = TB_HB_DOCKER_IMAGES,
                              .query = {{"image_name", "hummingbot"}},
                              .queries = 1,
                              .fresh = true};
    struct tb_json_doc *doc = send(d, &call);
    const struct tb_json *list = doc ? tb_json_root(doc) : NULL;
    const char *image = tb_json_get_string(plan_root(d), "image");

    if (tb_json_is(list, TB_JSON_OBJECT))
        list = tb_json_get(list, "available_images");
    for (const struct tb_json *i = tb_json_first(list); i && image; i = i->next)
        d->obs->yes |= tb_json_string(i) && strcmp(tb_json_string(i), image) == 0;
    tb_json_free(doc);
}

static void do_pull(struct doing *d)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "image_name", tb_json_get_string(plan_root(d), "image"));
    tb_jw_end_object(&w);
    tb_json_free(send(d, &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_PULL,
                                              .body = body.data,
                                              .body_len = body.len}));
    tb_buffer_free(&body);
}

static void do_pull_status(struct doing *d)
{
    struct tb_json_doc *doc =
        send(d, &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_PULL_STATUS, .fresh = true});
    const char *image = tb_json_get_string(plan_root(d), "image");
    const struct tb_json *pull =
        doc && image ? tb_json_path(tb_json_root(doc), "pull_operations", image, NULL) : NULL;
    const char *status = tb_json_get_string(pull, "status");

    d->obs->yes = status && strcmp(status, "completed") == 0;
    if (status && strcmp(status, "failed") == 0) {
        d->obs->result = TB_RES_FAILED;
        d->obs->code = TB_UPSTREAM_REFUSED;
        snprintf(d->obs->detail, sizeof d->obs->detail, "Pulling the image failed: %.200s",
                 tb_json_get_string(pull, "error") ? tb_json_get_string(pull, "error")
                                                   : "no reason given");
    }
    tb_json_free(doc);
}

static void do_put(struct doing *d)
{
    int64_t index = d->life->phase == TB_PH_SCRIPT ? d->life->controllers : d->index;
    const struct tb_json *file = file_of(d, index);
    const struct tb_json *bytes = tb_json_get(file, "bytes");
    if (!tb_json_is(bytes, TB_JSON_STRING)) {
        d->obs->result = TB_RES_REFUSED;
        d->obs->code = TB_STORE_FAILED;
        tb_copy(d->obs->detail, sizeof d->obs->detail, "The stored plan has no such file.");
        return;
    }
    tb_json_free(
        send(d, &(struct tb_hb_call){.endpoint = is_script(d, index) ? TB_HB_SCRIPTS_CONFIG_PUT
                                                                     : TB_HB_CONTROLLERS_CONFIG_PUT,
                                     .arg = {file_name(file)},
                                     .body = bytes->text,
                                     .body_len = bytes->len}));
}

bool same_config(const struct tb_json *a, const struct tb_json *b)
{
    double x, y;
    if (!a || !b)
        return false;
    if (a->type == TB_JSON_NUMBER && b->type == TB_JSON_NUMBER)
        return tb_json_double(a, &x) && tb_json_double(b, &y) && !(x < y) && !(x > y);
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case TB_JSON_BOOL:
        return a->boolean == b->boolean;
    case TB_JSON_STRING:
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    case TB_JSON_ARRAY:
        if (a->len != b->len)
            return false;
        for (const struct tb_json *i = a->child, *j = b->child; i; i = i->next, j = j->next)
            if (!same_config(i, j))
                return false;
        return true;
    case TB_JSON_OBJECT:
        if (a->len != b->len)
            return false;
        for (const struct tb_json *i = a->child; i; i = i->next)
            if (!same_config(i, tb_json_get(b, i->key)))
                return false;
        return true;
    default:
        return true;
    }
}

static struct tb_json_doc *read_file(struct doing *d, int64_t index)
{
    return send(d,
                &(struct tb_hb_call){.endpoint = is_script(d, index) ? TB_HB_SCRIPTS_CONFIG_GET
                                                                     : TB_HB_CONTROLLERS_CONFIG_GET,
                                     .arg = {file_name(file_of(d, index))},
                                     .fresh = true});
}

static void do_verify(struct doing *d)
{
    for (int64_t i = 0; i <= d->life->controllers; i++) {
        const struct tb_json *bytes = tb_json_get(file_of(d, i), "bytes");
        struct tb_json_doc *there = read_file(d, i);
        struct tb_error err;
        struct tb_json_doc *ours =
            there && bytes ? tb_json_parse(bytes->text, bytes->len, TB_JSON_UPSTREAM, &err) : NULL;
        d->obs->yes = ours && same_config(tb_json_root(ours), tb_json_root(there));
        tb_json_free(ours);
        tb_json_free(there);
        if (!d->obs->yes) {
            if (d->obs->result == TB_RES_DONE) {
                d->obs->code = TB_UPSTREAM_BROKEN;
                snprintf(d->obs->detail, sizeof d->obs->detail,
                         "What the Hummingbot API stored for %.80s differs from what was sent.",
                         file_name(file_of(d, i)));
            }
            return;
        }
    }
}

/* For builds between 2026-02-25 and 03-27, which lack deploy-v2-script. */
static void controllers_body(struct doing *d, struct tb_buffer *out)
{
    static const char *const limits[] = {"max_global_drawdown_quote",
                                         "max_controller_drawdown_quote", NULL};
    const struct tb_json *deploy = tb_json_get(plan_root(d), "deploy");
    const struct tb_json *bytes = tb_json_get(file_of(d, d->life->controllers), "bytes");
    struct tb_error err;
    struct tb_json_doc *script =
        bytes ? tb_json_parse(bytes->text, bytes->len, TB_JSON_UPSTREAM, &err) : NULL;
    struct tb_json_writer w;

    tb_jw_init(&w, out);
    tb_jw_object(&w);
    tb_jw_kv_node(&w, "instance_name", tb_json_get(deploy, "instance_name"));
    tb_jw_kv_node(&w, "credentials_profile", tb_json_get(deploy, "credentials_profile"));
    tb_jw_kv_node(&w, "image", tb_json_get(deploy, "image"));
    tb_jw_kv_bool(&w, "headless", true);
    tb_jw_kv_node(&w, "controllers_config",
                  script ? tb_json_get(tb_json_root(script), "controllers_config") : NULL);
    for (const char *const *k = limits; *k; k++)
        tb_jw_kv_node(&w, *k, script ? tb_json_get(tb_json_root(script), *k) : NULL);
    tb_jw_end_object(&w);
    tb_json_free(script);
}

static void do_deploy(struct doing *d)
{
    struct tb_hb_profile profile;
    struct tb_error err = {0};
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_json_doc *doc;
    const char *instance;
    bool script;

    if (!tb_hb_profile(d->b->hb, false, &profile, &err)) {
        d->obs->result = TB_RES_UNSENT;
        d->obs->code = err.code;
        tb_copy(d->obs->detail, sizeof d->obs->detail, err.detail);
        return;
    }
    script = profile.deploy_script;
    if (script)
        tb_json_canonical(tb_json_get(plan_root(d), "deploy"), &body);
    else
        controllers_body(d, &body);
    doc = send(d, &(struct tb_hb_call){.endpoint = script ? TB_HB_BOTS_DEPLOY_SCRIPT
                                                          : TB_HB_BOTS_DEPLOY_CONTROLLERS,
                                       .body = body.data,
                                       .body_len = body.len});
    instance = doc ? tb_json_get_string(tb_json_root(doc), "unique_instance_name") : NULL;
    if (instance && strlen(instance) < sizeof d->obs->instance)
        tb_copy(d->obs->instance, sizeof d->obs->instance, instance);
    tb_json_free(doc);
    tb_buffer_free(&body);
}

static void do_look(struct doing *d)
{
    look_for_base(d->b, d->life, d->obs);
}

static void do_remove(struct doing *d)
{
    tb_json_free(send(d, &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_REMOVE,
                                              .arg = {d->life->instance},
                                              .query = {{"archive_locally", "true"}},
                                              .queries = 1}));
}

static void do_delete(struct doing *d)
{
    bool script = d->life->phase == TB_PH_BURN_SCRIPT;
    char name[TB_BASE_NAME + 16];

    if (script)
        tb_copy(name, sizeof name, d->life->base);
    else
        snprintf(name, sizeof name, "%s-%d", d->life->base, (int)d->index + 1);
    tb_json_free(send(d, &(struct tb_hb_call){.endpoint = script ? TB_HB_SCRIPTS_CONFIG_DELETE
                                                                 : TB_HB_CONTROLLERS_CONFIG_DELETE,
                                              .arg = {name}}));
    if (d->obs->result == TB_RES_REFUSED && d->obs->code == TB_NOT_FOUND)
        d->obs->result = TB_RES_DONE;
}

static void do_files_gone(struct doing *d)
{
    d->obs->yes = true;
    for (int64_t i = 0; i <= d->life->controllers; i++) {
        tb_json_free(read_file(d, i));
        if (d->obs->result == TB_RES_REFUSED && d->obs->code == TB_NOT_FOUND)
            continue;
        d->obs->yes = false;
        if (d->obs->result != TB_RES_DONE)
            return;
    }
    d->obs->result = TB_RES_DONE;
}

static void do_root(struct doing *d)
{
    d->obs->prompt = look_prompt(d->b);
    d->obs->result = TB_RES_DONE;
}

static void do_view(struct doing *d)
{
    look_at_instance(d->b, d->life->instance, d->obs);
}

static void do_stop_bot(struct doing *d)
{
    struct tb_buffer body = TB_BUFFER_INIT;
    struct tb_json_writer w;

    tb_jw_init(&w, &body);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "bot_name", d->life->instance);
    tb_jw_kv_bool(&w, "skip_order_cancellation", false);
    tb_jw_kv_bool(&w, "async_backend", false);
    tb_jw_end_object(&w);
    tb_json_free(send(d, &(struct tb_hb_call){.endpoint = TB_HB_BOTS_STOP,
                                              .body = body.data,
                                              .body_len = body.len,
                                              .lane = TB_HB_LANE_STOP}));
    tb_buffer_free(&body);
}

static void do_stop_container(struct doing *d)
{
    tb_json_free(send(d, &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_STOP,
                                              .arg = {d->life->instance},
                                              .lane = TB_HB_LANE_STOP}));
}

static void do_start_container(struct doing *d)
{
    tb_json_free(
        send(d, &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_START, .arg = {d->life->instance}}));
}

/* The defaults of this call are another's, and have changed: everything is said. */
static void do_archive(struct doing *d)
{
    tb_json_free(send(d, &(struct tb_hb_call){.endpoint = TB_HB_BOTS_ARCHIVE,
                                              .arg = {d->life->instance},
                                              .query = {{"skip_order_cancellation", "false"},
                                                        {"archive_locally", "true"}},
                                              .queries = 2}));
}

static void do_archive_view(struct doing *d)
{
    look_at_instance(d->b, d->life->instance, d->obs);
    d->obs->archived = look_archived(d->b, d->life->instance);
}

static void do_nothing(struct doing *d)
{
    (void)d;
}

static void (*const acts[])(struct doing *) = {
    [TB_ACT_NONE] = do_nothing,
    [TB_ACT_IMAGES] = do_images,
    [TB_ACT_PULL] = do_pull,
    [TB_ACT_PULL_STATUS] = do_pull_status,
    [TB_ACT_PUT_CONTROLLER] = do_put,
    [TB_ACT_PUT_SCRIPT] = do_put,
    [TB_ACT_VERIFY_FILES] = do_verify,
    [TB_ACT_DEPLOY] = do_deploy,
    [TB_ACT_LOOK] = do_look,
    [TB_ACT_REMOVE_CONTAINER] = do_remove,
    [TB_ACT_DELETE_SCRIPT] = do_delete,
    [TB_ACT_DELETE_CONTROLLER] = do_delete,
    [TB_ACT_FILES_GONE] = do_files_gone,
    [TB_ACT_ROOT] = do_root,
    [TB_ACT_VIEW] = do_view,
    [TB_ACT_STOP_BOT] = do_stop_bot,
    [TB_ACT_STOP_CONTAINER] = do_stop_container,
    [TB_ACT_START_CONTAINER] = do_start_container,
    [TB_ACT_ARCHIVE] = do_archive,
    [TB_ACT_ARCHIVE_VIEW] = do_archive_view,
};

int64_t upstream_wall_ms(struct tb_bots *b)
{
    struct tb_hb_status status;
    tb_hb_status(b->hb, &status);
    return tb_wall_ms() + status.clock_offset_ms;
}

void execute(struct tb_bots *b, const struct operation *op, const struct tb_life *life,
             struct tb_intent intent, struct tb_observation *obs)
{
    struct doing d = {b, op, life, intent.index, obs};

    *obs = (struct tb_observation){.kind = intent.act == TB_ACT_NONE ? TB_OBS_TICK : TB_OBS_RESULT};
    obs->sent_wall = obs->done_wall = upstream_wall_ms(b);
    acts[intent.act](&d);
    obs->done_wall = upstream_wall_ms(b);
    tb_nonce(obs->fresh_nonce);
}

/* Deploys: the name with its time stamp, the copies, the container, the run row, in the order and
 * with the leftovers of the original. One request with the event loop held. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "simulator/engine.h"
#include "simulator/routes.h"

#define ENGINE_CREATE_MS 60
#define PULL_MS          20000
#define FILE_NAME_MAX    255

struct deploy {
    bool script;
    bool headless;
    char name[SIM_NAME + 32];
    const char *account, *image, *config; /* config may be NULL */
    const struct tb_json *body;
};

static void unique_name(const struct sim_world *w, const char *base, char *out, size_t size)
{
    char stamp[32];
    time_t seconds = (time_t)(w->now / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
    snprintf(out, size, "%s-%s", base, stamp);
}

/* 200, success false: what the Docker SDK raised. */
static void refused(struct sim_call *call, const char *text)
{
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", false);
    tb_jw_kv_string(&call->out, "message", text);
    tb_jw_end_object(&call->out);
}

static bool container_name_ok(const char *name)
{
    return (name[0] >= 'a' && name[0] <= 'z') || (name[0] >= 'A' && name[0] <= 'Z') ||
           (name[0] >= '0' && name[0] <= '9');
}

/* The SDK pulls inside the request; the whole API is frozen meanwhile. */
static bool image_present(struct sim_call *call, const char *image)
{
    if (sim_image_find(call->w, image) != NULL)
        return true;
    if (strncmp(image, "hummingbot/hummingbot:", 22) == 0) {
        sim_freeze(call, PULL_MS);
        sim_image_add(call->w, image, true);
        return true;
    }
    char repository[192];
    tb_copy(repository, sizeof repository, image);
    char *colon = strrchr(repository, ':');
    if (colon != NULL)
        *colon = '\0';
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_printf(
        &text,
        "404 Client Error for http+docker://localhost/v1.51/images/create?tag=%s&"
        "fromImage=%s: Not Found (\"pull access denied for %s, repository does not "
        "exist or may require 'docker login': denied: requested access to the resource "
        "is denied\")",
        colon == NULL ? "latest" : colon + 1, repository, repository);
    refused(call, tb_buffer_text(&text));
    tb_buffer_free(&text);
    return false;
}

static bool name_taken(struct sim_call *call, const char *name)
{
    const struct sim_container *c = sim_container_find(call->w, name);
    struct tb_buffer text = TB_BUFFER_INIT;
    if (!container_name_ok(name))
        tb_buffer_printf(&text,
                         "400 Client Error for http+docker://localhost/v1.51/containers/create?"
                         "name=%s: Bad Request (\"Invalid container name (%s), only "
                         "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed\")",
                         name, name);
    else if (c != NULL)
        tb_buffer_printf(
            &text,
            "409 Client Error for http+docker://localhost/v1.51/containers/create?"
            "name=%s: Conflict (\"Conflict. The container name \"/%s\" is already in "
            "use by container \"%s\". You have to remove (or rename) that container to "
            "be able to reuse that name.\")",
            name, name, c->id);
    if (text.len > 0)
        refused(call, tb_buffer_text(&text));
    bool taken = text.len > 0;
    tb_buffer_free(&text);
    return taken;
}

static struct sim_container *create(struct sim_call *call, const struct deploy *d)
{
    struct sim_container *c = sim_container_add(call->w, d->name, d->image);
    tb_copy(c->account, sizeof c->account, d->account);
    tb_copy(c->script_config, sizeof c->script_config, d->config == NULL ? "" : d->config);
    c->headless = d->headless;
    return c;
}

static void kv_string_or_null(struct tb_json_writer *out, const struct tb_json *body,
                              const char *key)
{
    tb_jw_kv_string(out, key, tb_json_get_string(body, key));
}

/* json.dumps of the request, as the run row keeps it. */
static char *deployment_text(const struct deploy *d)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer out;
    tb_jw_init(&out, &text);
    tb_jw_object(&out);
    tb_jw_kv_string(&out, "instance_name", d->name);
    tb_jw_kv_string(&out, "credentials_profile", d->account);
    if (!d->script) {
        tb_jw_kv_node(&out, "controllers_config", tb_json_get(d->body, "controllers_config"));
        tb_jw_kv_node(&out, "max_global_drawdown_quote",
                      tb_json_get(d->body, "max_global_drawdown_quote"));
        tb_jw_kv_node(&out, "max_controller_drawdown_quote",
                      tb_json_get(d->body, "max_controller_drawdown_quote"));
    }
    tb_jw_kv_string(&out, "image", d->image);
    if (d->script)
        kv_string_or_null(&out, d->body, "script");
    tb_jw_kv_string(&out, "script_config", d->config);
    tb_jw_kv_bool(&out, "headless", d->headless);
    tb_jw_end_object(&out);
    return tb_buffer_steal(&text, NULL);
}

static void add_run(struct sim_world *w, const struct deploy *d)
{
    if (w->database_down) /* swallowed: the bot lives, the row does not */
        return;
    const char *script = tb_json_get_string(d->body, "script");
    const char *strategy = !d->script                            ? "v2_with_controllers"
                           : script != NULL && script[0] != '\0' ? script
                                                                 : "default";
    w->runs = tb_xrealloc(w->runs, (w->run_count + 1) * sizeof *w->runs);
    w->runs[w->run_count++] = (struct sim_run){
        .id = ++w->next_run,
        .name = tb_xstrdup(d->name),
        .deployed = w->now,
        .script = d->script,
        .strategy = tb_xstrdup(strategy),
        .config = d->config == NULL ? NULL : tb_xstrdup(d->config),
        .account = tb_xstrdup(d->account),
        .image = tb_xstrdup(d->image),
        .deployment = deployment_text(d),
    };
}

/* The test's own ways to leave a container behind. True when the answer is made. */
static bool deploy_fault(struct sim_call *call, const struct deploy *d)
{
    if (call->created_fault) {
        create(call, d);
        sim_detail(call, 500, "%s",
                   call->fault_detail != NULL
                       ? call->fault_detail
                       : "('Connection aborted.', RemoteDisconnected('Remote end closed connection "
                         "without response'))");
        return true;
    }
    if (call->engine_timeout_fault) {
        create(call, d)->forgotten = true; /* the engine has it two seconds after the time-out */
        sim_world_job(call->w, call->w->now + 62000, SIM_JOB_CREATE, d->name, NULL);
        sim_freeze(call, 60050);
        sim_detail(call, 500,
                   "UnixHTTPConnectionPool(host='localhost', port=None): Read timed out. (read "
                   "timeout=60)");
        return true;
    }
    return false;
}

/* True when the bot is made and the caller shall write the answer. */
static bool deploy(struct sim_call *call, const struct deploy *d)
{
    struct sim_world *w = call->w;
    /* The folder comes first, even for a profile that does not exist. */
    sim_instance_make(w, d->name);
    if (sim_account_find(w, d->account) == NULL) {
        sim_detail(call, 500, "[Errno 2] No such file or directory: 'bots/credentials/%s'",
                   d->account);
        return false;
    }
    sim_engine_copy(w, d->name, d->config == NULL ? "" : d->config);
    if (w->engine_down) {
        sim_detail(call, 500,
                   "('Connection aborted.', ConnectionRefusedError(111, 'Connection "
                   "refused'))");
        return false;
    }
    if (!image_present(call, d->image) || name_taken(call, d->name))
        return false;
    /* Copying and creating are two instants; the loop is held in between. */
    sim_freeze(call, ENGINE_CREATE_MS);
    if (deploy_fault(call, d))
        return false;
    sim_engine_start(w, create(call, d));
    add_run(w, d);
    return true;
}

static const char *image_of(const struct tb_json *body)
{
    const char *image = tb_json_get_string(body, "image");
    return image == NULL ? "hummingbot/hummingbot:latest" : image;
}

static bool names_ok(struct sim_call *call, const char *config)
{
    if (sim_name_ok(tb_json_get_string(call->body, "instance_name"), false) &&
        sim_name_ok(tb_json_get_string(call->body, "credentials_profile"), false) &&
        (config == NULL || sim_name_ok(config, true)))
        return true;
    sim_crash(call); /* a custom validator's 422 cannot be serialised */
    return false;
}

static void created_message(struct sim_call *call, const char *name)
{
    char text[SIM_NAME + 64];
    snprintf(text, sizeof text, "Instance %s created successfully.", name);
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", true);
    tb_jw_kv_string(&call->out, "message", text);
}

void sim_post_deploy_script(struct sim_call *call)
{
    struct deploy d = {.script = true,
                       .headless = tb_json_true(tb_json_get(call->body, "headless")),
                       .account = tb_json_get_string(call->body, "credentials_profile"),
                       .image = image_of(call->body),
                       .config = tb_json_get_string(call->body, "script_config"),
                       .body = call->body};
    if (!names_ok(call, d.config))
        return;
    unique_name(call->w, tb_json_get_string(call->body, "instance_name"), d.name, sizeof d.name);
    if (!deploy(call, &d))
        return;
    created_message(call, d.name);
    tb_jw_kv_string(&call->out, "unique_instance_name", d.name);
    tb_jw_end_object(&call->out);
}

/* The script config that deploy-v2-controllers writes for itself. */
static void write_generated(struct sim_call *call, const char *name, const struct tb_json *list)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer out;
    tb_jw_init(&out, &text);
    tb_jw_object(&out);
    tb_jw_key(&out, "controllers_config");
    tb_jw_array(&out);
    for (const struct tb_json *e = list->child; e != NULL; e = e->next) {
        char file[SIM_NAME + 8];
        size_t len = strlen(e->text);
        bool yml = len > 4 && strcmp(e->text + len - 4, ".yml") == 0;
        snprintf(file, sizeof file, "%s%s", e->text, yml ? "" : ".yml");
        tb_jw_string(&out, file);
    }
    tb_jw_end_array(&out);
    static const char *const drawdowns[] = {"max_controller_drawdown_quote",
                                            "max_global_drawdown_quote"};
    for (size_t i = 0; i < 2; i++) {
        double value;
        if (tb_json_double(tb_json_get(call->body, drawdowns[i]), &value))
            sim_kv_float(&out, drawdowns[i], value);
    }
    tb_jw_kv_string(&out, "script_file_name", "v2_with_controllers.py");
    tb_jw_end_object(&out);
    sim_shelf_put(&call->w->script_configs, name, tb_buffer_text(&text));
    tb_buffer_free(&text);
}

static bool list_ok(struct sim_call *call, const struct tb_json *list)
{
    for (const struct tb_json *e = list->child; e != NULL; e = e->next) {
        if (tb_json_string(e) == NULL || !sim_name_ok(e->text, true)) {
            sim_crash(call);
            return false;
        }
    }
    return true;
}

void sim_post_deploy_controllers(struct sim_call *call)
{
    const struct tb_json *list = tb_json_get(call->body, "controllers_config");
    char config[SIM_NAME + 40];
    struct deploy d = {.headless = tb_json_true(tb_json_get(call->body, "headless")),
                       .account = tb_json_get_string(call->body, "credentials_profile"),
                       .image = image_of(call->body),
                       .config = config,
                       .body = call->body};
    if (!names_ok(call, NULL) || !list_ok(call, list))
        return;
    const char *base = tb_json_get_string(call->body, "instance_name");
    if (strlen(base) + 16 + 4 > FILE_NAME_MAX) {
        char stamp[40];
        unique_name(call->w, "", stamp, sizeof stamp);
        sim_detail(call, 500, "[Errno 36] File name too long: 'bots/conf/scripts/%s%s.yml'", base,
                   stamp);
        return;
    }
    unique_name(call->w, base, d.name, sizeof d.name);
    snprintf(config, sizeof config, "%s.yml", d.name);
    write_generated(call, d.name, list);
    if (!deploy(call, &d))
        return;
    created_message(call, d.name);
    tb_jw_kv_string(&call->out, "script_config_generated", config);
    tb_jw_kv_node(&call->out, "controllers_deployed", list);
    tb_jw_kv_string(&call->out, "unique_instance_name", d.name);
    tb_jw_end_object(&call->out);
}

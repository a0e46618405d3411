/* The engine's routes. One request with the event loop held; a docker stop blocks it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/bot.h"
#include "simulator/engine.h"
#include "simulator/routes.h"

#define PULL_MS 1500

void sim_get_docker_running(struct sim_call *call)
{
    tb_jw_bool(&call->out, true);
}

static bool name_filtered(const struct sim_call *call, const char *name)
{
    const char *filter = sim_query(call, "name_filter");
    return filter == NULL || strcasestr(name, filter) != NULL;
}

static void list(struct sim_call *call, enum sim_container_state state, const char *word)
{
    struct tb_json_writer *out = &call->out;
    if (call->text_list_fault) {
        sim_bare_string(call, "Error while fetching server API version: ('Connection aborted.', "
                              "ConnectionRefusedError(111, 'Connection refused'))");
        return;
    }
    tb_jw_array(out);
    for (size_t i = 0; i < call->w->container_count; i++) {
        const struct sim_container *c = call->w->containers[i];
        if (c->forgotten || c->state != state || !name_filtered(call, c->name))
            continue;
        tb_jw_object(out);
        tb_jw_kv_string(out, "id", c->id);
        tb_jw_kv_string(out, "name", c->name);
        tb_jw_kv_string(out, "status", word);
        tb_jw_kv_string(out, "image", c->image);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
}

void sim_get_active(struct sim_call *call)
{
    list(call, SIM_RUNNING, "running");
}

void sim_get_exited(struct sim_call *call)
{
    list(call, SIM_EXITED, "exited");
}

void sim_get_images(struct sim_call *call)
{
    const char *filter = sim_query(call, "image_name");
    if (filter == NULL) {
        sim_crash(call); /* the SDK's image objects cannot be serialised */
        return;
    }
    tb_jw_array(&call->out);
    for (size_t i = 0; i < call->w->image_count; i++) {
        if (strstr(call->w->images[i].name, filter) != NULL)
            tb_jw_string(&call->out, call->w->images[i].name);
    }
    tb_jw_end_array(&call->out);
}

static struct sim_container *container_or_text(struct sim_call *call)
{
    const char *name = call->arg[0];
    struct sim_container *c = sim_container_find(call->w, name);
    if (c == NULL)
        sim_bare_string(
            call,
            "404 Client Error for http+docker://localhost/v1.51/containers/%s/json: Not "
            "Found (\"No such container: %s\")",
            name, name);
    return c;
}

void sim_post_stop_container(struct sim_call *call)
{
    struct sim_container *c = container_or_text(call);
    if (c == NULL)
        return;
    if (c->state == SIM_RUNNING) {
        sim_freeze(call, SIM_STOP_GRACE_MS);
        if (!c->stubborn)
            sim_bot_kill(call->w, c);
    }
    tb_jw_null(&call->out);
}

void sim_post_start_container(struct sim_call *call)
{
    struct sim_container *c = container_or_text(call);
    if (c == NULL)
        return;
    if (c->state != SIM_RUNNING)
        sim_engine_start(call->w, c);
    tb_jw_null(&call->out);
}

void sim_post_remove_container(struct sim_call *call)
{
    const char *name = call->arg[0];
    if (strncmp(name, "hummingbot-", 11) != 0) {
        sim_detail(call, 400,
                   "This endpoint only removes Hummingbot containers. Container '%s' is not a "
                   "Hummingbot container.",
                   name);
        return;
    }
    struct sim_container *c = sim_container_find(call->w, name);
    bool folder = sim_instance_find(call->w, name) != NULL;
    if (folder)
        sim_instance_archive(call->w, name);
    if (c != NULL)
        sim_container_remove(call->w, c);
    if (!folder) {
        sim_detail(call, 500, "[Errno 2] No such file or directory: 'bots/instances/%s'", name);
        return;
    }
    char text[SIM_NAME + 64];
    snprintf(text, sizeof text, "Container %s removed successfully.", name);
    tb_jw_object(&call->out);
    tb_jw_kv_bool(&call->out, "success", true);
    tb_jw_kv_string(&call->out, "message", text);
    tb_jw_end_object(&call->out);
}

void sim_post_clean_exited(struct sim_call *call)
{
    for (size_t i = call->w->container_count; i > 0; i--) {
        struct sim_container *c = call->w->containers[i - 1];
        if (!c->forgotten && c->state != SIM_RUNNING)
            sim_container_remove(call->w, c);
    }
    tb_jw_null(&call->out);
}

/* ---- pulls ---- */

static bool pull_done(const struct sim_world *w, const struct sim_pull *pull)
{
    return w->now - pull->started >= PULL_MS;
}

void sim_post_pull(struct sim_call *call)
{
    struct sim_world *w = call->w;
    struct tb_json_writer *out = &call->out;
    const char *image = tb_json_get_string(call->body, "image_name");
    char text[256];
    struct sim_pull *pull = NULL;
    for (size_t i = 0; i < w->pull_count; i++) {
        if (strcmp(w->pulls[i].image, image) == 0)
            pull = &w->pulls[i];
    }
    bool again = pull != NULL && !pull_done(w, pull);
    if (pull == NULL) {
        w->pulls = tb_xrealloc(w->pulls, (w->pull_count + 1) * sizeof *w->pulls);
        pull = &w->pulls[w->pull_count++];
        tb_copy(pull->image, sizeof pull->image, image);
    }
    if (!again) {
        pull->started = w->now;
        pull->known = strncmp(image, "hummingbot/", 11) == 0 || sim_image_find(w, image) != NULL;
        if (pull->known && strncmp(image, "hummingbot/hummingbot:", 22) == 0)
            sim_image_add(w, image, true);
    }
    snprintf(text, sizeof text, "%s for %s", again ? "Pull already in progress" : "Pull started",
             image);
    tb_jw_object(out);
    tb_jw_kv_string(out, "message", text);
    tb_jw_kv_string(out, "status", again ? "in_progress" : "started");
    if (again)
        sim_kv_float(out, "started_at", (double)pull->started / 1000);
    tb_jw_kv_string(out, "image_name", image);
    tb_jw_end_object(out);
}

static void write_pull(const struct sim_world *w, struct tb_json_writer *out,
                       const struct sim_pull *pull)
{
    bool done = pull_done(w, pull);
    char text[256];
    tb_jw_key(out, pull->image);
    tb_jw_object(out);
    tb_jw_kv_string(out, "status", !done ? "pulling" : pull->known ? "completed" : "failed");
    sim_kv_float(out, "started_at", (double)pull->started / 1000);
    if (!done) {
        tb_jw_kv_string(out, "progress", "Starting pull...");
    } else {
        sim_kv_float(out, "completed_at", (double)(pull->started + PULL_MS) / 1000);
        if (pull->known) {
            tb_jw_key(out, "result");
            tb_jw_object(out);
            tb_jw_kv_bool(out, "success", true);
            tb_jw_kv_string(out, "image", pull->image);
            snprintf(text, sizeof text, "<Image: '%s'>", pull->image);
            tb_jw_kv_string(out, "result", text);
            tb_jw_end_object(out);
        } else {
            tb_jw_kv_string(out, "error", "pull access denied");
        }
    }
    sim_kv_float(out, "duration_seconds",
                 done ? PULL_MS / 1000.0 : (double)(w->now - pull->started) / 1000);
    tb_jw_end_object(out);
}

void sim_get_pull_status(struct sim_call *call)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_key(out, "pull_operations");
    tb_jw_object(out);
    for (size_t i = 0; i < call->w->pull_count; i++)
        write_pull(call->w, out, &call->w->pulls[i]);
    tb_jw_end_object(out);
    tb_jw_kv_int(out, "total_operations", (int64_t)call->w->pull_count);
    tb_jw_end_object(out);
}

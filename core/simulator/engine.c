/* Containers, instance folders, archives and images. Called with the world's mutex held. */
#include "simulator/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/bot.h"

#define GROW(array, count) ((array) = tb_xrealloc((array), ((count) + 1) * sizeof *(array)))

void sim_base_name(const char *container, char out[SIM_NAME])
{
    tb_copy(out, SIM_NAME, container);
    size_t len = strlen(out);
    if (len <= 16 || out[len - 16] != '-' || out[len - 7] != '-')
        return;
    for (size_t i = len - 15; i < len; i++) {
        if (i != len - 7 && (out[i] < '0' || out[i] > '9'))
            return;
    }
    out[len - 16] = '\0';
}

struct sim_container *sim_container_find(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->container_count; i++) {
        if (!w->containers[i]->forgotten && strcmp(w->containers[i]->name, name) == 0)
            return w->containers[i];
    }
    return NULL;
}

static void count_made(struct sim_world *w, const char *name)
{
    char base[SIM_NAME], text[24];
    sim_base_name(name, base);
    const char *old = sim_shelf_get(&w->made, base);
    snprintf(text, sizeof text, "%ld", (old == NULL ? 0 : strtol(old, NULL, 10)) + 1);
    sim_shelf_put(&w->made, base, text);
}

struct sim_container *sim_container_add(struct sim_world *w, const char *name, const char *image)
{
    struct sim_container *c = tb_xcalloc(1, sizeof *c);
    for (size_t i = 0; i < 64; i++)
        c->id[i] = "0123456789abcdef"[sim_random_next(&w->random) & 15];
    tb_copy(c->name, sizeof c->name, name);
    tb_copy(c->image, sizeof c->image, image);
    c->created = w->now;
    GROW(w->containers, w->container_count);
    w->containers[w->container_count++] = c;
    count_made(w, name);
    return c;
}

void sim_container_remove(struct sim_world *w, struct sim_container *container)
{
    for (size_t i = 0; i < w->container_count; i++) {
        if (w->containers[i] != container)
            continue;
        memmove(&w->containers[i], &w->containers[i + 1],
                (w->container_count - i - 1) * sizeof(struct sim_container *));
        w->container_count--;
        break;
    }
    sim_bot_clear(w, container);
    free(container);
}

struct sim_instance *sim_instance_find(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->instance_count; i++) {
        if (strcmp(w->instances[i]->name, name) == 0)
            return w->instances[i];
    }
    return NULL;
}

struct sim_instance *sim_instance_make(struct sim_world *w, const char *name)
{
    struct sim_instance *i = sim_instance_find(w, name);
    if (i != NULL)
        return i;
    i = tb_xcalloc(1, sizeof *i);
    tb_copy(i->name, sizeof i->name, name);
    i->created = w->now;
    GROW(w->instances, w->instance_count);
    w->instances[w->instance_count++] = i;
    return i;
}

void sim_instance_forget(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->instance_count; i++) {
        struct sim_instance *instance = w->instances[i];
        if (strcmp(instance->name, name) != 0)
            continue;
        memmove(&w->instances[i], &w->instances[i + 1],
                (w->instance_count - i - 1) * sizeof(struct sim_instance *));
        w->instance_count--;
        sim_shelf_clear(&instance->scripts);
        sim_shelf_clear(&instance->controllers);
        free(instance);
        return;
    }
}

const struct sim_image *sim_image_find(const struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->image_count; i++) {
        if (strcmp(w->images[i].name, name) == 0)
            return &w->images[i];
    }
    return NULL;
}

void sim_image_add(struct sim_world *w, const char *name, bool bot)
{
    for (size_t i = 0; i < w->image_count; i++) {
        if (strcmp(w->images[i].name, name) == 0) {
            w->images[i].bot = bot;
            return;
        }
    }
    GROW(w->images, w->image_count);
    struct sim_image *image = &w->images[w->image_count++];
    memset(image, 0, sizeof *image);
    tb_copy(image->name, sizeof image->name, name);
    image->bot = bot;
}

void sim_engine_start(struct sim_world *w, struct sim_container *c)
{
    c->state = SIM_RUNNING;
    c->exit_code = 0;
    const struct sim_image *image = sim_image_find(w, c->image);
    sim_bot_start(w, c, image != NULL && !image->bot);
}

void sim_engine_exited(struct sim_world *w, struct sim_container *c, int exit_code)
{
    (void)w;
    c->bot.alive = false;
    c->state = SIM_EXITED;
    c->exit_code = exit_code;
}

void sim_engine_created_late(struct sim_world *w, const char *name)
{
    for (size_t i = 0; i < w->container_count; i++) {
        if (w->containers[i]->forgotten && strcmp(w->containers[i]->name, name) == 0)
            w->containers[i]->forgotten = false;
    }
}

/* ---- what a deploy copies ---- */

static void copy_controllers(struct sim_world *w, struct sim_instance *instance,
                             const struct tb_json *list)
{
    instance->has_controllers = list != NULL && list->len > 0;
    for (const struct tb_json *e = list == NULL ? NULL : list->child; e != NULL; e = e->next) {
        const char *file = tb_json_string(e);
        size_t len = file == NULL ? 0 : strlen(file);
        if (len <= 4 || strcmp(file + len - 4, ".yml") != 0)
            continue;
        char *name = tb_xstrndup(file, len - 4);
        const char *text = sim_shelf_get(&w->controller_configs, name);
        if (text != NULL)
            sim_shelf_put(&instance->controllers, name, text);
        free(name);
    }
}

void sim_engine_copy(struct sim_world *w, const char *name, const char *script_config)
{
    struct sim_instance *instance = sim_instance_make(w, name);
    sim_shelf_clear(&instance->scripts);
    sim_shelf_clear(&instance->controllers);
    instance->has_controllers = false;
    size_t len = strlen(script_config);
    if (len <= 4 || strcmp(script_config + len - 4, ".yml") != 0)
        return;
    char *stem = tb_xstrndup(script_config, len - 4);
    const char *text = sim_shelf_get(&w->script_configs, stem);
    free(stem);
    if (text == NULL)
        return;
    sim_shelf_put(&instance->scripts, script_config, text);
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, NULL);
    copy_controllers(w, instance, tb_json_get(tb_json_root(doc), "controllers_config"));
    tb_json_free(doc);
}

/* ---- the end of stop-and-archive ---- */

void sim_engine_archive_stop(struct sim_world *w, const char *name)
{
    struct sim_view *view = sim_view_find(w, name);
    struct sim_container *c = sim_container_find(w, name);
    if (w->engine_down || c == NULL) { /* the background task dies; nobody hears of it */
        if (view != NULL) {
            view->stopping = view->active = false;
            sim_view_forget(view);
        }
        return;
    }
    /* docker stop: pid 1 ignores SIGTERM, so it takes the whole grace time, on the event loop. */
    if (c->state == SIM_RUNNING)
        w->frozen_until = w->now + SIM_STOP_GRACE_MS;
    sim_world_job(w, w->now + (c->state == SIM_RUNNING ? SIM_STOP_GRACE_MS : 0),
                  SIM_JOB_ARCHIVE_FINISH, name, NULL);
}

void sim_engine_archive_finish(struct sim_world *w, const char *name)
{
    struct sim_container *c = sim_container_find(w, name);
    struct sim_view *view = sim_view_find(w, name);
    if (view != NULL)
        view->stopping = false;
    if (c != NULL && c->stubborn)
        return; /* it is given up, and nobody hears of it */
    if (c != NULL) {
        sim_engine_exited(w, c, 137);
        sim_instance_archive(w, name);
        sim_container_remove(w, c);
    }
    for (size_t i = w->run_count; i > 0; i--) {
        if (strcmp(w->runs[i - 1].name, name) == 0 && !w->database_down) {
            w->runs[i - 1].archived = true;
            break;
        }
    }
}

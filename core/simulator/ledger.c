/* The ledger: every write that arrived, whether it executed, and what stands in the world because
 * of it. What lifecycle tests judge with. With the host's mutex held. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "simulator/host.h"

#define WRITES_MAX 20000 /* then the older half is forgotten: a demo may run for weeks */

static void forget_oldest(struct sim_host *host, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        free(host->writes[i].method);
        free(host->writes[i].path);
        free(host->writes[i].query);
    }
    host->write_count -= count;
    host->writes_forgotten += count;
    memmove(host->writes, host->writes + count, host->write_count * sizeof *host->writes);
}

size_t sim_ledger_add(struct sim_host *host, const struct tb_http_request *req,
                      enum sim_fault_kind fault)
{
    if (host->write_count == WRITES_MAX)
        forget_oldest(host, WRITES_MAX / 2);
    host->writes = tb_xrealloc(host->writes, (host->write_count + 1) * sizeof *host->writes);
    struct sim_write *entry = &host->writes[host->write_count++];
    *entry = (struct sim_write){.at = host->world.now,
                                .method = tb_xstrdup(req->method),
                                .path = tb_xstrdup(req->target),
                                .query = tb_xstrdup(req->query_string),
                                .fault = fault};
    tb_sha256_hex(req->body == NULL ? "" : req->body, req->body_len, entry->body);
    return host->writes_forgotten + host->write_count - 1;
}

struct sim_write *sim_ledger_at(struct sim_host *host, size_t id)
{
    if (id < host->writes_forgotten || id - host->writes_forgotten >= host->write_count)
        return NULL;
    return &host->writes[id - host->writes_forgotten];
}

void sim_ledger_forget(struct sim_host *host)
{
    forget_oldest(host, host->write_count);
}

static void kv_time_or_null(struct tb_json_writer *out, const char *key, int64_t at)
{
    if (at == 0)
        tb_jw_kv_string(out, key, NULL);
    else
        tb_jw_kv_int(out, key, at);
}

static void write_writes(struct sim_host *host, struct tb_json_writer *out)
{
    tb_jw_key(out, "writes");
    tb_jw_array(out);
    for (size_t i = 0; i < host->write_count; i++) {
        const struct sim_write *e = &host->writes[i];
        tb_jw_object(out);
        tb_jw_kv_int(out, "id", (int64_t)(host->writes_forgotten + i));
        tb_jw_kv_int(out, "at_ms", e->at);
        kv_time_or_null(out, "executed_at_ms", e->executed_at);
        tb_jw_kv_string(out, "method", e->method);
        tb_jw_kv_string(out, "path", e->path);
        tb_jw_kv_string(out, "query", e->query);
        tb_jw_kv_string(out, "body_sha256", e->body);
        tb_jw_kv_bool(out, "executed", e->executed_at != 0);
        tb_jw_kv_bool(out, "answered", e->answered);
        tb_jw_kv_int(out, "status", e->status);
        tb_jw_kv_string(out, "fault", sim_fault_word(e->fault));
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
}

static void write_names(struct tb_json_writer *out, const char *key, const struct sim_shelf *shelf)
{
    tb_jw_key(out, key);
    tb_jw_array(out);
    for (size_t i = 0; i < shelf->count; i++)
        tb_jw_string(out, shelf->files[i].name);
    tb_jw_end_array(out);
}

static void write_files(struct sim_world *w, struct tb_json_writer *out)
{
    tb_jw_key(out, "files");
    tb_jw_object(out);
    write_names(out, "scripts_configs", &w->script_configs);
    write_names(out, "controllers_configs", &w->controller_configs);
    tb_jw_key(out, "instances");
    tb_jw_array(out);
    for (size_t i = 0; i < w->instance_count; i++)
        tb_jw_string(out, w->instances[i]->name);
    tb_jw_end_array(out);
    tb_jw_key(out, "archived");
    tb_jw_array(out);
    for (size_t i = 0; i < w->archive_count; i++)
        tb_jw_string(out, w->archives[i].name);
    tb_jw_end_array(out);
    tb_jw_end_object(out);
}

static void write_containers(struct sim_world *w, struct tb_json_writer *out)
{
    static const char *const states[] = {"created", "running", "exited"};
    tb_jw_key(out, "containers");
    tb_jw_array(out);
    for (size_t i = 0; i < w->container_count; i++) {
        const struct sim_container *c = w->containers[i];
        tb_jw_object(out);
        tb_jw_kv_string(out, "name", c->name);
        tb_jw_kv_string(out, "state", c->forgotten ? "forgotten" : states[c->state]);
        tb_jw_kv_string(out, "image", c->image);
        if (c->state == SIM_EXITED)
            tb_jw_kv_int(out, "exit_code", c->exit_code);
        else
            tb_jw_kv_string(out, "exit_code", NULL);
        tb_jw_kv_string(out, "last_words", c->bot.death[0] == '\0' ? NULL : c->bot.death);
        tb_jw_end_object(out);
    }
    tb_jw_end_array(out);
}

static unsigned alive_of(const struct sim_world *w, const char *base)
{
    unsigned count = 0;
    for (size_t i = 0; i < w->container_count; i++) {
        char other[SIM_NAME];
        sim_base_name(w->containers[i]->name, other);
        count += w->containers[i]->bot.alive && strcmp(other, base) == 0;
    }
    return count;
}

static void write_instances(struct sim_world *w, struct tb_json_writer *out)
{
    tb_jw_key(out, "instances");
    tb_jw_object(out);
    for (size_t i = 0; i < w->made.count; i++)
        tb_jw_kv_int(out, w->made.files[i].name, strtol(w->made.files[i].text, NULL, 10));
    tb_jw_end_object(out);
    tb_jw_key(out, "alive");
    tb_jw_object(out);
    for (size_t i = 0; i < w->made.count; i++)
        tb_jw_kv_int(out, w->made.files[i].name, alive_of(w, w->made.files[i].name));
    tb_jw_end_object(out);
    tb_jw_key(out, "trading");
    tb_jw_array(out);
    for (size_t i = 0; i < w->container_count; i++) {
        const struct sim_bot *b = &w->containers[i]->bot;
        if (b->alive &&
            (b->strategy == SIM_STRATEGY_RUNNING || b->strategy == SIM_STRATEGY_STOPPING))
            tb_jw_string(out, w->containers[i]->name);
    }
    tb_jw_end_array(out);
}

void sim_ledger_write(struct sim_host *host, struct tb_json_writer *out)
{
    struct sim_world *w = &host->world;
    tb_jw_object(out);
    tb_jw_kv_int(out, "now_ms", w->now);
    write_writes(host, out);
    tb_jw_kv_int(out, "deploys_delivered", (int64_t)host->deploys_delivered);
    tb_jw_kv_int(out, "deploys_executed", (int64_t)host->deploys_executed);
    write_instances(w, out);
    tb_jw_kv_int(out, "orphan_orders", (int64_t)w->orphan_orders);
    write_files(w, out);
    write_containers(w, out);
    tb_jw_end_object(out);
}

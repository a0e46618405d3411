/* `check` on plugins: do they load, and does what serves come from the folder? A running bridge is
 * asked, since it alone may read its store; else the store is opened and nothing is written. Main
 * thread. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/embed.h"
#include "commands/check_private.h"
#include "commands/plugin.h"
#include "plugins/host.h"
#include "store/store.h"

/* {plugins: […]} as the running bridge lists them. */
static struct tb_json_doc *ask_list(const struct settings *s, struct tb_error *err)
{
    struct tb_buffer answer = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;
    int status = 0;
    char *admin = place_admin_token(s, false, NULL, err);
    if (admin && ask_bridge(s, "GET", "/plugins", admin, NULL, &status, &answer, err)) {
        if (status == 200)
            doc = tb_json_parse(answer.data, answer.len, TB_JSON_UPSTREAM, err);
        else
            (void)tb_fail(err, TB_STATE, "it answers %d", status);
    }
    tb_buffer_free(&answer);
    free(admin);
    return doc;
}

static struct tb_json_doc *read_list(const struct settings *s, struct tb_store *store,
                                     struct tb_error *err)
{
    struct tb_buffer list = TB_BUFFER_INIT;
    struct tb_json_doc *doc = NULL;
    struct tb_plugins *host = tb_plugins_open(
        &(struct tb_plugins_config){
            .dir = place_plugins(s),
            .sdk = tb_sdk_files,
            .shipped = tb_shipped_files,
            .arenas = 1,
            .store = store,
            .look_only = true,
            .lane = place_saves_drafts(s) ? TB_LANE_DRAFT : TB_LANE_LIVE,
        },
        err);
    if (host) {
        tb_plugins_list(host, &list);
        doc = tb_json_parse(list.data, list.len, TB_JSON_UPSTREAM, err);
    }
    tb_plugins_close(host);
    tb_buffer_free(&list);
    return doc;
}

static struct tb_json_doc *list_of(const struct settings *s, struct tb_error *err)
{
    const char *path = settings_text(s, SET_STORE);
    struct tb_json_doc *doc = NULL;
    struct tb_store *store = tb_store_open(path, err);
    if (store) {
        doc = read_list(s, store, err);
        tb_store_close(store);
    } else if (err->code == TB_BUSY) {
        doc = ask_list(s, err);
    }
    return doc;
}

/* What is in the folder and does not serve. */
static void check_shadowed(struct check *check)
{
    struct tb_error err = {0};
    if (access(settings_text(check->settings, SET_STORE), F_OK) != 0)
        return; /* no version was ever kept */
    struct tb_json_doc *doc = list_of(check->settings, &err);
    if (!doc)
        check_line(check, CHECK_WARN, "see GET /plugins of the bridge",
                   "plugins: which versions serve is not known: %s", err.detail);
    const struct tb_json *all = doc ? tb_json_get(tb_json_root(doc), "plugins") : NULL;
    for (const struct tb_json *p = tb_json_first(all); p; p = p->next) {
        const char *name = tb_json_get_string(p, "name");
        const char *why = tb_json_get_string(p, "shadowed");
        const char *draft = tb_json_get_string(tb_json_get(p, "draft"), "hash");
        if (why)
            check_line(check, CHECK_WARN, NULL, "plugins: %s: %s", name, why);
        else if (draft)
            check_line(check, CHECK_OK, NULL,
                       "plugins: %s: the draft %s waits for POST /plugins/%s/activate", name, draft,
                       name);
    }
    tb_json_free(doc);
}

void check_plugins(struct check *check)
{
    const char *dir = place_plugins(check->settings);
    struct plugin_report report = {0};
    struct tb_error err = {0};
    if (!plugin_report(dir, NULL, &report, &err))
        check_line(check, CHECK_FAIL, "see BRIDGE_PLUGINS", "plugins: %s", err.detail);
    else if (report.bad > 0)
        check_line(check, CHECK_FAIL, "`trading-bridge plugin check` shows file and line",
                   "plugins: %u of %u in %s do not load", report.bad, report.good + report.bad,
                   dir);
    else if (report.good == 0)
        check_line(check, CHECK_FAIL, "put plugins there or change BRIDGE_PLUGINS",
                   "plugins: there is none in %s", dir);
    else
        check_line(check, CHECK_OK, NULL, "plugins: %u load from %s", report.good, dir);
    tb_buffer_free(&report.text);
    check_shadowed(check);
}

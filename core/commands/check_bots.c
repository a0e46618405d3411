/* What the API tells of scripts and bots, held against what it must tell if bots really trade.
 * Every line stands for something that was once believed because upstream said "success": a script
 * that nothing runs, a container nobody has discovered, a name or document of another shape, a bot
 * that runs because somebody asked. Reads only; looks at all bots, also those the bridge did not
 * make. Main thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "commands/check_private.h"

#define SCRIPT        "v2_with_controllers" /* what runs the controllers of every plan */
#define STAMP         16                    /* "-YYYYMMDD-HHMMSS" */
#define NONCE         9                     /* "-0123abcd" */
#define NAMES_SHOWN   5
#define DISCOVERED_MS 3000 /* the API looks for new containers once a second */
#define RUNS          "500"

/* What was read; a member is NULL when that could not be (its failure has had its line). */
struct scene {
    struct tb_json_doc *scripts, *configs, *controllers, *active, *exited, *runs, *status;
};

/* ---- reading ---- */

static struct tb_json_doc *read_or_say(struct check *check, struct tb_hb *hb, const char *subject,
                                       const struct tb_hb_call *call)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = check_read(hb, call, &err);
    if (!doc)
        check_error(check, subject, &err);
    return doc;
}

static void read_bots(struct check *check, struct tb_hb *hb, struct scene *scene)
{
    scene->active =
        read_or_say(check, hb, "containers", &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_ACTIVE});
    scene->status = read_or_say(check, hb, "status document",
                                &(struct tb_hb_call){.endpoint = TB_HB_BOTS_STATUS});
}

static void read_scene(struct check *check, struct tb_hb *hb, struct scene *scene)
{
    scene->scripts =
        read_or_say(check, hb, "script", &(struct tb_hb_call){.endpoint = TB_HB_SCRIPTS_LIST});
    scene->configs = read_or_say(check, hb, "script",
                                 &(struct tb_hb_call){.endpoint = TB_HB_SCRIPTS_CONFIG_LIST});
    scene->controllers = read_or_say(
        check, hb, "script", &(struct tb_hb_call){.endpoint = TB_HB_CONTROLLERS_CONFIG_LIST});
    scene->exited =
        read_or_say(check, hb, "containers", &(struct tb_hb_call){.endpoint = TB_HB_DOCKER_EXITED});
    scene->runs =
        read_or_say(check, hb, "bot runs",
                    &(struct tb_hb_call){
                        .endpoint = TB_HB_BOTS_RUNS, .query = {{"limit", RUNS}}, .queries = 1});
    read_bots(check, hb, scene);
}

static void scene_free(struct scene *scene)
{
    tb_json_free(scene->scripts);
    tb_json_free(scene->configs);
    tb_json_free(scene->controllers);
    tb_json_free(scene->active);
    tb_json_free(scene->exited);
    tb_json_free(scene->runs);
    tb_json_free(scene->status);
}

static const struct tb_json *items(const struct tb_json_doc *doc)
{
    return doc ? tb_json_first(tb_json_root(doc)) : NULL;
}

/* ---- names ---- */

/* Upstream writes the same file with and without its ending. */
static bool same_file(const char *a, const char *b, const char *ending)
{
    size_t n = strlen(ending), m = strlen(a), k = strlen(b);
    m -= m > n && strcmp(a + m - n, ending) == 0 ? n : 0;
    k -= k > n && strcmp(b + k - n, ending) == 0 ? n : 0;
    return m == k && strncmp(a, b, m) == 0;
}

/* Is there such a file in a list of names, or of objects with their name under `key`? */
static bool has_file(const struct tb_json_doc *doc, const char *key, const char *name,
                     const char *ending)
{
    for (const struct tb_json *i = items(doc); i; i = i->next) {
        const char *there = key ? tb_json_get_string(i, key) : tb_json_string(i);
        if (there && same_file(there, name, ending))
            return true;
    }
    return false;
}

static bool matches(const char *text, const char *shape)
{
    for (; *shape; text++, shape++) {
        bool digit = *text >= '0' && *text <= '9';
        bool hex = digit || (*text >= 'a' && *text <= 'f');
        if (*shape == '0' ? !digit : *shape == 'x' ? !hex : *text != *shape)
            return false;
    }
    return *text == '\0';
}

static bool has_stamp(const char *name)
{
    size_t len = strlen(name);
    return len > STAMP && matches(name + len - STAMP, "-00000000-000000");
}

/* A base name of the bridge's own that nothing was appended to. */
static bool is_bare_base(const char *name)
{
    size_t len = strlen(name);
    return strncmp(name, "hummingbot-", 11) == 0 && len > 11 + NONCE &&
           matches(name + len - NONCE, "-xxxxxxxx");
}

static bool is_bot(const struct tb_json *container)
{
    const char *name = tb_json_get_string(container, "name");
    const char *image = tb_json_get_string(container, "image");
    return name && (has_stamp(name) || (image && strstr(image, "/hummingbot:")));
}

/* Names for one line, the first few of them. */
struct names {
    struct tb_buffer text;
    unsigned n;
};

static void names_add(struct names *names, const char *format, ...) TB_PRINTF(2, 3);

static void names_add(struct names *names, const char *format, ...)
{
    va_list args;
    if (names->n++ >= NAMES_SHOWN) {
        if (names->n == NAMES_SHOWN + 1)
            tb_buffer_puts(&names->text, ", …");
        return;
    }
    if (names->n > 1)
        tb_buffer_puts(&names->text, ", ");
    va_start(args, format);
    tb_buffer_vprintf(&names->text, format, args);
    va_end(args);
}

/* The line, if there is anything to say. */
static void names_say(struct check *check, enum verdict verdict, const char *remedy,
                      const char *what, struct names *names)
{
    if (names->n)
        check_line(check, verdict, remedy, "%s: %s", what, tb_buffer_text(&names->text));
    tb_buffer_free(&names->text);
}

/* ---- scripts: a name in a deploy that upstream has no file for is a silent "success" ---- */

static void check_script(struct check *check, const struct scene *scene)
{
    if (!scene->scripts)
        return;
    if (has_file(scene->scripts, NULL, SCRIPT, ".py"))
        check_line(check, CHECK_OK, NULL, "script: the API has `" SCRIPT "`, which runs every bot");
    else
        check_line(check, CHECK_FAIL,
                   "put bots/scripts/" SCRIPT ".py of hummingbot-api back (an empty volume over "
                   "bots/ hides it)",
                   "script: the API has no `" SCRIPT
                   "`: a deploy would say success and trade nothing");
}

static void check_configs(struct check *check, const struct scene *scene)
{
    struct names scripts = {.n = 0}, controllers = {.n = 0};
    for (const struct tb_json *c = items(scene->configs); c; c = c->next) {
        const char *config = tb_json_get_string(c, "config_name");
        const char *script = tb_json_get_string(c, "script_file_name");
        if (!config)
            continue;
        if (scene->scripts && (!script || !has_file(scene->scripts, NULL, script, ".py")))
            names_add(&scripts, "%.100s (%.60s)", config, script ? script : "none");
        for (const struct tb_json *f = tb_json_first(tb_json_get(c, "controllers_config"));
             f && scene->controllers; f = f->next) {
            const char *file = tb_json_string(f);
            if (file && !has_file(scene->controllers, "id", file, ".yml"))
                names_add(&controllers, "%.100s (%.100s)", config, file);
        }
    }
    names_say(check, CHECK_WARN, "upload the script, or delete the config; no bot trades with it",
              "script: a script config names a script that the API does not have", &scripts);
    names_say(check, CHECK_WARN,
              "upload the controller config, or delete the script config; no bot starts with it",
              "script: a script config names a controller config that the API does not have",
              &controllers);
}

/* ---- bots ---- */

static const struct tb_json *status_of(const struct scene *scene, const char *name)
{
    const struct tb_json *root = scene->status ? tb_json_root(scene->status) : NULL;
    return tb_json_path(root, "data", name, NULL);
}

/* The newest run of this instance; the API lists them newest first. */
static const struct tb_json *run_of(const struct scene *scene, const char *name)
{
    const struct tb_json *root = scene->runs ? tb_json_root(scene->runs) : NULL;
    for (const struct tb_json *r = tb_json_first(tb_json_get(root, "data")); r; r = r->next) {
        const char *instance = tb_json_get_string(r, "instance_name");
        if (instance && strcmp(instance, name) == 0)
            return r;
    }
    return NULL;
}

static bool reports(const struct tb_json *slice)
{
    const struct tb_json *performance = tb_json_get(slice, "performance");
    for (const struct tb_json *c = tb_json_first(performance); c; c = c->next) {
        const struct tb_json *figures = tb_json_get(c, "performance");
        if (tb_json_is(figures, TB_JSON_OBJECT) && figures->len > 0)
            return true;
    }
    return false;
}

static bool undiscovered(const struct scene *scene, struct names *out)
{
    for (const struct tb_json *c = items(scene->active); c; c = c->next) {
        const char *name = tb_json_get_string(c, "name");
        const struct tb_json *slice = is_bot(c) ? status_of(scene, name) : NULL;
        const char *word = tb_json_get_string(slice, "status");
        if (is_bot(c) && (!word || strcmp(word, "not_found") == 0))
            names_add(out, "%.120s", name);
    }
    return out->n > 0;
}

/* The API needs a moment to find a new container, so one look is not enough to blame it. */
static void check_discovered(struct check *check, struct tb_hb *hb, struct scene *scene)
{
    struct names unseen = {.n = 0};
    if (!scene->active || !scene->status)
        return;
    if (undiscovered(scene, &unseen)) {
        tb_buffer_free(&unseen.text);
        unseen = (struct names){.n = 0};
        tb_sleep_ms(DISCOVERED_MS);
        tb_json_free(scene->active);
        tb_json_free(scene->status);
        read_bots(check, hb, scene);
        if (!scene->active || !scene->status)
            return;
        (void)undiscovered(scene, &unseen);
    }
    if (unseen.n == 0)
        check_line(check, CHECK_OK, NULL,
                   "discovery: the API knows every bot whose container runs");
    names_say(
        check, CHECK_FAIL,
        "see that the bot's image is called …/hummingbot:<tag> and that bot and API reach the "
        "same MQTT broker, then restart the API",
        "discovery: containers run that the API answers `not found` for", &unseen);
}

static void check_shape(struct check *check, const struct scene *scene)
{
    static const char remedy[] = "this build of the API is not one the bridge knows: "
                                 "update hummingbot-api, or the bridge";
    const struct tb_json *data =
        scene->status ? tb_json_get(tb_json_root(scene->status), "data") : NULL;
    struct names strange = {.n = 0};
    if (!scene->status)
        return;
    if (!tb_json_is(data, TB_JSON_OBJECT)) {
        check_line(
            check, CHECK_FAIL, remedy,
            "status document: it has another shape than the bridge reads (no `data` by bot)");
        return;
    }
    for (const struct tb_json *b = tb_json_first(data); b; b = b->next) {
        const struct tb_json *performance = tb_json_get(b, "performance");
        if (!tb_json_get_string(b, "status"))
            names_add(&strange, "%.100s has no `status`", b->key);
        else if (performance && !tb_json_is(performance, TB_JSON_OBJECT))
            names_add(&strange, "%.100s has no `performance` by controller", b->key);
    }
    if (strange.n == 0)
        check_line(check, CHECK_OK, NULL, "status document: it has the shape the bridge reads");
    names_say(check, CHECK_FAIL, remedy,
              "status document: it has another shape than the bridge reads", &strange);
}

/* An instance is found again by the base name that the bridge chose and the time that the API
 * appended. */
static void check_names(struct check *check, const struct tb_hb_profile *profile,
                        const struct scene *scene)
{
    const struct tb_json_doc *const lists[] = {scene->active, scene->exited};
    struct names bare = {.n = 0}, others = {.n = 0};
    unsigned good = 0;
    for (size_t i = 0; i < 2; i++) {
        for (const struct tb_json *c = items(lists[i]); c; c = c->next) {
            const char *name = tb_json_get_string(c, "name");
            if (!is_bot(c))
                continue;
            if (has_stamp(name))
                good++;
            else if (is_bare_base(name))
                names_add(&bare, "%.120s", name);
            else
                names_add(&others, "%.120s", name);
        }
    }
    if (bare.n == 0 && others.n == 0 && scene->active)
        check_line(check, CHECK_OK, NULL,
                   "names: %u instances, each with the date and time that an API of profile %s "
                   "appends",
                   good, profile->name);
    names_say(check, profile->can_create ? CHECK_FAIL : CHECK_WARN,
              "the bridge would not find what it makes here: update hummingbot-api (main of "
              "2026-03-28 or later)",
              "names: the API appended no date and time", &bare);
    names_say(
        check, CHECK_WARN,
        "they were not deployed by an API of this version; the bridge lists them and can only "
        "adopt them",
        "names: bots without the date and time that the API appends", &others);
}

/* ---- proof: runs, and does anything show that it trades? ---- */

struct proofs {
    unsigned proved, stopped, heard, running;
    struct names silent, unscripted;
};

static void prove(const struct scene *scene, const char *name, struct proofs *p)
{
    const struct tb_json *slice = status_of(scene, name), *run = run_of(scene, name);
    const char *config = tb_json_get_string(run, "config_name");
    const char *run_status = tb_json_get_string(run, "run_status");
    p->running++;
    p->heard += tb_json_true(tb_json_get(slice, "recently_active"));
    if (reports(slice))
        p->proved++;
    else if (run_status && strcmp(run_status, "STOPPED") == 0)
        p->stopped++;
    else if (run && (!config || !*config))
        names_add(&p->unscripted, "%.100s (none)", name);
    else if (run && scene->configs && !has_file(scene->configs, "config_name", config, ".yml"))
        names_add(&p->unscripted, "%.100s (%.100s)", name, config);
    else
        names_add(&p->silent, "%.120s", name);
}

static void check_proofs(struct check *check, const struct scene *scene)
{
    struct proofs p = {0};
    if (!scene->active || !scene->status)
        return;
    for (const struct tb_json *c = items(scene->active); c; c = c->next) {
        if (is_bot(c))
            prove(scene, tb_json_get_string(c, "name"), &p);
    }
    if (p.running > 0 && p.heard == 0)
        check_line(check, CHECK_WARN,
                   "see that the broker runs and that the mqtt settings in the account's "
                   "conf_client.yml lead to it; without it nothing can be stopped cleanly",
                   "broker: the API has heard none of the %u running bots for 30 s", p.running);
    if (p.proved + p.stopped == p.running)
        check_line(check, CHECK_OK, NULL,
                   "proof: %u containers run: %u bots report, %u were stopped", p.running, p.proved,
                   p.stopped);
    names_say(check, CHECK_FAIL,
              "such a deploy says success and trades nothing: stop it and create the bot through "
              "the bridge",
              "script: bots run without a script config that the API has", &p.unscripted);
    names_say(
        check, CHECK_WARN,
        "a new bot needs up to a minute; else read its log (GET /bots/{id}/logs): it may have "
        "been stopped, have failed to start, or run a script without reports",
        "proof: running but not proven, no report has ever come", &p.silent);
}

void check_bots(struct check *check, struct tb_hb *hb, const struct tb_hb_profile *profile)
{
    struct scene scene = {0};
    read_scene(check, hb, &scene);
    check_script(check, &scene);
    check_configs(check, &scene);
    check_shape(check, &scene);
    check_names(check, profile, &scene);
    check_discovered(check, hb, &scene);
    check_proofs(check, &scene);
    scene_free(&scene);
}

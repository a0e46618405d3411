/* `trading-bridge plugin diff-bots`: asks the bridge of these settings which living bots the draft
 * of a plugin would build differently; without a draft, which were built differently by the version
 * before the one in force. Nothing is changed. Main thread. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "commands/plugin_private.h"

enum { STATUS_STATE = 409 };

struct question {
    const struct settings *settings;
    const char *token, *plugin, *generation;
    int status;
    struct tb_buffer answer;
};

static bool ask(struct question *q, const char *verb, struct tb_error *err)
{
    struct tb_buffer path = TB_BUFFER_INIT, body = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_buffer_printf(&path, "/plugins/%s/%s", q->plugin, verb);
    tb_jw_init(&w, &body);
    tb_jw_object(&w);
    tb_jw_kv_bool(&w, "dry_run", true);
    if (q->generation)
        tb_jw_kv_string(&w, "generation", q->generation);
    tb_jw_end_object(&w);
    tb_buffer_clear(&q->answer);
    bool ok = ask_bridge(q->settings, "POST", path.data, q->token, body.data, &q->status,
                         &q->answer, err);
    tb_buffer_free(&path);
    tb_buffer_free(&body);
    return ok;
}

static void print_clean(const char *before, const char *text, const char *after)
{
    struct tb_buffer clean = TB_BUFFER_INIT;
    tb_escape_control(&clean, text ? text : "?");
    printf("%s%s%s", before, tb_buffer_text(&clean), after);
    tb_buffer_free(&clean);
}

static void print_bot(const struct tb_json *bot)
{
    const char *detail = tb_json_get_string(bot, "detail");
    print_clean("", tb_json_get_string(bot, "change"), "  ");
    print_clean("", tb_json_get_string(bot, "name"), " ");
    print_clean("(", tb_json_get_string(bot, "strategy"), ")");
    if (detail)
        print_clean(": ", detail, "");
    putchar('\n');
    for (const struct tb_json *f = tb_json_first(tb_json_get(bot, "fields")); f; f = f->next)
        print_clean("    ", tb_json_string(f), "\n");
}

static bool print_answer(const struct question *q, bool draft)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc =
        tb_json_parse(tb_buffer_text(&q->answer), q->answer.len, TB_JSON_UPSTREAM, &err);
    const struct tb_json *root = doc ? tb_json_root(doc) : NULL;
    bool ok = q->status == 200 && root;
    int64_t living = 0, same = 0;
    if (!ok) {
        const char *detail = tb_json_get_string(root, "detail");
        fprintf(stderr, "plugin: %s\n", detail ? detail : "the bridge's answer cannot be read");
    } else {
        for (const struct tb_json *b = tb_json_first(tb_json_get(root, "bots")); b; b = b->next)
            print_bot(b);
        (void)tb_json_int64(tb_json_get(root, "living"), &living);
        (void)tb_json_int64(tb_json_get(root, "built_the_same"), &same);
        printf("%lld living bots of %s, %lld of them built the same by %s\n", (long long)living,
               q->plugin, (long long)same,
               draft ? "the draft" : "the version that is compared with the one in force");
    }
    tb_json_free(doc);
    return ok;
}

int plugin_diff_bots(int argc, char **argv)
{
    struct settings s;
    struct tb_error err = {0};
    struct question q = {.settings = &s, .plugin = argc > 1 ? argv[1] : NULL};
    bool ok = false, draft = true;
    if (argc == 4 && strcmp(argv[2], "--generation") == 0)
        q.generation = argv[3];
    else if (argc != 2)
        return 2;
    char *token = command_settings(&s) ? place_admin_token(&s, false, NULL, &err) : NULL;
    q.token = token;
    bool asked = token && ask(&q, "activate", &err);
    if (asked && q.status == STATUS_STATE) {
        draft = false;
        asked = ask(&q, "rollback", &err);
    }
    if (asked)
        ok = print_answer(&q, draft);
    else if (err.code != TB_OK)
        fprintf(stderr, "plugin: %s\n", err.detail);
    tb_buffer_free(&q.answer);
    free(token);
    settings_free(&s);
    return ok ? 0 : 1;
}

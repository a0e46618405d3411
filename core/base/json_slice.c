/* Byte ranges of an object's members, found by the tokenizer alone: a status of megabytes is split
 * into its bots without building anything. Holds one buffer for the current key. */
#include <string.h>

#include "base/json_private.h"

bool tb_json_each_member(const char *text, size_t len, tb_json_member_fn *fn, void *arg,
                         struct tb_error *err)
{
    struct tb_json_scan s;
    tb_json_scan_init(&s, text, len, true);
    enum tb_json_event event = tb_json_scan_next(&s);
    if (event == TB_JSON_EV_ERROR)
        return tb_json_scan_fail(&s, err);
    if (event != TB_JSON_EV_OBJECT)
        return tb_json_fail_at(&s, s.from, "an object must stand here", err);
    struct tb_buffer key = TB_BUFFER_INIT;
    const char *value = NULL;
    bool go_on = true;
    while (go_on && (event = tb_json_scan_next(&s)) > TB_JSON_EV_END) {
        if (event == TB_JSON_EV_KEY && s.depth == 1) {
            tb_buffer_clear(&key);
            tb_buffer_append(&key, s.text, s.len);
            key.len = tb_json_unescape(s.text, s.len, key.data);
            key.data[key.len] = '\0';
            continue;
        }
        bool opens = event == TB_JSON_EV_OBJECT || event == TB_JSON_EV_ARRAY;
        if (s.depth == (opens ? 2 : 1) && event != TB_JSON_EV_CLOSE)
            value = s.from;
        if (s.depth == 1 && !opens)
            go_on = fn(arg, tb_buffer_text(&key), key.len,
                       (struct tb_json_slice){value, (size_t)(s.at - value)});
    }
    tb_buffer_free(&key);
    return event != TB_JSON_EV_ERROR || tb_json_scan_fail(&s, err);
}

struct wanted {
    const char *key;
    size_t key_len;
    struct tb_json_slice found;
};

static bool match_member(void *arg, const char *key, size_t key_len, struct tb_json_slice value)
{
    struct wanted *w = arg;
    if (key_len == w->key_len && memcmp(key, w->key, key_len) == 0)
        w->found = value;
    return true;
}

bool tb_json_slice_member(const char *text, size_t len, const char *key, struct tb_json_slice *out)
{
    /* Reads to the end: of repeated keys the last wins, and half a document is no document. */
    struct wanted w = {.key = key, .key_len = strlen(key)};
    if (!tb_json_each_member(text, len, match_member, &w, NULL) || !w.found.start)
        return false;
    *out = w.found;
    return true;
}

/* JSON against two oracles: jansson on mutated documents, and every recorded answer of the
 * Hummingbot API. */
#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/memory.h"

/* Parses a copy of exactly the text's size, so that a sanitizer sees the first byte read past it.
 */
static struct tb_json_doc *parse_bytes(const char *text, size_t len, enum tb_json_trust trust,
                                       struct tb_error *err)
{
    char *copy = tb_xmalloc(len ? len : 1);
    memcpy(copy, text, len);
    struct tb_json_doc *doc = tb_json_parse(copy, len, trust, err);
    free(copy);
    return doc;
}

static char *canonical_of(const struct tb_json *node)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    tb_json_canonical(node, &out);
    return tb_buffer_steal(&out, NULL);
}

static void same_value(const struct tb_json *ours, const json_t *theirs)
{
    int64_t integer;
    double real;
    switch (json_typeof(theirs)) {
    case JSON_OBJECT:
        assert_true(tb_json_is(ours, TB_JSON_OBJECT));
        assert_int_equal(ours->len, json_object_size(theirs));
        for (const struct tb_json *m = ours->child; m; m = m->next) {
            const json_t *value = json_object_get(theirs, m->key);
            assert_non_null(value);
            same_value(m, value);
        }
        break;
    case JSON_ARRAY:
        assert_true(tb_json_is(ours, TB_JSON_ARRAY));
        assert_int_equal(ours->len, json_array_size(theirs));
        size_t i = 0;
        for (const struct tb_json *e = ours->child; e; e = e->next)
            same_value(e, json_array_get(theirs, i++));
        break;
    case JSON_STRING:
        assert_true(tb_json_is(ours, TB_JSON_STRING));
        assert_int_equal(ours->len, json_string_length(theirs));
        assert_memory_equal(ours->text, json_string_value(theirs), ours->len);
        break;
    case JSON_INTEGER:
        assert_true(tb_json_int64(ours, &integer));
        assert_true(integer == json_integer_value(theirs));
        break;
    case JSON_REAL:
        assert_true(tb_json_double(ours, &real));
        assert_true(real == json_real_value(theirs));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        assert_true(tb_json_is(ours, TB_JSON_BOOL));
        assert_int_equal(ours->boolean, json_is_true(theirs));
        break;
    case JSON_NULL:
        assert_true(tb_json_is(ours, TB_JSON_NULL));
        break;
    }
}

/* Both accept with the same value or both refuse, but for jansson's own limits. True if accepted.
 */
static bool agree(const char *text, size_t len, enum tb_json_trust trust)
{
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t complaint;
    struct tb_error err = {0};
    if (trust == TB_JSON_CLIENT)
        flags |= JSON_REJECT_DUPLICATES;
    json_t *theirs = json_loadb(text, len, flags, &complaint);
    struct tb_json_doc *ours = parse_bytes(text, len, trust, &err);
    bool accepted = ours != NULL;
    if (theirs && ours)
        same_value(tb_json_root(ours), theirs);
    else if (theirs)
        fail_msg("only jansson accepts %.*s: %s", (int)len, text, err.detail);
    else if (ours && tb_json_nulled(ours) == 0 && !strstr(complaint.text, "too big") &&
             !strstr(complaint.text, "NUL byte in object key"))
        fail_msg("only we accept %.*s: %s", (int)len, text, complaint.text);
    json_decref(theirs);
    tb_json_free(ours);
    return accepted;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void agrees_with_jansson_on_mutations(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"c\":\"x\\u00e9\\ud83d\\ude00\\n\"},\"d\":[]}",
        "[0,-0,0.1,1E5,1e-5,123456789012345678,\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]",
        "{\"k\":\"v\",\"K\":\"\\\"\\\\\\/\\b\\f\\r\\t\",\"kk\":{\"k\":{}},\"\":\"\"}",
    };
    static const char alphabet[] =
        "{}[]:,\"\\u0123456789abcdefDdeE+-. \n\ttrnfalsk\x80\xc3\xed\xa0\xf4";
    uint32_t seed = 20260101;
    int accepted = 0;
    const int rounds = 60000;
    for (int i = 0; i < rounds; i++) {
        char text[256];
        size_t len = strlen(seeds[i % 3]);
        memcpy(text, seeds[i % 3], len);
        for (uint32_t n = 1 + next_random(&seed) % 3; n > 0; n--) {
            size_t at = next_random(&seed) % len;
            char c = alphabet[next_random(&seed) % (sizeof alphabet - 1)];
            uint32_t how = next_random(&seed) % 3;
            if (how == 0) {
                text[at] = c;
            } else if (how == 1) {
                memmove(text + at, text + at + 1, --len - at);
            } else {
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = c;
            }
        }
        accepted += agree(text, len, TB_JSON_CLIENT);
    }
    assert_true(accepted > rounds / 20 && accepted < rounds);
}

static bool same_member(void *arg, const char *key, size_t key_len, struct tb_json_slice value)
{
    const struct tb_json *want = tb_json_get(arg, key);
    assert_non_null(want);
    assert_int_equal(want->key_len, key_len);
    struct tb_json_doc *part = tb_json_parse(value.start, value.len, TB_JSON_UPSTREAM, NULL);
    assert_non_null(part);
    char *a = canonical_of(want), *b = canonical_of(tb_json_root(part));
    assert_string_equal(a, b);
    free(a);
    free(b);
    tb_json_free(part);
    return true;
}

/* One recorded answer: the file itself and its raw body. True when the body was JSON. */
static bool check_recording(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct tb_buffer b = TB_BUFFER_INIT;
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        tb_buffer_append(&b, chunk, n);
    fclose(file);
    agree(b.data, b.len, TB_JSON_UPSTREAM);
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(b.data, b.len, TB_JSON_UPSTREAM, &err);
    if (!doc)
        fail_msg("%s: %s", path, err.detail);
    const struct tb_json *body = tb_json_path(tb_json_root(doc), "response", "raw_body", NULL);
    bool good = tb_json_is(body, TB_JSON_STRING) && agree(body->text, body->len, TB_JSON_UPSTREAM);
    struct tb_json_doc *answer =
        good ? tb_json_parse(body->text, body->len, TB_JSON_UPSTREAM, NULL) : NULL;
    if (tb_json_is(tb_json_root(answer), TB_JSON_OBJECT))
        assert_true(tb_json_each_member(body->text, body->len, same_member,
                                        (void *)tb_json_root(answer), NULL));
    tb_json_free(answer);
    tb_json_free(doc);
    tb_buffer_free(&b);
    return good;
}

static void reads_recorded_answers(void **state)
{
    (void)state;
    const char *shared = getenv("TB_SHARED"), *source = getenv("TB_SOURCE_DIR");
    char folder[2048], path[4096];
    if (shared)
        snprintf(folder, sizeof folder, "%s/knowledge/hummingbot/recordings/http", shared);
    else
        snprintf(folder, sizeof folder, "%s/../shared/knowledge/hummingbot/recordings/http",
                 source ? source : ".");
    DIR *dir = opendir(folder);
    if (!dir) {
        print_message("skipped: no recordings in %s; set TB_SHARED\n", folder);
        skip();
    }
    int files = 0, json = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (!strstr(e->d_name, ".json"))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        files++;
        json += check_recording(path);
    }
    closedir(dir);
    print_message("%d recordings, %d with a JSON body\n", files, json);
    assert_true(json > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_jansson_on_mutations),
        cmocka_unit_test(reads_recorded_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

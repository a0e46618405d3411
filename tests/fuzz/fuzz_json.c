/* Fuzzes the JSON tokenizer, document, canonical form and slicer against each other: what a client
 * may send upstream may send, too; the canonical form is a fixpoint that the strict parser reads;
 * the slicer finds exactly the members the document has. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds)
{
    if (!holds)
        abort();
}

static char *canonical(const struct tb_json *node, size_t *len_out)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    tb_json_canonical(node, &out);
    return tb_buffer_steal(&out, len_out);
}

static void check_fixpoint(const struct tb_json *root)
{
    size_t len, again_len;
    char *text = canonical(root, &len);
    struct tb_json_doc *doc = tb_json_parse(text, len, TB_JSON_CLIENT, NULL);
    insist(doc);
    char *again = canonical(tb_json_root(doc), &again_len);
    insist(len == again_len && memcmp(text, again, len) == 0);
    tb_json_free(doc);
    free(text);
    free(again);
}

static bool check_member(void *arg, const char *key, size_t key_len, struct tb_json_slice value)
{
    const struct tb_json *root = arg, *found = NULL;
    for (const struct tb_json *m = root->child; m; m = m->next)
        if (m->key_len == key_len && memcmp(m->key, key, key_len) == 0)
            found = m;
    insist(found && key[key_len] == '\0');
    struct tb_json_doc *part = tb_json_parse(value.start, value.len, TB_JSON_UPSTREAM, NULL);
    insist(part);
    tb_json_free(part);
    return true;
}

static void check_slicer(const char *text, size_t size, const struct tb_json *root)
{
    bool object = tb_json_is(root, TB_JSON_OBJECT);
    insist(tb_json_each_member(text, size, check_member, (void *)root, NULL) == object);
    if (!object)
        return;
    for (const struct tb_json *m = root->child; m; m = m->next) {
        struct tb_json_slice slice;
        if (memchr(m->key, '\0', m->key_len))
            continue;
        insist(tb_json_slice_member(text, size, m->key, &slice));
        struct tb_json_doc *part = tb_json_parse(slice.start, slice.len, TB_JSON_UPSTREAM, NULL);
        size_t a_len, b_len;
        char *a = canonical(m, &a_len), *b = canonical(tb_json_root(part), &b_len);
        insist(a_len == b_len && memcmp(a, b, a_len) == 0);
        free(a);
        free(b);
        tb_json_free(part);
    }
}

static bool refuse_call(void *arg, const char *key, size_t key_len, struct tb_json_slice value)
{
    (void)arg, (void)key, (void)key_len, (void)value;
    return true;
}

static void ask_numbers(const struct tb_json *node)
{
    int64_t integer;
    double real;
    struct tb_decimal decimal;
    if (tb_json_int64(node, &integer))
        insist(tb_json_decimal(node, &decimal));
    if (tb_json_double(node, &real))
        insist(tb_json_is(node, TB_JSON_NUMBER));
    for (const struct tb_json *c = node->child; c; c = c->next)
        ask_numbers(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct tb_error err = {0};
    struct tb_json_doc *client = tb_json_parse(text, size, TB_JSON_CLIENT, &err);
    struct tb_json_doc *upstream = tb_json_parse(text, size, TB_JSON_UPSTREAM, &err);
    insist(!client || upstream);
    if (client)
        check_fixpoint(tb_json_root(client));
    if (upstream) {
        check_fixpoint(tb_json_root(upstream));
        check_slicer(text, size, tb_json_root(upstream));
        ask_numbers(tb_json_root(upstream));
    } else {
        insist(strncmp(err.detail, "line ", 5) == 0);
        insist(!tb_json_each_member(text, size, refuse_call, NULL, NULL));
    }
    tb_json_free(client);
    tb_json_free(upstream);
    return 0;
}

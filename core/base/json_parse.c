/* The JSON document: nodes hung below each other as the tokenizer names them.
 *
 * Parsing is iterative. A document owns one arena of a few growing blocks and is freed whole. Any
 * thread may read a finished document. */
#include <math.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_private.h"
#include "base/memory.h"

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

/* A value and where its key (or, in an array, the value itself) begins in the source. */
struct node {
    struct tb_json json;
    const char *source;
};

struct tb_json_doc {
    struct block *blocks;
    const struct tb_json *root;
    size_t nulled;
};

struct parse {
    struct tb_json_scan scan;
    struct tb_json_doc *doc;
    enum tb_json_trust trust;
    struct node *open[TB_JSON_DEPTH_MAX];
    const struct tb_json **link[TB_JSON_DEPTH_MAX + 1]; /* where the next value is hung */
    const char *key; /* the key read last, with its position; NULL outside objects */
    size_t key_len;
    const char *key_source;
    struct node **members; /* scratch for finding repeated keys */
    size_t members_size;
};

#define BLOCK_MIN 1024
#define BLOCK_MAX ((size_t)1 << 20)

static void *arena_alloc(struct tb_json_doc *doc, size_t size, size_t align)
{
    struct block *b = doc->blocks;
    size_t at = b ? (b->used + align - 1) & ~(align - 1) : 0;
    if (!b || at > b->size || size > b->size - at) {
        size_t room = b ? b->size * 2 : BLOCK_MIN;
        if (room > BLOCK_MAX)
            room = BLOCK_MAX;
        if (room < size)
            room = size;
        struct block *fresh = tb_xmalloc(sizeof *fresh + room);
        fresh->next = b;
        fresh->size = room;
        doc->blocks = b = fresh;
        at = 0;
    }
    b->used = at + size;
    return b->bytes + at;
}

static char *keep_string(struct parse *p, size_t *len_out)
{
    char *text = arena_alloc(p->doc, p->scan.len + 1, 1);
    *len_out = tb_json_unescape(p->scan.text, p->scan.len, text);
    text[*len_out] = '\0';
    return text;
}

static struct node *add_node(struct parse *p, unsigned depth, enum tb_json_type type)
{
    struct node *n = arena_alloc(p->doc, sizeof *n, alignof(struct node));
    *n = (struct node){.json = {.type = type, .key = p->key, .key_len = p->key_len},
                       .source = p->key ? p->key_source : p->scan.from};
    p->key = NULL;
    p->key_len = 0;
    *p->link[depth] = &n->json;
    p->link[depth] = &n->json.next;
    if (depth)
        p->open[depth - 1]->json.len++;
    return n;
}

static bool add_number(struct parse *p, struct tb_error *err)
{
    const struct tb_json_scan *s = &p->scan;
    struct node *n = add_node(p, s->depth, TB_JSON_NUMBER);
    char *text = arena_alloc(p->doc, s->len + 1, 1);
    memcpy(text, s->text, s->len);
    text[s->len] = '\0';
    n->json.text = text;
    n->json.len = s->len;
    /* Only an exponent or more than 308 digits can leave the range of a double. */
    if ((s->len <= 308 && !strpbrk(text, "eE")) || isfinite(strtod(text, NULL)))
        return true;
    if (p->trust == TB_JSON_CLIENT)
        return tb_json_fail_at(s, s->from, "this number is too large", err);
    n->json =
        (struct tb_json){.type = TB_JSON_NULL, .key = n->json.key, .key_len = n->json.key_len};
    p->doc->nulled++;
    return true;
}

static int compare_members(const void *a, const void *b)
{
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
    int order = tb_json_compare_keys(x->json.key, x->json.key_len, y->json.key, y->json.key_len);
    return order ? order : (x->source > y->source) - (x->source < y->source);
}

/* Refuses (client) or drops (upstream) all but the last member of each name. Sorting keeps an
 * object of a million keys from costing a million squared. */
static bool settle_keys(struct parse *p, struct node *object, struct tb_error *err)
{
    size_t count = object->json.len, dropped = 0;
    if (count > p->members_size) {
        p->members_size = count * 2;
        p->members = tb_xrealloc(p->members, p->members_size * sizeof(struct node *));
    }
    size_t n = 0;
    for (const struct tb_json *m = object->json.child; m; m = m->next)
        p->members[n++] = (struct node *)m;
    qsort(p->members, count, sizeof(struct node *), compare_members);
    for (size_t i = 1; i < count; i++) {
        struct node *a = p->members[i - 1], *b = p->members[i];
        if (tb_json_compare_keys(a->json.key, a->json.key_len, b->json.key, b->json.key_len) != 0)
            continue;
        if (p->trust == TB_JSON_CLIENT)
            return tb_json_fail_at(&p->scan, b->source, "this key is already in the object", err);
        a->source = NULL;
        dropped++;
    }
    if (dropped == 0)
        return true;
    const struct tb_json **link = &object->json.child;
    for (const struct tb_json *m = object->json.child; m; m = m->next) {
        if (!((const struct node *)m)->source)
            continue;
        *link = m;
        link = &((struct node *)m)->json.next;
    }
    object->json.len -= dropped;
    return true;
}

static void open_node(struct parse *p, enum tb_json_type type)
{
    unsigned depth = p->scan.depth;
    struct node *n = add_node(p, depth - 1, type);
    p->open[depth - 1] = n;
    p->link[depth] = &n->json.child;
}

/* Adds what one event says; false with the error. */
static bool take(struct parse *p, enum tb_json_event event, struct tb_error *err)
{
    struct tb_json_scan *s = &p->scan;
    struct node *n;
    switch (event) {
    case TB_JSON_EV_KEY:
        p->key = keep_string(p, &p->key_len);
        p->key_source = s->from;
        return true;
    case TB_JSON_EV_OBJECT:
    case TB_JSON_EV_ARRAY:
        open_node(p, event == TB_JSON_EV_OBJECT ? TB_JSON_OBJECT : TB_JSON_ARRAY);
        return true;
    case TB_JSON_EV_CLOSE:
        n = p->open[s->depth];
        return n->json.type == TB_JSON_ARRAY || n->json.len < 2 || settle_keys(p, n, err);
    case TB_JSON_EV_STRING:
        n = add_node(p, s->depth, TB_JSON_STRING);
        n->json.text = keep_string(p, &n->json.len);
        return true;
    case TB_JSON_EV_NUMBER:
        return add_number(p, err);
    case TB_JSON_EV_TRUE:
    case TB_JSON_EV_FALSE:
        add_node(p, s->depth, TB_JSON_BOOL)->json.boolean = event == TB_JSON_EV_TRUE;
        return true;
    case TB_JSON_EV_NULLED:
        p->doc->nulled++;
        add_node(p, s->depth, TB_JSON_NULL);
        return true;
    case TB_JSON_EV_NULL:
        add_node(p, s->depth, TB_JSON_NULL);
        return true;
    case TB_JSON_EV_ERROR:
    case TB_JSON_EV_END:
        break;
    }
    return tb_json_scan_fail(s, err);
}

struct tb_json_doc *tb_json_parse(const char *text, size_t len, enum tb_json_trust trust,
                                  struct tb_error *err)
{
    struct parse p = {.doc = tb_xcalloc(1, sizeof *p.doc), .trust = trust};
    tb_json_scan_init(&p.scan, text, len, trust == TB_JSON_UPSTREAM);
    p.link[0] = &p.doc->root;
    enum tb_json_event event = tb_json_scan_next(&p.scan);
    while (event != TB_JSON_EV_END && take(&p, event, err))
        event = tb_json_scan_next(&p.scan);
    free(p.members);
    if (event == TB_JSON_EV_END)
        return p.doc;
    tb_json_free(p.doc);
    return NULL;
}

void tb_json_free(struct tb_json_doc *doc)
{
    if (!doc)
        return;
    for (struct block *b = doc->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(doc);
}

const struct tb_json *tb_json_root(const struct tb_json_doc *doc)
{
    return doc ? doc->root : NULL;
}

size_t tb_json_nulled(const struct tb_json_doc *doc)
{
    return doc ? doc->nulled : 0;
}

/* ---- accessors ---- */

bool tb_json_is(const struct tb_json *node, enum tb_json_type type)
{
    return node && node->type == type;
}

const struct tb_json *tb_json_get(const struct tb_json *object, const char *key)
{
    if (!tb_json_is(object, TB_JSON_OBJECT) || !key)
        return NULL;
    size_t len = strlen(key);
    for (const struct tb_json *m = object->child; m; m = m->next)
        if (m->key_len == len && memcmp(m->key, key, len) == 0)
            return m;
    return NULL;
}

const struct tb_json *tb_json_at(const struct tb_json *array, size_t index)
{
    if (!tb_json_is(array, TB_JSON_ARRAY))
        return NULL;
    const struct tb_json *e = array->child;
    while (e && index--)
        e = e->next;
    return e;
}

const struct tb_json *tb_json_path(const struct tb_json *node, ...)
{
    va_list keys;
    va_start(keys, node);
    for (const char *key; node && (key = va_arg(keys, const char *));)
        node = tb_json_get(node, key);
    va_end(keys);
    return node;
}

const char *tb_json_string(const struct tb_json *node)
{
    bool whole = tb_json_is(node, TB_JSON_STRING) && !memchr(node->text, '\0', node->len);
    return whole ? node->text : NULL;
}

const char *tb_json_get_string(const struct tb_json *object, const char *key)
{
    return tb_json_string(tb_json_get(object, key));
}

bool tb_json_true(const struct tb_json *node)
{
    return tb_json_is(node, TB_JSON_BOOL) && node->boolean;
}

bool tb_json_int64(const struct tb_json *node, int64_t *out)
{
    struct tb_decimal exact;
    return tb_json_is(node, TB_JSON_NUMBER) && tb_decimal_parse(node->text, node->len, &exact) &&
           tb_decimal_to_int64(&exact, out);
}

bool tb_json_double(const struct tb_json *node, double *out)
{
    if (!tb_json_is(node, TB_JSON_NUMBER))
        return false;
    *out = strtod(node->text, NULL);
    return true;
}

bool tb_json_decimal(const struct tb_json *node, struct tb_decimal *out)
{
    return (tb_json_is(node, TB_JSON_NUMBER) || tb_json_is(node, TB_JSON_STRING)) &&
           tb_decimal_parse(node->text, node->len, out);
}

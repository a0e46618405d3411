/* JSON at the border: one strict RFC 8259 tokenizer, a small arena document, a byte-range slicer
 * and one writer.
 *
 * Numbers keep their text until somebody asks for an int64, a double or a decimal; empty arrays
 * stay arrays. Depth is at most 64. From clients everything odd is an error with line and column;
 * from upstream NaN, Infinity and numbers beyond a double become null and are counted, and of
 * repeated keys the last wins. Strings are UTF-8; lone surrogates are errors in both. Documents are
 * immutable after parsing and may be read by any thread; everything else is one thread at a time.
 *
 * Why our own: measured in the field notes - jansson is 50 times slower on a big status document
 * and refuses it whole for one NaN; lua-cjson cuts money to 14 digits and can exit(). */
#ifndef TB_BASE_JSON_H
#define TB_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "base/error.h"

#define TB_JSON_DEPTH_MAX 64

enum tb_json_type {
    TB_JSON_NULL,
    TB_JSON_BOOL,
    TB_JSON_NUMBER,
    TB_JSON_STRING,
    TB_JSON_ARRAY,
    TB_JSON_OBJECT,
};

enum tb_json_trust {
    TB_JSON_CLIENT,   /* strict; a repeated key is an error */
    TB_JSON_UPSTREAM, /* NaN/Infinity/-Infinity/out of range become null; last repeated key wins */
};

/* A value. Members and elements are a linked list in source order. */
struct tb_json {
    enum tb_json_type type;
    bool boolean;
    size_t len;       /* string or number: bytes of text; container: number of children */
    const char *text; /* string: unescaped UTF-8, NUL-terminated (may hold NULs inside);
                         number: the literal as written, NUL-terminated */
    const char *key;  /* member of an object: its unescaped name, NUL-terminated; else NULL */
    size_t key_len;
    const struct tb_json *child;
    const struct tb_json *next;
};

struct tb_json_doc;

/* Parses exactly one value with nothing but white space around it. The text is copied. NULL and
 * TB_BAD_JSON with "line L, column C: …" when malformed. */
TB_MUST_CHECK
struct tb_json_doc *tb_json_parse(const char *text, size_t len, enum tb_json_trust trust,
                                  struct tb_error *err);
void tb_json_free(struct tb_json_doc *doc); /* NULL is fine */
const struct tb_json *tb_json_root(const struct tb_json_doc *doc);
/* How many numbers became null (upstream trust only). */
size_t tb_json_nulled(const struct tb_json_doc *doc);

/* NULL-tolerant accessors: a NULL node, a wrong type or an absent member give NULL / false / the
 * fallback, so that a chain of look-ups needs one check at its end. */
const struct tb_json *tb_json_get(const struct tb_json *object, const char *key);
const struct tb_json *tb_json_at(const struct tb_json *array, size_t index);
/* Path of member names, NULL-terminated: tb_json_path(root, "data", name, "status", NULL). */
const struct tb_json *tb_json_path(const struct tb_json *node, ...) __attribute__((sentinel));
/* First member or element: for (i = tb_json_first(list); i; i = i->next). */
static inline const struct tb_json *tb_json_first(const struct tb_json *node)
{
    return node ? node->child : NULL;
}
bool tb_json_is(const struct tb_json *node, enum tb_json_type type);
/* The text of a string without inner NULs, else NULL. */
const char *tb_json_string(const struct tb_json *node);
const char *tb_json_get_string(const struct tb_json *object, const char *key);
bool tb_json_true(const struct tb_json *node); /* is it the literal true? */
bool tb_json_int64(const struct tb_json *node,
                   int64_t *out); /* exact integers only (1.0, 1e3 too) */
bool tb_json_double(const struct tb_json *node, double *out);
/* A number, or a string holding one (upstream writes negative integers as strings). */
bool tb_json_decimal(const struct tb_json *node, struct tb_decimal *out);

/* ---- slicer: byte ranges of members without building anything ---- */

struct tb_json_slice {
    const char *start;
    size_t len;
};
/* key is unescaped and NUL-terminated, valid during the call. Return false to stop early. */
typedef bool tb_json_member_fn(void *arg, const char *key, size_t key_len,
                               struct tb_json_slice value);
/* Calls fn for each member of the object that is the whole of `text`; validates what it skips.
 * NaN and friends are tolerated. False with TB_BAD_JSON when malformed or not an object; stopping
 * early is a success. */
TB_MUST_CHECK
bool tb_json_each_member(const char *text, size_t len, tb_json_member_fn *fn, void *arg,
                         struct tb_error *err);
/* The value of one member; false when absent or malformed. */
TB_MUST_CHECK
bool tb_json_slice_member(const char *text, size_t len, const char *key, struct tb_json_slice *out);

/* ---- writer: one comma-keeping state over a buffer ---- */

struct tb_json_writer {
    struct tb_buffer *out;
    unsigned depth;
    uint64_t filled; /* bit d: something was already written at depth d */
    bool after_key;
};

void tb_jw_init(struct tb_json_writer *w, struct tb_buffer *out);
void tb_jw_object(struct tb_json_writer *w);
void tb_jw_end_object(struct tb_json_writer *w);
void tb_jw_array(struct tb_json_writer *w);
void tb_jw_end_array(struct tb_json_writer *w);
void tb_jw_key(struct tb_json_writer *w, const char *key);
void tb_jw_keyn(struct tb_json_writer *w, const char *key, size_t len);
void tb_jw_null(struct tb_json_writer *w);
void tb_jw_bool(struct tb_json_writer *w, bool value);
void tb_jw_int(struct tb_json_writer *w, int64_t value);
/* Shortest text that reads back the same (%.15g to %.17g); NaN and infinities become null. */
void tb_jw_double(struct tb_json_writer *w, double value);
void tb_jw_string(struct tb_json_writer *w, const char *text); /* NULL writes null */
void tb_jw_stringn(struct tb_json_writer *w, const char *text, size_t len);
/* Exact decimal: as a string on our own wire, as a number in upstream files. */
void tb_jw_decimal_string(struct tb_json_writer *w, const struct tb_decimal *value);
void tb_jw_decimal_number(struct tb_json_writer *w, const struct tb_decimal *value);
/* UTC RFC 3339 with milliseconds; 0 writes null. */
void tb_jw_time(struct tb_json_writer *w, int64_t wall_ms);
/* A ready JSON value, trusted to be one; empty writes null. */
void tb_jw_raw(struct tb_json_writer *w, const char *json, size_t len);
/* A parsed value, numbers as their original text; NULL writes null. */
void tb_jw_node(struct tb_json_writer *w, const struct tb_json *node);

/* key + value in one line. */
void tb_jw_kv_string(struct tb_json_writer *w, const char *key, const char *text);
void tb_jw_kv_int(struct tb_json_writer *w, const char *key, int64_t value);
void tb_jw_kv_bool(struct tb_json_writer *w, const char *key, bool value);
void tb_jw_kv_time(struct tb_json_writer *w, const char *key, int64_t wall_ms);
void tb_jw_kv_raw(struct tb_json_writer *w, const char *key, const char *json, size_t len);
void tb_jw_kv_node(struct tb_json_writer *w, const char *key, const struct tb_json *node);

/* The canonical form: keys sorted by bytes, no white space, numbers as written. The same value
 * always gives the same bytes, so it can be hashed and compared. */
void tb_json_canonical(const struct tb_json *node, struct tb_buffer *out);
/* The same value for people and for diffs: a line for each member, two spaces a level, a newline at
 * the end. */
void tb_json_pretty(const struct tb_json *node, struct tb_buffer *out);

#endif

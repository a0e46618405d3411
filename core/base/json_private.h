/* What the JSON files share: one pull tokenizer that also holds the grammar, so that the document
 * and the slicer cannot disagree about what is JSON. It allocates nothing and reads only the text
 * it was given. */
#ifndef TB_BASE_JSON_PRIVATE_H
#define TB_BASE_JSON_PRIVATE_H

#include "base/json.h"

enum tb_json_event {
    TB_JSON_EV_ERROR,
    TB_JSON_EV_END, /* the one value is complete and nothing follows */
    TB_JSON_EV_OBJECT,
    TB_JSON_EV_ARRAY,
    TB_JSON_EV_CLOSE,
    TB_JSON_EV_KEY,
    TB_JSON_EV_STRING,
    TB_JSON_EV_NUMBER,
    TB_JSON_EV_TRUE,
    TB_JSON_EV_FALSE,
    TB_JSON_EV_NULL,
    TB_JSON_EV_NULLED, /* NaN, Infinity, -Infinity; only when tolerated */
};

struct tb_json_scan {
    const char *start;
    const char *at;
    const char *end;
    bool tolerant;    /* accept NaN and the infinities */
    int expect;       /* what the grammar allows next */
    unsigned depth;   /* open containers */
    uint64_t objects; /* bit d: the container at depth d + 1 is an object */
    const char *from; /* first byte of the last token */
    const char *text; /* string or key: between the quotes; number: the literal */
    size_t len;
    const char *what; /* the complaint after TB_JSON_EV_ERROR, at `at` */
};

void tb_json_scan_init(struct tb_json_scan *s, const char *text, size_t len, bool tolerant);
enum tb_json_event tb_json_scan_next(struct tb_json_scan *s);
/* Turns the scanner's complaint into "line L, column C: …"; returns false. */
bool tb_json_scan_fail(const struct tb_json_scan *s, struct tb_error *err);
/* The same for a complaint of the caller about the byte at `where`. */
bool tb_json_fail_at(const struct tb_json_scan *s, const char *where, const char *what,
                     struct tb_error *err);

/* Decodes the escapes of a string the scanner accepted; out needs at most len bytes. Returns the
 * decoded length. */
size_t tb_json_unescape(const char *text, size_t len, char *out);
/* Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. */
size_t tb_json_utf8(const char *at, const char *end);
/* Order of keys: by bytes, the shorter first. */
int tb_json_compare_keys(const char *a, size_t a_len, const char *b, size_t b_len);

#endif

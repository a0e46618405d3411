/* A small recogniser that follows Python's json scanner just far enough to name the first error as
 * it does. Pure. */
#include "simulator/python_json.h"

#include <string.h>

struct scan {
    const char *text;
    size_t len, at;
    const char *error;
    size_t where;
};

static bool fail(struct scan *s, const char *message, size_t where)
{
    if (s->error == NULL) {
        s->error = message;
        s->where = where;
    }
    return false;
}

static char peek(const struct scan *s)
{
    return s->at < s->len ? s->text[s->at] : '\0';
}

static void blank(struct scan *s)
{
    while (s->at < s->len && strchr(" \t\n\r", s->text[s->at]) != NULL && s->text[s->at] != '\0')
        s->at++;
}

static bool string(struct scan *s)
{
    size_t begin = s->at++;
    while (s->at < s->len && s->text[s->at] != '"') {
        if ((unsigned char)s->text[s->at] < 0x20)
            return fail(s, "Invalid control character at", s->at);
        if (s->text[s->at] == '\\') {
            s->at++;
            if (s->at < s->len && strchr("\"\\/bfnrtu", s->text[s->at]) == NULL)
                return fail(s, "Invalid \\escape", s->at - 1);
        }
        s->at++;
    }
    if (s->at >= s->len)
        return fail(s, "Unterminated string starting at", begin);
    s->at++;
    return true;
}

static bool value(struct scan *s, unsigned depth);

static bool object(struct scan *s, unsigned depth)
{
    s->at++;
    blank(s);
    if (peek(s) == '}') {
        s->at++;
        return true;
    }
    for (;;) {
        if (peek(s) != '"')
            return fail(s, "Expecting property name enclosed in double quotes", s->at);
        if (!string(s))
            return false;
        blank(s);
        if (peek(s) != ':')
            return fail(s, "Expecting ':' delimiter", s->at);
        s->at++;
        if (!value(s, depth + 1))
            return false;
        blank(s);
        if (peek(s) == '}') {
            s->at++;
            return true;
        }
        if (peek(s) != ',')
            return fail(s, "Expecting ',' delimiter", s->at);
        s->at++;
        blank(s);
    }
}

static bool array(struct scan *s, unsigned depth)
{
    s->at++;
    blank(s);
    if (peek(s) == ']') {
        s->at++;
        return true;
    }
    for (;;) {
        if (!value(s, depth + 1))
            return false;
        blank(s);
        if (peek(s) == ']') {
            s->at++;
            return true;
        }
        if (peek(s) != ',')
            return fail(s, "Expecting ',' delimiter", s->at);
        s->at++;
    }
}

static bool word(struct scan *s)
{
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        if (s->len - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
            s->at += n;
            return true;
        }
    }
    size_t begin = s->at;
    if (peek(s) == '-')
        s->at++;
    size_t digits = s->at;
    while (s->at < s->len && strchr("0123456789.eE+-", s->text[s->at]) != NULL)
        s->at++;
    if (s->at == digits || s->text[digits] < '0' || s->text[digits] > '9')
        return fail(s, "Expecting value", begin);
    return true;
}

static bool value(struct scan *s, unsigned depth)
{
    blank(s);
    if (depth > 900)
        return fail(s, "Expecting value", s->at);
    switch (peek(s)) {
    case '{':
        return object(s, depth);
    case '[':
        return array(s, depth);
    case '"':
        return string(s);
    default:
        return word(s);
    }
}

const char *sim_python_json_error(const char *text, size_t len, size_t *position_out)
{
    struct scan s = {.text = text, .len = len};
    if (value(&s, 0)) {
        blank(&s);
        fail(&s, s.at < len ? "Extra data" : "Expecting value", s.at);
    }
    size_t characters = 0;
    for (size_t i = 0; i < s.where && i < len; i++)
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    *position_out = characters;
    return s.error;
}

bool sim_utf8_ok(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i++];
        size_t more = c < 0x80                ? 0
                      : c >= 0xc2 && c < 0xe0 ? 1
                      : (c & 0xf0) == 0xe0    ? 2
                      : c >= 0xf0 && c < 0xf5 ? 3
                                              : 9;
        if (more == 9)
            return false;
        for (; more > 0; more--) {
            if (i >= len || ((unsigned char)text[i++] & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

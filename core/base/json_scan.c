/* The JSON tokenizer with its grammar. One bit for each open container and one word of what may
 * come next are its whole state, so hostile nesting costs no stack. Owns nothing, allocates
 * nothing. */
#include <string.h>

#include "base/json_private.h"

/* ---- text ---- */

size_t tb_json_utf8(const char *at, const char *end)
{
    const unsigned char *p = (const unsigned char *)at;
    size_t left = (size_t)(end - at);
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    /* Refuse overlong forms, surrogates and what lies beyond U+10FFFF. */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static bool hex4(const char *at, const char *end, unsigned *out)
{
    if (end - at < 4)
        return false;
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)at[i];
        unsigned letter = c | 0x20;
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value * 16 + (letter - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

static size_t put_utf8(unsigned code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[len] | code);
    return len;
}

static const char escape_letters[] = "\"\\/bfnrt";
static const char escape_bytes[] = "\"\\/\b\f\n\r\t";

size_t tb_json_unescape(const char *text, size_t len, char *out)
{
    const char *end = text + len;
    char *to = out;
    while (text < end) {
        const char *slash = memchr(text, '\\', (size_t)(end - text));
        size_t plain = (size_t)((slash ? slash : end) - text);
        memcpy(to, text, plain);
        to += plain;
        if (!slash)
            break;
        text = slash + 2;
        if (slash[1] != 'u') {
            *to++ = escape_bytes[strchr(escape_letters, slash[1]) - escape_letters];
            continue;
        }
        unsigned code = 0, low = 0;
        (void)hex4(text, end, &code);
        text += 4;
        if (code >= 0xd800 && code < 0xdc00) {
            (void)hex4(text + 2, end, &low);
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            text += 6;
        }
        to += put_utf8(code, to);
    }
    return (size_t)(to - out);
}

int tb_json_compare_keys(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* ---- tokenizer ---- */

enum { EXPECT_VALUE, EXPECT_FIRST, EXPECT_KEY, EXPECT_MORE, EXPECT_END };

void tb_json_scan_init(struct tb_json_scan *s, const char *text, size_t len, bool tolerant)
{
    if (!text)
        text = "";
    *s = (struct tb_json_scan){
        .start = text, .at = text, .end = text + len, .tolerant = tolerant, .from = text};
}

static enum tb_json_event complain(struct tb_json_scan *s, const char *where, const char *what)
{
    s->at = where;
    s->what = what;
    return TB_JSON_EV_ERROR;
}

static bool refuse(struct tb_json_scan *s, const char *where, const char *what)
{
    complain(s, where, what);
    return false;
}

bool tb_json_fail_at(const struct tb_json_scan *s, const char *where, const char *what,
                     struct tb_error *err)
{
    size_t line = 1, column = 1;
    for (const char *p = s->start; p < where; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*p & 0xc0) != 0x80) {
            column++;
        }
    }
    return tb_fail(err, TB_BAD_JSON, "line %zu, column %zu: %s", line, column, what);
}

bool tb_json_scan_fail(const struct tb_json_scan *s, struct tb_error *err)
{
    return tb_json_fail_at(s, s->at, s->what, err);
}

static void skip_space(struct tb_json_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* Length of the escape at p (a backslash), or 0 with the complaint. */
static size_t escape_length(struct tb_json_scan *s, const char *p)
{
    const char *end = s->end;
    if (end - p >= 2 && p[1] != '\0' && strchr(escape_letters, p[1]))
        return 2;
    unsigned code, low;
    if (end - p < 2 || p[1] != 'u' || !hex4(p + 2, end, &code)) {
        complain(s, p, "this escape does not exist in JSON");
        return 0;
    }
    if (code < 0xd800 || code > 0xdfff)
        return 6;
    if (code < 0xdc00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u' && hex4(p + 8, end, &low) &&
        low >= 0xdc00 && low <= 0xdfff)
        return 12;
    complain(s, p, "half of a surrogate pair is not a character");
    return 0;
}

static bool scan_string(struct tb_json_scan *s)
{
    const char *p = s->at + 1;
    s->text = p;
    for (;;) {
        while (p < s->end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
               *p != '\\')
            p++;
        if (p == s->end)
            return refuse(s, p, "the text ends inside a string");
        if (*p == '"')
            break;
        if ((unsigned char)*p < 0x20)
            return refuse(s, p, "a control character in a string must be written as an escape");
        size_t len = *p == '\\' ? escape_length(s, p) : tb_json_utf8(p, s->end);
        if (len == 0)
            return s->what ? false : refuse(s, p, "this byte is not valid UTF-8");
        p += len;
    }
    s->len = (size_t)(p - s->text);
    s->at = p + 1;
    return true;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static enum tb_json_event done_with(struct tb_json_scan *s, const char *after,
                                    enum tb_json_event event)
{
    s->at = after;
    s->expect = s->depth ? EXPECT_MORE : EXPECT_END;
    return event;
}

static bool starts_with(const struct tb_json_scan *s, const char *word)
{
    size_t len = strlen(word);
    return (size_t)(s->end - s->at) >= len && memcmp(s->at, word, len) == 0;
}

static enum tb_json_event scan_number(struct tb_json_scan *s)
{
    const char *p = s->at + (*s->at == '-');
    const char *digits = p;
    p = skip_digits(p, s->end);
    if (p == digits)
        return complain(s, p, "a digit must follow the minus sign");
    if (*digits == '0' && p - digits > 1)
        return complain(s, digits, "a number must not start with zeros");
    if (p < s->end && *p == '.') {
        digits = p + 1;
        p = skip_digits(digits, s->end);
        if (p == digits)
            return complain(s, p, "a digit must follow the decimal point");
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        digits = p + 1;
        if (digits < s->end && (*digits == '+' || *digits == '-'))
            digits++;
        p = skip_digits(digits, s->end);
        if (p == digits)
            return complain(s, p, "a digit must follow the exponent sign");
    }
    s->text = s->at;
    s->len = (size_t)(p - s->at);
    return done_with(s, p, TB_JSON_EV_NUMBER);
}

static enum tb_json_event open_container(struct tb_json_scan *s, bool object)
{
    if (s->depth == TB_JSON_DEPTH_MAX)
        return complain(s, s->at, "nested deeper than 64 levels");
    uint64_t bit = UINT64_C(1) << s->depth++;
    s->objects = object ? s->objects | bit : s->objects & ~bit;
    s->expect = EXPECT_FIRST;
    s->at++;
    return object ? TB_JSON_EV_OBJECT : TB_JSON_EV_ARRAY;
}

static const struct {
    const char *word;
    enum tb_json_event event;
} words[] = {
    {"true", TB_JSON_EV_TRUE},  {"false", TB_JSON_EV_FALSE},     {"null", TB_JSON_EV_NULL},
    {"NaN", TB_JSON_EV_NULLED}, {"Infinity", TB_JSON_EV_NULLED}, {"-Infinity", TB_JSON_EV_NULLED},
};

static enum tb_json_event scan_value(struct tb_json_scan *s)
{
    char c = *s->at;
    if (c == '{' || c == '[')
        return open_container(s, c == '{');
    if (c == '"')
        return scan_string(s) ? done_with(s, s->at, TB_JSON_EV_STRING) : TB_JSON_EV_ERROR;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (c != words[i].word[0] || !starts_with(s, words[i].word))
            continue;
        if (words[i].event == TB_JSON_EV_NULLED && !s->tolerant)
            return complain(s, s->at, "NaN and Infinity are not JSON numbers");
        return done_with(s, s->at + strlen(words[i].word), words[i].event);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return scan_number(s);
    if (s->at == s->start && starts_with(s, "\xef\xbb\xbf"))
        return complain(s, s->at, "a byte order mark is not allowed; send plain UTF-8");
    return complain(s, s->at, "a value must stand here");
}

static enum tb_json_event scan_key(struct tb_json_scan *s)
{
    if (*s->at != '"')
        return complain(s, s->at, "a key in double quotes must stand here");
    if (!scan_string(s))
        return TB_JSON_EV_ERROR;
    skip_space(s);
    if (s->at == s->end || *s->at != ':')
        return complain(s, s->at, "a colon must follow the key");
    s->at++;
    s->expect = EXPECT_VALUE;
    return TB_JSON_EV_KEY;
}

enum tb_json_event tb_json_scan_next(struct tb_json_scan *s)
{
    static const char early[] = "the text ends before the value is complete";
    bool object = s->depth && (s->objects >> (s->depth - 1) & 1);
    skip_space(s);
    s->from = s->at;
    if (s->expect == EXPECT_END)
        return s->at == s->end ? TB_JSON_EV_END
                               : complain(s, s->at, "nothing may follow the value");
    if (s->at == s->end)
        return complain(s, s->at, early);
    if (s->expect == EXPECT_FIRST || s->expect == EXPECT_MORE) {
        if (*s->at == (object ? '}' : ']')) {
            s->depth--;
            return done_with(s, s->at + 1, TB_JSON_EV_CLOSE);
        }
        if (s->expect == EXPECT_MORE) {
            if (*s->at != ',')
                return complain(s, s->at,
                                object ? "a comma or } must stand here"
                                       : "a comma or ] must stand here");
            s->at++;
            skip_space(s);
            s->from = s->at;
            if (s->at == s->end)
                return complain(s, s->at, early);
        }
        s->expect = object ? EXPECT_KEY : EXPECT_VALUE;
    }
    return s->expect == EXPECT_KEY ? scan_key(s) : scan_value(s);
}

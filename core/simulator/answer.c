/* FastAPI's dialect: details, 422 lists, Python's floats and lists, body models. One request, one
 * thread. */
#include "simulator/answer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "simulator/python_json.h"

void sim_float(struct tb_json_writer *out, double value)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &text);
    tb_jw_double(&w, value);
    if (isfinite(value) && strpbrk(tb_buffer_text(&text), ".e") == NULL)
        tb_buffer_puts(&text, ".0");
    tb_jw_raw(out, tb_buffer_text(&text), text.len);
    tb_buffer_free(&text);
}

void sim_kv_float(struct tb_json_writer *out, const char *key, double value)
{
    tb_jw_key(out, key);
    sim_float(out, value);
}

void sim_kv_iso(struct tb_json_writer *out, const char *key, int64_t at)
{
    if (at == 0) {
        tb_jw_kv_string(out, key, NULL);
        return;
    }
    char text[64];
    time_t seconds = (time_t)(at / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    /* Microseconds in the original; the last three digits are made up from the time itself. */
    snprintf(text + len, sizeof text - len, ".%03d%03d+00:00", (int)(at % 1000),
             (int)(at / 7 % 1000));
    tb_jw_kv_string(out, key, text);
}

TB_PRINTF(4, 0)
static void one_member(struct sim_call *call, int status, const char *key, const char *format,
                       va_list args)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    tb_buffer_vprintf(&text, format, args);
    call->status = status;
    tb_buffer_clear(call->text);
    tb_jw_init(&call->out, call->text);
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, key, tb_buffer_text(&text));
    tb_jw_end_object(&call->out);
    tb_buffer_free(&text);
}

void sim_detail(struct sim_call *call, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    one_member(call, status, "detail", format, args);
    va_end(args);
}

void sim_message(struct sim_call *call, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    one_member(call, status, "message", format, args);
    va_end(args);
}

void sim_crash(struct sim_call *call)
{
    call->status = 500;
    call->plain = true;
    tb_buffer_clear(call->text);
    tb_buffer_puts(call->text, "Internal Server Error");
}

void sim_bare_string(struct sim_call *call, const char *format, ...)
{
    struct tb_buffer text = TB_BUFFER_INIT;
    va_list args;
    va_start(args, format);
    tb_buffer_vprintf(&text, format, args);
    va_end(args);
    tb_jw_string(&call->out, tb_buffer_text(&text));
    tb_buffer_free(&text);
}

void sim_python_list(struct tb_buffer *out, const char *const *items, size_t count)
{
    tb_buffer_putc(out, '[');
    for (size_t i = 0; i < count; i++)
        tb_buffer_printf(out, "%s'%s'", i == 0 ? "" : ", ", items[i]);
    tb_buffer_putc(out, ']');
}

bool sim_name_ok(const char *name, bool yml)
{
    size_t len = strlen(name);
    if (yml && len > 4 && strcmp(name + len - 4, ".yml") == 0)
        len -= 4;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-'))
            return false;
    }
    return len > 0;
}

/* ---- 422 ---- */

struct trouble {
    const char *type, *where, *member, *msg;
};

static void trouble_begin(struct sim_call *call)
{
    call->status = 422;
    tb_buffer_clear(call->text);
    tb_jw_init(&call->out, call->text);
    tb_jw_object(&call->out);
    tb_jw_key(&call->out, "detail");
    tb_jw_array(&call->out);
}

static void trouble_end(struct sim_call *call)
{
    tb_jw_end_array(&call->out);
    tb_jw_end_object(&call->out);
}

/* Opens one entry up to and with "input": the caller writes the value and closes. */
static void trouble_entry(struct sim_call *call, const struct trouble *t)
{
    struct tb_json_writer *out = &call->out;
    tb_jw_object(out);
    tb_jw_kv_string(out, "type", t->type);
    tb_jw_key(out, "loc");
    tb_jw_array(out);
    tb_jw_string(out, t->where);
    if (t->member != NULL)
        tb_jw_string(out, t->member);
    tb_jw_end_array(out);
    tb_jw_kv_string(out, "msg", t->msg);
    tb_jw_key(out, "input");
}

static bool trouble_alone(struct sim_call *call, const struct trouble *t,
                          const struct tb_json *input)
{
    trouble_begin(call);
    trouble_entry(call, t);
    tb_jw_node(&call->out, input);
    tb_jw_end_object(&call->out);
    trouble_end(call);
    return false;
}

const char *sim_query(const struct sim_call *call, const char *name)
{
    for (const char *const *q = call->queries; q != NULL && q[0] != NULL; q += 2) {
        if (strcmp(q[0], name) == 0)
            return q[1];
    }
    return NULL;
}

static bool query_trouble(struct sim_call *call, const char *name, const char *text,
                          const char *type, const char *msg, const char *limit, int64_t bound)
{
    trouble_begin(call);
    trouble_entry(call, &(struct trouble){type, "query", name, msg});
    tb_jw_string(&call->out, text);
    if (limit != NULL) {
        tb_jw_key(&call->out, "ctx");
        tb_jw_object(&call->out);
        tb_jw_kv_int(&call->out, limit, bound);
        tb_jw_end_object(&call->out);
    }
    tb_jw_end_object(&call->out);
    trouble_end(call);
    return false;
}

bool sim_query_int(struct sim_call *call, const char *name, int64_t fallback, int64_t low,
                   int64_t high, int64_t *out)
{
    const char *text = sim_query(call, name);
    char *end;
    char msg[96];
    *out = fallback;
    if (text == NULL)
        return true;
    *out = strtoll(text, &end, 10);
    if (end == text || *end != '\0')
        return query_trouble(
            call, name, text, "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer", NULL, 0);
    if (*out > high) {
        snprintf(msg, sizeof msg, "Input should be less than or equal to %lld", (long long)high);
        return query_trouble(call, name, text, "less_than_equal", msg, "le", high);
    }
    if (*out < low) {
        snprintf(msg, sizeof msg, "Input should be greater than or equal to %lld", (long long)low);
        return query_trouble(call, name, text, "greater_than_equal", msg, "ge", low);
    }
    return true;
}

/* pattern: ^(a|b|c)$ */
static bool choice_has(const char *pattern, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = pattern + 2; *at != '\0' && *at != '$'; at++) {
        size_t n = strcspn(at, "|)");
        if (n == len && strncmp(at, word, n) == 0)
            return true;
        at += n;
    }
    return false;
}

bool sim_query_choice(struct sim_call *call, const char *name, const char *pattern)
{
    char msg[128];
    const char *text = sim_query(call, name);
    if (text == NULL || choice_has(pattern, text))
        return true;
    snprintf(msg, sizeof msg, "String should match pattern '%s'", pattern);
    trouble_begin(call);
    trouble_entry(call, &(struct trouble){"string_pattern_mismatch", "query", name, msg});
    tb_jw_string(&call->out, text);
    tb_jw_key(&call->out, "ctx");
    tb_jw_object(&call->out);
    tb_jw_kv_string(&call->out, "pattern", pattern);
    tb_jw_end_object(&call->out);
    tb_jw_end_object(&call->out);
    trouble_end(call);
    return false;
}

/* ---- body models ---- */

struct type_trouble {
    char kind;
    const char *type, *msg;
};

static const struct type_trouble type_troubles[] = {
    {'s', "string_type", "Input should be a valid string"},
    {'S', "string_type", "Input should be a valid string"},
    {'b', "bool_type", "Input should be a valid boolean"},
    {'n', "float_type", "Input should be a valid number"},
    {'N', "float_type", "Input should be a valid number"},
    {'i', "int_type", "Input should be a valid integer"},
    {'l', "list_type", "Input should be a valid list"},
    {'L', "list_type", "Input should be a valid list"},
    {'o', "dict_type", "Input should be a valid dictionary"},
};

static bool bool_text(const struct tb_json *value)
{
    static const char *const words[] = {"true", "false", "1", "0", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], value->text) == 0)
            return true;
    }
    return false;
}

static bool member_fits(char kind, const struct tb_json *value)
{
    struct tb_decimal d;
    int64_t integer;
    bool null = value->type == TB_JSON_NULL;
    switch (kind) {
    case 's':
        return value->type == TB_JSON_STRING;
    case 'S':
        return null || value->type == TB_JSON_STRING;
    case 'b':
        return value->type == TB_JSON_BOOL || (value->type == TB_JSON_STRING && bool_text(value)) ||
               (tb_json_int64(value, &integer) && (integer == 0 || integer == 1));
    case 'n':
        return null || value->type == TB_JSON_NUMBER || tb_json_decimal(value, &d);
    case 'N':
        return value->type == TB_JSON_NUMBER || tb_json_decimal(value, &d);
    case 'i':
        return tb_json_int64(value, &integer) ||
               (tb_json_decimal(value, &d) && tb_decimal_to_int64(&d, &integer));
    case 'l':
        return value->type == TB_JSON_ARRAY;
    case 'L':
        return null || value->type == TB_JSON_ARRAY;
    case 'o':
        return value->type == TB_JSON_OBJECT;
    default:
        return true;
    }
}

static const struct type_trouble *trouble_of(char kind)
{
    size_t i = 0;
    while (type_troubles[i].kind != kind)
        i++;
    return &type_troubles[i];
}

static bool check_members(struct sim_call *call, const struct sim_member *members,
                          const struct tb_json *root)
{
    bool begun = false;
    for (const struct sim_member *m = members; m != NULL && m->name != NULL; m++) {
        const struct tb_json *value = tb_json_get(root, m->name);
        if (value == NULL ? !m->required : member_fits(m->type, value))
            continue;
        if (!begun)
            trouble_begin(call);
        begun = true;
        const struct type_trouble *t = trouble_of(m->type == 'a' ? 's' : m->type);
        trouble_entry(call, &(struct trouble){value == NULL ? "missing" : t->type, "body", m->name,
                                              value == NULL ? "Field required" : t->msg});
        tb_jw_node(&call->out, value == NULL ? root : value);
        tb_jw_end_object(&call->out);
    }
    if (begun)
        trouble_end(call);
    return !begun;
}

static bool bad_json(struct sim_call *call, const char *text, size_t len)
{
    size_t position;
    const char *message = sim_python_json_error(text, len, &position);
    struct tb_json_writer *out = &call->out;
    trouble_begin(call);
    tb_jw_object(out);
    tb_jw_kv_string(out, "type", "json_invalid");
    tb_jw_key(out, "loc");
    tb_jw_array(out);
    tb_jw_string(out, "body");
    tb_jw_int(out, (int64_t)position);
    tb_jw_end_array(out);
    tb_jw_kv_string(out, "msg", "JSON decode error");
    tb_jw_kv_raw(out, "input", "{}", 2);
    tb_jw_key(out, "ctx");
    tb_jw_object(out);
    tb_jw_kv_string(out, "error", message);
    tb_jw_end_object(out);
    tb_jw_end_object(out);
    trouble_end(call);
    return false;
}

bool sim_body_check(struct sim_call *call, enum sim_body kind, const struct sim_member *members,
                    const char *text, size_t len, const char *content_type,
                    struct tb_json_doc **doc_out)
{
    *doc_out = NULL;
    if (kind == SIM_BODY_NONE)
        return true;
    if (len == 0)
        return trouble_alone(call, &(struct trouble){"missing", "body", NULL, "Field required"},
                             NULL);
    if (content_type != NULL && strstr(content_type, "json") == NULL) {
        sim_crash(call); /* the 422's input is bytes, which the handler cannot serialise */
        return false;
    }
    if (!sim_utf8_ok(text, len)) {
        sim_detail(call, 400, "There was an error parsing the body");
        return false;
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    *doc_out = tb_json_parse(text, len, TB_JSON_UPSTREAM, NULL);
    if (*doc_out == NULL)
        return bad_json(call, text, len);
    call->body = tb_json_root(*doc_out);
    if (call->body->type == TB_JSON_OBJECT)
        return check_members(call, members, call->body);
    if (call->body->type == TB_JSON_NULL)
        return trouble_alone(call, &(struct trouble){"missing", "body", NULL, "Field required"},
                             NULL);
    if (kind == SIM_BODY_DICT)
        return trouble_alone(
            call,
            &(struct trouble){"dict_type", "body", NULL, "Input should be a valid dictionary"},
            call->body);
    return trouble_alone(
        call,
        &(struct trouble){"model_attributes_type", "body", NULL,
                          "Input should be a valid dictionary or object to extract fields from"},
        call->body);
}

/* JSON: tokenizer, document, slicer, writer, canonical form. `test_json --tool client|upstream`
 * serves the differential test against Python: "<length>\n<bytes>" in, one line out, canonical or
 * "ERROR <what>". */
#include <math.h>
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

static struct tb_json_doc *must_parse(const char *text, enum tb_json_trust trust)
{
    struct tb_error err = {0};
    struct tb_json_doc *doc = parse_bytes(text, strlen(text), trust, &err);
    if (!doc)
        fail_msg("%s: %s", text, err.detail);
    return doc;
}

static char *canonical_of(const struct tb_json *node)
{
    struct tb_buffer out = TB_BUFFER_INIT;
    tb_json_canonical(node, &out);
    return tb_buffer_steal(&out, NULL);
}

static void assert_canonical(const char *text, enum tb_json_trust trust, const char *want)
{
    struct tb_json_doc *doc = must_parse(text, trust);
    char *got = canonical_of(tb_json_root(doc));
    assert_string_equal(got, want);
    free(got);
    tb_json_free(doc);
}

/* ---- tokenizer and document ---- */

static void refuses_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", "line 1, column 1: the text ends before the value is complete"},
        {"  \n\t ", "line 2, column 3: the text ends before the value is complete"},
        {"{\"a\":1,\n \"b\" 2}", "line 2, column 6: a colon must follow the key"},
        {"{\"a\":1,}", "line 1, column 8: a key in double quotes must stand here"},
        {"{,}", "line 1, column 2: a key in double quotes must stand here"},
        {"{a:1}", "line 1, column 2: a key in double quotes must stand here"},
        {"{\"a\":}", "line 1, column 6: a value must stand here"},
        {"{\"a\":1]", "line 1, column 7: a comma or } must stand here"},
        {"{\"a\"", "line 1, column 5: a colon must follow the key"},
        {"{\"a\":1,", "line 1, column 8: the text ends before the value is complete"},
        {"[1,]", "line 1, column 4: a value must stand here"},
        {"[,1]", "line 1, column 2: a value must stand here"},
        {"[1 2]", "line 1, column 4: a comma or ] must stand here"},
        {"[1}", "line 1, column 3: a comma or ] must stand here"},
        {"[\"\xc3\xa9\xe2\x82\xac\", x]", "line 1, column 8: a value must stand here"},
        {"1 2", "line 1, column 3: nothing may follow the value"},
        {"{}}", "line 1, column 3: nothing may follow the value"},
        {"nul", "line 1, column 1: a value must stand here"},
        {"nullx", "line 1, column 5: nothing may follow the value"},
        {"True", "line 1, column 1: a value must stand here"},
        {"'a'", "line 1, column 1: a value must stand here"},
        {"/**/1", "line 1, column 1: a value must stand here"},
        {"\f1", "line 1, column 1: a value must stand here"},
        {"\xef\xbb\xbf{}", "line 1, column 1: a byte order mark is not allowed; send plain UTF-8"},
        {"01", "line 1, column 1: a number must not start with zeros"},
        {"-01", "line 1, column 2: a number must not start with zeros"},
        {"+1", "line 1, column 1: a value must stand here"},
        {".5", "line 1, column 1: a value must stand here"},
        {"-", "line 1, column 2: a digit must follow the minus sign"},
        {"1.", "line 1, column 3: a digit must follow the decimal point"},
        {"1.e3", "line 1, column 3: a digit must follow the decimal point"},
        {"1e", "line 1, column 3: a digit must follow the exponent sign"},
        {"1e+", "line 1, column 4: a digit must follow the exponent sign"},
        {"0x10", "line 1, column 2: nothing may follow the value"},
        {"[1e999]", "line 1, column 2: this number is too large"},
        {"-1.8e308", "line 1, column 1: this number is too large"},
        {"[NaN]", "line 1, column 2: NaN and Infinity are not JSON numbers"},
        {"-Infinity", "line 1, column 1: NaN and Infinity are not JSON numbers"},
        {"\"a", "line 1, column 3: the text ends inside a string"},
        {"\"\\", "line 1, column 2: this escape does not exist in JSON"},
        {"\"\\x41\"", "line 1, column 2: this escape does not exist in JSON"},
        {"\"\\u12g4\"", "line 1, column 2: this escape does not exist in JSON"},
        {"\"\\u12", "line 1, column 2: this escape does not exist in JSON"},
        {"\"a\nb\"",
         "line 1, column 3: a control character in a string must be written as an escape"},
        {"\"\\ud800\"", "line 1, column 2: half of a surrogate pair is not a character"},
        {"\"\\udc00\\ud800\"", "line 1, column 2: half of a surrogate pair is not a character"},
        {"\"\\ud800\\u0041\"", "line 1, column 2: half of a surrogate pair is not a character"},
        {"\"\\ud800\\ud800\"", "line 1, column 2: half of a surrogate pair is not a character"},
        {"\"\x80\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xc0\xaf\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xc1\x81\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xe0\x80\xaf\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xed\xa0\x80\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xf0\x80\x80\x80\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xf5\x80\x80\x80\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xe2\x82\"", "line 1, column 2: this byte is not valid UTF-8"},
        {"\"\xe2\x82", "line 1, column 2: this byte is not valid UTF-8"},
        {"{\"a\":1,\n\"\\u0061\":2}", "line 2, column 1: this key is already in the object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tb_error err = {0};
        struct tb_json_doc *doc =
            parse_bytes(rows[i].text, strlen(rows[i].text), TB_JSON_CLIENT, &err);
        if (doc)
            fail_msg("accepted: %s", rows[i].text);
        assert_int_equal(err.code, TB_BAD_JSON);
        assert_string_equal(err.detail, rows[i].want);
    }
    assert_null(tb_json_parse("x", 1, TB_JSON_CLIENT, NULL));
    assert_null(parse_bytes("1\0", 2, TB_JSON_CLIENT, NULL));
    assert_null(tb_json_parse(NULL, 0, TB_JSON_UPSTREAM, NULL));
}

static void reads_every_kind(void **state)
{
    (void)state;
    assert_canonical(" [ true , false , null , -0 , 1.50e+01 , \"\" , [ ] , { } ] \r\n",
                     TB_JSON_CLIENT, "[true,false,null,-0,1.50e+01,\"\",[],{}]");
    assert_canonical("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\u20AC\\ud83d\\ude00\x7f\"",
                     TB_JSON_CLIENT,
                     "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"");
    assert_canonical("[1.7976931348623157e308,1e-999,0e999]", TB_JSON_CLIENT,
                     "[1.7976931348623157e308,1e-999,0e999]");

    struct tb_json_doc *doc = must_parse("{\"k\\u0000x\":\"a\\u0000b\",\"e\":[]}", TB_JSON_CLIENT);
    const struct tb_json *first = tb_json_root(doc)->child;
    assert_int_equal(tb_json_root(doc)->len, 2);
    assert_int_equal(first->key_len, 3);
    assert_memory_equal(first->key, "k\0x", 4);
    assert_int_equal(first->len, 3);
    assert_memory_equal(first->text, "a\0b", 4);
    assert_null(tb_json_string(first));
    assert_null(tb_json_get(tb_json_root(doc), "k"));
    assert_true(tb_json_is(tb_json_get(tb_json_root(doc), "e"), TB_JSON_ARRAY));
    tb_json_free(doc);
    tb_json_free(NULL);
    assert_null(tb_json_root(NULL));
}

static void upstream_oddities_become_null_and_are_counted(void **state)
{
    (void)state;
    struct tb_json_doc *doc =
        must_parse("{\"a\":[NaN,Infinity,-Infinity,1e400,-1e400,2],\"n\":null}", TB_JSON_UPSTREAM);
    assert_int_equal(tb_json_nulled(doc), 5);
    char *text = canonical_of(tb_json_root(doc));
    assert_string_equal(text, "{\"a\":[null,null,null,null,null,2],\"n\":null}");
    free(text);
    tb_json_free(doc);

    char big[400] = "";
    memset(big, '9', 309);
    doc = must_parse(big, TB_JSON_UPSTREAM);
    assert_true(tb_json_is(tb_json_root(doc), TB_JSON_NULL));
    assert_int_equal(tb_json_nulled(doc), 1);
    tb_json_free(doc);
    assert_null(parse_bytes(big, 309, TB_JSON_CLIENT, NULL));
    assert_null(parse_bytes("nan", 3, TB_JSON_UPSTREAM, NULL));
    assert_null(parse_bytes("-NaN", 4, TB_JSON_UPSTREAM, NULL));
    assert_null(parse_bytes("+Infinity", 9, TB_JSON_UPSTREAM, NULL));
    assert_null(parse_bytes("\"\\udfff\"", 8, TB_JSON_UPSTREAM, NULL));
}

static void last_repeated_key_of_upstream_wins(void **state)
{
    (void)state;
    struct tb_json_doc *doc =
        must_parse("{\"a\":1,\"b\":2,\"\\u0061\":3,\"c\":4,\"a\":{\"a\":5}}", TB_JSON_UPSTREAM);
    const struct tb_json *root = tb_json_root(doc);
    assert_int_equal(root->len, 3);
    assert_string_equal(root->child->key, "b");
    char *text = canonical_of(root);
    assert_string_equal(text, "{\"a\":{\"a\":5},\"b\":2,\"c\":4}");
    free(text);
    tb_json_free(doc);
    assert_canonical("{\"a\":{\"x\":1},\"b\":{\"x\":1}}", TB_JSON_CLIENT,
                     "{\"a\":{\"x\":1},\"b\":{\"x\":1}}");
}

/* An attacker's object of very many keys must not cost their square. */
static void many_keys_are_cheap(void **state)
{
    (void)state;
    struct tb_buffer b = TB_BUFFER_INIT;
    for (int i = 0; i < 200000; i++)
        tb_buffer_printf(&b, "%c\"key%d\":%d", i ? ',' : '{', i, i);
    tb_buffer_puts(&b, ",\"key7\":0}");
    struct tb_error err = {0};
    assert_null(tb_json_parse(b.data, b.len, TB_JSON_CLIENT, &err));
    assert_non_null(strstr(err.detail, "already in the object"));
    struct tb_json_doc *doc = tb_json_parse(b.data, b.len, TB_JSON_UPSTREAM, &err);
    assert_non_null(doc);
    assert_int_equal(tb_json_root(doc)->len, 200000);
    tb_json_free(doc);
    tb_buffer_free(&b);
}

static void nest(struct tb_buffer *b, unsigned depth, const char *open, const char *inner,
                 const char *close)
{
    tb_buffer_clear(b);
    for (unsigned i = 0; i < depth; i++)
        tb_buffer_puts(b, open);
    tb_buffer_puts(b, inner);
    for (unsigned i = 0; i < depth; i++)
        tb_buffer_puts(b, close);
}

static void depth_is_64(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } kinds[] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"a\":", "}]"}};
    struct tb_buffer b = TB_BUFFER_INIT;
    struct tb_buffer out = TB_BUFFER_INIT;
    for (size_t i = 0; i < 3; i++) {
        unsigned fits = i == 2 ? 32 : 64;
        nest(&b, fits, kinds[i].open, "1", kinds[i].close);
        struct tb_json_doc *doc = must_parse(b.data, TB_JSON_CLIENT);
        /* A document of full depth still goes into an envelope. */
        struct tb_json_writer w;
        tb_buffer_clear(&out);
        tb_jw_init(&w, &out);
        tb_jw_array(&w);
        tb_jw_node(&w, tb_json_root(doc));
        tb_jw_end_array(&w);
        assert_int_equal(out.len, b.len + 2);
        assert_memory_equal(out.data + 1, b.data, b.len);
        tb_json_free(doc);

        struct tb_error err = {0};
        nest(&b, fits + 1, kinds[i].open, "1", kinds[i].close);
        assert_null(parse_bytes(b.data, b.len, TB_JSON_UPSTREAM, &err));
        assert_non_null(strstr(err.detail, "nested deeper than 64 levels"));
    }
    tb_buffer_free(&b);
    tb_buffer_free(&out);
}

static void accessors_tolerate_what_is_missing(void **state)
{
    (void)state;
    struct tb_json_doc *doc =
        must_parse("{\"data\":{\"bot\":{\"status\":\"up\",\"on\":true,\"off\":false}},\"l\":[5,6]}",
                   TB_JSON_CLIENT);
    const struct tb_json *root = tb_json_root(doc);
    assert_string_equal(tb_json_string(tb_json_path(root, "data", "bot", "status", NULL)), "up");
    assert_null(tb_json_path(root, "data", "none", "status", NULL));
    assert_null(tb_json_path(root, "l", "status", NULL));
    assert_null(tb_json_path(NULL, "l", NULL));
    assert_ptr_equal(tb_json_path(root, NULL), root);
    const struct tb_json *bot = tb_json_path(root, "data", "bot", NULL);
    assert_string_equal(tb_json_get_string(bot, "status"), "up");
    assert_null(tb_json_get_string(bot, "on"));
    assert_true(tb_json_true(tb_json_get(bot, "on")));
    assert_false(tb_json_true(tb_json_get(bot, "off")));
    assert_false(tb_json_true(tb_json_get(bot, "status")));
    assert_false(tb_json_true(NULL));
    assert_string_equal(tb_json_at(tb_json_get(root, "l"), 1)->text, "6");
    assert_null(tb_json_at(tb_json_get(root, "l"), 2));
    assert_null(tb_json_at(root, 0));
    assert_null(tb_json_get(tb_json_get(root, "l"), "0"));
    assert_false(tb_json_is(NULL, TB_JSON_NULL));
    tb_json_free(doc);
}

static void numbers_on_demand(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_int;
        int64_t want;
    } ints[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"-12.50e1", true, -125},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"1e300", false, 0},
        {"\"1\"", false, 0},
    };
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        struct tb_json_doc *doc = must_parse(ints[i].text, TB_JSON_CLIENT);
        int64_t got = 0;
        assert_int_equal(tb_json_int64(tb_json_root(doc), &got), ints[i].is_int);
        assert_true(got == ints[i].want);
        tb_json_free(doc);
    }

    struct tb_json_doc *doc = must_parse(
        "[0.1,\"-1\",\"1.50\",\" 1\",\"1 \",\"\",\"1\\u0000\",\"NaN\",true]", TB_JSON_CLIENT);
    const struct tb_json *root = tb_json_root(doc);
    double d = 0;
    assert_true(tb_json_double(tb_json_at(root, 0), &d));
    assert_true(d == 0.1);
    assert_false(tb_json_double(tb_json_at(root, 1), &d));
    assert_false(tb_json_double(NULL, &d));
    static const char *const want[] = {"0.1", "-1", "1.50"};
    for (size_t i = 0; i < root->len; i++) {
        struct tb_decimal decimal;
        char text[TB_DECIMAL_TEXT];
        bool is = tb_json_decimal(tb_json_at(root, i), &decimal);
        assert_int_equal(is, i < 3);
        if (is) {
            tb_decimal_format(&decimal, text);
            assert_string_equal(text, want[i]);
        }
    }
    tb_json_free(doc);
}

/* ---- slicer ---- */

struct seen {
    struct tb_buffer text;
    int left; /* stop after this many */
};

static bool note_member(void *arg, const char *key, size_t key_len, struct tb_json_slice value)
{
    struct seen *seen = arg;
    assert_int_equal(key[key_len], 0);
    tb_buffer_printf(&seen->text, "%s=%.*s;", key, (int)value.len, value.start);
    return --seen->left != 0;
}

static void slices_members(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int stop;
        const char *want; /* NULL: refused */
    } rows[] = {
        {" { \"a\" : 1 , \"\\u00e9\\n\" : [ { \"a\" : [ ] } ] , \"\" : \"x\\\"y\" } ", 0,
         "a=1;\xc3\xa9\n=[ { \"a\" : [ ] } ];=\"x\\\"y\";"},
        {"{}", 0, ""},
        {"{\"a\":NaN,\"b\":-Infinity,\"c\":1e999}", 0, "a=NaN;b=-Infinity;c=1e999;"},
        {"{\"a\":1,\"a\":{}}", 0, "a=1;a={};"},
        {"{\"a\":[1,2],\"b\":oops", 1, "a=[1,2];"},
        {"{\"a\":[1,2],\"b\":oops", 2, NULL},
        {"{\"a\":[1,2}}", 0, NULL},
        {"{\"a\":\"\\ud800\"}", 0, NULL},
        {"{} {}", 0, NULL},
        {"[1]", 0, NULL},
        {"\"a\"", 0, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen seen = {.left = rows[i].stop};
        struct tb_error err = {0};
        bool ok = tb_json_each_member(rows[i].text, strlen(rows[i].text), note_member, &seen, &err);
        assert_int_equal(ok, rows[i].want != NULL);
        assert_int_equal(err.code, ok ? TB_OK : TB_BAD_JSON);
        if (ok)
            assert_string_equal(tb_buffer_text(&seen.text), rows[i].want);
        tb_buffer_free(&seen.text);
    }

    struct tb_json_slice slice;
    const char *text = "{\"a\":{\"b\":1},\"b\": \"x\" ,\"a\":[2]}";
    assert_true(tb_json_slice_member(text, strlen(text), "a", &slice));
    assert_int_equal(slice.len, 3);
    assert_memory_equal(slice.start, "[2]", 3);
    assert_true(tb_json_slice_member(text, strlen(text), "b", &slice));
    assert_int_equal(slice.len, 3);
    assert_memory_equal(slice.start, "\"x\"", 3);
    assert_false(tb_json_slice_member(text, strlen(text), "c", &slice));
    assert_false(tb_json_slice_member(text, strlen(text) - 1, "a", &slice));
}

/* ---- writer ---- */

static void writes_an_envelope(void **state)
{
    (void)state;
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_writer w;
    struct tb_decimal money;
    assert_true(tb_decimal_parse("-10.50", 6, &money));
    struct tb_json_doc *doc = must_parse("{\"z\":1.10,\"a\":[]}", TB_JSON_CLIENT);
    tb_jw_init(&w, &out);
    tb_jw_object(&w);
    tb_jw_kv_string(&w, "s", "q\"\\\n\x01\xc3\xa9");
    tb_jw_kv_string(&w, "none", NULL);
    tb_jw_kv_int(&w, "i", INT64_MIN);
    tb_jw_kv_bool(&w, "b", true);
    tb_jw_kv_time(&w, "t", 1);
    tb_jw_kv_time(&w, "never", 0);
    tb_jw_kv_raw(&w, "raw", "[1]", 3);
    tb_jw_kv_raw(&w, "noraw", "", 0);
    tb_jw_kv_node(&w, "node", tb_json_root(doc));
    tb_jw_kv_node(&w, "nonode", NULL);
    tb_jw_keyn(&w, "k\0x", 3);
    tb_jw_array(&w);
    tb_jw_array(&w);
    tb_jw_end_array(&w);
    tb_jw_object(&w);
    tb_jw_end_object(&w);
    tb_jw_null(&w);
    tb_jw_bool(&w, false);
    tb_jw_decimal_string(&w, &money);
    tb_jw_decimal_number(&w, &money);
    tb_jw_stringn(&w, "a\0b", 3);
    tb_jw_end_array(&w);
    tb_jw_kv_int(&w, "last", 2);
    tb_jw_end_object(&w);
    assert_string_equal(
        out.data,
        "{\"s\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\",\"none\":null,\"i\":-9223372036854775808,"
        "\"b\":true,\"t\":\"1970-01-01T00:00:00.001Z\",\"never\":null,\"raw\":[1],\"noraw\":null,"
        "\"node\":{\"z\":1.10,\"a\":[]},\"nonode\":null,\"k\\u0000x\":"
        "[[],{},null,false,\"-10.50\",-10.50,\"a\\u0000b\"],\"last\":2}");
    tb_json_free(doc);
    tb_buffer_free(&out);
}

static void writes_doubles_shortest(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *want;
    } rows[] = {{0.1, "0.1"},
                {0.004, "0.004"},
                {0.1 + 0.2, "0.30000000000000004"},
                {1e21, "1e+21"},
                {100, "100"},
                {-0.0, "-0"},
                {1.0 / 3, "0.3333333333333333"},
                {5e-324, "4.94065645841247e-324"},
                {1.7976931348623157e308, "1.7976931348623157e+308"},
                {(double)NAN, "null"},
                {-(double)INFINITY, "null"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tb_buffer out = TB_BUFFER_INIT;
        struct tb_json_writer w;
        tb_jw_init(&w, &out);
        tb_jw_double(&w, rows[i].value);
        assert_string_equal(out.data, rows[i].want);
        tb_buffer_free(&out);
    }
}

static void broken_text_is_still_written_as_json(void **state)
{
    (void)state;
    static const char text[] = "a\xff\xe2\x82z\xed\xa0\x80";
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_json_writer w;
    tb_jw_init(&w, &out);
    tb_jw_string(&w, text);
#define BAD "\xef\xbf\xbd"
    assert_string_equal(out.data, "\"a" BAD BAD BAD "z" BAD BAD BAD "\"");
    tb_buffer_free(&out);
}

static void canonical_sorts_by_bytes(void **state)
{
    (void)state;
    assert_canonical("{\"b\":1,\"a\":2,\"aa\":3,\"\":4,\"\\u00e9\":5,\"Z\":6,\"a\\u0000\":7}",
                     TB_JSON_CLIENT,
                     "{\"\":4,\"Z\":6,\"a\":2,\"a\\u0000\":7,\"aa\":3,\"b\":1,\"\xc3\xa9\":5}");
    /* More members than fit the writer's own memory. */
    assert_canonical(
        "{\"t\":0,\"s\":0,\"r\":0,\"q\":0,\"p\":0,\"o\":0,\"n\":0,\"m\":0,\"l\":0,"
        "\"k\":0,\"j\":0,\"i\":0,\"h\":0,\"g\":0,\"f\":0,\"e\":0,\"d\":{\"y\":1,\"x\":2}}",
        TB_JSON_CLIENT,
        "{\"d\":{\"x\":2,\"y\":1},\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,"
        "\"k\":0,\"l\":0,\"m\":0,\"n\":0,\"o\":0,\"p\":0,\"q\":0,\"r\":0,\"s\":0,"
        "\"t\":0}");
    struct tb_buffer out = TB_BUFFER_INIT;
    tb_json_canonical(NULL, &out);
    assert_string_equal(out.data, "null");
    tb_buffer_free(&out);
}

/* ---- the tool ---- */

static int tool(enum tb_json_trust trust)
{
    size_t len;
    while (scanf("%zu", &len) == 1 && getchar() == '\n') {
        struct tb_error err = {0};
        char *text = tb_xmalloc(len + 1);
        if (fread(text, 1, len, stdin) != len) {
            free(text);
            return 1;
        }
        struct tb_json_doc *doc = parse_bytes(text, len, trust, &err);
        char *line = doc ? canonical_of(tb_json_root(doc)) : NULL;
        if (line)
            puts(line);
        else
            printf("ERROR %s\n", err.detail);
        free(line);
        free(text);
        tb_json_free(doc);
    }
    return 0;
}

static void pretty_gives_each_member_its_line(void **state)
{
    (void)state;
    static const char text[] = "{\"b\":[1,{}],\"a\":{\"y\":\"\\n\",\"x\":[]}}";
    struct tb_buffer out = TB_BUFFER_INIT;
    struct tb_error err = {0};
    struct tb_json_doc *doc = tb_json_parse(text, sizeof text - 1, TB_JSON_CLIENT, &err);
    tb_json_pretty(tb_json_root(doc), &out);
    assert_string_equal(tb_buffer_text(&out),
                        "{\n  \"a\": {\n    \"x\": [],\n    \"y\": \"\\n\"\n  "
                        "},\n  \"b\": [\n    1,\n    {}\n  ]\n}\n");
    tb_buffer_free(&out);
    tb_json_free(doc);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--tool") == 0)
        return tool(strcmp(argv[2], "upstream") == 0 ? TB_JSON_UPSTREAM : TB_JSON_CLIENT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_line_and_column),
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(upstream_oddities_become_null_and_are_counted),
        cmocka_unit_test(last_repeated_key_of_upstream_wins),
        cmocka_unit_test(many_keys_are_cheap),
        cmocka_unit_test(depth_is_64),
        cmocka_unit_test(accessors_tolerate_what_is_missing),
        cmocka_unit_test(numbers_on_demand),
        cmocka_unit_test(slices_members),
        cmocka_unit_test(writes_an_envelope),
        cmocka_unit_test(writes_doubles_shortest),
        cmocka_unit_test(broken_text_is_still_written_as_json),
        cmocka_unit_test(canonical_sorts_by_bytes),
        cmocka_unit_test(pretty_gives_each_member_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

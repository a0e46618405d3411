/* The comparison of config files: what a running bot may be sent, and what must never be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bots/params_rows.h"

#define CLASS "\"controller_type\":\"market_making\",\"controller_name\":\"pmm_simple\""

static struct tb_json_doc *parse(const char *text)
{
    struct tb_json_doc *doc = tb_json_parse(text, strlen(text), TB_JSON_UPSTREAM, NULL);
    assert_non_null(doc);
    return doc;
}

static struct param_rows compare(int64_t controller, const char *expected, const char *wanted,
                                 bool image_known)
{
    struct param_rows rows = {0};
    struct tb_json_doc *a = expected ? parse(expected) : NULL, *b = wanted ? parse(wanted) : NULL;
    rows_compare(&rows, controller, a ? tb_json_root(a) : NULL, b ? tb_json_root(b) : NULL,
                 image_known);
    if (a)
        rows_keep(&rows, a);
    if (b)
        rows_keep(&rows, b);
    return rows;
}

static void test_reasons(void **state)
{
    (void)state;
    static const struct {
        const char *what, *expected, *wanted;
        int64_t controller;
        bool image_known;
        int reason; /* -1: no difference */
    } rows[] = {
        {"live", "{" CLASS ",\"cooldown_time\":30}", "{" CLASS ",\"cooldown_time\":60}", 1, true,
         PARAM_LIVE},
        {"a list", "{" CLASS ",\"buy_spreads\":[0.1,0.2]}", "{" CLASS ",\"buy_spreads\":[0.1]}", 1,
         true, PARAM_LIVE},
        {"filled", "{" CLASS ",\"stop_loss\":null}", "{" CLASS ",\"stop_loss\":0.1}", 1, true,
         PARAM_LIVE},
        {"the same by value", "{" CLASS ",\"stop_loss\":0.030,\"cooldown_time\":60}",
         "{\"cooldown_time\":6e1,\"stop_loss\":0.03," CLASS "}", 1, true, -1},
        {"emptied", "{" CLASS ",\"stop_loss\":0.1}", "{" CLASS ",\"stop_loss\":null}", 1, true,
         PARAM_KIND},
        {"a text for a number", "{" CLASS ",\"cooldown_time\":30}",
         "{" CLASS ",\"cooldown_time\":\"60\"}", 1, true, PARAM_KIND},
        {"read at the start", "{" CLASS ",\"trading_pair\":\"A-B\"}",
         "{" CLASS ",\"trading_pair\":\"A-C\"}", 1, true, PARAM_FIXED},
        {"never the id", "{" CLASS ",\"id\":\"a\"}", "{" CLASS ",\"id\":\"b\"}", 1, true,
         PARAM_FIXED},
        {"no field of the class", "{" CLASS ",\"bogus\":1}", "{" CLASS ",\"bogus\":2}", 1, true,
         PARAM_UNKNOWN_FIELD},
        {"never _config_name", "{" CLASS ",\"_config_name\":\"a\"}",
         "{" CLASS ",\"_config_name\":\"b\"}", 1, true, PARAM_UNKNOWN_FIELD},
        {"new in the file", "{" CLASS "}", "{" CLASS ",\"cooldown_time\":60}", 1, true,
         PARAM_NEW_FIELD},
        {"gone from the file", "{" CLASS ",\"cooldown_time\":60}", "{" CLASS "}", 1, true,
         PARAM_REMOVED},
        {"an image nobody looked at", "{" CLASS ",\"cooldown_time\":30}",
         "{" CLASS ",\"cooldown_time\":60}", 1, false, PARAM_IMAGE},
        {"the script", "{\"max_global_drawdown_quote\":1}", "{\"max_global_drawdown_quote\":2}", 0,
         true, PARAM_SCRIPT},
        {"another class", "{" CLASS "}",
         "{\"controller_type\":\"generic\",\"controller_name\":\"grid_strike\"}", 1, true,
         PARAM_CONTROLLERS},
        {"a new controller", NULL, "{" CLASS "}", 2, true, PARAM_CONTROLLERS},
        {"one less", "{" CLASS "}", NULL, 2, true, PARAM_CONTROLLERS},
        {"a class nobody knows",
         "{\"controller_type\":\"generic\",\"controller_name\":\"own\",\"total_amount_quote\":1}",
         "{\"controller_type\":\"generic\",\"controller_name\":\"own\",\"total_amount_quote\":2}",
         1, true, PARAM_UNKNOWN_FIELD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct param_rows found =
            compare(rows[i].controller, rows[i].expected, rows[i].wanted, rows[i].image_known);
        size_t n = rows[i].reason < 0 ? 0 : 1;
        if (found.n != n || (n && (int)found.row[0].reason != rows[i].reason))
            fail_msg("%s: %zu rows, reason %d", rows[i].what, found.n,
                     found.n ? (int)found.row[0].reason : -1);
        rows_free(&found);
    }
}

static void test_damage(void **state)
{
    (void)state;
    static const struct {
        const char *found;
        bool damaged;
    } rows[] = {
        {"{" CLASS ",\"_config_name\":\"x\",\"cooldown_time\":60}", false},
        {"{" CLASS ",\"cooldown_time\":30,\"leverage\":7}", false},
        {"{" CLASS ",\"cooldown_time\":30,\"bogus_key\":1}", true},
        {"{" CLASS ",\"cooldown_time\":30,\"bogus_key\":null}", true},
        {"{" CLASS ",\"cooldown_time\":\"abc\"}", true},
        {"{" CLASS ",\"cooldown_time\":null}", true},
    };
    struct tb_json_doc *expected = parse("{" CLASS ",\"cooldown_time\":30,\"stop_loss\":null}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tb_json_doc *found = parse(rows[i].found);
        if (rows_damaged(tb_json_root(found), tb_json_root(expected)) != rows[i].damaged)
            fail_msg("%s", rows[i].found);
        tb_json_free(found);
    }
    tb_json_free(expected);
}

/* What is stored is read back as it was, null apart from absent. */
static void test_stored(void **state)
{
    (void)state;
    struct param_rows rows = compare(1, "{" CLASS ",\"cooldown_time\":30,\"stop_loss\":null}",
                                     "{" CLASS ",\"stop_loss\":0.1,\"leverage\":2}", true);
    struct param_rows again = {0};
    struct tb_buffer text = TB_BUFFER_INIT;
    struct tb_json_writer w;

    assert_int_equal(rows.n, 3);
    rows.row[0].at = 123;
    tb_jw_init(&w, &text);
    rows_write(&rows, false, &w);
    struct tb_json_doc *doc = parse(tb_buffer_text(&text));
    rows_read(&again, tb_json_root(doc));
    assert_int_equal(again.n, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct param_row *a = &rows.row[i], *b = rows_find(&again, a);
        assert_non_null(b);
        assert_int_equal(a->reason, b->reason);
        assert_int_equal(a->at, b->at);
        assert_int_equal(a->from == NULL, b->from == NULL);
        assert_int_equal(a->to == NULL, b->to == NULL);
        assert_string_equal(a->name, b->name);
    }
    tb_json_free(doc);
    tb_buffer_free(&text);
    rows_free(&again);
    rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

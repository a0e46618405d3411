/* The table of config fields: what it says, and that it is what upstream's classes say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "hummingbot/config_fields.h"
#include "strategies.h"

static void test_words(void **state)
{
    (void)state;
    const struct tb_hb_class *c = tb_hb_class_find("market_making", "pmm_simple");
    assert_non_null(c);
    assert_int_equal(tb_hb_class_field(c, "executor_refresh_time"), TB_HB_FIELD_LIVE);
    assert_int_equal(tb_hb_class_field(c, "trading_pair"), TB_HB_FIELD_FIXED);
    assert_int_equal(tb_hb_class_field(c, "id"), TB_HB_FIELD_FIXED);
    assert_int_equal(tb_hb_class_field(c, "_config_name"), TB_HB_FIELD_UNKNOWN);
    assert_int_equal(tb_hb_class_field(c, "executor_refresh"), TB_HB_FIELD_UNKNOWN);
    assert_int_equal(tb_hb_class_field(c, ""), TB_HB_FIELD_UNKNOWN);
    assert_int_equal(tb_hb_class_field(NULL, "id"), TB_HB_FIELD_UNKNOWN);
    assert_null(tb_hb_class_find("generic", "pmm_simple"));
    assert_int_equal(tb_hb_class_takes_effect(c), TB_HB_NEW_EXECUTORS);
    assert_int_equal(tb_hb_class_takes_effect(tb_hb_class_find("generic", "grid_strike")),
                     TB_HB_NEXT_GRID);
}

static void test_images(void **state)
{
    (void)state;
    assert_true(tb_hb_fields_known("hummingbot/hummingbot:version-2.16.0"));
    assert_true(tb_hb_fields_known("mine/hummingbot:2.16.1"));
    assert_false(tb_hb_fields_known("hummingbot/hummingbot:version-2.15.0"));
    assert_false(tb_hb_fields_known("hummingbot/hummingbot:version-2.160.0"));
    assert_false(tb_hb_fields_known("hummingbot/hummingbot:latest"));
}

/* Every field of every class is there, live exactly where upstream marks it. */
static void test_facts(void **state)
{
    (void)state;
    struct tb_json_doc *doc = read_fact("schemas.json");
    size_t classes = 0;
    if (!doc) {
        print_message("skipped: schemas.json is not at hand (TB_SHARED)\n");
        skip();
    }
    const struct tb_json *types = tb_json_get(tb_json_root(doc), "controllers");
    for (const struct tb_json *type = types->child; type; type = type->next)
        for (const struct tb_json *row = type->child; row; row = row->next) {
            if (strchr(row->key, '/'))
                continue; /* upstream's examples */
            const struct tb_hb_class *c = tb_hb_class_find(type->key, row->key);
            if (!c)
                fail_msg("the class %s is not in the table", row->key);
            for (const struct tb_json *f = tb_json_get(row, "fields")->child; f; f = f->next) {
                bool live = tb_json_true(tb_json_get(f, "is_updatable"));
                if (tb_hb_class_field(c, tb_json_get_string(f, "name")) !=
                    (live ? TB_HB_FIELD_LIVE : TB_HB_FIELD_FIXED))
                    fail_msg("%s.%s", row->key, tb_json_get_string(f, "name"));
            }
            classes++;
        }
    assert_true(classes > 20);
    tb_json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which refusals of upstream's validator are known to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json.h"
#include "bots/verdict.h"
#include "strategies.h"

#define MORE "\\n    For further information visit https://errors.pydantic.dev/2.10/v/x"
#define FORBIDDEN(field)                                                                           \
    "\\n" field "\\n  Extra inputs are not permitted [type=extra_forbidden, input_value=2, "       \
    "input_type=int]" MORE
#define OF(class, errors) "{\"detail\":\"2 validation errors for " class errors "\"}"
#define DIRECTIONAL       "DirectionalTradingControllerConfigBase"

static bool wrong(const char *type, const char *name, const char *body)
{
    return verdict_known_wrong(type, name, body, strlen(body));
}

static void test_own_fields_of_a_class_with_the_base_picked(void **state)
{
    (void)state;
    const char *both = OF(DIRECTIONAL, FORBIDDEN("length") FORBIDDEN("multiplier"));
    assert_true(wrong("directional_trading", "supertrend_v1", both));
    assert_true(
        wrong("directional_trading", "macd_bb_v1", OF(DIRECTIONAL, FORBIDDEN("macd_fast"))));
    assert_true(wrong("market_making", "pmm_dynamic",
                      OF("MarketMakingControllerConfigBase", FORBIDDEN("natr_length"))));
}

static void test_everything_else_is_believed(void **state)
{
    (void)state;
    static const char other[] =
        "\\nleverage\\n  Input should be a valid integer [type=int_parsing, input_value='many', "
        "input_type=str]" MORE;
    struct tb_buffer mixed = TB_BUFFER_INIT;
    tb_buffer_printf(&mixed, "{\"detail\":\"2 validation errors for %s%s%s\"}", DIRECTIONAL,
                     FORBIDDEN("length"), other);
    assert_false(wrong("directional_trading", "supertrend_v1", tb_buffer_text(&mixed)));
    tb_buffer_free(&mixed);
    assert_false(wrong("directional_trading", "supertrend_v1",
                       OF(DIRECTIONAL, FORBIDDEN("length") FORBIDDEN("lenght"))));
    assert_false(
        wrong("directional_trading", "supertrend_v1", OF("SuperTrendConfig", FORBIDDEN("length"))));
    assert_false(
        wrong("directional_trading", "bollinger_v1", OF(DIRECTIONAL, FORBIDDEN("bb_length"))));
    assert_false(wrong("market_making", "pmm_simple",
                       OF("MarketMakingControllerConfigBase", FORBIDDEN("bogus"))));
    assert_false(wrong("directional_trading", "supertrend_v1", OF(DIRECTIONAL, "")));
    assert_false(wrong("directional_trading", "supertrend_v1", OF(DIRECTIONAL, "\\n")));
    assert_false(wrong("directional_trading", "supertrend_v1", OF(DIRECTIONAL, "\\nlength")));
    assert_false(wrong("directional_trading", "supertrend_v1", "{\"detail\":[]}"));
    assert_false(wrong("directional_trading", "supertrend_v1", "<html>"));
    assert_false(wrong("directional_trading", "supertrend_v1", ""));
}

static void test_recorded(void **state)
{
    (void)state;
    static const struct {
        const char *file, *type, *name;
        bool wrong;
    } ROWS[] = {
        {"recordings/http/373-controllers-validate-supertrend-own-field.json",
         "directional_trading", "supertrend_v1", true},
        {"recordings/http/374-controllers-validate-macd-own-field.json", "directional_trading",
         "macd_bb_v1", true},
        {"recordings/http/082-controllers-validate-extra.json", "market_making", "pmm_simple",
         false},
        {"recordings/http/080-controllers-validate-bad-value.json", "market_making", "pmm_simple",
         false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct tb_json_doc *doc = read_fact(ROWS[i].file);
        struct tb_buffer body = TB_BUFFER_INIT;
        if (!doc) {
            print_message("skipped: the recordings are not at hand (TB_SHARED)\n");
            skip();
        }
        tb_json_canonical(tb_json_path(tb_json_root(doc), "response", "body", NULL), &body);
        assert_int_equal(
            verdict_known_wrong(ROWS[i].type, ROWS[i].name, tb_buffer_text(&body), body.len),
            ROWS[i].wrong);
        tb_buffer_free(&body);
        tb_json_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_fields_of_a_class_with_the_base_picked),
        cmocka_unit_test(test_everything_else_is_believed),
        cmocka_unit_test(test_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The word that was probably meant: near misses are found, other words are not guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/nearest.h"

static const char *const WORDS[] = {
    "name", "exchange", "strategy", "account", "params", "HUMMINGBOT_API_PASSWORD", NULL};

static void near_misses(void **state)
{
    static const char *const rows[][2] = {
        {"nme", "name"},          {"nam", "name"},
        {"NAME", "name"},         {"exchnage", "exchange"},
        {"stratgy", "strategy"},  {"accounts", "account"},
        {"parms", "params"},      {"HUMMINGBOT_API_PASWORD", "HUMMINGBOT_API_PASSWORD"},
        {"exchange", "exchange"}, {"HUMMINGBOT_PASSWORD", "HUMMINGBOT_API_PASSWORD"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *near = tb_nearest(rows[i][0], WORDS);
        assert_non_null(near);
        assert_string_equal(near, rows[i][1]);
    }
}

static void other_words(void **state)
{
    static const char *const rows[] = {"", "x", "xy", "wallets", "pair", "budget_quote"};
    char huge[400];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_null(tb_nearest(rows[i], WORDS));
    memset(huge, 'n', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(tb_nearest(huge, WORDS));
    assert_null(tb_nearest("name", &WORDS[6]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(near_misses),
                                       cmocka_unit_test(other_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

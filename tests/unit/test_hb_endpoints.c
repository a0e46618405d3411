/* The endpoint table: that its rows hold together, and that the judgements nobody may loosen by
 * accident are what they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hummingbot/endpoints.h"

static const struct tb_hb_endpoint_row *row_at(unsigned i)
{
    return tb_hb_endpoint((enum tb_hb_endpoint)i);
}

static void every_row_is_sound(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    for (unsigned i = 0; i < TB_HB_ENDPOINT_COUNT; i++) {
        const struct tb_hb_endpoint_row *row = row_at(i);
        bool known = false;
        for (size_t m = 0; m < 4; m++)
            known = known || strcmp(row->method, methods[m]) == 0;
        assert_true(known);
        assert_int_equal(row->path[0], '/');
        assert_non_null(strchr(row->name, '.'));
        assert_in_range(row->timeout_ms, 15000, 120000);
        assert_in_range(row->body_max, 1u << 20, 64u << 20);
        size_t arguments = 0;
        for (const char *p = row->path; (p = strchr(p, '{')); p++)
            arguments++;
        assert_in_range(arguments, 0, 4);
    }
}

static void names_are_unique_and_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TB_HB_ENDPOINT_COUNT; i++) {
        enum tb_hb_endpoint found;
        assert_true(tb_hb_endpoint_find(row_at(i)->name, &found));
        assert_int_equal(found, i);
    }
    enum tb_hb_endpoint found;
    assert_false(tb_hb_endpoint_find("bots.nonsense", &found));
    assert_null(tb_hb_endpoint(TB_HB_ENDPOINT_COUNT));
}

/* Whatever changes something is never sent twice on suspicion, whatever its verb is. */
static void only_reads_may_always_be_repeated(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TB_HB_ENDPOINT_COUNT; i++) {
        const struct tb_hb_endpoint_row *row = row_at(i);
        if (row->effect != TB_HB_READ)
            assert_int_not_equal(row->retry, TB_HB_RETRY_ALWAYS);
        if (row->effect == TB_HB_MONEY)
            assert_int_equal(row->retry, TB_HB_RETRY_NEVER);
        if (strcmp(row->method, "DELETE") == 0 || strcmp(row->method, "PUT") == 0)
            assert_int_not_equal(row->effect, TB_HB_READ);
    }
}

static void dangerous_rows_keep_their_judgement(void **state)
{
    (void)state;
    static const struct {
        enum tb_hb_endpoint id;
        enum tb_hb_effect effect;
        enum tb_hb_retry retry;
    } rows[] = {
        {TB_HB_BOTS_DEPLOY_SCRIPT, TB_HB_WRITE, TB_HB_RETRY_UNSENT},
        {TB_HB_BOTS_DEPLOY_CONTROLLERS, TB_HB_WRITE, TB_HB_RETRY_UNSENT},
        {TB_HB_BOTS_ARCHIVE, TB_HB_WRITE, TB_HB_RETRY_UNSENT},
        {TB_HB_DOCKER_START, TB_HB_WRITE, TB_HB_RETRY_UNSENT},
        {TB_HB_DOCKER_CLEAN, TB_HB_DESTROY, TB_HB_RETRY_NEVER},
        {TB_HB_BOTS_RUN_DELETE, TB_HB_DESTROY, TB_HB_RETRY_NEVER},
        {TB_HB_ARCHIVED_DELETE, TB_HB_DESTROY, TB_HB_RETRY_NEVER},
        {TB_HB_GATEWAY_API_KEYS, TB_HB_SECRET, TB_HB_RETRY_NEVER},
        {TB_HB_ACCOUNTS_WALLET_ADD, TB_HB_SECRET, TB_HB_RETRY_UNSENT},
        {TB_HB_ACCOUNTS_CREDENTIAL_PUT, TB_HB_SECRET, TB_HB_RETRY_UNSENT},
        {TB_HB_SCRIPTS_SOURCE_PUT, TB_HB_CODE, TB_HB_RETRY_UNSENT},
        {TB_HB_CONTROLLERS_SOURCE_PUT, TB_HB_CODE, TB_HB_RETRY_UNSENT},
        {TB_HB_SWAP_EXECUTE, TB_HB_MONEY, TB_HB_RETRY_NEVER},
        {TB_HB_CLMM_OPEN, TB_HB_MONEY, TB_HB_RETRY_NEVER},
        {TB_HB_EXECUTORS_CREATE, TB_HB_MONEY, TB_HB_RETRY_NEVER},
        {TB_HB_TRADING_ORDER_PLACE, TB_HB_MONEY, TB_HB_RETRY_NEVER},
        {TB_HB_MARKET_PRICES, TB_HB_READ, TB_HB_RETRY_ALWAYS},
        {TB_HB_PORTFOLIO_STATE, TB_HB_READ, TB_HB_RETRY_ALWAYS},
        {TB_HB_CONTROLLERS_VALIDATE, TB_HB_READ, TB_HB_RETRY_ALWAYS},
        {TB_HB_BACKTESTING_RUN, TB_HB_CODE, TB_HB_RETRY_UNSENT},
        {TB_HB_BACKTESTING_TASK_ADD, TB_HB_CODE, TB_HB_RETRY_UNSENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tb_hb_endpoint(rows[i].id)->effect, rows[i].effect);
        assert_int_equal(tb_hb_endpoint(rows[i].id)->retry, rows[i].retry);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(names_are_unique_and_found),
        cmocka_unit_test(only_reads_may_always_be_repeated),
        cmocka_unit_test(dangerous_rows_keep_their_judgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The second Hummingbot API, if one is marked for backtests: does it answer, and does it run
 * nothing? Reads only. Main thread. */
#include "bots/backtest.h"
#include "commands/check_private.h"

void check_backtests(struct check *check)
{
    struct tb_hb_config config = place_backtests(check->settings);
    struct tb_error err = {0};
    struct tb_hb *hb;

    if (!config.url)
        return;
    hb = tb_hb_open(&config, &err);
    if (hb && tb_backtests_look(hb, &err))
        check_line(check, CHECK_OK, NULL, "backtests: %s answers and runs nothing", config.url);
    else
        check_line(
            check, CHECK_WARN,
            "name a second Hummingbot API that runs nothing in BRIDGE_BACKTEST_URL, or clear "
            "it; bots are not concerned",
            "backtests: %s", err.detail);
    if (hb)
        tb_hb_close(hb);
}

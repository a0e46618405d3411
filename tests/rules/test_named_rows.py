"""Every danger that the notes about the real API and about its users list has a test that is named
here: the 200s that hide a failure, the pains that cost money (tier S), and the failures that bots
had in practice, each with its code.

The notes are in the folder named by TB_SHARED, or in ../shared beside the project; elsewhere only
the names of the tests are checked.
"""
import functools
import json
import os
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NOTES = Path(os.environ.get("TB_SHARED", PROJECT.parent / "shared")) / "knowledge"

ANSWER = "tests/unit/test_hb_answer.c::"
LIES = ANSWER + "every_lie_becomes_an_error"
STRANGE = ANSWER + "strange_shapes_are_unknown"
NOT_READ = "tests/rules/test_named_rows.py::test_what_cannot_be_told_is_not_read"

# What a route's row in the contract begins with -> the tests that prove it is seen through.
HIDDEN = {
    "start-bot, stop-bot": [LIES, STRANGE, "tests/http/test_stop.py::test_a_disturbed_stop"],
    "/{bot}/history": [LIES, "tests/http/test_stop_proof.py::test_fills_where_they_are_shown"],
    "/{bot}/status": [LIES, "tests/http/test_stop.py::test_a_disturbed_stop"],
    "stop-and-archive": [LIES, STRANGE, "tests/http/test_archive.py::test_a_disturbed_archive",
                         "tests/http/test_archive.py::test_a_stop_that_cannot_be_published",
                         "tests/http/test_archive.py::test_a_container_that_does_not_exit"],
    "deploy-v2-*": [LIES, STRANGE, "tests/http/test_deploy_rule.py::test_a_disturbed_deploy_ends_with_one_instance"],
    "controller-performance-latest/-history": [NOT_READ],
    "docker active/exited-containers": [LIES, "tests/unit/test_hb_simulator.c::lists_that_are_texts_are_failed_looks",
                                        "tests/http/test_deploy_rule.py::test_lists_that_are_texts_are_not_a_look"],
    "docker stop/start-container, clean-exited": [LIES, STRANGE, "tests/http/test_stop.py::test_a_disturbed_start"],
    "docker remove-container": [LIES, "tests/http/test_archive.py::test_a_disturbed_removal",
                                 "tests/http/test_cleanup.py::test_container_of_a_given_up_attempt_goes_and_nobody_elses"],
    "docker pull-status": ["tests/http/test_deploy_rule.py::test_a_pull_whose_failure_stands_in_a_200"],
    "backtesting/run": [LIES],
    "market-data/active-feeds, order-book/diagnostics": [LIES],
    "market-data/trading-pair/remove, order-book/restart": [LIES],
    "connectors/…/trading-rules": [LIES],
    "gateway/connectors, /connectors/{c}, /chains, /networks/{n}, /networks/{n}/tokens": [LIES],
    "gateway/networks": [NOT_READ],
    "gateway/connectors/{c} POST, networks/{n} POST": [LIES],
    "gateway/swap/quote": [LIES, STRANGE],
    "archived-bots/…/performance": [LIES],
    "portfolio/history, trading/orders/search, trades, positions, funding-payments": [NOT_READ],
    "portfolio/distribution with ≥ 2 accounts": ["tests/unit/test_hb_url.c::harmful_bodies_are_refused", NOT_READ],
    "executors/{id}/logs": [NOT_READ],
    "scripts/configs/, controllers/configs/":
        ["tests/http/test_cleanup.py::test_an_unreadable_config_in_the_list_is_judged_by_its_name"],
    "delete-credential": [NOT_READ],
}

# Number of the pain -> the tests that prove the bridge does not have it.
PAINS = {
    1: ["tests/http/test_deploy_rule.py::test_a_disturbed_deploy_ends_with_one_instance",
        "tests/unit/test_hb_simulator.c::every_fault_of_a_deploy_ends_truly",
        "tests/lifecycle/test_search.c::test_nothing_goes_wrong"],
    2: ["tests/http/test_stop.py::test_an_api_restart_is_not_the_end_of_all_bots",
        "tests/http/test_watch.py::test_a_reboot_of_the_host_makes_no_write_for_ten_minutes",
        "tests/http/test_batch.py::test_those_that_ran_are_started_one_after_another"],
    3: ["tests/http/test_stop.py::test_stop_and_stop_again_and_start",
        "tests/http/test_stop.py::test_a_stop_that_never_arrives_says_so",
        "tests/http/test_stop.py::test_abandon_needs_confirmation",
        "tests/http/test_commands.py::test_a_stop_says_what_it_does",
        "tests/http/test_stop_proof.py::test_locked_by_nobody_the_bridge_knows",
        "tests/http/test_stop_proof.py::test_a_clean_stop_is_settled",
        "tests/http/test_restart.py::test_an_unproven_stop_starts_nothing",
        "tests/http/test_emergency.py::test_a_dead_broker_means_containers",
        "tests/unit/test_watch.c::test_limits"],
    4: ["tests/http/test_settings.py::test_only_this_machine_reaches_it_unless_asked",
        "tests/http/test_surface.py::test_each_route_asks_for_its_role",
        "tests/http/test_surface.py::test_no_token_is_in_log_or_store",
        "tests/http/test_bad_input.py::test_secrets_leave_no_trace",
        "tests/unit/test_hb_endpoints.c::dangerous_rows_keep_their_judgement"],
    5: ["tests/http/test_deploy_rule.py::test_a_plan_sends_nothing",
        "tests/http/test_deploy_rule.py::test_refusals_send_nothing",
        "tests/http/test_check.py::test_it_changes_nothing"],
    6: ["tests/http/test_watch.py::test_running_but_not_trading",
        "tests/unit/test_watch.c::test_not_trading",
        "tests/http/test_watch.py::test_report_frozen"],
    7: ["tests/unit/test_hb_profile.c::eras_are_told_apart",
        "tests/unit/test_config_fields.c::test_facts",
        "tests/unit/test_strategy_configs.c::test_classes",
        "tests/http/test_params.py::test_all_errors_at_once_and_nothing_is_sent",
        "tests/http/test_watch.py::test_files_drifted_and_errors_rising",
        "tests/http/test_watch.py::test_image_and_version"],
}

BITMART, JUPITER = "plugins/bitmart/tests/cases.json::", "plugins/jupiter/tests/cases.json::"
CONFIGS = "tests/unit/test_strategy_configs.c::test_random_forms"  # of every strategy, to the field
LOGS = "tests/unit/test_figures.c::test_logs"
FIGURES = "tests/unit/test_figures.c::test_figures"

# Number of the failure -> codes that say it, tests that prove it, and why a form cannot cause it (None: it
# can, and then a code says so before anything is sent).
FAILURES = {
    1: (["unknown_field", "unknown_config_key"], [BITMART + "keys of older files", CONFIGS, LOGS], None),
    2: (["unknown_field"], [BITMART + "keys of older files", CONFIGS], None),
    3: ([], ["tests/http/test_bad_input.py::test_odd_names_are_only_text"],
        "file names are the bridge's own words, made of the name's letters and digits"),
    4: (["not_allowed", "candles_missing"], [BITMART + "a candle size that the feed lacks",
                                             BITMART + "candles that do not exist"], None),
    5: (["order_below_minimum"], [CONFIGS, BITMART + "levels below the minimum"],
        "skip_rebalance is always written; what is bought at the start is the sum of the sell orders, and each of "
        "them is above the minimum"),
    6: (["version_too_old", "connector_name"], [JUPITER + "name up to 2.13", JUPITER + "too old"],
        "the name is the bridge's, by the version of the image"),
    7: (["version_not_tried", "gateway_name"], [JUPITER + "newer than known", LOGS],
        "the name is the bridge's, by the version of the image"),
    8: (["inventory_thin", "inventory_short"], [JUPITER + "enough for one trade while two are allowed",
                                                JUPITER + "no coins on BitMart"], None),
    9: (["pause_short", "swap_unconfirmed"], [JUPITER + "a short pause", LOGS], None),
    10: (["quote_balance", "base_missing", "margin_short", "no_budget"],
         [BITMART + "too little money", BITMART + "no coins to sell", BITMART + "too little margin", LOGS], None),
    11: (["fee_in_coins", "spot_short"], [BITMART + "no coins for fees that are taken in coins",
                                          BITMART + "averaging on spot"], None),
    12: (["leverage_high", "leverage_refused", "spot_leverage"],
         [BITMART + "much leverage", BITMART + "no leverage on spot", LOGS], None),
    13: (["order_below_minimum", "order_cut_below_minimum"],
         [BITMART + "minimum by the coin's smallest amount",
          BITMART + "what is left after cutting off is below the minimum", CONFIGS,
          "tests/unit/test_order_sizes.c::test_smallest"], None),
    14: (["order_below_minimum", "least_value"], [BITMART + "order below BitMart's minimum",
                                                  BITMART + "the smallest budget"], None),
    15: (["order_near_minimum"], [BITMART + "an order that a partial fill cannot close"], None),
    16: (["low_not_below_high", "stop_not_below_low", "stop_not_above_high"],
         [BITMART + "low above high", BITMART + "stop above low", BITMART + "a short grid with its stop below"], None),
    17: (["price_above_range", "short_below_range", "grid_expired"],
         [BITMART + "price above the range", BITMART + "a short grid above the price", LOGS], None),
    18: (["loss_limit"], [LOGS, "tests/unit/test_figures.c::test_repeats_and_kinds",
                          "tests/http/test_watch.py::test_drawdown_near_limit_then_reached"],
         "the limit works as it was set; what it leaves open is said when it acts"),
    19: (["route_unknown", "slippage", "swap_refused"], [JUPITER + "no quotes now", LOGS], None),
    20: (["no_exact_out"], [JUPITER + "no exact purchase", JUPITER + "no exact purchase, but only sales"], None),
    21: (["no_jupiter_key"], [JUPITER + "no key for Jupiter"], None),
    22: (["public_node"], [JUPITER + "the public node", JUPITER + "the public node of a hedge"], None),
    23: (["no_wallet", "wallet_not_set"],
         [JUPITER + "a fresh gateway's wallet",
          "tests/http/test_actions.py::test_keys_and_wallets_that_are_not_there_are_not_proven"],
         "the bridge adds no wallets; the one that bots would use is read and shown"),
    24: (["mint_in_pair", "token_unknown"], [JUPITER + "a pair by its address", JUPITER + "token unknown"], None),
    25: (["gateway_silent"], ["tests/unit/test_hb_answer.c::error_shapes_are_read", JUPITER + "gateway silent"],
         "what upstream said is shown as it came"),
    26: (["gateway_silent", "gateway_version"], [JUPITER + "gateway silent", LOGS], None),
    27: (["profit_below_slippage", "target_below_slippage", "swap_failed"],
         [JUPITER + "profit below the slippage", JUPITER + "targets below the slippage", LOGS], None),
    28: (["image_too_old"],
         ["tests/http/test_bad_input.py::test_images_that_ignore_their_configuration_are_refused"], None),
    29: (["refresh_limits", "rate_limit", "order_unknown"],
         [BITMART + "too many orders too often", BITMART + "few orders often beside another bot", LOGS], None),
    30: (["no_balances", "bad_keys"],
         [BITMART + "no keys", BITMART + "no perpetual keys", LOGS,
          "tests/http/test_actions.py::test_keys_and_wallets_that_are_not_there_are_not_proven"], None),
    31: (["order_rounds_to_zero", "order_refused"], [BITMART + "an order below one contract", LOGS], None),
    32: (["position_mode_differs", "position_mode_refused"], [BITMART + "the account is in the other mode", LOGS],
         None),
    33: (["position_mode_differs", "oneway_nets"], [BITMART + "the account is in the other mode",
                                                    BITMART + "market making nets in one mode"], None),
    34: (["unknown_pair", "not_ready"], [BITMART + "unknown pair", BITMART + "a spot pair on the perpetual exchange",
                                         LOGS], None),
    35: (["pending_redeploy"], ["tests/http/test_params.py::test_what_is_read_at_the_start_waits_for_a_redeploy"],
         "a field that is not read again waits for a redeploy, and the answer says so"),
    36: (["left_open"], ["tests/http/test_stop_proof.py::test_a_clean_stop_is_settled", LOGS],
         "upstream's own; what is left after a stop is looked for"),
    37: (["no_candles", "candles_missing", "candles_short"],
         [BITMART + "no candle feed", BITMART + "candles that do not exist", BITMART + "candles of a young market"],
         None),
    38: (["result_from_fills"], [JUPITER + "market making with a hedge that passes", FIGURES],
         "upstream's own; it is said, and fills decide"),
    39: ([], ["tests/unit/test_figures.c::test_trades"], "upstream's totals are not read, only its fills"),
    40: (["gateway_down", "gateway_tls"], [JUPITER + "gateway down", LOGS], None),
}

# Routes whose answer cannot be told from a failure. Nothing in the bridge may rest on one; who adds
# a reader proves by something else that the answer is true, and names that test above instead.
CANNOT_BE_TOLD = [
    "BOTS_PERFORMANCE_LATEST", "BOTS_PERFORMANCE_HISTORY", "GATEWAY_NETWORKS", "PORTFOLIO_HISTORY",
    "PORTFOLIO_DISTRIBUTION", "EXECUTORS_LOGS", "TRADING_ORDERS", "TRADING_TRADES",
    "TRADING_POSITIONS", "TRADING_FUNDING", "ACCOUNTS_CREDENTIAL_DELETE",
]


def note(name):
    path = NOTES / name
    if not path.is_file():
        pytest.skip(f"the note {name} is not at hand (TB_SHARED)")
    return path.read_text()


def table_after(text, heading):
    """The cells of the first table below a heading."""
    lines = text[text.index(heading):].splitlines()[1:]
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


def plain(cell):
    return cell.replace("*", "").replace("`", "").strip()


def test_every_hidden_failure_has_a_test():
    rows = [plain(r[0]) for r in table_after(note("hummingbot/CONTRACT.md"), "## 4. ")]
    assert len(rows) > 20
    assert sorted(set(rows) ^ {plain(k) for k in HIDDEN}) == []


def test_every_pain_that_costs_money_has_a_test():
    rows = table_after(note("MARKET.md"), "## 3. ")
    assert sorted({int(r[0]) for r in rows if r[1] == "S"} ^ set(PAINS)) == []


def test_every_failure_in_practice_has_a_row():
    rows = table_after(note("hummingbot/STRATEGIES.md"), "## 5. ")
    assert sorted(int(r[0]) for r in rows) == sorted(FAILURES)


@functools.cache
def product_text():
    return "".join(p.read_text() for p in [*PROJECT.glob("core/**/*.c"), *PROJECT.glob("plugins/**/*.lua")])


@functools.cache
def cases_of(file):
    """Name -> codes that a case of a plugin provokes, in words of the plan or as a refusal of an alias."""
    data, found = json.loads((PROJECT / file).read_text()), {}
    for case in data["plans"]:
        found.setdefault(case["name"], set()).update(e["code"] for e in case["expect"])
    for case in data["translations"]:
        found.setdefault(case.get("name"), set()).add(case.get("refused"))
    return found


def codes_of_logs():
    """Of every row of a table of log lines; each has a line that a test translates."""
    tables = [PROJECT / "plugins/sdk/loglines.lua", *PROJECT.glob("plugins/*/log.lua")]
    return {c for t in tables for c in re.findall(r'code = "(\w+)"', t.read_text())}


@pytest.mark.parametrize("number", sorted(FAILURES))
def test_every_failure_in_practice_has_its_code_and_its_test(number):
    """What a form can cause is caught by a case that provokes one of the codes; each code is of a case, of a log
    line, or said by the tests that are named."""
    codes, tests, why_not = FAILURES[number]
    assert tests and (codes or why_not)
    assert [c for c in codes if f" {c} = " not in product_text() and f'"{c}"' not in product_text()] == []
    provoked = set()
    for test in tests:
        file, name = test.split("::")
        if file.endswith(".json"):
            assert cases_of(file)[name] & set(codes), f"{test} provokes {cases_of(file)[name]}"
            provoked |= cases_of(file)[name]
        elif test == LOGS:
            assert codes_of_logs() & set(codes), "no log line has one of the codes"
            provoked |= codes_of_logs()
        elif file.endswith(".py"):
            provoked |= {c for c in codes if re.search(rf"\b{c}\b", (PROJECT / file).read_text())}
    if why_not is None:
        assert provoked & set(codes), "nothing provokes a code of it"
        assert [c for c in codes if c not in provoked] == []


ALL_TESTS = [*HIDDEN.values(), *PAINS.values(), *(tests for _, tests, _ in FAILURES.values())]


@pytest.mark.parametrize("test", sorted({t for tests in ALL_TESTS for t in tests}))
def test_named_tests_exist(test):
    """And are run: a C test by its program's list, a case of a plugin by the test of them all."""
    file, name = test.split("::")
    text = (PROJECT / file).read_text()
    if file.endswith(".json"):
        assert name in cases_of(file), test
        return
    if file.endswith(".py"):
        assert re.search(rf"^def {name}\(", text, re.M), test
    else:
        assert re.search(rf"^static void {name}\(void \*\*", text, re.M), test
        assert len(re.findall(rf"\b{name}\b", text)) >= 2, f"{test} is not in the list"


def test_every_row_names_a_test():
    assert all(HIDDEN.values()) and all(PAINS.values())


def test_what_cannot_be_told_is_not_read():
    table = (PROJECT / "core/hummingbot/endpoints.def").read_text()
    known = dict(re.findall(r'^HB\((\w+), "([^"]+)"', table, re.M))
    assert [i for i in CANNOT_BE_TOLD if i not in known] == []
    found = []
    for path in [*PROJECT.glob("core/**/*.c"), *PROJECT.glob("plugins/**/*.lua")]:
        if path.name.endswith(".d.lua"):  # what an editor completes, for every read there is
            continue
        text = path.read_text()
        found += [f"{path.relative_to(PROJECT)} reads {known[i]}" for i in CANNOT_BE_TOLD
                  if path.name != "guard.c" and (re.search(rf"\bTB_HB_{i}\b", text) or f"hb.{known[i]}" in text)]
    assert found == []

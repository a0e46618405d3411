"""Every danger that the notes about the real API and about its users list has a test that is named
here: the 200s that hide a failure, and the pains that cost money (tier S).

The notes are in the folder named by TB_SHARED, or in ../shared beside the project; elsewhere only
the names of the tests are checked.
"""
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


@pytest.mark.parametrize("test", sorted({t for tests in [*HIDDEN.values(), *PAINS.values()] for t in tests}))
def test_named_tests_exist(test):
    """And are run: a C test by its program's list."""
    file, name = test.split("::")
    text = (PROJECT / file).read_text()
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

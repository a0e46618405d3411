"""The bridge's HTTP face from outside: commands and how they are waited for, what is told of bots, and checking
a form."""
import re
import signal
import sqlite3
import threading

import pytest

from surface import bridge, grid, problem


# ---- commands ----

def test_create_answers_202_with_location_and_the_bot(bridge, grid):
    taken = bridge.post("/bots", json={"name": "surface", "exchange": "bitmart",
                                       "strategy": "spot_grid"})
    body = problem(taken, 409, "name_taken")
    assert body["existing"]["id"] == grid["id"]
    assert taken.headers["Location"] == f"/bots/{grid['id']}"
    assert grid["operation"]["state"] == "succeeded" and grid["status"] == "running"
    assert bridge.get(grid["operation"]["href"]).json()["id"] == grid["operation"]["id"]


def test_failure_within_the_wait_is_a_problem(bridge, simulator):
    """The operation can be read where Location says, whatever the answer was."""
    simulator.fault(match={"method": "POST", "path": "/scripts/configs"}, kind="error500", count=50)
    answer = bridge.post("/bots", json={"name": "unlucky", "exchange": "bitmart",
                                        "strategy": "spot_grid"}, headers={"Prefer": "wait=100"})
    simulator.control("DELETE", "/faults")
    assert answer.status_code in (502, 504), answer.text
    problem(answer, answer.status_code, answer.json()["code"])
    operation = bridge.get(answer.headers["Location"]).json()
    assert operation["state"] not in ("succeeded", "running", "pending")
    assert operation["error"]
    assert not any("unlucky" in name for name in simulator.ledger()["instances"])
    # Its record may go, and its name is free again.
    gone = bridge.delete("/bots/unlucky", headers={"Content-Type": "application/json"})
    assert gone.status_code == 200 and gone.json()["deleted"] is True, gone.text
    problem(bridge.get("/bots/unlucky"), 404, "not_found")
    assert bridge.get(answer.headers["Location"]).status_code == 200


def test_only_half_of_the_workers_wait(start_bridge, start_simulator):
    """Waiting clients must not keep health and stop from being answered."""
    simulator = start_simulator()
    bridge = start_bridge(simulator, BRIDGE_THREADS=4)
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy"}, kind="latency",
                    count=1, delay_ms=20_000)
    answers = []

    def create(name):
        answers.append(bridge.post("/bots", json={"name": name, "exchange": "bitmart",
                                                  "strategy": "spot_grid"},
                                   headers={"Prefer": "wait=100"}))

    threads = [threading.Thread(target=create, args=(f"waits {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    # One of the three is answered at once although nothing has been deployed.
    bridge.wait_until(lambda: len(answers) == 1)
    assert answers[0].status_code == 202 and "Preference-Applied" not in answers[0].headers
    assert bridge.get("/healthz", token=None).status_code == 200
    for thread in threads:
        thread.join()
    assert all("Preference-Applied" in a.headers for a in answers[1:])


def test_wait_ends_when_the_time_is_over(bridge, simulator):
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy"}, kind="latency",
                    count=1, delay_ms=8000)
    answer = bridge.post("/bots", json={"name": "slow", "exchange": "bitmart",
                                        "strategy": "spot_grid"}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202 and answer.headers["Preference-Applied"] == "wait=1"
    assert answer.json()["operation"]["state"] in ("pending", "running")
    bridge.operation(answer.headers["Location"])


def test_unknown_exchange_and_strategy_are_404(bridge):
    assert "bitmart" in problem(bridge.get("/exchanges/none"), 404, "not_found")["detail"]
    body = problem(bridge.get("/exchanges/bitmart/strategies/none"), 404, "not_found")
    assert "spot_grid" in body["detail"]
    problem(bridge.get("/plugins/none"), 404, "not_found")


def test_strategy_gives_its_form(bridge):
    body = bridge.get("/exchanges/bitmart/strategies/spot_grid").json()
    assert body["schema"]["type"] == "object" and "pair" in body["schema"]["properties"]
    assert body["presets"] and re.fullmatch(r"[0-9a-f]{8}", body["generation"])


def test_running_bot_is_not_deleted(bridge, grid):
    answer = bridge.delete(f"/bots/{grid['id']}")
    assert answer.status_code == 409 and isinstance(answer.json()["detail"], str)
    assert bridge.get(f"/bots/{grid['id']}").status_code == 200


def test_logs_and_hummingbot(bridge, grid):
    logs = bridge.get(f"/bots/{grid['id']}/logs").json()
    assert isinstance(logs["errors"], list) and isinstance(logs["lines"], list)
    state = bridge.get("/hummingbot").json()
    assert state["health"] == "up" and state["profile"]["can_create"] is True
    assert "differences" in state["profile"] and "clock_offset_ms" in state and "lanes" in state


def test_the_broker_is_known_by_the_bots_it_brings(bridge, grid):
    broker = bridge.wait_until(lambda: (lambda b: b if b["connected"] else None)(
        bridge.get("/hummingbot").json()["broker"]))
    assert broker["host"] == "localhost" and broker["port"] == 1883
    assert 1 <= broker["bots_heard"] <= broker["bots_running"]


def test_a_plan_under_a_living_name_is_warned_of(bridge, grid):
    def plan(name):
        answer = bridge.post("/bots/plan", json={"name": name, "exchange": "bitmart", "strategy": "spot_grid"})
        assert answer.status_code == 200, answer.text
        return answer.json()
    assert not [w for w in plan("nobody's name")["warnings"] if w["pointer"] == "/name"]
    warned = plan(grid["name"])
    (warning,) = [w for w in warned["warnings"] if w["pointer"] == "/name"]
    assert warning["code"] == "name_taken" and grid["id"] in warning["message"] and "refused" in warning["hint"]
    answer = bridge.post("/bots", json={"plan_id": warned["plan_id"]})
    assert answer.status_code == 409 and answer.json()["code"] == "name_taken", answer.text


def test_raw_shows_what_upstream_said(bridge, grid):
    assert "raw" not in bridge.get(f"/bots/{grid['id']}").json()
    assert bridge.get(f"/bots/{grid['id']}?raw=1").json()["raw"]


def test_bot_is_found_by_id_name_and_instance(bridge, grid):
    for word in (grid["id"], grid["name"], grid["instance"]):
        assert bridge.get(f"/bots/{word}").json()["id"] == grid["id"]


def test_bots_name_the_plugins_that_shaped_them(bridge, grid):
    loaded = bridge.get("/plugins/bitmart").json()["hash"]
    one = bridge.get(f"/bots/{grid['id']}").headers["X-Plugin-Generation"]
    assert one == f"bitmart={loaded}"
    assert one in bridge.get("/bots").headers["X-Plugin-Generation"]


def test_lists_have_their_shape(bridge):
    for path, name in (("/bots", "bots"), ("/operations", "operations"), ("/tokens", "tokens"),
                       ("/exchanges", "exchanges"), ("/plugins", "plugins")):
        body = bridge.get(path).json()
        assert isinstance(body[name], list) and body["next_cursor"] is None, path


def test_operations_can_be_paged(bridge, grid):
    everything = bridge.get("/operations").json()["operations"]
    assert len(everything) >= 2
    first = bridge.get("/operations?limit=1").json()
    assert [o["id"] for o in first["operations"]] == [everything[0]["id"]]
    second = bridge.get(f"/operations?limit=1&cursor={first['next_cursor']}").json()
    assert [o["id"] for o in second["operations"]] == [everything[1]["id"]]


@pytest.mark.parametrize("path", ["/bots", "/operations"])
def test_a_cursor_of_nobody_is_refused(bridge, path):
    for cursor in ("x", "01ARYZ6S41TSV4RRFFQ69G5FA", "01aryz6s41tsv4rrffq69g5fav", "' or 1=1 --", "%00"):
        answer = bridge.get(path, params={"cursor": cursor})
        assert answer.status_code == 400, cursor
        assert "next_cursor" in answer.json()["detail"] and answer.json()["code"] == "bad_request"
        assert "or 1=1" not in answer.text
    assert bridge.get(path, params={"cursor": ""}).json() == bridge.get(path).json()
    assert bridge.get(path, params={"cursor": "01ARYZ6S41TSV4RRFFQ69G5FAV"}).status_code == 200


def test_drain(start_bridge, start_simulator):
    """While a command is waited for, SIGTERM lets it be answered, and everything else is 503."""
    simulator = start_simulator()
    bridge = start_bridge(simulator)
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy"}, kind="latency",
                    count=1, delay_ms=40_000)
    answers = []

    def create():
        answers.append(bridge.post("/bots", json={"name": "drained", "exchange": "bitmart",
                                                  "strategy": "spot_grid"},
                                   headers={"Prefer": "wait=100"}))

    thread = threading.Thread(target=create)
    thread.start()
    bridge.wait_until(lambda: any("/deploy" in w["path"] and not w["answered"]
                                  for w in simulator.ledger()["writes"]))
    bridge.signal(signal.SIGTERM)
    bridge.wait_log("serve.draining")
    # A response of 503 is falsy.
    [refused] = bridge.wait_until(
        lambda: [a for a in [bridge.get("/bots")] if a.status_code == 503])
    body = problem(refused, 503, "draining")
    assert body["retryable"] and int(refused.headers["Retry-After"]) > 0
    health = bridge.get("/healthz", token=None)
    assert health.status_code == 503 and health.json() == {"status": "draining"}
    thread.join()
    assert answers and answers[0].status_code in (201, 202), answers
    bridge.stop()


# ---- checking a form ----

CHECK = "/exchanges/bitmart/strategies/spot_grid/check"


def plans_and_writes(bridge, simulator):
    """Prices, balances and the verdict on a config are asked for with POST and change nothing."""
    asks = ("/market-data/", "/portfolio/", "/validate")
    with sqlite3.connect(f"file:{bridge.folder / 'data/bridge.db'}?mode=ro", uri=True) as store:
        plans = store.execute("SELECT count(*) FROM plans").fetchone()[0]
    return plans, sum(not any(a in w["path"] for a in asks) for w in simulator.ledger()["writes"])


def test_a_check_says_what_a_plan_would_and_leaves_nothing(bridge, simulator):
    before = plans_and_writes(bridge, simulator)
    params = {"pair": "ETH-USDT", "budget_quote": "250"}
    answer = bridge.post(CHECK, json={"params": params})
    assert answer.status_code == 200, answer.text
    checked = answer.json()
    assert checked["ok"] is True and checked["errors"] == []
    assert answer.headers["X-Plugin-Generation"] == f"bitmart={checked['plugin']['generation']}"
    assert plans_and_writes(bridge, simulator) == before, "a check leaves nothing"
    plan = bridge.post("/bots/plan", json={"name": "check", "exchange": "bitmart", "strategy": "spot_grid",
                                           "params": params}).json()
    for part in ("risk", "effects", "quotes", "risk_class"):
        assert checked[part] == plan[part], part
    assert set(checked["params"]) == set(plan["params"]) and checked["params"]["budget_quote"] == "250"
    assert [row["kind"] for row in checked["preview"]] == [row["kind"] for row in plan["preview"]] != []
    assert [c["code"] for c in checked["checks"]] == [c["code"] for c in plan["checks"]] != []
    assert checked["params"]["low"] and checked["facts"]["derived"], "prices left out are filled from the market"
    assert "plan_id" not in checked and "files" not in checked
    assert plans_and_writes(bridge, simulator) == (before[0] + 1, before[1]), "a plan is stored"


def test_a_check_answers_with_everything_that_is_wrong(bridge):
    def check(**body):
        return bridge.post(CHECK, json=body)
    wrong = check(params={"pair": "eth", "budget_quote": "1", "lo": "5"})
    assert wrong.status_code == 200 and wrong.json()["ok"] is False, wrong.text
    assert {e["pointer"] for e in wrong.json()["errors"]} == {"/params/pair", "/params/budget_quote", "/params/lo"}
    low = check(params={"low": "2000", "high": "1000"}).json()
    assert low["ok"] is False and "low_not_below_high" in [e["code"] for e in low["errors"]]
    assert low["params"]["low"] == "2000", "what was understood comes back beside what is wrong"
    body = problem(check(params={"budget_quote": "1"}, imgae="x"), 422, "invalid")
    assert {e["pointer"] for e in body["errors"]} == {"/params/budget_quote", "/imgae"}
    for field, value in (("name", None), ("name", 7), ("params", "x"), ("risk", 1), ("account", 5), ("image", 7), ("image", "evil/x")):
        body = problem(check(**{field: value}), 422, "invalid")
        assert [e["pointer"] for e in body["errors"]] == [f"/{field}"], body


def test_a_check_knows_the_version_that_a_bot_would_run(bridge):
    """A strategy may ask for it, and for the account's other bots, as in a plan."""
    checked = bridge.post("/exchanges/jupiter/strategies/arbitrage/check", json={}).json()
    plan = bridge.post("/bots/plan", json={"name": "check", "exchange": "jupiter", "strategy": "arbitrage"}).json()
    assert checked["ok"] is True, checked["errors"]
    assert [w["code"] for w in checked["warnings"]] == [w["code"] for w in plan["warnings"]]
    assert checked["facts"]["hummingbot"] == plan["facts"]["hummingbot"] == "2.16.0"


@pytest.mark.parametrize("path, body, status, code", [
    ("/exchanges/none/strategies/spot_grid/check", {}, 404, "not_found"),
    ("/exchanges/bitmart/strategies/none/check", {}, 404, "not_found"),
    (CHECK, [], 400, "bad_request"), (CHECK, {"exchange": "jupiter"}, 400, "bad_request"),
    (CHECK, {"strategy": 7}, 400, "bad_request"), (CHECK + "?lane=other", {}, 400, "bad_request"),
])
def test_a_check_of_something_else_is_refused(bridge, path, body, status, code):
    problem(bridge.post(path, json=body), status, code)


def test_a_form_is_checked_while_hummingbot_is_away(start_bridge, start_simulator):
    """A wrong form needs nobody else; a right one cannot be judged without the market."""
    simulator = start_simulator()
    bridge = start_bridge(simulator)
    bridge.wait_until(lambda: bridge.get("/readyz").status_code == 200)
    simulator.stop()
    wrong = bridge.post(CHECK, json={"params": {"budget_quote": "1"}})
    assert wrong.status_code == 200 and [e["pointer"] for e in wrong.json()["errors"]] == ["/params/budget_quote"]
    away = bridge.post(CHECK, json={"exchange": "bitmart", "strategy": "spot_grid"})
    assert away.status_code in (502, 503, 504) and away.json()["code"].startswith("upstream"), away.text

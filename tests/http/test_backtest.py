"""POST /plans/{id}/backtest: Hummingbot's own engine, on a second server that runs nothing, once, and what
became of it stored with the plan."""
import json
import sys

import pytest

from conftest import ROOT, clean_environment, run

sys.path.insert(0, str(ROOT / "tests/faults"))
import fault_server as faults  # noqa: E402

TASKS = "/backtesting/tasks"
STATUS = "/bot-orchestration/status"


@pytest.fixture(scope="module")
def second(start_simulator):
    return start_simulator()


@pytest.fixture(scope="module")
def relay(second):
    with faults.FaultServer(upstream=("127.0.0.1", second.port)) as server:
        yield server


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator, relay):
    program = start_bridge(simulator, BRIDGE_BACKTEST_URL=relay.url)
    program.wait_until(lambda: program.get("/readyz").status_code == 200)
    return program


@pytest.fixture(autouse=True)
def well_again(request):
    yield
    if "relay" in request.fixturenames:
        request.getfixturevalue("relay").reset()
        request.getfixturevalue("second").control("POST", "/conditions", {"clock": "running"})


def plan(bridge, **more):
    body = {"name": "b", "exchange": "bitmart", "strategy": "spot_mm", **more}
    answer = bridge.post("/bots/plan", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask(bridge, plan_id, status=202, headers=None, **body):
    answer = bridge.post(f"/plans/{plan_id}/backtest", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def newest(bridge, plan_id):
    return bridge.get(f"/plans/{plan_id}").json()["backtests"][0]


def until(bridge, plan_id, *states):
    def there():
        found = newest(bridge, plan_id)
        return found if found["state"] in states else None
    return bridge.wait_until(there, what=f"{states} of {plan_id}")


def ended(bridge, plan_id):
    return until(bridge, plan_id, "succeeded", "failed", "unknown")


def changed(**members):
    """The second server's answer with other members; None takes one away."""
    def act(exchange):
        made = exchange.deliver()
        body = json.loads(made.body)
        for key, value in members.items():
            body[key] = value
        body = {k: v for k, v in body.items() if v is not None}
        faults.reply(made.status, json.dumps(body), "application/json")(exchange)
    return act


@pytest.mark.quick
def test_the_result_is_stored_with_the_plan(bridge, simulator, second, relay):
    made = plan(bridge)
    made.pop("plugin_log", None)
    before = relay.count("POST", TASKS)
    begun = ask(bridge, made["plan_id"], days=3)
    assert begun["plan_id"] == made["plan_id"] and begun["backtest"]["state"] == "queued"
    found = ended(bridge, made["plan_id"])
    assert found["state"] == "succeeded" and found["error"] is None and found["kind"] == "estimate"
    # A budget of 200; the form's fee of 0.25 %.
    assert found["result"] == {"net_pnl": "0.0125", "net_pnl_quote": "2.5", "total_executors": 42,
                               "sharpe_ratio": "1.5", "close_types": {"TAKE_PROFIT": 40, "STOP_LOSS": 2}}
    assert found["trade_cost"] == "0.0025" and found["optimism"] and found["ended_at"]
    sent = [r.json() for r in relay.seen("POST", TASKS)][before:]
    assert len(sent) == 1
    config = next(json.loads(f["bytes"]) for f in made["files"] if f["path"].startswith("/controllers/"))
    own = sent[0].pop("config")
    assert own.pop("id").startswith(config.pop("id") + "-bt-") and own == config
    assert sent[0].pop("end_time") - sent[0].pop("start_time") == 3 * 86400
    assert sent[0] == {"backtesting_resolution": "1m", "trade_cost": 0.0025}
    # The plan is shown as it was made, and the API with the bots was asked nothing.
    shown = bridge.get(f"/plans/{made['plan_id']}").json()
    assert shown["used_by_operation"] is None and {k: shown[k] for k in made} == made
    assert not [w for w in simulator.ledger()["writes"] if w["path"].startswith("/backtesting")]


@pytest.mark.parametrize("path,answer", [
    (STATUS, {"status": "success", "data": {"somebody": {"status": "running"}}}),
    ("/executors/summary", {"total_active": 1}),
    ("/executors/summary", {"total": 0}),
    ("/docker/active-containers", [{"name": "x", "image": "hummingbot/hummingbot:latest", "status": "running"}])])
def test_a_server_that_trades_is_refused(bridge, relay, path, answer):
    made, before = plan(bridge), relay.count("POST", TASKS)
    relay.behave("GET", path, faults.reply_json(200, answer), forever=True)
    ask(bridge, made["plan_id"])
    found = ended(bridge, made["plan_id"])
    assert (found["state"], found["error"]["code"]) == ("failed", "backtest_server_trades")
    assert "Nothing was sent" in found["error"]["detail"] and relay.count("POST", TASKS) == before


@pytest.mark.parametrize("path,behaviour,code", [
    (STATUS, faults.html("ngrok", 502), "upstream_not_json"),
    (STATUS, faults.reply_json(200, {"data": []}), "upstream_not_json"),
    (STATUS, faults.reply_json(401, {"detail": "Incorrect username or password"}), "upstream_credentials"),
    ("/docker/active-containers", faults.truncated(), "upstream_broken")])
def test_what_it_runs_is_not_known(bridge, relay, path, behaviour, code):
    made, before = plan(bridge), relay.count("POST", TASKS)
    relay.behave("GET", path, behaviour, forever=True)
    ask(bridge, made["plan_id"])
    found = ended(bridge, made["plan_id"])
    assert (found["state"], found["error"]["code"]) == ("failed", code)
    assert "HUMMINGBOT_API" not in found["error"]["detail"] and relay.count("POST", TASKS) == before


def test_a_lost_answer_is_looked_for_and_never_sent_again(bridge, relay):
    made, before = plan(bridge), relay.count("POST", TASKS)
    relay.behave("POST", TASKS, faults.deliver_then_drop())
    ask(bridge, made["plan_id"])
    assert ended(bridge, made["plan_id"])["state"] == "succeeded"
    made = plan(bridge)
    relay.behave("POST", TASKS, faults.read_then_rst())
    ask(bridge, made["plan_id"])
    found = ended(bridge, made["plan_id"])
    assert (found["state"], found["error"]["code"]) == ("unknown", "backtest_not_seen")
    assert relay.count("POST", TASKS) - before == 2


@pytest.mark.parametrize("members,state,words", [
    ({"status": "failed", "error": "no \x1b candles"}, "failed", "candles"),
    ({"status": "cancelled"}, "failed", "no reason"),
    ({"status": "completed", "result": None}, "failed", "no figures"),
    ({"status": "completed", "result": {"results": {}}}, "failed", "no figures"),
    ({"config": {"id": "another"}}, "unknown", "another task")])
def test_lies_about_the_task(bridge, relay, members, state, words):
    made = plan(bridge)
    relay.behave("GET", TASKS + "/*", changed(**members), forever=True)
    ask(bridge, made["plan_id"])
    found = ended(bridge, made["plan_id"])
    assert found["state"] == state and words in found["error"]["detail"] and found["result"] is None
    assert "\x1b" not in found["error"]["detail"]


def test_figures_that_are_none_are_null(bridge, relay):
    made = plan(bridge)
    figures = {"results": {"net_pnl_quote": float("nan"), "sharpe_ratio": float("inf"), "a": [1], "b": "x", "n": 1e-7}}
    relay.behave("GET", TASKS + "/*", changed(status="completed", result=figures), forever=True)
    ask(bridge, made["plan_id"])
    assert ended(bridge, made["plan_id"])["result"] == {"net_pnl_quote": None, "sharpe_ratio": None, "n": "0.0000001"}


def test_silence_is_no_end_and_a_crash_sends_nothing_twice(start_bridge, simulator, second, relay, tmp_path):
    """The engine computes in the API's loop: it is silent meanwhile. Then the bridge is killed."""
    bridge = start_bridge(simulator, tmp_path, BRIDGE_BACKTEST_URL=relay.url)
    bridge.wait_until(lambda: bridge.get("/readyz").status_code == 200)
    made, before = plan(bridge), relay.count("POST", TASKS)
    second.control("POST", "/conditions", {"clock": "stopped"})
    relay.behave("GET", TASKS + "/*", faults.read_then_rst(), faults.reply(503, "busy"), faults.deliver())
    ask(bridge, made["plan_id"])
    bridge.wait_until(lambda: newest(bridge, made["plan_id"])["upstream_status"] == "pending")
    assert newest(bridge, made["plan_id"])["state"] == "running"
    conflict = ask(bridge, made["plan_id"], 409)
    assert conflict["code"] == "conflict"
    bridge.kill()
    bridge = start_bridge(simulator, tmp_path, BRIDGE_BACKTEST_URL=relay.url)
    second.control("POST", "/advance", {"ms": 10000})
    assert ended(bridge, made["plan_id"])["state"] == "succeeded"
    assert relay.count("POST", TASKS) - before == 1
    # A restart of the second server forgets its tasks.
    ask(bridge, made["plan_id"])
    until(bridge, made["plan_id"], "running")
    second.control("POST", "/restart")
    found = ended(bridge, made["plan_id"])
    assert (found["state"], found["error"]["code"]) == ("unknown", "backtest_lost")
    assert [b["state"] for b in bridge.get(f"/plans/{made['plan_id']}").json()["backtests"]] == ["unknown", "succeeded"]


def test_a_crash_before_the_answer(start_bridge, simulator, relay, tmp_path):
    bridge = start_bridge(simulator, tmp_path, BRIDGE_BACKTEST_URL=relay.url)
    bridge.wait_until(lambda: bridge.get("/readyz").status_code == 200)
    made, before = plan(bridge), relay.count("POST", TASKS)
    relay.behave("POST", TASKS, faults.deliver_then(faults.hang()))
    ask(bridge, made["plan_id"])
    assert relay.wait_held(timeout=60)
    bridge.kill()
    relay.release()
    bridge = start_bridge(simulator, tmp_path, BRIDGE_BACKTEST_URL=relay.url)
    assert ended(bridge, made["plan_id"])["state"] == "succeeded"
    assert relay.count("POST", TASKS) - before == 1
    # The next start has no second server any more.
    relay.behave("POST", TASKS, faults.deliver_then(faults.hang()))
    ask(bridge, made["plan_id"])
    assert relay.wait_held(timeout=60)
    waits = plan(bridge)
    ask(bridge, waits["plan_id"])
    bridge.kill()
    relay.release()
    bridge = start_bridge(simulator, tmp_path)
    found = [newest(bridge, p["plan_id"]) for p in (made, waits)]
    assert [f["state"] for f in found] == ["unknown", "failed"]
    assert {f["error"]["code"] for f in found} == {"no_backtest_server"}


@pytest.mark.parametrize("change,pointer,code", [
    ({"days": 0}, "/days", "not_allowed"), ({"days": 31}, "/days", "not_allowed"), ({"days": "7"}, "/days", "not_allowed"),
    ({"days": 1.5}, "/days", "not_allowed"), ({"fee_pct": "11"}, "/fee_pct", "not_allowed"),
    ({"fee_pct": -1}, "/fee_pct", "not_allowed"), ({"fee_pct": "x"}, "/fee_pct", "not_allowed"),
    ({"fee_pct": None}, "/fee_pct", "not_allowed"), ({"dais": 7}, "/dais", "unknown_field")])
def test_refusals(bridge, change, pointer, code):
    made = plan(bridge)
    body = ask(bridge, made["plan_id"], 422, **change)
    assert [(e["pointer"], e["code"]) for e in body["errors"]] == [(pointer, code)]
    assert bridge.get(f"/plans/{made['plan_id']}").json()["backtests"] == []


def test_a_key_asks_once(bridge):
    made, key = plan(bridge), {"Idempotency-Key": "once-and-only-once"}
    first = ask(bridge, made["plan_id"], headers=key, fee_pct="0")
    assert ask(bridge, made["plan_id"], headers=key, fee_pct="0") == first
    assert ended(bridge, made["plan_id"])["trade_cost"] == "0"
    assert ask(bridge, made["plan_id"], headers=key, fee_pct="0") == first
    assert len(bridge.get(f"/plans/{made['plan_id']}").json()["backtests"]) == 1
    assert bridge.get("/plans/none").status_code == 404
    assert ask(bridge, "none", 404)["code"] == "not_found"


def test_without_a_second_server(start_bridge, simulator):
    bridge = start_bridge(simulator)
    made = plan(bridge)
    body = ask(bridge, made["plan_id"], 409)
    assert body["code"] == "no_backtest_server" and "BRIDGE_BACKTEST_URL" in body["detail"]
    assert bridge.get(f"/plans/{made['plan_id']}").json()["backtests"] == []


@pytest.mark.parametrize("url", ["HTTP://127.0.0.1:1", "https://localhost:1/", "127.0.0.1:1"])
def test_the_server_of_the_bots_is_no_second_one(tmp_path, url):
    env = clean_environment(HUMMINGBOT_API_URL="http://127.0.0.1:1/", BRIDGE_BACKTEST_URL=url,
                            BRIDGE_STORE=tmp_path / "bridge.db", PORT="0")
    done = run("serve", env=env)
    assert done.returncode == 1 and "BRIDGE_BACKTEST_URL is the API that runs the bots" in done.stderr

"""Stop, start and what is seen of bots, black box: a stop says `succeeded` only when nothing trades
any more, a start never makes a second instance, and a crash is called a crash."""
import concurrent.futures
import time
from decimal import Decimal

import pytest
import requests

from lifecycle import (DEPLOY, Watch, assert_truth, bot, changes, command, create, deploys, ended, form, fresh_name,
                       running, together, trading, until, until_state, until_step)

SCALE = 10
STOP_BOT = "/bot-orchestration/stop-bot"


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator("--bots", 2, TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator, TB_TIME_SCALE=SCALE)


@pytest.fixture
def pair(start_simulator, start_bridge):
    def start():
        own = start_simulator(TB_TIME_SCALE=SCALE)
        return start_bridge(own, TB_TIME_SCALE=SCALE), own
    return start


@pytest.fixture(autouse=True)
def clean(simulator):
    simulator.control("DELETE", "/faults")
    simulator.control("DELETE", "/ledger")
    yield
    simulator.control("DELETE", "/faults")
    simulator.control("POST", "/conditions", {"broker": "up", "engine": "up", "database": "up"})


def fault(simulator, kind, path, method="POST", **more):
    simulator.fault(match={"method": method, "path": path}, kind=kind, **more)


def sent(simulator, path):
    return [w for w in simulator.ledger()["writes"] if path in w["path"]]


def finish(bridge, simulator, name, verb, body=None, states=("succeeded",)):
    op = ended(bridge, command(bridge, name, verb, body)["operation"]["href"])
    assert op["state"] in states, f"{op}\n{bridge.log()[-3000:]}"
    if op["state"] == "succeeded":
        until_state(bridge, name, {"start": "running", "stop": "stopped"}[verb])
    assert_truth(bridge, simulator, name, op)
    return op


def pass_time(simulator, ms):
    now = simulator.ledger()["now_ms"]
    until(lambda: simulator.ledger()["now_ms"] > now + ms)


# ---- stop ----

def test_stop_and_stop_again_and_start(bridge, simulator):
    name = fresh_name("stop")
    instance = running(bridge, name)["instance"]
    finish(bridge, simulator, name, "stop")
    assert bot(bridge, name)["intent"] == "stop"
    finish(bridge, simulator, name, "stop")
    assert len(sent(simulator, STOP_BOT)) == 1  # a second one would clear the proof of the first
    assert finish(bridge, simulator, name, "start")["kind"] == "start"
    assert bot(bridge, name)["instance"] == instance
    assert deploys(simulator) == (1, 1)
    answer = bridge.post(f"/bots/{name}/start", json={})
    assert answer.status_code == 409, answer.text


def test_stops_at_once_are_one_stop(bridge, simulator):
    name = fresh_name("stops")
    running(bridge, name)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: command(bridge, name, "stop"), range(6)))
    assert len({a["operation"]["id"] for a in answers}) == 1
    op = ended(bridge, answers[0]["operation"]["href"])
    assert op["state"] == "succeeded"
    assert_truth(bridge, simulator, name, op)
    assert len(sent(simulator, STOP_BOT)) == 1


def test_a_stop_with_a_key_is_one_stop_for_ever(bridge, simulator):
    name = fresh_name("keyed")
    running(bridge, name)
    key = {"Idempotency-Key": f"stop-{name}"}
    first = bridge.post(f"/bots/{name}/stop", json={}, headers=key).json()["operation"]["id"]
    assert ended(bridge, f"/operations/{first}")["state"] == "succeeded"
    finish(bridge, simulator, name, "start")
    again = bridge.post(f"/bots/{name}/stop", json={}, headers=key)
    assert again.json()["operation"]["id"] == first
    assert bot(bridge, name)["state"] == "running" and len(trading(simulator, name)) == 1


@pytest.mark.parametrize("kind, settings", [
    ("drop_after", {}), ("drop_before", {}), ("error500", {}), ("html", {}), ("unauthorized", {}),
    ("success_shaped_failure", {}), ("late", {"delay_ms": 15000}), ("late_hang", {"delay_ms": 9000}),
    ("hang", {"delay_ms": 60000}),
])
def test_a_disturbed_stop(bridge, simulator, kind, settings):
    name = fresh_name("stopped")
    running(bridge, name)
    fault(simulator, kind, STOP_BOT, **settings)
    finish(bridge, simulator, name, "stop")
    pass_time(simulator, settings.get("delay_ms", 0))
    until_state(bridge, name, "stopped")
    assert trading(simulator, name) == []


def test_a_stop_that_never_arrives_says_so(bridge, simulator):
    name = fresh_name("deaf")
    running(bridge, name)
    simulator.control("POST", "/conditions", {"broker": "down"})
    op = finish(bridge, simulator, name, "stop", states=("failed", "not_proven"))
    assert len(trading(simulator, name)) == 1
    assert bot(bridge, name)["state"] != "stopped"
    simulator.control("POST", "/conditions", {"broker": "up"})
    assert op["error"]["detail"]
    finish(bridge, simulator, name, "stop")


def test_abandon_needs_confirmation(bridge, simulator):
    name = fresh_name("abandon")
    running(bridge, name)
    for body in ({"policy": "abandon"}, {"policy": "abandon", "confirm": "yes"},
                 {"policy": "keep"}, {"policy": 1}, {"polcy": "close"}):
        answer = bridge.post(f"/bots/{name}/stop", json=body)
        assert answer.status_code == 422, answer.text
    assert sent(simulator, STOP_BOT) == [] and sent(simulator, "/docker/") == []
    assert bot(bridge, name)["state"] == "running"
    op = finish(bridge, simulator, name, "stop", {"policy": "abandon", "confirm": "abandon"})
    assert op["state"] == "succeeded"
    assert sent(simulator, STOP_BOT) == [] and len(sent(simulator, "/docker/stop-container")) == 1


STEPS = ["image", "upload_controllers", "upload_script", "verify_files", "deploy", "container",
         "proof_of_life"]


def test_stop_during_create(pair):
    def play(step):
        name = "early"
        bridge, simulator = pair()
        with Watch(simulator, name):
            fault(simulator, "latency", "/controllers/configs", delay_ms=1500)
            fault(simulator, "latency", "/scripts/configs", delay_ms=1500)
            fault(simulator, "latency", DEPLOY, delay_ms=3000)
            href = create(bridge, name).json()["operation"]["href"]
            until_step(bridge, href, step)
            op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
            first = ended(bridge, href)
            assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
            assert first["state"] in ("superseded", "succeeded"), first
            until_state(bridge, name, "stopped")
            assert_truth(bridge, simulator, name, op)
            pass_time(simulator, 30000)
            assert trading(simulator, name) == []
        assert deploys(simulator)[1] <= 1
        # and a start makes it live, once
        finish(bridge, simulator, name, "start")
        bridge.stop()
        simulator.stop()

    together([(step,) for step in STEPS], play)


def test_stop_while_the_deploy_is_lost(pair):
    def play(kind, delay):
        name = "lostearly"
        bridge, simulator = pair()
        fault(simulator, kind, DEPLOY, delay_ms=delay)
        with Watch(simulator, name):
            href = create(bridge, name).json()["operation"]["href"]
            until(lambda: deploys(simulator)[0] == 1)
            op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
            assert op["state"] == "succeeded", op
            assert ended(bridge, href)["state"] == "superseded"
            assert_truth(bridge, simulator, name, op)
            pass_time(simulator, delay + 15000)
            assert trading(simulator, name) == []
            until_state(bridge, name, "stopped")
        assert deploys(simulator)[0] == 1
        bridge.stop()
        simulator.stop()

    together([("late", 100000), ("late_hang", 60000), ("drop_after", 0), ("created", 0)], play)


def test_stop_of_a_start_under_way(bridge, simulator):
    """Old empty reports are still repeated while the container boots: they prove nothing."""
    name = fresh_name("restop")
    running(bridge, name)
    finish(bridge, simulator, name, "stop")
    href = command(bridge, name, "start")["operation"]["href"]
    until(lambda: sent(simulator, "/docker/start-container"))
    op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
    assert op["state"] == "succeeded", op
    assert ended(bridge, href)["state"] in ("superseded", "succeeded")
    assert_truth(bridge, simulator, name, op)
    pass_time(simulator, 40000)
    assert trading(simulator, name) == []
    until_state(bridge, name, "stopped")


# ---- start ----

def test_start_of_a_crashed_bot(bridge, simulator):
    name = fresh_name("crashed")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/crash")
    shown = until_state(bridge, name, "failed")
    assert shown["reason"]["code"] == "crashed" and shown["intent"] == "run", shown
    assert sent(simulator, "/docker/") == []  # nobody asked for a start
    finish(bridge, simulator, name, "start")
    assert bot(bridge, name)["instance"] == instance
    assert deploys(simulator) == (1, 1)


def test_start_right_after_a_crash(bridge, simulator):
    """For 30 s the last full report is repeated: it is no proof that the new process trades."""
    name = fresh_name("quick")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/crash")
    until_state(bridge, name, "failed", timeout=60)
    href = command(bridge, name, "start")["operation"]["href"]
    op = ended(bridge, href)
    assert op["state"] == "succeeded", op
    assert_truth(bridge, simulator, name, op)


@pytest.mark.parametrize("kind", ["drop_after", "late", "error500", "success_shaped_failure"])
def test_a_disturbed_start(bridge, simulator, kind):
    name = fresh_name("restart")
    running(bridge, name)
    finish(bridge, simulator, name, "stop")
    fault(simulator, kind, "/docker/start-container", delay_ms=8000)
    with Watch(simulator, name):
        finish(bridge, simulator, name, "start", states=("succeeded", "failed", "unknown"))
    assert deploys(simulator) == (1, 1)


def test_start_when_the_container_is_gone(bridge, simulator):
    name = fresh_name("gone")
    instance = running(bridge, name)["instance"]
    finish(bridge, simulator, name, "stop", {"policy": "abandon", "confirm": "abandon"})
    answer = requests.post(f"{simulator.url}/docker/remove-container/{instance}",
                           auth=("admin", "admin"), timeout=120)
    assert answer.status_code == 200 and answer.json()["success"], answer.text
    with Watch(simulator, name):
        finish(bridge, simulator, name, "start")
    shown = bot(bridge, name)
    assert shown["instance"] != instance
    assert trading(simulator, name) == [shown["instance"]]
    assert deploys(simulator) == (2, 2)


def test_an_abandoned_bot_says_so_until_it_is_started(bridge, simulator):
    name = fresh_name("left")
    running(bridge, name)
    finish(bridge, simulator, name, "stop", {"policy": "abandon", "confirm": "abandon"})

    def told():
        reason = bot(bridge, name)["reason"]
        assert reason["code"] == "abandoned" and "unattended" in reason["detail"], reason
        (listed,) = [b for b in bridge.get("/bots").json()["bots"] if b["name"] == name]
        assert listed["reason"] == reason and listed["state"] == "stopped"
    told()
    pass_time(simulator, 30000)
    told()  # no look takes it away
    assert finish(bridge, simulator, name, "stop")["state"] == "succeeded"
    told()  # nor does a stop of what had stopped
    finish(bridge, simulator, name, "start")
    assert bot(bridge, name)["reason"] is None
    finish(bridge, simulator, name, "stop")
    assert bot(bridge, name)["reason"] is None


def test_the_drawdown_counts_for_one_instance(start_bridge, start_simulator, tmp_path):
    """The figures of a container that starts again go on, and so does their peak; those of a new instance begin
    anew. A new process reads the peak from the curve."""
    simulator = start_simulator(TB_TIME_SCALE=SCALE)

    def process():
        return start_bridge(simulator, folder=tmp_path, TB_TIME_SCALE=SCALE)
    bridge = process()
    name = fresh_name("peak")
    first = running(bridge, name)["instance"]

    def row():
        return until(lambda: bot(bridge, name)["instance_pnl"])[0]  # the proof may be ahead of the figures

    def until_row(condition):
        return until(lambda: condition(row()) and row(), 60, row)

    simulator.control("POST", f"/bots/{first}/drawdown", {"quote": -40})
    until_row(lambda r: Decimal(r["net"]) > 30)
    pass_time(simulator, 130000)  # the curve has it by then
    simulator.control("POST", f"/bots/{first}/drawdown", {"quote": 10})
    until_row(lambda r: Decimal(r["drawdown"] or 0) > 8)
    bridge.stop()
    bridge = process()
    until_row(lambda r: Decimal(r["drawdown"] or 0) > 8)
    finish(bridge, simulator, name, "stop", {"policy": "abandon", "confirm": "abandon"})
    finish(bridge, simulator, name, "start")
    assert bot(bridge, name)["instance"] == first
    finish(bridge, simulator, name, "stop", {"policy": "abandon", "confirm": "abandon"})
    answer = requests.post(f"{simulator.url}/docker/remove-container/{first}", auth=("admin", "admin"), timeout=120)
    assert answer.status_code == 200 and answer.json()["success"], answer.text
    finish(bridge, simulator, name, "start")
    assert bot(bridge, name)["instance"] != first
    until_row(lambda r: not r["stale"] and Decimal(r["net"]) < 20)
    assert Decimal(row()["drawdown"]) < 8, row()
    bridge.stop()
    bridge = process()
    until_row(lambda r: r["drawdown"] is not None)
    assert Decimal(row()["drawdown"]) < 8, row()


def test_start_of_what_is_not_known_is_refused(bridge, simulator):
    name = fresh_name("silent")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/silence")
    shown = until_state(bridge, name, ("stale", "unknown"), timeout=120)
    answer = bridge.post(f"/bots/{name}/start", json={})
    assert answer.status_code == 409 and answer.json()["code"] == "state_unknown", answer.text
    assert "stop" in answer.json()["detail"]
    assert shown["instance"] == instance
    finish(bridge, simulator, name, "stop", {"policy": "abandon", "confirm": "abandon"})


# ---- what is seen ----

def test_nan_in_one_report_hides_nobody_else(bridge, simulator):
    sick, well = fresh_name("nan"), fresh_name("well")
    instance = running(bridge, sick)["instance"]
    other = running(bridge, well)["instance"]
    said = len(bridge.log())
    simulator.control("POST", f"/bots/{instance}/nan")
    shown = until_state(bridge, sick, "stale")
    assert shown["reason"]["code"] == "report_unreadable", shown
    before = until(lambda: (lambda b: b if b["pnl"] else None)(bot(bridge, well)))
    until(lambda: bot(bridge, well)["pnl"][0]["as_of"] > before["pnl"][0]["as_of"])
    listed = {b["name"]: b["state"] for b in bridge.get("/bots").json()["bots"] if b["managed"]}
    assert listed[well] == "running" and listed[sick] == "stale"
    assert "hummingbot.lost" not in bridge.log()[said:]
    simulator.control("POST", f"/bots/{other}/crash")
    until_state(bridge, well, "failed")
    # and it can still be stopped
    op = ended(bridge, command(bridge, sick, "stop")["operation"]["href"])
    assert_truth(bridge, simulator, sick, op)


def test_bots_of_others_are_listed_and_left_alone(bridge, simulator):
    answer = until(lambda: [b for b in bridge.get("/bots").json()["bots"] if not b["managed"]])
    assert {b["name"].rsplit("-", 2)[0] for b in answer} == {"sim-001", "sim-002"}
    for verb in ("start", "stop"):
        refused = bridge.post(f"/bots/{answer[0]['id']}/{verb}", json={})
        assert refused.status_code == 409, refused.text
    assert changes(simulator) == []


def test_an_api_restart_is_not_the_end_of_all_bots(bridge, simulator):
    name = fresh_name("survives")
    running(bridge, name)
    simulator.control("POST", "/restart")
    seen = set()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        seen.add(bot(bridge, name)["state"])
    assert seen <= {"running", "stale"}, seen
    until_state(bridge, name, "running")


def test_delete_takes_only_dead_records(bridge, simulator):
    name = fresh_name("record")
    shown = running(bridge, name)
    assert bridge.delete(f"/bots/{name}").status_code == 409
    simulator.control("POST", f"/bots/{shown['instance']}/crash")
    until_state(bridge, name, "failed")
    before = len(simulator.ledger()["writes"])
    answer = bridge.delete(f"/bots/{name}")
    assert answer.status_code == 200, answer.text
    assert bridge.get(f"/bots/{shown['id']}").status_code == 404
    assert len(simulator.ledger()["writes"]) == before
    running(bridge, name)


def test_a_crashed_bots_name_is_not_given_away(bridge, simulator):
    name = fresh_name("kept")
    shown = running(bridge, name)
    simulator.control("POST", f"/bots/{shown['instance']}/crash")
    until_state(bridge, name, "failed")
    answer = bridge.post("/bots", json=form(name))
    assert answer.status_code == 409 and answer.json()["existing"]["id"] == shown["id"], answer.text
    finish(bridge, simulator, name, "start")

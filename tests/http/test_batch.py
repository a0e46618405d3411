"""Requests over many bots as one operation with items, black box: stored first, one bot after
another, each bot commanded once, continued after kill -9. The ledger is the judge."""
import concurrent.futures

import pytest

from lifecycle import (bot, changes, command, deploys, ended, fresh_name, operation, running, trading,
                       until, until_state)

SCALE = 10
START = "/docker/start-container"


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator(TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("batch")


@pytest.fixture(scope="module")
def programs(start_bridge, simulator, folder):
    """The bridge that serves now; kill and start make another on the same store."""
    class Programs:
        now = start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE)

        def again(self):
            self.now.kill()
            self.now = start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE)
            return self.now
    return Programs()


@pytest.fixture
def bridge(programs, simulator):
    simulator.control("DELETE", "/faults")
    simulator.control("DELETE", "/ledger")
    yield programs.now
    simulator.control("DELETE", "/faults")


def started(simulator, instance=""):
    return [w for w in simulator.ledger()["writes"] if f"{START}/{instance}" in w["path"]]


def fell(bridge, simulator, names):
    """Bots that ran until their host went down."""
    simulator.control("POST", "/reboot")
    for name in names:
        until_state(bridge, name, "failed")
    def all_known():
        rebooted = bridge.get("/hummingbot").json()["rebooted"]
        return rebooted if rebooted and set(names) <= {b["name"] for b in rebooted["bots"]} else None
    return until(all_known, 30, lambda: bridge.log()[-3000:])


def start_many(bridge, body, expect=202, key=None):
    answer = bridge.post("/bots/start", json=body, headers={"Idempotency-Key": key} if key else None)
    assert answer.status_code == expect, answer.text
    return answer.json()


def item(op, name):
    return next(i for i in op["items"] if i["name"] == name)


def test_those_that_ran_are_started_one_after_another(bridge, simulator):
    names = [fresh_name("ran") for _ in range(3)]
    was_stopped = fresh_name("rest")
    for name in [*names, was_stopped]:
        running(bridge, name)
    ended(bridge, command(bridge, was_stopped, "stop")["operation"]["href"])
    simulator.control("DELETE", "/ledger")
    rebooted = fell(bridge, simulator, names)
    assert {b["name"] for b in rebooted["bots"]} == set(names)
    assert rebooted["start"] == {"method": "POST", "path": "/bots/start",
                                 "body": {"bots": "those_that_ran"}}
    assert "those_that_ran" in next(l for l in bridge.log().splitlines() if "host.rebooted" in l)
    assert changes(simulator) == []  # nobody has asked yet
    dry = start_many(bridge, {"bots": "those_that_ran", "dry_run": True}, 200)
    assert dry["id"] is None and {i["state"] for i in dry["items"]} == {"would_do"}
    assert changes(simulator) == []

    first = start_many(bridge, {"bots": "those_that_ran"}, key="morning")
    again = start_many(bridge, {"bots": "those_that_ran"}, key="morning")
    assert again["id"] == first["id"]
    most = 0

    def over():
        nonlocal most
        op = operation(bridge, f"/operations/{first['id']}")
        most = max(most, sum(i["state"] == "running" for i in op["items"]))
        return op if op["ended_at"] else None
    op = until(over, 120)
    assert op["state"] == "succeeded" and op["kind"] == "start_many", op
    assert most == 1
    assert {i["name"]: i["state"] for i in op["items"]} == {n: "succeeded" for n in names}
    for name in names:
        assert len(trading(simulator, name)) == 1
        href = item(op, name)["operation"]["href"]
        assert operation(bridge, href)["kind"] == "start"
    assert len(started(simulator)) == 3 and deploys(simulator) == (0, 0)
    assert trading(simulator, was_stopped) == [] and bot(bridge, was_stopped)["state"] == "stopped"
    refused = start_many(bridge, {"bots": "those_that_ran"}, 409)
    assert refused["code"] == "wrong_state"
    assert bridge.get("/hummingbot").json()["rebooted"] is None


def test_what_cannot_be_started_is_said_and_stops_what_follows(bridge, simulator):
    good, runs = fresh_name("good"), fresh_name("runs")
    running(bridge, runs)
    running(bridge, good)
    ended(bridge, command(bridge, good, "stop")["operation"]["href"])
    unknown = start_many(bridge, {"bots": [good, "nobody"]}, 422)
    assert unknown["errors"][0]["pointer"] == "/bots/1", unknown
    for body in ({}, {"bots": "all"}, {"bots": []}, {"bots": [good], "pause_s": -1},
                 {"bots": [good], "dry_run": 1}, {"bots": [good], "stop_at_first_failure": "yes"},
                 {"bots": [good], "pauses": 1}):
        start_many(bridge, body, 422)
    dry = start_many(bridge, {"bots": [runs, good], "dry_run": True}, 200)
    assert item(dry, runs)["state"] == "refused" and "running already" in item(dry, runs)["detail"]
    assert item(dry, good)["state"] == "would_do"

    op = start_many(bridge, {"bots": [runs, good], "stop_at_first_failure": True})
    op = ended(bridge, f"/operations/{op['id']}")
    assert op["state"] == "failed" and op["error"]["code"] == "items_failed", op
    assert [i["state"] for i in op["items"]] == ["failed", "skipped"]
    assert trading(simulator, good) == []
    op = start_many(bridge, {"bots": [runs, good, good], "pause_s": 0})
    op = ended(bridge, f"/operations/{op['id']}")
    assert [i["state"] for i in op["items"]] == ["failed", "succeeded"], op
    assert len(trading(simulator, good)) == 1


def test_kill_at_every_item(bridge, programs, simulator):
    names = [fresh_name("killed") for _ in range(3)]
    for name in names:
        running(bridge, name)
    names = [b["name"] for b in fell(bridge, simulator, names)["bots"]]  # earlier tests' bots too
    simulator.control("DELETE", "/ledger")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # two people, one word
        answers = list(pool.map(lambda _: start_many(
            bridge, {"bots": "those_that_ran", "pause_s": 1}, key="twice"), range(2)))
    assert answers[0]["id"] == answers[1]["id"]
    href = f"/operations/{answers[0]['id']}"
    for n in range(1, 4):
        until(lambda: sum(i["tries"] for i in operation(bridge, href)["items"]) >= n or
              operation(bridge, href)["ended_at"])
        bridge = programs.again()
    op = ended(bridge, href)
    assert sorted(i["name"] for i in op["items"]) == sorted(names)
    for one in op["items"]:
        # A start that was about to be sent when the process died may never have left: then it says so.
        lives = one["state"] == "succeeded"
        assert lives or one["code"] == "start_not_seen", f"{op}\n{bridge.log()[-3000:]}"
        assert len(trading(simulator, one["name"])) == lives
        assert len(started(simulator, one["instance"])) <= 1
    assert sum(i["state"] == "succeeded" for i in op["items"]) >= len(names) - 3, op
    assert deploys(simulator) == (0, 0)


def test_kill_between_the_item_and_its_record(bridge, programs, simulator):
    """The item's operation is stored, the batch's document is not yet: found by its key."""
    import json
    import sqlite3
    name = fresh_name("between")
    running(bridge, name)
    ended(bridge, command(bridge, name, "stop")["operation"]["href"])
    simulator.control("DELETE", "/ledger")
    op = start_many(bridge, {"bots": [name]})
    done = ended(bridge, f"/operations/{op['id']}")
    bridge.kill()
    with sqlite3.connect(bridge.folder / "data" / "bridge.db") as db:
        doc = json.loads(db.execute("SELECT doc FROM operations WHERE id = ?", (op["id"],)).fetchone()[0])
        doc["wire"]["state"] = "running"
        doc["wire"]["items"][0].update(state="pending", operation=None, tries=0)
        db.execute("UPDATE operations SET state = 'running', ended_at = 0, doc = ? WHERE id = ?",
                   (json.dumps(doc), op["id"]))
    bridge = programs.again()
    again = ended(bridge, f"/operations/{op['id']}")
    assert again["state"] == "succeeded", again
    assert again["items"][0]["operation"] == done["items"][0]["operation"]
    assert len(started(simulator)) == 1 and len(trading(simulator, name)) == 1


def test_nothing_is_redeployed_long_after_it_was_asked_for(bridge, simulator):
    """While the API is away a redeploy is tried for five minutes; then a person has to ask again."""
    name = fresh_name("late")
    running(bridge, name)
    simulator.control("DELETE", "/ledger")
    simulator.fault(match={"path": "/"}, kind="error500", count=1000000)
    answer = bridge.post("/bots/redeploy", json={"bots": [name], "params": {"order_quote": "7"}})
    assert answer.status_code == 202, answer.text
    op = until(lambda: (o := operation(bridge, answer.headers["Location"]))["ended_at"] and o, 90,
               lambda: operation(bridge, answer.headers["Location"]))
    simulator.control("DELETE", "/faults")
    assert op["state"] == "failed" and item(op, name)["state"] == "failed", op
    assert item(op, name)["operation"] is None and changes(simulator) == [], op
    until_state(bridge, name, "running")

"""Observe mode, with the simulator's ledger as the judge: a store that may be older than the world
makes the bridge read and show only, until an admin resumes."""
import shutil
import sqlite3

import pytest

from conftest import TOKEN, clean_environment, run
from lifecycle import (bot, command, create, ended, form, fresh_name, running, trading,
                       until, until_state, until_step)


@pytest.fixture
def simulator(start_simulator):
    return start_simulator()


def observe(bridge):
    answer = bridge.get("/hummingbot")
    assert answer.status_code == 200, answer.text
    return answer.json()["observe"]


def until_observing(bridge, reason):
    mode = until(lambda: observe(bridge), 30, lambda: bridge.log()[-3000:])
    assert mode["reason"] == reason and mode["since"], mode
    return mode


def looked(bridge):
    """A look of this process has ended, and another one."""
    def at():
        return bridge.get("/hummingbot").json()["feed"]["looked_at"]
    first = until(at, 30)
    until(lambda: at() != first, 30)


def refused(bridge, name):
    answer = bridge.post("/bots", json=form(name))
    assert answer.status_code == 409 and answer.json()["code"] == "observe_mode", answer.text
    assert "POST /hummingbot/resume" in answer.json()["detail"]


def resume(bridge, body=None, token=True, expect=200):
    answer = bridge.post("/hummingbot/resume", json=body or {}, token=token)
    assert answer.status_code == expect, answer.text
    return answer.json()


def writes(simulator):
    """What was sent since the ledger was forgotten; asking for a check or a price changes nothing."""
    reading = ("/config/validate", "/market-data/", "/portfolio/", "/trading-rules")
    return [w for w in simulator.ledger()["writes"] if not any(r in w["path"] for r in reading)]


def backup(bridge, folder):
    """The running bridge's files, into a folder."""
    result = run("backup", str(folder), env=clean_environment(
        BRIDGE_STORE=bridge.folder / "data/bridge.db", BRIDGE_ADMIN_TOKEN=TOKEN, PORT=bridge.port))
    assert result.returncode == 0, result.stderr


def put_back(folder, target, announced):
    shutil.rmtree(target / "data", ignore_errors=True)
    if not announced:
        shutil.copytree(folder, target / "data")
        return
    result = run("restore", str(folder), env=clean_environment(
        BRIDGE_STORE=target / "data/bridge.db", BRIDGE_ADMIN_TOKEN=TOKEN))
    assert result.returncode == 0, result.stderr


def slow(simulator, path, ms):
    simulator.fault(match={"method": "POST", "path": path}, kind="latency", delay_ms=ms)


@pytest.mark.quick
def test_announced_restore_reads_and_shows_and_writes_nothing(start_bridge, simulator, tmp_path):
    one = start_bridge(simulator, folder=tmp_path)
    name, fresh = fresh_name("kept"), fresh_name("half")
    instance = running(one, name)["instance"]
    slow(simulator, "/scripts/configs", 60000)
    href = create(one, fresh).json()["operation"]["href"]
    until_step(one, href, "upload_script")
    backup(one, tmp_path / "old")
    one.kill()

    put_back(tmp_path / "old", tmp_path, announced=True)
    simulator.control("DELETE", "/faults")
    simulator.control("DELETE", "/ledger")
    two = start_bridge(simulator, folder=tmp_path)
    mode = observe(two)
    assert mode["reason"] == "restored" and mode["instances"] == []
    op = ended(two, href)
    assert op["state"] == "unknown" and op["error"]["code"] == "observe_mode", op
    assert bot(two, fresh)["state"] == "unknown"
    until_state(two, name, "running")
    refused(two, fresh_name("new"))
    answer = two.post(f"/bots/{name}/start", json={})
    assert answer.status_code == 409 and answer.json()["code"] == "observe_mode", answer.text
    answer = two.request("PUT", f"/bots/{name}", json={"params": {"budget_quote": "210"}})
    assert answer.status_code == 409 and answer.json()["code"] == "observe_mode", answer.text
    assert two.post("/bots/plan", json=form(fresh_name("plan"))).status_code == 200
    assert two.post("/hummingbot/cleanup", json={}).json()["code"] == "observe_mode"
    looked(two)
    assert [w["path"] for w in writes(simulator)] == []
    assert trading(simulator, name) == [instance]

    operator = two.make_token("operator")["token"]
    resume(two, token=operator, expect=403)
    assert observe(two)
    done = resume(two)
    assert done["observe"] is None and observe(two) is None
    assert "observe.off" in two.log()
    running(two, fresh_name("after"))
    two.stop()
    three = start_bridge(simulator, folder=tmp_path)
    looked(three)
    assert observe(three) is None


def test_a_stop_that_a_person_asks_for_is_sent(start_bridge, simulator, tmp_path):
    one = start_bridge(simulator, folder=tmp_path)
    name = fresh_name("stopped")
    running(one, name)
    backup(one, tmp_path / "old")
    one.kill()
    put_back(tmp_path / "old", tmp_path, announced=True)
    simulator.control("DELETE", "/ledger")
    two = start_bridge(simulator, folder=tmp_path)
    until_state(two, name, "running")
    assert writes(simulator) == []
    op = ended(two, command(two, name, "stop")["operation"]["href"])
    assert op["state"] == "succeeded", op
    assert [w["path"] for w in writes(simulator)] == ["/bot-orchestration/stop-bot"]
    assert trading(simulator, name) == [] and observe(two)


def test_old_backup_that_does_not_know_a_living_instance(start_bridge, simulator, tmp_path):
    one = start_bridge(simulator, folder=tmp_path)
    backup(one, tmp_path / "old")
    name = fresh_name("later")
    instance = running(one, name)["instance"]
    one.kill()
    put_back(tmp_path / "old", tmp_path, announced=False)
    simulator.control("DELETE", "/ledger")
    two = start_bridge(simulator, folder=tmp_path)
    mode = until_observing(two, "unknown_instances")
    assert mode["instances"] == [instance]
    refused(two, name)
    looked(two)
    assert writes(simulator) == []
    two.stop()

    two = start_bridge(simulator, folder=tmp_path)  # a restart is no way out
    assert observe(two)["instances"] == [instance]
    assert resume(two)["instances"] == [instance]
    looked(two)
    assert observe(two) is None
    two.stop()
    two = start_bridge(simulator, folder=tmp_path)  # remembered
    looked(two)
    assert observe(two) is None
    running(two, fresh_name("new"))
    assert trading(simulator, name) == [instance]


def test_old_backup_in_the_middle_of_a_create_makes_no_second_bot(start_bridge, simulator, tmp_path):
    """The store calls the deploy unsent, the world shows what it made."""
    one = start_bridge(simulator, folder=tmp_path)
    name = fresh_name("middle")
    slow(simulator, "/scripts/configs", 20000)
    href = create(one, name).json()["operation"]["href"]
    until_step(one, href, "upload_script")
    backup(one, tmp_path / "old")
    assert ended(one, href)["state"] == "succeeded"
    instance = bot(one, name)["instance"]
    one.kill()
    put_back(tmp_path / "old", tmp_path, announced=False)
    # What is unfinished waits for the first look, however long that takes.
    simulator.fault(match={"method": "GET", "path": "/docker/active-containers"}, kind="latency",
                    delay_ms=10000)
    simulator.control("DELETE", "/ledger")
    two = start_bridge(simulator, folder=tmp_path)
    assert until_observing(two, "unknown_instances")["instances"] == [instance]
    assert ended(two, href)["state"] == "unknown"
    looked(two)
    assert writes(simulator) == [] and trading(simulator, name) == [instance]
    # After the resume nothing is started beside it, and a stop finds it although the store never
    # heard of its deploy.
    resume(two)
    for verb in ("restart", "redeploy"):
        beside(two, name, verb, instance)
    op = ended(two, command(two, name, "stop")["operation"]["href"])
    assert op["state"] == "succeeded", op
    assert trading(simulator, name) == [] and bot(two, name)["instance"] == instance
    assert ended(two, command(two, name, "start")["operation"]["href"])["state"] == "succeeded"
    assert trading(simulator, name) == [instance]


def test_old_backup_from_before_a_redeploy(start_bridge, simulator, tmp_path):
    """The store knows the instance that was replaced; starting that would make a second bot."""
    one = start_bridge(simulator, folder=tmp_path)
    name = fresh_name("renewed")
    running(one, name)
    backup(one, tmp_path / "old")
    assert ended(one, command(one, name, "redeploy")["operation"]["href"])["state"] == "succeeded"
    instance = bot(one, name)["instance"]
    one.kill()
    put_back(tmp_path / "old", tmp_path, announced=True)
    two = start_bridge(simulator, folder=tmp_path)
    until_observing(two, "restored")
    looked(two)
    resume(two)
    until_state(two, name, "failed")
    simulator.control("DELETE", "/ledger")
    for verb in ("start", "restart", "redeploy"):
        beside(two, name, verb, instance)
    assert writes(simulator) == [] and trading(simulator, name) == [instance]


def beside(bridge, name, verb, instance):
    answer = bridge.post(f"/bots/{name}/{verb}", json={})
    assert answer.status_code == 409 and answer.json()["code"] == "state_unknown", answer.text
    assert instance in answer.json()["detail"]


def test_late_ghost_is_not_stopped_by_itself(start_bridge, simulator, tmp_path):
    """A store that may be old may call given up what somebody wants."""
    one = start_bridge(simulator, folder=tmp_path)
    name = fresh_name("ghost")
    instance = running(one, name)["instance"]
    backup(one, tmp_path / "old")
    one.kill()
    put_back(tmp_path / "old", tmp_path, announced=True)
    db = sqlite3.connect(tmp_path / "data/bridge.db")
    db.execute("UPDATE attempts SET state = 'not_created', instance = NULL")
    db.execute("UPDATE bots SET deleted_at = 1, holds_name = 0")
    db.commit()
    db.close()
    simulator.control("DELETE", "/ledger")
    two = start_bridge(simulator, folder=tmp_path)
    found = until(lambda: next((b for b in two.get("/bots").json()["bots"]
                                if b["instance"] == instance and b["state"] == "conflict"), None), 30)
    assert found["reason"]["code"] == "late_ghost"
    looked(two)
    assert writes(simulator) == []
    resume(two)
    until(lambda: [w["path"] for w in writes(simulator)] == ["/bot-orchestration/stop-bot"], 30,
          lambda: f"{writes(simulator)}")


def test_two_bridges_on_one_api(start_bridge, simulator, tmp_path):
    """Each sees the other's as foreign. The first resume remembers; `another_bridge` lets those pass
    that appear while the bridge runs; what came while it did not run is a question again."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a = start_bridge(simulator, folder=tmp_path / "a")
    looked(a)
    mine = running(a, fresh_name("mine"))
    b = start_bridge(simulator, folder=tmp_path / "b")
    until_observing(b, "unknown_instances")
    refused(b, fresh_name("no"))
    assert resume(b)["instances"] == [mine["instance"]]
    assert bot(b, mine["instance"])["managed"] is False

    first = running(b, fresh_name("theirs"))["instance"]
    assert until_observing(a, "unknown_instances")["instances"] == [first]
    # Each lists the other's, and leaves it alone.
    for one, theirs in ((a, first), (b, mine["instance"])):
        shown = until(lambda one=one, theirs=theirs: next(
            (x for x in one.get("/bots").json()["bots"] if x["instance"] == theirs), None))
        assert shown["managed"] is False and shown["intent"] is None, shown
        answer = one.post(f"/bots/{theirs}/stop", json={})
        assert answer.status_code in (404, 409), answer.text
    body = {"another_bridg": True}
    assert a.post("/hummingbot/resume", json=body).status_code == 422
    assert a.post("/hummingbot/resume", json={"another_bridge": "yes"}).status_code == 422
    assert resume(a, {"another_bridge": True})["another_bridge"] is True
    resume(b, {"another_bridge": True})
    second = running(b, fresh_name("theirs"))["instance"]
    until(lambda: f"{second} was made by another bridge" in a.log(), 30)
    assert observe(a) is None
    running(a, fresh_name("mine"))
    a.stop()
    third = running(b, fresh_name("theirs"))["instance"]
    a = start_bridge(simulator, folder=tmp_path / "a")
    assert until_observing(a, "unknown_instances")["instances"] == [third]

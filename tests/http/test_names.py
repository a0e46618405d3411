"""A command reaches the bot that is meant: nobody is named like an instance, and what two bots are called
is nobody's."""
import sqlite3

from lifecycle import (DEPLOY, bot, changes, command, create, ended, form, running, until,
                       until_state)


def test_no_bot_is_named_like_an_instance(start_simulator, start_bridge):
    simulator = start_simulator("--bots", "1")
    bridge = start_bridge(simulator)
    foreign = until(lambda: bridge.get("/bots").json()["bots"])[0]
    assert foreign["managed"] is False
    name = foreign["instance"]
    answer = create(bridge, name, expect=409)
    assert answer.json()["code"] == "name_taken" and "instance" in answer.json()["detail"], answer.text
    assert answer.headers["Location"] == f"/bots/{foreign['id']}"
    warnings = bridge.post("/bots/plan", json=form(name)).json()["warnings"]
    assert [w["code"] for w in warnings if w["pointer"] == "/name"] == ["name_taken"], warnings
    assert changes(simulator) == []


def test_no_name_is_not_the_name_of_a_bot_without_instance(start_simulator, start_bridge):
    simulator = start_simulator()
    bridge = start_bridge(simulator)
    simulator.fault(match={"method": "POST", "path": DEPLOY}, kind="unauthorized")
    failed = ended(bridge, create(bridge, "failed").json()["operation"]["href"])
    assert failed["state"] == "failed" and failed["instance"] is None
    assert create(bridge, "", expect=422).json()["errors"][0]["pointer"] == "/name"


def test_what_two_bots_are_called_is_refused(start_simulator, start_bridge, tmp_path):
    """As in a store of an earlier version, which let people choose such names."""
    simulator = start_simulator()
    first = start_bridge(simulator, folder=tmp_path)
    one, two = running(first, "one"), running(first, "two")
    first.stop()
    with sqlite3.connect(tmp_path / "data/bridge.db") as store:
        store.execute("UPDATE bots SET name = ? WHERE id = ?", (two["instance"], one["id"]))
    bridge = start_bridge(simulator, folder=tmp_path)
    for each in (one, two):
        until_state(bridge, each["id"], "running")
    simulator.control("DELETE", "/ledger")
    called = two["instance"]
    for verb in ("start", "stop", "restart", "archive", "redeploy", "release"):
        problem = command(bridge, called, verb, expect=409)
        assert one["id"] in problem["detail"] and two["id"] in problem["detail"], (verb, problem)
    for answer in (bridge.delete(f"/bots/{called}"), bridge.request("PUT", f"/bots/{called}", json={})):
        assert answer.status_code == 409 and two["id"] in answer.json()["detail"], answer.text
    problem = until(lambda: (lambda p: p if p["code"] != "busy" else None)(
        bridge.post("/bots/start", json={"bots": [called], "dry_run": True}).json()))
    assert [e["code"] for e in problem["errors"]] == ["ambiguous"] and one["id"] in problem["detail"], problem
    problem = bridge.post("/bots/emergency-stop", json={"bots": [called, two["id"]], "dry_run": True}).json()
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/bots/0", "ambiguous")], problem
    assert changes(simulator) == []
    # What it is named is what is shown of it, and the ids are always good.
    assert bot(bridge, called)["id"] == one["id"]
    assert ended(bridge, command(bridge, two["id"], "stop")["operation"]["href"])["state"] == "succeeded"
    assert bot(bridge, two["id"])["state"] == "stopped" and bot(bridge, one["id"])["state"] == "running"

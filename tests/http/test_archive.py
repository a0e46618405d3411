"""Archive, black box: it follows a proven stop, is asked for once, is called done only when the container
is gone and the run is recorded as archived, and every way in which the Hummingbot API gives it up
without a word is told truthfully. The ledger judges."""
import pytest
import requests

from lifecycle import (Watch, command, create, deploys, ended, fault, fresh_name, running, together, trading, until,
                       until_state, until_step)

pytestmark = pytest.mark.usefixtures("clean")
SCALE = 20
STOP_BOT, ARCHIVE = "/bot-orchestration/stop-bot", "/bot-orchestration/stop-and-archive-bot"
HALT, REMOVE = "/docker/stop-container", "/docker/remove-container"


def sent(simulator, path):
    return [w for w in simulator.ledger()["writes"] if w["path"].startswith(path)]


def exists(simulator, instance):
    """Is there a container of this name, in whatever state that a list shows?"""
    for which in ("active", "exited"):
        answer = requests.get(f"{simulator.url}/docker/{which}-containers", auth=("admin", "admin"),
                              params={"name_filter": instance}, timeout=120)
        if any(c["name"] == instance for c in answer.json()):
            return True
    return False


def archive(bridge, name, states=("succeeded",)):
    op = ended(bridge, command(bridge, name, "archive")["operation"]["href"])
    assert op["state"] in states, f"{op}\n{bridge.log()[-3000:]}"
    return op


def archived(bridge, simulator, name, instance):
    shown = until_state(bridge, name, "archived")
    assert shown["status"] == "stopped" and shown["reason"] is None, shown
    assert trading(simulator, name) == [] and not exists(simulator, instance)
    assert instance in simulator.ledger()["files"]["archived"]
    return shown


def test_an_archive_stops_proves_and_removes(bridge, simulator):
    name = fresh_name("archive")
    instance = running(bridge, name)["instance"]
    answer = command(bridge, name, "archive")
    assert answer["state"] == "stopping" and answer["intent"] == "stop"
    until_state(bridge, name, "archiving")
    op = ended(bridge, answer["operation"]["href"])
    assert op["state"] == "succeeded" and op["kind"] == "archive", op
    assert [s["name"] for s in op["steps"]] == [
        "inspect", "stop_bot", "proof_of_stop", "inspect", "archive", "proof_of_archive"], op
    assert any("archive" in e for e in op["effects"]), op
    archived(bridge, simulator, name, instance)
    asked = sent(simulator, ARCHIVE)
    assert len(asked) == 1
    assert asked[0]["query"] == "skip_order_cancellation=false&archive_locally=true", asked
    # It was not said before it was true.
    end = [s for s in op["steps"] if s["name"] == "proof_of_archive"][0]
    assert end["state"] == "done"


def test_what_is_left_of_an_archived_bot(bridge, simulator):
    """A start deploys the stored bytes under a new nonce, a stop has nothing to do, the name is free."""
    name = fresh_name("again")
    shown = running(bridge, name)
    archive(bridge, name)
    archived(bridge, simulator, name, shown["instance"])
    for verb, words in (("stop", "nothing of it"), ("archive", "already")):
        refused = bridge.post(f"/bots/{name}/{verb}", json={})
        assert refused.status_code == 409 and words in refused.json()["detail"], refused.text
    with Watch(simulator, name):
        op = ended(bridge, command(bridge, name, "start")["operation"]["href"])
        assert op["state"] == "succeeded", op
    fresh = until_state(bridge, name, "running")
    assert fresh["id"] == shown["id"] and fresh["instance"] != shown["instance"]
    assert trading(simulator, name) == [fresh["instance"]] and deploys(simulator) == (2, 2)
    assert fresh["params"] == shown["params"]
    archive(bridge, name)
    # Its name may be taken meanwhile; then it is not started beside the other.
    create(bridge, name)
    until_state(bridge, name, "running")
    refused = bridge.post(f"/bots/{shown['id']}/start", json={})
    assert refused.status_code == 409 and refused.json()["code"] == "name_taken", refused.text
    assert len(trading(simulator, name)) == 1
    gone = bridge.delete(f"/bots/{shown['id']}")
    assert gone.status_code == 200, gone.text
    assert bridge.get(f"/bots/{shown['id']}").status_code == 404


def test_what_has_exited_is_removed(bridge, simulator):
    name = fresh_name("exited")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/crash")
    until_state(bridge, name, "failed")
    op = archive(bridge, name)
    assert [s["name"] for s in op["steps"]] == ["inspect", "remove_container"], op
    archived(bridge, simulator, name, instance)
    assert sent(simulator, ARCHIVE) == [] and len(sent(simulator, REMOVE)) == 1


def test_of_what_is_gone_nothing_is_asked(bridge, simulator):
    name = fresh_name("gone")
    instance = running(bridge, name)["instance"]
    done = ended(bridge, command(bridge, name, "stop",
                                 {"policy": "abandon", "confirm": "abandon"})["operation"]["href"])
    assert done["state"] == "succeeded"
    requests.post(f"{simulator.url}{REMOVE}/{instance}", auth=("admin", "admin"), timeout=120)
    archive(bridge, name)
    archived(bridge, simulator, name, instance)
    assert len(sent(simulator, REMOVE)) == 1 and sent(simulator, ARCHIVE) == []


def test_an_unproven_stop_archives_nothing(bridge, simulator):
    name = fresh_name("deaf")
    running(bridge, name)
    simulator.control("POST", "/conditions", {"broker": "down"})
    op = archive(bridge, name, ("failed", "not_proven"))
    assert op["error"]["detail"]
    assert sent(simulator, ARCHIVE) == [] and sent(simulator, REMOVE) == []
    assert len(trading(simulator, name)) == 1
    simulator.control("POST", "/conditions", {"broker": "up"})
    until_state(bridge, name, "running")
    archive(bridge, name)


def test_a_stop_supersedes_an_archive(bridge, simulator):
    """What was asked of the API goes on, so a later start waits until it cannot take the bot away."""
    name = fresh_name("changed")
    instance = running(bridge, name)["instance"]
    href = command(bridge, name, "archive")["operation"]["href"]
    until(lambda: sent(simulator, ARCHIVE))
    op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
    assert op["state"] == "succeeded" and ended(bridge, href)["state"] == "superseded"
    with Watch(simulator, name):
        done = ended(bridge, command(bridge, name, "start")["operation"]["href"])
        assert done["state"] == "succeeded", done
        shown = until_state(bridge, name, "running")
        assert trading(simulator, name) == [shown["instance"]] != [instance]


# ---- what the API does not say ----

def given_up(bridge, simulator, name, instance, op, reason):
    assert op["state"] == "failed" and op["error"]["code"] == reason, op
    assert until_state(bridge, name, "stopped")["instance"] == instance
    assert trading(simulator, name) == [] and exists(simulator, instance)


def test_a_stop_that_cannot_be_published(bridge, simulator):
    """Its row says STOPPED, it answers success, and nothing happens."""
    name = fresh_name("mute")
    instance = running(bridge, name)["instance"]
    assert ended(bridge, command(bridge, name, "stop")["operation"]["href"])["state"] == "succeeded"
    simulator.control("POST", "/conditions", {"broker": "down"})
    begun = simulator.ledger()["now_ms"]
    op = archive(bridge, name, ("failed", "unknown", "not_proven", "succeeded"))
    asked = sent(simulator, ARCHIVE)
    assert op["state"] == "failed" and op["error"]["code"] == "archive_gave_up", op
    # A second one is not asked for while the first could still work.
    assert len(asked) == 2 and asked[1]["at_ms"] - asked[0]["at_ms"] >= 170000, (begun, asked)
    assert exists(simulator, instance) and trading(simulator, name) == []
    simulator.control("POST", "/conditions", {"broker": "up"})
    archive(bridge, name)
    archived(bridge, simulator, name, instance)


def test_a_container_that_does_not_exit(bridge, simulator):
    name = fresh_name("stubborn")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/stubborn")
    op = archive(bridge, name, ("failed",))
    given_up(bridge, simulator, name, instance, op, "archive_gave_up")
    simulator.control("POST", f"/bots/{instance}/stubborn", {"is": False})
    archive(bridge, name)
    archived(bridge, simulator, name, instance)


def test_a_run_that_is_not_recorded(bridge, simulator):
    """The database is down: the container goes, and whether its data was kept is not known."""
    name = fresh_name("unwritten")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", "/conditions", {"database": "down"})
    op = archive(bridge, name, ("not_proven",))
    assert op["error"]["code"] == "archive_not_proven", op
    shown = until_state(bridge, name, "stopped")
    assert shown["reason"]["code"] == "archive_not_proven" and not exists(simulator, instance)
    simulator.control("POST", "/conditions", {"database": "up"})
    archive(bridge, name)
    archived(bridge, simulator, name, instance)
    assert len(sent(simulator, ARCHIVE)) == 1


@pytest.mark.parametrize("kind, settings, times", [
    ("drop_after", {}, 1), ("drop_before", {}, 2), ("error500", {}, 2), ("html", {}, 2),
    ("success_shaped_failure", {}, 2), ("late", {"delay_ms": 60000}, 1),
    ("late_hang", {"delay_ms": 30000}, 1),
])
def test_a_disturbed_archive(world, kind, settings, times):
    start, simulator = world("disturbed")
    bridge, name = start(), "disturbed"
    instance = running(bridge, name)["instance"]
    fault(simulator, kind, ARCHIVE, **settings)
    archive(bridge, name)
    archived(bridge, simulator, name, instance)
    assert len(sent(simulator, ARCHIVE)) == times, sent(simulator, ARCHIVE)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "error500", "success_shaped_failure"])
def test_a_disturbed_removal(bridge, simulator, kind):
    name = fresh_name("removal")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/crash")
    until_state(bridge, name, "failed")
    fault(simulator, kind, REMOVE)
    archive(bridge, name)
    archived(bridge, simulator, name, instance)


def test_kill_9_at_every_step(world):
    def play(step, restarted):
        name = "killed"
        start, simulator = world(f"{step}{restarted}")
        bridge = start()
        instance = running(bridge, name)["instance"]
        for path in (STOP_BOT, ARCHIVE):
            fault(simulator, "latency", path, delay_ms=2000)
        href = command(bridge, name, "archive")["operation"]["href"]
        until_step(bridge, href, step)
        bridge.kill()
        if restarted:  # the API's background work dies with it
            simulator.control("POST", "/restart")
        bridge = start()
        op = ended(bridge, href)
        assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
        archived(bridge, simulator, name, instance)
        assert len(sent(simulator, ARCHIVE)) <= 2 and deploys(simulator) == (1, 1)
        bridge.stop()
        simulator.stop()

    together([(s, False) for s in ("stop_bot", "proof_of_stop", "archive", "proof_of_archive")]
             + [("proof_of_archive", True)], play)

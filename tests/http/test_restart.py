"""Restart, black box: the container is started again only after the stop was proven, one instance of the
same name comes back, and whatever happens in between ends truthfully. The ledger judges."""
import concurrent.futures

import pytest

from lifecycle import (Watch, assert_truth, bot, command, deploys, ended, fault, fresh_name, running, together,
                       trading, until, until_state, until_step)

pytestmark = pytest.mark.usefixtures("clean")
SCALE = 10
STOP_BOT = "/bot-orchestration/stop-bot"
HALT, BOOT = "/docker/stop-container", "/docker/start-container"


def sent(simulator, *paths):
    """What was sent to the containers and strategies, in its order."""
    return [w["path"] for w in simulator.ledger()["writes"]
            if any(w["path"].startswith(p) for p in paths or (STOP_BOT, HALT, BOOT))]


def restart(bridge, name, states=("succeeded",)):
    op = ended(bridge, command(bridge, name, "restart")["operation"]["href"])
    assert op["state"] in states, f"{op}\n{bridge.log()[-3000:]}"
    return op


def test_a_restart_stops_proves_and_starts(bridge, simulator):
    name = fresh_name("restart")
    instance = running(bridge, name)["instance"]
    answer = command(bridge, name, "restart")
    assert answer["state"] == "stopping" and answer["intent"] == "run"
    op = ended(bridge, answer["operation"]["href"])
    assert op["state"] == "succeeded", op
    assert op["kind"] == "restart" and op["instance"] == instance
    assert any("started" in e for e in op["effects"]) and len(op["effects"]) > 1, op
    assert [s["name"] for s in op["steps"]] == [
        "inspect", "stop_bot", "proof_of_stop", "inspect", "stop_container", "inspect",
        "start_container", "container", "proof_of_life"], op
    shown = until_state(bridge, name, "running")
    assert shown["instance"] == instance and trading(simulator, name) == [instance]
    assert sent(simulator) == [STOP_BOT, f"{HALT}/{instance}", f"{BOOT}/{instance}"]
    assert deploys(simulator) == (1, 1)
    words = [e["kind"] for e in bridge.get(f"/bots/{name}/history").json()["history"] if "kind" in e]
    assert "restart" in words


def test_of_a_stopped_bot_only_the_container_is_started(bridge, simulator):
    name = fresh_name("resting")
    instance = running(bridge, name)["instance"]
    assert ended(bridge, command(bridge, name, "stop")["operation"]["href"])["state"] == "succeeded"
    restart(bridge, name)
    assert until_state(bridge, name, "running")["instance"] == instance
    assert len(sent(simulator, STOP_BOT)) == 1
    assert deploys(simulator) == (1, 1)


def test_of_a_crashed_bot(bridge, simulator):
    name = fresh_name("crashed")
    instance = running(bridge, name)["instance"]
    simulator.control("POST", f"/bots/{instance}/crash")
    until_state(bridge, name, "failed")
    restart(bridge, name)
    assert until_state(bridge, name, "running")["instance"] == instance
    assert sent(simulator, STOP_BOT) == []


def test_an_unproven_stop_starts_nothing(bridge, simulator):
    """The broker is dead: the bot hears no stop, so it goes on and is not touched."""
    name = fresh_name("deaf")
    running(bridge, name)
    simulator.control("POST", "/conditions", {"broker": "down"})
    op = restart(bridge, name, ("failed", "not_proven"))
    assert sent(simulator, HALT, BOOT) == []
    assert len(trading(simulator, name)) == 1
    assert op["error"]["detail"]
    simulator.control("POST", "/conditions", {"broker": "up"})
    until_state(bridge, name, "running")
    restart(bridge, name)


def test_a_stop_supersedes_a_restart(world):
    def play(step):
        name = "early"
        start, simulator = world(step)
        bridge = start()
        running(bridge, name)
        with Watch(simulator, name):
            href = command(bridge, name, "restart")["operation"]["href"]
            until_step(bridge, href, step)
            op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
            assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
            assert ended(bridge, href)["state"] in ("superseded", "succeeded")
            until_state(bridge, name, "stopped")
            now = simulator.ledger()["now_ms"]
            until(lambda: simulator.ledger()["now_ms"] > now + 30000)
            assert trading(simulator, name) == []
        bridge.stop()
        simulator.stop()

    together([(s,) for s in ("stop_bot", "proof_of_stop", "stop_container", "start_container",
                             "proof_of_life")], play)


def test_restarts_at_once_are_one_and_other_commands_wait(bridge, simulator):
    name = fresh_name("twice")
    running(bridge, name)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: command(bridge, name, "restart"), range(4)))
    assert len({a["operation"]["id"] for a in answers}) == 1
    refused = bridge.post(f"/bots/{name}/start", json={})
    assert refused.status_code == 409 and refused.json()["code"] == "operation_in_progress", refused.text
    assert ended(bridge, answers[0]["operation"]["href"])["state"] == "succeeded"
    assert len(sent(simulator, BOOT)) == 1


def test_a_key_restarts_once_for_ever(bridge, simulator):
    name = fresh_name("keyed")
    running(bridge, name)
    key = {"Idempotency-Key": f"restart-{name}"}
    first = bridge.post(f"/bots/{name}/restart", json={}, headers=key)
    assert first.status_code == 202, first.text
    assert ended(bridge, first.headers["Location"])["state"] == "succeeded"
    again = bridge.post(f"/bots/{name}/restart", json={}, headers=key)
    assert again.json()["operation"]["id"] == first.json()["operation"]["id"]
    assert len(sent(simulator, BOOT)) == 1
    refused = bridge.post(f"/bots/{name}/restart", json={"fast": True})
    assert refused.status_code == 422, refused.text


@pytest.mark.parametrize("path", [STOP_BOT, HALT, BOOT])
@pytest.mark.parametrize("kind, settings", [
    ("drop_after", {}), ("error500", {}), ("success_shaped_failure", {}), ("late", {"delay_ms": 20000}),
])
def test_a_disturbed_restart(bridge, simulator, path, kind, settings):
    name = fresh_name("rough")
    instance = running(bridge, name)["instance"]
    fault(simulator, kind, path, **settings)
    with Watch(simulator, name):
        op = restart(bridge, name, ("succeeded", "failed", "not_proven", "unknown"))
        now = simulator.ledger()["now_ms"]
        until(lambda: simulator.ledger()["now_ms"] > now + settings.get("delay_ms", 0))
    # It halts only what has proved its stop.
    order = sent(simulator)
    if f"{HALT}/{instance}" in order:
        assert STOP_BOT in order[:order.index(f"{HALT}/{instance}")]
    if op["state"] == "succeeded":
        assert_truth(bridge, simulator, name, op)
    assert deploys(simulator) == (1, 1)
    assert set(trading(simulator, name)) <= {instance}


def test_kill_9_at_every_step(world):
    def play(step):
        name = "killed"
        start, simulator = world(step)
        bridge = start()
        instance = running(bridge, name)["instance"]
        with Watch(simulator, name):
            for path in (STOP_BOT, HALT, BOOT):
                fault(simulator, "latency", path, delay_ms=2000)
            href = command(bridge, name, "restart")["operation"]["href"]
            until_step(bridge, href, step)
            if step == "start_container":  # killed before, it could not know, and would start nothing again
                until(lambda: sent(simulator, BOOT))
            bridge.kill()
            bridge = start()
            op = ended(bridge, href)
            assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
            assert until_state(bridge, name, "running")["instance"] == instance
            assert_truth(bridge, simulator, name, op)
        assert len(sent(simulator, STOP_BOT)) <= 2 and deploys(simulator) == (1, 1)
        bridge.stop()
        simulator.stop()

    together([(s,) for s in ("stop_bot", "proof_of_stop", "stop_container", "start_container",
                             "container", "proof_of_life")], play)


def test_who_may_restart(bridge, simulator):
    assert bridge.post("/bots/nobody/restart", json={}).status_code == 404
    name = fresh_name("mine")
    shown = running(bridge, name)
    client = bridge.post("/tokens", json={"name": name, "role": "client", "bots": [shown["id"]]})
    answer = bridge.post(f"/bots/{name}/restart", json={},
                         headers={"Authorization": f"Bearer {client.json()['token']}"})
    assert answer.status_code == 403, answer.text
    assert bot(bridge, name)["operation"]["id"] == shown["operation"]["id"]
    assert sent(simulator) == []

"""The emergency stop, black box: everything that trades is told to stop, once each; what cannot hear
is stopped by its container; what runs on is named. The ledger is the judge."""
import concurrent.futures
import hashlib
import json
import select
import socket
import sqlite3
import threading
import time

import pytest

from lifecycle import (DEPLOY, bot, changes, create, deploys, ended, form, fresh_name, operation,
                       running, trading, until, until_state)

SCALE = 10
STOP_BOT = "/bot-orchestration/stop-bot"
STOP_CONTAINER = "/docker/stop-container"


class Wire:
    """A way to the simulator that can be cut: connections are then refused."""

    def __init__(self, port):
        self.target, self.port, self.open, self.pairs = port, 0, False, []
        self.up()

    def up(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        self.open = True
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def down(self):
        self.open = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.pairs:
            one.close()
        self.pairs = []

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.pairs += [near, far]
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    @staticmethod
    def _carry(near, far):
        try:
            while True:
                for source in select.select([near, far], [], [], 60)[0]:
                    data = source.recv(65536)
                    if not data:
                        raise OSError
                    (far if source is near else near).sendall(data)
        except (OSError, ValueError):
            near.close()
            far.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def world(start_simulator, start_bridge, tmp_path):
    """A simulator with two bots of others, the bridge behind a wire; again: after a crash."""
    class World:
        simulator = start_simulator("--bots", 2, TB_TIME_SCALE=SCALE)
        wire = Wire(simulator.port)
        bridge = start_bridge(wire.url, folder=tmp_path, TB_TIME_SCALE=SCALE)

        def again(self):
            self.bridge.kill()
            self.bridge = start_bridge(self.wire.url, folder=tmp_path, TB_TIME_SCALE=SCALE)
            return self.bridge
    it = World()
    until(lambda: len(it.bridge.get("/bots").json()["bots"]) == 2)
    yield it
    it.bridge.stop()
    it.simulator.stop()


def press(bridge, expect=202, key=None, **body):
    body.setdefault("confirm", "stop")
    answer = bridge.post("/bots/emergency-stop", json=body,
                         headers={"Idempotency-Key": key} if key else None)
    assert answer.status_code == expect, answer.text
    return answer.json()


def sent(simulator, path, instance=""):
    return [w for w in simulator.ledger()["writes"] if path in w["path"] and instance in w["path"]]


def stops(simulator, instance):
    """The ledger keeps only hashes of bodies."""
    body = {"bot_name": instance, "skip_order_cancellation": False, "async_backend": False}
    digest = hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()
    return [w for w in sent(simulator, STOP_BOT) if w["body_sha256"] == digest]


def by_name(op):
    return {i["name"]: i for i in op["items"]}


def over(bridge, op, timeout=120):
    return ended(bridge, f"/operations/{op['id']}", timeout)


def foreign(bridge):
    return [b["instance"] for b in bridge.get("/bots").json()["bots"] if not b["managed"]]


def test_dry_run_and_refusals_touch_nothing(world):
    bridge, simulator = world.bridge, world.simulator
    name = fresh_name("dry")
    running(bridge, name)
    simulator.control("DELETE", "/ledger")
    dry = press(bridge, 200, confirm="no matter", dry_run=True)
    items = by_name(dry)
    assert items[name]["state"] == "would_do" and items[name]["policy"] == "close"
    assert "market" in " ".join(items[name]["effects"])
    for instance in foreign(bridge):
        assert items[instance]["state"] == "left_running", dry
        assert "include_unmanaged" in items[instance]["detail"]
    wider = by_name(press(bridge, 200, dry_run=True, include_unmanaged=True))
    assert all(i["state"] == "would_do" for i in wider.values())
    assert "not known" in wider[foreign(bridge)[0]]["effects"][0]
    assert set(by_name(press(bridge, 200, dry_run=True, bots=[name]))) == {name}
    assert name not in by_name(press(bridge, 200, dry_run=True, exchange="jupiter"))
    for body in ({"confirm": "yes"}, {"confirm": None}, {"confirm": "stop", "bots": ["nobody"]},
                 {"confirm": "stop", "dry_run": 1}, {"confirm": "stop", "bots": name},
                 {"confirm": "stop", "exchang": "bitmart"}):
        assert bridge.post("/bots/emergency-stop", json=body).status_code == 422, body
    token = bridge.make_token("client", bots=[bot(bridge, name)["id"]])["token"]
    assert bridge.post("/bots/emergency-stop", json={"confirm": "stop"}, token=token).status_code == 403
    assert changes(simulator) == [] and bot(bridge, name)["state"] == "running"


def test_all_at_once_and_pressed_twice(world):
    bridge, simulator = world.bridge, world.simulator
    names = [fresh_name("stop") for _ in range(3)]
    for name in names:
        running(bridge, name)
    half = fresh_name("half")
    simulator.fault(match={"method": "POST", "path": DEPLOY}, kind="latency", delay_ms=20000)
    create(bridge, half)
    until(lambda: deploys(simulator, half)[0] == 4)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        pressed = list(pool.map(lambda _: press(bridge), range(4)))
    done = [over(bridge, p) for p in pressed]
    for op in done:
        assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
    items = by_name(done[0])
    for name in names:
        assert items[name]["policy"] == "close" and items[name]["state"] == "succeeded"
        assert until_state(bridge, name, "stopped")["intent"] == "stop"
        assert trading(simulator, name) == []
        stop = operation(bridge, items[name]["operation"]["href"])
        assert stop["kind"] == "stop" and stop["effects"] == items[name]["effects"]
    assert items[half]["state"] == "succeeded" and trading(simulator, half) == []
    for name in names:
        assert len(stops(simulator, bot(bridge, name)["instance"])) == 1
    assert sent(simulator, STOP_CONTAINER) == [], bridge.log()
    alive = simulator.ledger()["trading"]
    assert sorted(alive) == sorted(foreign(bridge)) and len(alive) == 2
    assert {i for i in items if items[i]["state"] == "left_running"} == set(alive)
    # Nothing is left to stop.
    assert [i["state"] for i in over(bridge, press(bridge))["items"]] == ["left_running"] * 2


def test_pressed_again_for_what_was_started_since(world):
    bridge, simulator = world.bridge, world.simulator
    first, second = fresh_name("first"), fresh_name("second")
    instance = running(bridge, first)["instance"]
    simulator.fault(match={"method": "POST", "path": STOP_BOT}, kind="error500", count=0)
    simulator.fault(match={"method": "POST", "path": STOP_CONTAINER + instance}, kind="error500", count=0)
    held = press(bridge)
    running(bridge, second)
    assert press(bridge)["id"] != held["id"]
    simulator.control("DELETE", "/faults")
    until_state(bridge, second, "stopped")
    until_state(bridge, first, "stopped")
    assert trading(simulator, first) == trading(simulator, second) == []


def test_a_create_that_is_being_planned(start_simulator, start_bridge):
    """Asked for before the stop, committed after it: the stop could not know of it. The bridge's
    clock is the real one, so that the stop comes in time on a slow machine."""
    simulator = start_simulator(TB_TIME_SCALE=SCALE)
    bridge = start_bridge(simulator, TB_TIME_SCALE=1)
    name, prices = fresh_name("planned"), {"method": "POST", "path": "/market-data/"}
    simulator.fault(match=prices, kind="latency", delay_ms=60000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bridge.post, "/bots", json=form(name))
        until(lambda: sent(simulator, "/market-data/"))
        assert press(bridge)["items"] == []
        answer = asked.result()
    assert answer.status_code == 409 and "emergency stop" in answer.json()["detail"], answer.text
    assert deploys(simulator, name) == (0, 0)
    assert bridge.get(f"/bots/{name}").status_code == 404


def test_the_disk_is_full(world):
    """Nothing is sent that is not stored, so a person is told what to do by hand."""
    bridge, simulator = world.bridge, world.simulator
    name = fresh_name("full")
    instance = running(bridge, name)["instance"]
    simulator.control("DELETE", "/ledger")
    held = sqlite3.connect(bridge.folder / "data/bridge.db", isolation_level=None, timeout=30)
    held.execute("BEGIN IMMEDIATE")
    answer = bridge.post("/bots/emergency-stop", json={"confirm": "stop"})
    held.execute("ROLLBACK")
    held.close()
    assert answer.status_code == 503 and answer.json()["code"] == "store_failed", answer.text
    told = answer.json()["errors"]
    assert [e["message"] for e in told] == [name] and f"docker stop {instance}" in told[0]["hint"]
    assert stops(simulator, instance) == []
    assert over(bridge, press(bridge))["state"] == "succeeded"
    assert trading(simulator, name) == []


def test_unmanaged_ones_when_asked_for(world):
    bridge, simulator = world.bridge, world.simulator
    instances = foreign(bridge)
    op = press(bridge, include_unmanaged=True, key="all")
    assert press(bridge, include_unmanaged=True, key="all")["id"] == op["id"]
    until(lambda: len(sent(simulator, STOP_BOT)) == 2)
    bridge = world.again()
    op = over(bridge, op)
    assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
    assert simulator.ledger()["trading"] == [] and len(sent(simulator, STOP_BOT)) == 2
    for instance in instances:
        href = by_name(op)[instance]["operation"]["href"]
        assert operation(bridge, href)["bot"] is None and not operation(bridge, href)["managed"]
        shown = until_state(bridge, instance, "stopped")
        assert shown["managed"] is False


def test_a_dead_broker_means_containers(world):
    bridge, simulator = world.bridge, world.simulator
    names = [fresh_name("deaf") for _ in range(2)]
    for name in names:
        running(bridge, name)
    simulator.control("POST", "/conditions", {"broker": "down"})
    op = press(bridge)
    op = over(bridge, op)
    assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
    for name in names:
        item = by_name(op)[name]
        assert item["policy"] == "abandon" and "unattended" in item["detail"], item
        assert trading(simulator, name) == []
        until_state(bridge, name, "stopped")
        assert len(sent(simulator, STOP_CONTAINER, bot(bridge, name)["instance"])) == 1
        assert len(stops(simulator, bot(bridge, name)["instance"])) == 1
    assert len(simulator.ledger()["trading"]) == 2
    simulator.control("POST", "/conditions", {"broker": "up"})


@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "late", "success_shaped_failure"])
def test_lost_answers(world, kind):
    bridge, simulator = world.bridge, world.simulator
    names = [fresh_name("lost") for _ in range(2)]
    for name in names:
        running(bridge, name)
    simulator.fault(match={"method": "POST", "path": STOP_BOT}, kind=kind, delay_ms=5000)
    first, second = press(bridge), press(bridge)
    assert first["id"] == second["id"]
    op = over(bridge, first)
    assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
    for name in names:
        assert trading(simulator, name) == []
        until_state(bridge, name, "stopped")


def test_upstream_is_down_and_the_bridge_dies_too(world):
    bridge, simulator = world.bridge, world.simulator
    name = fresh_name("dark")
    instance = running(bridge, name)["instance"]
    world.wire.down()
    op = press(bridge)
    assert op["state"] == "pending" and op["error"]["code"] == "upstream_unreachable", op
    item = by_name(op)[name]
    assert item["state"] == "pending" and f"docker stop {instance}" in item["detail"], item
    assert press(bridge)["id"] == op["id"]
    bridge = world.again()
    time.sleep(1)
    assert operation(bridge, f"/operations/{op['id']}")["ended_at"] is None
    assert sent(simulator, STOP_BOT) == [] and len(trading(simulator, name)) == 1
    world.wire.up()
    op = over(bridge, op)
    assert op["state"] == "succeeded" and op["error"] is None, f"{op}\n{bridge.log()[-3000:]}"
    assert trading(simulator, name) == [] and len(sent(simulator, STOP_BOT)) == 1


def test_it_ends_a_start_of_many(world):
    bridge, simulator = world.bridge, world.simulator
    names = [fresh_name("again") for _ in range(3)]
    for name in names:
        running(bridge, name)
    simulator.control("POST", "/reboot")
    until(lambda: len((bridge.get("/hummingbot").json()["rebooted"] or {"bots": []})["bots"]) == 3)
    many = bridge.post("/bots/start", json={"bots": "those_that_ran"}).json()
    until(lambda: sent(simulator, "/docker/start-container"))
    stop = over(bridge, press(bridge))
    many = over(bridge, many)
    assert stop["state"] == "succeeded", stop
    assert [i["state"] for i in many["items"]].count("skipped") >= 1, many
    for name in names:
        assert trading(simulator, name) == []
    assert len(sent(simulator, "/docker/start-container")) <= 2


def test_in_observe_mode(world):
    bridge, simulator = world.bridge, world.simulator
    name = fresh_name("seen")
    running(bridge, name)
    simulator.control("POST", "/restart")
    body = {"instance_name": "hummingbot-other-0123abcd", "credentials_profile": "master_account",
            "image": "hummingbot/hummingbot:version-2.16.0", "headless": True}
    import requests
    made = requests.post(f"{simulator.url}/bot-orchestration/deploy-v2-script", json=body,
                         auth=("admin", "admin"), timeout=60)
    assert made.json()["success"], made.text
    until(lambda: bridge.get("/hummingbot").json()["observe"])
    op = over(bridge, press(bridge))
    assert by_name(op)[name]["state"] == "succeeded" and trading(simulator, name) == []

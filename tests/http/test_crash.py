"""kill -9 of the bridge at every step and at random instants, and a store that cannot be written:
the next process on the same store ends each operation truthfully, and no bot ever lives twice."""
import contextlib
import os
import random
import sqlite3

import pytest

from lifecycle import (DEPLOY, Watch, assert_truth, bot, changes, command, create, deploys, ended,
                       form, fresh_name, running, together, trading, until, until_state, until_step)

SCALE = 10
ROUNDS = int(os.environ.get("TB_CRASH_ROUNDS", "6"))
SEED = int(os.environ.get("TB_CRASH_SEED", "1"))


@pytest.fixture
def simulator(start_simulator):
    """One for each store: bots of another store would make the bridge observe."""
    return start_simulator(TB_TIME_SCALE=SCALE)


@pytest.fixture(autouse=True)
def clean(simulator):
    simulator.control("DELETE", "/faults")
    simulator.control("DELETE", "/ledger")
    yield
    simulator.control("DELETE", "/faults")


@pytest.fixture
def again(start_bridge, simulator, tmp_path):
    """Starts the bridge, again and again, on one store."""
    def start(**env):
        return start_bridge(simulator, folder=tmp_path, TB_TIME_SCALE=SCALE, **env)
    return start


@pytest.fixture
def world(start_simulator, start_bridge, tmp_path):
    """For cases that run at once: a simulator of their own, and a store for one bridge after the
    other."""
    def make(word):
        simulator = start_simulator(TB_TIME_SCALE=SCALE)
        folder = tmp_path / word
        folder.mkdir()
        return lambda: start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE), simulator
    return make


def fault(simulator, kind, path=DEPLOY, method="POST", **more):
    simulator.fault(match={"method": method, "path": path}, kind=kind, **more)


def slow(simulator):
    """Every write takes long enough that a kill can hit it."""
    for path, ms in (("/controllers/configs", 1500), ("/scripts/configs", 1500), (DEPLOY, 2000)):
        fault(simulator, "latency", path=path, delay_ms=ms)


def finish_after_crash(bridge, simulator, name, href, states):
    op = ended(bridge, href)
    assert op["state"] in states, f"{op}\n{bridge.log()[-3000:]}"
    assert_truth(bridge, simulator, name, op)
    return op


STEPS = ["image", "upload_controllers", "upload_script", "verify_files", "deploy", "container",
         "proof_of_life"]


def test_killed_during_a_create(world):
    def play(step):
        name = "kill"
        start, simulator = world(step)
        slow(simulator)
        with Watch(simulator, name):
            first = start()
            href = create(first, name).json()["operation"]["href"]
            until_step(first, href, step)
            first.kill()
            second = start()
            assert bot(second, name)["name"] == name
            finish_after_crash(second, simulator, name, href, {"succeeded"})
            second.stop()
        assert deploys(simulator)[1] <= 2
        simulator.stop()

    together([(step,) for step in STEPS], play)


def test_killed_while_a_lost_deploy_is_looked_for(world):
    def play(kind, delay, step):
        name = "looked"
        start, simulator = world(f"{kind}{delay}{step}")
        fault(simulator, kind, delay_ms=delay)
        with Watch(simulator, name):
            first = start()
            href = create(first, name).json()["operation"]["href"]
            until_step(first, href, step)
            first.kill()
            second = start()
            finish_after_crash(second, simulator, name, href, {"succeeded"})
            now = simulator.ledger()["now_ms"]
            until(lambda: simulator.ledger()["now_ms"] > now + delay)
            assert len(trading(simulator, name)) == 1
            second.stop()
        simulator.stop()

    together([(kind, delay, step) for step in ("look", "burn", "settle")
              for kind, delay in (("late", 60000), ("late", 110000), ("drop_before", 0),
                                  ("created", 0))], play)


@pytest.mark.parametrize("when", ["/bot-orchestration/stop-bot", "proof_of_stop"])
def test_killed_during_a_stop(again, simulator, when):
    name = fresh_name("killstop")
    first = again()
    running(first, name)
    fault(simulator, "latency", path="/bot-orchestration/stop-bot", delay_ms=2000)
    href = command(first, name, "stop")["operation"]["href"]
    if when.startswith("/"):
        until(lambda: any(when in w["path"] for w in simulator.ledger()["writes"]))
    else:
        until_step(first, href, when)
    first.kill()
    second = again()
    finish_after_crash(second, simulator, name, href, {"succeeded"})
    until_state(second, name, "stopped")
    assert trading(simulator, name) == []
    second.stop()


@pytest.mark.parametrize("when", ["stop-container", "start-container"])
def test_killed_during_a_start(again, simulator, when):
    name = fresh_name("killstart")
    first = again()
    running(first, name)
    ended(first, command(first, name, "stop")["operation"]["href"])
    with Watch(simulator, name):
        href = command(first, name, "start")["operation"]["href"]
        until(lambda: any(when in w["path"] for w in simulator.ledger()["writes"]))
        first.kill()
        second = again()
        finish_after_crash(second, simulator, name, href, {"succeeded"})
    assert deploys(simulator) == (1, 1)
    second.stop()


def test_killed_at_random(world):
    """Several bots, random faults, three kills at random instants."""
    def play(round_):
        dice = random.Random(SEED * 1000 + round_)
        names = [f"random-{n}" for n in range(3)]
        kinds = ["drop_after", "late", "late_hang", "error500", "html", "created", "latency"]
        start, simulator = world(f"round{round_}")
        for path in (DEPLOY, "/scripts/configs", "/controllers/configs"):
            for _ in range(2):
                fault(simulator, dice.choice(kinds), path=path, delay_ms=dice.randrange(1000, 60000))
        with contextlib.ExitStack() as watches:
            for name in names:
                watches.enter_context(Watch(simulator, name))
            bridge = start()
            for name in names:
                answer = bridge.post("/bots", json=form(name))
                assert answer.status_code in (202, 502, 503, 504), answer.text
            for _ in range(3):
                until_ms(simulator, dice.randrange(100, 40000))
                bridge.kill()
                bridge = start()
            for op in bridge.get("/operations").json()["operations"]:
                end = ended(bridge, f"/operations/{op['id']}")
                assert_truth(bridge, simulator, end["bot_name"], end)
        bridge.stop()
        simulator.stop()

    together([(round_,) for round_ in range(ROUNDS)], play)


def until_ms(simulator, ms):
    now = simulator.ledger()["now_ms"]
    until(lambda: simulator.ledger()["now_ms"] >= now + ms)


def test_a_term_finishes_the_write_and_the_next_process_goes_on(again, simulator):
    name = fresh_name("term")
    fault(simulator, "latency", delay_ms=5000)
    with Watch(simulator, name):
        first = again()
        href = create(first, name).json()["operation"]["href"]
        until(lambda: deploys(simulator)[0] == 1)
        first.stop()
        second = again()
        finish_after_crash(second, simulator, name, href, {"succeeded"})
        second.stop()
    assert deploys(simulator) == (1, 1)


def test_an_ended_operation_stays_ended(again, simulator):
    name = fresh_name("ended")
    first = again()
    running(first, name)
    before = first.get("/operations").json()["operations"]
    first.kill()
    second = again()
    assert second.get("/operations").json()["operations"] == before
    until_state(second, name, "running")
    assert len(trading(simulator, name)) == 1
    second.stop()


def test_keys_outlive_a_crash(again, simulator):
    name = fresh_name("key")
    first = again()
    made = create(first, name, key="durable")
    first.kill()
    second = again()
    repeated = create(second, name, key="durable")
    assert repeated.json()["operation"]["id"] == made.json()["operation"]["id"]
    op = ended(second, made.json()["operation"]["href"])
    assert_truth(second, simulator, name, op)
    assert len(trading(simulator, name)) == 1
    second.stop()


def lock_store(folder):
    """A writer that never ends: the bridge cannot commit."""
    db = sqlite3.connect(folder / "data" / "bridge.db", isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    return db


def test_a_store_that_cannot_be_written_sends_nothing(again, simulator, tmp_path):
    name = fresh_name("full")
    first = again()
    db = lock_store(tmp_path)
    try:
        answer = first.post("/bots", json=form(name))
        assert answer.status_code == 503, answer.text
        assert answer.json()["detail"]
    finally:
        db.execute("ROLLBACK")
        db.close()
    assert changes(simulator) == []
    until(lambda: first.post("/bots", json=form(name)).status_code == 202)
    op = ended(first, f"/operations/{first.get('/operations').json()['operations'][0]['id']}")
    assert_truth(first, simulator, name, op)
    assert deploys(simulator) == (1, 1)
    first.stop()


def test_a_store_that_fails_in_the_middle(again, simulator, tmp_path):
    """What cannot be written is not done: no call is made on the strength of a lost commit."""
    name = fresh_name("middle")
    fault(simulator, "latency", path="/scripts/configs", delay_ms=3000)
    first = again()
    href = create(first, name).json()["operation"]["href"]
    until(lambda: any("/scripts/configs" in w["path"] for w in simulator.ledger()["writes"]))
    db = lock_store(tmp_path)
    try:
        until_ms(simulator, 30000)
        assert deploys(simulator) == (0, 0)
    finally:
        db.execute("ROLLBACK")
        db.close()
    op = ended(first, href)
    assert op["state"] == "succeeded", op
    assert_truth(first, simulator, name, op)
    assert deploys(simulator) == (1, 1)
    first.stop()


def test_two_bridges_on_one_store(again, start_bridge, simulator, tmp_path):
    first = again()
    with pytest.raises(AssertionError):
        start_bridge(simulator, folder=tmp_path, TB_TIME_SCALE=SCALE)
    assert first.get("/bots").status_code == 200
    first.stop()

"""A random campaign: people's commands, faults on every write, crashes of bots, of the API and of
the bridge, in any order. Never do two instances of one bot trade, and in the end each bot's state is
what the simulator's ledger shows.

TB_CAMPAIGN_ROUNDS and TB_CAMPAIGN_SEED choose how many and which."""
import contextlib
import os
import random

import pytest

from lifecycle import FINAL, Watch, form, together, trading, until

SCALE = 10
ROUNDS = int(os.environ.get("TB_CAMPAIGN_ROUNDS", "6"))
SEED = int(os.environ.get("TB_CAMPAIGN_SEED", "1"))
ACTIONS = 14
NAMES = ["one", "two", "three"]

WRITES = [("POST", "/bot-orchestration/deploy-v2-"), ("POST", "/bot-orchestration/stop-bot"),
          ("POST", "/docker/start-container"), ("POST", "/docker/stop-container"),
          ("POST", "/controllers/configs"), ("POST", "/scripts/configs"),
          ("DELETE", "/controllers/configs"), ("DELETE", "/scripts/configs"),
          ("GET", "/docker/"), ("GET", "/bot-orchestration/")]
KINDS = ["drop_after", "drop_before", "late", "late_hang", "error500", "html", "latency",
         "success_shaped_failure", "error_detail", "freeze"]


@pytest.fixture
def world(start_simulator, start_bridge, tmp_path):
    def make(word):
        simulator = start_simulator(TB_TIME_SCALE=SCALE)
        folder = tmp_path / word
        folder.mkdir()
        return lambda: start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE), simulator
    return make


class Campaign:
    def __init__(self, start, simulator, seed):
        self.start, self.simulator, self.dice = start, simulator, random.Random(seed)
        self.bridge, self.done = start(), []

    def create(self, name):
        return self.bridge.post("/bots", json=form(name)).status_code

    def begin(self, name):
        return self.bridge.post(f"/bots/{name}/start", json={}).status_code

    def stop(self, name):
        return self.bridge.post(f"/bots/{name}/stop", json={}).status_code

    def abandon(self, name):
        body = {"policy": "abandon", "confirm": "abandon"}
        return self.bridge.post(f"/bots/{name}/stop", json=body).status_code

    def kill(self, _name):
        self.bridge.kill()
        self.bridge = self.start()

    def restart_api(self, _name):
        self.simulator.control("POST", "/restart")

    def crash(self, name):
        for instance in trading(self.simulator, name):
            self.simulator.control("POST", f"/bots/{instance}/crash")

    def disturb(self, _name):
        method, path = self.dice.choice(WRITES)
        kind = self.dice.choice(KINDS)
        self.simulator.fault(match={"method": method, "path": path}, kind=kind,
                             delay_ms=self.dice.randrange(500, 9000 if kind == "freeze" else 60000))
        return method, path, kind

    def wait(self, _name):
        self.pass_time(self.dice.randrange(1000, 60000))

    def pass_time(self, ms):
        now = self.simulator.ledger()["now_ms"]
        until(lambda: self.simulator.ledger()["now_ms"] > now + ms)

    def act(self):
        verb = self.dice.choice([self.create, self.create, self.begin, self.begin, self.stop,
                                 self.stop, self.abandon, self.kill, self.restart_api, self.crash,
                                 self.disturb, self.disturb, self.disturb, self.wait, self.wait])
        name = self.dice.choice(NAMES)
        self.done.append((verb.__name__, name, verb(name)))
        self.pass_time(self.dice.randrange(100, 8000))

    def settled(self):
        """No operation is open any more."""
        operations = self.bridge.get("/operations").json()["operations"]
        return all(op["state"] in FINAL for op in operations)

    def judge(self, name):
        answer = self.bridge.get(f"/bots/{name}")
        alive = trading(self.simulator, name)
        assert len(alive) <= 1, alive
        if answer.status_code == 404:
            assert alive == []
            return
        shown = answer.json()
        if shown["state"] == "running":
            assert alive == [shown["instance"]], shown
        elif shown["state"] in ("stopped", "failed"):
            assert alive == [], shown
        else:
            assert shown["state"] in ("unknown", "stale", "conflict"), shown
            assert shown["reason"]["code"], shown


def play(world, seed):
    start, simulator = world(f"campaign{seed}")
    campaign = Campaign(start, simulator, seed)
    try:
        with contextlib.ExitStack() as watches:
            for name in NAMES:
                watches.enter_context(Watch(simulator, name))
            for _ in range(ACTIONS):
                campaign.act()
            simulator.control("DELETE", "/faults")
            until(campaign.settled, 240, lambda: campaign.bridge.get("/operations").text)
            campaign.pass_time(100000)  # what was late has come, what was seen is judged
            for name in NAMES:
                campaign.judge(name)
    except BaseException:
        print(seed, campaign.done, campaign.bridge.log()[-4000:], sep="\n")
        raise
    campaign.bridge.stop()
    simulator.stop()


def test_campaign(world):
    together([(world, SEED * 10000 + n) for n in range(ROUNDS)], play)

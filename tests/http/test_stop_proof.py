"""What a stop says beyond its proof, black box: whether orders rest, whether positions were closed,
what is locked and by whom, and what cannot be known. The stop itself never waits for it."""
from decimal import Decimal

import pytest
import requests

from lifecycle import (bot, command, create, ended, fresh_name, of_bot, operation, profit_fault, running, trading,
                       until, until_state)

SCALE = 10
PORTFOLIO = "/portfolio/state"


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator(TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("proof")


@pytest.fixture(scope="module")
def programs(start_bridge, simulator, folder):
    class Programs:
        now = start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE)

        def again(self):
            self.now.kill()
            self.now = start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE)
            return self.now
    return Programs()


@pytest.fixture
def bridge(programs, simulator):
    def quiet():
        simulator.control("DELETE", "/faults")
        simulator.control("POST", "/conditions", {"broker": "up", "history": "forgotten"})
    quiet()
    yield programs.now
    quiet()


def lock(simulator, token, amount):
    simulator.control("POST", "/lock", {"connector": "bitmart", "token": token, "amount": amount})


def locked(simulator):
    """How much of the quote coin orders lock; a bot that is proven alive places them a tick later."""
    coins = requests.post(f"{simulator.url}{PORTFOLIO}", json={"refresh": True}, timeout=60,
                          auth=("admin", "admin")).json()["master_account"]["bitmart"]
    return sum(c["units"] - c["available_units"] for c in coins if c["token"] == "USDT")


def stop(bridge, name, body=None):
    op = ended(bridge, command(bridge, name, "stop", body)["operation"]["href"])
    assert op["state"] == "succeeded", op
    return op["id"]


def left(bridge, operation_id):
    op = until(lambda: (lambda o: o if o["left"] else None)(
        operation(bridge, f"/operations/{operation_id}")), 60, lambda: bridge.log()[-3000:])
    return op["left"]


def stopped(bridge, simulator, name=None, body=None, **more):
    name = name or fresh_name("proof")
    running(bridge, name, **more)
    found = left(bridge, stop(bridge, name, body))
    assert trading(simulator, name) == []
    return name, found


def said(found):
    return " ".join(found["unknown"])


def test_a_clean_stop_is_settled(bridge, simulator):
    name, found = stopped(bridge, simulator)
    assert (found["proof"], found["orders"], found["positions"]) == ("settled", "none", "closed"), found
    base, quote = bot(bridge, name)["pair"].split("-")
    assert {b["token"] for b in found["balances"]} == {base, quote}
    for balance in found["balances"]:
        assert balance["connector"] == "bitmart" and Decimal(balance["locked"]) == 0
    assert "forgets" in said(found) and found["fills"] == [] and found["others"] == []
    asked = [w for w in simulator.ledger()["writes"] if PORTFOLIO in w["path"]]
    assert asked
    for row in bot(bridge, name)["pnl"]:
        # What was open at the last report was closed after it, at a price that nobody reported.
        flat = row["unrealised"] is not None and Decimal(row["unrealised"]) == 0
        assert row["final"] is flat and row["proof"] == ("settled" if flat else "reported"), row


@pytest.mark.parametrize("kind", ["error500", "hang"])
def test_a_portfolio_that_cannot_be_read(bridge, simulator, kind):
    name = fresh_name("blind")
    running(bridge, name)
    simulator.fault(match={"method": "POST", "path": PORTFOLIO}, kind=kind, count=20, delay_ms=120000)
    operation_id = stop(bridge, name)
    found = left(bridge, operation_id)
    simulator.control("DELETE", "/faults")
    assert (found["orders"], found["proof"], found["balances"]) == ("unknown", "reported", []), found
    assert "balances of master_account could not be read" in said(found)
    until_state(bridge, name, "stopped")
    assert all(not row["final"] for row in bot(bridge, name)["pnl"])


def test_locked_by_nobody_the_bridge_knows(bridge, simulator):
    name = fresh_name("locked")
    running(bridge, name)
    operation_id = stop_while_locked(bridge, simulator, name)
    found = left(bridge, operation_id)
    assert (found["orders"], found["proof"], found["others"]) == ("locked", "reported", []), found
    assert [b["locked"] for b in found["balances"] if b["token"] == "ETH"] == ["7"], found
    lock(simulator, "ETH", 0)


def stop_while_locked(bridge, simulator, name):
    """Its own orders are cancelled; then somebody's order locks 7 ETH."""
    simulator.fault(match={"method": "POST", "path": PORTFOLIO}, kind="latency", delay_ms=15000)
    operation_id = stop(bridge, name)
    lock(simulator, "ETH", 7)
    return operation_id


def test_locked_perhaps_by_another_bot(bridge, simulator):
    name, other = fresh_name("shared"), fresh_name("neighbour")
    running(bridge, name)
    running(bridge, other, params={"pair": "BTC-USDT"})
    found = left(bridge, stop_while_locked(bridge, simulator, name))
    lock(simulator, "ETH", 0)
    stop(bridge, other)
    assert (found["orders"], found["proof"]) == ("unknown", "reported"), found
    assert [o["name"] for o in found["others"]] == [other] and "cannot be told" in said(found)


def test_abandoned_is_called_so(bridge, simulator):
    name = fresh_name("proof")
    running(bridge, name)
    until(lambda: locked(simulator) > 0, 60, lambda: "the bot placed no order")
    found = left(bridge, stop(bridge, name, {"policy": "abandon", "confirm": "abandon"}))
    assert trading(simulator, name) == []
    assert found["positions"] == "kept" and found["proof"] == "reported", found
    assert found["orders"] == "locked" and any(Decimal(b["locked"]) > 0 for b in found["balances"])
    lock(simulator, "USDT", 0)


def test_fills_where_they_are_shown(bridge, simulator):
    simulator.control("POST", "/conditions", {"history": "kept"})
    name = fresh_name("filled")
    instance = running(bridge, name)["instance"]
    until(lambda: locked(simulator) > 0, 60, lambda: "the bot placed no order")
    price = Decimal(str(simulator_price(simulator)))
    simulator.control("POST", "/price", {"token": "ETH", "price": float(price * Decimal("0.985"))})
    until(lambda: fills(simulator, instance), 60)
    simulator.fault(match={"method": "POST", "path": PORTFOLIO}, kind="error500", count=20)
    found = left(bridge, stop(bridge, name))
    assert found["fills"] and {f["side"] for f in found["fills"]} >= {"SELL"}, found
    assert found["fills"][0]["pair"] == bot(bridge, name)["pair"]
    assert found["positions"] == "closed" and found["proof"] == "fills", found


def simulator_price(simulator):
    answer = requests.post(f"{simulator.url}/market-data/prices", timeout=30, auth=("admin", "admin"),
                           json={"connector_name": "bitmart", "trading_pairs": ["ETH-USDT"]})
    return answer.json()["prices"]["ETH-USDT"]


def fills(simulator, instance):
    answer = requests.get(f"{simulator.url}/bot-orchestration/{instance}/history", timeout=60,
                          auth=("admin", "admin"))
    return answer.json()["response"].get("data", {}).get("data", {}).get("trades")


def test_a_crash_before_the_look(bridge, programs, simulator):
    name = fresh_name("later")
    running(bridge, name)
    simulator.fault(match={"method": "POST", "path": PORTFOLIO}, kind="hang", count=5, delay_ms=60000)
    operation_id = stop(bridge, name)
    assert operation(bridge, f"/operations/{operation_id}")["left"] is None
    bridge = programs.again()
    simulator.control("DELETE", "/faults")
    found = left(bridge, operation_id)
    assert found["proof"] == "settled", found
    # A stop of what had stopped already does not repeat what is not known.
    again = left(bridge, stop(bridge, name))
    assert again["orders"] == "none" and again["positions"] == "unknown" and "ended before" in said(again)


def in_conflict(bridge, simulator):
    """As when something in between delivers the one deploy twice."""
    name = fresh_name("double")
    simulator.fault(match={"method": "GET", "path": "/docker/active"}, kind="latency", delay_ms=12000,
                    count=0)
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy-v2-"}, kind="drop_after")
    href = create(bridge, name).json()["operation"]["href"]
    first = until(lambda: of_bot([c["name"] for c in simulator.ledger()["containers"]
                                  if c["state"] == "running"], name))[0]
    base = first[:-len("-YYYYMMDD-HHMMSS")]
    until(lambda: simulator.ledger()["now_ms"] // 1000 % 60 != int(first[-2:]))
    answer = requests.post(f"{simulator.url}/bot-orchestration/deploy-v2-script", timeout=30,
                           auth=("admin", "admin"),
                           json={"instance_name": base, "credentials_profile": "master_account",
                                 "image": "hummingbot/hummingbot:version-2.16.0",
                                 "script": "v2_with_controllers.py",
                                 "script_config": f"{base}.yml", "headless": True})
    assert answer.json()["success"], answer.text
    simulator.control("DELETE", "/faults")
    assert ended(bridge, href)["state"] == "conflict"
    both = until(lambda: (lambda t: t if len(t) == 2 else None)(trading(simulator, name)))
    until(lambda: all(bot_or_none(bridge, i) for i in both))
    return name, both


def bot_or_none(bridge, instance):
    answer = bridge.get(f"/bots/{instance}")
    return answer.json() if answer.status_code == 200 else None


def test_one_of_two_instances_is_stopped_and_the_other_is_the_bot(bridge, simulator):
    name, (one, other) = in_conflict(bridge, simulator)
    lonely = fresh_name("lonely")
    running(bridge, lonely)
    for body in ({"instance": bot(bridge, lonely)["instance"]}, {"instance": "hummingbot-nobody"}):
        assert bridge.post(f"/bots/{name}/stop", json=body).status_code == 404
    assert bridge.post(f"/bots/{name}/stop", json={"instance": 1}).status_code == 422
    href = command(bridge, name, "stop", {"instance": one})["operation"]["href"]
    op = ended(bridge, href)
    assert op["state"] == "succeeded" and op["instance"] == one and not op["managed"], op
    assert op["bot"] == bot(bridge, name)["id"]
    assert trading(simulator, name) == [other]
    shown = until_state(bridge, name, "running")
    assert shown["instance"] == other and shown["intent"] == "run", shown
    # What the other one made was made by the bot too.
    assert [p["instance"] for p in shown["past_instances"]] == [one], shown
    assert shown["past_instances"][0]["pnl"] and not profit_fault(shown), profit_fault(shown)
    assert len([b for b in bridge.get("/bots").json()["bots"] if b["instance"] == other]) == 1
    stop(bridge, name)
    assert trading(simulator, name) == []
    until_state(bridge, name, "stopped")


def test_both_instances_are_stopped_by_their_names(bridge, programs, simulator):
    name, (one, other) = in_conflict(bridge, simulator)
    hrefs = [command(bridge, i, "stop")["operation"]["href"] for i in (one, other)]
    bridge = programs.again()
    for href in hrefs:
        assert ended(bridge, href)["state"] == "succeeded"
    assert trading(simulator, name) == []
    shown = until_state(bridge, name, "stopped")
    assert shown["instance"] in (one, other) and shown["intent"] == "stop"
    assert {p["instance"] for p in shown["past_instances"]} == {one, other} - {shown["instance"]}
    ended(bridge, command(bridge, name, "start")["operation"]["href"])
    assert len(trading(simulator, name)) <= 1

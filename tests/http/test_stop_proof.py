"""What a stop says beyond its proof, black box: whether orders rest, whether positions were closed,
what is locked and by whom, and what cannot be known. The stop itself never waits for it."""
from decimal import Decimal

import pytest

from lifecycle import (bot, command, ended, fresh_name, operation, running, trading, until,
                       until_state)

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
    assert [b["locked"] for b in found["balances"] if b["token"] == "USDT"] == ["7"], found
    lock(simulator, "USDT", 0)


def stop_while_locked(bridge, simulator, name):
    """Its own orders are cancelled; then somebody's order locks 7 USDT."""
    simulator.fault(match={"method": "POST", "path": PORTFOLIO}, kind="latency", delay_ms=15000)
    operation_id = stop(bridge, name)
    lock(simulator, "USDT", 7)
    return operation_id


def test_locked_perhaps_by_another_bot(bridge, simulator):
    name, other = fresh_name("shared"), fresh_name("neighbour")
    running(bridge, name)
    running(bridge, other, strategy="spot_mm")
    until(lambda: bot(bridge, other)["state"] == "running")
    found = left(bridge, stop(bridge, name))
    assert (found["orders"], found["proof"]) == ("unknown", "reported"), found
    assert any(Decimal(b["locked"]) > 0 for b in found["balances"]), found
    assert [o["name"] for o in found["others"]] == [other] and "cannot be told" in said(found)
    stop(bridge, other)


def test_abandoned_is_called_so(bridge, simulator):
    name, found = stopped(bridge, simulator, body={"policy": "abandon", "confirm": "abandon"})
    assert found["positions"] == "kept" and found["proof"] == "reported", found
    assert found["orders"] == "locked" and any(Decimal(b["locked"]) > 0 for b in found["balances"])
    lock(simulator, "USDT", 0)


def test_fills_where_they_are_shown(bridge, simulator):
    simulator.control("POST", "/conditions", {"history": "kept"})
    name = fresh_name("filled")
    instance = running(bridge, name)["instance"]
    price = Decimal(str(simulator_price(simulator)))
    simulator.control("POST", "/price", {"token": "ETH", "price": float(price * Decimal("0.985"))})
    until(lambda: fills(simulator, instance), 60)
    simulator.fault(match={"method": "POST", "path": PORTFOLIO}, kind="error500", count=20)
    found = left(bridge, stop(bridge, name))
    assert found["fills"] and {f["side"] for f in found["fills"]} >= {"SELL"}, found
    assert found["fills"][0]["pair"] == bot(bridge, name)["pair"]
    assert found["positions"] == "closed" and found["proof"] == "fills", found


def simulator_price(simulator):
    import requests
    answer = requests.post(f"{simulator.url}/market-data/prices", timeout=30, auth=("admin", "admin"),
                           json={"connector_name": "bitmart", "trading_pairs": ["ETH-USDT"]})
    return answer.json()["prices"]["ETH-USDT"]


def fills(simulator, instance):
    import requests
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

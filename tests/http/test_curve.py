"""One bot, one profit: whatever instances it had, what they made is neither lost nor counted twice, by a redeploy,
a restart, a container that is gone, a bridge that is killed; and what one instance made stays visible."""
import contextlib
import json
import sqlite3
from decimal import Decimal

import pytest
import requests

from lifecycle import bot, command, ended, fresh_name, profit_fault, running, until, until_state

SCALE = 10
MM = {"strategy": "spot_mm"}
SUMS = ("realised", "unrealised", "net", "volume")


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator(TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def processes(start_bridge, simulator, tmp_path_factory):
    """The bridge of this file, which tests kill and start again."""
    folder = tmp_path_factory.mktemp("curve")

    class Processes:
        def __init__(self):
            self.bridge = None
            self.again()

        def again(self):
            self.bridge = start_bridge(simulator, folder=folder, TB_TIME_SCALE=SCALE)
            return self.bridge
    return Processes()


def finish(bridge, name, verb, body=None):
    op = ended(bridge, command(bridge, name, verb, body)["operation"]["href"])
    assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"


def earn(simulator, bridge, name, quote):
    """The living instance has earned it, and the bridge knows."""
    shown = until(lambda: (lambda b: b if b["instance_pnl"] and not b["instance_pnl"][0]["stale"] else None)(
        bot(bridge, name)))
    before = Decimal(shown["instance_pnl"][0]["net"])
    simulator.control("POST", f"/bots/{shown['instance']}/drawdown", {"quote": -quote})
    return until(lambda: (lambda b: b if Decimal(b["instance_pnl"][0]["net"]) > before + quote // 2 else None)(
        bot(bridge, name)))


def joined(shown):
    """The only row of the total, which is the sum of its parts."""
    assert profit_fault(shown) is None, profit_fault(shown)
    (row,) = shown["pnl"]
    assert row["instances"] == len([p for p in shown["past_instances"] if p["pnl"]]) + len(shown["instance_pnl"])
    return row


def reports(bridge, name):
    """Its living instance has reported in this process."""
    return until(lambda: (lambda b: b if b["instance_pnl"] and not b["pnl"][0]["stale"] else None)(bot(bridge, name)),
                 90, lambda: bridge.get(f"/bots/{name}").text)


def test_a_redeploy_goes_on(processes, simulator):
    bridge = processes.bridge
    name = fresh_name("goes")
    first = running(bridge, name, **MM)
    assert first["past_instances"] == []
    alone = earn(simulator, bridge, name, 40)
    assert alone["pnl"] == alone["instance_pnl"]
    seen = []
    href = command(bridge, name, "redeploy", {"params": {"refresh_s": 60}})["operation"]["href"]
    while True:
        shown = bot(bridge, name)
        seen.append((shown["state"], shown["pnl"], profit_fault(shown)))
        if bridge.get(href).json()["state"] == "succeeded" and shown["instance_pnl"]:
            break
    # At no moment it was gone, or counted twice.
    assert all(not fault and pnl and 20 < Decimal(pnl[0]["net"]) < 60 for _, pnl, fault in seen), seen
    shown = reports(bridge, name)
    (past,) = shown["past_instances"]
    assert past["instance"] == first["instance"] and past["generation"] == first["plugin"]["generation"]
    assert past["started_at"] < past["ended_at"] and past["budget_quote"] and Decimal(past["peak"]) > 20
    assert past["pnl"][0]["as_of"] <= past["ended_at"] and past["pnl"][0]["final"] is False
    row = joined(shown)
    assert Decimal(row["net"]) > 20 and Decimal(shown["instance_pnl"][0]["net"]) < 20
    assert row["not_reported"] == 0 and row["unproven"] == 1 and row["final"] is False
    # The fall is counted from the highest point of all of it, and that of the instance from its own.
    simulator.control("POST", f"/bots/{shown['instance']}/drawdown", {"quote": 10})
    until(lambda: Decimal(bot(bridge, name)["instance_pnl"][0]["drawdown"]) > 8)
    shown = bot(bridge, name)
    assert Decimal(joined(shown)["drawdown"]) >= Decimal(shown["instance_pnl"][0]["drawdown"])

    # A restart is the same instance: its own figures go on, and nothing is added.
    finish(bridge, name, "restart")
    shown = reports(bridge, name)
    assert len(shown["past_instances"]) == 1 and joined(shown)["instances"] == 2

    client = bridge.make_token("client", bots=[shown["id"]])["token"]
    (seen,) = bridge.get("/bots", token=client).json()["bots"]
    assert Decimal(seen["pnl"][0]["net"]) > 20 and "instance_pnl" not in seen and "past_instances" not in seen
    ended_at = {h["instance"]: h for h in bridge.get(f"/bots/{name}/history").json()["history"]
                if h["what"] == "instance_ended"}
    assert ended_at[first["instance"]]["pnl"] == past["pnl"]


def test_gone_and_started_again(processes, simulator):
    """Its container vanishes while the bridge is dead: what it had reported is still known and counted once."""
    bridge = processes.bridge
    name = fresh_name("gone")
    first = running(bridge, name, **MM)["instance"]
    before = earn(simulator, bridge, name, 40)["pnl"][0]

    def samples():
        with contextlib.closing(sqlite3.connect(f"file:{bridge.folder}/data/series.db?mode=ro", uri=True)) as db:
            return [json.loads(d) for (d,) in db.execute("SELECT doc FROM samples")]
    until(lambda: [s for s in samples() if s["instance"] == first and Decimal(s["net"]) > 20])
    bridge.kill()
    for verb in (f"stop-container/{first}", f"remove-container/{first}"):
        assert requests.post(f"{simulator.url}/docker/{verb}", auth=("admin", "admin"), timeout=60).ok
    bridge = processes.again()
    shown = until(lambda: (lambda b: b if b["state"] not in ("running", "degraded", "stale") else None)(bot(bridge, name)))
    (row,) = shown["pnl"]
    assert Decimal(row["net"]) > 20 and row["stale"] and row["as_of"] >= before["as_of"], shown
    finish(bridge, name, "stop", {"policy": "abandon", "confirm": "abandon"})
    finish(bridge, name, "start")
    shown = reports(bridge, name)
    assert [p["instance"] for p in shown["past_instances"]] == [first]
    assert Decimal(joined(shown)["net"]) > 20 > Decimal(shown["instance_pnl"][0]["net"])


def test_a_stopped_bot_keeps_its_profit(processes, simulator):
    """Also over a restart of the bridge, with its proof; a settled stop is still settled in the sum's part."""
    bridge = processes.bridge
    name = fresh_name("kept")
    running(bridge, name, **MM)
    earn(simulator, bridge, name, 40)
    finish(bridge, name, "stop")
    until(lambda: bridge.get(bot(bridge, name)["operation"]["href"]).json()["left"])
    (row,) = bot(bridge, name)["pnl"]
    bridge.stop()
    bridge = processes.again()
    shown = until_state(bridge, name, "stopped")
    assert shown["pnl"] == [row] and row["stale"] and Decimal(row["net"]) > 20
    finish(bridge, name, "redeploy")
    shown = reports(bridge, name)
    (past,) = shown["past_instances"]
    assert {k: past["pnl"][0][k] for k in (*SUMS, "proof", "final", "as_of")} == \
        {k: row[k] for k in (*SUMS, "proof", "final", "as_of")}
    joined(shown)

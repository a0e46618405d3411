"""Bots that somebody else made are taken over without touching them, and given back: the ledger of the
simulator is byte-equal before and after, and a dry run leaves the store as it was."""
import contextlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import requests

from lifecycle import bot, command, create, ended, fresh_name, running, until, until_state

TWELVE = 12


def writes(simulator):
    """What was ever sent that may change something, as bytes."""
    """A read of the portfolio is a POST; one follows each stop."""
    sent = [w for w in simulator.ledger()["writes"] if w["path"] != "/portfolio/state"]
    return json.dumps(sent, sort_keys=True).encode()


def contents(bridge):
    """Every row of both files of the store, but the curves and events that time alone makes."""
    rows = {}
    for path in sorted((bridge.folder / "data").glob("bridge.db")):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows[table] = db.execute(f"SELECT * FROM {table}").fetchall()
    assert "bots" in rows
    return rows


def unmanaged(bridge):
    answer = bridge.get("/bots")
    assert answer.status_code == 200, answer.text
    return [b for b in answer.json()["bots"] if not b["managed"]]


def adopt(bridge, instances="all", expect=200, headers=None, **more):
    answer = bridge.post("/bots/adopt", json={"instances": instances, **more}, headers=headers)
    assert answer.status_code == expect, answer.text
    return answer.json()


def ready_to_adopt(bridge, n):
    """Until the bridge has looked at all of them, figures included."""
    until(lambda: len([b for b in unmanaged(bridge) if b["pnl"] and b["state"] == "running"]) == n, 90,
          lambda: f"{unmanaged(bridge)}")
    until(lambda: len([b for b in adopt(bridge, dry_run=True)["bots"] if not b["reason"]]) == n, 30)


@pytest.fixture(scope="module")
def crowd(start_simulator):
    return start_simulator("--bots", TWELVE)


@pytest.fixture(scope="module")
def bridge(start_bridge, crowd):
    bridge = start_bridge(crowd)
    ready_to_adopt(bridge, TWELVE)
    return bridge




def test_twelve(bridge, crowd, start_bridge):
    ledger, store = writes(crowd), contents(bridge)
    names = sorted(b["instance"] for b in unmanaged(bridge))
    dry = adopt(bridge, dry_run=True)
    assert dry["dry_run"] and sorted(b["instance"] for b in dry["bots"]) == names
    assert not any(b["adopted"] or b["id"] for b in dry["bots"])
    assert contents(bridge) == store, "a dry run wrote to the store"
    assert len(unmanaged(bridge)) == TWELVE

    done = adopt(bridge)
    assert all(b["adopted"] and b["name"] == b["instance"] for b in done["bots"])
    assert sorted(b["instance"] for b in done["bots"]) == names and unmanaged(bridge) == []
    for b in done["bots"]:
        # A pmm_simple somebody wrote by hand is spot_mm; what its config leaves out is said.
        assert (b["exchange"], b["strategy"], b["connector"]) == ("bitmart", "spot_mm", "bitmart")
        assert b["params"]["spreads_pct"] == ["0.1", "0.2"] and b["params"]["fee_pct"] is None
        assert b["params"]["time_limit_min"] == 2 and b["params"]["buy_inventory"] is True
        assert b["budget_quote"] == "200" and b["image"] and b["account"] is None
        told = {u["field"] for u in b["unknown"]}
        assert {"account", "fee_pct", "risk", "history", "position_mode"} <= told
        assert "budget_quote" not in told and b["opening"]
        assert b["redeployable"] == {"possible": False, "detail": "its script config no longer exists"}
    kept = contents(bridge)
    assert len(kept["bots"]) == TWELVE and kept["operations"] == [] and kept["attempts"] == []

    # Once is enough: a second time finds nothing to do.
    assert adopt(bridge)["bots"] == [] and contents(bridge)["bots"] == kept["bots"]
    again = adopt(bridge, [names[0], "nobody"])["bots"]
    assert [b["reason"]["code"] for b in again] == ["managed", "not_found"]
    assert writes(crowd) == ledger, "adopting changed something upstream"

    shown = bot(bridge, names[0])
    assert shown["managed"] and shown["state"] == "running" and shown["intent"] == "run"
    assert shown["strategy"] == "spot_mm" and shown["adoption"]["unknown"]


def test_profit_counts_from_adoption(bridge, crowd):
    shown = until(lambda: next((b for b in bridge.get("/bots").json()["bots"] if b["managed"]), None))
    opening = shown["adoption"]["opening"][0]
    assert Decimal(opening["volume"]) > 0

    def compare():
        now = bridge.get(f"/bots/{shown['id']}?raw=1").json()
        row, raw = now["pnl"][0], now["raw"]["performance"]
        assert row["opening"] == opening and now["instance_pnl"][0]["opening"] == opening
        volume = sum(Decimal(str(c["performance"]["volume_traded"])) for c in raw.values())
        if volume <= Decimal(opening["volume"]):
            return False  # nothing traded since
        return abs(Decimal(row["volume"]) - (volume - Decimal(opening["volume"]))) < Decimal("0.0001")
    until(compare, 60, lambda: bridge.get(f"/bots/{shown['id']}").text)
    row = bot(bridge, shown["id"])["pnl"][0]
    net = Decimal(row["net"])
    assert abs(net - (Decimal(row["realised"]) + Decimal(row["unrealised"]) - Decimal(row["fees"] or 0))) \
        < Decimal("0.0001")
    assert abs(Decimal(row["return_pct"]) - net / 2) < Decimal("0.0001")  # of a budget of 200
    assert Decimal(row["drawdown"]) >= 0

    # What was before is not for clients.
    client = bridge.make_token("client", bots=[shown["id"]])["token"]
    (seen,) = bridge.get("/bots", token=client).json()["bots"]
    assert seen["pnl"][0]["net"] is not None and "opening" not in seen["pnl"][0]
    assert "adoption" not in seen

    # The fall after the adoption is a drawdown, all of it.
    before = Decimal(row["drawdown"])
    crowd.control("POST", f"/bots/{shown['instance']}/drawdown", {"quote": 25})
    until(lambda: Decimal(bot(bridge, shown["id"])["pnl"][0]["drawdown"]) >= before + 20, 60,
          lambda: bridge.get(f"/bots/{shown['id']}").text)


def test_config_and_history(bridge):
    shown = next(b for b in bridge.get("/bots").json()["bots"] if b["managed"])
    config = bridge.get(f"/bots/{shown['id']}/config").json()
    assert config["planned"] is None and config["differences"] == []
    (found,) = config["found"]
    assert found["kind"] == "controller" and found["config"]["controller_name"] == "pmm_simple"
    assert "_config_name" not in found["config"]
    history = bridge.get(f"/bots/{shown['id']}/history").json()["history"]
    assert history[-1]["what"] == "adopted" and history[-1]["instance"] == shown["instance"]


def test_release_and_adopt_again(bridge, crowd):
    ledger = writes(crowd)
    shown = [b for b in bridge.get("/bots").json()["bots"] if b["managed"]][-1]
    answer = bridge.post(f"/bots/{shown['id']}/release", json={})
    assert answer.status_code == 200 and answer.json()["instance"] == shown["instance"], answer.text
    assert [b["instance"] for b in unmanaged(bridge)] == [shown["instance"]]
    assert shown["instance"] in crowd.ledger()["trading"]
    assert bridge.get(f"/bots/{shown['id']}").status_code == 404
    assert bridge.post(f"/bots/{shown['instance']}/release", json={}).status_code == 409
    ready_to_adopt(bridge, 1)
    done = adopt(bridge, [shown["instance"]])["bots"][0]
    assert done["adopted"] and done["id"] != shown["id"]
    assert writes(crowd) == ledger


def test_the_stop_of_an_adopted_bot_is_proven(bridge, crowd):
    shown = [b for b in bridge.get("/bots").json()["bots"] if b["managed"]][1]
    op = ended(bridge, command(bridge, shown["id"], "stop")["operation"]["href"])
    assert op["state"] == "succeeded", op
    assert shown["instance"] not in crowd.ledger()["trading"]
    assert bot(bridge, shown["id"])["state"] == "stopped"
    # Its container is there: it starts again as any bot. The figures of that container go on over the start, so
    # what it had made before it was adopted is still not the bridge's.
    op = ended(bridge, command(bridge, shown["id"], "start")["operation"]["href"])
    assert op["state"] == "succeeded", op
    now = until_state(bridge, shown["id"], "running")
    assert now["instance"] == shown["instance"] and now["instance"] in crowd.ledger()["trading"]
    until(lambda: not bot(bridge, shown["id"])["pnl"][0]["stale"])
    assert [row["opening"] for row in bot(bridge, shown["id"])["pnl"]] == shown["adoption"]["opening"]
    kinds = [h.get("kind", h["what"]) for h in bridge.get(f"/bots/{shown['id']}/history").json()["history"]]
    assert kinds.index("start") < kinds.index("stop") < kinds.index("adopted")


def test_gone_without_stored_bytes_is_not_started(bridge, crowd):
    shown = [b for b in bridge.get("/bots").json()["bots"] if b["managed"]][2]
    body = {"policy": "abandon", "confirm": "abandon"}
    op = ended(bridge, command(bridge, shown["id"], "stop", body)["operation"]["href"])
    assert op["state"] == "succeeded", op
    remove(bridge, crowd, shown["instance"])
    refused = bridge.post(f"/bots/{shown['id']}/start", json={})
    assert refused.status_code == 409 and "nothing to deploy" in refused.json()["detail"], refused.text
    assert crowd.ledger()["deploys_delivered"] == 0


def remove(bridge, simulator, instance):
    """As another tool would, and until the bridge has looked at the containers since."""
    answer = requests.post(f"{simulator.url}/docker/clean-exited-containers", auth=("admin", "admin"),
                           timeout=60)
    assert answer.status_code == 200, answer.text
    assert instance not in {c["name"] for c in simulator.ledger()["containers"]}

    def looked():
        return datetime.fromisoformat(bridge.get("/hummingbot").json()["feed"]["looked_at"][:-1])
    since = looked()
    until(lambda: looked() - since > timedelta(seconds=12), 60)  # they are read every 5 s


def test_a_restart_remembers(bridge, crowd, start_bridge):
    before = {b["instance"]: b for b in bridge.get("/bots").json()["bots"] if b["managed"]}
    ledger = writes(crowd)
    bridge.stop()
    again = start_bridge(crowd, folder=bridge.folder)
    after = {b["instance"]: b for b in again.get("/bots").json()["bots"] if b["managed"]}
    assert after.keys() == before.keys()
    for instance, b in before.items():
        assert after[instance]["id"] == b["id"] and after[instance]["adoption"] == b["adoption"]
    until(lambda: all(b["state"] == "running" for b in again.get("/bots").json()["bots"]
                      if b["managed"] and b["instance"] in crowd.ledger()["trading"]), 60)
    assert unmanaged(again) == [] and writes(crowd) == ledger


def test_requests_that_make_no_sense(bridge, start_bridge, crowd):
    other = start_bridge(crowd)
    for body in ({}, {"instances": []}, {"instances": "some"}, {"instances": [1]},
                 {"instances": "all", "dry_run": "yes"}, {"instances": "all", "dryrun": True}):
        answer = other.post("/bots/adopt", json=body)
        assert answer.status_code == 422 and answer.json()["errors"], (body, answer.text)
    stranger = other.make_token("developer")["token"]
    assert other.post("/bots/adopt", json={"instances": "all"}, token=stranger).status_code == 403


def test_from_another_bridge(start_simulator, start_bridge):
    """Complete configs are kept: the bot can be deployed again when its container is gone."""
    simulator = start_simulator()
    first = start_bridge(simulator)
    name = fresh_name("moved")
    made = running(first, name)
    answer = first.post(f"/bots/{made['id']}/release", json={})
    assert answer.status_code == 409 and "made this one" in answer.json()["detail"]
    config = first.get(f"/bots/{made['id']}/config").json()
    assert len(config["planned"]) == len(config["found"]) == 2 and config["differences"] == []
    first.stop()

    second = start_bridge(simulator)
    ready_to_adopt(second, 1)
    ledger = writes(simulator)
    done = adopt(second, [made["instance"]])["bots"][0]
    assert done["adopted"] and done["account"] == "master_account" and done["strategy"] == "spot_grid"
    assert done["redeployable"]["possible"] and writes(simulator) == ledger
    assert "owner" in {u["field"] for u in done["unknown"]}  # another bridge may still have it
    was = {k: v for k, v in made["params"].items() if k != "fee_pct"}
    now = {k: v for k, v in done["params"].items() if k != "fee_pct"}
    assert {k: number(v) for k, v in was.items()} == {k: number(v) for k, v in now.items()}
    assert {k: number(v) for k, v in done["risk"].items()} == {k: number(v) for k, v in made["risk"].items()}

    # Whose instances these are was in question (observe mode); now it is not. Giving one back is an
    # answer too, and no reason to ask again.
    assert second.post("/hummingbot/resume", json={}).status_code == 200
    assert second.post(f"/bots/{done['id']}/release", json={}).status_code == 200
    ready_to_adopt(second, 1)
    assert second.get("/hummingbot").json()["observe"] is None
    done = adopt(second, [made["instance"]])["bots"][0]

    # The configs as they are now are what was read; a change by hand is named.
    config = second.get(f"/bots/{done['id']}/config").json()
    assert len(config["planned"]) == len(config["found"]) == 2 and config["differences"] == [], config
    alter(simulator, made["instance"], config["found"][0]["name"], {"max_open_orders": 4})
    (difference,) = second.get(f"/bots/{done['id']}/config").json()["differences"]
    assert (difference["field"], difference["planned"], difference["found"]) == ("max_open_orders", 3, 4)

    body = {"policy": "abandon", "confirm": "abandon"}
    href = command(second, done["id"], "stop", body)["operation"]["href"]
    assert second.post(f"/bots/{done['id']}/release", json={}).json()["code"] == "operation_in_progress"
    assert ended(second, href)["state"] == "succeeded"
    remove(second, simulator, made["instance"])
    delivered = simulator.ledger()["deploys_delivered"]
    op = ended(second, command(second, done["id"], "start")["operation"]["href"])
    assert op["state"] == "succeeded", op
    now = until_state(second, done["id"], "running")
    assert now["instance"] != made["instance"] and now["instance"] in simulator.ledger()["trading"]
    assert simulator.ledger()["deploys_delivered"] == delivered + 1
    assert second.get(f"/bots/{done['id']}/config").json()["differences"] == []
    refused = second.post(f"/bots/{done['id']}/release", json={})
    assert refused.status_code == 409 and "deployed it itself" in refused.json()["detail"]


def number(value):
    if isinstance(value, list):
        return [number(v) for v in value]
    return Decimal(value) if isinstance(value, str) and value[:1].isdigit() else value


def alter(simulator, instance, config, change):
    answer = requests.post(f"{simulator.url}/controllers/bots/{instance}/{config}/config", json=change,
                           auth=("admin", "admin"), timeout=60)
    assert answer.status_code == 200, answer.text


def test_a_reboot_of_the_host_is_one_piece_of_news(start_simulator, start_bridge):
    simulator = start_simulator("--bots", 3)
    bridge = start_bridge(simulator)
    ready_to_adopt(bridge, 3)
    # Two people at once: each bot is adopted once.
    with ThreadPoolExecutor(2) as pool:
        answers = [a.result()["bots"] for a in [pool.submit(adopt, bridge) for _ in range(2)]]
    names = sorted(b["instance"] for bots in answers for b in bots if b["adopted"])
    assert len(names) == len(set(names)) == 3
    assert all(b["reason"]["code"] == "managed" for bots in answers for b in bots if not b["adopted"])
    assert len(contents(bridge)["bots"]) == 3
    until(lambda: all(bot(bridge, n)["state"] == "running" for n in names))
    ledger = writes(simulator)
    for n in names:
        simulator.control("POST", f"/bots/{n}/crash")
    for n in names:
        shown = until_state(bridge, n, "failed")
        assert shown["reason"]["code"] == "crashed"
        rows = bridge.get(f"/bots/{n}/history").json()["history"]
        newest = next(r for r in rows if r["what"] == "state")  # a watchdog's row may be newer
        assert (newest["what"], newest["to"], newest["reason"]) == ("state", "failed", "crashed")
    lines = [line for line in bridge.log().splitlines() if "host.rebooted" in line]
    # Three crashes one after the other may fall into two looks of the containers.
    assert len(lines) == 1 and sum(n in lines[0] for n in names) >= 2, bridge.log()[-3000:]
    assert sum("bot.state" in line and "-> failed" in line for line in bridge.log().splitlines()) <= 1
    assert writes(simulator) == ledger

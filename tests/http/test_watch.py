"""Watchdogs: what goes wrong with a bot without anybody's doing becomes state, reason, one event and
one row of history, clears itself, and never makes the bridge write. The ledger is the judge."""
import sqlite3
import struct

import pytest
import requests

from lifecycle import (bot, changes, command, ended, fresh_name, running, trading, until, until_state)

MAKER = {"strategy": "spot_mm"}
FAST = 60  # times real time, where a test waits for many minutes
MINUTE = 60000


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator()


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator)


def api(simulator, method, path, **more):
    answer = requests.request(method, simulator.url + path, auth=("admin", "admin"), timeout=60, **more)
    assert answer.status_code < 300, answer.text
    return answer.json()


def watches(bridge, name):
    return {w["code"]: w for w in bot(bridge, name)["watch"]}


def until_watch(bridge, name, code, raised=True, timeout=90):
    until(lambda: (code in watches(bridge, name)) == raised, timeout,
          lambda: f"{code} is never {raised}: {bot(bridge, name)}\n{bridge.log()[-3000:]}")
    return bot(bridge, name)


def told(bridge, name, code):
    """What the history tells of one watchdog, oldest first: raised or cleared."""
    rows = bridge.get(f"/bots/{name}/history").json()["history"]
    return [r["raised"] for r in reversed(rows) if r["what"] == "watch" and r["code"] == code]


def events(bridge, name, code):
    """(raised, cleared) lines of the log; each is written beside its event."""
    lines = [line for line in bridge.log().splitlines() if name in line and f": {code}:" in line]
    return (sum("watch.raised" in line for line in lines), sum("watch.cleared" in line for line in lines))


def begin(bridge, simulator, **more):
    """A running bot, and the ledger forgotten."""
    name = fresh_name("watched")
    shown = running(bridge, name, **more)
    simulator.control("DELETE", "/ledger")
    return name, shown["instance"]


def pass_time(simulator, ms, look=lambda: None):
    """Until the simulator's clock is `ms` further; look() meanwhile."""
    start = simulator.ledger()["now_ms"]

    def over():
        look()
        return simulator.ledger()["now_ms"] - start > ms
    until(over, 120)


def end(bridge, simulator, name):
    assert changes(simulator) == []
    ended(bridge, command(bridge, name, "stop")["operation"]["href"])


@pytest.mark.quick
def test_files_drifted_and_errors_rising(bridge, simulator):
    """Somebody writes an unknown key into the bot's config beside the bridge: the poison."""
    name, instance = begin(bridge, simulator)
    config = api(simulator, "GET", f"/controllers/bots/{instance}/configs")[0]["_config_name"]
    api(simulator, "POST", f"/controllers/bots/{instance}/{config}/config", json={"bogus_key": 1})
    simulator.control("DELETE", "/ledger")
    shown = until_watch(bridge, name, "files_drifted")
    found = watches(bridge, name)["files_drifted"]
    assert "bogus_key" in found["detail"] and found["level"] == "warning" and found["since"]
    shown = until_watch(bridge, name, "errors_rising")
    assert shown["state"] == "degraded" and shown["status"] == "running"
    assert shown["reason"]["code"] == "errors_rising" and shown["reason"]["since"]
    assert trading(simulator, name) == [instance]
    assert told(bridge, name, "files_drifted") == [True]
    assert told(bridge, name, "errors_rising") == [True] and events(bridge, name, "errors_rising") == (1, 0)
    history = bridge.get(f"/bots/{name}/history").json()["history"]
    assert ("degraded", "errors_rising") in [(r.get("to"), r.get("reason")) for r in history]
    end(bridge, simulator, name)
    until_watch(bridge, name, "errors_rising", raised=False)
    assert watches(bridge, name) == {} and told(bridge, name, "errors_rising") == [True, False]


def test_running_but_not_trading(start_bridge, start_simulator):
    """The exchange refuses every order: RUNNING, reports, heartbeats, and no trade. Later it takes
    them, and quotes that only rest and are refreshed are no news for the same time."""
    simulator = start_simulator(TB_TIME_SCALE=FAST)
    bridge = start_bridge(simulator, TB_TIME_SCALE=FAST)
    simulator.control("POST", "/conditions", {"orders": "rejected"})
    name, _ = begin(bridge, simulator, **MAKER)
    shown = until_watch(bridge, name, "running_but_not_trading")
    assert shown["state"] == "degraded" and shown["watch"][0]["level"] == "warning"
    assert "quotes all the time" in watches(bridge, name)["running_but_not_trading"]["detail"]
    simulator.control("POST", "/conditions", {"orders": "accepted"})
    until_watch(bridge, name, "running_but_not_trading", raised=False)
    pass_time(simulator, 16 * MINUTE)
    assert told(bridge, name, "running_but_not_trading") == [True, False]
    end(bridge, simulator, name)


def test_report_frozen(bridge, simulator):
    """Heartbeats go on, the report does not: the same figures for a position whose price moves."""
    name, instance = begin(bridge, simulator)
    until(lambda: any(float(p["unrealised"] or 0) != 0 for p in bot(bridge, name)["pnl"]))
    simulator.control("POST", f"/bots/{instance}/freeze", {})
    shown = until_state(bridge, name, "stale")
    assert shown["reason"]["code"] == "report_frozen" and shown["pnl"][0]["stale"]
    simulator.control("POST", f"/bots/{instance}/freeze", {"frozen": False})
    until_watch(bridge, name, "report_frozen", raised=False)
    end(bridge, simulator, name)


def test_the_only_bots_report_is_unreadable(start_bridge, start_simulator):
    """Upstream answers 500 for every status there is; that is no outage, and it can be stopped."""
    simulator = start_simulator(TB_TIME_SCALE=FAST)
    bridge = start_bridge(simulator, TB_TIME_SCALE=FAST)
    name, instance = begin(bridge, simulator)
    simulator.control("POST", f"/bots/{instance}/nan")
    shown = until_watch(bridge, name, "report_unreadable")
    assert shown["state"] == "stale" and "hummingbot.lost" not in bridge.log()
    end(bridge, simulator, name)


def test_a_clock_put_back_hides_nothing(start_bridge, start_simulator, tmp_path):
    """The wall's clock goes back two hours while a bot runs; its crash is seen no later."""
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("=q", 0))
    simulator = start_simulator()
    bridge = start_bridge(simulator, TB_WALL_ERROR_FILE=clock)
    name, instance = begin(bridge, simulator)
    with open(clock, "r+b") as file:  # never shorter: the bridge has it mapped
        file.write(struct.pack("=q", -7200000))
    simulator.control("POST", f"/bots/{instance}/crash")
    assert until_state(bridge, name, "failed")["reason"]["code"] == "crashed"
    assert changes(simulator) == []


def test_drawdown_near_limit_then_reached(bridge, simulator):
    """At 80 % a warning; over it the bot's own limit stops it, and that is what is said."""
    name, instance = begin(bridge, simulator, risk={"max_loss_quote": "50", "max_controller_loss_quote": "50"})
    simulator.control("POST", f"/bots/{instance}/drawdown", {"quote": 44})
    shown = until_watch(bridge, name, "drawdown_near_limit")
    assert shown["state"] == "degraded" and float(shown["pnl"][0]["drawdown"]) >= 40
    simulator.control("POST", f"/bots/{instance}/drawdown", {"quote": 30})
    shown = until_state(bridge, name, "stopped")
    assert shown["reason"]["code"] == "stopped_by_limit" and shown["intent"] == "run"
    assert "loss limit" in shown["reason"]["detail"] and list(watches(bridge, name)) == ["stopped_by_limit"]
    assert trading(simulator, name) == [] and changes(simulator) == []


def test_manual_kill_switch_beside_the_bridge(bridge, simulator):
    """Upstream goes on saying `running` with full reports."""
    name, instance = begin(bridge, simulator, **MAKER)
    config = api(simulator, "GET", f"/controllers/bots/{instance}/configs")[0]["_config_name"]
    path = f"/controllers/bots/{instance}/{config}/config"
    api(simulator, "POST", path, json={"manual_kill_switch": True})
    simulator.control("DELETE", "/ledger")
    shown = until_watch(bridge, name, "stopped_by_limit")
    assert shown["state"] == "degraded" and "manual kill switch" in shown["reason"]["detail"]
    until_watch(bridge, name, "files_drifted")
    assert bot(bridge, name)["reason"]["code"] == "stopped_by_limit"
    assert changes(simulator) == []
    api(simulator, "POST", path, json={"manual_kill_switch": False})
    simulator.control("DELETE", "/ledger")
    until_watch(bridge, name, "stopped_by_limit", raised=False)
    end(bridge, simulator, name)


def meta(folder, key):
    db = sqlite3.connect(folder / "data/bridge.db", timeout=10)
    try:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row and row[0]
    finally:
        db.close()


def test_credentials_rotated(start_bridge, start_simulator, tmp_path):
    """Keys that go are seen, keys that went and came back are remembered, also over a restart."""
    simulator = start_simulator(TB_TIME_SCALE=FAST)
    bridge = start_bridge(simulator, folder=tmp_path, TB_TIME_SCALE=FAST)
    name, _ = begin(bridge, simulator)
    keys = {"bitmart_api_key": "k", "bitmart_secret_key": "s", "bitmart_memo": "m"}
    until(lambda: meta(tmp_path, "credentials"))
    api(simulator, "POST", "/accounts/delete-credential/master_account/bitmart")
    simulator.control("DELETE", "/ledger")
    shown = until_watch(bridge, name, "credentials_rotated")
    assert shown["state"] == "running" and "no keys for bitmart any more" in shown["reason"]["detail"]
    api(simulator, "POST", "/accounts/add-credential/master_account/bitmart", json=keys)
    simulator.control("DELETE", "/ledger")
    bridge.stop()
    bridge = start_bridge(simulator, folder=tmp_path, TB_TIME_SCALE=FAST)
    shown = until_watch(bridge, name, "credentials_rotated")
    assert "entered again" in shown["reason"]["detail"], shown
    end(bridge, simulator, name)
    bridge.stop()


def test_image_and_version(start_bridge, start_simulator, tmp_path):
    """Another image under the container, another API than the plan was made for: said, no more."""
    simulator = start_simulator()
    bridge = start_bridge(simulator, folder=tmp_path)
    name, _ = begin(bridge, simulator)
    bridge.stop()
    db = sqlite3.connect(tmp_path / "data/bridge.db")
    doc = db.execute("SELECT doc FROM bots").fetchone()[0]
    print_ = doc.split('"fingerprint":"')[1][:64]
    doc = doc.replace(print_, "0" * 64).replace("version-2.16.0", "version-2.15.0")
    db.execute("UPDATE bots SET doc = ?", (doc,))
    db.commit()
    db.close()
    bridge = start_bridge(simulator, folder=tmp_path)
    until_watch(bridge, name, "image_changed")
    until_watch(bridge, name, "version_changed")
    found = watches(bridge, name)
    assert "version-2.15.0" in found["image_changed"]["detail"] and found["image_changed"]["level"] == "info"
    assert bot(bridge, name)["state"] == "running"
    end(bridge, simulator, name)


def truthful(bridge, simulator, names):
    """A look() for pass_time: what no longer trades is not called running for longer than upstream
    itself takes to notice, and what was once called ended does not live again."""
    ended_at, said = {}, {n: [] for n in names}

    def look():
        ledger = simulator.ledger()
        assert ledger["writes"] == [], ledger["writes"]
        for name in names:
            shown = bot(bridge, name)
            if not said[name] or said[name][-1] != shown["state"]:
                said[name].append(shown["state"])
            if any(i.startswith(f"hummingbot-{name}-") for i in ledger["trading"]):
                continue
            since = ended_at.setdefault(name, ledger["now_ms"])
            if ledger["now_ms"] - since > MINUTE:
                assert shown["state"] not in ("running", "degraded", "starting"), shown
    return look, said


def test_a_loss_limit_makes_no_write_for_ten_minutes(start_bridge, start_simulator):
    simulator = start_simulator(TB_TIME_SCALE=FAST)
    bridge = start_bridge(simulator, TB_TIME_SCALE=FAST)
    name, instance = begin(bridge, simulator)
    other, _ = begin(bridge, simulator)
    before = simulator.ledger()
    simulator.control("POST", f"/bots/{instance}/drawdown", {"quote": 500})
    look, said = truthful(bridge, simulator, [name])
    pass_time(simulator, 10 * MINUTE, look)
    after = simulator.ledger()
    for part in ("writes", "instances", "files", "containers", "deploys_delivered"):
        assert after[part] == before[part], part
    assert bot(bridge, name)["reason"]["code"] == "stopped_by_limit" and said[name][-1] == "stopped"
    assert bot(bridge, other)["state"] in ("running", "degraded")
    assert events(bridge, name, "stopped_by_limit") == (1, 0)


def test_a_reboot_of_the_host_makes_no_write_for_ten_minutes(start_bridge, start_simulator):
    """Containers exited, the broker dead, the API new: its lists are empty at first, its status says
    nothing or the old."""
    simulator = start_simulator(TB_TIME_SCALE=FAST)
    bridge = start_bridge(simulator, TB_TIME_SCALE=FAST)
    names = [begin(bridge, simulator)[0] for _ in range(3)]
    before = simulator.ledger()
    simulator.control("POST", "/conditions", {"broker": "down"})
    for name in names:
        simulator.control("POST", f"/bots/{bot(bridge, name)['instance']}/crash")
    simulator.control("POST", "/restart")
    look, said = truthful(bridge, simulator, names)
    pass_time(simulator, 10 * MINUTE, look)
    after = simulator.ledger()
    for part in ("writes", "instances", "files", "deploys_delivered"):
        assert after[part] == before[part], part
    assert after["trading"] == [] and all(c["state"] == "exited" for c in after["containers"])
    for name in names:
        assert said[name][-1] == "failed" and bot(bridge, name)["reason"]["code"] == "crashed", said
        assert bot(bridge, name)["intent"] == "run"

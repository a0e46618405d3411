"""Changing the parameters of a bot: what a running bot takes over, what waits for a redeploy, what is
not known. The judge is the simulator: the bot's own file and the list of writes that arrived."""
import concurrent.futures
import shutil

import pytest
import requests

from conftest import ROOT
from lifecycle import (bot, changes, command, create, ended, fresh_name, running, together, trading, until,
                       until_step)

MM = {"strategy": "spot_mm"}


class Bot:
    """A bot with a name of its own, and the file its instance has in the simulator."""

    def __init__(self, bridge, simulator, name):
        self.bridge, self.simulator, self.name = bridge, simulator, name

    def get(self):
        answer = self.bridge.get(f"/bots/{self.name}/params")
        assert answer.status_code == 200, answer.text
        assert answer.headers["ETag"] == f'"{answer.json()["version"]}"'
        return answer.json()

    def patch(self, body, version=None, expect=200, **headers):
        tag = self.get()["version"] if version is None else version
        if tag:
            headers["If-Match"] = f'"{tag}"'
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        answer = self.bridge.request("PATCH", f"/bots/{self.name}/params", json=body,
                                     headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def upstream(self, method, path, body=None):
        answer = requests.request(method, self.simulator.url + path, json=body,
                                  auth=("admin", "admin"), timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def instance(self):
        return bot(self.bridge, self.name)["instance"]

    def file(self):
        return self.upstream("GET", f"/controllers/bots/{self.instance}/configs")[0]

    def spoil(self, **keys):
        """As somebody with another tool would."""
        path = f"/controllers/bots/{self.instance}/{self.file()['_config_name']}/config"
        self.upstream("POST", path, keys)

    def live_writes(self):
        return [w for w in self.simulator.ledger()["writes"]
                if w["path"].startswith(f"/controllers/bots/{self.instance}/")]


@pytest.fixture
def mm(bridge, simulator):
    """A running market maker; ends stopped."""
    name = fresh_name("mm")
    running(bridge, name, **MM)
    simulator.control("DELETE", "/ledger")
    yield Bot(bridge, simulator, name)
    simulator.control("DELETE", "/faults")
    command(bridge, name, "stop")


def fields(rows):
    return {r["field"]: r for r in rows}


@pytest.mark.quick
def test_a_running_bot_takes_over_what_it_reads_again(mm):
    before, file = mm.get(), mm.file()
    assert before["version"] == 1 and before["applied"] == before["pending_redeploy"] == []
    assert before["params"] == before["deployed"]["params"]
    answer = mm.patch({"refresh_s": 60, "spreads_pct": ["0.5", "0.9"]})
    applied = fields(answer["applied"])
    assert set(applied) == {"executor_refresh_time", "buy_spreads", "sell_spreads"}
    assert applied["executor_refresh_time"]["from"] == 120
    assert applied["executor_refresh_time"]["to"] == 60
    assert applied["executor_refresh_time"]["acts_on"] == "new_orders"
    assert applied["executor_refresh_time"]["read_back_at"]
    assert answer["pending_redeploy"] == answer["unknown"] == [] and answer["version"] == 2
    assert answer["params"]["refresh_s"] == 60 and answer["deployed"]["params"]["refresh_s"] == 120
    # One write, with these keys only; everything else of the file is as it was.
    assert len(mm.live_writes()) == 1
    assert mm.file() == {**file, "executor_refresh_time": 60, "buy_spreads": [0.005, 0.009],
                         "sell_spreads": [0.005, 0.009]}
    assert mm.get() == answer
    shown = bot(mm.bridge, mm.name)
    assert shown["params"] == shown["config"] == answer["params"]
    assert shown["params_version"] == 2 and shown["pending_redeploy"] == []
    past = [e for e in mm.bridge.get(f"/bots/{mm.name}/history").json()["history"]
            if e["what"] == "params"]
    assert [(e["version"], e["params"]["refresh_s"]) for e in past] == [(2, 60)]
    # Our own change is no difference between the files.
    assert mm.bridge.get(f"/bots/{mm.name}/config").json()["differences"] == []
    # Back again: what is left is what was deployed.
    answer = mm.patch({"refresh_s": 120, "spreads_pct": ["0.4", "0.8"]})
    assert answer["applied"] == answer["pending_redeploy"] == [] and answer["version"] == 3
    assert mm.file() == file


def test_what_is_read_at_the_start_waits_for_a_redeploy(mm):
    file = mm.file()
    answer = mm.patch({"pair": "ETH-USDT", "refresh_s": 60, "time_limit_min": None})
    assert set(fields(answer["applied"])) == {"executor_refresh_time"}
    pending = fields(answer["pending_redeploy"])
    assert pending["trading_pair"]["reason"]["code"] == "read_at_start"
    assert pending["trading_pair"]["to"] == "ETH-USDT"
    # A value that its class may refuse is not sent to a bot that trades.
    assert pending["time_limit"]["reason"]["code"] == "kind_changes"
    assert mm.file() == {**file, "executor_refresh_time": 60}
    shown = bot(mm.bridge, mm.name)
    assert set(fields(shown["pending_redeploy"])) == set(pending)
    assert shown["pair"] == "BTC-USDT" and shown["params"]["pair"] == "ETH-USDT"
    assert "1 field" in answer["detail"] and "redeploy" in answer["detail"]
    # The risk limits are the script's.
    answer = mm.bridge.request("PUT", f"/bots/{mm.name}", json={"risk": {"max_loss_quote": "9"}})
    assert answer.status_code == 200, answer.text
    pending = fields(answer.json()["pending_redeploy"])
    assert pending["max_global_drawdown_quote"]["reason"]["code"] == "script"
    assert pending["max_global_drawdown_quote"]["controller"] is None


def test_nothing_is_changed_without_the_version(mm):
    problem = mm.patch({"refresh_s": 60}, version=0, expect=428)
    assert problem["code"] == "version_required"
    mm.patch({"refresh_s": 60})
    problem = mm.patch({"refresh_s": 90}, version=1, expect=412)
    assert problem["code"] == "stale_version" and '"2"' in problem["detail"]
    for tag in ('W/"2"', "2", '"02"', '"x"', ""):
        answer = mm.bridge.request("PATCH", f"/bots/{mm.name}/params", json={"refresh_s": 90},
                                   headers={"If-Match": tag})
        assert answer.status_code == 412 and answer.headers["ETag"] == '"2"', (tag, answer.text)
    assert mm.get()["params"]["refresh_s"] == 60 and len(mm.live_writes()) == 1


def test_of_two_writers_one_wins(mm):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(
            lambda s: mm.bridge.request("PATCH", f"/bots/{mm.name}/params", json={"refresh_s": s},
                                        headers={"If-Match": '"1"'}), (50, 60, 70, 80)))
    assert sorted(a.status_code for a in answers) == [200, 412, 412, 412]
    winner = next(a for a in answers if a.status_code == 200).json()
    assert mm.get()["version"] == 2 and len(mm.live_writes()) == 1
    assert mm.file()["executor_refresh_time"] == winner["params"]["refresh_s"]


def test_all_errors_at_once_and_nothing_is_sent(mm):
    problem = mm.patch({"refresh": 60, "spreads_pct": ["x"], "refresh_s": 1}, expect=422)
    errors = {e["pointer"]: e for e in problem["errors"]}
    assert set(errors) == {"/refresh", "/spreads_pct/0", "/refresh_s"}
    assert "refresh_s" in errors["/refresh"]["hint"]
    answer = mm.bridge.request("PATCH", f"/bots/{mm.name}/params", data='{"refresh_s": NaN}',
                               headers={"If-Match": '"1"', "Content-Type": "application/json"})
    assert answer.status_code == 400
    # The facts are looked up as for a create.
    assert mm.patch({"pair": "NOPE-USDT"}, expect=422)["errors"][0]["pointer"] == "/pair"
    answer = mm.bridge.request("PUT", f"/bots/{mm.name}",
                               json={"name": "other", "image": "x", "wallets": [{"key": "s3cret"}],
                                     "config": {"refresh_s": 0}})
    assert answer.status_code == 422 and "s3cret" not in answer.text
    assert {e["pointer"] for e in answer.json()["errors"]} == {
        "/name", "/image", "/wallets", "/params/refresh_s"}
    assert mm.get()["version"] == 1 and changes(mm.simulator) == []


def test_nothing_new_makes_no_version(mm):
    assert mm.patch({})["version"] == 1
    assert mm.patch(mm.get()["params"])["version"] == 1
    answer = mm.patch({"bogus": 1}, Prefer="handling=lenient")
    assert answer["version"] == 1 and answer["warnings"][0]["pointer"] == "/bogus"
    assert changes(mm.simulator) == []


def test_the_same_key_changes_once(mm):
    first = mm.patch({"refresh_s": 60}, version=1, Idempotency_Key="k-1")
    again = mm.patch({"refresh_s": 60}, version=1, Idempotency_Key="k-1")
    assert first == again and len(mm.live_writes()) == 1
    mm.patch({"refresh_s": 70}, version=1, Idempotency_Key="k-1", expect=422)
    # A refusal keeps no key.
    mm.patch({"refresh_s": 80}, version=1, Idempotency_Key="k-2", expect=412)
    assert mm.patch({"refresh_s": 80}, Idempotency_Key="k-2")["version"] == 3


@pytest.mark.parametrize("kind", ["drop_after", "late_hang", "late"])
def test_a_lost_answer_is_read_back_and_never_sent_again(mm, kind):
    """Also when it executes a moment after its connection broke."""
    mm.simulator.fault(match={"method": "POST", "path": "/controllers/bots/"}, kind=kind,
                       delay_ms=1500)
    answer = mm.patch({"refresh_s": 60})
    assert set(fields(answer["applied"])) == {"executor_refresh_time"}, answer
    assert answer["unknown"] == [] and len(mm.live_writes()) == 1
    assert mm.file()["executor_refresh_time"] == 60


def test_a_change_that_did_not_arrive_is_unknown_then_waits(bridge, simulator):
    """Also when the API says that it did."""
    together([(bridge, simulator, kind) for kind in ("drop_before", "success_shaped_failure", "html")],
             play_not_arrived)


def play_not_arrived(bridge, simulator, kind):
    mm = Bot(bridge, simulator, fresh_name("lost"))
    running(bridge, mm.name, **MM)
    file = mm.file()
    simulator.fault(match={"method": "POST", "path": f"/controllers/bots/{mm.instance}"}, kind=kind)
    answer = mm.patch({"refresh_s": 60})
    assert answer["applied"] == [] and answer["pending_redeploy"] == []
    assert set(fields(answer["unknown"])) == {"executor_refresh_time"}
    assert fields(bot(bridge, mm.name)["unknown_params"])
    # It may still arrive: nobody may send another value meanwhile.
    problem = mm.patch({"refresh_s": 90}, expect=409)
    assert problem["code"] == "operation_in_progress" and problem["retryable"]
    settled = until(lambda: (lambda p: p if not p["unknown"] else None)(mm.get()))
    pending = fields(settled["pending_redeploy"])
    assert pending["executor_refresh_time"]["reason"]["code"] == "not_taken"
    assert mm.file() == file and len(mm.live_writes()) == 1
    # Asked for again it is sent again.
    answer = mm.patch({})
    assert set(fields(answer["applied"])) == {"executor_refresh_time"} and answer["version"] == 3
    assert mm.file()["executor_refresh_time"] == 60
    command(bridge, mm.name, "stop")


def test_a_change_that_arrives_late_is_seen(mm):
    mm.simulator.fault(match={"method": "POST", "path": "/controllers/bots/"}, kind="late",
                       delay_ms=60000)
    answer = mm.patch({"refresh_s": 60})
    assert set(fields(answer["unknown"])) == {"executor_refresh_time"}
    settled = until(lambda: (lambda p: p if not p["unknown"] else None)(mm.get()))
    assert set(fields(settled["applied"])) == {"executor_refresh_time"}
    assert len(mm.live_writes()) == 1


def test_a_refused_change_waits(mm):
    mm.simulator.fault(match={"method": "POST", "path": "/controllers/bots/"}, kind="unauthorized")
    answer = mm.patch({"refresh_s": 60})
    assert answer["unknown"] == [] and answer["applied"] == []
    assert fields(answer["pending_redeploy"])["executor_refresh_time"]["reason"]["code"] == "refused"


@pytest.mark.parametrize("keys", [{"bogus_key": 1}, {"cooldown_time": "abc"}])
def test_a_damaged_bot_is_not_said_to_take_anything_over(mm, keys):
    """Every reload of it fails, so what is written to its file is never in force."""
    mm.spoil(**keys)
    mm.simulator.control("DELETE", "/ledger")
    answer = mm.patch({"refresh_s": 60})
    assert answer["applied"] == [] and mm.live_writes() == []
    reason = fields(answer["pending_redeploy"])["executor_refresh_time"]["reason"]
    assert reason["code"] == "config_damaged" and "kill switch" in reason["detail"]


def test_a_file_that_cannot_be_read_is_not_written(mm):
    mm.simulator.fault(match={"method": "GET", "path": "/controllers/bots/"}, kind="error500",
                       count=0)
    answer = mm.patch({"refresh_s": 60})
    reason = fields(answer["pending_redeploy"])["executor_refresh_time"]["reason"]
    assert reason["code"] == "config_unreadable" and mm.live_writes() == []


def test_a_stopped_bot_takes_nothing_and_a_start_says_so(bridge, simulator):
    mm = Bot(bridge, simulator, fresh_name("still"))
    running(bridge, mm.name, **MM)
    href = command(bridge, mm.name, "stop")["operation"]["href"]
    problem = mm.patch({"refresh_s": 60}, expect=409)
    assert problem["code"] == "operation_in_progress"
    assert ended(bridge, href)["state"] == "succeeded"
    simulator.control("DELETE", "/ledger")
    file = mm.file()
    answer = mm.patch({"refresh_s": 60})
    assert fields(answer["pending_redeploy"])["executor_refresh_time"]["reason"]["code"] == "not_running"
    assert changes(simulator) == [] and mm.file() == file
    started = command(bridge, mm.name, "start")
    assert "pending_redeploy" in {w["code"] for w in started["warnings"]}
    assert ended(bridge, started["operation"]["href"])["state"] == "succeeded"
    assert mm.file() == file and bot(bridge, mm.name)["pending_redeploy"]
    # Running again, it can be given what it takes over.
    assert set(fields(mm.patch({})["applied"])) == {"executor_refresh_time"}


def remove(simulator, instance):
    """As somebody who tidies up would."""
    path = f"/docker/remove-container/{instance}"
    answer = requests.post(simulator.url + path, auth=("admin", "admin"), timeout=30)
    assert answer.status_code == 200, answer.text


def test_of_what_is_gone_a_start_deploys_what_is_wanted(bridge, simulator):
    """A deploy is the moment at which a change that waits can be made."""
    together([(bridge, simulator, way) for way in ("start", "archived", "restart")], play_gone)


def play_gone(bridge, simulator, way):
    mm = Bot(bridge, simulator, fresh_name(way))
    before = running(bridge, mm.name, **MM)
    verb, body = ("archive", {}) if way == "archived" else (
        "stop", {"policy": "abandon", "confirm": "abandon"})
    assert ended(bridge, command(bridge, mm.name, verb, body)["operation"]["href"])["state"] == "succeeded"
    pending = fields(mm.patch({"pair": "ETH-USDT", "refresh_s": 60})["pending_redeploy"])
    assert set(pending) == {"trading_pair", "executor_refresh_time"}
    if way != "archived":
        remove(simulator, before["instance"])
    started = command(bridge, mm.name, "restart" if way == "restart" else "start")
    op = ended(bridge, started["operation"]["href"])
    assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
    assert {c["field"]: c["to"] for c in op["changes"]} == {
        f: row["to"] for f, row in pending.items()}, op
    shown = bot(bridge, mm.name)
    assert shown["id"] == before["id"] and shown["instance"] != before["instance"]
    assert shown["pair"] == "ETH-USDT" and shown["pending_redeploy"] == []
    assert mm.file()["trading_pair"] == "ETH-USDT" and mm.file()["executor_refresh_time"] == 60
    after = mm.get()
    assert after["version"] == 2 and after["deployed"]["params"] == after["params"]
    assert bridge.get(f"/bots/{mm.name}/config").json()["differences"] == []
    # Once more there is nothing new to deploy.
    command(bridge, mm.name, "stop", {"policy": "abandon", "confirm": "abandon"})
    until(lambda: bot(bridge, mm.name)["state"] == "stopped")
    started = command(bridge, mm.name, "start")
    assert started["warnings"] == []
    op = ended(bridge, started["operation"]["href"])
    assert op["state"] == "succeeded" and "changes" not in op, op
    command(bridge, mm.name, "stop")


def test_kill_while_what_is_wanted_is_deployed(start_simulator, start_bridge, tmp_path):
    simulator = start_simulator()
    bridge = start_bridge(simulator, folder=tmp_path)
    mm = Bot(bridge, simulator, "killed")
    before = running(bridge, mm.name, **MM)
    stopped = command(bridge, mm.name, "stop", {"policy": "abandon", "confirm": "abandon"})
    assert ended(bridge, stopped["operation"]["href"])["state"] == "succeeded"
    mm.patch({"pair": "ETH-USDT"})
    remove(simulator, before["instance"])
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy-v2-"}, kind="drop_after")
    href = command(bridge, mm.name, "start")["operation"]["href"]
    until_step(bridge, href, "look")
    bridge.kill()
    bridge = mm.bridge = start_bridge(simulator, folder=tmp_path)
    op = ended(bridge, href)
    assert op["state"] == "succeeded" and [c["field"] for c in op["changes"]] == ["trading_pair"], op
    shown = bot(bridge, mm.name)
    assert shown["pair"] == "ETH-USDT" and shown["pending_redeploy"] == []
    assert mm.file()["trading_pair"] == "ETH-USDT" and mm.get()["version"] == 2
    assert trading(simulator, mm.name) == [shown["instance"]]


def test_only_for_operators(mm):
    assert mm.bridge.get("/bots/nobody/params").status_code == 404
    assert mm.bridge.request("PATCH", "/bots/nobody/params", json={},
                             headers={"If-Match": "*"}).status_code == 404
    client = mm.bridge.make_token("client", bots=[bot(mm.bridge, mm.name)["id"]])["token"]
    assert mm.bridge.get(f"/bots/{mm.name}/params", token=client).status_code == 403
    assert mm.bridge.request("PUT", f"/bots/{mm.name}", json={}, token=client).status_code == 403


def test_a_running_grid_keeps_its_own(bridge, simulator):
    grid = Bot(bridge, simulator, fresh_name("grid"))
    running(bridge, grid.name)
    answer = grid.patch({"budget_quote": "260"})
    assert fields(answer["applied"])["total_amount_quote"]["acts_on"] == "next_grid"
    # A price that is left to the market is derived anew; the others stay as they were decided.
    before = grid.get()["params"]
    answer = grid.patch({"low": None})
    assert answer["params"]["high"] == before["high"] and answer["params"]["low"]
    command(bridge, grid.name, "stop")


def test_an_adopted_bot_is_changed_under_its_own_names(start_simulator, start_bridge):
    simulator = start_simulator("--bots", "1")
    first = start_bridge(simulator)
    made = running(first, "moved", **MM)
    first.stop()
    bridge = start_bridge(simulator)
    until(lambda: len(bridge.get("/bots").json()["bots"]) == 2)
    # Not before somebody says that it is this bridge's.
    until(lambda: bridge.get("/hummingbot").json()["observe"])
    assert bridge.post("/hummingbot/resume", json={}).status_code == 200
    answer = bridge.request("PUT", f"/bots/{made['instance']}", json={"params": {}})
    assert answer.status_code == 409 and answer.json()["code"] == "wrong_state"
    adopted = bridge.post("/bots/adopt", json={"instances": "all"}).json()["bots"]
    ids = {b["instance"]: b["id"] for b in adopted}
    mm = Bot(bridge, simulator, ids.pop(made["instance"]))
    until(lambda: bot(bridge, mm.name)["state"] == "running")
    file = mm.file()
    answer = mm.patch({"refresh_s": 30})
    assert set(fields(answer["applied"])) == {"executor_refresh_time"}
    assert answer["pending_redeploy"] == []
    assert mm.file() == {**file, "executor_refresh_time": 30}
    assert bridge.get(f"/bots/{mm.name}/config").json()["differences"] == []
    assert bot(bridge, mm.name)["adoption"]
    # Of one whose files could not be kept it cannot be said what a change would mean.
    other = Bot(bridge, simulator, ids.popitem()[1])
    assert "could not be kept" in other.patch({"refresh_s": 30}, expect=409)["detail"]


def test_a_form_that_changed_is_named(start_simulator, start_bridge, tmp_path):
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    # The SDK's strategy as a file of the plugin's own, so that its form can change.
    own, sdk = tmp_path / "plugins/bitmart", ROOT / "plugins/sdk/strategies"
    words = (sdk / "words.lua").read_text()
    (own / "words.lua").write_text(words)
    (own / "mm.lua").write_text((sdk / "mm.lua").read_text().replace("bridge.strategies.words", "words"))
    main = (own / "plugin.lua").read_text()
    (own / "plugin.lua").write_text(main.replace("bridge.strategies.mm", "mm"))
    bridge = start_bridge(start_simulator(), BRIDGE_PLUGINS=tmp_path / "plugins")
    running(bridge, "old-form", **MM)
    (own / "words.lua").write_text(words.replace("cooldown_s", "pause_s"))
    assert bridge.post("/plugins/reload", json={}).status_code == 200
    change = {"params": {"refresh_s": 60}}
    answer = bridge.request("PUT", "/bots/old-form", json=change)
    assert answer.status_code == 409 and answer.json()["code"] == "form_changed", answer.text
    assert "cooldown_s" in answer.json()["detail"]
    answer = bridge.request("PUT", "/bots/old-form", json=change,
                            headers={"Prefer": "handling=lenient"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["params"]["pause_s"] == 30 and "cooldown_s" not in answer.json()["params"]
    # A field that the request itself names is its own error.
    answer = bridge.request("PUT", "/bots/old-form", json={"params": {"cooldown_s": 60}})
    assert answer.status_code == 422


def test_kill_while_it_is_sent(start_simulator, start_bridge, tmp_path):
    """Stored before it was sent: the next process knows that it does not know, and finds out."""
    together([(start_simulator(), start_bridge, tmp_path / kind, kind, ends)
              for kind, ends in (("hang", "pending_redeploy"), ("late_hang", "applied"))], play_kill)


def play_kill(simulator, start_bridge, folder, kind, ends):
    folder.mkdir()
    first = start_bridge(simulator, folder=folder)
    mm = Bot(first, simulator, "torn")
    running(first, "torn", **MM)
    simulator.control("DELETE", "/ledger")
    simulator.fault(match={"method": "POST", "path": "/controllers/bots/"}, kind=kind,
                    delay_ms=10000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        sent = pool.submit(first.request, "PATCH", "/bots/torn/params", json={"refresh_s": 60},
                           headers={"If-Match": '"1"', "Idempotency-Key": "torn"})
        first.wait_until(mm.live_writes, what="never sent")
        first.kill()
        assert isinstance(sent.exception(), requests.RequestException)
    mm.bridge = start_bridge(simulator, folder=folder)
    until(lambda: bot(mm.bridge, "torn")["state"] == "running")
    # The key was stored with the change.
    again = mm.patch({"refresh_s": 60}, version=1, Idempotency_Key="torn")
    assert again["version"] == 2 and fields(again["unknown"])
    settled = until(lambda: (lambda p: p if not p["unknown"] else None)(mm.get()))
    assert set(fields(settled[ends])) == {"executor_refresh_time"}, settled
    assert settled["version"] == 2 and len(mm.live_writes()) == 1


def test_a_restart_of_the_bridge_forgets_nothing(start_simulator, start_bridge, tmp_path):
    simulator = start_simulator()
    first = start_bridge(simulator, folder=tmp_path)
    mm = Bot(first, simulator, "kept")
    running(first, "kept", **MM)
    before = mm.patch({"refresh_s": 60, "pair": "ETH-USDT"})
    first.stop()
    mm.bridge = start_bridge(simulator, folder=tmp_path)
    assert mm.get() == before
    shown = until(lambda: (lambda b: b if b["state"] == "running" else None)(bot(mm.bridge, "kept")))
    assert shown["params_version"] == 2 and fields(shown["pending_redeploy"])
    assert mm.bridge.get("/bots/kept/config").json()["differences"] == []

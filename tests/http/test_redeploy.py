"""Redeploy, black box: the old instance is stopped with proof before the new one is made, there are never
two, the bot stays the same bot, a refused plan changes nothing, and every way in which it can fail is
told with what to do. The ledger judges."""
import concurrent.futures
import contextlib
import re
import shutil

import pytest

from conftest import ROOT
from lifecycle import (DEPLOY, Watch, assert_truth, bot, changes, command, deploys, ended, fault, fresh_name,
                       profit_fault, running, together, trading, until, until_state, until_step)

pytestmark = pytest.mark.usefixtures("clean")
SCALE = 10
STOP_BOT = "/bot-orchestration/stop-bot"
HALT, BOOT = "/docker/stop-container", "/docker/start-container"
MM = {"strategy": "spot_mm"}


def sent(simulator, *paths):
    return [w["path"] for w in simulator.ledger()["writes"] if w["path"].startswith(paths)]


def redeploy(bridge, name, body=None, states=("succeeded",)):
    op = ended(bridge, command(bridge, name, "redeploy", body)["operation"]["href"])
    assert op["state"] in states, f"{op}\n{bridge.log()[-3000:]}"
    return op


def refused(bridge, name, body, status, code):
    answer = bridge.post(f"/bots/{name}/redeploy", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


def renewed(bridge, simulator, name, before):
    """It is the same bot, with another instance, and that alone trades."""
    shown = until_state(bridge, name, "running")
    assert shown["id"] == before["id"] and shown["instance"] != before["instance"]
    assert trading(simulator, name) == [shown["instance"]]
    assert shown["pending_redeploy"] == []
    return shown


def test_a_plan_with_its_differences_then_the_change(bridge, simulator):
    name = fresh_name("renew")
    before = running(bridge, name, **MM)
    simulator.control("DELETE", "/ledger")
    body = {"params": {"pair": "ETH-USDT", "refresh_s": 60}}
    plan = command(bridge, name, "redeploy", {**body, "dry_run": True}, expect=200)
    fields = {c["field"]: (c["from"], c["to"]) for c in plan["changes"]}
    assert fields["trading_pair"] == ("BTC-USDT", "ETH-USDT"), plan
    assert fields["executor_refresh_time"] == (120, 60)
    assert plan["params"]["pair"] == "ETH-USDT" and plan["image"]["from"] == plan["image"]["to"]
    assert len(plan["effects"]) > 1 and plan["files"]
    assert changes(simulator) == [] and bot(bridge, name)["pending_redeploy"] == []

    with Watch(simulator, name):
        answer = command(bridge, name, "redeploy", body)
        assert answer["intent"] == "run" and answer["params"]["pair"] == "ETH-USDT"
        op = ended(bridge, answer["operation"]["href"])
        assert op["state"] == "succeeded" and op["kind"] == "redeploy", op
    assert {c["field"]: (c["from"], c["to"]) for c in op["changes"]} == fields
    assert [s["name"] for s in op["steps"]] == [
        "image", "inspect", "stop_bot", "proof_of_stop", "stop_container", "upload_controllers",
        "upload_script", "verify_files", "deploy", "container", "proof_of_life"], op
    shown = renewed(bridge, simulator, name, before)
    assert shown["pair"] == "ETH-USDT" and shown["params"]["refresh_s"] == 60
    past = shown["past_instances"]
    assert [p["instance"] for p in past] == [before["instance"]] and past[0]["pnl"], past
    assert past[0]["ended_at"] and past[0]["image"] == before["image"]
    assert deploys(simulator)[1] == 1 and sent(simulator, BOOT) == []
    assert bridge.get(f"/bots/{name}/config").json()["differences"] == []
    # The instance that ended is not taken for a bot of somebody else.
    assert not [b for b in bridge.get("/bots").json()["bots"] if b["name"] == before["instance"]]
    # What was asked for is what is wanted, and nothing waits.
    wanted = bridge.get(f"/bots/{name}/params").json()
    assert wanted["params"] == wanted["deployed"]["params"] and wanted["version"] == 2


def test_what_waits_is_taken(bridge, simulator):
    name = fresh_name("waits")
    before = running(bridge, name, **MM)
    answer = bridge.request("PATCH", f"/bots/{name}/params", json={"pair": "ETH-USDT"},
                            headers={"If-Match": '"1"'})
    assert answer.status_code == 200 and answer.json()["pending_redeploy"], answer.text
    op = redeploy(bridge, name)
    assert [c["field"] for c in op["changes"]].count("trading_pair") == 1, op
    assert renewed(bridge, simulator, name, before)["pair"] == "ETH-USDT"
    # Once more with nothing to change: the same bytes, another instance.
    before = bot(bridge, name)
    assert redeploy(bridge, name)["changes"] == []
    assert len(renewed(bridge, simulator, name, before)["past_instances"]) == 2


def test_a_refused_plan_changes_nothing(bridge, simulator):
    name = fresh_name("refused")
    before = running(bridge, name, **MM)
    simulator.control("DELETE", "/ledger")
    problem = refused(bridge, name, {"params": {"refresh_s": -5}}, 422, "invalid")
    assert problem["errors"][0]["pointer"] == "/params/refresh_s", problem
    refused(bridge, name, {"parms": {}}, 422, "invalid")
    refused(bridge, name, {"params": []}, 422, "invalid")
    refused(bridge, name, {"dry_run": "yes"}, 422, "invalid")
    problem = refused(bridge, name, {"generation": "0badc0de"}, 422, "invalid")
    assert problem["errors"][0] == {**problem["errors"][0], "pointer": "/generation", "code": "unknown_generation"}
    live = before["plugin"]
    assert f"There is {live['generation']} (version {live['version']}, live)" in problem["detail"], problem
    for word in ("", before["plugin"]["generation"][:7], "________", "%" * 8, "zz" * 40):
        problem = refused(bridge, name, {"generation": word}, 422, "invalid")
        assert problem["errors"][0]["code"] == "unknown_generation", problem
    refused(bridge, name, {"generation": 12345678}, 422, "invalid")
    refused(bridge, name, {"image": "evil/image:1"}, 422, "invalid")
    assert bridge.post("/bots/nobody/redeploy", json={}).status_code == 404
    assert changes(simulator) == []
    after = bot(bridge, name)
    assert after["operation"] == before["operation"] and after["params_version"] == 1
    assert after["state"] == "running" and after["instance"] == before["instance"]


def test_the_generation_that_is_live(bridge, simulator):
    name = fresh_name("generation")
    before = running(bridge, name, **MM)
    redeploy(bridge, name, {"generation": before["plugin"]["generation"]})
    renewed(bridge, simulator, name, before)


CHANGED = """(function(s)
  local build = s.build
  s.build = function(ctx, p, facts)
    local plan = build(ctx, p, facts)
    plan.controllers[1].config.cooldown_time = %d
    return plan
  end
  return s
end)(mm.spot(spot))"""


class Versions:
    """A plugin folder, and what the versions saved there are called."""

    def __init__(self, folder):
        shutil.copytree(ROOT / "plugins", folder, ignore=shutil.ignore_patterns("tests"))
        self.folder, self.file = folder, folder / "bitmart/plugin.lua"
        self.original = self.file.read_text()
        self.version = re.search(r'version = "([0-9.]+)"', self.original)[1]

    def named(self, text, version):
        return text.replace(f'version = "{self.version}"', f'version = "{version}"')

    def live(self, bridge, version, cooldown=None, text=None):
        """Saves a version and waits until it is live: its generation."""
        if cooldown:
            text = self.original.replace("mm.spot(spot)", CHANGED % cooldown)
        self.file.write_text(self.named(text or self.original, version))
        assert bridge.post("/plugins/reload", json={}).status_code == 200
        (shown,) = [p for p in bridge.get("/plugins").json()["plugins"] if p["name"] == "bitmart"]
        assert shown["version"] == version, shown
        return shown["hash"][:8]


def cooldown(bridge, name):
    found = bridge.get(f"/bots/{name}/config").json()
    assert found["differences"] == [], found
    (controller,) = [f["config"] for f in found["found"] if f["kind"] == "controller"]
    return controller["cooldown_time"]


def test_a_generation_that_was_live(world, tmp_path):
    """One bot goes back to the plugin it was made with while another version is live; a bridge that dies in the
    middle goes on with the same version, whatever is live then; and a batch takes it too."""
    start, simulator = world("kept", BRIDGE_PLUGINS=tmp_path / "plugins")
    versions = Versions(tmp_path / "plugins")
    bridge = start()
    name, second = fresh_name("kept"), fresh_name("kept")
    first = running(bridge, name, **MM)
    running(bridge, second, **MM)
    was, usual = first["plugin"]["generation"], cooldown(bridge, name)
    newer = versions.live(bridge, "2.0.0", 77)
    assert newer != was
    redeploy(bridge, name, {"generation": newer})
    before = bot(bridge, name)
    assert before["plugin"]["generation"] == newer and cooldown(bridge, name) == 77

    simulator.control("DELETE", "/ledger")
    problem = refused(bridge, name, {"generation": "0badc0de"}, 422, "invalid")
    assert f"{newer} (version 2.0.0, live), {was} (version {versions.version})" in problem["detail"], problem
    plan = command(bridge, name, "redeploy", {"generation": was, "dry_run": True}, expect=200)
    assert plan["generation"] == {"from": newer, "to": was}, plan
    assert [(c["field"], c["from"], c["to"]) for c in plan["changes"]] == [("cooldown_time", 77, usual)], plan
    assert changes(simulator) == []

    answer = command(bridge, name, "redeploy", {"generation": was})
    until_step(bridge, answer["operation"]["href"], "stop_bot")
    bridge.kill()
    versions.file.write_text(versions.file.read_text().replace("2.0.0", "3.0.0"))
    bridge = start()
    op = ended(bridge, answer["operation"]["href"])
    assert op["state"] == "succeeded", op
    shown = renewed(bridge, simulator, name, before)
    assert shown["plugin"]["generation"] == was and cooldown(bridge, name) == usual
    assert shown["plugin"]["version"] == versions.version

    answer = bridge.request("PATCH", f"/bots/{name}/params", json={"refresh_s": 300},
                            headers={"If-Match": f'"{shown["params_version"]}"'})
    assert "other_generation" in [w["code"] for w in answer.json()["warnings"]], answer.text

    href = many(bridge, {"bots": [name, second], "generation": newer, "pause_s": 0}).headers["Location"]
    assert [i["state"] for i in ended(bridge, href)["items"]] == ["succeeded"] * 2
    assert [bot(bridge, n)["plugin"]["generation"] for n in (name, second)] == [newer] * 2
    problem = many(bridge, {"bots": [name, second], "generation": "0badc0de"}, expect=422).json()
    assert problem["errors"][0]["code"] == "unknown_generation" and was in problem["detail"], problem
    many(bridge, {"bots": [name], "generation": 7, "dry_run": True}, expect=422)

    # The folder may be gone: what is kept suffices.
    shutil.rmtree(versions.folder / "bitmart")
    assert bridge.post("/plugins/reload", json={}).status_code == 200
    redeploy(bridge, name, {"generation": was})
    assert bot(bridge, name)["plugin"]["generation"] == was
    bridge.stop()
    simulator.stop()


def test_what_was_never_in_force_is_not_deployed(world, tmp_path):
    """An upload that waits for somebody to activate it is kept like the others."""
    start, simulator = world("draft", BRIDGE_PLUGINS=tmp_path / "plugins", BRIDGE_PLUGINS_LANE="draft",
                             BRIDGE_PLUGIN_UPLOAD="1")
    versions = Versions(tmp_path / "plugins")
    bridge = start()
    name = fresh_name("draft")
    running(bridge, name, **MM)
    files = {str(f.relative_to(versions.folder / "bitmart")): f.read_text()
             for f in (versions.folder / "bitmart").rglob("*.lua")}
    files["plugin.lua"] = versions.named(versions.original, "9.0.0")
    answer = bridge.request("PUT", "/plugins/bitmart", json={"files": files})
    assert answer.status_code == 200 and answer.json()["waits_for"], answer.text
    draft = answer.json()["to"]["generation"]
    assert draft in [g["generation"] for g in bridge.get("/plugins/bitmart/generations").json()["generations"]]
    problem = refused(bridge, name, {"generation": draft}, 422, "invalid")
    assert problem["errors"][0]["code"] == "unknown_generation" and "9.0.0" not in problem["detail"], problem
    bridge.stop()
    simulator.stop()


def test_stored_bytes_need_no_plugin(start_simulator, start_bridge, tmp_path):
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    simulator = start_simulator(TB_TIME_SCALE=SCALE)
    bridge = start_bridge(simulator, TB_TIME_SCALE=SCALE, BRIDGE_PLUGINS=tmp_path / "plugins")
    name = fresh_name("bytes")
    before = running(bridge, name, **MM)
    shutil.rmtree(tmp_path / "plugins" / "bitmart")
    assert bridge.post("/plugins/reload", json={}).status_code == 200
    redeploy(bridge, name)
    renewed(bridge, simulator, name, before)
    answer = bridge.post(f"/bots/{name}/redeploy", json={"params": {"refresh_s": 60}})
    assert answer.status_code == 422, answer.text
    bridge.stop()
    simulator.stop()


def test_an_unproven_stop_deploys_nothing(bridge, simulator):
    name = fresh_name("deaf")
    before = running(bridge, name, **MM)
    simulator.control("POST", "/conditions", {"broker": "down"})
    op = redeploy(bridge, name, {"params": {"pair": "ETH-USDT"}}, ("failed", "not_proven"))
    assert op["error"]["detail"] and "Nothing new was deployed" in op["error"]["hint"], op
    assert trading(simulator, name) == [before["instance"]] and deploys(simulator) == (1, 1)
    assert sent(simulator, HALT) == []
    simulator.control("POST", "/conditions", {"broker": "up"})
    shown = until_state(bridge, name, "running")
    # What was asked for waits, and the next redeploy takes it.
    assert [r["field"] for r in shown["pending_redeploy"]] == ["trading_pair"], shown
    redeploy(bridge, name)
    assert renewed(bridge, simulator, name, before)["pair"] == "ETH-USDT"


def test_a_deploy_that_fails_leaves_a_stopped_bot(bridge, simulator):
    name = fresh_name("broken")
    before = running(bridge, name, **MM)
    fault(simulator, "unauthorized", DEPLOY, count=0)
    op = redeploy(bridge, name, {"params": {"pair": "ETH-USDT"}}, ("failed",))
    assert "stopped" in op["error"]["hint"] and op["error"]["detail"], op
    shown = until_state(bridge, name, "failed")
    assert trading(simulator, name) == [] and shown["instance"] is None
    assert [p["instance"] for p in shown["past_instances"]] == [before["instance"]]
    assert shown["instance_pnl"] == [] and not profit_fault(shown), profit_fault(shown)
    simulator.control("DELETE", "/faults")
    done = ended(bridge, command(bridge, name, "start")["operation"]["href"])
    assert done["state"] == "succeeded", done
    assert renewed(bridge, simulator, name, before)["pair"] == "ETH-USDT"


def test_the_bot_goes_on_until_the_new_image_is_there(bridge, simulator):
    name = fresh_name("image")
    before = running(bridge, name, **MM)
    image = "hummingbot/hummingbot:version-2.14.0"
    fault(simulator, "error_detail", "/docker/pull-image", count=0, detail="pull access denied")
    op = redeploy(bridge, name, {"image": image}, ("failed",))
    assert "pull access denied" in op["error"]["detail"], op
    assert until_state(bridge, name, "running")["instance"] == before["instance"]
    assert sent(simulator, STOP_BOT) == [] and trading(simulator, name) == [before["instance"]]
    simulator.control("DELETE", "/faults")
    redeploy(bridge, name, {"image": image})
    assert renewed(bridge, simulator, name, before)["image"] == image


@pytest.mark.parametrize("how", ["stopped", "crashed", "archived"])
def test_of_a_bot_that_does_not_run(bridge, simulator, how):
    name = fresh_name(how)
    before = running(bridge, name, **MM)
    if how == "crashed":
        simulator.control("POST", f"/bots/{before['instance']}/crash")
        until_state(bridge, name, "failed")
    else:
        verb = {"stopped": "stop", "archived": "archive"}[how]
        assert ended(bridge, command(bridge, name, verb)["operation"]["href"])["state"] == "succeeded"
    redeploy(bridge, name, {"params": {"pair": "ETH-USDT"}})
    assert renewed(bridge, simulator, name, before)["pair"] == "ETH-USDT"
    assert deploys(simulator) == (2, 2)


def test_one_at_a_time_and_once(bridge, simulator):
    name = fresh_name("keyed")
    before = running(bridge, name, **MM)
    key = {"Idempotency-Key": f"redeploy-{name}"}

    def ask(_):
        return bridge.post(f"/bots/{name}/redeploy", json={}, headers=key)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    taken = [a for a in answers if a.status_code == 202]
    assert taken and {a.status_code for a in answers} <= {202, 409}, [a.text for a in answers]
    assert len({a.json()["operation"]["id"] for a in taken}) == 1
    refused(bridge, name, {"params": {"refresh_s": 60}}, 409, "operation_in_progress")
    assert ended(bridge, taken[0].headers["Location"])["state"] == "succeeded"
    again = ask(0)
    assert again.json()["operation"]["id"] == taken[0].json()["operation"]["id"]
    assert deploys(simulator) == (2, 2)
    renewed(bridge, simulator, name, before)


def test_a_stop_supersedes_at_any_time(world):
    def play(step):
        name = "early"
        start, simulator = world(step)
        bridge = start()
        running(bridge, name, **MM)
        with Watch(simulator, name):
            for path in ("/controllers/configs", "/scripts/configs", DEPLOY):
                fault(simulator, "latency", path, delay_ms=1500)
            href = command(bridge, name, "redeploy", {"params": {"refresh_s": 60}})["operation"]["href"]
            until_step(bridge, href, step)
            op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
            assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
            assert ended(bridge, href)["state"] in ("superseded", "succeeded")
            until_state(bridge, name, "stopped")
            now = simulator.ledger()["now_ms"]
            until(lambda: simulator.ledger()["now_ms"] > now + 30000)
            assert trading(simulator, name) == []
            # And it can be brought to an end.
            redeploy(bridge, name)
            shown = until_state(bridge, name, "running")
            assert shown["params"]["refresh_s"] == 60 and shown["pending_redeploy"] == []
        bridge.stop()
        simulator.stop()

    together([(s,) for s in ("stop_bot", "stop_container", "upload_script", "deploy",
                             "proof_of_life")], play)


def test_a_lost_deploy(world):
    def play(kind, delay):
        name = "lost"
        start, simulator = world(kind)
        bridge = start()
        before = running(bridge, name, **MM)
        with Watch(simulator, name):
            fault(simulator, kind, DEPLOY, delay_ms=delay)
            op = redeploy(bridge, name, {"params": {"pair": "ETH-USDT"}})
            shown = renewed(bridge, simulator, name, before)
            assert shown["pair"] == "ETH-USDT"
            assert_truth(bridge, simulator, name, op)
            now = simulator.ledger()["now_ms"]
            until(lambda: simulator.ledger()["now_ms"] > now + delay)
            assert trading(simulator, name) == [shown["instance"]]
        bridge.stop()
        simulator.stop()

    together([("drop_after", 0), ("drop_before", 0), ("late", 100000), ("created", 0),
              ("success_shaped_failure", 0), ("error500", 0)], play)


def test_kill_9_at_every_step(world):
    def play(step):
        name = "killed"
        start, simulator = world(step)
        bridge = start()
        running(bridge, name, **MM)
        before = until(lambda: (lambda b: b if b["pnl"] else None)(bot(bridge, name)))
        with Watch(simulator, name):
            for path in (STOP_BOT, HALT, "/controllers/configs", "/scripts/configs", DEPLOY):
                fault(simulator, "latency", path, delay_ms=1500)
            href = command(bridge, name, "redeploy", {"params": {"pair": "ETH-USDT"}})["operation"]["href"]
            until_step(bridge, href, step)
            bridge.kill()
            bridge = start()
            op = ended(bridge, href)
            assert op["state"] == "succeeded", f"{op}\n{bridge.log()[-3000:]}"
            assert [c["field"] for c in op["changes"]] == ["trading_pair"], op
            shown = renewed(bridge, simulator, name, before)
            assert shown["pair"] == "ETH-USDT"
            (past,) = shown["past_instances"]
            assert past["instance"] == before["instance"] and not profit_fault(shown), profit_fault(shown)
            assert past["pnl"] and past["pnl"][0]["as_of"] >= before["pnl"][0]["as_of"], past
            assert_truth(bridge, simulator, name, op)
        assert deploys(simulator)[1] <= 3
        bridge.stop()
        simulator.stop()

    together([(s,) for s in ("image", "stop_bot", "proof_of_stop", "stop_container",
                             "upload_controllers", "deploy", "container", "proof_of_life")], play)


def test_what_is_left_of_the_old_instance_is_cleaned_up(bridge, simulator):
    name = fresh_name("left")
    before = running(bridge, name, **MM)
    redeploy(bridge, name)
    shown = renewed(bridge, simulator, name, before)
    base = before["instance"][:-16]

    def ours(answer):
        assert answer.status_code == 200, answer.text
        return {(i["kind"], i["name"]) for i in answer.json()["items"] if name in i["name"]}
    expected = {("container", before["instance"]), ("script_config", base), ("controller_config", base + "-1")}
    assert ours(bridge.post("/hummingbot/cleanup?dry_run=1", json={})) == expected
    assert ours(bridge.post("/hummingbot/cleanup", json={})) == expected
    ledger = simulator.ledger()
    assert [c["name"] for c in ledger["containers"] if name in c["name"]] == [shown["instance"]]
    assert before["instance"] in ledger["files"]["archived"]
    assert trading(simulator, name) == [shown["instance"]]
    assert ours(bridge.post("/hummingbot/cleanup?dry_run=1", json={})) == set()


# ---- many ----

def many(bridge, body, expect=202):
    answer = bridge.post("/bots/redeploy", json=body)
    assert answer.status_code == expect, answer.text
    return answer


def test_many_one_after_another(bridge, simulator):
    names = [fresh_name("many") for _ in range(3)]
    before = [running(bridge, n, **MM) for n in names]
    simulator.control("DELETE", "/ledger")
    body = {"bots": names, "params": {"refresh_s": 60}, "pause_s": 0}
    dry = many(bridge, {**body, "dry_run": True}, 200).json()
    assert [i["name"] for i in dry["items"]] == names and changes(simulator) == []
    op = ended(bridge, many(bridge, body).headers["Location"])
    assert op["state"] == "succeeded" and [i["state"] for i in op["items"]] == ["succeeded"] * 3, op
    for name, was in zip(names, before):
        assert renewed(bridge, simulator, name, was)["params"]["refresh_s"] == 60
    # Each has ended before the next begins.
    order = sent(simulator, STOP_BOT, DEPLOY)
    assert [p.startswith(DEPLOY) for p in order] == [False, True] * 3, order


def test_the_first_failure_ends_it(bridge, simulator):
    names = [fresh_name("fails") for _ in range(3)]
    before = [running(bridge, n, **MM) for n in names]
    simulator.control("POST", f"/bots/{before[1]['instance']}/silence")
    until_state(bridge, names[1], ("stale", "unknown"), timeout=120)
    op = ended(bridge, many(bridge, {"bots": names, "pause_s": 0}).headers["Location"], timeout=300)
    assert [i["state"] for i in op["items"]] == ["succeeded", "failed", "skipped"], op
    assert bot(bridge, names[2])["instance"] == before[2]["instance"]
    many(bridge, {"bots": ["nobody"]}, 422)
    many(bridge, {"bots": []}, 422)
    many(bridge, {}, 422)


def test_kill_9_in_the_middle_of_many(world):
    """Each bot is redeployed once, whatever the bridge had begun when it was killed."""
    names = ["one", "two", "three"]
    start, simulator = world("many")
    bridge = start()
    before = [running(bridge, n, **MM) for n in names]
    simulator.control("DELETE", "/ledger")
    with contextlib.ExitStack() as watching:
        for name in names:
            watching.enter_context(Watch(simulator, name))
        href = many(bridge, {"bots": names, "pause_s": 0}).headers["Location"]
        for count in (1, 2):
            until(lambda: len(sent(simulator, DEPLOY)) == count)
            bridge.kill()
            bridge = start()
        op = ended(bridge, href, timeout=300)
        assert [i["state"] for i in op["items"]] == ["succeeded"] * 3, op
        for name, was in zip(names, before):
            assert len(renewed(bridge, simulator, name, was)["past_instances"]) == 1
    assert deploys(simulator)[1] <= 5  # what a kill lost was burnt and made again
    bridge.stop()
    simulator.stop()


def test_an_adopted_bot(start_simulator, start_bridge):
    """Another bridge made it; what replaces it is this one's."""
    simulator = start_simulator(TB_TIME_SCALE=SCALE)
    first = start_bridge(simulator, TB_TIME_SCALE=SCALE)
    name = fresh_name("adopted")
    was = running(first, name)["instance"]
    first.stop()
    bridge = start_bridge(simulator, TB_TIME_SCALE=SCALE)

    def adopted():
        bots = bridge.post("/bots/adopt", json={"instances": [was], "dry_run": True}).json()["bots"]
        if not bots or bots[0]["reason"] or not bots[0]["redeployable"]["possible"]:
            return None
        return bridge.post("/bots/adopt", json={"instances": [was]}).json()["bots"][0]["id"]
    bot_id = until(adopted)
    bridge.post("/hummingbot/resume", json={})
    before = until_state(bridge, bot_id, "running")
    redeploy(bridge, bot_id, {"params": {"budget_quote": "250"}})
    shown = until_state(bridge, bot_id, "running")
    assert shown["instance"] != was and shown["params"]["budget_quote"] == "250", shown
    assert simulator.ledger()["trading"] == [shown["instance"]]
    assert [p["instance"] for p in shown["past_instances"]] == [was]
    # That it was taken over, and with what, stays known; only the figures begin anew.
    assert before["adoption"] and shown["adoption"] == before["adoption"]
    assert "opening" not in shown["pnl"][0] or shown["pnl"][0]["opening"] is None, shown["pnl"]
    history = bridge.get(f"/bots/{bot_id}/history").json()["history"]
    assert "adopted" in [entry["what"] for entry in history]
    answer = bridge.post(f"/bots/{bot_id}/release", json={})
    assert answer.status_code == 409 and "was adopted" in answer.json()["detail"], answer.text
    for verb in ("stop", "start"):
        assert ended(bridge, command(bridge, bot_id, verb)["operation"]["href"])["state"] == "succeeded"
    assert simulator.ledger()["trading"] == [shown["instance"]]
    bridge.stop()
    simulator.stop()

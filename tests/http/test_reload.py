"""Saves, lanes and versions of plugins through the bridge: what is live a moment after a save, who sees
drafts, and what survives."""
import contextlib
import io
import json
import os
import sqlite3
import tarfile
import time

import pytest

from conftest import TOKEN, clean_environment, run
from test_bad_plugins import CONTROLLER, PLUGIN

LIVE_S = 20  # far beyond any debounce, for a loaded machine with sanitizers


def source(version="1.0.0", name="good", check="", build=CONTROLLER, extra="", title="T"):
    parts = {"name": name, "title": title, "extra": extra, "check": check, "build": build}
    return (PLUGIN % parts).replace('version = "1.0.0"', f'version = "{version}"')


def save(folder, text, name="plugin.lua"):
    """As editors do: another file, renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".saving").write_text(text)
    os.rename(folder / ".saving", folder / name)


def until(condition, what, timeout=LIVE_S):
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.01)
    return found


def plugin(bridge, name="good"):
    return bridge.get(f"/plugins/{name}").json()


def version(bridge, name="good", **query):
    answer = bridge.get(f"/exchanges/{name}", params=query)
    return answer.json().get("version") if answer.status_code == 200 else None


@pytest.fixture
def good(tmp_path):
    save(tmp_path / "plugins/good", source())
    return tmp_path / "plugins/good"


@pytest.fixture
def open_bridge(start_bridge, simulator, good, tmp_path):
    def start(upstream=simulator, **env):
        program = start_bridge(upstream, folder=tmp_path, BRIDGE_PLUGINS=good.parent, **env)
        program.env = clean_environment(BRIDGE_PLUGINS=good.parent, BRIDGE_ADMIN_TOKEN=TOKEN, HUMMINGBOT_API_URL=upstream.url,
                                        BRIDGE_STORE=tmp_path / "data/bridge.db", **env)
        program.wait_until(lambda: program.get("/readyz").status_code == 200)
        return program
    return start


def test_a_save_is_live(open_bridge, good):
    bridge = open_bridge()
    before = bridge.get("/exchanges/good")
    assert before.headers["X-Plugin-Generation"] == f"good={before.json()['generation']}"
    save(good, source("1.0.1"))
    until(lambda: version(bridge) == "1.0.1", "the save is not live")
    after = bridge.get("/exchanges/good/strategies/s")
    assert after.headers["X-Plugin-Generation"] == f"good={after.json()['generation']}" != before.headers["X-Plugin-Generation"]
    plan = bridge.post("/bots/plan", json={"name": "p", "exchange": "good", "strategy": "s"})
    assert plan.headers["X-Plugin-Generation"] == f"good={plan.json()['plugin']['generation']}" == after.headers["X-Plugin-Generation"]
    bridge.stop()


def generation(bridge, name="good"):
    return plugin(bridge, name)["hash"]


def order(bridge, verb, expect=200, **body):
    answer = bridge.post(f"/plugins/good/{verb}", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def checked(bridge):
    """What `check` says with the bridge's own settings, whether it runs or not."""
    return run("check", env={**bridge.env, "PORT": str(bridge.port)}).stdout


def versions(bridge):
    rows = bridge.get("/plugins/good/generations").json()["generations"]
    return [(r["version"], r["live"]) for r in rows]


def test_a_draft_waits_for_a_developer(open_bridge, good, start_bridge):
    """The first start takes the folder; later saves are drafts; an activated one survives kill -9."""
    bridge = open_bridge(BRIDGE_PLUGINS_LANE="draft")
    assert version(bridge) == "1.0.0" and plugin(bridge)["draft"] is None
    save(good, source("2.0.0", build=CONTROLLER.replace("= p.budget_quote", "= 7")))
    draft = until(lambda: plugin(bridge)["draft"], "no draft")
    assert draft["version"] == "2.0.0" and draft["origin"] == "folder"
    assert version(bridge) == version(bridge, lane="live") == "1.0.0" and version(bridge, lane="draft") == "2.0.0"
    wish = {"name": "p", "exchange": "good", "strategy": "s"}
    live = bridge.post("/bots/plan", json=wish).json()
    tried = bridge.post("/bots/plan", json=wish, params={"lane": "draft"})
    assert live["plan_id"] and "total_amount_quote\":7" in tried.json()["files"][0]["bytes"]
    assert tried.json()["plan_id"] is None and tried.headers["X-Plugin-Generation"] == f"good={draft['hash']}"
    assert bridge.get("/exchanges/good", params={"lane": "other"}).status_code == 400

    shown = order(bridge, "activate", dry_run=True)
    assert shown["from"]["version"] == "1.0.0" and shown["to"] == {"generation": draft["hash"], "version": "2.0.0"}
    assert shown["diff"][0]["path"] == "good/plugin.lua"
    assert '\n+  api = 1, name = "good", title = "T", version = "2.0.0"' in shown["diff"][0]["text"]
    assert shown["diff"][0]["added"] == shown["diff"][0]["removed"] == 2 and version(bridge) == "1.0.0"
    assert order(bridge, "activate", expect=409, generation="0" * 8)["code"] == "conflict"
    assert order(bridge, "activate", generation=draft["hash"])["dry_run"] is False
    assert version(bridge) == "2.0.0" and plugin(bridge)["draft"] is None
    assert order(bridge, "activate", expect=409)["code"] == "wrong_state"
    assert versions(bridge) == [("2.0.0", True), ("1.0.0", False)]

    save(good, "return {")
    until(lambda: plugin(bridge)["status"] == "kept", "the broken save is not told")
    bridge.kill()
    bridge = open_bridge(BRIDGE_PLUGINS_LANE="draft")
    assert version(bridge) == "2.0.0" and plugin(bridge)["error"]["line"] == 1
    save(good, source("3.0.0"))
    until(lambda: version(bridge, lane="draft") == "3.0.0", "no draft")
    assert version(bridge) == "2.0.0"
    bridge.stop()


def test_who_may(open_bridge, good):
    bridge = open_bridge(BRIDGE_PLUGINS_LANE="draft")
    tokens = {role: {"Authorization": "Bearer " + bridge.make_token(role)["token"]} for role in ("developer", "operator", "scrape")}
    save(good, source("2.0.0"))
    until(lambda: plugin(bridge)["draft"], "no draft")
    wish = {"name": "p", "exchange": "good", "strategy": "s"}
    for role, drafts, lives in (("developer", 200, 403), ("operator", 403, 200), ("scrape", 403, 403)):
        def status(method, path, **more):
            return bridge.request(method, path, token=False, headers=tokens[role], **more).status_code
        for lane, expected in (({"lane": "draft"}, drafts), ({"lane": "live"}, drafts), ({}, lives)):
            assert status("GET", "/exchanges/good/strategies/s", params=lane) == expected, (role, lane)
            assert status("POST", "/bots/plan", params=lane, json=wish) == expected, (role, lane)
        assert status("GET", "/plugins/good/generations") == drafts
        assert status("POST", "/plugins/good/activate", json={"dry_run": True}) == drafts
    bridge.stop()


def test_a_rollback_holds_until_the_folder_changes(open_bridge, good):
    bridge = open_bridge()
    save(good, source("2.0.0"))
    until(lambda: version(bridge) == "2.0.0", "not live")
    first = bridge.get("/plugins/good/generations").json()["generations"][1]["generation"]
    shown = order(bridge, "rollback", dry_run=True)
    assert shown["to"] == {"generation": first, "version": "1.0.0"} and version(bridge) == "2.0.0"
    order(bridge, "rollback")
    now = plugin(bridge)
    assert version(bridge) == "1.0.0" and now["pin"] == "rollback" and first in now["shadowed"]
    assert bridge.post("/plugins/reload").json()["plugins"][0]["status"] == "unchanged"
    assert "pinned by a rollback" in checked(bridge)
    assert version(bridge) == "1.0.0"
    bridge.kill()
    assert "pinned by a rollback" in checked(bridge)
    bridge = open_bridge()
    assert version(bridge) == "1.0.0" and plugin(bridge)["pin"] == "rollback"
    assert order(bridge, "rollback", expect=409, generation=first)["code"] == "wrong_state"
    save(good, source("3.0.0"))
    until(lambda: version(bridge) == "3.0.0", "the folder stays shadowed")
    assert plugin(bridge)["pin"] is None and plugin(bridge)["shadowed"] is None
    order(bridge, "rollback", generation=first)
    order(bridge, "activate")
    assert version(bridge) == "3.0.0" and plugin(bridge)["pin"] is None
    bridge.stop()


def test_a_broken_folder_at_the_start_serves_what_was_live(open_bridge, good):
    bridge = open_bridge()
    save(good, source("2.0.0"))
    until(lambda: version(bridge) == "2.0.0", "not live")
    bridge.kill()
    save(good, "return {")
    bridge = open_bridge()
    assert version(bridge) == "2.0.0" and plugin(bridge)["status"] == "kept"
    save(good, source("2.0.1"))
    until(lambda: version(bridge) == "2.0.1", "the repair is not live")
    bridge.stop()


def test_which_bots_would_be_built_differently(open_bridge, good, start_simulator):
    bridge = open_bridge(start_simulator(), BRIDGE_PLUGINS_LANE="draft", BRIDGE_PLUGIN_UPLOAD=1)
    for name in ("one", "two"):
        answer = bridge.post("/bots", json={"name": name, "exchange": "good", "strategy": "s", "params": {"budget_quote": {"one": "50", "two": "500"}[name]}})
        assert answer.status_code == 202, answer.text
    build = "if tostring(p.budget_quote) == '500' then p.budget_quote = 9 end " + CONTROLLER
    save(good, source("2.0.0", build=build))
    until(lambda: plugin(bridge)["draft"], "no draft")
    before = bridge.get("/bots").json()
    shown = order(bridge, "activate", dry_run=True)
    assert [(b["name"], b["change"], b["fields"]) for b in shown["bots"]] == [("two", "differs", ["/controllers/0/config/total_amount_quote"])]
    assert shown["living"] == 2 and shown["built_the_same"] == 1
    save(good, source("3.0.0", build="error('no')"))
    until(lambda: plugin(bridge)["draft"]["version"] == "3.0.0", "no draft")
    shown = order(bridge, "activate", dry_run=True)
    assert {b["change"] for b in shown["bots"]} == {"fails"} and "good/plugin.lua" in shown["bots"][0]["detail"]
    assert [b["config"] for b in bridge.get("/bots").json()["bots"]] == [b["config"] for b in before["bots"]]

    # So is what serves when an upload is taken away: the folder's, or nothing.
    save(good, source("4.0.0", build=build))
    until(lambda: plugin(bridge)["draft"]["version"] == "4.0.0", "no draft")
    put(bridge, source("5.0.0"))
    shown = delete(bridge, dry_run=1)
    assert shown["from"] == shown["to"] and shown["bots"] == [] and shown["diff"] == [], "it only waits"
    order(bridge, "activate")
    shown = delete(bridge, dry_run=1)
    assert (shown["from"]["version"], shown["to"]["version"]) == ("5.0.0", "4.0.0") and shown["diff"], shown
    assert [(b["name"], b["change"]) for b in shown["bots"]] == [("two", "differs")] and shown["deleted"] is None
    assert version(bridge) == "5.0.0" and plugin(bridge)["pin"] == "upload"
    (good / "plugin.lua").unlink()
    good.rmdir()
    until(lambda: "no folder" in plugin(bridge)["shadowed"], "the folder is still there")
    shown = delete(bridge, dry_run=1)
    assert shown["to"] is None and [b["change"] for b in shown["bots"]] == ["fails", "fails"], shown
    assert shown["dry_run"] is True and version(bridge) == "5.0.0"
    gone = delete(bridge)
    assert (gone["dry_run"], gone["deleted"], gone["to"]) == (False, "good", None) and bridge.get("/plugins/good").status_code == 404
    bridge.stop()


TESTS = """
local test = require("bridge.test")
test.case("the budget is handed on", function(t)
  local plan = t.plan("s", { budget_quote = "50" })
  t.equal(plan.controllers[1].config.total_amount_quote, "50")
end)
test.case("known", function(t) t.golden("usual", t.plan("s", {}).controllers) end)
return {}
"""
WRONG = CONTROLLER.replace("= p.budget_quote", "= 7")
OTHER = CONTROLLER.replace("connector_name", "other_name")


@pytest.mark.parametrize("gate", [None, "strict"])
def test_a_plugin_that_fails_its_own_tests_keeps_the_last_good_version(open_bridge, good, gate):
    save(good / "tests", TESTS, "usual.lua")
    bridge = open_bridge(BRIDGE_PLUGIN_GATE=gate)
    run("plugin", "test", "--bless", env=bridge.env)
    assert (good / "tests/golden/usual.json").exists()
    save(good, source("2.0.0", build=WRONG))
    until(lambda: plugin(bridge)["status"] == "kept", "the failing tests are not told")
    error = plugin(bridge)["error"]
    assert "1 of its 2 tests fail: good/tests/usual.lua: the budget is handed on" in error["message"] and "7" in error["message"]
    assert version(bridge) == "1.0.0"
    save(good, source("3.0.0", build=OTHER))
    if gate:
        until(lambda: "golden" in plugin(bridge)["error"]["message"], "the golden difference is not told")
        assert version(bridge) == "1.0.0"
    else:
        until(lambda: version(bridge) == "3.0.0", "the version is not live")
        assert plugin(bridge)["golden_differ"] == 1 and "1 golden differ" in bridge.log()
    run("plugin", "test", "--bless", env=bridge.env)
    until(lambda: version(bridge) == "3.0.0" and plugin(bridge)["golden_differ"] == 0, "the blessing is not seen")
    assert "error" not in plugin(bridge)
    bridge.stop()


def test_a_form_is_checked_without_a_plan(open_bridge, good):
    """In either lane; nothing is stored."""
    bridge = open_bridge(BRIDGE_PLUGINS_LANE="draft")
    save(good, source("2.0.0", check="check = function(ctx, p, market, report) report:error('budget_quote', 'boom', {}) end,"))
    until(lambda: plugin(bridge)["draft"], "no draft")

    def check(body, status=200, **query):
        answer = bridge.post("/exchanges/good/strategies/s/check", json=body, params=query)
        assert answer.status_code == status, answer.text
        return answer
    live = check({"params": {"budget_quote": "50"}})
    assert live.json()["ok"] and live.json()["params"]["budget_quote"] == "50" and live.json()["plugin_log"] == []
    assert live.headers["X-Plugin-Generation"] == f"good={generation(bridge)}"
    wrong = check({"params": {"budget_quote": "5", "other": 1}}).json()
    assert not wrong["ok"] and {e["pointer"] for e in wrong["errors"]} == {"/params/budget_quote", "/params/other"}
    draft = check({}, lane="draft")
    assert [e["code"] for e in draft.json()["errors"]] == ["boom"]
    assert draft.headers["X-Plugin-Generation"] == f"good={plugin(bridge)['draft']['hash']}"
    for body in ({"parms": {}}, {"params": 5}, {"account": {}}):
        assert check(body, 422).json()["errors"]
    assert bridge.post("/exchanges/good/strategies/none/check", json={}).status_code == 404
    bridge.stop()


def audited(bridge, method, route):
    """The documents of the audit rows of one route, oldest first; the bridge must not run."""
    with contextlib.closing(sqlite3.connect(bridge.folder / "data/bridge.db")) as db:
        return [json.loads(doc) for (doc,) in db.execute("SELECT doc FROM audit WHERE method = ? AND route = ? AND code IS NULL ORDER BY id", (method, route))]


def test_the_audit_names_the_generation(open_bridge, good, start_simulator):
    bridge = open_bridge(start_simulator(), BRIDGE_PLUGINS_LANE="draft")
    first = generation(bridge)
    assert bridge.post("/bots", json={"name": "b", "exchange": "good", "strategy": "s"}).status_code == 202
    save(good, source("2.0.0"))
    draft = until(lambda: plugin(bridge)["draft"], "no draft")["hash"]
    order(bridge, "activate", dry_run=True)
    order(bridge, "activate")
    bridge.stop()
    assert [d["plugin"]["generation"] for d in audited(bridge, "POST", "/bots")] == [first]
    assert audited(bridge, "POST", "/plugins/{plugin}/activate") == [{"plugin": "good", "generation": draft}], "looking changes nothing"


# ---- uploads ----

ACTION = """actions = { prove = { title = "Prove", role = "operator", needs = { %s }, run = function(ctx, p, hb) end } },"""


def put(bridge, text=None, name="good", files=None, expect=200, token=True, **query):
    body = {"files": files or {"plugin.lua": text}}
    answer = bridge.request("PUT", f"/plugins/{name}", json=body, params=query, **({"token": False, "headers": token} if token is not True else {}))
    assert answer.status_code == expect, answer.text
    return answer.json()


def delete(bridge, expect=200, **query):
    answer = bridge.delete("/plugins/good", params=query)
    assert answer.status_code == expect, answer.text
    return answer.json()


def tar_of(*members):
    """members: (name, bytes) or (name, type, link)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content, *link in members:
            info = tarfile.TarInfo(name)
            info.mtime = 1.5
            if link:
                info.type, info.linkname = content, link[0]
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def put_tar(bridge, *members, raw=None):
    return bridge.request("PUT", "/plugins/good", data=raw if raw is not None else tar_of(*members), headers={"Content-Type": "application/x-tar"})


def test_uploads_are_off_until_allowed(open_bridge):
    bridge = open_bridge()
    answer = put(bridge, source("2.0.0"), expect=403)
    assert "BRIDGE_PLUGIN_UPLOAD=1" in answer["detail"] and version(bridge) == "1.0.0"
    assert bridge.delete("/plugins/good").status_code == 403
    bridge.stop()


def test_an_upload_is_pinned_until_a_person_says_otherwise(open_bridge, good):
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1)
    shown = put(bridge, source("2.0.0"), dry_run=1)
    assert shown["to"]["version"] == "2.0.0" and shown["waits_for"] is None and version(bridge) == "1.0.0"
    put(bridge, source("2.0.0"))
    assert version(bridge) == "2.0.0" and plugin(bridge)["pin"] == "upload" and plugin(bridge)["shadowed"]
    save(good, source("3.0.0"))
    until(lambda: (plugin(bridge)["draft"] or {}).get("version") == "3.0.0", "the folder's version is not offered")
    assert version(bridge) == "2.0.0"
    bridge.kill()
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1)
    assert version(bridge) == "2.0.0" and plugin(bridge)["pin"] == "upload"
    order(bridge, "activate")
    assert version(bridge) == "3.0.0" and plugin(bridge)["pin"] is None
    order(bridge, "rollback")
    assert version(bridge) == "2.0.0" and plugin(bridge)["pin"] == "upload", "what was uploaded stays pinned as an upload"
    assert bridge.delete("/plugins/good").status_code == 200
    assert version(bridge) == "3.0.0"
    assert bridge.delete("/plugins/good").json()["code"] == "wrong_state"

    put(bridge, source("1.0.0", name="fresh"), name="fresh")
    assert version(bridge, "fresh") == "1.0.0" and "no folder" in plugin(bridge, "fresh")["shadowed"]
    answer = put_tar(bridge, ("good/plugin.lua", source("4.0.0").encode()), ("good/tests/golden/x.json", b"{}"), ("good/README.md", b"x"), ("good/lib", tarfile.DIRTYPE, ""))
    assert answer.status_code == 200, answer.text
    assert version(bridge) == "4.0.0"
    bridge.kill()
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1)
    assert version(bridge, "fresh") == "1.0.0" and version(bridge) == "4.0.0"
    assert bridge.delete("/plugins/fresh").status_code == 200
    assert bridge.get("/plugins/fresh").status_code == 404
    bridge.stop()


def test_actions_that_want_more_wait_for_an_admin(open_bridge, good):
    save(good, source("1.0.0", extra=ACTION % '"accounts.list"'))
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1)
    developer = {"Authorization": "Bearer " + bridge.make_token("developer")["token"]}
    answer = put(bridge, source("2.0.0", extra=ACTION % '"accounts.list"'), token=developer)
    assert answer["waits_for"] is None and answer["needs_added"] == [] and version(bridge) == "2.0.0"
    answer = put(bridge, source("3.0.0", extra=ACTION % '"accounts.list", "gateway.status"'), token=developer)
    assert answer["waits_for"] == "admin" and answer["needs_added"] == ["gateway.status"]
    assert version(bridge) == "2.0.0" and plugin(bridge)["draft"]["origin"] == "upload"
    refused = bridge.request("POST", "/plugins/good/activate", json={}, token=False, headers=developer)
    assert refused.status_code == 403 and "gateway.status" in refused.json()["detail"]
    bridge.kill()
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1)
    assert version(bridge) == "2.0.0" and version(bridge, lane="draft") == "3.0.0"
    order(bridge, "activate")
    assert version(bridge) == "3.0.0" and plugin(bridge)["pin"] == "upload" and plugin(bridge)["draft"]["origin"] == "folder"
    bridge.stop()


def test_deleting_an_upload_activates_no_more_than_one_may(open_bridge, good):
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1, BRIDGE_PLUGINS_LANE="draft")
    developer = {"Authorization": "Bearer " + bridge.make_token("developer")["token"]}
    assert put(bridge, source("2.0.0"), token=developer)["waits_for"] == "developer" and version(bridge) == "1.0.0"
    order(bridge, "activate")
    assert version(bridge) == "2.0.0" and plugin(bridge)["pin"] == "upload"
    save(good, source("3.0.0", extra=ACTION % '"accounts.list"'))
    until(lambda: plugin(bridge)["draft"]["version"] == "3.0.0", "no draft")
    shown = bridge.request("DELETE", "/plugins/good?dry_run=1", token=False, headers=developer).json()
    assert shown["waits_for"] == "admin" and shown["needs_added"] == ["accounts.list"]
    assert bridge.request("DELETE", "/plugins/good", token=False, headers=developer).status_code == 403
    assert version(bridge) == "2.0.0" and plugin(bridge)["pin"] == "upload"
    assert bridge.delete("/plugins/good").status_code == 200
    assert version(bridge) == "3.0.0" and plugin(bridge)["pin"] is None
    bridge.stop()


BUNDLES = {
    "climbs": ({"../evil/plugin.lua": "return {}"}, "inside the plugin"),
    "climbs inside": ({"lib/../../evil.lua": "x"}, "inside the plugin"),
    "absolute": ({"/etc/plugin.lua": "x"}, "inside the plugin"),
    "backslash": ({"lib\\x.lua": "x"}, "inside the plugin"),
    "of another plugin": ({"other/plugin.lua": source()}, "plugin.lua is missing"),
    "no plugin.lua": ({"lib/x.lua": "return 1"}, "plugin.lua is missing"),
    "another kind": ({"plugin.lua": source(), "run.sh": "rm"}, "neither"),
    "a name with control characters": ({"x\u001b[31m.lua": "x"}, "is no Lua file"),
    "twice": ({"plugin.lua": source(), "good/plugin.lua": source()}, "twice"),
    "too many": ({"plugin.lua": source(), **{f"m{i}.lua": "return 1" for i in range(70)}}, "at most 64 files"),
    "too large a file": ({"plugin.lua": source(), "big.lua": "-" * 300_000}, "256 KiB"),
    "too large together": ({"plugin.lua": source(), **{f"m{i}.lua": "--" * 100_000 for i in range(8)}}, "1 MiB"),
    "too deep": ({"a/b/c/d/e/f.lua": "x"}, "is no Lua file"),
    "bytecode": ({"plugin.lua": "\u001bLuaS"}, "binary"),
    "syntax": ({"plugin.lua": "return {\n  api = = 1 }"}, "good/plugin.lua:2"),
    "fields": ({"plugin.lua": "return { api = 1 }"}, "lacks"),
    "arity": ({"plugin.lua": source(build="end, check = function(a, b, c, d, e)")}, "parameters"),
    "name": ({"plugin.lua": source(name="other")}, "named"),
    "circle": ({"plugin.lua": "return require('a')", "a.lua": "return require('b')", "b.lua": "return require('a')"}, "required in a circle"),
    "outside": ({"plugin.lua": "return require('../other/plugin')"}, "plugin.lua:1"),
    "fails its tests": ({"plugin.lua": source(build=WRONG), "tests/usual.lua": TESTS}, "tests fail"),
    "no text": ({"plugin.lua": 5}, "is no text"),
}
TARS = {
    "a link": [("plugin.lua", tarfile.SYMTYPE, "/etc/passwd")],
    "a hard link": [("plugin.lua", source().encode()), ("x.lua", tarfile.LNKTYPE, "plugin.lua")],
    "a device": [("plugin.lua", tarfile.CHRTYPE, "")],
    "a pipe": [("plugin.lua", tarfile.FIFOTYPE, "")],
    "climbs": [("../evil.lua", b"return 1")],
    "absolute": [("/tmp/evil.lua", b"return 1")],
    "a climbing folder": [("plugin.lua", source().encode()), ("../evil", tarfile.DIRTYPE, "")],
    "a bomb of entries": [("plugin.lua", source().encode())] + [(f"d{i}", tarfile.DIRTYPE, "") for i in range(600)],
    "a renaming header": [("x" * 150 + ".lua", b"return 1")],
}


def test_bad_bundles_are_refused_whole(open_bridge, good):
    bridge = open_bridge(BRIDGE_PLUGIN_UPLOAD=1)
    before = plugin(bridge)
    for what, (files, words) in BUNDLES.items():
        answer = put(bridge, files=files, expect=422)
        assert words in answer["detail"], (what, answer)
        assert "\x1b" not in answer["detail"]
    assert put(bridge, files=BUNDLES["syntax"][0], expect=422)["errors"][0]["hint"].startswith("    1 | return {")
    for what, members in TARS.items():
        answer = put_tar(bridge, *members)
        assert answer.status_code == 422, (what, answer.text)
    whole = tar_of(("plugin.lua", source("9.0.0").encode()))
    for raw in (b"", b"x" * 2000, whole[:700], b"\x1f\x8b" + whole, whole[:100] + b"y" + whole[101:]):
        assert put_tar(bridge, raw=raw).status_code == 422, raw[:20]
    assert put(bridge, source(), name="My-Plugin", expect=422)["code"] == "invalid"
    assert put(bridge, source(), name="sdk", expect=422)["code"] == "invalid"
    assert bridge.request("PUT", "/plugins/good", data="x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert plugin(bridge) == before and not (good.parent.parent / "evil").exists()
    assert versions(bridge) == [("1.0.0", True)]
    bridge.stop()

"""What a plugin's mistake looks like: one problem document that says where, and a plugin whose transform keeps failing
is set aside, visibly, without its bots losing their figures."""
import itertools
import re
import shutil

import pytest

from conftest import ROOT
from lifecycle import bot, fresh_name, in_time, running, until

SCALE = 20

CHECKS = """-- Fails in the way that a parameter names, two frames deep.
local form = require("bridge.form")
local function deeper(p)
  local nothing = nil
  if p.how == "index" then return nothing.x end
  if p.how == "raise" then error("\\27[31mno\\n") end
  while p.how == "loop" do end
end
local function deep(p)
  deeper(p)
  return true
end
return {
  api = 1, name = "wrong", title = "Wrong", version = "1", connectors = { "bitmart" },
  strategies = { {
    name = "s", revision = 1, title = "S", summary = "S", risk = "low", executors = { "position" },
    form = form.of { form.enum("how", { values = { "index", "raise", "loop", "fine" }, default = "fine" }) },
    risk_defaults = { max_loss_quote = "20", max_controller_loss_quote = "20" },
    check = function(ctx, p) deep(p) end,
    build = function() return { controllers = { { type = "generic", name = "grid_strike", config = {} } } } end,
  } },
}
"""

# Fails where requests are translated and where configs are recognised.
ODD = """-- Its words are looked up by a function that fails.
local form = require("bridge.form")
return {
  api = 1, name = "amiss", title = "Amiss", version = "1", connectors = { "amiss" },
  aliases = { strategies = setmetatable({}, { __index = function(_, word) return word:nonsense() end }) },
  strategies = { {
    name = "s", revision = 1, title = "S", summary = "S", risk = "low", executors = { "position" },
    form = form.of { form.integer("n", { default = 1, min = 1, max = 9 }) },
    risk_defaults = { max_loss_quote = "20", max_controller_loss_quote = "20" },
    build = function() return { controllers = { { type = "generic", name = "grid_strike", config = {} } } } end,
    recognise = function(ctx, configs) return configs.nothing.here end,
  } },
}
"""
TRANSFORM = 'transforms = {{ status = function(bot, raw, figures) {} end }},\n  log = require("log"),'


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator("--bots", "1", TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    plugins = tmp_path_factory.mktemp("plugins") / "plugins"
    shutil.copytree(ROOT / "plugins", plugins)
    (plugins / "wrong").mkdir()
    (plugins / "wrong/plugin.lua").write_text(CHECKS)
    (plugins / "amiss").mkdir()
    (plugins / "amiss/plugin.lua").write_text(ODD)
    return plugins


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator, folder):
    program = start_bridge(simulator, BRIDGE_PLUGINS=folder, TB_TIME_SCALE=SCALE)
    program.wait_until(lambda: program.get("/readyz").status_code == 200)
    return program


def problem(bridge, how):
    answer = in_time(lambda: bridge.post("/bots/plan", json={
        "name": "p", "exchange": "wrong", "strategy": "s", "account": "master_account", "params": {"how": how}}))
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.status_code == 500 and answer.json()["code"] == "plugin_failed", answer.text
    return answer.json()


def test_where_it_failed(bridge, folder):
    body = problem(bridge, "index")
    where = body["plugin"]
    line = CHECKS.splitlines().index('  if p.how == "index" then return nothing.x end') + 1
    assert body["detail"].startswith(f"wrong/plugin.lua:{line}: attempt to index a nil value")
    assert (where["name"], where["file"], where["line"]) == ("wrong", "wrong/plugin.lua", line)
    assert (where["hook"], where["pointer"]) == ("check", "/params")
    listed = {p["name"]: p for p in bridge.get("/plugins").json()["plugins"]}
    assert where["generation"] == listed["wrong"]["hash"]
    marked = [text for text in where["excerpt"].splitlines() if text.startswith(">")]
    caret = where["excerpt"].splitlines()[where["excerpt"].splitlines().index(marked[0]) + 1]
    assert marked[0].endswith("return nothing.x end") and caret.strip("| ") == "^"
    assert marked[0][caret.index("^"):].startswith("nothing"), where["excerpt"]
    assert [f["line"] for f in where["frames"]] == sorted((f["line"] for f in where["frames"]))
    assert len(where["frames"]) == 3 and {f["file"] for f in where["frames"]} == {"wrong/plugin.lua"}
    assert [f["function"] for f in where["frames"][:2]] == ["deeper", "deep"]
    assert "sdk/" not in str(where) and str(folder) not in str(body)


def test_what_it_says_steers_no_terminal(bridge):
    body = problem(bridge, "raise")
    assert "no" in body["detail"] and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", str(body))


def test_an_overrun_says_where(bridge):
    body = problem(bridge, "loop")
    assert "check ran longer than its 200 ms" in body["detail"]
    assert body["plugin"]["file"] == "wrong/plugin.lua" and body["plugin"]["frames"]


def test_words_that_cannot_be_translated(bridge):
    answer = bridge.post("/bots/plan", json={"name": "p", "exchange": "amiss", "strategy": "word"})
    assert (answer.status_code, answer.json()["code"]) == (500, "plugin_failed"), answer.text
    where = answer.json()["plugin"]
    line = next(n for n, text in enumerate(ODD.splitlines(), 1) if "nonsense" in text)
    assert (where["name"], where["file"], where["line"]) == ("amiss", "amiss/plugin.lua", line), where
    assert where["generation"] and where["excerpt"] and where["frames"]


def test_what_failed_to_recognise_a_bot_is_said(bridge, simulator):
    instance = next(b["instance"] for b in until(
        lambda: [b for b in bridge.get("/bots").json()["bots"] if not b["managed"]]))
    (row,) = bridge.post("/bots/adopt", json={"instances": [instance], "dry_run": True}).json()["bots"]
    (problem,) = row["plugin_problems"]
    line = next(n for n, text in enumerate(ODD.splitlines(), 1) if "nothing.here" in text)
    assert f"amiss/plugin.lua:{line}" in problem["message"], problem
    assert (problem["plugin"]["name"], problem["plugin"]["line"]) == ("amiss", line), problem


def test_upstream_is_not_the_plugins_fault(bridge, simulator):
    simulator.fault(match={"method": "GET", "path": "/connectors/"}, kind="error500", count=0)
    try:
        answer = bridge.post("/bots/plan", json={"name": "p", "exchange": "bitmart", "strategy": "spot_grid",
                                                 "account": "master_account", "params": {"pair": "ETH-USDT"}})
        assert answer.json()["code"].startswith("upstream") and "plugin" not in answer.json(), answer.text
    finally:
        simulator.control("DELETE", "/faults")


def change_transform(bridge, folder, body):
    """Until the saved version is live. A POST would let a breaker that has opened by then try again."""
    path = folder / "bitmart/plugin.lua"
    before = of(bridge, "/plugins", "plugins")["hash"]
    text = (ROOT / "plugins/bitmart/plugin.lua").read_text()
    assert 'log = require("log"),' in text
    path.write_text(text.replace('log = require("log"),', TRANSFORM.format(body)))
    until(lambda: of(bridge, "/plugins", "plugins")["hash"] != before, what=lambda: bridge.log()[-3000:])


def reload(bridge):
    answer = bridge.post("/plugins/reload", json={})
    assert answer.status_code == 200, answer.text


def of(bridge, path, key):
    return next(p for p in bridge.get(path).json()[key] if p["name"] == "bitmart")


def stirred(simulator, condition):
    """The condition, after the price has moved: a report that stays the same is not looked at again."""
    step = itertools.count()

    def look():
        simulator.control("POST", "/price", {"token": "BTC", "price": 60000 + 150 * (next(step) % 9)})
        return condition()
    return look


def flags(bridge, name):
    return [f["code"] for f in bot(bridge, name)["flags"]]


def test_a_transform_that_keeps_failing_is_set_aside(bridge, simulator, folder):
    name = fresh_name("aside")
    running(bridge, name)
    assert bot(bridge, name)["untransformed"] is False
    assert of(bridge, "/plugins", "plugins")["untransformed"] is None
    change_transform(bridge, folder, 'error("boom")')
    until(stirred(simulator, lambda: of(bridge, "/plugins", "plugins")["status"] == "broken"),
          what=lambda: bridge.log()[-3000:])
    why = of(bridge, "/plugins", "plugins")["untransformed"]
    assert "boom" in why["message"] and why["file"] == "bitmart/plugin.lua" and why["excerpt"] and why["hook"] == "status"
    assert "boom" in of(bridge, "/exchanges", "exchanges")["untransformed"]["message"]
    seen = until(stirred(simulator, lambda: bot(bridge, name)["untransformed"] and bot(bridge, name)))
    assert seen["pnl"] and "untransformed" in flags(bridge, name)  # the general figures go on
    log = bridge.log()
    assert log.count("plugin.untransformed") == 1 and log.count("plugin.transform:") >= 3, log[-3000:]

    # The same files again: whoever reloads wants them tried once more.
    reload(bridge)
    until(stirred(simulator, lambda: bridge.log().count("plugin.untransformed") == 2),
          what=lambda: bridge.log()[-3000:])

    # A new version is another plugin.
    change_transform(bridge, folder, 'figures.flags = { { code = "mine" } } return figures')
    until(stirred(simulator, lambda: flags(bridge, name) == ["mine"]), what=lambda: str(bot(bridge, name)))
    assert bot(bridge, name)["untransformed"] is False
    listed = of(bridge, "/plugins", "plugins")
    assert (listed["status"], listed["untransformed"]) == ("loaded", None)

"""Plugins that are broken or hostile by accident: each is listed with its fault or refused when it is
used, the others keep working, the server keeps serving, nothing is made."""
import os
import re
import shutil

import pytest

from conftest import ROOT
from lifecycle import in_time

PLUGIN = """
local form = require("bridge.form")
local json = require("bridge.json")
return {
  api = 1, name = "%(name)s", title = "%(title)s", version = "1.0.0", connectors = { "on_%(name)s" },
  messages = { boom = "boom" }, %(extra)s
  strategies = { {
    name = "s", revision = 1, title = "S", summary = "x", risk = "low", executors = { "position" },
    form = form.of { form.decimal("budget_quote", { default = "100", min = "20" }) }, budget = "budget_quote",
    %(check)s
    build = function(ctx, p, facts) %(build)s end,
  } },
}
"""
CONTROLLER = """return { controllers = { { type = "market_making", name = "pmm_simple",
  config = { total_amount_quote = p.budget_quote, connector_name = "bitmart", trading_pair = "BTC-USDT" } } } }"""
REPLACED = 'return {{ controllers = {{ {{ type = "{}", name = "{}", config = {{ total_amount_quote = 5 }} }} }} }}'

# name: (plugin.lua, words of its fault, line)
BROKEN = {
    "syntax": ("return {\n  api = = 1 }\n", "unexpected symbol", 2),
    "requires_none": ('return require("nope")', "nope", 1),
    "climbs": ('return require("../bitmart/spot")', "spot", 1),
    "load_loop": ("while true do end", "ran longer", 1),
    "load_bomb": ('local t = {} while true do t[#t + 1] = ("x"):rep(1e5) end', "memory", 1),
    "load_recursion": ("local function f() return 1 + f() end return f()", "memory", 1),
    "returns_number": ("return 5", "must return a table", 1),
    "returns_none": ("-- nothing\n", "exactly one value", None),
    "bytecode": ("\x1bLuaT\0\x19\x93\r\n\x1a\n", "binary chunk", 1),
    "has_nul": ("return {}\0", "", 1),
    "raises_table": ("error({ a = 1 })", "without a message", 1),
    "raises_lines": (r'error("<script>alert(1)</script>\27[31m\n2026-01-01T00:00:00.000Z error FAKE")', "<script>", 1),
    "empty_table": ("return {}", "lacks", 1),
    "too_big": ("-- " + "x" * 300_000, "256 KiB", None),
    "other_name": (PLUGIN % {"name": "good", "title": "T", "extra": "", "check": "", "build": CONTROLLER}, "name", None),
    "wants_world": ("return os.execute('id')", "nil", 1),
    "wants_files": ("return io.open('/etc/passwd')", "io", 1),
}
NAMES = ["My-Plugin", "sp ace", "UPPER", "b@d", "x" * 100, "1st", "ünder", "new\nline\x1b[31m"]


def lua(function):
    return f"check = function(ctx, p, market, report) {function} end,"


# name: (what of the plugin, status, code, words)
USED = {
    "loop_check": ({"check": lua("while true do end")}, 500, "plugin_failed", "check ran longer than its 200 ms"),
    "loop_pcall": ({"check": lua("while true do pcall(function() while true do end end) end")}, 500, "plugin_failed", "check ran longer than its 200 ms"),
    "loop_build": ({"build": "while true do end"}, 500, "plugin_failed", "build ran longer than its 200 ms"),
    "bomb_check": ({"check": lua('local t = {} while true do t[#t + 1] = ("x"):rep(1e5) end')}, 500, "plugin_failed", "memory"),
    "bomb_string": ({"check": lua('local s = "x" while true do s = s .. s end')}, 500, "plugin_failed", "memory"),
    "bomb_rep": ({"check": lua('("x"):rep(1 << 40)')}, 500, "plugin_failed", ""),
    "deep_lua": ({"check": lua("local function f() return 1 + f() end f()")}, 500, "plugin_failed", "memory"),
    "deep_coroutines": ({"check": lua("local function f() return coroutine.wrap(f)() end f()")}, 500, "plugin_failed", "C stack overflow"),
    "deep_resume": ({"check": lua("local function f() assert(coroutine.resume(coroutine.create(f))) end f()")}, 500, "plugin_failed", "deep_resume"),
    "deep_gsub": ({"check": lua('local function f(s) return (("aaa"):gsub(".", f)) end f("a")')}, 500, "plugin_failed", "C stack overflow"),
    "deep_sort": ({"check": lua("local function f() table.sort({ 3, 2, 1 }, function(a, b) f() return a < b end) end f()")}, 500, "plugin_failed", "C stack overflow"),
    "deep_index": ({"check": lua("local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end local x = t.a")}, 500, "plugin_failed", "C stack overflow"),
    "deep_json": ({"check": lua('require("cjson").decode(("["):rep(1e5))')}, 500, "plugin_failed", "nested"),
    "cyclic_json": ({"check": lua('local t = {} t.t = t require("cjson").encode(t)')}, 500, "plugin_failed", "nested"),
    "finalizer": ({"check": lua("setmetatable({}, { __gc = function() while true do end end })")}, 500, "plugin_failed", "__gc"),
    "writes": ({"check": lua('require("bridge.hb").docker.stop_container { container_name = "x" }')}, 500, "plugin_failed", "no such endpoint"),
    "secrets": ({"check": lua('require("bridge.hb").gateway.api_keys {}')}, 500, "plugin_failed", "hooks may only read"),
    "undeclared": ({"check": "check = function(ctx, p, market, report) local r, c = report, 'bo' .. 'mm' r:error('budget_quote', c) end,"}, 500, "plugin_failed", ""),
    "returns_text": ({"build": 'return "x"'}, 500, "plugin_failed", "build must return"),
    "returns_nil": ({"build": "return nil"}, 500, "plugin_failed", "build must return"),
    "no_controllers": ({"build": "return { controllers = {} }"}, 500, "plugin_failed", "build must return"),
    "wrong_types": ({"build": "return { controllers = { { type = 5, name = {}, config = 'x' } } }"}, 500, "plugin_failed", "controller 1"),
    "many": ({"build": "local c = {} for i = 1, 10000 do c[i] = { type = 'market_making', name = 'pmm_simple', config = { a = i } } end return { controllers = c }"}, 500, "plugin_failed", "at most 32"),
    "cyclic": ({"build": "local t = {} t.t = t return { controllers = { { type = 'generic', name = 'grid_strike', config = t } } }"}, 500, "plugin_failed", "contains itself"),
    "not_a_number": ({"build": "return { controllers = { { type = 'generic', name = 'grid_strike', config = { a = 0 / 0 } } } }"}, 500, "plugin_failed", "NaN"),
    "a_function": ({"build": "return { controllers = { { type = 'generic', name = 'grid_strike', config = { a = print } } } }"}, 500, "plugin_failed", "function"),
    "foreign": ({"build": REPLACED.format("generic", "evil")}, 422, "invalid", "does not have the controller"),
    "dots": ({"build": REPLACED.format("generic", "../../scripts/x")}, 500, "plugin_failed", "letters, digits"),
    "dots_type": ({"build": REPLACED.format("../scripts", "x")}, 500, "plugin_failed", "letters, digits"),
    "dots_script": ({"build": CONTROLLER[:-2] + ', script = { file = "../../evil.py" } }'}, 500, "plugin_failed", "script.file"),
    "foreign_script": ({"build": CONTROLLER[:-2] + ', script = { file = "evil.py" } }'}, 422, "invalid", "does not have the script"),
    "html": ({"build": r'error("<script>alert(1)</script>\27[31m\n2026-01-01T00:00:00.000Z error FAKE")'}, 500, "plugin_failed", "<script>"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The repository's plugins and those above."""
    plugins = tmp_path_factory.mktemp("plugins") / "plugins"
    shutil.copytree(ROOT / "plugins", plugins)

    def add(name, source):
        (plugins / name).mkdir()
        (plugins / name / "plugin.lua").write_bytes(source.encode("latin-1"))

    def good(name, **parts):
        add(name, PLUGIN % {"name": name, "title": "T", "extra": "", "check": "", "build": CONTROLLER, **parts})

    good("good")
    good("hostile_text", title="<img src=x onerror=alert(1)>")
    good("owns_ids", build='return { controllers = { { type = "market_making", name = "pmm_simple", config = '
         '{ id = "mine", controller_name = "evil", controller_type = "evil", total_amount_quote = 5 } } } }')
    good("loop_status", extra="transforms = { status = function() while true do end end },")
    for name, (source, _, _) in BROKEN.items():
        add(name, source)
    for name, (parts, *_) in USED.items():
        good(name, **parts)
    good("says", check=lua(LOGS))
    for name in NAMES:
        (plugins / name).mkdir()
        (plugins / name / "plugin.lua").write_text("return {}")
    for name in ("no_file", "a_folder/plugin.lua", ".hidden"):
        (plugins / name).mkdir(parents=True)
    (plugins / "a_pipe").mkdir()
    os.mkfifo(plugins / "a_pipe/plugin.lua")
    (plugins / "a_file").write_text("x")
    (plugins / "to_itself").symlink_to(plugins / "to_itself")
    return plugins


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator, folder):
    program = start_bridge(simulator, BRIDGE_PLUGINS=folder)
    program.wait_until(lambda: program.get("/readyz").status_code == 200)
    return program


@pytest.fixture(scope="module")
def listed(bridge):
    return {p["name"]: p for p in bridge.get("/plugins").json()["plugins"]}


@pytest.fixture(scope="module", autouse=True)
def nothing_is_made(bridge, simulator):
    yield
    assert simulator.ledger()["instances"] == {}
    assert simulator.ledger()["files"]["controllers_configs"] == []
    assert bridge.get("/operations").json()["operations"] == []
    assert plan(bridge, "bitmart", strategy="spot_grid").status_code == 200
    log = bridge.log()
    assert "\x1b" not in log and not re.search(r"^2026-01-01T00:00:00.000Z error FAKE", log, re.M)


def plan(bridge, exchange, strategy="s", path="/bots/plan"):
    return in_time(lambda: bridge.post(path, json={"name": "p", "exchange": exchange, "strategy": strategy}))


@pytest.mark.parametrize("name", BROKEN)
def test_a_plugin_that_does_not_load_is_listed_with_its_fault(bridge, listed, name):
    _, words, line = BROKEN[name]
    assert listed[name]["status"] == "failed"
    fault = listed[name]["error"]
    assert words in fault["message"]
    if line:
        assert fault["line"] == line and fault["file"] == f"{name}/plugin.lua" and fault["excerpt"]
    answer = bridge.post("/bots", json={"name": "p", "exchange": name, "strategy": "s"})
    assert answer.status_code in (422, 500), answer.text
    assert answer.json()["detail"]


def test_misnamed_folders_are_listed(listed):
    for name in NAMES:
        assert listed[name[:63]]["status"] == "failed"
        assert "lower-case" in listed[name[:63]]["error"]["message"]
    for name in ("no_file", "a_folder", "a_pipe"):
        assert listed[name]["status"] == "failed" and "missing" in listed[name]["error"]["message"]
    assert not {".hidden", "a_file", "to_itself", "sdk", "types"} & set(listed)


def test_the_others_load(bridge, listed):
    loaded = {name for name, p in listed.items() if p["status"] == "loaded"}
    assert loaded >= {"bitmart", "jupiter", "good", *USED}
    offered = {e["name"] for e in bridge.get("/exchanges").json()["exchanges"]}
    assert offered == loaded
    assert plan(bridge, "good").status_code == 200


@pytest.mark.parametrize("name", list(USED))
def test_a_plugin_that_fails_in_use_is_refused(bridge, name):
    _, status, code, words = USED[name]
    endless = name.startswith("loop_")  # each answer costs a whole budget
    for path in ("/bots/plan", "/bots")[endless:]:
        answer = plan(bridge, name, path=path)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert body["code"] == code and words in body["detail"]
        assert not re.search(r"[\x00-\x1f\x7f]", body["detail"])
        if code == "plugin_failed":
            assert name in body["detail"], "whose fault it is"
        if code == "plugin_failed" and not endless:
            checked = bridge.post(f"/exchanges/{name}/strategies/s/check", json={})
            assert (checked.status_code, checked.json().get("code")) == (status, code), \
                "never an answer that calls the form wrong: " + checked.text
    assert plan(bridge, "good").status_code == 200


LOGS = ('local log = require("bridge.log") log.warn("looked at {what}", { what = p.budget_quote }) '
        'if p.budget_quote:integer() == 77 then report:error("budget_quote", "boom", {}) end')


def test_what_a_plugin_logs_comes_back_to_developers_only(bridge):
    operator = bridge.make_token("operator")["token"]
    for budget, status in ((100, 200), (77, 422)):
        body = {"name": "p", "exchange": "says", "strategy": "s", "params": {"budget_quote": budget}}
        answer = bridge.post("/bots/plan", json=body)
        assert answer.status_code == status, answer.text
        line, = answer.json()["plugin_log"]
        assert line["level"] == "warn" and line["message"] == f"looked at {budget}"
        assert re.fullmatch(r"says/plugin[.]lua:\d+", line["at"])
        assert "plugin_log" not in bridge.post("/bots/plan", json=body, token=operator).json()
        check = "/exchanges/says/strategies/s/check"
        told = bridge.post(check, json={"params": body["params"]}).json()
        assert told["ok"] is (status == 200) and [row["message"] for row in told["plugin_log"]] == [f"looked at {budget}"]
        assert "plugin_log" not in bridge.post(check, json={"params": body["params"]}, token=operator).json()


def test_the_host_owns_ids_and_names(bridge):
    made = plan(bridge, "owns_ids").json()
    controller = next(f["bytes"] for f in made["files"] if f["path"].startswith("/controllers/"))
    assert f'"id":"{made["base"]}-1"' in controller and "evil" not in controller and "mine" not in controller


def test_texts_of_plugins_stay_texts(bridge, listed):
    """JSON that no browser takes for a page."""
    assert listed["hostile_text"]["title"] == "<img src=x onerror=alert(1)>"
    for path in ("/plugins", "/exchanges", "/exchanges/hostile_text"):
        headers = bridge.get(path, headers={"Accept": "text/html"}).headers
        assert headers["Content-Type"] == "application/json"
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_broken_edit_keeps_the_last_good_version(start_bridge, simulator, tmp_path):
    file = tmp_path / "plugins/good/plugin.lua"
    file.parent.mkdir(parents=True)
    right = PLUGIN % {"name": "good", "title": "T", "extra": "", "check": "", "build": CONTROLLER}
    file.write_text(right)
    bridge = start_bridge(simulator, BRIDGE_PLUGINS=tmp_path / "plugins")
    for wrong in ("return {", "return 5", right.replace("build =", "buidl =")):
        file.write_text(wrong)
        report = bridge.post("/plugins/reload").json()
        assert next(p for p in report["plugins"] if p["name"] == "good")["status"] == "kept", report
        assert plan(bridge, "good").status_code == 200
    file.write_text(right)
    bridge.post("/plugins/reload")
    assert bridge.get("/plugins/good").json()["status"] in ("loaded", "unchanged")


def test_no_plugin_at_all(start_bridge, simulator, tmp_path):
    (tmp_path / "plugins").mkdir()
    answer = plan(start_bridge(simulator, BRIDGE_PLUGINS=tmp_path / "plugins"), "bitmart")
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == "unknown_exchange" and "No plugin is loaded" in error["message"]
    assert "BRIDGE_PLUGINS" in error["message"] and "Available" not in error["message"]


@pytest.mark.parametrize("name, code", [("foreign", "unknown_controller"), ("foreign_script", "unknown_script")])
def test_what_the_api_does_not_have_is_an_error_of_the_strategy(bridge, name, code):
    answer = plan(bridge, name)
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/strategy", code) and error["hint"]
    assert error["message"] in answer.json()["detail"]


def test_a_folder_that_is_not_there(bridge, start_bridge, simulator, folder):
    """The server starts and says what is wrong, or refuses to start and says so."""
    with pytest.raises(AssertionError) as refused:
        start_bridge(simulator, BRIDGE_PLUGINS=folder / "nowhere")
    assert "nowhere" in str(refused.value)

"""The tools for plugin authors: check, test, plan and run, on folders that the tests make."""
import json
import os
import pathlib
import shutil
import subprocess
import time
import xml.etree.ElementTree

import pytest
import requests

from conftest import BINARY, ROOT, TOKEN, clean_environment, run
from lifecycle import fresh_name

SCHEMAS = pathlib.Path(os.environ.get("TB_SHARED", ROOT.parent / "shared")) / "knowledge" \
    / "hummingbot" / "schemas.json"

PLUGIN = """
return { api = 1, name = "toy", title = "Toy", version = "1.0.0", connectors = { "bitmart" },
  strategies = { require("hold") }, messages = { too_far = { "{pct} % is too far", hint = "come nearer" } } }
"""
STRATEGY = """
local form = require("bridge.form")
local json = require("bridge.json")
return { name = "hold", revision = 1, title = "Hold", summary = "Holds.", risk = "low", executors = { "order" },
  pair = "pair", budget = "budget_quote",
  form = form.of {
    form.pair("pair", { default = "ETH-USDT", connector = "bitmart" }),
    form.decimal("budget_quote", { default = "100", min = "10", unit = "quote", help = "Money." }),
    form.percent("far_pct", { default = "1", min = "0", max = "50", help = "How far." }),
  },
  check = function(ctx, p, market, report)
    if p.far_pct > 10 then report:error("far_pct", "too_far", { pct = p.far_pct }) end
  end,
  build = function(ctx, p)
    return { controllers = { { type = "generic", name = "grid_strike", config = {
      connector_name = "bitmart", trading_pair = p.pair, far = p.far_pct:fraction(), total_amount_quote = p.budget_quote,
      initial_positions = json.array({}) } } } }
  end }
"""
TESTS = """
local test = require("bridge.test")
test.case("far is refused", function(t)
  t.refused(t.plan("hold", { far_pct = "11" }), "too_far", "/params/far_pct")
end)
test.case("the plan we know", function(t)
  t.golden("hold", t.plan("hold", {}).controllers)
end)
return test
"""


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "plugins" / "toy"
    (folder / "tests").mkdir(parents=True)
    (folder / "plugin.lua").write_text(PLUGIN)
    (folder / "hold.lua").write_text(STRATEGY)
    (folder / "tests" / "hold_test.lua").write_text(TESTS)
    return folder


def tool(folder, *args, status=0, stdin=None):
    env = clean_environment(BRIDGE_PLUGINS=folder.parent)
    done = subprocess.run([str(BINARY), "plugin", *map(str, args)], env=env, text=True, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert "Sanitizer" not in done.stderr, done.stderr
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.quick
def test_tests_are_blessed_and_then_hold(toy, tmp_path):
    told = tool(toy, "test", status=1)
    assert "ok    toy/tests/hold_test.lua  far is refused" in told
    assert "fail  toy/tests/hold_test.lua  the plan we know" in told and "--bless" in told
    assert "1 golden files of toy were written" in tool(toy, "test", "toy", "--bless")
    golden = json.loads((toy / "tests" / "golden" / "hold.json").read_text())
    assert golden[0]["config"]["trading_pair"] == "ETH-USDT"
    junit = tmp_path / "junit.xml"
    assert "2 tests, 0 failed" in tool(toy, "test", "--junit", junit)
    suite = xml.etree.ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "0")

    (toy / "hold.lua").write_text(STRATEGY.replace("> 10", "> 20"))
    told = tool(toy, "test", "--junit", junit, status=1)
    assert "expected too_far at /params/far_pct, refused is nothing" in told
    failures = xml.etree.ElementTree.parse(junit).getroot().findall("testcase/failure")
    assert len(failures) == 1 and "too_far" in failures[0].get("message")

    (toy / "hold.lua").write_text(STRATEGY.replace("p.far_pct:fraction()", "p.far_pct"))
    assert "differs from tests/golden/hold.json" in tool(toy, "test", status=1)


def test_broken_plugins_and_golden_files_are_placed(toy):
    (toy / "tests" / "golden").mkdir()
    (toy / "tests" / "golden" / "hold.json").write_text("[1,")
    told = tool(toy, "test", status=1)
    assert "golden/hold.json is no golden file: line 1" in told
    (toy / "hold.lua").write_text("return {\n  name = \n}")
    for words in (["test"], ["plan", "toy", "hold"], ["check"], ["check", "toy"]):
        told = tool(toy, *words, status=1)
        assert "toy/hold.lua:3" in told, told
    assert "there is no plugin" in tool(toy, "test", "tory", status=1)


def test_plan_tells_errors_files_and_its_own_mistakes(toy, tmp_path):
    form = tmp_path / "form.json"
    form.write_text('{"far_pct": "2.5", "pair": "SOL-USDT"}')
    told = tool(toy, "plan", "toy", "hold", form)
    assert 'controllers[0].config.trading_pair = "SOL-USDT"' in told
    assert "controllers[0].config.far = 0.025" in told
    form.write_text('{"params": {"far_pct": 12, "paire": "x"}}')
    told = tool(toy, "plan", "toy", "hold", form, status=1)
    assert "error /params/paire unknown_field" in told and "pair" in told
    form.write_text('{"far_pct": 12}')
    told = tool(toy, "plan", "toy", "hold", form, status=1)
    assert "error /params/far_pct too_far = 12 % is too far (come nearer)" in told
    plan = json.loads(tool(toy, "plan", "toy", "hold", "--json"))
    assert plan["ok"] is True and plan["params"]["far_pct"] == "1"
    assert "strategies: hold" in tool(toy, "plan", "toy", "helt", status=1)
    form.write_text("{")
    assert "line 1, column 2" in tool(toy, "plan", "toy", "hold", form, status=1)
    assert "cannot be read" in tool(toy, "plan", "toy", "hold", tmp_path / "none.json", status=1)


def test_plan_reads_the_connected_api_when_asked(simulator, tmp_path):
    env = clean_environment(HUMMINGBOT_API_URL=simulator.url, BRIDGE_PLUGINS=ROOT / "plugins")
    done = run("plugin", "plan", "bitmart", "spot_grid", "--live", "--json", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    mid = json.loads(done.stdout)["facts"]["mid"]["bitmart"]["ETH-USDT"]
    assert mid != "3000.12"  # the simulator's market moves, that of the tests does not


CLASSES = ["generic/grid_strike", "generic/xemm_multiple_levels", "generic/arbitrage_controller",
           "market_making/pmm_simple", "directional_trading/dman_v3", "generic/lp_rebalancer"]


@pytest.mark.parametrize("controller", CLASSES)
def test_new_plugin_loads_plans_and_passes(tmp_path, controller):
    folder = tmp_path / "plugins" / "fresh"
    folder.parent.mkdir()
    told = tool(folder, "new", "fresh", "--connector", "okx", "--controller", controller)
    assert "3 tests, 0 failed" in told
    assert "ok    fresh 0.1.0" in tool(folder, "check", "fresh")
    assert "3 tests, 0 failed" in tool(folder, "test")
    strategy = controller.split("/")[1]
    config = json.loads(tool(folder, "plan", "fresh", strategy, "--json"))["controllers"][0]["config"]
    if not SCHEMAS.exists():
        pytest.skip("the recorded facts are not beside this tree: the fields were not compared")
    kind, name = controller.split("/")
    fields = json.loads(SCHEMAS.read_text())["controllers"][kind][name]["fields"]
    assert set(config) | {"id"} == {f["name"] for f in fields}


def test_class_rows_are_the_recorded_facts(toy):
    if not SCHEMAS.exists():
        pytest.skip("the recorded facts are not beside this tree: the class rows were not compared")
    facts = {f"{kind}/{name}": c for kind, classes in json.loads(SCHEMAS.read_text())["controllers"].items()
             for name, c in classes.items() if not name.startswith("examples/")}
    names = 'require("bridge.classes").names()'
    lines = "\n".join([f"json.encode({names})"] + [
        f'json.encode(require("bridge.classes").get("{name}").fields)' for name in sorted(facts)])
    told = [json.loads(json.loads(line)) for line in
            tool(toy, "repl", "toy", stdin=lines + "\n").splitlines()]
    assert told[0] == sorted(facts)
    for name, rows in zip(sorted(facts), told[1:]):
        should = [{"name": f["name"], "type": f["type"], "default": f["default"],
                   "unit": f.get("unit", "")} for f in facts[name]["fields"]]
        assert [{"default": None, **r} for r in rows] == should, name


def test_new_refuses_what_is_there_and_what_is_not(toy):
    before = sorted(p.read_bytes() for p in toy.rglob("*.lua"))
    assert "it is there already; nothing was changed" in tool(toy, "new", "toy", status=1)
    assert sorted(p.read_bytes() for p in toy.rglob("*.lua")) == before
    told = tool(toy, "new", "fresh", "--controller", "generic/grid_strik", status=1)
    assert "did you mean generic/grid_strike?" in told and not (toy.parent / "fresh").exists()
    for name in ("sdk", "types", "../x", "A", "1st", "_x", "a" * 41):
        assert "cannot be a plugin's name" in tool(toy, "new", name, status=1)
        assert not (toy.parent / name).exists() or name in ("sdk", "types", "../x")


def test_run_calls_one_hook(toy):
    asked = '{"strategy": "hold", "verb": "stop"}'
    assert "effects" in json.loads(tool(toy, "run", "toy", "effects", stdin=asked))
    assert "line 1" in tool(toy, "run", "toy", "effects", stdin="{", status=1)
    assert "did you mean effects?" in tool(toy, "run", "toy", "efects", stdin="{}", status=1)


@pytest.mark.parametrize("typed,printed", [
    ("1 + 1", "2"),
    ("x = decimal('0.1') + 1\nx * 2", 'decimal("2.2")'),
    ("for i = 1, 3 do\n  y = i\nend\ny", "3"),
    ("1 +\n2", "3"),
    ("plan('hold').params.far_pct", '"1"'),
    ("plan('hold', { far_pct = '11' }).errors[1].code", '"too_far"'),
    ("market.mid('bitmart', 'ETH-USDT')", 'decimal("3000.12")'),
    ("{ 1, 2, a = { true } }", "{ 1, 2, a = { true } }"),
    ("plugin.name, nil", '"toy"\tnil'),
    ("z = 1\nnope()\nz", "1"),
    ("nope()", "there is no global 'nope' here"),
    ("io.open('/etc/passwd')", "there is no global 'io' here"),
    ("while true do end\n7", "toy, repl: check "),
    ("'a\\27b'", '"a\\u001bb"'),
])
def test_prompt(toy, typed, printed):
    assert printed in tool(toy, "repl", "toy", stdin=typed + "\n").replace("\\x09", "\t")


def test_prompt_sees_a_save(toy, tmp_path):
    env = clean_environment(BRIDGE_PLUGINS=toy.parent)
    with subprocess.Popen([str(BINARY), "plugin", "repl", "toy"], env=env, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as prompt:
        def says(line):
            prompt.stdin.write(line + "\n")
            prompt.stdin.flush()
            return prompt.stdout.readline().strip()
        assert says("plugin.strategies[1].summary") == '"Holds."'
        save(toy / "hold.lua", STRATEGY.replace("Holds.", "Held."))
        end = time.monotonic() + 90
        while says("plugin.strategies[1].summary") != '"Held."':
            assert time.monotonic() < end
        prompt.stdin.close()
        assert prompt.wait(90) == 0


def test_fixture_has_no_secrets(simulator):
    env = clean_environment(HUMMINGBOT_API_URL=simulator.url, BRIDGE_PLUGINS=ROOT / "plugins")
    wallets = requests.get(simulator.url + "/accounts/gateway/wallets", auth=("admin", "admin"),
                           timeout=120).json()
    known = wallets[0]["walletAddresses"][0]
    done = run("plugin", "fixture", "jupiter", "hb.accounts.wallets {}", env=env)
    assert done.returncode == 0, done.stderr
    fixture = json.loads(done.stdout)
    is_now = fixture[0]["walletAddresses"][0]
    assert known not in done.stdout and len(is_now) == len(known) and is_now.startswith("Fixture")
    assert fixture[0]["chain"] == wallets[0]["chain"]
    done = run("plugin", "fixture", "jupiter", "hb.bots.stop {}", env=env)
    assert done.returncode == 1 and "is not a read" in done.stderr + done.stdout


ALTERED = """
local function altered(strategy)
  local build = strategy.build
  strategy.build = function(ctx, p, facts)
    local built = build(ctx, p, facts)
    built.controllers[1].config.max_open_orders = 4
    return built
  end
  return strategy
end

"""


def test_bots_that_a_draft_builds_differently(start_bridge, simulator, tmp_path):
    plugins = tmp_path / "plugins"
    shutil.copytree(ROOT / "plugins" / "bitmart", plugins / "bitmart")
    bridge = start_bridge(simulator, folder=tmp_path, BRIDGE_PLUGINS=plugins,
                          BRIDGE_PLUGINS_LANE="draft")
    body = {"name": fresh_name("drafted"), "exchange": "bitmart", "strategy": "spot_grid"}
    answer = bridge.post("/bots", json=body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text

    def diff(status, *more):
        env = clean_environment(BRIDGE_PLUGINS=plugins, BRIDGE_ADMIN_TOKEN=TOKEN, PORT=bridge.port,
                                BRIDGE_STORE=tmp_path / "data" / "bridge.db")
        done = run("plugin", "diff-bots", "bitmart", *more, env=env)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "There is no earlier version" in diff(1)
    source = (plugins / "bitmart" / "plugin.lua").read_text()
    save(plugins / "bitmart" / "plugin.lua", source.replace('title = "BitMart"', 'title = "Bitmart"'))
    bridge.wait_until(lambda: bridge.get("/plugins/bitmart").json()["draft"], 90, "no draft")
    assert "1 living bots of bitmart, 1 of them built the same by the draft" in diff(0)
    save(plugins / "bitmart" / "plugin.lua", source.replace("grid.spot(spot)", "altered(grid.spot(spot))").replace(
        "return {", ALTERED + "return {", 1))
    end = time.monotonic() + 90
    while "built the same" in (told := diff(0)) and "1 of them" in told:
        assert time.monotonic() < end, told
    assert f"differs  {body['name']} (spot_grid)" in told and "max_open_orders" in told


def test_wrong_words_show_the_usage(toy):
    assert "did you mean `test`" in tool(toy, "tets", status=2)
    for words in (["test", "--blass"], ["plan", "toy"], ["run", "toy"], ["check", "a", "b"], []):
        assert "usage: trading-bridge plugin" in tool(toy, *words, status=2)


class Watched:
    """A tool that goes on; what it prints is waited for."""

    def __init__(self, folder, tmp_path, *args):
        self.out = tmp_path / "watched"
        self.file = open(self.out, "w")
        self.program = subprocess.Popen([str(BINARY), "plugin", *map(str, args)],
                                        env=clean_environment(BRIDGE_PLUGINS=folder.parent),
                                        stdout=self.file, stderr=subprocess.STDOUT)

    def wait_for(self, words):
        end = time.monotonic() + 90
        while words not in self.out.read_text():
            assert time.monotonic() < end, f"{words!r} never came:\n{self.out.read_text()}"
            assert self.program.poll() is None, self.out.read_text()
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.terminate()
        self.program.wait(20)
        self.file.close()


def save(path: pathlib.Path, text):
    """As editors do: written beside and moved into place."""
    beside = path.with_name("." + path.name + ".swp")
    beside.write_text(text)
    beside.rename(path)


def test_watching_reprints_what_changed(toy, tmp_path):
    form = tmp_path / "form.json"
    form.write_text('{"far_pct": "2"}')
    with Watched(toy, tmp_path, "plan", "toy", "hold", form, "--watch") as plan:
        plan.wait_for("controllers[0].config.far = 0.02\n")
        save(form, '{"far_pct": "3"}')
        plan.wait_for("~ controllers[0].config.far = 0.02 -> 0.03\n")
        save(toy / "hold.lua", STRATEGY.replace("far = p", "near = p"))
        plan.wait_for("+ controllers[0].config.near = 0.03\n")
        plan.wait_for("- controllers[0].config.far = 0.03\n")
        save(toy / "hold.lua", STRATEGY.replace("Holds.", "Holds!!").replace("> 10", "> 2"))
        plan.wait_for("+ error /params/far_pct too_far = 3 % is too far (come nearer)\n")


def test_watching_runs_the_tests_again(toy, tmp_path):
    with Watched(toy, tmp_path, "test", "--watch") as tests:
        tests.wait_for("2 tests, 1 failed")
        save(toy / "tests" / "hold_test.lua", TESTS.split('test.case("the plan')[0] + "return test\n")
        tests.wait_for("1 tests, 0 failed")
        save(toy / "hold.lua", STRATEGY.replace("> 10", "> 20"))  # no gate keeps it from its author
        tests.wait_for("1 tests, 1 failed")

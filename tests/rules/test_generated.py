"""What `trading-bridge generate` writes is what is committed."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TB_BINARY", PROJECT / "build/asan/trading-bridge"))
# One a module of the SDK that has something for plugins: what is committed must be what is written.
TYPES = {str(p.relative_to(PROJECT)) for p in (PROJECT / "plugins/types").iterdir()}
PLUGINS = sorted(p.parent.name for p in (PROJECT / "plugins").glob("*/plugin.lua"))
PAGES = {f"docs/exchanges/{name}.md" for name in PLUGINS}
WRITTEN = {"docs/settings.md", "docs/routes.md", "docs/errors.md", "docs/watchdogs.md", ".luarc.json"} | TYPES | PAGES


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    folder = tmp_path_factory.mktemp("generated")
    for name in ("docs", "plugins/types"):
        (folder / name).mkdir(parents=True)
    for name in PLUGINS:
        shutil.copytree(PROJECT / "plugins" / name, folder / "plugins" / name)
    subprocess.run([BINARY, "generate", folder], check=True)
    for name in PLUGINS:
        shutil.rmtree(folder / "plugins" / name)
    return folder


def test_it_writes_exactly_these(fresh):
    assert {str(p.relative_to(fresh)) for p in fresh.rglob("*") if p.is_file()} == WRITTEN


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_committed_is_generated(fresh, name):
    assert (PROJECT / name).read_text() == (fresh / name).read_text(), \
        f"{name} is old: run `trading-bridge generate .`"


def test_it_says_what_it_cannot_write(tmp_path, fresh):
    (tmp_path / "file").write_text("not a folder")
    result = subprocess.run([BINARY, "generate", tmp_path / "file"], capture_output=True, text=True)
    assert result.returncode == 1 and "docs/settings.md" in result.stderr


# ---- plugins/types: nothing that a plugin may use is missing ----

def source(path):
    return (PROJECT / path).read_text()


def stub(name):
    return source(f"plugins/types/{name}.d.lua")


def fields_of(text, name):
    """The fields of a class."""
    block = re.search(rf"^---@class {re.escape(name)}\n((?:---@field .*\n)*)", text, re.M)
    return set(re.findall(r"^---@field (\w+)", block[1], re.M))


def registered(path, table):
    """Names in a C table of functions for Lua."""
    block = re.search(rf"luaL_Reg {table}\[\] = {{(.*?)}};", source(path), re.S)
    return set(re.findall(r'{"(\w+)"', block[1]))


def test_c_modules_are_typed_whole():
    decimal = stub("bridge.decimal")
    assert set(re.findall(r"^function value:(\w+)\(", decimal, re.M)) == registered("core/plugins/lib_decimal.c", "methods")
    assert set(re.findall(r"^function decimal\.(\w+)\(", decimal, re.M)) == registered("core/plugins/lib_decimal.c", "functions")
    assert set(re.findall(r"^function json\.(\w+)\(", stub("bridge.json"), re.M)) == registered("core/plugins/lib_json.c", "json_functions")


def test_every_kind_and_rule_of_forms_is_typed():
    kinds = set(re.findall(r"^  (\w+) = {", source("plugins/sdk/fields.lua").partition("fields.kinds = {")[2], re.M))
    rules = set(re.findall(r'"(\w+)"', re.search(r"names = {(.*?)}", source("plugins/sdk/rules.lua"))[1]))
    assert len(kinds) > 10 and len(rules) == 5
    assert fields_of(stub("bridge.form"), "bridge.form") == kinds | rules


def test_the_contract_is_typed_whole():
    for table, name in (("PLUGIN", "plugin"), ("STRATEGY", "strategy")):
        rows = re.search(rf"local {table} = {{(.*?)\n}}", source("plugins/sdk/contract.lua"), re.S)[1]
        assert fields_of(stub("contract"), name) == set(re.findall(r"(\w+) = {", rows))
    views = set(re.findall(r"function view\.(\w+)", source("plugins/sdk/market.lua")))
    assert fields_of(stub("market"), "market") == views
    assert fields_of(stub("report"), "report") == set(re.findall(r"^function Report:(\w+)", source("plugins/sdk/report.lua"), re.M))


@pytest.mark.parametrize("path", sorted(TYPES))
def test_a_stub_is_whole(path):
    name, text = path.split("/")[-1][:-len(".d.lua")], source(path)
    assert text.startswith("---@meta" + (f" {name}\n" if name.startswith("bridge.") or name == "cjson" else "\n"))
    for line in text.splitlines():
        assert re.fullmatch(r"--.*|local \w+ = {}|function \w+([.:]\w+)+\([\w, .]*\) end|return \w+|hb\.\w+ = {}|", line), line
    module = name.removeprefix("bridge.")
    if name.startswith("bridge.") and (PROJECT / f"plugins/sdk/{module}.lua").exists():
        functions = set(re.findall(rf"^function {module}\.(\w+)", source(f"plugins/sdk/{module}.lua"), re.M))
        assert functions <= set(re.findall(rf"^function {module}\.(\w+)", text, re.M))

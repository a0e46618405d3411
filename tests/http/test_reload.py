"""Saves, lanes and versions of plugins through the bridge: what is live a moment after a save, who sees
drafts, and what survives."""
import os
import time

import pytest

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
    def start(**env):
        program = start_bridge(simulator, folder=tmp_path, BRIDGE_PLUGINS=good.parent, **env)
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

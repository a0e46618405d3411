"""Another release of the program where saves are drafts: its plugins follow it, unless a person chose what
serves; then it is said."""
import json
import shutil
import sqlite3

import pytest

from conftest import ROOT, TOKEN, clean_environment, run

FILE = "bitmart/plugin.lua"


class Deployment:
    """A store and a plugin folder; `release` puts the folder of this program's release in place."""

    def __init__(self, folder, simulator, start_bridge):
        self.folder, self.simulator, self.start_bridge = folder, simulator, start_bridge
        self.plugins = folder / "plugins"
        self.env = {"BRIDGE_PLUGINS": self.plugins, "BRIDGE_PLUGINS_LANE": "draft"}
        self.release()
        path = self.plugins / FILE
        path.write_text(path.read_text() + "\n-- as an earlier release had it\n")

    def release(self):
        shutil.rmtree(self.plugins, ignore_errors=True)
        shutil.copytree(ROOT / "plugins", self.plugins)

    def open(self):
        return self.start_bridge(self.simulator, folder=self.folder, **self.env)

    def check(self, port):
        env = clean_environment(BRIDGE_ADMIN_TOKEN=TOKEN, BRIDGE_STORE=self.folder / "data/bridge.db",
                                HUMMINGBOT_API_URL=self.simulator.url, PORT=port, **self.env)
        return [line for line in run("check", env=env).stdout.splitlines() if "bitmart" in line]


@pytest.fixture
def deployment(tmp_path, simulator, start_bridge):
    return Deployment(tmp_path, simulator, start_bridge)


def bitmart(bridge):
    return bridge.get("/plugins/bitmart").json()


def order(bridge, verb, **body):
    answer = bridge.post(f"/plugins/bitmart/{verb}", json=body)
    assert answer.status_code == 200, answer.text


def test_its_plugins_follow_it(deployment):
    bridge = deployment.open()
    assert {p["name"]: p["shipped"] for p in bridge.get("/plugins").json()["plugins"]} == {
        "bitmart": False, "hummingbot": True, "jupiter": True}
    old = bitmart(bridge)["hash"]
    shutil.rmtree(deployment.plugins / "hummingbot")
    bridge.stop()
    deployment.release()
    bridge = deployment.open()
    shown = bitmart(bridge)
    assert shown["shipped"] and shown["hash"] != old and shown["draft"] is None and shown["shadowed"] is None
    (now, before) = bridge.get("/plugins/bitmart/generations").json()["generations"]
    assert (now["cause"], now["live"], before["generation"]) == ("folder", True, old)
    # Whoever wants the old one goes back to it; that holds against the next release, and is said.
    order(bridge, "rollback")
    assert bitmart(bridge)["hash"] == old
    bridge.stop()
    path = deployment.plugins / FILE
    text = path.read_text()
    path.write_text(text + "\n-- as a release between had it\n")
    deployment.open().stop()
    path.write_text(text)
    bridge = deployment.open()
    assert bitmart(bridge)["hash"] == old and "comes with this release" in bitmart(bridge)["shadowed"]
    assert "which comes with this release, waits for POST /plugins/bitmart/activate" in bridge.log()
    lines = deployment.check(bridge.port)
    assert any(line.startswith("warn") and "comes with this release" in line for line in lines), lines
    order(bridge, "activate")
    assert bitmart(bridge)["shipped"] and bitmart(bridge)["shadowed"] is None
    bridge.stop()


def test_a_version_of_ones_own_stays(deployment):
    bridge = deployment.open()
    path = deployment.plugins / FILE
    path.write_text(path.read_text() + "\n-- our own\n")
    assert bridge.post("/plugins/reload", json={}).status_code == 200
    order(bridge, "activate")
    own = bitmart(bridge)["hash"]
    bridge.stop()
    deployment.release()
    bridge = deployment.open()
    assert bitmart(bridge)["hash"] == own and "comes with this release" in bitmart(bridge)["shadowed"]
    bridge.stop()
    # But what a person activated of an earlier release follows.
    with sqlite3.connect(deployment.folder / "data/bridge.db") as store:
        changed = store.execute("UPDATE plugin_versions SET doc = ? WHERE substr(hash, 1, 8) = ?",
                                (json.dumps({"cause": "activate", "by": "x", "shipped": True}), own))
        assert changed.rowcount == 1
    bridge = deployment.open()
    assert bitmart(bridge)["shipped"] and bitmart(bridge)["hash"] != own
    bridge.stop()

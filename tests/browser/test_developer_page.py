"""The page of developers: a save, its errors, the draft beside what is live, activating and going back."""
import os
import shutil
import time

import pytest
import requests

import programs
from test_page import Page


def save(path, change):
    text = path.read_text()
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new, 1)
    beside = path.with_name(".saving")
    beside.write_text(text)
    os.rename(beside, path)


@pytest.fixture
def plugins(tmp_path):
    shutil.copytree(programs.SOURCE / "plugins/bitmart", tmp_path / "plugins/bitmart")
    return tmp_path / "plugins/bitmart"


@pytest.fixture
def bridge(relay, plugins, tmp_path):
    bridge = programs.start_bridge(tmp_path, relay.url, BRIDGE_PLUGINS=str(plugins.parent), BRIDGE_PLUGINS_LANE="draft")
    yield bridge
    assert bridge.stop() == 0, bridge.log.read_text(errors="replace")[-3000:]


@pytest.fixture
def developer(bridge):
    answer = requests.post(bridge.url + "/tokens", json={"name": "dana", "role": "developer"}, timeout=60,
                           headers={"Authorization": "Bearer " + programs.TOKEN})
    return answer.json()["token"]


@pytest.fixture
def page(browser, bridge):
    page = Page(browser, bridge.url)
    yield page
    assert page.console() == []


def served(bridge):
    return requests.get(bridge.url + "/exchanges/bitmart", timeout=60, headers={"Authorization": "Bearer " + programs.TOKEN}).json()["version"]


def drafted(bridge, version):
    """The draft's generation, once it is of this version."""
    end = time.monotonic() + 60
    while True:
        plugin = requests.get(bridge.url + "/plugins/bitmart", timeout=60, headers={"Authorization": "Bearer " + programs.TOKEN}).json()
        if (plugin["draft"] or {}).get("version") == version:
            return plugin["draft"]["hash"]
        assert time.monotonic() < end, plugin
        time.sleep(0.05)


def test_a_developers_day(page, bridge, developer, plugins):
    first = served(bridge)
    page.sign_in(developer)
    page.see("BitMart")
    assert "Bots" not in page.one("#nav").text, "a developer sees no bots"
    page.click("main a", "BitMart")
    page.see("live", "main .chip")
    page.see("Show the plan", "[data-lane=live]")

    save(plugins / "log.lua", {"return {": "return {\n  -- <img src=x onerror=document.title='owned'>"})
    save(plugins / "plugin.lua", {f'version = "{first}"': 'version = "77.0.0"'})
    page.see("draft " + drafted(bridge, "77.0.0"), "main .chip")
    page.see("Draft", "[data-lane=draft] h2")
    page.click("[data-lane=draft] button", "Show the plan")
    page.see("Files, to the byte", "[data-lane=draft]")
    page.click("[data-lane=live] button", "Show the plan")
    page.see("Files, to the byte", "[data-lane=live]")
    assert served(bridge) == first

    page.click("main button", "See what the draft changes")
    page.see('version = "77.0.0"', ".diff-line.added")
    page.see("<img src=x", ".diff-line.added")
    page.see("No bot of this plugin lives", ".version-change")
    page.click(".version-change button", "Activate")
    page.see("version 77.0.0, since")
    assert served(bridge) == "77.0.0"

    good = (plugins / "plugin.lua").read_text()
    save(plugins / "plugin.lua", {"return {": "return { = "})
    page.see("the files fail; the last good version serves")
    page.see("unexpected symbol", ".plugin-error .error")
    page.see("return { =", ".plugin-error pre")
    (plugins / "plugin.lua").write_text(good)
    page.see("live", "main .chip")

    page.click("main table button", "Roll back")
    page.see('version = "77.0.0"', ".diff-line.removed")
    page.click(".version-change button", "Roll back")
    page.see("pinned by rollback", "main .chip")
    assert served(bridge) == first
    page.open("/plugins")
    page.see("pinned by rollback", "main .chip")
    assert page.driver.title != "owned"

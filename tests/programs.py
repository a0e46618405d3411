"""Starts the programs that tests and scripts/pictures need, and ends exactly these: the simulator, the
bridge, a headless Chromium. Everything is on 127.0.0.1 and on free ports, all data in a folder of the
caller. The binary comes from TB_BINARY.
"""
import os
import pathlib
import re
import subprocess
import tempfile
import threading

SOURCE = pathlib.Path(__file__).resolve().parents[1]
TOKEN = "page-tests-administrator-0123456789abcdef"
START_S = 60  # with sanitizers on a busy machine


def binary():
    path = os.environ.get("TB_BINARY")
    return path if path and os.access(path, os.X_OK) else None


class Program:
    """A child process whose first line of the form `… ready on <url>` says where it serves."""

    def __init__(self, arguments, log, environment=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HUMMINGBOT_", "BRIDGE_"))}
        clean.pop("PORT", None)
        clean.update(environment or {})
        self.log = pathlib.Path(log)
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(
                [binary(), *arguments], stdout=subprocess.PIPE, stderr=errors, env=clean, cwd=self.log.parent)
        self.url = self._ready()

    def _ready(self):
        timer = threading.Timer(START_S, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                match = re.search(rb"ready on (http://\S+)", line)
                if match:
                    # The rest is read away, so that the program never blocks on a full pipe.
                    threading.Thread(target=self.process.stdout.read, daemon=True).start()
                    return match[1].decode()
        finally:
            timer.cancel()
        raise RuntimeError("the program did not start:\n" + self.log.read_text(errors="replace")[-3000:])

    def stop(self):
        self.process.terminate()
        try:
            return self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def start_simulator(folder, bots=0, seed=1, **environment):
    return Program(["simulate", "--port", "0", "--bots", str(bots), "--seed", str(seed)], pathlib.Path(folder) / "simulator.log",
                   environment)


def start_bridge(folder, upstream, **environment):
    folder = pathlib.Path(folder)
    return Program(["serve"], folder / "bridge.log", {
        "HUMMINGBOT_API_URL": upstream, "HUMMINGBOT_API_USERNAME": "admin", "HUMMINGBOT_API_PASSWORD": "admin",
        "BRIDGE_ADMIN_TOKEN": TOKEN, "BRIDGE_STORE": str(folder / "bridge.db"), "BRIDGE_PLUGINS": str(SOURCE / "plugins"), "PORT": "0",
        "BRIDGE_ALLOW_EPHEMERAL": "1", **environment,
    })


def start_browser(width=1280, height=900):
    """Chromium without any errand of its own; its console is kept for get_log("browser")."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
                 "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars", "lang=en-GB",
                 "user-data-dir=" + tempfile.mkdtemp(prefix="tb-browser-")):
        options.add_argument("--" + flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    size(driver, width, height)
    return driver


def size(driver, width, height):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

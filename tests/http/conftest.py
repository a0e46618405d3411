"""Real programs for black-box tests: the simulator and the bridge, on free ports of 127.0.0.1, with
their own folders and a faster clock.

    def test_x(bridge): bridge.get("/bots") …        # one pair of programs a test file
    def test_y(start_bridge, start_simulator): …      # programs of your own, with your own settings

TB_BINARY names the program (default: the asan preset's). Programs are waited for by the line they
print when they are ready; at the end each must leave with 0 and without a sanitizer's report. Only
what was started here is ended.
"""
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TB_BINARY", ROOT / "build/asan/trading-bridge")).resolve()
SCALE = 20
TOKEN = "0123456789abcdef-admin-token-of-tests"
START_S = 240  # ten seconds of run time where a plugin loops at its load, on a machine that does other things too
STOP_S = 180
FINAL = {"succeeded", "failed", "not_proven", "unknown", "conflict", "superseded"}
# Settings of the person who runs the tests must not leak into them.
OURS = ("BRIDGE_", "HUMMINGBOT_", "PORT")


def pytest_configure(config):
    config.addinivalue_line("markers", "quick: belongs to the main path (scripts/test --quick)")


def clean_environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.strip().upper().startswith(OURS)}
    env["TB_TIME_SCALE"] = str(SCALE)
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    # Test machines are often containers, whose own layer is where the tests keep stores.
    env.update({k: str(v) for k, v in {"BRIDGE_ALLOW_EPHEMERAL": 1, **more}.items()
                if v is not None})
    return env


def run(*args, env=None, timeout=120, cwd=ROOT):
    """A command that ends by itself."""
    return subprocess.run([str(BINARY), *args], env=env or clean_environment(), cwd=cwd, text=True,
                          capture_output=True, timeout=timeout)


class Program:
    """A server of ours: ready once it has printed its address."""

    def __init__(self, args, env, folder, name):
        self.folder = folder
        self.log_path = folder / f"{name}.log"
        self.lines = []
        self._queue = queue.Queue()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([str(BINARY), *args], env=env, cwd=ROOT, text=True,
                                            stdout=subprocess.PIPE, stderr=log)
        threading.Thread(target=self._read, daemon=True).start()
        self.url = self._wait_ready()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def _wait_ready(self):
        while True:
            try:
                line = self._queue.get(timeout=START_S)
            except queue.Empty:
                line = None
            if line is None:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"did not start:\n{self.log()}")
            self.lines.append(line)
            if " ready on http://" in line:
                return line.split()[-1]

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_log(self, text, timeout=90):
        """Until the log holds `text`."""
        self.wait_until(lambda: text in self.log(), timeout, f"no {text!r} in the log")

    def wait_until(self, condition, timeout=60, what="condition"):
        end = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"{what}:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def kill(self):
        """As a crash would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self, status=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop:\n{self.log()[-4000:]}") from None
        log = self.log()
        assert "Sanitizer" not in log and "runtime error:" not in log, log[-8000:]
        assert self.process.returncode == status, log[-4000:]


class Simulator(Program):
    def control(self, method, path, body=None):
        answer = requests.request(method, f"{self.url}/_simulator{path}", json=body, timeout=120)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def ledger(self):
        return self.control("GET", "/ledger")

    def fault(self, **fault):
        return self.control("POST", "/faults", fault)


class Bridge(Program):
    def __init__(self, env, folder):
        self.token = env.get("BRIDGE_ADMIN_TOKEN")
        super().__init__(["serve"], env, folder, "bridge")

    def request(self, method, path, token=True, headers=None, **more):
        """token: True for the administrator's, a text for another one, None for none."""
        headers = dict(headers or {})
        if token:
            headers.setdefault("Authorization", f"Bearer {self.token if token is True else token}")
        more.setdefault("timeout", 120)
        return requests.request(method, self.url + path, headers=headers, **more)

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def make_token(self, role, **more):
        answer = self.post("/tokens", json={"name": f"test {role}", "role": role, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def operation(self, href):
        """Waits for the operation's end."""
        def ended():
            answer = self.get(href)
            assert answer.status_code == 200, answer.text
            return answer.json() if answer.json()["state"] in FINAL else None
        return self.wait_until(ended, 90, f"{href} has no end")


@pytest.fixture(scope="module")
def start_simulator(tmp_path_factory):
    started = []

    def start(*args, **env):
        folder = tmp_path_factory.mktemp("simulator")
        program = Simulator(["simulate", "--port", "0", *map(str, args)], clean_environment(**env),
                            folder, "simulator")
        started.append(program)
        return program

    yield start
    for program in reversed(started):
        if program.process.poll() is None:
            program.stop()


@pytest.fixture(scope="module")
def start_bridge(tmp_path_factory):
    started = []

    def start(upstream, folder=None, **env):
        """upstream: a simulator or an address; env: further settings, None removes one."""
        folder = folder or tmp_path_factory.mktemp("bridge")
        settings = {
            "PORT": 0, "BRIDGE_ADMIN_TOKEN": TOKEN, "BRIDGE_STORE": folder / "data" / "bridge.db",
            "BRIDGE_PLUGINS": ROOT / "plugins",
            "HUMMINGBOT_API_URL": getattr(upstream, "url", upstream), **env,
        }
        program = Bridge(clean_environment(**settings), folder)
        started.append(program)
        return program

    yield start
    for program in reversed(started):
        if program.process.poll() is None:
            program.stop()


@pytest.fixture(scope="module")
def scale(request):
    """How much faster the clock is: the file's own SCALE, or that of all."""
    return getattr(request.module, "SCALE", SCALE)


@pytest.fixture(scope="module")
def simulator(start_simulator, scale):
    return start_simulator(TB_TIME_SCALE=scale)


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator, scale):
    return start_bridge(simulator, TB_TIME_SCALE=scale)


@pytest.fixture
def world(start_simulator, start_bridge, scale, tmp_path):
    """For cases that run at once: a simulator of their own, and bridges one after the other on one store."""
    def make(word, **env):
        simulator = start_simulator(TB_TIME_SCALE=scale)
        folder = tmp_path / word
        folder.mkdir()
        return lambda: start_bridge(simulator, folder=folder, TB_TIME_SCALE=scale, **env), simulator
    return make


@pytest.fixture
def clean(simulator):
    """Nothing disturbs, and the ledger has forgotten what was before."""
    simulator.control("DELETE", "/faults")
    simulator.control("DELETE", "/ledger")
    yield
    simulator.control("DELETE", "/faults")
    simulator.control("POST", "/conditions", {"broker": "up", "engine": "up", "database": "up"})

"""Mixed traffic against a bridge and a simulator, for a build under ThreadSanitizer: readers, planners,
commands, plugin reloads and bad input at once. Fails when an answer is a 500, when the bridge does not
end cleanly, or when its log holds a sanitizer's report.

    TB_BINARY=build/tsan/trading-bridge python3 tests/http/traffic.py --seconds 60
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("TB_BINARY", str(ROOT / "build" / "tsan" / "trading-bridge"))
TOKEN = "traffic-" + "x" * 40


def start(words, env, log, ready):
    process = subprocess.Popen([BINARY, *words], stdout=subprocess.PIPE, stderr=log, text=True,
                               env={**os.environ, **env})
    line = process.stdout.readline()
    if ready not in line:
        process.kill()
        raise SystemExit(f"{words[0]} did not start: {line!r}")
    return process, line.split()[-1]


class Traffic:
    def __init__(self, url, seconds):
        self.url, self.end = url, time.monotonic() + seconds
        self.counts, self.bad = {}, []
        self.lock = threading.Lock()

    def call(self, session, method, path, **more):
        try:
            answer = session.request(method, self.url + path, timeout=60, **more)
        except requests.RequestException as broken:
            with self.lock:
                self.bad.append(f"{method} {path}: {broken}")
            return None
        with self.lock:
            self.counts[answer.status_code] = self.counts.get(answer.status_code, 0) + 1
            if answer.status_code == 500:
                self.bad.append(f"{method} {path}: 500 {answer.text[:300]}")
        return answer

    def work(self, seed):
        chance = random.Random(seed)
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        number = 0
        while time.monotonic() < self.end:
            kind = chance.randrange(10)
            if kind < 4:
                self.call(session, "GET", chance.choice(
                    ["/bots", "/operations?limit=20", "/hummingbot", "/exchanges", "/plugins",
                     "/exchanges/bitmart", "/healthz", "/readyz", "/tokens", "/nothing-here"]))
            elif kind == 4:
                self.call(session, "POST", "/bots/plan",
                          json={"name": "plan", "exchange": "bitmart", "strategy": "spot_grid"})
            elif kind == 5:
                self.call(session, "POST", "/plugins/reload")
            elif kind == 6:
                self.call(session, "POST", "/bots", data=b'{"name": ' + b"[" * 80,
                          headers={"Content-Type": "application/json"})
            else:
                number += 1
                answer = self.call(session, "POST", "/bots",
                                   json={"name": f"t{seed}-{number % 3}", "exchange": "bitmart",
                                         "strategy": "spot_grid"},
                                   headers={"Idempotency-Key": f"{seed}-{number}"})
                for bot in (self.call(session, "GET", "/bots") or answer).json().get("bots", [])[:6]:
                    if chance.random() < 0.3:
                        self.call(session, "POST", f"/bots/{bot['id']}/stop")
                    elif chance.random() < 0.2:
                        self.call(session, "POST", f"/bots/{bot['id']}/start")
                    elif chance.random() < 0.2:
                        self.call(session, "GET", f"/bots/{bot['id']}/logs")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = open(pathlib.Path(folder) / "log", "w+", encoding="utf-8")
        env = {"TB_TIME_SCALE": "10", "TSAN_OPTIONS":
               f"suppressions={ROOT}/tests/tsan.supp halt_on_error=0 exitcode=66"}
        simulator, upstream = start(["simulate", "--port", "0", "--bots", "5", "--seed", "3"], env,
                                    log, "simulator ready")
        bridge, url = start(["serve"], {**env, "HUMMINGBOT_API_URL": upstream,
                                        "HUMMINGBOT_API_USERNAME": "admin",
                                        "HUMMINGBOT_API_PASSWORD": "admin", "PORT": "0",
                                        "BRIDGE_ADMIN_TOKEN": TOKEN,
                                        "BRIDGE_STORE": f"{folder}/bridge.db",
                                        "BRIDGE_ALLOW_EPHEMERAL": "1",
                                        "BRIDGE_PLUGINS": str(ROOT / "plugins")},
                            log, "trading-bridge ready")
        traffic = Traffic(url, options.seconds)
        threads = [threading.Thread(target=traffic.work, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes = {}
        for name, process in (("bridge", bridge), ("simulator", simulator)):
            process.terminate()
            codes[name] = process.wait(timeout=120)
        log.seek(0)
        text = log.read()
        reports = text.count("WARNING: ThreadSanitizer") + text.count("ERROR: AddressSanitizer")
        print(f"answers by status: {dict(sorted(traffic.counts.items()))}; exit codes {codes}; "
              f"sanitizer reports {reports}")
        if reports:
            at = text.find("WARNING: ThreadSanitizer")
            print(text[max(at, 0):max(at, 0) + 6000])
        for line in traffic.bad[:10]:
            print(line)
        return 1 if reports or traffic.bad or any(codes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

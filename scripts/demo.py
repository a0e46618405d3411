"""The demo's conversation with the bridge: starts the processes, plays the two bots, shows what
happens. Called by scripts/demo; Python's standard library only."""

import argparse
import decimal
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("TB_BINARY", ROOT / "build" / "release" / "trading-bridge"))
HOME = ROOT / "data" / "demo"
BOTS = [
    {"name": "eth-grid", "exchange": "bitmart", "strategy": "spot_grid",
     "params": {"pair": "ETH-USDT", "budget_quote": "500"}},
    {"name": "sol-arbitrage", "exchange": "jupiter", "strategy": "arbitrage", "params": {}},
]


class Failure(Exception):
    """Something a person should read; ends the demo with status 1."""


def free_port(wanted):
    with socket.socket() as s:
        try:
            s.bind(("127.0.0.1", wanted))
        except OSError:
            s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(home, name, words, env, ready):
    """Starts one process with its log and pid in the demo's folder; returns when it says `ready`."""
    log = open(home / f"{name}.log", "w", encoding="utf-8")
    # Settings of a bridge of one's own must not reach the demo's.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("BRIDGE_", "HUMMINGBOT_"))}
    process = subprocess.Popen([str(BINARY), *words], stdout=log, stderr=subprocess.STDOUT,
                               stdin=subprocess.DEVNULL, start_new_session=True,
                               env={**clean, **env}, cwd=ROOT)
    (home / f"{name}.pid").write_text(f"{process.pid}\n")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if ready in (home / f"{name}.log").read_text(encoding="utf-8", errors="replace"):
            return process
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise Failure(f"{name} did not start; see {home / (name + '.log')}")


def stop(home, name):
    """Ends a process that an earlier demo started, if it still is that process."""
    file = home / f"{name}.pid"
    if not file.exists():
        return False
    pid = int(file.read_text() or "0")
    file.unlink()
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    if b"trading-bridge" not in words:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and pathlib.Path(f"/proc/{pid}").exists():
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
        time.sleep(0.05)
    return True


class Bridge:
    """The REST API, as any client would use it."""

    def __init__(self, url, token):
        self.url, self.token = url, token

    def call(self, method, path, body=None, key=None):
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            problem = json.loads(refused.read() or b"{}")
            lines = [problem.get("detail", str(refused))]
            lines += [f"  {e.get('pointer')}: {e.get('message')}" for e in problem.get("errors", [])]
            raise Failure("\n".join(lines)) from None


def follow(bridge, operations, seconds):
    """Prints each step as it is done, until all operations have ended."""
    shown, ended = {}, {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and len(ended) < len(operations):
        for name, operation in operations.items():
            now = bridge.call("GET", f"/operations/{operation}")
            for i, step in enumerate(now["steps"]):
                if shown.get((name, i)) != step["state"] and step["state"] != "doing":
                    shown[(name, i)] = step["state"]
                    print(f"  {name:14} {step['name']:20} {step['state']}", flush=True)
            if now["ended_at"] and name not in ended:
                ended[name] = now
                print(f"  {name:14} {now['kind']} {now['state']}", flush=True)
        time.sleep(0.2)
    for name in operations:
        state = ended.get(name, {}).get("state", "not ended")
        if state != "succeeded":
            detail = (ended.get(name, {}).get("error") or {}).get("detail", "")
            raise Failure(f"{name}: {state}. {detail}")


def profit(bridge, seconds, until_all):
    """Prints a line a second; with until_all returns as soon as every bot has reported."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        words, reported = [], 0
        for bot in bridge.call("GET", "/bots")["bots"]:
            if not bot["managed"]:
                continue
            figures = ["unknown" if p["net"] is None else
                       f"{decimal.Decimal(p['net']):+.4f} {p['quote'] or ''}".strip()
                       for p in bot["pnl"]]
            reported += bool(bot["pnl"])
            words.append(f"{bot['name']} {bot['state']} {', '.join(figures) or 'no report yet'}")
        print("  " + "   ".join(words), flush=True)
        if until_all and reported == len(BOTS):
            return
        time.sleep(1)
    if until_all:
        raise Failure("not every bot reported a profit in time")


def run(smoke):
    home = HOME if not smoke else ROOT / "data" / f"smoke-{os.getpid()}"
    home.mkdir(parents=True, exist_ok=True)
    passed = False
    for name in ("bridge", "simulator"):
        stop(home, name)
    for old in home.glob("bridge.db*"):
        old.unlink()
    for old in home.glob("series.db*"):
        old.unlink()
    sim_port = free_port(0 if smoke else 8000)
    port = free_port(0 if smoke else 8080)
    try:
        print(f"Starting the simulator (a stand-in Hummingbot API) on 127.0.0.1:{sim_port}")
        start(home, "simulator", ["simulate", "--port", str(sim_port), "--bots", "1", "--seed", "1"],
              {}, "simulator ready")
        print(f"Starting the bridge on 127.0.0.1:{port}")
        start(home, "bridge", ["serve"],
              {"HUMMINGBOT_API_URL": f"http://127.0.0.1:{sim_port}",
               "HUMMINGBOT_API_USERNAME": "admin", "HUMMINGBOT_API_PASSWORD": "admin",
               "PORT": str(port), "BRIDGE_BIND": "127.0.0.1", "BRIDGE_ALLOW_EPHEMERAL": "1",
               "BRIDGE_STORE": str(home / "bridge.db"), "BRIDGE_PLUGINS": str(ROOT / "plugins")},
              "trading-bridge ready")
        token = (home / "admin-token").read_text(encoding="ascii").strip()
        bridge = Bridge(f"http://127.0.0.1:{port}", token)
        print("Creating a BitMart spot grid and a Jupiter arbitrage bot:")
        operations = {}
        for form in BOTS:
            print(f"  POST /bots {json.dumps(form)}")
            answer = bridge.call("POST", "/bots", form, key=f"demo-{form['name']}-{time.time_ns()}")
            operations[form["name"]] = answer["operation"]["id"]
        follow(bridge, operations, 90)
        print("Profit, live:")
        profit(bridge, 25, smoke)
        if smoke:
            print("Stopping them, with proof:")
            follow(bridge, {f["name"]: bridge.call("POST", f"/bots/{f['name']}/stop")["operation"]["id"]
                            for f in BOTS}, 90)
            passed = True
            return
        print(f"""
Everything keeps running.
  Page:     http://127.0.0.1:{port}/
  Sign in:  with the token in {home / 'admin-token'}
            {token}
  By curl:  curl -H "Authorization: Bearer $(cat {home / 'admin-token'})" http://127.0.0.1:{port}/bots
  Logs:     {home}/bridge.log, {home}/simulator.log
  End it:   ./scripts/demo --stop""")
    except BaseException:
        for name in ("bridge", "simulator"):
            stop(home, name)
        raise
    finally:
        if smoke:
            for name in ("bridge", "simulator"):
                stop(home, name)
        if passed:
            shutil.rmtree(home)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--stop", action="store_true")
    options = parser.parse_args()
    if options.stop:
        ended = [name for name in ("bridge", "simulator") if stop(HOME, name)]
        print(f"Ended: {', '.join(ended)}" if ended else "Nothing of an earlier demo was running.")
        return 0
    try:
        run(options.smoke)
    except Failure as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

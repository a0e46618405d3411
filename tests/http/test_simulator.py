"""The simulator from outside: faults, the frozen event loop, late execution, the ledger, the document
by which its version is told, and bots that no bridge made."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading

import pytest
import requests

from replay_conditions import PMM, script, script_deploy

BINARY = os.environ.get("TB_BINARY")
SHARED = pathlib.Path(os.environ.get(
    "TB_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
OPENAPI = SHARED / "knowledge" / "hummingbot" / "openapi.json"
IMAGE = "hummingbot/hummingbot:version-2.16.0"
MAX_UNSERVED_ROUTES = 41  # may only shrink

pytestmark = pytest.mark.skipif(not BINARY, reason="TB_BINARY does not name the binary")


class Simulator:
    def __init__(self, *options):
        self.process = subprocess.Popen([BINARY, "simulate", "--port", "0", *options],
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.fullmatch(r"simulator ready on (http://127\.0\.0\.1:\d+)\n", line)
        assert match, line
        self.base = match[1]
        self.session = requests.Session()
        self.session.auth = ("admin", "admin")

    def stop(self):
        self.session.close()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0

    def get(self, path, **more):
        return self.session.get(self.base + path, timeout=120, **more)

    def post(self, path, body=None, **more):
        return self.session.post(self.base + path, json=body, timeout=120, **more)

    def control(self, path, body):
        answer = requests.post(self.base + "/_simulator" + path, json=body, timeout=120)
        assert answer.status_code == 200, answer.text

    def fault(self, kind, path="", method="", **more):
        self.control("/faults", {"match": {"path": path, "method": method}, "kind": kind, **more})

    def advance(self, seconds):
        self.control("/advance", {"ms": int(seconds * 1000)})

    def ledger(self):
        return requests.get(self.base + "/_simulator/ledger", timeout=120).json()

    def deploy(self, name="hummingbot-one", **more):
        self.post("/controllers/configs/one", dict(PMM, id="one", connector_name="bitmart", **more))
        self.post("/scripts/configs/one", script("one"))
        return self.post("/bot-orchestration/deploy-v2-script",
                         script_deploy(name, "one.yml", image=IMAGE))

    def running(self, name="hummingbot-one"):
        unique = self.deploy(name).json()["unique_instance_name"]
        self.advance(8)
        return unique

    def state(self, unique):
        return self.get("/bot-orchestration/%s/status" % unique).json()["data"]


@pytest.fixture
def sim():
    simulator = Simulator("--seed", "3")
    simulator.control("/conditions", {"clock": "stopped"})
    yield simulator
    simulator.stop()


@pytest.mark.parametrize("world", ["default", "fresh"])
def test_foreign_bots_run(world):
    simulator = Simulator("--bots", "5", "--seed", "9", "--world", world)
    try:
        data = simulator.get("/bot-orchestration/status").json()["data"]
        assert len(data) == 5
        for name, bot in data.items():
            assert re.fullmatch(r"sim-00[1-5]-\d{8}-\d{6}", name)
            assert bot["status"] == "running" and bot["recently_active"]
        assert simulator.get("/bot-orchestration/bot-runs").json()["data"] == []
        assert len(simulator.get("/docker/active-containers").json()) == 5
    finally:
        simulator.stop()


def test_wrong_options_are_refused():
    for options in (["--port"], ["--port", "x"], ["--world", "flat"], ["--bots", "-1"], ["--what", "1"]):
        done = subprocess.run([BINARY, "simulate", *options], capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and "usage" in done.stderr


def test_only_loopback(sim):
    port = int(sim.base.rsplit(":", 1)[1])
    address = socket.gethostbyname(socket.gethostname())
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError):
        socket.create_connection((address, port), timeout=2).close()


@pytest.mark.skipif(not OPENAPI.is_file(), reason="the openapi document is not at %s" % OPENAPI)
def test_openapi_lists_every_route(sim):
    ours = requests.get(sim.base + "/openapi.json", timeout=120).json()
    theirs = json.loads(OPENAPI.read_text())
    assert ours["info"]["title"] == theirs["info"]["title"]
    assert ours["info"]["version"] == theirs["info"]["version"]
    assert "HTTPBasic" in ours["components"]["securitySchemes"]
    assert {p: set(m) for p, m in ours["paths"].items()} == \
        {p: set(m) for p, m in theirs["paths"].items()}


@pytest.mark.skipif(not OPENAPI.is_file(), reason="the openapi document is not at %s" % OPENAPI)
def test_unserved_routes_may_only_shrink(sim):
    unserved = []
    for path, methods in json.loads(OPENAPI.read_text())["paths"].items():
        for method in methods:
            target = re.sub(r"\{\w+\}", "x", path)
            if "archived-bots/x" in target:
                target = target.replace("archived-bots/x", "archived-bots/bots/archived/x")
            answer = sim.session.request(method, sim.base + target, json={}, timeout=120)
            if answer.status_code == 501:
                assert answer.json() == {"detail": "not simulated"}
                unserved.append(method + " " + path)
    print("\n%d routes are not simulated" % len(unserved))
    assert len(unserved) <= MAX_UNSERVED_ROUTES, unserved


def test_unserved_needs_the_password(sim):
    answer = requests.get(sim.base + "/executors/types/available", timeout=120)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Basic"


def test_drop_before_and_after(sim):
    for kind, executed in (("drop_before", 0), ("drop_after", 1)):
        sim.fault(kind, "/bot-orchestration/deploy")
        with pytest.raises(requests.ConnectionError):
            sim.deploy("hummingbot-" + kind[5:])
        sim.advance(2)
        names = [c["name"] for c in sim.get("/docker/active-containers").json()]
        assert len([n for n in names if kind[5:] in n]) == executed
    writes = [w for w in sim.ledger()["writes"] if "deploy" in w["path"]]
    assert [w["executed"] for w in writes] == [False, True]
    assert [w["answered"] for w in writes] == [False, False]
    assert sim.ledger()["deploys_delivered"] == 2 and sim.ledger()["deploys_executed"] == 1


def test_late_execution(sim):
    sim.fault("late", "/bot-orchestration/deploy", delay_ms=90000)
    with pytest.raises(requests.ConnectionError):
        sim.deploy()
    sim.advance(80)
    assert sim.get("/docker/active-containers").json() == []
    assert sim.ledger()["instances"] == {}
    sim.advance(20)
    assert len(sim.get("/docker/active-containers").json()) == 1
    ledger = sim.ledger()
    assert ledger["instances"] == {"hummingbot-one": 1} and ledger["alive"] == {"hummingbot-one": 1}


def test_late_execution_is_burnt_by_a_deleted_config(sim):
    sim.fault("late", "/bot-orchestration/deploy", delay_ms=30000)
    with pytest.raises(requests.ConnectionError):
        sim.deploy()
    sim.session.delete(sim.base + "/scripts/configs/one", timeout=120)
    sim.advance(60)
    assert sim.get("/docker/active-containers").json() == []
    assert len(sim.get("/docker/exited-containers").json()) == 1
    assert sim.ledger()["trading"] == [] and sim.ledger()["containers"][0]["exit_code"] == 1


def test_created_container_is_in_no_list(sim):
    sim.fault("created", "/bot-orchestration/deploy")
    answer = sim.deploy()
    assert answer.status_code == 500 and "Connection aborted" in answer.json()["detail"]
    sim.advance(60)
    for path in ("/docker/active-containers", "/docker/exited-containers"):
        assert sim.get(path).json() == []
    [container] = sim.ledger()["containers"]
    assert container["state"] == "created"
    assert sim.get("/bot-orchestration/bot-runs").json()["data"] == []
    assert sim.get("/controllers/bots/%s/configs" % container["name"]).status_code == 200
    assert sim.post("/docker/start-container/" + container["name"]).json() is None
    sim.advance(8)
    assert sim.state(container["name"])["status"] == "running"


def test_shapes_that_hide_failures(sim):
    unique = sim.running()
    sim.fault("success_shaped_failure", count=4)
    assert sim.deploy("hummingbot-two").status_code == 200  # its two configs took two faults
    assert sim.post("/bot-orchestration/stop-bot", {"bot_name": unique}).json()["response"] == {
        "success": False}
    sim.fault("text_list", "/docker/active-containers")
    assert isinstance(sim.get("/docker/active-containers").json(), str)
    sim.fault("unauthorized")
    assert sim.get("/accounts/").status_code == 401
    sim.fault("html")
    assert sim.get("/accounts/").headers["Content-Type"] == "text/html"
    sim.fault("error_detail", detail="no")
    assert sim.get("/accounts/").json() == {"detail": "no"}
    sim.fault("error500", count=2)
    for _ in range(2):
        answer = sim.get("/accounts/")
        assert answer.status_code == 500 and answer.text == "Internal Server Error"
    assert sim.get("/accounts/").json() == ["master_account"]


def test_nan_hides_all_bots(sim):
    one, two = sim.running(), sim.running("hummingbot-two")
    sim.control("/bots/hummingbot-one/nan", {})
    sim.advance(2)
    assert sim.get("/bot-orchestration/status").status_code == 500
    assert sim.get("/bot-orchestration/%s/status" % one).status_code == 500
    assert sim.state(two)["status"] == "running"


def test_docker_stop_freezes_all_but_the_switches():
    simulator = Simulator("--bots", "1")
    try:
        [container] = simulator.get("/docker/active-containers").json()
        stopping = threading.Thread(target=simulator.post,
                                    args=("/docker/stop-container/" + container["name"],))
        stopping.start()
        while not [w for w in simulator.ledger()["writes"] if w["executed"]]:
            pass
        with pytest.raises(requests.Timeout):
            requests.get(simulator.base + "/", timeout=0.5)
        simulator.control("/advance", {"ms": 20000})
        stopping.join(10)
        assert simulator.get("/docker/active-containers").json() == []
    finally:
        simulator.stop()


def test_ends_at_once_while_frozen():
    simulator = Simulator("--bots", "1")
    simulator.fault("freeze", "/accounts/", delay_ms=600000)
    simulator.fault("hang", "/connectors/", delay_ms=600000)
    waiting = []
    for path in ("/accounts/", "/connectors/", "/"):
        def ask(target=path):
            try:
                requests.get(simulator.base + target, auth=("admin", "admin"), timeout=120)
            except requests.RequestException:
                pass
        waiting.append(threading.Thread(target=ask))
        waiting[-1].start()
    simulator.stop()
    for thread in waiting:
        thread.join(10)


def test_restart_forgets_reports_and_finds_bots_again(sim):
    unique = sim.running()
    sim.control("/restart", {})
    assert sim.get("/bot-orchestration/status").json()["data"] == {}
    sim.advance(3)
    assert sim.state(unique)["status"] == "running"


def test_crash_is_seen_late(sim):
    unique = sim.running()
    sim.control("/bots/hummingbot-one/crash", {})
    assert sim.ledger()["orphan_orders"] > 0
    sim.advance(20)
    assert sim.state(unique)["status"] == "running"
    assert sim.get("/docker/active-containers").json() == []
    sim.advance(15)
    assert sim.state(unique)["status"] == "not_found"
    [row] = sim.get("/bot-orchestration/bot-runs").json()["data"]
    assert row["run_status"] == "CREATED" and row["stopped_at"] is None


def test_silence_turns_idle(sim):
    unique = sim.running()
    sim.control("/bots/hummingbot-one/silence", {})
    sim.advance(32)
    state = sim.state(unique)
    assert state["status"] == "idle" and not state["recently_active"]


def test_drawdown_stops_the_bot(sim):
    sim.post("/controllers/configs/one", dict(PMM, id="one", connector_name="bitmart"))
    sim.post("/scripts/configs/one", dict(script("one"), max_global_drawdown_quote=20))
    unique = sim.post("/bot-orchestration/deploy-v2-script",
                      script_deploy("hummingbot-one", "one.yml", image=IMAGE)).json()[
                          "unique_instance_name"]
    sim.advance(10)
    sim.control("/bots/hummingbot-one/drawdown", {"quote": 25})
    sim.advance(20)
    state = sim.state(unique)
    assert state["performance"]["one"]["performance"] == {}
    assert sim.ledger()["trading"] == []


def test_orders_lock_coins_until_the_stop(sim):
    def usdt():
        body = sim.post("/portfolio/state", {"account_names": ["master_account"]}).json()
        return next(c for c in body["master_account"]["bitmart"] if c["token"] == "USDT")
    assert usdt()["units"] == usdt()["available_units"] == 100000
    unique = sim.running()
    assert usdt()["available_units"] < usdt()["units"]
    sim.post("/bot-orchestration/stop-bot", {"bot_name": unique})
    sim.advance(15)
    assert usdt()["available_units"] == usdt()["units"]


def test_account_without_keys_never_gets_ready(sim):
    sim.post("/accounts/add-account?account_name=other")
    sim.post("/controllers/configs/one", dict(PMM, id="one", connector_name="bitmart"))
    sim.post("/scripts/configs/one", script("one"))
    body = dict(script_deploy("hummingbot-one", "one.yml", image=IMAGE), credentials_profile="other")
    unique = sim.post("/bot-orchestration/deploy-v2-script", body).json()["unique_instance_name"]
    sim.advance(60)
    state = sim.state(unique)
    assert state["status"] == "stopped" and state["recently_active"] and state["general_logs"]


def test_missing_image_is_pulled_inside_the_request(sim):
    before = sim.ledger()["now_ms"]
    body = script_deploy("hummingbot-one", "one.yml", image="hummingbot/hummingbot:version-2.15.0")
    assert sim.post("/bot-orchestration/deploy-v2-script", body).json()["success"] is True
    assert sim.ledger()["now_ms"] - before >= 20000
    body["image"] = "nobody/nothing:1"
    answer = sim.post("/bot-orchestration/deploy-v2-script", body).json()
    assert answer["success"] is False and "pull access denied" in answer["message"]

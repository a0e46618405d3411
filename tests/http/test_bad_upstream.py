"""An upstream that is down, slow, another program or out of its mind, and a store or port that cannot
be had: each is a clear problem with the right status, the server keeps serving, nothing is half-made."""
import functools
import json
import re
import signal
import socket
import subprocess
import sys

import pytest

import conftest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/faults"))
import fault_server as faults  # noqa: E402

GRID = {"exchange": "bitmart", "strategy": "spot_grid"}
ESCAPES = "\x1b[31mred\r\n2026-01-01T00:00:00.000Z error FAKE\x00"
PASSWORD = "a-password-nobody-else-may-see"


@pytest.fixture(scope="module")
def upstream(simulator):
    with faults.FaultServer(upstream=("127.0.0.1", simulator.port)) as server:
        yield server


@pytest.fixture(scope="module")
def bridge(start_bridge, upstream):
    program = start_bridge(upstream.url)
    program.wait_until(lambda: program.get("/readyz").status_code == 200)
    return program


@pytest.fixture(scope="module", autouse=True)
def nothing_is_made(bridge, simulator):
    yield
    ledger = simulator.ledger()
    assert ledger["instances"] == {} and ledger["deploys_delivered"] == 0
    assert not any(ledger["files"].values())
    log = bridge.log()
    assert "\x1b" not in log and not re.search(r"^2026-01-01T00:00:00.000Z error FAKE", log, re.M)


@pytest.fixture(autouse=True)
def healthy_again(bridge, upstream):
    """Each test begins and ends with an upstream that works."""
    yield
    upstream.reset()
    upstream.release()
    bridge.wait_until(lambda: plan(bridge).status_code == 200, 60, "did not recover")


def plan(bridge, path="/bots/plan", name="p", **more):
    return bridge.post(path, json={**GRID, "name": name, **more})


def broken_plan(bridge, **more):
    """The first plan that is not made any more: good answers of before are kept for some seconds."""
    answers = []
    bridge.wait_until(lambda: answers.append(plan(bridge, **more)) or answers[-1].status_code != 200)
    return answers[-1]


def problem(answer, statuses=(502, 503, 504)):
    assert answer.status_code in statuses, answer.text
    body = answer.json()
    assert body["status"] == answer.status_code and isinstance(body["detail"], str)
    assert len(body["detail"]) > 20 and not re.search(r"[\x00-\x1f\x7f]", body["detail"])
    assert answer.status_code != 503 or "Retry-After" in answer.headers
    return body


# what upstream does, status, code, words of the detail
ANSWERS = {
    "ngrok offline": (faults.html("ngrok", 404), 502, "upstream_not_json", "ngrok"),
    "ngrok 502": (faults.html("ngrok", 502), 502, "upstream_not_json", "tunnel is offline"),
    "ngrok warning": (faults.html("ngrok-warning", 200), 502, "upstream_not_json", "ngrok"),
    "cloudflare": (faults.html("cloudflare", 530), 502, "upstream_not_json", "Cloudflare"),
    "html": (faults.html("generic", 502), 502, "upstream_not_json", "HTML"),
    "html 200": (faults.html("generic", 200), 502, "upstream_not_json", "HTML"),
    "html 401": (faults.html("generic", 401), 502, None, ""),
    "truncated": (faults.truncated(), 502, "upstream_broken", "connection broke"),
    "half a document": (faults.reply(200, '["a",', "application/json"), 502, "upstream_not_json", "not JSON"),
    "two documents": (faults.reply(200, "[] []", "application/json"), 502, "upstream_not_json", "not JSON"),
    "closed": (faults.read_then_fin(), 502, "upstream_broken", "connection broke"),
    "reset": (faults.read_then_rst(), 502, "upstream_broken", "connection broke"),
    "garbage": (faults.garbage(), 502, "upstream_broken", ""),
    "half a status line": (faults.partial_status(), 502, "upstream_broken", ""),
    "204": (faults.reply(204), 502, "upstream_not_json", "204"),
    "empty": (faults.reply(200, "", "application/json"), 502, "upstream_not_json", "not JSON"),
    "null": (faults.reply_json(200, None), 502, "upstream_not_json", "not a list"),
    "number": (faults.reply_json(200, 5), 502, "upstream_not_json", "not a list"),
    "object": (faults.reply_json(200, {"a": 1}), 502, "upstream_not_json", "not a list"),
    "text": (faults.reply_json(200, "Error: no docker"), 502, "upstream_broken", "no docker"),
    "numbers in the list": (faults.reply_json(200, [1, None, {"a": []}]), 502, "upstream_not_json", "no list of names"),
    "deep": (faults.reply(200, "[" * 100_000, "application/json"), 502, "upstream_not_json", "not JSON"),
    "invalid utf-8": (faults.reply(200, b'["\xff"]', "application/json"), 502, "upstream_not_json", ""),
    "oversize": (faults.oversize(64 << 20), 502, "upstream_broken", "larger than"),
    "401": (faults.reply_json(401, {"detail": "Incorrect username or password"}), 502, "upstream_credentials", "HUMMINGBOT_API_PASSWORD"),
    "403 text": (faults.reply(403, "forbidden"), 502, "upstream_not_json", "403"),
    "429 text": (faults.reply(429, "slow down"), 502, "upstream_not_json", "429"),
    "503 text": (faults.reply(503, "starting"), 502, "upstream_not_json", "503"),
    "500": (faults.reply(500, "Internal Server Error"), 502, "upstream_broken", "Internal Server Error"),
    "422": (faults.reply_json(422, {"detail": [{"loc": ["body", "x"], "msg": "bad", "type": "t"}]}), 502, "upstream_refused", "body.x: bad"),
    "detail is an object": (faults.reply_json(400, {"detail": {"x": {"y": 1}}}), 502, None, ""),
    "escapes": (faults.reply_json(500, {"detail": ESCAPES + "x" * 5000}), 502, "upstream_broken", "FAKE"),
    "escapes in html": (faults.reply(502, f"<html><title>{ESCAPES}</title>", "text/html"), 502, "upstream_not_json", ""),
    "hung": (faults.hang(), 504, "upstream_timeout", "did not answer"),
}


@pytest.mark.quick
@pytest.mark.parametrize("kind", ANSWERS)
def test_a_broken_answer_is_said_clearly(bridge, upstream, kind):
    behaviour, status, code, words = ANSWERS[kind]
    upstream.behave("*", "/accounts/", behaviour, forever=True)
    for answer in (broken_plan(bridge), plan(bridge, "/bots")):
        body = problem(answer, (status,))
        assert code in (None, body["code"]) and words in body["detail"], body
        assert body["retryable"] is not None
    assert bridge.get("/bots").status_code == 200 and bridge.get("/healthz").status_code == 200
    assert bridge.get("/operations").json()["operations"] == []


@pytest.mark.parametrize("path, value", [
    ("/docker/available-images/", "docker is down"), ("/docker/available-images/", {"available_images": "x"}),
    ("/docker/available-images/", {}), ("/docker/available-images/", 5), ("/docker/available-images/", None),
    ("/controllers/", []), ("/controllers/", "x"), ("/controllers/", None),
    ("/scripts/", {}), ("/scripts/", "x"), ("/accounts/master_account/credentials", {"a": 1}),
    ("/portfolio/state", "x"), ("/portfolio/state", 5),
])
def test_wrong_types_where_lists_belong(bridge, upstream, path, value):
    """Upstream's fault is not told as the caller's."""
    upstream.behave("*", path, faults.reply_json(200, value), forever=True)
    problem(broken_plan(bridge))


@pytest.mark.parametrize("state", [
    {"master_account": {"bitmart": [5, None, {}, {"token": 5}, {"token": "USDT", "units": "x"}]}},
    {"master_account": {"bitmart": "none"}}, {"master_account": 5}, [], {},
    {"master_account": {"bitmart": [{"token": "USDT", "units": 1e300, "available_units": -1}]}},
])
def test_nonsense_balances_are_no_fault_of_the_plugin(bridge, upstream, state):
    upstream.behave("*", "/portfolio/state", faults.reply_json(200, state), forever=True)
    bridge.wait_until(lambda: (plan(bridge), upstream.count("*", "/portfolio/state"))[1])
    answer = plan(bridge)
    assert answer.status_code in (200, 422, 502), answer.text
    assert answer.json().get("code") != "plugin_failed"


@pytest.mark.parametrize("prices", ['{"prices":[]}', '{"prices":{"BTC-USDT":NaN}}', '{"prices":{"BTC-USDT":-5}}',
                                    '{"prices":{"BTC-USDT":1e300}}', '{"prices":{"BTC-USDT":"x"}}', '{"prices":{}}', "{}"])
def test_nonsense_prices_make_no_grid(bridge, upstream, prices):
    upstream.behave("*", "/market-data/prices", faults.reply(200, prices, "application/json"), forever=True)
    answer = broken_plan(bridge)
    assert answer.status_code == 422 and "price" in answer.json()["detail"], answer.text


# ---- the status document ----

def status_of(*bots, raw=None):
    return faults.reply(200, raw or json.dumps({"status": "success", "data": dict(bots)}), "application/json")


def bot(**more):
    return {"status": "running", "performance": {}, "error_logs": [], "general_logs": [],
            "recently_active": True, "source": "mqtt", **more}


WILD = {
    "nan": status_of(raw='{"status":"success","data":{"a":{"status":"running","performance":{"c":'
                         '{"status":"running","performance":{"global_pnl_quote":NaN,"volume_traded":-Infinity}}}}}}'),
    "10 MB": status_of(*[(f"bot-{i}", bot(general_logs=[{"msg": "x" * 1000, "level_name": "INFO", "timestamp": 1.0}] * 100))
                         for i in range(100)]),
    "500 bots": status_of(*[(f"hummingbot-b{i}-20260101-000000", bot()) for i in range(500)]),
    "lists for objects": status_of(("a", []), ("b", bot(performance=[], error_logs={}, general_logs=5))),
    "texts for numbers": status_of(("a", bot(performance={"c": {"status": "running", "performance": {
        "global_pnl_quote": "x", "volume_traded": [], "realized_pnl_quote": {}}}}))),
    "null bots": status_of(("a", None), ("b", 5), ("c", "running"), ("", bot())),
    "odd names": status_of((ESCAPES, bot()), ("../../x", bot()), ("<script>", bot()), ("x" * 10_000, bot()), ("\u202e", bot())),
    "odd logs": status_of(("a", bot(error_logs=[None, 5, "x", {}, {"msg": ESCAPES, "timestamp": "x", "level_name": 5},
                                                {"msg": "y" * 100_000, "timestamp": 1e300}]))),
    "data is a list": status_of(raw='{"status":"success","data":[]}'),
    "data is null": status_of(raw='{"status":"success","data":null}'),
    "twice the same": status_of(raw='{"status":"success","data":{"a":{"status":"running"},"a":{"status":"stopped"}}}'),
    "deep": status_of(raw='{"status":"success","data":{"a":' + '{"a":' * 500 + "1" + "}" * 502),
    "not success": faults.reply_json(200, {"status": "error", "message": ESCAPES}),
    "html": faults.html("ngrok", 200),
    "empty": faults.reply(200, "", "application/json"),
    "oversize": faults.oversize(80 << 20),
}


@pytest.mark.parametrize("kind", WILD)
def test_a_wild_status_document(bridge, upstream, kind):
    """Whatever the poll brings, lists are JSON, nothing wild is a number, planning goes on."""
    upstream.behave("GET", "/bot-orchestration/status", WILD[kind], forever=True)
    seen = upstream.count("GET", "/bot-orchestration/status")
    assert upstream.wait_count(seen + 4, "GET", "/bot-orchestration/status", 60)
    answer = bridge.get("/bots")
    assert answer.status_code == 200
    text = answer.text
    assert "NaN" not in text and "Infinity" not in text
    bots = json.loads(text, parse_constant=lambda word: pytest.fail(word))["bots"]
    assert all(isinstance(b["id"], str) and b["managed"] is False for b in bots)
    for one in bots[:5]:
        if re.fullmatch(r"[\w-]{1,128}", one["id"]):
            for path in (f"/bots/{one['id']}", f"/bots/{one['id']}/logs"):
                status = bridge.get(path).status_code
                # One of the document before may leave the list meanwhile.
                assert status == 200 or (status == 404 and one["id"] not in bridge.get("/bots").text), path
    assert bridge.get("/hummingbot").status_code == 200
    assert plan(bridge).status_code == 200


# ---- who gets the password ----

@pytest.mark.quick
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(upstream, bridge, status):
    with faults.FaultServer() as elsewhere:
        upstream.behave("*", "/accounts/", faults.reply(status, "", "text/plain", [
            ("Location", elsewhere.url + "/accounts/")]), forever=True)
        body = problem(broken_plan(bridge), (502,))
        assert "redirect" in body["detail"]
        assert elsewhere.count() == 0


def test_a_wrong_password_is_said_and_never_shown(start_bridge, simulator):
    bridge = start_bridge(simulator, HUMMINGBOT_API_PASSWORD=PASSWORD)
    bridge.wait_log("HUMMINGBOT_API_PASSWORD")
    body = problem(plan(bridge), (502,))
    assert body["code"] == "upstream_credentials" and body["retryable"] is False
    assert "HUMMINGBOT_API_PASSWORD" in body["detail"]
    assert "HUMMINGBOT_API_PASSWORD" in bridge.get("/hummingbot").json()["feed"]["error"]
    for path in ("/hummingbot", "/bots", "/operations"):
        assert PASSWORD not in bridge.get(path).text
    assert PASSWORD not in bridge.log() + json.dumps(body)
    for file in bridge.folder.rglob("*"):
        assert not file.is_file() or PASSWORD.encode() not in file.read_bytes()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def test_an_upstream_that_is_not_there_yet(start_bridge, start_simulator):
    """The bridge starts without it, says so, and finds it when it comes."""
    port = free_port()
    bridge = start_bridge(f"http://127.0.0.1:{port}")
    body = problem(plan(bridge), (502,))
    assert body["code"] == "upstream_unreachable" and "connection refused" in body["detail"]
    bridge.wait_log("connection refused")
    state = bridge.get("/hummingbot").json()
    assert "connection refused" in state["feed"]["error"]
    assert state["clock_offset_ms"] is None and state["profile"] is None
    assert state["broker"] == {"connected": None, "host": None, "port": None, "bots_heard": None,
                               "bots_running": None}
    assert bridge.get("/healthz").status_code == 200 and bridge.get("/bots").json()["bots"] == []
    for _ in range(2):  # as long as it is not there
        ready = bridge.get("/readyz", token=None)
        assert ready.status_code == 503 and ready.json() == {"status": "upstream_unreachable"}
        assert ready.headers["Retry-After"]
    with faults.FaultServer(upstream=("127.0.0.1", start_simulator().port), port=port):
        bridge.wait_log("answers again")
        bridge.wait_until(lambda: plan(bridge).status_code == 200)
        bridge.wait_until(lambda: bridge.get("/readyz", token=None).status_code == 200)
        assert isinstance(bridge.get("/hummingbot").json()["clock_offset_ms"], int)
    # Once seen, the list is served on and says itself that it is old.
    bridge.wait_until(lambda: "stale_since" in bridge.get("/bots").json())
    assert bridge.get("/readyz", token=None).status_code == 200
    assert bridge.get("/hummingbot").json()["broker"]["connected"] is None
    assert bridge.log().count("hummingbot.lost") <= 3, "said once, not at every look"


def test_a_name_that_does_not_resolve(start_bridge):
    bridge = start_bridge("http://no-such-host.invalid:8000")
    body = problem(plan(bridge))
    assert "no-such-host.invalid" in body["detail"] or "resolve" in body["detail"].lower()
    assert bridge.get("/healthz").status_code == 200


def test_five_hundred_bots_of_others(start_bridge, start_simulator):
    bridge = start_bridge(start_simulator("--bots", 500))
    bridge.wait_until(lambda: len(bridge.get("/bots?limit=1000").json()["bots"]) == 500)
    first = bridge.get("/bots?limit=200").json()
    assert len(first["bots"]) == 200 and first["next_cursor"]
    assert plan(bridge).status_code == 200


# ---- the store and the port ----

def refused_start(start_bridge, upstream, **settings):
    with pytest.raises(AssertionError) as refused:
        start_bridge(upstream.url, **settings)
    text = str(refused.value)
    assert "did not start" in text and "Sanitizer" not in text
    return text


@pytest.mark.parametrize("kind", ["parent is a file", "is a folder", "is no database", "is on a full device"])
def test_a_store_that_cannot_be(start_bridge, upstream, tmp_path, kind):
    path = tmp_path / "bridge.db"
    if kind == "parent is a file":
        path.write_text("x")
        path = path / "bridge.db"
    elif kind == "is a folder":
        path.mkdir()
    elif kind == "is no database":
        path.write_bytes(b"this is a letter to my aunt, not a database\n" * 200)
    else:
        path = "/dev/full"
    assert str(path) in refused_start(start_bridge, upstream, BRIDGE_STORE=path)
    if kind == "is no database":
        assert path.read_bytes().startswith(b"this is a letter"), "it was not overwritten"


def test_two_servers_on_one_store(start_bridge, upstream, bridge):
    text = refused_start(start_bridge, upstream, BRIDGE_STORE=bridge.folder / "data/bridge.db")
    assert "bridge.db" in text and re.search("lock|another|use", text)
    assert bridge.get("/bots").status_code == 200


def test_a_taken_port(start_bridge, upstream, bridge):
    text = refused_start(start_bridge, upstream, PORT=bridge.port)
    assert str(bridge.port) in text and "in use" in text


@pytest.mark.parametrize("settings", [{"PORT": "x"}, {"PORT": 70000}, {"PORT": -1}, {"BRIDGE_THREADS": 1},
                                      {"BRIDGE_ADMIN_TOKEN": "short"}, {"BRIDGE_BIND": "nowhere"},
                                      {"HUMMINGBOT_API_URL": "ftp://x"}, {"HUMMINGBOT_API_URL": "http://u:secretword@h:1"},
                                      {"BRIDGE_CORS_ORIGINS": "*"}, {"BRIDGE_ARENA": "1e9"}, {"BRIDGE_LOG": "loud"}])
def test_settings_that_cannot_be(start_bridge, upstream, settings):
    text = refused_start(start_bridge, upstream, **settings) if "HUMMINGBOT_API_URL" not in settings else \
        refused_start(start_bridge, type("U", (), {"url": settings["HUMMINGBOT_API_URL"]}))
    assert next(iter(settings)) in text or ("BRIDGE_BIND" in settings and "nowhere" in text)
    assert "secretword" not in text


def test_a_disk_that_fills_up(start_bridge, simulator, monkeypatch):
    """No command is taken that could not be written down, none reaches upstream; afterwards it heals."""
    monkeypatch.setattr(conftest.subprocess, "Popen",
                        functools.partial(subprocess.Popen, restore_signals=False))
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN  # inherited: EFBIG instead of a signal
    bridge = start_bridge(simulator)
    monkeypatch.undo()
    bridge.wait_until(lambda: bridge.get("/readyz").status_code == 200)

    def limit(size):
        subprocess.run(["prlimit", "--pid", str(bridge.process.pid), f"--fsize={size}"], check=True)

    limit("4096:unlimited")
    for path in ("/bots", "/bots/plan"):
        body = problem(plan(bridge, path, name="full"), (503,))
        assert body["code"] == "store_failed" and body["retryable"] is True
    problem(bridge.post("/tokens", json={"name": "x", "role": "operator"}), (503,))
    assert bridge.get("/bots").json()["bots"] == []
    limit("unlimited:unlimited")
    bridge.wait_until(lambda: plan(bridge, name="after").status_code == 200)
    assert bridge.get("/operations").json()["operations"] == []


def test_something_else_at_the_address(start_bridge):
    with faults.FaultServer() as other:
        other.behave_all(faults.reply_json(200, {"hello": "world"}), forever=True)
        bridge = start_bridge(other.url)
        plan(bridge)
        profile = bridge.get("/hummingbot").json()["profile"]
        assert profile["name"] == "not-hummingbot" and profile["since"] is None


def test_a_broker_that_upstream_denies(start_bridge, start_simulator):
    """Upstream's yes proves nothing, its no does; a bot that is heard outweighs both."""
    simulator = start_simulator("--bots", 1)
    with faults.FaultServer(upstream=("127.0.0.1", simulator.port)) as between:
        between.behave("GET", "/bot-orchestration/mqtt", faults.reply_json(200, {
            "status": "success", "data": {"mqtt_connected": False, "broker_host": "b.example", "broker_port": 1884}}),
            forever=True)
        bridge = start_bridge(between.url)

        def broker():
            return bridge.get("/hummingbot").json()["broker"]
        bridge.wait_until(lambda: broker()["bots_heard"] == 1 and broker()["host"])
        assert broker() == {"connected": True, "host": "b.example", "port": 1884, "bots_heard": 1, "bots_running": 1}
        simulator.control("POST", "/conditions", {"broker": "down"})
        bridge.wait_until(lambda: broker()["connected"] is False)
        assert broker()["bots_heard"] == 0 and broker()["bots_running"] == 1
        between.reset()
        bridge.wait_until(lambda: broker()["connected"] is None and broker()["host"] == "localhost")

"""`trading-bridge check` names what went wrong in the first deployments (EXISTING-FRONTEND, part 2),
each with its remedy, and never prints a secret."""
import re
import resource
import signal
import socket
import subprocess
import sys

import pytest

from conftest import BINARY, ROOT, TOKEN, clean_environment, run

sys.path.insert(0, str(ROOT / "tests/faults"))
from fault_server import FaultServer, hang, html, reply, reply_json  # noqa: E402

PASSWORD = "a very secret password"


class Report:
    def __init__(self, result):
        self.status, self.text = result.returncode, result.stdout
        self.errors = result.stderr
        for line in self.text.splitlines()[:-1]:
            assert re.match(r"(ok    |warn  |fail  )\S", line), line
        for line in self.lines("warn", "fail"):
            assert "  - " in line, f"no remedy: {line}"
        assert (self.status == 1) == bool(self.lines("fail")), self.text
        assert self.status in (0, 1) and "Sanitizer" not in self.errors, self.errors

    def lines(self, *verdicts):
        return [line for line in self.text.splitlines() if line.split("  ")[0].strip() in verdicts]

    def one(self, verdict, *parts):
        """Exactly one line of this verdict holds all of the parts."""
        found = [line for line in self.lines(verdict) if all(p in line for p in parts)]
        assert len(found) == 1, f"{verdict} {parts}:\n{self.text}"
        return found[0]


@pytest.fixture
def check(tmp_path):
    def check(upstream, **env):
        settings = {"HUMMINGBOT_API_URL": getattr(upstream, "url", upstream),
                    "BRIDGE_STORE": tmp_path / "data/bridge.db", "BRIDGE_PLUGINS": ROOT / "plugins",
                    "BRIDGE_ADMIN_TOKEN": TOKEN, **env}
        result = run("check", env=clean_environment(**settings))
        for secret in (TOKEN, PASSWORD):
            assert secret not in result.stdout + result.stderr
        return Report(result)
    return check


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def faults(simulator):
    """In front of the simulator, until told otherwise."""
    with FaultServer(upstream=("127.0.0.1", simulator.port)) as server:
        server.url = f"http://127.0.0.1:{server.port}"
        yield server


@pytest.mark.quick
def test_good_installation_passes_and_warns_of_the_default_password(check, simulator):
    report = check(simulator)
    assert report.status == 0
    report.one("ok", "DNS")
    report.one("ok", "TCP", "accepts connections")
    report.one("ok", "GET /")
    report.one("ok", "version", "c4")
    report.one("ok", "password", "`admin`", "accepted")
    report.one("ok", "wrong password is refused")
    report.one("warn", "default admin/admin")
    report.one("ok", "credentials profile", "master_account", "bitmart")
    report.one("ok", "store", "can be made")
    report.one("ok", "plugins", "load from")
    report.one("ok", "script", "v2_with_controllers")
    report.one("ok", "status document")
    report.one("ok", "names")
    report.one("ok", "discovery")
    report.one("ok", "proof")
    report.one("ok", "refusals", "404")
    assert not report.lines("fail")


def test_it_changes_nothing(check, simulator, tmp_path):
    before = len(simulator.ledger()["writes"])
    check(simulator)
    assert not (tmp_path / "data").exists()
    assert len(simulator.ledger()["writes"]) == before


def test_settings_are_masked(check, simulator):
    report = check(simulator, HUMMINGBOT_API_PASSWORD=PASSWORD, HUMMINGBOT_API_KEY="key-" + PASSWORD,
                   HUMMINGBOT_API_HEADERS="X-Secret: " + PASSWORD)
    report.one("ok", "HUMMINGBOT_API_PASSWORD", f"*** ({len(PASSWORD)} characters)")
    report.one("ok", "BRIDGE_ADMIN_TOKEN", "***")


# 1. service name and URL, DNS, IPv6-only networks, ports

def test_closed_port(check):
    port = free_port()
    report = check(f"http://127.0.0.1:{port}")
    report.one("fail", str(port), "connection refused", "HUMMINGBOT_API_URL")
    assert not [line for line in report.lines("ok", "warn", "fail") if "password:" in line]


@pytest.mark.parametrize("host, hint", [
    ("no-such-host.invalid", "spelling"), ("hummingbot-api.railway.internal", "private network"),
    ("hummingbot-api", "service name"),
])
def test_name_does_not_resolve(check, host, hint):
    report = check(f"http://{host}:8000")
    assert hint in report.one("fail", "DNS", f"`{host}`", "does not resolve")


def test_ipv6_only(check):
    report = check(f"http://[::1]:{free_port()}")
    assert "`::`" in report.one("warn", "IPv6 addresses only")


def test_not_a_url(check):
    for url in ("127.0.0.1", "ftp://127.0.0.1", "http://"):
        assert check(url).lines("fail")


# 2. names and values with white space

@pytest.mark.parametrize("name", [" HUMMINGBOT_API_URL", "HUMMINGBOT_API_PASSWORD ",
                                  " HUMMINGBOT_API_PASSWORD_FILE"])
def test_space_in_a_variables_name(check, simulator, name):
    report = check(simulator, **{name: "x"})
    report.one("fail", "NAME", "space", f"`{name}`")


def test_white_space_after_the_password(check, simulator):
    report = check(simulator, HUMMINGBOT_API_PASSWORD="admin ")
    report.one("warn", "HUMMINGBOT_API_PASSWORD", "white space at its end")
    report.one("fail", "password", "without it it is right")


def test_white_space_and_wrong_user(check, simulator):
    report = check(simulator, HUMMINGBOT_API_PASSWORD="admin ",
                   HUMMINGBOT_API_USERNAME="hummingbot")
    report.one("fail", "`admin`", "white space at an end")


def test_misspelled_name(check, simulator):
    report = check(simulator, HUMMINGBOT_API_PASWORD="x", BRIDGE_STOER="y")
    assert "HUMMINGBOT_API_PASSWORD?" in report.one("warn", "HUMMINGBOT_API_PASWORD")
    assert "BRIDGE_STORE?" in report.one("warn", "BRIDGE_STOER")
    assert report.status == 0


# 3. tunnels

def test_ngrok_warning_page(check, faults):
    faults.behave_all(html("ngrok-warning", 200), forever=True)
    report = check(faults)
    line = report.one("fail", "GET /", "ngrok")
    assert "HUMMINGBOT_API_HEADERS" in line and "ngrok-skip-browser-warning: true" in line


def test_the_header_makes_ngrok_pass(check, faults):
    report = check(faults, HUMMINGBOT_API_HEADERS="ngrok-skip-browser-warning: true")
    assert report.status == 0
    assert all(r.header("ngrok-skip-browser-warning") == "true" for r in faults.seen())


@pytest.mark.parametrize("page, status, name", [("ngrok", 404, "ngrok"), ("cloudflare", 530, "Cloudflare")])
def test_tunnel_is_offline(check, faults, page, status, name):
    faults.behave_all(html(page, status), forever=True)
    report = check(faults)
    report.one("fail", "GET /", name, "not by the Hummingbot API")


def test_proxy_page(check, faults):
    faults.behave_all(html("generic", 502), forever=True)
    check(faults).one("fail", "GET /", "HTML page")


# 4. credentials

def test_basic_is_dropped_on_the_way(check, faults):
    faults.behave("GET", "/accounts/", reply_json(401, {"detail": "Not authenticated"}), forever=True)
    check(faults).one("fail", "did not arrive", "Basic was dropped", "Authorization")


def test_user_is_hummingbot_instead_of_admin(check, simulator):
    report = check(simulator, HUMMINGBOT_API_USERNAME="hummingbot")
    report.one("fail", "`admin`, not `hummingbot`", "HUMMINGBOT_API_USERNAME=admin")


def test_wrong_password(check, simulator):
    report = check(simulator, HUMMINGBOT_API_PASSWORD=PASSWORD)
    assert "find_hummingbot_creds.sh" in report.one("fail", "password", "are wrong")


def test_any_password_is_accepted(check, faults):
    faults.behave("GET", "/accounts/", reply_json(200, ["master_account"]), forever=True)
    report = check(faults, HUMMINGBOT_API_PASSWORD=PASSWORD)
    report.one("warn", "a wrong password is accepted too", "DEBUG_MODE")


def test_header_that_would_replace_basic(check, simulator):
    report = check(simulator, HUMMINGBOT_API_HEADERS="Authorization: Bearer x")
    report.one("fail", "HUMMINGBOT_API_HEADERS", "Authorization")


# 5. accounts

def test_account_without_keys(check, start_simulator):
    report = check(start_simulator("--world", "fresh"))
    report.one("warn", "credentials profile", "master_account", "no exchange keys")
    assert report.status == 0


def test_no_profile(check, faults):
    faults.behave("GET", "/accounts/", reply_json(200, []), forever=True)
    check(faults).one("fail", "credentials profile", "no bot can be deployed")


def test_profiles_folder_is_missing(check, faults):
    faults.behave("GET", "/accounts/master_account/credentials",
                  reply_json(404, {"detail": "Folder not found"}), forever=True)
    check(faults).one("fail", "credentials profile")


# 6. a script that nobody has: deploy says success, nothing trades

def test_the_script_of_every_bot_is_missing(check, faults):
    faults.behave("GET", "/scripts/", reply_json(200, ["something_else"]), forever=True)
    line = check(faults).one("fail", "script: the API has no `v2_with_controllers`")
    assert "trade nothing" in line and "bots/scripts/" in line


def test_configs_that_name_what_is_not_there(check, faults):
    faults.behave("GET", "/scripts/configs/", reply_json(200, [
        {"config_name": "good", "script_file_name": "v2_with_controllers.py", "controllers_config": ["c.yml"]},
        {"config_name": "invented", "script_file_name": "spread_bot.py", "controllers_config": []},
        {"config_name": "broken", "script_file_name": "error", "error": "no YAML"},
        {"config_name": "half", "script_file_name": "v2_with_controllers.py",
         "controllers_config": ["c.yml", "gone.yml"]}]), forever=True)
    faults.behave("GET", "/controllers/configs/", reply_json(200, [{"id": "c"}]), forever=True)
    report = check(faults)
    line = report.one("warn", "names a script that the API does not have")
    assert "invented (spread_bot.py), broken (error)" in line and "good" not in line
    line = report.one("warn", "names a controller config that the API does not have")
    assert "half (gone.yml)" in line and "good" not in line
    assert report.status == 0


def world(faults, active=(), exited=(), status=None, runs=()):
    """A Hummingbot API with exactly these bots."""
    def containers(names, state):
        return [{"id": "0", "name": name, "status": state, "image": "hummingbot/hummingbot:version-2.16.0"}
                for name in names]
    faults.behave("GET", "/docker/active-containers", reply_json(200, containers(active, "running")), forever=True)
    faults.behave("GET", "/docker/exited-containers", reply_json(200, containers(exited, "exited")), forever=True)
    faults.behave("GET", "/bot-orchestration/status", reply_json(200, {"status": "success", "data": status or {}}),
                  forever=True)
    faults.behave("GET", "/bot-orchestration/bot-runs", reply_json(200, {"status": "success", "data": list(runs)}),
                  forever=True)


BOT = "hummingbot-a-0123abcd-20261122-101500"
PROVEN = {"status": "running", "recently_active": True, "error_logs": [], "general_logs": [],
          "performance": {"c": {"status": "running", "performance": {"global_pnl_quote": 1.0}}}}
# What a bot shows that boots, that was stopped, or that never started its strategy.
SILENT = {**PROVEN, "performance": {"c": {"status": "running", "performance": {}}}}


def test_a_bot_without_a_script_config(check, faults):
    other = BOT.replace("-a-", "-b-")
    world(faults, [BOT, other], status={BOT: SILENT, other: SILENT}, runs=[
        {"instance_name": BOT, "config_name": None, "run_status": "CREATED"},
        {"instance_name": other, "config_name": "made-up.yml", "run_status": "CREATED"}])
    line = check(faults).one("fail", "script: bots run without a script config")
    assert f"{BOT} (none)" in line and f"{other} (made-up.yml)" in line and "trades nothing" in line


# 7. a container that the API has not discovered: start-bot and stop-bot answer "not found"

def test_a_container_that_is_not_discovered(check, faults):
    world(faults, [BOT], status={})
    report = check(faults)
    assert BOT in report.one("fail", "discovery", "`not found`", "broker")
    world(faults, [BOT], status={BOT: {"status": "not_found", "error": "x"}})
    check(faults).one("fail", "discovery", BOT)


def test_a_bot_that_is_discovered_a_moment_later(check, faults):
    world(faults, [BOT], status={BOT: PROVEN})
    faults.behave("GET", "/bot-orchestration/status", reply_json(200, {"status": "success", "data": {}}))
    report = check(faults)
    report.one("ok", "discovery")
    report.one("ok", "proof", "1 bots report")
    assert faults.count("GET", "/bot-orchestration/status") == 2


def test_nobody_is_heard(check, faults):
    world(faults, [BOT], status={BOT: {**PROVEN, "recently_active": False}})
    check(faults).one("warn", "broker: the API has heard none of the 1 running bots", "conf_client.yml")


# 8. names and shapes

def test_an_api_that_appends_no_time(check, faults):
    bare = "hummingbot-sol-grid-9f31c2ab"
    world(faults, [BOT, bare], ["old-bot"], status={BOT: PROVEN, bare: PROVEN})
    report = check(faults)
    line = report.one("fail", "names: the API appended no date and time", bare)
    assert BOT not in line
    report.one("warn", "names: bots without the date and time", "old-bot")


def test_names_of_all_lists_are_read(check, faults):
    world(faults, [BOT], [BOT.replace("-a-", "-b-")], status={BOT: PROVEN})
    check(faults).one("ok", "names: 2 instances", "profile c4")


@pytest.mark.parametrize("status, told", [
    ({BOT: {"is_running": True, "trading_pair": "BTC-USDT"}}, "has no `status`"),
    ({BOT: {"status": "running", "performance": []}}, "no `performance` by controller"),
])
def test_status_document_of_another_shape(check, faults, status, told):
    world(faults, [BOT], status=status)
    check(faults).one("fail", "status document: it has another shape", BOT, told)


def test_status_document_that_is_a_list(check, faults):
    faults.behave("GET", "/bot-orchestration/status", reply_json(200, {"status": "success", "data": []}), forever=True)
    check(faults).one("fail", "status document", "no `data` by bot")


# 10. reported running because somebody asked

def test_running_but_not_proven(check, faults):
    proven, stopped = BOT.replace("-a-", "-b-"), BOT.replace("-a-", "-c-")
    world(faults, [BOT, proven, stopped], status={BOT: SILENT, proven: PROVEN, stopped: SILENT},
          runs=[{"instance_name": stopped, "config_name": "x", "run_status": "STOPPED"}])
    report = check(faults)
    line = report.one("warn", "proof: running but not proven", BOT, "GET /bots/{id}/logs")
    assert proven not in line and stopped not in line
    world(faults, [proven, stopped], status={proven: PROVEN, stopped: SILENT},
          runs=[{"instance_name": stopped, "config_name": "x", "run_status": "STOPPED"}])
    check(faults).one("ok", "proof: 2 containers run: 1 bots report, 1 were stopped")


def test_bots_of_the_bridge_are_proven(check, start_simulator, start_bridge):
    simulator = start_simulator("--bots", "1")
    bridge = start_bridge(simulator)
    answer = bridge.post("/bots", json={"name": "check", "exchange": "bitmart", "strategy": "spot_grid",
                                        "account": "master_account", "params": {}})
    assert bridge.operation(answer.headers["Location"])["state"] == "succeeded"
    report = check(simulator)
    report.one("ok", "names: 2 instances")
    report.one("ok", "proof: 2 containers run: 2 bots report, 0 were stopped")
    assert report.status == 0 and not [line for line in report.lines("warn") if "script" in line]


# 11. 401, 404 and 503 told with the same text

def test_a_proxy_that_answers_everything_alike(check, faults):
    faults.behave("GET", "/scripts/configs/*", reply_json(503, {"detail": "Service unavailable"}), forever=True)
    report = check(faults)
    assert "status and body" in report.one("fail", "refusals", "told as 503 instead of the API's own 404")


@pytest.mark.parametrize("answer, told", [
    (reply_json(200, {}), "answered with 200, as if it did"),
    (html("generic", 404), "told as 404 instead of the API's own 404"),
])
def test_a_tunnel_that_answers_what_is_not_there(check, faults, answer, told):
    faults.behave("GET", "/scripts/configs/*", answer, forever=True)
    check(faults).one("fail", "refusals", told)


def test_refused_missing_and_down_are_told_apart(check, faults, simulator):
    """What the page of the first bridge showed as one text."""
    wrong = check(simulator, HUMMINGBOT_API_PASSWORD=PASSWORD).lines("fail")
    down = check(f"http://127.0.0.1:{free_port()}").lines("fail")
    faults.behave_all(reply_json(503, {"detail": "Service unavailable"}), forever=True)
    ill = check(faults).lines("fail")
    faults.reset()
    faults.behave_all(reply_json(404, {"detail": "Not Found"}), forever=True)
    missing = check(faults).lines("fail")
    told = [lines[0] for lines in (wrong, down, ill, missing)]
    assert len(set(told)) == 4, told
    assert "are wrong" in told[0] and "connection refused" in told[1] and "503" in told[2], told
    remedies = [line.split("  - ")[1] for line in told]
    assert len(set(remedies)) == 4, remedies


# versions, transport, slowness

def test_old_backend_api(check, faults):
    faults.behave("GET", "/", reply_json(404, {"detail": "Not Found"}), forever=True)
    faults.behave("GET", "/openapi.json", reply_json(200, {
        "info": {"title": "FastAPI"}, "paths": {"/get-active-bots-status": {"get": {}}}}),
        forever=True)
    check(faults).one("fail", "version", "era-a")


def test_something_else_answers(check, faults):
    faults.behave("GET", "/", reply_json(200, {"hello": "world"}), forever=True)
    check(faults).one("fail", "version", "not-hummingbot")


def test_plain_http_behind_https(check, simulator):
    report = check(simulator.url.replace("http:", "https:"))
    report.one("fail", "TLS", "certificate")


def test_proxy_is_closed_and_its_password_unseen(check, simulator):
    report = check(simulator, HUMMINGBOT_PROXY=f"socks5h://u:{PASSWORD.replace(' ', '-')}@127.0.0.1:{free_port()}")
    report.one("fail", "proxy", "connection refused")
    assert "very-secret" not in report.text


def test_hanging_api(check, faults):
    faults.behave_all(hang(), forever=True)
    check(faults).one("fail", "GET /", "did not answer")


def test_server_error(check, faults):
    faults.behave("GET", "/accounts/", reply(500, "Internal Server Error"), forever=True)
    assert check(faults).lines("fail")


# 9. store; plugins

def test_store_cannot_be_made(check, simulator, tmp_path):
    (tmp_path / "file").write_text("")
    report = check(simulator, BRIDGE_STORE=tmp_path / "file/bridge.db")
    report.one("fail", "store", "not writable", "BRIDGE_STORE")


def limit_files(size):
    """No file may grow beyond this, as on a full disk."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def test_store_on_a_full_disk(simulator, tmp_path):
    """Permissions are fine there; only a write shows it."""
    env = clean_environment(HUMMINGBOT_API_URL=simulator.url, BRIDGE_STORE=tmp_path / "bridge.db",
                            BRIDGE_PLUGINS=ROOT / "plugins")

    def check(size):
        return Report(subprocess.run([BINARY, "check"], env=env, cwd=ROOT, text=True, capture_output=True,
                                     timeout=60, preexec_fn=limit_files(size)))
    check(0).one("fail", "store", "not writable", "room")
    assert not list(tmp_path.iterdir()), "something was left behind"
    check(1 << 20).one("ok", "store", "can be made")
    made = run("token", "create", "--name", "x", "--role", "operator", env=env)
    assert made.returncode == 0, made.stderr
    before = (tmp_path / "bridge.db").stat().st_mtime_ns
    check(1 << 20).one("ok", "store", "is writable")
    assert (tmp_path / "bridge.db").stat().st_mtime_ns > before, "nothing was written"
    # Room for a page in the folder, but not for what a commit of this database takes.
    check(8192).one("fail", "store", "disk")


def test_store_is_damaged(check, simulator, tmp_path):
    (tmp_path / "bridge.db").write_bytes(b"this is no database " * 500)
    check(simulator, BRIDGE_STORE=tmp_path / "bridge.db").one("fail", "store")


def test_store_in_use(check, simulator, start_bridge):
    bridge = start_bridge(simulator)
    report = check(simulator, BRIDGE_STORE=bridge.folder / "data/bridge.db")
    report.one("ok", "store", "in use by a running bridge")
    assert report.status == 0


def test_broken_plugin(check, simulator, tmp_path):
    folder = tmp_path / "plugins/broken"
    folder.mkdir(parents=True)
    (folder / "plugin.lua").write_text("return {\n  api = 1,\n  name = \n}\n")
    check(simulator, BRIDGE_PLUGINS=tmp_path / "plugins").one("fail", "plugins", "1 of 1")
    shown = run("plugin", "check", env=clean_environment(BRIDGE_PLUGINS=tmp_path / "plugins"))
    assert shown.returncode == 1
    assert re.search(r"^fail  broken  broken/plugin\.lua:[34]  ", shown.stdout, re.M), shown.stdout


def test_plugin_check_passes_on_ours():
    shown = run("plugin", "check")
    assert shown.returncode == 0 and "ok    bitmart" in shown.stdout and "ok    jupiter" in shown.stdout
    one = run("plugin", "check", "bitmart")
    assert one.returncode == 0 and "jupiter" not in one.stdout
    assert run("plugin", "check", "none").returncode == 1


def test_wrong_usage_is_2():
    for args in (["check", "x"], ["plugin"], ["plugin", "x"], ["nix"], [], ["serve", "x"],
                 ["token", "create"], ["generate"]):
        assert run(*args).returncode == 2, args
    assert "did you mean `check`" in run("chekc").stderr


def test_the_second_server(check, simulator, start_simulator):
    """Backtests go to a server that answers and runs nothing; what it lacks concerns no bot."""
    idle, busy = start_simulator(), start_simulator("--bots", 1)
    assert "backtests" not in check(simulator).text
    check(simulator, BRIDGE_BACKTEST_URL=idle.url).one("ok", "backtests:", idle.url, "runs nothing")
    report = check(simulator, BRIDGE_BACKTEST_URL=busy.url)
    assert "has bots" in report.one("warn", "backtests:", "BRIDGE_BACKTEST_URL") and report.status == 0
    report = check(simulator, BRIDGE_BACKTEST_URL=idle.url, BRIDGE_BACKTEST_PASSWORD="wrong")
    assert "BRIDGE_BACKTEST_PASSWORD" in report.one("warn", "backtests:")
    gone = f"http://127.0.0.1:{free_port()}"
    assert check(simulator, BRIDGE_BACKTEST_URL=gone).one("warn", "backtests:")

"""Settings from the environment and from files, the administrator's token, signals, and the commands
that talk to a running bridge."""
import os
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from conftest import BINARY, ROOT, TOKEN, Bridge, clean_environment, run


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def serve_fails(tmp_path, **env):
    """The bridge refuses to start; what it says."""
    settings = {"PORT": 0, "BRIDGE_STORE": tmp_path / "bridge.db", "BRIDGE_PLUGINS": ROOT / "plugins",
                "BRIDGE_ADMIN_TOKEN": TOKEN, **env}
    result = run("serve", env=clean_environment(**settings))
    assert result.returncode == 1 and "ready" not in result.stdout, result.stdout
    assert "Sanitizer" not in result.stderr, result.stderr
    return result.stderr


@pytest.mark.parametrize("env, words", [
    ({"PORT": "http"}, ["PORT", "whole number"]),
    ({"PORT": "70000"}, ["PORT", "65535"]),
    ({"BRIDGE_THREADS": "0"}, ["BRIDGE_THREADS", "from 2"]),
    ({"BRIDGE_BIND": "::"}, ["BRIDGE_BIND", "IPv4"]),
    ({"BRIDGE_BIND": "localhost"}, ["BRIDGE_BIND", "127.0.0.1"]),
    ({"BRIDGE_ADMIN_TOKEN": "short"}, ["BRIDGE_ADMIN_TOKEN", "32"]),
    ({"BRIDGE_ADMIN_TOKEN": "x" * 31 + " y"}, ["BRIDGE_ADMIN_TOKEN", "visible"]),
    ({"BRIDGE_CORS_ORIGINS": "*"}, ["BRIDGE_CORS_ORIGINS", "origin"]),
    ({"BRIDGE_CORS_ORIGINS": "https://a.example/path"}, ["BRIDGE_CORS_ORIGINS"]),
    ({"BRIDGE_STORE": "postgres://x/y"}, ["PostgreSQL"]),
    ({"BRIDGE_LOG": "xml"}, ["BRIDGE_LOG"]),
    ({"BRIDGE_PLUGINS": "/nonexistent/plugins"}, ["/nonexistent/plugins"]),
    ({"HUMMINGBOT_API_URL": "nix"}, ["HUMMINGBOT_API_URL"]),
    ({"HUMMINGBOT_API_PASSWORD_FILE": "/nonexistent/file"}, ["HUMMINGBOT_API_PASSWORD_FILE"]),
    ({"HUMMINGBOT_API_PASSWORD": "x", "HUMMINGBOT_API_PASSWORD_FILE": "/etc/hostname"}, ["both set"]),
    ({"BRIDGE_BIND": "nowhere"}, ["nowhere"]),
])
def test_bad_settings_end_the_start(tmp_path, env, words):
    said = serve_fails(tmp_path, **env)
    for word in words:
        assert word in said, said
    assert env.get("BRIDGE_ADMIN_TOKEN", "\0") not in said


def test_port_in_use_is_said(tmp_path):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        assert str(port) in serve_fails(tmp_path, PORT=port)


def test_misspelled_names_are_reported_and_survived(start_bridge, simulator):
    bridge = start_bridge(simulator, **{"BRIDGE_PLUGIN": "x", " BRIDGE_LOG": "json"})
    log = bridge.log()
    assert "BRIDGE_PLUGIN is not a setting" in log and "did you mean BRIDGE_PLUGINS?" in log
    assert "the NAME of a variable has a space" in log


def test_only_this_machine_reaches_it_unless_asked(start_bridge, simulator):
    """Whatever PORT says, the default bind is loopback."""
    bridge = start_bridge(simulator)
    rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii")][1:]
    listening = [r[1].split(":")[0] for r in rows if r[3] == "0A" and int(r[1].split(":")[1], 16) == bridge.port]
    assert listening == ["0100007F"]


def test_second_bridge_on_one_store_is_refused(start_bridge, simulator, tmp_path):
    bridge = start_bridge(simulator)
    said = serve_fails(tmp_path, BRIDGE_STORE=bridge.folder / "data/bridge.db")
    assert str(bridge.process.pid) in said


def test_password_from_a_file(start_bridge, simulator, tmp_path):
    path = tmp_path / "password"
    path.write_text("admin\n")
    bridge = start_bridge(simulator, HUMMINGBOT_API_PASSWORD_FILE=path)
    bridge.wait_until(lambda: bridge.get("/hummingbot").json()["health"] == "up")


def test_wrong_password_is_shown_not_hidden(start_bridge, simulator):
    bridge = start_bridge(simulator, HUMMINGBOT_API_PASSWORD="wrong-password")
    answer = bridge.post("/bots", json={"name": "x", "exchange": "bitmart", "strategy": "spot_grid"})
    assert answer.status_code == 502 and answer.json()["code"] == "upstream_credentials"
    assert answer.json()["upstream"]["status"] == 401
    assert "HUMMINGBOT_API_PASSWORD" in answer.json()["detail"]
    assert "wrong-password" not in answer.text + bridge.log()
    assert bridge.get("/bots").status_code == 200


def test_upstream_down_leaves_the_bridge_serving(start_bridge):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    bridge = start_bridge(f"http://127.0.0.1:{port}")
    bridge.wait_until(lambda: bridge.get("/readyz", token=None).json()["status"] == "upstream_unreachable")
    assert bridge.get("/readyz", token=None).status_code == 503
    assert bridge.get("/healthz", token=None).status_code == 200
    answer = bridge.post("/bots", json={"name": "x", "exchange": "bitmart", "strategy": "spot_grid"})
    assert answer.status_code == 502 and answer.json()["code"] == "upstream_unreachable"
    assert answer.json()["retryable"]
    assert bridge.get("/bots").json()["bots"] == []


# ---- the administrator's token ----

def test_generated_token_is_in_a_private_file_only(start_bridge, simulator, folder):
    bridge = start_bridge(simulator, folder=folder, BRIDGE_ADMIN_TOKEN=None)
    path = folder / "data/admin-token"
    token = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token.startswith("tb_") and len(token) > 32
    assert bridge.get("/tokens", token=token).status_code == 200
    # Not a terminal: it is told where the token is, not the token.
    assert token not in bridge.log() + "".join(bridge.lines) and str(path) in bridge.log()
    bridge.stop()
    again = start_bridge(simulator, folder=folder, BRIDGE_ADMIN_TOKEN=None)
    assert again.get("/tokens", token=token).status_code == 200


def test_generated_token_is_shown_on_a_terminal(simulator, tmp_path):
    env = clean_environment(PORT=0, BRIDGE_STORE=tmp_path / "bridge.db",
                            BRIDGE_PLUGINS=ROOT / "plugins", HUMMINGBOT_API_URL=simulator.url)
    terminal, other_end = os.openpty()
    bridge = subprocess.Popen([BINARY, "serve"], env=env, stdout=other_end,
                              stderr=subprocess.DEVNULL, cwd=ROOT)
    os.close(other_end)
    text = b""
    while b" ready on http://" not in text:
        text += os.read(terminal, 4096)
    token = (tmp_path / "admin-token").read_text().strip()
    assert f"administrator's token: {token}" in text.decode()
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait(60) == 0
    os.close(terminal)


def test_hangup_reads_the_token_again_and_ends_its_sessions(start_bridge, simulator, tmp_path):
    path = tmp_path / "token"
    path.write_text("first-" + TOKEN)
    bridge = start_bridge(simulator, BRIDGE_ADMIN_TOKEN=None, BRIDGE_ADMIN_TOKEN_FILE=path)
    signed = bridge.post("/session", token=None, json={"token": "first-" + TOKEN})
    cookie = {"Cookie": f"tb_session={signed.cookies['tb_session']}"}
    assert bridge.get("/bots", token=None, headers=cookie).status_code == 200
    path.write_text("second-" + TOKEN + "\n")
    bridge.signal(signal.SIGHUP)
    bridge.wait_until(lambda: bridge.get("/bots", token="second-" + TOKEN).status_code == 200)
    assert bridge.get("/bots", token="first-" + TOKEN).status_code == 401
    assert bridge.get("/bots", token=None, headers=cookie).status_code == 401
    # What cannot be used is refused, and the bridge goes on with what it has.
    path.write_text("short")
    bridge.signal(signal.SIGHUP)
    bridge.wait_log("kept as they were")
    assert bridge.get("/bots", token="second-" + TOKEN).status_code == 200
    assert TOKEN not in bridge.log()


def test_hangup_reads_the_password_again(start_bridge, simulator, tmp_path):
    path = tmp_path / "password"
    path.write_text("not-the-password")
    bridge = start_bridge(simulator, HUMMINGBOT_API_PASSWORD_FILE=path)
    body = {"name": "rotated", "exchange": "bitmart", "strategy": "spot_grid"}
    assert bridge.post("/bots/plan", json=body).json()["code"] == "upstream_credentials"
    path.write_text("admin\n")
    bridge.signal(signal.SIGHUP)
    bridge.wait_until(lambda: bridge.post("/bots/plan", json=body).status_code == 200)


def test_hangup_reads_the_plugins_again(start_bridge, simulator, tmp_path):
    plugins = tmp_path / "plugins"
    shutil.copytree(ROOT / "plugins/bitmart", plugins / "bitmart")
    bridge = start_bridge(simulator, BRIDGE_PLUGINS=plugins)
    before = bridge.get("/plugins").json()
    main = plugins / "bitmart/plugin.lua"
    good = main.read_text()
    main.write_text(good + "\n)\n")
    bridge.signal(signal.SIGHUP)

    def shown():
        plugin = bridge.get("/plugins/bitmart").json()
        return plugin if plugin.get("error") else None

    broken = bridge.wait_until(shown)
    assert broken["error"]["file"] == "bitmart/plugin.lua" and broken["error"]["line"] > 0
    assert broken["hash"] == before["plugins"][0]["hash"], "the last good version stays"
    assert bridge.get("/exchanges/bitmart/strategies/spot_grid").status_code == 200
    main.write_text(good)
    report = bridge.post("/plugins/reload").json()
    assert report["plugins"][0]["name"] == "bitmart"
    assert not bridge.get("/plugins/bitmart").json().get("error")


# ---- commands beside a running bridge ----

@pytest.fixture
def on_port(simulator, tmp_path):
    """A bridge whose port is a setting, as commands need it; its environment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    env = clean_environment(PORT=port, BRIDGE_ADMIN_TOKEN=TOKEN, BRIDGE_STORE=tmp_path / "bridge.db",
                            BRIDGE_PLUGINS=ROOT / "plugins", HUMMINGBOT_API_URL=simulator.url)
    bridge = Bridge(env, tmp_path)
    yield bridge, env
    if bridge.process.poll() is None:
        bridge.stop()


def make_token(env, *more):
    result = run("token", "create", "--role", "operator", "--name", "by hand", *more, env=env)
    assert result.returncode == 0, result.stderr
    token = result.stdout.strip()
    assert token.startswith("tb_") and token not in result.stderr
    return token


def test_token_create_asks_the_running_bridge_and_works_without_it(on_port, tmp_path):
    bridge, env = on_port
    token = make_token(env)
    assert bridge.get("/bots", token=token).status_code == 200
    bridge.stop()
    other = make_token(env, "--expires", "2999-01-01T00:00:00Z")
    again = Bridge(env, tmp_path)
    assert again.get("/bots", token=token).status_code == 200
    assert again.get("/bots", token=other).status_code == 200
    again.stop()


def test_token_create_names_what_is_wrong(on_port):
    bridge, env = on_port
    for stop in (False, True):
        if stop:
            bridge.stop()
        result = run("token", "create", "--role", "king", "--name", "x", env=env)
        assert result.returncode == 1 and "/role" in result.stderr and not result.stdout
        result = run("token", "create", "--role", "client", "--name", "x", "--bot", "none", env=env)
        assert result.returncode == 1 and "/bots/0" in result.stderr


def test_health(on_port):
    bridge, env = on_port
    assert run("health", env=env).returncode == 0
    bridge.stop()
    assert run("health", env=env).returncode == 1


def test_version_and_help():
    assert run("version").stdout.startswith("trading-bridge ")
    said = run("help").stdout
    assert all(word in said for word in ("serve", "check", "plugin", "token", "simulate", "health"))


def test_default_plugin_folder(simulator, tmp_path):
    """./plugins where it exists, else the one beside the installed program."""
    assert run("plugin", "check", cwd=ROOT).returncode == 0
    said = run("plugin", "check", cwd=tmp_path).stderr
    assert "share/trading-bridge/plugins" in said


def test_audit_has_changes_and_refusals(on_port, tmp_path):
    import sqlite3
    bridge, _ = on_port
    made = bridge.make_token("operator")
    bridge.post("/tokens", json={}, token=made["token"])
    bridge.post("/tokens", json={}, token=None)
    bridge.post("/bots/plan", json={"exchange": "bitmart"})
    bridge.get("/bots", token=None)
    bridge.stop()
    rows = sqlite3.connect(tmp_path / "bridge.db").execute(
        "SELECT token_id, method, route, status, code, doc FROM audit ORDER BY id").fetchall()
    assert [(r[1], r[2], r[3], r[4]) for r in rows] == [
        ("POST", "/tokens", 201, None), ("POST", "/tokens", 403, "forbidden"),
        ("POST", "/tokens", 401, "unauthorized")]
    assert rows[0][0] == "admin" and rows[1][0] == made["id"] and rows[2][0] is None
    assert '"role":"operator"' in rows[0][5] and made["token"] not in str(rows)


def test_strangers_cannot_fill_the_audit(on_port, tmp_path):
    import sqlite3
    bridge, _ = on_port
    for _ in range(60):
        bridge.delete("/bots/x", token=None)
    bridge.stop()
    count = sqlite3.connect(tmp_path / "bridge.db").execute("SELECT count(*) FROM audit").fetchone()[0]
    assert 30 <= count < 60


def test_files_of_the_store_are_private(on_port, tmp_path):
    for name in ("bridge.db", "series.db"):
        assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600

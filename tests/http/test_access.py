"""The way to the Hummingbot API: TLS with a private authority, SOCKS proxies, and access that is rotated while the
bridge runs. An untrusted certificate is named and never passed over."""
import signal
import sys

import pytest

from conftest import ROOT, TOKEN, clean_environment, run
from relays import Socks5, Tls, make_authority
from test_check import Report

sys.path.insert(0, str(ROOT / "tests/faults"))
from fault_server import FaultServer  # noqa: E402

PLAN = {"name": "p", "exchange": "bitmart", "strategy": "spot_grid"}
SECRET = "proxy-secret-0123456789"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def upstream(simulator):
    return ("127.0.0.1", simulator.port)


def plan(bridge):
    return bridge.post("/bots/plan", json=PLAN)


def check(tmp_path, url, **env):
    result = run("check", env=clean_environment(
        HUMMINGBOT_API_URL=url, BRIDGE_STORE=tmp_path / "check/bridge.db", BRIDGE_PLUGINS=ROOT / "plugins",
        BRIDGE_ADMIN_TOKEN=TOKEN, **env))
    assert SECRET not in result.stdout + result.stderr
    return Report(result)


# ---- TLS ----

def test_a_private_authority(start_bridge, upstream, authority, tmp_path):
    with Tls(upstream, authority / "good.pem", authority / "good.key") as tls:
        url = f"https://127.0.0.1:{tls.port}"
        report = check(tmp_path, url, HUMMINGBOT_API_CA_FILE=authority / "ca.pem")
        report.one("ok", "TLS: the certificate is accepted")
        report.one("ok", "HUMMINGBOT_API_CA = *** (")
        assert report.status == 0 and "BEGIN CERTIFICATE" not in report.text
        bridge = start_bridge(url, HUMMINGBOT_API_CA_FILE=authority / "ca.pem")
        assert plan(bridge).status_code == 200


@pytest.mark.parametrize("certificate, trusted", [("good", False), ("other", True)],
                         ids=["unknown authority", "other host"])
def test_a_certificate_that_is_not_trusted(start_bridge, simulator, upstream, authority, tmp_path, certificate,
                                           trusted):
    ca = {"HUMMINGBOT_API_CA_FILE": authority / "ca.pem"} if trusted else {}
    before = len(simulator.ledger()["writes"])
    with Tls(upstream, authority / f"{certificate}.pem", authority / f"{certificate}.key") as tls:
        url = f"https://127.0.0.1:{tls.port}"
        report = check(tmp_path, url, **ca)
        line = report.one("fail", "TLS", "certificate")
        assert "HUMMINGBOT_API_CA_FILE" in line and report.status == 1
        assert not [line for line in report.lines("ok") if "password:" in line or "GET /" in line]
        bridge = start_bridge(url, **ca)
        answer = plan(bridge)
        assert answer.status_code == 502 and answer.json()["code"] == "upstream_unreachable"
        assert "certificate is not trusted" in answer.json()["detail"], answer.text
        assert "nothing was sent" in answer.json()["detail"]
        bridge.wait_until(lambda: bridge.get("/readyz").json()["status"] == "upstream_unreachable")
    assert len(simulator.ledger()["writes"]) == before


def test_the_authority_can_be_given_later(start_bridge, upstream, authority, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text((authority / "other.pem").read_text())
    with Tls(upstream, authority / "good.pem", authority / "good.key") as tls:
        bridge = start_bridge(f"https://127.0.0.1:{tls.port}", HUMMINGBOT_API_CA_FILE=path)
        assert plan(bridge).status_code == 502
        path.write_text((authority / "ca.pem").read_text())
        bridge.signal(signal.SIGHUP)
        bridge.wait_until(lambda: plan(bridge).status_code == 200)


def test_what_is_no_certificate_is_refused(start_bridge, simulator, tmp_path):
    line = check(tmp_path, simulator.url, HUMMINGBOT_API_CA="/etc/ca.pem").one("fail", "HUMMINGBOT_API_CA is no")
    assert "HUMMINGBOT_API_CA_FILE" in line
    with pytest.raises(AssertionError) as refused:
        start_bridge(simulator, HUMMINGBOT_API_CA="/etc/ca.pem")
    assert "HUMMINGBOT_API_CA is no certificate" in str(refused.value)


# ---- SOCKS ----

@pytest.mark.parametrize("login", [None, ("tail", SECRET)], ids=["open", "with a password"])
def test_a_proxy_that_knows_the_name(start_bridge, upstream, tmp_path, login):
    """As Tailscale in a container: the name means something to the proxy only."""
    with Socks5(upstream, login=login) as socks:
        user = f"{login[0]}:{login[1]}@" if login else ""
        proxy = f"socks5h://{user}127.0.0.1:{socks.port}"
        url = "http://hummingbot-api.tailnet.invalid:8000"
        report = check(tmp_path, url, HUMMINGBOT_PROXY=proxy)
        report.one("ok", "proxy", "accepts connections")
        report.one("ok", "GET /")
        assert report.status == 0
        bridge = start_bridge(url, HUMMINGBOT_PROXY=proxy)
        assert plan(bridge).status_code == 200
        assert set(socks.asked) == {("hummingbot-api.tailnet.invalid", 8000)}
        assert SECRET not in bridge.log() + bridge.get("/hummingbot").text


def test_a_proxy_that_refuses(start_bridge, upstream, tmp_path):
    with Socks5(upstream, login=("tail", "another")) as socks:
        proxy = f"socks5h://tail:{SECRET}@127.0.0.1:{socks.port}"
        check(tmp_path, "http://api.invalid:8000", HUMMINGBOT_PROXY=proxy).one("fail", "GET /", "cannot be reached")
        assert socks.asked == []
    with Socks5(upstream, refuse=5) as socks:
        proxy = f"socks5h://127.0.0.1:{socks.port}"
        check(tmp_path, "http://api.invalid:8000", HUMMINGBOT_PROXY=proxy).one("fail", "GET /", "cannot be reached")
        bridge = start_bridge("http://api.invalid:8000", HUMMINGBOT_PROXY=proxy)
        answer = plan(bridge)
        assert answer.status_code == 502 and answer.json()["code"] == "upstream_unreachable", answer.text
        assert "nothing was sent" in answer.json()["detail"]


# ---- rotation ----

@pytest.fixture
def rotating(start_bridge, upstream, tmp_path):
    """A bridge whose access is in files, behind a server that shows what is sent."""
    def put(**values):
        for name, value in values.items():
            (tmp_path / name).write_text(value)
    put(user="nobody", key="first-key", headers="X-Place: first", origins="https://a.example")
    with FaultServer(upstream=upstream) as between:
        bridge = start_bridge(between.url, HUMMINGBOT_API_USERNAME_FILE=tmp_path / "user",
                              HUMMINGBOT_API_KEY_FILE=tmp_path / "key", HUMMINGBOT_API_HEADERS_FILE=tmp_path / "headers",
                              BRIDGE_CORS_ORIGINS_FILE=tmp_path / "origins")
        yield bridge, between, put


def test_user_key_and_headers_are_read_again(rotating):
    bridge, between, put = rotating
    assert plan(bridge).json()["code"] == "upstream_credentials"
    assert {(r.header("X-API-KEY"), r.header("X-Place")) for r in between.seen()} == {("first-key", "first")}
    put(user="admin\n", key="second-key", headers="X-Place: second;;X-More: 1")
    bridge.signal(signal.SIGHUP)
    bridge.wait_until(lambda: plan(bridge).status_code == 200)
    between.reset()
    assert plan(bridge).status_code == 200
    bridge.wait_until(lambda: between.count("GET", "/bot-orchestration/status") > 2)
    assert {(r.header("X-API-KEY"), r.header("X-Place"), r.header("X-More")) for r in between.seen()} == {
        ("second-key", "second", "1")}
    assert "takes a new start" not in bridge.log() and "second-key" not in bridge.log()


def test_what_cannot_be_used_is_not_taken_over(rotating):
    bridge, between, put = rotating
    put(user="admin")
    bridge.signal(signal.SIGHUP)
    bridge.wait_until(lambda: plan(bridge).status_code == 200)
    put(headers="Content-Length: 5", user="nobody")
    bridge.signal(signal.SIGHUP)
    bridge.wait_log("kept as it was")
    assert plan(bridge).status_code == 200, "one bad value must not put the others in force"


def test_what_takes_a_new_start_is_named(rotating):
    bridge, _, put = rotating
    put(origins="https://b.example")
    bridge.signal(signal.SIGHUP)
    bridge.wait_log("BRIDGE_CORS_ORIGINS has changed; that takes a new start")


def test_a_proxy_is_taken_over(start_bridge, simulator, upstream, tmp_path):
    path = tmp_path / "proxy"
    with Socks5(upstream) as first, Socks5(upstream) as second:
        path.write_text(f"socks5h://127.0.0.1:{first.port}")
        bridge = start_bridge(simulator, HUMMINGBOT_PROXY_FILE=path)
        bridge.wait_until(lambda: first.asked)
        assert not second.asked
        path.write_text(f"socks5h://127.0.0.1:{second.port}")
        bridge.signal(signal.SIGHUP)
        bridge.wait_until(lambda: second.asked)
        assert plan(bridge).status_code == 200

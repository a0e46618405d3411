"""The bridge's HTTP face from outside: who may what. Open routes, tokens and roles, the page's cookie, and that
no secret is seen again."""
import json
import re

import pytest
import requests

from conftest import ROOT, TOKEN
from surface import bridge, grid, problem, raw_request, tokens

# method, path, least role; the rows of DESIGN section 6 that exist, with a token each refused.
ROUTES = [
    ("GET", "/bots", "client"), ("POST", "/bots", "operator"), ("POST", "/bots/create", "operator"),
    ("POST", "/bots/plan", "operator"), ("GET", "/plans/none", "operator"),
    ("POST", "/plans/none/backtest", "operator"), ("GET", "/bots/none", "client"),
    ("DELETE", "/bots/none", "operator"), ("POST", "/bots/none/start", "operator"),
    ("POST", "/bots/start", "operator"), ("POST", "/bots/none/stop", "operator"),
    ("POST", "/bots/none/restart", "operator"), ("POST", "/bots/none/archive", "operator"),
    ("GET", "/bots/none/params", "operator"), ("PATCH", "/bots/none/params", "operator"),
    ("PUT", "/bots/none", "operator"), ("POST", "/bots/emergency-stop", "operator"),
    ("POST", "/bots/none/redeploy", "operator"), ("POST", "/bots/redeploy", "operator"),
    ("GET", "/bots/none/logs", "operator"),
    ("POST", "/bots/adopt", "operator"), ("POST", "/bots/none/release", "operator"),
    ("GET", "/bots/none/config", "operator"), ("GET", "/bots/none/history", "operator"),
    ("GET", "/operations", "operator"), ("GET", "/operations/none", "operator"),
    ("GET", "/exchanges", "operator"), ("GET", "/exchanges/bitmart", "operator"),
    ("GET", "/exchanges/bitmart/strategies/spot_grid", "operator"),
    ("POST", "/exchanges/bitmart/actions/none", "operator"),
    ("POST", "/exchanges/bitmart/strategies/spot_grid/replay", "operator"),
    ("GET", "/plugins", "developer"), ("GET", "/plugins/bitmart", "developer"),
    ("POST", "/exchanges/bitmart/strategies/spot_grid/check", "operator"),
    ("GET", "/plugins/none/generations", "developer"),
    ("POST", "/plugins/none/activate", "developer"),
    ("POST", "/plugins/none/rollback", "developer"),
    ("POST", "/plugins/reload", "developer"), ("GET", "/hummingbot", "operator"),
    ("GET", "/plugins/none/generations", "developer"), ("POST", "/plugins/none/activate", "developer"),
    ("POST", "/plugins/none/rollback", "developer"), ("PUT", "/plugins/none", "developer"),
    ("DELETE", "/plugins/none", "developer"),
    ("POST", "/hummingbot/resume", "admin"), ("POST", "/hummingbot/cleanup", "admin"),
    ("GET", "/backup", "admin"),
    ("POST", "/tokens", "admin"), ("GET", "/tokens", "admin"), ("DELETE", "/tokens/none", "admin"),
]
INCLUDES = {"admin": {"admin", "operator", "developer", "client", "scrape"},
            "operator": {"operator", "client"}, "developer": {"developer"}, "client": {"client"},
            "scrape": {"scrape"}}


# ---- open routes ----

@pytest.mark.quick
def test_open_routes_answer_without_a_token(bridge):
    root = bridge.get("/", token=None).json()
    assert root["name"] and root["status"] == "running" and re.match(r"\d+\.\d+", root["version"])
    assert bridge.get("/healthz", token=None).json() == {"status": "ok"}
    ready = bridge.wait_until(lambda: bridge.get("/readyz", token=None).status_code == 200)
    assert ready


def test_root_is_the_page_for_a_browser(bridge):
    if not (ROOT / "core/web/index.html").exists():
        pytest.skip("the page is not there yet")
    page = bridge.get("/", token=None, headers={"Accept": "text/html,application/xhtml+xml,*/*"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert page.text.lstrip().lower().startswith("<!doctype html>")
    again = bridge.get("/", token=None, headers={"Accept": "text/html",
                                                 "If-None-Match": page.headers["ETag"]})
    assert again.status_code == 304 and not again.content
    for name in re.findall(r'(?:src|href)="(/web/[^"]+)"', page.text):
        assert bridge.get(name, token=None).status_code == 200, name


def test_page_files_are_only_those_of_the_table(bridge):
    problem(bridge.get("/web/none.js", token=None), 404, "not_found")
    for path in ("/web/../core/main.c", "/web/%2e%2e/x", "/web/..%2fx", "/web/%00"):
        raw = raw_request(bridge, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert raw.startswith(b"HTTP/1.1 4"), path


# ---- tokens and roles ----

@pytest.mark.parametrize("header", [None, "Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", "Bearer x",
                                    "Bearer " + TOKEN[:-1], TOKEN, "Bearer " + TOKEN + "x"])
def test_no_good_token_is_401(bridge, header):
    headers = {"Authorization": header} if header is not None else {}
    answer = bridge.get("/bots", token=None, headers=headers)
    body = problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert TOKEN[:-1] not in json.dumps(body)


def test_the_scheme_is_case_insensitive(bridge):
    assert bridge.get("/bots", token=None,
                      headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("method, path, role", ROUTES, ids=lambda value: str(value))
def test_each_route_asks_for_its_role(bridge, tokens, method, path, role):
    problem(bridge.request(method, path, token=None), 401, "unauthorized")
    for holder, token in tokens.items():
        if role in INCLUDES[holder]:
            continue
        body = problem(bridge.request(method, path, token=token, json={}), 403, "forbidden")
        assert f"`{role}`" in body["detail"] and f"`{holder}`" in body["detail"]
    least = bridge.request(method, path, token=tokens[role], json={} if method != "GET" else None)
    assert least.status_code not in (401, 403, 405) or "BRIDGE_PLUGIN_UPLOAD" in least.text, least.text


def test_documented_routes_are_all_tested():
    documented = set(re.findall(r"^\| (\w+) \| `([^`]+)` \| (\w+) ",
                                (ROOT / "docs/routes.md").read_text(), re.M))
    shapes = [(m, re.compile("^" + re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(p)) + "$"), r)
              for m, p, r in documented if r not in ("open", "any")]
    for method, shape, role in shapes:
        assert any(m == method and shape.match(p) and r == role for m, p, r in ROUTES), shape


def test_token_is_shown_once_and_never_its_hash(bridge):
    made = bridge.make_token("operator", expires_at="2999-01-01T00:00:00Z")
    assert made["token"].startswith("tb_") and made["bots"] is None
    assert made["expires_at"] == "2999-01-01T00:00:00.000Z"
    listed = bridge.get("/tokens")
    record = next(t for t in listed.json()["tokens"] if t["id"] == made["id"])
    assert set(record) == {"id", "name", "role", "bots", "created_at", "expires_at", "revoked_at"}
    assert made["token"] not in listed.text and not re.search(r"[0-9a-f]{64}", listed.text)


def test_revoked_token_ends_at_once(bridge):
    made = bridge.make_token("operator")
    assert bridge.get("/bots", token=made["token"]).status_code == 200
    gone = bridge.delete(f"/tokens/{made['id']}", headers={"Content-Type": "application/json"})
    assert gone.status_code == 200 and gone.json()["id"] == made["id"]
    problem(bridge.get("/bots", token=made["token"]), 401, "unauthorized")
    problem(bridge.delete("/tokens/none"), 404, "not_found")
    problem(bridge.delete("/tokens/admin"), 404, "not_found")


@pytest.mark.parametrize("change, pointer", [
    ({"role": "king"}, "/role"), ({"role": None}, "/role"), ({"name": ""}, "/name"),
    ({"name": "a\nb"}, "/name"), ({"name": "x" * 65}, "/name"), ({"name": 5}, "/name"),
    ({"expires_at": "tomorrow"}, "/expires_at"), ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
    ({"bots": ["x"]}, "/bots"), ({"role": "client"}, "/bots"), ({"role": "client", "bots": []}, "/bots"),
    ({"role": "client", "bots": ["none"]}, "/bots/0"), ({"rolle": "admin"}, "/rolle"),
])
def test_token_wishes_are_checked(bridge, change, pointer):
    wish = {"name": "n", "role": "operator", **change}
    body = problem(bridge.post("/tokens", json=wish), 422, "invalid")
    assert [e["pointer"] for e in body["errors"]] == [pointer]
    if pointer == "/rolle":
        assert "role" in body["errors"][0]["hint"]


def test_all_errors_come_at_once(bridge):
    body = problem(bridge.post("/tokens", json={"expires_at": 5, "nme": "x"}), 422, "invalid")
    assert {e["pointer"] for e in body["errors"]} == {"/expires_at", "/nme", "/name", "/role"}


def test_client_sees_its_bot_and_little_of_it(bridge, grid, tokens):
    mine = bridge.get("/bots", token=tokens["client"]).json()["bots"]
    assert [b["id"] for b in mine] == [grid["id"]]
    hidden = {"params", "config", "account", "plugin", "controllers", "errors", "risk", "instance",
              "image"}
    assert not hidden & set(mine[0]), mine[0]
    assert {"name", "exchange", "pair", "state"} <= set(mine[0])
    one = bridge.get(f"/bots/{grid['id']}", token=tokens["client"]).json()
    assert not hidden & set(one)
    problem(bridge.get(f"/bots/{grid['id']}?raw=1", token=tokens["client"]), 403, "forbidden")
    other = bridge.make_token("client", bots=["surface"])
    assert other["bots"] == [grid["id"]]


# ---- the page's cookie ----

def sign_in(bridge, token=TOKEN):
    session = requests.Session()
    answer = session.post(bridge.url + "/session", json={"token": token}, timeout=120)
    assert answer.status_code == 201, answer.text
    return session, answer


def test_cookie_signs_in_without_holding_the_token(bridge):
    session, answer = sign_in(bridge)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    assert answer.json() == {"name": "admin", "role": "admin"}
    assert session.get(bridge.url + "/session", timeout=120).json()["role"] == "admin"
    assert session.get(bridge.url + "/bots", timeout=120).status_code == 200
    assert session.delete(bridge.url + "/session", timeout=120).status_code == 200
    problem(session.get(bridge.url + "/bots", timeout=120), 401, "unauthorized")


def test_sign_out_ends_the_session_not_only_the_cookie(bridge):
    session, answer = sign_in(bridge)
    value = answer.cookies["tb_session"]
    session.delete(bridge.url + "/session", timeout=120)
    problem(bridge.get("/bots", token=None, headers={"Cookie": f"tb_session={value}"}), 401,
            "unauthorized")


def test_commands_by_cookie_need_a_sign_of_the_page(bridge):
    session, _ = sign_in(bridge)

    def post(**headers):
        return session.post(bridge.url + "/plugins/reload", json={}, headers=headers, timeout=60)

    problem(post(), 403, "forbidden")
    problem(post(Origin="https://evil.example"), 403, "forbidden")
    problem(post(**{"X-Requested-By": "other"}), 403, "forbidden")
    assert post(**{"X-Requested-By": "page"}).status_code == 200
    assert post(Origin=bridge.url).status_code == 200


def test_session_ends_with_its_token(bridge):
    made = bridge.make_token("operator")
    session, _ = sign_in(bridge, made["token"])
    assert session.get(bridge.url + "/bots", timeout=120).status_code == 200
    bridge.delete(f"/tokens/{made['id']}")
    problem(session.get(bridge.url + "/bots", timeout=120), 401, "unauthorized")


def test_wrong_token_does_not_sign_in(bridge):
    for body in ({"token": "x"}, {}, {"token": 5}):
        answer = bridge.post("/session", token=None, json=body)
        problem(answer, 401, "unauthorized")
        assert "Set-Cookie" not in answer.headers


def test_secure_cookie_behind_tls(bridge):
    answer = bridge.post("/session", token=None, json={"token": TOKEN},
                         headers={"X-Forwarded-Proto": "https"})
    assert "; Secure" in answer.headers["Set-Cookie"]


# ---- secrets ----

def test_private_keys_in_a_body_go_nowhere(bridge):
    secret = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"
    for path in ("/bots/create", "/bots/plan", "/tokens", "/session"):
        for prefer in ("handling=lenient", ""):
            answer = bridge.post(path, json={
                "name": f"w {path} {prefer}", "account": "master_account", "connector": "bitmart",
                "strategy": "spot_grid", "wallets": [{"private_key": secret}], "role": "scrape",
                "private_key": secret}, headers={"Prefer": prefer, "Idempotency-Key": f"w{path}{prefer}"})
            assert secret not in answer.text
    assert secret not in bridge.log()
    for path in (bridge.folder / "data").iterdir():
        assert secret.encode() not in path.read_bytes(), path


def test_no_token_is_in_log_or_store(bridge):
    made = bridge.make_token("operator")["token"]
    bridge.get("/bots", token=made)
    assert TOKEN not in bridge.log() and made not in bridge.log()
    for path in (bridge.folder / "data").iterdir():
        assert made.encode() not in path.read_bytes() and TOKEN.encode() not in path.read_bytes()

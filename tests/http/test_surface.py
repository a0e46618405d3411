"""The bridge's HTTP face from outside: who may what, how refusals look, CORS, validators, keys."""
import json
import re
import signal
import socket
import sqlite3
import threading

import pytest
import requests

from conftest import ROOT, TOKEN

ORIGIN = "https://page.example"
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


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator, BRIDGE_CORS_ORIGINS=f"https://other.example, {ORIGIN}")


@pytest.fixture(scope="module")
def grid(bridge):
    """One bot that runs."""
    answer = bridge.post("/bots", json={"name": "surface", "exchange": "bitmart",
                                        "strategy": "spot_grid"},
                         headers={"Prefer": "wait=100"})
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def tokens(bridge, grid):
    made = {role: bridge.make_token(role)["token"]
            for role in ("admin", "operator", "developer", "scrape")}
    made["client"] = bridge.make_token("client", bots=[grid["id"]])["token"]
    return made


def problem(answer, status, code):
    """Every refusal is the same document, and says one sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["code"] == code, body
    assert isinstance(body["detail"], str) and len(body["detail"]) > 10
    assert isinstance(body["title"], str) and body["type"].endswith(code)
    assert isinstance(body["errors"], list) and isinstance(body["retryable"], bool)
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


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


# ---- routing and bodies ----

def test_unknown_path_is_404(bridge):
    for path in ("/nix", "/bots/", "/bots/a/b/c", "/Bots"):
        problem(bridge.get(path), 404, "not_found")


def test_wrong_method_is_405_and_names_the_right_ones(bridge):
    answer = bridge.request("PUT", "/bots")
    problem(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(re.split(r",\s*", answer.headers["Allow"]))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded",
                                  "multipart/form-data; boundary=x", "", "application/jsonx"])
def test_other_media_types_are_415(bridge, kind):
    body = problem(bridge.post("/bots/plan", data="{}", headers={"Content-Type": kind}), 415,
                   "unsupported_media_type")
    assert "application/json" in body["detail"]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8",
                                  "APPLICATION/JSON", "application/merge-patch+json"])
def test_json_media_types_are_taken(bridge, kind):
    assert bridge.post("/plugins/reload", data="{}", headers={"Content-Type": kind}).status_code == 200


def test_empty_body_is_an_empty_object(bridge):
    for headers in ({}, {"Content-Type": "application/json"}, {"Content-Type": "text/plain"}):
        assert bridge.post("/plugins/reload", headers=headers).status_code == 200


@pytest.mark.parametrize("text", ["{", "[1", '{"a":1,}', '{"a":NaN}', '{"a":1}{', "\x00", '{"a":1,"a":2}',
                                  "[" * 70 + "]" * 70, '{"a":' * 70 + "1" + "}" * 70])
def test_malformed_json_is_400_with_its_place(bridge, text):
    body = problem(bridge.post("/bots/plan", data=text,
                               headers={"Content-Type": "application/json"}), 400, "bad_json")
    assert re.search(r"line \d+, column \d+", body["detail"])


def test_body_must_be_an_object(bridge):
    for text in ("[]", "1", "null", '"x"'):
        problem(bridge.post("/bots/plan", data=text,
                            headers={"Content-Type": "application/json"}), 400, "bad_request")


def test_huge_body_is_413(bridge):
    text = json.dumps({"name": "x" * 300_000})
    problem(bridge.post("/bots/plan", data=text, headers={"Content-Type": "application/json"}), 413,
            "too_large")
    problem(bridge.post("/tokens", data=json.dumps({"name": "x" * 20_000}),
                        headers={"Content-Type": "application/json"}), 413, "too_large")


def test_unknown_query_parameter_is_named(bridge):
    body = problem(bridge.get("/bots?stat=running"), 400, "bad_request")
    assert "`stat`" in body["detail"] and "state" in body["detail"]
    for query in ("limit=0", "limit=x", "limit=-1", "limit=1001", "limit=1e3"):
        problem(bridge.get(f"/bots?{query}"), 400, "bad_request")
    assert bridge.get("/bots?limit=5&account=&state=").status_code in (200, 400)


def test_request_ids_are_unique(bridge):
    ids = {bridge.get("/healthz").headers["X-Request-Id"] for _ in range(10)}
    assert len(ids) == 10


def test_head_is_get_without_a_body(bridge):
    answer = bridge.request("HEAD", "/bots")
    assert answer.status_code == 200 and not answer.content
    assert int(answer.headers["Content-Length"]) > 10


# ---- CORS ----

@pytest.mark.quick
def test_preflight_of_a_listed_origin(bridge):
    answer = bridge.request("OPTIONS", "/bots/create", token=None, headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-wallet-address"})
    assert answer.status_code == 204 and not answer.content
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    methods = set(re.split(r",\s*", answer.headers["Access-Control-Allow-Methods"]))
    assert {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} <= methods
    headers = {h.lower() for h in re.split(r",\s*", answer.headers["Access-Control-Allow-Headers"])}
    assert {"authorization", "content-type", "x-wallet-address", "idempotency-key", "if-match",
            "if-none-match", "prefer"} <= headers
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", ORIGIN + ".evil.example", "null",
                                    "http://page.example", ORIGIN + ":8443"])
def test_unlisted_origin_is_served_without_the_headers(bridge, origin):
    answer = bridge.get("/bots", headers={"Origin": origin})
    assert answer.status_code == 200 and "bots" in answer.json()
    assert not [h for h in answer.headers if h.lower().startswith("access-control")]
    assert "Origin" in answer.headers["Vary"]
    preflight = bridge.request("OPTIONS", "/bots", token=None, headers={"Origin": origin})
    assert preflight.status_code == 204
    assert not [h for h in preflight.headers if h.lower().startswith("access-control")]


def test_refusals_carry_the_headers_too(bridge):
    for path, token in (("/bots", None), ("/nix", True), ("/bots?x=1", True)):
        answer = bridge.get(path, token=token, headers={"Origin": ORIGIN})
        assert answer.status_code >= 400
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


# ---- validators ----

def test_weak_etag_and_304(bridge):
    first = bridge.get("/exchanges")
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    for known in (tag, tag[2:], f'"x", {tag}', "*"):
        again = bridge.get("/exchanges", headers={"If-None-Match": known})
        assert again.status_code == 304 and not again.content and again.headers["ETag"] == tag
    other = bridge.get("/exchanges", headers={"If-None-Match": 'W/"other"'})
    assert other.status_code == 200 and other.json() == first.json()


# ---- Idempotency-Key ----

def test_key_makes_one_token(bridge):
    wish = {"name": "with key", "role": "operator"}
    first = bridge.post("/tokens", json=wish, headers={"Idempotency-Key": "token-1"})
    again = bridge.post("/tokens", data='{ "role": "operator",\n "name": "with key" }',
                        headers={"Idempotency-Key": "token-1", "Content-Type": "application/json"})
    assert first.status_code == again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    # The secret is not kept: a repeated answer says so.
    assert again.json()["token"] is None and again.json()["warnings"]
    named = [t for t in bridge.get("/tokens").json()["tokens"] if t["name"] == "with key"]
    assert len(named) == 1
    problem(bridge.post("/tokens", json={**wish, "name": "other"},
                        headers={"Idempotency-Key": "token-1"}), 422, "idempotency_key_reused")


def test_refusal_leaves_the_key_free(bridge):
    headers = {"Idempotency-Key": "token-2"}
    problem(bridge.post("/tokens", json={"name": "k2"}, headers=headers), 422, "invalid")
    assert bridge.post("/tokens", json={"name": "k2", "role": "scrape"},
                       headers=headers).status_code == 201


def test_keys_are_scoped_to_the_token(bridge, tokens):
    plan = {"name": "scoped", "exchange": "bitmart", "strategy": "spot_grid"}
    headers = {"Idempotency-Key": "plan-1"}
    mine = bridge.post("/bots/plan", json=plan, headers=headers).json()
    again = bridge.post("/bots/plan", json=plan, headers=headers)
    assert again.json() == mine and again.headers["Idempotency-Replayed"] == "true"
    other = bridge.post("/bots/plan", json=plan, headers=headers, token=tokens["operator"])
    assert other.json()["plan_id"] != mine["plan_id"]


def test_many_first_requests_with_one_key_make_one_token(bridge):
    ids = []

    def post():
        ids.append(bridge.post("/tokens", json={"name": "race", "role": "scrape"},
                               headers={"Idempotency-Key": "race"}).json()["id"])

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6 and len(set(ids)) == 1


@pytest.mark.parametrize("key", ["x" * 129, "a b", "é".encode().decode("latin-1"), ""])
def test_bad_keys_are_refused(bridge, key):
    problem(bridge.post("/plugins/reload", headers={"Idempotency-Key": key}), 400, "bad_request")


def make_bot(bridge, name):
    answer = bridge.post("/bots", json={"name": name, "exchange": "bitmart", "strategy": "spot_grid"},
                         headers={"Prefer": "wait=100"})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_key_of_another_bot_is_another_request(bridge):
    one, two = make_bot(bridge, "key one"), make_bot(bridge, "key two")
    headers = {"Idempotency-Key": "stop-1"}
    first = bridge.post(f"/bots/{one['id']}/stop", headers=headers)
    assert first.status_code == 202, first.text
    problem(bridge.post(f"/bots/{two['id']}/stop", headers=headers), 422, "idempotency_key_reused")
    assert bridge.get(f"/bots/{two['id']}").json()["status"] == "running"
    again = bridge.post(f"/bots/{one['id']}/stop", headers=headers)
    assert again.status_code == 202 and again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert bridge.operation(first.headers["Location"])["state"] == "succeeded"


def test_create_with_a_key_is_replayed(bridge):
    body = {"name": "keyed", "exchange": "bitmart", "strategy": "spot_grid"}
    headers = {"Idempotency-Key": "create-1"}
    first = bridge.post("/bots/create", json=body, headers=headers)
    assert first.status_code == 202, first.text
    again = bridge.post("/bots", json=body, headers=headers)
    assert again.status_code == 202 and again.headers["Idempotency-Replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Location"] == first.headers["Location"]
    problem(bridge.post("/bots", json={**body, "name": "x"}, headers=headers), 422,
            "idempotency_key_reused")
    assert bridge.operation(first.headers["Location"])["state"] == "succeeded"


# ---- commands ----

def test_create_answers_202_with_location_and_the_bot(bridge, grid):
    taken = bridge.post("/bots", json={"name": "surface", "exchange": "bitmart",
                                       "strategy": "spot_grid"})
    body = problem(taken, 409, "name_taken")
    assert body["existing"]["id"] == grid["id"]
    assert taken.headers["Location"] == f"/bots/{grid['id']}"
    assert grid["operation"]["state"] == "succeeded" and grid["status"] == "running"
    assert bridge.get(grid["operation"]["href"]).json()["id"] == grid["operation"]["id"]


def test_failure_within_the_wait_is_a_problem(bridge, simulator):
    """The operation can be read where Location says, whatever the answer was."""
    simulator.fault(match={"method": "POST", "path": "/scripts/configs"}, kind="error500", count=50)
    answer = bridge.post("/bots", json={"name": "unlucky", "exchange": "bitmart",
                                        "strategy": "spot_grid"}, headers={"Prefer": "wait=100"})
    simulator.control("DELETE", "/faults")
    assert answer.status_code in (502, 504), answer.text
    problem(answer, answer.status_code, answer.json()["code"])
    operation = bridge.get(answer.headers["Location"]).json()
    assert operation["state"] not in ("succeeded", "running", "pending")
    assert operation["error"]
    assert not any("unlucky" in name for name in simulator.ledger()["instances"])
    # Its record may go, and its name is free again.
    gone = bridge.delete("/bots/unlucky", headers={"Content-Type": "application/json"})
    assert gone.status_code == 200 and gone.json()["deleted"] is True, gone.text
    problem(bridge.get("/bots/unlucky"), 404, "not_found")
    assert bridge.get(answer.headers["Location"]).status_code == 200


def test_only_half_of_the_workers_wait(start_bridge, start_simulator):
    """Waiting clients must not keep health and stop from being answered."""
    simulator = start_simulator()
    bridge = start_bridge(simulator, BRIDGE_THREADS=4)
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy"}, kind="latency",
                    count=1, delay_ms=20_000)
    answers = []

    def create(name):
        answers.append(bridge.post("/bots", json={"name": name, "exchange": "bitmart",
                                                  "strategy": "spot_grid"},
                                   headers={"Prefer": "wait=100"}))

    threads = [threading.Thread(target=create, args=(f"waits {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    # One of the three is answered at once although nothing has been deployed.
    bridge.wait_until(lambda: len(answers) == 1)
    assert answers[0].status_code == 202 and "Preference-Applied" not in answers[0].headers
    assert bridge.get("/healthz", token=None).status_code == 200
    for thread in threads:
        thread.join()
    assert all("Preference-Applied" in a.headers for a in answers[1:])


def test_wait_ends_when_the_time_is_over(bridge, simulator):
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy"}, kind="latency",
                    count=1, delay_ms=8000)
    answer = bridge.post("/bots", json={"name": "slow", "exchange": "bitmart",
                                        "strategy": "spot_grid"}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202 and answer.headers["Preference-Applied"] == "wait=1"
    assert answer.json()["operation"]["state"] in ("pending", "running")
    bridge.operation(answer.headers["Location"])


def test_unknown_exchange_and_strategy_are_404(bridge):
    assert "bitmart" in problem(bridge.get("/exchanges/none"), 404, "not_found")["detail"]
    body = problem(bridge.get("/exchanges/bitmart/strategies/none"), 404, "not_found")
    assert "spot_grid" in body["detail"]
    problem(bridge.get("/plugins/none"), 404, "not_found")


def test_strategy_gives_its_form(bridge):
    body = bridge.get("/exchanges/bitmart/strategies/spot_grid").json()
    assert body["schema"]["type"] == "object" and "pair" in body["schema"]["properties"]
    assert body["presets"] and re.fullmatch(r"[0-9a-f]{8}", body["generation"])


def test_running_bot_is_not_deleted(bridge, grid):
    answer = bridge.delete(f"/bots/{grid['id']}")
    assert answer.status_code == 409 and isinstance(answer.json()["detail"], str)
    assert bridge.get(f"/bots/{grid['id']}").status_code == 200


def test_logs_and_hummingbot(bridge, grid):
    logs = bridge.get(f"/bots/{grid['id']}/logs").json()
    assert isinstance(logs["errors"], list) and isinstance(logs["lines"], list)
    state = bridge.get("/hummingbot").json()
    assert state["health"] == "up" and state["profile"]["can_create"] is True
    assert "differences" in state["profile"] and "clock_offset_ms" in state and "lanes" in state


def test_the_broker_is_known_by_the_bots_it_brings(bridge, grid):
    broker = bridge.wait_until(lambda: (lambda b: b if b["connected"] else None)(
        bridge.get("/hummingbot").json()["broker"]))
    assert broker["host"] == "localhost" and broker["port"] == 1883
    assert 1 <= broker["bots_heard"] <= broker["bots_running"]


def test_a_plan_under_a_living_name_is_warned_of(bridge, grid):
    def plan(name):
        answer = bridge.post("/bots/plan", json={"name": name, "exchange": "bitmart", "strategy": "spot_grid"})
        assert answer.status_code == 200, answer.text
        return answer.json()
    assert not [w for w in plan("nobody's name")["warnings"] if w["pointer"] == "/name"]
    warned = plan(grid["name"])
    (warning,) = [w for w in warned["warnings"] if w["pointer"] == "/name"]
    assert warning["code"] == "name_taken" and grid["id"] in warning["message"] and "refused" in warning["hint"]
    answer = bridge.post("/bots", json={"plan_id": warned["plan_id"]})
    assert answer.status_code == 409 and answer.json()["code"] == "name_taken", answer.text


def test_raw_shows_what_upstream_said(bridge, grid):
    assert "raw" not in bridge.get(f"/bots/{grid['id']}").json()
    assert bridge.get(f"/bots/{grid['id']}?raw=1").json()["raw"]


def test_bot_is_found_by_id_name_and_instance(bridge, grid):
    for word in (grid["id"], grid["name"], grid["instance"]):
        assert bridge.get(f"/bots/{word}").json()["id"] == grid["id"]


def test_bots_name_the_plugins_that_shaped_them(bridge, grid):
    loaded = bridge.get("/plugins/bitmart").json()["hash"]
    one = bridge.get(f"/bots/{grid['id']}").headers["X-Plugin-Generation"]
    assert one == f"bitmart={loaded}"
    assert one in bridge.get("/bots").headers["X-Plugin-Generation"]


def test_lists_have_their_shape(bridge):
    for path, name in (("/bots", "bots"), ("/operations", "operations"), ("/tokens", "tokens"),
                       ("/exchanges", "exchanges"), ("/plugins", "plugins")):
        body = bridge.get(path).json()
        assert isinstance(body[name], list) and body["next_cursor"] is None, path


def test_operations_can_be_paged(bridge, grid):
    everything = bridge.get("/operations").json()["operations"]
    assert len(everything) >= 2
    first = bridge.get("/operations?limit=1").json()
    assert [o["id"] for o in first["operations"]] == [everything[0]["id"]]
    second = bridge.get(f"/operations?limit=1&cursor={first['next_cursor']}").json()
    assert [o["id"] for o in second["operations"]] == [everything[1]["id"]]


@pytest.mark.parametrize("path", ["/bots", "/operations"])
def test_a_cursor_of_nobody_is_refused(bridge, path):
    for cursor in ("x", "01ARYZ6S41TSV4RRFFQ69G5FA", "01aryz6s41tsv4rrffq69g5fav", "' or 1=1 --", "%00"):
        answer = bridge.get(path, params={"cursor": cursor})
        assert answer.status_code == 400, cursor
        assert "next_cursor" in answer.json()["detail"] and answer.json()["code"] == "bad_request"
        assert "or 1=1" not in answer.text
    assert bridge.get(path, params={"cursor": ""}).json() == bridge.get(path).json()
    assert bridge.get(path, params={"cursor": "01ARYZ6S41TSV4RRFFQ69G5FAV"}).status_code == 200


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


# ---- checking a form ----

CHECK = "/exchanges/bitmart/strategies/spot_grid/check"


def plans_and_writes(bridge, simulator):
    """Prices, balances and the verdict on a config are asked for with POST and change nothing."""
    asks = ("/market-data/", "/portfolio/", "/validate")
    with sqlite3.connect(f"file:{bridge.folder / 'data/bridge.db'}?mode=ro", uri=True) as store:
        plans = store.execute("SELECT count(*) FROM plans").fetchone()[0]
    return plans, sum(not any(a in w["path"] for a in asks) for w in simulator.ledger()["writes"])


def test_a_check_says_what_a_plan_would_and_leaves_nothing(bridge, simulator):
    before = plans_and_writes(bridge, simulator)
    params = {"pair": "ETH-USDT", "budget_quote": "250"}
    answer = bridge.post(CHECK, json={"params": params})
    assert answer.status_code == 200, answer.text
    checked = answer.json()
    assert checked["ok"] is True and checked["errors"] == []
    assert answer.headers["X-Plugin-Generation"] == f"bitmart={checked['plugin']['generation']}"
    assert plans_and_writes(bridge, simulator) == before, "a check leaves nothing"
    plan = bridge.post("/bots/plan", json={"name": "check", "exchange": "bitmart", "strategy": "spot_grid",
                                           "params": params}).json()
    for part in ("risk", "effects", "quotes", "risk_class"):
        assert checked[part] == plan[part], part
    assert set(checked["params"]) == set(plan["params"]) and checked["params"]["budget_quote"] == "250"
    assert [row["kind"] for row in checked["preview"]] == [row["kind"] for row in plan["preview"]] != []
    assert [c["code"] for c in checked["checks"]] == [c["code"] for c in plan["checks"]] != []
    assert checked["params"]["low"] and checked["facts"]["derived"], "prices left out are filled from the market"
    assert "plan_id" not in checked and "files" not in checked
    assert plans_and_writes(bridge, simulator) == (before[0] + 1, before[1]), "a plan is stored"


def test_a_check_answers_with_everything_that_is_wrong(bridge):
    def check(**body):
        return bridge.post(CHECK, json=body)
    wrong = check(params={"pair": "eth", "budget_quote": "1", "lo": "5"})
    assert wrong.status_code == 200 and wrong.json()["ok"] is False, wrong.text
    assert {e["pointer"] for e in wrong.json()["errors"]} == {"/params/pair", "/params/budget_quote", "/params/lo"}
    low = check(params={"low": "2000", "high": "1000"}).json()
    assert low["ok"] is False and "low_not_below_high" in [e["code"] for e in low["errors"]]
    assert low["params"]["low"] == "2000", "what was understood comes back beside what is wrong"
    body = problem(check(params={"budget_quote": "1"}, imgae="x"), 422, "invalid")
    assert {e["pointer"] for e in body["errors"]} == {"/params/budget_quote", "/imgae"}
    for field, value in (("name", None), ("name", 7), ("params", "x"), ("risk", 1), ("account", 5), ("image", 7), ("image", "evil/x")):
        body = problem(check(**{field: value}), 422, "invalid")
        assert [e["pointer"] for e in body["errors"]] == [f"/{field}"], body


def test_a_check_knows_the_version_that_a_bot_would_run(bridge):
    """A strategy may ask for it, and for the account's other bots, as in a plan."""
    checked = bridge.post("/exchanges/jupiter/strategies/arbitrage/check", json={}).json()
    plan = bridge.post("/bots/plan", json={"name": "check", "exchange": "jupiter", "strategy": "arbitrage"}).json()
    assert checked["ok"] is True, checked["errors"]
    assert [w["code"] for w in checked["warnings"]] == [w["code"] for w in plan["warnings"]]
    assert checked["facts"]["hummingbot"] == plan["facts"]["hummingbot"] == "2.16.0"


@pytest.mark.parametrize("path, body, status, code", [
    ("/exchanges/none/strategies/spot_grid/check", {}, 404, "not_found"),
    ("/exchanges/bitmart/strategies/none/check", {}, 404, "not_found"),
    (CHECK, [], 400, "bad_request"), (CHECK, {"exchange": "jupiter"}, 400, "bad_request"),
    (CHECK, {"strategy": 7}, 400, "bad_request"), (CHECK + "?lane=other", {}, 400, "bad_request"),
])
def test_a_check_of_something_else_is_refused(bridge, path, body, status, code):
    problem(bridge.post(path, json=body), status, code)


def test_a_form_is_checked_while_hummingbot_is_away(start_bridge, start_simulator):
    """A wrong form needs nobody else; a right one cannot be judged without the market."""
    simulator = start_simulator()
    bridge = start_bridge(simulator)
    bridge.wait_until(lambda: bridge.get("/readyz").status_code == 200)
    simulator.stop()
    wrong = bridge.post(CHECK, json={"params": {"budget_quote": "1"}})
    assert wrong.status_code == 200 and [e["pointer"] for e in wrong.json()["errors"]] == ["/params/budget_quote"]
    away = bridge.post(CHECK, json={"exchange": "bitmart", "strategy": "spot_grid"})
    assert away.status_code in (502, 503, 504) and away.json()["code"].startswith("upstream"), away.text


# ---- raw sockets, shutdown ----

def raw_request(bridge, text):
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=60) as sock:
        sock.sendall(text.encode())
        parts = []
        while True:
            data = sock.recv(65536)
            if not data:
                return b"".join(parts)
            parts.append(data)


def test_malformed_requests_get_a_problem_document(bridge):
    raw = raw_request(bridge, "GET /bots HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400") and b"application/problem+json" in raw


def test_drain(start_bridge, start_simulator):
    """While a command is waited for, SIGTERM lets it be answered, and everything else is 503."""
    simulator = start_simulator()
    bridge = start_bridge(simulator)
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy"}, kind="latency",
                    count=1, delay_ms=40_000)
    answers = []

    def create():
        answers.append(bridge.post("/bots", json={"name": "drained", "exchange": "bitmart",
                                                  "strategy": "spot_grid"},
                                   headers={"Prefer": "wait=100"}))

    thread = threading.Thread(target=create)
    thread.start()
    bridge.wait_until(lambda: any("/deploy" in w["path"] and not w["answered"]
                                  for w in simulator.ledger()["writes"]))
    bridge.signal(signal.SIGTERM)
    bridge.wait_log("serve.draining")
    # A response of 503 is falsy.
    [refused] = bridge.wait_until(
        lambda: [a for a in [bridge.get("/bots")] if a.status_code == 503])
    body = problem(refused, 503, "draining")
    assert body["retryable"] and int(refused.headers["Retry-After"]) > 0
    health = bridge.get("/healthz", token=None)
    assert health.status_code == 503 and health.json() == {"status": "draining"}
    thread.join()
    assert answers and answers[0].status_code in (201, 202), answers
    bridge.stop()

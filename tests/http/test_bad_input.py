"""Everything a client can send that is wrong: each is a clear problem, nothing is half-created, no
secret is kept or shown, and the server goes on serving."""
import concurrent.futures
import json
import os
import re
import socket
import time
from pathlib import Path

import pytest

from conftest import TOKEN

GRID = {"name": "bad-input", "exchange": "bitmart", "strategy": "spot_grid"}
JSON = {"Content-Type": "application/json"}
KEY = "5Kb8kLf9zgWQnogidDA76MzPL6TsZZY36hWXMssSzNydYXYB69KF"
SECRET = "bitmart-api-secret-d41d8cd98f00b204"


@pytest.fixture(scope="module", autouse=True)
def nothing_reaches_upstream(bridge, simulator):
    """No refusal in this file may have sent a write: no file, no container, no deploy."""
    bridge.wait_until(lambda: bridge.get("/readyz").status_code == 200)
    yield
    ledger = simulator.ledger()
    writes = [w for w in ledger["writes"] if not reads_by_post(w["path"])]
    assert not writes and not ledger["instances"] and not ledger["files"]["controllers_configs"]
    assert bridge.get("/bots").json()["bots"] == []
    assert bridge.get("/operations").json()["operations"] == []
    assert bridge.get("/healthz").status_code == 200


def reads_by_post(path):
    """Upstream has reads that are POSTs."""
    return path.startswith(("/portfolio/", "/market-data/")) or path.endswith("/validate")


def refused(answer, status=422, code="invalid"):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code and body["status"] == status, body
    assert isinstance(body["detail"], str) and len(body["detail"]) > 10
    assert not re.search(r"[\x00-\x1f\x7f]", body["detail"])
    return body


def errors(body):
    return {e["pointer"]: e for e in body["errors"]}


def plan(bridge, *, path="/bots/plan", **change):
    return bridge.post(path, json={**GRID, **change})


def raw(bridge, data, timeout=120):
    """Sends bytes as they are; everything that comes back until the end."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=timeout) as sock:
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return receive(sock)


def receive(sock):
    got = b""
    try:
        while chunk := sock.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass
    return got


def head(method, path, *lines):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bridge", f"Authorization: Bearer {TOKEN}",
                        *lines, "", ""]).encode()


def statuses(answer):
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


# ---- fields ----

@pytest.mark.quick
@pytest.mark.parametrize("path", ["/bots/plan", "/bots", "/bots/create"])
@pytest.mark.parametrize("change, pointer, word", [
    ({"parms": {}}, "/parms", "params"),
    ({"acount": "master_account"}, "/acount", "account"),
    ({"params": {"budget_qote": "100"}}, "/params/budget_qote", "budget_quote"),
    ({"risk": {"max_los_quote": "10"}}, "/risk/max_los_quote", "max_loss_quote"),
    ({"risk": {"max_global_drawdown": "10"}}, "/risk/max_global_drawdown", "max_loss_quote"),
    ({"exchange": "bitmrt"}, "/exchange", "bitmart"),
    ({"strategy": "spot_gird"}, "/strategy", "spot_grid"),
    ({"params": {"pair": "BTC-USDTT"}}, "/params/pair", "BTC-USDT"),
    ({"params": {"pair": "btc-usdt"}}, "/params/pair", "BTC-USDT"),
    ({"image": "hummingbot/hummingbot:version-2.1.0"}, "/image", "2.13"),
])
def test_a_near_miss_is_named_with_what_was_meant(bridge, path, change, pointer, word):
    body = refused(plan(bridge, path=path, **change))
    error = errors(body)[pointer]
    assert word in error["message"] + (error["hint"] or "")
    # The existing page shows nothing but the detail.
    assert pointer.rsplit("/", 1)[1] in body["detail"] or word in body["detail"]


@pytest.mark.parametrize("exchange", [{}, {"exchange": "bitmrt"}, {"exchange": 5}])
def test_without_an_exchange_the_other_errors_are_told_too(bridge, exchange):
    body = refused(bridge.post("/bots/plan", json={"nmae": "x", "params": [], "image": 7, **exchange}))
    assert set(errors(body)) == {"/exchange", "/nmae", "/params", "/image", "/name", "/strategy"}
    # Words of other front ends are translated by an exchange's plugin, so without it they are not judged.
    body = refused(bridge.post("/bots/create", json={"name": "x", "strategy": "spread", "pair": "A/B", "config": {}}))
    assert set(errors(body)) == {"/exchange"}


def test_unknown_fields_of_other_bodies_are_named(bridge):
    for path, field, word in (("/bots/x/stop", "polcy", "policy"), ("/bots/x/stop", "confrm", "confirm"),
                              ("/tokens", "rol", "role")):
        body = refused(bridge.post(path, json={field: "x"}))
        assert word in errors(body)[f"/{field}"]["hint"]
    body = refused(bridge.post("/bots/x/start", json={"wallets": []}))
    assert errors(body)["/wallets"]["code"] == "unknown_field"


def test_a_stop_is_not_guessed(bridge):
    for stop in ({"policy": "abandn"}, {"policy": 1}, {"policy": None}, {"policy": "abandon"},
                 {"policy": "abandon", "confirm": True}, {"policy": "abandon", "confirm": "yes"}):
        assert refused(bridge.post("/bots/x/stop", json=stop))["errors"]


def test_pointers_are_escaped_and_cut_at_a_character(bridge):
    long = "x" * 63 + "é" + "tail"
    for where, prefix in ((lambda k: {k: 1}, ""), (lambda k: {"params": {k: 1}}, "/params")):
        found = errors(refused(plan(bridge, **where("a~b/c"))))
        assert set(found) == {f"{prefix}/a~0b~1c"}
    assert set(errors(refused(plan(bridge, **{long: 1})))) == {"/" + "x" * 63 + "é"}


def test_all_form_errors_come_at_once(bridge):
    body = refused(plan(bridge, params={
        "pair": 5, "budget_quote": "a lot", "fee_pct": [], "step_pct": "-1", "keep": "x", "nonsense": 1},
        risk={"max_loss_quote": "x", "other": 1}))
    assert set(errors(body)) >= {"/params/pair", "/params/budget_quote", "/params/fee_pct",
                                 "/params/step_pct", "/params/keep", "/params/nonsense"}
    assert all(e["message"] and e["code"] for e in body["errors"])
    assert "more" in body["detail"]
    envelope = refused(plan(bridge, name=5, strategy=7, account=[], image={}, risk=[], nme="x"))
    assert set(errors(envelope)) == {"/name", "/strategy", "/account", "/image", "/risk", "/nme"}
    assert len(envelope["errors"]) == 6
    both = refused(plan(bridge, name=5, nme="x", params={"budget_quote": "a lot"}))
    assert set(errors(both)) == {"/name", "/nme", "/params/budget_quote"}


def test_list_items_have_their_own_pointer(bridge):
    body = refused(plan(bridge, strategy="spot_mm", params={"spreads_pct": ["0.4", "x", "900"]}))
    assert {"/params/spreads_pct/1", "/params/spreads_pct/2"} <= set(errors(body))


@pytest.mark.parametrize("params", [
    {"budget_quote": 19.99}, {"budget_quote": "19.99"}, {"budget_quote": 0}, {"budget_quote": -5},
    {"budget_quote": ""}, {"budget_quote": "1,000"}, {"budget_quote": "100 USDT"}, {"budget_quote": True},
    {"budget_quote": {"a": 1}}, {"budget_quote": "0x10"}, {"budget_quote": "1e99999999"},
    {"budget_quote": "NaN"}, {"budget_quote": "Infinity"}, {"budget_quote": "9" * 5000},
    {"budget_quote": "0." + "0" * 5000 + "1"}, {"fee_pct": "2.0000000000000000001"},
    {"budget_quote": "١٢٣"}, {"budget_quote": "100\u0000"},
])
def test_wrong_numbers_are_refused(bridge, params):
    body = refused(plan(bridge, params=params))
    assert list(errors(body)) == ["/params/" + next(iter(params))]
    assert len(json.dumps(body)) < 2000, "the value is not thrown back"


@pytest.mark.parametrize("pair", [
    "", "BTC", "BTCUSDT", "BTC-USDT-X", "-", "BTC-", "../x", "BTC-USDT\n", "BTC-USDT;DROP", 5, None, [],
    "A" * 500 + "-USDT", "BTC%2FUSDT", "<b>-USDT", "NOPE-USDT",
])
def test_wrong_pairs_are_the_callers_error(bridge, pair):
    answer = plan(bridge, params={"pair": pair})
    if pair is None:  # null is absent
        assert answer.status_code == 200
        return
    assert list(errors(refused(answer))) == ["/params/pair"]


@pytest.mark.parametrize("text", ["1e400", "-1e400", "9" * 5000, "1" + "0" * 400])
def test_numbers_beyond_double_are_refused(bridge, text):
    body = '{"name":"n","exchange":"bitmart","strategy":"spot_grid","params":{"budget_quote":%s}}' % text
    detail = refused(bridge.post("/bots/plan", data=body, headers=JSON), 400, "bad_json")["detail"]
    assert re.search(r"line 1, column \d+", detail)


# ---- refused with their reasons ----

@pytest.mark.quick
@pytest.mark.parametrize("word", ["exchange", "connector"])
def test_volume_and_jupiter_market_making_are_refused_with_reasons(bridge, word):
    for exchange in ("bitmart", "jupiter"):
        detail = refused(bridge.post("/bots/create", json={
            "name": "v", word: exchange, "strategy": "volume", "account": "master_account"}))["detail"]
        assert "volume" in detail and "not offered" in detail
    for strategy in ("spread", "spot_mm", "market_making", "spot_grid"):
        detail = refused(bridge.post("/bots/create", json={
            "name": "j", word: "jupiter", "strategy": strategy}))["detail"]
        assert "order book" in detail and "arbitrage" in detail


def test_an_account_without_a_profile_is_refused_with_those_that_are(bridge):
    for account in ("client_sharp", "../master_account", "master_account/", "MASTER_ACCOUNT", "", " "):
        body = refused(plan(bridge, path="/bots/create", account=account))
        assert "master_account" in body["detail"] and list(errors(body)) == ["/account"]


@pytest.mark.parametrize("image", [
    "evil/image:version-2.16.0", "hummingbot/hummingbot:version-2.16.0\n",
    "hummingbot/hummingbot:version-2.16.0 --privileged", "hummingbot/hummingbot:version-2.16.0\u202e",
    "hummingbot/hummingbot", "hummingbot/hummingbot:" + "1" * 400, "", "hummingbot/hummingbot:$(id)",
    "HUMMINGBOT/hummingbot:version-2.16.0",
])
def test_images_are_plain_and_allowed(bridge, image):
    assert list(errors(refused(plan(bridge, image=image)))) == ["/image"]


@pytest.mark.parametrize("version", ["2.3.0", "2.12.0"])
def test_images_that_ignore_their_configuration_are_refused(bridge, version):
    body = refused(plan(bridge, image=f"hummingbot/hummingbot:version-{version}"))
    assert [e["code"] for e in body["errors"]] == ["image_too_old"]


@pytest.mark.parametrize("name", [
    "", " ", "\t", "\u3000\u00a0", "\u200d\ufe0f", "x" * 65, "😀" * 65, "a\nb", "a\x1b[31mb", "a\u0000b",
    "a\u202eb", "a\u2066b", "a\u2028b", "a\u200bb", "\ufeffa", "a\x85b", 5, None, [], {},
    " a", "a ", "a\u00a0b", "a\u00adb", "a\u200db", "a\u2003b", "a\U000e0041",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV", "hummingbot-a-9f31c2ab-20261122-101500",
])
def test_names_that_hide_or_deceive_are_refused(bridge, name):
    assert list(errors(refused(plan(bridge, path="/bots", name=name)))) == ["/name"]


def test_what_is_wrong_with_a_name_is_said(bridge):
    for name, words in (("my-grid ", "ends with a space"), (" my-grid", "begins with a space"),
                        ("my\u200bgrid", "cannot be seen"), ("x" * 65, "too long"), ("", "empty")):
        body = refused(plan(bridge, name=name))
        assert words in body["detail"] and words in errors(body)["/name"]["message"], body


@pytest.mark.parametrize("name, slug", [
    ("😀" * 64, "bot"), ("👩‍💻 Grid", "grid"), ("x" * 64, "x" * 40), ("سلام", "bot"), ("../../etc", "etc"),
    ("<script>alert(1)</script>", "script-alert-1-script"), ("a'; DROP TABLE bots;--", "a-drop-table-bots"),
    ("%s%n%x", "s-n-x"), ("-", "bot"), ("CON", "con"),
])
def test_odd_names_are_only_text(bridge, name, slug):
    answer = plan(bridge, name=name)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["name"] == name
    assert re.fullmatch(rf"hummingbot-{slug}-[0-9a-f]{{8}}", made["base"])


# ---- a plan that is not the one meant ----

@pytest.mark.quick
def test_a_create_never_goes_past_its_plan(bridge):
    made = plan(bridge, params={"budget_quote": "150.0"}, risk={"max_loss_quote": "15"}).json()
    plan_id = made["plan_id"]

    def create(**more):
        return bridge.post("/bots", json={"plan_id": plan_id, **more})

    for wrong in (5, [], {}, True):
        assert list(errors(refused(bridge.post("/bots", json={**GRID, "plan_id": wrong})))) == ["/plan_id"]
    for change, pointer in (({"name": "other"}, "/name"), ({"strategy": "spot_mm"}, "/strategy"),
                            ({"account": 5}, "/account"), ({"nme": "x"}, "/nme"),
                            ({"params": {"budget_quote": "151"}}, "/params/budget_quote"),
                            ({"params": {"nonsense": 1}}, "/params/nonsense"),
                            ({"risk": {"max_loss_quote": "150"}}, "/risk/max_loss_quote"),
                            ({"params": []}, "/params"), ({"wallets": [KEY]}, "/wallets")):
        assert list(errors(refused(create(**change)))) == [pointer], change
    for unknown in ("", "nope", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "../x", "x" * 5000, "'"):
        refused(bridge.post("/bots", json={"plan_id": unknown}), 422, "plan_expired")


# ---- bytes ----

@pytest.mark.parametrize("text, line, column", [
    ('{"a":1,}', 1, 8), ('{\n  "a": tru\n}', 2, 8), ('{"a":"\x01"}', 1, 7), ('{"a":01}', 1, 7),
    ("{'a':1}", 1, 2), ('{"a":1', 1, 7), ('{"a":"\\ud800"}', 1, 7), ('{"a":"\\q"}', 1, 7), ("{} x", 1, 4),
    ('{"a":1,"a":2}', 1, 8), ('{"name":"x","n\\u0061me":"y"}', 1, 13),
])
def test_malformed_json_names_line_and_column(bridge, text, line, column):
    detail = refused(bridge.post("/bots/plan", data=text, headers=JSON), 400, "bad_json")["detail"]
    found = re.search(r"line (\d+), column (\d+)", detail)
    assert int(found[1]) == line and abs(int(found[2]) - column) <= 1, detail


@pytest.mark.parametrize("data", [
    b"\xff\xfe{}", b'{"name":"\xc3\x28"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\xc0\x80"}',
    b'{"name":"\xf5\x80\x80\x80"}', b'{"name":"a\x00b"}', b"\x00", b'{"name":"x"}\x00', b'{"na\x00me":1}',
    b"\xef\xbb\xbf{}", "{}".encode("utf-16"),
])
def test_invalid_bytes_are_refused(bridge, data):
    refused(bridge.post("/bots/plan", data=data, headers=JSON), 400, "bad_json")


@pytest.mark.parametrize("data", ["[" * 100_000, '{"a":' * 40_000, '{"a":[' * 40_000,
                                  '{"params":' + "[" * 200 + "]" * 200 + "}"])
def test_deep_nesting_is_refused(bridge, data):
    refused(bridge.post("/bots/plan", data=data, headers=JSON), 400, "bad_json")


def run_seconds(program):
    """What a program has computed so far, however busy the machine is."""
    fields = (Path("/proc") / str(program.process.pid) / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_wide_bodies_are_judged_in_time(bridge):
    fields = {f"f{i}": i for i in range(15_000)}
    start = run_seconds(bridge)
    refused(bridge.post("/bots/plan", json={**GRID, **fields}))
    refused(bridge.post("/bots/plan", json={**GRID, "params": fields}))
    refused(bridge.post("/bots/plan", json={**GRID, "name": "x" * 200_000}))
    refused(bridge.post("/bots/x/stop", json={f"f{i}": i for i in range(1000)}))
    many = bridge.post("/bots/start", json={"bots": ["nobody"] * 15_000})
    refused(many)
    assert 60_000 < len(many.content) < 80_000  # whole, and not a hundred times what was sent
    assert run_seconds(bridge) - start < 30


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b",
                                  "text/plain", "application/octet-stream", "application/json\x0b"])
def test_forms_with_nul_do_no_harm(bridge, kind):
    """civetweb's own form reader is never let near a body."""
    for data in (b"a=b\x00c&d", b"\x00" * 5000, b"--b\r\nContent-Disposition: form-data; name=\"\x00\"\r\n\r\n"
                 b"\x00\r\n--b--\r\n", b"a=" + b"%00" * 3000):
        sent = head("POST", "/bots/plan", f"Content-Type: {kind}", f"Content-Length: {len(data)}",
                    "Connection: close") + data
        assert statuses(raw(bridge, sent)) in ([415], [400])
    assert bridge.get("/healthz").status_code == 200


def test_huge_bodies_are_refused_before_they_are_read(bridge):
    for length in (256 * 1024 + 1, 10 << 30, int("9" * 15), int("9" * 60)):
        with socket.create_connection(("127.0.0.1", bridge.port), timeout=120) as sock:
            sock.sendall(head("POST", "/bots/plan", *(f"{k}: {v}" for k, v in JSON.items()),
                              f"Content-Length: {length}", "Expect: 100-continue"))
            got = sock.recv(65536)  # nothing of the body was sent
        assert statuses(got) == [413], got
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = head("POST", "/bots/plan", "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert statuses(raw(bridge, sent + chunk * 8 + b"0\r\n\r\n"))[-1] == 413


def test_dripped_bodies_end_with_408(bridge):
    """15 s of the bridge's clock, which runs faster here."""
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=120) as sock:
        sock.sendall(head("POST", "/bots/plan", "Content-Type: application/json", "Content-Length: 1000"))
        sock.settimeout(0.05)
        got, end = b"", time.monotonic() + 120
        while not got and time.monotonic() < end:
            try:
                sock.sendall(b" ")
                got = sock.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
        sock.settimeout(10)
        got += receive(sock)
    assert statuses(got)[:1] == [408], got
    assert b"request_timeout" in got


@pytest.mark.parametrize("lines, body", [
    (["Content-Length: 2", "Transfer-Encoding: chunked"], b"0\r\n\r\n{}"),
    (["Content-Length: 2", "Content-Length: 20"], b"{}"),
    (["Content-Length: 2", "Content-Length: 2"], b"{}"),
    (["Content-Length: +2"], b"{}"), (["Content-Length: -2"], b"{}"), (["Content-Length: 0x2"], b"{}"),
    (["Content-Length: 2, 2"], b"{}"), (["Content-Length: "], b"{}"), (["Content-Length: 2 2"], b"{}"),
    (["Transfer-Encoding: chunked, chunked"], b"0\r\n\r\n"),
    (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"), (["Transfer-Encoding: identity"], b"{}"),
    (["Transfer-Encoding : chunked"], b"0\r\n\r\n"), (["Transfer-Encoding:\x0bchunked"], b"0\r\n\r\n"),
    (["X: y", " Transfer-Encoding: chunked"], b"0\r\n\r\n"),
    (["Transfer-Encoding: chunked"], b"-1\r\n{}\r\n0\r\n\r\n"),
    (["Transfer-Encoding: chunked"], b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    (["Transfer-Encoding: chunked"], b"2\r\n{}XX0\r\n\r\n"),
])
def test_smuggling_shapes_get_one_refusal(bridge, lines, body):
    """The bytes behind are never served as a request of their own."""
    behind = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"
    sent = head("POST", "/bots/plan", "Content-Type: application/json", *lines) + body + behind
    got = statuses(raw(bridge, sent))
    assert len(got) == 1 and got[0] in (400, 413), got


@pytest.mark.parametrize("line", ["X:", "X: ", "X:  y", "X: y "])
def test_odd_but_right_headers_are_served(bridge, line):
    assert statuses(raw(bridge, head("GET", "/bots", line))) == [200]


@pytest.mark.parametrize("data", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\nHost: x\n\n", b"G" * 100_000,
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(500)) + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT other:443 HTTP/1.1\r\nHost: x\r\n\r\n", b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /bots/%2e%2e HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /bots/..%2fx HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /bots/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /bots/%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /bots/%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /bots?limit=%00 HTTP/1.1\r\nHost: x\r\n\r\n",
])
def test_broken_requests_do_no_harm(bridge, data):
    got = raw(bridge, data)
    assert all(400 <= s < 500 for s in statuses(got)), got
    assert bridge.get("/healthz").status_code == 200


def test_a_hundred_clients_at_once(bridge):
    """Those that find no worker get 503 and when to come back, nobody gets less than an answer."""
    def ask(i):
        return (plan(bridge, name=f"p{i}", params={"budget_quote": "x"}) if i % 2 else bridge.get("/bots"))

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(200)))
    assert {a.status_code for a in answers} <= {200, 422, 503}
    assert {200, 422} <= {a.status_code for a in answers}
    assert all("Retry-After" in a.headers for a in answers if a.status_code == 503)


def test_silent_connections_do_not_lock_the_others_out(bridge):
    """Half a request on each of 20 connections: the workers that wait for them are not all."""
    held = [socket.create_connection(("127.0.0.1", bridge.port), timeout=120) for _ in range(20)]
    try:
        for sock in held:
            sock.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert bridge.get("/healthz", timeout=120).status_code == 200
    finally:
        for sock in held:
            sock.close()


# ---- secrets ----

@pytest.mark.quick
def test_secrets_leave_no_trace(bridge):
    """Private keys and API secrets that a front end sends by mistake: not in an answer, a log, a store
    file, an idempotency record."""
    shapes = [
        {"wallets": [{"private_key": KEY}], "api_secret": SECRET},
        {"params": {"wallets": [{"private_key": KEY}], "api_secret": SECRET}},
        {"config": {"wallets": [{"private_key": KEY}], "api_secret": SECRET}},
        {"risk": {"api_secret": SECRET}}, {"params": {"budget_quote": KEY}}, {"params": {"fee_pct": [KEY]}},
        {"strategy": "spread", "connector": "bitmart", "config": {"private_key": KEY, "bid_spread": KEY}},
        {"plan_id": KEY}, {"account": KEY}, {"image": KEY}, {"params": KEY},
    ]
    for i, shape in enumerate(shapes):
        for path in ("/bots/plan", "/bots/create"):
            for prefer in ("", "handling=lenient"):
                body = {**GRID, **shape}
                if prefer and set(shape) <= {"wallets", "api_secret", "params", "config"} and i < 3:
                    path = "/bots/plan"  # what lenient drops would make a real bot
                answer = bridge.post(path, json=body, headers={"Prefer": prefer, "Idempotency-Key": f"s{i}"})
                assert KEY not in answer.text and SECRET not in answer.text, (shape, answer.text)
    for path in ("/bots/x/stop", "/bots/x/start", "/tokens", "/session", "/plugins/reload"):
        answer = bridge.post(path, json={"api_secret": SECRET, "wallets": [KEY]})
        assert KEY not in answer.text and SECRET not in answer.text
    bridge.post("/bots/plan", data=f'{{"api_secret":"{SECRET}","k":"{KEY}",}}', headers=JSON)
    bridge.get("/bots", token=SECRET)
    bridge.get(f"/bots?api_secret={SECRET}")
    assert_nowhere(bridge, KEY, SECRET, TOKEN)
    with pytest.raises(AssertionError):
        assert_nowhere(bridge, GRID["name"])  # a plan's name is in the store: the search finds things


def assert_nowhere(bridge, *secrets):
    for file in sorted(bridge.folder.rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            for secret in secrets:
                assert secret.encode() not in data, f"{secret} is in {file.name}"


def test_log_lines_are_one_line(bridge):
    """Names, paths and headers with line ends and escapes cannot write lines of their own."""
    fake = "2026-01-01T00:00:00.000Z error FAKE"
    bridge.post("/bots", json={**GRID, "name": f"x\n{fake}\x1b[2J"})
    bridge.get(f"/bots/x%0a{fake.replace(' ', '%20')}%1b[2J")
    bridge.get(f"/nix%0d%0a{fake.replace(' ', '%20')}")
    bridge.post("/tokens", json={"name": f"x\n{fake}", "role": f"a\n{fake}"})
    bridge.get("/bots", headers={"User-Agent": f"x\t{fake}", "X-Forwarded-For": f"1.1.1.1\t{fake}"})
    log = bridge.log()
    assert "\x1b" not in log and "\r" not in log
    assert not [line for line in log.splitlines() if line.startswith(fake)]
    assert all(re.match(r"\d{4}-\d\d-\d\dT", line) for line in log.splitlines() if line)

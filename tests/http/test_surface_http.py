"""The bridge's HTTP face from outside, whatever the route: methods, bodies, queries, CORS, validators, keys."""
import json
import re
import threading

import pytest

from surface import ORIGIN, bridge, grid, problem, raw_request, tokens


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


def test_malformed_requests_get_a_problem_document(bridge):
    raw = raw_request(bridge, "GET /bots HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 400") and b"application/problem+json" in raw


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

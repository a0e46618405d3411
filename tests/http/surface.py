"""What the tests of the bridge's HTTP face share: one bridge with a bot and a token of each role, and what every
refusal looks like. The fixtures are for those files alone that import them."""
import socket

import pytest

ORIGIN = "https://page.example"


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


def raw_request(bridge, text):
    with socket.create_connection(("127.0.0.1", bridge.port), timeout=60) as sock:
        sock.sendall(text.encode())
        parts = []
        while True:
            data = sock.recv(65536)
            if not data:
                return b"".join(parts)
            parts.append(data)

"""The fault server itself: each behaviour as a client sees it, and what it counted."""

import http.client
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))
import fault_server as fs  # noqa: E402


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        self.server.executed.append((self.command, self.path, body))
        text = json.dumps({"method": self.command, "path": self.path, "body": body}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Seen-Auth", self.headers.get("Authorization", ""))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_DELETE = do_HEAD = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.executed = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def faults(upstream):
    with fs.FaultServer(upstream=upstream.server_address) as server:
        yield server


def ask(faults, method="POST", path="/x", body="b", headers=None):
    """(status, content type, body), or the name of the failure."""
    connection = http.client.HTTPConnection("127.0.0.1", faults.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type"), response.read()
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()


def raw(faults, request, timeout=10):
    with socket.create_connection(("127.0.0.1", faults.port), timeout=timeout) as sock:
        sock.sendall(request)
        data = b""
        while chunk := sock.recv(65536):
            data += chunk
        return data


POST = b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nb"


def test_passes_by_default(faults, upstream):
    status, kind, body = ask(faults, path="/a?b=1", headers={"Authorization": "Basic eA=="})
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {"method": "POST", "path": "/a?b=1", "body": "b"}
    assert upstream.executed == [("POST", "/a?b=1", "b")]
    assert faults.count("POST", "/a") == faults.count_delivered("POST", "/a") == 1
    assert faults.count("GET", "/a") == faults.count("POST", "/b") == 0
    assert faults.seen()[0].header("authorization") == "Basic eA=="
    assert ask(faults, "HEAD", "/h", body=None) == (200, "application/json", b"")


def test_keeps_connections_and_kills_a_reused_one(faults):
    faults.behave("POST", "/x", fs.deliver(), fs.read_then_fin())
    connection = http.client.HTTPConnection("127.0.0.1", faults.port, timeout=10)
    connection.request("POST", "/x", body="1")
    connection.getresponse().read()
    port = connection.sock.getsockname()[1]
    connection.request("POST", "/x", body="2")
    assert connection.sock.getsockname()[1] == port
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    assert faults.count("POST", "/x") == 2
    assert faults.count_delivered("POST", "/x") == 1
    connection.close()


@pytest.mark.parametrize("behaviour, expected", [
    (fs.read_then_fin(), "RemoteDisconnected"),
    (fs.read_then_rst(), "ConnectionResetError"),
    (fs.partial_status(), "BadStatusLine"),
    (fs.garbage(), "BadStatusLine"),
    (fs.truncated(), "IncompleteRead"),
    (fs.reply(401, "no"), (401, "text/plain", b"no")),
    (fs.reply(404, "no"), (404, "text/plain", b"no")),
    (fs.reply(500, "no"), (500, "text/plain", b"no")),
    (fs.reply(502, "no"), (502, "text/plain", b"no")),
    (fs.reply(503, "no"), (503, "text/plain", b"no")),
    (fs.reply_json(200, {"a": 1}), (200, "application/json", b'{"a": 1}')),
])
def test_answers_without_delivering(faults, upstream, behaviour, expected):
    faults.behave("POST", "/x", behaviour)
    assert ask(faults) == expected
    assert faults.count("POST", "/x") == 1
    assert upstream.executed == []
    assert ask(faults)[0] == 200  # the script is used up


@pytest.mark.parametrize("page, mark", [("ngrok", b"ERR_NGROK"), ("cloudflare", b"Cloudflare"),
                                        ("generic", b"Bad Gateway"), ("ngrok-warning", b"Visit")])
def test_tunnel_pages(faults, page, mark):
    faults.behave("*", "/x", fs.html(page, 530))
    status, kind, body = ask(faults)
    assert (status, kind) == (530, "text/html; charset=utf-8")
    assert mark in body


def test_partial_status_and_reset_at_byte_level(faults):
    faults.behave_all(fs.partial_status(), fs.read_then_rst(), fs.read_then_fin())
    assert raw(faults, POST) == b"HTTP/1.1 20"
    with pytest.raises(ConnectionResetError):
        raw(faults, POST)
    assert raw(faults, POST) == b""


def test_wrong_type_oversize_and_drip(faults):
    faults.behave("*", "/t", fs.wrong_type("text/html"))
    faults.behave("*", "/o", fs.oversize(3_000_000))
    faults.behave("*", "/d", fs.drip(0))
    status, kind, body = ask(faults, "GET", "/t", body=None)
    assert (status, kind) == (200, "text/html") and json.loads(body)["path"] == "/t"
    status, _, body = ask(faults, "GET", "/o", body=None)
    assert len(body) == 3_000_000 and len(json.loads(body)) == 2_999_998
    status, _, body = ask(faults, "GET", "/d", body=None)
    assert status == 200 and json.loads(body)["path"] == "/d"


@pytest.mark.parametrize("rst, failure", [(False, "RemoteDisconnected"),
                                          (True, "ConnectionResetError")])
def test_deliver_then_drop(faults, upstream, rst, failure):
    faults.behave("POST", "/x", fs.deliver_then_drop(rst))
    assert ask(faults) == failure
    assert upstream.executed == [("POST", "/x", "b")]
    assert faults.count("POST", "/x") == faults.count_delivered("POST", "/x") == 1


def test_deliver_then_says_something_else(faults, upstream):
    faults.behave("POST", "/x", fs.deliver_then(fs.reply(504, "late")))
    assert ask(faults)[0] == 504
    assert len(upstream.executed) == 1


@pytest.mark.parametrize("now, expected", [(None, "RemoteDisconnected"),
                                           (fs.reply(502, "no"), (502, "text/plain", b"no"))])
def test_deliver_late(faults, upstream, now, expected):
    faults.behave("POST", "/x", fs.deliver_late(now))
    assert ask(faults) == expected
    assert faults.wait_held() and upstream.executed == []
    assert faults.count("POST", "/x") == 1 and faults.count_delivered() == 0
    faults.release()
    assert upstream.executed == [("POST", "/x", "b")]
    assert faults.count_delivered("POST", "/x") == 1


def test_hang_until_released(faults, upstream):
    faults.behave("POST", "/x", fs.hang(), fs.hang(then=fs.deliver()))
    for expected in ("RemoteDisconnected", 200):
        got = []
        thread = threading.Thread(target=lambda: got.append(ask(faults)))
        thread.start()
        assert faults.wait_held() and not got
        faults.release()
        thread.join(10)
        assert got[0] == expected or got[0][0] == expected
    assert len(upstream.executed) == 1


def test_scripts_by_pattern_order_and_forever(faults):
    faults.behave("*", "/bots/*", fs.reply(500), forever=True)
    faults.behave("GET", "/bots/a", fs.reply(501), fs.reply(502))
    statuses = [ask(faults, "GET", "/bots/a", body=None)[0] for _ in range(4)]
    assert statuses == [501, 502, 500, 500]
    assert ask(faults, "GET", "/other", body=None)[0] == 200
    assert faults.count("*", "/bots/*") == 4
    faults.reset()
    assert faults.count() == 0 and ask(faults, "GET", "/bots/a", body=None)[0] == 200


def test_only_whole_requests_count(faults):
    with socket.create_connection(("127.0.0.1", faults.port)) as sock:
        sock.sendall(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert faults.count() == 0


def test_chunked_and_expect(faults):
    answer = raw(faults, b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
                         b"Expect: 100-continue\r\nConnection: close\r\n\r\n"
                         b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
    assert faults.seen()[0].body == b"abc"


def test_without_upstream_and_with_a_dead_one():
    with fs.FaultServer() as faults:
        assert ask(faults)[0] == 404
    with socket.create_server(("127.0.0.1", 0)) as dead:
        address = dead.getsockname()
    with fs.FaultServer(upstream=address) as faults:
        assert ask(faults)[0] == 502


def test_close_ends_everything():
    before = threading.active_count()
    faults = fs.FaultServer()
    faults.behave_all(fs.hang(), fs.deliver_late(now=fs.reply(200)), fs.drip(60, body="{}"))
    socks = []
    for n in range(1, 4):
        sock = socket.create_connection(("127.0.0.1", faults.port), timeout=10)
        sock.sendall(POST)
        assert faults.wait_count(n)
        socks.append(sock)
    faults.close()
    for sock in socks:
        while sock.recv(65536):
            pass
        sock.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", faults.port))


def test_as_a_command(upstream):
    host, port = upstream.server_address
    process = subprocess.Popen([sys.executable, fs.__file__, "--upstream", f"{host}:{port}"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def say(line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    class Remote:
        port = int(process.stdout.readline())

    assert say("behave POST /x status:503 deliver-then-fin html:ngrok") == "ok"
    assert ask(Remote)[0] == 503
    assert ask(Remote) == "RemoteDisconnected"
    assert ask(Remote)[1].startswith("text/html")
    assert say("count POST /x") == "3"
    assert say("delivered") == "1"
    assert say("behave GET / nonsense").startswith("error: unknown behaviour")
    assert say("shout").startswith("error:")
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()

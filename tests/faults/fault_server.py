"""A server that misbehaves byte by byte, in place of or in front of a real upstream.

It answers the question that matters when an answer is lost: how often did this request arrive?
Every request is read whole before anything happens to it and counted by (method, path); requests
that a client broke off are not counted. What happens then is scripted per (method, path) or for
all requests, in order; when a script is used up, the request is passed to the upstream (404
without one). Connections are kept alive, so that a reused one can die under a client.

    with FaultServer(upstream=("127.0.0.1", 8000)) as faults:
        faults.behave("POST", "/bot-orchestration/deploy-v2-script", deliver_then_drop())
        ...
        assert faults.count("POST", "/bot-orchestration/deploy-v2-script") == 1

As a command it prints its port and obeys lines on its input (see `main`). It listens on 127.0.0.1
only, has one thread a connection, and `close` (or the end of `with`) ends every one of them.
"""

import argparse
import collections
import fnmatch
import http.client
import json
import socket
import struct
import sys
import threading
import urllib.parse

PATIENCE = 20.0
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade",
              "proxy-connection", "content-length", "expect"}

TUNNEL_PAGES = {
    "ngrok": ({"ngrok-error-code": "ERR_NGROK_3200"},
              "<!DOCTYPE html><html><head><title>ngrok - ERR_NGROK_3200</title></head><body>"
              "The endpoint example.ngrok-free.app is offline. ERR_NGROK_3200</body></html>"),
    "ngrok-warning": ({"ngrok-error-code": "ERR_NGROK_6024"},
                      "<!DOCTYPE html><html><head><title>ngrok</title></head><body>You are about to "
                      "visit example.ngrok-free.app. <button>Visit Site</button></body></html>"),
    "cloudflare": ({"Server": "cloudflare", "CF-RAY": "0123456789abcdef-FRA"},
                   "<!DOCTYPE html><html><head><title>example.com | 530: Origin DNS error</title>"
                   "</head><body>Error 1033 Cloudflare Tunnel error</body></html>"),
    "generic": ({}, "<html><head><title>502 Bad Gateway</title></head>"
                    "<body><h1>502 Bad Gateway</h1></body></html>"),
}


class Request(collections.namedtuple("Request", "method target headers body version")):
    """One whole request; `headers` is a list of (name, value) as sent."""

    @property
    def path(self):
        return self.target.partition("?")[0]

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default

    def json(self):
        return json.loads(self.body)


class Answer(collections.namedtuple("Answer", "status reason headers body")):
    def encode(self, request, length=None, close=False):
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        lines.append(f"Connection: {'close' if close else 'keep-alive'}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        return head if request.method == "HEAD" else head + self.body


def make_answer(status, body, content_type, headers=()):
    if isinstance(body, str):
        body = body.encode()
    reason = http.client.responses.get(status, "Status")
    return Answer(status, reason, [("Content-Type", content_type), *headers], body)


class Gone(Exception):
    """The client's connection is at its end."""


class Exchange:
    """One request on one connection, handed to a behaviour."""

    def __init__(self, server, sock, request):
        self.server = server
        self.sock = sock
        self.request = request

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, answer):
        self.send(answer.encode(self.request, close=self.wants_close()))
        if self.wants_close():
            raise Gone

    def wants_close(self):
        option = (self.request.header("Connection") or "").lower()
        return "close" in option or (self.request.version == "HTTP/1.0" and
                                     "keep-alive" not in option)

    def deliver(self):
        return self.server._deliver(self.request)

    def fin(self):
        self.server._end(self.sock)
        raise Gone

    def rst(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server._end(self.sock, reset=True)
        raise Gone

    def hold(self):
        """Waits for release(); False when the server closes instead."""
        return self.server._hold()


# --- behaviours: functions of an exchange; those with arguments are made by a function ---


def deliver():
    """To the upstream and back, as if nobody were in between."""
    return lambda exchange: exchange.answer(exchange.deliver())


def read_then_fin():
    return lambda exchange: exchange.fin()


def read_then_rst():
    return lambda exchange: exchange.rst()


def partial_status(text=b"HTTP/1.1 20"):
    def act(exchange):
        exchange.send(text)
        exchange.fin()
    return act


def hang(then=None):
    """Says nothing until released, then does `then` (closes, by default)."""
    def act(exchange):
        if not exchange.hold():
            raise Gone
        (then or read_then_fin())(exchange)
    return act


def drip(pause=0.02, body=None, status=200):
    """One byte at a time: the upstream's answer, or `body` as JSON text."""
    def act(exchange):
        made = exchange.deliver() if body is None else make_answer(status, body, "application/json")
        for byte in made.encode(exchange.request, close=True):
            exchange.send(bytes([byte]))
            if exchange.server._closing.wait(pause):
                break
        exchange.fin()
    return act


def garbage(data=b"\x16\x03\x01\x00\xa5 this is not HTTP \x00\xff\r\n\r\n"):
    def act(exchange):
        exchange.send(data)
        exchange.fin()
    return act


def reply(status, text="", content_type="text/plain", headers=()):
    """Any answer; 401, 404, 500, 502 and 503 of a proxy are plain text."""
    return lambda exchange: exchange.answer(make_answer(status, text, content_type, headers))


def reply_json(status, value):
    return reply(status, json.dumps(value), "application/json")


def html(page="generic", status=502):
    """The page of a tunnel or proxy that stands where the API should be."""
    headers, text = TUNNEL_PAGES[page]
    return reply(status, text, "text/html; charset=utf-8", tuple(headers.items()))


def wrong_type(content_type="text/plain"):
    """The upstream's answer under another content type."""
    def act(exchange):
        made = exchange.deliver()
        headers = [h for h in made.headers if h[0].lower() != "content-type"]
        exchange.answer(made._replace(headers=[("Content-Type", content_type), *headers]))
    return act


def truncated(missing=10, body=b'{"status": "success", "data": {"a": 1'):
    """Announces more bytes than it sends."""
    def act(exchange):
        made = make_answer(200, body, "application/json")
        exchange.send(made.encode(exchange.request, length=len(body) + missing, close=True))
        exchange.fin()
    return act


def oversize(size=64 << 20):
    """A JSON answer of `size` bytes, never held in memory."""
    def act(exchange):
        size_left = size - 2
        head = make_answer(200, b"", "application/json")
        exchange.send(head.encode(exchange.request, length=size, close=True) + b'"')
        block = b"x" * 65536
        while size_left > 0:
            exchange.send(block[:size_left])
            size_left -= len(block)
        exchange.send(b'"')
        exchange.fin()
    return act


def deliver_then_drop(rst=False):
    """The upstream executes, its answer is lost."""
    def act(exchange):
        exchange.deliver()
        exchange.rst() if rst else exchange.fin()
    return act


def deliver_then(behaviour):
    """The upstream executes, the client is told something else."""
    def act(exchange):
        exchange.deliver()
        behaviour(exchange)
    return act


def deliver_late(now=None):
    """Closes (or does `now`) at once; the upstream gets the request only when released."""
    def act(exchange):
        exchange.server._deliver_when_released(exchange.request)
        (now or read_then_fin())(exchange)
    return act


# Names for the command line: "name" or "name:argument".
NAMED = {
    "pass": lambda _: deliver(),
    "fin": lambda _: read_then_fin(),
    "rst": lambda _: read_then_rst(),
    "partial": lambda _: partial_status(),
    "hang": lambda _: hang(),
    "drip": lambda arg: drip(float(arg or 0.02)),
    "garbage": lambda _: garbage(),
    "html": lambda arg: html(arg or "generic"),
    "wrong-type": lambda arg: wrong_type(arg or "text/plain"),
    "truncated": lambda arg: truncated(int(arg or 10)),
    "oversize": lambda arg: oversize(int(arg or 64 << 20)),
    "deliver-then-fin": lambda _: deliver_then_drop(),
    "deliver-then-rst": lambda _: deliver_then_drop(rst=True),
    "deliver-late": lambda _: deliver_late(),
    "status": lambda arg: reply(int(arg or 500), f"{arg or 500} from a proxy\n"),
}


def named(text):
    name, _, argument = text.partition(":")
    if name not in NAMED:
        raise ValueError(f"unknown behaviour {name!r}; known: {', '.join(sorted(NAMED))}")
    return NAMED[name](argument)


class FaultServer:
    def __init__(self, upstream=None, port=0):
        self.upstream = upstream
        self.requests = []   # every whole request, in order of arrival
        self.delivered = []  # those the upstream was given
        self._lock = threading.Condition()
        self._scripts = []   # rows of [method, path pattern, deque of behaviours, forever]
        self._closing = threading.Event()
        self._holds = []     # events of exchanges that wait for release()
        self._late = []      # threads of late deliveries, each with its event
        self._sockets = set()
        self._threads = set()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- scripting ---

    def behave(self, method, path, *behaviours, forever=False):
        """What happens to the next matching requests, one behaviour each; with `forever` the last
        one goes on. method and path may be "*"; path is a shell pattern. A later call for the same
        requests goes first."""
        with self._lock:
            row = [method, path, collections.deque(behaviours), forever]
            self._scripts.insert(0, row)

    def behave_all(self, *behaviours, forever=False):
        self.behave("*", "*", *behaviours, forever=forever)

    def reset(self):
        """Forgets scripts and counts, not what is held."""
        with self._lock:
            self._scripts.clear()
            self.requests.clear()
            self.delivered.clear()

    def _next_behaviour(self, request):
        for method, path, queue, forever in self._scripts:
            if queue and method in ("*", request.method) and fnmatch.fnmatchcase(request.path, path):
                return queue[0] if forever and len(queue) == 1 else queue.popleft()
        return deliver()

    # --- looking ---

    @staticmethod
    def _matching(requests, method, path):
        return [r for r in requests
                if method in ("*", r.method) and fnmatch.fnmatchcase(r.path, path)]

    def seen(self, method="*", path="*"):
        with self._lock:
            return self._matching(self.requests, method, path)

    def count(self, method="*", path="*"):
        """How many matching requests arrived whole."""
        return len(self.seen(method, path))

    def count_delivered(self, method="*", path="*"):
        with self._lock:
            return len(self._matching(self.delivered, method, path))

    def wait_count(self, n, method="*", path="*", timeout=PATIENCE):
        with self._lock:
            return self._lock.wait_for(
                lambda: len(self._matching(self.requests, method, path)) >= n, timeout)

    def wait_held(self, n=1, timeout=PATIENCE):
        """Until n requests hang or wait to be delivered late."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._holds) + len(self._late) >= n, timeout)

    # --- holding ---

    def release(self):
        """Lets everything that is held go on; late deliveries have reached the upstream and been
        answered there when this returns."""
        with self._lock:
            holds, self._holds = self._holds, []
            late, self._late = self._late, []
        for event in holds:
            event.set()
        for event, thread in late:
            event.set()
            thread.join(PATIENCE)

    def _hold(self):
        event = threading.Event()
        with self._lock:
            if self._closing.is_set():
                return False
            self._holds.append(event)
            self._lock.notify_all()
        event.wait()
        return not self._closing.is_set()

    def _deliver_when_released(self, request):
        event = threading.Event()

        def run():
            event.wait()
            if not self._closing.is_set():
                self._deliver(request)

        thread = threading.Thread(target=run, daemon=True)
        with self._lock:
            self._late.append((event, thread))
            self._lock.notify_all()
        thread.start()

    # --- the upstream ---

    def _deliver(self, request):
        if not self.upstream:
            return make_answer(404, '{"detail": "Not Found"}', "application/json")
        with self._lock:
            self.delivered.append(request)
        connection = http.client.HTTPConnection(*self.upstream, timeout=PATIENCE)
        try:
            connection.putrequest(request.method, request.target, skip_host=True,
                                  skip_accept_encoding=True)
            for name, value in request.headers:
                if name.lower() not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if request.body or request.header("Content-Length") is not None:
                connection.putheader("Content-Length", str(len(request.body)))
            connection.putheader("Connection", "close")
            connection.endheaders(request.body or None)
            response = connection.getresponse()
            body = response.read()
            headers = [(n, v) for n, v in response.getheaders() if n.lower() not in HOP_BY_HOP]
            return Answer(response.status, response.reason, headers, body)
        except (OSError, http.client.HTTPException) as error:
            return make_answer(502, f"the upstream failed: {error}", "text/plain")
        finally:
            connection.close()

    # --- connections ---

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self._lock:
                if self._closing.is_set():
                    sock.close()
                    return
                self._sockets.add(sock)
                self._threads.add(thread)
            thread.start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = sock.makefile("rb")
        try:
            while (request := read_request(stream, sock)) is not None:
                with self._lock:
                    self.requests.append(request)
                    behaviour = self._next_behaviour(request)
                    self._lock.notify_all()
                behaviour(Exchange(self, sock, request))
        except (Gone, OSError, ValueError):
            pass
        finally:
            stream.close()
            self._end(sock)
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _end(self, sock, reset=False):
        with self._lock:
            if sock not in self._sockets:
                return
            self._sockets.discard(sock)
        try:
            if not reset:
                sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        # close() of the socket object alone would wait for the reader made from it.
        socket.close(sock.detach())

    def close(self):
        with self._lock:
            self._closing.set()
            sockets = list(self._sockets)
            threads = list(self._threads)
            for event in self._holds + [event for event, _ in self._late]:
                event.set()
            late = [thread for _, thread in self._late]
            self._holds, self._late = [], []
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in [self._acceptor, *threads, *late]:
            thread.join(PATIENCE)


def read_request(stream, sock):
    """One whole request, or None when the client is done or broke off."""
    line = stream.readline(65536)
    while line in (b"\r\n", b"\n"):
        line = stream.readline(65536)
    words = line.decode("latin-1").split()
    if not line.endswith(b"\n") or len(words) != 3:
        return None
    headers = []
    while True:
        line = stream.readline(65536)
        if not line.endswith(b"\n"):
            return None
        if line in (b"\r\n", b"\n"):
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.strip(), value.strip()))
    fields = {name.lower(): value for name, value in headers}
    if fields.get("expect", "").lower() == "100-continue":
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in fields.get("transfer-encoding", "").lower():
        body = read_chunked(stream)
    else:
        length = int(fields.get("content-length") or 0)
        body = stream.read(length)
        if len(body) < length:
            body = None
    return None if body is None else Request(words[0], words[1], headers, body, words[2])


def read_chunked(stream):
    body = b""
    while True:
        line = stream.readline(1024)
        if not line.endswith(b"\n"):
            return None
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while (line := stream.readline(65536)) not in (b"\r\n", b"\n"):
                if not line:
                    return None
            return body
        chunk = stream.read(size + 2)
        if len(chunk) < size + 2:
            return None
        body += chunk[:size]


def parse_upstream(text):
    parts = urllib.parse.urlsplit(text if "//" in text else "//" + text)
    return parts.hostname, parts.port or 80


def obey(faults, line):
    """One line of input; the answer to print."""
    words = line.split()
    if words[0] == "behave":
        faults.behave(words[1], words[2], *[named(w) for w in words[3:]])
    elif words[0] == "always":
        faults.behave(words[1], words[2], named(words[3]), forever=True)
    elif words[0] == "count":
        return str(faults.count(*words[1:3]))
    elif words[0] == "delivered":
        return str(faults.count_delivered(*words[1:3]))
    elif words[0] == "release":
        faults.release()
    elif words[0] == "reset":
        faults.reset()
    else:
        raise ValueError(f"unknown command {words[0]!r}")
    return "ok"


def main():
    parser = argparse.ArgumentParser(
        description="A server that misbehaves as told. Commands on the input, one a line: "
                    "behave METHOD PATH NAME…, always METHOD PATH NAME, count [METHOD PATH], "
                    "delivered [METHOD PATH], release, reset; the end of input ends it.",
        epilog="Behaviours: " + ", ".join(NAMED))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--upstream", type=parse_upstream, help="host:port")
    arguments = parser.parse_args()
    with FaultServer(arguments.upstream, arguments.port) as faults:
        print(faults.port, flush=True)
        for line in sys.stdin:
            if not line.strip():
                continue
            try:
                print(obey(faults, line), flush=True)
            except (ValueError, IndexError, KeyError) as error:
                print(f"error: {error}", flush=True)


if __name__ == "__main__":
    main()

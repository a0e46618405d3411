"""What the page's tests share: the simulator behind a relay that can plant hostile log lines, the
bridge, one browser."""
import http.client
import http.server
import json
import pathlib
import shutil
import sys
import threading
import urllib.parse

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import programs  # noqa: E402  (its folder is known only now)


# A controller of this API that the bridge does not know; always there, since the bridge remembers the list.
OWN_TEMPLATE = {"my_width": {"type": "<class 'decimal.Decimal'>", "default": "0.004", "required": False},
                "connector_name": {"type": "<class 'str'>", "default": "okx", "required": False}}


def with_own_controller(body):
    document = json.loads(body)
    document["generic"].append("my_own")
    return json.dumps(document).encode()


class Relay(http.server.ThreadingHTTPServer):
    """Passes everything on to the simulator; `planted` becomes a log line of every bot in the status."""

    daemon_threads = True

    def __init__(self, target):
        super().__init__(("127.0.0.1", 0), RelayHandler)
        self.target = urllib.parse.urlsplit(target).netloc
        self.planted = None
        self.down = False
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server_address[1]

    def plant(self, body):
        document = json.loads(body)
        for bot in document.get("data", {}).values():
            bot["error_logs"] = [{"level_name": "ERROR", "msg": self.planted, "timestamp": 1795370000.0, "logger_name": "planted"}]
        return json.dumps(document).encode()


class RelayHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def relay(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if server.down:
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection(server.target, timeout=60)
        upstream.request(self.command, self.path, body, {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")})
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if self.path == "/controllers/" and answer.status == 200:
            data = with_own_controller(data)
        if self.path == "/controllers/generic/my_own/config/template":
            data, answer.status, answer.reason = json.dumps(OWN_TEMPLATE).encode(), 200, "OK"
        if server.planted and self.path.startswith("/bot-orchestration/status") and answer.status == 200:
            data = server.plant(data)
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = relay

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def relay(tmp_path_factory):
    if not programs.binary():
        pytest.skip("TB_BINARY does not name the built program")
    simulator = programs.start_simulator(tmp_path_factory.mktemp("simulator"), bots=1)
    relay = Relay(simulator.url)
    yield relay
    relay.shutdown()
    simulator.stop()


@pytest.fixture(scope="session")
def bridge(relay, tmp_path_factory):
    bridge = programs.start_bridge(tmp_path_factory.mktemp("bridge"), relay.url)
    yield bridge
    assert bridge.stop() == 0, bridge.log.read_text(errors="replace")[-3000:]


@pytest.fixture
def browser(bridge):
    if not shutil.which("chromedriver"):
        pytest.skip("chromium-driver is not installed")
    driver = programs.start_browser()
    yield driver
    driver.quit()

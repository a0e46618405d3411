"""What the bridge spares upstream, which is one event loop: how often it polls, and that a freeze of
its own making is not taken for an outage."""
import pytest

from lifecycle import bot, command, ended, fresh_name, running, until

MINUTE = 60000


def polls(simulator, log, ms):
    """Status documents asked for while the simulator's clock goes on by `ms`."""
    def asked():
        return sum(" /bot-orchestration/status " in line for line in log.read_text().splitlines())
    start, before = simulator.ledger()["now_ms"], asked()
    until(lambda: simulator.ledger()["now_ms"] - start >= ms, 60)
    return asked() - before


@pytest.mark.parametrize("delay_ms,least,most", [
    (0, 20, 62),      # fast: once a second at most
    (500, 3, 7),      # 20 times the transfer: about every ten seconds
    (10000, 1, 3),    # slow: every 30 s, never less often
])
def test_polling_takes_a_twentieth_of_upstream(start_bridge, start_simulator, tmp_path, delay_ms, least, most):
    log = tmp_path / "requests.log"
    simulator = start_simulator("--log", log, TB_TIME_SCALE=10)
    bridge = start_bridge(simulator, TB_TIME_SCALE=10)
    until(lambda: bridge.get("/readyz").status_code == 200)
    if delay_ms:
        simulator.fault(match={"method": "GET", "path": "/bot-orchestration/status"}, kind="latency",
                        delay_ms=delay_ms, count=0)
        polls(simulator, log, 2 * delay_ms + 3000)  # the interval of before is over
    found = polls(simulator, log, MINUTE)
    assert least <= found <= most, found


def test_a_freeze_of_our_own_is_busy_and_no_outage(start_bridge, start_simulator):
    """Stopping a container freezes the API; the other bot keeps its state, nothing is called lost."""
    simulator = start_simulator()
    bridge = start_bridge(simulator)
    halted, other = fresh_name("halted"), fresh_name("other")
    running(bridge, halted)
    running(bridge, other)
    simulator.control("POST", "/conditions", {"engine_sleep_ms": 25000})
    href = command(bridge, halted, "stop", {"policy": "abandon", "confirm": "abandon"})["operation"]["href"]
    seen = set()

    def over():
        seen.add(bot(bridge, other)["state"])
        return bridge.get(href).json()["state"] not in ("pending", "running")
    until(over, 60)
    assert ended(bridge, href)["state"] == "succeeded"
    assert seen == {"running"}, seen
    assert "hummingbot.busy" in bridge.log() and "hummingbot.lost" not in bridge.log(), bridge.log()[-3000:]

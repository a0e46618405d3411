"""POST /exchanges/{x}/strategies/{s}/replay on the simulator's candles: an estimate, named as one."""
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tests/faults"))
import fault_server as faults  # noqa: E402

HISTORY = "/market-data/historical-candles"
EXITS = {"take_profit", "stop_loss", "trailing_stop", "time_limit"}


@pytest.fixture(scope="module")
def upstream(simulator):
    with faults.FaultServer(upstream=("127.0.0.1", simulator.port)) as server:
        yield server


@pytest.fixture(scope="module")
def bridge(start_bridge, upstream):
    program = start_bridge(upstream.url)
    program.wait_until(lambda: program.get("/readyz").status_code == 200)
    return program


def replay(bridge, status=200, exchange="bitmart", strategy="spot_mm", **body):
    answer = bridge.post(f"/exchanges/{exchange}/strategies/{strategy}/replay", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_week_of_minutes_with_its_candles_and_optimism(bridge, upstream):
    asked = {"spreads_pct": ["0.02", "0.1"], "take_profit_pct": "0.8"}
    found = replay(bridge, days=7, params=asked)
    assert found["kind"] == "estimate"
    candles = found["candles"]
    times = candles.pop("from"), candles.pop("to")
    assert all(t.endswith(":00.000Z") for t in times) and times[0] < times[1]
    # The last minute may begin between the bridge's look at the clock and the simulator's.
    assert candles.pop("count") + candles.pop("missing") == 10080 and candles.pop("longest_gap_s") <= 60
    assert candles == {"feed": "bitmart_perpetual", "pair": "BTC-USDT", "interval": "1m", "asked": 10080,
                       "days": 7, "refused": 0}
    estimate = found["estimate"]
    assert estimate["fills"] > 0 and estimate["levels"] == 4 and set(estimate["exits"]) == EXITS
    assert 0 <= estimate["fills"] - 2 * sum(estimate["exits"].values()) <= 4
    assert float(estimate["fees_quote"]) == pytest.approx(
        float(estimate["volume_quote"]) * 0.0025, abs=1e-6)
    assert float(estimate["worst_quote"]) <= min(0, float(estimate["net_quote"]))
    assert any("bitmart_perpetual" in line for line in found["optimism"])
    # Whole days are kept: with other parameters the same week is read again at its two ends only.
    read = upstream.count("POST", HISTORY)
    assert read == 8
    replay(bridge, days=7, params={**asked, "stop_loss_pct": "1"})
    assert upstream.count("POST", HISTORY) - read <= 2


def test_grids_and_an_expert_config(bridge):
    assert replay(bridge, strategy="spot_grid", days=3)["estimate"]["levels"] > 1
    short = replay(bridge, exchange="bitmart", strategy="perp_grid", days=1, params={"direction": "short"})
    assert short["estimate"]["levels"] > 1 and any("liquidation" in line for line in short["optimism"])
    found = replay(bridge, exchange="hummingbot", strategy="controller", days=30,
                   params={"config": "buy_spreads: [0.001]\nsell_spreads: [0.001]"})
    assert found["candles"]["feed"] == "binance" and found["candles"]["interval"] == "5m"
    assert found["candles"]["asked"] == 8640 and found["estimate"]["levels"] == 2
    assert any("5m" in line for line in found["optimism"])


OWN = """-- Reckons by a rule of its own.
local form = require("bridge.form")
return {
  api = 1, name = "own", title = "Own", version = "1", connectors = { "own" },
  strategies = { {
    name = "s", revision = 1, title = "S", summary = "S", risk = "low", executors = { "position" }, pair = "pair",
    form = form.of { form.pair("pair", { default = "BTC-USDT", connector = "binance" }), form.boolean("wrong", { default = false }) },
    risk_defaults = { max_loss_quote = "20", max_controller_loss_quote = "20" },
    build = function(_, p)
      return { controllers = { { type = "market_making", name = "pmm_simple",
        config = { connector_name = "binance", trading_pair = p.pair, total_amount_quote = 100 } } } }
    end,
    preview = function() return { { kind = "grid" }, { kind = "grid" } } end,
    REPLAY
  } },
}
"""
HOOK = """replay = function(_, p, candles)
      if p.wrong then return 1 end
      local c, highest = candles[1], 0
      for _, candle in ipairs(candles) do highest = math.max(highest, candle.high) end
      return { count = #candles, step = candles[2].time - c.time, ordered = c.low <= c.open and c.open <= c.high, highest = highest }
    end,"""


def test_a_rule_of_its_own(start_bridge, simulator, tmp_path):
    for name, hook in (("own", HOOK), ("none", "")):
        (tmp_path / "plugins" / name).mkdir(parents=True)
        text = OWN.replace("REPLAY", hook).replace('name = "own"', f'name = "{name}"').replace('{ "own" }', f'{{ "{name}" }}')
        (tmp_path / "plugins" / name / "plugin.lua").write_text(text)
    bridge = start_bridge(simulator, tmp_path, BRIDGE_PLUGINS=tmp_path / "plugins")
    found = replay(bridge, exchange="own", strategy="s", days=1)
    estimate = found["estimate"]
    assert found["kind"] == "estimate" and "rule of its own" in found["optimism"][0]
    assert estimate["count"] == found["candles"]["count"] and estimate["step"] == 60
    assert estimate["ordered"] and estimate["highest"] > 0
    assert replay(bridge, 500, exchange="own", strategy="s", params={"wrong": True})["code"] == "plugin_failed"
    assert "several grids" in replay(bridge, 422, exchange="none", strategy="s")["detail"]


def lying(exchange):
    """Minutes of which one in ten is a lie, and an hour that is not there."""
    body = exchange.request.json()
    rows = []
    for n, at in enumerate(range(body["start_time"], body["end_time"], 60)):
        row = {"timestamp": at, "open": 3000.0, "high": 3001.0, "low": 2999.0, "close": 3000.0}
        if n % 10 == 3:
            row.update([{"high": 1.0}, {"low": -5}, {"close": None}, {"open": "x"}, {"timestamp": at + 7},
                        {"timestamp": 0}, {"low": 1e308, "high": 1e309}][n // 10 % 7])
        if not 700 <= n < 760:
            rows.append(row)
    text = faults.json.dumps(rows).replace("null", "NaN")
    faults.reply(200, text, "application/json")(exchange)


def test_a_lying_feed_is_counted(bridge, upstream):
    upstream.behave("POST", HISTORY, lying, forever=True)
    try:
        found = replay(bridge, params={"pair": "DOGE-USDT"}, days=7)
    finally:
        upstream.reset()
    candles = found["candles"]
    assert candles["refused"] > 900 and candles["count"] + candles["missing"] == 10080
    assert candles["longest_gap_s"] >= 3600
    assert any("missing" in line for line in found["optimism"])
    assert found["estimate"]["fills"] == 0
    assert "candles_differ" in [w["code"] for w in found["warnings"]]


@pytest.mark.parametrize("answer", [
    faults.reply_json(200, {"error": "no"}), faults.reply_json(200, "no"), faults.html("ngrok", 502),
    faults.reply(500, "Internal Server Error"), faults.truncated()])
def test_a_broken_feed_says_so(bridge, upstream, answer):
    upstream.behave("POST", HISTORY, answer, forever=True)
    try:
        body = replay(bridge, 422, params={"pair": "SOL-USDT"}, days=2)
    finally:
        upstream.reset()
    assert body["errors"][0]["code"] == "no_candles" and "SOL-USDT" in body["detail"]


@pytest.mark.parametrize("change,pointer,code", [
    ({"days": 0}, "/days", "not_allowed"), ({"days": 31}, "/days", "not_allowed"),
    ({"days": "7"}, "/days", "not_allowed"), ({"dais": 7}, "/dais", "unknown_field"),
    ({"params": {"budget": 7}}, "/params/budget", "unknown_field"),
    ({"strategy": "perp_supertrend"}, "", "no_levels")])
def test_refusals(bridge, change, pointer, code):
    body = replay(bridge, 422, **change)
    assert (body["errors"][0]["pointer"], body["errors"][0]["code"]) == (pointer, code), body


def test_a_feed_without_candles(bridge, simulator):
    simulator.control("POST", "/conditions", {"candles": "missing"})
    try:
        body = replay(bridge, 422, params={"pair": "XRP-USDT"}, days=2)
    finally:
        simulator.control("POST", "/conditions", {"candles": "ready"})
    assert body["errors"][0]["code"] == "no_candles" and "XRP-USDT" in body["detail"]

"""POST /exchanges/{x}/strategies/{s}/replay on the simulator's candles: an estimate, named as one."""
import pytest


def replay(bridge, status=200, exchange="bitmart", strategy="spot_mm", **body):
    answer = bridge.post(f"/exchanges/{exchange}/strategies/{strategy}/replay", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_estimate_with_its_candles_and_optimism(bridge):
    found = replay(bridge, days=1, params={"spreads_pct": ["0.02", "0.1"], "take_profit_pct": "0.8"})
    assert found["kind"] == "estimate"
    assert found["candles"] == {"feed": "bitmart_perpetual", "pair": "BTC-USDT", "interval": "1m",
                                "count": 1440, "asked": 1440, "days": 1}
    estimate = found["estimate"]
    assert estimate["fills"] > 0 and estimate["levels"] == 4
    assert float(estimate["fees_quote"]) == pytest.approx(
        float(estimate["volume_quote"]) * 0.0025, abs=1e-6)
    assert float(estimate["worst_quote"]) <= min(0, float(estimate["net_quote"]))
    assert any("bitmart_perpetual" in line for line in found["optimism"])


def test_a_grid_and_an_expert_config(bridge):
    assert replay(bridge, strategy="spot_grid", days=3)["estimate"]["levels"] > 1
    found = replay(bridge, exchange="hummingbot", strategy="controller", days=7,
                   params={"config": "buy_spreads: [0.001]\nsell_spreads: [0.001]"})
    assert found["candles"]["feed"] == "binance" and found["candles"]["interval"] == "5m"
    assert found["candles"]["count"] == 2016 and found["estimate"]["levels"] == 2


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
        body = replay(bridge, 422, params={"pair": "ETH-USDT"}, days=2)
    finally:
        simulator.control("POST", "/conditions", {"candles": "ready"})
    assert body["errors"][0]["code"] == "no_candles" and "ETH-USDT" in body["detail"]

"""Every strategy that ships, from {} to a bot that runs and stops, on the simulator."""
import pytest

STRATEGIES = [("bitmart", name) for name in (
    "spot_mm", "spot_mm_dynamic", "spot_grid", "spot_inventory_mm", "spot_classic_pmm", "perp_mm", "perp_grid",
    "perp_bollinger", "perp_macd_bb", "perp_supertrend", "perp_dca", "perp_hedge")] + [
    ("jupiter", name) for name in ("arbitrage", "xemm", "lp", "hedged_wallet", "recurring_swap")]


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator)


def test_they_are_all_that_is_offered(bridge):
    offered = [(x["name"], s["name"]) for x in bridge.get("/exchanges").json()["exchanges"] for s in x["strategies"]]
    assert sorted(offered) == sorted(STRATEGIES)


@pytest.mark.parametrize("exchange,strategy", STRATEGIES)
def test_a_bot_of_nothing_but_its_name_runs(bridge, exchange, strategy):
    name = f"{exchange} {strategy}".replace("_", "-")
    made = bridge.post("/bots", json={"name": name, "exchange": exchange, "strategy": strategy},
                       headers={"Prefer": "wait=60"})
    assert made.status_code == 201, made.text
    bot = made.json()
    assert bot["state"] == "running" and bot["strategy"] == strategy
    stopped = bridge.post(f"/bots/{bot['id']}/stop", headers={"Prefer": "wait=60"})
    assert stopped.status_code in (200, 201), stopped.text

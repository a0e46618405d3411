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
    offered = [(x["name"], s["name"]) for x in bridge.get("/exchanges").json()["exchanges"] for s in x["strategies"]
               if x["name"] in ("bitmart", "jupiter")]
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


def test_a_second_bot_on_the_pair_is_warned_of(bridge):
    def plan(**more):
        answer = bridge.post("/bots/plan", json={"name": "second", "exchange": "bitmart", "strategy": "spot_mm", **more})
        assert answer.status_code == 200, answer.text
        return {w["code"]: w for w in answer.json()["warnings"]}

    made = bridge.post("/bots", json={"name": "first", "exchange": "bitmart", "strategy": "spot_grid"},
                       headers={"Prefer": "wait=60"})
    assert made.status_code == 201, made.text
    pair = made.json()["pair"]
    assert "first" in plan(params={"pair": pair})["pair_taken"]["message"]
    assert "pair_taken" not in plan(params={"pair": "SOL-USDT"})
    assert "pair_taken" not in plan(name="first", params={"pair": pair}), "its own record is not another bot"
    bridge.post(f"/bots/{made.json()['id']}/stop", headers={"Prefer": "wait=60"})
    assert "pair_taken" not in plan(params={"pair": pair})

"""The plugin for any controller, on the simulator: a bot on another exchange, what its plan says of
upstream's verdict, and the adoption of a controller that no exchange's plugin has."""
import pytest
import requests


@pytest.fixture(scope="module")
def simulator(start_simulator):
    program = start_simulator()
    answer = requests.post(f"{program.url}/accounts/add-credential/master_account/binance",
                           json={"binance_api_key": "k", "binance_api_secret": "s"},
                           auth=("admin", "admin"), timeout=60)
    assert answer.status_code < 300, answer.text
    return program


def plan(bridge, status=200, **params):
    answer = bridge.post("/bots/plan", json={"name": "generic", "exchange": "hummingbot",
                                             "strategy": "controller", "params": params})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_market_maker_on_another_exchange_runs(bridge):
    answer = bridge.post("/bots", headers={"Prefer": "wait=100"}, json={
        "name": "other exchange", "exchange": "hummingbot", "strategy": "controller",
        "params": {"config": "controller_name: pmm_simple\nconnector_name: binance\n"
                             "trading_pair: ETH-USDT\ntotal_amount_quote: 120\n"
                             "buy_spreads: [0.003, 0.006]\nsell_spreads: [0.003]\n"}})
    assert answer.status_code == 201, answer.text
    bot = answer.json()
    assert (bot["state"], bot["connector"], bot["pair"]) == ("running", "binance", "ETH-USDT")
    assert bot["params"] == {"controller": "market_making/pmm_simple", "connector": "binance",
                             "pair": "ETH-USDT", "budget_quote": "120",
                             "config": {"buy_spreads": [0.003, 0.006], "sell_spreads": [0.003]}}


def test_its_connectors_are_nobodys(bridge):
    for word, status in (("*", 404), ("binance", 404), ("bitmart", 200)):
        assert bridge.get(f"/exchanges/{word}").status_code == status, word
    names = [e["name"] for e in bridge.get("/exchanges").json()["exchanges"]]
    assert names[-1] == "hummingbot" and set(names) == {"bitmart", "jupiter", "hummingbot"}
    fields = bridge.get("/exchanges/hummingbot/strategies/controller").json()["schema"]
    known = fields["properties"]["config"]["x-classes"]
    assert {"name": "leverage", "type": "int", "default": 20, "unit":
            "integer multiple; ignored on spot"} in known["market_making/pmm_simple"]


@pytest.mark.parametrize("strategy,choice,words", [
    ("controller", "generic/grid_strike", "has a form of its own, the strategy grid_strike"),
    ("controller", "generic/grid_strick", "did you mean generic/grid_strike?"),
    ("controller", "generic/zzzzzzzz", "it has directional_trading/bollinger_v1"),
    ("grid_strike", "generic/grid_strike", "has one form only")])
def test_a_choice_without_a_form_of_its_own(bridge, strategy, choice, words):
    answer = bridge.get(f"/exchanges/hummingbot/strategies/{strategy}", params={"choice": choice})
    assert answer.status_code == 404 and words in answer.json()["detail"], answer.text


def test_every_class_has_a_form(bridge):
    """The list names the strategies; each form is asked for by itself."""
    listed = bridge.get("/exchanges/hummingbot")
    assert len(listed.content) < 8192
    names = [s["name"] for s in listed.json()["strategies"]]
    assert len(names) > 22 and names[-2:] == ["controller", "controllers"]
    form = bridge.get("/exchanges/hummingbot/strategies/multi_grid_strike").json()
    fields = form["schema"]["properties"]
    assert fields["triple_barrier_config"]["properties"]["stop_loss_order_type"]["enum"] == ["MARKET", "LIMIT", "LIMIT_MAKER"]
    assert fields["grids"]["items"]["properties"]["start_price"]["x-from-mid-pct"] == "-5"
    assert form["defaults"]["leverage"] == 1 and form["schema"]["required"] == []


def test_mistakes_are_named(bridge):
    body = plan(bridge, 422, connector="binance", config={"buy_spreds": [0.1], "leverage": "many"})
    found = {e["pointer"]: e for e in body["errors"]}
    assert found["/params/config/buy_spreds"]["hint"] == "did you mean buy_spreads?"
    assert found["/params/config/leverage"]["code"] == "wrong_type"
    body = plan(bridge, 422, connector="binnace")
    assert body["errors"][0]["pointer"] == "/params/connector"
    assert body["errors"][0]["hint"] == "did you mean binance?"


@pytest.mark.parametrize("controller", ["directional_trading/supertrend_v1",
                                        "directional_trading/macd_bb_v1",
                                        "market_making/pmm_dynamic"])
def test_wrong_verdicts_are_explained(bridge, controller):
    made = plan(bridge, controller=controller, connector="binance")
    check, = made["upstream_checks"]
    assert check["code"] == "upstream_verdict_wrong", check
    assert "Extra inputs are not permitted" in check["hint"]
    assert not [w for w in made["warnings"] if w["code"].startswith("upstream_")]
    assert made["plan_id"]


def test_right_verdicts_are_warnings(bridge, simulator, start_bridge, tmp_path):
    """A plugin that builds a field which the class does not have."""
    folder = tmp_path / "plugins" / "wrong"
    folder.mkdir(parents=True)
    (folder / "plugin.lua").write_text('''
local form = require("bridge.form")
return { api = 1, name = "wrong", title = "Wrong", version = "1", connectors = { "binance" }, strategies = { {
  name = "one", revision = 1, title = "One", summary = "One", risk = "low", executors = { "grid" },
  form = form.of { form.decimal("budget_quote", { default = "10" }) },
  build = function() return { controllers = { { type = "generic", name = "grid_strike", config = { bogus = 1 } } } } end,
} } }''')
    with_it = start_bridge(simulator, BRIDGE_PLUGINS=folder.parent)
    answer = with_it.post("/bots/plan", json={"name": "x", "exchange": "wrong", "strategy": "one"})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["upstream_checks"][0]["code"] == "upstream_verdict"
    warning = [w for w in made["warnings"] if w["code"] == "upstream_verdict"]
    assert warning and "bogus" in warning[0]["hint"]


def test_several_controllers_run_as_one_bot(bridge):
    answer = bridge.post("/bots", headers={"Prefer": "wait=100"}, json={
        "name": "several", "exchange": "hummingbot", "strategy": "controllers",
        "params": {"controllers": [{"pair": "SOL-USDT", "budget_quote": "60"},
                                   {"config": "controller_name: pmm_simple\nconnector_name: binance\n"
                                              "trading_pair: XRP-USDT\ntotal_amount_quote: 70"}]}})
    assert answer.status_code == 201, answer.text
    bot = answer.json()
    assert (bot["state"], bot["pair"], bot["params"]["budget_quote"]) == ("running", "SOL-USDT", "130")
    reported = bridge.wait_until(lambda: len(bridge.get(f"/bots/{bot['id']}").json()["controllers"]) == 2)
    assert reported


def deployed_by_hand(bridge, simulator, name, *configs):
    """The instance of a bot that somebody else deploys."""
    def api(path, body):
        answer = requests.post(simulator.url + path, json=body, auth=("admin", "admin"), timeout=60)
        assert answer.status_code < 300, answer.text

    ids = [f"{name}-{i}" for i in range(len(configs))]
    for file, config in zip(ids, configs):
        api(f"/controllers/configs/{file}", {"id": file, **config})
    api(f"/scripts/configs/{name}", {"script_file_name": "v2_with_controllers.py",
                                     "controllers_config": [f"{file}.yml" for file in ids]})
    api("/bot-orchestration/deploy-v2-script", {
        "instance_name": name, "credentials_profile": "master_account", "headless": True,
        "image": "hummingbot/hummingbot:version-2.16.0", "script": "v2_with_controllers.py",
        "script_config": f"{name}.yml"})

    def seen():
        return [b for b in bridge.get("/bots").json()["bots"]
                if not b["managed"] and b["instance"].startswith(name) and b["state"] == "running"]

    return bridge.wait_until(seen)[0]["instance"]


def test_a_bot_that_no_exchange_knows_is_adopted(bridge, simulator):
    """Deployed by somebody else, on an exchange without a plugin, its nested object incomplete."""
    instance = deployed_by_hand(bridge, simulator, "theirs", {
         "controller_name": "grid_strike", "controller_type": "generic",
        "connector_name": "binance", "trading_pair": "ETH-USDT", "total_amount_quote": 200,
        "side": 1, "start_price": 2900, "end_price": 3100, "limit_price": 2800, "leverage": 1,
        "position_mode": "ONEWAY", "triple_barrier_config": {"take_profit": 0.004}})
    found, = bridge.post("/bots/adopt", json={"instances": [instance]}).json()["bots"]
    assert found["adopted"], found
    bot = bridge.get(f"/bots/{instance}").json()
    assert (bot["exchange"], bot["strategy"]) == ("hummingbot", "grid_strike"), bot
    assert (bot["connector"], bot["pair"]) == ("binance", "ETH-USDT")
    assert (bot["params"]["start_price"], bot["params"]["side"]) == ("2900", "BUY")
    assert bot["params"]["triple_barrier_config"]["take_profit_order_type"] == "MARKET"


def test_a_bot_of_several_controllers_is_adopted(bridge, simulator):
    maker = {"controller_name": "pmm_simple", "controller_type": "market_making", "connector_name": "binance",
             "leverage": 1, "position_mode": "ONEWAY", "buy_spreads": [0.01], "sell_spreads": [0.01],
             "buy_amounts_pct": [1], "sell_amounts_pct": [1], "skip_rebalance": True}
    instance = deployed_by_hand(bridge, simulator, "their-two",
                                {**maker, "trading_pair": "ETH-USDT", "total_amount_quote": 50},
                                {**maker, "trading_pair": "SOL-USDT", "total_amount_quote": 40})
    found, = bridge.post("/bots/adopt", json={"instances": [instance]}).json()["bots"]
    assert found["adopted"], found
    bot = bridge.get(f"/bots/{instance}").json()
    assert (bot["exchange"], bot["strategy"]) == ("hummingbot", "controllers"), bot
    assert [(c["pair"], c["budget_quote"]) for c in bot["params"]["controllers"]] == \
        [("ETH-USDT", "50"), ("SOL-USDT", "40")]

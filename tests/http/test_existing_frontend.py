"""Plays the front end that exists: its first five rows, with its words and its habits."""
import pytest

ORIGIN = "https://admin.example"
FORM = {"name": "Sharp spread", "account": "master_account", "strategy": "spread",
        "connector": "bitmart", "pair": "SHARP/USDT",
        "config": {"bid_spread": 0.003, "ask_spread": 0.003, "order_amount": 1000}}


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator, BRIDGE_CORS_ORIGINS=ORIGIN)


class FrontEnd:
    """Its api.js in short: always the JSON content type, always response.json()."""

    def __init__(self, bridge):
        self.bridge = bridge

    def call(self, method, path, body=None):
        more = {} if body is None else {"json": body}
        answer = self.bridge.request(method, path, headers={
            "Content-Type": "application/json", "Origin": ORIGIN, "X-Wallet-Address": "0xabc"}, **more)
        data = answer.json()
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        if not answer.ok:
            shown = data.get("detail") or data.get("message")
            assert isinstance(shown, str), "it would show [object Object]"
            raise Refused(answer.status_code, shown, data)
        return data

    def bots(self, account=None):
        data = self.call("GET", "/bots" + (f"?account={account}" if account else ""))
        return [b for b in data["bots"] if account is None or b["account"] == account]

    def row(self, bot_id):
        return next((b for b in self.bots("master_account") if b["id"] == bot_id), None)

    def button(self, bot_id):
        return "Stop" if self.row(bot_id)["status"] == "running" else "Start"


class Refused(Exception):
    def __init__(self, status, shown, data):
        super().__init__(f"{status}: {shown}")
        self.status, self.shown, self.data = status, shown, data


@pytest.fixture
def page(bridge):
    return FrontEnd(bridge)


def pair_of(page):
    """Its own pair when the exchange lists it, else one that surely is."""
    try:
        page.call("POST", "/bots/plan", FORM)
        return FORM["pair"]
    except Refused:
        return "BTC/USDT"


def test_service_answers(page):
    assert page.call("GET", "/")["status"]


def test_empty_list(page):
    assert isinstance(page.call("GET", "/bots")["bots"], list)
    assert page.call("GET", "/bots?account=nobody")["bots"] == []


@pytest.mark.quick
def test_life_of_a_bot(page, bridge):
    form = {**FORM, "pair": pair_of(page)}
    made = page.call("POST", "/bots/create", form)
    bot_id = made["id"]
    assert made["account"] == "master_account" and made["name"] == FORM["name"]
    assert made["connector"] == "bitmart" and made["pair"] == form["pair"].replace("/", "-")
    assert made["status"] in ("starting", "running") and "strategy" in made and "config" in made
    # The translation is said: its words are not ours.
    assert made["warnings"]
    bridge.wait_until(lambda: page.row(bot_id)["status"] == "running")
    assert page.button(bot_id) == "Stop"
    # Later builds filter by account themselves; both agree.
    assert [b["id"] for b in page.bots("master_account") if b["id"] == bot_id]

    # Later builds change a bot: they know no versions, and their words are translated again.
    changed = page.call("PUT", f"/bots/{bot_id}", {
        **form, "config": {"bid_spread": 0.005, "ask_spread": 0.005, "order_amount": 1200}})
    assert changed["id"] == bot_id and changed["params"]["spreads_pct"] == ["0.5"]
    assert changed["warnings"] and page.row(bot_id)["config"] == changed["params"]
    changed = page.call("PUT", f"/bots/{bot_id}", {"config": {"order_amount": 1100}})
    assert changed["params"]["budget_quote"] == "1100"
    assert changed["params"]["spreads_pct"] == ["0.5"]

    assert page.call("POST", f"/bots/{bot_id}/stop")["id"] == bot_id
    bridge.wait_until(lambda: page.row(bot_id)["status"] == "stopped")
    assert page.button(bot_id) == "Start"

    assert page.call("POST", f"/bots/{bot_id}/start", {})["id"] == bot_id
    bridge.wait_until(lambda: page.row(bot_id)["status"] == "running")

    page.call("POST", f"/bots/{bot_id}/stop")
    bridge.wait_until(lambda: page.row(bot_id)["status"] == "stopped")


def test_delete_without_a_body_answers_json(page):
    with pytest.raises(Refused) as refused:
        page.call("DELETE", "/bots/none")
    assert refused.value.status == 404


def test_volume_is_refused_with_a_sentence(page):
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "v", "strategy": "volume"})
    assert refused.value.status == 422
    texts = refused.value.shown + " ".join(e["message"] + (e["hint"] or "")
                                           for e in refused.value.data["errors"])
    assert "volume" in texts.lower()
    assert not any(b["name"] == "v" for b in page.bots())


def test_its_form_for_the_perpetual_exchange_trades_there(page):
    """The same words and another connector: never spot by accident."""
    plan = page.call("POST", "/bots/plan", {**FORM, "connector": "bitmart_perpetual", "pair": "XRP/USDT"})
    assert plan["strategy"] == "perp_mm" and plan["connector"] == "bitmart_perpetual" and plan["pair"] == "XRP-USDT"
    assert plan["params"]["spreads_pct"] == ["0.3"] and plan["params"]["budget_quote"] == "1000"
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/plan", {**FORM, "connector": "bitmart_perpetual", "strategy": "spot_mm", "config": {}})
    assert refused.value.data["errors"][0]["code"] == "wrong_connector"


def test_paper_trading_is_refused_with_the_reason(page):
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "p", "connector": "bitmart_paper_trade"})
    assert refused.value.data["errors"][0]["code"] == "paper_trade"


@pytest.mark.parametrize("connector", ["bitmart", "jupiter"])
def test_volume_is_refused_on_both(page, connector):
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "v", "strategy": "volume", "connector": connector})
    assert refused.value.data["errors"][0]["code"] == "no_volume"


def test_jupiter_spread_is_refused_with_what_works(page):
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "j", "connector": "jupiter",
                                           "pair": "SOL/USDC"})
    assert refused.value.status == 422
    texts = " ".join(e["message"] + (e["hint"] or "") for e in refused.value.data["errors"])
    assert "arbitrage" in texts.lower()


@pytest.mark.parametrize("connector,words", [("bitmart", ("credentials profile", "master_account")),
                                             ("jupiter", ("no order book", "arbitrage"))])
@pytest.mark.parametrize("route", ["/bots/plan", "/bots/create"])
def test_its_very_form_on_both_exchanges(page, simulator, connector, words, route):
    """As its page fills it in: what stands in the way is said in its words, and nothing is sent."""
    before = simulator.ledger()["deploys_delivered"]
    with pytest.raises(Refused) as refused:
        page.call("POST", route, {**FORM, "name": "Sharp", "account": "client_sharp", "connector": connector})
    assert refused.value.status == 422
    texts = refused.value.shown + " ".join(e["message"] + (e["hint"] or "") for e in refused.value.data["errors"])
    assert all(word in texts for word in words), texts
    assert simulator.ledger()["deploys_delivered"] == before


@pytest.mark.parametrize("connector,word", [("bitmart", "wallets"), ("jupiter", "no order book")])
def test_private_keys_of_later_builds_are_refused_unread(page, connector, word):
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "keys", "connector": connector,
                                           "wallets": [{"private_key": "5K" + "x" * 60}]})
    assert refused.value.status == 422 and word in refused.value.shown and "5Kxx" not in str(refused.value.data)


def test_unknown_connector_names_what_there_is(page):
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "b", "connector": "binance"})
    assert refused.value.status == 422
    assert "bitmart" in " ".join(e["message"] + (e["hint"] or "")
                                 for e in refused.value.data["errors"])


def test_account_without_a_profile_is_refused_with_the_list(page, simulator):
    before = simulator.ledger()["deploys_delivered"]
    with pytest.raises(Refused) as refused:
        page.call("POST", "/bots/create", {**FORM, "name": "a", "account": "client_sharp"})
    assert refused.value.status == 422
    texts = refused.value.shown + " ".join(e["message"] + (e["hint"] or "")
                                           for e in refused.value.data["errors"])
    assert "master_account" in texts
    assert simulator.ledger()["deploys_delivered"] == before


def test_errors_are_told_apart(page, bridge):
    """401, 404 and 503 once reached the page as the same text."""
    texts = set()
    for answer in (bridge.get("/bots", token=None), bridge.get("/bots/none"),
                   bridge.post("/bots/create", json={})):
        texts.add((answer.status_code, answer.json()["detail"]))
    assert len({status for status, _ in texts}) == 3 and len({text for _, text in texts}) == 3


def test_preflight_with_its_headers(bridge):
    answer = bridge.request("OPTIONS", "/bots/x/start", token=None, headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, x-wallet-address"})
    assert answer.status_code == 204
    assert "x-wallet-address" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_unlisted_origin_with_a_good_token_is_served(bridge):
    answer = bridge.get("/bots", headers={"Origin": "http://localhost:5173"})
    assert answer.status_code == 200 and "Access-Control-Allow-Origin" not in answer.headers

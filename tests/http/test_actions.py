"""Actions of plugins: what they may reach, dry runs, roles, one run per key, what is told of each call."""
import sqlite3
import sys
import threading

import pytest

from conftest import ROOT, clean_environment, run
from test_bad_plugins import CONTROLLER, PLUGIN

sys.path.insert(0, str(ROOT / "tests/faults"))
from fault_server import FaultServer, reply_json  # noqa: E402

ACTIONS = """actions = {
  add_account = { title = "Add", role = "admin", needs = { "accounts.list", "accounts.add" },
    form = form.of { form.string("name", { default = "second", max_length = 20 }) },
    run = function(ctx, p, hb)
      local before = #hb.accounts.list({})
      hb.accounts.add({ account_name = p.name })
      return { before = before, dry = ctx.dry_run, account = ctx.account }
    end },
  twice = { title = "Twice", role = "operator", needs = { "accounts.add" },
    run = function(ctx, p, hb)
      hb.accounts.add({ account_name = "one" })
      hb.accounts.add({ account_name = "two" })
    end },
  undeclared = { title = "U", role = "operator", needs = {"accounts.list"}, run = function(ctx, p, hb) hb.accounts.add({ account_name = "x" }) end },
  bug = { title = "B", role = "operator", run = function() error("my mistake") end },
  bomb = { title = "L", role = "operator", run = function() local t = {} while true do t[#t + 1] = ("x"):rep(1e5) end end },
},"""


def source(extra=ACTIONS):
    return PLUGIN % {"name": "acting", "title": "Acting", "extra": extra, "check": "", "build": CONTROLLER}


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("acting")
    for name in ("bitmart", "jupiter"):
        (folder / "plugins").mkdir(exist_ok=True)
        (folder / "plugins" / name).symlink_to(ROOT / "plugins" / name)
    (folder / "plugins" / "acting").mkdir()
    (folder / "plugins" / "acting" / "plugin.lua").write_text(source())
    return start_bridge(simulator, folder=folder, BRIDGE_PLUGINS=folder / "plugins")


def act(bridge, action, exchange="acting", token=True, key=None, **body):
    headers = {"Idempotency-Key": key} if key else {}
    return bridge.post(f"/exchanges/{exchange}/actions/{action}", json=body, token=token, headers=headers)


def writes(simulator):
    return [w["path"] for w in simulator.ledger()["writes"] if w["path"].startswith("/accounts/")]


def test_actions_are_described(bridge):
    rows = {a["name"]: a for a in bridge.get("/exchanges/acting").json()["actions"]}
    assert rows["add_account"]["role"] == "admin" and rows["add_account"]["writes"] == ["accounts.add"]
    assert rows["add_account"]["needs"] == ["accounts.list", "accounts.add"]
    assert rows["add_account"]["schema"]["properties"]["name"]["default"] == "second"
    assert rows["bug"]["schema"] is None


@pytest.mark.quick
def test_dry_run_reads_and_sends_nothing(bridge, simulator):
    before = writes(simulator)
    answer = act(bridge, "add_account", params={"name": "third"}, account="other", dry_run=True)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["ok"] and body["dry_run"] and body["result"]["dry"] is True
    assert body["result"]["account"] == "other" and body["result"]["before"] >= 1
    assert body["calls"] == [{"endpoint": "accounts.add", "args": {"account_name": "third"}, "state": "not_sent"}]
    assert writes(simulator) == before


def test_run_with_a_key_is_once(bridge, simulator):
    before = len(writes(simulator))
    first = act(bridge, "add_account", key="add-1", params={"name": "fourth"})
    assert first.status_code == 200 and first.json()["calls"][0]["state"] == "done", first.text
    again = act(bridge, "add_account", key="add-1", params={"name": "fourth"})
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
    assert len(writes(simulator)) == before + 1
    other = act(bridge, "add_account", key="add-1", params={"name": "fifth"})
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"


def test_killed_run_is_not_run_again(start_bridge, start_simulator, tmp_path):
    """The key is on disk before the call; after a crash its outcome is unknown and stays so."""
    simulator = start_simulator()
    (tmp_path / "plugins" / "acting").mkdir(parents=True)
    (tmp_path / "plugins" / "acting" / "plugin.lua").write_text(source())
    bridge = start_bridge(simulator, folder=tmp_path, BRIDGE_PLUGINS=tmp_path / "plugins",
                          TB_TIME_SCALE=1)  # its patience outlasts the kill
    simulator.fault(match={"method": "POST", "path": "/accounts/add-account"}, kind="hang", count=1,
                    delay_ms=200000)
    lost = []

    def ask():
        try:
            act(bridge, "add_account", key="crash-1")
        except OSError as error:
            lost.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    bridge.wait_until(lambda: len(writes(simulator)) == 1, 90, "it never arrived")
    bridge.kill()
    asking.join()
    assert lost
    bridge = start_bridge(simulator, folder=tmp_path, BRIDGE_PLUGINS=tmp_path / "plugins",
                          TB_TIME_SCALE=1)
    again = bridge.post("/exchanges/acting/actions/add_account", json={},
                        headers={"Idempotency-Key": "crash-1"})
    assert again.status_code == 504 and again.json()["code"] == "upstream_unknown", again.text
    assert len(writes(simulator)) == 1


def test_each_call_says_what_became_of_it(bridge, simulator):
    simulator.fault(match={"method": "POST", "path": "/accounts/add-account"}, kind="drop_after", count=1)
    answer = act(bridge, "twice")
    assert answer.status_code == 502, answer.text
    body = answer.json()
    assert body["ok"] is False and body["failure"]["upstream"] is True
    assert [c["state"] for c in body["calls"]] == ["unknown"]  # the second was never tried


def test_roles(bridge):
    operator = bridge.make_token("operator")["token"]
    developer = bridge.make_token("developer")["token"]
    assert act(bridge, "add_account", token=operator, dry_run=True).status_code == 403
    assert act(bridge, "bug", token=developer, dry_run=True).status_code == 403
    assert act(bridge, "bug", token=operator, dry_run=True).status_code == 500  # it was allowed to run


@pytest.mark.parametrize("action,status,words", [
    ("undeclared", 500, "hb.accounts.add is not among the needs of this action"),
    ("bug", 500, "my mistake"),
    ("bomb", 500, "acting/plugin.lua:21: action used more than its 16 MiB of memory"),
    ("add_acount", 404, "did you mean add_account"),
])
def test_faults_are_told(bridge, simulator, action, status, words):
    before = writes(simulator)
    answer = act(bridge, action)
    assert answer.status_code == status and words in answer.text, answer.text
    assert writes(simulator) == before


def test_form_and_envelope_are_checked_before_the_key_is_used(bridge):
    wrong = act(bridge, "add_account", key="later", params={"nam": "x"})
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["pointer"] == "/params/nam"
    wrong = act(bridge, "add_account", key="later", parms={})
    assert wrong.json()["errors"][0] == {"pointer": "/parms", "code": "unknown_field", "hint": "did you mean params",
                                         "message": "An action has no such field."}
    assert act(bridge, "bug", params={"x": 1}).json()["errors"][0]["message"] == "this action takes no params"
    assert act(bridge, "add_account", key="later", params={"name": "sixth"}).status_code == 200


@pytest.mark.parametrize("extra,words", [
    ('needs = { "accounts.nope" }', "the Hummingbot API has no accounts.nope"),
    ('needs = { "swap.execute" }', "closed to plugins: it concerns money"),
    ('needs = { "bots.deploy_script" }', "closed to plugins: it concerns bots"),
    ('needs = { "gateway.api_keys" }', "closed to plugins: it concerns secret"),
    ('needs = { "docker.start" }', "closed to plugins: it concerns bots"),
])
def test_needs_are_judged_at_load(bridge, tmp_path, extra, words):
    folder = tmp_path / "acting"
    folder.mkdir()
    row = 'actions = { a = { title = "A", role = "admin", %s, run = function() end } },' % extra
    (folder / "plugin.lua").write_text(source(row))
    done = run("plugin", "check", env=clean_environment(BRIDGE_PLUGINS=tmp_path))
    assert done.returncode == 1 and words in done.stdout, done.stdout


def test_observe_mode_allows_dry_runs_only(start_bridge, start_simulator, tmp_path):
    simulator = start_simulator()
    (tmp_path / "plugins" / "acting").mkdir(parents=True)
    (tmp_path / "plugins" / "acting" / "plugin.lua").write_text(source())
    first = start_bridge(simulator, folder=tmp_path, BRIDGE_PLUGINS=tmp_path / "plugins")
    (tmp_path / "copy.tar").write_bytes(first.get("/backup").content)
    first.stop()
    store = tmp_path / "restored" / "bridge.db"
    assert run("restore", str(tmp_path / "copy.tar"), env=clean_environment(BRIDGE_STORE=store)).returncode == 0
    bridge = start_bridge(simulator, folder=tmp_path, BRIDGE_PLUGINS=tmp_path / "plugins", BRIDGE_STORE=store)
    refused = act(bridge, "add_account")
    assert refused.status_code == 409 and refused.json()["code"] == "observe_mode"
    assert act(bridge, "add_account", dry_run=True).status_code == 200
    assert not writes(simulator)


@pytest.mark.parametrize("exchange,action,params,result", [
    ("bitmart", "prove_keys", {}, {"proven": True, "connector": "bitmart"}),
    ("bitmart", "prove_keys", {"market": "perpetual"}, {"proven": True, "connector": "bitmart_perpetual"}),
    ("bitmart", "show_limits", {"pair": "ETH-USDT"}, {"listed": True, "pair": "ETH-USDT", "connector": "bitmart"}),
    ("bitmart", "show_limits", {"pair": "XRP-USDT", "market": "perpetual"}, {"listed": True, "connector": "bitmart_perpetual"}),
    ("bitmart", "show_limits", {"pair": "NO-SUCH"}, {"listed": False, "pair": "NO-SUCH"}),
    ("jupiter", "gateway_up", {}, {"up": True}),
    ("jupiter", "prove_wallet", {}, {"proven": True}),
])
def test_the_exchanges_own_actions(bridge, exchange, action, params, result):
    answer = act(bridge, action, exchange, params=params)
    assert answer.status_code == 200, answer.text
    assert {k: answer.json()["result"][k] for k in result} == result


def test_keys_and_wallets_that_are_not_there_are_not_proven(start_bridge, start_simulator):
    """What upstream shows when nobody ever gave it keys, or when Gateway has its placeholder."""
    simulator = start_simulator("--world", "fresh")
    with FaultServer(upstream=("127.0.0.1", simulator.port)) as faults:
        bridge = start_bridge(f"http://127.0.0.1:{faults.port}", BRIDGE_PLUGINS=ROOT / "plugins")
        keys = act(bridge, "prove_keys", "bitmart", params={"market": "perpetual"}).json()["result"]
        assert keys["proven"] is False and "has no keys for BitMart perpetual" in keys["reason"]
        for rows, told in (([], "no Solana wallet"),
                           ([{"chain": "solana", "walletAddresses": [], "default_address": "<solana-wallet-address>"}],
                            "still the text of a fresh installation")):
            faults.behave("GET", "/accounts/gateway/wallets", reply_json(200, rows), forever=True)
            wallet = act(bridge, "prove_wallet", "jupiter").json()["result"]
            assert wallet["proven"] is False and told in wallet["reason"], wallet
        faults.behave("GET", "/accounts/gateway/wallets", reply_json(200, [
            {"chain": "ethereum", "walletAddresses": ["0xabc"]},
            {"chain": "solana", "walletAddresses": ["first", "second"], "default_address": "second"}]), forever=True)
        wallet = act(bridge, "prove_wallet", "jupiter").json()["result"]
        assert wallet.get("address") == "second", "the default wallet is the one that bots use"


def test_add_token_shows_its_call_first(bridge):
    body = act(bridge, "add_token", "jupiter", dry_run=True,
               params={"address": "9BB6NFEcjBCtnNLFko2FqVQBq8HHM13kCyYcdQbgpump", "symbol": "NEW"}).json()
    assert body["calls"][0]["endpoint"] == "gateway.token_add" and body["calls"][0]["state"] == "not_sent"
    assert body["calls"][0]["args"]["body"]["symbol"] == "NEW" and body["result"]["added"] is False
    token = {"address": "9BB6NFEcjBCtnNLFko2FqVQBq8HHM13kCyYcdQbgpump", "symbol": "NEW", "decimals": 6}
    added = act(bridge, "add_token", "jupiter", params=token).json()
    assert added["result"] == {"added": True, "symbol": "NEW", "decimals": 6}, added
    again = act(bridge, "add_token", "jupiter", params=token).json()
    assert again["result"]["added"] is False and again["calls"] == []


def test_action_is_in_the_audit(bridge):
    act(bridge, "add_account", params={"name": "audited"})
    db = sqlite3.connect(bridge.folder / "data" / "bridge.db")
    docs = [d for d, in db.execute("SELECT doc FROM audit WHERE route LIKE '%actions%'")]
    assert any('"accounts.add"' in d and '"done"' in d and '"add_account"' in d for d in docs), docs

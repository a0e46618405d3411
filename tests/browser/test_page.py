"""The page as an operator uses it: real bridge, real browser, simulated Hummingbot API."""
import re

import pytest
import requests
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

import programs

PATIENCE_S = 60
HOSTILE = "<img src=x onerror=document.title='owned'>"


class Page:
    def __init__(self, driver, url):
        self.driver, self.url = driver, url

    def one(self, css, seconds=PATIENCE_S):
        """The first visible element that fits; waits for it."""
        return WebDriverWait(self.driver, seconds, ignored_exceptions=(Exception,)).until(
            lambda d: next((e for e in d.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()), False), css)

    def see(self, text, css="main", seconds=PATIENCE_S):
        WebDriverWait(self.driver, seconds, ignored_exceptions=(Exception,)).until(
            lambda d: any(text in e.text for e in d.find_elements(By.CSS_SELECTOR, css)),
            "%r in %s" % (text, css))

    def click(self, css, text=None):
        def pressed(driver):
            for element in driver.find_elements(By.CSS_SELECTOR, css):
                if element.is_displayed() and (text is None or element.text.strip() == text):
                    element.click()
                    return True
            return False
        WebDriverWait(self.driver, PATIENCE_S, ignored_exceptions=(Exception,)).until(pressed, "%s %r" % (css, text))

    def write(self, name, text):
        element = self.one("[name=%s]" % name)
        element.clear()
        element.send_keys(text)
        return element

    def sign_in(self, token=programs.TOKEN):
        self.driver.get(self.url + "/")
        self.write("token", token).send_keys(Keys.ENTER)

    def open(self, address):
        self.driver.execute_script("location.hash = arguments[0]", address)

    def console(self):
        """What went wrong in the page itself; a refusal that the bridge answered is no error of it."""
        return [e["message"] for e in self.driver.get_log("browser")
                if e["level"] in ("SEVERE", "WARNING") and not re.search(r"the server responded with a status of 4(01|12|22) ", e["message"])]


@pytest.fixture
def page(browser, bridge):
    page = Page(browser, bridge.url)
    yield page
    assert page.console() == []


def caller(bridge):
    session = requests.Session()
    session.headers["Authorization"] = "Bearer " + programs.TOKEN

    def call(method, path, **options):
        return session.request(method, bridge.url + path, timeout=60, **options)
    return call


@pytest.fixture
def api(bridge):
    return caller(bridge)


def named(api, name):
    return [b for b in api("GET", "/bots").json()["bots"] if b["name"] == name]


def row(page, name):
    return next(r for r in page.driver.find_elements(By.CSS_SELECTOR, "tbody tr") if name in r.text)


def test_nobody_gets_in_without_a_good_token(page):
    page.sign_in("wrong-token-0123456789abcdef0123456789")
    page.see("This token is not accepted", "#sign-in-error")
    assert page.driver.find_elements(By.CSS_SELECTOR, "table.bots") == []
    assert not page.one("header.top").find_element(By.ID, "nav").is_displayed()
    page.write("token", programs.TOKEN).send_keys(Keys.ENTER)
    page.see("Bots", "h1")
    page.click(".who button", "Sign out")
    page.see("You are signed out")
    page.driver.refresh()
    page.one("#token")


def test_the_token_is_kept_nowhere_in_the_page(page):
    page.sign_in()
    page.see("Bots", "h1")
    kept = page.driver.execute_script(
        "return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, document.documentElement.outerHTML, location.href])")
    assert programs.TOKEN not in kept
    page.driver.refresh()
    page.see("Bots", "h1")  # the session is a cookie that scripts cannot read


def test_other_instances_are_shown_and_not_commanded(page):
    page.sign_in()
    page.see("not made by the bridge", "table.bots")
    other = row(page, "sim-001")
    assert other.find_elements(By.TAG_NAME, "button") == []
    other.find_element(By.TAG_NAME, "a").click()
    page.see("not made by the bridge", ".state-line")
    assert page.driver.find_elements(By.CSS_SELECTOR, ".title-row .row-buttons button") == []


def test_errors_are_shown_at_their_fields(page):
    page.sign_in()
    page.open("#/new")
    page.click("a.choice[href$=spot_mm]")
    page.write("name", "never-made")
    page.write("budget_quote", "5")
    second = page.driver.find_elements(By.CSS_SELECTOR, "input[aria-label^='Spreads']")[1]
    second.clear()
    second.send_keys("0.1")
    page.click("form button[type=submit]")
    page.see("at least 20", ".field.wrong")
    budget = page.one("[name=budget_quote]")
    assert budget.get_attribute("aria-invalid") == "true"
    told = page.driver.find_element(By.ID, budget.get_attribute("aria-describedby").split()[0])
    assert "at least 20" in told.text
    second = page.driver.find_elements(By.CSS_SELECTOR, "input[aria-label^='Spreads']")[1]
    assert second.get_attribute("aria-invalid") == "true"
    assert page.driver.switch_to.active_element.get_attribute("role") == "alert"
    assert page.driver.find_elements(By.CSS_SELECTOR, ".plan") == []

    page.write("name", "")
    budget = page.write("budget_quote", "100")
    second.clear()
    second.send_keys("0.9")
    page.click("form button[type=submit]")
    page.see("A bot needs a name", ".field.wrong")
    assert budget.get_attribute("aria-invalid") is None


def test_what_is_typed_is_checked_before_the_plan(page):
    page.sign_in()
    page.open("#/new")
    page.click("a.choice[href$=spot_mm]")
    budget = page.write("budget_quote", "5")
    page.see("at least 20", ".field.wrong")
    assert budget.get_attribute("aria-invalid") == "true"
    assert len(page.driver.find_elements(By.CSS_SELECTOR, ".field.wrong")) == 1, "only what was touched"
    # A form that is right is held against the market.
    page.write("budget_quote", "100")
    page.write("pair", "NOPE-USDT")
    page.see("does not list the pair", ".field.wrong")
    page.write("pair", "BTC-USDT")
    WebDriverWait(page.driver, PATIENCE_S).until(lambda d: not d.find_elements(By.CSS_SELECTOR, ".field.wrong"), "the errors go again")
    assert page.driver.find_elements(By.CSS_SELECTOR, ".plan") == []


# Of the forms that are made from controller classes those with every shape of a field.
CLASS_FORMS = ("controller", "grid_strike", "multi_grid_strike", "dman_v3", "quantum_grid_allocator")


def check_field(form, name, field, prefix=""):
    default, widget = field.get("default"), field["x-widget"]
    if widget == "record":
        if "null" in field["type"]:
            assert form.find_element(By.NAME, prefix + name).is_selected() == (default is not None), name
        for member, row in field["properties"].items():
            check_field(form, member, {**row, "default": (default or {}).get(member, row.get("default"))}, prefix + name + ".")
        return
    if widget == "list":
        found = form.find_elements(By.XPATH, ".//fieldset[legend[starts-with(., '%s')]]" % field["title"])[0]
        if field["items"]["x-widget"] == "record":
            assert len(found.find_elements(By.CSS_SELECTOR, ".record-line")) == len(default), name
            return
        values = [i.get_attribute("value") for i in found.find_elements(By.TAG_NAME, "input")]
        assert values == [str(v) for v in default or []], name
        return
    element = form.find_element(By.NAME, prefix + name)
    if widget == "switch":
        assert element.is_selected() == (default is True), name
    elif widget == "select":
        assert Select(element).first_selected_option.text == str("none" if default is None else default).replace("_", " "), name
    else:
        assert element.get_attribute("value") == ("" if default is None else str(default)), name


def test_a_form_has_every_field_of_its_schema(page, api):
    page.sign_in()
    for exchange in api("GET", "/exchanges").json()["exchanges"]:
        for strategy in exchange["strategies"]:
            if exchange["name"] == "hummingbot" and strategy["name"] not in CLASS_FORMS:
                continue
            address = "exchanges/%s/strategies/%s" % (exchange["name"], strategy["name"])
            schema = api("GET", "/" + address).json()["schema"]
            page.open("#/new/%s/%s" % (exchange["name"], strategy["name"]))
            page.see(strategy["title"], "h1")
            form = page.one("form.form")
            for name, field in schema["properties"].items():
                check_field(form, name, field)


def test_records_of_a_form(page):
    """Objects and lists of objects are filled in field by field, and their errors stand at the field."""
    page.sign_in()
    page.open("#/new/hummingbot/multi_grid_strike")
    page.see("Multi grid strike", "h1")
    page.write("name", "records")
    page.write("connector_name", "bitmart")
    form = page.one("form.form")
    grids = form.find_element(By.XPATH, ".//fieldset[legend[starts-with(., 'Grids')]]")
    next(b for b in grids.find_elements(By.CSS_SELECTOR, ".list > button")).click()
    ids = grids.find_elements(By.NAME, "grids.grid_id")
    assert [i.get_attribute("value") for i in ids] == ["grid_1", "grid_1"]
    stop = form.find_element(By.NAME, "triple_barrier_config.stop_loss")
    stop.send_keys("3")
    page.click("form button[type=submit]")
    page.see("at most 1", ".field.wrong .record .field.wrong")
    assert stop.get_attribute("aria-invalid") == "true"
    stop.clear()
    form.find_element(By.NAME, "triple_barrier_config.trailing_stop").click()
    form.find_element(By.NAME, "triple_barrier_config.trailing_stop.activation_price").send_keys("0.02")
    form.find_element(By.NAME, "triple_barrier_config.trailing_stop.trailing_delta").send_keys("0.01")
    page.click("form button[type=submit]")
    page.see("is there twice", ".record-line .field.wrong")
    assert ids[1].get_attribute("aria-invalid") == "true" and ids[0].get_attribute("aria-invalid") is None
    ids[1].clear()
    ids[1].send_keys("grid_2")
    page.click("form button[type=submit]")
    page.see("Plan for “records”", "h2")
    page.click(".plan details.file summary")
    page.see('"grid_id": "grid_2"', ".plan pre")
    page.see('"activation_price": 0.02', ".plan pre")


def test_the_fields_of_a_controller_that_only_the_api_knows(page):
    page.sign_in()
    page.open("#/new/hummingbot/controller")
    page.see("as text", "main")
    page.write("choice", "generic/my_own").send_keys(Keys.ENTER)
    page.see("Not verified: Decimal by the API's template", ".record .help")
    assert page.one("[name=controller]").get_attribute("value") == "generic/my_own"
    assert page.one("[name='config.my_width']").get_attribute("value") == "0.004"
    assert page.driver.find_elements(By.NAME, "config.connector_name") == []


def test_a_bot_from_the_form_to_its_stop(page, api):
    page.sign_in()
    page.open("#/new")
    page.click("a.choice[href$=spot_grid]")
    page.write("name", "page-grid")
    page.write("pair", "SOL-USDT")
    page.write("budget_quote", "200")
    page.click("form button[type=submit]")

    # The plan shows the bytes, the calls, the limits and what a stop will do; nothing was sent.
    page.see("Plan for “page-grid”", "h2")
    plan = page.one(".plan")
    for words in ("POST /bot-orchestration/deploy-v2-script", "What a stop will do", "sold with a market order", "market price \u22125 %", "200 USDT", "0.8 %", "Largest loss of the bot"):
        assert words in plan.text, words
    page.click(".plan details.file summary")
    page.see('"trading_pair": "SOL-USDT"', ".plan pre")
    assert named(api, "page-grid") == []

    create = page.one(".plan button.primary")
    ActionChains(page.driver).double_click(create).perform()
    page.see("page-grid", "h1")
    page.see("Create", "[data-part=operation] h2")
    page.see("Deploy, sent once", ".steps")
    page.see("succeeded", "[data-part=operation] .chip")
    page.see("running", ".state-line .chip")
    bots = named(api, "page-grid")
    assert len(bots) == 1
    operations = api("GET", "/operations?bot=" + bots[0]["id"]).json()["operations"]
    assert [o["kind"] for o in operations] == ["create"]

    # Profit with its sign, currency and time, in the bot and in the list.
    page.see("USDT", "[data-part=profit] td")
    page.open("#/")
    page.see("page-grid", "table.bots")
    WebDriverWait(page.driver, PATIENCE_S, ignored_exceptions=(Exception,)).until(
        lambda _: re.search(r"([+\u2212][\d.\s]+|\b0[.0]*)\sUSDT", row(page, "page-grid").text), "profit in the list")
    assert re.search(r"now|ago", row(page, "page-grid").text)

    # Asked first, and a cancelled question does nothing.
    row(page, "page-grid").find_element(By.TAG_NAME, "button").click()
    page.see("sold with a market order", "dialog")
    page.click("dialog button", "Cancel")
    assert len(api("GET", "/operations?bot=" + bots[0]["id"]).json()["operations"]) == 1
    row(page, "page-grid").find_element(By.TAG_NAME, "button").click()
    page.click("dialog button", "Stop this bot")
    page.see("Stop", "[data-part=operation] h2")
    page.see("stopped", ".state-line .chip")
    page.see("succeeded", "[data-part=operation] .chip")
    bots = named(api, "page-grid")
    assert [b["state"] for b in bots] == ["stopped"]
    assert [b.text for b in page.driver.find_elements(By.CSS_SELECTOR, ".title-row .row-buttons button")] == \
        ["Start…", "Redeploy…", "Archive…"]


@pytest.fixture
def fast(browser, tmp_path):
    """A page, its bridge and its simulator of their own, ten times as fast as the clock."""
    simulator = programs.start_simulator(tmp_path, TB_TIME_SCALE="10")
    bridge = programs.start_bridge(tmp_path, simulator.url, TB_TIME_SCALE="10")
    page = Page(browser, bridge.url)
    yield page, caller(bridge), simulator
    assert page.console() == []
    assert bridge.stop() == 0, bridge.log.read_text(errors="replace")[-3000:]
    simulator.stop()


def test_each_button_does_what_it_says_and_nothing_else(fast):
    """Stop, start, abandon and delete, each held against what the simulated API was sent and runs."""
    page, api, simulator = fast
    made = api("POST", "/bots", json={"name": "page-buttons", "exchange": "bitmart", "strategy": "spot_grid"},
               headers={"Prefer": "wait=100"})
    assert made.status_code == 201, made.text
    instance = made.json()["instance"]

    def ledger():
        return requests.get(simulator.url + "/_simulator/ledger", timeout=60).json()

    def writes():
        """Since the last call: what was changed upstream for this bot, and its container's state.
        The balances after a stop are read by a POST."""
        now = ledger()
        sent = [w["path"].split(instance)[0] for w in now["writes"][seen[0]:]
                if w["path"] != "/portfolio/state"]
        seen[0] = len(now["writes"])
        return sent, next(c["state"] for c in now["containers"] if c["name"] == instance)

    def press(button, go, more=lambda: None):
        page.click(".title-row button", button)
        more()
        page.click("dialog button", go)

    def abandon():
        page.click("dialog label strong", "Abandon")
        page.click("dialog button", "Stop this bot")
        page.see("Write the word abandon to confirm", "dialog [role=alert]")
        page.one("dialog input[type=text]").send_keys("abandon")

    seen = [len(ledger()["writes"])]
    page.sign_in()
    page.open("#/bots/" + made.json()["id"])
    press("Stop\u2026", "Stop this bot")
    page.see("stopped", ".state-line .chip")
    assert writes() == (["/bot-orchestration/stop-bot"], "running"), "a stop leaves the container"
    press("Start\u2026", "Start this bot")
    page.see("running", ".state-line .chip")
    assert writes() == (["/docker/stop-container/", "/docker/start-container/"], "running")
    press("Stop\u2026", "Stop this bot", abandon)
    page.see("stopped", ".state-line .chip")
    page.see("unattended", ".state-line")
    assert writes() == (["/docker/stop-container/"], "exited"), "the strategy was asked to close something"
    page.open("#/")
    page.see("unattended", "table.bots")

    page.open("#/bots/" + made.json()["id"])
    press("Start\u2026", "Start this bot")
    page.see("running", ".state-line .chip")
    writes()
    assert requests.post(f"{simulator.url}/_simulator/bots/{instance}/crash", timeout=60).status_code < 300
    page.see("failed", ".state-line .chip")
    press("Delete\u2026", "Delete the record")
    page.see("Bots", "h1")
    assert named(api, "page-buttons") == []
    assert writes() == ([], "exited"), "a record is deleted, nothing upstream"


def test_the_verbs_that_go_on_after_a_stop(fast):
    """Restart, redeploy and archive: what they say before, and what the simulated API shows after."""
    page, api, simulator = fast
    made = api("POST", "/bots", json={"name": "page-verbs", "exchange": "bitmart", "strategy": "spot_grid"},
               headers={"Prefer": "wait=100"})
    assert made.status_code == 201, made.text
    first = made.json()["instance"]

    def of_bot():
        ledger = requests.get(simulator.url + "/_simulator/ledger", timeout=60).json()
        return ([n for n in ledger["trading"] if "page-verbs" in n],
                {c["name"]: c["state"] for c in ledger["containers"] if "page-verbs" in c["name"]})

    def verb(name, says):
        page.click(".title-row button", name + "\u2026")
        page.see(says, "dialog li")
        page.click("dialog button", name + " this bot")
        page.see(name, "[data-part=operation] h2")
        page.see("succeeded", "[data-part=operation] .chip")

    page.sign_in()
    page.open("#/bots/" + made.json()["id"])
    verb("Restart", "Once the stop is proven")
    page.see("running", ".state-line .chip")
    assert of_bot() == ([first], {first: "running"})
    verb("Redeploy", "a new instance is deployed")
    page.see("running", ".state-line .chip")
    trading, containers = of_bot()
    assert len(trading) == 1 and trading != [first] and containers[first] == "exited"
    verb("Archive", "the container is removed")
    page.see("archived", ".state-line .chip")
    assert of_bot() == ([], {first: "exited"})


def test_a_bot_is_changed_from_its_form(page, api):
    made = api("POST", "/bots", json={"name": "page-mm", "exchange": "bitmart", "strategy": "spot_mm"},
               headers={"Prefer": "wait=100"})
    assert made.status_code == 201, made.text
    address = "/bots/%s" % made.json()["id"]
    page.sign_in()
    page.open("#" + address)
    page.click("[data-part=parameters] a", "Change…")
    page.see("Change “page-mm”", "h1")
    assert page.one("[name=refresh_s]").get_attribute("value") == "120"
    assert page.one("[name=max_loss_quote]").get_attribute("value") == "20.00"
    page.write("refresh_s", "1")
    page.click("form button[type=submit]")
    page.see("at least 15", ".field.wrong")
    page.write("refresh_s", "60")
    page.write("pair", "ETH-USDT")
    page.write("stop_loss_pct", "")
    page.click("form button[type=submit]")
    page.see("Version 2", "[data-part=result] h2")
    result = page.one("[data-part=result]").text
    assert "executor_refresh_time: 120 \u2192 60" in result and "for new orders" in result
    assert "trading_pair: BTC-USDT \u2192 ETH-USDT" in result and "reads this field at its start only" in result
    params = api("GET", address + "/params").json()["params"]
    assert params["refresh_s"] == 60 and params["stop_loss_pct"] is None
    # Somebody else changes it meanwhile: the page says so and undoes nothing.
    assert api("PUT", address, json={"params": {"cooldown_s": 40}}).status_code == 200
    page.write("refresh_s", "90")
    page.click("form button[type=submit]")
    page.see("were changed meanwhile", ".summary")
    assert api("GET", address + "/params").json()["params"]["refresh_s"] == 60
    page.click("[data-part=result] a", "Back to the bot")
    page.see("trading_pair: BTC-USDT \u2192 ETH-USDT", "[data-part=parameters]")
    assert api("POST", address + "/stop").status_code == 202


def test_what_others_wrote_is_text(page, api, relay):
    relay.planted = "Order failed: " + HOSTILE + "<script>document.title='owned'</script>"
    try:
        made = api("POST", "/bots", json={"name": HOSTILE, "exchange": "bitmart", "strategy": "spot_grid"})
        assert made.status_code == 202, made.text
        bot = made.json()["id"]
        page.sign_in()
        page.see(HOSTILE, "table.bots a")
        page.open("#/bots/" + bot)
        page.see(HOSTILE, "h1")
        page.see("running", ".state-line .chip")
        page.see(HOSTILE + "<script>", ".errors")
        page.click("details.card summary", "Log lines")
        page.see(HOSTILE + "<script>", ".log")
        page.click(".title-row button", "Stop…")
        page.see(HOSTILE, "dialog h2")
        assert page.driver.find_elements(By.CSS_SELECTOR, "main img, main script, dialog img, dialog script") == []
        assert "owned" not in page.driver.title or HOSTILE in page.driver.title
        assert page.driver.execute_script("return performance.getEntriesByType('resource').map(e => new URL(e.name).origin)"
                                          ".every(o => o === location.origin)")
        page.click("dialog button", "Stop this bot")
        page.see("stopped", ".state-line .chip")
    finally:
        relay.planted = None


def test_every_finding_is_shown_beside_the_strongest(fast):
    """Somebody wrote an unknown key into the bot's file: its files differ, and its errors rise."""
    page, api, simulator = fast
    made = api("POST", "/bots", json={"name": "page-watch", "exchange": "bitmart", "strategy": "spot_grid"},
               headers={"Prefer": "wait=100"})
    assert made.status_code == 201, made.text
    path = f"{simulator.url}/controllers/bots/{made.json()['instance']}"
    login = {"auth": ("admin", "admin"), "timeout": 60}
    config = requests.get(path + "/configs", **login).json()[0]["_config_name"]
    assert requests.post(f"{path}/{config}/config", json={"bogus_key": 1}, **login).status_code == 200
    page.sign_in()
    page.open("#/bots/" + made.json()["id"])
    page.see("files drifted", "[data-part=watch]")
    page.see("bogus_key", "[data-part=watch]")
    page.see("errors rising", "[data-part=watch]")
    assert {w["code"] for w in named(api, "page-watch")[0]["watch"]} >= {"files_drifted", "errors_rising"}


def test_a_client_only_sees(page, api):
    mine = api("POST", "/bots", json={"name": "client-grid", "exchange": "bitmart", "strategy": "spot_grid"}).json()["id"]
    made = api("POST", "/tokens", json={"name": "page client", "role": "client", "bots": [mine]})
    assert made.status_code == 201, made.text
    page.sign_in(made.json()["token"])
    page.see("client", ".who")
    page.see("client-grid", "table.bots")
    assert "sim-001" not in page.one("table.bots").text
    assert [b.text for b in page.driver.find_elements(By.CSS_SELECTOR, "main button") if b.text.startswith(("Start", "Stop…", "Delete"))] == []
    assert "New bot" not in page.one("body").text
    page.open("#/bots/" + mine)
    page.see("running", ".state-line .chip")
    page.see("USDT", "[data-part=profit] td")
    assert page.driver.find_elements(By.CSS_SELECTOR, "main button") == []
    page.open("#/new")  # an address typed by hand leads to the list
    page.see("client-grid", "table.bots")


def test_an_unreachable_upstream_is_said(page, relay):
    page.sign_in()
    page.see("Bots", "h1")
    relay.down = True
    try:
        page.see("Hummingbot API unreachable since", ".banner")
        assert page.one(".banner").get_attribute("role") == "alert"
    finally:
        relay.down = False
    WebDriverWait(page.driver, PATIENCE_S).until(lambda d: not d.find_elements(By.CSS_SELECTOR, ".banner"), "the banner goes again")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_cut_off_at_this_width(page, width):
    programs.size(page.driver, width, 800)
    page.sign_in()
    page.see("sim-001", "table.bots")
    for address, words in (("#/", "sim-001"), ("#/new", "BitMart"), ("#/new/bitmart/spot_mm", "Market making"), ("#/new/bitmart/spot_grid", "Grid")):
        page.open(address)
        page.see(words)
        assert page.driver.execute_script("return document.documentElement.scrollWidth") <= width, address


def test_everything_is_stopped_and_those_that_ran_start_again(fast):
    """What would be done is shown before; then what was done, bot by bot."""
    page, api, simulator = fast
    names = ["page-all-1", "page-all-2"]
    for name in names:
        made = api("POST", "/bots", json={"name": name, "exchange": "bitmart", "strategy": "spot_grid"},
                   headers={"Prefer": "wait=100"})
        assert made.status_code == 201, made.text

    def trading():
        alive = requests.get(simulator.url + "/_simulator/ledger", timeout=60).json()["trading"]
        return [n for n in names if any(i.startswith("hummingbot-%s-" % n) for i in alive)]

    page.sign_in()
    assert requests.post(simulator.url + "/_simulator/reboot", timeout=60).status_code < 300
    page.see("fell together", ".banner")
    assert trading() == []
    page.click(".banner a", "Start them\u2026")
    page.see("page-all-1: would be done")
    assert trading() == []
    page.click("main button", "Start them one after another")
    page.see("succeeded", "main .chip")
    assert trading() == names

    page.open("#/")
    page.click("main a", "Stop everything\u2026")
    page.see("page-all-2: would be done")
    page.see("sold with a market order")
    assert trading() == names
    page.click("main button", "Stop all of them now")
    page.see("page-all-2: done")
    page.see("succeeded", "main .chip")
    assert trading() == []
    bot = named(api, "page-all-1")[0]["id"]
    page.open("#/bots/" + bot)
    # The bots died with orders on the exchange: those may rest there still, and the page says so.
    left = {"none": "No orders rest on the exchange", "locked": "Orders still lock a part"}
    stop = next(o for o in api("GET", "/operations?bot=" + bot).json()["operations"] if o["kind"] == "stop")

    def told():
        return (api("GET", "/operations/" + stop["id"]).json()["left"] or {}).get("orders")
    page.see(left[WebDriverWait(page.driver, 60).until(lambda _: told())], "[data-part=operation]")
    assert page.console() == []

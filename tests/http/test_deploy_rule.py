"""The deploy rule, black box: whatever happens to the one deploy call, a bot that was asked for once
lives at most once, and its operation says what the simulator's ledger shows."""
import concurrent.futures

import pytest
import requests

from lifecycle import (DEPLOY, Watch, assert_truth, bot, changes, command, create, deploys, ended, form,
                       fresh_name, of_bot, operation, running, together, trading, until,
                       until_state)

SCALE = 10


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator(TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator, TB_TIME_SCALE=SCALE)


@pytest.fixture
def pair(start_simulator, start_bridge):
    def start():
        simulator = start_simulator(TB_TIME_SCALE=SCALE)
        return start_bridge(simulator, TB_TIME_SCALE=SCALE), simulator
    return start


@pytest.fixture(autouse=True)
def clean(simulator):
    simulator.control("DELETE", "/faults")
    simulator.control("DELETE", "/ledger")
    yield
    simulator.control("DELETE", "/faults")
    simulator.control("POST", "/conditions", {"broker": "up", "engine": "up", "database": "up"})


def fault(simulator, kind, path=DEPLOY, method="POST", **more):
    simulator.fault(match={"method": method, "path": path}, kind=kind, **more)


# kind of fault on the deploy, its settings, how the operation may end
LOST = [
    ("drop_after", {}, {"succeeded"}),
    ("drop_before", {}, {"succeeded"}),
    ("error500", {}, {"succeeded"}),
    ("error_detail", {"detail": "[Errno 5] Input/output error"}, {"succeeded"}),
    ("success_shaped_failure", {}, {"succeeded"}),
    ("html", {}, {"succeeded"}),
    ("created", {}, {"succeeded"}),
    ("engine_timeout", {}, {"succeeded"}),
    ("late", {"delay_ms": 5000}, {"succeeded"}),
    ("late", {"delay_ms": 60000}, {"succeeded"}),
    ("late", {"delay_ms": 120000}, {"succeeded"}),
    ("late_hang", {"delay_ms": 20000}, {"succeeded"}),
    ("late_hang", {"delay_ms": 120000}, {"succeeded"}),
    ("hang", {"delay_ms": 200000}, {"succeeded"}),
    ("latency", {"delay_ms": 5000}, {"succeeded"}),
    ("freeze", {"delay_ms": 8000}, {"succeeded"}),
    ("unauthorized", {}, {"failed"}),
]


def test_a_disturbed_deploy_ends_with_one_instance(pair):
    def play(kind, settings, states):
        name = "lost"
        bridge, simulator = pair()
        fault(simulator, kind, **settings)
        with Watch(simulator, name):
            href = create(bridge, name).json()["operation"]["href"]
            op = ended(bridge, href)
            assert op["state"] in states, op
            assert_truth(bridge, simulator, name, op)
            # What was abandoned may still arrive: it must neither trade nor change what was said.
            late = settings.get("delay_ms", 0)
            now = simulator.ledger()["now_ms"]
            until(lambda: simulator.ledger()["now_ms"] > now + late + 15000)
            assert_truth(bridge, simulator, name, op)
        delivered, _ = deploys(simulator)
        assert delivered <= 2  # one nonce, and after proof that it made nothing, one more
        bridge.stop()
        simulator.stop()

    together(LOST, play)


def test_every_deploy_is_disturbed(bridge, simulator):
    name = fresh_name("never")
    fault(simulator, "drop_before", count=0)
    with Watch(simulator, name):
        href = create(bridge, name).json()["operation"]["href"]
        op = ended(bridge, href)
    assert op["state"] == "failed" and op["error"]["code"] == "not_created", op
    assert_truth(bridge, simulator, name, op)
    assert deploys(simulator) == (2, 0)
    files = simulator.ledger()["files"]
    assert not [f for f in files["scripts_configs"] + files["controllers_configs"]
                if f.startswith(f"hummingbot-{name}-")]


def test_lists_that_are_texts_are_not_a_look(bridge, simulator):
    name = fresh_name("texts")
    fault(simulator, "drop_after")
    fault(simulator, "text_list", path="/docker/", method="GET", count=14)
    with Watch(simulator, name):
        href = create(bridge, name).json()["operation"]["href"]
        op = ended(bridge, href)
        assert op["state"] == "succeeded", op
        assert_truth(bridge, simulator, name, op)
    assert deploys(simulator) == (1, 1)


@pytest.mark.parametrize("step", ["deploy", "container", "proof_of_life"])
def test_upstream_restarts_in_the_middle(bridge, simulator, step):
    name = fresh_name("restart")
    with Watch(simulator, name):
        href = create(bridge, name).json()["operation"]["href"]
        until(lambda: operation(bridge, href)["state"] == "succeeded" or
              any(s["name"] == step for s in operation(bridge, href)["steps"]))
        simulator.control("POST", "/restart")
        op = ended(bridge, href)
        assert op["state"] == "succeeded", op
        assert_truth(bridge, simulator, name, op)


@pytest.mark.parametrize("path, method", [("/controllers/configs", "POST"),
                                          ("/scripts/configs", "POST")])
@pytest.mark.parametrize("kind", ["drop_after", "error500", "html", "late"])
def test_disturbed_uploads(bridge, simulator, path, method, kind):
    name = fresh_name("upload")
    fault(simulator, kind, path=path, method=method, delay_ms=3000)
    with Watch(simulator, name):
        op = ended(bridge, create(bridge, name).json()["operation"]["href"])
        assert op["state"] == "succeeded", op
        assert_truth(bridge, simulator, name, op)
    assert deploys(simulator) == (1, 1)


def test_engine_down_then_up(bridge, simulator):
    name = fresh_name("engine")
    href = create(bridge, name).json()["operation"]["href"]
    simulator.control("POST", "/conditions", {"engine": "down"})
    until(lambda: len(operation(bridge, href)["steps"]) > 0)
    now = simulator.ledger()["now_ms"]
    until(lambda: simulator.ledger()["now_ms"] > now + 20000)
    simulator.control("POST", "/conditions", {"engine": "up"})
    with Watch(simulator, name):
        op = ended(bridge, href)
        assert_truth(bridge, simulator, name, op)


# ---- twice ----

def test_two_posts_with_one_key(bridge, simulator):
    name = fresh_name("key")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: create(bridge, name, key=f"k-{name}"), range(6)))
    assert len({a.json()["id"] for a in answers}) == 1
    assert len({a.json()["operation"]["id"] for a in answers}) == 1
    op = ended(bridge, answers[0].json()["operation"]["href"])
    assert_truth(bridge, simulator, name, op)
    assert deploys(simulator) == (1, 1)
    again = create(bridge, name, key=f"k-{name}")
    assert again.headers.get("Idempotency-Replayed") == "true"
    other = bridge.post("/bots", json=form(name + "x"), headers={"Idempotency-Key": f"k-{name}"})
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused", other.text
    assert deploys(simulator) == (1, 1)


def test_two_posts_without_a_key(bridge, simulator):
    name = fresh_name("nokey")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: bridge.post("/bots", json=form(name)), range(6)))
    made = [a for a in answers if a.status_code == 202]
    assert len(made) == 1, [a.text for a in answers]
    for refused in (a for a in answers if a not in made):
        assert refused.status_code == 409, refused.text
        body = refused.json()
        assert body["code"] == "name_taken" and body["detail"]
        assert body["existing"]["id"] == made[0].json()["id"], body
    assert_truth(bridge, simulator, name, ended(bridge, made[0].json()["operation"]["href"]))
    assert deploys(simulator) == (1, 1)


def test_a_failed_name_can_be_used_again(bridge, simulator):
    name = fresh_name("again")
    fault(simulator, "unauthorized")
    op = ended(bridge, create(bridge, name).json()["operation"]["href"])
    assert op["state"] == "failed", op
    assert running(bridge, name)["id"] != op["bot"]
    assert len(trading(simulator, name)) == 1


def test_a_plan_makes_one_bot(bridge, simulator):
    """A second bot of the same plan would reuse its nonce, and so its files."""
    name = fresh_name("plan")
    planned = bridge.post("/bots/plan", json=form(name)).json()["plan_id"]
    assert changes(simulator) == []
    fault(simulator, "unauthorized")
    answer = bridge.post("/bots", json={"plan_id": planned})
    assert answer.status_code == 202, answer.text
    assert ended(bridge, answer.json()["operation"]["href"])["state"] == "failed"
    again = bridge.post("/bots", json={"plan_id": planned})
    assert again.status_code in (404, 409, 422), again.text
    assert deploys(simulator) == (1, 0)


def test_two_instances_of_one_attempt_are_a_conflict(bridge, simulator):
    """As when something in between delivers the one deploy twice."""
    name = fresh_name("double")
    fault(simulator, "latency", path="/docker/active", method="GET", delay_ms=12000, count=0)
    fault(simulator, "drop_after")
    href = create(bridge, name).json()["operation"]["href"]
    first = until(lambda: trading_or_booting(simulator, name))[0]
    base = first[:-len("-YYYYMMDD-HHMMSS")]
    until(lambda: simulator.ledger()["now_ms"] // 1000 % 60 != int(first[-2:]))
    answer = requests.post(simulator.url + DEPLOY + "script", auth=("admin", "admin"), timeout=30,
                           json={"instance_name": base, "credentials_profile": "master_account",
                                 "image": "hummingbot/hummingbot:version-2.16.0",
                                 "script": "v2_with_controllers.py",
                                 "script_config": f"{base}.yml", "headless": True})
    assert answer.json()["success"], answer.text
    simulator.control("DELETE", "/faults")
    op = ended(bridge, href)
    assert op["state"] == "conflict" and op["error"]["code"] == "conflict", op
    shown = bot(bridge, name)
    assert shown["state"] == "conflict" and shown["status"] == "error", shown
    refused = bridge.post(f"/bots/{name}/start", json={})
    assert refused.status_code == 409 and refused.json()["code"] == "state_unknown", refused.text
    # both can be seen
    seen = until(lambda: [b for b in bridge.get("/bots").json()["bots"]
                          if (b["instance"] or "").startswith(base)][1:] and True)
    assert seen


def trading_or_booting(simulator, name):
    return of_bot([c["name"] for c in simulator.ledger()["containers"]
                   if c["state"] == "running"], name)


# ---- refused before anything is sent ----

@pytest.mark.parametrize("change, status", [
    ({"account": "nobody"}, 422),
    ({"account": "../../etc"}, 422),
    ({"account": ""}, 422),
    ({"name": ""}, 422),
    ({"name": "x" * 65}, 422),
    ({"name": "a\nb"}, 422),
    ({"name": 7}, 422),
    ({"exchange": "nowhere"}, 422),
    ({"strategy": "nothing"}, 422),
    ({"image": "evil/image:latest"}, 422),
    ({"image": "hummingbot/hummingbot:version-2.12.0"}, 422),
    ({"params": {"budgte_quote": "100"}}, 422),
    ({"params": [1]}, 422),
    ({"nmae": "x"}, 422),
])
def test_refusals_send_nothing(bridge, simulator, change, status):
    answer = bridge.post("/bots", json={**form(fresh_name("bad")), **change})
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["detail"] and body["code"], body
    assert changes(simulator) == []


def test_a_missing_image_is_pulled(bridge, simulator):
    name = fresh_name("pull")
    image = "hummingbot/hummingbot:version-2.15.0"
    op = ended(bridge, create(bridge, name, image=image).json()["operation"]["href"])
    assert op["state"] == "succeeded", op
    assert bot(bridge, name)["image"] == image
    assert_truth(bridge, simulator, name, op)
    assert sum("/docker/pull-image" in path for path in changes(simulator)) == 1


def test_a_pull_that_fails(bridge, simulator):
    name = fresh_name("nopull")
    image = "hummingbot/hummingbot:version-2.99.0"
    fault(simulator, "error_detail", path="/docker/pull-image", count=0, detail="pull access denied")
    op = ended(bridge, create(bridge, name, image=image).json()["operation"]["href"])
    assert op["state"] == "failed", op
    assert_truth(bridge, simulator, name, op)
    assert deploys(simulator) == (0, 0)


def test_a_pull_whose_failure_stands_in_a_200(start_bridge, start_simulator):
    """The pull is accepted; that it failed is one word in the status of that image."""
    simulator = start_simulator(TB_TIME_SCALE=SCALE)
    bridge = start_bridge(simulator, TB_TIME_SCALE=SCALE, BRIDGE_BOT_IMAGES="other/hummingbot:*")
    name = fresh_name("liedpull")
    op = ended(bridge, create(bridge, name, image="other/hummingbot:version-2.16.0").json()["operation"]["href"])
    assert op["state"] == "failed" and "Pulling the image failed" in op["error"]["detail"], op
    assert of_bot(simulator.ledger()["instances"], name) == []


def test_a_plan_sends_nothing(bridge, simulator):
    """Planning has no way to a mutation: every strategy's plan leaves upstream as it was."""
    before = simulator.ledger()
    planned = 0
    for exchange in ("bitmart", "jupiter"):
        for strategy in bridge.get(f"/exchanges/{exchange}").json()["strategies"]:
            answer = bridge.post("/bots/plan", json={"name": fresh_name("plan"), "exchange": exchange,
                                                     "strategy": strategy["name"]})
            assert answer.status_code in (200, 422), answer.text
            planned += answer.status_code == 200
    assert planned >= 2 and changes(simulator) == []
    after = simulator.ledger()
    for part in ("instances", "files", "containers", "deploys_delivered"):
        assert after[part] == before[part], part


def test_upstream_down_at_create(start_simulator, start_bridge, simulator):
    upstream = start_simulator(TB_TIME_SCALE=SCALE)
    own = start_bridge(upstream, TB_TIME_SCALE=SCALE)
    until(lambda: own.get("/bots").status_code == 200)
    upstream.kill()
    answer = own.post("/bots", json=form("down"))
    assert answer.status_code in (502, 503, 504), answer.text
    assert answer.json()["detail"]
    assert own.get("/bots/down").status_code == 404
    assert own.get("/healthz").status_code == 200


def test_a_name_of_another_script(bridge, simulator):
    name = "日本 ✓ " + fresh_name("bot")
    op = ended(bridge, create(bridge, name).json()["operation"]["href"])
    assert op["state"] == "succeeded", op
    shown = bridge.get(f"/bots/{op['bot']}").json()
    assert shown["name"] == name and shown["state"] == "running"


def test_slugs_may_be_equal(bridge, simulator):
    """Two names with one slug are two bots, and neither is taken for the other."""
    one, two = running(bridge, "same name"), running(bridge, "same.name")
    assert one["instance"] != two["instance"]
    op = ended(bridge, command(bridge, one["id"], "stop")["operation"]["href"])
    assert op["state"] == "succeeded", op
    until_state(bridge, one["id"], "stopped")
    assert bot(bridge, two["id"])["state"] == "running"
    assert two["instance"] in simulator.ledger()["trading"]

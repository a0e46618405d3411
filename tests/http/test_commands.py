"""What the answers to commands say: which start is refused and why, what a stop does to positions."""
import pytest

from lifecycle import bot, command, create, ended, fresh_name, operation, running, until_state

SCALE = 20
DEPLOY = "/bot-orchestration/deploy-v2-"


@pytest.fixture(scope="module")
def simulator(start_simulator):
    return start_simulator(TB_TIME_SCALE=SCALE)


@pytest.fixture(scope="module")
def bridge(start_bridge, simulator):
    return start_bridge(simulator, TB_TIME_SCALE=SCALE)


def test_a_start_is_refused_while_a_create_is_under_way_or_settles(bridge, simulator):
    name = fresh_name("early")
    simulator.fault(match={"method": "POST", "path": DEPLOY}, kind="drop_before", count=0)
    href = create(bridge, name).json()["operation"]["href"]
    early = bridge.post(f"/bots/{name}/start", json={})
    assert (early.status_code, early.json()["code"]) == (409, "operation_in_progress"), early.text
    seen = until_state(bridge, name, "settling")
    assert seen["instances"] is None  # not known, so not 0
    assert seen["operation"] == {"id": href.split("/")[-1], "href": href}
    refused = bridge.post(f"/bots/{name}/start", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "state_unknown"), refused.text
    assert f"/bots/{seen['id']}/stop" in refused.json()["detail"]
    op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
    assert op["state"] == "succeeded" and operation(bridge, href)["state"] == "superseded"
    simulator.control("DELETE", "/faults")


def test_a_stop_says_what_it_does(bridge):
    name = fresh_name("effects")
    running(bridge, name)
    op = ended(bridge, command(bridge, name, "stop")["operation"]["href"])
    assert op["effects"] and "sold with a market order" in op["effects"][0], op
    refused = bridge.delete(f"/bots/{name}")
    assert refused.status_code == 409 and "container still exists" in refused.json()["detail"]
    ended(bridge, command(bridge, name, "start")["operation"]["href"])
    abandon = {"policy": "abandon", "confirm": "abandon"}
    op = ended(bridge, command(bridge, name, "stop", abandon)["operation"]["href"])
    assert len(op["effects"]) == 1 and "unattended" in op["effects"][0], op
    assert bot(bridge, name)["operation"]["id"] == op["id"]


def test_a_silent_bot_is_not_started(bridge, simulator):
    name = fresh_name("silent")
    running(bridge, name)
    simulator.control("POST", "/conditions", {"broker": "down"})
    try:
        seen = until_state(bridge, name, ("stale", "unknown"))
        refused = bridge.post(f"/bots/{name}/start", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "state_unknown"), refused.text
        assert f"/bots/{seen['id']}/stop" in refused.json()["detail"]
        assert bridge.delete(f"/bots/{name}").status_code == 409
    finally:
        simulator.control("POST", "/conditions", {"broker": "up"})
    until_state(bridge, name, "running")

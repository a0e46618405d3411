"""What a plan says of the verdict of the Hummingbot API's own validator, which never stops it."""
import pytest

VALIDATE = "/config/validate"


def plan(bridge, **more):
    answer = bridge.post("/bots/plan", json={"name": "verdict", "exchange": "bitmart",
                                             "strategy": "spot_grid", **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_consent_is_shown(bridge):
    made = plan(bridge)
    assert [c["code"] for c in made["upstream_checks"]] == ["upstream_valid"]
    assert not [w for w in made["warnings"] if w["code"].startswith("upstream_")]


@pytest.mark.parametrize("kind", ["error500", "html", "drop_before", "hang"])
def test_no_verdict_is_said_and_stops_nothing(bridge, simulator, kind):
    path = "/controllers/generic/grid_strike" + VALIDATE
    simulator.fault(match={"method": "POST", "path": path}, kind=kind, count=0)
    try:
        made = plan(bridge)
    finally:
        simulator.control("DELETE", "/faults")
    check = made["upstream_checks"][0]
    assert check["code"] == "upstream_not_asked" and check["hint"], check
    assert made["files"] and made["plan_id"]

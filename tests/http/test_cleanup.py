"""POST /hummingbot/cleanup removes the bridge's own leftovers and never anything else."""
import sqlite3

import pytest
import requests

from lifecycle import bot, changes, command, create, ended, fresh_name, running, until_step


@pytest.fixture
def simulator(start_simulator):
    return start_simulator()


@pytest.fixture
def bridge(start_bridge, simulator):
    return start_bridge(simulator)


def upstream(simulator, method, path, body=None):
    answer = requests.request(method, simulator.url + path, json=body, auth=("admin", "admin"),
                              timeout=120)
    assert answer.status_code < 300, answer.text
    return answer.json()


def configs(simulator):
    return ({c["config_name"] for c in upstream(simulator, "GET", "/scripts/configs/")},
            {c["id"] for c in upstream(simulator, "GET", "/controllers/configs/")})


def base(instance):
    return instance[:-len("-20260101-000000")]


def cleanup(bridge, dry_run=False, expect=200, **more):
    answer = bridge.post("/hummingbot/cleanup" + ("?dry_run=1" if dry_run else ""), json={}, **more)
    assert answer.status_code == expect, answer.text
    return answer.json()


def remove_container(simulator, instance):
    upstream(simulator, "POST", f"/docker/stop-container/{instance}")
    upstream(simulator, "POST", f"/docker/remove-container/{instance}")


@pytest.mark.quick
def test_only_files_of_ended_attempts_without_a_container_go(bridge, simulator):
    living, gone = running(bridge, fresh_name("living")), running(bridge, fresh_name("gone"))
    halted = running(bridge, fresh_name("halted"))
    ended(bridge, command(bridge, halted["id"], "stop",
                          {"policy": "abandon", "confirm": "abandon"})["operation"]["href"])
    ended(bridge, command(bridge, gone["id"], "stop")["operation"]["href"])
    remove_container(simulator, gone["instance"])
    # Not ours, however much they look like it.
    foreign = ["hummingbot-x-0123abcd", f"{base(gone['instance'])}x", "conf_v2_mine"]
    for name in foreign:
        upstream(simulator, "POST", f"/scripts/configs/{name}", {"script_file_name": "x.py"})
        upstream(simulator, "POST", f"/controllers/configs/{name}-1", {"controller_name": "x"})
    upstream(simulator, "POST", f"/controllers/configs/{base(gone['instance'])}-1-copy",
             {"controller_name": "x"})
    before = configs(simulator)
    simulator.control("DELETE", "/ledger")

    shown = cleanup(bridge, dry_run=True)
    assert {i["name"] for i in shown["items"]} == {base(gone["instance"]),
                                                   base(gone["instance"]) + "-1"}, shown
    assert {i["result"] for i in shown["items"]} == {"would_remove"}
    assert {i["bot"] for i in shown["items"]} == {gone["id"]}
    assert shown["dry_run"] is True and shown["removed"] == 0
    assert changes(simulator) == [] and configs(simulator) == before

    done = cleanup(bridge)
    assert {i["result"] for i in done["items"]} == {"done"} and done["failed"] == 0
    assert done["removed"] == 2
    after = configs(simulator)
    assert before[0] - after[0] == {base(gone["instance"])} and after[0] <= before[0]
    assert before[1] - after[1] == {base(gone["instance"]) + "-1"} and after[1] <= before[1]
    assert {w["method"] for w in simulator.ledger()["writes"] if w["path"] != "/portfolio/state"} == {"DELETE"}
    assert cleanup(bridge)["items"] == []
    assert bot(bridge, living["id"])["state"] == "running"


def test_failures_are_said_per_item(bridge, simulator):
    gone = running(bridge, fresh_name("gone"))
    ended(bridge, command(bridge, gone["id"], "stop")["operation"]["href"])
    remove_container(simulator, gone["instance"])
    simulator.fault(match={"method": "DELETE", "path": "/scripts/configs"}, kind="error500",
                    detail="disk")
    done = cleanup(bridge)
    results = {i["kind"]: i for i in done["items"]}
    assert results["controller_config"]["result"] == "done"
    assert results["script_config"]["result"] == "failed" and results["script_config"]["detail"]
    assert (done["removed"], done["failed"]) == (1, 1)


def test_container_of_a_given_up_attempt_goes_and_nobody_elses(bridge, simulator, start_bridge):
    dead, halted = running(bridge, fresh_name("dead")), running(bridge, fresh_name("halted"))
    for one in (dead, halted):
        ended(bridge, command(bridge, one["id"], "stop",
                              {"policy": "abandon", "confirm": "abandon"})["operation"]["href"])
    bridge.stop()
    db = sqlite3.connect(bridge.folder / "data/bridge.db")
    db.execute("UPDATE attempts SET state = 'burnt' WHERE instance = ?", (dead["instance"],))
    db.commit()
    db.close()
    again = start_bridge(simulator, folder=bridge.folder)
    done = cleanup(again)
    assert {(i["kind"], i["name"]) for i in done["items"]} == {
        ("container", dead["instance"]), ("script_config", base(dead["instance"])),
        ("controller_config", base(dead["instance"]) + "-1")}, done
    assert done["failed"] == 0
    exited = {c["name"] for c in upstream(simulator, "GET", "/docker/exited-containers")}
    assert halted["instance"] in exited and dead["instance"] not in exited


def test_nothing_is_removed_while_it_is_not_known_what_lives(bridge, simulator):
    gone = running(bridge, fresh_name("gone"))
    ended(bridge, command(bridge, gone["id"], "stop")["operation"]["href"])
    remove_container(simulator, gone["instance"])
    simulator.control("DELETE", "/ledger")
    simulator.fault(match={"method": "GET", "path": "/docker/exited-containers"}, kind="text_list",
                    count=50)
    answer = bridge.post("/hummingbot/cleanup", json={})
    assert answer.status_code in (502, 504), answer.text
    assert changes(simulator) == []


def test_files_of_an_operation_under_way_stay(bridge, simulator):
    name = fresh_name("way")
    simulator.fault(match={"method": "POST", "path": "/bot-orchestration/deploy-v2"},
                    kind="latency", delay_ms=40000)
    href = create(bridge, name).json()["operation"]["href"]
    until_step(bridge, href, "deploy")
    assert cleanup(bridge, dry_run=True)["items"] == []
    assert ended(bridge, href)["state"] == "succeeded"


def test_it_is_the_administrators_and_strict(bridge):
    operator = bridge.make_token("operator")["token"]
    cleanup(bridge, token=operator, expect=403)
    assert bridge.post("/hummingbot/cleanup?dry_run=yes", json={}).status_code == 400
    assert bridge.post("/hummingbot/cleanup", json={"dry_run": True}).status_code == 400


def test_an_unreadable_config_in_the_list_is_judged_by_its_name(bridge, simulator):
    """Upstream lists a broken file among the others, with `error` where its script should be."""
    gone = running(bridge, fresh_name("gone"))
    ended(bridge, command(bridge, gone["id"], "stop")["operation"]["href"])
    remove_container(simulator, gone["instance"])
    broken = {"script_file_name": "error", "controller_name": "error", "error": "not YAML"}
    for name in ("conf_broken", base(gone["instance"])):
        upstream(simulator, "POST", f"/scripts/configs/{name}", broken)
    done = cleanup(bridge)
    assert done["failed"] == 0
    assert ("script_config", base(gone["instance"])) in {(i["kind"], i["name"]) for i in done["items"]}
    scripts, _ = configs(simulator)
    assert "conf_broken" in scripts and base(gone["instance"]) not in scripts

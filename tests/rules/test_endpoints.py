"""Compares the endpoint table with the recorded facts about the real API.

The facts (endpoints.json, openapi.json) are in the folder named by TB_SHARED, or in ../shared beside
the project; elsewhere the comparison is skipped, since the table is what the program needs of them.
"""
import json
import os
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
TABLE = PROJECT / "core" / "hummingbot" / "endpoints.def"
FACTS = Path(os.environ.get("TB_SHARED", PROJECT.parent / "shared")) / "knowledge" / "hummingbot"

ROW = re.compile(
    r'^HB\((\w+), "([^"]*)", "(\w+)", "([^"]*)", "([^"]*)", "([^"]*)", '
    r"(\w+), (\w+), (\w+), (\d+), (\d+) \* TB_HB_MIB\)$"
)
# The OpenAPI document does not list itself.
NOT_IN_OPENAPI = {("GET", "/openapi.json")}


def rows():
    found = []
    for line in TABLE.read_text().splitlines():
        if line.startswith("HB("):
            match = ROW.match(line)
            assert match, f"not a row of the table: {line}"
            found.append(match.groups())
    return found


def facts(name):
    path = FACTS / name
    if not path.is_file():
        pytest.skip(f"the recorded {name} is not at hand (TB_SHARED)")
    return json.loads(path.read_text())


def recorded_endpoints():
    return {
        (e["method"], e["path"].replace(":path}", "}")): e
        for e in facts("endpoints.json")["endpoints"]
        if e["method"] != "WEBSOCKET"
    }


def operations():
    return {
        (method.upper(), path): operation
        for path, item in facts("openapi.json")["paths"].items()
        for method, operation in item.items()
    }


def body_of(operation):
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return ""
    schema = content["application/json"]["schema"]
    for option in [schema, *schema.get("anyOf", [])]:
        if "$ref" in option:
            return option["$ref"].rsplit("/", 1)[1]
    return schema["type"]


def test_ids_follow_the_names():
    for ident, name, *_ in rows():
        assert ident == name.upper().replace(".", "_")
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name), name


def test_every_recorded_route_has_one_row():
    listed = [(method, path) for _, _, method, path, *_ in rows()]
    assert len(listed) == len(set(listed))
    assert set(listed) - NOT_IN_OPENAPI == set(recorded_endpoints())
    assert set(listed) - NOT_IN_OPENAPI == set(operations())


def test_parameters_and_bodies_are_upstreams():
    endpoints, known = recorded_endpoints(), operations()
    for _, name, method, path, query, body, *_ in rows():
        if (method, path) in NOT_IN_OPENAPI:
            continue
        operation = known[(method, path)]
        parameters = operation.get("parameters", [])
        in_path = {p["name"] for p in parameters if p["in"] == "path"}
        in_query = {p["name"] for p in parameters if p["in"] == "query"}
        assert set(re.findall(r"{(\w+)}", path)) == in_path, name
        assert set(query.split()) == in_query, name
        assert set(query.split()) == set(endpoints[(method, path)]["query_params"]), name
        assert body == body_of(operation), name


def test_recorded_dangers_are_judged_as_such():
    """The facts' own retry column is a hint only, but where it says unsafe nothing may be repeated."""
    endpoints = recorded_endpoints()
    for _, name, method, path, _, _, effect, retry, *_ in rows():
        if (method, path) in NOT_IN_OPENAPI:
            continue
        recorded = endpoints[(method, path)]
        effects = recorded["side_effects"] or ""
        if recorded["retry"] != "safe":
            assert effect != "READ" and retry != "ALWAYS", name
        if effects.startswith("DESTRUCTIVE"):
            assert effect == "DESTROY", name
        if effects.startswith("CODE UPLOAD"):
            assert effect == "CODE", name
        if "SENDS AN ON-CHAIN" in effects or effects.startswith("PLACES"):
            assert (effect, retry) == ("MONEY", "NEVER"), name
        if method != "GET" and effect == "READ" and retry == "ALWAYS":
            assert effects in ("none", "none (instantiates the pydantic class)") or \
                effects.startswith("starts/keeps a candle feed"), name


def test_hidden_failures_have_a_judge():
    """Every route recorded as hiding a failure in a 200 has a lie column, or is excused by name in
    the table's first comment."""
    excused = TABLE.read_text().split("*/")[0]
    endpoints = recorded_endpoints()
    for _, name, method, path, _, _, _, _, lie, *_ in rows():
        recorded = endpoints.get((method, path), {"failures": []})
        hides = any(isinstance(f, dict) and f.get("hidden_failure") for f in recorded["failures"])
        if hides and lie == "HONEST":
            group = name.split(".")[0] + ".*"
            prefix = re.sub(r"_\w+$", "_*", name)
            assert any(word in excused for word in (name, group, prefix)), name

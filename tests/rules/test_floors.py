"""Holds the source tree to the house rules: floors, headers, purposes, sizes, forbidden words.

Each rule is a function from a folder to a list of complaints. It runs on the project, which must
give none, and on a small bad tree, which must give exactly the complaint it was built for.
"""
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

# A room may include itself and rooms of lower floors.
FLOORS = {"base": 1, "hummingbot": 2, "store": 2, "simulator": 2, "plugins": 3, "bots": 4, "api": 5,
          "commands": 6, "main": 7}
# Narrower than the floor says: the simulator must not share its idea of the API with the client.
ONLY = {"simulator": {"simulator", "base"}}

LINES_MAX = 600
# Written in two halves, so that this file passes its own rule.
FORBIDDEN = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# The home of the bots inside their containers is a fact of the upstream, not of a machine.
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:home(?!/hummingbot/)|root|Users|work)/[\w.]")
COMMENT = {".c": "/*", ".h": "/*", ".lua": "--", ".py": ('"""', "#"), ".sh": "#"}
TEXT = {*COMMENT, ".md", ".txt", ".cmake", ".js", ".css", ".html", ".json", ".yaml", ".yml", ".conf",
        ".sql", ".supp", ""}
# Folders that are not source: built, fetched, or samples that are wrong on purpose.
SKIPPED = {".git", "__pycache__", "node_modules", "data", ".pytest_cache", ".cache", "samples",
           "corpus", "regress"}


def files(root, suffixes):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if SKIPPED & set(parts) or parts[0].startswith("build"):
            continue
        if path.is_file() and path.suffix in suffixes:
            yield path


def text_of(path):
    return path.read_text(encoding="utf-8", errors="replace")


def room_of(root, path):
    parts = path.relative_to(root / "core").parts
    return parts[0] if len(parts) > 1 else "main"


def may_use(room, other):
    if room not in FLOORS or other not in FLOORS:
        return False
    allowed = ONLY.get(room)
    if allowed is not None:
        return other in allowed
    return room == other or FLOORS[other] < FLOORS[room]


def includes(root):
    """(file, line number, its room, the quoted name) of every include of ours."""
    for path in files(root / "core", {".c", ".h"}):
        for number, line in enumerate(text_of(path).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if match:
                yield path, number, room_of(root, path), match[1]


def check_includes(root):
    complaints = []
    for path, number, room, name in includes(root):
        where = f"{path.relative_to(root)}:{number}"
        other, _, header = name.rpartition("/")
        if not other:
            complaints.append(f'{where}: "{name}" must name its room, as in "base/x.h"')
        elif not may_use(room, other):
            complaints.append(f"{where}: {room} may not include {name}")
        elif header.endswith("_private.h") and other != room:
            complaints.append(f"{where}: {name} is private to {other}")
    return complaints


def check_links(root):
    """CMakeLists.txt links the rooms by the same table."""
    complaints = []
    text = text_of(root / "CMakeLists.txt")
    for room, links in re.findall(r"(?m)^tb_room\((\w+)\s+LINK\s+([^)]*)\)", text):
        for other in re.findall(r"\btb_(\w+)", links):
            if not may_use(room, other):
                complaints.append(f"CMakeLists.txt: {room} may not link tb_{other}")
    return complaints


def check_headers(root):
    """What a .c file offers is declared in the header of its name, or in one that siblings share
    and no other room includes."""
    rows = list(includes(root))
    public = {name for _, _, room, name in rows if name.partition("/")[0] != room}
    shared = {path for path, _, room, name in rows
              if name.partition("/")[0] == room and name not in public}
    return [f"{path.relative_to(root)}: has neither {path.stem}.h nor a header shared with siblings"
            for path in files(root / "core", {".c"})
            if room_of(root, path) != "main" and not path.with_suffix(".h").exists()
            and path not in shared]


def has_purpose(path):
    lines = text_of(path).splitlines()
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    while lines and not lines[0].strip():
        lines = lines[1:]
    starts = COMMENT.get(path.suffix, ("#", '"""'))
    # Two words at least: an empty frame or a file name is no purpose.
    return bool(lines) and lines[0].startswith(starts) and \
        len(re.findall(r"[A-Za-z]{2,}", " ".join(lines[:3]))) >= 2


def check_purpose(root):
    found = [p for p in files(root, set(COMMENT)) if p.name != "__init__.py" or p.stat().st_size]
    found += [p for p in files(root, {""}) if text_of(p).startswith("#!")]
    return [f"{p.relative_to(root)}: its first comment must say what it is for"
            for p in found if not has_purpose(p)]


def check_sizes(root):
    sizes = ((p, len(text_of(p).splitlines())) for p in files(root / "core", TEXT))
    return [f"{p.relative_to(root)}: {lines} lines, {LINES_MAX} are allowed"
            for p, lines in sizes if lines > LINES_MAX]


def check_words(root):
    complaints = []
    for path in files(root, TEXT):
        for number, line in enumerate(text_of(path).splitlines(), 1):
            for rule, what in ((FORBIDDEN, "the word"), (MACHINE_PATH, "a path of one machine,")):
                match = rule.search(line)
                if match:
                    complaints.append(f"{path.relative_to(root)}:{number}: {what} {match[0]}")
    return complaints


RULES = [check_includes, check_links, check_headers, check_purpose, check_sizes, check_words]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_project(rule):
    complaints = rule(PROJECT)
    assert not complaints, "\n" + "\n".join(complaints)


GOOD = {
    "CMakeLists.txt": "tb_room(base LINK m)\ntb_room(api LINK tb_base tb_bots)\n",
    "core/main.c": '/* Starts the program. */\n#include "commands/serve.h"\n',
    "core/commands/serve.h": '/* The word serve. */\n#include "api/api.h"\n#include "simulator/sim.h"\n',
    "core/api/api.c": '/* The HTTP face. */\n#include "api/api.h"\n#include "bots/bot.h"\n',
    "core/api/api.h": "/* Doors of it. */\n#include <stdio.h>\n",
    "core/bots/life.c": '/* The life cycle. */\n#include "bots/bots_private.h"\n#include "store/store.h"\n',
    "core/simulator/sim.h": '/* A stand-in API. */\n#include "base/json.h"\n',
    "plugins/x/plugin.lua": "-- One exchange's strategies.\nreturn {}\n",
    "scripts/run": "#!/bin/sh\n# Runs the whole thing.\nmktemp /tmp/x.XXXXXX\n",
    "docs/x.md": "In your home: ~/code/x, $HOME/x, https://example.com/home/x, /home/hummingbot/conf\n",
    "build/x.c": "generated\n",
}

BAD = [
    (check_includes, "core/base/json.c", '/* A JSON reader. */\n#include "store/store.h"\n',
     "core/base/json.c:2: base may not include store/store.h"),
    (check_includes, "core/store/x.c", '/* A store file. */\n#include "hummingbot/client.h"\n',
     "core/store/x.c:2: store may not include hummingbot/client.h"),
    (check_includes, "core/hummingbot/x.c", '/* A client file. */\n# include "simulator/sim.h"\n',
     "core/hummingbot/x.c:2: hummingbot may not include simulator/sim.h"),
    (check_includes, "core/simulator/x.c", '/* A world. */\n#include "hummingbot/client.h"\n',
     "core/simulator/x.c:2: simulator may not include hummingbot/client.h"),
    (check_includes, "core/plugins/x.h", '/* A call. */\n#include "bots/bot.h"\n',
     "core/plugins/x.h:2: plugins may not include bots/bot.h"),
    (check_includes, "core/plugins/y.h", '/* A call. */\n#include "simulator/../store/store.h"\n',
     "core/plugins/y.h:2: plugins may not include simulator/../store/store.h"),
    (check_includes, "core/api/x.c", '/* A route. */\n#include "commands/serve.h"\n',
     "core/api/x.c:2: api may not include commands/serve.h"),
    (check_includes, "core/api/y.c", '/* A route. */\n#include "bots/bots_private.h"\n',
     "core/api/y.c:2: bots/bots_private.h is private to bots"),
    (check_includes, "core/api/z.c", '/* A route. */\n#include "api.h"\n',
     'core/api/z.c:2: "api.h" must name its room, as in "base/x.h"'),
    (check_includes, "core/extra/x.c", '/* A new room. */\n#include "base/json.h"\n',
     "core/extra/x.c:2: extra may not include base/json.h"),
    (check_links, "CMakeLists.txt", "tb_room(store LINK tb_base tb_hummingbot)\n",
     "CMakeLists.txt: store may not link tb_hummingbot"),
    (check_headers, "core/bots/lonely.c", '/* Has no door. */\n#include "bots/bot.h"\n',
     "core/bots/lonely.c: has neither lonely.h nor a header shared with siblings"),
    (check_purpose, "core/base/x.h", "#pragma once\n/* Too late to say. */\n",
     "core/base/x.h: its first comment must say what it is for"),
    (check_purpose, "plugins/x/y.lua", "--\nreturn {}\n",
     "plugins/x/y.lua: its first comment must say what it is for"),
    (check_purpose, "tests/http/test_x.py", "import os\n",
     "tests/http/test_x.py: its first comment must say what it is for"),
    (check_purpose, "scripts/silent", "#!/bin/sh\nset -e\n",
     "scripts/silent: its first comment must say what it is for"),
    (check_sizes, "core/web/page.js", "// A page.\n" * (LINES_MAX + 1),
     f"core/web/page.js: {LINES_MAX + 1} lines, {LINES_MAX} are allowed"),
    (check_words, "docs/plan.md", "Some day\nTO" "DO: write it\n", "docs/plan.md:2: the word TO" "DO"),
    (check_words, "core/base/y.c", "/* A ha" "ck, HA" "CK */\n", "core/base/y.c:1: the word HA" "CK"),
    (check_words, "scripts/where.sh", "# Runs it there.\ncd /ho" "me/me/x\n",
     "scripts/where.sh:2: a path of one machine, /ho" "me/m"),
]


def plant(root, tree):
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_good_tree_passes(rule, tmp_path):
    plant(tmp_path, GOOD)
    assert rule(tmp_path) == []


@pytest.mark.parametrize("rule,name,text,complaint", BAD, ids=[row[3] for row in BAD])
def test_bad_tree_is_caught(rule, name, text, complaint, tmp_path):
    plant(tmp_path, GOOD | {name: text})
    assert rule(tmp_path) == [complaint]


def test_longest_allowed_file_passes(tmp_path):
    plant(tmp_path, GOOD | {"core/web/page.js": "// A page.\n" * LINES_MAX})
    assert check_sizes(tmp_path) == []

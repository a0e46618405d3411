"""examples/first-plugin/README.md as its reader does it: every Lua block is saved where the text says, every shell
block runs in one terminal in a fresh folder, and after each what the text promises must have been printed."""
import os
import re
import signal
import subprocess

import pytest

from conftest import BINARY, ROOT, clean_environment
from test_check import free_port

TUTORIAL = ROOT / "examples/first-plugin/README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
LONGEST = {"plugins/okx/plugin.lua": 15, "plugins/hyperliquid/plugin.lua": 40}
LIMIT_S = 240


def steps():
    """[kind, text, the file it is saved as or None] in the order of the text."""
    text = TUTORIAL.read_text()
    found = []
    for match in BLOCK.finditer(text):
        above = text[:match.start()].rstrip().rsplit("\n", 1)[-1]
        named = re.fullmatch(r"Save this as `([^`]+)`:", above)
        found.append((match[1], match[2], named and named[1]))
    return found


def script(ports):
    """One shell program; a mark is printed after each block, so that what each printed can be told apart."""
    lines = ["set -eu", "mark() { printf '\\n--- block %s ---\\n' $1; }",
             "trap 'kill ${bridge:-} ${simulator:-} 2>&- || true; wait' EXIT"]
    for number, (kind, text, file) in enumerate(steps()):
        text = re.sub("|".join(ports), lambda match: ports[match[0]], text)
        if kind == "lua":
            assert file, f"where is this saved?\n{text}"
            lines += [f"cat > {file} <<'END OF FILE'", text.rstrip("\n"), "END OF FILE"]
        elif kind == "sh":
            lines += [text.rstrip("\n"), f"mark {number}"]
        else:
            assert kind == "text", f"a block of {kind} is neither run nor checked"
    return "\n".join(lines) + "\n"


def test_the_plugins_are_as_short_as_promised():
    lua = {file: text.count("\n") for kind, text, file in steps() if kind == "lua"}
    told = TUTORIAL.read_text().split("##")[0]
    for file, most in LONGEST.items():
        assert lua[file] <= most and f"({lua[file]} lines)" in told, file
    sentence = (ROOT / "README.md").read_text().split("## The first own plugin")[1].split("\n\n")[1]
    assert "examples/first-plugin/README.md" in sentence
    assert [int(n) for n in re.findall(r"\d+", sentence)] == [lua[file] for file in LONGEST]


@pytest.mark.quick
def test_every_block_does_what_the_text_says(tmp_path):
    env = clean_environment(PATH=f"{BINARY.parent}:{os.environ['PATH']}")
    ports = {"8010": str(free_port()), "8011": str(free_port())}
    reader = subprocess.Popen(["bash"], cwd=tmp_path, env=env, text=True, start_new_session=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        told = reader.communicate(script(ports), timeout=LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(reader.pid, signal.SIGTERM)
        told = reader.communicate()[0]
        raise AssertionError(f"a block did not end:\n{told[-4000:]}") from None
    logs = "".join(f"\n{name}:\n" + (tmp_path / name).read_text() for name in ("bridge.log", "simulator.log")
                   if (tmp_path / name).exists())
    assert reader.returncode == 0, told[-4000:] + logs[-4000:]
    assert "Sanitizer" not in told + logs, told + logs

    parts = re.split(r"\n--- block (\d+) ---\n", told)
    printed = {int(number): text for text, number in zip(parts[::2], parts[1::2])}
    promised = 0
    for number, (kind, text, _) in enumerate(steps()):
        if kind != "text":
            continue
        assert number - 1 in printed, "a promise stands right below the block that keeps it"
        rest = printed[number - 1]
        for line in text.splitlines():
            at = rest.find(line.strip())
            assert at >= 0, f"not printed, or not in this order: {line}\n{printed[number - 1]}"
            rest = rest[at + len(line.strip()):]
            promised += 1
    assert promised > 20

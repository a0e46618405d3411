"""scripts/setup with a dpkg-query, apt-get, id and clang of our own: what it installs, when, and how."""
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def system(tmp_path):
    """A machine on which the packages listed in the file `installed` are installed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "sed", "cut", "env", "grep"):
        (tools / tool).symlink_to(shutil.which(tool))
    (tmp_path / "installed").write_text("")
    (tmp_path / "calls").write_text("")
    scripts = {
        "dpkg-query": f"if grep -qx \"${{!#}}\" '{tmp_path}/installed'; then printf installed;"
                      " else exit 1; fi",
        "apt-get": f"echo \"$DEBIAN_FRONTEND apt-get $*\" >>'{tmp_path}/calls'",
        "sudo": f"echo sudo >>'{tmp_path}/calls'; exec \"$@\"",
        "id": "echo ${FAKE_UID:-0}",
        "clang": "echo 19.1.7",
    }
    for name, body in scripts.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n")
        (tools / name).chmod(0o755)
    return tmp_path


def run(system, *arguments, uid="0"):
    done = subprocess.run([str(PROJECT / "scripts/setup"), *arguments], text=True, timeout=60,
                          capture_output=True, env={"PATH": str(system / "tools"), "FAKE_UID": uid})
    return done, (system / "calls").read_text().splitlines()


def wanted(system, *arguments):
    """The packages that a machine with none of them is told to install."""
    calls = run(system, *arguments)[1]
    install = next(call for call in calls if " install " in call)
    (system / "calls").write_text("")
    return install.partition("--no-install-recommends ")[2].split()


def test_installs_what_is_missing_after_one_update(system):
    done, calls = run(system)
    assert done.returncode == 0
    assert len(calls) == 2
    assert " update" in calls[0] and " install --no-install-recommends " in calls[1]
    assert all(call.startswith("noninteractive apt-get ") and " -y " in call for call in calls)


def test_nothing_missing_calls_nothing(system):
    (system / "installed").write_text("\n".join(wanted(system)))
    done, calls = run(system)
    assert done.returncode == 0
    assert calls == []


def test_only_the_missing_one(system):
    packages = wanted(system)
    (system / "installed").write_text("\n".join(packages[1:]))
    assert wanted(system) == packages[:1]


def test_tests_and_fuzz_add_to_the_list(system):
    plain, tests = wanted(system), wanted(system, "--tests")
    assert {"build-essential", "libcivetweb-dev", "libgmp-dev"} <= set(plain)
    assert set(plain) < set(tests)
    assert {"libcmocka-dev", "chromium-driver"} <= set(tests) - set(plain)
    calls = run(system, "--fuzz")[1]
    assert calls[-1].endswith(" libclang-rt-19-dev"), "the runtime must fit clang's version"


def test_user_with_sudo(system):
    done, calls = run(system, uid="1000")
    assert done.returncode == 0
    assert calls[0] == "sudo" and calls[1].startswith("noninteractive apt-get ")


def test_user_without_sudo_is_told_what_to_ask_for(system):
    (system / "tools/sudo").unlink()
    done, calls = run(system, uid="1000")
    assert done.returncode == 1
    assert calls == []
    assert "run as root: apt-get update && apt-get install" in done.stderr
    assert "libsqlite3-dev" in done.stderr


def test_user_who_lacks_nothing_needs_no_root(system):
    (system / "installed").write_text("\n".join(wanted(system)))
    (system / "tools/sudo").unlink()
    assert run(system, uid="1000")[0].returncode == 0


def test_other_distribution(system):
    (system / "tools/apt-get").unlink()
    done, _ = run(system)
    assert done.returncode == 1
    assert "not a Debian system" in done.stderr


def test_unknown_argument(system):
    done, calls = run(system, "--everything")
    assert done.returncode == 2
    assert calls == []

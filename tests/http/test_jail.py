"""`trading-bridge plugin jail`: it notices what escapes. The suite itself is ctest's jail.suite."""
import pytest

from conftest import run

HARMLESS = "return {{ status = function() {} end }}\n"


def jail(folder):
    done = run("plugin", "jail", str(folder))
    return done.returncode, done.stdout, done.stderr


def case(folder, header, body):
    (folder / "case_of_test.lua").write_text(header + HARMLESS.format(body))


def test_a_case_that_ends_as_it_declares(tmp_path):
    case(tmp_path, "-- A loop.\n-- expect: stopped\n", "while true do end")
    status, out, _ = jail(tmp_path)
    name, outcome, ms, unit = out.splitlines()[0].split()
    assert (status, name, outcome, unit) == (0, "case_of_test", "stopped", "ms"), out
    assert 15 <= float(ms) < 1000 and out.splitlines()[-1] == "1 cases, 0 escaped"


@pytest.mark.parametrize("header, body, says", [
    ("-- expect: stopped\n", "return 1", "it was bounded, not stopped"),
    ("-- expect: bounded\n", "error('no')", "it was refused, not bounded"),
    ("-- expect: refused\n-- says: never\n", "error('no')", 'does not say "never"'),
    ("-- expect: bounded\n-- lacks: secret\n", "return { a = 'secret' }", 'lets through "secret"'),
    ("-- expect: fine\n", "return 1", "do not say expect"),
    ("", "return 1", "do not say expect"),
    ("-- expect: bounded\n-- hook: nope\n", "return 1", "no hook nope"),
    ("-- expect: bounded\n", "return (", "it does not load: jailed/case.lua:"),
])
def test_what_escapes_is_said(tmp_path, header, body, says):
    case(tmp_path, header, body)
    status, out, _ = jail(tmp_path)
    assert status == 1 and "ESCAPED: " in out and says in out, out
    assert out.splitlines()[-1] == "1 cases, 1 escaped"


def test_a_folder_without_cases(tmp_path):
    assert jail(tmp_path)[:2] == (1, "0 cases, 0 escaped\n")
    status, _, err = jail(tmp_path / "none")
    assert status == 2 and "cannot be read" in err

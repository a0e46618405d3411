"""What `trading-bridge generate` writes is what is committed."""
import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TB_BINARY", PROJECT / "build/asan/trading-bridge"))
WRITTEN = {"docs/settings.md", "docs/routes.md", "docs/errors.md", "docs/watchdogs.md", "plugins/types/hb.d.lua"}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    folder = tmp_path_factory.mktemp("generated")
    for name in ("docs", "plugins/types"):
        (folder / name).mkdir(parents=True)
    subprocess.run([BINARY, "generate", folder], check=True)
    return folder


def test_it_writes_exactly_these(fresh):
    assert {str(p.relative_to(fresh)) for p in fresh.rglob("*") if p.is_file()} == WRITTEN


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_committed_is_generated(fresh, name):
    assert (PROJECT / name).read_text() == (fresh / name).read_text(), \
        f"{name} is old: run `trading-bridge generate .`"


def test_it_says_what_it_cannot_write(tmp_path, fresh):
    (tmp_path / "file").write_text("not a folder")
    result = subprocess.run([BINARY, "generate", tmp_path / "file"], capture_output=True, text=True)
    assert result.returncode == 1 and "docs/settings.md" in result.stderr

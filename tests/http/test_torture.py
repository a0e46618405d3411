"""The process campaign: 100 seeds of scripts/torture, with real kills, against the ledger.

TB_TORTURE_SEEDS and TB_TORTURE_SEED choose how many and from which; a violation prints its seed and
what happened in it."""
import os
import subprocess

from conftest import BINARY, ROOT

SEEDS = os.environ.get("TB_TORTURE_SEEDS", "100")
SEED = os.environ.get("TB_TORTURE_SEED", "1")


def test_no_seed_breaks_a_promise():
    done = subprocess.run([ROOT / "scripts" / "torture", SEEDS, "--seed", SEED, "--jobs", "6"],
                          env={**os.environ, "TB_BINARY": str(BINARY)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1500)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-20000:]

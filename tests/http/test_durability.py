"""Backup and restore: from the running bridge and from the files, into observe mode; what is refused
in plain words; what is pruned; where event ids go on; a store that a redeploy would forget."""
import os
import shutil
import sqlite3
import tarfile
import tempfile
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest

from conftest import ROOT, TOKEN, clean_environment, run
from lifecycle import bot, changes, fresh_name, running, until

FILES = ["bridge.db", "series.db"]


def env_of(store, bridge=None, **more):
    return clean_environment(BRIDGE_STORE=store, BRIDGE_ADMIN_TOKEN=TOKEN,
                             PORT=bridge.port if bridge else 1, BRIDGE_PLUGINS=ROOT / "plugins", **more)


def command(*args, status=0, **more):
    result = run(*map(str, args), env=env_of(**more))
    assert result.returncode == status, f"{result.stdout}\n{result.stderr}"
    assert "Sanitizer" not in result.stderr, result.stderr
    return result.stdout + result.stderr


def tables(path):
    """Every row of the file, for comparing."""
    db = sqlite3.connect(path)
    try:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = [r[0] for r in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                          "AND name NOT LIKE 'sqlite_%' ORDER BY name")]
        return {n: db.execute(f"SELECT * FROM {n} ORDER BY 1").fetchall() for n in names}
    finally:
        db.close()


@pytest.fixture
def pair(start_bridge, simulator, tmp_path):
    return start_bridge(simulator, folder=tmp_path), tmp_path / "data" / "bridge.db"


@pytest.mark.quick
def test_running_bridge_backs_up_and_the_backup_comes_back_as_it_was(pair, start_bridge, simulator,
                                                                     tmp_path):
    bridge, store = pair
    name = fresh_name("backed")
    running(bridge, name)
    tar = tmp_path / "copy.tar"
    before = set(dict(tables(store)["meta"]))
    assert "written to" in command("backup", tar, store=store, bridge=bridge)
    with tarfile.open(tar) as archive:
        assert sorted(archive.getnames()) == FILES
        assert all(m.mode == 0o600 for m in archive.getmembers())
    assert tar.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(store.parent)) == sorted(
        {f for f in os.listdir(store.parent) if f.startswith(("bridge.db", "series.db"))}
        & {f + e for f in FILES for e in ("", "-wal", "-shm", ".lock")})
    bridge.stop()
    shown = tables(store)

    place = tmp_path / "other" / "bridge.db"
    assert "observe" in command("restore", tar, store=place)
    back = tables(place)
    # The bridge may have written more of it after the backup.
    meta = set(dict(back["meta"]))
    assert "restored_at" in meta and before <= meta - {"restored_at"} <= set(dict(shown["meta"])), (before, meta)
    for table in ("bots", "operations", "steps", "attempts", "plans", "tokens"):
        assert back[table] == shown[table], table
    assert place.stat().st_mode & 0o777 == 0o600
    assert sorted(f for f in os.listdir(place.parent) if not f.endswith(".lock")) == FILES

    again = start_bridge(simulator, folder=tmp_path, BRIDGE_STORE=place)
    observe = again.get("/hummingbot").json()["observe"]
    assert observe["reason"] == "restored" and observe["since"], observe
    assert bot(again, name)["name"] == name
    again.stop()


def test_backup_of_a_stopped_bridge_and_into_a_folder(pair, tmp_path):
    bridge, store = pair
    bridge.stop()
    folder = tmp_path / "folder"
    command("backup", f"{folder}/", store=store)
    assert sorted(os.listdir(folder)) == FILES
    assert tables(folder / "bridge.db") == tables(store)
    place = tmp_path / "place" / "bridge.db"
    command("restore", folder, store=place)
    assert "restored_at" in dict(tables(place)["meta"])
    tar = tmp_path / "by-file.tar"
    command("backup", tar, store=store)
    assert sorted(tarfile.open(tar).getnames()) == FILES


def test_backup_and_restore_never_replace_anything(pair, tmp_path):
    bridge, store = pair
    tar = tmp_path / "copy.tar"
    tar.write_text("precious")
    assert "exists" in command("backup", tar, status=1, store=store, bridge=bridge)
    assert tar.read_text() == "precious"
    good = tmp_path / "good.tar"
    command("backup", good, store=store, bridge=bridge)
    assert "in use" in command("restore", good, status=1, store=store)
    bridge.stop()
    before = store.read_bytes()
    assert "empty place" in command("restore", good, status=1, store=store)
    assert store.read_bytes() == before
    os.rename(store, tmp_path / "away.db")  # its series.db is still there
    assert "empty place" in command("restore", good, status=1, store=store)
    assert not store.exists()


@pytest.mark.parametrize("spoil,words", [
    (lambda raw: raw[:len(raw) // 2], "ends in its middle"),
    (lambda raw: b"no tar at all" * 200, "no backup"),
    (lambda raw: b"", "ends in its middle"),
    (lambda raw: bytes(1024), "no bridge.db"),
])
def test_what_is_no_whole_backup_is_refused(pair, tmp_path, spoil, words):
    bridge, store = pair
    good, bad = tmp_path / "good.tar", tmp_path / "bad.tar"
    command("backup", good, store=store, bridge=bridge)
    bad.write_bytes(spoil(good.read_bytes()))
    place = tmp_path / "place" / "bridge.db"
    assert words in command("restore", bad, status=1, store=place)
    assert [f for f in os.listdir(place.parent) if not f.endswith(".lock")] == []


def test_get_backup_is_the_administrators_and_audited(pair, tmp_path):
    bridge, _ = pair
    operator = bridge.make_token("operator")["token"]
    assert bridge.get("/backup", token=operator).status_code == 403
    assert bridge.get("/backup", token=None).status_code == 401
    answer = bridge.get("/backup")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/x-tar"
    assert len(answer.content) == int(answer.headers["Content-Length"]) and \
        len(answer.content) % 512 == 0
    file = tmp_path / "got.tar"
    file.write_bytes(answer.content)
    with tarfile.open(file) as archive:
        archive.extract("bridge.db", tmp_path / "out")
    assert bridge.get("/healthz").status_code == 200
    bridge.stop()
    audit = sqlite3.connect(tmp_path / "data" / "bridge.db").execute(
        "SELECT route, status FROM audit WHERE route = '/backup'").fetchall()
    assert audit == [("/backup", 200)]


def spoil_newer(store):
    sqlite3.connect(store).execute("PRAGMA user_version = 99").connection.close()


def spoil_damaged(store):
    raw = bytearray(store.read_bytes())
    raw[8192:40960] = b"\xa5" * (40960 - 8192)
    store.write_bytes(raw)


def spoil_other(store):
    store.unlink()
    db = sqlite3.connect(store)
    db.execute("CREATE TABLE notes (a)")
    db.commit()
    db.close()


@pytest.mark.parametrize("spoil,words", [(spoil_newer, "newer Trading Bridge"),
                                         (spoil_damaged, "damaged"),
                                         (spoil_other, "another program")])
def test_serve_and_check_refuse_a_store_in_plain_words(pair, tmp_path, spoil, words):
    bridge, store = pair
    bridge.stop()
    spoil(store)
    before = store.read_bytes()
    for word in ("serve", "check"):
        result = run(word, env=env_of(store))
        assert result.returncode == 1, result.stdout
        assert words in result.stdout + result.stderr, result.stdout + result.stderr
    assert store.read_bytes() == before
    place = tmp_path / "place" / "bridge.db"
    assert words in command("restore", store.parent, status=1, store=place) or words == "damaged"
    assert not place.exists()


def test_event_ids_go_on_after_a_restart(pair, start_bridge, simulator, tmp_path):
    """No id is given twice, not even when the process died."""
    bridge, store = pair

    def block():
        db = sqlite3.connect(store)
        try:
            return int(db.execute("SELECT value FROM meta WHERE key = 'event_ids'").fetchone()[0])
        finally:
            db.close()
    first = block()
    bridge.kill()
    again = start_bridge(simulator, folder=tmp_path)
    second = block()
    assert first >= 2**32 and second - first == 2**32
    again.stop()


def rows(store, table):
    db = sqlite3.connect(store, timeout=10)
    try:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        db.close()


@pytest.mark.parametrize("path,body,table", [
    ("/bots", {"exchange": "bitmart", "strategy": "spot_grid"}, "operations"),
    ("/tokens", {"role": "operator"}, "tokens"),
    ("/bots/plan", {"exchange": "bitmart", "strategy": "spot_grid"}, "plans"),
])
def test_nothing_is_answered_before_it_is_on_the_disk(start_bridge, start_simulator, tmp_path, path, body, table):
    """While the disk is slow the answer waits with it, and upstream hears nothing."""
    simulator = start_simulator()
    bridge, store = start_bridge(simulator, folder=tmp_path), tmp_path / "data" / "bridge.db"
    name, before = fresh_name("slow"), rows(store, table)
    until(lambda: bridge.get("/readyz").status_code == 200)
    writes = changes(simulator)
    held = sqlite3.connect(store, isolation_level=None, timeout=30)
    held.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(bridge.post, path, json={"name": name, **body})
        with pytest.raises(TimeoutError):
            answer.result(timeout=0.2)
        assert rows(store, table) == before and changes(simulator) == writes
        held.execute("ROLLBACK")
        held.close()
        assert answer.result(timeout=60).status_code in (200, 201, 202), answer.result().text
    assert rows(store, table) == before + 1
    bridge.kill()
    assert rows(store, table) == before + 1


def old_plan(store, plan):
    db = sqlite3.connect(store, timeout=10)
    db.execute("INSERT INTO plans (id, hash, created_at, expires_at, doc) VALUES (?, 'h', 1, 2, '{}')",
               (plan,))
    db.commit()
    db.close()


def has_plan(store, plan):
    db = sqlite3.connect(store, timeout=10)
    try:
        return db.execute("SELECT count(*) FROM plans WHERE id = ?", (plan,)).fetchone()[0] == 1
    finally:
        db.close()


def test_what_is_old_is_pruned_at_the_start_and_every_hour(pair, start_bridge, simulator, tmp_path):
    bridge, store = pair
    bridge.stop()
    old_plan(store, "one")
    again = start_bridge(simulator, folder=tmp_path, TB_TIME_SCALE=3600)
    until(lambda: not has_plan(store, "one"), 20)
    old_plan(store, "two")
    until(lambda: not has_plan(store, "two"), 20)
    again.signal(1)  # SIGHUP does not disturb it
    old_plan(store, "three")
    until(lambda: not has_plan(store, "three"), 20)
    again.stop()


def in_memory():
    """Where the machine keeps files in memory; None where it has no such place."""
    shm = "/dev/shm"
    with open("/proc/mounts", encoding="utf-8") as mounts:
        text = mounts.read()
    return shm if f" {shm} tmpfs " in text and os.access(shm, os.W_OK) else None


@pytest.fixture
def memory_folder():
    place = in_memory()
    if not place:
        pytest.skip("this machine has no file system in memory")
    folder = tempfile.mkdtemp(dir=place)
    yield folder
    shutil.rmtree(folder)


def test_a_container_that_would_forget_refuses_creates_unless_forced(memory_folder, start_bridge,
                                                                     start_simulator, tmp_path):
    simulator = start_simulator()
    store = f"{memory_folder}/bridge.db"
    inside = {"BRIDGE_STORE": store, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}
    (tmp_path / "a").mkdir()
    bridge = start_bridge(simulator, folder=tmp_path / "a", BRIDGE_ALLOW_EPHEMERAL=None, **inside)
    answer = bridge.post("/bots", json={"name": "x", "exchange": "bitmart", "strategy": "spot_grid"})
    assert answer.status_code == 409 and answer.json()["code"] == "ephemeral_store", answer.text
    assert "volume" in answer.json()["detail"] and "serve.ephemeral" in bridge.log()
    assert bridge.get("/bots").status_code == 200
    bridge.stop()
    report = run("check", env=env_of(store, HUMMINGBOT_API_URL=simulator.url,
                                     BRIDGE_ALLOW_EPHEMERAL=None,
                                     KUBERNETES_SERVICE_HOST="10.0.0.1")).stdout
    assert "creates are refused" in report and "mount a volume" in report
    bridge = start_bridge(simulator, folder=tmp_path / "a", BRIDGE_ALLOW_EPHEMERAL=1, **inside)
    running(bridge, fresh_name("forced"))
    bridge.stop()


@pytest.mark.skipif(os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"),
                    reason="this machine is a container")
def test_a_laptop_is_only_warned(memory_folder, start_bridge, start_simulator, tmp_path):
    simulator = start_simulator()
    bridge = start_bridge(simulator, folder=tmp_path, BRIDGE_ALLOW_EPHEMERAL=None,
                          BRIDGE_STORE=f"{memory_folder}/bridge.db")
    assert "serve.ephemeral" in bridge.log()
    running(bridge, fresh_name("laptop"))
    bridge.stop()

"""One life of a bridge in a bad world, drawn from a seed: people command, the API loses, delays,
repeats and lies, bots crash, the disk fills, and the bridge is killed again and again and started on
the same store. Then everything heals, what is open must end, and the simulator's ledger judges.

The seed draws the whole schedule; when threads and processes run is the machine's, so a seed that
failed plays the same schedule again, not the same race. Used by scripts/torture and test_torture.py.
"""
import collections
import random
import sqlite3
import struct
import subprocess
import threading
import time
import traceback

import requests

import conftest
from lifecycle import DEPLOY, FINAL, form, of_bot, profit_fault

SCALE = 20
BOTS = 3
COMMANDS = 7
EVENTS = 5
SPAN_MS = 120000  # of simulated time, in which the events fall
HEAL_S = 240      # of real time, for all operations to end; a busy machine is no violation
RESTORES = 0.25   # of all seeds put an old backup back
CLOCKS = [-7200000, -90000, -5000, 0, 5000, 90000, 7200000]  # how wrong the bridge's wall clock may be
LATE_MS = 130000  # nothing executes later than this after it was sent

STOP, START = "/bot-orchestration/stop-bot", "/docker/start-container"
ARCHIVE, REMOVE = "/bot-orchestration/stop-and-archive-bot", "/docker/remove-container"
WRITES = ["latency", "error500", "error_detail", "drop_before", "drop_after", "late", "late_hang",
          "success_shaped_failure", "html", "unauthorized", "hang"]
READS = ["latency", "error500", "drop_before", "success_shaped_failure", "nan", "html", "text_list"]
FILES = [("POST", "/scripts/configs"), ("POST", "/controllers/configs"),
         ("DELETE", "/scripts/configs"), ("DELETE", "/controllers/configs")]
LOOKS = [("GET", "/docker/"), ("GET", "/bot-orchestration/"), ("GET", "/")]
# What a command has to fear, the likelier ones repeated.
FEARS = {
    "create": [("POST", DEPLOY)] * 5 + FILES + LOOKS,
    "start": [("POST", START)] * 3 + [("POST", "/docker/stop-container")] * 2 + LOOKS,
    "stop": [("POST", STOP)] * 4 + LOOKS,
    "abandon": [("POST", "/docker/stop-container")] * 3 + LOOKS,
    "restart": [("POST", STOP)] * 2 + [("POST", "/docker/stop-container")] * 2
               + [("POST", START)] * 2 + LOOKS,
    "redeploy": [("POST", STOP)] * 2 + [("POST", "/docker/stop-container")] + [("POST", DEPLOY)] * 3
                + FILES + LOOKS,
    "archive": [("POST", STOP)] * 2 + [("POST", ARCHIVE)] * 4 + [("POST", REMOVE)] * 2 + LOOKS,
}
STEPS = {
    "create": ["image", "upload_controllers", "upload_script", "verify_files", "deploy", "look", "burn",
               "settle", "container", "proof_of_life"],
    "stop": ["inspect", "stop_bot", "proof_of_stop", "look", "burn", "settle"],
    "abandon": ["stop_container", "look", "burn", "settle"],
    "start": ["inspect", "stop_container", "start_container", "upload_script", "container",
              "proof_of_life"],
    "restart": ["inspect", "stop_bot", "proof_of_stop", "stop_container", "start_container",
                "container", "proof_of_life"],
    "redeploy": ["image", "inspect", "stop_bot", "proof_of_stop", "stop_container",
                 "upload_controllers", "deploy", "look", "burn", "settle", "container",
                 "proof_of_life"],
    "archive": ["inspect", "stop_bot", "proof_of_stop", "archive", "proof_of_archive",
                "remove_container"],
}
READING = ("/market-data/", "/portfolio/", "/controllers/", "/trading/")  # upstream's reads by POST
STARTING = ("start", "restart")  # verbs that may start a container, or deploy when it is gone
MAKING = ("create", *STARTING, "redeploy")
# What may arrive at the API: anything else nobody asked for.
ALLOWED = [("POST", DEPLOY), ("POST", "/scripts/configs/"), ("DELETE", "/scripts/configs/"),
           ("POST", "/controllers/configs/"), ("DELETE", "/controllers/configs/"), ("POST", STOP),
           ("POST", START), ("POST", "/docker/stop-container/"),
           ("POST", REMOVE), ("POST", ARCHIVE), ("POST", "/docker/pull-image"),
           *(("POST", path) for path in READING)]


class Violation(Exception):
    pass


def draw_fault(dice, verb):
    method, path = dice.choice(FEARS[verb])
    kinds = READS if method == "GET" else WRITES
    if path == DEPLOY:
        kinds = WRITES + ["created", "engine_timeout", "freeze"]
    fault = {"match": {"method": method, "path": path}, "kind": dice.choice(kinds),
             "count": dice.choice([1, 1, 1, 2, 3])}
    if fault["kind"] != "late" or dice.random() < 0.3:
        most = {"freeze": 5000, "latency": 30000, "hang": 60000}.get(fault["kind"], 110000)
        fault["delay_ms"] = dice.randrange(500, most)
    if fault["kind"] == "error_detail":
        fault["detail"] = "it did not work"
    return fault


def draw(seed):
    """The schedule of a seed: [(simulated ms, what, …)]."""
    dice = random.Random(seed)
    plan, likely = [], ["create"] * BOTS

    def command(at, bot):
        """A person's command, often into a trap, sometimes with a kill at one of its steps."""
        verb = likely[bot] if dice.random() < 0.8 else dice.choice(list(FEARS))
        likely[bot] = ("start" if verb in ("stop", "abandon", "archive")
                       else dice.choice(["stop", "restart", "archive", "redeploy",
                                               "abandon"]))
        for _ in range(dice.choice([0, 1, 1, 2])):
            plan.append((at, "fault", draw_fault(dice, verb)))
        if dice.random() < 0.4:
            plan.append((at + 1, "kill_at", verb, bot, dice.choice(STEPS[verb]),
                         dice.choice([0, 0, 5000])))
        else:
            plan.append((at + 1, verb, bot))

    for bot in range(BOTS):
        command(dice.randrange(3000), bot)
    for at in sorted(dice.randrange(15000, SPAN_MS) for _ in range(COMMANDS)):
        command(at, dice.randrange(BOTS))
    for _ in range(EVENTS):
        what = dice.choices(["kill", "condition", "crash", "disk", "advance", "clock"],
                            [4, 2, 1, 1, 1, 1])[0]
        args = {"kill": lambda: [dice.choice([0, 0, 0, 2000, 60000])],
                "condition": lambda: [dice.choice(["engine", "broker", "database", "restart"]),
                                      dice.randrange(2000, 40000)],
                "crash": lambda: [dice.randrange(BOTS)],
                "disk": lambda: [dice.randrange(2000, 30000)],
                "advance": lambda: [dice.choice([1000, 20000, 60000])],
                "clock": lambda: [dice.choice(CLOCKS)]}[what]()
        plan.append((dice.randrange(SPAN_MS), what, *args))
    if dice.random() < RESTORES:
        early, late = sorted(dice.randrange(SPAN_MS) for _ in range(2))
        plan += [(early, "backup"), (late, "restore", dice.randrange(5000, 30000))]
    return sorted(plan, key=lambda e: e[0])


class Torture:
    def __init__(self, seed, folder):
        self.seed, self.folder = seed, folder
        self.names = [f"t{seed % 100000}-{i}" for i in range(BOTS)]
        self.asked = collections.Counter()  # (bot, verb) -> accepted commands
        self.told = []                      # what happened, for a person
        self.kills = self.keys = self.restores = 0
        self.worst = None
        self.files_hurt = False  # a fault on files, or a restore, may leave some
        self.store = folder / "data" / "bridge.db"
        self.foreign = set()                # instances that a restored store does not know
        self.clock = folder / "clock"
        self.clock.write_bytes(struct.pack("=q", 0))
        self.bridge = None
        self.over = threading.Event()
        env = conftest.clean_environment(TB_TIME_SCALE=SCALE)
        self.simulator = conftest.Simulator(["simulate", "--port", "0", "--seed", str(seed)], env,
                                            folder, "simulator")
        self.begun = time.monotonic()

    # ---- the programs ----

    def tell(self, *words):
        self.told.append(f"{self.sim_ms() / 1000:8.1f} s  " + " ".join(map(str, words)))

    def sim_ms(self):
        return (time.monotonic() - self.begun) * 1000 * SCALE

    def sleep(self, sim_ms):
        time.sleep(max(0, sim_ms) / 1000 / SCALE)

    def start(self):
        env = conftest.clean_environment(
            TB_TIME_SCALE=SCALE, PORT=0, BRIDGE_ADMIN_TOKEN=conftest.TOKEN,
            TB_WALL_ERROR_FILE=self.clock,
            BRIDGE_STORE=self.store, BRIDGE_PLUGINS=conftest.ROOT / "plugins",
            HUMMINGBOT_API_URL=self.simulator.url)
        self.bridge = conftest.Bridge(env, self.folder)

    def kill(self, wait_ms):
        self.bridge.kill()
        log = self.bridge.log()
        if "Sanitizer" in log or "runtime error:" in log:
            raise Violation(f"a sanitizer's report:\n{log[-4000:]}")
        with open(self.folder / "killed.log", "a") as old:
            old.write(log)
        self.kills += 1
        self.sleep(wait_ms)
        self.start()

    def ask(self, method, path, **more):
        """None when the bridge cannot answer now."""
        try:
            return self.bridge.request(method, path, timeout=30, **more)
        except requests.RequestException:
            return None

    # ---- the events ----

    def command(self, verb, bot):
        name = self.names[bot]
        self.keys += 1
        key = {"Idempotency-Key": f"{self.seed}-{self.keys}"}
        path, body = f"/bots/{name}/{verb}", {}
        if verb == "create":
            path, body = "/bots", form(name)
        elif verb == "abandon":
            path, body = f"/bots/{name}/stop", {"policy": "abandon", "confirm": "abandon"}
        # A person who sees no answer asks again with the same key; that must not do it twice.
        for _ in range(2):
            answer = self.ask("POST", path, json=body, headers=key)
            if answer is not None and answer.status_code != 503:
                break
        status = answer.status_code if answer is not None else 0
        self.tell(verb, name, status)
        if status == 202:
            self.asked[name, verb] += 1
        elif status in (0, 500, 502, 503, 504):
            self.asked[name, verb] += 1  # it may have been taken
        elif status not in (404, 409, 422):
            raise Violation(f"{verb} of {name}: {status} {answer.text}")
        if status == 500:
            raise Violation(f"{verb} of {name}: {answer.text}")
        return status == 202

    def operations(self):
        answer = self.ask("GET", "/operations?limit=100")
        if answer is None:
            return None
        if answer.status_code != 200:
            raise Violation(f"GET /operations: {answer.status_code} {answer.text}")
        return answer.json()["operations"]

    def wait_step(self, step):
        """A moment ends when an open operation is at the step, or nothing of the kind comes."""
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for op in self.operations() or []:
                if op["state"] in FINAL:
                    continue
                detail = self.ask("GET", f"/operations/{op['id']}")
                steps = detail.json().get("steps", []) if detail is not None else []
                if steps and steps[-1]["name"] == step:
                    return True
            time.sleep(0.005)
        return False

    def event(self, what, *args):
        if what in FEARS:
            self.command(what, *args)
        elif what == "fault":
            self.tell("fault", args[0])
            self.files_hurt |= "/configs" in args[0]["match"]["path"]
            self.simulator.fault(**args[0])
        elif what == "kill":
            self.tell("kill, down for", args[0])
            self.kill(args[0])
        elif what == "kill_at":
            verb, bot, step, down_ms = args
            if self.command(verb, bot):
                found = self.wait_step(step)
                self.tell("kill at" if found else "kill, never saw", step)
                self.kill(down_ms)
        elif what == "condition":
            self.tell("condition", *args)
            if args[0] == "restart":
                self.simulator.control("POST", "/restart")
            else:
                self.simulator.control("POST", "/conditions", {args[0]: "down"})
                threading.Timer(args[1] / 1000 / SCALE, self.heal, [args[0]]).start()
        elif what == "crash":
            alive = of_bot(self.simulator.ledger()["trading"], self.names[args[0]])
            self.tell("crash", alive)
            for instance in alive:
                self.simulator.control("POST", f"/bots/{instance}/crash")
        elif what == "disk":
            self.tell("disk full for", args[0])
            threading.Thread(target=self.fill_disk, args=args, daemon=True).start()
        elif what == "advance":
            self.tell("the API's clock jumps", args[0])
            self.simulator.control("POST", "/advance", {"ms": args[0]})
        elif what == "clock":
            self.tell("the bridge's clock is wrong by", args[0])
            with open(self.clock, "r+b") as clock:  # never shorter: the bridge has it mapped
                clock.write(struct.pack("=q", args[0]))
        elif what == "backup":
            answer = self.ask("GET", "/backup")
            if answer is not None and answer.status_code == 200:
                (self.folder / "old.tar").write_bytes(answer.content)
                self.tell("backup")
        elif what == "restore" and (self.folder / "old.tar").exists():
            self.tell("the old backup comes back")
            self.restore(*args)

    def bases(self):
        """Every attempt the store knows, as the name its instances begin with."""
        db = sqlite3.connect(self.store, timeout=5)
        try:
            return {base for base, in db.execute("SELECT base FROM attempts")}
        finally:
            db.close()

    def restore(self, look_ms):
        """The store as it was at the backup. What was made since is nobody's from now on: the bridge
        must say so, and a person sends it on."""
        self.bridge.kill()
        known = self.bases()
        self.store.parent.rename(self.folder / "lost")
        done = conftest.run("restore", self.folder / "old.tar",
                            env=conftest.clean_environment(BRIDGE_STORE=self.store))
        if done.returncode:
            raise Violation(f"restore: {done.stdout}{done.stderr}")
        self.foreign |= known - self.bases()
        self.restores += 1
        self.files_hurt = True  # an attempt that is not continued keeps its files until a cleanup
        self.start()
        observe = self.ask("GET", "/hummingbot").json()["observe"]
        if not observe or observe["reason"] != "restored":
            raise Violation(f"a restored store does not observe: {observe}")
        before = [w for w in self.simulator.ledger()["writes"]]
        self.sleep(look_ms)
        self.judge_observing(before)
        end = time.monotonic() + HEAL_S
        while self.bridge.post("/hummingbot/resume", json={}).status_code != 200:
            if time.monotonic() > end:
                raise Violation("no resume after a restore")
            time.sleep(0.05)

    def judge_observing(self, before):
        """While it observes, the bridge sends nothing; what still arrives was sent before the restore."""
        sent = [w for w in self.simulator.ledger()["writes"][len(before):] if w["fault"] is None
                and not w["path"].startswith(READING)]
        if sent:
            raise Violation(f"written while observing: {sent}")

    def heal(self, what):
        try:
            self.simulator.control("POST", "/conditions", {what: "up"})
        except (requests.RequestException, AssertionError):
            pass  # the seed is over

    def fill_disk(self, sim_ms):
        """A writer that holds the store: the bridge cannot commit."""
        try:
            db = sqlite3.connect(self.store, isolation_level=None, timeout=5)
            db.execute("BEGIN IMMEDIATE")
            self.sleep(sim_ms)
            db.execute("ROLLBACK")
            db.close()
        except sqlite3.Error:
            pass

    # ---- the judge ----

    def watch(self):
        while not self.over.wait(0.03):
            try:
                self.look(self.simulator.ledger())
            except (requests.RequestException, AssertionError):
                continue
            except Violation as error:
                self.worst = self.worst or error

    def ours(self, instances):
        """Without those that only a lost store knew."""
        return [i for i in instances if i[:-len("-20261122-101500")] not in self.foreign]

    def look(self, ledger):
        for name in self.names:
            alive = self.ours(of_bot(ledger["trading"], name))
            if len(alive) > 1:
                raise Violation(f"two instances of {name} trade: {alive}")
        for base, made in ledger["instances"].items():
            if made > 1:
                raise Violation(f"{made} containers were made of {base}")

    def judge_writes(self, ledger):
        bodies = collections.Counter()
        for write in ledger["writes"]:
            if not any(write["method"] == m and write["path"].startswith(p) for m, p in ALLOWED):
                raise Violation(f"nobody asked for {write}")
            if write["path"].startswith(DEPLOY):
                bodies[write["body_sha256"]] += 1
        if bodies and max(bodies.values()) > 1:
            raise Violation(f"a deploy was delivered {max(bodies.values())} times")
        for name in self.names:
            made = of_bot(ledger["instances"], name)
            may = 2 * sum(self.asked[name, verb] for verb in MAKING)
            if len(made) > may:
                raise Violation(f"{len(made)} instances of {name}, {may} could be asked for")
            started = [w for w in ledger["writes"] if w["path"].startswith(START)
                       and f"hummingbot-{name}-" in w["path"]]
            if started and not any(self.asked[name, verb] for verb in STARTING):
                raise Violation(f"nobody asked for {started}")
            archived = [w for w in ledger["writes"] if w["path"].startswith(ARCHIVE)
                        and f"hummingbot-{name}-" in w["path"]]
            if archived and not self.asked[name, "archive"]:
                raise Violation(f"nobody asked for {archived}")

    def judge_bot(self, bot, bots, ledger):
        """What the bridge says of a bot is what the ledger shows; None, or what differs. The record of
        a create that failed leaves its name to a later bot, whose instance is not its own."""
        others = {b["instance"] for b in bots if b["id"] != bot["id"]}
        alive = [i for i in self.ours(of_bot(ledger["trading"], bot["name"])) if i not in others]
        state = bot["state"]
        if self.restores and state == "stale" and bot["reason"]["code"] == "no_report" and not alive:
            return None  # its stop was lost with the newer store, and it is said that nothing is heard
        if state in ("running", "degraded", "stale") and alive != [bot["instance"]]:
            return f"{bot['name']} is {state}, but {alive} trade"
        if state in ("stopped", "failed", "archived") and alive:
            return f"{bot['name']} is {state}, but {alive} trade"
        if state not in ("running", "degraded", "stale", "stopped", "failed", "archived", "unknown",
                         "conflict"):
            return f"{bot['name']} is {state} and nothing is under way"
        fault = profit_fault(bot)
        return fault and f"the profit of {bot['name']}: {fault}"

    def judge_bots(self):
        end = time.monotonic() + HEAL_S
        while True:
            bots = [b for b in self.bridge.get("/bots").json()["bots"]
                    if b["managed"] and b["name"] in self.names]
            wrong = [w for w in (self.judge_bot(b, bots, self.simulator.ledger()) for b in bots) if w]
            if not wrong:
                return bots
            if time.monotonic() > end:
                raise Violation("; ".join(wrong))
            time.sleep(0.1)

    def files_left(self, ledger):
        """Script configs of attempts that made nothing: deleted, or late and put back."""
        files = ledger["files"]
        return [f for f in files["scripts_configs"] if any(of_bot([f.removesuffix(".yml")], n)
                for n in self.names)
                and f.removesuffix(".yml") not in self.foreign | set(ledger["instances"])]

    def settle(self):
        end = time.monotonic() + HEAL_S
        while True:
            operations = self.operations()
            if operations is not None and all(op["state"] in FINAL for op in operations):
                return operations
            if time.monotonic() > end:
                raise Violation(f"no end: {[op for op in operations or [] if op['state'] not in FINAL]}")
            time.sleep(0.1)

    # ---- from begin to end ----

    def play(self):
        counts = collections.Counter()
        threading.Thread(target=self.watch, daemon=True).start()
        self.start()
        self.begun = time.monotonic()
        for at, what, *args in draw(self.seed):
            self.sleep(at - self.sim_ms())
            self.event(what, *args)
            if self.worst:
                raise self.worst
        self.simulator.control("DELETE", "/faults")
        for what in ("engine", "broker", "database"):
            self.heal(what)
        self.tell("healed")
        operations = self.settle()
        # What is late still executes now, at once.
        self.simulator.control("POST", "/advance", {"ms": LATE_MS})
        bots = self.judge_bots()
        ledger = self.simulator.ledger()
        left = self.files_left(ledger)
        if left and not self.files_hurt:
            raise Violation(f"files left: {left}")
        counts["files left after faults on files or a restore"] = len(left)
        for op in operations:
            counts[f"{op['kind']} {op['state']}"] += 1
        # In a sound world every stop is proven and leaves nothing.
        for bot in bots:
            if bot["state"] != "conflict":
                self.command("stop", self.names.index(bot["name"]))
        operations = self.settle()
        self.judge_bots()
        ledger = self.simulator.ledger()
        for bot in self.bridge.get("/bots").json()["bots"]:
            if bot["managed"]:
                counts[f"in the end {bot['state']}"] += 1
        self.look(ledger)
        self.judge_writes(ledger)
        if self.worst:
            raise self.worst
        writes = [w for w in ledger["writes"] if w["path"].startswith(DEPLOY)]
        counts.update({"kills": self.kills, "restores": self.restores, "operations": len(operations),
                       "deploys delivered": len(writes),
                       "instances": sum(ledger["instances"].values()),
                       "faults met": sum(w["fault"] is not None for w in ledger["writes"])})
        self.bridge.stop()
        return counts

    def close(self):
        self.over.set()
        for program in (self.bridge, self.simulator):
            if program:
                program.kill()


def torture(seed, folder, tell=False):
    """(counts, None) or (None, what went wrong and how it came to it)."""
    folder.mkdir(parents=True, exist_ok=True)
    run = Torture(seed, folder)
    try:
        counts = run.play()
        if tell:
            print(*run.told, sep="\n")
        return counts, None
    except Exception as error:  # whatever stops a seed is a finding
        what = str(error) if isinstance(error, Violation) else traceback.format_exc()
        run.tell("VIOLATION")
        log = run.bridge.log()[-6000:] if run.bridge else ""
        return None, "\n".join([f"seed {seed}: {what}", *run.told, log])
    finally:
        run.close()

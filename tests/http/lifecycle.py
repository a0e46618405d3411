"""What the life-cycle tests share: forms, commands, and the judge.

The judge is the simulator's ledger: it knows which processes were ever made and which trade. What
the bridge says is compared with it, never with the bridge's own words.
"""
import collections
import concurrent.futures
from decimal import Decimal
import itertools
import threading
import traceback
import time

FINAL = {"succeeded", "failed", "not_proven", "unknown", "conflict", "superseded"}
DEPLOY = "/bot-orchestration/deploy-v2-"
_numbers = itertools.count(1)


def fresh_name(word):
    return f"{word}-{next(_numbers)}"


def form(name, **more):
    return {"name": name, "exchange": "bitmart", "strategy": "spot_grid",
            "account": "master_account", "params": {}, **more}


def create(bridge, name, expect=202, key=None, **more):
    headers = {"Idempotency-Key": key} if key else None
    answer = bridge.post("/bots", json=form(name, **more), headers=headers)
    assert answer.status_code == expect, answer.text
    return answer


def command(bridge, bot, verb, body=None, expect=202):
    answer = bridge.post(f"/bots/{bot}/{verb}", json=body if body is not None else {})
    assert answer.status_code == expect, answer.text
    return answer.json()


def operation(bridge, href):
    answer = bridge.get(href)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(bridge, href, timeout=180):
    """The operation once it is final."""
    end = time.monotonic() + timeout
    while True:
        op = operation(bridge, href)
        if op["state"] in FINAL:
            return op
        assert time.monotonic() < end, f"{op}\n{bridge.log()[-3000:]}"
        time.sleep(0.05)


def bot(bridge, name):
    answer = bridge.get(f"/bots/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(condition, timeout=90, what="condition"):
    end = time.monotonic() + timeout
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.05)


def until_state(bridge, name, states, timeout=90):
    states = {states} if isinstance(states, str) else set(states)
    return until(lambda: (lambda b: b if b["state"] in states else None)(bot(bridge, name)), timeout,
                 lambda: f"{bot(bridge, name)} is never {states}\n{bridge.log()[-3000:]}")


def until_step(bridge, href, step, timeout=60):
    """Until the operation has come to a step (or is past it)."""
    def there():
        op = operation(bridge, href)
        return op["state"] in FINAL or any(s["name"] == step for s in op["steps"])
    until(there, timeout, lambda: f"{operation(bridge, href)}")


def in_time(ask, timeout=180):
    """The answer of a machine that was not too slow for it: 503 with Retry-After says that nothing was done."""
    end = time.monotonic() + timeout
    while True:
        answer = ask()
        if answer.status_code != 503 or time.monotonic() > end:
            return answer
        assert answer.json()["retryable"] and answer.headers["Retry-After"], answer.text


def fault(simulator, kind, path, **more):
    simulator.fault(match={"method": "POST", "path": path}, kind=kind, **more)


def of_bot(names, name):
    """Instances (or bases) of a bot: hummingbot-<slug>-<nonce>[-<date>-<time>]."""
    stem = f"hummingbot-{name}-"
    return [n for n in names if n.startswith(stem) and len(n) in (len(stem) + 8, len(stem) + 24)]


def trading(simulator, name):
    return of_bot(simulator.ledger()["trading"], name)


def deploys(simulator, name=None):
    """(delivered, executed) since the ledger was forgotten."""
    writes = [w for w in simulator.ledger()["writes"] if DEPLOY in w["path"]]
    return len(writes), sum(w["executed"] for w in writes)


def running(bridge, name, **more):
    """A bot that is created and proven."""
    href = create(bridge, name, **more).json()["operation"]["href"]
    op = ended(bridge, href)
    assert op["state"] == "succeeded", op
    return bot(bridge, name)


def assert_truth(bridge, simulator, name, op):
    """What the operation and the bot say is what the ledger shows."""
    alive = trading(simulator, name)
    shown = bot(bridge, name)
    what = f"ledger: {alive}\noperation: {op}\nbot: {shown}\n{bridge.log()[-3000:]}"
    assert len(alive) <= 1, what
    if op["kind"] in ("create", "start", "restart", "redeploy") and op["state"] == "succeeded":
        assert alive == [shown["instance"]] and shown["state"] == "running", what
    if op["kind"] == "create" and op["state"] == "failed":
        assert alive == [] and shown["state"] == "failed", what
    if op["kind"] == "stop" and op["state"] == "succeeded":
        assert alive == [] and shown["state"] == "stopped", what
    if op["state"] in ("failed", "not_proven", "unknown", "conflict"):
        assert op["error"]["code"] and op["error"]["detail"], what


def profit_fault(shown):
    """What is wrong with the profit of a bot, by its own parts: no instance is in it twice, and each sum is that of
    what its instances reported, unknown where one of them is."""
    names = [p["instance"] for p in shown["past_instances"] if "instance" in p] + [shown["instance"]]
    if len(set(names)) < len(names):
        return f"an instance counts twice: {names}"
    parts = collections.defaultdict(list)
    for row in [r for p in shown["past_instances"] for r in p["pnl"] or []] + shown["instance_pnl"]:
        parts[row["quote"]].append(row)
    if [r["quote"] for r in shown["pnl"]] != list(dict.fromkeys(r["quote"] for r in shown["pnl"])) \
            or {r["quote"] for r in shown["pnl"]} != set(parts):
        return f"the quotes are not those of {dict(parts)}: {shown['pnl']}"
    for row in shown["pnl"]:
        of = parts[row["quote"]]
        for key in ("realised", "unrealised", "fees", "net", "volume"):
            unknown = any(p[key] is None for p in of) or (row["quote"] is None and len(of) > 1)
            if (row[key] is None) != unknown:
                return f"{key} is {row[key]}, of {of}"
            if not unknown and Decimal(row[key]) != sum(Decimal(p[key]) for p in of):
                return f"{key} is {row[key]}, not the sum of {of}"
    return None


def changes(simulator):
    """Paths of what arrived and may change something: some of upstream's reads are POSTs."""
    reads = ("/market-data/", "/validate", "/portfolio", "/trading-rules", "/swap/quote")
    return [w["path"] for w in simulator.ledger()["writes"]
            if not any(r in w["path"] for r in reads)]


def together(cases, play, workers=4):
    """Plays cases at once, each with programs of its own: most of their time is waiting."""
    failures = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        played = {pool.submit(play, *case): case for case in cases}
        for future in concurrent.futures.as_completed(played):
            if future.exception():
                failures.append(f"{played[future]}: "
                                + "".join(traceback.format_exception(future.exception())))
    assert not failures, "\n".join(failures)


class Watch:
    """Looks at the ledger all the time: never may two instances of one bot trade."""

    def __init__(self, simulator, name):
        self.simulator, self.name = simulator, name
        self.most, self.worst, self._stop = 0, [], threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self):
        while not self._stop.wait(0.05):
            try:
                alive = trading(self.simulator, self.name)
            except Exception:  # the simulator ends before its watcher
                return
            if len(alive) > self.most:
                self.most, self.worst = len(alive), alive

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        assert self.most <= 1, self.worst

"""How the replay compares a body with the recorded one: shape everywhere, values wherever they are determined.
Time stamps, identifiers, container ids, figures of the mock exchange and texts of Python tracebacks are not."""
import collections
import json
import re

import replay_conditions as rc
from replay_recordings import SUFFIX, UNIQUE

STAMP = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(\+00:00|Z)?")
TIME_KEYS = {"timestamp", "deployed_at", "stopped_at", "started_at", "completed_at", "created_at",
             "updated_at", "trade_timestamp", "next_cursor"}


class Compare:
    """Walks both bodies; remembers the first difference and whether every value was compared."""

    def __init__(self, replay, recording):
        self.replay, self.r = replay, recording
        self.found, self.exact = None, True
        self.known = replay.made - (rc.GONE if recording.request["path"] == "/storage/" else set())

    def differ(self, path, text):
        if self.found is None:
            self.found = "%s: %s" % (path or "body", text)

    def value(self, recorded, ours, path, key=None):
        if self.shape_only(key) or key == "id" and not isinstance(recorded, str):
            self.exact = self.exact and recorded == ours
            self.same_type(recorded, ours, path)
        elif key in TIME_KEYS or key == "loc_time":
            self.same_type(recorded, ours, path)
        elif isinstance(recorded, dict) and isinstance(ours, dict):
            self.object(recorded, ours, path)
        elif isinstance(recorded, list) and isinstance(ours, list):
            self.list(recorded, ours, path)
        elif isinstance(recorded, str) and isinstance(ours, str):
            self.text(recorded, ours, path)
        elif isinstance(recorded, bool) or isinstance(ours, bool) or recorded is None or ours is None:
            if recorded is not ours:
                self.differ(path, "%r, recorded %r" % (ours, recorded))
        elif isinstance(recorded, (int, float)) and isinstance(ours, (int, float)):
            if recorded != ours and not self.free_number(path):
                self.differ(path, "%r, recorded %r" % (ours, recorded))
        else:
            self.differ(path, "%.200r, recorded %.200r" % (ours, recorded))

    def shape_only(self, key):
        path = self.r.request["path"]
        return key in rc.SHAPE_ONLY or any(key in keys for prefix, keys in rc.SHAPE_ONLY_AT.items()
                                           if path.startswith(prefix))

    def free_number(self, path):
        if (self.r.request["query"] or {}).get("bot_name"):
            return False
        self.exact = False
        return path.startswith("/prices/") or "/distribution" in path or "/token_count" in path or \
            "status_counts" in path or "strategy_type_counts" in path or path == "/data/total_runs" \
            or path == "/total"

    def same_type(self, recorded, ours, path):
        numbers = (int, float)
        if isinstance(recorded, numbers) and isinstance(ours, numbers):
            return
        if type(recorded) is not type(ours):
            self.differ(path, "%.200r, recorded %.200r" % (ours, recorded))
        elif isinstance(recorded, list) and recorded and ours and isinstance(recorded[0], dict) and \
                set(recorded[0]) != set(ours[0]):
            self.differ(path, "members %s, recorded %s" % (sorted(ours[0]), sorted(recorded[0])))

    def object(self, recorded, ours, path):
        a, b = set(recorded), set(ours)
        if UNIQUE.search(" ".join(a | b)) or path == "/data" and "/status" in self.r.request["path"]:
            a = {k for k in a if not UNIQUE.fullmatch(k) or k in self.known}
            b = {k for k in b if not SUFFIX.search(k) or k in self.known}
            self.exact = self.exact and a == set(recorded)
        if a != b:
            self.differ(path, "members only here %s, only recorded %s" % (sorted(b - a)[:4],
                                                                         sorted(a - b)[:4]))
        for key in a & b:
            self.value(recorded[key], ours[key], path + "/" + key, key)

    def names_of(self, items):
        for key in ("bot_name", "name", "config_name", "_config_name", "token", "id"):
            if items and all(isinstance(i, dict) and key in i for i in items):
                return key
        return None

    def list(self, recorded, ours, path):
        key = self.names_of(recorded) or self.names_of(ours)
        plain = all(isinstance(i, str) for i in recorded + ours)
        if plain:
            wanted = rc.ARCHIVED.get(re.sub(r"-\d+$", "", self.r.name))
            if wanted:
                self.exact = False
                recorded = [i for i in recorded if any(x in i for x in wanted)]
                ours = [i for i in ours if any(x in i for x in wanted)]
            a, b = [self.shown(i) for i in recorded], [self.shown(i) for i in ours]
            a, b = [i for i in a if i], [i for i in b if i]
            if sorted(a) != sorted(b):
                self.differ(path, "%s, recorded %s" % (sorted(set(b) - set(a))[:5],
                                                       sorted(set(a) - set(b))[:5]))
            return
        if key:
            self.keyed(recorded, ours, path, key)
            return
        if len(recorded) != len(ours):
            self.differ(path, "%d elements, recorded %d" % (len(ours), len(recorded)))
        for i, (x, y) in enumerate(zip(recorded, ours)):
            self.value(x, y, "%s/%d" % (path, i))

    def shown(self, text):
        """Names of bots that only one side can know are left out."""
        unknown = [u for u in UNIQUE.findall(text) + SUFFIX.findall(text) if u in text]
        bots = re.findall(r"[A-Za-z0-9_-]+-20\d{6}-\d{6}", text)
        if unknown and bots and not all(b in self.known for b in bots):
            self.exact = False
            return None
        return text

    def keyed(self, recorded, ours, path, key):
        def rows(items):
            table = collections.defaultdict(list)
            for item in items:
                name = str(item.get(key))
                if SUFFIX.search(name) and name not in self.known:
                    self.exact = False
                    continue
                table[name].append(item)
            return table
        a, b = rows(recorded), rows(ours)
        loose = key == "token" or "performance" in self.r.request["path"] or \
            "limit" in (self.r.request["query"] or {})
        if set(a) != set(b) and not loose:
            self.differ(path, "only here %s, only recorded %s" % (sorted(set(b) - set(a))[:4],
                                                                 sorted(set(a) - set(b))[:4]))
        if loose and a and not b:
            self.differ(path, "empty")
        for name in set(a) & set(b):
            self.value(a[name][0], b[name][0], "%s/%s" % (path, name))

    def text(self, recorded, ours, path):
        if recorded == ours:
            return
        if recorded[:1] == "{" and ours[:1] == "{":  # JSON inside a string
            self.value(json.loads(recorded), json.loads(ours), path + "(json)")
            return
        plain = [STAMP.sub("<time>", SUFFIX.sub("-<second>", t)) for t in (recorded, ours)]
        plain = [re.sub(r"Active bots: \[.*?\]", "Active bots: []", t) for t in plain]
        plain = [re.sub(r"\n\[SQL:.*", "", t, flags=re.S) for t in plain]
        if plain[0] != plain[1]:
            self.differ(path, "%.300r, recorded %.300r" % (ours, recorded))
        elif "Active bots" in recorded or "[SQL" in recorded:
            self.exact = False

"""The recorded exchanges with the real Hummingbot API in order of time, and the other names, by seed, that the
replay gives to bots, accounts and configs."""
import json
import os
import pathlib
import random
import re

import replay_conditions as rc

HERE = pathlib.Path(__file__).resolve()
SHARED = pathlib.Path(os.environ.get("TB_SHARED", HERE.parents[3] / "shared"))
RECORDINGS = SHARED / "knowledge" / "hummingbot" / "recordings" / "http"

SUFFIX = re.compile(r"-20\d{6}-\d{6}")
UNIQUE = re.compile(r"[A-Za-z0-9_-]+-20261122-\d{6}")


class Recording:
    def __init__(self, path):
        data = json.loads(path.read_text())
        self.name = path.stem
        self.request, self.response, self.note = data["request"], data["response"], data["note"]
        headers = {k.lower(): v for k, v in self.response["headers"] or []}
        self.headers = headers
        match = re.search(r"(\d\d):(\d\d):(\d\d) GMT", headers.get("date", ""))
        self.at = None
        if match:
            self.at = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])
        self.order = self._order()

    def _order(self):
        if self.name[0].isdigit():
            return (0, 0, int(self.name[:3]))
        numbers = re.findall(r"\d+", self.name)
        # Several threads recorded these: their numbers alone are not in the order of time.
        return (1, self.at, int(numbers[0] if self.name.startswith("cx-") else numbers[-1]))

    @property
    def reads(self):
        """Does it leave the world as it is, and does not depend on the moment?"""
        path, status = self.request["path"], self.response["status"]
        if "/history" in path or "pull" in path or self.note.startswith(("after ", "same moment")):
            return False
        if status in (401, 404, 405, 422):
            return True
        return self.request["method"] in ("GET", "HEAD", "OPTIONS")

    def conditions(self):
        for key, acts in rc.BEFORE.items():
            if self.name == key or self.name.startswith(key + "-") or (
                    not key[0].isdigit() and self.name.startswith(key)):
                return acts
        return None


def load():
    recordings = sorted((Recording(p) for p in RECORDINGS.glob("*.json")), key=lambda r: r.order)
    last = recordings[0].at
    for r in recordings:  # a time per exchange, never backwards
        last = max(last, r.at if r.at is not None else last)
        r.at = last
    return recordings


class Names:
    """The renaming, both ways. Tokens are replaced only as whole names."""

    def __init__(self, recordings, seed):
        self.random = random.Random(seed)
        self.there, self.back = {}, {}
        for token in sorted(self._tokens(recordings)):
            self.add(token, self._other(token))

    def _tokens(self, recordings):
        tokens = set()
        for r in recordings:
            body, path = r.request["body"], r.request["path"]
            if isinstance(body, dict):
                tokens.add(body.get("instance_name"))
                tokens.add(body.get("script_config"))
                tokens.update(body.get("controllers_config") or [])
            for match in re.finditer(r"/(?:scripts|controllers)/configs/([A-Za-z0-9_]+)", path):
                tokens.add(match[1])
            if (r.request["query"] or {}).get("account_name"):
                tokens.add(r.request["query"]["account_name"])
        tokens.update(UNIQUE.sub(lambda m: "", t) for t in list(tokens) if isinstance(t, str))
        for r in recordings:
            for unique in UNIQUE.findall(r.request["path"]):
                tokens.add(SUFFIX.sub("", unique))
        tokens.add("fakebot")
        tokens.update({"tb_garbage", "tb_pmm_bad", "tb_big", "tb_nan", "tb_dup", "tbdup", "tbmiss",
                       "tbscr", "does_not_exist", "nosuchbot"})
        stems = {t[:-4] if t.endswith(".yml") else t for t in tokens if isinstance(t, str)}
        keep = {"master_account", "nope", "v2_with_controllers", ""}
        return {t for t in stems if len(t) > 2 and re.fullmatch(r"-?[A-Za-z0-9_-]+", t)} - keep

    def _other(self, token):
        prefix = "hummingbot-" if token.startswith("hummingbot-") else ""
        letters = "abcdefghijklmnopqrstuvwxyz"
        while True:
            rest = "".join(self.random.choice(letters) if c.isalnum() else c
                           for c in token[len(prefix):])
            if prefix + rest not in self.back:
                return prefix + rest

    def add(self, recorded, simulated):
        self.there[recorded] = simulated
        self.back[simulated] = recorded

    @staticmethod
    def _replace(text, table):
        def swap(match):
            word = match[0]
            if word in table:
                return table[word]
            base = SUFFIX.sub("", word)  # a unique name whose second is not known
            return table[base] + word[len(base):] if base != word and base in table else word
        return re.sub(r"[A-Za-z0-9_-]+", swap, text)

    def part(self, beginning):
        """The other name's beginning for the beginning of a name."""
        for recorded, simulated in self.there.items():
            if recorded.startswith(beginning):
                return simulated[:len(beginning)]
        return beginning

    def to_simulated(self, text):
        return self._replace(text, self.there)

    def to_recorded(self, text):
        return self._replace(text, self.back)

"""Our JSON against Python's: the same documents accepted, the same canonical form.

Python is loosened and tightened to the rules of core/base/json.h (numbers kept as written, no lone
surrogates, depth 64, repeated keys); TB_BUILD_DIR names the build folder with test_json.
"""
import json
import math
import os
import random
import subprocess

import pytest

SEED = 20261122
ROUNDS = 20000
DEPTH = 64

SEEDS = [
    '{"a":[1,-2.5e3,true,false,null,NaN],"b":{"c":"x\\u00e9\\ud83d\\ude00\\n"},"d":[],"a":{}}',
    '[0,-0,0.1,1E5,1e-5,123456789012345678901,"é€😀",-Infinity,1e308,9e307]',
    '{"k":"v","K":"\\"\\\\\\/\\b\\f\\r\\t\\u0000","kk":{"k":{}},"":"","\\u006b":[[[]]]}',
    '  {"é" : [ 1.50 , {"z":0,"y":{"b":1,"a":2}} ] ,\n\t"\\u2028":"\x7f"}  ',
]
ALPHABET = [bytes([c]) for c in b'{}[]:,"\\u0123456789abcdefDdeE+-. \n\ttrnfalskNI\x80\xc3\xed\xa0\xf4']


class Number(str):
    """A number as written."""


class Refused(Exception):
    pass


def number(text, upstream):
    if math.isinf(float(text)):
        if not upstream:
            raise Refused("too large")
        return None
    return Number(text)


def constant(upstream):
    if not upstream:
        raise Refused("NaN")
    return None


def members(pairs, upstream):
    found = dict(pairs)
    if len(found) != len(pairs) and not upstream:
        raise Refused("repeated key")
    return found


def canonical(value, depth=0):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, (list, dict)) and depth == DEPTH:
        raise Refused("too deep")
    if isinstance(value, list):
        return "[" + ",".join(canonical(v, depth + 1) for v in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-8"))
        return "{" + ",".join(
            json.dumps(k, ensure_ascii=False) + ":" + canonical(value[k], depth + 1)
            for k in keys) + "}"
    if isinstance(value, str):
        value.encode("utf-8")
    return json.dumps(value, ensure_ascii=False)


def deep(text):
    """Nesting of a valid document; a value dropped as a repeated key counts, too."""
    level = most = 0
    inside = escaped = False
    for c in text:
        if inside:
            inside = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            inside = True
        elif c in "[{":
            level += 1
            most = max(most, level)
        elif c in "]}":
            level -= 1
    return most


def lone_surrogate(value):
    if isinstance(value, str):
        return any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    return False


def python_says(raw, upstream):
    """The canonical form, or None when refused."""
    def pairs(found):
        for key, value in found:
            if lone_surrogate(key) or lone_surrogate(value):
                raise Refused("surrogate")
        return members(found, upstream)

    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_int=lambda t: number(t, upstream),
                           parse_float=lambda t: number(t, upstream),
                           parse_constant=lambda _: constant(upstream),
                           object_pairs_hook=pairs)
        if deep(text) > DEPTH:
            raise Refused("too deep")
        # A surrogate in a list that a later repeated key drops is still a broken document.
        json.loads(text, object_pairs_hook=check_all)
        return canonical(value)
    except (ValueError, Refused, RecursionError):
        return None


def check_all(pairs):
    for key, value in pairs:
        json.dumps([key, value], ensure_ascii=False).encode("utf-8")
    return dict(pairs)


def mutated(rng):
    text = bytearray(rng.choice(SEEDS).encode("utf-8"))
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(text))
        letter = rng.choice(ALPHABET)
        text[at:at + rng.randint(0, 1)] = letter if rng.random() < 0.7 else b""
    return bytes(text)


def generated(rng, depth=0):
    kind = rng.randrange(8 if depth < 6 else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.randint(-10 ** rng.randint(1, 25), 10 ** rng.randint(1, 25))
    if kind == 2:
        return rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300)
    if kind in (3, 4):
        return "".join(chr(rng.choice([rng.randrange(0x80), rng.randrange(0xD800),
                                       rng.randrange(0xE000, 0x110000)]))
                       for _ in range(rng.randrange(8)))
    if kind == 5:
        return [generated(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {str(generated(rng, 6)): generated(rng, depth + 1) for _ in range(rng.randrange(5))}


def documents():
    rng = random.Random(SEED)
    found = [mutated(rng) for _ in range(ROUNDS)]
    for i in range(ROUNDS // 10):
        found.append(json.dumps(generated(rng), ensure_ascii=i % 2 == 0,
                                indent=[None, 1][i // 2 % 2]).encode("utf-8"))
    for depth in (DEPTH, DEPTH + 1):
        found.append(b"[" * depth + b"]" * depth)
        found.append(b'{"a":' * depth + b"1" + b"}" * depth)
    return found + [b"", b" ", b"\xef\xbb\xbf{}", b"1 1", b"\x00", b"9" * 309, b"1" * 308]


@pytest.mark.parametrize("trust", ["client", "upstream"])
def test_same_as_python(trust):
    build = os.environ.get("TB_BUILD_DIR")
    if not build:
        pytest.skip("TB_BUILD_DIR does not name a build folder")
    tools = [os.path.join(build, folder, "test_json") for folder in ("tests", "")]
    tool = next((t for t in tools if os.path.exists(t)), None)
    if not tool:
        pytest.skip("no test_json in TB_BUILD_DIR; build the target test_json")
    raws = documents()
    stream = b"".join(b"%d\n%s" % (len(raw), raw) for raw in raws)
    run = subprocess.run([tool, "--tool", trust], input=stream, stdout=subprocess.PIPE, check=True)
    lines = run.stdout.decode("utf-8").split("\n")
    assert len(lines) == len(raws) + 1
    accepted = 0
    for raw, line in zip(raws, lines):
        want = python_says(raw, trust == "upstream")
        got = None if line.startswith("ERROR ") else line
        assert got == want, (raw, line)
        accepted += got is not None
    assert ROUNDS // 10 < accepted < len(raws)

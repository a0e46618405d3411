"""Exact decimals against Python's decimal module: seeded random cases for every operation.

The C side is the program test_decimal with --tool (one answer a line); the folder it was built in
comes in TB_BUILD_DIR. Python computes exactly (a context far wider than any result) and then
applies the one rule of the C side about range: a result may lose zeros at the end of its fraction
to fit into 76 digits and a scale of 60, and is refused otherwise.
"""

import decimal
import os
import pathlib
import random
import subprocess

import pytest

D = decimal.Decimal
DIGITS, SCALE_MAX = 76, 60
CASES = 2000  # of each operation; where it rounds, half as many of each rounding
SEED = 20261122
WIDE = decimal.Context(
    prec=3000, Emax=999999, Emin=-999999, traps=[decimal.InvalidOperation, decimal.Inexact]
)
ROUNDINGS = {
    "down": decimal.ROUND_DOWN,
    "up": decimal.ROUND_UP,
    "floor": decimal.ROUND_FLOOR,
    "ceiling": decimal.ROUND_CEILING,
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_up": decimal.ROUND_HALF_UP,
}


@pytest.fixture(autouse=True)
def wide_context():
    """Also abs() and unary minus round to the current context, which is 28 digits otherwise."""
    with decimal.localcontext(WIDE):
        yield


@pytest.fixture(scope="module")
def tool():
    folder = os.environ.get("TB_BUILD_DIR")
    if not folder:
        pytest.skip("TB_BUILD_DIR is not set: name the build folder that holds test_decimal")
    found = [p for p in pathlib.Path(folder).rglob("test_decimal") if os.access(p, os.X_OK) and p.is_file()]
    if not found:
        pytest.skip(f"no test_decimal below {folder}: build the target test_decimal first")

    def ask(lines):
        run = subprocess.run(
            [found[0], "--tool"], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=240
        )
        assert run.returncode == 0, run.stderr[-2000:]
        answers = run.stdout.splitlines()
        assert len(answers) == len(lines)
        return answers

    return ask


def narrow(value, scale):
    """What the C side must print for the exact `value` at `scale`, by its rule about range."""
    coefficient = int(WIDE.scaleb(abs(value), scale))
    assert WIDE.scaleb(D(coefficient), -scale) == abs(value)
    while scale > SCALE_MAX or coefficient >= 10**DIGITS:
        if scale == 0 or coefficient % 10:
            return "false"
        coefficient //= 10
        scale -= 1
    text = str(coefficient).rjust(scale + 1, "0")
    if scale:
        text = text[:-scale] + "." + text[-scale:]
    return ("-" if value < 0 and coefficient else "") + text


def scale_of(text):
    return len(text.partition(".")[2])


def round_ratio(a, b, rounding):
    """a / b rounded to an integer: exact, since all that counts is how the rest compares to half."""
    whole = WIDE.divide_int(abs(a), abs(b))
    rest = WIDE.subtract(abs(a), WIDE.multiply(whole, abs(b)))
    twice = WIDE.multiply(rest, D(2))
    part = D(0) if rest == 0 else D("0.25") if twice < abs(b) else D("0.5") if twice == abs(b) else D("0.75")
    stand_in = WIDE.add(whole, part)
    if (a < 0) != (b < 0):
        stand_in = -stand_in if stand_in else stand_in
    with decimal.localcontext(WIDE) as context:
        context.traps[decimal.Inexact] = False
        return stand_in.quantize(D(1), rounding=rounding)


class Source:
    """Random operands: mostly like prices and amounts, often at the edges of the range."""

    def __init__(self, name):
        self.random = random.Random(f"{SEED}-{name}")

    def digits(self):
        r = self.random
        count = r.choice([1, 2, 3, r.randint(1, 20), r.randint(1, DIGITS), r.randint(DIGITS - 2, DIGITS)])
        kind = r.randrange(8)
        if kind == 0:
            return "9" * count
        if kind == 1:
            return "1" + "0" * (count - 1)
        if kind == 2:
            return "0"
        if kind == 3:  # limb borders
            return str(2 ** (64 * r.randint(1, 3)) + r.randint(-2, 2))
        if kind == 4:
            return (str(r.randint(1, 999)) + "5" + "0" * DIGITS)[:count]
        return str(r.randint(0, 10**count - 1))

    def decimal(self):
        r = self.random
        digits = self.digits()
        scale = r.choice([0, 0, 2, 8, 18, r.randint(0, SCALE_MAX), SCALE_MAX])
        text = digits.rjust(scale + 1, "0")
        if scale:
            text = text[:-scale] + "." + text[-scale:]
        return r.choice(["", "", "-"]) + text

    def close_pair(self):
        """Two operands, sometimes nearly or exactly equal, or a multiple of the other."""
        a, b = self.decimal(), self.decimal()
        kind = self.random.randrange(6)
        if kind == 0:
            b = a
        elif kind == 1:
            b = a.lstrip("-") if a.startswith("-") else "-" + a
        elif kind == 2 and scale_of(b) <= 10 and len(b) < 30:
            half = D(self.random.randint(-10**6, 10**6)) / 2
            a = format(WIDE.multiply(D(b), half), "f")
        return a, b

    def scale(self):
        return self.random.choice([0, 2, 8, self.random.randint(0, SCALE_MAX), SCALE_MAX, SCALE_MAX + 1])


def compare(tool, cases):
    answers = tool([line for line, _ in cases])
    wrong = [(line, answer, expected) for (line, expected), answer in zip(cases, answers) if answer != expected]
    assert not wrong, f"{len(wrong)} of {len(cases)} differ, the first: %r gave %r, not %r" % wrong[0]
    refused = sum(expected == "false" for _, expected in cases)
    return refused


@pytest.mark.parametrize("name", ["add", "subtract", "multiply"])
def test_exact_operations(tool, name):
    source = Source(name)
    cases = []
    for _ in range(CASES):
        a, b = source.close_pair()
        exact = getattr(WIDE, name)(D(a), D(b))
        scale = scale_of(a) + scale_of(b) if name == "multiply" else max(scale_of(a), scale_of(b))
        cases.append((f"{name} {a} {b}", narrow(exact, scale)))
    refused = compare(tool, cases)
    assert CASES * 0.01 < refused < CASES * 0.7, "the cases must hold overflows, and not only those"


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_divide(tool, rounding):
    source = Source("divide" + rounding)
    cases = []
    for _ in range(CASES // 2):
        (a, b), scale = source.close_pair(), source.scale()
        if D(b) == 0 or scale > SCALE_MAX:
            expected = "false"
        else:
            quotient = round_ratio(WIDE.scaleb(D(a), scale), D(b), ROUNDINGS[rounding])
            expected = narrow(WIDE.scaleb(quotient, -scale), scale)
        cases.append((f"divide {a} {b} {scale} {rounding}", expected))
    refused = compare(tool, cases)
    assert 0 < refused < len(cases) * 0.8


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_round(tool, rounding):
    source = Source("round" + rounding)
    cases = []
    for _ in range(CASES // 2):
        a, scale = source.decimal(), source.scale()
        if source.random.randrange(3) == 0 and scale_of(a) > 0:
            scale = source.random.randint(0, scale_of(a))
        if scale > SCALE_MAX:
            expected = "false"
        else:
            with decimal.localcontext(WIDE) as context:
                context.traps[decimal.Inexact] = False
                rounded = D(a).quantize(D(1).scaleb(-scale), rounding=ROUNDINGS[rounding])
            expected = narrow(rounded, scale)
        cases.append((f"round {a} {scale} {rounding}", expected))
    compare(tool, cases)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_quantize(tool, rounding):
    source = Source("quantize" + rounding)
    cases = []
    for _ in range(CASES // 2):
        a, step = source.close_pair()
        if source.random.randrange(8):
            step = step.lstrip("-")
        if D(step) <= 0:
            expected = "false"
        else:
            steps = round_ratio(D(a), D(step), ROUNDINGS[rounding])
            expected = narrow(WIDE.multiply(steps, D(step)), scale_of(step))
        cases.append((f"quantize {a} {step} {rounding}", expected))
    refused = compare(tool, cases)
    assert 0 < refused < len(cases) * 0.8


def test_one_operand_operations(tool):
    source = Source("one operand")
    cases = []
    for _ in range(CASES):
        a, b = source.close_pair()
        x = D(a)
        cases.append((f"compare {a} {b}", str(int(WIDE.compare(x, D(b))))))
        cases.append((f"parse {a}", narrow(x, scale_of(a))))
        cases.append((f"negate {a}", narrow(-x, scale_of(a))))
        cases.append((f"sign {a}", str((x > 0) - (x < 0))))
        plain = narrow(x, scale_of(a))
        cases.append((f"normalise {a}", plain.rstrip("0").rstrip(".") if "." in plain else plain))
        fits = x == int(x) and -(2**63) <= int(x) < 2**63
        cases.append((f"to_int64 {a}", str(int(x)) if fits else "false"))
    compare(tool, cases)


def test_exponents(tool):
    source = Source("exponents")
    cases = []
    for _ in range(CASES):
        digits, exponent = source.digits(), source.random.randint(-90, 90)
        digits = digits[: source.random.randint(1, len(digits))]
        point = source.random.randint(1, len(digits))
        fraction = digits[point:]
        text = digits[:point] + ("." + fraction if fraction else "")
        scale = max(0, len(fraction) - exponent)
        if scale > SCALE_MAX:
            expected = "unread"
        else:
            expected = narrow(WIDE.scaleb(D(text), exponent), scale).replace("false", "unread")
        cases.append((f"parse {text}{source.random.choice('eE')}{exponent:+d}", expected))
    compare(tool, cases)


def test_doubles(tool):
    r = random.Random(f"{SEED}-doubles")
    values = [0.0, 0.1, 0.1 + 0.2, 1e22, 1e23, 123456789.125, 2.0**53, 9007199254740993.0]
    values += [2.0**k for k in range(-190, 250)]
    values += [r.uniform(-1, 1) * 10.0 ** r.randint(-40, 70) for _ in range(CASES)]
    values += [round(r.uniform(0, 10**6), r.randint(0, 8)) for _ in range(CASES)]
    cases = []
    for value in values:
        x = D(repr(value)).normalize(WIDE)  # Python's repr is the shortest text
        scale = max(0, -x.as_tuple().exponent)
        expected = "false" if scale > SCALE_MAX else narrow(x, scale)
        cases.append((f"from_double {value.hex()}", expected))
    compare(tool, cases)
    source = Source("to double")
    texts = [source.decimal() for _ in range(CASES)]
    for text, answer in zip(texts, tool([f"to_double {text}" for text in texts])):
        assert float.fromhex(answer) == float(text), text


def test_integers(tool):
    r = random.Random(f"{SEED}-integers")
    values = [0, 1, -1, 2**63 - 1, -(2**63)] + [r.randint(-(2**63), 2**63 - 1) for _ in range(500)]
    compare(tool, [(f"from_int64 {v}", str(v)) for v in values])

"""Bodies by the thousand for the gateway, made from the schema: good ones, one edit away from good, and anything."""

import codecs
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.strategies import (
    BAD_VALUES,
    FIELDS,
    LIMITS,
    NAMES,
    TIMES,
    VALIDATOR,
    Body,
    any_json,
    edited_bodies,
    good_bodies,
    is_admitted,
)
from tools.kit import event

T = TypeVar("T")

_AT = "2026-10-01T08:00:00-03:00"

_GOOD = event.VALID[0] | {"id": ""}
_TEXTS = NAMES or ["id"]


class Sample(NamedTuple):
    """A body to send."""

    kind: str  # good, one edit, anything
    body: bytes


# What the schema says


def is_a_punch(body: bytes) -> bool:
    """Whether a body is UTF-8, and JSON text that the schema admits."""
    try:
        return is_admitted(body.decode())
    except UnicodeDecodeError:
        return False


def is_lenient_json(body: bytes) -> bool:
    """Whether a body is a punch to Python's own JSON only, by which the emulator reads.

    The closed list of what it admits beyond the schema: NaN for a number; UTF-16 and UTF-32; a byte order mark;
    half a surrogate pair as bytes. AWS's documents say that a body is UTF-8 text, and its JSON has no NaN.
    """
    if is_a_punch(body):
        return False
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    numbers = {name: 0 for name, value in found.items() if isinstance(value, float) and math.isnan(value)}
    return bool(VALIDATOR.is_valid(found | numbers))


_not_in_a_message = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").search


def is_beyond_sqs(body: bytes) -> bool:
    """Whether SQS refuses the text, which XML 1.0 cannot hold.

    The answer is then 400 by the integration's response template, though the schema admits it.
    """
    return bool(_not_in_a_message(body.decode(errors="replace")))


# Bodies


def samples(seed: int, good: int, edited: int, others: int) -> list[Sample]:
    """Make bodies, the same for a seed every time.

    Args:
        seed: of everything that is drawn.
        good: how many that the schema admits.
        edited: how many that are one edit away from one of those.
        others: how many that are anything.
    """
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    bodies = _drawn(good_bodies(), 400)
    found = [Sample("good", _written(chance, _anew(chance, chance.choice(bodies)))) for _ in range(good)]

    edits = [_json(_anew(chance, _GOOD) | {name: value}) for name, values in BAD_VALUES.items() for value in values]
    edits += [_json(_anew(chance, _GOOD) | fields) for fields in LIMITS]
    edits += [_json(_anew(chance, body) if is_a_punch(_json(body)) else body) for body in _drawn(edited_bodies(), 400)]
    while len(edits) < edited:
        edits.append(chance.choice(_EDITS)(chance, _anew(chance, chance.choice(bodies))))
    found += [Sample("one edit", body) for body in edits]

    anything = [_json(value) for value in _drawn(any_json(), others // 2)]
    anything += _drawn(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), others - len(anything))
    found += [Sample("anything", body) for body in anything]
    chance.shuffle(found)
    return found


def _drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """Draw from a strategy of hypothesis, the same every time."""
    found: list[T] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: T) -> None:
        found.append(value)

    collect()
    return found[:count]


def _anew(chance: random.Random, body: Body) -> Body:
    """Give a copy with an id of its own: two punches with one id are a conflict, which no gateway can know."""
    return body | {"id": str(uuid.UUID(int=chance.getrandbits(128), version=4))} if "id" in body else dict(body)


def _written(chance: random.Random, body: Body) -> bytes:
    """Write JSON in one of the ways in which it can be."""
    fields = list(body.items())
    chance.shuffle(fields)
    text = json.dumps(
        dict(fields),
        indent=chance.choice([None, None, 1, "\t"]),
        separators=chance.choice([None, (",", ":"), (" ,\r\n", " :\t")]),
        ensure_ascii=chance.random() < 0.5,
    )
    return (chance.choice(["", "", " \n", "\r\n\t"]) + text + chance.choice(["", "", "\n", "  "])).encode()


Edit = Callable[[random.Random, Body], bytes]
_EDITS: list[Edit] = []


def _edit(make: Edit) -> Edit:
    _EDITS.append(make)
    return make


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


@_edit
def _drop(chance: random.Random, body: Body) -> bytes:
    del body[chance.choice(sorted(body))]
    return _json(body)


@_edit
def _rename(chance: random.Random, body: Body) -> bytes:
    name = chance.choice(sorted(body))
    at = chance.randrange(len(name))
    changed = chance.choice([name.upper(), name[:at] + name[at + 1 :], f"{name} ", f"{name}\0", name[::-1]])
    return _json({changed if each == name else each: value for each, value in body.items()})


@_edit
def _add(chance: random.Random, body: Body) -> bytes:
    name = chance.choice(["", "Ponto", "usuarioID", "constructor", "__proto__", "$ref", "id ", "\ufeffid", "x" * 300])
    return _json(body | {name: chance.choice([None, 1, "", [], {}])})


@_edit
def _another_type(chance: random.Random, body: Body) -> bytes:
    name = chance.choice(sorted(body))
    value = body[name]
    others: list[Any] = [None, True, 0, "", [], {}, str(value), [value], {name: value}, -1.5]
    return _json(body | {name: chance.choice(others)})


@_edit
def _beside_a_limit(chance: random.Random, body: Body) -> bytes:
    name = chance.choice([name for name, rule in FIELDS.items() if "minimum" in rule])
    limit = FIELDS[name][chance.choice(["minimum", "maximum"])]
    step: Any = chance.choice([-1, 0, 1, -1e-6, 1e-6, 0.0, 1e300, -1e300, 10**30])
    return _json(body | {name: limit + step})


@_edit
def _a_number_in_other_words(chance: random.Random, body: Body) -> bytes:
    name = chance.choice([name for name, rule in FIELDS.items() if rule["type"] in ("integer", "number")])
    words = ["NaN", "Infinity", "-Infinity", "1e400", "-0", "01", "+1", "1.", ".5", "0x1", "1_0", "1.0", "1e0", "1E1"]
    return _json({**body, name: "THIS"}).replace(b'"THIS"', chance.choice(words).encode())


@_edit
def _a_character_of_a_pattern(chance: random.Random, body: Body) -> bytes:
    name = chance.choice([name for name, rule in FIELDS.items() if "pattern" in rule and name not in NAMES])
    value = str(body.get(name) or _AT)
    at, width = chance.randrange(len(value) + 1), chance.choice([0, 1])
    new = chance.choice(
        [*"0123456789abfgAGTtZz+-:. \n\r\x00\x7f", "\u0663", "\u2028", "\u0085", "\ud800", "\uff10", ""]
    )
    return _json(body | {name: value[:at] + new + value[at + width :]})


@_edit
def _a_day_that_may_not_exist(chance: random.Random, body: Body) -> bytes:
    day = f"{chance.choice([1899, 1900, 2000, 2023, 2024, 2100, 2999, 3000])}-{chance.randrange(14):02}"
    return _json(body | {chance.choice(TIMES): f"{day}-{chance.choice([0, 1, 28, 29, 30, 31, 32]):02}T08:00Z"})


@_edit
def _a_name(chance: random.Random, body: Body) -> bytes:
    name = chance.choice(_TEXTS)
    most = FIELDS[name].get("maxLength", 36)
    long = ["x" * most, "x" * (most + 1), "\U0001f600" * most, "\U0001f600" * (most + 1), "\u00e9" * most]
    odd = [
        "\x1f",
        "\x7f",
        "\x80",
        "\xa0",
        "a\n",
        "\ud800",
        "\udc00\ud800",
        "\ud83d\ude00",
        "\u0000",
        " ",
        "\u2028",
        "\u202e",
        "\u2065",
        "\u2069",
        "\\",
    ]
    return _json(body | {name: chance.choice(long + odd)})


@_edit
def _a_key_twice(chance: random.Random, body: Body) -> bytes:
    name = chance.choice(sorted(body))
    again = chance.choice([body[name], None, "x", 0])
    one, other = (f"{json.dumps(name)}: {json.dumps(value)}" for value in (body.pop(name), again))
    rest = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in body.items()]
    return ("{" + ", ".join(chance.choice([[one, *rest, other], [other, *rest, one]])) + "}").encode()


@_edit
def _cut(chance: random.Random, body: Body) -> bytes:
    text = _json(body)
    return text[: chance.randrange(len(text))]


@_edit
def _a_byte(chance: random.Random, body: Body) -> bytes:
    text = bytearray(_written(chance, body))
    at = chance.randrange(len(text))
    match chance.randrange(3):
        case 0:
            text[at] = chance.randrange(256)
        case 1:
            del text[at]
        case _:
            text.insert(at, chance.choice(b'"\\{}[],:\x00\x1f\x7f\x80\xc0\xed\xff 0e'))
    return bytes(text)


@_edit
def _nested(chance: random.Random, body: Body) -> bytes:
    depth = chance.choice([1, 10, 500, 5_000, 20_000])
    name = chance.choice(sorted(body))
    return _json({**body, name: "THIS"}).replace(b'"THIS"', b"[" * depth + b"]" * depth)


@_edit
def _around(chance: random.Random, body: Body) -> bytes:
    text = _json(body)
    before = [b"[%s]", b"%s,", b"%s%s" % (text, b"%s"), b"\xef\xbb\xbf%s", b"%s\x00", b"/**/%s", b"%s//", b"(%s)"]
    return chance.choice(before).replace(b"%s", text)


@_edit
def _another_encoding(chance: random.Random, body: Body) -> bytes:
    text = json.dumps(body | {chance.choice(_TEXTS): "port\u00e3o"}, ensure_ascii=False)
    encoding = chance.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp037", "utf-7"])
    return codecs.encode(text, encoding, "replace")  # other names may have what an encoding has not


@_edit
def _raw_in_a_text(chance: random.Random, body: Body) -> bytes:
    raw = [b"\n", b"\t", b"\x00", b"\x1b", b"\x7f", b"\xed\xa0\x80", b"\xc0\xaf", b"\xff", b"\xf0\x9f\x98\x80"]
    return _json({**body, chance.choice(_TEXTS): "THIS"}).replace(b"THIS", chance.choice(raw))

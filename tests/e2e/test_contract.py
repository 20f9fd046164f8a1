"""The gateway's contract by thousands of bodies: what it admits is what the schema says, and becomes a row."""

import codecs
import json
import math
import random
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pytest
import urllib3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ponto.event import SUBJECT_COLUMN
from ponto.punch import InvalidPunchError, Punch, parse
from ponto.store import ExistingRow
from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
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
from tests.waiting import DEADLINE
from tools.kit import event
from tools.kit.project import ROOT

SEED = 20_261_001
CLIENTS = 8
ZONE = ZoneInfo("America/Sao_Paulo")  # the stage's

EXISTING = (ROOT / "ponto" / "sql" / "existing.sql").read_text(encoding="utf-8").replace("%(ids)s", "%s")
UNKNOWABLE = {f"{name}: half a surrogate pair" for name in NAMES}
"""Why a body that the schema admits may become a dead letter: what no schema can say. Of days the schema knows all."""


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
    """Return whether a body is UTF-8, and JSON text that the schema admits."""
    try:
        return is_admitted(body.decode())
    except UnicodeDecodeError:
        return False


def is_lenient_json(body: bytes) -> bool:
    """Return whether a body is a punch to Python's own JSON only, by which the emulator reads.

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
    """Return whether SQS refuses the text, which XML 1.0 cannot hold.

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
    """Return a copy with a new id: two punches with one id are a conflict, which no gateway can know."""
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


# Their answers


class Answered(NamedTuple):
    sample: Sample
    status: int
    answer: Any

    @property
    def message_id(self) -> str:
        return str(self.answer["messageId"])


class DeadLetter(NamedTuple):
    reason: str
    detail: str
    body: str


class Drained(NamedTuple):
    """Every body with its answer, and what became a dead letter, by its message."""

    answered: list[Answered]
    dead_letters: dict[str, DeadLetter]


@pytest.fixture(scope="module")
def drained(deployed: Deployed) -> Drained:
    """Send thousands of bodies, and wait until the accepted ones are drained."""
    client = Client(deployed.stack)
    headers = {"content-type": "application/json", "x-api-key": client.address.api_key}

    def post(sample: Sample) -> Answered:
        answer = connections.request(
            "POST", client.address.api_url, body=sample.body, headers=headers, retries=False, timeout=DEADLINE
        )
        return Answered(sample, answer.status, answer.json())

    with urllib3.PoolManager(maxsize=CLIENTS) as connections, ThreadPoolExecutor(CLIENTS) as pool:
        answered = list(pool.map(post, samples(SEED, good=500, edited=1_500, others=300)))
    client.wait_until_drained()
    dead_letters = {}
    for message in client.take_dead_letters():
        texts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        dead_letters[texts["messageId"]] = DeadLetter(texts["reason"], texts["detail"], message["Body"])
    return Drained(answered, dead_letters)


@pytest.fixture
def answered(drained: Drained) -> list[Answered]:
    return drained.answered


def test_there_are_thousands_and_half_of_them_are_one_edit_away_from_good(answered: list[Answered]) -> None:
    kinds = Counter(each.sample.kind for each in answered)
    assert kinds.total() >= 2_300
    assert kinds["one edit"] >= kinds.total() / 2
    edited = [is_a_punch(each.sample.body) for each in answered if each.sample.kind == "one edit"]
    assert min(sum(edited), len(edited) - sum(edited)) > 150  # on either side of the line
    assert all(is_a_punch(each.sample.body) for each in answered if each.sample.kind == "good")
    assert len({each.sample.body for each in answered}) > 1_900


def test_no_body_is_the_gateways_fault(answered: list[Answered]) -> None:
    assert [each for each in answered if each.status not in (202, 400)] == []


def test_each_answer_is_what_the_schema_says(answered: list[Answered]) -> None:
    wrong = [
        each
        for each in answered
        if (each.status == 202) != is_a_punch(each.sample.body)
        and not is_lenient_json(each.sample.body)
        and not is_beyond_sqs(each.sample.body)
    ]
    assert wrong == []


def test_each_refusal_says_so(answered: list[Answered]) -> None:
    refused = [each.answer["message"] for each in answered if each.status == 400]
    assert all(message.startswith("there is an error in your request: ") for message in refused)


def test_the_emulator_is_lenient_about_what_is_listed_and_it_is_little(answered: list[Answered]) -> None:
    # None of these means that the emulator has learnt it: delete is_lenient_json.
    lenient = [each for each in answered if each.status == 202 and not is_a_punch(each.sample.body)]
    assert 0 < len(lenient) < 250


def differing(punch: Punch, stored: Mapping[str, object]) -> list[str]:
    """Return the columns by which a punch is not that of a row."""
    return [column for column, value in punch.comparison_key.items() if stored[column] != value]


def test_an_accepted_body_becomes_its_row_or_a_letter_for_what_no_schema_can_know(
    client: Client, drained: Drained
) -> None:
    accepted = [each for each in drained.answered if each.status == 202]
    lenient = {each.message_id for each in accepted if not is_a_punch(each.sample.body)}
    punches: dict[str, Punch] = {}
    expected: dict[str, DeadLetter] = {}
    for each in accepted:
        if each.message_id in lenient:
            continue
        body = each.sample.body.decode()
        try:
            punches[each.message_id] = parse(body, ZONE)
        except InvalidPunchError as error:
            expected[each.message_id] = DeadLetter(error.reason, error.detail, body)
    assert bool(expected) == bool(NAMES)
    assert {dead_letter.detail for dead_letter in expected.values()} <= UNKNOWABLE

    ids = {punch.id: punch.employee_id for punch in punches.values()}
    rows = client.query(f"select id::text, {SUBJECT_COLUMN} from ponto.batida where id = any(%s::uuid[])", list(ids))
    assert dict(rows) == ids
    stored = {row.id: row.comparison_key for row in map(ExistingRow._make, client.query(EXISTING, list(ids)))}
    assert len(ids) > 100  # without an id, equal punches are one
    for each in accepted:  # of an event that is more than its id is made of, one may contradict another
        punch = punches.get(each.message_id)
        if punch and (other := differing(punch, stored[punch.id])):
            detail = f"id {punch.id} belongs to a punch with another {' and '.join(other)}"
            expected[each.message_id] = DeadLetter("conflict", detail, each.sample.body.decode())
    assert {name: found for name, found in drained.dead_letters.items() if name not in lenient} == expected

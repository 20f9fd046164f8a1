"""The gateway's contract, tested with hundreds of bodies: it admits what the schema admits, and those are stored."""

import json
import random
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pytest
import urllib3
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ponto.drain.parser import InvalidPunchError, parse
from ponto.drain.store import ExistingRow
from ponto.punch import EVENT, Punch
from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
from tests.strategies import (
    BAD_VALUES,
    BOUNDARY_VALUES,
    FIELDS,
    TEXT_FIELDS,
    Body,
    edited_bodies,
    good_bodies,
    is_admitted,
    json_values,
)
from tests.waiting import DEADLINE_SECONDS
from tools.kit import event
from tools.kit.project import ROOT

CLIENTS = 8
ZONE = ZoneInfo("America/Sao_Paulo")  # the stage's

EXISTING = (ROOT / "ponto" / "drain" / "sql" / "existing.sql").read_text(encoding="utf-8").replace("%(ids)s", "%s")
DETAILS_BEYOND_SCHEMA = {f"{name}: contains a lone surrogate" for name in TEXT_FIELDS}
"""Details of dead letters whose bodies the schema admits, because a schema cannot express the rule."""

T = TypeVar("T")


# The schema


def is_valid_punch(body: bytes) -> bool:
    """Return whether a body is UTF-8 and JSON that the schema admits."""
    try:
        return is_admitted(body.decode())
    except UnicodeDecodeError:
        return False


def is_ambiguous_for_emulator(body: bytes) -> bool:
    """Return whether the emulator, which uses Python's JSON parser, may admit a body that AWS refuses.

    Such bodies contain NaN, are UTF-16 or UTF-32, or have a byte order mark or a lone surrogate as bytes. According to
    AWS's documentation, a body is UTF-8 text, and JSON has no NaN.
    """
    return b"NaN" in body or b"\xed" in body or json.detect_encoding(body) != "utf-8"


_find_forbidden_character = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]").search


def is_refused_by_sqs(body: bytes) -> bool:
    """Return whether SQS refuses a body because it has characters that XML 1.0 excludes.

    The integration's response template then responds with 400, even if the schema admits the body.
    """
    return bool(_find_forbidden_character(body.decode(errors="replace")))


# Bodies

NUMBERS = ["Infinity", "1e400", "-0", "01", "1.", "1.0"]
BODY_WRAPPERS = [
    b" \n%s\r\n\t",
    b"[%s]",
    b"%s%s",
    b"%s\x00",
    b"%s\xff\xfe",
    b"%s&Action=DeleteQueue",
    b"MessageBody=%s",
]
RAW_TEXT = [b"\n", b"\x00", b"\x7f", b"\xff", b"\xef\xbf\xbe", b"\xf0\x9f\x98\x80", rb"\ud800", rb"\u0000", rb"\u202e"]


def _create_bodies() -> list[bytes]:
    """Create valid, almost valid and random bodies, which differ between runs only in their ids."""
    values = [
        *_draw_examples(good_bodies(), 100),
        *(_create_good_body() | {name: values[0]} for name, values in BAD_VALUES.items()),
        *(_create_good_body() | fields for fields in BOUNDARY_VALUES),
        *_draw_examples(edited_bodies(), 100),
        *_draw_examples(json_values(), 30),
    ]
    bodies = [
        _encode_json(value | _new_id() if isinstance(value, dict) and is_valid_punch(_encode_json(value)) else value)
        for value in values
    ]
    bodies += _draw_examples(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), 30)
    numeric = [name for name, rule in FIELDS.items() if rule["type"] in ("integer", "number")]
    bodies += [_set_raw_value(name, number.encode()) for name in numeric for number in NUMBERS]
    bodies += [_set_raw_value(name, b'"%s"' % raw) for name in TEXT_FIELDS or ["id"] for raw in RAW_TEXT]
    bodies += [_set_raw_value(name, b"[" * depth + b"]" * depth) for name in FIELDS for depth in (1, 20_000)]
    good = _encode_json(_create_good_body())
    bodies += [wrapper.replace(b"%s", good) for wrapper in BODY_WRAPPERS]
    bodies += [good[:length] for length in range(0, len(good), 20)]
    bodies += [b'{"id":1,' + good[1:], good[:-1] + b',"id":1}']  # the last value of a repeated key is used
    random.Random(20_261_001).shuffle(bodies)  # noqa: S311  repeatable, not secret
    return [body for body in bodies if not is_ambiguous_for_emulator(body)]


def _draw_examples(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """Draw examples from a Hypothesis strategy, the same in every run."""
    examples: list[T] = []

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
        examples.append(value)

    collect()
    return examples[:count]


def _new_id() -> Body:
    """Return a new id, because equal ids would cause conflicts, which the gateway cannot detect."""
    return {"id": str(uuid.uuid4())}


def _create_good_body() -> Body:
    return event.VALID[0] | _new_id()


def _encode_json(body: Any) -> bytes:
    return json.dumps(body).encode()


def _set_raw_value(name: str, value: bytes) -> bytes:
    """Return a valid body with these bytes in place of one value."""
    return _encode_json(_create_good_body() | {name: "THIS"}).replace(b'"THIS"', value)


# Responses


class BodyResponse(NamedTuple):
    body: bytes
    status: int
    content: Any


DeadLetterContent = tuple[str, str, str]  # reason, detail, body


class ContractResults(NamedTuple):
    """All bodies with their responses, and the dead letters by message id."""

    responses: list[BodyResponse]
    dead_letters: dict[str, DeadLetterContent]


@pytest.fixture(scope="module")
def results(deployed: Deployed) -> ContractResults:
    """Send all bodies and wait until the queue is empty."""
    client = Client(deployed.stack)
    headers = {"content-type": "application/json", "x-api-key": client.address.api_key}

    def post(body: bytes) -> BodyResponse:
        response = connections.request(
            "POST", client.address.api_url, body=body, headers=headers, retries=False, timeout=DEADLINE_SECONDS
        )
        return BodyResponse(body, response.status, response.json())

    with urllib3.PoolManager(maxsize=CLIENTS) as connections, ThreadPoolExecutor(CLIENTS) as pool:
        responses = list(pool.map(post, _create_bodies()))
    client.wait_until_drained()
    dead_letters = {}
    for message in client.take_dead_letters():
        texts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        dead_letters[texts["messageId"]] = (texts["reason"], texts["detail"], message["Body"])
    return ContractResults(responses, dead_letters)


def test_responses_agree_with_the_schema(results: ContractResults) -> None:
    expected = {True: 202, False: 400}
    sendable = [response for response in results.responses if not is_refused_by_sqs(response.body)]
    assert min(sum(is_valid_punch(response.body) is admitted for response in sendable) for admitted in expected) > 100
    assert [response for response in sendable if response.status != expected[is_valid_punch(response.body)]] == []
    assert {response.status for response in results.responses} == {202, 400}
    messages = [response.content["message"] for response in results.responses if response.status == 400]
    assert all(message.startswith("there is an error in your request: ") for message in messages)


def test_accepted_body_is_stored_or_dead_lettered_for_an_expected_reason(
    client: Client, results: ContractResults
) -> None:
    accepted = {each.content["messageId"]: each.body.decode() for each in results.responses if each.status == 202}
    punches: dict[str, Punch] = {}
    expected: dict[str, DeadLetterContent] = {}
    for message_id, body in accepted.items():
        try:
            punches[message_id] = parse(body, ZONE)
        except InvalidPunchError as error:
            expected[message_id] = (error.reason, error.detail, body)
    assert bool(expected) == bool(TEXT_FIELDS)
    assert {detail for _, detail, _ in expected.values()} <= DETAILS_BEYOND_SCHEMA

    ids = {punch.id: EVENT.subject_id(punch) for punch in punches.values()}
    rows = client.query(f"select id::text, {EVENT.subject} from ponto.batida where id = any(%s::uuid[])", list(ids))
    assert dict(rows) == ids
    stored = {row.id: row.comparison_key for row in map(ExistingRow._make, client.query(EXISTING, list(ids)))}
    assert len(ids) > 100  # equal punches without an id have the same derived id
    for message_id, punch in punches.items():  # equal derived ids are conflicts if other fields differ
        key = EVENT.comparison_key(punch)
        if columns := [column for column, value in key.items() if stored[punch.id][column] != value]:
            detail = f"id {punch.id} belongs to a punch with another {' and '.join(columns)}"
            expected[message_id] = ("conflict", detail, accepted[message_id])
    assert results.dead_letters == expected

"""The gateway's contract by thousands of bodies: what it admits is what the schema says, and becomes a row."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import urllib3

from ponto.event import SUBJECT_COLUMN
from ponto.punch import InvalidPunchError, Punch, parse
from ponto.store import ExistingRow
from tests.contract import Sample, is_a_punch, is_beyond_sqs, is_lenient_json, samples
from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
from tests.strategies import NAMES
from tests.waiting import DEADLINE
from tools.kit.project import ROOT

SEED = 20_261_001
CLIENTS = 8
ZONE = ZoneInfo("America/Sao_Paulo")  # the stage's

EXISTING = (ROOT / "ponto" / "sql" / "existing.sql").read_text(encoding="utf-8").replace("%(ids)s", "%s")
UNKNOWABLE = {f"{name}: half a surrogate pair" for name in NAMES}
"""Why a body that the schema admits may become a dead letter: what no schema can say. Of days the schema knows all."""


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
        answered = list(pool.map(post, samples(SEED, good=1_500, edited=3_000, others=700)))
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
    assert kinds.total() >= 5_000
    assert kinds["one edit"] >= kinds.total() / 2
    edited = [is_a_punch(each.sample.body) for each in answered if each.sample.kind == "one edit"]
    assert min(sum(edited), len(edited) - sum(edited)) > 300  # on either side of the line
    assert all(is_a_punch(each.sample.body) for each in answered if each.sample.kind == "good")
    assert len({each.sample.body for each in answered}) > 4_500


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
    """Give the columns by which a punch is not that of a row."""
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
    assert len(ids) > 500  # without an id, equal punches are one
    for each in accepted:  # of an event that is more than its id is made of, one may contradict another
        punch = punches.get(each.message_id)
        if punch and (other := differing(punch, stored[punch.id])):
            detail = f"id {punch.id} belongs to a punch with another {' and '.join(other)}"
            expected[each.message_id] = DeadLetter("conflict", detail, each.sample.body.decode())
    assert {name: found for name, found in drained.dead_letters.items() if name not in lenient} == expected

"""The gateway's contract by thousands of bodies: what it admits is what the schema says, and becomes a row."""

import http.client
import json
import threading
import urllib.parse
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from ponto.punch import NotAPunch, Punch, parse
from tests.contract import Sample, is_a_punch, is_beyond_sqs, is_lenient_json, samples
from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
from tests.waiting import DEADLINE

SEED = 20_261_001
CLIENTS = 8
ZONE = ZoneInfo("America/Sao_Paulo")  # the stage's

UNKNOWABLE = {"dispositivo: half a surrogate pair"}
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


class Poster:
    """Sends bodies, each thread over a connection of its own that it keeps."""

    def __init__(self, client: Client) -> None:
        self._url = urllib.parse.urlsplit(client.address.api_url)
        self._headers = {"content-type": "application/json", "x-api-key": client.address.api_key}
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def post(self, sample: Sample) -> Answered:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=DEADLINE)
            self._local.connection = connection
            self._opened.append(connection)
        connection.request("POST", self._url.path, sample.body, self._headers)
        answer = connection.getresponse()
        return Answered(sample, answer.status, json.loads(answer.read()))

    def close(self) -> None:
        for connection in self._opened:
            connection.close()


@pytest.fixture(scope="module")
def drained(deployed: Deployed) -> tuple[list[Answered], list[dict[str, Any]]]:
    """Every body with its answer, and the dead letters that became of them."""
    client, bodies = Client(deployed.stack), samples(SEED, good=1_500, edited=3_000, others=700)
    poster = Poster(client)
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            found = list(pool.map(poster.post, bodies))
    finally:
        poster.close()
    client.wait_until_drained()
    return found, client.take_dead_letters()


@pytest.fixture(scope="module")
def answered(drained: tuple[list[Answered], list[dict[str, Any]]]) -> list[Answered]:
    """Every body, with its answer; the accepted ones are drained."""
    return drained[0]


@pytest.fixture(scope="module")
def dead_letters(drained: tuple[list[Answered], list[dict[str, Any]]]) -> dict[str, DeadLetter]:
    """The dead letters, by the message that each was."""
    found = {}
    for message in drained[1]:
        texts = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        found[texts["messageId"]] = DeadLetter(texts["reason"], texts["detail"], message["Body"])
    return found


def accepted(answered: list[Answered]) -> list[Answered]:
    return [each for each in answered if each.status == 202 and is_a_punch(each.sample.body)]


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


def test_an_accepted_body_becomes_its_row_or_a_letter_for_what_no_schema_can_know(
    client: Client, answered: list[Answered], dead_letters: dict[str, DeadLetter]
) -> None:
    expected: dict[str, int] = {}
    unknowable: dict[str, DeadLetter] = {}
    for each in accepted(answered):
        punch = judged(each.sample.body)
        if isinstance(punch, Punch):
            expected[punch.id] = punch.usuario_id
        else:
            unknowable[each.message_id] = DeadLetter(punch.reason, punch.detail, each.sample.body.decode())

    rows = client.query("select id::text, usuario_id from batida where id = any(%s::uuid[])", list(expected))
    assert dict(rows) == expected
    assert len(expected) > 500  # without an id, equal punches are one
    lenient = {each.message_id for each in answered if each.status == 202 and not is_a_punch(each.sample.body)}
    assert {name: dead_letter for name, dead_letter in dead_letters.items() if name not in lenient} == unknowable
    assert {dead_letter.detail for dead_letter in unknowable.values()} == UNKNOWABLE


def judged(body: bytes) -> Punch | NotAPunch:
    """What the consumer makes of a body."""
    try:
        return parse(body.decode(), ZONE)
    except NotAPunch as error:
        return error

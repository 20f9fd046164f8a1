"""`handler.main` with a store and a dead-letter queue of paper: what goes where, when, and what is said."""

import contextlib
import io
import json
import time
from collections.abc import Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import handler
from ponto import log
from ponto.config import ConfigurationError
from ponto.dead_letters import DEAD_LETTER_SECONDS, DeadLetters, Rejection
from ponto.drain import Drain
from ponto.punch import Punch, Reason, parse
from ponto.records import BatchResponse, NotFromSqs, Record
from ponto.redelivery import Redelivery, VisibilityNotShortened
from ponto.store import Entry, Outcome, Status, Store
from tests.events import NOT_SQS, RECEIVED_MS, Context, record, sqs_event
from tests.strategies import FIELDS, any_json, edited_bodies, good_bodies

ZONE = ZoneInfo("America/Sao_Paulo")
STORED = Outcome(Status.STORED)


def punch(usuario_id: int = 1, **fields: Any) -> str:
    return body({"usuarioId": usuario_id, **fields})


def body(fields: dict[str, Any]) -> str:
    return json.dumps({"usuarioId": 1, "ponto": "2026-10-01T08:00:00-03:00", **fields})


class PaperStore:
    """Answers by employee; remembers what it was given."""

    def __init__(self, journal: list[str]) -> None:
        self.answers: dict[int, Outcome] = {}
        self.entries: list[Entry] = []
        self.deadline = 0.0
        self._journal = journal

    def save(self, entries: Sequence[Entry], deadline: float) -> list[Outcome]:
        self._journal.append("save")
        self.entries, self.deadline = list(entries), deadline
        return [self.answers.get(entry.punch.usuario_id, STORED) for entry in entries]

    def failing(self, message_ids: Sequence[str], deadline: float) -> dict[str, float]:
        del message_ids, deadline
        return {}


class PaperDeadLetters:
    """Takes what it is given, but for the messages in `refuses`."""

    def __init__(self, journal: list[str]) -> None:
        self.refuses: dict[str, str] = {}
        self.rejections: list[Rejection] = []
        self.deadline = 0.0
        self._journal = journal

    def send(self, rejections: Sequence[Rejection], deadline: float) -> dict[str, str]:
        self._journal.append("dead letters")
        self.rejections, self.deadline = list(rejections), deadline
        ids = [rejection.record["messageId"] for rejection in rejections]
        return {message_id: why for message_id, why in self.refuses.items() if message_id in ids}

    def reasons(self) -> list[tuple[str, Reason, str]]:
        return [(rejection.record["messageId"], rejection.reason, rejection.detail) for rejection in self.rejections]


class PaperRedelivery:
    """Remembers what it was given; raises `error` if there is one."""

    def __init__(self, journal: list[str]) -> None:
        self.shortened: list[str] = []
        self.end = 0.0
        self.error: Exception | None = None
        self._journal = journal

    def shorten_visibility(self, records: Sequence[Record], end: float) -> None:
        self._journal.append("shorten_visibility")
        self.shortened, self.end = [each["messageId"] for each in records], end
        if self.error:
            raise self.error


class Parts:
    def __init__(self) -> None:
        self.journal: list[str] = []
        self.redelivery = PaperRedelivery(self.journal)
        self.store = PaperStore(self.journal)
        self.dead_letters = PaperDeadLetters(self.journal)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    parts = Parts()
    drain = Drain(ZONE, cast(Store, parts.store), cast(DeadLetters, parts.dead_letters))
    consumer = handler.Consumer(drain, cast(Redelivery, parts.redelivery))
    monkeypatch.setattr(handler, "consumer", lambda: consumer)
    return parts


def run(*records: Record, seconds: float = 60) -> BatchResponse:
    return handler.main(sqs_event(*records), Context(seconds))


def failed(response: BatchResponse) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


# Events


@pytest.mark.parametrize("event", NOT_SQS.values(), ids=NOT_SQS.keys())
def test_what_is_not_from_sqs_raises_so_that_lambda_keeps_the_event(
    parts: Parts, capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    with pytest.raises(NotFromSqs):
        handler.main(event, Context())
    assert parts.journal == []
    assert capsys.readouterr().out == ""


def test_the_configuration_is_read_when_first_needed_and_an_error_of_it_fails_the_batch_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handler.consumer.cache_clear()
    for name in ("DLQ_URL", "TIME_ZONE"):
        monkeypatch.delenv(name, raising=False)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="DLQ_URL, TIME_ZONE"):
            run(record(punch()))


# What goes where


def test_good_punches_are_stored_with_their_message_and_time_of_receipt(parts: Parts) -> None:
    response = run(record(punch(1), "one", RECEIVED_MS), record(punch(2), "two", RECEIVED_MS + 1))
    assert response == {"batchItemFailures": []}
    assert [(entry.punch.usuario_id, *entry[1:3]) for entry in parts.store.entries] == [
        (1, "one", RECEIVED_MS),
        (2, "two", RECEIVED_MS + 1),
    ]
    assert parts.dead_letters.rejections == []


def test_the_id_of_the_key_that_a_punch_came_with_goes_into_its_row(parts: Parts) -> None:
    records = [record(punch(number)) for number in (1, 2, 3)]
    records[0]["messageAttributes"]["apiKeyId"] = {"dataType": "String", "stringValue": "k4r2p0x9ab"}
    records[1]["messageAttributes"]["apiKeyId"] = {"dataType": "String"}  # as the emulator sends it

    assert run(*records) == {"batchItemFailures": []}
    assert [entry.api_key_id for entry in parts.store.entries] == ["k4r2p0x9ab", None, None]


UNREADABLE: dict[str, Any] = {
    "no SentTimestamp": {"attributes": {"ApproximateReceiveCount": "1"}},
    "SentTimestamp is no number": {"attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "soon"}},
    "SentTimestamp is null": {"attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": None}},
    "no attributes": {"attributes": {}},
    "attributes are null": {"attributes": None},
}


@pytest.mark.parametrize("what", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_record_whose_sent_timestamp_cannot_be_read_fails_alone(parts: Parts, what: dict[str, Any]) -> None:
    unreadable = cast(Record, record(punch(2), "unreadable") | what)

    response = run(record(punch(1), "before"), unreadable, record("{", "not JSON"), record(punch(3), "after"))

    assert failed(response) == ["unreadable"]
    assert [entry.message_id for entry in parts.store.entries] == ["before", "after"]
    assert [message_id for message_id, _, _ in parts.dead_letters.reasons()] == ["not JSON"]


def test_a_message_without_attributes_of_its_own_is_a_message(parts: Parts) -> None:
    run(cast(Record, record(punch(1), "null") | {"messageAttributes": None}))

    assert [entry.message_id for entry in parts.store.entries] == ["null"]


@pytest.mark.parametrize("count", [None, "often", "", {}])
def test_a_receive_count_that_cannot_be_read_is_a_first_one(parts: Parts, count: Any) -> None:
    attributes = {"SentTimestamp": str(RECEIVED_MS)} | ({} if count is None else {"ApproximateReceiveCount": count})
    uncounted = cast(Record, record(punch(2), "uncounted") | {"attributes": attributes})

    assert run(record(punch(1), "before"), uncounted) == {"batchItemFailures": []}
    assert [entry.message_id for entry in parts.store.entries] == ["before", "uncounted"]


def test_a_time_without_an_offset_is_local_in_the_stages_zone(parts: Parts) -> None:
    run(record(json.dumps({"usuarioId": 1, "ponto": "2026-10-01T08:00"})))
    [entry] = parts.store.entries
    assert entry.punch.ponto.isoformat() == "2026-10-01T11:00:00+00:00"


def test_what_is_no_punch_is_dead_lettered_with_its_reason_and_stops_no_neighbour(parts: Parts) -> None:
    records = [
        record(punch(1), "good 1"),
        record("{", "not JSON"),
        record("", "empty"),
        record("[" * 100_000, "deep"),
        record(punch(2), "good 2"),
        record("null", "null"),
        record(punch(0), "employee 0"),
        record(punch(3, nome="x"), "unknown field"),
        record(punch(4), "good 3"),
    ]
    assert run(*records) == {"batchItemFailures": []}
    assert [entry.message_id for entry in parts.store.entries] == ["good 1", "good 2", "good 3"]
    assert parts.dead_letters.reasons() == [
        ("not JSON", Reason.MALFORMED, "body: not JSON, character 1"),
        ("empty", Reason.MALFORMED, "body: not JSON, character 0"),
        ("deep", Reason.MALFORMED, "body: nested too deeply"),
        ("null", Reason.INVALID, "body: must be an object"),
        ("employee 0", Reason.INVALID, "usuarioId: must be an integer from 1 to 9007199254740991"),
        ("unknown field", Reason.INVALID, "unknown field 'nome'"),
    ]
    assert [rejection.record for rejection in parts.dead_letters.rejections] == [
        each for each in records if "good" not in each["messageId"]
    ]


def test_each_outcome_of_the_store_goes_where_it_belongs_by_its_own_record(parts: Parts) -> None:
    parts.store.answers = {
        2: Outcome(Status.DUPLICATE),
        3: Outcome(Status.CONFLICT, "another ponto"),
        4: Outcome(Status.REFUSED, "SQLSTATE 23514: no"),
        5: Outcome(Status.FAILED, "OperationalError: gone"),
    }
    records = [record(punch(usuario_id), f"message {usuario_id}") for usuario_id in (5, 4, 3, 2, 1)]
    response = run(record("{", "unreadable"), *records)
    assert failed(response) == ["message 5"]
    assert parts.dead_letters.reasons() == [
        ("unreadable", Reason.MALFORMED, "body: not JSON, character 1"),
        ("message 4", Reason.REFUSED, "SQLSTATE 23514: no"),
        ("message 3", Reason.CONFLICT, "another ponto"),
    ]


def test_every_status_that_never_can_be_stored_is_a_reason() -> None:
    assert {Reason(status) for status in (Status.CONFLICT, Status.REFUSED)} < set(Reason)


def test_a_dead_letter_that_could_not_be_sent_is_reported_and_so_comes_back(parts: Parts) -> None:
    parts.store.answers = {2: Outcome(Status.CONFLICT, "another ponto"), 3: Outcome(Status.FAILED, "gone")}
    parts.dead_letters.refuses = {"unreadable": "dead-letter queue: down", "conflict": "dead-letter queue: down"}
    response = run(
        record("{", "unreadable"),
        record("[]", "sent"),
        record(punch(1), "good"),
        record(punch(2), "conflict"),
        record(punch(3), "failed"),
    )
    assert sorted(failed(response)) == ["conflict", "failed", "unreadable"]


def test_the_response_is_exactly_what_lambda_reads(parts: Parts) -> None:
    parts.store.answers = {1: Outcome(Status.FAILED, "gone")}
    response = run(record(punch(1), "one"), record(punch(2), "two"), record(punch(1), "three"))
    assert json.loads(json.dumps(response)) == {
        "batchItemFailures": [{"itemIdentifier": "one"}, {"itemIdentifier": "three"}]
    }


_status_of_an_employee = {
    1: Status.STORED,
    2: Status.DUPLICATE,
    3: Status.CONFLICT,
    4: Status.REFUSED,
    5: Status.FAILED,
}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(
        st.one_of(
            st.builds(punch, st.integers(1, 5)),
            (good_bodies() | edited_bodies() | any_json()).map(json.dumps),
            st.text(),
        ),
        min_size=1,
        max_size=8,
    ),
    refused=st.sets(st.integers(0, 7)),
)
def test_every_record_has_exactly_one_end_and_the_log_counts_it(
    parts: Parts, bodies: list[str], refused: set[int]
) -> None:
    parts.store.answers = {usuario_id: Outcome(status, "why") for usuario_id, status in _status_of_an_employee.items()}
    parts.dead_letters.refuses = {str(number): "down" for number in refused}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        response = run(*(record(body, str(number)) for number, body in enumerate(bodies)))

    reported = failed(response)
    dead_lettered = [message_id for message_id, *_ in parts.dead_letters.reasons() if message_id not in reported]
    processed = [
        entry.message_id
        for entry in parts.store.entries
        if _status_of_an_employee.get(entry.punch.usuario_id, Status.STORED) in (Status.STORED, Status.DUPLICATE)
    ]
    assert sorted(reported + dead_lettered + processed) == sorted(str(number) for number in range(len(bodies)))

    line = json.loads(out.getvalue())
    assert line["failed"] == len(reported)
    assert (
        line["rejected"]
        == len(dead_lettered)
        == sum(line.get(f"rejected{reason.capitalize()}", 0) for reason in Reason)
    )
    assert line["stored"] + line["duplicates"] == len(processed)


# Order and time


def test_good_punches_are_saved_before_dead_letters_are_sent(parts: Parts) -> None:
    run(record("{"), record(punch()))
    assert parts.journal == ["save", "dead letters", "shorten_visibility"]


@pytest.mark.parametrize(
    ("seconds", "reserve"), [(60, DEAD_LETTER_SECONDS), (16, DEAD_LETTER_SECONDS), (10, 5), (1, 0.5)]
)
def test_the_deadlines_leave_time_for_the_dead_letters_and_their_last_call(
    parts: Parts, seconds: float, reserve: float
) -> None:
    before = time.monotonic()
    run(record("{"), record(punch()), seconds=seconds)
    took = time.monotonic() - before
    end = before + seconds
    assert end - reserve - 0.01 <= parts.store.deadline <= end - reserve + took
    assert end - reserve / 2 - 0.01 <= parts.dead_letters.deadline <= end - reserve / 2 + took


# What comes back sooner


def test_what_failed_because_of_the_database_comes_back_sooner_and_nothing_else(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(text: str, zone: ZoneInfo) -> Punch:
        if "bug" in text:
            raise ZeroDivisionError
        return parse(text, zone)

    monkeypatch.setattr("ponto.drain.parse", broken)
    monkeypatch.setattr(log, "batch", lambda *_: parts.journal.append("log"))
    parts.store.answers = {2: Outcome(Status.FAILED, "gone"), 3: Outcome(Status.CONFLICT, "another ponto")}
    parts.dead_letters.refuses = {"conflict": "dead-letter queue: down"}

    response = run(
        record(punch(1), "good"), record(punch(2), "gone"), record(punch(3), "conflict"), record('"bug"', "bug")
    )

    assert sorted(failed(response)) == ["bug", "conflict", "gone"]
    assert parts.redelivery.shortened == ["gone"]
    assert parts.journal[-2:] == ["log", "shorten_visibility"]  # the last act
    assert capsys.readouterr().out == ""


def test_of_a_batch_without_such_failures_nothing_does(parts: Parts) -> None:
    run(record(punch(1)), record("{"))
    assert parts.redelivery.shortened == []


@pytest.mark.parametrize("seconds", [75, 10])
def test_the_call_knows_when_the_function_has_to_have_ended(parts: Parts, seconds: float) -> None:
    parts.store.answers = {1: Outcome(Status.FAILED, "gone")}
    before = time.monotonic()
    run(record(punch(1)), seconds=seconds)
    took = time.monotonic() - before
    assert before + seconds - 0.01 <= parts.redelivery.end <= before + seconds + took


@pytest.mark.parametrize(
    "error", [VisibilityNotShortened("no time left"), KeyError("receiptHandle"), ConnectionError("SQS")]
)
def test_the_answer_never_depends_on_that_call(
    parts: Parts, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    parts.store.answers = {1: Outcome(Status.FAILED, "gone")}
    parts.redelivery.error = error

    assert failed(run(record(punch(1), "one"))) == ["one"]

    _, warning = map(json.loads, capsys.readouterr().out.splitlines())
    assert warning == {
        "level": "WARNING",
        "message": f"redelivery: {type(error).__name__}: {error}",
        "requestId": Context.aws_request_id,
    }


# The log


def test_one_line_tells_how_the_batch_went(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    parts.store.answers = {
        2: Outcome(Status.DUPLICATE),
        3: Outcome(Status.CONFLICT, "another ponto"),
        5: Outcome(Status.FAILED, "OperationalError: gone"),
    }
    parts.dead_letters.refuses = {"unreadable": "dead-letter queue: down"}
    received_ms = int(time.time() * 1000) - 5_000
    bodies = [punch(1), punch(2), punch(3), punch(5), punch(5), "[]", "[]"]
    unreadable = record("{", "unreadable", received_ms - 1_000)
    run(unreadable, *(record(body, received_ms=received_ms) for body in bodies))

    captured = capsys.readouterr()
    line = json.loads(captured.out)
    assert captured.out.count("\n") == 1
    assert captured.err == ""
    del line["_aws"], line["FunctionName"]  # the test of the log line looks at them
    assert 0 <= line.pop("milliseconds") < 60_000
    assert 5_000 <= line.pop("oldestMilliseconds") < 60_000
    assert 6_000 <= line.pop("oldestFailedMilliseconds") < 60_000
    assert line == {
        "level": "WARNING",
        "message": "batch",
        "requestId": Context.aws_request_id,
        "stored": 1,
        "duplicates": 1,
        "rejected": 3,
        "failed": 3,
        "rejectedMalformed": 0,
        "rejectedInvalid": 2,
        "rejectedConflict": 1,
        "rejectedRefused": 0,
        "rejectedUnexpected": 0,
        "batchSize": 8,
        "errors": ["OperationalError: gone", "dead-letter queue: down"],
    }


# Values that are good, easy to find, and found nowhere else in a line.
_TRACES = {
    name: {"integer": 424_242_424_242, "number": 42.4242, "boolean": True, "string": "TRACE 4242"}[rule["type"]]
    for name, rule in FIELDS.items()
} | {
    "ponto": "2424-04-24T04:24:24.424242+04:24",
    "id": "42424242-4242-4242-8242-424242424242",
    "enviado": "2424-04-24T04:24:24.424242+04:24",
}


@pytest.mark.parametrize("status", Status)
def test_nothing_of_a_body_and_no_password_is_logged(
    parts: Parts, capfd: pytest.CaptureFixture[str], status: Status
) -> None:
    assert _TRACES.keys() == FIELDS.keys()
    parts.store.answers = {424_242_424_242: Outcome(status, "why")}
    bad = [
        text
        for name in FIELDS
        for text in (
            body({name: "TRACE\n"}),
            body({name: ["TRACE"]}),
            body({f"TRACE {name}": 1}),
            f'{{"{name}": TRACE',
        )
    ]
    run(record(json.dumps(_TRACES)), *map(record, bad))
    out, err = capfd.readouterr()
    line = json.loads(out)
    assert line["rejected"] >= len(bad)
    for name in ("milliseconds", "oldestMilliseconds", "oldestFailedMilliseconds"):  # any digits
        line.pop(name, None)
    assert not [trace for trace in ("TRACE", "4242", "2424", "CANARY") if trace in json.dumps(line)]
    assert err == ""

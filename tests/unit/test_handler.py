"""`handler.main` with a store and a dead-letter queue of paper: what goes where, when, and what is said."""

import contextlib
import io
import json
import time
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import handler
from ponto import __version__, log
from ponto.config import ConfigurationError
from ponto.dead_letters import DEAD_LETTER_SECONDS
from ponto.event import WHEN
from ponto.punch import Punch, Reason, parse
from ponto.records import BatchResponse, NotFromSqs, Record
from ponto.redelivery import Redelivery, VisibilityNotChangedError
from ponto.store import Outcome, Status
from tests.events import NOT_SQS, RECEIVED_MS, Context, punch, record, sqs_event
from tests.paper import Paper
from tests.strategies import FIELDS, TIMES, any_json, edited_bodies, good_bodies
from tools.kit.event import REFUSED


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Paper:
    paper = Paper()
    consumer = paper.consumer()
    monkeypatch.setattr(handler, "consumer", lambda: consumer)
    return paper


def run(*records: Record, seconds: float = 60) -> BatchResponse:
    return handler.main(sqs_event(*records), Context(seconds))


def failed(response: BatchResponse) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


# Events


@pytest.mark.parametrize("event", NOT_SQS.values(), ids=NOT_SQS.keys())
def test_what_is_not_from_sqs_raises_so_that_lambda_keeps_the_event(
    paper: Paper, capsys: pytest.CaptureFixture[str], event: Any
) -> None:
    with pytest.raises(NotFromSqs):
        handler.main(event, Context())
    assert paper.journal == []
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


def test_good_punches_are_stored_with_their_message_time_of_receipt_and_key(paper: Paper) -> None:
    records = [record(punch(number), f"m{number}", RECEIVED_MS + number) for number in (1, 2, 3)]
    records[0]["messageAttributes"]["apiKeyId"] = {"dataType": "String", "stringValue": "k4r2p0x9ab"}
    records[1]["messageAttributes"]["apiKeyId"] = {"dataType": "String"}  # as the emulator sends it

    assert run(*records) == {"batchItemFailures": []}
    assert [(entry.punch.employee, *entry[1:]) for entry in paper.entries] == [
        (1, "m1", RECEIVED_MS + 1, "k4r2p0x9ab", False),
        (2, "m2", RECEIVED_MS + 2, None, False),
        (3, "m3", RECEIVED_MS + 3, None, False),
    ]
    assert paper.rejections == []


UNREADABLE: dict[str, Any] = {
    "no SentTimestamp": {"attributes": {"ApproximateReceiveCount": "1"}},
    "SentTimestamp is no number": {"attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "soon"}},
    "SentTimestamp is null": {"attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": None}},
    "no attributes": {"attributes": {}},
    "attributes are null": {"attributes": None},
}


@pytest.mark.parametrize("what", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_record_whose_sent_timestamp_cannot_be_read_fails_alone(paper: Paper, what: dict[str, Any]) -> None:
    unreadable = cast(Record, record(punch(2), "unreadable") | what)

    response = run(record(punch(1), "before"), unreadable, record("{", "not JSON"), record(punch(3), "after"))

    assert failed(response) == ["unreadable"]
    assert [entry.message_id for entry in paper.entries] == ["before", "after"]
    assert [message_id for message_id, _, _ in paper.reasons] == ["not JSON"]


@pytest.mark.parametrize(
    "odd",
    [
        {"messageAttributes": None},
        {"attributes": {"SentTimestamp": str(RECEIVED_MS)}},  # a receive count that cannot be read is a first one
    ],
    ids=str,
)
def test_a_record_without_what_the_function_can_do_without_is_stored(paper: Paper, odd: dict[str, Any]) -> None:
    assert run(record(punch(1), "before"), cast(Record, record(punch(2), "odd") | odd)) == {"batchItemFailures": []}
    assert [entry.message_id for entry in paper.entries] == ["before", "odd"]


def test_a_time_without_an_offset_is_local_in_the_stages_zone(paper: Paper) -> None:
    run(record(punch(1, "2026-10-01T08:00")))
    [entry] = paper.entries
    assert getattr(entry.punch, WHEN).isoformat() == "2026-10-01T11:00:00+00:00"


def test_what_is_no_punch_is_dead_lettered_with_its_reason_and_stops_no_neighbour(paper: Paper) -> None:
    records = [
        record(punch(1), "good 1"),
        record("{", "not JSON"),
        record("", "empty"),
        record("[" * 100_000, "deep"),
        record(punch(2), "good 2"),
        record("null", "null"),
        *(record(json.dumps(body), detail) for body, detail in REFUSED),
        record(punch(4), "good 3"),
    ]
    assert run(*records) == {"batchItemFailures": []}
    assert [entry.message_id for entry in paper.entries] == ["good 1", "good 2", "good 3"]
    assert paper.reasons == [
        ("not JSON", Reason.MALFORMED, "body: not JSON, character 1"),
        ("empty", Reason.MALFORMED, "body: not JSON, character 0"),
        ("deep", Reason.MALFORMED, "body: nested too deeply"),
        ("null", Reason.INVALID, "body: must be an object"),
        *((detail, Reason.INVALID, detail) for _, detail in REFUSED),
    ]
    assert [rejection.record for rejection in paper.rejections] == [
        each for each in records if "good" not in each["messageId"]
    ]


def test_each_outcome_of_the_store_goes_where_it_belongs_by_its_own_record(paper: Paper) -> None:
    paper.answers = {
        2: Outcome(Status.DUPLICATE),
        3: Outcome(Status.CONFLICT, "another ponto"),
        4: Outcome(Status.REFUSED, "SQLSTATE 23514: no"),
        5: Outcome(Status.FAILED, "OperationalError: gone"),
        6: Outcome(Status.REDELIVERED),
    }
    records = [record(punch(whose), f"message {whose}") for whose in (6, 5, 4, 3, 2, 1)]
    response = run(record("{", "unreadable"), *records)
    assert response == {"batchItemFailures": [{"itemIdentifier": "message 5"}]}  # what Lambda reads
    assert paper.reasons == [
        ("unreadable", Reason.MALFORMED, "body: not JSON, character 1"),
        ("message 4", Reason.REFUSED, "SQLSTATE 23514: no"),
        ("message 3", Reason.CONFLICT, "another ponto"),
    ]


_status_of_an_employee = dict(
    enumerate([Status.STORED, Status.DUPLICATE, Status.CONFLICT, Status.REFUSED, Status.FAILED, Status.REDELIVERED], 1)
)
_DONE = (Status.STORED, Status.DUPLICATE, Status.REDELIVERED)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bodies=st.lists(
        st.one_of(
            st.builds(punch, st.integers(1, 6)),
            (good_bodies() | edited_bodies() | any_json()).map(json.dumps),
            st.text(),
        ),
        min_size=1,
        max_size=8,
    ),
    refused=st.sets(st.integers(0, 7)),
)
def test_every_record_has_exactly_one_end_and_the_log_counts_it(
    paper: Paper, bodies: list[str], refused: set[int]
) -> None:
    paper.answers = {whose: Outcome(status, "why") for whose, status in _status_of_an_employee.items()}
    paper.refuses = {str(number): "down" for number in refused}
    paper.clear()
    with contextlib.redirect_stdout(io.StringIO()) as out:
        response = run(*(record(body, str(number)) for number, body in enumerate(bodies)))

    reported = failed(response)
    dead_lettered = [message_id for message_id, *_ in paper.reasons if message_id not in reported]
    processed = [
        entry.message_id
        for entry in paper.entries
        if _status_of_an_employee.get(entry.punch.employee, Status.STORED) in _DONE
    ]
    assert sorted(reported + dead_lettered + processed) == sorted(str(number) for number in range(len(bodies)))

    line = json.loads(out.getvalue())
    assert line["failed"] == len(reported)
    assert (
        line["rejected"]
        == len(dead_lettered)
        == sum(line.get(f"rejected{reason.capitalize()}", 0) for reason in Reason)
    )
    assert line["stored"] + line["duplicates"] + line["redelivered"] == len(processed)


# Order and time


def test_good_punches_are_saved_before_dead_letters_are_sent(paper: Paper) -> None:
    run(record("{"), record(punch()))
    assert paper.journal == ["save", "send", "shorten_visibility"]
    assert paper.shortened == []


@pytest.mark.parametrize(
    ("seconds", "reserve"), [(60, DEAD_LETTER_SECONDS), (16, DEAD_LETTER_SECONDS), (10, 5), (1, 0.5)]
)
def test_the_deadlines_leave_time_for_the_dead_letters_and_their_last_call(
    paper: Paper, seconds: float, reserve: float
) -> None:
    before = time.monotonic()
    run(record("{"), record(punch()), seconds=seconds)
    took = time.monotonic() - before
    end = before + seconds
    for name, deadline in (("save", end - reserve), ("send", end - reserve / 2), ("shorten_visibility", end)):
        assert deadline - 0.01 <= paper.deadlines[name] <= deadline + took


# What comes back sooner


def test_what_failed_because_of_the_database_comes_back_sooner_and_nothing_else(
    paper: Paper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(text: str, zone: ZoneInfo) -> Punch:
        if "bug" in text:
            raise ZeroDivisionError
        return parse(text, zone)

    monkeypatch.setattr("ponto.drain.parse", broken)
    monkeypatch.setattr(log, "batch", lambda *_: paper.journal.append("log"))
    paper.answers = {2: Outcome(Status.FAILED, "gone"), 3: Outcome(Status.CONFLICT, "another ponto")}
    paper.refuses = {"conflict": "dead-letter queue: down"}

    response = run(
        record(punch(1), "good"), record(punch(2), "gone"), record(punch(3), "conflict"), record('"bug"', "bug")
    )

    assert sorted(failed(response)) == ["bug", "conflict", "gone"]
    assert paper.shortened == ["gone"]
    assert paper.journal[-2:] == ["log", "shorten_visibility"]  # the last act
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "error", [VisibilityNotChangedError("no time left"), KeyError("receiptHandle"), ConnectionError("SQS")]
)
def test_the_answer_never_depends_on_that_call(
    paper: Paper, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    paper.answers = {1: Outcome(Status.FAILED, "gone")}
    paper.error = error

    assert failed(run(record(punch(1), "one"))) == ["one"]

    _, warning = map(json.loads, capsys.readouterr().out.splitlines())
    assert warning == {
        "level": "WARNING",
        "message": f"redelivery: {type(error).__name__}: {error}",
        "requestId": Context.aws_request_id,
        "version": __version__,
    }


def test_suspects_that_could_not_be_spread_are_stored_and_a_line_says_why(
    paper: Paper, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    consumer = paper.drain(visibility_s=451), cast(Redelivery, paper)
    monkeypatch.setattr(handler, "consumer", lambda: consumer)
    monkeypatch.setattr(paper, "set_visibility", Mock(side_effect=ConnectionError("SQS")))

    assert failed(run(record(punch(1), receives=9), record(punch(2)))) == []

    line, warning = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["stored"] == 2
    assert (warning["level"], warning["message"]) == ("WARNING", "redelivery: ConnectionError: SQS")


# The log


def test_one_line_tells_how_the_batch_went(
    paper: Paper, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=partial(next, count(time.monotonic(), 3)), time=time.time)  # 3 s a batch
    monkeypatch.setattr(handler, "time", clock)
    paper.answers = {
        2: Outcome(Status.DUPLICATE),
        3: Outcome(Status.REDELIVERED),
        4: Outcome(Status.REDELIVERED),
        5: Outcome(Status.FAILED, "OperationalError: gone"),
    }
    received_ms = int(time.time() * 1000) - 5_000

    run(
        *(record(punch(number), received_ms=received_ms) for number in (1, 2, 3, 4)),
        record(punch(5), None, received_ms - 1_000),
    )

    line = json.loads(capsys.readouterr().out)  # one; the test of the log looks at the rest of it
    assert line["requestId"] == Context.aws_request_id
    assert (line["stored"], line["duplicates"], line["redelivered"], line["failed"]) == (1, 1, 2, 1)
    assert line["milliseconds"] == 3_000
    assert 5_000 <= line["oldestMilliseconds"] < 60_000
    assert 6_000 <= line["oldestFailedMilliseconds"] < 60_000


def test_one_line_tells_how_long_an_answer_took(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"HOST": "/nowhere", "NAME": "pontodb", "USER": "ponto_reader", "LOGIN": "secret"}.items():
        monkeypatch.setenv(f"DB_{name}", value)
    monkeypatch.setattr(handler, "time", SimpleNamespace(monotonic=partial(next, count(time.monotonic(), 3))))

    answer = {**handler.read({"read": {"no such statement": {}}, "timeout": 0}, Context())}
    assert answer["message"] == "there is no such statement"

    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["milliseconds"]) == ("read", 3_000)


# Values that are good, easy to find, and found nowhere else in a line.
_TRACES = {
    name: {"integer": 424_242_424_242, "number": 42.4242, "boolean": True, "string": "TRACE 4242"}[rule["type"]]
    for name, rule in FIELDS.items()
} | dict.fromkeys(TIMES, "2424-04-24T04:24:24.424242+04:24")
_TRACES["id"] = "42424242-4242-4242-8242-424242424242"


def spoilt(name: str, value: object) -> str:
    more: Any = {name: value}
    return punch(**more)


@pytest.mark.parametrize("status", Status)
def test_nothing_of_a_body_and_no_password_is_logged(
    paper: Paper, capfd: pytest.CaptureFixture[str], status: Status
) -> None:
    assert _TRACES.keys() == FIELDS.keys()
    paper.answers = {424_242_424_242: Outcome(status, "why")}
    bad = [
        text
        for name in FIELDS
        for text in (
            spoilt(name, "TRACE\n"),
            spoilt(name, ["TRACE"]),
            spoilt(f"TRACE {name}", 1),
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

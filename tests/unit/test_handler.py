"""`handler.main` with fakes: the outcome of each message, the deadlines, and the log."""

import contextlib
import io
import json
import time
from datetime import datetime, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handler
from ponto import __version__
from ponto.drain.dead_letters import DEAD_LETTER_SECONDS
from ponto.drain.drain import Drain
from ponto.drain.message import BatchResponse, NotFromSqsError
from ponto.drain.parser import Reason, parse
from ponto.drain.store import Outcome, Status
from ponto.punch import EVENT, Punch
from ponto.shared.config import ConfigurationError
from tests.events import RECEIVED_MS, Context, Record, punch, record, sqs_event
from tests.fakes import ZONE, Fakes
from tests.strategies import FIELDS, TIMESTAMP_FIELDS, edited_bodies, good_bodies, json_values
from tools.kit import event
from tools.kit.event import INVALID


@pytest.fixture
def fakes() -> Fakes:
    return Fakes()


def run(target: Fakes | Drain, *records: Record, seconds: float = 60) -> BatchResponse:
    drain = target if isinstance(target, Drain) else target.drain()
    return handler.main(sqs_event(*records), Context(seconds), drain)


def failed(response: BatchResponse) -> list[str]:
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def reasons(fakes: Fakes) -> list[tuple[str, Reason, str]]:
    return [(rejection.message.id, rejection.reason, rejection.detail) for rejection in fakes.dead_letters.sent]


# Events


def test_event_of_another_source_fails_so_that_lambda_keeps_it(
    fakes: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotFromSqsError):
        handler.main({"source": "aws.events", "detail": {}}, Context(), fakes.drain())
    assert fakes.calls == []
    assert capsys.readouterr().out == ""


def test_a_configuration_error_fails_the_batch_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    handler.environment_drain.cache_clear()
    for name in ("DLQ_URL", "TIME_ZONE"):
        monkeypatch.delenv(name, raising=False)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="DLQ_URL, TIME_ZONE"):
            handler.main(sqs_event(record(punch())), Context())


# Outcomes of messages


def test_punches_are_stored_in_order_with_message_id_time_of_receipt_and_key(fakes: Fakes) -> None:
    records = [record(punch(number, "2026-10-01T08:00"), f"m{number}", RECEIVED_MS + number) for number in (1, 2, 3)]
    records[0]["messageAttributes"]["apiKeyId"] = {"dataType": "String", "stringValue": "k4r2p0x9ab"}

    assert run(fakes, *reversed(records)) == {"batchItemFailures": []}
    assert [(EVENT.subject_id(entry.punch), *entry[1:]) for entry in fakes.store.entries] == [
        (event.subject(1), "m1", RECEIVED_MS + 1, "k4r2p0x9ab", False),
        (event.subject(2), "m2", RECEIVED_MS + 2, None, False),
        (event.subject(3), "m3", RECEIVED_MS + 3, None, False),
    ]
    local = datetime(2026, 10, 1, 8, tzinfo=ZONE)  # a time without an offset is local in the stage's zone
    assert {getattr(entry.punch, EVENT.instant) for entry in fakes.store.entries} == {local}


@pytest.mark.parametrize(
    ("odd", "is_stored"),
    [
        ({"messageAttributes": None}, True),
        ({"messageAttributes": {"usuarioId": "7", "apiKeyId": {"dataType": "String"}}}, True),
        ({"attributes": {"SentTimestamp": str(RECEIVED_MS)}}, True),  # counts as the first receive
        ({"receiptHandle": "absent"}, True),
        ({"body": "absent"}, False),
        ({"attributes": "absent"}, False),  # when it was received cannot be read
    ],
    ids=str,
)
def test_record_fails_alone_if_it_lacks_a_required_part(fakes: Fakes, odd: dict[str, Any], *, is_stored: bool) -> None:
    incomplete = {key: value for key, value in (record(punch(2), "odd") | odd).items() if value != "absent"}

    response = run(fakes, record(punch(1), "before"), incomplete, record(punch(3), "after"))

    assert failed(response) == ([] if is_stored else ["odd"])
    stored = [entry.message_id for entry in fakes.store.entries]
    assert stored == (["before", "odd", "after"] if is_stored else ["before", "after"])


def test_invalid_body_is_dead_lettered_and_the_others_are_stored(fakes: Fakes) -> None:
    bodies = [json.dumps(body) for body, _ in INVALID]
    records = [record(body, str(number)) for number, body in enumerate(["{", "", "[" * 100_000, "null", *bodies])]

    assert run(fakes, record(punch(1), "before"), *records, record(punch(2), "after")) == {"batchItemFailures": []}
    assert [entry.message_id for entry in fakes.store.entries] == ["before", "after"]
    assert [(reason, detail) for _, reason, detail in reasons(fakes)] == [
        (Reason.MALFORMED, "body: not JSON, character 1"),
        (Reason.MALFORMED, "body: not JSON, character 0"),
        (Reason.MALFORMED, "body: nested too deeply"),
        (Reason.INVALID, "body: must be an object"),
        *((Reason.INVALID, detail) for _, detail in INVALID),
    ]
    assert [rejection.message.body for rejection in fakes.dead_letters.sent] == [each["body"] for each in records]


def test_each_message_is_handled_by_its_outcome(fakes: Fakes) -> None:
    fakes.store.outcomes = {
        "2": Outcome(Status.DUPLICATE),
        "3": Outcome(Status.CONFLICT, "another ponto"),
        "4": Outcome(Status.REFUSED, "SQLSTATE 23514: no"),
        "5": Outcome(Status.FAILED, "OperationalError: gone"),
        "6": Outcome(Status.REDELIVERED),
    }

    response = run(fakes, *(record(punch(number), str(number)) for number in (6, 5, 4, 3, 2, 1)))

    assert response == {"batchItemFailures": [{"itemIdentifier": "5"}]}  # what Lambda reads
    assert reasons(fakes) == [
        ("4", Reason.REFUSED, "SQLSTATE 23514: no"),
        ("3", Reason.CONFLICT, "another ponto"),
    ]


_STATUSES = [Status.STORED, Status.DUPLICATE, Status.CONFLICT, Status.REFUSED, Status.FAILED, Status.REDELIVERED]
_WITH_ROW = (Status.STORED, Status.DUPLICATE, Status.REDELIVERED)


@settings(max_examples=100)
@given(
    messages=st.lists(
        st.tuples(
            st.one_of(
                st.builds(punch, st.integers(1, 6)),
                (good_bodies() | edited_bodies() | json_values()).map(json.dumps),
                st.text(),
            ),
            st.sampled_from(_STATUSES),
        ),
        min_size=1,
        max_size=8,
    ),
    refused=st.sets(st.integers(0, 7)),
)
def test_every_message_has_exactly_one_outcome_and_is_counted(
    messages: list[tuple[str, Status]], refused: set[int]
) -> None:
    fakes = Fakes()
    fakes.store.outcomes = {str(number): Outcome(status, "why") for number, (_, status) in enumerate(messages)}
    fakes.dead_letters.refused = {str(number): "down" for number in refused}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        response = run(fakes, *(record(body, str(number)) for number, (body, _) in enumerate(messages)))

    reported = failed(response)
    dead_lettered = [message_id for message_id, *_ in reasons(fakes)]
    with_row = [entry.message_id for entry in fakes.store.entries if messages[int(entry.message_id)][1] in _WITH_ROW]
    assert sorted(reported + dead_lettered + with_row) == sorted(str(number) for number in range(len(messages)))

    line = json.loads(out.getvalue())
    assert line["failed"] == len(reported)
    assert (
        line["rejected"]
        == len(dead_lettered)
        == sum(line.get(f"rejected{reason.capitalize()}", 0) for reason in Reason)
    )
    assert line["stored"] + line["duplicates"] + line["redelivered"] == len(with_row)


# Order and time


@pytest.mark.parametrize(
    ("seconds", "reserve"), [(60, DEAD_LETTER_SECONDS), (16, DEAD_LETTER_SECONDS), (10, 5), (1, 0.5)]
)
def test_deadlines_leave_time_for_the_dead_letters(fakes: Fakes, seconds: float, reserve: float) -> None:
    suspects = [record(punch(number), str(number), receive_count=50) for number in (2, 3)]
    before = time.monotonic()
    run(fakes, record("{"), record(punch(1)), *suspects, seconds=seconds)
    duration = time.monotonic() - before
    end = before + seconds
    deadlines = {"save": end - reserve, "send": end - reserve / 2, "shorten_visibility": end}
    assert [call.name for call in fakes.calls] == [*["save", "send"] * 3, "shorten_visibility"]
    assert fakes.retry_backoff.shortened == []
    assert all(deadlines[name] - 0.01 <= deadline <= deadlines[name] + duration for name, deadline in fakes.calls)


# Shorter visibility timeouts


def test_visibility_is_shortened_only_after_failures_of_the_database(
    fakes: Fakes, capsys: pytest.CaptureFixture[str]
) -> None:
    def parse_or_fail(text: str, zone: tzinfo) -> Punch:
        if "bug" in text:
            raise ZeroDivisionError
        return parse(text, zone)

    fakes.store.outcomes = {
        "gone": Outcome(Status.FAILED, "gone"),
        "conflict": Outcome(Status.CONFLICT, "another ponto"),
    }
    fakes.dead_letters.refused = {"conflict": "dead-letter queue: down"}

    response = run(
        fakes.drain(parse=parse_or_fail),
        record(punch(1), "good"),
        record(punch(2), "gone"),
        record(punch(3), "conflict"),
        record('"bug"', "bug"),
    )

    assert sorted(failed(response)) == ["bug", "conflict", "gone"]
    assert fakes.retry_backoff.shortened == ["gone"]
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_response_does_not_depend_on_the_shortened_visibility(fakes: Fakes, capsys: pytest.CaptureFixture[str]) -> None:
    fakes.store.outcomes = {"one": Outcome(Status.FAILED, "gone")}
    fakes.retry_backoff.error = KeyError("receiptHandle")

    assert failed(run(fakes, record(punch(1), "one"))) == ["one"]

    _, warning = map(json.loads, capsys.readouterr().out.splitlines())
    assert warning == {
        "level": "WARNING",
        "message": "redelivery: KeyError: 'receiptHandle'",
        "requestId": Context.aws_request_id,
        "version": __version__,
    }


# The log


def test_batch_is_logged_in_one_line(
    fakes: Fakes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "batida-ponto-prod")
    fakes.store.outcomes = {"2": Outcome(Status.REDELIVERED), "3": Outcome(Status.FAILED, "OperationalError: gone")}
    received_ms = int(time.time() * 1000) - 5_000

    run(fakes, *(record(punch(number), str(number), received_ms - 1_000 * (number // 3)) for number in (1, 2, 3)))

    line = json.loads(capsys.readouterr().out)  # exactly one line; tests/unit/test_log.py covers its other fields
    assert (line["requestId"], line["FunctionName"]) == (Context.aws_request_id, "batida-ponto-prod")
    assert (line["stored"], line["duplicates"], line["redelivered"], line["failed"]) == (1, 0, 1, 1)
    assert 0 <= line["milliseconds"] < 60_000
    assert 5_000 <= line["oldestMilliseconds"] < 60_000
    assert 6_000 <= line["oldestFailedMilliseconds"] < 60_000


@pytest.mark.parametrize("required", [True, False])
def test_a_metric_of_refused_identities_exists_only_where_employees_sign_in(
    fakes: Fakes, capsys: pytest.CaptureFixture[str], *, required: bool
) -> None:
    run(fakes.drain(is_sign_in_required=required), record(punch()))

    assert ("rejectedIdentity" in json.loads(capsys.readouterr().out)) == required


# Valid values that are easy to find, and that nothing else in a line contains.
_TRACES = {
    name: {"integer": 424_242_424_242, "number": 42.4242, "boolean": True, "string": "TRACE 4242"}[rule["type"]]
    for name, rule in FIELDS.items()
} | dict.fromkeys(TIMESTAMP_FIELDS, "2424-04-24T04:24:24.424242+04:24")
_TRACES["id"] = "42424242-4242-4242-8242-424242424242"


@pytest.mark.parametrize("status", Status)
def test_nothing_of_a_body_and_no_password_is_logged(
    fakes: Fakes, capfd: pytest.CaptureFixture[str], status: Status
) -> None:
    assert _TRACES.keys() == FIELDS.keys()
    fakes.store.outcomes = {"TRACE good": Outcome(status, "why")}
    bad = [
        text
        for name in FIELDS
        for text in (punch(**{name: ["TRACE\n"]}), punch(**{f"TRACE {name}": 1}), f'{{"{name}": TRACE')
    ]
    run(fakes, record(json.dumps(_TRACES), "TRACE good"), *map(record, bad))
    out, err = capfd.readouterr()
    line = json.loads(out)
    assert line["rejected"] >= len(bad)
    for name in ("milliseconds", "oldestMilliseconds", "oldestFailedMilliseconds"):  # any digits
        line.pop(name, None)
    del line["_aws"]["Timestamp"]
    assert not [trace for trace in ("TRACE", "4242", "2424", "CANARY") if trace in json.dumps(line)]
    assert err == ""

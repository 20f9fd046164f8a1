"""The one line per batch, as Logs Insights and the alarms read it."""

import json
from collections import ChainMap
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ponto import __version__, log
from ponto.dead_letters import Rejection
from ponto.drain import Failure, Processed
from ponto.punch import Punch, Reason
from ponto.records import Record
from ponto.store import Entry
from tests.emf import Metric, metrics
from tests.events import RECEIVED_MS, record

ABSENT: dict[str, Any] = dict.fromkeys(Punch._fields)
SECOND = 1_000
FUNCTION = "batida-ponto-prod-batidaPonto"
REASONS = {f"rejected{reason.capitalize()}": 0 for reason in Reason}


@pytest.fixture(autouse=True)
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
    monkeypatch.setenv("IDENTITY", "required")


def entry(message_id: str = "m", received_ms: int = RECEIVED_MS) -> Entry:
    return Entry(Punch(**ABSENT), message_id, received_ms)


def rejection(reason: Reason, message_id: str) -> Rejection:
    return Rejection(record("TRACE", message_id), reason, "TRACE")


def undated(message_id: str) -> Record:
    made = record("TRACE", message_id)
    made["attributes"]["SentTimestamp"] = "TRACE"
    return made


def failures(why: str, *records: Record) -> dict[str, Failure]:
    return {each["messageId"]: Failure(each, why) for each in records}


def printed(capsys: pytest.CaptureFixture[str], **processed: Any) -> str:
    """Log a batch that PostgreSQL answered 5 s after RECEIVED_MS; give the line. The arguments are of `Processed`."""
    log.batch("request-1", 12.3456, RECEIVED_MS / 1000 + 5, Processed(**processed))
    out, err = capsys.readouterr()
    assert out.endswith("\n")
    assert out.count("\n") == 1
    assert err == ""
    return out


def logged(capsys: pytest.CaptureFixture[str], **processed: Any) -> dict[str, Any]:
    """The same, without what makes metrics of it."""
    line: dict[str, Any] = json.loads(printed(capsys, **processed))
    del line["_aws"], line["FunctionName"]
    return line


def test_a_batch_of_good_punches(capsys: pytest.CaptureFixture[str]) -> None:
    assert logged(capsys, stored=[entry(), entry(received_ms=RECEIVED_MS - SECOND)]) == {
        "level": "INFO",
        "message": "batch",
        "requestId": "request-1",
        "version": __version__,
        "stored": 2,
        "duplicates": 0,
        "redelivered": 0,
        "rejected": 0,
        **REASONS,
        "failed": 0,
        "batchSize": 2,
        "milliseconds": 12.3,
        "oldestMilliseconds": 6 * SECOND,
    }


def test_the_oldest_is_of_the_stored_ones_only(capsys: pytest.CaptureFixture[str]) -> None:
    others: dict[str, Any] = {
        "duplicates": [entry(received_ms=RECEIVED_MS - SECOND)],
        "failures": failures("gone", record("TRACE", "f", RECEIVED_MS - SECOND)),
    }

    assert logged(capsys, stored=[entry()], **others)["oldestMilliseconds"] == 5 * SECOND
    assert "oldestMilliseconds" not in logged(capsys, **others)


def test_a_dead_letter_that_was_sent_back_waits_from_then_on(capsys: pytest.CaptureFixture[str]) -> None:
    redriven = record("TRACE", "again", RECEIVED_MS)
    redriven["messageAttributes"] = {
        "messageId": {"dataType": "String", "stringValue": "first"},
        "receivedAt": {"dataType": "Number", "stringValue": str(RECEIVED_MS - 3_600 * SECOND)},
    }
    odd = undated("odd")

    line = logged(capsys, failures=failures("gone", record("TRACE", "f", RECEIVED_MS - SECOND), redriven, odd))

    assert line["oldestFailedMilliseconds"] == 6 * SECOND
    assert "TRACE" not in json.dumps(line)
    assert "oldestFailedMilliseconds" not in logged(capsys, failures=failures("gone", odd))


def test_dead_letters_that_were_sent_back_are_a_metric_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert metrics(printed(capsys, redriven=2))["BatidaPonto", "redriven"].value == 2
    assert "redriven" not in logged(capsys)


def test_a_warning_is_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    log.warning("request-1", "what")
    assert json.loads(capsys.readouterr().out) == {
        "level": "WARNING",
        "message": "what",
        "requestId": "request-1",
        "version": __version__,
    }


def test_reasons_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    rejections = [rejection(reason, f"{reason} {number}") for number in range(2) for reason in Reason]
    line = logged(capsys, dead_lettered=[*rejections, rejection(Reason.INVALID, "one more")])
    assert line["level"] == "INFO"  # it is the client's error
    assert line["rejected"] == line["batchSize"] == 2 * len(Reason) + 1
    assert {name: line[name] for name in REASONS} == dict.fromkeys(REASONS, 2) | {"rejectedInvalid": 3}
    assert "errors" not in line


def test_where_nobody_signs_in_there_is_no_metric_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDENTITY")
    assert REASONS.keys() - logged(capsys).keys() == {"rejectedIdentity"}


def test_a_dead_letter_that_was_not_taken_counts_as_failed_not_as_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    taken = rejection(Reason.INVALID, "taken")
    line = logged(capsys, dead_lettered=[taken], failures=failures("dead-letter queue: down", undated("not taken")))
    assert (line["level"], line["rejected"], line["failed"]) == ("WARNING", 1, 1)
    assert line["rejectedInvalid"] == 1
    assert line["errors"] == ["dead-letter queue: down"]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (["OperationalError: gone"] * 100, ["OperationalError: gone"]),
        ([f"e{n}" for n in range(9)], [f"e{n}" for n in range(5)]),
    ],
    ids=["of every record", "many"],
)
def test_each_error_is_told_once_and_no_more_than_five(
    capsys: pytest.CaptureFixture[str], errors: list[str], expected: list[str]
) -> None:
    failed = [failures(error, undated(str(number))) for number, error in enumerate(errors)]
    line = logged(capsys, failures=dict(ChainMap(*failed)))
    assert (line["level"], line["failed"], line["errors"]) == ("WARNING", len(errors), expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(error=st.text(st.characters()))
def test_any_error_text_stays_within_the_line(capsys: pytest.CaptureFixture[str], error: str) -> None:
    assert logged(capsys, failures=failures(error, undated("m")))["errors"] == [error]


def test_neither_body_nor_detail_nor_message_id_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    line = logged(
        capsys,
        stored=[entry("TRACE")],
        duplicates=[entry("TRACE")],
        redelivered=[entry("TRACE")],
        dead_lettered=[rejection(Reason.CONFLICT, "TRACE 1")],
        failures=failures("down", record("TRACE", "TRACE 2")),
    )
    assert "TRACE" not in json.dumps(line)


def test_a_line_is_embedded_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(
        capsys,
        stored=[entry()],
        dead_lettered=[rejection(Reason.INVALID, "i"), rejection(Reason.UNEXPECTED, "u")],
        failures=failures("gone", record("TRACE", "f", RECEIVED_MS - SECOND)),
    )
    counts = {
        "stored": 1,
        "duplicates": 0,
        "redelivered": 0,
        "rejected": 2,
        **REASONS,
        "rejectedInvalid": 1,
        "rejectedUnexpected": 1,
        "failed": 1,
        "batchSize": 4,
    }
    times = {"milliseconds": 12.3, "oldestMilliseconds": 5 * SECOND, "oldestFailedMilliseconds": 6 * SECOND}
    dimensions = {"FunctionName": FUNCTION}
    assert metrics(text) == {
        **{("BatidaPonto", name): Metric(dimensions, value, "Count") for name, value in counts.items()},
        **{("BatidaPonto", name): Metric(dimensions, value, "Milliseconds") for name, value in times.items()},
    }
    assert json.loads(text)["_aws"]["Timestamp"] == RECEIVED_MS + 5 * SECOND


def test_outside_lambda_it_is_nobodys_metric(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    for metric in metrics(printed(capsys)).values():
        assert metric.dimensions == {"FunctionName": "none"}

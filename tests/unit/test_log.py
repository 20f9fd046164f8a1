"""The log line of a batch, with the metrics in it."""

import json
from typing import Any

import pytest

from ponto.drain.dead_letters import Rejection
from ponto.drain.drain import BatchResult, Failure
from ponto.drain.message import Message, Origin
from ponto.drain.parser import Reason
from ponto.drain.store import Entry
from ponto.punch import Punch
from ponto.shared import log
from tests.emf import Metric, parse_metrics
from tests.events import RECEIVED_MS, message

ABSENT: dict[str, Any] = dict.fromkeys(Punch._fields)
SECOND = 1_000
DRAIN = "batida-ponto-prod-batidaPonto"
REASONS = {f"rejected{reason.capitalize()}": 0 for reason in Reason}


def entry(message_id: str = "m", received_ms: int = RECEIVED_MS) -> Entry:
    return Entry(Punch(**ABSENT), message_id, received_ms)


def rejection(reason: Reason, message_id: str) -> Rejection:
    return Rejection(message("TRACE", message_id), reason, "TRACE")


def undated(message_id: str) -> Message:
    return message("TRACE", message_id)._replace(sent_ms=None, origin=None)


def failures(why: str, *messages: Message) -> dict[str, Failure]:
    return {each.id: Failure(each, why) for each in messages}


def log_batch(capsys: pytest.CaptureFixture[str], **processed: Any) -> str:
    """Log a `BatchResult` that was complete 5 s after RECEIVED_MS; return the line."""
    now, batch = RECEIVED_MS / 1000 + 5, BatchResult(**processed)
    times = {"milliseconds": 12.3, **batch.ages(now)}
    log.write_batch("request-1", DRAIN, now, batch.counts(is_sign_in_required=True), times, batch.errors)
    out, err = capsys.readouterr()
    assert out.endswith("\n")
    assert out.count("\n") == 1
    assert err == ""
    return out


def batch_fields(capsys: pytest.CaptureFixture[str], **processed: Any) -> dict[str, Any]:
    """Log a `BatchResult`; return the line's fields without those of the metric format."""
    line: dict[str, Any] = json.loads(log_batch(capsys, **processed))
    del line["_aws"], line["FunctionName"]
    return line


def test_oldest_time_counts_only_stored_punches(capsys: pytest.CaptureFixture[str]) -> None:
    others: dict[str, Any] = {
        "duplicates": [entry(received_ms=RECEIVED_MS - SECOND)],
        "failures": failures("gone", message("TRACE", "f", RECEIVED_MS - SECOND)),
    }

    assert batch_fields(capsys, stored=[entry()], **others)["oldestMilliseconds"] == 5 * SECOND
    assert "oldestMilliseconds" not in batch_fields(capsys, **others)


def test_failed_time_of_a_redriven_message_begins_at_the_redrive(capsys: pytest.CaptureFixture[str]) -> None:
    redriven = message("TRACE", "again")._replace(origin=Origin("first", RECEIVED_MS - 3_600 * SECOND))
    odd = undated("odd")

    line = batch_fields(capsys, failures=failures("gone", message("TRACE", "f", RECEIVED_MS - SECOND), redriven, odd))

    assert line["oldestFailedMilliseconds"] == 6 * SECOND
    assert "TRACE" not in json.dumps(line)
    assert "oldestFailedMilliseconds" not in batch_fields(capsys, failures=failures("gone", odd))


def test_at_most_five_different_errors_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    failed = {str(number): Failure(undated(str(number)), f"e{number // 2}") for number in range(18)}

    line = batch_fields(capsys, failures=failed)

    assert (line["level"], line["failed"], line["errors"]) == ("WARNING", 18, [f"e{n}" for n in range(5)])


def test_line_contains_embedded_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    text = log_batch(
        capsys,
        stored=[entry()],
        dead_lettered=[rejection(Reason.INVALID, "i"), rejection(Reason.UNEXPECTED, "u")],
        failures=failures("gone", message("TRACE", "f", RECEIVED_MS - SECOND)),
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
    dimensions = {"FunctionName": DRAIN}
    assert parse_metrics(text) == {
        **{("BatidaPonto", name): Metric(dimensions, value, "Count") for name, value in counts.items()},
        **{("BatidaPonto", name): Metric(dimensions, value, "Milliseconds") for name, value in times.items()},
    }
    assert json.loads(text)["_aws"]["Timestamp"] == RECEIVED_MS + 5 * SECOND

"""Dead-lettered events of file imports, as `ponto dlq` lists and redrives them."""

import json
from typing import Any

import pytest

from tests.dead_letter_stage import LAMBDA_ATTRIBUTES, DeadLetterStage, destination_record, message
from tests.dead_letter_stage import dev as dev
from tools.kit.dead_letters import read


def files(*keys: object) -> dict[str, Any]:
    """Return an S3 event of some files."""
    parts = [{"bucket": {"name": "b"}, "object": {"key": key}} for key in keys]
    return {"Records": [{"eventSource": "aws:s3", "s3": part} for part in parts]}


@pytest.mark.parametrize("is_destination_record", [False, True], ids=["dead-letter queue", "destination"])
@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (files("incoming/gate+1.csv"), "incoming/gate 1.csv: "),
        (files("incoming/a", "incoming/b", "incoming/c"), "incoming/a and 2 more: "),
    ],
)
def test_event_is_listed_with_its_file_and_redriven(
    dev: DeadLetterStage, event: Any, detail: str, is_destination_record: bool
) -> None:
    if is_destination_record:
        dev.send(destination_record(event))
    else:
        dev.send_event(event)

    (dead_letter,) = dev.run("list", "--reason", "file", "--json").json["deadLetters"]
    assert dead_letter["detail"].startswith(detail)

    assert dev.run("redrive", "--reason", "file").status == 0
    (invoked,) = dev.calls.by_operation("Invoke")
    assert json.loads(invoked.parameters["Payload"]) == event
    assert invoked.parameters["FunctionName"] == "batida-ponto-dev-importacao"


@pytest.mark.parametrize("event", [{"Records": [{"eventSource": "aws:s3"}]}, files(5), files({"a": 1})], ids=str)
def test_invalid_file_event_is_listed_as_another_asynchronous_event(event: Any) -> None:
    dead_letter = read(message(json.dumps(event), **LAMBDA_ATTRIBUTES))
    assert (dead_letter.reason, dead_letter.function) == ("asynchronous", None)

"""Dead-lettered events of file imports, as `ponto dlq` lists and redrives them."""

import json
from typing import Any

import pytest

from tests.dead_letter_stage import LAMBDA_ATTRIBUTES, DeadLetterStage, destination_record, message
from tests.dead_letter_stage import dev as dev
from tools.kit.dead_letters import read


def file_event(key: object) -> dict[str, Any]:
    """Return the S3 event of a file."""
    return {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}]}


@pytest.mark.parametrize("is_destination_record", [False, True], ids=["dead-letter queue", "destination"])
def test_event_is_listed_with_its_file_and_redriven(dev: DeadLetterStage, is_destination_record: bool) -> None:
    event = file_event("incoming/gate+1.csv")
    if is_destination_record:
        dev.send(destination_record(event))
    else:
        dev.send_event(event)

    (dead_letter,) = dev.run("list", "--reason", "file", "--json").json["deadLetters"]
    assert dead_letter["detail"].startswith("incoming/gate 1.csv: ")

    assert dev.run("redrive", "--reason", "file").status == 0
    (invoked,) = dev.calls.by_operation("Invoke")
    assert json.loads(invoked.parameters["Payload"]) == event
    assert invoked.parameters["FunctionName"] == "batida-ponto-dev-importacao"


@pytest.mark.parametrize(
    "event", [{"Records": [{"eventSource": "aws:s3"}]}, file_event(5), file_event({"a": 1})], ids=str
)
def test_invalid_file_event_is_listed_as_another_asynchronous_event(event: Any) -> None:
    dead_letter = read(message(json.dumps(event), **LAMBDA_ATTRIBUTES))
    assert (dead_letter.reason, dead_letter.function) == ("asynchronous", None)

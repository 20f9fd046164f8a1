"""Dead-lettered events of file imports, as `ponto dlq` lists and redrives them."""

import json
from typing import Any

import pytest

from tests.unit.test_dlq import LAMBDA_ATTRIBUTES, Stage, destination_record, message
from tests.unit.test_dlq import dev as dev
from tools.kit.dead_letters import read

CONTINUED = {"offset": 9_000, "line": 101, "accepted": 99, "refused": 1, "rounds": 96}


def files(*keys: object, **more: object) -> dict[str, Any]:
    """Return an S3 event of some files, with more keys."""
    parts = [{"bucket": {"name": "b"}, "object": {"key": key}} for key in keys]
    return {"Records": [{"eventSource": "aws:s3", "s3": part} for part in parts]} | more


FILE = files("incoming/gate+1.csv")
FILES = files("incoming/a", "incoming/b", "incoming/c", note="unchanged")


@pytest.mark.parametrize("is_destination_record", [False, True], ids=["dead-letter queue", "destination"])
@pytest.mark.parametrize(
    ("event", "detail", "expected"),
    [
        (
            FILE | {"continuation": CONTINUED},
            "incoming/gate 1.csv, from line 101: ",
            FILE | {"continuation": CONTINUED | {"rounds": 0}},
        ),
        (
            FILE | {"continuation": CONTINUED | {"failed": "the gzip data is corrupt"}},
            "incoming/gate 1.csv, from line 101: ",
            FILE | {"continuation": CONTINUED | {"rounds": 0}},
        ),
        (FILES, "incoming/a and 2 more, from line 1: ", FILES),
    ],
    ids=["continued file", "failed file", "several files"],
)
def test_event_is_listed_with_its_file_and_redriven(
    dev: Stage, event: Any, detail: str, expected: Any, is_destination_record: bool
) -> None:
    if is_destination_record:
        dev.send(destination_record(event))
    else:
        dev.send_event(event)

    (dead_letter,) = dev.run("list", "--reason", "file", "--json").json["deadLetters"]
    assert dead_letter["detail"] == f"{detail}{'' if is_destination_record else '200: '}not from SQS"
    assert dead_letter["employee"] is None

    assert dev.run("redrive", "--reason", "file").status == 0
    (invoked,) = dev.calls.by_operation("Invoke")
    assert json.loads(invoked.parameters.pop("Payload")) == expected
    assert invoked.parameters == {"FunctionName": "batida-ponto-dev-importacao", "InvocationType": "Event"}
    assert (dev.queued(), dev.dead_letters()) == ([], set())


@pytest.mark.parametrize(
    "event",
    [
        FILE | {"continuation": 1},
        FILE | {"continuation": {}},
        FILE | {"continuation": "x"},
        FILE | {"continuation": CONTINUED | {"offset": None}},
        FILE | {"continuation": CONTINUED | {"line": 0}},
        FILE | {"continuation": CONTINUED | {"accepted": True}},
        FILE | {"continuation": CONTINUED | {"rounds": -1}},
        {"Records": [{"eventSource": "aws:s3"}]},
        files(5),
        files(["x"]),
        files({"a": 1}),
        {
            "Records": [
                {"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "a", "versionId": 7}}}
            ]
        },
        {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": 1}, "object": "key"}}]},
    ],
    ids=str,
)
def test_invalid_file_event_is_listed_as_another_asynchronous_event(event: Any) -> None:
    body = json.dumps(event)
    dead_letter = read(message(body, **LAMBDA_ATTRIBUTES))
    assert (dead_letter.reason, dead_letter.function, dead_letter.detail, dead_letter.event_to_retry()) == (
        "asynchronous",
        None,
        "200: not from SQS",
        body.encode(),
    )

"""Dead-lettered events of file imports, as `ponto dlq` lists and redrives them."""

import json
from typing import Any

import pytest

from tests.unit.test_dlq import LAMBDAS, Stage, message, record_of
from tests.unit.test_dlq import dev as dev
from tools.kit.dead_letters import read

CONTINUED = {"offset": 9_000, "line": 101, "accepted": 99, "refused": 1, "rounds": 96}


def files(*keys: object, **more: object) -> dict[str, Any]:
    """Return an S3 event of some files, with more keys."""
    parts = [{"bucket": {"name": "b"}, "object": {"key": key}} for key in keys]
    return {"Records": [{"eventSource": "aws:s3", "s3": part} for part in parts]} | more


FILE = files("incoming/gate+1.csv")
FILES = files("incoming/a", "incoming/b", "incoming/c", note="as it was")


@pytest.mark.parametrize("wrapped", [False, True], ids=["as on AWS", "as a destination's record"])
@pytest.mark.parametrize(
    ("event", "detail", "again"),
    [
        (
            FILE | {"continuation": CONTINUED},
            "incoming/gate 1.csv, from line 101: ",
            FILE | {"continuation": CONTINUED | {"rounds": 0}},
        ),
        (
            FILE | {"continuation": CONTINUED | {"failed": "the compression is broken"}},
            "incoming/gate 1.csv, from line 101: ",
            FILE | {"continuation": CONTINUED | {"rounds": 0}},
        ),
        (FILES, "incoming/a and 2 more, from line 1: ", FILES),
    ],
    ids=["a file that goes on where it stopped", "one that failed", "several files, of which none is lost"],
)
def test_event_is_listed_with_its_file_and_redriven(
    dev: Stage, event: Any, detail: str, again: Any, wrapped: bool
) -> None:
    if wrapped:
        dev.send(record_of(event))
    else:
        dev.asynchronous(event)

    (found,) = dev.run("list", "--reason", "file", "--json").json["deadLetters"]
    assert found["detail"] == f"{detail}{'' if wrapped else '200: '}not from SQS"
    assert found["employee"] is None

    assert dev.run("redrive", "--reason", "file").status == 0
    (invoked,) = dev.calls.of("Invoke")
    assert json.loads(invoked.parameters.pop("Payload")) == again
    assert invoked.parameters == {"FunctionName": "batida-ponto-dev-importacao", "InvocationType": "Event"}
    assert (dev.queued(), dev.dead_letters()) == ([], set())


@pytest.mark.parametrize(
    "spoilt",
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
def test_invalid_file_event_is_listed_as_another_asynchronous_event(spoilt: Any) -> None:
    body = json.dumps(spoilt)
    found = read(message(body, **LAMBDAS))
    assert (found.reason, found.function, found.detail, found.event_to_retry()) == (
        "asynchronous",
        None,
        "200: not from SQS",
        body.encode(),
    )

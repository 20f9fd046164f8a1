"""Events of files that Lambda gave up on: what `ponto dlq` says of them, and which function it invokes again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slices.imports.uploads import tasks_of
from tests.strategies import any_json
from tests.unit.test_dlq import LAMBDAS, Stage, message, record_of, require_something
from tests.unit.test_dlq import dev as dev
from tools.kit import dead_letters
from tools.kit.dead_letters import Way, read

CONTINUED = {"offset": 9_000, "line": 101, "accepted": 99, "refused": 1, "rounds": 96}


def files(*keys: object, **more: object) -> dict[str, Any]:
    """S3's event of files, and what else it has."""
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
def test_an_event_is_listed_with_its_file_and_invoked_again(
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
def test_what_only_resembles_a_files_event_is_one_of_another_invocation(spoilt: Any) -> None:
    body = json.dumps(spoilt)
    found = read(message(body, **LAMBDAS))
    assert (found.reason, found.function, found.detail, found.event()) == (
        "asynchronous",
        None,
        "200: not from SQS",
        body.encode(),
    )


def _nearly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return good | good | good | any_json()


_key = {"key": _nearly(st.text(st.characters(), max_size=5))}
_object = _nearly(st.fixed_dictionaries(_key, optional={"versionId": _nearly(st.just("v"))}))
_bucket = _nearly(st.fixed_dictionaries({"name": _nearly(st.just("b"))}))
_s3 = _nearly(st.fixed_dictionaries({"bucket": _bucket, "object": _object}))
_record = _nearly(st.fixed_dictionaries({"eventSource": _nearly(st.just("aws:s3")), "s3": _s3}))
_continuation = _nearly(st.fixed_dictionaries({name: _nearly(st.integers(0, 9)) for name in CONTINUED}))
_events = st.fixed_dictionaries(
    {"Records": _nearly(st.lists(_record, max_size=3))}, optional={"continuation": _continuation}
)
_records = {"requestContext": any_json(), "requestPayload": _events, "responsePayload": any_json()}
_bodies = st.text(min_size=1, max_size=20) | st.builds(json.dumps, _events | st.fixed_dictionaries(_records))


@given(_bodies, st.sampled_from([{}, {"reason": "invalid"}, {"RequestID": "1", "ErrorCode": "200"}]))
def test_whatever_resembles_a_files_event_is_listed_shown_and_redriven_as_something(
    body: str, attributes: dict[str, str]
) -> None:
    found = require_something(body, attributes)

    if found.reason == "file":
        assert found.way is Way.ASYNCHRONOUS
        before = tasks_of(dead_letters.event_of(body))
        assert tasks_of(json.loads(found.event())) == [task._replace(rounds=0) for task in before]

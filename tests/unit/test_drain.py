"""The drain with batches in which some messages fail: the others must be stored."""

import re
import time
from datetime import tzinfo
from itertools import chain
from typing import Any

import pytest

from ponto.drain.dead_letters import DEAD_LETTER_SECONDS
from ponto.drain.drain import GRACE_SECONDS, BatchResult, Drain
from ponto.drain.message import Message, read_messages
from ponto.drain.parser import Reason, parse
from ponto.drain.store import Outcome, Status
from ponto.punch import Punch
from tests.events import RECEIVED_MS, punch, record, sqs_event
from tests.fakes import Fakes
from tools.kit import event

Claim = dict[str, str]  # a message attribute

BUG = 13  # employee id for which the code under test fails
VISIBILITY_SECONDS = 451


def punch_id(employee_id: int) -> str:
    return f"00000000-0000-4000-8000-{employee_id:012}"


def message(employee_id: int, receives: int = 1, **attributes: Claim | None) -> Message:
    body = punch(employee_id, id=punch_id(employee_id))
    sqs_record = record(body, f"m{employee_id}", receive_count=receives)
    sqs_record["messageAttributes"] = {name: claim for name, claim in attributes.items() if claim is not None}
    [parsed] = read_messages(sqs_event(sqs_record))
    return parsed


def text(value: str) -> Claim:
    return {"dataType": "String", "stringValue": value}


def process(target: Fakes | Drain, *messages: Message) -> BatchResult:
    drain = target if isinstance(target, Drain) else target.drain()
    return drain.process(messages, time.monotonic() + 60)


def stored(fakes: Fakes) -> list[list[int]]:
    """Return the numbers of the employees of each stored batch."""
    return [[int(entry.punch.id[-12:]) for entry in batch] for batch in fakes.store.batches]


def reasons(fakes: Fakes) -> list[tuple[str, Reason, str]]:
    return [(rejection.message.id, rejection.reason, rejection.detail) for rejection in fakes.dead_letters.sent]


class Buggy(Fakes):
    """Collaborators of a drain whose parser or store fails for the employee `BUG`."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._is_in_parser = where == "parser"
        if where == "store":
            self.store.outcomes = {f"m{BUG}": KeyError("usuario_id of an employee")}

    def drain(self, **options: Any) -> Drain:
        return super().drain(**options, parse=self._parse)

    def _parse(self, body: str, zone: tzinfo) -> Punch:
        read = parse(body, zone)
        if self._is_in_parser and read.id == punch_id(BUG):
            raise ZeroDivisionError(body)
        return read


@pytest.fixture(params=["store", "parser"])
def fakes(request: pytest.FixtureRequest) -> Buggy:
    return Buggy(request.param)


def test_punches_of_one_minute_with_different_source_keys_are_both_stored() -> None:
    fakes, source = Fakes(), "00004000070000123"
    same = message(1)

    processed = process(
        fakes,
        *(same._replace(id=key, sender_attributes={"sourceKey": f"{source}/{key}"}) for key in ("7", "8", "0")),
    )

    assert [entry.punch.id for entry in processed.stored] == [
        "f0000400-0070-8000-a123-000000000007",
        "f0000400-0070-8000-a123-000000000008",
    ]
    [(message_id, reason, detail)] = reasons(fakes)
    assert (message_id, reason) == ("0", Reason.INVALID)
    assert detail.startswith("sourceKey: must be SOURCE/RECORD")


def redriven_message(employee_id: int, receives: int = 1) -> Message:
    """Return a dead letter that was redriven."""
    return message(employee_id, receives, messageId=text(f"first {employee_id}"), receivedAt=text(str(RECEIVED_MS - 1)))


@pytest.mark.parametrize(
    ("is_sent_back", "receives", "is_new_copy"),
    [(False, 1, False), (False, 2, False), (True, 1, True), (True, 2, False)],
)
def test_first_receive_of_a_redriven_dead_letter_is_a_new_copy(
    *, is_sent_back: bool, receives: int, is_new_copy: bool
) -> None:
    fakes = Fakes()

    process(fakes, redriven_message(1, receives) if is_sent_back else message(1, receives))

    assert [entry.is_new_copy for entry in fakes.store.entries] == [is_new_copy]


def test_redriven_messages_are_counted_when_they_are_done() -> None:
    fakes, copies = Fakes(), [redriven_message(employee_id) for employee_id in range(1, 6)]
    copies[4] = copies[4]._replace(body="no punch")
    fakes.store.outcomes = {
        "first 2": Outcome(Status.DUPLICATE),
        "first 3": Outcome(Status.CONFLICT, "another"),
        "first 4": Outcome(Status.FAILED, "gone"),
    }
    fakes.dead_letters.refused["m5"] = "down"

    processed = process(fakes, *copies, message(6))

    assert (len(processed.stored), processed.redriven_count) == (2, 3)
    assert processed.failures.keys() == {"m4", "m5"}


@pytest.mark.parametrize("others", [Status.STORED, Status.DUPLICATE, Status.REDELIVERED])
def test_message_that_fails_for_half_an_hour_is_dead_lettered_if_others_are_stored(
    fakes: Buggy, others: Status
) -> None:
    fakes.store.outcomes["m1"] = Outcome(others)
    fakes.store.failing_seconds = {f"m{BUG}": GRACE_SECONDS}

    processed = process(fakes, message(1), message(BUG))

    assert GRACE_SECONDS == 30 * 60
    assert processed.failures == {}
    ((message_id, reason, detail),) = reasons(fakes)
    assert (message_id, reason) == (f"m{BUG}", Reason.UNEXPECTED)
    assert re.fullmatch(r"\w+Error at (fakes|test_drain)\.py:\d+", detail)
    assert "employee" not in detail  # an exception's message may quote the punch


def test_message_fails_again_while_the_database_is_unavailable(fakes: Buggy) -> None:
    fakes.store.failing_seconds = None

    processed = process(fakes, message(1), message(BUG, 200))

    assert list(processed.failures) == [f"m{BUG}"]
    assert "time of the first failure is unknown: OperationalError: gone" in processed.failures[f"m{BUG}"].detail
    assert reasons(fakes) == []


@pytest.mark.parametrize("since", [{}, {f"m{BUG}": GRACE_SECONDS - 1.0}])
def test_message_that_fails_for_less_than_half_an_hour_fails_alone(fakes: Buggy, since: dict[str, float]) -> None:
    fakes.store.failing_seconds = since

    processed = process(fakes, *(message(employee_id) for employee_id in range(1, 21)))

    assert sorted(chain(*stored(fakes))) == [employee_id for employee_id in range(1, 21) if employee_id != BUG]
    assert list(processed.failures) == [f"m{BUG}"]
    assert processed.failures[f"m{BUG}"].detail.startswith("unexpected: ")
    assert reasons(fakes) == []


@pytest.mark.parametrize("size", [1, 54])
@pytest.mark.parametrize("breaks", ["parser", "store"])
def test_release_that_fails_for_every_message_dead_letters_nothing(size: int, breaks: str) -> None:
    is_broken = False

    def parse_until_broken(body: str, zone: tzinfo) -> Punch:
        if is_broken and breaks == "parser":
            raise ZeroDivisionError
        return parse(body, zone)

    fakes = Fakes()
    drain = fakes.drain(parse=parse_until_broken, clock=lambda: time.monotonic() + (3_600 if is_broken else 0))
    process(drain, message(1))
    is_broken = True
    batch = [message(employee_id, 200) for employee_id in range(100, 100 + size)]
    if breaks == "store":
        fakes.store.outcomes = {message.id: ZeroDivisionError() for message in batch}
    fakes.store.failing_seconds = {message.id: GRACE_SECONDS for message in batch}

    processed = drain.process(batch, time.monotonic() + 3_660)

    assert len(processed.failures) == size
    # They come back after the queue's own timeout.
    assert not any(failure.is_transient for failure in processed.failures.values())
    assert reasons(fakes) == []


def test_message_alone_in_its_batch_is_dead_lettered_if_another_was_stored_since(fakes: Buggy) -> None:
    drain, alone = fakes.drain(), message(BUG)
    fakes.store.failing_seconds = {f"m{BUG}": GRACE_SECONDS}
    assert list(process(drain, alone).failures) == [f"m{BUG}"]  # no stored punch shows that the code works

    process(drain, message(1))

    assert process(drain, alone).failures == {}
    assert [reason for _, reason, _ in reasons(fakes)] == [Reason.UNEXPECTED]


def test_several_failing_messages_are_not_dead_lettered(fakes: Buggy) -> None:
    drain, twin = fakes.drain(), message(BUG)._replace(id="twin")
    fakes.store.outcomes |= dict.fromkeys(["twin"], KeyError("usuario_id of an employee"))
    fakes.store.failing_seconds = {f"m{BUG}": GRACE_SECONDS, "twin": GRACE_SECONDS}
    process(drain, message(1))

    assert process(drain, message(BUG), twin).failures.keys() == {f"m{BUG}", "twin"}
    assert reasons(fakes) == []


# Crash suspects


def suspects(*employee_ids: int) -> list[Message]:
    first_ms = int(1000 * (time.time() - 9 * VISIBILITY_SECONDS))
    return [message(employee_id, 9)._replace(first_received_ms=first_ms) for employee_id in employee_ids]


def call_names(fakes: Fakes) -> list[str]:
    return [call.name for call in fakes.calls if call.name != "send"]  # no test here has a dead letter


def spreading_drain(fakes: Fakes) -> Drain:
    return fakes.drain(visibility_timeout_seconds=VISIBILITY_SECONDS)


def test_suspects_are_spread_after_the_first_stored_row_and_before_they_are_saved() -> None:
    fakes = Fakes()

    process(spreading_drain(fakes), *suspects(1, 2, 3), message(4))

    assert stored(fakes)[0] == [4]
    assert call_names(fakes) == ["save", "set_visibility", "save", "save", "save"]
    assert fakes.retry_backoff.hidden_seconds.keys() == {"m1", "m2", "m3"}
    assert len(set(fakes.retry_backoff.hidden_seconds.values())) == 3
    assert all(seconds >= VISIBILITY_SECONDS for seconds in fakes.retry_backoff.hidden_seconds.values())


def test_batch_of_suspects_is_spread_after_the_first_is_stored() -> None:
    fakes = Fakes()

    process(spreading_drain(fakes), *suspects(1, 2, 3))

    assert call_names(fakes) == ["save", "set_visibility", "save", "save"]
    assert fakes.retry_backoff.hidden_seconds.keys() == {"m1", "m2", "m3"} - {f"m{stored(fakes)[0][0]}"}


def test_suspects_are_not_spread_in_an_outage_or_without_a_visibility_timeout() -> None:
    fakes = Fakes()
    fakes.store.outcomes = {f"m{employee_id}": Outcome(Status.FAILED, "gone") for employee_id in (1, 2, 3)}

    process(spreading_drain(fakes), *suspects(1, 2, 3))
    fakes.store.outcomes = {}
    process(fakes, *suspects(1, 2, 3))

    assert "set_visibility" not in call_names(fakes)


@pytest.mark.parametrize(("seconds", "latest"), [(60, 15), (20, 20 - DEAD_LETTER_SECONDS)])
def test_spreading_may_fail_takes_at_most_15_seconds_and_leaves_time_for_dead_letters(
    seconds: float, latest: float
) -> None:
    fakes = Fakes()
    fakes.retry_backoff.error = ConnectionError("SQS")

    begin = time.monotonic()
    processed = spreading_drain(fakes).process([*suspects(1), message(2)], begin + seconds)

    assert begin + latest <= dict(fakes.calls)["set_visibility"] < begin + latest + 1
    assert (len(processed.stored), processed.warnings) == (2, ["redelivery: ConnectionError: SQS"])


# Sign-in


NO_CLAIM: list[Claim | None] = [None, text("")]
OTHER_CLAIMS = [text(value) for value in ("8", "07", "7\n", "\u0667")]


@pytest.mark.parametrize("claim", [*NO_CLAIM, *OTHER_CLAIMS], ids=repr)
def test_punch_of_another_employee_than_the_sign_in_is_dead_lettered_alone(claim: Claim | None) -> None:
    fakes = Fakes()
    claims = {6: text(str(event.subject(6))), 7: claim, 8: text(str(event.subject(8)))}
    batch = [message(employee_id, usuarioId=claims[employee_id]) for employee_id in claims]

    processed = process(fakes.drain(is_sign_in_required=True), *batch)

    assert stored(fakes) == [[6, 8]]
    assert processed.failures == {}
    ((message_id, reason, detail),) = reasons(fakes)
    assert (message_id, reason) == ("m7", Reason.IDENTITY)
    assert ("names no signed-in user" in detail) == (claim in NO_CLAIM)
    assert not any(character.isdigit() for character in detail)  # the detail must not contain an employee id

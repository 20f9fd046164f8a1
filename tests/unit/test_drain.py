"""A batch, some of whose messages fail: one of them must not cost the others."""

import re
import time
from datetime import tzinfo
from itertools import chain

import pytest

from ponto.dead_letters import DEAD_LETTER_SECONDS
from ponto.drain import GRACE_SECONDS, BatchResult, Drain
from ponto.message import Message, read_messages
from ponto.parser import Reason, parse
from ponto.punch import Punch
from ponto.store import Outcome, Status
from ponto.testing import Fakes
from tests.events import RECEIVED_MS, punch, record, sqs_event

Claim = dict[str, str]  # a message attribute

BUG = 13  # an employee on whom the function's code fails
VISIBILITY_SECONDS = 451


def message(employee: int, receives: int = 1, **attributes: Claim | None) -> Message:
    made = record(punch(employee), f"m{employee}", receive_count=receives)
    made["messageAttributes"] = {name: claim for name, claim in attributes.items() if claim is not None}
    [read] = read_messages(sqs_event(made))
    return read


def text(value: str) -> Claim:
    return {"dataType": "String", "stringValue": value}


def process(to: Fakes | Drain, *messages: Message) -> BatchResult:
    if isinstance(to, Buggy):
        to = to.buggy_drain()
    drain = to if isinstance(to, Drain) else to.drain()
    return drain.process(messages, time.monotonic() + 60)


def stored(fakes: Fakes) -> list[list[int]]:
    """The employees of each batch."""
    return [[entry.punch.employee_id for entry in batch] for batch in fakes.store.batches]


def reasons(fakes: Fakes) -> list[tuple[str, Reason, str]]:
    return [(rejection.message.id, rejection.reason, rejection.detail) for rejection in fakes.dead_letters.sent]


class Buggy(Fakes):
    """Collaborators of a drain whose code fails on one employee, in the parser or in the store."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._is_in_parser = where == "parser"
        if where == "store":
            self.store.outcomes = {f"m{BUG}": KeyError("usuario_id of somebody")}

    def buggy_drain(self) -> Drain:
        return self.drain(parse=self._parse if self._is_in_parser else parse)

    def _parse(self, body: str, zone: tzinfo) -> Punch:
        read = parse(body, zone)
        if read.employee_id == BUG:
            raise ZeroDivisionError(body)
        return read


@pytest.fixture(params=["store", "parser"])
def fakes(request: pytest.FixtureRequest) -> Buggy:
    return Buggy(request.param)


def test_two_punches_of_one_minute_with_source_keys_are_two() -> None:
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


def sent_back(employee: int, receives: int = 1) -> Message:
    """Return a dead letter that was redriven."""
    return message(employee, receives, messageId=text(f"first {employee}"), receivedAt=text(str(RECEIVED_MS - 1)))


@pytest.mark.parametrize(
    ("is_sent_back", "receives", "is_new_copy"),
    [(False, 1, False), (False, 2, False), (True, 1, True), (True, 2, False)],
)
def test_the_first_receive_of_a_redriven_dead_letter_is_a_new_copy(
    *, is_sent_back: bool, receives: int, is_new_copy: bool
) -> None:
    fakes = Fakes()

    process(fakes, sent_back(1, receives) if is_sent_back else message(1, receives))

    assert [entry.is_new_copy for entry in fakes.store.entries] == [is_new_copy]


def test_a_dead_letter_that_was_sent_back_is_counted_when_it_ends() -> None:
    fakes, copies = Fakes(), [sent_back(employee) for employee in range(1, 6)]
    copies[4] = copies[4]._replace(body="no punch")
    fakes.store.outcomes = {
        "first 2": Outcome(Status.DUPLICATE),
        "first 3": Outcome(Status.CONFLICT, "another"),
        "first 4": Outcome(Status.FAILED, "gone"),
    }
    fakes.dead_letters.refused["m5"] = "down"

    processed = process(fakes, *copies, message(6))

    assert (len(processed.stored), processed.redriven) == (2, 3)
    assert processed.failures.keys() == {"m4", "m5"}


@pytest.mark.parametrize("others", [Status.STORED, Status.DUPLICATE, Status.REDELIVERED])
def test_after_half_an_hour_in_which_our_code_stored_others_it_is_dead_lettered(fakes: Buggy, others: Status) -> None:
    fakes.store.outcomes["m1"] = Outcome(others)
    fakes.store.failing_seconds = {f"m{BUG}": GRACE_SECONDS}

    processed = process(fakes, message(1), message(BUG))

    assert GRACE_SECONDS == 30 * 60
    assert processed.failures == {}
    ((message_id, reason, detail),) = reasons(fakes)
    assert (message_id, reason) == (f"m{BUG}", Reason.UNEXPECTED)
    assert re.fullmatch(r"\w+Error at (testing|test_drain)\.py:\d+", detail)
    assert "somebody" not in detail  # the exception's words may quote the punch


def test_while_the_database_does_not_answer_it_comes_back_however_often_it_was_received(fakes: Buggy) -> None:
    fakes.store.failing_seconds = None

    processed = process(fakes, message(1), message(BUG, 200))

    assert list(processed.failures) == [f"m{BUG}"]
    assert "time of the first failure is unknown: OperationalError: gone" in processed.failures[f"m{BUG}"].detail
    assert reasons(fakes) == []


@pytest.mark.parametrize("since", [{}, {f"m{BUG}": GRACE_SECONDS - 1.0}])
def test_before_that_it_comes_back_alone(fakes: Buggy, since: dict[str, float]) -> None:
    fakes.store.failing_seconds = since

    processed = process(fakes, *(message(employee) for employee in range(1, 21)))

    assert sorted(chain(*stored(fakes))) == [employee for employee in range(1, 21) if employee != BUG]
    assert list(processed.failures) == [f"m{BUG}"]
    assert processed.failures[f"m{BUG}"].detail.startswith("unexpected: ")
    assert reasons(fakes) == []


@pytest.mark.parametrize("size", [1, 2, 54])
@pytest.mark.parametrize("breaks", ["parser", "store"])
def test_a_release_that_fails_on_everything_dead_letters_nothing_however_long_it_lasts(size: int, breaks: str) -> None:
    is_broken = False

    def parse_until_broken(body: str, zone: tzinfo) -> Punch:
        if is_broken and breaks == "parser":
            raise ZeroDivisionError
        return parse(body, zone)

    fakes = Fakes()
    drain = fakes.drain(parse=parse_until_broken, clock=lambda: time.monotonic() + (GRACE_SECONDS if is_broken else 0))
    process(drain, message(1))
    is_broken = True
    batch = [message(employee, 200) for employee in range(100, 100 + size)]
    if breaks == "store":
        fakes.store.outcomes = {message.id: ZeroDivisionError() for message in batch}
    fakes.store.failing_seconds = {message.id: GRACE_SECONDS for message in batch}

    processed = drain.process(batch, time.monotonic() + GRACE_SECONDS + 60)

    assert len(processed.failures) == size
    assert not any(
        failure.is_transient for failure in processed.failures.values()
    )  # they come back after the queue's own timeout
    assert reasons(fakes) == []


def test_one_that_comes_alone_is_dead_lettered_if_a_punch_was_stored_since_it_failed_first(fakes: Buggy) -> None:
    drain, alone = fakes.buggy_drain(), message(BUG)
    fakes.store.failing_seconds = {f"m{BUG}": GRACE_SECONDS}
    assert list(process(drain, alone).failures) == [f"m{BUG}"]  # nothing proves that our code works

    process(drain, message(1))

    assert process(drain, alone).failures == {}
    assert [reason for _, reason, _ in reasons(fakes)] == [Reason.UNEXPECTED]


def test_several_that_our_code_fails_on_prove_nothing_of_each_other(fakes: Buggy) -> None:
    drain, twin = fakes.buggy_drain(), message(BUG)._replace(id="twin")
    fakes.store.outcomes |= dict.fromkeys(["twin"], KeyError("usuario_id of somebody"))
    fakes.store.failing_seconds = {f"m{BUG}": GRACE_SECONDS, "twin": GRACE_SECONDS}
    process(drain, message(1))

    assert process(drain, message(BUG), twin).failures.keys() == {f"m{BUG}", "twin"}
    assert reasons(fakes) == []


# What may crash the process


def suspects(*employees: int) -> list[Message]:
    first_ms = int(1000 * (time.time() - 9 * VISIBILITY_SECONDS))
    return [message(employee, 9)._replace(first_received_ms=first_ms) for employee in employees]


def called(fakes: Fakes) -> list[str]:
    return [call.name for call in fakes.calls if call.name != "send"]  # with no dead letter


def spreading(fakes: Fakes) -> Drain:
    return fakes.drain(visibility_timeout_seconds=VISIBILITY_SECONDS)


def test_suspects_are_spread_once_a_row_shows_that_the_database_works_and_before_they_are_tried() -> None:
    fakes = Fakes()

    process(spreading(fakes), *suspects(1, 2, 3), message(4))

    assert stored(fakes)[0] == [4]
    assert called(fakes) == ["save", "set_visibility", "save", "save", "save"]
    assert fakes.retry_backoff.hidden_seconds.keys() == {"m1", "m2", "m3"}
    assert len(set(fakes.retry_backoff.hidden_seconds.values())) == 3
    assert all(seconds >= VISIBILITY_SECONDS for seconds in fakes.retry_backoff.hidden_seconds.values())


def test_a_batch_of_suspects_is_spread_after_the_first_of_them_is_a_row() -> None:
    fakes = Fakes()

    process(spreading(fakes), *suspects(1, 2, 3))

    assert called(fakes) == ["save", "set_visibility", "save", "save"]
    assert fakes.retry_backoff.hidden_seconds.keys() == {"m1", "m2", "m3"} - {f"m{stored(fakes)[0][0]}"}


def test_suspects_keep_the_visibility_timeout_in_an_outage_and_where_it_is_not_known() -> None:
    fakes = Fakes()
    fakes.store.outcomes = {f"m{employee}": Outcome(Status.FAILED, "gone") for employee in (1, 2, 3)}

    process(spreading(fakes), *suspects(1, 2, 3))
    fakes.store.outcomes = {}
    process(fakes, *suspects(1, 2, 3))

    assert "set_visibility" not in called(fakes)


def test_a_batch_without_suspects_costs_no_call() -> None:
    fakes = Fakes()

    process(spreading(fakes), message(1), message(2, 3))

    assert called(fakes) == ["save"]


def test_suspects_are_stored_though_sqs_refuses_to_spread_them_and_that_is_a_warning() -> None:
    fakes = Fakes()
    fakes.retry_backoff.error = ConnectionError("SQS")

    processed = process(spreading(fakes), *suspects(1, 2), message(3))

    assert len(processed.stored) == 3
    assert processed.warnings == ["redelivery: ConnectionError: SQS"]


def test_spreading_suspects_takes_15_seconds_at_most_and_none_of_the_dead_letters() -> None:
    fakes = Fakes()
    drain = spreading(fakes)

    begin = time.monotonic()
    drain.process([*suspects(1), message(2)], begin + 60)
    assert begin + 15 <= dict(fakes.calls)["set_visibility"] < begin + 16

    begin = time.monotonic()
    drain.process([*suspects(3), message(4)], begin + 20)
    assert dict(fakes.calls)["set_visibility"] == begin + 20 - DEAD_LETTER_SECONDS


# Employees who sign in


NO_CLAIM: list[Claim | None] = [None, {"dataType": "String"}, text(""), {"dataType": "Binary"}]
OTHER_CLAIMS = [text(value) for value in ("8", "77", " 7", "07", "7.0", "+7", "7\n", "\u0667", "seven", "[7]", "7,8")]


@pytest.mark.parametrize("claim", [*NO_CLAIM, *OTHER_CLAIMS], ids=repr)
def test_a_punch_that_is_not_of_who_signed_in_is_dead_lettered_and_its_batch_mates_are_stored(
    claim: Claim | None,
) -> None:
    fakes = Fakes()
    batch = [message(6, usuarioId=text("6")), message(7, usuarioId=claim), message(8, usuarioId=text("8"))]

    processed = process(fakes.drain(requires_sign_in=True), *batch)

    assert stored(fakes) == [[6, 8]]
    assert processed.failures == {}
    ((message_id, reason, detail),) = reasons(fakes)
    assert (message_id, reason) == ("m7", Reason.IDENTITY)
    assert ("names no signed-in employee" in detail) == (claim in NO_CLAIM)
    assert not any(character.isdigit() for character in detail)  # whose number it was is nobody's business


def test_without_a_user_pool_a_claim_is_not_checked() -> None:
    fakes = Fakes()

    process(fakes, message(7, usuarioId=text("8")))

    assert (stored(fakes), reasons(fakes)) == ([[7]], [])

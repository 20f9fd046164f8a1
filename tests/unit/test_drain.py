"""A batch with a bug of our own in it: one record must not cost its batch-mates."""

import re
import time
from itertools import chain
from types import SimpleNamespace
from typing import NoReturn
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ponto.drain
from ponto.dead_letters import DEAD_LETTER_SECONDS
from ponto.drain import GRACE_SECONDS, Drain, Failure, Processed
from ponto.punch import Punch, Reason, parse
from ponto.records import Attribute, Record
from ponto.redelivery import SHORTEN_VISIBILITY_SECONDS
from ponto.store import Outcome, Status
from tests.events import RECEIVED_MS, punch, record
from tests.paper import Paper

BUG = 13  # an employee on whom our code fails
VISIBILITY_SECONDS = 451


def message(whose: int, receives: int = 1) -> Record:
    return record(punch(whose), f"m{whose}", receives=receives)


def process(paper: Paper, *records: Record, identity: bool = False, drain: Drain | None = None) -> Processed:
    return (drain or paper.drain(identity=identity)).process(records, time.monotonic() + 60)


def stored(paper: Paper) -> list[list[int]]:
    """The employees of each batch."""
    return [[entry.punch.employee for entry in batch] for batch in paper.batches]


def break_parse(patch: pytest.MonkeyPatch) -> None:
    def broken(body: str, zone: ZoneInfo) -> Punch:
        punch = parse(body, zone)
        if punch.employee == BUG:
            raise ZeroDivisionError(body)
        return punch

    patch.setattr(ponto.drain, "parse", broken)


@pytest.fixture(params=["in the store", "in the rules"])
def paper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Paper:
    """Give what has a bug."""
    paper = Paper()
    if request.param == "in the rules":
        break_parse(monkeypatch)
    else:
        paper.answers = {BUG: KeyError("usuario_id of somebody")}
    return paper


def test_a_record_that_our_code_fails_on_is_reported_alone(paper: Paper) -> None:
    processed = process(paper, *(message(employee) for employee in range(1, 21)))

    assert sorted(chain(*stored(paper))) == [employee for employee in range(1, 21) if employee != BUG]
    assert list(processed.failures) == [f"m{BUG}"]
    assert processed.failures[f"m{BUG}"].detail.startswith("unexpected: ")
    assert paper.reasons == []


def of_a_clock(nsr: str) -> Record:
    """The same punch each time, but for the record that a hardware clock kept of it."""
    made = record(punch(1), f"nsr {nsr}")
    texts = {"relogio": "00004000070000123", "nsr": nsr}
    made["messageAttributes"] = {name: {"dataType": "String", "stringValue": text} for name, text in texts.items()}
    return made


def test_two_punches_of_one_minute_that_a_clock_kept_are_two() -> None:
    paper = Paper()

    processed = process(paper, of_a_clock("7"), of_a_clock("8"), of_a_clock("0"))

    assert [entry.punch.id for entry in processed.stored] == [
        "f0000400-0070-8000-a123-000000000007",
        "f0000400-0070-8000-a123-000000000008",
    ]
    assert paper.reasons == [("nsr 0", Reason.INVALID, "relogio, nsr: the message names no record of a hardware clock")]


def sent_back(copy: Record) -> Record:
    """Have a message be a dead letter that was redriven."""
    texts = {"messageId": "m0", "receivedAt": str(RECEIVED_MS - 1)}
    copy["messageAttributes"] = {name: {"dataType": "String", "stringValue": text} for name, text in texts.items()}
    return copy


@pytest.mark.parametrize(
    ("is_sent_back", "receives", "is_new_copy"),
    [(False, 1, False), (False, 2, False), (True, 1, True), (True, 2, False)],
)
def test_the_store_is_told_of_a_dead_letter_that_was_sent_back_and_comes_for_the_first_time(
    *, is_sent_back: bool, receives: int, is_new_copy: bool
) -> None:
    paper, copy = Paper(), message(1, receives)
    if is_sent_back:
        sent_back(copy)

    process(paper, copy)

    assert [entry.is_new_copy for entry in paper.entries] == [is_new_copy]


def test_a_dead_letter_that_was_sent_back_is_counted_when_it_ends() -> None:
    paper, copies = Paper(), [sent_back(message(employee)) for employee in range(1, 6)]
    others = [Outcome(Status.DUPLICATE), Outcome(Status.CONFLICT, "another"), Outcome(Status.FAILED, "gone")]
    paper.answers = dict(zip((2, 3, 4), others, strict=True))
    paper.refuses["m5"] = "down"
    copies[4]["body"] = "no punch"

    processed = process(paper, *copies, message(6))

    assert (len(processed.stored), processed.redriven) == (2, 3)
    assert processed.failures.keys() == {"m4", "m5"}


@pytest.mark.parametrize("others", [Status.STORED, Status.DUPLICATE, Status.REDELIVERED])
def test_after_half_an_hour_in_which_our_code_stored_others_it_is_dead_lettered(paper: Paper, others: Status) -> None:
    paper.answers[1] = Outcome(others)
    paper.since = {f"m{BUG}": GRACE_SECONDS}

    processed = process(paper, message(1), message(BUG))

    assert GRACE_SECONDS == 30 * 60
    assert processed.failures == {}
    ((message_id, reason, detail),) = paper.reasons
    assert (message_id, reason) == (f"m{BUG}", Reason.UNEXPECTED)
    assert re.fullmatch(r"\w+Error at (paper|test_drain)\.py:\d+", detail)
    assert "somebody" not in detail  # the exception's words may quote the punch


def test_a_dead_letter_that_was_not_taken_has_failed_and_is_none() -> None:
    paper = Paper()
    paper.refuses = {"m7": "dead-letter queue: down"}
    unreadable = [record("{", name) for name in ("m7", "m8")]

    processed = process(paper, message(1), *unreadable)

    assert [rejection.record["messageId"] for rejection in processed.dead_lettered] == ["m8"]
    assert processed.failures == {"m7": Failure(unreadable[0], "dead-letter queue: down")}
    assert not processed.failures["m7"].is_transient


def test_while_the_database_does_not_answer_it_comes_back_however_often_it_was_received(paper: Paper) -> None:
    paper.answers_since = False

    processed = process(paper, message(1), message(BUG, 200))

    assert list(processed.failures) == [f"m{BUG}"]
    assert "since when is not known: OperationalError: gone" in processed.failures[f"m{BUG}"].detail
    assert paper.reasons == []


@pytest.mark.parametrize("since", [{}, {f"m{BUG}": GRACE_SECONDS - 1.0}])
def test_before_that_it_comes_back_however_often_it_was_received(paper: Paper, since: dict[str, float]) -> None:
    paper.since = since
    assert list(process(paper, message(1), message(BUG, 200)).failures) == [f"m{BUG}"]
    assert paper.reasons == []


@pytest.mark.parametrize("size", [1, 2, 54])
@pytest.mark.parametrize("breaks", ["the rules", "the store"])
def test_a_release_that_fails_on_everything_dead_letters_nothing_however_long_it_lasts(
    monkeypatch: pytest.MonkeyPatch, size: int, breaks: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise ZeroDivisionError

    paper, employees = Paper(), range(100, 100 + size)
    drain = paper.drain()
    process(paper, message(1), drain=drain)  # before it broke
    if breaks == "the rules":
        monkeypatch.setattr(ponto.drain, "parse", fail)
    else:
        paper.answers = {employee: ZeroDivisionError() for employee in employees}
    batch = [message(employee, 200) for employee in employees]
    paper.since = {each["messageId"]: GRACE_SECONDS for each in batch}
    monkeypatch.setattr(ponto.drain, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + GRACE_SECONDS))

    processed = drain.process(batch, time.monotonic() + GRACE_SECONDS + 60)

    assert len(processed.failures) == size
    assert not any(
        failure.is_transient for failure in processed.failures.values()
    )  # they come back after the queue's own timeout
    assert paper.reasons == []


def test_one_that_comes_alone_is_dead_lettered_if_a_punch_was_stored_since_it_failed_first(paper: Paper) -> None:
    drain, alone = paper.drain(), message(BUG)
    paper.since = {f"m{BUG}": GRACE_SECONDS}
    assert list(process(paper, alone, drain=drain).failures) == [f"m{BUG}"]  # nothing proves that our code works

    process(paper, message(1), drain=drain)

    assert process(paper, alone, drain=drain).failures == {}
    assert [reason for _, reason, _ in paper.reasons] == [Reason.UNEXPECTED]


def test_several_that_our_code_fails_on_prove_nothing_of_each_other(paper: Paper) -> None:
    drain, twin = paper.drain(), message(BUG)
    twin["messageId"] = "twin"
    paper.since = {f"m{BUG}": GRACE_SECONDS, "twin": GRACE_SECONDS}
    process(paper, message(1), drain=drain)

    assert process(paper, message(BUG), twin, drain=drain).failures.keys() == {f"m{BUG}", "twin"}
    assert paper.reasons == []


# What may crash the process


def first_received(made: Record, seconds: float) -> Record:
    """Return a record received for the first time so long ago."""
    made["attributes"]["ApproximateFirstReceiveTimestamp"] = str(int(1000 * (time.time() - seconds)))
    return made


def suspects(*whose: int) -> list[Record]:
    return [first_received(message(each, 9), 9 * VISIBILITY_SECONDS) for each in whose]


def called(paper: Paper) -> list[str]:
    return [name for name in paper.journal if name != "send"]  # which is asked for no dead letter


def test_first_receives_are_stored_before_those_received_often_are_tried() -> None:
    paper = Paper()

    process(paper, message(1, 50), message(2), message(3, 3), message(4, 4))

    assert stored(paper)[0] == [2, 3]
    assert sorted(chain(*stored(paper)[1:])) == [1, 4]


def test_suspects_are_spread_once_a_row_shows_that_the_database_works_and_before_they_are_tried() -> None:
    paper = Paper()

    process(paper, *suspects(1, 2, 3), message(4), drain=paper.drain(visibility_s=VISIBILITY_SECONDS))

    assert called(paper) == ["save", "set_visibility", "save", "save", "save"]
    assert paper.hidden.keys() == {"m1", "m2", "m3"}
    assert len(set(paper.hidden.values())) == 3
    assert all(seconds >= VISIBILITY_SECONDS for seconds in paper.hidden.values())


def test_a_batch_of_suspects_is_spread_after_the_first_of_them_is_a_row() -> None:
    paper = Paper()

    process(paper, *suspects(1, 2, 3), drain=paper.drain(visibility_s=VISIBILITY_SECONDS))

    assert called(paper) == ["save", "set_visibility", "save", "save"]
    assert paper.hidden.keys() == {"m1", "m2", "m3"} - {f"m{stored(paper)[0][0]}"}


def test_suspects_keep_the_visibility_timeout_in_an_outage_and_where_it_is_not_known() -> None:
    paper = Paper()
    paper.answers = {whose: Outcome(Status.FAILED, "gone") for whose in (1, 2, 3)}

    process(paper, *suspects(1, 2, 3), drain=paper.drain(visibility_s=VISIBILITY_SECONDS))
    paper.answers = {}
    process(paper, *suspects(1, 2, 3), drain=paper.drain())

    assert "set_visibility" not in called(paper)


def test_a_batch_without_suspects_costs_no_call() -> None:
    paper = Paper()

    process(paper, message(1), message(2, 3), drain=paper.drain(visibility_s=VISIBILITY_SECONDS))

    assert called(paper) == ["save"]


def test_suspects_are_stored_though_sqs_refuses_to_spread_them_and_that_is_a_warning() -> None:
    paper = Paper()
    paper.error = ConnectionError("SQS")

    processed = process(paper, *suspects(1, 2), message(3), drain=paper.drain(visibility_s=VISIBILITY_SECONDS))

    assert len(processed.stored) == 3
    assert processed.warnings == ["redelivery: ConnectionError: SQS"]


def test_spreading_suspects_takes_15_seconds_at_most_and_none_of_the_dead_letters() -> None:
    paper = Paper()
    drain = paper.drain(visibility_s=VISIBILITY_SECONDS)

    begin = time.monotonic()
    drain.process([*suspects(1), message(2)], begin + 60)
    assert begin + 15 <= paper.deadlines["set_visibility"] < begin + 16

    begin = time.monotonic()
    drain.process([*suspects(3), message(4)], begin + 20)
    assert paper.deadlines["set_visibility"] == begin + 20 - DEAD_LETTER_SECONDS


@pytest.mark.parametrize(("timeout", "seconds"), [(18, 4), (16, 2), (12, 0)])
def test_suspects_are_spread_only_in_the_first_seconds_of_a_short_timeout(timeout: int, seconds: int) -> None:
    paper = Paper()

    begin = time.monotonic()
    paper.drain(visibility_s=VISIBILITY_SECONDS).process([*suspects(1), message(2)], begin + timeout)

    latest_begin = paper.deadlines["set_visibility"] - SHORTEN_VISIBILITY_SECONDS
    assert latest_begin == pytest.approx(begin + seconds, abs=0.1)


# Employees who sign in


def signed_in(claim: Attribute | None, whose: int) -> Record:
    made = message(whose)
    if claim is not None:
        made["messageAttributes"]["usuarioId"] = claim
    return made


def text(value: str) -> Attribute:
    return {"dataType": "String", "stringValue": value}


NOBODY: list[Attribute | None] = [None, {"dataType": "String"}, text(""), {"dataType": "Binary"}]
SOMEBODY_ELSE = [text(value) for value in ("8", "77", " 7", "07", "7.0", "+7", "7\n", "\u0667", "seven", "[7]", "7,8")]


@pytest.mark.parametrize("claim", [*NOBODY, *SOMEBODY_ELSE], ids=repr)
def test_a_punch_that_is_not_of_who_signed_in_is_dead_lettered_and_its_batch_mates_are_stored(
    claim: Attribute | None,
) -> None:
    paper = Paper()

    processed = process(paper, signed_in(text("6"), 6), signed_in(claim, 7), signed_in(text("8"), 8), identity=True)

    assert stored(paper) == [[6, 8]]
    assert processed.failures == {}
    ((message_id, reason, detail),) = paper.reasons
    assert (message_id, reason) == ("m7", Reason.IDENTITY)
    assert ("names no employee" in detail) == (claim in NOBODY)
    assert not any(character.isdigit() for character in detail)  # whose number it was is nobody's business


@pytest.mark.parametrize("claim", [*NOBODY, *SOMEBODY_ELSE], ids=repr)
def test_without_a_user_pool_nobody_is_asked_who_they_are(claim: Attribute | None) -> None:
    paper = Paper()

    process(paper, signed_in(claim, 7))

    assert (stored(paper), paper.reasons) == ([[7]], [])


@given(st.integers(1, 2**53 - 1).filter(lambda employee: employee != BUG), st.integers(1, 2**53 - 1) | st.none())
def test_exactly_the_employee_who_signed_in_punches(employee: int, other: int | None) -> None:
    paper = Paper()

    process(paper, signed_in(text(str(other or employee)), employee), identity=True)

    is_stored = other is None or other == employee
    assert (stored(paper)[0], len(paper.reasons)) == (([employee], 0) if is_stored else ([], 1))


def test_what_is_no_punch_says_so_whoever_signed_in() -> None:
    paper = Paper()
    made = record("{}")

    process(paper, made, identity=True)

    assert [reason for _, reason, _ in paper.reasons] == [Reason.INVALID]


def test_every_part_of_a_batch_has_the_deadlines_of_the_whole() -> None:
    paper = Paper()
    paper.answers = {employee: Outcome(Status.FAILED, "gone") for employee in range(1, 9)}
    often = [message(employee, 50) for employee in range(1, 9)]
    end = time.monotonic() + 60

    paper.drain().process([message(9), *often], end)

    assert len(paper.batches) > 2
    assert paper.deadlines["save"] == end - DEAD_LETTER_SECONDS
    assert paper.deadlines["send"] == end - DEAD_LETTER_SECONDS / 2

"""`ponto balance`: whether all that was sent in a day came to an end."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import click

from ponto.log import NAMESPACE
from tools.balance.books import Books
from tools.kit import commands, local_stack, metrics, reader, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, print_json, print_result
from tools.kit.target import Target

_LATE = timedelta(minutes=15)  # for which a figure of CloudWatch may be missing yet
_RECENT = timedelta(minutes=20)  # in which a queue that is used has a figure
_FIVE = timedelta(minutes=5)  # whose figures CloudWatch keeps for 63 days,
_KEPT = timedelta(days=62)
_MINUTES_KEPT = timedelta(days=14)  # and those of a minute for 15

_EPILOG = """examples:
  ponto balance --stage dev                    of yesterday
  ponto balance --stage dev --day 2026-11-24

A day is one of the stage's time zone; today's books end a quarter of an hour ago. The local stack keeps no figures of
gateway and queues: its books cannot be made.

SQS has no figures of a queue that nobody used for six hours. How much was in it at midnight is then unknown, and taken
as 0. Books that balance so are believed; of others nobody knows whether they balance. Nor is it known where fewer were
sent than accepted and redriven: they may have been redriven the day before, or never sent.

exit status: 0 the books balance, 1 they do not, 2 the request is wrong, or something is not known
"""

NOT_SEEN = (
    "exact numbers: SQS's metrics are approximate. A batch at work at midnight may be in two books, or in none: look "
    "at the day before and the day after",
    "which messages they are: ponto trace looks for a punch",
    "what expired in the queue of punches, or was purged from it: no metric counts it, so it is part of the difference",
    "what SQS purged from the dead-letter queue while it moved others there: it is part of the difference",
    "what of the messages of others was imported, and what was sent by the proof of a deploy",
    "when a dead letter was redriven: it is counted when it comes to its end, which may be the day after. Its own day "
    "then has one more that was sent by others, and the day after one fewer",
    "accepted punches that were never sent, if others sent as many",
    "a line of a file that is not imported yet",
    "rows that were erased since, or brought back by a restore: rows are counted now",
    "dead letters that SQS itself moved elsewhere (StartMessageMoveTask)",
)

_VISIBLE = "ApproximateNumberOfMessagesVisible"


class Day(NamedTuple):
    """A day of the stage's zone."""

    zone: str
    day: date
    begin: datetime
    end: datetime  # of the books; earlier than the day's where that is not over


class _Levels(NamedTuple):
    """How much was in the queues; None: not known."""

    waiting_before: int | None
    waiting_after: int | None
    letters_before: int | None
    letters_after: int | None
    is_idle: bool  # nobody used the dead-letter queue all day: what is in it is the same before and after

    @property
    def unknown(self) -> list[str]:
        return [name for name, level in self._asdict().items() if level is None]


class _Figures:
    """CloudWatch's sums and levels of a day."""

    def __init__(self, place: Target, day: Day) -> None:
        self._place, self._day = place, day
        stage = {"ApiName": place.stack, "Stage": place.stage}
        self._gateway = stage | {"Method": "POST", "Resource": "/ponto"}

    def accepted(self) -> int:
        """Count the answers 202 to a punch."""
        names = ("Count", "4XXError", "5XXError")
        requests, refused, failed = (self._sum(("AWS/ApiGateway", name), self._gateway) for name in names)
        return requests - refused - failed

    def of_drain(self, name: str) -> int:
        """Add up a number of the function's log lines."""
        return self._sum((NAMESPACE, name), metrics.of_drain(self._place))

    def of_queue(self, url: str, name: str) -> int:
        """Add up a number of a queue."""
        return self._sum(("AWS/SQS", name), metrics.of_queue(url))

    def level(self, url: str, when: datetime) -> int | None:
        """Tell how much was in a queue, what is hidden included; None: it had no figure for a while."""
        period = 60 if datetime.now(UTC) - when < _MINUTES_KEPT else metrics.PERIOD_SECONDS
        total = 0
        for name in (_VISIBLE, "ApproximateNumberOfMessagesNotVisible"):
            queue = metrics.of_queue(url)
            found = metrics.read(self._place, ("AWS/SQS", name), queue, "Average", when - _RECENT, when, period)
            if not found:
                return None
            total += round(found[max(found)])
        return total

    def has_any(self, url: str) -> bool:
        """Tell whether there is any figure of a queue: one that is used has one each minute."""
        queue = metrics.of_queue(url)
        return bool(metrics.read(self._place, ("AWS/SQS", _VISIBLE), queue, "Average", self._day.begin, self._day.end))

    def _sum(self, metric: tuple[str, str], dimensions: dict[str, str]) -> int:
        found = metrics.read(self._place, metric, dimensions, "Sum", self._day.begin, self._day.end)
        return round(sum(found.values()))


@commands.command(epilog=_EPILOG)
@click.option("--day", type=opt.DAY, show_default=False, help="Of the stage's zone; default yesterday.")
@opt.as_json
@reader.options
def balance(where: reader.Where, day: date | None, *, as_json: bool) -> int:
    """Whether all that was sent in a day came to an end.

    What the gateway accepted, and what else was sent to the queue, against rows, duplicates, dead letters and what
    waits.
    """
    # As `ponto trace`: queues and rows are of one deployment.
    where = where._replace(database=where.database._replace(state=where.database.state or local_stack.STATE))
    place = target.find(where.deployment)
    asked, rows = _written(where, day)
    figures = _Figures(place, asked)
    if not figures.has_any(place.queue_url):
        why = "the emulator keeps none" if place.endpoint_url else "the stage was not there, or its drain was paused"
        raise CommandError(f"CloudWatch has no figures of the queue of punches on {asked.day}: {why}")
    levels = _levels(place, asked, figures)
    books, redelivered = _books(place, figures, rows, levels), figures.of_drain("redelivered")
    is_unsure = books.others < 0 if books.balance else bool(levels.unknown)
    verdict = None if is_unsure else books.balance
    if as_json:
        shown = books._asdict() | {
            "others": books.others,
            "exhausted": books.exhausted,
            "gone": books.gone,
            "redelivered": redelivered,
            "difference": books.difference,
            "balance": verdict,
        }
        span = {"day": str(asked.day), "zone": asked.zone, "from": _utc(asked.begin), "to": _utc(asked.end)}
        unknown = list(camel_case(dict.fromkeys(levels.unknown)))
        print_json(span | camel_case(shown) | {"unknown": unknown, "notSeen": NOT_SEEN})
    else:
        print_result(*_lines(asked, books, redelivered, levels, verdict))
    return 2 if verdict is None else int(not verdict)


def _written(where: reader.Where, day: date | None) -> tuple[Day, int]:
    """Ask the database for the day and its rows.

    Raises:
        CommandError: CloudWatch has no figures of that day yet, or no longer; or of reading.
    """
    now = datetime.now(UTC)
    latest = now - _LATE
    latest -= timedelta(seconds=latest.timestamp() % _FIVE.total_seconds())
    with reader.opened(where) as source:
        [[(zone, found, begin, end, rows)]] = map(list, source.read(written={"dia": day, "ate": latest}))
    if end <= begin:
        raise CommandError(f"of {found} there are no figures yet; CloudWatch has them after a quarter of an hour")
    if now - begin > _KEPT:
        raise CommandError(f"{found} is too long ago: CloudWatch keeps what this needs for {_KEPT.days} days")
    return Day(zone, found, begin, end), rows


def _levels(place: Target, day: Day, figures: _Figures) -> _Levels:
    punches = [figures.level(place.queue_url, when) for when in (day.begin, day.end)]
    letters = [figures.level(place.dlq_url, when) for when in (day.begin, day.end)]
    is_idle = not figures.has_any(place.dlq_url)
    if is_idle:  # nothing came or went
        letters = [letters[0] or 0] * 2
    return _Levels(punches[0], punches[1], letters[0], letters[1], is_idle)


def _books(place: Target, figures: _Figures, rows: int, levels: _Levels) -> Books:
    punches, letters = place.queue_url, place.dlq_url
    return Books(
        accepted=figures.accepted(),
        redriven=figures.of_drain("redriven"),
        sent=figures.of_queue(punches, "NumberOfMessagesSent"),
        waiting_before=levels.waiting_before or 0,
        waiting_after=levels.waiting_after or 0,
        rows=rows,
        duplicates=figures.of_drain("duplicates"),
        dead_lettered=figures.of_drain("rejected"),
        letters_before=levels.letters_before or 0,
        letters_after=levels.letters_after or 0,
        letters_sent=figures.of_queue(letters, "NumberOfMessagesSent"),
        letters_deleted=figures.of_queue(letters, "NumberOfMessagesDeleted"),
    )


def _lines(day: Day, books: Books, redelivered: int, levels: _Levels, verdict: bool | None) -> list[str]:
    table = (
        ("  waited before", books.waiting_before, "SQS, approximate"),
        ("+ accepted", books.accepted, "API Gateway: answers 202"),
        ("+ redriven", books.redriven, "the function: dead letters that were sent back"),
        ("+ sent by others", books.others, "SQS, approximate: imported, a deploy's proof, redriven and not ended"),
        ("- rows", books.rows, "the database, by when they were written"),
        ("- duplicates", books.duplicates, "the function: rows of other messages"),
        ("- dead-lettered", books.dead_lettered, "the function"),
        ("- exhausted", books.exhausted, "moved by SQS: computed from the dead-letter queue"),
        ("- wait", books.waiting_after, "SQS, approximate"),
        ("= difference", books.difference, "expired, or lost; below 0: with two ends"),
    )
    came, went = books.letters_sent, books.letters_deleted
    not_balanced = "the books do not balance (docs/operations.md#the-books-of-a-day)"
    said = {True: "the books balance", False: not_balanced, None: "whether the books balance is not known"}
    fewer = (
        f"{-books.others:,} fewer were sent than accepted and redriven: redriven the day before, or accepted and never "
        "sent; look at the day before"
    )
    idle = "dead-letter queue: nobody used it, so SQS has no figures; what it holds was there before and after"
    return [
        f"books of {day.day} in {day.zone}: from {_utc(day.begin)} to {_utc(day.end)}",
        *(f"{what:17}{number:>10,}   {source}" for what, number, source in table),
        f"dead-letter queue: {books.letters_before:,} before, {came:,} sent, {books.exhausted:,} exhausted, {went:,} "
        f"deleted (redriven or by hand), {books.gone:,} gone (purged or expired), {books.letters_after:,} after",
        f"redelivered: {redelivered:,} came again when they were rows already; in no line above",
        *(f"{name.replace('_', ' ')}: unknown (taken as 0)" for name in levels.unknown),
        *([idle] if levels.is_idle else []),
        *([fewer] if books.others < 0 else []),
        said[verdict],
        *(f"not seen: {what}" for what in NOT_SEEN),
    ]


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")

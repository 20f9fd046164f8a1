"""`ponto trace`: find a punch among the rows and dead letters, and show the state of the queue."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast
from zoneinfo import ZoneInfo

import click
from botocore.exceptions import BotoCoreError, ClientError

from ponto import enabled_slices
from ponto.drain.parser import InvalidPunchError, parse
from ponto.punch import EVENT, Punch
from ponto.read.punch_statements import MESSAGE, PUNCH, PUNCHES, ZONE, PunchRow
from ponto.shared.event import Subject
from ponto.shared.fields import parse_any_uuid
from tools.kit import commands, queue_reader, reader, shared_options, target
from tools.kit.dead_letters import DeadLetter
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, pluralize, print_json, print_result
from tools.kit.queue_reader import Depth
from tools.kit.target import Target, TargetOptions, explain
from tools.kit.trace_notes import Notes, TraceNotes, TraceRequest
from tools.operate.dlq import event_source

_EPILOG = """examples:
  ponto trace 0190163d-8694-739b-aea5-966c26f8ad91 --stage dev
  ponto trace --employee 123 --day 2026-11-24 --stage dev

--day is a day in the stage's time zone, unless a slice defines its start and end. Times are in UTC unless they are
labelled as local.
Reading the dead-letter queue hides its messages from other readers meanwhile, and raises their receive counts.

exit status: 0 a row and no dead letter, 1 a dead letter, the id of another object, or nothing found, 2 the request
is wrong, or something could not be read
"""

_NOT_SEARCHED = (
    "whether the punch waits in the queue, which SQS cannot search, or is lost: it waited for longer than the queue "
    "keeps it, or its dead letter was purged"
)
_NOT_BY_ID = (
    "punches that came without an id, unless ID is their message's id or their derived id (docs/derived-ids.md); rows "
    "of messages that were received before {since} (--since), or that repeated a punch"
)
_DEFAULT_MESSAGE_AGE = timedelta(days=31)  # longer than the queues keep a message

INSTANT_KEY = "punched"
"""Name of the instant of a punch, in --json and in tables."""

T = TypeVar("T")
Unread = dict[str, str]  # a source that could not be read: its name as `what`, and the error as `why`


class StoredRows(NamedTuple):
    """Rows of a request, with the notes of slices."""

    rows: list[PunchRow]
    notes: list[Notes]  # one for each slice that adds notes
    zone: ZoneInfo  # the stage's time zone
    day: tuple[datetime, datetime] | None  # start and end of the requested day; None: an id was requested


ID = shared_options.ParsedType(
    "ID", "not the id of a punch or a message, like 0190163d-8694-739b-aea5-966c26f8ad91", parse_any_uuid
)


@commands.command(epilog=_EPILOG)
@click.argument("identifier", type=ID, required=False, metavar="[ID]")
@click.option(
    "--employee",
    type=shared_options.EMPLOYEE,
    metavar="N",
    help="Instead of ID: all punches of this employee on --day.",
)
@click.option("--day", type=shared_options.DAY, help="Day of the punches; needs --employee.")
@click.option(
    "--since",
    "since_ms",
    type=shared_options.INSTANT_MS,
    help="If ID is a message's: search only messages received at or after this time (default: 31d ago).",
)
@shared_options.as_json
@reader.options
def trace(
    target_options: TargetOptions,
    identifier: str | None,
    employee: Subject | None,
    day: date | None,
    since_ms: int | None,
    *,
    as_json: bool,
) -> int:
    """Find a punch: as a row, as a dead letter, or in the queue.

    ID is the punch's id, or the messageId in the response to it.
    """
    if (identifier is None) == (employee is None) or (employee is None) != (day is None):
        raise click.UsageError("name the punch either by its ID, or by --employee and --day")
    if since_ms is not None and identifier is None:
        raise click.UsageError("--since needs the ID of a message")
    since = (
        datetime.now(UTC) - _DEFAULT_MESSAGE_AGE if since_ms is None else datetime.fromtimestamp(since_ms / 1000, UTC)
    )
    request = TraceRequest(identifier, employee, day)
    deployment = target.find(target_options)
    # Read in the order in which a punch moves, so that a punch that leaves the queue meanwhile is found as a row.
    unread: list[Unread] = []
    queue_unread: list[Unread] = []
    read_depth = partial(queue_reader.depth, deployment.sqs(), deployment.queue_url)
    depth = _read_or_record_error(queue_unread, "the queue of punches", read_depth)
    dead_letters = _read_or_record_error(unread, "the dead-letter queue", lambda: queue_reader.read_all(deployment))
    stored = _read_or_record_error(unread, "the database", lambda: _stored_rows(target_options, request, since))
    matches = _matching_dead_letters(dead_letters or [], request, stored)
    rows, notes = (stored.rows, stored.notes) if stored else ([], [])
    has_id = any(note.has_id for note in notes)
    # If an id was found, the state of the queue is not needed. For a day, more punches may wait in the queue.
    is_answered = request.id and stored and (rows or matches or has_id)
    queue = None if is_answered else _queue_state(deployment, depth, queue_unread)
    unread += queue_unread if queue else []
    not_known = [] if queue is None else _describe_unknowns(request, since, dead_letters or [])
    redrive = partial(_redrive_command, target_options)
    if as_json:
        print_json(
            {
                "rows": [_row_to_json(row) | _merge(note.rows[row.id].fields for note in notes) for row in rows],
                **_merge(note.fields for note in notes),
                "deadLetters": [letter.summary() | {"redrive": redrive(letter)} for letter in matches],
                "queue": queue,
                "notKnown": not_known,
                "unread": unread,
            }
        )
    else:
        for unread_source in unread:  # printed first, as it makes the rest incomplete
            print_result("not read: {what}: {why}".format(**unread_source))
        _print_matches(rows, notes, matches, redrive)
        if not rows and not matches and not has_id:
            missing = [
                text for text, source in (("no row", stored), ("no dead letter", dead_letters)) if source is not None
            ]
            print_result(f"{' and '.join(missing) or 'nothing'} was found for {request}")
        if queue:
            _print_queue(queue)
        for unknown in not_known:
            print_result(f"not known: {unknown}")
    if unread:
        return 2
    return 0 if rows and not matches else 1


def _read_or_record_error(unread: list[Unread], source: str, read: Callable[[], T]) -> T | None:
    """Return what a function reads; if it fails, add the error to `unread` and return None."""
    try:
        return read()
    except CommandError as error:
        error_message = str(error)
    except (BotoCoreError, ClientError) as error:
        error_message = explain(error)
    unread.append({"what": source, "why": error_message})
    return None


def _stored_rows(target_options: TargetOptions, request: TraceRequest, since: datetime) -> StoredRows:
    source = reader.create_reader(target_options)
    day = None
    if request.id:
        (stage,), punches = source.read(ZONE.bind(), PUNCH.bind(id=request.id))
        rows = list(punches) or _rows_of_message(source, request.id, since)
    else:
        ((stage,),) = source.read(ZONE.bind())
        day = _day_bounds(source, request, ZoneInfo(stage.name))
        (punches,) = source.read(PUNCHES.bind(employee_id=request.employee_id, de=day[0], ate=day[1]))
        rows = list(punches)
    notes = [slice_notes.notes(source, request, rows) for slice_notes in _collect_trace_notes()]
    return StoredRows(rows, notes, ZoneInfo(stage.name), day)


def _collect_trace_notes() -> list[TraceNotes]:
    return list(enabled_slices.collect("trace_notes", "NOTES").values())


def _rows_of_message(source: reader.Reader, message_id: str, since: datetime) -> list[PunchRow]:
    """Return the row of a message that was received at or after `since`, if there is one."""
    (messages,) = source.read(MESSAGE.bind(message_id=message_id, since=since))
    return [row for message in messages for rows in source.read(PUNCH.bind(id=message.id)) for row in rows]


def _day_bounds(source: reader.Reader, request: TraceRequest, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return start and end of an employee's day: as a slice defines it, or the day in the stage's time zone."""
    employee_id, day = cast(Subject, request.employee_id), cast(date, request.day)
    for slice_notes in _collect_trace_notes():
        if slice_notes.day:
            return slice_notes.day(source, employee_id, day)
    midnight = datetime.combine(day, time(), zone)
    return midnight, midnight + timedelta(days=1)


def _matching_dead_letters(
    dead_letters: list[DeadLetter], request: TraceRequest, stored: StoredRows | None
) -> list[DeadLetter]:
    """Return the dead letters of a request; for a day also those of the employee whose day is unknown."""
    zone, day = (stored.zone, stored.day) if stored else (None, None)
    matches = []
    for letter in dead_letters:
        if request.id:
            is_match = request.id in (letter.find_punch_id(zone), letter.message_id, letter.id)
        else:
            punch = _parse_punch(letter, zone or ZoneInfo("UTC"))
            is_match = letter.employee_id == request.employee_id and (
                not (punch and day) or day[0] <= getattr(punch, EVENT.instant) < day[1]
            )
        if is_match:
            matches.append(letter)
    return matches


def _parse_punch(letter: DeadLetter, zone: ZoneInfo) -> Punch | None:
    try:
        return parse(letter.body, zone)
    except InvalidPunchError:
        return None


def _queue_state(deployment: Target, depth: Depth | None, unread: list[Unread]) -> dict[str, Any]:
    """Return the state of the queue of punches, for JSON. Parts that cannot be read are None, and added to `unread`."""
    drain = _read_or_record_error(unread, "the drain", lambda: event_source.drain_state(deployment))
    since = drain and drain.paused_since
    health = None
    if deployment.has_metrics:
        health = _read_or_record_error(unread, "CloudWatch", lambda: _health(deployment, since or datetime.now(UTC)))
    return {
        "depth": depth and camel_case(depth._asdict()),
        "drain": drain and drain.state,
        "pausedSince": since and _format_utc(since),
        **(health or {"oldestSeconds": None, "failing": None}),
    }


def _health(deployment: Target, until: datetime) -> dict[str, Any]:
    """Return the age of the oldest punch, and whether the drain failed in the last 15 minutes, from CloudWatch."""
    waited = event_source.oldest_ages(deployment, until)
    return {
        # SQS's metric ignores messages received three times or more.
        "oldestSeconds": max((age for age in waited if age is not None), default=None),
        "failing": waited.failed is not None or event_source.has_crashed(deployment),
    }


def _describe_unknowns(request: TraceRequest, since: datetime, dead_letters: list[DeadLetter]) -> list[str]:
    unknowns = [_NOT_SEARCHED]
    if request.id:
        unknowns.append(_NOT_BY_ID.format(since=_format_utc(since)))
    unidentified = [
        letter
        for letter in dead_letters
        if not letter.source.is_event and {letter.employee_id, letter.punch_id, letter.id_from_source_key} == {None}
    ]
    if unidentified:
        unknowns.append(f"whether it is among {pluralize(len(unidentified), 'unreadable dead letter')}: ponto dlq list")
    return unknowns


def _redrive_command(target_options: TargetOptions, letter: DeadLetter) -> str:
    """Return the command that redrives a dead letter."""
    stage = None if target_options.stage == target.LOCAL else target_options.stage
    options = {
        "--stage": stage,
        "--profile": target_options.profile,
        "--region": target_options.region,
        "--state": target_options.state,
    }
    words = [word for name, value in options.items() if value for word in (name, str(value))]
    return shlex.join(["ponto", "dlq", "redrive", letter.id, *words])


def _row_to_json(row: PunchRow) -> dict[str, Any]:
    names = {"employee_id": "employee", "instant": INSTANT_KEY}
    return {
        name: _format_utc(value, "milliseconds") if isinstance(value, datetime) else value
        for name, value in camel_case({names.get(name, name): value for name, value in row._asdict().items()}).items()
    }


def _format_utc(instant: datetime, timespec: str = "seconds") -> str:
    return instant.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _merge(fields: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for mapping in fields for name, value in mapping.items()}


def _print_matches(
    rows: list[PunchRow], notes: list[Notes], dead_letters: list[DeadLetter], redrive: Callable[[DeadLetter], str]
) -> None:
    for row in rows:
        row_notes = [note.rows[row.id] for note in notes]
        print_result(f"row {row.id}{''.join(note.suffix for note in row_notes)}")
        fields = _row_to_json(row) | _merge(note.lines for note in row_notes)
        del fields["id"]
        if EVENT.device is None:
            del fields["device"]
        own_fields = {name: value for name, value in fields.pop("fields").items() if value is not None}
        lines = [*fields.items(), *own_fields.items()]  # two lines if a field of the event has one of these names
        width = max(9, *(len(name.removesuffix("Id")) for name, _ in lines))
        for name, value in lines:
            print_result(f"  {name.removesuffix('Id'):{width}} {'(none)' if value is None else value}")
    print_result(*(line for note in notes for line in note.lines))
    for letter in dead_letters:
        print_result(
            f"dead letter {letter.id}",
            f"  reason    {letter.reason}: {letter.detail}",
            f"  received  {letter.received}",
            f"  message   {letter.message_id}",
            "  redrive   after correcting its cause (docs/runbook.md, dead-letters):",
            f"            {redrive(letter)}",
        )


def _print_queue(queue: Mapping[str, Any]) -> None:
    if depth := queue["depth"]:
        print_result(
            f"queue: about {depth['visible']} waiting, {depth['inFlight']} in flight (being stored, or hidden "
            f"after a failure), {depth['delayed']} delayed"
        )
    is_failing, age = queue["failing"], queue["oldestSeconds"]
    if state := queue["drain"]:
        since = f" since {queue['pausedSince']}" if queue["pausedSince"] else ""
        print_result(f"drain: {f'paused{since} (ponto dlq resume)' if state == event_source.PAUSED else state}")
    if is_failing is not None:
        waited = "CloudWatch has no age" if age is None else f"has waited for {timedelta(seconds=round(age))}"
        failing = (
            "yes (docs/runbook.md, keeps-failing)" if is_failing else "CloudWatch has no failure of the last 15 minutes"
        )
        print_result(f"oldest: {waited}", f"failing: {failing}")

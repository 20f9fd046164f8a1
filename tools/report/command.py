"""`ponto report`: time cards, totals, exceptions, cut-offs and the peak, out of the database's own views."""

import argparse
import io
import sys
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tools.dlq import dead_letters as letters
from tools.kit import database, files
from tools.kit import pictures as picture
from tools.kit.errors import CommandError
from tools.kit.output import print_status, printable
from tools.report import as_csv, as_html, as_json, as_text, chart, figures
from tools.report import dead_letters as dead
from tools.report import queries as reading
from tools.report.dead_letters import Unread
from tools.report.i18n import LANGUAGES, Language
from tools.report.queries import Limits, Reports

FORMATS = ("text", "csv", "json", "html")
_DAYS = 30  # of exceptions, where none are named
_LONGEST_PEAK = timedelta(days=31)  # a row a minute is held
_EVERY = 500  # rows or cards between two looks of the progress
_YEARS = range(2000, 2100)  # far from the ends of Python's calendar
_LARGEST = 2**53 - 1  # an employee's number, as in the punch's schema

T = TypeVar("T")
When = TypeVar("When", date, datetime)

_EPILOG = """examples:
  ponto report timecard --employee 123 --month 2026-11
  ponto report timecard --all --month 2026-11 --lang pt --format html --output november.html
  ponto report totals --month 2026-11 --format csv --output november.csv
  ponto report exceptions --from 2026-11-01 --to 2026-11-30
  ponto report cutoffs --month 2026-11
  ponto report peak --day 2026-11-23 --picture peak.png

Text and html are written in the language; csv and json have the database's names, UTC or local times as ISO 8601, and
lengths of time in minutes or seconds, as the name says. csv: with commas, or --separator ";"; a file begins with the
mark (BOM) by which spreadsheets know UTF-8, a pipe does not. A text that a spreadsheet would run gets an apostrophe.

exit status: 0 done, 1 not all of it, or nobody, or nothing, to report on,
2 the request or the database is wrong
"""


def add_to(commands: Any) -> None:
    """Add `report` to the commands of `ponto` (argparse's subparsers)."""
    parser = commands.add_parser(
        "report",
        help="time cards, totals, exceptions, cut-offs, the peak",
        description="Reports from the database, which it only reads (docs/report-command.md).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="report", required=True)

    def verb(name: str, run: Callable[[argparse.Namespace], int], text: str, example: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"example:\n  ponto report {name} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(run=run)
        made.add_argument("--format", choices=FORMATS, default="text", help="default text")
        made.add_argument(
            "--separator",
            choices=as_csv.SEPARATORS,
            default=",",
            help="of csv (default ,; a Brazilian Excel: ;)",
        )
        made.add_argument("--lang", choices=LANGUAGES, default="en", help="of text and html (default en)")
        made.add_argument("--output", type=Path, metavar="FILE", help="write a file, which only you may read")
        made.add_argument("--force", action="store_true", help="overwrite files")
        return made

    timecard = verb(
        "timecard", _timecard, "every day of a month, its punches, and the totals", "--employee 123 --month 2026-11"
    )
    whose = timecard.add_mutually_exclusive_group(required=True)
    _add_employees(whose, "of this one; several times: of each, json as of --all")
    whose.add_argument(
        "--all",
        action="store_true",
        help="of everybody; json: a card a line (JSON Lines); csv: the days, and their totals by `report totals`",
    )
    timecard.add_argument("--month", type=_month, required=True, metavar="YYYY-MM")

    totals = verb("totals", _totals, "the totals of a month, a row for each employee", "--month 2026-11 --format csv")
    _add_employees(totals, "of this one only; several times: of each")
    totals.add_argument("--month", type=_month, required=True, metavar="YYYY-MM")

    exceptions = verb(
        "exceptions",
        _exceptions,
        "what somebody should look at, and punches that were not stored",
        "--from 2026-11-01 --to 2026-11-30 --longest-day 9h",
    )
    exceptions.add_argument(
        "--from", dest="first", type=_day, metavar="DATE", help=f"working day (default {_DAYS} days until --to)"
    )
    exceptions.add_argument(
        "--to",
        dest="last",
        type=_day,
        metavar="DATE",
        help="the last day (default yesterday: today's punches have no end yet)",
    )
    _add_employees(exceptions, "of this one only; several times: of each")
    limits = exceptions.add_argument_group("the limits", "Lengths of time like 45s, 30m, 2h, 7d or 1w.")
    for name, field, default, text in (
        ("--longest-day", "jornada_maxima", "10h", "worked longer in a day"),
        ("--nearest", "proximas", "1m", "at most so long after the punch before, of the times cut to the minute"),
        ("--latest", "atraso", "1d", "received so long after it was punched"),
        ("--earliest", "futuro", "5m", "received so long before it was punched"),
        ("--skew", "desvio", "5m", "between the device's clock, when it sent, and the time of receipt"),
        ("--reset", "redefinicao", "60d", "so far from its receipt, a punch is found on the day of its receipt"),
    ):
        limits.add_argument(
            name, dest=field, type=_age, default=_age(default), metavar="T", help=f"{text} (default {default})"
        )
    limits.add_argument(
        "--settled-days",
        dest="dias",
        type=_count,
        default=3,
        metavar="N",
        help="so many days after a day ended, it changed (default 3)",
    )

    cutoffs = verb(
        "cutoffs",
        _cutoffs,
        "cut-offs that split shifts, and better ones",
        "--month 2026-11",
    )
    cutoffs.add_argument("--month", type=_month, metavar="YYYY-MM", help="instead of --from and --to")
    cutoffs.add_argument(
        "--from", dest="first", type=_day, metavar="DATE", help=f"working day (default {_DAYS} days until --to)"
    )
    cutoffs.add_argument("--to", dest="last", type=_day, metavar="DATE", help="the last day (default yesterday)")
    whose = cutoffs.add_mutually_exclusive_group()
    _add_employees(whose, "of this one, whatever the cut-off splits; several times: of each")
    whose.add_argument(
        "--all",
        action="store_true",
        help=f"of everybody who punched (default: whose cut-off splits {figures.REGULARLY} days or more)",
    )

    peak = verb("peak", _peak, "the intake minute by minute", "--day 2026-11-23 --picture peak.png")
    when = peak.add_mutually_exclusive_group()
    when.add_argument("--day", type=_day, metavar="DATE", help="in the stage's time zone (default today)")
    when.add_argument(
        "--from", dest="start", type=_time, metavar="TIME", help="ISO 8601; without an offset, the stage's time"
    )
    peak.add_argument("--to", dest="end", type=_time, metavar="TIME", help="with --from")
    peak.add_argument("--picture", type=Path, metavar="FILE", help="draw it too: .png or .svg")

    for made in (timecard, totals, exceptions, cutoffs, peak):
        database.add_arguments(made)
    dead.add_arguments(exceptions)


def _add_employees(parser: Any, text: str) -> None:
    parser.add_argument("--employee", dest="employees", action="append", type=_employee, metavar="N", help=text)


def _employee(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not an employee's number, like 123")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days")
    return int(text)


def _month(text: str) -> date:
    try:
        found = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month, like 2026-11") from None
    return _usual(found, text)


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date, like 2026-11-23") from None
    return _usual(found, text)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time, like 2026-11-23T07:30") from None
    return _usual(found, text)


def _usual(found: When, text: str) -> When:
    if found.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"{text!r}: the years are {_YEARS[0]} to {_YEARS[-1]}")
    return found


def _age(text: str) -> timedelta:
    try:
        return letters.age(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time, like 45s, 30m, 2h, 7d or 1w") from None


# The reports. Each returns the exit status.


def _timecard(arguments: argparse.Namespace) -> int:
    language = Language(arguments.lang)
    with _reports(arguments) as reports:
        now = _now().astimezone(reports.zone())
        generated = _generated(now, language)
        employees = _distinct(arguments.employees)
        has_punches = _month_has_punches(reports, arguments, employees)
        cards = reports.cards(arguments.month, employees)
        if employees is not None:
            found = list(cards)
            _require(employees, (card.totais.usuario_id for card in found), arguments)
            cards = iter(found)
        with _output(arguments) as out:
            if arguments.all and arguments.format == "csv":
                as_csv.days(out, _counted(reports.days(arguments.month), arguments, "days"), arguments.separator)
                return 0
            cards = _counted(cards, arguments, "time cards")
            if arguments.format == "csv":
                as_csv.days(out, chain.from_iterable(card.dias for card in cards), arguments.separator)
            elif arguments.format == "html":
                as_html.cards(out, cards, language.month(arguments.month), generated, language)
            elif arguments.format == "text":
                as_text.Printer(out, language).cards(cards, generated)
            elif employees is not None and len(employees) == 1:
                as_json.card(out, next(cards), now.isoformat(timespec="seconds"))
            else:
                as_json.cards(out, cards, now.isoformat(timespec="seconds"))
    return _empty_month(arguments, has_punches=has_punches)


def _totals(arguments: argparse.Namespace) -> int:
    language = Language(arguments.lang)
    with _reports(arguments) as reports:
        now = _now().astimezone(reports.zone())
        employees = _distinct(arguments.employees)
        has_punches = _month_has_punches(reports, arguments, employees)
        rows = list(reports.totals(arguments.month, employees))
    _require(employees or [], (one.usuario_id for one in rows), arguments)
    title = f"{language.word('totals', 'title')}, {language.month(arguments.month)}"
    cells = (figures.totals_cells(one, language) for one in rows)
    with _output(arguments) as out:
        if arguments.format == "csv":
            as_csv.totals(out, rows, arguments.separator)
        elif arguments.format == "json":
            head = {"mes": f"{arguments.month:%Y-%m}", "gerado_em": now.isoformat(timespec="seconds")}
            as_json.totals(out, head, rows)
        else:
            notes = [language.word("timecard", "night") + ".", language.word("timecard", "certified")]
            _table(arguments, out, title, [_generated(now, language)], figures.TOTALS, cells, notes)
    return _empty_month(arguments, has_punches=has_punches)


def _exceptions(arguments: argparse.Namespace) -> int:
    language = Language(arguments.lang)
    limits = Limits(*(getattr(arguments, name) for name in Limits._fields))
    with _reports(arguments) as reports:
        now = _now().astimezone(reports.zone())
        first, last = _days(arguments, now)
        employees = _distinct(arguments.employees)
        heaps = dead.read(arguments, employees)
        in_sum = arguments.format in ("text", "html")
        found = reports.exceptions(first, last, limits, employees, in_sum=in_sum)
        is_unread = isinstance(heaps, Unread)
        if not found.counts and (is_unread or not heaps) and not reports.has_punches(first, last, employees):
            raise CommandError(f"{_whose(employees)} punched from {first} to {last}", 1)
        found = found._replace(each=_counted(found.each, arguments, "exceptions"))
        with _output(arguments) as out:
            lines = [
                language.word("report", "period", language.date(first), language.date(last)),
                language.word(
                    "exceptions",
                    "limits",
                    *(language.span(value) if isinstance(value, timedelta) else value for value in limits),
                ),
                _generated(now, language),
            ]
            if arguments.format == "csv":
                as_csv.exceptions(out, found.each, [] if isinstance(heaps, Unread) else heaps, arguments.separator)
            elif arguments.format == "html":
                as_html.exceptions(out, lines, found.counts, found.each, heaps, language)
            elif arguments.format == "text":
                printer = as_text.Printer(out, language)
                printer.heading(language.word("exceptions", "title"), *lines)
                printer.exceptions(found, heaps)
            else:
                head = {
                    "de": first.isoformat(),
                    "ate": last.isoformat(),
                    "usuarios": employees,
                    "limites": as_json.limits(limits),
                    "gerado_em": now.isoformat(timespec="seconds"),
                }
                as_json.exceptions(out, head, found.counts, found.each, heaps)
    if isinstance(heaps, Unread) and heaps.why:
        print_status(f"ponto: the dead-letter queue was not read: {heaps.why}")
        return 1
    return 0


def _cutoffs(arguments: argparse.Namespace) -> int:
    language = Language(arguments.lang)
    with _reports(arguments) as reports:
        now = _now().astimezone(reports.zone())
        first, last = _days(arguments, now)
        employees = _distinct(arguments.employees)
        if not reports.has_punches(first, last, employees):
            raise CommandError(f"{_whose(employees)} punched from {first} to {last}", 1)
        at_least = figures.REGULARLY if employees is None and not arguments.all else 0
        rows = list(reports.cutoffs(first, last, employees, at_least))
    period = language.word("report", "period", language.date(first), language.date(last))
    cells = (figures.cutoff_cells(one, language) for one in rows)
    with _output(arguments) as out:
        if arguments.format == "csv":
            as_csv.cutoffs(out, rows, arguments.separator)
        elif arguments.format == "json":
            head = {
                "de": first.isoformat(),
                "ate": last.isoformat(),
                "usuarios": employees,
                "gerado_em": now.isoformat(timespec="seconds"),
            }
            as_json.cutoffs(out, head, rows)
        else:
            lines = [period, _generated(now, language)]
            note = language.word("cutoffs", "note" if rows else "none")
            _table(arguments, out, language.word("cutoffs", "title"), lines, figures.CUTOFFS, cells, [note])
    return 0


def _peak(arguments: argparse.Namespace) -> int:
    if arguments.picture:
        picture.require_format(arguments.picture)
        files.require_writable(arguments.picture, force=arguments.force)
    language = Language(arguments.lang)
    with _reports(arguments) as reports:
        zone = reports.zone()
        now = _now().astimezone(zone)
        start, end = _stretch(arguments, now)
        minutes = reports.peak(start, min(end, now))
    if not any(minute.batidas or minute.recebidas or minute.gravadas or minute.fila for minute in minutes):
        raise CommandError(f"nothing was punched, received or stored from {start} to {end}", 1)
    start, end = start.astimezone(zone), end.astimezone(zone)
    period = language.word("report", "period", language.moment(start), language.moment(end))
    lines = [f"{period}, {zone.key}", _generated(now, language)]
    if arguments.picture:
        title = f"{language.word('peak', 'title')}, {lines[0]}"
        chart.draw(arguments.picture, minutes, zone, title, language)
        print_status(f"{arguments.picture} is drawn")
    with _output(arguments) as out:
        if arguments.format == "csv":
            as_csv.peak(out, minutes, arguments.separator)
        elif arguments.format == "json":
            head = {
                "de": as_csv.instant(start.astimezone(UTC)),
                "ate": as_csv.instant(end.astimezone(UTC)),
                "fuso": zone.key,
            }
            as_json.peak(out, head, minutes)
        elif arguments.format == "html":
            svg = chart.inline(minutes, zone, language)
            as_html.peak(out, lines, figures.summarize(minutes, zone), svg, language)
        else:
            printer = as_text.Printer(out, language)
            printer.heading(language.word("peak", "title"), *lines)
            printer.peak(figures.summarize(minutes, zone))
    return 0


# What they are made of.


def _table(
    arguments: argparse.Namespace,
    out: IO[str],
    title: str,
    lines: Sequence[str],
    names: Sequence[str],
    cells: Iterable[Sequence[str]],
    notes: Sequence[str],
) -> None:
    """Write a report that is one table as text or html."""
    language = Language(arguments.lang)
    if arguments.format == "html":
        as_html.table(out, title, lines, names, cells, notes, language)
    else:
        printer = as_text.Printer(out, language)
        printer.heading(title, *lines)
        printer.table(names, cells, notes)


def _days(arguments: argparse.Namespace, now: datetime) -> tuple[date, date]:
    """Give the first and the last working day that are asked for; `now` is in the stage's zone."""
    month = getattr(arguments, "month", None)
    if month and (arguments.first or arguments.last):
        raise CommandError("give --month, or --from and --to")
    if month:
        return month, _last_of(month)
    last = arguments.last or now.date() - timedelta(days=1)
    first = arguments.first or last - timedelta(days=_DAYS - 1)
    if first > last:
        raise CommandError(f"--from {first} is after --to {last}")
    return first, last


def _last_of(month: date) -> date:
    return month.replace(day=monthrange(month.year, month.month)[1])


def _distinct(employees: list[int] | None) -> list[int] | None:
    """Give the numbers in order, each once."""
    return employees and sorted(set(employees))


def _whose(employees: list[int] | None) -> str:
    return "none of the employees asked for" if employees else "nobody"


def _month_has_punches(reports: Reports, arguments: argparse.Namespace, employees: list[int] | None) -> bool:
    """Tell whether there is something to report on; of all employees there has to be."""
    found = reports.has_punches(arguments.month, _last_of(arguments.month), employees)
    if not found and employees is None:
        raise CommandError(f"nobody punched in {arguments.month:%Y-%m}", 1)
    return found


def _empty_month(arguments: argparse.Namespace, *, has_punches: bool) -> int:
    """Say that a report on loaded employees has no punches; give the exit status."""
    if has_punches:
        return 0
    print_status(f"ponto: {_whose(arguments.employees)} punched in {arguments.month:%Y-%m}")
    return 1


def _require(employees: Iterable[int], found: Iterable[int], arguments: argparse.Namespace) -> None:
    """Refuse a report on employees of whom nothing is known, before its file is begun."""
    for employee in sorted(set(employees) - set(found)):
        raise CommandError(
            f"employee {employee} has no punches in {arguments.month:%Y-%m}, and is not among the loaded employees", 1
        )


def _stretch(arguments: argparse.Namespace, now: datetime) -> tuple[datetime, datetime]:
    """Give the instants from which and until when a peak is asked for; `now` is in the stage's zone."""
    if (arguments.start is None) != (arguments.end is None):
        raise CommandError("give --from and --to together, or --day")
    if arguments.start is None:
        day = arguments.day or now.date()
        start = datetime.combine(day, datetime.min.time(), now.tzinfo)
        end = datetime.combine(day + timedelta(days=1), datetime.min.time(), now.tzinfo)
    else:
        start, end = (
            moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
            for moment in (arguments.start, arguments.end)
        )
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if not start < end <= start + _LONGEST_PEAK:
        raise CommandError(f"a peak ends after it begins, and lasts at most {_LONGEST_PEAK.days} days")
    return start, end


def _now() -> datetime:
    return datetime.now(UTC)


def _generated(now: datetime, language: Language) -> str:
    zone: Any = now.tzinfo
    offset = f"{now:%z}"
    return language.word("report", "generated", language.moment(now), f"{zone.key} (UTC{offset[:3]}:{offset[3:]})")


@contextmanager
def _reports(arguments: argparse.Namespace) -> Iterator[Reports]:
    if arguments.output:
        files.require_writable(arguments.output, force=arguments.force)
    with database.connect(arguments, read_only=True) as connection, reading.opened(connection) as reports:
        yield reports


@contextmanager
def _output(arguments: argparse.Namespace) -> Iterator[IO[str]]:
    """Open where the report goes: always UTF-8, as html says of itself and json has to be."""
    if arguments.output:
        encoding = "utf-8-sig" if arguments.format == "csv" else "utf-8"
        with files.draft(arguments.output, encoding) as file:
            yield file
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        # Text is printable already, and its tables look at the terminal themselves.
        yield _Terminal() if sys.stdout.isatty() and arguments.format != "text" else sys.stdout


class _Terminal(io.StringIO):
    """Standard output where somebody looks at it: files and pipes get the data whole, a terminal must not obey it."""

    def write(self, text: str) -> int:
        return sys.stdout.write(printable(text, lines=True))


def _counted(found: Iterable[T], arguments: argparse.Namespace, what: str) -> Iterator[T]:
    """Show on a terminal how far it is, unless the report itself appears there."""
    console = Console(stderr=True)
    shown = console.is_terminal and bool(arguments.output or not sys.stdout.isatty())
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not shown) as progress:
        bar = progress.add_task(what, total=None)
        count = 0
        for count, one in enumerate(found, 1):
            yield one
            if count % _EVERY == 0:
                progress.update(bar, completed=count)
        progress.update(bar, completed=count)

"""`ponto person`: all that is kept about an employee, for an employee who asks."""

from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from slices import enabled
from slices.reports.report import dead_letters, i18n, options, timecard
from slices.reports.report.card import Card, author_label
from slices.reports.report.dead_letters import Unread
from slices.reports.report.exceptions import reason
from slices.reports.report.i18n import Language
from slices.reports.report.output import render_html, to_json
from slices.reports.report.queries import Reports
from slices.reports.report.table import TEXT, Column, Kind, Report, Table, instant_in
from slices.reports.rows import PERSON, PERSON_MONTHS, PERSON_PUNCHES, RecordRow
from slices.reports.slice import ReportsExtension
from tools.kit import commands, files, reader, target
from tools.kit import options as opt
from tools.kit.console import progress
from tools.kit.dead_letters import DeadLetter
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status
from tools.kit.reader import Statement

_EPILOG = f"""examples:
  ponto person 123 --output folder
  ponto person 123 --stage dev --lang pt --output folder

It writes employee-123.json, and employee-123.html, a page to be read and printed; only you
may read them. It looks into the dead-letter queue, which raises receive counts there and
hides what is there meanwhile. It is read month by month.

{reader.EPILOG}
exit status: 0 done, 1 the dead-letter queue was not read, or nothing is kept about the
employee, 2 the request or the database is wrong
"""

_INSTANTS = ("ponto", "enviado", "recebida_em", "gravada_em", "criada_em", "zona_mudou_em")
_TIMES = ("dispositivo", "enviado", "recebida_em", "gravada_em")  # of a punch, beside when it was
_IDS = ("id", "mensagem_id")
_ON_A_LINE = 24  # characters of a device's name; a hardware clock's has 17
Row = dict[str, Any]
"""A row of a table, all columns by their names."""


class PersonRecords(NamedTuple):
    """What is kept about an employee."""

    employee_id: int
    zone: ZoneInfo
    row: Row | None  # of funcionario
    punches: list[Row]
    corrections: list[Row]
    cards: list[Card]
    letters: list[DeadLetter]
    unread: Unread | None  # why it is not known which dead letters there are


@commands.command(epilog=_EPILOG)
@click.argument("employee", type=opt.EMPLOYEE, metavar="N")
@click.option(
    "--output", "folder", type=opt.FILE, required=True, metavar="FOLDER", help="Where to write; made if it is missing."
)
@options.language("Of the page.")
@opt.force
@opt.as_json
@reader.options
def person(
    target_options: reader.TargetOptions, employee: int, folder: Path, language: Language, *, force: bool, as_json: bool
) -> int:
    """All that is kept about an employee, as json and as a page.

    N is the employee's number. The result names where else something may be.
    """
    written = [folder / f"employee-{employee}.{suffix}" for suffix in ("json", "html")]
    for file in written if folder.is_dir() else [folder]:
        files.require_writable(file, force=force)
    # In the order in which a punch moves: what is redriven meanwhile is found as a row.
    letters = dead_letters.messages(target_options)
    with reader.open_reader(target_options) as source:
        reports = Reports(source)
        found = _read(reports, employee, letters)
        if found.unread:
            print_status(f"ponto: the dead-letter queue was not read: {found.unread.text(Language('en'))}")
        if not any((found.row, found.punches, found.corrections, found.letters)):
            raise CommandError(f"nothing is kept about employee {employee}; nothing was written", status=1)
        backup_days = _backup_days(target_options, found)
        page = _page(found, reports, _other_places(backup_days, reports.now, language), language)
        beside = timecard.template_values(reports, reports.employer, language)
        text = to_json(_fields(found, reports, _other_places(backup_days, reports.now, Language("en"))))
    _create_folder(folder)
    with files.draft(written[0]) as out:
        out.write(f"{text}\n")
    with files.draft(written[1]) as out:
        render_html(
            out,
            "person.html",
            language,
            report=page,
            tables=page.shown(language),
            contents=_contents(found, language),
            cards=found.cards,
            punches=_punches(found, language),
            **beside,
        )
    counts = {
        "punches": len(found.punches),
        "corrections": len(found.corrections),
        "timeCards": len(found.cards),
        "deadLetters": None if found.unread else len(found.letters),
    }
    if as_json:
        print_json({"files": list(map(str, written)), **counts})
    else:
        print_result(
            f"{pluralize(len(found.punches), 'punch', 'punches')}, {pluralize(len(found.corrections), 'correction')}, "
            f"{pluralize(len(found.cards), 'time card')}, {pluralize(len(found.letters), 'dead letter')}",
            *map(str, written),
        )
    return 1 if found.unread else 0


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot make {folder}: {error.strerror}") from None


def _read(reports: Reports, employee_id: int, letters: list[DeadLetter] | Unread) -> PersonRecords:
    """Read the database, month by month: each answer is small, however long somebody has been there."""
    statements: list[Statement[Any]] = [
        PERSON,
        PERSON_MONTHS,
        *(
            statement
            for each in enabled.load().values()
            if isinstance(each, ReportsExtension)
            for statement in each.person_statements()
        ),
    ]
    (person,), months, *of_slices = map(
        list, reports.source.read(*(statement.bind(usuario=employee_id) for statement in statements))
    )
    punches: list[Row] = []
    cards: list[Card] = []
    with progress() as display:
        for month in display.track(months, description="months"):
            (rows,) = reports.source.read(PERSON_PUNCHES.bind(usuario=employee_id, mes=month.mes))
            punches += _fields_of(rows)
            cards += timecard.read(reports, month.mes, [employee_id])
    return PersonRecords(
        employee_id,
        ZoneInfo(person.fuso),
        person.funcionario and _with_instants(person.funcionario),
        punches,
        list(_fields_of(chain.from_iterable(of_slices))),
        cards,
        [] if isinstance(letters, Unread) else _letters_of(letters, employee_id),
        letters if isinstance(letters, Unread) else None,
    )


def _fields_of(rows: Iterable[RecordRow]) -> Iterator[Row]:
    return (_with_instants(row.registro) for row in rows)


def _with_instants(row: Row) -> Row:
    return {
        name: datetime.fromisoformat(value) if value and name in _INSTANTS else value for name, value in row.items()
    }


def _letters_of(letters: Iterable[DeadLetter], employee_id: int) -> list[DeadLetter]:
    """Return the dead letters that are punches of the employee, or that came by the employee's sign-in."""

    def is_signed_in(letter: DeadLetter) -> bool:
        by = letter.attributes.get("usuarioId")
        return by is not None and by.get("StringValue") == str(employee_id)

    return [letter for letter in letters if letter.employee_id == employee_id or is_signed_in(letter)]


def _backup_days(target_options: reader.TargetOptions, found: PersonRecords) -> int | None:
    """Return for how many days backups have what is erased now, by what is deployed; None: others know."""
    is_known = target_options.reads_by_function and not found.unread  # that AWS shows the stack
    return target.find(target_options).backup_days if is_known else None


def _other_places(backup_days: int | None, now: datetime, language: Language) -> list[str]:
    """Return where else something may be."""
    if backup_days is None:
        backups = language.word("person", "backups_of_others")
    else:
        backups = language.word("person", "backups", language.date((now + timedelta(backup_days)).date()))
    return language.sentences("elsewhere", backups=backups)


def _fields(found: PersonRecords, reports: Reports, elsewhere: list[str]) -> dict[str, Any]:
    return {
        "usuario_id": found.employee_id,
        "gerado_em": reports.generated_at,
        "funcionario": found.row,
        "batidas": found.punches,
        "correcoes": found.corrections,
        "espelhos": [timecard.card_fields(card, reports, reports.employer) for card in found.cards],
        "nao_gravadas": None if found.unread else [letter.details() for letter in found.letters],
        "onde_mais": elsewhere,
    }


def _page(found: PersonRecords, reports: Reports, elsewhere: list[str], language: Language) -> Report:
    """Lay out all but the cards and the punches."""
    word, zone = language.word, found.zone
    instant = instant_in(zone)
    of_kind = Kind("whole", lambda name, _: word("arrival", name))
    why = Kind("text", reason)
    author = Kind("text", lambda name, _: author_label(name, language))

    def table(title: str, rows: Iterable[Row], **kinds: Kind) -> Table:
        """Return a table of these columns; the last column has all other fields of a row."""
        cells = ([*map(row.get, kinds), _others(row, {"usuario_id", *kinds}, zone, language)] for row in rows)
        columns = [*(Column(name, kind) for name, kind in kinds.items()), Column("outros")]
        return Table(columns, cells, title, empty=word("report", "none"))

    employee = found.row or {}
    if employee.get("cpf"):
        employee = employee | {"cpf": i18n.format_cpf(employee["cpf"])}
    corrections = ({"chegada" if name == "tipo" else name: row[name] for name in row} for row in found.corrections)
    return Report(
        f"{word('person', 'title')}, {language.column('usuario_id')} {found.employee_id}",
        [word("person", "times", zone.key), reports.generated(language)],
        [
            Table(
                [Column(""), Column("")],
                [
                    (language.field(name), _shown(value, zone, language))
                    for name, value in employee.items()
                    if value is not None
                ],
                word("person", "employee"),
                empty=word("person", "nobody"),
            ),
            table(
                word("person", "corrections"),
                corrections,
                criada_em=instant,
                chegada=of_kind,
                motivo=TEXT,
                autor=author,
            )._replace(anchor="corrections"),
            table(
                word("person", "rejected"),
                map(_letter, found.letters),
                recebida_em=instant,
                motivo=why,
                corpo=TEXT,
            )._replace(
                warning=word("exceptions", "unread", found.unread.text(language)) if found.unread else "",
                anchor="rejected",
            ),
            Table([Column("")], [(text,) for text in elsewhere], word("person", "elsewhere"), anchor="elsewhere"),
        ],
    )


def _contents(found: PersonRecords, language: Language) -> list[tuple[str, str]]:
    """Return the anchors of the page, and what is there."""
    counts = {
        "corrections": len(found.corrections),
        "rejected": "?" if found.unread else len(found.letters),
        "cards": len(found.cards),
        "punches": len(found.punches),
    }
    counted = [(name, f"{language.word('person', name)}: {count}") for name, count in counts.items()]
    return [*counted, ("elsewhere", language.word("person", "elsewhere"))]


def _punches(found: PersonRecords, language: Language) -> Report:
    """Lay out the punches: what people ask for, and below it in two tables all other columns that have a value."""
    is_long = any(len(row["dispositivo"] or "") > _ON_A_LINE for row in found.punches)
    kinds = {"dispositivo": TEXT} if is_long else {}
    shown = Kind("whole", lambda value, language: _shown(value, found.zone, language))
    named = {"usuario_id", "ponto", *_TIMES, *_IDS}
    others = [name for name in (found.punches[0] if found.punches else ()) if name not in named]

    def table(title: str, names: Iterable[str]) -> Table:
        used = ["ponto", *(name for name in names if any(row[name] is not None for row in found.punches))]
        columns = [Column(name, kinds.get(name, shown)) for name in used]
        rows = [
            [row[name] for name in used] for row in found.punches if any(row[name] is not None for name in used[1:])
        ]
        return Table(columns, rows, title)

    return Report(
        language.word("person", "punches"),
        [],
        [
            table("", _TIMES)._replace(empty=language.word("report", "none")),
            table(language.word("person", "more"), others),
            table(language.word("person", "ids"), _IDS),
        ],
    )


def _letter(letter: DeadLetter) -> Row:
    received = datetime.fromtimestamp(letter.received_ms / 1000, UTC)
    attributes = {name: value.get("StringValue") for name, value in letter.attributes.items() if name != "reason"}
    return {"recebida_em": received, "motivo": letter.reason, "corpo": letter.body, **attributes}


def _others(row: Row, shown: Container[str], zone: ZoneInfo, language: Language) -> str:
    return "; ".join(
        f"{language.field(name)}: {_shown(value, zone, language)}"
        for name, value in row.items()
        if name not in shown and value is not None
    )


def _shown(value: Any, zone: ZoneInfo, language: Language) -> str:
    match value:
        case bool():
            return language.word("person", "yes" if value else "no")
        case datetime():
            return language.date_time(value.astimezone(zone))
    return str(value)

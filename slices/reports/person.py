"""`ponto person`: the data stored about an employee, for a request of access to personal data."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click

from ponto import enabled_slices
from ponto.read.statements import Statement
from slices.reports.report import i18n, options, time_card
from slices.reports.report.dead_letters import UnreadQueue, read_messages
from slices.reports.report.exceptions import format_reason
from slices.reports.report.i18n import Language
from slices.reports.report.output import render_html, to_json
from slices.reports.report.report_context import ReportContext
from slices.reports.report.table import TEXT, ColumnFormat, Report, ReportColumn, ReportTable, instant_format
from slices.reports.report.time_card_layout import TimeCard, author_label
from slices.reports.statements import PERSON, PERSON_MONTHS, PERSON_PUNCHES, PersonSection, RecordRow
from tools.kit import commands, files, reader, shared_options, target
from tools.kit.console import progress
from tools.kit.dead_letters import DeadLetter
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status
from tools.kit.target import TargetOptions

_EPILOG = f"""examples:
  ponto person 123 --output folder
  ponto person 123 --stage dev --lang pt --output folder

The files are employee-123.json, and employee-123.html for reading and printing; only you may
read them. The command also reads the dead-letter queue, which raises the receive counts of
its messages and hides them for a time. The database is read month by month.

{reader.EPILOG}
exit status: 0 done, 1 the dead-letter queue was not read, or nothing is stored about the
employee, 2 the request or the database is wrong
"""

_INSTANT_COLUMNS = re.compile(r"ponto|enviado|\w+_em")

Row = dict[str, Any]
"""A row of a table as a dictionary of its columns."""


class PersonRecords(NamedTuple):
    """Data stored about an employee."""

    employee_id: int
    zone: ZoneInfo
    row: Row | None  # row of funcionario
    punches: list[Row]
    corrections: list[Row]
    sections: list[tuple[PersonSection, list[Row]]]  # of other slices
    time_cards: list[TimeCard]
    dead_letters: list[DeadLetter]
    unread_queue: UnreadQueue | None  # why `dead_letters` is unknown


@commands.command(epilog=_EPILOG)
@click.argument("employee_id", type=shared_options.EMPLOYEE, metavar="N")
@click.option(
    "--output",
    "folder",
    type=shared_options.FILE,
    required=True,
    metavar="FOLDER",
    help="Folder for the files; created if necessary.",
)
@options.language("Language of the page.")
@shared_options.force
@shared_options.as_json
@reader.options
def person(
    target_options: TargetOptions,
    employee_id: int,
    folder: Path,
    language: Language,
    *,
    force: bool,
    as_json: bool,
) -> int:
    """Write the data stored about an employee as JSON and as a page.

    N is the employee's number. The files also name other places that may have data about the employee.
    """
    output_files = [folder / f"employee-{employee_id}.{suffix}" for suffix in ("json", "html")]
    for file in output_files if folder.is_dir() else [folder]:
        files.require_writable(file, force=force)
    # The queue is read before the database, so that a punch redriven in between is found as a row.
    dead_letters = read_messages(target_options)
    context = ReportContext(reader.create_reader(target_options))
    records = _read_records(context, employee_id, dead_letters)
    if records.unread_queue:
        print_status(f"ponto: the dead-letter queue was not read: {records.unread_queue.reason}")
    sections = (rows for _, rows in records.sections)
    if not any((records.row, records.punches, records.corrections, records.dead_letters, *sections)):
        raise CommandError(f"nothing is stored about employee {employee_id}; no file was written", status=1)
    backup_days = _backup_days(target_options, records)
    page = _build_report(records, context, _list_other_places(backup_days, context.now, language), language)
    time_card_values = time_card.template_values(context, context.employer, language)
    text = to_json(_to_json_fields(records, context, _list_other_places(backup_days, context.now, Language("en"))))
    _create_folder(folder)
    with files.write_atomically(output_files[0]) as out:
        out.write(f"{text}\n")
    with files.write_atomically(output_files[1]) as out:
        render_html(
            out,
            "person.html",
            language,
            report=page,
            tables=page.visible_tables(language),
            contents=_build_contents(records, language),
            time_cards=records.time_cards,
            **time_card_values,
        )
    counts = {
        "punches": len(records.punches),
        "corrections": len(records.corrections),
        "timeCards": len(records.time_cards),
        "deadLetters": None if records.unread_queue else len(records.dead_letters),
    }
    if as_json:
        print_json({"files": list(map(str, output_files)), **counts})
    else:
        print_result(
            f"{pluralize(len(records.punches), 'punch', 'punches')}, "
            f"{pluralize(len(records.corrections), 'correction')}, "
            f"{pluralize(len(records.time_cards), 'time card')}, "
            f"{pluralize(len(records.dead_letters), 'dead letter')}",
            *map(str, output_files),
        )
    return 1 if records.unread_queue else 0


def _create_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot create {folder}: {error.strerror}") from None


def _read_records(
    context: ReportContext, employee_id: int, dead_letters: list[DeadLetter] | UnreadQueue
) -> PersonRecords:
    """Read the database month by month, so that each response of the function is small."""
    sections: list[PersonSection] = list(
        chain.from_iterable(enabled_slices.collect("person_sections", "SECTIONS").values())
    )
    statements: list[Statement[Any]] = [
        PERSON,
        PERSON_MONTHS,
        *(section.statement for section in sections),
        *chain.from_iterable(enabled_slices.collect("person_statements", "STATEMENTS").values()),
    ]
    (person,), months, *slice_rows = map(
        list, context.source.read(*(statement.bind(employee_id=employee_id) for statement in statements))
    )
    punches: list[Row] = []
    time_cards: list[TimeCard] = []
    with progress() as display:
        for month in display.track(months, description="months"):
            (rows,) = context.source.read(PERSON_PUNCHES.bind(employee_id=employee_id, mes=month.mes))
            punches += _parse_rows(rows)
            time_cards += time_card.read_time_cards(context, month.mes, [employee_id])
    return PersonRecords(
        employee_id,
        ZoneInfo(person.fuso),
        person.funcionario and _parse_instants(person.funcionario),
        punches,
        list(_parse_rows(chain.from_iterable(slice_rows[len(sections) :]))),
        [(section, list(_parse_rows(rows))) for section, rows in zip(sections, slice_rows, strict=False)],
        time_cards,
        [] if isinstance(dead_letters, UnreadQueue) else _filter_dead_letters(dead_letters, employee_id),
        dead_letters if isinstance(dead_letters, UnreadQueue) else None,
    )


def _parse_rows(rows: Iterable[RecordRow]) -> Iterator[Row]:
    return (_parse_instants(row.registro) for row in rows)


def _parse_instants(row: Row) -> Row:
    return {
        name: datetime.fromisoformat(value) if value and _INSTANT_COLUMNS.fullmatch(name) else value
        for name, value in row.items()
    }


def _filter_dead_letters(dead_letters: Iterable[DeadLetter], employee_id: int) -> list[DeadLetter]:
    """Return the dead letters that name the employee, or that the employee sent after signing in."""

    def is_sent_by_employee(letter: DeadLetter) -> bool:
        attribute = letter.attributes.get("usuarioId")
        return attribute is not None and attribute.get("StringValue") == str(employee_id)

    return [letter for letter in dead_letters if letter.employee_id == employee_id or is_sent_by_employee(letter)]


def _backup_days(target_options: TargetOptions, records: PersonRecords) -> int | None:
    """Return the number of days for which backups are kept, from the deployed stack; None: unknown."""
    # If AWS refused to read the queue, it may also refuse to describe the stack.
    return None if records.unread_queue else target.find(target_options).backup_days


def _list_other_places(backup_days: int | None, now: datetime, language: Language) -> list[str]:
    """Return sentences on other places that may have data about the employee."""
    if backup_days is None:
        backups = language.word("person", "backups_of_others")
    else:
        backups = language.word("person", "backups", language.date((now + timedelta(backup_days)).date()))
    return language.sentences("elsewhere", backups=backups)


def _to_json_fields(records: PersonRecords, context: ReportContext, other_places: list[str]) -> dict[str, Any]:
    return {
        "usuario_id": records.employee_id,
        "gerado_em": context.generated_at,
        "funcionario": records.row,
        "batidas": records.punches,
        "correcoes": records.corrections,
        **{section.name: rows for section, rows in records.sections},
        "espelhos": [time_card.time_card_to_json(each, context, context.employer) for each in records.time_cards],
        "nao_gravadas": None if records.unread_queue else [letter.details() for letter in records.dead_letters],
        "onde_mais": other_places,
    }


def _build_report(
    records: PersonRecords, context: ReportContext, other_places: list[str], language: Language
) -> Report:
    """Return the first part of the page: all data except for time cards."""
    word, zone = language.word, records.zone
    instant = instant_format(zone)
    arrival_type = ColumnFormat("whole", lambda name, _: word("arrival", name))
    reason = ColumnFormat("text", format_reason)
    author = ColumnFormat("text", lambda name, _: author_label(name, language))

    def table(
        title: str, rows: Iterable[Row], labels: Mapping[str, str] | None = None, **formats: ColumnFormat
    ) -> ReportTable:
        """Return a table with these columns, and a last column with all other fields of a row."""
        labels = labels or {}
        cells = (
            [*map(row.get, formats), _format_other_fields(row, {"usuario_id", *formats}, labels, zone, language)]
            for row in rows
        )
        columns = [
            *(ReportColumn(name, form, label=labels.get(name, "")) for name, form in formats.items()),
            ReportColumn("outros"),
        ]
        return ReportTable(columns, cells, title, empty=word("report", "none"))

    def section_table(section: PersonSection, rows: Iterable[Row]) -> ReportTable:
        words = {value: texts[language.name] for value, texts in section.words.items()}
        labels = {name: texts[language.name] for name, texts in section.labels.items()}
        text = ColumnFormat("text", lambda value, _: words.get(value, str(value)))
        formats = {name: instant if _INSTANT_COLUMNS.fullmatch(name) else text for name in section.columns}
        return table(section.titles[language.name], rows, labels, **formats)._replace(anchor=section.name)

    employee = records.row or {}
    if employee.get("cpf"):
        employee = employee | {"cpf": i18n.format_cpf(employee["cpf"])}
    corrections = ({"chegada" if name == "tipo" else name: row[name] for name in row} for row in records.corrections)
    return Report(
        f"{word('person', 'title')}, {language.column('usuario_id')} {records.employee_id}",
        [word("person", "times", zone.key), context.format_generated(language)],
        [
            ReportTable(
                [ReportColumn(""), ReportColumn("")],
                [
                    (language.field(name), _format_value(value, zone, language))
                    for name, value in employee.items()
                    if value is not None
                ],
                word("person", "employee"),
                empty=word("person", "no_employee"),
            ),
            table(
                word("person", "corrections"),
                corrections,
                criada_em=instant,
                chegada=arrival_type,
                motivo=TEXT,
                autor=author,
            )._replace(anchor="corrections"),
            *(section_table(section, rows) for section, rows in records.sections),
            table(
                word("person", "rejected"),
                map(_build_dead_letter_row, records.dead_letters),
                recebida_em=instant,
                motivo=reason,
                corpo=TEXT,
            )._replace(
                warning=word("exceptions", "unread", records.unread_queue.reason) if records.unread_queue else "",
                anchor="rejected",
            ),
            table(
                word("person", "punches"),
                records.punches,
                ponto=instant,
                dispositivo=TEXT,
                enviado=instant,
                recebida_em=instant,
                gravada_em=instant,
            )._replace(anchor="punches"),
            ReportTable(
                [ReportColumn("")], [(text,) for text in other_places], word("person", "elsewhere"), anchor="elsewhere"
            ),
        ],
    )


def _build_contents(records: PersonRecords, language: Language) -> list[tuple[str, str]]:
    """Return the contents of the page: anchors and their titles."""
    counts = {
        "corrections": len(records.corrections),
        "rejected": "?" if records.unread_queue else len(records.dead_letters),
        "punches": len(records.punches),
    }
    entries = [(name, f"{language.word('person', name)}: {count}") for name, count in counts.items()]
    entries[1:1] = [
        (section.name, f"{section.titles[language.name]}: {len(rows)}") for section, rows in records.sections
    ]
    time_cards = f"{language.word('person', 'time_cards')}: {len(records.time_cards)}"
    return [*entries, ("elsewhere", language.word("person", "elsewhere")), ("time_cards", time_cards)]


def _build_dead_letter_row(letter: DeadLetter) -> Row:
    received = datetime.fromtimestamp(letter.received_ms / 1000, UTC)
    attributes = {name: value.get("StringValue") for name, value in letter.attributes.items() if name != "reason"}
    return {"recebida_em": received, "motivo": letter.reason, "corpo": letter.body, **attributes}


def _format_other_fields(
    row: Row, excluded: Container[str], labels: Mapping[str, str], zone: ZoneInfo, language: Language
) -> str:
    return "; ".join(
        f"{labels.get(name) or language.field(name)}: {_format_value(value, zone, language)}"
        for name, value in row.items()
        if name not in excluded and value is not None
    )


def _format_value(value: Any, zone: ZoneInfo, language: Language) -> str:
    match value:
        case bool():
            return language.word("person", "yes" if value else "no")
        case datetime():
            return language.date_time(value.astimezone(zone))
    return str(value)

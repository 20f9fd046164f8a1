"""`ponto report` on a real database: golden files, and what a reader does with each format.

    GOLDEN=write make test ARGS="slices/reports/tests/postgres/test_report.py -k golden"

writes the golden files anew; look at the difference before committing it.
"""

import csv
import html
import io
import json
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import boto3
import psycopg2
import pytest
from botocore.config import Config

from slices.reports.report import queries, timecard
from slices.reports.report.output import FORMATS
from slices.reports.tests.company import GOLDEN, MONTH, NOVEMBER, Run, fill, require_golden, runner
from slices.reports.tests.company import database as database
from slices.reports.tests.company import dlq as dlq
from slices.reports.tests.company import numbered as numbered
from slices.reports.tests.company import unchanged as unchanged
from slices.reports.tests.company import url as url
from tests import commands
from tests.commands import Result, Terminal, write_stack_on
from tests.database import OF_THE_SCHEMA, export
from tests.functions import Functions
from tests.waiting import DEADLINE, started
from tools.kit import database as kit_database
from tools.kit import target
from tools.kit.project import ROOT
from tools.kit.queues import depth

TIMECARDS = ("timecard", "--all", *MONTH)
EXCEPTIONS = ("exceptions", *NOVEMBER)
TOTALS = ("totals", *MONTH)
CHANGES = ("changes", *MONTH, "--since", "2026-11-26T20:00")
CUTOFFS = ("cutoffs", *MONTH)
GAPS = ("gaps", *MONTH)
PEAK = ("peak", "--day", "2026-11-23")
MINUTES = ("peak", "--from", "2026-11-23T07:59", "--to", "2026-11-23T08:03")

FOR_PEOPLE = {
    "timecards": (TIMECARDS, ["Espelho de ponto", "novembro de 2026", "Dia", "Batidas", "Trabalhadas", "Noturnas"]),
    "totals": (TOTALS, ["Totais, novembro de 2026", "Matrícula", "Nome", "Trabalhadas", "Noturnas"]),
    "exceptions": (EXCEPTIONS, ["Ocorrências", "01/11/2026 a 30/11/2026", "Por tipo", "Detalhamento", "20.782 d 3 h"]),
    "cutoffs": (
        CUTOFFS,
        ["Cortes", "Matrícula", "Dias", "Divididos", "Corte", "Melhor", "Restantes", "Folga"],
    ),
    "changes": (CHANGES, ["Meses alterados, novembro de 2026", "Antes: 26/11/2026, 20:00", "Batida"]),
    "gaps": (GAPS, ["Lacunas nos números dos aparelhos", "Nenhum número falta"]),
    "peak": (PEAK, ["Pico", "Total", "Minuto de maior movimento", "A partir de", "Na fila", "Maior espera"]),
}
FOR_PROGRAMS = {
    "timecards.csv": TIMECARDS,
    "timecards.jsonl": TIMECARDS,
    "timecard.csv": ("timecard", "--employee", "102", *MONTH),
    "timecard.json": ("timecard", "--employee", "102", *MONTH),
    "totals.csv": TOTALS,
    "totals.json": TOTALS,
    "cutoffs.csv": (*CUTOFFS, "--all"),
    "cutoffs.json": CUTOFFS,
    "changes.csv": CHANGES,
    "changes.json": CHANGES,
    "gaps.csv": ("gaps", "--all"),
    "gaps.json": GAPS,
    "exceptions.csv": EXCEPTIONS,
    "exceptions.json": EXCEPTIONS,
    "peak.csv": MINUTES,
    "peak.json": MINUTES,
}


@pytest.fixture
def run(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Run:
    """The company's reports; its dead-letter queue cannot be reached, but with the fixture `dlq`."""
    queue = ("", "http://127.0.0.1:9")
    if "dlq" in request.fixturenames:
        queue = (request.getfixturevalue("dlq"), "https://sqs.us-east-1.amazonaws.com")
    return runner(write_stack_on(tmp_path, database, *queue), monkeypatch, capsys)


@pytest.fixture
def connection(database: str, tmp_path: Path) -> Iterator[psycopg2.extensions.connection]:
    """Connect to the company's database as a report does."""
    where = target.Where(state=write_stack_on(tmp_path, database), timeout=60)
    with kit_database.connect(where, read_only=True) as connection:
        yield connection


A_PUNCH = "insert into ponto.batida (id, usuario_id, ponto) values (gen_random_uuid(), 1, '2026-11-03 08:00-03')"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# Golden files


@pytest.mark.usefixtures("dlq")
@pytest.mark.parametrize(("form", "ending"), [("text", "txt"), ("html", "html")])
@pytest.mark.parametrize("name", [name for name in FOR_PEOPLE if name != "gaps"])
def test_a_golden_file_is_what_people_read(name: str, form: str, ending: str, run: Run) -> None:
    require_golden(GOLDEN / f"{name}.{ending}", run(*FOR_PEOPLE[name][0], "--format", form).out)


@pytest.mark.usefixtures("dlq")
@pytest.mark.parametrize("name", [name for name in FOR_PROGRAMS if not name.startswith("gaps")])
def test_a_golden_file_is_what_programs_read_in_both_languages(name: str, run: Run) -> None:
    require_read_by_programs(name, run)


@pytest.mark.usefixtures("numbered")
def test_the_golden_files_of_gaps_are_what_is_read(run: Run) -> None:
    for form, ending in (("text", "txt"), ("html", "html")):
        require_golden(GOLDEN / f"gaps.{ending}", run(*GAPS, "--format", form).out)
    for name in ("gaps.csv", "gaps.json"):
        require_read_by_programs(name, run)


def require_read_by_programs(name: str, run: Run) -> None:
    """Assert that a report in both languages is a golden file."""
    words = (*FOR_PROGRAMS[name], "--format", "csv" if name.endswith("csv") else "json")
    found = run(*words).out
    assert run(*words, "--lang", "pt").out == found
    require_golden(GOLDEN / name, found)


@pytest.mark.usefixtures("dlq")
@pytest.mark.parametrize("form", ["text", "html"])
@pytest.mark.parametrize("name", FOR_PEOPLE)
def test_each_report_is_in_portuguese_too(name: str, form: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words, headings = FOR_PEOPLE[name]
    monkeypatch.setenv("COLUMNS", "160")  # no sentence or cell goes on below

    found = run(*words, "--format", form, "--lang", "pt")

    assert found.status == 0, found.err
    assert "Emitido em 01/12/2026, 09:34, America/Sao_Paulo (UTC-03:00)." in found.out
    assert [heading for heading in headings if heading not in " ".join(found.out.split())] == []
    assert form == "text" or '<html lang="pt-BR">' in found.out


# Figures


def test_csv_and_json_hold_the_figures_that_were_added_up_by_hand(run: Run) -> None:
    cards = [json.loads(line) for line in run(*TIMECARDS, "--format", "json").out.splitlines()]
    days = rows(run(*TIMECARDS, "--format", "csv").out)

    totals = {card["funcionario"]["usuarioId"]: card["totais"] for card in cards}
    assert {number: (found["minutos"], found["minutosNoturnos"]) for number, found in totals.items()} == {
        101: (21 * (8 * 60 + 30), 0),
        102: (2 * 5 * 60 + 4 * 60 + 11 * 60 + 4 * 60 + 60, 0),
        103: (3 * 8 * 60, 3 * 7 * 60),
        104: (0, 0),
        105: (120, 120),
        106: (10 * 60 + 1 + 5 * 60, 0),
        107: (3 * 16 * 60, 0),
    }
    for number, found in totals.items():
        own = [day for day in days if day["usuario_id"] == str(number)]
        assert len(own) == 30
        assert sum(int(day["minutos"]) for day in own) == found["minutos"]
        assert sum(int(day["minutos_noturnos"]) for day in own) == found["minutosNoturnos"]
        assert sum(day["incompleta"] == "true" for day in own) == found["diasIncompletos"]


def test_the_minutes_of_a_peak_add_up_to_its_table(run: Run) -> None:
    minutes = rows(run(*PEAK, "--format", "csv").out)

    assert len(minutes) == 24 * 60
    assert sum(int(minute["batidas"]) for minute in minutes) == 6
    assert {minute["minuto"] for minute in minutes if minute["batidas"] == "2"} == {"2026-11-23T11:00:00Z"}
    assert re.search(r"^Punched +6 +2 at 08:00", run(*PEAK).out, re.MULTILINE)


def test_a_peak_says_how_many_ids_were_random(run: Run, url: str) -> None:
    fill(
        url,
        "insert into batida (id, usuario_id, ponto, recebida_em) select id::uuid, employee, at, at"
        " from (values (101, gen_random_uuid()::text), (102, '018f0000-0000-7000-8000-000000000000'),"
        " (9007199254740991, gen_random_uuid()::text)) as of (employee, id),"
        " (values (timestamptz '2026-10-05 08:00-03')) as instant (at)",
    )
    day = ("peak", "--day", "2026-10-05")

    assert run(*day, "--format", "json").json["idsAleatorios"] == 1
    assert "1 of 2 received have a random id (UUID version 4)" in " ".join(run(*day).out.split())
    assert "random id" not in run(*PEAK).out


def test_a_peak_between_two_times_takes_those_without_offset_as_the_stages_and_tells_the_day(run: Run) -> None:
    def between(start: str, end: str, *words: str) -> Result:
        return run("peak", "--from", start, "--to", end, *words)

    found = between("2026-11-23T08:00", "2026-11-23T11:01Z", "--format", "json").json
    assert (found["de"], found["ate"]) == ("2026-11-23T11:00:00Z", "2026-11-23T11:01:00Z")
    assert [minute["batidas"] for minute in found["minutos"]] == [2]

    days = ("2026-11-20T00:00", "2026-11-24T00:00")
    assert re.search(r"^Punched +11 +2 on Nov 23, 2026, 08:00 *$", between(*days).out, re.MULTILINE)
    assert "2 em 23/11/2026, 08:00" in between(*days, "--lang", "pt").out


def test_several_employees_have_the_cards_totals_and_exceptions_that_each_has(run: Run) -> None:
    cards = run(*TIMECARDS, "--format", "json").out.splitlines()
    totals = run(*TOTALS, "--format", "json").json["totais"]
    exceptions = run(*EXCEPTIONS, "--no-queue", "--format", "json").json["excecoes"]
    employees = ("--employee", 106, "--employee", 102, "--employee", 102)

    assert run("timecard", *employees, *MONTH, "--format", "json").out.splitlines() == [cards[1], cards[5]]
    assert run(*TOTALS, *employees, "--format", "json").json["totais"] == [totals[1], totals[5]]
    text = run("timecard", *employees, *MONTH).out
    assert text == "".join(run("timecard", "--employee", number, *MONTH).out for number in (102, 106))
    found = run(*EXCEPTIONS, "--no-queue", "--format", "json", *employees).json
    assert found["usuarios"] == [102, 106]
    assert found["excecoes"] == [one for one in exceptions if one["usuarioId"] in (102, 106)]


def test_cutoffs_are_of_those_who_need_one_or_of_all(run: Run) -> None:
    def who(*words: object) -> list[int]:
        return [one["usuarioId"] for one in run(*CUTOFFS, "--format", "json", *words).json["cortes"]]

    assert who() == [107]
    assert who("--all") == [101, 102, 103, 105, 106, 107]
    assert who("--employee", 103, "--employee", 101) == [101, 103]
    assert run("cutoffs", *NOVEMBER, "--employee", 107).out == run(*CUTOFFS, "--employee", 107).out
    assert "No cut-off splits shifts regularly." in run("cutoffs", "--from", "2026-11-01", "--to", "2026-11-15").out


@pytest.mark.parametrize("report", ["exceptions", "cutoffs", "gaps"])
def test_a_month_stands_for_its_first_and_last_day(report: str, run: Run) -> None:
    def found(*words: object) -> str:
        return run(report, "--format", "json", *(["--no-queue"] if report == "exceptions" else []), *words).out

    assert found(*MONTH) == found(*NOVEMBER)
    assert f"--month is not allowed with {NOVEMBER[0]}" in run(report, *MONTH, NOVEMBER[0], NOVEMBER[1]).err


def test_a_database_without_the_migrations_of_the_reports_is_said(run: Run, url: str) -> None:
    fill(url, "alter table funcionario rename to other")
    result = run("totals", *MONTH)
    assert (result.status, result.out) == (2, "")
    assert "lacks migrations; stop and start it: make run" in result.err


def test_a_card_names_the_employer_of_the_stage_or_of_the_option(run: Run, url: str) -> None:
    card = ("timecard", "--employee", 101, *MONTH)
    assert "\nEmployer: Padaria Exemplo & Cia. Ltda., CNPJ 11.222.333/0001-81\n" in run(*card).out

    functions = Functions(url, "postgres")
    functions.environment |= OF_THE_SCHEMA
    functions.environment["EMPLOYER"] = "Sol & Lua Ltda., 11222333000181"
    functions.call("schema", {})
    of_the_stage = "Sol & Lua Ltda., CNPJ 11.222.333/0001-81"
    assert f"\nEmployer: {of_the_stage}\n" in run(*card).out
    page = run(*card, "--format", "html", "--lang", "pt").out
    assert '<dd>Sol &amp; Lua Ltda., <span class="whole">CNPJ 11.222.333/0001-81</span></dd>' in page
    assert run(*card, "--format", "json").json["empregador"] == of_the_stage

    other = ("--employer", "Maria Souza, 52998224725")
    assert "\nEmployer: Maria Souza, CPF 529.982.247-25\n" in run(*card, *other).out
    assert of_the_stage not in run(*card, *other, "--format", "html").out
    assert "no employer, like Padaria Sol" in run(*card, "--employer", "Maria Souza").err

    functions.environment["EMPLOYER"] = ""
    functions.call("schema", {})
    assert "Employer" not in run(*card).out
    assert run(*card, "--format", "json").json["empregador"] is None


def test_both_signatures_of_a_card_have_a_name(run: Run) -> None:
    def signatures(employee: int) -> list[tuple[str, str]]:
        page = run("timecard", "--employee", employee, *MONTH, "--format", "html").out
        found: list[tuple[str, str]] = re.findall(r"<b[^>]*>([^<]*)</b><span>([^<]*)</span>", html.unescape(page))
        return found

    blank = ("Name:", "Supervisor's signature")
    assert signatures(101) == [("Maria da Conceição Souza", "Employee's signature"), blank]
    assert signatures(106) == [("Employee 106", "Employee's signature"), blank]


# As of an instant


AS_OF = ("--as-of", "2026-11-26T20:00")


def test_a_report_as_of_an_instant_says_what_it_said_then(run: Run) -> None:
    before = ("--as-of", "2026-11-14T07:00")  # what was punched offline on the 9th comes an hour later

    def of_102(*words: object) -> dict[str, Any]:
        (found,) = run("timecard", "--employee", 102, *MONTH, "--format", "json", *words).json["dias"][8:9]
        return {name: found[name] for name in ("batidas", "minutos")}

    assert of_102(*before) == {"batidas": 0, "minutos": 0}
    assert of_102("--as-of", "2026-11-14T10:00Z") == of_102(*before)
    written = "2026-11-14T08:00:00.250"
    assert of_102("--as-of", written)["batidas"] == 1  # the instant of the first is included
    assert of_102()["minutos"] == 4 * 60

    minutes = {one["usuarioId"]: one["minutos"] for one in run(*TOTALS, *before, "--format", "json").json["totais"]}
    assert minutes[102] == 26 * 60
    exceptions = run(*EXCEPTIONS, "--no-queue", *before, "--format", "json").json
    assert exceptions["momento"] == "2026-11-14T10:00:00Z"
    assert "atrasada" not in exceptions["totais"]
    for report in (TIMECARDS, TOTALS, (*EXCEPTIONS, "--no-queue")):
        for form in ("text", "html"):
            assert "As of Nov 26, 2026, 20:00, America/Sao_Paulo." in run(*report, *AS_OF, "--format", form).out


def test_a_card_and_totals_as_of_an_instant_say_whose_zone_or_cut_off_changed_since(run: Run, url: str) -> None:
    def said(employee: int, *words: object) -> bool:
        one = ("--employee", employee, *MONTH, *words)
        card = "Time zone and cut-off are today's: they changed on" in run("timecard", *one).out
        for form in ("text", "html"):
            assert ("zone or cut-off changed" in run("totals", *one, "--format", form).out) == card
        return card

    assert said(103, *AS_OF)  # whose cut-off was loaded since
    assert not said(103)
    assert not said(101, *AS_OF)
    fill(url, "update funcionario set nome = 'Maria' where usuario_id = 101")
    assert not said(101, *AS_OF)
    fill(url, "update funcionario set corte = '04:00' where usuario_id = 101")  # as before, by the default
    fill(url, "update funcionario set fuso = 'America/Sao_Paulo' where usuario_id = 101")  # the stage's
    fill(
        url, "insert into funcionario (usuario_id, nome, fuso, corte) values (109, 'Ana', 'America/Sao_Paulo', '04:00')"
    )
    assert not said(101, *AS_OF)
    assert not said(109, *AS_OF)
    fill(url, "update funcionario set fuso = 'America/Noronha' where usuario_id = 101")
    assert said(101, *AS_OF)


@pytest.mark.parametrize("report", [TIMECARDS, TOTALS, (*EXCEPTIONS, "--no-queue")], ids=lambda words: words[0])
def test_a_instant_at_which_rows_may_still_be_on_their_way_is_refused(report: tuple[str, ...], run: Run) -> None:
    def ago(seconds: int) -> Result:
        return run(*report, "--as-of", (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat())

    assert ago(125).status == 0
    found = ago(115)
    assert (found.status, found.out) == (2, "")
    assert "does not lie two minutes back: wait, for a punch may still be on its way into the table" in found.err


LATE = """
insert into batida (id, usuario_id, ponto, recebida_em, gravada_em)
values (%s, %s, '2026-10-05 08:00-03', '2026-11-27 08:00-03', '2026-11-27 08:00-03')
"""


STAYED = "update funcionario set zona_mudou_em = null"
OCTOBER = ("changes", "--month", "2026-10")


def test_changes_are_of_those_whose_month_is_another_now_with_what_came_since(run: Run, url: str) -> None:
    def found(since: str, *words: object) -> dict[int, Any]:
        changes = run("changes", "--month", "2026-10", "--since", since, "--format", "json", *words).json["mudancas"]
        return {one["usuarioId"]: one for one in changes}

    fill(url, STAYED)
    fill(url, LATE.replace("2026-11-27", "2026-10-05"), "00000000-0000-4000-8000-000000000003", 107)
    assert found("2026-11-01T12:00") == {}
    assert "Nobody's month changed." in run("changes", "--month", "2026-10", "--since", "2026-11-01T12:00").out
    offline = "00000000-0000-4000-8000-000000000001"
    fill(url, LATE, offline, 101)

    (late,) = found("2026-11-01T12:00").values()

    assert (late["usuarioId"], late["diasIncompletosAntes"], late["diasIncompletos"]) == (101, 0, 1)
    assert [(one["id"], one["tipo"], one["dia"]) for one in late["chegadas"]] == [(offline, "batida", "2026-10-05")]
    assert found("2026-11-27T07:59").keys() == {101}
    assert found("2026-11-27T12:00") == {}
    assert found("2026-11-26T12:00", "--employee", 107) == {}
    assert found("2026-11-26T12:00", "--as-of", "2026-11-27T12:00").keys() == {101}
    assert found("2026-11-26T12:00", "--as-of", "2026-11-27T07:59") == {}
    assert "Nobody" in run(*OCTOBER, "--since", "2026-11-27T08:00", "--as-of", "2026-11-27T12:00").out
    wrong_order = run(*OCTOBER, "--since", "2026-11-27T12:00", "--as-of", "2026-11-27T12:00")
    assert (wrong_order.status, wrong_order.out) == (2, "")
    assert "--since must be before --as-of" in wrong_order.err


def test_changes_name_whose_zone_or_cut_off_changed_for_they_cannot_say_what_was_paid(run: Run, url: str) -> None:
    since = (*OCTOBER, "--since", "2026-11-01T12:00")
    for number in (101, 102):
        fill(url, LATE.replace("2026-11-27", "2026-10-05"), f"00000000-0000-4000-8000-000000000{number}", number)
    fill(url, STAYED)
    moved = "update funcionario set zona_mudou_em = '2026-11-20 09:00-03' where usuario_id in (101, 104)"
    fill(url, moved)  # 104 never punched

    (one,) = run(*since, "--format", "json").json["mudancas"]
    assert (one["usuarioId"], one["zonaMudouEm"], one["chegadas"]) == (101, "2026-11-20T12:00:00Z", [])
    for form in ("text", "html"):
        shown = " ".join(run(*since, "--format", form).out.split())
        assert "Nov 20, 2026, 09:00" in shown
        assert "compare them with what was paid" in shown
        assert "Nobody" not in shown
    (row,) = csv.DictReader(run(*since, "--format", "csv").out.splitlines())
    assert row["zona_mudou_em"] == "2026-11-20T12:00:00Z"
    assert run(*since, "--employee", 102, "--format", "json").json["mudancas"] == []
    assert "Nobody" in run(*OCTOBER, "--since", "2026-11-21T12:00").out


PUNCHED = """
insert into batida (id, usuario_id, ponto, recebida_em, gravada_em)
select gen_random_uuid(), %s, at, at, at from unnest(%s::timestamptz[]) as at
"""


def test_zone_and_cut_off_that_move_a_month_end_by_two_days_are_listed(run: Run, url: str) -> None:
    fill(url, "insert into funcionario (usuario_id, nome, corte) values (301, 'Ana', '14:00')")
    fill(url, PUNCHED, 301, ["2026-11-01 12:30-03", "2026-11-01 13:30-03"])
    fill(url, STAYED)

    def minutes(month: str) -> int:
        (total,) = run("totals", "--month", month, "--employee", 301, "--format", "json").json["totais"]
        return int(total["minutos"])

    paid = [minutes("2026-10"), minutes("2026-11")]
    fill(url, "update funcionario set fuso = 'Asia/Tokyo', corte = '00:00' where usuario_id = 301")

    assert (paid, [minutes("2026-10"), minutes("2026-11")]) == ([60, 0], [0, 60])
    for month in ("2026-10", "2026-11"):
        changes = run("changes", "--month", month, "--since", "2026-11-20T12:00", "--format", "json").json["mudancas"]
        assert 301 in [one["usuarioId"] for one in changes]


def test_first_load_of_an_own_zone_is_a_change_and_a_deleted_row_is_none(run: Run, url: str) -> None:
    employees = {301: "America/Sao_Paulo", 302: "Asia/Tokyo"}
    for number, zone in employees.items():
        fill(url, PUNCHED, number, ["2026-10-15 08:00-03", "2026-10-15 12:00-03"])
        fill(url, "insert into funcionario (usuario_id, nome, fuso) values (%s, 'Ana', %s)", number, zone)

    def listed() -> dict[int, tuple[int, int]]:
        changes = run(*OCTOBER, "--since", "2026-11-20T12:00", "--format", "json").json["mudancas"]
        return {one["usuarioId"]: (one["minutosAntes"], one["minutos"]) for one in changes}

    fill(url, "update funcionario set zona_mudou_em = null where usuario_id < 300")
    assert listed() == {302: (240, 240)}
    fill(url, "delete from funcionario where usuario_id = 302")
    assert listed() == {}


def test_changed_zone_lists_punches_up_to_three_days_beside_the_month(run: Run, url: str) -> None:
    days = {301: "2026-09-27", 302: "2026-09-28", 303: "2026-10-15", 304: "2026-11-03", 305: "2026-11-04"}
    for number, day in days.items():
        fill(url, PUNCHED, number, [f"{day} 12:00-03"])
        fill(url, "insert into funcionario (usuario_id, nome, corte) values (%s, 'Ana', '05:00')", number)
    fill(url, STAYED)
    fill(url, "update funcionario set zona_mudou_em = '2026-11-20 09:00-03' where usuario_id > 300")

    def listed(*words: str) -> list[int]:
        return [one["usuarioId"] for one in run(*OCTOBER, *words, "--format", "json").json["mudancas"]]

    assert listed("--since", "2026-11-10T12:00") == [302, 303, 304]
    assert listed("--since", "2026-11-10T12:00", "--as-of", "2026-11-15T12:00") == [302, 303, 304]
    assert listed("--since", "2026-11-21T12:00") == []


def test_changes_list_other_punches_with_equal_minutes(run: Run, url: str) -> None:
    stayed = "00000000-0000-4000-8000-000000000001"
    fill(url, STAYED)
    fill(url, LATE, stayed, 102)

    (one,) = run(*OCTOBER, "--since", "2026-11-01T12:00", "--format", "json").json["mudancas"]

    assert (one["usuarioId"], one["minutosAntes"], one["minutos"]) == (102, 0, 0)
    assert [(each["tipo"], each["id"]) for each in one["chegadas"]] == [("batida", stayed)]


# At 80 columns


CLOCK = """
insert into batida (id, usuario_id, ponto, dispositivo, enviado, recebida_em)
select gen_random_uuid(), 4000123, at, 'a phone with a long name', at - interval '12 minutes 30 seconds', at
from generate_series(timestamptz '2026-11-03 08:00-03', '2026-11-28 08:00-03', '3 hours 37 minutes') as at
"""


FINDING = r"""(?x)
    (?:\w{3}\ \d+,\ 2026|\d\d/11/2026)\ +\d+  # day and employee
    (?:\ +(?:\d\d:\d\d(?:\+1)?|[\d.,]+\ \N{MULTIPLICATION SIGN}))?  # time, or how many
    \ +\N{MINUS SIGN}?[\d.,]+\ (?:d|h|min|s)(?:\ \d+\ (?:h|min|s))?  # measured
    \ +\S
"""


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize(
    ("words", "row"),
    [
        (TOTALS, r" +\d{3}  .* \d+:\d\d "),
        ((*CUTOFFS, "--all"), r" +\d{3}  .* \d\d:\d\d "),
        ((*EXCEPTIONS, "--no-queue"), FINDING),
    ],
    ids=lambda value: value[0],
)
def test_at_80_columns_a_report_cuts_nothing(
    words: tuple[str, ...], row: str, language: str, run: Run, url: str
) -> None:
    fill(url, CLOCK)

    table = run(*words, "--lang", language).out.rpartition("\n\n")[2].splitlines()

    rows = [
        line for line in table if re.match(r"( +\d{3}|\w{3} \d+, 2026|\d\d/11/2026)  ", line)
    ]  # others go on with one
    assert len(rows) >= 6
    assert [line for line in rows if len(line) > 80 or not re.match(row, line)] == []
    assert "…" not in re.sub("  (Ana|Rita)[^…]*…", "", "\n".join(rows))  # a name, whose employee stands beside it


@pytest.mark.usefixtures("dlq", "numbered")
@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize(
    "words", [TOTALS, (*TOTALS, *AS_OF), EXCEPTIONS, CUTOFFS, CHANGES, GAPS, PEAK], ids=lambda words: f"{words[0]}"
)
def test_no_line_of_a_report_is_wider_than_80_columns(words: tuple[str, ...], language: str, run: Run) -> None:
    lines = run(*words, "--lang", language).out.splitlines()

    assert len(lines) > 5
    assert [line for line in lines if len(line) > 80] == []


MANY = """
insert into batida (id, usuario_id, ponto, dispositivo, recebida_em, gravada_em)
select gen_random_uuid(), usuario, at, 'telefone ' || usuario, at + interval '3 days', at + interval '3 days'
from generate_series(5000001, 5000200) as usuario,
    generate_series(timestamptz '2026-10-05 08:00-03', '2026-10-20 18:00-03', '9 hours 7 minutes') as at
"""


@pytest.mark.parametrize(
    "words",
    [(*OCTOBER, "--since", "2026-10-01T12:00"), ("exceptions", "--month", "2026-10", "--no-queue", "--nearest", "1d")],
    ids=lambda words: words[0],
)
def test_text_takes_at_most_twice_the_time_of_csv(words: tuple[str, ...], run: Run, url: str) -> None:
    fill(url, MANY)

    def cpu(form: str) -> float:
        """Give seconds of this process; the database is another."""
        begun = time.process_time()
        result = run(*words, "--format", form)
        assert result.status == 0, result.err
        return time.process_time() - begun

    took = {form: min(cpu(form) for _ in range(3)) for form in ("csv", "text")}
    assert took["text"] < 2 * took["csv"]


def test_a_phone_with_a_wrong_clock_is_one_line_with_a_count_whoever_used_it(run: Run, url: str) -> None:
    def line() -> str:
        lines = run(*EXCEPTIONS, "--no-queue").out.splitlines()
        (found,) = [line for line in lines if "Device clock" in line and "a phone" in line]
        return found

    fill(url, CLOCK)
    assert re.match("Nov 3, 2026 +4000123 +166 \N{MULTIPLICATION SIGN} +12 min 30 s +Device clock +a phone", line())
    assert run(*EXCEPTIONS, "--no-queue", "--format", "json").json["totais"]["relogio"] == 166 + 2

    fill(url, CLOCK.replace("4000123", "106"))
    assert re.match("Nov 3, 2026 +several +332 \N{MULTIPLICATION SIGN} ", line())


def test_an_exception_after_midnight_has_a_mark(run: Run, url: str) -> None:
    fill(
        url,
        "insert into batida (id, usuario_id, ponto, recebida_em, gravada_em) select gen_random_uuid(), 101, at, at, at"
        " from unnest(array['2026-11-29 00:10-03', '2026-11-29 00:10:30-03']::timestamptz[]) as at",
    )

    (line,) = [line for line in run(*EXCEPTIONS, "--no-queue").out.splitlines() if "Nov 28" in line]
    assert re.match("Nov 28, 2026 +101 +00:10\\+1 +0 s +Near-duplicate", line)
    assert "00:10+1" in run(*EXCEPTIONS, "--no-queue", "--format", "html").out


def test_at_80_columns_a_day_of_ten_punches_takes_two_lines(run: Run) -> None:
    lines = run("timecard", "--employee", 102, *MONTH).out.splitlines()

    at = next(number for number, line in enumerate(lines) if line.startswith(" 3 "))
    assert re.fullmatch(" 3   Tue  07:00 08:00  09:00 10:00  11:00 12:00 +5:00", lines[at])
    assert re.fullmatch(" +13:00 14:00  15:00 16:00", lines[at + 1])


# Dead letters beside the exceptions


def test_dead_letters_are_counted_by_reason_and_employee_and_put_back(run: Run, dlq: str) -> None:
    found = run(*EXCEPTIONS, "--format", "json").json

    assert found["filaLida"]
    assert [(group["motivo"], group["usuarioId"], group["quantidade"]) for group in found["naoGravadas"]] == [
        ("conflict", 102, 2),
        ("malformed", None, 1),
    ]
    assert depth(boto3.client("sqs", region_name="us-east-1"), dlq).visible == 3

    found = run(*EXCEPTIONS, "--format", "json", "--employee", 106).json
    assert {finding["usuarioId"] for finding in found["excecoes"]} == {106}
    assert found["totais"] == {"longa": 1, "proxima": 1}
    assert found["naoGravadas"] == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_queue_that_cannot_be_reached_is_told_and_is_not_all_of_it(
    form: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "_CONFIG", Config(retries={"total_max_attempts": 1}))

    result = run(*EXCEPTIONS, "--format", form)

    assert result.status == 1
    assert "the dead-letter queue was not read: Could not connect" in result.err
    assert form == "csv" or "was not read" in result.out or '"filaLida": false' in result.out


def test_a_queue_that_is_not_to_be_read_is_told_in_the_report_and_no_failure(run: Run) -> None:
    result = run(*EXCEPTIONS, "--no-queue")

    assert (result.status, result.err) == (0, "")
    assert "The dead-letter queue was not read: by request (--no-queue)" in result.out


def test_a_database_elsewhere_needs_the_name_of_its_queues_stage(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    export(psycopg2.extensions.parse_dsn(database), monkeypatch)

    result = commands.runner(capsys, "report")(*EXCEPTIONS, "--database", "env")

    assert result.status == 1
    assert "the database is not the local stack's; name its --stage (--no-queue leaves it alone)" in result.err


def test_the_limits_of_exceptions_are_those_asked_for_and_the_days_the_30_until_yesterday(run: Run) -> None:
    limits = "--longest-day 12h --skew 1h --latest 6d --nearest 0s --final-days 30"

    found = run("exceptions", "--no-queue", "--format", "json", *limits.split()).json

    assert (found["de"], found["ate"]) == ("2026-11-01", "2026-11-30")
    assert found["totais"] == {"incompleta": 3, "longa": 3, "proxima": 6, "dividida": 4, "redefinida": 3}
    assert found["limites"]["jornadaMaximaSegundos"] == 12 * 3600


@pytest.mark.parametrize("option", ["--longest-day", "--nearest", "--latest", "--earliest", "--skew", "--reset"])
def test_the_longest_limit_that_can_be_asked_for_is_one_that_the_database_can_add(option: str, run: Run) -> None:
    assert run(*EXCEPTIONS, "--no-queue", option, "52142w").status == 0
    assert run(*EXCEPTIONS, "--no-queue", "--final-days", "100000").status == 0

    refused = run(*EXCEPTIONS, "--no-queue", option, "52143w")
    assert refused.status == 2
    assert f"Invalid value for '{option}': '52143w' is not a length of time" in refused.err


@pytest.mark.parametrize("form", ["text", "html"])
def test_without_exceptions_there_are_none_by_kind_and_no_heading_for_each(form: str, run: Run) -> None:
    found = run(*EXCEPTIONS, "--no-queue", "--employee", 101, "--format", form).out

    assert re.search(r"By kind\W+(h2\W+p\W+)?none", found)
    assert "Each" not in found


# What comes from outside


def test_a_csv_with_semicolons_is_the_same_table(run: Run) -> None:
    for words in (TIMECARDS, (*EXCEPTIONS, "--no-queue"), MINUTES):
        comma = run(*words, "--format", "csv").out
        semicolon = run(*words, "--format", "csv", "--separator", ";").out

        assert semicolon.splitlines()[0].split(";") == comma.splitlines()[0].split(",")
        assert [cell.replace("'", "") for row in csv.reader(io.StringIO(semicolon), delimiter=";") for cell in row] == [
            cell.replace("'", "") for row in csv.reader(io.StringIO(comma)) for cell in row
        ]


def test_a_terminal_gets_no_control_characters_from_a_dead_letters_reason(run: Run, dlq: str) -> None:
    sqs = boto3.client("sqs", region_name="us-east-1")
    reason: Any = {"reason": {"DataType": "String", "StringValue": "\x1b[2J[red]"}}
    sqs.send_message(QueueUrl=dlq, MessageBody="{}", MessageAttributes=reason)

    assert "?[2J[red]" in run(*EXCEPTIONS).out


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_moves_a_terminals_cursor_or_turns_a_line(form: str, run: Run, url: str) -> None:
    fill(url, "insert into funcionario (usuario_id, nome) values (108, E'\\x1b[2J\\u009b[red]Eve\\u202e')")
    terminal = Terminal()

    with redirect_stdout(terminal):
        run("timecard", "--employee", 108, *MONTH, "--format", form)

    shown = terminal.getvalue()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # a heading of ours, in bold
    assert "[red]Eve" in shown
    assert [character for character in "\x1b\u009b\u202e" if character in shown] == []


# Files


@pytest.mark.parametrize("form", FORMATS)
def test_no_file_has_control_or_bidirectional_characters(form: str, run: Run, url: str, tmp_path: Path) -> None:
    fill(url, "insert into funcionario (usuario_id, nome) values (108, E'\\x1b[2J\\u009bE\\u2067v\\u202ee')")
    file = tmp_path / "report"

    run("timecard", "--employee", 108, *MONTH, "--format", form, "--output", file)

    content = file.read_text(encoding="utf-8-sig")
    assert "[2JEve" in content
    assert re.findall("[\x1b\x9b\u2067\u202e]|u001b|u009b|u2067|u202e", content) == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_for_its_owner_and_is_what_the_terminal_shows(form: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report"

    result = run(*TIMECARDS, "--format", form, "--output", file)

    assert (result.status, result.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf") == (form == "csv")
    assert content.decode("utf-8-sig") == run(*TIMECARDS, "--format", form).out


def test_a_file_that_is_there_is_overwritten_by_force_only(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_text("mine")

    refused = run(*TIMECARDS, "--output", file)
    assert (refused.status, file.read_text()) == (2, "mine")
    assert "exists" in refused.err

    assert run(*TIMECARDS, "--output", file, "--force").status == 0
    assert "Time card" in file.read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("timecard", "--all", "--month", "2020-01"), "nobody punched in 2020-01"),
        (("totals", "--month", "2020-01"), "nobody punched in 2020-01"),
        (("totals", "--month", "2020-01", "--employee", 9), "employee 9 has no punches in 2020-01"),
        (("exceptions", "--month", "2020-01", "--no-queue"), "nobody punched from 2020-01-01 to 2020-01-31"),
        (("cutoffs", "--month", "2020-01"), "nobody punched from 2020-01-01 to 2020-01-31"),
        (("cutoffs", "--month", "2020-01", "--employee", 9), "none of the employees asked for punched from 2020-01-01"),
        (("timecard", "--employee", 101, "--employee", "9", *MONTH), "employee 9 has no punches in 2026-11"),
        (("timecard", "--employee", "9", *MONTH), "employee 9 has no punches in 2026-11"),
        (
            ("peak", "--day", "2026-11-22"),
            "nothing was punched, received or stored from 2026-11-22 00:00-03:00 to 2026-",
        ),
        (("gaps", "--month", "2020-01"), "nothing was received from 2020-01-01 to 2020-01-31"),
        (("gaps", "--from", "2026-11-07", "--to", "2026-11-08"), "nothing was received from 2026-11-07"),
        (("changes", "--month", "2020-01", "--since", "2026-11-01T12:00"), "nobody punched from 2020-01-01 to 2020"),
        (
            ("changes", *MONTH, "--since", "2026-11-01T12:00", "--employee", 9),
            "none of the employees asked for punched",
        ),
    ],
)
def test_a_report_of_nobody_is_told_and_leaves_no_file(
    words: tuple[str, ...], why: str, run: Run, tmp_path: Path
) -> None:
    for form in FORMATS:
        result = run(*words, "--format", form, "--output", tmp_path / "report")

        assert (result.status, result.out) == (1, "")
        assert why in result.err
        assert not (tmp_path / "report").exists()


def test_an_employee_who_is_loaded_and_did_not_punch_has_an_empty_card_and_it_is_told(run: Run) -> None:
    result = run("timecard", "--employee", 104, "--month", "2024-02", "--format", "json")

    assert result.status == 1
    assert "none of the employees asked for punched in 2024-02" in result.err
    assert [day["batidas"] for day in result.json["dias"]] == [0] * 29


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("exceptions", "--from", "2026-11-02", "--to", "2026-11-01"), "is after"),
        (("gaps", "--from", "2020-01-01", "--to", "2026-11-01"), "lie more than a year apart"),
        (("peak", "--from", "2026-11-02T08:00"), "--from and --to together"),
        (("peak", "--from", "2026-11-02T08:00", "--to", "2026-11-02T07:00"), "ends after it begins"),
        (("peak", "--from", "2026-09-02T08:00", "--to", "2026-11-02T07:00"), "at most 31 days"),
        (("peak", "--picture", "peak.gif"), "a picture is .png or .svg"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(words: tuple[str, ...], why: str, run: Run) -> None:
    result = run(*words)

    assert (result.status, result.out) == (2, "")
    assert why in result.err


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_peak_is_drawn_beside_its_report(ending: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / f"peak.{ending}"

    assert run(*PEAK, "--picture", file).status == 0
    first = file.read_bytes()
    assert run(*PEAK, "--picture", file).status == 2
    assert run(*PEAK, "--picture", file, "--force").status == 0

    assert first.startswith(b"\x89PNG" if ending == "png" else b"<?xml")
    assert file.read_bytes() == first


def test_the_pages_picture_is_in_the_page_and_reaches_for_nothing(run: Run) -> None:
    page = run(*PEAK, "--format", "html").out

    (svg,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert "<metadata" not in svg
    assert set(re.findall(r'(?:href|src)="([^"#]+)', page)) == {"data:,"}


# The database


def test_a_report_reads_as_the_role_that_can_do_nothing_else(run: Run, url: str) -> None:
    fill(url, "revoke execute on function espelhos from ponto_reader")

    result = run("timecard", "--employee", 101, *MONTH)

    assert result.status == 2
    assert "permission denied for function espelhos" in result.err


def test_a_report_cannot_write(connection: psycopg2.extensions.connection) -> None:
    with (
        queries.opened(connection),
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.ReadOnlySqlTransaction),
    ):
        cursor.execute(A_PUNCH)


def test_what_is_written_meanwhile_is_in_no_part_of_a_report(
    connection: psycopg2.extensions.connection, url: str
) -> None:
    with queries.opened(connection) as reports:
        before = list(timecard.read(reports, date(2026, 11, 1)))
        fill(url, A_PUNCH)

        assert list(timecard.read(reports, date(2026, 11, 1))) == before


EMPLOYEES = """
insert into funcionario (usuario_id, nome) select n, 'Employee ' || n from generate_series(1, %s) as n
on conflict do nothing
"""


def report_of_all(url: str, folder: Path, form: str) -> list[str]:
    """Have a month in which somebody punched; give the words of its report."""
    fill(url, A_PUNCH)
    return ["report", "timecard", "--all", *MONTH, "--format", form, "--state", str(write_stack_on(folder, url))]


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_who_has_seen_enough_ends_a_report_without_a_word(
    form: str, migrated_url: str, tmp_path: Path
) -> None:
    words = report_of_all(migrated_url, tmp_path, form)
    fill(migrated_url, EMPLOYEES, 200)
    with started([sys.executable, "-m", "tools.cli", *words], cwd=ROOT, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()

        assert process.stderr.read() == b""
        assert process.wait(DEADLINE) == 0


# Not the resource usage of a child, which counts what its parent had when it was forked.
PEAKS_OF_MEMORY = """
import re, sys
from pathlib import Path
from tools.cli import main
for _ in sys.stdin:
    assert main(sys.argv[1:]) == 0
    status = Path("/proc/self/status").read_text().replace("\t", " ")
    print(re.search("VmHWM: *([0-9]+) kB", status)[1], flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from Linux's /proc")
@pytest.mark.parametrize("form", ["csv", "json", "html"])
def test_memory_does_not_grow_with_the_employees(form: str, migrated_url: str, tmp_path: Path) -> None:
    file = tmp_path / "report"
    words = [*report_of_all(migrated_url, tmp_path, form), "--output", str(file), "--force"]
    peaks = []  # MB
    command = [sys.executable, "-c", PEAKS_OF_MEMORY, *words]
    with started(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for employees in (200, 2_000):
            fill(migrated_url, EMPLOYEES, employees)
            process.stdin.write("\n")
            process.stdin.flush()
            peaks.append(int(process.stdout.readline()) / 1024)
            times = {"csv": 30, "html": 2}.get(form, 1)
            assert file.read_text(encoding="utf-8").count(f"Employee {employees}") == times
        process.stdin.close()

    # Held, their rows take 14 MB where the client keeps them as they came, and 22 MB as cards.
    assert peaks[1] - peaks[0] < 4

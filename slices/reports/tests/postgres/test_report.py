"""`ponto report` on a real database: golden files, options, formats and errors.

    GOLDEN=write make test ARGS="slices/reports/tests/postgres/test_report.py -k golden"

writes the golden files; check the diff before you commit it.
"""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from slices.reports.tests.company import GOLDEN, MONTH, NOVEMBER, Run, fill, require_golden, runner
from slices.reports.tests.company import database as database
from slices.reports.tests.company import dlq as dlq
from slices.reports.tests.company import numbered_database as numbered_database
from slices.reports.tests.company import unchanged_database as unchanged_database
from slices.reports.tests.company import url as url
from tests.commands import CommandResult
from tests.database import SCHEMA_ENVIRONMENT
from tests.functions import Functions
from tools.kit import target
from tools.kit.queue_reader import depth

EXCEPTIONS = ("exceptions", *NOVEMBER)
TOTALS = ("totals", *MONTH)
CHANGES = ("changes", *MONTH, "--since", "2026-11-26T20:00")
CUTOFFS = ("cutoffs", *MONTH)
REPORTS = {
    "time_card": ("timecard", "--employee", "107", *MONTH),
    "time_cards": ("timecard", "--employee", "103", "--employee", "107", *MONTH),
    "totals": TOTALS,
    "exceptions": EXCEPTIONS,
    "changes": CHANGES,
}
GOLDEN_FILES = [
    *("time_cards.en.txt", "totals.en.txt", "time_card.pt.txt", "changes.pt.txt"),
    *("totals.pt.csv", "exceptions.pt.csv", "exceptions.en.txt"),
]


@pytest.fixture
def run(
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Run:
    """Run `ponto report` for the company; its dead-letter queue is reachable only with the fixture `dlq`."""
    queue = ("", "http://127.0.0.1:9")
    if "dlq" in request.fixturenames:
        queue = (request.getfixturevalue("dlq"), "https://sqs.us-east-1.amazonaws.com")
    return runner(database, tmp_path, monkeypatch, capsys, *queue)


# Golden files


@pytest.mark.usefixtures("dlq")
@pytest.mark.parametrize("file", GOLDEN_FILES)
def test_report_equals_its_golden_file(file: str, run: Run) -> None:
    require_golden(GOLDEN / file, REPORTS[file.partition(".")[0]], run)


@pytest.mark.usefixtures("numbered_database")
def test_gaps_equal_their_golden_file(run: Run) -> None:
    require_golden(GOLDEN / "gaps.en.txt", ("gaps", *MONTH), run)


# Figures


def test_report_of_several_employees_has_the_rows_of_each(run: Run) -> None:
    employees = ("--employee", 106, "--employee", 102, "--employee", 102)
    totals = run(*TOTALS, "--format", "json").json["totais"]
    exceptions = run(*EXCEPTIONS, "--no-queue", "--format", "json").json["excecoes"]

    assert run(*TOTALS, *employees, "--format", "json").json["totais"] == [totals[1], totals[5]]
    report = run(*EXCEPTIONS, "--no-queue", "--format", "json", *employees).json
    assert report["usuarios"] == [102, 106]
    assert report["excecoes"] == [exception for exception in exceptions if exception["usuarioId"] in (102, 106)]


def test_cutoffs_list_employees_with_split_shifts_or_all(run: Run) -> None:
    def list_employees(*words: object) -> list[int]:
        return [row["usuarioId"] for row in run(*CUTOFFS, "--format", "json", *words).json["cortes"]]

    assert list_employees() == [107]
    assert list_employees("--all") == [101, 102, 103, 105, 106, 107]
    assert list_employees("--employee", 103, "--employee", 101) == [101, 103]
    assert run("cutoffs", *NOVEMBER, "--employee", 107).out == run(*CUTOFFS, "--employee", 107).out
    assert "No cut-off splits shifts regularly." in run("cutoffs", "--from", "2026-11-01", "--to", "2026-11-15").out


@pytest.mark.parametrize("report", ["exceptions", "cutoffs", "gaps"])
def test_month_is_the_same_as_its_first_and_last_day(report: str, run: Run) -> None:
    def run_report(*words: object) -> str:
        return run(report, "--format", "json", *(["--no-queue"] if report == "exceptions" else []), *words).out

    assert run_report(*MONTH) == run_report(*NOVEMBER)
    assert f"--month is not allowed with {NOVEMBER[0]}" in run(report, *MONTH, NOVEMBER[0], NOVEMBER[1]).err


def test_time_card_has_the_employer_of_the_stage_or_of_the_option(run: Run, url: str) -> None:
    words = ("timecard", "--employee", 101, *MONTH)
    assert "\nEmployer: Padaria Exemplo & Cia. Ltda., CNPJ 11.222.333/0001-81\n" in run(*words).out

    functions = Functions(url, "postgres")
    functions.environment |= SCHEMA_ENVIRONMENT | {"EMPLOYER": "Sol & Lua Ltda., 11222333000181"}
    functions.call("schema", {})
    stage_employer = "Sol & Lua Ltda., CNPJ 11.222.333/0001-81"
    assert f"\nEmployer: {stage_employer}\n" in run(*words).out
    page = run(*words, "--format", "html", "--lang", "pt").out
    assert '<dd>Sol &amp; Lua Ltda., <span class="whole">CNPJ 11.222.333/0001-81</span></dd>' in page
    assert run(*words, "--format", "json").json["empregador"] == stage_employer

    other = ("--employer", "Maria Souza, 52998224725")
    assert "\nEmployer: Maria Souza, CPF 529.982.247-25\n" in run(*words, *other).out
    assert stage_employer not in run(*words, *other, "--format", "html").out
    assert "not a name with a CNPJ or CPF, like Padaria Sol" in run(*words, "--employer", "Maria Souza").err

    del functions.environment["EMPLOYER"]
    functions.call("schema", {})
    assert "Employer" not in run(*words).out
    assert run(*words, "--format", "json").json["empregador"] is None


# As of an instant


AS_OF = ("--as-of", "2026-11-26T20:00")


def test_report_as_of_an_instant_shows_the_earlier_state(run: Run) -> None:
    before = ("--as-of", "2026-11-14T07:00")  # an hour before the offline punches of the 9th arrive

    def read_day(*words: object) -> dict[str, Any]:
        (day,) = run("timecard", "--employee", 102, *MONTH, "--format", "json", *words).json["dias"][8:9]
        return {name: day[name] for name in ("batidas", "minutos")}

    assert read_day(*before) == {"batidas": 0, "minutos": 0}
    assert read_day("--as-of", "2026-11-14T10:00Z") == read_day(*before)
    written = "2026-11-14T08:00:00.250"
    assert read_day("--as-of", written)["batidas"] == 1  # the instant itself is included
    assert read_day()["minutos"] == 4 * 60

    minutes = {row["usuarioId"]: row["minutos"] for row in run(*TOTALS, *before, "--format", "json").json["totais"]}
    assert minutes[102] == 26 * 60
    exceptions = run(*EXCEPTIONS, "--no-queue", *before, "--format", "json").json
    assert exceptions["momento"] == "2026-11-14T10:00:00Z"
    assert "atrasada" not in exceptions["totais"]
    words = REPORTS["time_card"]
    for report in (words, (*words, "--format", "html"), TOTALS, (*EXCEPTIONS, "--no-queue")):
        assert "As of Nov 26, 2026, 20:00, America/Sao_Paulo." in run(*report, *AS_OF).out


def test_time_card_and_totals_as_of_an_instant_note_later_zone_changes(run: Run, url: str) -> None:
    def has_note(employee_id: int, *words: object) -> bool:
        options = ("--employee", employee_id, *MONTH, *words)
        is_noted = (
            "Calculated with the current time zone and cut-off, which changed on" in run("timecard", *options).out
        )
        assert ("zone or cut-off changed" in run("totals", *options).out) == is_noted
        return is_noted

    assert has_note(103, *AS_OF)  # the cut-off of employee 103 was loaded later
    assert not has_note(103)
    assert not has_note(101, *AS_OF)
    fill(url, "update funcionario set nome = 'Maria' where usuario_id = 101")
    assert not has_note(101, *AS_OF)
    fill(url, "update funcionario set corte = '04:00' where usuario_id = 101")  # equal to the default
    fill(url, "update funcionario set fuso = 'America/Sao_Paulo' where usuario_id = 101")  # equal to the stage's
    fill(
        url, "insert into funcionario (usuario_id, nome, fuso, corte) values (109, 'Ana', 'America/Sao_Paulo', '04:00')"
    )
    assert not has_note(101, *AS_OF)
    assert not has_note(109, *AS_OF)
    fill(url, "update funcionario set fuso = 'America/Noronha' where usuario_id = 101")
    assert has_note(101, *AS_OF)


def test_instant_less_than_two_minutes_ago_is_refused(run: Run) -> None:
    def run_as_of(seconds_ago: int) -> CommandResult:
        return run(*TOTALS, "--as-of", (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat())

    assert run_as_of(125).status == 0
    refused = run_as_of(115)
    assert (refused.status, refused.out) == (2, "")
    assert "is less than two minutes ago: wait, because punches of that time may not be stored yet" in refused.err


INSERT_LATE_PUNCH = """
insert into batida (id, usuario_id, ponto, recebida_em, gravada_em)
values (%s, %s, '2026-10-05 08:00-03', '2026-11-27 08:00-03', '2026-11-27 08:00-03')
"""


CLEAR_ZONE_CHANGES = "update funcionario set zona_mudou_em = null"
OCTOBER = ("changes", "--month", "2026-10")


def test_changes_list_changed_months_with_later_entries(run: Run, url: str) -> None:
    def read_changes(since: str, *words: object) -> dict[int, Any]:
        changes = run(*OCTOBER, "--since", since, "--format", "json", *words).json["mudancas"]
        return {change["usuarioId"]: change for change in changes}

    fill(url, CLEAR_ZONE_CHANGES)
    fill(url, INSERT_LATE_PUNCH.replace("2026-11-27", "2026-10-05"), "00000000-0000-4000-8000-000000000003", 107)
    assert read_changes("2026-11-01T12:00") == {}
    assert "No month changed." in run(*OCTOBER, "--since", "2026-11-01T12:00").out
    punch_id = "00000000-0000-4000-8000-000000000001"
    fill(url, INSERT_LATE_PUNCH, punch_id, 101)

    (change,) = read_changes("2026-11-01T12:00").values()

    assert (change["usuarioId"], change["diasIncompletosAntes"], change["diasIncompletos"]) == (101, 0, 1)
    assert [(entry["id"], entry["tipo"], entry["dia"]) for entry in change["chegadas"]] == [
        (punch_id, "batida", "2026-10-05")
    ]
    assert read_changes("2026-11-27T07:59").keys() == {101}
    assert read_changes("2026-11-27T12:00") == {}
    assert read_changes("2026-11-26T12:00", "--employee", 107) == {}
    assert read_changes("2026-11-26T12:00", "--as-of", "2026-11-27T12:00").keys() == {101}
    assert read_changes("2026-11-26T12:00", "--as-of", "2026-11-27T07:59") == {}
    assert "No month" in run(*OCTOBER, "--since", "2026-11-27T08:00", "--as-of", "2026-11-27T12:00").out
    wrong_order = run(*OCTOBER, "--since", "2026-11-27T12:00", "--as-of", "2026-11-27T12:00")
    assert (wrong_order.status, wrong_order.out) == (2, "")
    assert "--since must be before --as-of" in wrong_order.err


def test_changes_list_employees_whose_zone_or_cut_off_changed(run: Run, url: str) -> None:
    since = (*OCTOBER, "--since", "2026-11-01T12:00")
    for number in (101, 102):
        fill(
            url,
            INSERT_LATE_PUNCH.replace("2026-11-27", "2026-10-05"),
            f"00000000-0000-4000-8000-000000000{number}",
            number,
        )
    fill(url, CLEAR_ZONE_CHANGES)
    change_zones = "update funcionario set zona_mudou_em = '2026-11-20 09:00-03' where usuario_id in (101, 104)"
    fill(url, change_zones)  # 104 never punched

    (change,) = run(*since, "--format", "json").json["mudancas"]
    assert (change["usuarioId"], change["zonaMudouEm"], change["chegadas"]) == (101, "2026-11-20T12:00:00Z", [])
    shown = " ".join(run(*since).out.split())
    assert "Nov 20, 2026, 09:00" in shown
    assert "compare them with what was paid" in shown
    assert "No month" not in shown
    (row,) = csv.DictReader(run(*since, "--format", "csv").out.splitlines())
    assert row["zona_mudou_em"] == "2026-11-20T12:00:00Z"
    assert run(*since, "--employee", 102, "--format", "json").json["mudancas"] == []
    assert "No month" in run(*OCTOBER, "--since", "2026-11-21T12:00").out


# Dead letters beside the exceptions


def test_dead_letters_of_an_employee_are_listed_and_stay_in_the_queue(run: Run, dlq: str) -> None:
    exceptions_of_102 = run(*EXCEPTIONS, "--format", "json", "--employee", 102).json
    exceptions_of_106 = run(*EXCEPTIONS, "--format", "json", "--employee", 106).json

    assert [(group["motivo"], group["quantidade"]) for group in exceptions_of_102["naoGravadas"]] == [("conflict", 2)]
    assert {exception["usuarioId"] for exception in exceptions_of_106["excecoes"]} == {106}
    assert exceptions_of_106["totais"] == {"longa": 1, "proxima": 1}
    assert exceptions_of_106["naoGravadas"] == []
    assert depth(boto3.client("sqs", region_name="us-east-1"), dlq).visible == 3


@pytest.mark.parametrize("form", ["text", "json"])
def test_unreachable_queue_is_reported_with_status_1(form: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "config", lambda **_: Config(retries={"total_max_attempts": 1}))

    result = run(*EXCEPTIONS, "--format", form)

    assert result.status == 1
    assert "the dead-letter queue was not read: Could not connect" in result.err
    assert ("was not read" if form == "text" else '"filaLida": false') in result.out


def test_skipped_queue_is_noted_with_status_0(run: Run) -> None:
    result = run(*EXCEPTIONS, "--no-queue")

    assert (result.status, result.err) == (0, "")
    assert "The dead-letter queue was not read: by request (--no-queue)" in result.out


def test_exceptions_have_the_given_limits_and_30_days_by_default(run: Run) -> None:
    limits = "--longest-day 12h --skew 1h --latest 6d --nearest 0s --final-days 30"
    longest = [f"--{name}=52142w" for name in ("longest-day", "nearest", "latest", "earliest", "skew", "reset")]

    report = run("exceptions", "--no-queue", "--format", "json", *limits.split()).json

    assert (report["de"], report["ate"]) == ("2026-11-01", "2026-11-30")
    assert report["totais"] == {"incompleta": 3, "longa": 3, "proxima": 6, "dividida": 4, "redefinida": 3}
    assert report["limites"]["jornadaMaximaSegundos"] == 12 * 3600
    # PostgreSQL can add the largest values of the options.
    assert run(*EXCEPTIONS, "--no-queue", *longest, "--final-days", "100000").status == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("timecard", "--all", "--month", "2020-01"), "no employee punched in 2020-01"),
        (("totals", "--month", "2020-01", "--employee", 9), "employee 9 has no punches in 2020-01"),
        (("exceptions", "--month", "2020-01", "--no-queue"), "no employee punched from 2020-01-01 to 2020-01-31"),
        (("cutoffs", "--month", "2020-01", "--employee", 9), "none of these employees punched from 2020-01-01"),
        (("timecard", "--employee", 101, "--employee", "9", *MONTH), "employee 9 has no punches in 2026-11"),
        (("gaps", "--month", "2020-01"), "no punch was received from 2020-01-01 to 2020-01-31"),
        (("changes", "--month", "2020-01", "--since", "2026-11-01T12:00"), "no employee punched from 2020-01-01"),
    ],
)
def test_report_without_data_is_refused_without_a_file(
    words: tuple[str, ...], message: str, run: Run, tmp_path: Path
) -> None:
    result = run(*words, "--output", tmp_path / "report")

    assert (result.status, result.out) == (1, "")
    assert message in result.err
    assert not (tmp_path / "report").exists()


def test_loaded_employee_without_punches_has_an_empty_card_and_status_1(run: Run) -> None:
    result = run("timecard", "--employee", 104, "--month", "2024-02", "--format", "json")

    assert result.status == 1
    assert "none of these employees punched in 2024-02" in result.err
    assert [day["batidas"] for day in result.json["dias"]] == [0] * 29

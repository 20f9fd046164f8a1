"""Renaming of the origin's texts and paths, and collisions of names."""

from contextlib import closing

import psycopg2
import pytest

from ponto.punch import EVENT
from tools.develop.new.words import ORIGIN, SQL_RESERVED, Names, Renaming, find_taken_names
from tools.kit.event import EXAMPLE_SUBJECT

SCANS = Names(
    "parcel-scans",
    "parcelscans",
    "/scans",
    "leitura",
    ("scan", "scans"),
    ("parcel", "parcels"),
    "parcel_number",
    "parcelNumber",
    "leituras",
    "it's",
)
HOURS = SCANS._replace(noun=("hour", "hours"), subject_noun=("user", "users"))

to_scans = Renaming(SCANS).rename


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("class Punch(NamedTuple):", "class Scan(NamedTuple):"),
        ("punches = [add_punch(punch_id) for punch_id in IDS]", "scans = [add_scan(scan_id) for scan_id in IDS]"),
        ("PUNCH_IDS", "SCAN_IDS"),
        ("InvalidPunchError, SQSPunch", "InvalidScanError, SQSScan"),
        ("employee_id, EMPLOYEES, EmployeeRows, firstEmployee", "parcel_id, PARCELS, ParcelRows, firstParcel"),
        ("usuario_id and usuarioId", "parcel_number and parcelNumber"),
        ("from ponto.punch import EVENT", "from parcelscans.scan import EVENT"),
        ("select from ponto.batida", "select from parcelscans.leitura"),
        ("Fluxo de batidas", "Fluxo de leituras"),
        ("ponto_reader pontodb", "parcelscans_reader parcelscansdb"),
        ("PONTO_POSTGRES, batida_semana_usuario_id_idx", "PARCELSCANS_POSTGRES, leitura_semana_parcel_number_idx"),
        ("batida-ponto-prod-batidaPonto, BatidaPontoLogGroup", "parcel-scans-prod-parcelScans, ParcelScansLogGroup"),
        ("name = 'batida-ponto-serverless'", "name = 'parcel-scans'"),
        ("ponto trace --employee 123 --day", """parcelscans trace --parcel 'it'"'"'s' --day"""),
        ("where usuario_id = 123", "where parcel_number = 'it''s'"),
        (r'r"\bponto \bPunchRow\npunch"', r'r"\bparcelscans \bScanRow\nscan"'),
    ],
)
def test_word_is_renamed_in_each_form(text: str, renamed: str) -> None:
    assert to_scans(text) == renamed


def test_function_id_of_a_long_service_is_shortened() -> None:
    assert SCANS._replace(service="parcel-scans-of-the-north-west").function_id == "parcelScansOfTheNorthWes"


@pytest.mark.parametrize("text", ["puncher", "pontos", "appunch"])
def test_part_of_another_word_is_not_renamed(text: str) -> None:
    assert to_scans(text) == text


def test_new_name_that_contains_an_old_one_is_renamed_once() -> None:
    names = SCANS._replace(service="punch-cards", package="punchcards", table="punch_card")

    assert Renaming(names).rename("ponto.batida of batida-ponto") == "punchcards.punch_card of punch-cards"


def test_path_of_a_file_is_renamed() -> None:
    assert Renaming(SCANS).rename_name("ponto/read/sql/punches.sql") == "parcelscans/read/sql/scans.sql"


@pytest.mark.parametrize(
    ("path", "text", "taken"),
    [
        ("ponto/shared/log.py", "def show(punch, scan): ...  # scans", ["scan"]),
        ("ponto/shared/log.py", "def show(punch): return 'scan'  # scan", []),
        ("ponto/drain/sql/a.sql", "select scan from punch -- scans", ["scan"]),
        ("resources/a.js", "const scan = punch; // scans", ["scan"]),
        ("ponto/shared/log.py", "scans = 1", []),
    ],
)
def test_new_name_that_a_file_has_already_is_taken(path: str, text: str, taken: list[str]) -> None:
    assert find_taken_names({path: text}, Renaming(SCANS)) == taken


def test_path_of_another_file_is_taken() -> None:
    taken = find_taken_names({"ponto/punch.py": "", "ponto/scan.py": ""}, Renaming(SCANS))

    assert taken == ["parcelscans/scan.py"]


def test_origin_has_the_names_of_its_declaration() -> None:
    declared = Names(
        EVENT.service,
        "ponto",
        EVENT.path,
        EVENT.table,
        EVENT.noun,
        EVENT.subject_noun,
        EVENT.subject,
        EVENT.fields[EVENT.subject].name,
        EVENT.plural_pt or "",
        EXAMPLE_SUBJECT,
    )

    assert declared == ORIGIN


def test_reserved_words_are_those_of_postgresql(postgres: str) -> None:
    with closing(psycopg2.connect(postgres)) as connection, connection.cursor() as cursor:
        cursor.execute("select word from pg_get_keywords() where catcode in ('R', 'T')")

        assert {word for (word,) in cursor} == SQL_RESERVED

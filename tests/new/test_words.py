"""Renaming of the reference's texts and paths, and collisions of names."""

from contextlib import closing

import psycopg2
import pytest

from ponto.punch import EVENT
from tools.new.words import MAX_SERVICE_LENGTH, REFERENCE, SQL_RESERVED, Collision, Names, Renaming, find_collisions

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
)
ORDERS = Names(
    "orders", "orders", "/pedido", "pedido", ("order", "orders"), ("shop", "shops"), "loja", "loja", "pedidos"
)
HOURS = SCANS._replace(noun=("hour", "hours"), subject_noun=("user", "users"))

to_scans = Renaming(SCANS).rename


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("class Punch(NamedTuple):", "class Scan(NamedTuple):"),
        ("punches = [add_punch(punch_id) for punch_id in IDS]", "scans = [add_scan(scan_id) for scan_id in IDS]"),
        ("PUNCH_IDS", "SCAN_IDS"),
        ("PunchQueue, punchRateLimit, SQSPunchQueue", "ScanQueue, scanRateLimit, SQSScanQueue"),
        ("employee_id, EMPLOYEES, EmployeeRows, firstEmployee", "parcel_id, PARCELS, ParcelRows, firstParcel"),
        ("usuario_id and usuarioId", "parcel_number and parcelNumber"),
        ("from ponto.punch import EVENT", "from parcelscans.scan import EVENT"),
        ("select from ponto.batida", "select from parcelscans.leitura"),
        ("Fluxo de batidas", "Fluxo de leituras"),
        ("ponto_reader pontodb", "parcelscans_reader parcelscansdb"),
        ("PONTO_POSTGRES, batida_semana_usuario_id_idx", "PARCELSCANS_POSTGRES, leitura_semana_parcel_number_idx"),
        ("batida-ponto-prod-batidaPonto, BatidaPontoRole", "parcel-scans-prod-parcelScans, ParcelScansRole"),
        ("name = 'batida-ponto-serverless'", "name = 'parcel-scans'"),
        (r'r"\bponto \bPunchQueue\npunch"', r'r"\bparcelscans \bScanQueue\nscan"'),
    ],
)
def test_word_is_renamed_in_each_form(text: str, renamed: str) -> None:
    assert to_scans(text) == renamed


@pytest.mark.parametrize("text", ["puncher", "pontos", "appunch"])
def test_part_of_another_word_is_not_renamed(text: str) -> None:
    assert to_scans(text) == text


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("POST /ponto", "POST /scans"),
        ("PathPart: ponto", "PathPart: scans"),
        ('"https://abc/dev/ponto"', '"https://abc/dev/scans"'),
        ("/ponto/{id}, /ponto/ID, /ponto/OPTIONS, /ponto?a=b", "/scans/{id}, /scans/ID, /scans/OPTIONS, /scans?a=b"),
        ("cd ponto/; ../ponto/fields.py, ../../ponto", "cd parcelscans/; ../parcelscans/fields.py, ../../parcelscans"),
        ("dbuser:RESOURCE-ID/ponto", "dbuser:RESOURCE-ID/parcelscans"),
        ("https://ponto.example.com", "https://parcelscans.example.com"),
    ],
)
def test_path_of_requests_differs_from_folders_and_users(text: str, renamed: str) -> None:
    assert to_scans(text) == renamed


@pytest.mark.parametrize(
    ("new", "text", "renamed"),
    [
        (SCANS, "a punch of an employee", "a scan of a parcel"),
        (ORDERS, "a punch of an employee. A punch.", "an order of a shop. An order."),
        (ORDERS, "An employee_id", "A shop_id"),
        (ORDERS, "a `punch`, a *punch*, a [punch](x.md)", "an `order`, an *order*, an [order](x.md)"),
        (ORDERS, "a stored punch, a\n    # punch", "a stored order, an\n    # order"),
        (HOURS, "a punch of an employee", "an hour of a user"),
        (SCANS, "for a in punches, vitamin-a punch", "for a in scans, vitamin-a scan"),
    ],
)
def test_article_fits_the_new_noun(new: Names, text: str, renamed: str) -> None:
    assert Renaming(new).rename(text) == renamed


def test_new_name_that_contains_an_old_one_is_renamed_once() -> None:
    names = SCANS._replace(service="punch-cards", package="punchcards", table="punch_card")

    assert Renaming(names).rename("ponto.batida of batida-ponto") == "punchcards.punch_card of punch-cards"


def test_path_of_a_file_is_renamed() -> None:
    assert Renaming(SCANS).rename_name("ponto/reader/sql/key_employees.sql") == "parcelscans/reader/sql/key_parcels.sql"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ponto/log.py", "def show(punch, scan): ..."),
        ("resources/a.js", "const scan = punch; // a comment"),
        ("ponto/sql/a.sql", "select scan from punch"),
    ],
)
def test_name_that_a_file_has_already_is_a_collision(path: str, text: str) -> None:
    collisions = list(find_collisions({path: text}, Renaming(SCANS)))

    assert collisions == [Collision(path, "punch", "scan", "a name that the file has already")]


@pytest.mark.parametrize(
    ("path", "text", "noun"),
    [
        ("ponto/log.py", "punch = 1", "print"),
        ("ponto/sql/a.sql", "select punch", "order"),
        ("resources/a.js", "punch()", "export"),
    ],
)
def test_reserved_word_is_a_collision(path: str, text: str, noun: str) -> None:
    renaming = Renaming(SCANS._replace(noun=(noun, f"{noun}s")))

    assert list(find_collisions({path: text}, renaming)) == [Collision(path, "punch", noun, "a reserved word")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ponto/log.py", "def show(punch): ...  # scan\nTEXT = 'scan'"),
        ("ponto/log.py", "scan = 1"),
        ("resources/a.js", "punch(); // scan\nconst text = 'scan';"),
        ("ponto/sql/a.sql", "-- scan\nselect 'scan', punch"),
        ("README.md", "a punch is a scan"),
    ],
)
def test_word_in_a_comment_or_text_is_no_collision(path: str, text: str) -> None:
    assert list(find_collisions({path: text}, Renaming(SCANS))) == []


def test_two_files_with_one_new_name_are_a_collision() -> None:
    (collision,) = find_collisions({"ponto/punch.py": "", "ponto/scan.py": ""}, Renaming(SCANS))

    assert collision == Collision(
        "ponto/punch.py", "ponto/punch.py", "parcelscans/scan.py", "the name of ponto/scan.py"
    )


def test_reference_has_the_names_of_its_declaration() -> None:
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
    )

    assert declared == REFERENCE


def test_reserved_words_are_those_of_postgresql(postgres: str) -> None:
    with closing(psycopg2.connect(postgres)) as connection, connection.cursor() as cursor:
        cursor.execute("select word from pg_get_keywords() where catcode in ('R', 'T')")

        assert {word for (word,) in cursor} == SQL_RESERVED


@pytest.mark.parametrize(
    "service", ["a" * MAX_SERVICE_LENGTH, "temperature-measurements-field", "a" + "-b" * 14, "a-" + "b" * 28]
)
@pytest.mark.parametrize("stage", ["dev", "prod", "staging"])
def test_names_of_functions_have_at_most_64_characters_as_lambda_allows(service: str, stage: str) -> None:
    names = SCANS._replace(service=service)

    assert all(len(f"{service}-{stage}-{function}") <= 64 for function in (names.function_id, "receipt"))

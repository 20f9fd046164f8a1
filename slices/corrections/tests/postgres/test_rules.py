"""The rules of the table of corrections, which apply to all writers: refusals, retries and authors."""

import hashlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from typing import Any

import psycopg2
import pytest

from ponto.drain.parser import parse
from ponto.shared.fields import INVISIBLE_CHARACTERS
from slices.corrections.write import (
    Correction,
    CorrectionsRefusedError,
    StoredCorrection,
    parse_correction,
    write_corrections,
)
from slices.reports.tests.reporting import CLOCK_CHANGES
from tests.database import Database, execute
from tests.waiting import wait_for

ANA, RUI, UNKNOWN_EMPLOYEE = 123, 124, 999
AUTHOR = "arn:aws:sts::123456789012:assumed-role/people/ana"
SIX = datetime(2026, 10, 1, 18)  # local, in the employee's zone
AT_SIX = datetime(2026, 10, 1, 21, tzinfo=UTC)
PUNCH = "0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e"
REASON = "forgot to punch"
CHOSEN = "c0000000-0000-8000-8000-000000000001"


@pytest.fixture
def punch_database(database: Database) -> Database:
    """Return a database in which Ana has a punch, and Rui is an employee without punches."""
    database.execute("insert into batida (id, usuario_id, ponto) values (%s, %s, '2026-10-01 08:00-03')", PUNCH, ANA)
    database.execute("insert into funcionario (usuario_id, nome, fuso) values (%s, 'Rui', 'America/Manaus')", RUI)
    return database


def write(
    database: Database, *corrections: Correction, author: str = AUTHOR, **parameters: str
) -> list[StoredCorrection]:
    with closing(psycopg2.connect(**{**database.owner, "user": "ponto_corrections", **parameters})) as connection:
        return write_corrections(connection, corrections, author)


def refusals(database: Database, *corrections: Correction) -> dict[int, str]:
    before = database.execute("select count(*) from correcao")
    with pytest.raises(CorrectionsRefusedError) as caught:
        write(database, *corrections)
    assert database.execute("select count(*) from correcao") == before  # all or nothing
    return dict(caught.value.reasons)


def add(usuario_id: int = ANA, ponto: datetime = SIX, **values: Any) -> Correction:
    return Correction("inclusao", **{"motivo": REASON, "usuario_id": usuario_id, "ponto": ponto, **values})


def disregard(alvo: str = PUNCH, **values: Any) -> Correction:
    return Correction("desconsideracao", **{"motivo": "twice", "alvo": alvo, **values})


def undo(alvo: str, **values: Any) -> Correction:
    return Correction("anulacao", **{"motivo": "a mistake", "alvo": alvo, **values})


def derive_id(*parts: object) -> str:
    """Return the id of a correction, computed as README.md describes."""
    digest = hashlib.sha256("|".join(map(str, ("correcao", *parts))).encode()).hexdigest()
    variant = "89ab"[int(digest[16], 16) % 4]
    return f"c{digest[1:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


# Stored rows


def test_each_kind_is_a_row_with_author_and_employee(punch_database: Database) -> None:
    [added] = write(punch_database, add())
    [disregarded] = write(punch_database, disregard())
    [undone] = write(punch_database, undo(disregarded.id))

    assert [tuple(each) for each in (added, disregarded, undone)] == [
        (derive_id("inclusao", ANA, "2026-10-01T21:00:00.000000Z", 0), ANA, AT_SIX, True),
        (derive_id("desconsideracao", PUNCH, 0), ANA, None, True),
        (derive_id("anulacao", disregarded.id, 0), ANA, None, True),
    ]
    assert punch_database.execute(
        "select id::text, usuario_id, tipo, ponto, alvo::text, motivo, autor from correcao order by criada_em"
    ) == [
        (added.id, ANA, "inclusao", AT_SIX, None, REASON, AUTHOR),
        (disregarded.id, ANA, "desconsideracao", None, PUNCH, "twice", AUTHOR),
        (undone.id, ANA, "anulacao", None, disregarded.id, "a mistake", AUTHOR),
    ]
    assert punch_database.execute("select id::text from batida") == [(PUNCH,)]


@pytest.mark.parametrize(
    ("usuario_id", "ponto", "instant"),
    [
        (ANA, SIX, AT_SIX),  # the stage's zone
        (RUI, SIX, AT_SIX + timedelta(hours=1)),  # an hour west of it
        (RUI, AT_SIX, AT_SIX),
    ],
)
def test_time_without_an_offset_is_in_the_employees_zone(
    punch_database: Database, usuario_id: int, ponto: datetime, instant: datetime
) -> None:
    assert write(punch_database, add(usuario_id, ponto))[0].ponto == instant


@pytest.mark.parametrize(
    ("local", "reason"),
    [
        (
            "2025-11-02T01:30",
            "2025-11-02T01:30 occurs twice in America/New_York, where the clocks change: give the offset, as "
            "2025-11-02T01:30-04:00 or 2025-11-02T01:30-05:00",
        ),
        ("2026-03-08T02:30", "2026-03-08T02:30 does not exist in America/New_York, where the clocks change: give the "),
    ],
)
def test_repeated_or_skipped_local_time_is_refused(punch_database: Database, local: str, reason: str) -> None:
    punch_database.execute("update funcionario set fuso = 'America/New_York' where usuario_id = %s", RUI)
    assert refusals(punch_database, add(RUI, datetime.fromisoformat(local)))[0].startswith(reason)

    early, late = write(
        punch_database, *(add(RUI, datetime.fromisoformat(f"{local}{offset}")) for offset in ("-04", "-05"))
    )
    assert early.ponto
    assert late.ponto
    assert late.ponto - early.ponto == timedelta(hours=1)


def test_local_times_around_clock_changes_are_those_of_zoneinfo(punch_database: Database) -> None:
    for zone, day in CLOCK_CHANGES:
        punch_database.execute("update funcionario set fuso = %s where usuario_id = %s", zone.key, RUI)
        for half_hours in range(5 * 48):
            local = datetime.combine(day, time()) + timedelta(minutes=30 * half_hours)
            at = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
            expected = at[0] if at[0] == at[1] else "occurs twice" if at[0] < at[1] else "does not exist"
            try:
                [(found,)] = punch_database.execute("select instante_local(%s, %s)", RUI, local)
            except psycopg2.errors.CheckViolation as error:
                found = next((reason for reason in ("occurs twice", "does not exist") if reason in str(error)), error)
            assert found == expected, (zone, local)


FUTURE = datetime.now(UTC) + timedelta(days=300)


@pytest.mark.parametrize(
    ("correction", "reason"),
    [
        (add(ponto=FUTURE), "is in the future"),
        (add(UNKNOWN_EMPLOYEE), "employee 999 is not known: no punch, and no row of funcionario"),
        (disregard(str(uuid.uuid4())), "is no punch, and no addition that counts"),
        (disregard(usuario_id=RUI), f"{PUNCH} is of another employee than {RUI}"),
        (undo(PUNCH), f"{PUNCH} is no correction that can be undone"),
        (undo(str(uuid.uuid4())), "is no correction that can be undone"),
        (add(id=PUNCH), "is taken"),
        (add(id=str(uuid.uuid4())), "correcao_id_check"),
    ],
)
def test_correction_that_contradicts_the_rows_is_refused(
    punch_database: Database, correction: Correction, reason: str
) -> None:
    assert reason in refusals(punch_database, correction)[0]


def test_repeated_change_is_refused_with_the_existing_correction(punch_database: Database) -> None:
    added, disregarded = write(punch_database, add(), disregard())
    [undone] = write(punch_database, undo(disregarded.id))
    [disregarded_again] = write(punch_database, disregard())
    [undone_addition] = write(punch_database, undo(added.id))

    assert refusals(punch_database, disregard(motivo="another reason"), disregard(id=CHOSEN)) == dict.fromkeys(
        (0, 1), f"{PUNCH} is disregarded already, by correction {disregarded_again.id}"
    )
    assert refusals(punch_database, undo(disregarded.id, motivo="again")) == {
        0: f"{disregarded.id} is undone already, by correction {undone.id}"
    }
    assert refusals(punch_database, undo(undone_addition.id)) == {
        0: f"{undone_addition.id} is no correction that can be undone"
    }
    assert refusals(punch_database, disregard(added.id), disregard(disregarded_again.id)) == {
        number: f"{target} is no punch, and no addition that counts"
        for number, target in enumerate((added.id, disregarded_again.id))
    }


def test_retry_of_a_disregarded_addition_is_refused(punch_database: Database) -> None:
    added, disregarded = write(
        punch_database, add(), disregard(derive_id("inclusao", ANA, "2026-10-01T21:00:00.000000Z", 0))
    )
    assert refusals(punch_database, add(), add(motivo="another reason")) == dict.fromkeys(
        (0, 1), f"2026-10-01 18:00:00-03 was added, and is disregarded by correction {disregarded.id}: undo that one"
    )
    write(punch_database, undo(disregarded.id))
    assert write(punch_database, add()) == [added._replace(is_new=False)]


def test_chosen_id_is_kept_and_cannot_be_used_twice(punch_database: Database) -> None:
    write(punch_database, add(ponto=AT_SIX - timedelta(hours=1)))
    [added] = write(punch_database, add(id=CHOSEN))
    assert write(punch_database, add(id=CHOSEN)) == [added._replace(is_new=False)]
    assert refusals(punch_database, disregard(id=CHOSEN)) == {0: f"the id {CHOSEN} is taken; choose another one (--id)"}


def test_one_refusal_of_many_stops_all_and_each_has_its_reason(punch_database: Database) -> None:
    reasons = refusals(punch_database, add(), add(UNKNOWN_EMPLOYEE), disregard(), undo(PUNCH))
    assert reasons.keys() == {1, 3}
    # A correction may refer to an earlier one of the same call.
    first_id = derive_id("inclusao", ANA, "2026-10-01T21:00:00.000000Z", 0)
    assert [each.is_new for each in write(punch_database, add(), disregard(first_id))] == [True, True]


def test_no_punch_has_the_id_of_a_correction(punch_database: Database) -> None:
    [added] = write(punch_database, add())
    body = '{"id": "%s", "usuarioId": 123, "ponto": "2026-10-01T08:00:00-03:00"}'
    with pytest.raises(ValueError, match="id: must be a UUID"):
        parse(body % added.id, UTC)
    latest = parse('{"usuarioId": 1, "ponto": "2999-12-31T23:59:59-14:59"}', UTC)
    assert latest.id[0] in "01"  # a derived id begins with the instant


# Concurrency

WAITING = "select count(*) from pg_locks where not granted and locktype = 'advisory'"


def test_concurrent_corrections_wait_for_the_first_and_see_it(punch_database: Database) -> None:
    with ThreadPoolExecutor() as threads, closing(punch_database.connect()) as first, first.cursor() as cursor:
        cursor.execute(
            "insert into correcao (tipo, alvo, motivo, autor) values ('desconsideracao', %s, 'twice', 'x')", (PUNCH,)
        )
        retry = threads.submit(write, punch_database, disregard())
        other = threads.submit(write, punch_database, disregard(motivo="another reason"))
        try:
            wait_for(lambda: punch_database.execute(WAITING) == [(2,)], "both to wait for the first")
        finally:
            first.commit()
        assert [each.is_new for each in retry.result()] == [False]
        with pytest.raises(CorrectionsRefusedError):
            other.result()
    assert punch_database.execute("select count(*) from correcao") == [(1,)]


def test_corrections_have_instants_in_the_order_of_their_commits(punch_database: Database) -> None:
    with ThreadPoolExecutor() as threads, closing(punch_database.connect()) as first, first.cursor() as cursor:
        cursor.execute("insert into correcao (tipo, alvo, motivo) values ('desconsideracao', %s, 'twice')", (PUNCH,))
        waiting = threads.submit(write, punch_database, add())
        try:
            wait_for(lambda: punch_database.execute(WAITING) == [(1,)], "the other to wait for the first")
            cursor.execute(
                "insert into correcao (tipo, usuario_id, ponto, motivo) values ('inclusao', %s, %s, 'forgot')",
                (RUI, SIX),
            )
        finally:
            first.commit()
        waiting.result()
    order = punch_database.execute("select tipo, usuario_id from correcao order by criada_em")
    assert order == [("desconsideracao", ANA), ("inclusao", RUI), ("inclusao", ANA)]


def test_repeatable_read_transaction_is_refused(punch_database: Database) -> None:
    with closing(psycopg2.connect(**punch_database.owner)) as connection, connection.cursor() as cursor:
        connection.set_session(isolation_level="repeatable read")
        with pytest.raises(psycopg2.DatabaseError, match="read committed"):
            cursor.execute("insert into correcao (tipo) values ('inclusao')")


def test_commit_a_minute_after_the_insert_is_refused(punch_database: Database) -> None:
    [(function,)] = punch_database.execute("select pg_get_functiondef('correcao_a_tempo'::regproc)")
    punch_database.execute(function.replace("1 minute", "0"))

    with pytest.raises(psycopg2.errors.SerializationFailure, match="longer than a minute"):
        write(punch_database, add())

    assert punch_database.execute("select count(*) from correcao") == [(0,)]
    # A restored correction was written long ago.
    punch_database.execute(
        "insert into correcao (tipo, alvo, motivo, criada_em)"
        " values ('desconsideracao', %s, 'twice', '2026-10-02 08:00Z')",
        PUNCH,
    )


# Authors


@pytest.fixture
def person(database: Database) -> Iterator[str]:
    """Create a personal login that may write corrections; yield its name."""
    database.execute("create role ana login in role ponto_correctors")
    yield "ana"
    database.execute("drop role ana")


def test_personal_login_is_the_author_and_obeys_the_rules(punch_database: Database, person: str) -> None:
    insert = "insert into correcao (tipo, usuario_id, alvo, ponto, motivo) values (%s, %s, %s, %s, 'a mistake')"
    login = {**punch_database.owner, "user": person}
    execute(login, insert, "inclusao", ANA, None, SIX)
    assert punch_database.execute("select autor, clock_timestamp() - criada_em < '1 minute' from correcao") == [
        ("ana", True)
    ]
    with pytest.raises(psycopg2.errors.CheckViolation, match="is no correction"):
        execute(login, insert, "anulacao", None, PUNCH, None)


@pytest.mark.parametrize("values", ["autor) values ('boss'", "criada_em) values ('2026-10-01Z'"])
def test_personal_login_cannot_set_author_or_instant(punch_database: Database, person: str, values: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute({**punch_database.owner, "user": person}, f"insert into correcao ({values})")


def test_tables_of_an_earlier_schema_in_the_search_path_change_no_rule(punch_database: Database, person: str) -> None:
    punch_database.execute(
        "create schema shadow authorization ana; create table shadow.funcionario (usuario_id bigint)"
    )
    punch_database.execute("insert into shadow.funcionario values (999)")
    with pytest.raises(psycopg2.errors.CheckViolation, match="employee 999 is not known"):
        execute(
            {**punch_database.owner, "user": person, "options": "-c search_path=shadow,ponto"},
            "insert into correcao (tipo, usuario_id, ponto, motivo) values ('inclusao', 999, now(), 'mine')",
        )
    punch_database.execute("drop schema shadow cascade")


# Form


ADDITION = {"tipo": "inclusao", "usuarioId": ANA, "ponto": "2026-10-01T18:00", "motivo": REASON}


def test_table_refuses_an_invisible_reason(punch_database: Database) -> None:
    assert "correcao_motivo_visivel" in refusals(punch_database, add(motivo="a\u3164\u3164b"))[0]
    assert write(punch_database, add(motivo="\U0001f44d\U0001f3fd\u200d\u2642\ufe0f"))[0].is_new


def test_table_and_function_treat_the_same_characters_as_invisible(punch_database: Database) -> None:
    [(rule,)] = punch_database.execute(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'correcao_motivo_visivel'"
    )
    assert f"regexp_replace(motivo, '[{INVISIBLE_CHARACTERS}]'::text, ''::text, 'g'::text)" in rule


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"tipo": []}, "tipo: must be one of"),
        ({"ponto": None}, "ponto: required"),
        ({"alvo": PUNCH}, "alvo: must be absent for inclusao"),
        ({"autor": "boss"}, "unknown field 'autor'"),
        ({"id": PUNCH}, "id: must be a UUID of version 8 that begins with c"),
        *(({"motivo": text}, "motivo: must be 3 to 200") for text in ("ab", "x" * 201, " abc", "a\u202eb", 7)),
        ({"motivo": "a\u3164\u3164b"}, "motivo: must be 3 to 200 .* visible"),
    ],
)
def test_invalid_json_object_is_refused_with_the_reason(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        parse_correction(ADDITION | changed)

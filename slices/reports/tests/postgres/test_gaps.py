"""Missing and repeated numbers of devices: the view, the function and `ponto report gaps`."""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ponto.drain.store import Store
from slices.reports.tests.company import Run, runner
from tests.database import Database
from tests.fakes import ZONE
from tests.postgres.storing import entry

FIRST = datetime(2026, 9, 1, 12, tzinfo=UTC)
MONTHS = [("2026-09-01", "2026-09-30"), ("2026-10-01", "2026-10-31"), ("2026-11-01", "2026-11-30")]
DEVICES, PUNCHES, LOST = 20, 1_000, 200
DAY = timedelta(days=1)
RECEIVED = timedelta(seconds=2)  # after the punch


def number(database: Database, device: str | None, *numbers: int | None, received: datetime = FIRST) -> None:
    """Store punches with these numbers, each punched and received a day after the previous one."""
    for days, sequencia in enumerate(numbers):
        at = received + days * DAY
        database.execute(
            "insert into batida (id, usuario_id, ponto, dispositivo, sequencia, recebida_em)"
            " values (gen_random_uuid(), 7, %s, %s, %s, %s)",
            *(at, device, sequencia, at + RECEIVED),
        )


def gaps(database: Database, report: str = "lacunas") -> list[tuple[Any, ...]]:
    return database.execute("select dispositivo, situacao, numero_inicial, numero_final, quantas from " + report)


@pytest.fixture
def run(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(database.url, tmp_path, monkeypatch, capsys)


def test_exactly_the_lost_punches_of_20000_are_missing(database: Database, store: Store) -> None:
    seed = random.getrandbits(32)
    print(f"seed {seed}")  # noqa: T201  pytest shows it with a failure
    draw = random.Random(seed)  # noqa: S311
    sent = [(device, sequence) for device in range(DEVICES) for sequence in range(1, PUNCHES + 1)]
    lost = set(draw.sample([punch for punch in sent if punch[1] < PUNCHES], LOST))
    kept = [
        entry(1 + device, FIRST + sequence * timedelta(minutes=90), dispositivo=f"gate {device}", sequencia=sequence)
        for device, sequence in sent
        if (device, sequence) not in lost
    ]
    arrived = kept + draw.sample(kept, 500)  # repeats with the same id, which are no gaps
    draw.shuffle(arrived)
    span = 90 * DAY / len(arrived)
    arrived = [
        punch._replace(received_ms=int((FIRST + at * span).timestamp() * 1000)) for at, punch in enumerate(arrived)
    ]
    for at in range(0, len(arrived), 2_000):
        store.save(arrived[at : at + 2_000])

    all_gaps = gaps(database)

    missing = [
        (int(device.removeprefix("gate ")), sequence)
        for device, _, first, last, _ in all_gaps
        for sequence in range(first, last + 1)
    ]
    assert len(missing) == LOST
    assert set(missing) == lost
    assert {(state, last - first + 1 - count) for _, state, first, last, count in all_gaps} == {("faltam", 0)}
    monthly_gaps = [row for de, ate in MONTHS for row in gaps(database, f"lacunas_recebidas('{de}', '{ate}')")]
    assert sorted(monthly_gaps) == sorted(all_gaps)


def test_number_received_under_several_ids_is_listed_once(database: Database) -> None:
    number(database, "clone", 1, 2, 2, 2, 5, 5)

    assert database.execute("select * from lacunas") == [
        ("clone", "repetida", 2, 2, 3, FIRST + DAY, FIRST + 3 * DAY, FIRST + 3 * DAY + RECEIVED),
        ("clone", "faltam", 3, 4, 2, FIRST + 3 * DAY, FIRST + 4 * DAY, FIRST + 4 * DAY + RECEIVED),
        ("clone", "repetida", 5, 5, 2, FIRST + 4 * DAY, FIRST + 5 * DAY, FIRST + 5 * DAY + RECEIVED),
    ]


def test_consecutive_repeated_numbers_of_a_reset_device_are_one_row(database: Database) -> None:
    number(
        database, "reset", *range(1, 8), *range(1, 6), 4, received=FIRST + 20 * DAY
    )  # in October from the eleventh punch on
    number(database, "another", 6, 6)

    assert database.execute("select * from lacunas where dispositivo = 'reset'") == [
        ("reset", "repetida", a, b, times, FIRST + first * DAY, FIRST + last * DAY, FIRST + last * DAY + RECEIVED)
        for a, b, times, first, last in ((1, 3, 2, 20, 29), (4, 4, 3, 23, 32), (5, 5, 2, 24, 31))
    ]
    assert gaps(database, "lacunas where situacao = 'repetida' and dispositivo <> 'reset'") == [
        ("another", "repetida", 6, 6, 2)
    ]
    # A repeat is listed on the days on which it became visible: 4 and 5 in October
    assert gaps(database, "lacunas_recebidas('2026-09-01', '2026-09-30') where dispositivo = 'reset'") == [
        ("reset", "repetida", 1, 3, 2)
    ]
    assert gaps(database, "lacunas_recebidas('2026-10-01', '2026-10-31')") == [
        ("reset", "repetida", 4, 4, 3),
        ("reset", "repetida", 5, 5, 2),
    ]


def test_late_punch_closes_a_gap_of_any_month(database: Database) -> None:
    number(database, "gate", 1, 2)
    number(database, "gate", 6, received=FIRST + 30 * DAY)
    october = "lacunas_recebidas('2026-10-01', '2026-10-31')"
    assert gaps(database, october) == gaps(database) == [("gate", "faltam", 3, 5, 3)]
    assert gaps(database, "lacunas_recebidas('2026-09-01', '2026-09-30')") == []

    number(database, "gate", 3, 5, received=FIRST + 61 * DAY)

    assert gaps(database) == gaps(database, "lacunas_recebidas('2026-11-01', '2026-11-30')")
    assert gaps(database) == [("gate", "faltam", 4, 4, 1)]
    assert gaps(database, october) == []


def test_punches_without_a_number_or_a_device_have_no_gaps(database: Database) -> None:
    number(database, "gate", None, None)
    number(database, None, 2, 5)

    assert gaps(database) == []


def test_no_gap_is_status_0_and_no_received_punch_is_status_1(run: Run, database: Database) -> None:
    nothing = run("gaps")
    assert (nothing.status, nothing.out) == (1, "")
    assert "no punch was received" in nothing.err

    in_last_month = datetime.now(ZONE).replace(day=1) - timedelta(days=2)  # the default period
    number(database, "gate", 1, 2, received=in_last_month)
    result = run("gaps")
    assert "No number is missing or was received more than once." in result.out
    assert result.status == 0
    assert json.loads(run("gaps", "--format", "json").out)["lacunas"] == []

"""The company of `ponto demo`: reproducible, and with plausible data."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from itertools import chain, pairwise

import pytest

from slices.reports.demo import store
from slices.reports.demo.company import MAX_DELAY, Company, DemoPunch
from slices.reports.load import employees
from tools.kit.project import ROOT

FIRST, LAST = date(2026, 9, 1), date(2026, 10, 31)
SECOND, DAY = 1_000_000, 86_400 * 1_000_000  # microseconds


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(7, 500)


@pytest.fixture(scope="module")
def rows(company: Company) -> list[DemoPunch]:
    return draw_rows(company)


def draw_rows(company: Company, first: date = FIRST, last: date = LAST) -> list[DemoPunch]:
    return list(chain.from_iterable(company.rows(first, last)))


def digest_rows(seed: int) -> str:
    rows = draw_rows(Company(seed, 60), date(2026, 10, 1))
    return hashlib.sha256("".join(map(store._format_row, rows)).encode()).hexdigest()


def microseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND


# Reproducible


def test_rows_depend_on_the_seed() -> None:
    assert digest_rows(1) == digest_rows(1)
    assert digest_rows(1) != digest_rows(2)
    assert Company(1, 60).employees() == Company(1, 60).employees()
    assert Company(1, 60).employees() != Company(2, 60).employees()


def test_the_rows_depend_neither_on_the_machines_time_zone_nor_on_the_process() -> None:
    code = "from slices.reports.tests.unit.test_company import digest_rows; print(digest_rows(1))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TZ": "Asia/Tokyo", "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == digest_rows(1)


def test_more_months_only_add_earlier_ones() -> None:
    shorter, longer = (draw_rows(Company(7, 60), first) for first in (date(2026, 10, 1), FIRST))
    assert {row.id for row in shorter} <= {row.id for row in longer}


# In order of writing


def test_rows_are_in_the_order_of_writing(rows: list[DemoPunch]) -> None:
    assert all(before.gravada_em < after.gravada_em for before, after in pairwise(rows))
    assert all(row.gravada_em > row.recebida_em for row in rows)
    assert rows[-1].gravada_em < microseconds(LAST) + DAY + MAX_DELAY.total_seconds() * SECOND


# Plausible


def test_employees_can_be_loaded_and_have_cpfs_beginning_with_999() -> None:
    staff = Company(7, 500).employees()
    lines = [",".join(employees.COLUMNS), *(",".join(str(cell or "") for cell in employee) for employee in staff)]
    assert employees.parse_employees("\n".join(lines).encode(), {employee.fuso or "" for employee in staff}) == (
        staff,
        [],
    )
    assert {(employee.cpf or "")[:3] for employee in staff} == {"999"}
    assert len({employee.cpf for employee in staff}) == len(staff)
    assert len({employee.fuso for employee in staff}) == 6
    assert 0.04 < Counter(employee.corte for employee in staff)["12:00"] / len(staff) < 0.12


def test_counts_match_the_rows(company: Company, rows: list[DemoPunch]) -> None:
    assert company.counts["punches"] == len(rows)
    # Old terminals do not send whether they were offline.
    offline = sum(row.offline is True for row in rows)
    assert {row.offline for row in rows if row.deslocamento is None} == {None}
    assert offline <= company.counts["punchedOffline"] <= 1.2 * offline
    assert company.counts["withoutOffset"] == sum(row.deslocamento is None for row in rows)
    assert company.counts["withPosition"] == sum(row.latitude is not None for row in rows)


def test_device_numbers_its_punches_in_the_order_of_punching(company: Company, rows: list[DemoPunch]) -> None:
    numbers: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: (row.true_time, row.sequencia or 0)):
        assert (row.dispositivo is None) == (row.sequencia is None)
        if row.dispositivo and row.sequencia:
            numbers.setdefault(row.dispositivo, [0]).append(row.sequencia)
    steps = Counter(after - before for sequence in numbers.values() for before, after in pairwise(sequence))
    assert steps.keys() <= {1, 2, 3}
    assert steps[2] + 2 * steps[3] == company.counts["lostByDevices"] > 0


def test_intake_stops_once_a_month_and_catches_up(company: Company, rows: list[DemoPunch]) -> None:
    for month in (FIRST, LAST):
        start, end = company.outage(month)
        assert not [row for row in rows if start + 5 * SECOND < row.gravada_em < end]
        delayed_rows = [row for row in rows if start < row.recebida_em < end]
        assert delayed_rows
        assert all(row.gravada_em < end + 60 * SECOND for row in delayed_rows)

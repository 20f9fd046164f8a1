"""The made-up company of `ponto demo`: the same for a seed, and like a real one."""

import hashlib
import os
import subprocess
import sys
import tracemalloc
import uuid
from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise

import numpy as np
import pytest

from tools.demo import binary_copy
from tools.demo.company import FIRST_NUMBER, LONGEST_DELAY, NONE, PHONE, Company, Rows
from tools.kit.project import ROOT
from tools.load import employees

FIRST, LAST = date(2026, 9, 1), date(2026, 10, 31)
SECOND, DAY = 1_000_000, 86_400 * 1_000_000  # microseconds


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(7, 500)


@pytest.fixture(scope="module")
def rows(company: Company) -> Rows:
    return np.concatenate(list(company.rows(FIRST, LAST)))


def digest(seed: int, first: date = FIRST, last: date = LAST) -> str:
    parts = binary_copy.encode(Company(seed, 60).rows(first, last))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def microseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND


# The same


def test_a_seed_gives_the_same_rows_and_another_others() -> None:
    assert digest(1) == digest(1)
    assert digest(1) != digest(2)
    assert Company(1, 60).employees() == Company(1, 60).employees()
    assert Company(1, 60).employees() != Company(2, 60).employees()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_the_rows_depend_neither_on_the_machines_time_zone_nor_on_the_process(zone: str) -> None:
    code = "from tests.unit.test_company import digest; print(digest(1))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"TZ": zone, "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == digest(1)


def test_more_months_only_add_earlier_ones() -> None:
    shorter = np.concatenate(list(Company(7, 60).rows(date(2026, 10, 1), LAST)))
    longer = np.concatenate(list(Company(7, 60).rows(FIRST, LAST)))
    assert {row.tobytes() for row in shorter["id"]} <= {row.tobytes() for row in longer["id"]}


# In order of writing


def test_rows_come_in_the_order_in_which_they_were_written(rows: Rows) -> None:
    assert (np.diff(rows["gravada_em"]) > 0).all()
    assert (rows["gravada_em"] > rows["recebida_em"]).all()
    assert rows["gravada_em"].max() < microseconds(LAST) + DAY + LONGEST_DELAY.total_seconds() * SECOND


def test_a_day_is_given_when_it_is_over_so_that_memory_does_not_grow_with_the_months() -> None:
    def peak(first: date) -> int:
        tracemalloc.start()
        try:
            for _ in Company(7, 2_000).rows(first, LAST):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(LAST)  # what is imported and cached once
    assert peak(date(2026, 7, 1)) < 1.2 * peak(date(2026, 10, 1))


# Like a real one


def test_ids_are_all_different_and_of_the_devices_clock(rows: Rows) -> None:
    ids = [uuid.UUID(bytes=row.tobytes()) for row in rows["id"]]
    messages = [uuid.UUID(bytes=row.tobytes()) for row in rows["mensagem_id"]]
    assert len(set(ids)) == len(set(messages)) == len(rows)
    assert {(found.version, found.variant) for found in ids} == {(7, uuid.RFC_4122)}
    assert {(found.version, found.variant) for found in messages} == {(4, uuid.RFC_4122)}
    assert [found.int >> 80 for found in ids] == (rows["ponto"] // 1000).tolist()


def test_the_employees_are_ones_that_could_be_loaded_and_their_cpfs_are_of_a_range_of_their_own() -> None:
    staff = Company(7, 500).employees()
    lines = [",".join(employees.COLUMNS), *(",".join(str(cell or "") for cell in employee) for employee in staff)]
    assert employees.read("\n".join(lines).encode(), {employee.fuso or "" for employee in staff}) == (staff, ([], 0))
    assert {(employee.cpf or "")[:3] for employee in staff} == {"999"}
    assert len({employee.cpf for employee in staff}) == len(staff)
    assert len({employee.fuso for employee in staff}) == 6
    assert 0.04 < Counter(employee.corte for employee in staff)["12:00"] / len(staff) < 0.12


# The share of something, of what, and about how much: chance stays within these bounds
@pytest.mark.parametrize(
    ("what", "of", "least", "most"),
    [
        ("punches", "workingDays", 3.7, 4.4),
        ("nightShifts", "workingDays", 0.04, 0.12),
        ("forgotten", "workingDays", 0.010, 0.020),
        ("oddDays", "workingDays", 0.014, 0.030),
        ("lostByDevices", "forgotten", 0.01, 0.10),
        ("doubleTaps", "punches", 0.0010, 0.0020),
        ("offlineBatches", "workingDays", 0.008, 0.016),
        ("punchedOffline", "offlineBatches", 3.0, 5.0),
        ("receivedADayLate", "punches", 0.0008, 0.0040),
        ("daysChangedAfterThree", "offlineBatches", 0.05, 0.20),
        ("wrongClocks", "punches", 0.0001, 0.05),
        ("inTheFuture", "wrongClocks", 0.0, 1.0),
        ("withoutOffset", "punches", 0.02, 0.15),
        ("withPosition", "punches", 0.15, 0.40),
        ("waitedAMinute", "punches", 0.0005, 0.01),
    ],
)
@pytest.mark.usefixtures("rows")
def test_oddities_are_as_frequent_as_they_should_be(
    company: Company, what: str, of: str, least: float, most: float
) -> None:
    assert least <= company.counts[what] / company.counts[of] <= most


def test_the_counts_are_those_of_the_rows(company: Company, rows: Rows) -> None:
    assert company.counts["punches"] == len(rows)
    # An old terminal does not say that it was offline.
    old = rows["deslocamento"] == NONE
    assert (rows["offline"][old] == NONE).all()
    assert (rows["offline"] == 1).sum() <= company.counts["punchedOffline"] <= 1.2 * (rows["offline"] == 1).sum()
    assert company.counts["withoutOffset"] == (rows["deslocamento"] == NONE).sum()
    assert company.counts["withPosition"] == (~np.isnan(rows["latitude"])).sum()


def test_a_device_numbers_its_punches_in_the_order_in_which_they_were_made(company: Company, rows: Rows) -> None:
    numbers: dict[object, list[int]] = {}
    for row in np.sort(rows, order=["punched", "sequencia"]):
        device = int(row["usuario_id"] if row["dispositivo"] == PHONE else row["dispositivo"])
        if row["dispositivo"] == NONE:
            assert row["sequencia"] == NONE
        else:
            numbers.setdefault(device, [0]).append(int(row["sequencia"]))
    steps = Counter(after - before for one in numbers.values() for before, after in pairwise(one))
    assert steps.keys() <= {1, 2, 3}
    assert steps[2] + 2 * steps[3] == company.counts["lostByDevices"] > 0


def test_nobody_works_on_sundays_and_everybody_has_a_vacation(rows: Rows) -> None:
    # Noon of Sunday 4 October 2026 to noon of Monday, less the shifts that begin on Monday morning, in UTC
    sunday = microseconds(date(2026, 10, 4))
    right = rows[(rows["enviado"] != NONE) & (np.abs(rows["recebida_em"] - rows["enviado"]) < 5 * 60 * SECOND)]
    assert not ((right["ponto"] > sunday + DAY // 2) & (right["ponto"] < sunday + DAY + DAY // 4)).any()

    year = np.concatenate(list(Company(7, 30).rows(date(2025, 11, 1), date(2026, 12, 31))))
    for number in range(FIRST_NUMBER, FIRST_NUMBER + 30):
        days = np.unique(year["ponto"][year["usuario_id"] == number] // DAY)
        assert np.diff(days).max() >= 28


def test_the_intake_comes_to_a_halt_once_a_month_and_catches_up(company: Company, rows: Rows) -> None:
    for month in (FIRST, LAST):
        begin, end = company.outage(month)
        assert not ((rows["gravada_em"] > begin + 5 * SECOND) & (rows["gravada_em"] < end)).any()
        waited = rows[(rows["recebida_em"] > begin) & (rows["recebida_em"] < end)]
        assert len(waited)
        assert (waited["gravada_em"] < end + 60 * SECOND).all()

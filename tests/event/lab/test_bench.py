"""`make bench`: the documented commands with small sizes, and the calculation of their figures."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lab.bench import drain, growth, harness
from lab.bench.__main__ import REFERENCE_PARTS
from lab.bench.cold import STARTERS
from lab.bench.drain import PEERS
from lab.bench.harness import BenchCase, Measurement, Spread, summarize_values
from lab.bench.server import run_server
from ponto.derived_id import derive_id
from tools.kit.project import ROOT
from tools.local.postgres import UNSAFE_SETTINGS


def bench(folder: Path, *words: str) -> str:
    """Run `python -m lab.bench --quick`; return what it printed."""
    command = [sys.executable, "-m", "lab.bench", *words, "--quick", "--set", "fsync=off", "--folder", str(folder)]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the results that a quick run of each part wrote."""
    folder = tmp_path_factory.mktemp("bench")
    bench(folder, "--punches", "1000", *REFERENCE_PARTS)
    return {part: json.loads((folder / f"{part}.json").read_text())["results"] for part in REFERENCE_PARTS}


@pytest.mark.nightly
def test_every_peer_is_measured_at_every_batch_size(results: dict[str, Any]) -> None:
    rows = results["drain"]
    assert {(row["peer"], row["batch"]) for row in rows} == {
        (peer, batch) for peer in PEERS for batch in (10, 100, 1000)
    }
    assert all(row["rowsPerSecond"]["least"] > 0 for row in rows)


@pytest.mark.nightly
def test_growth_is_measured_for_each_type_of_ids(results: dict[str, Any]) -> None:
    assert {(row["ids"], row["rows"]) for row in results["growth"]} == {
        (ids, rows) for ids in ("UUIDv4", "UUIDv7", "derived") for rows in (0, 1000)
    }


@pytest.mark.nightly
def test_cold_start_with_a_secret_loads_boto3_and_with_iam_does_not(results: dict[str, Any]) -> None:
    peaks = {row["starter"]: row["peakMib"]["median"] for row in results["cold"]}
    assert peaks.keys() == STARTERS.keys()
    assert peaks["handler"] <= peaks["iam"] + 1 < peaks["secret"] - 10


@pytest.mark.nightly
def test_drain_at_a_distance_prints_a_table_for_it(tmp_path: Path) -> None:
    printed = bench(tmp_path, "drain", "--distance", "1", "--punches", "500")

    rows = json.loads((tmp_path / "distance.json").read_text())["results"]
    assert {(row["distance"], row["peer"], row["batch"]) for row in rows} == {
        (1, peer, batch) for peer in PEERS for batch in (10, 100)
    }
    [trip] = {row["roundTripMs"]["median"] for row in rows}
    assert trip >= 1
    assert f"\nA round trip of 1 ms (`select 1` takes {trip:.2f} ms):\n" in printed


def test_cases_run_in_turn_and_are_summarized_by_median_and_extremes() -> None:
    runs: list[str] = []

    def case(peer: str, figures: Iterator[float]) -> BenchCase:
        def run() -> dict[str, float]:
            runs.append(peer)
            return {"ms": next(figures)}

        return BenchCase({"peer": peer}, run)

    measured = harness.measure_cases("drain", [case("a", iter([1, 5, 2])), case("b", iter([7, 8, 9]))], rounds=3)

    assert runs == ["a", "b"] * 3
    assert [row.figures["ms"] for row in measured] == [Spread(2, 1, 5), Spread(8, 7, 9)]
    assert [row.figures["ms"].format(1) for row in measured] == ["2.0 (1.0 to 5.0)", "8.0 (7.0 to 9.0)"]


def test_each_peer_is_compared_with_the_handler_at_its_batch_size() -> None:
    rates = {("original", 10): 500, ("original", 100): 1_000, ("handler", 10): 2_000, ("handler", 100): 20_000}
    rows = [
        Measurement({"distance": 0.5, "peer": peer, "batch": batch}, {"rows_per_second": summarize_values([rate])})
        for (peer, batch), rate in rates.items()
    ]

    (table,) = drain.build_tables(rows, [0.5])

    assert [row.figures["multiple"].median for row in table.rows] == [4, 20, 1, 1]
    assert table.note[-1] == (
        "With batches of 100, the handler is 40.0 times as fast as the original with batches of 10."
    )


def test_filled_table_has_derived_ids_in_chronological_order() -> None:
    with run_server(UNSAFE_SETTINGS) as server:
        server.use_database("derived")
        growth.fill(server, "derived", 100, employees=3)
        newest = UUID(server.query("select id::text from ponto.batida order by id desc limit 1"))
        assert server.query("select count(distinct usuario_id) from ponto.batida") == 3

    now = UUID(derive_id(1, datetime.now(UTC)))
    assert newest.version == now.version
    assert 0 <= (now.int >> 80) - (newest.int >> 80) < 15 * 60_000  # ms; the newest punch is at most 10 minutes old

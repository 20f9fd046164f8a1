"""`python -m lab.bench --quick` from end to end: each part measures, and writes what the documents say."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lab.bench import __main__ as command
from lab.bench import growth
from lab.bench.cold import STARTERS
from lab.bench.drain import PEERS
from lab.bench.server import running
from ponto.derived_id import derive_id
from tools.kit.project import ROOT
from tools.local.postgres import UNSAFE

PARTS = list(command.OF_THE_REFERENCE)  # a slice's tests run its own
# The least that random() gives: a table of millions has it.
LEAST = """
create schema least;
create function least.random() returns double precision language sql as 'select 0.0::double precision';
set search_path = least, pg_catalog, public
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give what a quick run wrote."""
    folder = tmp_path_factory.mktemp("bench")
    words = [sys.executable, "-m", "lab.bench", "--quick", "--punches", "1000", "--folder", str(folder), "--json"]
    words += ["--set", "max_wal_size=2GB", *PARTS]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {part: read(folder, part) for part in PARTS}
    return folder


def read(folder: Path, part: str) -> Any:
    return json.loads((folder / f"{part}.json").read_text())


@pytest.mark.parametrize("part", PARTS)
def test_each_part_says_on_what_it_ran_and_which_aims_it_met(folder: Path, part: str) -> None:
    document = read(folder, part)

    assert document.keys() == {"machine", "results", "aims"}
    assert document["machine"].keys() == {"began", "seconds", "python", "cores", "loadBefore", "loadAfter", "settings"}
    assert document["aims"]
    assert all(aim.keys() == {"text", "wanted", "reached", "atMost", "met"} for aim in document["aims"])


def test_every_peer_is_measured_at_every_batch_size(folder: Path) -> None:
    results = read(folder, "drain")["results"]

    assert {(drain["peer"], drain["batch"]) for drain in results} == {
        (peer, batch) for peer in PEERS for batch in (10, 100, 1000)
    }
    assert all(drain["rowsPerSecond"].keys() == {"median", "least", "most"} for drain in results)
    assert all(drain["rowsPerSecond"]["least"] > 0 for drain in results)


def test_a_table_grows_with_each_kind_of_ids(folder: Path) -> None:
    results = read(folder, "growth")["results"]

    assert {(growth["ids"], growth["rows"]) for growth in results} == {
        (ids, rows) for ids in ("UUIDv4", "UUIDv7", "derived") for rows in (0, 1000)
    }


def test_five_at_once_have_no_deadlock_and_no_failure(folder: Path) -> None:
    results = read(folder, "workers")["results"]

    none = {"median": 0, "least": 0, "most": 0}
    assert [(load["workers"], load["failures"], load["deadlocks"]) for load in results] == [(5, none, none)] * 2


def test_the_function_is_larger_than_its_driver_and_both_start(folder: Path) -> None:
    results = {cold["starter"]: cold for cold in read(folder, "cold")["results"]}

    assert results.keys() == STARTERS.keys()
    assert results["bare"]["importMs"]["median"] < results["psycopg2"]["importMs"]["median"]
    assert 0 < results["psycopg2"]["zipMb"]["median"] < results["ours"]["zipMb"]["median"]


def test_a_secret_costs_a_cold_start_boto3_and_a_token_of_iam_does_not(folder: Path) -> None:
    peaks = {cold["starter"]: cold["peakMib"]["median"] for cold in read(folder, "cold")["results"]}
    assert peaks["ours"] <= peaks["iam"] + 1 < peaks["secret"] - 10


def test_a_table_is_filled_with_the_punches_of_its_company_and_ids_in_their_order() -> None:
    with running(UNSAFE) as server:
        server.use("derived")
        server.ask(LEAST)
        growth.fill(server, "derived", 100, employees=1000)
        least = server.ask("select min(usuario_id) from ponto.batida")
        newest = server.ask("select id::text from ponto.batida order by id desc limit 1")
        server.use("few")
        growth.fill(server, "UUIDv7", 100, employees=3)
        employees = server.ask("select count(distinct usuario_id) from ponto.batida")

    assert least == 1
    assert employees == 3
    ours = UUID(derive_id(1, datetime.now(UTC)))
    assert UUID(newest).version == ours.version
    assert 0 <= (ours.int >> 80) - (UUID(newest).int >> 80) < 60_000  # ms

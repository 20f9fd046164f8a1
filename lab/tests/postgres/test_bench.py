"""`make bench` with small sizes."""

import json
import subprocess
import sys

import pytest

from tools.kit.project import ROOT


@pytest.mark.nightly
def test_each_way_is_measured_with_each_delay_and_batch_size() -> None:
    words = ["--rounds", "1", "--punches", "5000", "--delay", "0", "--delay", "2", "--json"]
    words += ["--batch", "10", "--batch", "200"]  # more than the original's punches with a delay
    command = [sys.executable, "-m", "lab.bench", *words]

    printed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout

    rate = {(row["delayMs"], row["batch"], row["way"]): row["median"] for row in json.loads(printed)["results"]}
    assert set(rate) == {(ms, batch, way) for ms in (0, 2) for batch in (10, 200) for way in ("original", "handler")}
    assert all(rate.values())
    assert rate[2, 10, "original"] < 10 / (11 * 0.002)  # each of its statements waits for the delay
    assert rate[2, 10, "original"] < rate[0, 10, "original"]

"""The measurements of reports by `make bench`: reports beside naive queries, and a time card on large tables."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slices.reports.lab.bench import COMMANDS, PARTS, REPORTS
from tools.kit.project import ROOT


@pytest.mark.nightly
def test_each_report_is_measured_with_its_plan_and_a_time_card_on_each_table(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lab.bench", "--quick", "--ids", "UUIDv7", "--folder", str(tmp_path)]
    result = subprocess.run([*words, "growth", *PARTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

    results = json.loads((tmp_path / "reports.json").read_text())["results"]
    assert [(row["what"], row["by"]) for row in results] == [
        ("demo", "command"),
        *((words, "command") for words in COMMANDS),
        *((report.title, by) for report in REPORTS for by in ("report", "naive")),
    ]
    assert all(row["ms"]["least"] > 0 for row in results)
    assert all(row["rows"]["least"] > 0 and row["plan"] for row in results if row["by"] != "command")

    growth = json.loads((tmp_path / "growth.json").read_text())
    assert [row["rows"] for row in growth["results"]] == [0, 1_000]
    assert all(row["cardMs"]["least"] > 0 for row in growth["results"])

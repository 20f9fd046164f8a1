"""Small load tests on the deployed stack, with JMeter and the proof of its results."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from loadtest.jmeter import installed_path
from loadtest.summary import to_json
from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
from tools.kit.project import ROOT

pytestmark = pytest.mark.skipif(
    not (shutil.which("java") and (shutil.which("mvn") or installed_path())),
    reason="no Java with JMeter or Maven; apt-get install maven",
)

# In a short run, most of JMeter's time is JIT compilation, which these options reduce.
ENVIRONMENT = os.environ | {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def loadtest(deployed: Deployed, *words: str) -> tuple[int, Any]:
    """Run the load test; return its exit status and the contents of summary.json."""
    command = [sys.executable, "-m", "loadtest", "--state", str(deployed.state), "--json", *words]
    process = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert process.stdout, process.stderr
    summary = json.loads((deployed.state / "loadtest" / "summary.json").read_text())
    assert json.loads(process.stdout) == to_json(summary)
    return process.returncode, summary


def assert_no_file_has(key: str, *folders: Path) -> None:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if path.suffix == ".properties" or key.encode() in path.read_bytes()] == []


def test_every_accepted_punch_of_a_small_load_is_one_row(client: Client, deployed: Deployed) -> None:
    words = ["--threads", "10", "--loops", "20", "--repeats", "20", "--malformed", "10"]
    status, summary = loadtest(deployed, *words, "--open-rate", "30", "--open-seconds", "2")

    assert (status, summary["errors"]) == (0, 0), summary
    names = ("requests", "accepted", "repeats", "refused", "stored", "dead_letters", "missing", "stored_twice")
    assert [summary[name] for name in names] == [260, 200, 40, 20, 200, 0, 0, 0]
    ids = [id_ for (id_,) in client.query("select id::text from ponto.batida") if id_.startswith(summary["id_prefix"])]
    assert len(ids) == 200
    assert {uuid.UUID(id_).version for id_ in ids} == {7}  # as clients generate them
    arrivals = summary["open_model"]
    assert arrivals["accepted"] == arrivals["stored"] > 0
    assert arrivals["errors"] == 0, arrivals
    folder = deployed.state / "loadtest"
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    dates = re.findall(r'<td>(?:Start|End) Time</td>\s*<td>"(.*)"</td>', page)
    assert len(dates) == 2
    assert [text for text in dates if not re.match(r"\d+[-/.]\d+[-/.]\d+\D", text)] == []
    assert (folder / "arrivals.png").exists()
    assert_no_file_has(client.address.api_key, folder)

"""Small load tests on the deployed stack, with JMeter and the proof of its results."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from loadtest.jmeter import find_jmeter, installed_path
from loadtest.remote import RemoteServers
from loadtest.summary import to_json
from tests.e2e.client import Client
from tests.e2e.deployed import Deployed
from tools.kit.errors import CommandError
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
    first = summary["properties"]["firstEmployee"]
    rows = client.rows_in_range(range(first, first + 10**9))
    assert sorted(row.punch.employee_id for row in rows) == list(range(first, first + 200))
    assert {uuid.UUID(row.punch.id).version for row in rows} == {7}  # as clients generate them
    arrivals = summary["open_model"]
    assert arrivals["properties"]["firstEmployee"] == first + 10**9
    assert arrivals["accepted"] == arrivals["stored"] > 0
    assert arrivals["errors"] == 0, arrivals
    folder = deployed.state / "loadtest"
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    dates = re.findall(r'<td>(?:Start|End) Time</td>\s*<td>"(.*)"</td>', page)
    assert len(dates) == 2
    assert [text for text in dates if not re.match(r"\d+[-/.]\d+[-/.]\d+\D", text)] == []
    assert (folder / "arrivals.png").exists()
    assert_no_file_has(client.address.api_key, folder)


@pytest.fixture
def server_names(tmp_path: Path) -> Iterator[list[str]]:
    """Start two JMeter servers, which listen on loopback only, with TLS by rmi_keystore.jks; yield their names."""
    keytool = "keytool -genkeypair -keyalg RSA -alias rmi -dname CN=rmi -storepass changeit -keystore rmi_keystore.jks"
    subprocess.run(keytool.split(), cwd=tmp_path, check=True)
    command = [*find_jmeter().command, "-s", "-Djava.rmi.server.hostname=127.0.0.1", "-Lorg.apache.jmeter.engine=WARN"]
    names = []
    with ExitStack() as stack:
        for number in range(2):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            words = [f"-Dserver_port={port}", "-j", f"{number}.log"]
            process = stack.enter_context(subprocess.Popen([*command, *words], cwd=tmp_path, env=ENVIRONMENT))
            stack.callback(process.kill)
            names.append(f"127.0.0.1:{port}")
        deadline = time.monotonic() + 60
        while True:
            try:
                RemoteServers(tuple(names)).check()
                break
            except CommandError:
                assert time.monotonic() < deadline
                time.sleep(0.5)
        yield names


def test_two_servers_send_different_punches_and_log_no_key(
    client: Client, deployed: Deployed, server_names: list[str], tmp_path: Path
) -> None:
    words = ["--remote", ",".join(server_names), "--keystore", str(tmp_path / "rmi_keystore.jks")]
    status, summary = loadtest(deployed, *words, "--threads", "3", "--loops", "20", "--open-rate", "0")

    assert (status, summary["errors"]) == (0, 0), summary
    assert [summary[name] for name in ("requests", "accepted", "stored")] == [120, 120, 120]
    first = summary["properties"]["firstEmployee"]
    rows = client.rows_in_range(range(first, first + 10**9))
    assert sorted(row.punch.employee_id for row in rows) == list(range(first, first + 120))
    assert len({row.punch.id[:13] for row in rows}) == 2  # each server's ids begin with another time
    assert_no_file_has(client.address.api_key, tmp_path, deployed.state / "loadtest")

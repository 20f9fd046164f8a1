"""Folder of the local stack, errors of the emulator, and options of Node."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.waiting import background_process
from tools.kit.osls import search_path
from tools.kit.project import ROOT
from tools.local import emulator, stack
from tools.local.errors import LocalError
from tools.local.watch import BatchTotals


@pytest.mark.parametrize("content", ["jmeter-5.6.3", "bench", "loadtest"])
def test_folder_of_the_project_is_made_private(tmp_path: Path, content: str) -> None:
    state = tmp_path / ".local"
    (state / content).mkdir(parents=True)
    state.chmod(0o755)

    stack.make_private(state, project_state=state)

    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "Documents"
    (state / "letters").mkdir(parents=True)
    state.chmod(0o755)

    with pytest.raises(LocalError, match="is open to other users, and has other content"):
        stack.make_private(state)

    assert stat.S_IMODE(state.stat().st_mode) == 0o755


def start(state: Path) -> str:
    """Return the message of a start that fails."""
    with pytest.raises(LocalError) as failure, stack.run_local_stack(state, port=1):
        pass
    return str(failure.value)


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.touch()

    assert start(file) == f"{file} cannot be used: File exists. Choose another folder with --state"


@pytest.mark.parametrize(("folders", "free_mb", "required_mb"), [([], 199, 200), (["postgres"], 49, 50)])
def test_start_is_refused_on_a_disk_that_it_would_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str], free_mb: int, required_mb: int
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Mock(free=free_mb * 1_000_000))
    for folder in folders:
        (tmp_path / folder).mkdir()

    assert start(tmp_path) == (
        f"{free_mb} MB are free in {tmp_path}; the start needs {required_mb} MB. "
        "Free some space, or choose a folder on another disk with --state"
    )
    assert [path.name for path in tmp_path.iterdir()] == folders


def test_port_of_root_is_refused_without_the_claim_that_it_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.bind", Mock(side_effect=PermissionError(errno.EACCES, "Permission denied")))

    assert start(tmp_path / "new") == ('You may not use port 1. Choose one from 1024 on: make run ARGS="--port 4567"')


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[emulator.Emulator]:
    """Yield an emulator with a running process but without a log."""
    with background_process([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield emulator.Emulator(process, 1, tmp_path / "aws", tmp_path / "emulator.log", "key")


def test_unreadable_log_is_not_reported_as_a_failure_of_the_emulator(aws: emulator.Emulator) -> None:
    with pytest.raises(LocalError) as failure, stack.explain_failures(aws):
        BatchTotals(aws.log).totals()

    assert str(failure.value) == f"{aws.log} cannot be used: No such file or directory"


def test_unresponsive_emulator_is_reported_without_a_log(
    aws: emulator.Emulator,
) -> None:
    with pytest.raises(LocalError) as failure, stack.explain_failures(aws, end_seconds=0):
        raise EndpointConnectionError(endpoint_url=aws.url)

    assert "The emulator does not answer as it should (EndpointConnectionError: " in str(failure.value)
    assert str(failure.value).endswith(f"its log, {aws.log}, ends:\n(No such file or directory)")


def node(program: str, options: str) -> str:
    environment = {"PATH": search_path(os.environ), "NODE_OPTIONS": options}
    return subprocess.check_output(["node", "-e", program], cwd=ROOT, env=environment, text=True)


def test_local_packaging_compresses_fast_and_keeps_node_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = """
        const zip = new (require("jszip"))(), text = require("fs").readFileSync("package-lock.json")
        const how = { compression: "DEFLATE", compressionOptions: { level: 9 } }
        zip.file("a", text).generateNodeStream(how).on("data", part => { size += part.length }).on("end", () =>
            console.log(typeof gc, size))
        let size = 0
    """

    def size(options: str) -> int:
        collector, size = node(program, options).split()
        assert collector == "function"
        return int(size)

    monkeypatch.setenv("NODE_OPTIONS", "--expose-gc")
    assert size(stack.quick_package()) > size("--expose-gc")

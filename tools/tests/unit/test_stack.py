"""Folder of the local stack, errors of the emulator, and options of Node."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tools.kit.osls import search_path
from tools.kit.project import ROOT
from tools.local import stack
from tools.local.errors import LocalError


@pytest.mark.parametrize("content", ["apache-jmeter-5.6.3", "bench", "loadtest"])
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

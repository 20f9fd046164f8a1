"""`make run` as a person uses it: what it prints, how it ends, and what it leaves behind."""

import contextlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ponto.punch import SUBJECT_COLUMN
from tests.commands import needs
from tests.database import execute
from tests.waiting import DEADLINE_SECONDS, background_process, wait_for
from tools.kit.files import tail
from tools.kit.project import ROOT
from tools.local import emulator


class Run:
    """One `python -m tools.local`, as a process of its own."""

    def __init__(self, state: Path, process: subprocess.Popen[bytes], output: Path) -> None:
        self.state = state
        self.process = process
        self._output = output

    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def wait_until(self, words: str) -> None:
        """Wait until it prints some words."""
        try:
            wait_for(lambda: words in self.output() or self.process.poll() is not None, words)
        except AssertionError as error:
            log = self.state / "emulator.log"
            end = tail(log, 50) if log.exists() else "it has none"
            raise AssertionError(f"{error}; it printed:\n{self.output()}\nthe emulator's log:\n{end}") from None
        assert words in self.output(), self.output()
        assert self.process.poll() is None, self.output()

    def wait_until_ready(self) -> None:
        """Wait for the first line of the flow."""
        self.wait_until("accepted 0")

    def address(self) -> dict[str, str]:
        """What stack.json says."""
        found: dict[str, str] = json.loads((self.state / "stack.json").read_text())
        return found

    def punch(self) -> None:
        """Punch by the printed command, which sends the employee 123 and the time in whole seconds."""
        (printed,) = re.findall(r"^curl .*\\\n.*$", self.output(), re.MULTILINE)
        assert json.loads(shell(printed))["message"] == "accepted"

    def printed_gets(self) -> list[str]:
        """The printed commands that get something of the API."""
        return re.findall(r"^curl .*[^\\\n]$", self.output(), re.MULTILINE)

    def try_operators_commands(self) -> None:
        """Make a dead letter, list it, and trace its punch, by the printed commands."""
        assert "  time zone America/Sao_Paulo  " in self.output()
        listed, traced = re.findall(
            r"^  \. \.venv/bin/activate && (ponto (?:trace|dlq) .*)$", self.output(), re.MULTILINE
        )
        (twice,) = re.findall(r"^  for hour in .*\\\n.*$", self.output(), re.MULTILINE)

        assert shell(twice).count('"message":"accepted"') == 2
        self.wait_until("stored 1  duplicates 0  dead letters 1")
        assert "conflict" in shell(listed)
        found = json.loads(shell(f"{traced} --json", status=1))  # for there is a dead letter
        assert [len(found[kind]) for kind in ("rows", "deadLetters")] == [1, 1]

    def view_key(self) -> str:
        """What the printed link to the view ends in."""
        (found,) = re.findall("/flow/#key=(.+)", self.output())
        return str(found)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


def shell(command: str, status: int = 0) -> str:
    """Run a printed command, which must end with a status; return what it prints."""
    python = f'ponto() {{ {shlex.quote(sys.executable)} -m tools.cli "$@"; }}; '
    done = subprocess.run(["sh", "-c", python + command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


Start = Callable[..., Run]


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for one stack; nothing that runs in it outlives the test."""
    folder = Path(tempfile.mkdtemp(prefix="ponto run "))
    state = folder / "state"
    yield state
    left = find_processes(state)
    for process in left:
        process.kill()
    psutil.wait_procs(left, DEADLINE_SECONDS)
    shutil.rmtree(folder)


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Start a stack in the folder, on a port, from a checkout."""
    output = state.with_suffix(".out")
    with contextlib.ExitStack() as runs:

        def start(port: int, root: Path = ROOT) -> Run:
            command = [sys.executable, "-m", "tools.local", "--port", str(port), "--state", str(state)]
            with output.open("wb") as file:
                process = runs.enter_context(
                    background_process(command, cwd=root, stdout=file, stderr=subprocess.STDOUT)
                )
            return Run(state, process, output)

        yield start


def find_processes(state: Path) -> list[psutil.Process]:
    """All processes that name the folder in their command line or environment, or work below it."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values(), process.cwd()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        lives = process.status() != psutil.STATUS_ZOMBIE
        if lives and process.pid != os.getpid() and any(str(state) in word for word in words):
            found.append(process)
    return found


@needs("curl")
def test_the_printed_curl_punches_and_rows_and_queues_outlive_a_stop(state: Path, start: Start) -> None:
    port = emulator.find_free_port()
    run = start(port)
    run.wait_until_ready()
    assert f"""make rows ARGS="--state '{state}'" """ in run.output()  # as make and then a shell take it

    run.punch()

    run.wait_until("stored 1")
    rows = subprocess.run(
        [sys.executable, "-m", "tools.local.rows", "--state", str(state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert " 123 " in rows
    for get in run.printed_gets():
        assert shell(f"{get} --output {os.devnull} --write-out '%{{http_code}}'") == "200"
    run.punch()
    run.wait_until("accepted 2")  # the same punch again
    assert execute(run.address()["database_url"], f"select {SUBJECT_COLUMN} from ponto.batida") == [(123,)]
    first, first_view = run.address(), run.view_key()
    (installed,) = (state / "pip").rglob(".completed_requirements")
    installed_at = installed.stat().st_mtime_ns

    assert run.stop(signal.SIGTERM) == 0
    stopping = run.output().splitlines()[run.output().splitlines().index("stopping ...") :]
    assert stopping[-1] == "stopped; rows and queued punches are kept for the next time"
    assert all("so far" in line for line in stopping[1:-1])  # as on a machine with much else to do
    assert find_processes(state) == []
    assert not (state / "stack.json").exists()

    run = start(port)
    run.wait_until_ready()
    assert installed.stat().st_mtime_ns == installed_at  # pip has not run again
    again = run.address()
    assert again.pop("aws_access_key_id") != first.pop("aws_access_key_id")  # each run has a key of its own
    assert again | {"pid": first["pid"]} == first
    assert run.view_key() != first_view
    assert execute(run.address()["database_url"], f"select {SUBJECT_COLUMN} from ponto.batida") == [(123,)]
    run.punch()
    run.wait_until("accepted 1")

    # A part that dies takes the rest along, with a word about it.
    os.kill(int((state / "emulator.pid").read_text()), signal.SIGKILL)
    assert run.process.wait(DEADLINE_SECONDS) == 1
    assert "The emulator ended by itself" in run.output()
    assert "Traceback" not in run.output()
    assert find_processes(state) == []

    # What it took along is said, then and at the next start.
    lost = r"changes since .* are lost: queued punches, dead letters, and keys of `ponto keys`"
    assert re.search(lost, run.output())
    run = start(port)
    run.wait_until("starting PostgreSQL")
    assert re.search(f"the last run ended before everything was saved: {lost}", run.output())
    assert run.stop(signal.SIGHUP) == 0
    assert find_processes(state) == []


@needs("curl")
def test_on_a_full_disk_it_keeps_a_dead_letter_made_by_the_printed_command_until_a_second_ctrl_c(
    state: Path, start: Start
) -> None:
    run = start(emulator.find_free_port())
    run.wait_until_ready()
    run.try_operators_commands()
    emulator_pid = int((state / "emulator.pid").read_text())
    resource.prlimit(emulator_pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    run.process.send_signal(signal.SIGINT)
    run.wait_until("it tries again each second. Ctrl-C ends it and loses the rest.")

    assert run.stop(signal.SIGINT) == 3
    assert "make run: Not everything could be saved. Not saved: 1 of 1 dead letters; " in run.output()
    assert "kept for the next time" not in run.output()
    assert find_processes(state) == []


def test_a_start_ends_the_sls_of_a_killed_one_and_ctrl_c_ends_its_own(state: Path, start: Start) -> None:
    def deploys() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if "deploy" in (process.info["cmdline"] or ()) and process in find_processes(state)
        ]

    port = emulator.find_free_port()
    run = start(port)
    wait_for(deploys, "sls to run")
    run.stop(signal.SIGKILL)
    left = deploys()
    assert left
    for process in left:
        process.suspend()  # it does not end by itself

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited, as from a shell that starts it with &
    run = start(port)
    signal.signal(signal.SIGINT, before)

    run.wait_until("starting PostgreSQL")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in left)
    run.wait_until("deploying")
    assert run.stop(signal.SIGINT) == 0
    wait_for(lambda: find_processes(state) == [], "what was killed to be gone")


def test_a_port_in_use_is_said_and_leaves_nothing_running(state: Path, start: Start) -> None:
    with socket.socket() as taken:
        taken.bind((emulator.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = start(port)

        assert run.process.wait(DEADLINE_SECONDS) == 1

    assert f"Port {port} is in use" in run.output()
    assert find_processes(state) == []
    assert not state.exists()


def test_a_failed_deploy_shows_why_and_leaves_nothing_running(state: Path, start: Start) -> None:
    project = state.parent / "project"
    project.mkdir()
    for name in ("handler.py", "ponto", "tools", "resources", "slices", "locks", "package.json"):
        source = ROOT / name
        shutil.copytree(source, project / name) if source.is_dir() else shutil.copy(source, project)
    (project / "node_modules").symlink_to(ROOT / "node_modules")
    (project / "serverless.yml").write_text(
        (ROOT / "serverless.yml").read_text().replace("handler.main", "${file(absent.yml)}")
    )

    run = start(emulator.find_free_port(), root=project)

    assert run.process.wait(DEADLINE_SECONDS) == 1
    assert "sls deploy --stage local" in run.output()
    assert "batidaPonto.handler" in run.output()
    assert find_processes(state) == []


def test_a_first_start_without_a_network_names_the_network(
    state: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1", "PIP_NO_CACHE_DIR": "1"}.items():
        monkeypatch.setenv(name, value)

    run = start(emulator.find_free_port())

    assert run.process.wait(DEADLINE_SECONDS) == 1
    said = run.output().splitlines()[-1]
    assert said.startswith("make run: the packages cannot be reached over the network (Connection refused). ")
    assert said.endswith(f" {state}/deploy.log")

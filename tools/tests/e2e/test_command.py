"""`make run` as a user runs it: its output, exit status and cleanup."""

import contextlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ponto.punch import EVENT
from tests.commands import needs
from tests.database import execute
from tests.waiting import DEADLINE_SECONDS, background_process, wait_for
from tools.kit.event import EXAMPLE_SUBJECT
from tools.kit.files import tail
from tools.kit.project import ROOT
from tools.local import emulator


class Run:
    """A run of `python -m tools.local` in a separate process."""

    def __init__(self, state: Path, process: subprocess.Popen[bytes], output: Path) -> None:
        self.state = state
        self.process = process
        self._output = output

    def output(self) -> str:
        """Return the output so far."""
        return self._output.read_text()

    def wait_until(self, text: str) -> None:
        """Wait until the output contains some words."""
        try:
            wait_for(lambda: text in self.output() or self.process.poll() is not None, text)
        except AssertionError as error:
            log = self.state / "emulator.log"
            log_end = tail(log, 50) if log.exists() else "it has none"
            raise AssertionError(f"{error}; it printed:\n{self.output()}\nthe emulator's log:\n{log_end}") from None
        assert text in self.output(), self.output()
        assert self.process.poll() is None, self.output()

    def wait_until_ready(self) -> None:
        """Wait for the first line of counts."""
        self.wait_until("accepted 0")

    def address(self) -> dict[str, str]:
        """Return the contents of stack.json."""
        address: dict[str, str] = json.loads((self.state / "stack.json").read_text())
        return address

    def punch(self, year: str = "") -> None:
        """Send a punch with the printed command, with the time in whole seconds; in another year, if one is given."""
        (command,) = re.findall(r"^curl .*\\\n.*$", self.output(), re.MULTILINE)
        command = re.sub(r"\d{4}(-\d\d-\d\dT)", rf"{year}\1", command) if year else command
        assert json.loads(shell(command))["message"] == "accepted"

    def get_commands(self) -> list[str]:
        """Return the printed commands that send GET requests to the API."""
        return re.findall(r"^curl .*[^\\\n]$", self.output(), re.MULTILINE)

    def create_dead_letter(self) -> None:
        """Send two punches with one id, of which the second becomes a dead letter; trace them as printed."""
        self.punch()
        self.wait_until("stored 1")
        self.punch("2020")
        self.wait_until("stored 1  duplicates 0  dead letters 1")
        (trace_command,) = re.findall(r"^  (ponto trace .*?)  show", self.output(), re.MULTILINE)
        trace = json.loads(shell(f"{trace_command} --json", status=1))  # status 1 because of the dead letter
        assert [len(trace[kind]) for kind in ("rows", "deadLetters")] == [1, 1]

    def view_key(self) -> str:
        """Return the key at the end of the printed link to the view."""
        (key,) = re.findall("/flow/#key=(.+)", self.output())
        return str(key)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


def shell(command: str, status: int = 0) -> str:
    """Run a printed command; assert its exit status and return its output."""
    python = f'ponto() {{ {shlex.quote(sys.executable)} -m tools.cli "$@"; }}; '
    process = subprocess.run(["sh", "-c", python + command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == status, process.stdout + process.stderr
    return process.stdout


Start = Callable[..., Run]


@pytest.fixture
def state() -> Iterator[Path]:
    """Yield a folder for one stack; kill its remaining processes and delete it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="ponto run "))
    state = folder / "state"
    yield state
    remaining = find_processes(state)
    for process in remaining:
        process.kill()
    psutil.wait_procs(remaining, DEADLINE_SECONDS)
    shutil.rmtree(folder)


@pytest.fixture
def start(state: Path) -> Iterator[Start]:
    """Yield a function that starts a stack in the folder, on a port, from a checkout."""
    output = state.with_suffix(".out")
    with contextlib.ExitStack() as runs:

        def start(port: int, root: Path = ROOT) -> Run:
            command = [sys.executable, "-m", "tools.local", "--port", str(port), "--state", str(state)]
            with output.open("wb") as file:
                process = runs.enter_context(
                    background_process(command, cwd=root, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
                )
            return Run(state, process, output)

        yield start


def find_processes(state: Path) -> list[psutil.Process]:
    """Return the processes that have the folder in their command line, environment or working directory."""
    processes = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values(), process.cwd()]
            is_alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if is_alive and process.pid != os.getpid() and any(str(state) in word for word in words):
            processes.append(process)
    return processes


@needs("curl")
def test_printed_curl_stores_a_punch_and_data_survives_a_stop(state: Path, start: Start) -> None:
    port = emulator.find_free_port()
    run = start(port)
    run.wait_until_ready()
    assert f"""make rows ARGS="--state '{state}'" """ in run.output()  # quoted for make and then for a shell

    run.punch()

    run.wait_until("stored 1")
    rows = subprocess.run(
        [sys.executable, "-m", "tools.local.rows", "--state", str(state)],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "500"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f" {EXAMPLE_SUBJECT} " in rows
    for get in run.get_commands():
        assert shell(f"{get} --output {os.devnull} --write-out '%{{http_code}}'") == "200"
    run.punch()
    run.wait_until("accepted 2")  # the same punch
    assert execute(run.address()["database_url"], f"select {EVENT.subject} from ponto.batida") == [(EXAMPLE_SUBJECT,)]
    first, first_view = run.address(), run.view_key()
    (installed,) = (state / "pip").rglob(".completed_requirements")
    installed_at = installed.stat().st_mtime_ns

    assert run.stop(signal.SIGTERM) == 0
    assert run.output().endswith("stopping ...\nstopped; rows and queued punches are kept for the next time\n")
    assert find_processes(state) == []
    assert not (state / "stack.json").exists()

    run = start(port)
    run.wait_until_ready()
    assert installed.stat().st_mtime_ns == installed_at  # pip has not run again
    second = run.address()
    assert second.pop("aws_access_key_id") != first.pop("aws_access_key_id")  # each run has a separate key
    assert second | {"pid": first["pid"]} == first
    assert run.view_key() != first_view
    assert execute(run.address()["database_url"], f"select {EVENT.subject} from ponto.batida") == [(EXAMPLE_SUBJECT,)]
    run.punch()
    run.wait_until("accepted 1")

    # If one part dies, the run stops the others and reports it.
    os.kill(int((state / "emulator.pid").read_text()), signal.SIGKILL)
    assert run.process.wait(DEADLINE_SECONDS) == 1
    assert "The emulator ended by itself" in run.output()
    assert "Traceback" not in run.output()
    assert find_processes(state) == []

    # The lost data is reported at the end of the run and at the next start.
    assert emulator.LOSS in run.output()
    run = start(port)
    run.wait_until("starting PostgreSQL")
    assert f"the last run ended before everything was saved: {emulator.LOSS}" in run.output()
    assert run.stop(signal.SIGHUP) == 0
    assert find_processes(state) == []


@needs("curl")
def test_what_a_full_disk_loses_is_printed(state: Path, start: Start) -> None:
    run = start(emulator.find_free_port())
    run.wait_until_ready()
    run.create_dead_letter()
    emulator_pid = int((state / "emulator.pid").read_text())
    resource.prlimit(emulator_pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    assert run.stop(signal.SIGINT) == 3
    assert re.search("make run: Not saved: .*sqs, 1 messages of ", run.output())
    assert "kept for the next time" not in run.output()
    assert find_processes(state) == []


def test_killed_run_leaves_no_process_and_ctrl_c_ends_sls(state: Path, start: Start) -> None:
    def deploys() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if "deploy" in (process.info["cmdline"] or ()) and process in find_processes(state)
        ]

    port = emulator.find_free_port()
    run = start(port)
    wait_for(deploys, "sls to run")
    for process in deploys():
        process.suspend()  # so that the process does not end by itself
    os.killpg(run.process.pid, signal.SIGKILL)
    wait_for(lambda: find_processes(state) == [], "sls, the emulator and PostgreSQL to end")

    previous_handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited, as from a shell that starts it with &
    run = start(port)
    signal.signal(signal.SIGINT, previous_handler)
    run.wait_until("deploying")
    assert run.stop(signal.SIGINT) == 0
    assert find_processes(state) == []


def test_failed_deploy_is_reported_and_leaves_nothing_running(state: Path, start: Start) -> None:
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

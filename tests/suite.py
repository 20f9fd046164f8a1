"""Configuration of test runs: their environment, groups of tests for parallel workers, and which tests run."""

import os
import re
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import HealthCheck, core, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tools.kit import osls
from tools.local import temporary

WORKERS = 4
"""Processes for the whole suite: two of them mostly wait for the deployed systems, so four suit two processors."""

# On a busy machine the duration of an example means nothing.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Each boto3 session would list all services and read their models again, which takes half of the time of such a test.
_read_model = cache(JSONFileLoader().load_file)
_list_services = Loader.list_available_services
_services: dict[tuple[str, ...], list[str]] = {}


def _list_services_once(loader: Loader, type_name: str) -> list[str]:
    key = (*loader.search_paths, type_name)
    if key not in _services:
        _services[key] = _list_services(loader, type_name)
    return _services[key]


_boto3 = pytest.MonkeyPatch()
_boto3.setattr(JSONFileLoader, "load_file", lambda _, file_path: _read_model(file_path))
_boto3.setattr(Loader, "list_available_services", _list_services_once)

TERMINAL_VARIABLES = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables from which Rich and Click take layout and colours. Without them the tests do not depend on the terminal."""

# Groups of modules by a pattern of their paths, the slowest first, and whether a group runs in one process,
# because its modules share a resource.
_GROUPS = (
    ("tests/e2e/harmed/", True),  # a second system, for tests that stop its database or load it
    ("tests/e2e/(?!alone/|test_(command|deploy|leftovers))", True),  # the system that the others share
    ("tests/e2e/", False),  # each starts a system
    ("tests/template/", True),  # the compiled templates
    ("tests/(event/)?(postgres|page|sockets)/", False),
    ("", False),
)


class _GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Assigns whole groups to the workers, the slowest first."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        rank = next(rank for rank, (pattern, _) in enumerate(_GROUPS) if re.search(pattern, module))
        return str(rank) if _GROUPS[rank][1] else f"{rank} {module}"

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(min(self.workqueue), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _GroupScheduling(config, log)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use workers only for the whole suite: with a part of it, starting them would take longer than the tests."""
    is_partial_run = config.args_source is pytest.Config.ArgsSource.ARGS or any(
        config.getoption(name) for name in ("keyword", "markexpr", "lf", "collectonly")
    )
    return 0 if is_partial_run else WORKERS


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Make the run independent of the terminal and the shell that started it.

    Also add Node to PATH as `make` does, keep temporary files in memory, keep compiled modules, since tests start
    hundreds of processes, and use the seed of the order for Hypothesis too.
    """
    for name in TERMINAL_VARIABLES:
        os.environ.pop(name, None)
        # GNU readline, which pytest imports, sets COLUMNS and LINES in the process's environment: os.environ does not
        # show them, but started processes inherit them.
        os.unsetenv(name)
    # The emulator's modules write a key to this folder at their import. It cannot exist, so the key stays in memory.
    os.environ["STATE_DIR"] = f"{os.devnull}/ministack"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["PATH"] = osls.search_path(os.environ)
    if in_memory := temporary.memory_folder():
        os.environ["TMPDIR"] = str(in_memory)  # started processes inherit it
        tempfile.tempdir = None  # makes tempfile read TMPDIR again
    # Under nohup and behind a shell's & these signals are ignored. Started processes would inherit that, and tests
    # could not stop them; they do not inherit a handler.
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    seed = config.getoption("randomly_seed", None)
    if config.getoption("hypothesis_seed", None) is None and isinstance(seed, int):
        core.global_force_seed = seed  # type: ignore[assignment]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect nightly and, outside CI, slow tests, unless -m is given; and tests that need root from other users."""
    excluded_marks = {"nightly"} if os.environ.get("CI") else {"nightly", "slow"}
    if config.getoption("markexpr"):
        excluded_marks = set()
    if os.geteuid():
        excluded_marks.add("root")
    deselected = [item for item in items if excluded_marks & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, where nothing that tests need may be missing, report a skipped test as failed."""
    report = yield
    if os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple):
        report.outcome = "failed"
        report.longrepr = f"skipped, which fails in CI: {report.longrepr[2]}"
    return report


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a private folder whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="ponto-") as name:
        yield Path(name)

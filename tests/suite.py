"""How the tests run: in an order that a printed number repeats, side by side, and with nothing skipped in silence."""

import os
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from hypothesis import HealthCheck, core, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tools.kit import osls
from tools.local import temporary

WORKERS = 4
"""Of which two wait for the deployed systems most of the time: right for two processors."""

settings.register_profile("of any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("of any machine")  # what a property costs on a busy one says nothing

# Each session of boto3 lists all services and reads the models of its own anew, for half of what such a test costs.
_read_model = cache(JSONFileLoader().load_file)
_list_services = Loader.list_available_services
_services: dict[tuple[str, ...], list[str]] = {}


def _services_of(loader: Loader, type_name: str) -> list[str]:
    key = (*loader.search_paths, type_name)
    if key not in _services:
        _services[key] = _list_services(loader, type_name)
    return _services[key]


_boto3 = pytest.MonkeyPatch()
_boto3.setattr(JSONFileLoader, "load_file", lambda _, file_path: _read_model(file_path))
_boto3.setattr(Loader, "list_available_services", _services_of)

TERMINAL_VARIABLES = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""By these Rich and Click lay out and colour what they print: the tests do not depend on the developer's terminal."""

# What takes longest starts first. Modules that start systems of their own come after the one that the others share.
_SHARED = "tests/e2e"
_HARMED = "tests/e2e/harmed"  # a second system, for those that take its database away, or load it: they wait longest
_OWN = tuple(f"tests/e2e/test_{name}.py" for name in ("command", "deploy", "leftovers"))
_ALONE = "tests/e2e/alone"  # where modules of slices do
_BESIDE = {  # what tests use that those of another folder, or some of a folder, share
    "tests/e2e/test_faults.py": _HARMED,
    "tests/e2e/test_flow.py": _HARMED,
    "tests/e2e/test_loadtest.py": _HARMED,
    "lab/tests/test_chaos.py": _HARMED,
    "lab/tests/test_simulate.py": "tests/template",
}
_ORDER = (
    _SHARED,
    *_OWN,
    _ALONE,
    "tests/template",
    "lab/tests",
    "tests/postgres",
    "tests/page",
    "tests/tools",
    "tests/unit",
)


# Tests of slices and of the event, which have folders like those of tests/.
_OF_ANOTHER = re.compile(r"^slices/\w+/(?=tests/)|(?<=^tests/)event/")


def unit_of(node_id: str) -> str:
    """Tell which tests run one after the other in one process: those with one name.

    They share what is dear: a deployed system, the compiled templates. Of the rest each module is one.
    """
    module = node_id.partition("::")[0]
    folder = _BESIDE.get(module, _OF_ANOTHER.sub("", str(PurePath(module).parent)))
    return (
        folder
        if folder in {_SHARED, _HARMED, "tests/template"} and module.replace("tests/event/", "tests/") not in _OWN
        else module
    )


class _BySystem(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives each worker whole units, the longest first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        first = min(self.workqueue, key=_rank)
        self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


def _rank(unit: str) -> int:
    unit = _OF_ANOTHER.sub("", unit)
    matches = [index for index, start in enumerate(_ORDER) if unit.startswith(start)]
    return matches[-1] if matches else len(_ORDER)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _BySystem(config, log)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Use workers for the whole suite only: for a part of it their start would take longer than it does."""
    narrowed = config.args_source is pytest.Config.ArgsSource.ARGS or any(
        config.getoption(name) for name in ("keyword", "markexpr", "lf", "collectonly")
    )
    return 0 if narrowed else WORKERS


def _seed(config: pytest.Config) -> int | None:
    seed = config.getoption("randomly_seed", None)
    return seed if isinstance(seed, int) else None  # a text: pytest-randomly is off


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Forget the terminal, find Node as make does, keep files in memory, draw examples by the order's seed.

    Let commands be stopped.

    And keep compiled code: tests start hundreds of processes, which else compile the same modules again.
    """
    for name in TERMINAL_VARIABLES:
        os.environ.pop(name, None)
        # GNU readline, which pytest imports, sets COLUMNS and LINES where os.environ does not see them and where
        # processes inherit them.
        os.unsetenv(name)
    # The emulator's modules write a key there when a test imports them; where they cannot, they keep it in memory.
    os.environ["STATE_DIR"] = f"{os.devnull}/ministack"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["PATH"] = osls.search_path(os.environ)
    if in_memory := temporary.memory_folder():
        os.environ["TMPDIR"] = str(in_memory)  # for all that a test starts, too
        tempfile.tempdir = None  # to be found anew
    # Under nohup, and behind a shell's &. What is ignored is handed on to processes that are started, a handler is not.
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    if config.getoption("hypothesis_seed", None) is None and (seed := _seed(config)) is not None:
        core.global_force_seed = seed  # type: ignore[assignment]


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Print the seed at once, for runs that are killed."""
    _print_seed(session.config)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Print the seed again, where the tests' files are, and a line for each reason of skips; pytest adds failures."""
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        _print_seed(config)
        if exitstatus == pytest.ExitCode.TESTS_FAILED:
            _print_line(
                config,
                f"files of the failed tests: {tempfile.gettempdir()}/pytest-of-*; remove them when you have looked",
            )

    for reason, count in Counter(map(_skip_reason, terminalreporter.stats.get("skipped", []))).most_common():
        _print_line(config, f"{count} skipped: {reason}")


def _skip_reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr).removeprefix("Skipped: ")


def _print_seed(config: pytest.Config) -> None:
    if _seed(config) is not None:
        _print_line(config, f"repeat this order and these examples with --randomly-seed={_seed(config)}")


def _print_line(config: pytest.Config, line: str) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not hasattr(config, "workerinput"):
        reporter.write_line(line)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs by night, unless marks are asked for, and what only root can test, unless this is root.

    And a test of each thing that slices bring, where no slice brings any: pytest would call it skipped.
    """
    unwanted = set() if config.getoption("markexpr") else {"nightly"}
    if os.geteuid():
        unwanted.add("root")
    left_out = [item for item in items if unwanted & {mark.name for mark in item.iter_markers()} or _is_of_none(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_of_none(item: pytest.Item) -> bool:
    return any(
        str(mark.kwargs.get("reason")).startswith("got empty parameter set") for mark in item.iter_markers("skip")
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI, whose machine has all that the tests can need, what would be skipped fails."""
    report = yield
    if os.environ.get("CI") and report.skipped and isinstance(report.longrepr, tuple):
        report.outcome = "failed"
        report.longrepr = f"skipped on CI, where nothing may be: {report.longrepr[2]}"
    return report


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a private folder with a path that is short, as that of a socket has to be."""
    with tempfile.TemporaryDirectory(prefix="ponto-") as name:
        yield Path(name)

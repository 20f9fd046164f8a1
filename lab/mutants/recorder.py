"""A pytest plugin that records which tests reach which line of the deployed code, and how long each takes.

Run as `coverage run -m pytest -p recorder`, with this folder on the path: the commit that is tested may be older.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest

KEPT = Path(os.environ.get("MUTANTS", ".local/mutants"))
_durations: dict[str, float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    running = coverage.Coverage.current()
    if running is None:
        raise pytest.UsageError("pytest does not run under coverage: make mutants does it")
    running.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        running.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _durations[report.nodeid] = report.duration


def pytest_sessionfinish() -> None:
    (KEPT / "durations.json").write_text(json.dumps(_durations))

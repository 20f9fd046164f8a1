"""Try mutants, each in a fork of a process that has imported the rest: python trial.py, in the copy of the commit.

The environment's MUTANTS names the folder with what recorder.py recorded, and with chosen.json, some of listed.py's
mutants. Each adds a line to outcomes.jsonl: its file, its place, and what found it, null when all tests passed.
"""

import ast
import gc
import json
import multiprocessing
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

# Tests import the last three, and forks need not do it again.
import boto3  # noqa: F401
import hypothesis  # noqa: F401
import moto  # noqa: F401
import psutil
import pytest
from coverage import CoverageData

BUDGET_S = 10.0
"""Seconds that the tests of a mutant took when they were recorded, in sum: the quickest, as many as fit."""

HUNG, ENDED = "no test ends any more", "pytest itself ends"
"""What is written in the place of a test's name."""

PATIENCE_S = 60.0
"""Seconds without the end of a test, after which none will end any more: more than BUDGET_S on a slow machine."""

KEPT = Path(os.environ.get("MUTANTS", ".local/mutants"))
_FORK = multiprocessing.get_context("fork")
_OPTIONS = ["-x", "-n0", "-pno:randomly", "-pno:cacheprovider", "-Wignore::pytest.PytestAssertRewriteWarning"]


class Trial(NamedTuple):
    """A mutant, and what can see it."""

    mutant: dict[str, Any]
    source: str  # of its file, without it
    tests: list[str]
    at_import: bool  # what it changes runs when the file is imported


Run = Callable[[Trial, Connection], None]


class Reach:
    """Which tests can see a change, as recorder.py recorded it."""

    def __init__(self) -> None:
        self._durations: dict[str, float] = json.loads((KEPT / "durations.json").read_text())
        self._data = CoverageData(str(KEPT / "coverage"))
        self._data.read()

    def trial(self, mutant: dict[str, Any]) -> Trial:
        """Choose the tests of a mutant: all that reach the file if it changes what runs at import."""
        file = Path(mutant["file"])
        source = file.read_text(encoding="utf-8")
        contexts = self._data.contexts_by_lineno(str(file.resolve()))
        reached = [_run_with(source, line) for line in mutant["numbers"]]
        seen = {test for part in reached for number in part or () for test in contexts.get(number, ())}
        if at_import := None in reached or "" in seen:  # recorded in no test
            seen = {test for tests in contexts.values() for test in tests}
        tests, left = list[str](), BUDGET_S
        for test in sorted(seen & set(self._durations), key=self._durations.__getitem__):
            left -= self._durations[test]
            if left >= 0:
                tests.append(test)
        return Trial(mutant, source, tests, at_import)


def _run_with(source: str, line: int) -> set[int] | None:
    """Return the lines that run when this one of a function does; None: it is in no function."""
    statement, function = None, None
    for node in ast.walk(ast.parse(source)):  # breadth first: the innermost comes last
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            statement, function = node, node if isinstance(node, ast.FunctionDef) else function
    if statement is None or function is None:
        return None
    if statement is function:  # its defaults run at import too; its body is what they are for
        return set(range(function.body[0].lineno, (function.end_lineno or line) + 1))
    return {statement.lineno}


class _Chosen:
    """pytest's plugin in a fork: runs the chosen tests in their order, and sends each one's name when it ends."""

    def __init__(self, tests: Sequence[str], sender: Connection) -> None:
        self._order = {test: number for number, test in enumerate(tests)}
        self._sender = sender

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid in self._order]
        items.sort(key=lambda item: self._order[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._sender.send((report.nodeid, report.failed))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._sender.send((report.nodeid, True))


def import_and_run(trial: Trial, sender: Connection) -> None:
    """Import the changed file and the tests, and run them: in a fork of a process that has imported none of them."""
    status = pytest.main([*_OPTIONS, *_modules([trial])], plugins=[_Chosen(trial.tests, sender)])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        sender.send((ENDED, True))  # counts if no test has failed before


class _Collected:
    """pytest's plugin that tries mutants of functions once all tests are collected, in the place of running these."""

    def __init__(self, trials: Sequence[Trial], attempt: Callable[[Trial, Run], None]) -> None:
        self._trials = trials
        self._attempt = attempt

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        functions = [each for each in gc.get_objects() if isinstance(each, FunctionType)]
        for trial in self._trials:
            self._attempt(trial, partial(change_and_run, session, functions))
        return True


def change_and_run(
    session: pytest.Session, functions: Sequence[FunctionType], trial: Trial, sender: Connection
) -> None:
    """Change the function, and run the tests: in a fork of a process that has collected all."""
    changed = changed_codes(trial.source, trial.mutant["code"])
    for function in functions:
        if function.__code__.co_filename.endswith(trial.mutant["file"]):
            function.__code__ = changed.get(function.__code__, function.__code__)
    session.config.pluginmanager.register(chosen := _Chosen(trial.tests, sender))
    chosen.pytest_collection_modifyitems(session.items)
    for item, after in pairwise([*session.items, None]):
        if item and not session.shouldfail:
            item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
    session.config.hook.pytest_sessionfinish(session=session, exitstatus=0)  # ends what tests share


def changed_codes(source: str, mutated: str) -> dict[CodeType, CodeType]:
    """Give the code of what a mutant changes, by the code without it."""
    before, after = (_codes(compile(text, "", "exec", dont_inherit=True)) for text in (source, mutated))
    return {code: after[name] for name, code in before.items() if name in after}


def _codes(code: CodeType) -> dict[tuple[str, int], CodeType]:
    found = {(code.co_qualname, code.co_firstlineno): code}
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found |= _codes(each)
    return found


def first_failure(trial: Trial, run: Run) -> str | None:
    """Run a mutant's tests in a fork; return the first that fails, or why none can end; None if all pass."""
    if not trial.tests:
        return None
    receiver, sender = _FORK.Pipe(duplex=False)
    failed: str | None = None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = _FORK.Process(target=_in_fork, args=(trial, run, sender, folder))
        process.start()
        sender.close()
        try:
            while receiver.poll(PATIENCE_S):
                if (ended := receiver.recv()) is None:
                    break
                failed = failed or (ended[0] if ended[1] else None)
            else:
                failed = failed or HUNG
        except EOFError:
            failed = failed or ENDED
        process.join(1)
        if process.is_alive():
            for each in [*(fork := psutil.Process(process.pid)).children(recursive=True), fork]:
                each.kill()  # servers that it started, too
            process.join()
    return failed


def _in_fork(trial: Trial, run: Run, sender: Connection, folder: str) -> None:
    os.environ["TMPDIR"], tempfile.tempdir = folder, None
    run(trial, sender)
    sender.send(None)


def _modules(trials: Sequence[Trial]) -> list[str]:
    return sorted({test.partition("::")[0] for trial in trials for test in trial.tests})


def main() -> None:
    """Try the chosen mutants."""
    sys.dont_write_bytecode = True  # a mutant's would be taken for the code's
    reach, found, tried = Reach(), defaultdict[str, set[str]](set), list[str]()
    trials = [reach.trial(mutant) for mutant in json.loads((KEPT / "chosen.json").read_text())]
    progress = os.fdopen(os.dup(1), "w", buffering=1)
    output = os.open(KEPT / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)  # pytest's, of all forks
    os.dup2(output, 1)
    os.dup2(output, 2)

    def attempt(trial: Trial, run: Run) -> None:
        file, place = trial.mutant["file"], trial.mutant["place"]
        # What found another may well find this one; what is no unit test starts a database first.
        trial.tests.sort(key=lambda test: (test not in found[file], not test.startswith("tests/unit")))
        Path(file).write_text(trial.mutant["code"], encoding="utf-8")
        try:
            by = first_failure(trial, run)
        finally:
            Path(file).write_text(trial.source, encoding="utf-8")
        found[file].add(by or "")
        with (KEPT / "outcomes.jsonl").open("a", encoding="utf-8") as outcomes:
            outcomes.write(json.dumps([file, place, by]) + "\n")
        tried.append(place)
        print(f"{len(tried)} of {len(trials)}: {file}, {place}: {by or 'lives'}", file=progress)

    for trial in trials:
        if trial.at_import or not trial.tests:
            attempt(trial, import_and_run)
    collected = [trial for trial in trials if not trial.at_import and trial.tests]
    if collected and pytest.main([*_OPTIONS, *_modules(collected)], plugins=[_Collected(collected, attempt)]):
        raise SystemExit(f"pytest could not collect the tests: see {KEPT / 'output'}")


if __name__ == "__main__":
    main()

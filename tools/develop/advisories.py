"""Known vulnerabilities of the pinned packages, as pip-audit and npm audit know them: warnings, never a failure."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.kit import commands
from tools.kit.project import ROOT

SECONDS = 60  # that each may take; a build does not wait longer for advice

# An advisory's id, as it is printed, and why it does not concern us. One that nobody reports any more is said too.
ACCEPTED: dict[str, str] = {}


class Advisory(NamedTuple):
    text: str  # what is printed of it, which begins with its id
    names: frozenset[str]  # all that it is known by: GHSA-..., PYSEC-..., CVE-...


class Report(NamedTuple):
    found: list[Advisory]
    unknown: int = 0  # packages that the service does not know


class NotAskedError(Exception):
    """The service gave no answer; the message says which, in a line."""


def of_pip_audit(text: str) -> Report:
    """Read the report of `pip-audit --format json`.

    Raises:
        NotAskedError: it is none, or the service knew not one of the packages.
    """
    try:
        packages = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        raise NotAskedError(_line(text, at=-1)) from None  # what ended it, after its warnings
    skipped = [each["skip_reason"] for each in packages if "skip_reason" in each]
    if skipped and len(skipped) == len(packages):
        raise NotAskedError(f"none of {len(skipped)} packages was found: {_line(skipped[0])}")
    advisories = [
        Advisory(
            f"{found['id']}: {package['name']} {package['version']}: {_line(found['description'])} "
            f"Fixed in: {', '.join(found['fix_versions']) or 'no version'}.",
            frozenset([found["id"], *found["aliases"]]),
        )
        for package in packages
        for found in package.get("vulns", [])
    ]
    return Report(advisories, unknown=len(skipped))


def of_npm(text: str) -> Report:
    """Read the report of `npm audit --json`.

    Raises:
        NotAskedError: it is none.
    """
    try:
        report = json.loads(text)
        packages = report["vulnerabilities"]
    except (ValueError, TypeError):
        raise NotAskedError(_line(text)) from None
    except KeyError:
        raise NotAskedError(_line(str(report.get("message", report)))) from None
    found: dict[str, Advisory] = {}
    for package in packages.values():
        for via in package["via"]:
            if isinstance(via, dict):  # a text names another package, which has its own
                name = via["url"].rpartition("/")[2]
                told = f"{name}: {via['name']} {via['range']}: {via['severity']}: {via['title']}."
                found[name] = Advisory(told, frozenset([name]))
    return Report(list(found.values()))


def lines(asker: str, ask: Callable[[], Report], accepted: dict[str, str]) -> tuple[list[str], set[str]]:
    """Ask one service; give what to print, and which accepted advisories it reported or may have."""
    try:
        found, unknown = ask()
    except NotAskedError as reason:
        return [f"advisories: {asker}: not asked: {reason}"], set(accepted)
    known = accepted.keys() & {name for advisory in found for name in advisory.names}
    new = [advisory.text for advisory in found if not advisory.names & known]
    summary = [f"{len(new) or 'no'} warning{'s' * (len(new) != 1)}"]
    if len(new) < len(found):
        summary.append(f"{len(found) - len(new)} accepted")
    if unknown:
        summary.append(f"not asked: {unknown} packages that it does not know")
    advice = "Upgrade it, or say in tools/develop/advisories.py why it does not concern us."
    told = [f"advisories: {asker}: WARNING {text} {advice}" for text in new]
    return [*told, f"advisories: {asker}: {', '.join(summary)}"], known


def run(reader: Callable[[str], Report], command: Sequence[str | Path]) -> Report:
    """Run an auditor and read its report.

    Raises:
        NotAskedError: it is not installed, took too long, or could not ask.
    """
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except FileNotFoundError:
        raise NotAskedError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise NotAskedError(f"no answer within {SECONDS} s") from None
    return reader(done.stdout if done.stdout.strip() else done.stderr)


def _pip() -> Report:
    # As locked, asking no resolver; it holds what goes to Lambda too.
    pinned = ["--requirement", "locks/requirements-dev.txt", "--no-deps", "--disable-pip"]
    program = ROOT / ".venv-audit" / "bin" / "pip-audit"
    options = ["--format", "json", "--progress-spinner", "off", "--timeout", "5"]
    return run(of_pip_audit, [program, *pinned, *options, "--cache-dir", ROOT / ".cache" / "pip-audit"])


def _npm() -> Report:
    return run(of_npm, ["npm", "audit", "--package-lock-only", "--json", "--fetch-retries=0"])


def _line(text: str, at: int = 0) -> str:
    """The first line, or another, shortened: some errors are pages."""
    rows = [row.strip() for row in text.splitlines() if row.strip()]
    return rows[at][:200] if rows else "no answer"


@commands.command(epilog="example:\n  .venv/bin/python -m tools.develop.advisories\n")
def advisories() -> None:
    """Print the known vulnerabilities of the pinned packages, as pip-audit and npm audit know them.

    They are warnings, never a failure.
    """
    askers = {"pip-audit": _pip, "npm audit": _npm}
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda name: lines(name, askers[name], ACCEPTED), askers))
    for told, _ in answers:
        sys.stdout.write("".join(f"{line}\n" for line in told))
    for stale in sorted(ACCEPTED.keys() - set[str]().union(*(known for _, known in answers))):
        sys.stdout.write(f"advisories: {stale} is accepted in tools/develop/advisories.py, but nobody reports it now\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(advisories, ".venv/bin/python -m tools.develop.advisories", words)


if __name__ == "__main__":
    sys.exit(main())

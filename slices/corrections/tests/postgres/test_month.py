"""`slices/corrections/month.md`: its commands, run in order, close October for the fictitious company."""

import csv
import os
import shlex
from pathlib import Path

import pytest

from slices.reports.report.i18n import format_minutes
from tests.commands import CommandResult
from tests.database import Database, export
from tests.documents import blocks, split_commands
from tools.cli import main
from tools.kit.project import ROOT

PAGE = ROOT / "slices" / "corrections" / "month.md"


@pytest.fixture
def results(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, list[CommandResult]]:
    """Run the page's commands in order on a separate database; return the results by command."""
    export(database.owner, monkeypatch)
    monkeypatch.setenv("COLUMNS", "160")  # so that each row of a table is one line
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found: dict[str, list[CommandResult]] = {}
    for command in (each for block in blocks(PAGE) if block.language == "sh" for each in split_commands(block.text)):
        if command.startswith(". "):
            continue
        program, *words = map(os.path.expanduser, shlex.split(command))
        assert program == "ponto"
        if words[0] == "demo":
            words += ["--yes-into", f"{database.owner['host']}/{database.owner['dbname']}"]
        elif words[1] == "exceptions":
            words.append("--no-queue")
        words += ["--database", "env"]
        found.setdefault(command, []).append(CommandResult(main(words), *capsys.readouterr()))
    return found


def test_commands_of_the_page_close_october(results: dict[str, list[CommandResult]]) -> None:
    assert {command: runs for command, runs in results.items() if any(each.status for each in runs)} == {}

    def lines(start: str, *words: str) -> list[list[str]]:
        """Return, for each run of a command, the printed lines that contain all of the words."""
        return [
            [line for line in result.out.splitlines() if all(word in line for word in words)]
            for result in results[start]
        ]

    (before, after) = lines("ponto report timecard --employee 1000008 --month 2026-10", "9   Fri", "09:04")
    assert "incomplete" in before[0]
    assert "13:56*" in after[0]
    assert "corrected" in after[0]
    (taps,) = results["ponto report exceptions --month 2026-10 --employee 1000028 --format csv"]
    (tap,) = [row for row in csv.DictReader(taps.out.splitlines()) if row["tipo"] == "proxima"]
    assert f"ponto correct disregard {tap['id']} --reason 'tapped twice'" in results
    (first, second) = lines("ponto report exceptions --month 2026-10", "1000028", "Punch disregarded")
    assert (len(first), len(second)) == (0, 1)
    main(["report", "totals", "--month", "2026-10", "--format", "csv", "--output", "now.csv", "--database", "env"])
    paid, now = (
        {row["usuario_id"]: int(row["minutos"]) for row in csv.DictReader(text.splitlines())}
        for text in (Path(name).read_text(encoding="utf-8-sig") for name in ("paid-2026-10.csv", "now.csv"))
    )
    assert (paid["1000097"], now["1000097"]) == (127 * 60 + 12, 136 * 60 + 10)
    (totals,) = results["ponto report totals --month 2026-10 --as-of 2026-11-03T12:00"]
    worked = format_minutes(sum(paid.values()))
    assert f"Employees: {len(paid)}. Worked: {worked}." in totals.out
    assert f"{len(paid)} employees worked {worked}, in csv {sum(paid.values()):,} minutes" in PAGE.read_text()
    assert lines("ponto report exceptions --month 2026-10", "Split by cut-off") == [[], []]
    changed = {number for number in paid if paid[number] != now[number]}
    assert changed == {"1000028", "1000008", "1000097"}
    (listed,) = results["ponto report changes --month 2026-10 --since 2026-11-03T12:00"]
    months = listed.out.partition("Entries since then")[0]
    assert {number for number in paid if number in months} == changed
    assert len([line for line in listed.out.splitlines() if "Nov 3, 2026, 17:51" in line]) == 4

    # Payroll's files are as of the instant that `--since` names later.
    (since,) = {words[words.index("--since") + 1] for words in map(str.split, results) if "--since" in words}
    kept = [command for command in results if "--output" in command]
    assert len(kept) == 2
    assert all(f"--as-of {since} " in command for command in kept)
    cards = Path("paid-2026-10.html").read_text()
    for each in (totals.out, cards):
        assert "As of Nov 3, 2026, 12:00, America/Sao_Paulo." in each
    # Zones and cut-offs were stored before that instant.
    assert "current time zone and cut-off" not in cards
    assert "gerado_em" not in PAGE.read_text()

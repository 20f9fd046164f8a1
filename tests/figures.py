"""Figures of the documents that follow from the code. `make figures` writes them anew; a test holds them to it."""

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from tools import cli
from tools.plan import costs

DOCS = Path(__file__).parents[1] / "docs"
# A command of docs/capacity.md, and what it printed.
BLOCK = re.compile(r"(<!-- from ponto (plan [^>]*) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_COST = re.compile(r"\| \**([\d.]+)\** \|$", re.MULTILINE)


def capacity(text: str) -> str:
    """Put what each of its commands prints into docs/capacity.md."""
    return BLOCK.sub(lambda block: f"{block[1]}{_printed(block[2])}{block[4]}", text)


def runbook(text: str) -> str:
    """Count the metrics in what watching costs."""
    text = _row(text, r"metrics of alarms x 0\.10", costs.alarm_metrics(), 0.10)
    return _row(text, r"metrics of our own x 0\.30", costs.METRICS, 0.30)


def deploy(text: str) -> str:
    """Put the sum of the runbook's costs, and the sum of it all, into what an idle month costs."""
    watching = _costs(runbook((DOCS / "runbook.md").read_text(encoding="utf-8")), "## What watching costs\n")
    text = _replaced(text, r"(: as the runbook counts them \| )[\d.]+", f"{sum(watching):.2f}")
    *parts, _ = _costs(text, "## What an idle month costs\n")
    return _replaced(text, r"(\| \*\*together\*\* \| \*\*)[\d.]+", f"{sum(parts):.2f}")


DOCUMENTS: dict[str, Callable[[str], str]] = {"capacity.md": capacity, "runbook.md": runbook, "deploy.md": deploy}


def _printed(words: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        cli.main([*shlex.split(words), "--markdown"])
    return output.getvalue()


def _row(text: str, what: str, count: int, price: float) -> str:
    text = _replaced(text, rf"(^\| )\d+(?= {what})", str(count))
    return _replaced(text, rf"(^\| \d+ {what}.* \| )[\d.]+", f"{count * price:.2f}")


def _replaced(text: str, pattern: str, figure: str) -> str:
    written, count = re.subn(pattern, lambda found: f"{found[1]}{figure}", text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{pattern!r} is in the document {count} times, not once")
    return written


def _costs(text: str, heading: str) -> list[float]:
    section = text.partition(heading)[2].partition("\n## ")[0]
    return [float(cost) for cost in _COST.findall(section)]


def main() -> None:
    """Write them anew."""
    argparse.ArgumentParser(prog="python -m tests.figures", description=__doc__).parse_args()
    for name, written_anew in DOCUMENTS.items():
        document = DOCS / name
        document.write_text(written_anew(document.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

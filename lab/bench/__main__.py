"""`make bench`: what the project's own code does, measured on this machine, and beside its peers."""

import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import psycopg2

from lab import extensions
from lab.bench import cold, drain, growth
from lab.bench.harness import Part, ResultTable, Sizes, print_table
from lab.bench.server import run_server
from tools.kit import commands, files
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, print_result
from tools.local.errors import LocalError

REFERENCE_PARTS = {
    "drain": Part("the handler beside the original, Powertools and COPY, by batch size", drain.measure),
    "growth": Part("the handler on an empty table and on tables of millions of rows", growth.measure),
    "cold": Part("importing the function and storing its first punch, in a fresh interpreter", cold.measure),
}
PARTS: dict[str, Part] = REFERENCE_PARTS | extensions.collect("bench", "PARTS")

_PART_LIST = "\n".join(f"  {name:11} {part.description}" for name, part in PARTS.items())
_EPILOG = f"""parts:
{_PART_LIST}

examples:
  make bench
  make bench ARGS="drain cold"
  make bench ARGS="drain --distance 0 --distance 0.5 --distance 2.5"
  make bench ARGS="growth --millions 1 --rounds 3"
  make bench ARGS="growth --set shared_buffers=2GB \\
    --set max_wal_size=16GB --folder .local/bench-large"

Each part writes FOLDER/PART.json (machine, results); with --distance, drain writes distance.json instead.

exit status: 0 measured, 2 the request is wrong, or something did not run
"""

_FULL = Sizes(100_000, (10, 100, 1_000), rounds=5, millions=(1, 10), starts=21, employees=10_000, months=12)
_QUICK = Sizes(2_000, (10, 100, 1_000), rounds=1, millions=(0.001,), starts=1, employees=20, months=1)


def _parse_setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(text)
    return name, value


@commands.command(epilog=_EPILOG)
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[PART]...")
@click.option("--quick", is_flag=True, show_default=False, help="Small sizes: that it runs, not how fast.")
@click.option(
    "--punches",
    type=click.IntRange(min=5 * growth.BATCH),
    metavar="N",
    help="drain: per peer, batch size and round, a tenth for the peers that insert row by row; growth: a fifth"
    " (default 100000, quick 2000).",
)
@click.option(
    "--distance",
    type=opt.FloatRange(0, 1_000),
    multiple=True,
    metavar="MS",
    help="drain: behind a proxy that makes a round trip to PostgreSQL so long, with batches of 10 and 100, and a fifth "
    "of the punches.",
)
@click.option("--rounds", type=opt.POSITIVE, metavar="N", help="Of everything in turn (default 5, quick 1).")
@click.option(
    "--millions",
    type=opt.RATE,
    multiple=True,
    metavar="N",
    help="growth: rows of a larger table, in millions (default 1 and 10, quick 0.001).",
)
@click.option("--ids", type=click.Choice(list(growth.IDS)), multiple=True, help="growth: a kind of ids (default all).")
@click.option(
    "--employees",
    type=opt.POSITIVE,
    metavar="N",
    help="growth, and a made-up company: whose punches (default 10000, quick 20).",
)
@click.option(
    "--set",
    "settings",
    type=opt.ParsedType("NAME=VALUE", "not NAME=VALUE", _parse_setting),
    multiple=True,
    help="A setting of PostgreSQL, which otherwise runs as it comes, with 128 MB of buffers.",
)
@click.option("--folder", type=opt.FILE, default=Path(".local/bench"), help="For the figures.")
def bench(
    parts: tuple[str, ...],
    settings: tuple[tuple[str, str], ...],
    folder: Path,
    *,
    quick: bool,
    **given: Any,
) -> None:
    """Measure the project's own code on a PostgreSQL of its own.

    Each figure is the median of interleaved rounds. Without PART, all parts are measured; --distance, --ids, --millions
    and --set can be given more than once.
    """
    if given["distance"]:
        given["batch"] = drain.DISTANCE_BATCH_SIZES
    given = {
        name: tuple(sorted(set(size))) if isinstance(size, tuple) else size for name, size in given.items() if size
    }
    sizes = (_QUICK if quick else _FULL)._replace(**given)
    chosen = [part for part in PARTS if part in parts or not parts]
    _measure_parts(chosen, sizes, dict(settings), folder)


def _measure_parts(parts: Sequence[str], sizes: Sizes, settings: Mapping[str, str], folder: Path) -> None:
    """Measure parts, write each one's file, and print its tables."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with run_server(settings) as server:
            for part in parts:
                started_at, load = time.time(), os.getloadavg()[0]
                tables = PARTS[part].measure(server, sizes)
                name = "distance" if part == "drain" and sizes.distance else part
                with files.draft(folder / f"{name}.json") as text:
                    text.write(json.dumps(_to_document(tables, settings, started_at, load), indent=2) + "\n")
                print_result("", f"{name}, load average {load:.1f} to {os.getloadavg()[0]:.1f}", "")
                for table in tables:
                    print_table(table)
                sys.stdout.flush()
    except (RuntimeError, psycopg2.Error, LocalError) as error:
        raise CommandError(str(error)) from None


def _to_document(
    tables: Sequence[ResultTable], settings: Mapping[str, str], started_at: float, load: float
) -> dict[str, Any]:
    """Return what was found as JSON, with the facts and figures that no table shows too."""
    machine = {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started_at)),
        "seconds": round(time.time() - started_at, 1),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
    }
    rows = [row for table in tables for row in table.rows]
    results = [row.facts | {name: figure._asdict() for name, figure in row.figures.items()} for row in rows]
    document = camel_case({"machine": machine, "results": results})
    document["machine"]["settings"] = dict(settings)  # whose names are PostgreSQL's
    return document


def main() -> int:
    """Run the command line of the process."""
    return commands.run(bench, "make bench")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())

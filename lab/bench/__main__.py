"""`make bench`: measures the project on this machine, compared with other implementations."""

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
    "drain": Part("the handler compared with the original, Powertools and COPY, by batch size", drain.measure),
    "growth": Part("the handler on an empty table and on tables of millions of rows", growth.measure),
    "cold": Part("import of the function and its first punch, in a new interpreter", cold.measure),
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

Each part writes FOLDER/PART.json with the machine and the results; with --distance, drain writes distance.json.

exit status: 0 everything was measured, 2 the request is wrong, or a benchmark failed
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
@click.option("--quick", is_flag=True, show_default=False, help="Use small sizes, to test the benchmarks.")
@click.option(
    "--punches",
    type=click.IntRange(min=5 * growth.BATCH),
    metavar="N",
    help="Punches for each implementation, batch size and round of drain; implementations that insert row by row get a "
    "tenth of them. growth uses a fifth (default 100000, quick 2000).",
)
@click.option(
    "--distance",
    type=click.FloatRange(0, 1_000),
    multiple=True,
    metavar="MS",
    help="drain: round trip to PostgreSQL that a proxy adds; uses batches of 10 and 100, and a fifth of the punches. "
    "Repeatable.",
)
@click.option("--rounds", type=opt.POSITIVE, metavar="N", help="Number of interleaved rounds (default 5, quick 1).")
@click.option(
    "--millions",
    type=opt.RATE,
    multiple=True,
    metavar="N",
    help="growth: size of a large table, in millions of rows; repeatable (default 1 and 10, quick 0.001).",
)
@click.option(
    "--ids", type=click.Choice(list(growth.IDS)), multiple=True, help="growth: kind of ids; repeatable (default: all)."
)
@click.option(
    "--employees",
    type=opt.POSITIVE,
    metavar="N",
    help="Number of employees in growth and in the demo company (default 10000, quick 20).",
)
@click.option(
    "--set",
    "settings",
    type=opt.ParsedType("NAME=VALUE", "not NAME=VALUE", _parse_setting),
    multiple=True,
    help="Setting of PostgreSQL, in place of its default; repeatable.",
)
@click.option("--folder", type=opt.FILE, default=Path(".local/bench"), help="Folder for the results.")
def bench(
    parts: tuple[str, ...],
    settings: tuple[tuple[str, str], ...],
    folder: Path,
    *,
    quick: bool,
    **options: Any,
) -> None:
    """Measure the project on a temporary PostgreSQL.

    Each figure is the median of interleaved rounds. Without PART, all parts are measured.
    """
    if options["distance"]:
        options["batch"] = drain.DISTANCE_BATCH_SIZES
    given_sizes: dict[str, Any] = {
        name: tuple(sorted(set(size))) if isinstance(size, tuple) else size for name, size in options.items() if size
    }
    sizes = (_QUICK if quick else _FULL)._replace(**given_sizes)
    chosen_parts = [part for part in PARTS if part in parts or not parts]
    _measure_parts(chosen_parts, sizes, dict(settings), folder)


def _measure_parts(parts: Sequence[str], sizes: Sizes, settings: Mapping[str, str], folder: Path) -> None:
    """Measure parts; write the file of each, and print its tables."""
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
    """Return the results for JSON, with the facts and figures that the tables do not show."""
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
    document["machine"]["settings"] = dict(settings)  # PostgreSQL's names, not converted to camel case
    return document


def main() -> int:
    """Run the command line of the process."""
    return commands.run(bench, "make bench")


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())

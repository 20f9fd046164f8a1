"""`make bench`: what the project's own code does, measured on this machine, and against its peers."""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import psycopg2

from lab.bench import (
    cold,
    distance,
    drain,
    duplicates,
    growth,
    indexes,
    numbers,
    open_transaction,
    picture,
    reports,
    workers,
)
from lab.bench.measure import Aim
from lab.bench.server import Server, running
from tools.kit import commands, files
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.output import camel_case, print_json, print_result, print_status
from tools.local.errors import LocalError

_EPILOG = """parts:
  drain       the handler against the original, Powertools, execute_values and COPY, by batch size
  growth      the handler on an empty table, and on tables of millions of rows
  workers     five processes at once
  cold        importing the function and storing its first punch, in a fresh interpreter
  duplicates  a batch that is in the table already
  numbers     what the index of the devices' numbers costs the drain
  indexes     what each index costs the drain, and other settings of them; a prepared statement
  reports     a made-up company's reports, and the intake while they run

examples:
  make bench
  make bench ARGS="drain cold"
  make bench ARGS="drain --distance 0 --distance 0.5 --distance 2.5 \\
    --open-transaction"
  make bench ARGS="growth --millions 1 --rounds 3"
  make bench ARGS="growth --set shared_buffers=2GB \\
    --set max_wal_size=16GB --folder .local/bench-large"
  make bench ARGS="--quick --json"

Each part writes FOLDER/PART.json (machine, results, aims; reports with its query plans), and the others together
FOLDER/drain.png and drain.svg. With --distance and --open-transaction, drain writes distance.json and
open_transaction.json instead, and no picture.

exit status: 0 measured, whether aims are met or missed; 2 the request is wrong, or something did not run
"""


class Sizes(NamedTuple):
    """How much of everything is measured."""

    punches: int
    batch: tuple[int, ...]
    rounds: int
    millions: tuple[float, ...]
    starts: int
    employees: int
    months: int
    distance: tuple[float, ...] = ()  # ms of a round trip


_FULL = Sizes(100_000, (10, 100, 1_000), rounds=5, millions=(1, 10), starts=21, employees=10_000, months=12)
_QUICK = Sizes(2_000, (10, 100, 1_000), rounds=1, millions=(0.001,), starts=1, employees=20, months=1)


class Part(NamedTuple):
    """Something that is measured, once the sizes are known."""

    measure: Callable[[Server, Sizes], Any]
    aims: Callable[[Any], list[Aim]]
    show: Callable[[Any], str]


PARTS = {
    "drain": Part(
        lambda server, sizes: drain.measure(server, sizes.batch, sizes.punches, sizes.rounds), drain.aims, drain.show
    ),
    "growth": Part(
        lambda server, sizes: growth.measure(server, sizes.millions, sizes.punches // 5, sizes.rounds, sizes.employees),
        growth.aims,
        growth.show,
    ),
    "workers": Part(
        lambda server, sizes: workers.measure(server, sizes.punches // 5, sizes.rounds), workers.aims, workers.show
    ),
    "cold": Part(lambda server, sizes: cold.measure(server, sizes.starts), cold.aims, cold.show),
    "duplicates": Part(
        lambda server, sizes: duplicates.measure(server, sizes.punches // 5, sizes.rounds),
        duplicates.aims,
        duplicates.show,
    ),
    "numbers": Part(
        lambda server, sizes: numbers.measure(server, sizes.punches // 5, sizes.rounds), numbers.aims, numbers.show
    ),
    "indexes": Part(
        lambda server, sizes: indexes.measure(server, (0, sizes.millions[0]), sizes.punches // 5, sizes.rounds),
        lambda _: [],  # what would pay is for people to judge
        indexes.show,
    ),
    "reports": Part(
        lambda server, sizes: reports.measure(server, sizes.employees, sizes.months, sizes.punches, sizes.rounds),
        reports.aims,
        reports.show,
    ),
}

INSTEAD_OF_DRAIN = {
    "distance": Part(
        lambda server, sizes: distance.measure(server, sizes.distance, sizes.batch, sizes.punches // 5, sizes.rounds),
        distance.aims,
        distance.show,
    ),
    "open_transaction": Part(
        lambda server, sizes: open_transaction.measure(server, sizes.distance, sizes.punches // 5, sizes.rounds),
        open_transaction.aims,
        open_transaction.show,
    ),
}


def _setting(text: str) -> tuple[str, str]:
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
    help="drain: per peer, batch size and round, a tenth for the peers that insert row by row; the other parts: a "
    "fifth (default 100000, quick 2000).",
)
@click.option(
    "--batch", type=opt.POSITIVE, multiple=True, metavar="N", help="drain: a batch size (default 10, 100 and 1000)."
)
@click.option(
    "--distance",
    type=opt.FloatRange(0, 1_000),
    multiple=True,
    metavar="MS",
    help="drain: behind a proxy that makes a round trip to PostgreSQL so long, with batches of 10 and 100 where "
    "--batch says nothing else, and a fifth of the punches.",
)
@click.option(
    "--open-transaction",
    is_flag=True,
    show_default=False,
    help="drain: the handler alone, without and beside a session elsewhere that holds a transaction open; at each "
    "--distance, where there is one.",
)
@click.option("--rounds", type=opt.POSITIVE, metavar="N", help="Of everything in turn (default 5, quick 1).")
@click.option(
    "--millions",
    type=opt.RATE,
    multiple=True,
    metavar="N",
    help="growth: rows of a larger table, in millions (default 1 and 10, quick 0.001); indexes: the least of them.",
)
@click.option("--starts", type=opt.POSITIVE, metavar="N", help="cold: interpreters of each kind (default 21, quick 1).")
@click.option(
    "--employees", type=opt.POSITIVE, metavar="N", help="reports, growth: of the company (default 10000, quick 20)."
)
@click.option("--months", type=opt.POSITIVE, metavar="N", help="reports: of punches (default 12, quick 1).")
@click.option(
    "--set",
    "settings",
    type=opt.Kind("NAME=VALUE", "not NAME=VALUE", _setting),
    multiple=True,
    help="A setting of PostgreSQL, which otherwise runs as it comes, with 128 MB of buffers.",
)
@click.option("--folder", type=opt.FILE, default=Path(".local/bench"), help="For the figures.")
@opt.as_json
def bench(
    parts: tuple[str, ...],
    settings: tuple[tuple[str, str], ...],
    folder: Path,
    *,
    quick: bool,
    open_transaction: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure the project's own code on a PostgreSQL of its own.

    Each figure is the median of interleaved rounds. Without PART, all parts are measured; --batch, --distance,
    --millions and --set can be given more than once.
    """
    instead = ["distance"] * bool(given["distance"]) + ["open_transaction"] * open_transaction
    chosen = [
        name
        for part in PARTS
        if part in parts or not parts
        for name in (instead if part == "drain" and instead else [part])
    ]
    measure(chosen, sizes_of(quick=quick, **given), dict(settings), folder, as_json=as_json)


def sizes_of(*, quick: bool, **given: Any) -> Sizes:
    """Give the sizes: those that were given, and the usual ones.

    Args:
        quick: small ones.
        given: by the names of `Sizes`; none, or no number, is the usual one.
    """
    if given.get("distance") and not given.get("batch"):
        given["batch"] = distance.BATCHES
    sizes = (_QUICK if quick else _FULL)._replace(**{name: size for name, size in given.items() if size})
    return sizes._replace(
        batch=tuple(sorted(set(sizes.batch))),
        distance=tuple(sorted(set(sizes.distance))),
        millions=tuple(sorted(set(sizes.millions))),
    )


def measure(parts: Sequence[str], sizes: Sizes, settings: Mapping[str, str], folder: Path, *, as_json: bool) -> None:
    """Measure, print, and write the figures.

    Args:
        parts: by their names.
        sizes: how much of each.
        settings: of PostgreSQL.
        folder: for the figures; made if it is not there.
        as_json: print them for machines.

    Raises:
        CommandError: something did not run, or cannot be written.
    """
    measured: dict[str, Any] = {}
    documents: dict[str, Any] = {}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with running(dict(settings)) as server:
            for name in parts:
                part = (PARTS | INSTEAD_OF_DRAIN)[name]
                began, load = time.time(), os.getloadavg()[0]
                found = measured[name] = part.measure(server, sizes)
                documents[name] = {
                    "machine": _machine(began, load) | {"settings": dict(settings)},
                    "results": plain(found),
                    "aims": [plain(aim) | {"met": aim.met} for aim in part.aims(found)],
                }
                with files.draft(folder / f"{name}.json") as text:
                    text.write(json.dumps(documents[name], indent=2) + "\n")
                if not as_json:
                    print_result("", f"{name}, load average {load:.1f} to {os.getloadavg()[0]:.1f}", "")
                    print_result(*part.show(found).split("\n"), "", *map(str, part.aims(found)))
                    sys.stdout.flush()
    except (RuntimeError, psycopg2.Error, LocalError) as error:
        raise CommandError(str(error)) from None
    if as_json:
        print_json(documents)
    if measured.keys() - {"indexes", "numbers", "reports"} - INSTEAD_OF_DRAIN.keys():  # the picture is of the drain
        for file in (folder / "drain.png", folder / "drain.svg"):
            picture.draw(file, measured)
            print_status(f"make bench: {file}")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(bench, "make bench", words)


def plain(found: Any) -> Any:
    """Turn named tuples into objects, for JSON, whose keys are in camelCase."""
    if isinstance(found, tuple) and hasattr(found, "_asdict"):
        return dict(zip(camel_case(found._asdict()), map(plain, found), strict=True))
    return [plain(one) for one in found] if isinstance(found, list) else found


def _machine(began: float, load: float) -> dict[str, Any]:
    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "seconds": round(time.time() - began, 1),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "loadBefore": round(load, 2),
        "loadAfter": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())

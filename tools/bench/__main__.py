"""`make bench`: what the project's own code does, measured on this machine, and against its peers."""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from tools.bench import cold, drain, duplicates, growth, picture, reports, workers
from tools.bench.measure import Aim
from tools.bench.server import Server, running
from tools.kit import files
from tools.kit.errors import CommandError

_EXAMPLES = """parts:
  drain       the handler against the original, Powertools, execute_values and COPY, by batch size
  growth      the handler on an empty table, and on tables of millions of rows
  workers     five processes at once
  cold        importing the function and storing its first punch, in a fresh interpreter
  duplicates  a batch that is in the table already
  reports     a made-up company's reports, and the intake while they run

examples:
  make bench
  python -m tools.bench drain cold
  python -m tools.bench growth --millions 1 --rounds 3
  python -m tools.bench growth --set shared_buffers=2GB max_wal_size=16GB --folder .local/bench-large
  python -m tools.bench --quick --json

Each part writes FOLDER/PART.json (machine, results, aims; reports with its query plans), and the others together
FOLDER/drain.png and drain.svg.

exit status: 0 measured, whether aims are met or missed; 2 the request is wrong, or something did not run
"""


class Part(NamedTuple):
    """Something that is measured, once the arguments are known."""

    measure: Callable[[Server, argparse.Namespace], Any]
    aims: Callable[[Any], list[Aim]]
    show: Callable[[Any], str]


PARTS = {
    "drain": Part(
        lambda server, given: drain.measure(server, given.batch, given.punches, given.rounds), drain.aims, drain.show
    ),
    "growth": Part(
        lambda server, given: growth.measure(server, given.millions, given.punches // 5, given.rounds),
        growth.aims,
        growth.show,
    ),
    "workers": Part(
        lambda server, given: workers.measure(server, given.punches // 5, given.rounds), workers.aims, workers.show
    ),
    "cold": Part(lambda server, given: cold.measure(server, given.starts), cold.aims, cold.show),
    "duplicates": Part(
        lambda server, given: duplicates.measure(server, given.punches // 5, given.rounds),
        duplicates.aims,
        duplicates.show,
    ),
    "reports": Part(
        lambda server, given: reports.measure(server, given.employees, given.months, given.punches, given.rounds),
        reports.aims,
        reports.show,
    ),
}


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments, those of the process by default. What --quick makes small can still be given."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description="Measures the project's own code on a PostgreSQL of its own; medians of interleaved rounds.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes: that it runs, not how fast")
    parser.add_argument(
        "--punches",
        type=_positive,
        metavar="N",
        help="drain: per peer, batch size and round, a tenth for the peers that insert row by row; "
        "the other parts: a fifth (default 100000, quick 2000)",
    )
    parser.add_argument(
        "--batch", type=_positive, nargs="+", metavar="N", help="drain: batch sizes (default 10 100 1000)"
    )
    parser.add_argument("--rounds", type=_positive, metavar="N", help="of everything in turn (default 5, quick 1)")
    parser.add_argument(
        "--millions",
        type=float,
        nargs="+",
        metavar="N",
        help="growth: rows of the larger tables, in millions (default 1 10, quick 0.001)",
    )
    parser.add_argument(
        "--starts", type=_positive, metavar="N", help="cold: interpreters of each kind (default 21, quick 1)"
    )
    parser.add_argument(
        "--employees", type=_positive, metavar="N", help="reports: of the company (default 10000, quick 20)"
    )
    parser.add_argument("--months", type=_positive, metavar="N", help="reports: of punches (default 12, quick 1)")
    parser.add_argument(
        "--set",
        type=_setting,
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="settings of PostgreSQL, which otherwise runs as it comes, with 128 MB of buffers",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(".local/bench"), help="for the figures (default .local/bench)"
    )
    parser.add_argument("--json", action="store_true", help="for machines: the figures, on standard output too")
    given = parser.parse_args(words)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    given.parts = [part for part in PARTS if part in given.parts or not given.parts]
    quick = given.quick
    given.punches = given.punches or (2_000 if quick else 100_000)
    given.batch = sorted(set(given.batch or [10, 100, 1_000]))
    given.rounds = given.rounds or (1 if quick else 5)
    given.millions = sorted(set(given.millions or ([0.001] if quick else [1, 10])))
    given.starts = given.starts or (1 if quick else 21)
    given.employees = given.employees or (20 if quick else 10_000)
    given.months = given.months or (1 if quick else 12)
    if given.punches < 5 * growth.BATCH:
        parser.error(f"--punches is at least {5 * growth.BATCH}, for the parts that take a fifth of it")
    if min(given.millions) <= 0:
        parser.error("--millions is more than 0")
    return given


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: the arguments, those of the process by default.

    Returns:
        The exit status: 0 measured, 2 not.
    """
    given = parse(words)
    measured: dict[str, Any] = {}
    documents: dict[str, Any] = {}
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        with running(dict(given.set)) as server:
            for name in given.parts:
                part = PARTS[name]
                began, load = time.time(), os.getloadavg()[0]
                found = measured[name] = part.measure(server, given)
                documents[name] = {
                    "machine": _machine(began, load) | {"settings": dict(given.set)},
                    "results": plain(found),
                    "aims": [aim._asdict() | {"met": aim.met} for aim in part.aims(found)],
                }
                with files.draft(given.folder / f"{name}.json") as text:
                    text.write(json.dumps(documents[name], indent=2) + "\n")
                if not given.json:
                    print(f"\n{name}, load average {load:.1f} to {os.getloadavg()[0]:.1f}\n\n{part.show(found)}\n")
                    print("\n".join(map(str, part.aims(found))), flush=True)
        if given.json:
            print(json.dumps(documents, indent=2))
        if measured.keys() - {"reports"}:  # the picture is of the drain
            for file in (given.folder / "drain.png", given.folder / "drain.svg"):
                picture.draw(file, measured)
                print(f"bench: {file}", file=sys.stderr)
    except (RuntimeError, psycopg2.Error, CommandError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    return 0


def plain(found: Any) -> Any:
    """Turn named tuples into objects, for JSON."""
    if isinstance(found, tuple) and hasattr(found, "_asdict"):
        return {name: plain(value) for name, value in found._asdict().items()}
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


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE")
    return name, value


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())

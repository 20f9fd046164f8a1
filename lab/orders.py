"""Run the end-to-end tests in random orders, one run after the other, and say which of them failed.

Each run is one process, and deploys a system of its own.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import click

from tools.develop import logged
from tools.kit import commands
from tools.kit import options as opt
from tools.kit.project import ROOT

LOGS = ROOT / ".pytest_cache" / "orders"

_EPILOG = """examples:
  make test-orders                                                   ten orders of tests/e2e
  make test-orders ARGS="--count 3 tests/e2e/test_dlq.py -- -k conflict"
  make test-orders ARGS="--seed 7 --seed 8"                          these two

exit status: 0 every run passed, 1 one did not, 2 the request is wrong
"""


def command(seed: int, words: Sequence[str]) -> list[str]:
    """Give what runs the tests in the order of a seed.

    Args:
        seed: of the order and of all examples.
        words: paths and options for pytest.
    """
    return [sys.executable, "-m", "pytest", "-n", "0", f"--randomly-seed={seed}", *(words or ["tests/e2e"])]


def run(seed: int, words: Sequence[str], logs: Path) -> bool:
    """Run once, write what it printed to a file, and print a line about it; return whether it passed."""
    passed, line = logged.run(command(seed, words), logs / f"{seed}.log")
    logged.print_line(f"seed {seed:>10}  {line}")
    return passed


@commands.command(epilog=_EPILOG)
@click.option("--count", type=opt.POSITIVE, default=10, metavar="N", help="How many orders.")
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(0, 2**32 - 1),
    multiple=True,
    metavar="N",
    help="Of one order, instead of random ones; repeatable.",
)
@click.argument("words", nargs=-1)
@click.pass_obj
def orders(logs: Path, count: int, seeds: tuple[int, ...], words: tuple[str, ...]) -> int:
    """Run the end-to-end tests in random orders, one run after the other, and say which of them failed.

    WORDS are paths for pytest (default tests/e2e), and its options after --. Each run is one process, and deploys a
    system of its own.
    """
    chosen = seeds or tuple(Random().getrandbits(32) for _ in range(count))  # noqa: S311
    failed = [seed for seed in chosen if not run(seed, words, logs)]
    logged.print_line(f"{len(chosen) - len(failed)} of {len(chosen)} orders passed")
    for seed in failed:
        logged.print_line(f"again: {logged.again(command(seed, words)[3:])}")
    return 1 if failed else 0


def main(words: Sequence[str] | None = None, logs: Path = LOGS) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(orders, "make test-orders", words, logs)


if __name__ == "__main__":
    sys.exit(main())

"""Which of several possible steps is next: all of them, one after the other; some, by chance; or those of a story."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

from tools.kit.errors import CommandError

Result = TypeVar("Result")
Choose = Callable[[Sequence[str]], str]


def run_every_order(run: Callable[[Choose], Result]) -> Iterator[Result]:
    """Run once for every sequence of choices: the last one that had an alternative takes it next.

    Raises:
        RuntimeError: the same choices led elsewhere.
    """
    path: list[tuple[int, tuple[str, ...]]] = []  # which of which
    while True:
        depth = 0

        def choose(options: Sequence[str]) -> str:
            nonlocal depth
            if depth == len(path):
                path.append((0, tuple(options)))
            elif path[depth][1] != tuple(options):
                raise RuntimeError(f"after {[each[at] for at, each in path[:depth]]}: {path[depth][1]}, then {options}")
            at, _ = path[depth]
            depth += 1
            return options[at]

        yield run(choose)
        while path and path[-1][0] + 1 == len(path[-1][1]):
            path.pop()
        if not path:
            return
        at, options = path.pop()
        path.append((at + 1, options))


def run_random_orders(run: Callable[[Choose], Result], count: int, seed: int) -> Iterator[Result]:
    """Run so often, each choice by chance; the same ones for a seed."""
    rng = Random(seed)
    for _ in range(count):
        yield run(rng.choice)


def follow_steps(steps: Sequence[str]) -> Choose:
    """Make the choices of a story; after its end, the first of each.

    Raises:
        CommandError: it names a step that is not possible there. Raised by what is returned.
    """
    left = iter(steps)

    def choose(options: Sequence[str]) -> str:
        step = next(left, options[0])
        if step not in options:
            raise CommandError(f"{step} is not possible here; {', '.join(options)} are")
        return step

    return choose

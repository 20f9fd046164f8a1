"""Choices of the next step: in every order, at random, or from a list of steps."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

from tools.kit.errors import CommandError

Result = TypeVar("Result")
Choose = Callable[[Sequence[str]], str]
"""Returns one of the steps that are possible now."""


def run_every_order(run: Callable[[Choose], Result]) -> Iterator[Result]:
    """Run once for every sequence of choices, depth first, and yield the results.

    Raises:
        RuntimeError: the same choices led to other options than before.
    """
    path: list[tuple[int, tuple[str, ...]]] = []  # index and options of each choice
    while True:
        depth = 0

        def choose(options: Sequence[str]) -> str:
            nonlocal depth
            if depth == len(path):
                path.append((0, tuple(options)))
            elif path[depth][1] != tuple(options):
                steps = [possible[index] for index, possible in path[:depth]]
                raise RuntimeError(f"after {steps} the options were first {path[depth][1]}, then {options}")
            index, _ = path[depth]
            depth += 1
            return options[index]

        yield run(choose)
        while path and path[-1][0] + 1 == len(path[-1][1]):
            path.pop()
        if not path:
            return
        index, options = path.pop()
        path.append((index + 1, options))


def run_random_orders(run: Callable[[Choose], Result], count: int, seed: int) -> Iterator[Result]:
    """Run `count` times with random choices, and yield the results; the seed determines the choices."""
    rng = Random(seed)
    for _ in range(count):
        yield run(rng.choice)


def follow_steps(steps: Sequence[str]) -> Choose:
    """Return a function that chooses the given steps, and after them the first option each time.

    Raises:
        CommandError: raised by the returned function; a given step is not among the options.
    """
    remaining = iter(steps)

    def choose(options: Sequence[str]) -> str:
        step = next(remaining, options[0])
        if step not in options:
            raise CommandError(f"the step {step} is not possible here; possible steps: {', '.join(options)}")
        return step

    return choose

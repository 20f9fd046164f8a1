"""Files of the origin that a copy gets, and parts of documents that it does not get."""

import re
from collections.abc import Collection, Mapping, Sequence

import yaml

from tools.kit.errors import CommandError

_LEFT_OUT = (
    ".ci/checks/",
    ".github/ISSUE_TEMPLATE/",
    ".github/workflows/laboratory.yml",
    "README.pt-BR.md",
    "docs/adapt.md",
    "docs/original.md",
    "docs/pictures/",
    "examples/orders/",
    "lab/",
    "loadtest/comparison.json",
    "slices/employee_numbers.py",  # only slices use it that a copy cannot keep
    "slices/faults.py",  # as employee_numbers.py
    "slices/spreadsheet.py",  # as employee_numbers.py
    "tests/e2e/test_examples.py",
    "tools/develop/pictures.py",
    "tools/develop/new/",
    "tools/tests/new/",
)
"""Files and folders that a copy does not get. Slices are chosen by name."""

_ABOUT_PUNCHES = re.compile(r"(?:slices/\w+/)?(?:examples/[^/]+|tests/event/.+)")
"""Examples and tests with punches, which a copy does not get either."""

TESTS_OF_TOOLS = ("loadtest/tests/", "tools/tests/")
"""Folders that a copy gets only if it is asked for: this project has run these tests."""

_SLICES_ABOUT_PUNCHES = frozenset(("clocks", "corrections", "page", "reports", "sign_in"))
"""Slices that a copy cannot keep, nor those that need one of them."""

VERBATIM = ("LICENSE",)
"""Files without the names of the copy."""

ENABLED_SLICES = "slices/enabled.txt"
_MARK = "<!-- only in the origin"
_MARKED = re.compile(  # with the blank lines after it, if one is before it
    rf"(\A|(?<=\n)\n)?^(?:{_MARK}: begin -->\n.*?^{_MARK}: end|[^\n]+{_MARK}) -->\n(?(1)\n*)", re.MULTILINE | re.DOTALL
)


def select_slices(names: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """Return the slices to keep, in the order of enabled.txt.

    Args:
        names: the slices that were asked for.
        texts: the files of the origin.

    Raises:
        CommandError: there is no such slice, or it cannot be kept.
    """
    order = [line.strip() for line in texts[ENABLED_SLICES].splitlines()]
    available = set[str]()
    for name in order:  # a slice comes after those that it needs
        manifest = yaml.load(texts.get(f"slices/{name}/aws.yml", ""), yaml.BaseLoader) or {}  # noqa: S506
        exists = any(path.startswith(f"slices/{name}/") for path in texts)
        if exists and name not in _SLICES_ABOUT_PUNCHES and available.issuperset(manifest.get("needs", ())):
            available.add(name)
    if unavailable := set(names) - available:
        others = ", ".join(sorted(available))
        raise CommandError(f"SLICES: there is no slice `{min(unavailable)}`, or it is about punches. Use {others}.")
    return sorted(set(names), key=order.index)


def is_copied(path: str, slices: Collection[str], *, with_tests: bool = False) -> bool:
    """Return whether a copy with these slices, and perhaps with the tests of tools, gets a file of the origin."""
    parts = path.split("/")
    if _ABOUT_PUNCHES.fullmatch(path):
        return False
    if len(parts) > 2 and parts[0] == "slices":
        return parts[1] in slices
    is_left_out = any(path == name or (name[-1] == "/" and path.startswith(name)) for name in _LEFT_OUT)
    return not is_left_out and (with_tests or not is_test_of_tools(path))


def is_test_of_tools(path: str) -> bool:
    """Return whether a file belongs to the tests that a copy gets only if it is asked for."""
    return path.startswith(TESTS_OF_TOOLS)


def adapt(path: str, text: str) -> str:
    """Return a document without its parts that only the origin has.

    Such a line ends with the comment `only in the origin`; several lines are between two lines with only a comment,
    `only in the origin: begin` and `only in the origin: end`.

    Raises:
        CommandError: a begin has no end, or an end no begin.
    """
    text = _MARKED.sub(r"\1", text)
    if _MARK in text:
        raise CommandError(f"{path}: `only in the origin: begin` and `: end` must follow each other", 1)
    return text

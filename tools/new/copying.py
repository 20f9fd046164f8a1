"""Files of the reference that a copy gets, their blocks that only the reference has, and links to missing files."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import unquote

import yaml

from tools.kit.errors import CommandError

_LEFT_OUT = (
    ".ci/copy",
    ".github/ISSUE_TEMPLATE/",
    "README.pt-BR.md",
    "docs/adapt.md",
    "docs/original.md",
    "docs/pictures/",
    "examples/orders/",
    "lab/",
    "slices/employee_numbers.py",  # only slices use it that a copy cannot keep
    "slices/faults.py",  # as employee_numbers.py
    "slices/spreadsheet.py",  # as employee_numbers.py
    "tests/e2e/test_examples.py",
    "tests/event/",
    "tools/develop/pictures.py",
    "tools/new/",
    "tools/tests/new/",
)
"""Files and folders that a copy does not get. Slices are chosen by name."""

_EXAMPLE = re.compile(r"(?:slices/\w+/)?examples/[^/]+")
"""Files that show something with punches, which a copy does not get either."""

TESTS_OF_TOOLS = ("loadtest/tests/", "tools/tests/")
"""Folders that a copy gets only if it is asked for: this project has run these tests."""

UNAVAILABLE_SLICES = {
    "clocks": "it reads the files of time clocks",
    "corrections": "it corrects punches in time cards",
    "page": "its page records punches of employees",
    "reports": "it computes time cards from punches",
    "sign_in": "it signs employees in",
}
"""Slices that a copy cannot keep, with the reason. All others are generic."""

VERBATIM = ("LICENSE",)
"""Files without the names of the copy."""

ENABLED_SLICES = "slices/enabled.txt"
_MARK = r"(?:#|//|--|/\*|<!--) *only in the reference"
_END = r" *(?:\*/|-->)?$"
_BEGIN_BLOCK, _END_BLOCK = re.compile(rf"\s*{_MARK}: begin{_END}"), re.compile(rf"\s*{_MARK}: end{_END}")
_COPY_LINE = re.compile(rf"(\s*)(?:#|//|--|/\*|<!--) *only in a copy: (.*?){_END}")
_MARKED_LINE = re.compile(rf".*\S.*{_MARK}{_END}")
_LINK = re.compile(r"\]\(([^()\s]+)\)|<img src=\"([^\"]+)\"")


def find_slices(paths: Collection[str]) -> list[str]:
    """Return the names of the slices among the files of the reference."""
    return sorted({parts[1] for path in paths if len(parts := path.split("/")) > 2 and parts[0] == "slices"})


def select_slices(names: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """Return the slices to keep, in the order of enabled.txt.

    Args:
        names: the slices that were asked for.
        texts: the files of the reference.

    Raises:
        CommandError: a name is unknown, or its slice cannot be kept, or needs another one.
    """
    existing = find_slices(texts)
    for name in names:
        if name not in existing:
            raise CommandError(
                f"SLICES: there is no slice `{name}`. Use one of {', '.join(available_slices(existing))}."
            )
        if name in UNAVAILABLE_SLICES:
            raise CommandError(
                f"SLICES: `{name}` cannot be kept, as {UNAVAILABLE_SLICES[name]}. Remove it from SLICES."
            )
        manifest = yaml.load(texts.get(f"slices/{name}/aws.yml", ""), yaml.BaseLoader) or {}  # noqa: S506
        for needed in manifest.get("needs", []):
            if needed not in names:
                raise CommandError(f"SLICES: `{name}` needs `{needed}`. Add it, or remove `{name}`.")
    order = [line.strip() for line in texts[ENABLED_SLICES].splitlines()]
    return sorted(set(names), key=order.index)


def available_slices(existing: Collection[str]) -> list[str]:
    """Return the slices that a copy can keep."""
    return sorted(set(existing) - set(UNAVAILABLE_SLICES))


def is_copied(path: str, slices: Collection[str], *, with_tests: bool = False) -> bool:
    """Return whether a copy with these slices, and perhaps with the tests of tools, gets a file of the reference."""
    parts = path.split("/")
    if _EXAMPLE.fullmatch(path):
        return False
    if len(parts) > 2 and parts[0] == "slices":
        return parts[1] in slices
    is_left_out = any(path == name or (name[-1] == "/" and path.startswith(name)) for name in _LEFT_OUT)
    return not is_left_out and (with_tests or not is_test_of_tools(path))


def is_test_of_tools(path: str) -> bool:
    """Return whether a file belongs to the tests that a copy gets only if it is asked for."""
    return path.startswith(TESTS_OF_TOOLS)


def adapt(path: str, text: str) -> str:
    """Return a text without what is marked as only for the reference, and with what is marked as only for a copy.

    A block of the reference stands between lines with only a comment, `only in the reference: begin` and `only in the
    reference: end`; a single line ends with the comment `only in the reference`. A line of a copy is a comment that
    begins with `only in a copy:`.

    Raises:
        CommandError: a block does not end, or does not begin, or contains another.
    """
    lines: list[str] = []
    begin = 0  # number of the line with which the current block begins
    was_block = False  # whether a block, and perhaps blank lines, are directly before the line
    for number, line in enumerate(text.split("\n"), 1):
        if _BEGIN_BLOCK.fullmatch(line) and not begin:
            begin = number
        elif _END_BLOCK.fullmatch(line) and begin:
            begin, was_block = 0, True
        elif _BEGIN_BLOCK.fullmatch(line) or _END_BLOCK.fullmatch(line):
            mistake = "contains another" if begin else "does not begin"
            raise CommandError(f"{path}:{number}: the block that is only in the reference {mistake}", 1)
        elif not begin and not _MARKED_LINE.fullmatch(line):
            was_block = was_block and not line
            if not was_block or (lines and lines[-1]):  # a block between blank lines leaves one of them
                lines.append(_COPY_LINE.sub(r"\1\2", line))
    if begin:
        raise CommandError(f"{path}:{begin}: the block that is only in the reference does not end", 1)
    return "\n".join(lines)


def find_dead_links(texts: Mapping[str, str], paths: Collection[str]) -> Iterator[str]:
    """Yield the links of Markdown files whose target is not in the copy.

    Args:
        texts: text files of the copy, by path.
        paths: all files of the copy.
    """
    targets = {
        normpath(str(parent)) for path in paths for parent in (PurePosixPath(path), *PurePosixPath(path).parents)
    }
    for path, text in texts.items():
        if path.endswith(".md"):
            for match in _LINK.finditer(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
                link = unquote(match[1] or match[2]).partition("#")[0]
                if link and ":" not in link and normpath(str(PurePosixPath(path).parent / link)) not in targets:
                    yield f"{path}: {link}"

"""Wrapping of lines that a longer name has made too long: paragraphs of Markdown, comments and docstrings."""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

_WIDTHS = {".py": 120, ".md": 150}
_COMMENT = re.compile(r"( *# )\S")
_LIST_ITEM = re.compile(r"( *)(?:[-*]|\d+\.) ")
_ARGUMENT = re.compile(r" +[\w*`]+: ")


def reflow(path: str, text: str) -> str:
    """Return a Python or Markdown file with long lines of prose wrapped: each passes its last words to the next line.

    Tables, headings, code and strings are not changed.
    """
    suffix = PurePosixPath(path).suffix
    width = _WIDTHS.get(suffix, 0)
    lines = text.split("\n")
    if not width or all(len(line) <= width for line in lines):
        return text
    prose = set(_docstring_lines(text)) if suffix == ".py" else set(_paragraph_lines(lines))
    result: list[str] = []
    rest = ""  # words that the previous line did not have room for
    for number, line in enumerate(lines):
        comment = _COMMENT.match(line) if suffix == ".py" and number not in prose else None
        if number not in prose and not comment:
            result.append(line)
            continue
        prefix = comment[1] if comment else line[: len(line) - len(line.lstrip())]
        line, rest = prefix + rest + line[len(prefix) :], ""
        if len(line) > width and (end := line.rfind(" ", len(prefix) + 1, width + 1)) > 0:
            line, rest = line[:end].rstrip(), line[end + 1 :]
            continuation = prefix + " " * _hanging_indent(line, suffix)
            follows = lines[number + 1] if number + 1 < len(lines) else ""
            if _continues(follows, continuation, number + 1 in prose or comment is not None):
                rest += " "
            else:
                result += [line, *_wrap(rest, continuation, width)]
                rest = ""
                continue
        result.append(line)
    return "\n".join(result)


def _hanging_indent(line: str, suffix: str) -> int:
    """Return how many columns the lines after the first one of a list item, or an argument, are indented more."""
    if match := _LIST_ITEM.match(line):
        return len(match[0]) - len(match[1])
    return 4 if suffix == ".py" and _ARGUMENT.match(line) else 0


def _continues(line: str, prefix: str, is_prose: bool) -> bool:
    """Return whether a line continues a paragraph whose lines begin with a prefix."""
    return (
        is_prose
        and line.startswith(prefix)
        and line[len(prefix) : len(prefix) + 1] not in ("", " ", '"')
        and not _LIST_ITEM.match(line)
    )


def _wrap(words: str, prefix: str, width: int) -> Iterator[str]:
    while len(prefix + words) > width and (end := words.rfind(" ", 0, width - len(prefix) + 1)) > 0:
        yield prefix + words[:end]
        words = words[end + 1 :]
    yield prefix + words


def _docstring_lines(text: str) -> Iterator[int]:
    """Yield the numbers, from 0, of the lines of docstrings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:  # with the texts below constants
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    yield from range(statement.lineno - 1, statement.end_lineno or statement.lineno)


def _paragraph_lines(lines: Collection[str]) -> Iterator[int]:
    """Yield the numbers, from 0, of the lines of Markdown paragraphs and list items."""
    is_code = False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and line.strip() and line.lstrip()[0] not in "|#<":
            yield number

"""Parsing and checks of the documents' commands, links and headings.

A block of commands is fenced as `sh` if a test runs it, and as `sh aws` if it needs an AWS account.
"""

import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from tools.kit import commands as kit_commands
from tools.kit.project import ROOT

_FENCE = re.compile(r"^```(\w*)(?: +(\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Programs whose arguments `find_mistake` can check.
_CHECKED_PROGRAMS = ("make", ".venv/bin/python -m", "ponto")


class Block(NamedTuple):
    """A fenced block."""

    language: str
    mark: str  # the word after the language; empty: there is none
    text: str


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document."""
    return [Block(*match.groups(default="")) for match in _FENCE.finditer(document.read_text(encoding="utf-8"))]


def prose(document: Path) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def split_commands(text: str) -> Iterator[str]:
    """Yield the single commands of a block, without comments: continued lines are joined, && and | split.

    A command in $(...) comes before the command that contains it, where `x` replaces it.
    """
    for joined in text.replace("\\\n", " ").splitlines():
        line = re.sub(r"^\w+\(\) \{ (.*); \}$", r"\1", joined)  # the body of a shell function
        while inner := re.search(r"\$\(([^()]*)\)", line):
            yield from split_commands(inner[1])
            line = f"{line[: inner.start()]}x{line[inner.end() :]}"
        words: list[str] = []
        for word in [*_split_words(line), ";"]:
            if word in {"&&", "||", "|", ";", "&"}:
                if words:
                    yield shlex.join(words)
                words = []
            else:
                words.append(word)


def commands_in_prose(document: Path) -> list[str]:
    """Return the commands in backquotes of a document's sentences and tables."""
    return [
        code
        for code in re.findall(r"`([^`\n]+)`", prose(document))
        if code.startswith(_CHECKED_PROGRAMS) and " " in code
    ]


def expand_make(command: str) -> str:
    """Return a command with a `make` target replaced by the Python command that the target runs, if it has ARGS."""
    match shlex.split(command):
        case ["make", target, *_, arguments] if arguments.startswith("ARGS="):
            if (recipe := _recipes().get(target, "")).startswith(("python -m", "ponto")):
                return f"{recipe} {arguments.removeprefix('ARGS=')}"
    return command.removeprefix(".venv/bin/")


def find_mistake(command: str) -> str | None:
    """Return why a command cannot run as written; None if it can, or if its program is not checked."""
    match shlex.split(expand_make(command)):
        case ["make", target, *_] if target not in _recipes():
            return f"no target {target}"
        case ["ponto", *words]:
            return _find_python_mistake("tools.cli", words)
        case ["python", "-m", module, *words]:
            return _find_python_mistake(module, words)
    return None


def heading_anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub creates for a document's headings."""
    anchors: set[str] = set()
    for title in re.findall(r"^#{1,6} (.+)$", prose(document), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"`|\[(.*?)\]\(.*?\)", r"\1", title).lower()).replace(" ", "-")
        anchors.add(slug)
    return anchors


def links(document: Path) -> list[str]:
    """Return the targets of a document's links and pictures."""
    text = prose(document)
    pictures = re.findall(r'<img src="([^"]+)"', text)
    return [*re.findall(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)\)", text), *pictures]


_DERIVED_IDS = ROOT / "docs" / "derived-ids.md"


def derived_ids(columns: str = r"`(.+)` \| (\S+Z)") -> list[tuple[str, ...]]:
    """Return the published test vectors of derived ids.

    Args:
        columns: Regular expression of the columns before the id; by default the key and the instant.
    """
    pattern = rf"^\| {columns} \| `([0-9a-f-]{{36}})` \|$"
    vectors = re.findall(pattern, _DERIVED_IDS.read_text(encoding="utf-8"), re.MULTILINE)
    assert vectors, f"no row of the table matches {columns}"
    return vectors


def derived_id_code(language: str) -> str:
    """Return the published code that derives ids in a programming language."""
    [code] = [block.text for block in blocks(_DERIVED_IDS) if block.language == language]
    return code


def erasure_statement(document: Path, table: str) -> str:
    """Return the statement of a document that erases employee 123 from a table."""
    statements = [block.text for block in blocks(document) if block.language == "sql"]
    [statement] = [statement for statement in statements if re.search(rf"delete from ponto\.{table}\s", statement)]
    assert "usuario_id = 123" in statement
    return statement


def _split_words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    return list(lexer)


@cache
def _recipes() -> dict[str, str]:
    """Return the targets of the makefiles, each with the first line of its recipe."""
    makefile = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "Makefile", *ROOT.glob("*/*.mk")))
    targets = re.findall(r"^([a-z-]+):.*## .*\n\t@?(.*)$|^([a-z-]+):.*## ", makefile, re.MULTILINE)
    return {name or bare: recipe.replace("$(ARGS)", "").strip() for name, recipe, bare in targets}


def _find_python_mistake(module: str, words: list[str]) -> str | None:
    """Return the error of the command's parser for these words, without running the command."""
    if module in {"pytest", "venv", "pip"}:
        return None
    commands: list[click.Command] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kit_commands, "run", lambda command, *_: commands.append(command))
        patch.setattr(click.Command, "invoke", lambda *_: None)
        patch.setattr(click.File, "convert", lambda _, file, *__: file)  # the file need not exist
        is_package = (ROOT / module.replace(".", "/")).is_dir()
        try:
            importlib.import_module(f"{module}.__main__" if is_package else module).main()
            (command,) = commands
            with command.make_context(module, words) as context:
                command.invoke(context)
        except (ImportError, AttributeError) as error:
            return f"{module} is not a command: {error}"
        except click.exceptions.Exit:
            return None
        except click.exceptions.NoArgsIsHelpError:
            return "Missing argument 'COMMAND'"
        except click.ClickException as error:
            return f"{module}: {error.format_message()}"
    return None

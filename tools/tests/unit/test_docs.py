"""Commands, tables and samples of the documents, compared with the code."""

import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from ponto import enabled_slices
from ponto.drain.parser import Reason
from tests.documents import FENCE, blocks
from tools.kit import commands as kit_commands
from tools.kit import slice_manifests, stage_parameters
from tools.kit.dead_letters import Source
from tools.kit.project import DOCUMENTS, ROOT

# Programs whose arguments `find_mistake` can check.
_CHECKED_PROGRAMS = ("make", ".venv/bin/python -m", "ponto")
with_each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def shell(document: Path, *marks: str) -> list[str]:
    """Return the commands of a document's `sh` blocks with these marks."""
    return [
        command
        for block in blocks(document)
        if block.language == "sh" and block.mark in marks
        for command in split_commands(block.text)
    ]


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


def commands_in_prose(document: Path) -> list[str]:
    """Return the commands in backquotes of a document's sentences and tables."""
    return [
        code
        for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", document.read_text(encoding="utf-8")))
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


@with_each_document
def test_every_command_exists_with_its_arguments(document: Path) -> None:
    if document.name == "CHANGELOG.md":  # it names commands of older versions
        return
    wrong = {command: find_mistake(command) for command in shell(document, "", "aws")}
    wrong_in_prose = {command: find_mistake(command) or "" for command in commands_in_prose(document)}

    assert [f"{command}: {text}" for command, text in wrong.items() if text] == []
    # A sentence may name a command without its required arguments.
    incomplete = re.compile(r"are required: |Missing (argument|option) |^$")
    assert [f"{command}: {text}" for command, text in wrong_in_prose.items() if not incomplete.search(text)] == []


def test_document_has_each_reason_of_a_dead_letter_with_its_remedy() -> None:
    document = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    table = document.partition("| reason | cause | remedy |")[2].partition("\n\n")[0]
    reasons = [*Reason, Source.EXHAUSTED, Source.ASYNCHRONOUS]

    assert re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE) == reasons


def _listed_parameters(text: str) -> list[str]:
    """Return the names in a document's tables of parameters; a row without a description does not count."""
    tables = re.findall(r"<!-- from the parameters.*-->\n((?:\|.*\n)+)<!-- end -->", text)
    return sorted(re.findall(r"^\| `(\w+)` \|(?:[^|]*\|){2} [^|]+\. \|$", "".join(tables), re.MULTILINE))


def test_configuration_lists_each_parameter_of_the_base_once() -> None:
    with slice_manifests.without_slices():
        declared = stage_parameters.declarations()
    assert _listed_parameters((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")) == sorted(declared)


def test_readme_of_each_slice_has_its_parameters_and_reasons_of_dead_letters() -> None:
    events = enabled_slices.collect("dead_letters", "EVENT")
    commands = enabled_slices.collect("commands", "COMMANDS")
    for manifest in slice_manifests.enabled_manifests():
        text = "".join(document.read_text(encoding="utf-8") for document in manifest.folder.glob("*.md"))
        assert _listed_parameters(text) == sorted(stage_parameters.slice_declarations(manifest)), manifest.name
        assert manifest.name not in events or f"`{events[manifest.name].reason}`" in text, manifest.name
        assert manifest.name not in commands or f"<!-- from ponto --help: {manifest.name} -->" in text, manifest.name

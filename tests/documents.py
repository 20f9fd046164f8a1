"""Parsing and checks of the documents' commands, links and headings.

A block of commands is fenced as `sh` if a test runs it, and as `sh aws` if it needs an AWS account.
"""

import importlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from botocore import xform_name
from botocore.session import Session

from tools.kit import commands as kit_commands
from tools.kit.project import ROOT

_FENCE = re.compile(r"^```(\w*)(?: +(\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Programs whose arguments `find_mistake` can check.
_CHECKED_PROGRAMS = ("make", ".venv/bin/python -m", "ponto", "aws", "npx sls")

# Options that the AWS command line adds to those of each operation.
_GLOBAL_AWS_OPTIONS = {
    "query",
    "output",
    "max-items",
    "region",
    "profile",
    "cli-binary-format",
    "generate-cli-skeleton",
}
# Commands that the AWS command line adds, or adds options to: botocore has no model of them.
_CLI_SERVICES = {"configure", "sso", "login", "ec2-instance-connect"}
_CLI_COMMANDS = {"cloudformation deploy", "ec2 run-instances", "rds generate-db-auth-token", "sns subscribe"}


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
    """Return a command with a `make` target replaced by the Python command that the target runs, with its ARGS."""
    match shlex.split(command):
        case ["make", target, *words] if (recipe := _recipes().get(target, "")).startswith(("python -m", "ponto")):
            arguments = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
            return " ".join([recipe, *arguments])
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
        case ["aws", service, operation, *words]:
            return _find_aws_mistake(service, operation, words)
        case ["npx", "sls", *words] if words:
            return _find_sls_mistake(words)
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


def _find_aws_mistake(service: str, operation: str, words: list[str]) -> str | None:
    options = {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}
    if service in _CLI_SERVICES or f"{service} {operation}" in _CLI_COMMANDS:
        return None
    service = {"s3api": "s3"}.get(service, service)  # `aws s3` itself has other commands, on files
    session = Session()
    if service not in session.get_available_services():
        return f"no service {service}"
    model = session.get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation == "wait":
        waiters = session.get_waiter_model(service)
        names = {xform_name(name, "-"): name for name in waiters.waiter_names}
        if words[0] not in names:
            return f"no waiter {words[0]}"
        operation = xform_name(waiters.get_waiter(names[words[0]]).operation, "-")
    if operation not in operations:
        return f"no operation {service} {operation}"
    shape = model.operation_model(operations[operation]).input_shape
    members: set[str] = set()
    for name, member in (shape.members if shape else {}).items():
        members.add(xform_name(name, "-"))
        if member.type_name == "boolean":
            members.add(f"no-{xform_name(name, '-')}")
    required = {xform_name(name, "-") for name in (shape.required_members if shape else ())}
    missing = required - {option.removeprefix("no-") for option in options}
    return _describe_unknown(options, members) or (f"lacks --{' --'.join(sorted(missing))}" if missing else None)


_SLS_OPTIONS = """
const commands = [...require('osls/lib/cli/commands-schema/aws-service')];
const names = ({ options }) => Object.entries(options).flatMap(([name, { shortcut }]) => [name, shortcut ?? name]);
console.log(JSON.stringify(Object.fromEntries(commands.map(([name, schema]) => [name, names(schema)]))));
"""


@cache
def _sls_options() -> dict[str, list[str]]:
    output = subprocess.check_output(["node", "-e", _SLS_OPTIONS], cwd=ROOT)
    return dict(json.loads(output))


def _find_sls_mistake(words: list[str]) -> str | None:
    command = " ".join(takewhile(lambda word: not word.startswith("-"), words))
    if command not in _sls_options():
        return f"no command {command} of sls"
    options = {word.lstrip("-").partition("=")[0] for word in words if word.startswith("-")}
    return _describe_unknown(options, set(_sls_options()[command]))


def _describe_unknown(options: set[str], known: set[str]) -> str | None:
    unknown = options - known - _GLOBAL_AWS_OPTIONS
    return f"no option --{' --'.join(sorted(unknown))}" if unknown else None

"""Output of the commands: results on standard output, status lines on standard error."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from tools.kit.errors import CommandError


def print_result(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


def print_json(document: object) -> None:
    """Print the result for machines."""
    print_result(json.dumps(document, indent=2))


def camel_case(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Spell names as JSON's keys are on the wire: `messageId` for `message_id`; those of mappings within, too."""

    def spelled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return camel_case(value)
        return [spelled(each) for each in value] if isinstance(value, list) else value

    return {_camel(name): spelled(value) for name, value in fields.items()}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def print_status(text: str) -> None:
    """Print a line that is not the result: what is being done, a warning."""
    sys.stderr.write(f"{text}\n")


def printable(text: str, *, lines: bool = False) -> str:
    """Make a text that somebody else wrote safe to print.

    A terminal obeys control characters, of C1 (U+0080 to U+009F) too; bidirectional overrides and isolates make a
    line read as another; line separators forge lines; half a surrogate pair cannot be written at all.

    Args:
        text: whatever was sent.
        lines: keep line breaks and tabs, for a text that is printed by itself.
    """
    kept = "\n\t" if lines else ""
    return "".join(character if character.isprintable() or character in kept else "?" for character in text)


def confirm_by_name(question: str, name: str) -> bool:
    """Ask whoever runs the command for a name, where a `y` comes too easily.

    Args:
        question: says what happens, and what to type.
        name: what has to be typed.

    Raises:
        CommandError: no terminal is there.
    """
    if not sys.stdin.isatty():
        raise CommandError("nobody is here to be asked: give --yes")
    print_status(question)
    return sys.stdin.readline().strip() == name


def confirm(question: str) -> bool:
    """Ask whoever runs the command.

    Raises:
        CommandError: nobody is there.
    """
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise CommandError("nobody is there to be asked; give --yes")
    return answer.strip().lower() in ("y", "yes")

"""Commands for operators, `python -m ponto ...`. Nothing of it goes to Lambda."""

import json
import sys


class CommandError(Exception):
    """A command cannot do what it was asked; the message says what was wrong and what to do."""

    def __init__(self, message: str, status: int = 2) -> None:
        """Takes the message and the exit status: 1, not all of it was done; 2, the request or the target is wrong."""
        super().__init__(message)
        self.status = status


def tell(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


def tell_json(document: object) -> None:
    """Print the result for machines."""
    tell(json.dumps(document, indent=2))


def say(text: str) -> None:
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


def agreed(question: str) -> bool:
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

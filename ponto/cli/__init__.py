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


def printable(text: str) -> str:
    """Make a text safe to print: a terminal obeys control characters, and anybody may have sent them."""
    return "".join(character if character.isprintable() or character in "\n\t" else "?" for character in text)


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

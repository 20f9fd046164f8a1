"""Output of the commands: results on standard output, status lines on standard error, without control characters.

`commands.run` replaces both streams by `Printable`, so this also covers `print`, Click and tracebacks. The exceptions
are Rich, whose texts `tools.kit.console` cleans, and data for a file or a pipe (`data_stream`).
"""

import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, TextIO, cast

from tools.kit.errors import CommandError


def printable(text: str, *, lines: bool = False) -> str:
    """Replace the unprintable characters of an untrusted text by question marks.

    Control characters, also C1 (U+0080 to U+009F), control the terminal; bidirectional overrides and isolates change
    the visible order of a line; line separators fake further lines; a lone surrogate cannot be encoded.

    Args:
        text: any text.
        lines: whether to keep line breaks and tabs.
    """
    if text.isprintable():
        return text
    allowed = "\n\t" if lines else ""
    return "".join(character if character.isprintable() or character in allowed else "?" for character in text)


class Printable:
    """A text stream that replaces unprintable characters, except line breaks and tabs.

    It has no `buffer`, so that Click cannot bypass it.
    """

    def __init__(self, out: IO[str]) -> None:
        self.out = out

    def write(self, text: str) -> int:
        self.out.write(printable(text, lines=True))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.out, name)


@contextmanager
def printable_streams() -> Iterator[None]:
    """Replace the standard streams by `Printable` ones.

    After an exception they stay replaced, so that the traceback is cleaned, too.
    """
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast(TextIO, Printable(out)), cast(TextIO, Printable(err))
    yield
    sys.stdout, sys.stderr = out, err


def unwrap_stream(stream: IO[str]) -> IO[str]:
    """Return the stream to which a `Printable` writes."""
    while isinstance(stream, Printable):
        stream = stream.out
    return stream


def data_stream() -> IO[str]:
    """Return standard output for data in UTF-8: unchanged for a file or a pipe, cleaned for a terminal."""
    out = unwrap_stream(sys.stdout)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8")
    return cast(IO[str], Printable(out)) if out.isatty() else out


def print_result(*lines: str) -> None:
    """Print lines of the result. Line breaks within a line are replaced, too."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def print_json(document: object) -> None:
    """Print a result as JSON, in ASCII without control characters."""
    sys.stdout.write(_dump_ascii_json(document, indent=2) + "\n")


def json_escape(text: str) -> str:
    """Escape a text as in a JSON string, in ASCII and without the quotation marks."""
    return _dump_ascii_json(text)[1:-1]


def _dump_ascii_json(document: object, indent: int | None = None) -> str:
    return json.dumps(document, indent=indent).replace("\x7f", "\\u007f")  # json does not escape it


def print_status(*lines: str) -> None:
    """Print progress or warnings on standard error."""
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun: 1 key, 2 keys. `plural` is needed if it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def print_error(message: str) -> None:
    """Print an error message on standard error, with its further lines indented."""
    print_status(*message.expandtabs().replace("\n", "\n  ").split("\n"))


def camel_case(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the keys of a mapping, and of mappings within it, to camel case: `messageId` for `message_id`."""

    def convert(value: Any) -> Any:
        if isinstance(value, Mapping):
            return camel_case(value)
        return [convert(item) for item in value] if isinstance(value, list) else value

    return {re.sub("_(.?)", lambda match: match[1].upper(), name): convert(value) for name, value in fields.items()}


def confirm(question: str, name: str = "") -> bool:
    """Ask the user to confirm, and return whether they did.

    Args:
        question: the question.
        name: text to type at a terminal, for confirmations that need care; empty: `y` is enough.

    Raises:
        CommandError: there is no answer, as standard input is closed or is no terminal.
    """
    hint = "use --yes"
    if name and not sys.stdin.isatty():
        raise _no_terminal(hint)
    answer = ask(question if name else f"{question} [y/N]", hint)
    return answer == name if name else answer.lower() in ("y", "yes")


def ask(question: str, hint: str) -> str:
    """Ask the user a question, and return the line that they type, without spaces around it.

    Args:
        question: the question.
        hint: what to do if there is no terminal.

    Raises:
        CommandError: there is no answer, as standard input is closed.
    """
    sys.stderr.write(f"{printable(question)} ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise _no_terminal(hint)
    return answer.strip()


def _no_terminal(hint: str) -> CommandError:
    return CommandError(f"cannot ask without a terminal; {hint}")

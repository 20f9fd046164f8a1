"""Output of the commands: results on standard output, status lines on standard error, and nothing a terminal obeys.

Whatever a command prints passes here, for `commands.run` puts `Printable` in the place of both streams: what `print`,
Click and a traceback write, too. Two things pass by it: what Rich draws, whose texts `tools.kit.console` makes
printable, and data for a file or a pipe (`data_stream`).
"""

import errno
import io
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, TextIO, cast

from tools.kit.errors import CommandError

_WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def printable(text: str, *, lines: bool = False) -> str:
    """Make a text that somebody else wrote safe to print.

    A terminal obeys control characters, of C1 (U+0080 to U+009F) too; bidirectional overrides and isolates make a
    line read as another; line separators forge lines; half a surrogate pair cannot be written at all.

    Args:
        text: whatever was sent.
        lines: keep line breaks and tabs, for a text that is printed by itself.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(each if each.isprintable() or each in kept else "?" for each in text)


class Printable:
    """A stream for people: makes printable whatever is written to it; line breaks stay.

    It has no `buffer`, by which Click would write past it.
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


def _null_stream(flags: int) -> IO[str]:
    return os.fdopen(os.open(os.devnull, flags), "w")


def is_write_error(error: OSError) -> bool:
    """Return whether an error is that of a stream or an open file that cannot be written, as on a full disk."""
    return error.filename is None and error.errno in _WRITE_ERRORS


@contextmanager
def printable_streams() -> Iterator[None]:
    """Make printable whatever is written to the standard streams.

    After an error that nobody expected they stay so, for its traceback is still to be printed.
    """
    # None: closed at the start. What is written to a file that is open for reading fails, as for other programs.
    out, err = sys.stdout or _null_stream(os.O_RDONLY), sys.stderr or _null_stream(os.O_WRONLY)
    sys.stdout, sys.stderr = cast(TextIO, Printable(out)), cast(TextIO, Printable(err))
    yield
    sys.stdout, sys.stderr = out, err


def unwrap_stream(stream: IO[str]) -> IO[str]:
    """Return the stream that `Printable` writes to."""
    while isinstance(stream, Printable):
        stream = stream.out
    return stream


def data_stream() -> IO[str]:
    """Return standard output for data, in UTF-8: a file or a pipe gets it exactly, a terminal printable."""
    out = unwrap_stream(sys.stdout)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8")
    return cast(IO[str], Printable(out)) if out.isatty() else out


def print_result(*lines: str) -> None:
    """Print lines of the result; a line break within one would forge a line, and is no longer one."""
    sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))


def print_json(document: object) -> None:
    """Print the result for machines: in ASCII without control characters, on a terminal too."""
    sys.stdout.write(_dump_ascii_json(document, indent=2) + "\n")


def json_escape(text: str) -> str:
    """Write a text as it stands between the quotation marks of JSON in ASCII: nothing in it is lost, or obeyed."""
    return _dump_ascii_json(text)[1:-1]


def _dump_ascii_json(document: object, indent: int | None = None) -> str:
    return json.dumps(document, indent=indent).replace("\x7f", "\\u007f")  # which json leaves as it is


def print_status(*lines: str) -> None:
    """Print lines that are not the result: what is being done, a warning."""
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """Write how many there are: 1 key, 2 keys; a plural that is no noun with s is named."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def print_error(message: str) -> None:
    """Print what stopped a command; where it has several lines, those after the first are indented."""
    print_status(*message.expandtabs().replace("\n", "\n  ").split("\n"))


def camel_case(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Spell names as JSON's keys are on the wire: `messageId` for `message_id`; those of mappings within, too."""

    def spelled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return camel_case(value)
        return [spelled(each) for each in value] if isinstance(value, list) else value

    return {re.sub("_(.?)", lambda found: found[1].upper(), name): spelled(value) for name, value in fields.items()}


def confirm(question: str, name: str = "") -> bool:
    """Ask the user, for a `y`, or at a terminal for a name where a `y` comes too easily; the question names it.

    Raises:
        CommandError: nobody answers.
    """
    sys.stderr.write(printable(question) + ("\n" if name else " [y/N] "))
    sys.stderr.flush()
    answer = "" if name and not sys.stdin.isatty() else sys.stdin.readline()
    if not answer:
        raise CommandError("nobody is there to be asked; give --yes")
    return answer.strip() == name if name else answer.strip().lower() in ("y", "yes")

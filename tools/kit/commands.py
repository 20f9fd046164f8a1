"""How every command line is made and run: Click's, with examples in its help and one way to end.

A command is a function, whose docstring is its help, below `@commands.command(...)`; it returns its exit status, or
None for 0. `commands.run` runs it.
"""

import io
import os
import re
import signal
import sys
import textwrap
from collections import UserDict
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, NoReturn, TextIO, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError
from click.shell_completion import shell_complete

from slices.definition import Slice
from tools.kit import slices
from tools.kit.errors import CommandError
from tools.kit.output import is_write_error, print_error, print_status, printable_streams
from tools.kit.target import explain

Function = TypeVar("Function", bound=Callable[..., Any])

OUTPUT_FAILED = 74  # the exit status when the output could not be written: EX_IOERR of sysexits.h

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80, "show_default": True}
_MEANING = re.compile(r"( +\S.*?   *)(\S.*)")  # of an example, behind two spaces or more
_ROOM = 30  # columns that a meaning has beside its example, or else stands below it


class Command(click.Command):
    """A command whose help has, below the options, examples as they are written, and what the exit statuses mean."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, f'ARGS="{pieces}"' if _is_target(ctx.command_path) else pieces)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  Click's
        if self.epilog:
            formatter.write(f"\n{_laid_out(self.epilog.rstrip(), formatter.width)}\n")


def _laid_out(epilog: str, width: int) -> str:
    """Fill the sentences; of what is indented, only what its meaning has no room for goes on below it."""
    lines: list[str] = []
    for is_indented, group in groupby(epilog.split("\n"), lambda line: line[:1] in ("", " ")):
        if not is_indented:
            lines += textwrap.wrap(" ".join(group), width, break_on_hyphens=False, break_long_words=False)
            continue
        for line in group:
            if len(line) <= width or not (found := _MEANING.fullmatch(line)):
                lines.append(line)
                continue
            example, meaning = found.groups()
            beside = len(example) <= width - _ROOM
            indent = " " * (len(example) if beside else 6)
            lines += [] if beside else [example.rstrip()]
            lines += textwrap.wrap(
                meaning, width, initial_indent=example if beside else indent, subsequent_indent=indent
            )
    return "\n".join(lines)


class Group(Command, click.Group):
    """Commands by their names."""

    command_class = Command
    group_class = type


def command(name: str | None = None, *, epilog: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function; `epilog` has examples at least, printed as they stand."""
    return click.command(name, cls=Command, epilog=epilog, context_settings=_SETTINGS)


def group(
    name: str | None = None, *, epilog: str, commands: MutableMapping[str, click.Command] | None = None
) -> Callable[[Callable[..., Any]], Group]:
    """Make a group of a function that does nothing; see `command`. `commands` has those that are not added later."""
    return click.group(name, cls=Group, epilog=epilog, context_settings=_SETTINGS, commands=commands)


class LazyCommand(NamedTuple):
    """A command of `ponto`."""

    load: Callable[[], click.Command]  # imports it, when it is asked for
    example: str = ""  # in `ponto --help`
    suggestion: str = ""  # what `make run` suggests it for


class Lazy(UserDict[str, Any]):
    """Commands by their names; one that is given as a function is loaded when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        command = super().__getitem__(name)
        return command if isinstance(command, click.Command) else command()


def collect(reference: Mapping[str, LazyCommand], enabled: Mapping[str, Slice]) -> dict[str, LazyCommand]:
    """Return the commands of the reference and of slices, by name.

    Raises:
        CommandError: two have the same name.
    """
    found = dict(reference)
    for slice_name, each in enabled.items():
        for name, command in each.commands().items():
            where = f"slices/{slice_name}/slice.py: command '{name}'"
            if name in found:
                raise CommandError(f"{where}: there is another one of this name. Rename it.")
            found[name] = command._replace(load=partial(_load, command, where))
    return found


def _load(command: LazyCommand, where: str) -> click.Command:
    try:
        return command.load()
    except ImportError as error:
        raise CommandError(f"{where}: {error}. Correct the import.") from None


def lazy(found: Mapping[str, LazyCommand]) -> Lazy:
    """Return commands, `load documents` in a group `load` that is made unless there is one."""
    made = Lazy({name: command.load for name, command in found.items() if " " not in name})
    for group_name in {name.partition(" ")[0] for name in found} - made.keys():
        own = {name.partition(" ")[2]: each for name, each in found.items() if name.startswith(f"{group_name} ")}
        made[group_name] = Group(
            group_name,
            commands=Lazy({name: command.load for name, command in own.items()}),
            help=f"{group_name.capitalize()} {' or '.join(sorted(own))}.",
            epilog=f"examples:\n{examples(own)}\n",
            context_settings=_SETTINGS,
        )
    return made


def examples(found: Mapping[str, LazyCommand]) -> str:
    """Return the examples of commands, a line each."""
    return "\n".join(f"  {command.example}" for _, command in sorted(found.items()) if command.example)


def run(made: click.Command, name: str, words: Sequence[str] | None = None, obj: object = None) -> int:
    """Run a command line, the process' own by default; the user calls the command `ponto`, or `make chaos`.

    Args:
        made: the command.
        name: by which the user calls it.
        words: of the command line; None: the process' own.
        obj: Click's object of the context: collaborators, if they are not the defaults.

    Returns:
        The exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong, 74 the output could not be
        written, 130 after Ctrl-C.
    """
    variable = f"_{name.upper().replace(' ', '_')}_COMPLETE"
    if instruction := os.environ.get(variable):  # a shell asks what could come next
        return shell_complete(made, {}, name, variable, instruction)
    with printable_streams():
        status = 0
        try:
            status = _run(made, name, list(sys.argv[1:] if words is None else words), obj)
            sys.stdout.flush()
        except BrokenPipeError:  # `| head` has seen enough
            _discard(sys.stdout)
        except OSError as error:
            if not is_write_error(error):
                raise
            _discard(sys.stdout)
            status = OUTPUT_FAILED
            try:
                print_error(f"{name}: the output could not be written: {error.strerror}")
            except OSError:  # standard error is full, too
                _discard(sys.stderr)
        return status


def _discard(stream: TextIO) -> None:
    """Redirect a stream to /dev/null: the interpreter flushes it again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(made: click.Command, name: str, words: list[str], obj: object) -> int:
    try:
        slices.check()
        with made.make_context(name, words, obj=obj) as context:
            status: int | None = made.invoke(context)
    except click.exceptions.Exit as done:  # --help
        return done.exit_code
    except click.ClickException as error:
        _show(error, name)
        return error.exit_code
    except CommandError as error:
        print_error(f"{name}: {error}")
        return error.status
    except (BotoCoreError, ClientError) as error:
        print_error(f"{name}: {explain(error)}")
        return 2
    except (KeyboardInterrupt, click.Abort):
        print_status(f"{name}: stopped")
        return 130
    return status or 0


def _show(error: click.ClickException, name: str) -> None:
    text = io.StringIO()
    error.show(text)
    words = text.getvalue()
    if _is_target(name):
        words = words.replace(f"'{name} --help'", f"'{name} ARGS=--help'")
    click.echo(words, err=True, nl=False)


def _is_target(name: str) -> bool:
    return name.startswith("make ")


def end_on_sigterm() -> None:
    """Let SIGTERM end the process as an exception, so that what was begun is undone.

    A second SIGTERM does not interrupt the cleanup: make sends one after the process group's.
    """
    signal.signal(signal.SIGTERM, exit_on_signal)


def exit_on_signal(number: int, _: object) -> NoReturn:
    """Raise SystemExit with the status that a shell reports for a signal, and ignore the signal from now on."""
    signal.signal(number, lambda *_: None)  # not SIG_IGN, which the programs that it starts would inherit
    sys.exit(128 + number)

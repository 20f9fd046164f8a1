"""Commands of Click, with examples in their help and the same handling of errors.

A command is a function decorated with `@commands.command(...)`. Its docstring is the help, and it returns the exit
status, or None for 0. `commands.run` runs it.
"""

import io
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from itertools import groupby
from typing import Any, NoReturn, TextIO

import click
from click.shell_completion import shell_complete

from slices.definition import Slice
from tools.kit import slices
from tools.kit.errors import CommandError
from tools.kit.output import is_write_error, print_error, print_status, printable_streams

OUTPUT_FAILED_STATUS = 74  # exit status if the output could not be written: EX_IOERR of sysexits.h

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80, "show_default": True}
_MEANING = re.compile(r"( +\S.*?   *)(\S.*)")  # an example, at least two spaces, and its meaning
_MIN_MEANING_WIDTH = 30  # columns; if less room remains beside an example, its meaning goes below it


class Command(click.Command):
    """A command whose help ends with its epilog: examples, printed as written, and the exit statuses."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, f'ARGS="{pieces}"' if _is_make_target(ctx.command_path) else pieces)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  Click's
        if self.epilog:
            formatter.write(f"\n{_format_epilog(self.epilog.rstrip(), formatter.width)}\n")


def _format_epilog(epilog: str, width: int) -> str:
    """Wrap the sentences of an epilog. Indented examples are kept, if the line is not too long."""
    lines: list[str] = []
    for is_indented, group in groupby(epilog.split("\n"), lambda line: line[:1] in ("", " ")):
        if not is_indented:
            lines += textwrap.wrap(" ".join(group), width, break_on_hyphens=False, break_long_words=False)
            continue
        for line in group:
            if len(line) <= width or not (match := _MEANING.fullmatch(line)):
                lines += _wrap_example(line, width)
                continue
            example, meaning = match.groups()
            fits_beside = len(example) <= width - _MIN_MEANING_WIDTH
            indent = " " * (len(example) if fits_beside else 6)
            lines += [] if fits_beside else _wrap_example(example.rstrip(), width)
            lines += textwrap.wrap(
                meaning, width, initial_indent=example if fits_beside else indent, subsequent_indent=indent
            )
    return "\n".join(lines)


def _wrap_example(line: str, width: int) -> list[str]:
    """Wrap an example, so that a command still works when it is copied; a meaning below a command is indented more."""
    if len(line) <= width:
        return [line]
    end = "" if line.startswith(" " * 6) else " \\"
    *others, last = textwrap.wrap(
        line, width - len(end), subsequent_indent=" " * 6, break_on_hyphens=False, break_long_words=False
    )
    return [*(part + end for part in others), last]


class Group(Command, click.Group):
    """A group of commands."""

    command_class = Command
    group_class = type


def command(name: str | None = None, *, epilog: str) -> Callable[[Callable[..., Any]], Command]:
    """Return a decorator that makes a function a command; `epilog` has its examples and exit statuses."""
    return click.command(name, cls=Command, epilog=epilog, context_settings=_SETTINGS)


def group(
    name: str | None = None, *, epilog: str, commands: MutableMapping[str, click.Command] | None = None
) -> Callable[[Callable[..., Any]], Group]:
    """Return a decorator that makes an empty function a group; see `command`.

    `commands` are its first commands; others may be added later.
    """
    return click.group(name, cls=Group, epilog=epilog, context_settings=_SETTINGS, commands=commands)


class LazyCommand(click.Command):
    """A command of `ponto` whose module is imported only when the command or its help is needed."""

    def __init__(
        self, load: Callable[[], click.Command], summary: str, example: str = "", suggestion: str = ""
    ) -> None:
        """Create a command without importing it.

        Args:
            load: imports the command and returns it.
            summary: first sentence of its help.
            example: line for the examples of `ponto --help`; empty: none.
            suggestion: text with which `make run` suggests the command; empty: it does not.
        """
        super().__init__(None, short_help=summary)
        self._load = load
        self.example = example
        self.suggestion = suggestion

    def load(self) -> click.Command:
        """Import the command.

        Raises:
            CommandError: its module cannot be imported, or lacks the command.
        """
        try:
            return self._load()
        except ImportError as error:
            raise CommandError(f"{error}. Correct the import.") from None

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)


def collect(reference: Mapping[str, LazyCommand], enabled: Mapping[str, Slice]) -> dict[str, LazyCommand]:
    """Return the commands of the reference and of the slices, by name.

    Raises:
        CommandError: two commands have the same name.
    """
    commands = dict(reference)
    for slice_name, definition in enabled.items():
        for name, command in definition.commands().items():
            if name in commands:
                raise CommandError(f"slices/{slice_name}/slice.py: command '{name}' exists already. Rename this one.")
            commands[name] = command
    return commands


def group_commands(commands: Mapping[str, LazyCommand]) -> dict[str, click.Command]:
    """Return commands by name. Commands of two words, such as `load documents`, are in a group named by the first."""
    top_level: dict[str, click.Command] = {name: command for name, command in commands.items() if " " not in name}
    for group_name in {name.partition(" ")[0] for name in commands} - top_level.keys():
        members = {
            name.partition(" ")[2]: command for name, command in commands.items() if name.startswith(f"{group_name} ")
        }
        top_level[group_name] = Group(
            group_name,
            commands={**members},
            help=f"{group_name.capitalize()} {' or '.join(sorted(members))}.",
            epilog=f"examples:\n{examples(members)}\n",
            context_settings=_SETTINGS,
        )
    return top_level


def examples(commands: Mapping[str, LazyCommand]) -> str:
    """Return the examples of commands, one on each line."""
    return "\n".join(f"  {command.example}" for _, command in sorted(commands.items()) if command.example)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None, obj: object = None) -> int:
    """Run a command line, and return its exit status.

    Args:
        name: command as the user types it: `ponto`, or `make loadtest`.
        arguments: command-line arguments; None: the arguments of the process.
        obj: `obj` of Click's context: the collaborators; None: the defaults.

    Returns:
        0 done, 1 partly done, 2 the request or the deployment is wrong, 74 the output could not be written, 130 after
        Ctrl-C.
    """
    variable = f"_{name.upper().replace(' ', '_')}_COMPLETE"
    if instruction := os.environ.get(variable):  # a shell asks for completions
        return shell_complete(command, {}, name, variable, instruction)
    with printable_streams():
        status = 0
        try:
            status = _run(command, name, list(sys.argv[1:] if arguments is None else arguments), obj)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, such as `head`, has ended
            _discard(sys.stdout)
        except OSError as error:
            if not is_write_error(error):
                raise
            _discard(sys.stdout)
            status = OUTPUT_FAILED_STATUS
            try:
                print_error(f"{name}: the output could not be written: {error.strerror}")
            except OSError:  # standard error is full, too
                _discard(sys.stderr)
        return status


def _discard(stream: TextIO) -> None:
    """Redirect a stream to /dev/null, as the interpreter flushes it once more on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(command: click.Command, name: str, arguments: list[str], obj: object) -> int:
    try:
        slices.check()
        with command.make_context(name, arguments, obj=obj) as context:
            status: int | None = context.command.invoke(context)
    except click.exceptions.Exit as exit_error:  # --help
        return exit_error.exit_code
    except click.ClickException as error:
        _print_click_error(error, name)
        return error.exit_code
    except CommandError as error:
        print_error(f"{name}: {error}")
        return error.status
    except (KeyboardInterrupt, click.Abort):
        print_status(f"{name}: stopped")
        return 130
    except Exception as error:
        # Imported here, as it takes longer than `ponto --help`.
        from botocore.exceptions import BotoCoreError, ClientError

        from tools.kit.target import explain

        if not isinstance(error, BotoCoreError | ClientError):
            raise
        print_error(f"{name}: {explain(error)}")
        return 2
    return status or 0


def _print_click_error(error: click.ClickException, name: str) -> None:
    buffer = io.StringIO()
    error.show(buffer)
    message = buffer.getvalue()
    if _is_make_target(name):
        message = message.replace(f"'{name} --help'", f"'{name} ARGS=--help'")
    click.echo(message, err=True, nl=False)


def _is_make_target(name: str) -> bool:
    return name.startswith("make ")


def exit_on_sigterm() -> None:
    """Make SIGTERM raise `SystemExit`, so that cleanups run.

    A second SIGTERM is ignored: make sends one after the signal to the process group.
    """

    def end(number: int, _: object) -> NoReturn:
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which child processes would inherit
        sys.exit(128 + number)  # as a shell reports a signal

    signal.signal(signal.SIGTERM, end)

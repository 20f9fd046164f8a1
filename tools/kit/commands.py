"""Commands of Click, with examples in their help and one handling of errors.

A command is a function decorated with `@commands.command(...)`. Its docstring is the help, and it returns the exit
status, or None for 0. `commands.run` runs it.
"""

import io
import pkgutil
import signal
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, NoReturn

import click

from ponto import enabled_slices
from tools.kit import slice_manifests
from tools.kit.errors import CommandError
from tools.kit.output import print_error, print_status, printable_streams

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 80, "show_default": True}


def command(name: str | None = None, *, epilog: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Return a decorator that makes a function a command; `epilog` has its examples and exit statuses."""
    return click.command(name, epilog=_keep_lines(epilog), context_settings=_SETTINGS)


def group(
    name: str | None = None, *, epilog: str, commands: MutableMapping[str, click.Command] | None = None
) -> Callable[[Callable[..., Any]], click.Group]:
    """Return a decorator that makes an empty function a group; see `command`.

    `commands` are its first commands; others may be added later.
    """
    return click.group(name, epilog=_keep_lines(epilog), context_settings=_SETTINGS, commands=commands)


def _keep_lines(epilog: str) -> str:
    """Mark the examples, which are the first paragraph, as text that Click does not wrap."""
    return f"\b\n{epilog}"


class LazyCommand(click.Command):
    """A command of `ponto` whose module is imported only when the command or its help is needed."""

    def __init__(self, path: str, summary: str, example: str) -> None:
        """Create a command without importing it.

        Args:
            path: module and name of the command, such as `slices.notes.command:notes`.
            summary: first sentence of its help.
            example: line for the examples of `ponto --help`.
        """
        super().__init__(None, short_help=summary)
        self._path = path
        self.example = example

    def load(self) -> click.Command:
        """Import the command.

        Raises:
            CommandError: its module cannot be imported, or lacks the command.
        """
        try:
            command: click.Command = pkgutil.resolve_name(self._path)
        except (ImportError, AttributeError) as error:
            raise CommandError(f"{self._path}: {error}. Correct the import.") from None
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self.load().make_context(info_name, args, parent, **extra)


def collect(base: Mapping[str, LazyCommand]) -> dict[str, LazyCommand]:
    """Return the commands of the base and of the slices, by name.

    Raises:
        CommandError: two commands have the same name.
    """
    commands = dict(base)
    for slice_name, slice_commands in enabled_slices.collect("commands", "COMMANDS").items():
        for name, command in slice_commands.items():
            if name in commands:
                raise CommandError(
                    f"slices/{slice_name}/commands.py: command '{name}' exists already. Rename this one."
                )
            commands[name] = command
    return commands


def group_commands(commands: Mapping[str, LazyCommand]) -> dict[str, click.Command]:
    """Return commands by name. Commands of two words, such as `load documents`, are in a group named by the first."""
    top_level: dict[str, click.Command] = {name: command for name, command in commands.items() if " " not in name}
    for group_name in {name.partition(" ")[0] for name in commands} - top_level.keys():
        members = {
            name.partition(" ")[2]: command for name, command in commands.items() if name.startswith(f"{group_name} ")
        }
        top_level[group_name] = click.Group(
            group_name,
            commands={**members},
            help=f"{group_name.capitalize()} {' or '.join(sorted(members))}.",
            epilog=_keep_lines(f"examples:\n{examples(members)}"),
            context_settings=_SETTINGS,
        )
    return top_level


def examples(commands: Mapping[str, LazyCommand]) -> str:
    """Return the examples of commands, one on each line."""
    return "\n".join(f"  {command.example}" for _, command in sorted(commands.items()))


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None, obj: object = None) -> int:
    """Run a command line, and return its exit status.

    Args:
        name: command as the user types it: `ponto`, or `make loadtest`.
        arguments: command-line arguments; None: the arguments of the process.
        obj: `obj` of Click's context: the collaborators; None: the defaults.

    Returns:
        0 done, 1 partly done, 2 the request or the deployment is wrong, 130 after Ctrl-C.
    """
    with printable_streams():
        try:
            slice_manifests.check()
            status: int | None = command.main(arguments, prog_name=name, obj=obj, standalone_mode=False)
        except click.ClickException as error:
            _show(error, name)
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


def _show(error: click.ClickException, name: str) -> None:
    """Print an error of Click; a make target gets its options in ARGS."""
    text = io.StringIO()
    error.show(text)
    advice = f"'{name} ARGS=--help'" if name.startswith("make ") else f"'{name} --help'"
    click.echo(text.getvalue().replace(f"'{name} --help'", advice), err=True, nl=False)


def exit_on_sigterm() -> None:
    """Make SIGTERM raise `SystemExit`, so that cleanups run.

    A second SIGTERM is ignored: make sends one after the signal to the process group.
    """

    def end(number: int, _: object) -> NoReturn:
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which child processes would inherit
        sys.exit(128 + number)  # as a shell reports a signal

    signal.signal(signal.SIGTERM, end)

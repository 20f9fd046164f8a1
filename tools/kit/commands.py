"""How every command line is made and run: Click's, with examples in its help and one way to end.

A command is a function, whose docstring is its help, below `@commands.command(...)`; it returns its exit status, or
None for 0. `commands.run` runs it.
"""

import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from botocore.exceptions import BotoCoreError, ClientError
from click.shell_completion import shell_complete

from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.target import explain

Function = TypeVar("Function", bound=Callable[..., Any])

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}


class _Help(click.Command):
    """Help with, below the options, what is written: examples, and what the exit statuses mean."""

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = " ".join(self.collect_usage_pieces(ctx))
        formatter.write_usage(ctx.command_path, f'ARGS="{pieces}"' if _is_target(ctx.command_path) else pieces)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  Click's
        if self.epilog:
            formatter.write(f"\n{self.epilog.rstrip()}\n")


class Command(_Help):
    """A command with examples in its help."""


class Group(_Help, click.Group):
    """Commands by their names."""

    command_class = Command
    group_class = type


def command(name: str | None = None, *, epilog: str) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function.

    Args:
        name: by default the function's.
        epilog: examples at least, printed as they stand.
    """
    return click.command(name, cls=Command, epilog=epilog, context_settings=_SETTINGS)


def group(name: str | None = None, *, epilog: str) -> Callable[[Callable[..., Any]], Group]:
    """Make a group of a function that does nothing; see `command`."""
    return click.group(name, cls=Group, epilog=epilog, context_settings=_SETTINGS)


def run(made: click.Command, name: str, words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        made: the command.
        name: what the user calls it: `ponto`, `make chaos`.
        words: the arguments, those of the process by default.

    Returns:
        The exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong, 130 after Ctrl-C.
    """
    variable = f"_{name.upper().replace(' ', '_')}_COMPLETE"
    if instruction := os.environ.get(variable):  # a shell asks what could come next
        return shell_complete(made, {}, name, variable, instruction)
    try:
        with made.make_context(name, list(sys.argv[1:] if words is None else words)) as context:
            status: int | None = made.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as done:  # --help
        return done.exit_code
    except click.ClickException as error:
        _show(error, name)
        return error.exit_code
    except CommandError as error:
        print_status(f"{name}: {error}")
        return error.status
    except (BotoCoreError, ClientError) as error:
        print_status(f"{name}: {explain(error)}")
        return 2
    except (KeyboardInterrupt, click.Abort):
        print_status(f"{name}: stopped")
        return 130
    except BrokenPipeError:  # `| head` has seen enough; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
    """Let SIGTERM end the process as an exception, so that what was begun is undone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

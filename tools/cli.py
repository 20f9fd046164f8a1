"""`ponto`: what an operator does with a deployment. Slices add commands of their own."""

import sys
from collections.abc import Sequence

import click

from ponto import __version__
from slices import enabled
from tools.kit import commands, slices
from tools.kit.commands import LazyCommand
from tools.kit.errors import CommandError
from tools.kit.output import print_error


def _deploy() -> click.Command:
    from tools.deploy.command import deploy

    return deploy


def _dlq() -> click.Command:
    from tools.dlq.command import dlq

    return dlq


def _keys() -> click.Command:
    from tools.keys.command import keys

    return keys


def _plan() -> click.Command:
    from tools.plan.command import plan

    return plan


def _remove() -> click.Command:
    from tools.remove.command import remove

    return remove


def _schema() -> click.Command:
    from tools.schema.command import schema

    return schema


def _trace() -> click.Command:
    from tools.trace.command import trace

    return trace


_REFERENCE_COMMANDS = {
    "deploy": LazyCommand(
        _deploy,
        "Deploy a stage, migrate it, and prove it with one punch.",
        "ponto deploy --stage dev         deploy, migrate, and prove it with one punch",
    ),
    "dlq": LazyCommand(
        _dlq,
        "Dead letters: list, redrive, export, purge; pause the drain.",
        "ponto dlq list                   the dead letters of the running local stack",
    ),
    "keys": LazyCommand(
        _keys,
        "API keys, one per device or site; the rows of one.",
        "ponto keys create gate-1         an API key for a device or site, its value shown once",
    ),
    "plan": LazyCommand(
        _plan,
        "Requests/s at the peak, what binds, and a month's bill.",
        "ponto plan 20000 --stage dev     which limit binds at the peak, and what a month costs",
    ),
    "remove": LazyCommand(
        _remove,
        "Empty the buckets that go with a stage, and remove it.",
        "ponto remove --stage dev         empty its buckets, and remove it",
    ),
    "schema": LazyCommand(
        _schema,
        "Apply the migrations, and set limits and logins of roles.",
        "ponto schema --stage dev         apply the migrations, and set the roles' logins",
    ),
    "trace": LazyCommand(
        _trace,
        "Where a punch is: a row, a dead letter, or the queue.",
        "ponto trace --employee 123 --day 2026-11-24   where a punch is: row, dead letter, queue",
    ),
}
try:
    slices.check()
    COMMANDS = commands.collect(_REFERENCE_COMMANDS, enabled.load())
except CommandError as error:  # `commands.run` comes too late
    print_error(f"ponto: {error}")
    sys.exit(error.status)


@commands.group(
    "ponto",
    commands=commands.group_commands(COMMANDS),
    epilog=f"examples:\n{commands.examples(COMMANDS)}\n\n"
    "exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong\n",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def ponto() -> None:
    """What an operator does with a deployment of the time clock."""


def main(words: Sequence[str] | None = None, collaborators: object = None) -> int:
    """Run the command line; see `commands.run`, and `tools.kit.collaborators`."""
    return commands.run(ponto, "ponto", words, collaborators)


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())

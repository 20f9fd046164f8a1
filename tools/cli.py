"""`ponto`: the operators' command line. Slices add commands to it."""

import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from ponto import __version__
from tools.kit import commands, slice_manifests
from tools.kit.commands import LazyCommand
from tools.kit.errors import CommandError
from tools.kit.output import print_error

_COMPLETE = "_PONTO_COMPLETE"  # a shell that asks for completions sets it


_BASE_COMMANDS = {
    "deploy": LazyCommand(
        "tools.operate.deploy.command:deploy",
        "Deploy a stage, migrate it, and prove it with one punch.",
        "ponto deploy --stage dev         deploy, migrate, and prove it with one punch",
    ),
    "dlq": LazyCommand(
        "tools.operate.dlq.command:dlq",
        "List, redrive, export or purge dead letters; pause the drain.",
        "ponto dlq list                   list the dead letters of the running local stack",
    ),
    "keys": LazyCommand(
        "tools.operate.keys.command:keys",
        "Manage API keys, one per device or site.",
        "ponto keys create site-1         create a key for a device or site; its value is shown once",
    ),
    "plan": LazyCommand(
        "tools.operate.plan.command:plan",
        "Forecast rows a second, the time to drain a peak, and a month's bill.",
        "ponto plan 20000 --stage dev     forecast the time to drain a peak and a month's bill",
    ),
    "remove": LazyCommand(
        "tools.operate.remove.command:remove",
        "Remove a stage, with the contents of its buckets.",
        "ponto remove --stage dev         remove the stage, with the contents of its buckets",
    ),
    "schema": LazyCommand(
        "tools.operate.schema.command:schema",
        "Apply the migrations; set the roles' limits and logins.",
        "ponto schema --stage dev         apply the migrations, and set the roles' logins",
    ),
    "trace": LazyCommand(
        "tools.operate.trace.command:trace",
        "Find a punch: as a row, as a dead letter, or in the queue.",
        "ponto trace --employee 123 --day 2026-11-24   find punches: row, dead letter or queue",
    ),
}
try:
    slice_manifests.check()
    COMMANDS = commands.collect(_BASE_COMMANDS)
except CommandError as error:  # raised at import, before `commands.run` could report it
    print_error(f"ponto: {error}")
    sys.exit(error.status)


@commands.group(
    "ponto",
    commands=commands.group_commands(COMMANDS),
    epilog=f"examples:\n{commands.examples(COMMANDS)}\n\n"
    "exit status: 0 done, 1 partly done, 2 the request or the deployment is wrong\n",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def ponto() -> None:
    """Operate a deployment: its punches, keys, dead letters and database."""


def main(words: Sequence[str] | None = None, collaborators: object = None) -> int:
    """Run the command line; see `commands.run`, and `tools.kit.collaborators`."""
    if instruction := os.environ.get(_COMPLETE):
        return shell_complete(ponto, {}, "ponto", _COMPLETE, instruction)
    return commands.run(ponto, "ponto", words, collaborators)


if __name__ == "__main__":
    commands.exit_on_sigterm()
    sys.exit(main())

"""`ponto`: what an operator does with a deployment. A slice brings commands of its own, by its slice.yml."""

import sys
from collections.abc import Sequence

import click

from ponto import __version__
from tools.kit import commands, slices
from tools.kit.errors import CommandError
from tools.kit.output import print_error

_OF_THE_REFERENCE = {
    "deploy": {
        "from": "tools.deploy.command:deploy",
        "example": "ponto deploy --stage dev         deploy, migrate, and prove it with one punch",
    },
    "dlq": {
        "from": "tools.dlq.command:dlq",
        "example": "ponto dlq list                   the dead letters of the running local stack",
    },
    "keys": {
        "from": "tools.keys.command:keys",
        "example": "ponto keys create gate-1         an API key for a device or site, its value shown once",
    },
    "plan": {
        "from": "tools.plan.command:plan",
        "example": "ponto plan 20000 --stage dev     which limit binds at the peak, and what a month costs",
    },
    "remove": {
        "from": "tools.remove.command:remove",
        "example": "ponto remove --stage dev         empty its buckets, and remove it",
    },
    "schema": {
        "from": "tools.schema.command:schema",
        "example": "ponto schema --stage dev         apply the migrations, and set the roles' logins",
    },
    "trace": {
        "from": "tools.trace.command:trace",
        "example": "ponto trace --employee 123 --day 2026-11-24   where a punch is: row, dead letter, queue",
    },
}
try:
    COMMANDS = slices.said_by_name("commands", _OF_THE_REFERENCE)
except CommandError as error:  # of a folder that is not whole: `commands.run` comes too late
    print_error(f"ponto: {error}")
    sys.exit(error.status)
_LAZY = commands.Lazy({name: command["from"] for name, command in COMMANDS.items() if " " not in name})
for _name in COMMANDS:
    _group, _, _rest = _name.partition(" ")
    if _rest and _group not in _LAZY:  # which only slices have commands of
        _LAZY[_group] = commands.of_slices(_group)
_EXAMPLES = "\n".join(f"  {command['example']}" for _, command in sorted(COMMANDS.items()) if "example" in command)


@commands.group(
    "ponto",
    commands=_LAZY,
    epilog=f"examples:\n{_EXAMPLES}\n\n"
    "exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong\n",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def ponto() -> None:
    """What an operator does with a deployment of the time clock."""


def main(words: Sequence[str] | None = None, collaborators: object = None) -> int:
    """Run the command line; see `commands.run`, and `tools.kit.collaborators`."""
    return commands.run(ponto, "ponto", words, collaborators)


if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())

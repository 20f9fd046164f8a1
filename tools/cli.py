"""`ponto`: what an operator does with a deployment."""

import sys
from collections.abc import Sequence

from tools.conformance.command import conformance
from tools.correct import command as correct
from tools.demo import command as demo
from tools.deploy.command import deploy
from tools.dlq.command import dlq
from tools.imports.command import import_file
from tools.keys.command import keys
from tools.kit import commands
from tools.load import command as load
from tools.person.command import person
from tools.plan.command import plan
from tools.remove.command import remove
from tools.report import command as report
from tools.trace.command import trace

_EPILOG = """examples:
  ponto conformance --listen 127.0.0.1:8080   whether a client of yours loses no punch
  ponto correct list --month 2026-11   who added or disregarded which punches, and why
  ponto demo                       a made-up company, to try the reports on
  ponto deploy --stage dev         deploy, migrate, and prove it with one punch
  ponto dlq list                   the dead letters of the running local stack
  ponto dlq redrive --all --stage dev
  ponto import october.csv         punches of a file, through the API
  ponto keys create gate-1         an API key for a device or site, its value shown once
  ponto load employees staff.csv   names, time zones and cut-offs for the reports
  ponto person 123 --output folder   all that is kept about an employee
  ponto plan 20000                 which limit binds at the peak, and what a month costs
  ponto remove --stage dev         empty its buckets, and remove it
  ponto report timecard --employee 123 --month 2026-11
  ponto trace --employee 123 --day 2026-11-24   where a punch is: row, dead letter, queue

exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong
"""


@commands.group("ponto", epilog=_EPILOG)
def ponto() -> None:
    """What an operator does with a deployment of batida-ponto."""


ponto.add_command(conformance)
ponto.add_command(correct.correct)
ponto.add_command(demo.demo)
ponto.add_command(deploy)
ponto.add_command(dlq)
ponto.add_command(import_file)
ponto.add_command(keys)
ponto.add_command(load.load)
ponto.add_command(person)
ponto.add_command(plan)
ponto.add_command(remove)
ponto.add_command(report.report)
ponto.add_command(trace)


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: the arguments, those of the process by default.

    Returns:
        The exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong, 130 after Ctrl-C.
    """
    return commands.run(ponto, "ponto", words)


if __name__ == "__main__":
    commands.end_on_sigterm()
    sys.exit(main())

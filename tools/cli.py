"""`ponto`: what an operator does with a deployment."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from tools.demo import command as demo
from tools.deploy import command as deploy
from tools.dlq import command as dlq
from tools.keys import command as keys
from tools.kit.errors import CommandError
from tools.kit.output import print_status
from tools.kit.target import explain
from tools.load import command as load
from tools.plan import command as plan
from tools.report import command as report

_COMMANDS = (demo, deploy, dlq, keys, load, plan, report)  # modules with add_to(commands), which sets `run`

_EPILOG = """examples:
  ponto demo                       a made-up company, to try the reports on
  ponto deploy --stage dev         deploy, migrate, and prove it with one punch
  ponto dlq list                   the dead letters of the running local stack
  ponto dlq redrive --all --stage dev
  ponto keys create gate-1         an API key for a device or site, its value shown once
  ponto load employees staff.csv   names, time zones and cut-offs for the reports
  ponto plan --employees 20000     what a peak does to the queue, and what a month costs
  ponto report timecard --employee 123 --month 2026-11

exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        words: the arguments, those of the process by default.

    Returns:
        The exit status: 0 done, 1 not all of it, 2 the request or the deployment is wrong, 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(
        prog="ponto",
        description="What an operator does with a deployment of batida-ponto.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="command", required=True)
    for module in _COMMANDS:
        module.add_to(commands)
    arguments = parser.parse_args(words)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandError as error:
        print_status(f"ponto: {error}")
        return error.status
    except (BotoCoreError, ClientError) as error:
        print_status(f"ponto: {explain(error)}")
        return 2
    except KeyboardInterrupt:
        print_status("ponto: stopped")
        return 130
    except BrokenPipeError:  # `| head` has seen enough; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that letters are put back
    sys.exit(main())

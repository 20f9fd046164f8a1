"""`python -m ponto`: what an operator does with a deployment."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

try:
    from botocore.exceptions import BotoCoreError, ClientError

    from ponto.cli import CommandError, demo, deploy, dlq, keys, load, plan, report, say
    from ponto.cli.target import explain
except ModuleNotFoundError as error:
    raise SystemExit(
        f"ponto: {error.name} is not installed for this Python. Run make setup, then: . .venv/bin/activate"
    ) from None

_COMMANDS = (demo, deploy, dlq, keys, load, plan, report)  # modules with add_to(commands), which sets `run`

_EPILOG = """examples:
  python -m ponto demo                       a made-up company, to try the reports on
  python -m ponto deploy --stage dev         deploy, migrate, and prove it with one punch
  python -m ponto dlq list                   the dead letters of the running local stack
  python -m ponto dlq redrive --all --stage dev
  python -m ponto keys create gate-1         an API key for a device or site, its value shown once
  python -m ponto load employees staff.csv   names, time zones and cut-offs for the reports
  python -m ponto plan --employees 20000     what a peak does to the queue, and what a month costs
  python -m ponto report timecard --employee 123 --month 2026-11

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
        prog="python -m ponto",
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
        say(f"ponto: {error}")
        return error.status
    except (BotoCoreError, ClientError) as error:
        say(f"ponto: {explain(error)}")
        return 2
    except KeyboardInterrupt:
        say("ponto: stopped")
        return 130
    except BrokenPipeError:  # `| head` has seen enough; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that letters are put back
    sys.exit(main())

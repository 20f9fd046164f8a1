"""`make run`: the whole system on this machine, until Ctrl-C."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from local import emulator
from local.errors import LocalError
from local.stack import ROOT, Stack, running
from local.watch import Watch

_EXAMPLES = """examples:
  make run                              the same as python -m local
  python -m local --port 4567           when 4566 is taken
  python -m local --state /tmp/ponto    data of its own, beside the usual .local
"""


def main() -> int:
    """Run the command line; the exit status is 0 after Ctrl-C or SIGTERM, 1 when something went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="PostgreSQL, an AWS emulator and this project's serverless.yml deployed to it, on 127.0.0.1. "
        "Rows and queued punches are kept for the next time; Ctrl-C stops everything.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, default=4566, help="of the emulator (default 4566)")
    parser.add_argument(
        "--state",
        type=Path,
        default=ROOT / ".local",
        help="folder for data, logs and stack.json (default .local)",
    )
    arguments = parser.parse_args()

    # Nothing here may reach AWS, whatever the shell is configured for.
    safe = emulator.environment()
    os.environ.clear()
    os.environ.update(safe)

    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        with running(arguments.state, arguments.port, say=_say) as stack:
            _greet(stack, arguments.state)
            _follow(stack)
    except LocalError as error:
        print(f"\nmake run: {error}", file=sys.stderr)
        return 1
    except _Stopped:
        print("stopped; rows and queued punches are kept for the next time")
        return 0
    raise AssertionError("unreachable: _follow ends by an exception only")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to 65535")
    return int(text)


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM."""


def _stop(*_: object) -> None:
    # Once: a second Ctrl-C must not interrupt the stopping.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("\nstopping ...", flush=True)
    raise _Stopped


def _say(what: str) -> None:
    print(f"  {what} ...", flush=True)


def _greet(stack: Stack, state: Path) -> None:
    address = stack.address
    print(
        f"""
Ready. Punch:

{address.curl()}

See the row:

make rows

  API       {address.api_url}
  API key   {address.api_key}
  database  {address.database_url}  (psql takes it)
  AWS       {address.aws_endpoint_url}  (SQS, Lambda and the rest; any credentials)
  log       {stack.aws.log}
  all this  {state / "stack.json"}

Ctrl-C stops it.
""",
        flush=True,
    )


def _follow(stack: Stack) -> None:
    watch = Watch(stack)
    shown = ""
    while True:
        stack.require_running()
        line = str(watch.look())
        if line != shown:
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            shown = line
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())

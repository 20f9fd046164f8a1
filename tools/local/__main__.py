"""`make run`: the whole system on this machine, until Ctrl-C."""

import os
import shlex
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from tools.kit import commands, jmeter, slices
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.ids import uuid7
from tools.kit.local_stack import STATE
from tools.kit.stopping import Stopped, raise_once
from tools.local import emulator, flow, watch
from tools.local.stack import Stack, explained, running

_EPILOG = """examples:
  make run
  make run ARGS="--port 4567"          when 4566 is taken
  make run ARGS="--state /tmp/ponto"   data of its own

exit status: 0 it was stopped (Ctrl-C, SIGTERM, the terminal was closed) and rows and queued punches are kept, 1 it did
not start or broke off, 2 the request is wrong
"""


@commands.command("run", epilog=_EPILOG)
@click.option("--port", type=opt.PORT, default=4566, help="Of the emulator.")
@opt.state
def run_stack(port: int, state: Path | None) -> int:
    """The whole system on this machine: PostgreSQL, an AWS emulator, and this project's serverless.yml deployed to it.

    It listens on 127.0.0.1. Ctrl-C stops everything and keeps rows and queued punches for the next time. Uploaded files
    that are not imported to the end by then have to be uploaded again: it says how many. An emulator that is killed
    (kill -9, a power cut) loses what it was given since it started: queued punches, dead letters, keys; stored rows
    stay. The folder of --state holds data, logs and stack.json.
    """
    emulator.isolate()
    state = state or STATE

    raise_once(_announce)
    try:
        with running(state, port, print_status=_print_status) as stack:
            _greet(stack, state)
            _follow(stack)
    except CommandError as error:
        print(f"\nmake run: {error}", file=sys.stderr)
        return 1
    except Stopped:
        print("stopped; rows and queued punches are kept for the next time")
        return 0
    except Exception as error:  # noqa: BLE001  whatever it is, a person reads one sentence, and who mends it the rest
        print(f"\nmake run: {type(error).__name__}: {error}{_keep(state)}", file=sys.stderr)
        return 1
    raise AssertionError("unreachable: _follow ends by an exception only")


def _announce() -> None:
    try:
        print("\nstopping ...", flush=True)
    except OSError:  # the terminal is gone, and nobody reads what follows
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, sys.stdout.fileno())
        os.dup2(nobody, sys.stderr.fileno())


def _keep(state: Path) -> str:
    """Write the traceback into the stack's folder, and say where it is."""
    file = state / "error.log"
    try:
        file.write_text(traceback.format_exc())
    except OSError:
        return ""  # the folder itself is the trouble, and the sentence says so
    return f"; {file} says where"


def _print_status(what: str) -> None:
    print(f"  {what}" if what.endswith(".") else f"  {what} ...", flush=True)


def _greet(stack: Stack, state: Path) -> None:
    address = stack.address
    usual = state.resolve() == STATE
    words = "" if usual else f" --state {shlex.quote(str(state))}"
    option = "" if usual else f' ARGS="{words.strip()}"'
    load = f"  make loadtest{option}  JMeter's load, and the proof that every punch arrived\n"
    if not jmeter.is_to_be_had():
        load = ""
    tries = "".join(
        f"  . .venv/bin/activate && ponto {name}{words}\n                 {command['proposed']}\n"
        for name, command in slices.said_by_name("commands").items()
        if "proposed" in command
    )
    punch_id = uuid7()
    gets = "".join(
        f"Then ask {method['proposed']}:\n\n{address.get_command(method['path'].replace('{id}', punch_id))}\n\n"
        for method in slices.said("methods")
        if "proposed" in method
    )
    served = [each["greeting"] for each in slices.said_by_name("local").values()]
    link = f":\n\n  {address.root_url}#key={address.api_key}\n\nor so"
    print(
        f"""
Ready. {"".join(greeting + link for greeting in served) or "Punch so"}:

{address.post_command(punch_id)}

{gets}See it flow:

  {address.aws_endpoint_url}{flow.PATH}#key={flow.key(address.aws_access_key_id)}

Then try, in another terminal:

  make rows{option}      the newest rows
{load}  make chaos{option}     everything breaks while clients punch, and nothing is lost
{tries}
  API       {address.api_url}
  API key   {address.api_key}
  database  {address.database_url}  (psql takes it)
  AWS       {address.aws_endpoint_url}  (SQS, Lambda and the rest)
  AWS key   {address.aws_access_key_id}  (access key id; the secret may be anything)
  log       {stack.aws.log}
  all this  {state / "stack.json"}

Ctrl-C stops it.
""",
        flush=True,
    )


def _follow(stack: Stack) -> None:
    key = flow.key(stack.aws.key)
    shown = ""
    while True:
        stack.require_running()
        with explained(stack.aws):
            line = watch.line(watch.ask(f"{stack.aws.url}{flow.PATH}numbers", key))
        if line != shown:
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            shown = line
        time.sleep(1)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(run_stack, "make run", words)


if __name__ == "__main__":
    sys.exit(main())

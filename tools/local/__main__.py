"""`make run`: run the whole system on this machine until Ctrl-C."""

import os
import shlex
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import click

from tools.kit import commands, shared_options, slice_manifests
from tools.kit.deploy_hook import local_files
from tools.kit.errors import CommandError
from tools.kit.local_stack import STATE
from tools.kit.stopping import StopSignalError, raise_on_first_signal
from tools.local import emulator, flow, watch
from tools.local.errors import UnsavedError
from tools.local.stack import Stack, explain_failures, run_local_stack

_EPILOG = """examples:
  make run
  make run ARGS="--port 4567"          if port 4566 is in use
  make run ARGS="--state /tmp/other"   with separate data

exit status: 0 stopped by Ctrl-C, SIGTERM or a closed terminal, with rows and queued punches kept, 1 not started, or
failed, 2 the request is wrong, 3 not everything was saved: the output says which queues with how many messages are lost
"""


@commands.command("run", epilog=_EPILOG)
@click.option("--port", type=shared_options.PORT, default=4566, help="Port of the emulator.")
@shared_options.state
def run_stack(port: int, state: Path | None) -> int:
    """Run the whole system on this machine: PostgreSQL, an AWS emulator, and serverless.yml deployed to it.

    It listens on 127.0.0.1. Ctrl-C stops everything; rows and queued punches are kept for the next run. What cannot be
    saved, for example on a full disk, is lost and printed. If the emulator is killed (kill -9, a power cut), queued
    punches, dead letters and keys since its start are lost; stored rows are kept. The folder of --state has data, logs
    and stack.json.
    """
    emulator.isolate()
    state = state or STATE

    def stop(_: signal.Signals) -> None:
        try:
            print("\nstopping ...", flush=True)
        except OSError:
            _discard_output()

    raise_on_first_signal(stop)
    try:
        with run_local_stack(state, port, print_status=_print_status) as stack:
            print_instructions(stack, state)
            _print_progress(stack)
    except CommandError as error:
        # If the run failed and the stop failed too, the context is the failure of the run.
        for failure in (error.__context__, error):
            if isinstance(failure, CommandError):
                print(f"\nmake run: {failure}", file=sys.stderr)
        return 3 if isinstance(error, UnsavedError) else 1
    except StopSignalError:
        print("stopped; rows and queued punches are kept for the next time")
        return 0
    raise AssertionError("unreachable: _print_progress only ends by an exception")


def _discard_output() -> None:
    """Discard all further output, as the terminal is closed."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.dup2(null, sys.stderr.fileno())


def _print_status(step: str) -> None:
    is_sentence = step.endswith(".")  # not a step that now begins
    print(f"  {step}" if is_sentence else f"  {step} ...", flush=True)


def print_instructions(stack: Stack, state: Path) -> None:
    """Print links, commands to try, and addresses."""
    address = stack.address
    punch_id = str(uuid.uuid4())
    is_default = state.resolve() == STATE
    state_option = "" if is_default else f" --state {shlex.quote(str(state))}"
    make_args = "" if is_default else f' ARGS="{state_option.strip()}"'
    page_links = "".join(f"{files.link_text}: {address.root_url}#key={address.api_key}\n" for files in local_files())
    gets = [entry for _, entry in slice_manifests.endpoints() if "nextStep" in entry]
    steps = "".join(f", then {entry['nextStep']}" for entry in gets)
    get_commands = "".join(f"{address.get_command(entry['get'].replace('{id}', punch_id))}\n" for entry in gets)
    print(
        f"""
{page_links}Watch the punches: {address.aws_endpoint_url}{flow.PATH}#key={flow.key(address.aws_access_key_id)}

Send a punch with curl{steps}:

{address.post_command(punch_id)}
{get_commands}
In another terminal, after . .venv/bin/activate:

  make rows{make_args}      print the newest rows
  make loadtest{make_args}  send load with JMeter (needs Java 17), and prove that every punch was stored
  ponto trace {punch_id}{state_option}  show where a punch is

  API key   {address.api_key}
  database  {address.database_url}  (for psql)
  log       {stack.aws.log}
  others    {state / "stack.json"}
Ctrl-C stops everything.
""",
        flush=True,
    )


def _print_progress(stack: Stack) -> None:
    key = flow.key(stack.aws.key)
    function_log = watch.FunctionLog(stack.aws.log)
    function_log.read_new_lines()  # of earlier runs
    last_line = ""
    while True:
        stack.require_running()
        with explain_failures(stack.aws):
            line = watch.format_numbers(watch.fetch_numbers(f"{stack.aws.url}{flow.PATH}numbers", key))
            failures = function_log.read_new_failures()
        if line != last_line:
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            last_line = line
        for failure in failures:
            print(f"{time.strftime('%H:%M:%S')}  {failure}", flush=True)
        time.sleep(1)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; see `commands.run`."""
    return commands.run(run_stack, "make run", words)


if __name__ == "__main__":
    sys.exit(main())

"""The command `ponto import`: sends a file of punches to the API, or uploads it to the stage's bucket."""

import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from slices.imports import bucket_import
from slices.imports.api import ApiSender
from slices.imports.batches import SendFailedError, send_lines
from slices.imports.file_formats import InvalidFileError
from slices.imports.journal import Progress, open_journal
from slices.imports.lines import inspect_file, read_lines
from slices.imports.streams import is_compressed
from tools.kit import commands, local_stack, target
from tools.kit import options as opt
from tools.kit.client import MAX_CONCURRENT_PUNCHES
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.console import progress
from tools.kit.errors import CommandError
from tools.kit.osls import stack_outputs
from tools.kit.output import print_json, print_status

_KEY_VARIABLE = "PONTO_API_KEY"
_ZONE = ZoneInfo("UTC")  # any zone works, because lines are only validated, and sent unchanged
_EPILOG = f"""examples:
  ponto import october.csv
  {_KEY_VARIABLE}=... ponto import october.ndjson.gz --stage dev

exit status: 0 done, 1 stopped (run the same command to resume) or some lines were refused, 2 the file or the
deployment is wrong
"""


@commands.command("import", epilog=_EPILOG)
@click.argument("file", type=opt.FILE)
@opt.as_json
@target.options
@pass_collaborators
def import_file(
    collaborators: Collaborators, target_options: target.TargetOptions, file: Path, *, as_json: bool
) -> int:
    """Import a file of punches, or resume an import that stopped.

    FILE is NDJSON or CSV, gzipped or not (slices/imports/README.md). Its punches are sent to the API with the key in
    the environment variable PONTO_API_KEY, or that of the local stack. FILE.refused.ndjson lists refused lines with
    their numbers and reasons. FILE.progress holds the progress until the import is complete.

    A file in the format of another slice is uploaded to the stage's bucket instead, with AWS credentials and without an
    API key. The command waits until the stage has imported it, and prints the result.
    """
    if not file.is_file():
        raise CommandError(f"{file} is not a file")
    try:
        with bucket_import.show_progress("reading") as on_line:
            inspected = inspect_file(lambda offset: _open_at(file, offset), on_line)
    except InvalidFileError as error:
        raise CommandError(f"{file}: {error}") from None
    if inspected:
        return bucket_import.import_file(
            target_options, file, inspected.file_format, collaborators.clock, as_json=as_json
        )
    url, key = _find_api(target_options)
    api = ApiSender(url, key, collaborators.clock)
    with open_journal(file, url) as journal, _stop_on_ctrl_c(api), _progress_bar(file) as show:
        if journal.progress.offset:
            counts = f"{journal.progress.accepted} accepted, {journal.progress.refused} refused so far"
            print_status(f"resuming at line {journal.position.line}: {counts}")
        file_lines = read_lines(lambda offset: _open_at(file, offset), _ZONE, journal.position)
        try:
            for outcome in send_lines(file_lines, api.send, math.inf, MAX_CONCURRENT_PUNCHES):
                journal.add(outcome)
                show(journal.progress)
        except InvalidFileError as error:
            counts = bucket_import.format_counts(
                journal.progress.accepted, journal.progress.refused, journal.refused_lines
            )
            raise CommandError(f"{file}: {error}. {counts}") from None
        except SendFailedError as error:
            raise CommandError(
                f"stopped at line {journal.position.line}: {error}. {journal.progress.accepted} accepted, "
                f"{journal.progress.refused} refused; run the same command again to resume",
                1,
            ) from None
    final, refused_lines = journal.progress, journal.refused_lines
    if as_json:
        print_json({"accepted": final.accepted, "refused": final.refused, "refusedLines": refused_lines})
    else:
        bucket_import.print_counts(final.accepted, final.refused, refused_lines)
    return 1 if final.refused else 0


def _find_api(target_options: target.TargetOptions) -> tuple[str, str]:
    """Return the URL of `POST /ponto` and the API key."""
    key = os.environ.get(_KEY_VARIABLE, "")
    if target_options.stage == target.LOCAL:
        address = local_stack.find(target_options.state)
        return address.api_url, key or address.api_key
    if not key:
        raise CommandError(f"set {_KEY_VARIABLE} to an API key of the stage; ponto keys create creates one")
    outputs = stack_outputs(target.create_session(target_options).client("cloudformation"), target_options.stage)
    return outputs["ApiUrl"], key


def _open_at(file: Path, offset: int) -> IO[bytes]:
    content = file.open("rb")
    content.seek(offset)
    return content


@contextmanager
def _stop_on_ctrl_c(api: ApiSender) -> Iterator[None]:
    """Stop sending at Ctrl-C, and raise KeyboardInterrupt afterwards.

    An exception raised in the signal handler could leave a lock locked. A second Ctrl-C ends the process at
    once; the import can still be resumed.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed before everything was sent.
    """
    previous = signal.getsignal(signal.SIGINT)
    is_pressed = False

    def stop(*_: object) -> None:
        nonlocal is_pressed
        is_pressed = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        api.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except CommandError:
        if is_pressed:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, previous)


@contextmanager
def _progress_bar(file: Path) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar on a terminal; yield the function that updates it. A gzipped file has no known total."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with progress(*columns) as bar:
        with file.open("rb") as content:
            size = None if is_compressed(content.read(2)) else file.stat().st_size
        task = bar.add_task("importing", total=size)

        def show(current: Progress) -> None:
            text = f"{current.accepted} accepted, {current.refused} refused"
            bar.update(task, description=text, completed=current.offset)

        yield show

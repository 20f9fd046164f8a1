"""`ponto import`: a file of punches, through the API."""

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
_ZONE = ZoneInfo("UTC")  # of no moment: lines are only checked, and sent as they stand
_EPILOG = f"""examples:
  ponto import october.csv
  {_KEY_VARIABLE}=... ponto import october.ndjson.gz --stage dev

exit status: 0 done, 1 stopped, and the same command goes on, or lines were refused, and are again until the file
is mended, 2 the file or the deployment is wrong
"""


@commands.command("import", epilog=_EPILOG)
@click.argument("file", type=opt.FILE)
@opt.as_json
@target.options
@pass_collaborators
def import_file(
    collaborators: Collaborators, target_options: target.TargetOptions, file: Path, *, as_json: bool
) -> int:
    """Send a file's punches through the API; go on after a stop.

    FILE is NDJSON or CSV, gzip or not, as for the stage's bucket (slices/imports/README.md). The API key is that of
    the local stack, or of the environment variable PONTO_API_KEY. Refused lines are listed in FILE.refused.ndjson, by
    number and reason; until all is sent, FILE.progress tells how far it is.

    A file of a form that another slice reads goes into the stage's bucket instead, by AWS credentials and without an
    API key; the command waits until it is imported, and prints what it holds.
    """
    if not file.is_file():
        raise CommandError(f"{file} is no file")
    try:
        with bucket_import.show_progress("reading") as reached:
            inspected = inspect_file(lambda offset: _open_at(file, offset), reached)
    except InvalidFileError as error:
        raise CommandError(f"{file}: {error}") from None
    if inspected:
        return bucket_import.import_file(
            target_options, file, inspected.file_format, collaborators.clock, as_json=as_json
        )
    url, key = _find_api(target_options)
    api = ApiSender(url, key, collaborators.clock)
    with open_journal(file, url) as journal, _stop_on_ctrl_c(api), _progress_bar(file) as advance:
        if journal.progress.offset:
            before = f"{journal.progress.accepted} accepted, {journal.progress.refused} refused before"
            print_status(f"going on at line {journal.position.line}: {before}")
        found = read_lines(lambda offset: _open_at(file, offset), _ZONE, journal.position)
        try:
            for sent in send_lines(found, api.send, math.inf, MAX_CONCURRENT_PUNCHES):
                journal.add(sent)
                advance(journal.progress)
        except InvalidFileError as error:
            counts = bucket_import.format_counts(
                journal.progress.accepted, journal.progress.refused, journal.refused_lines
            )
            raise CommandError(f"{file}: {error}. {counts}") from None
        except SendFailedError as error:
            raise CommandError(
                f"stopped at line {journal.position.line}: {error}. {journal.progress.accepted} accepted, "
                f"{journal.progress.refused} refused; the same command goes on there",
                1,
            ) from None
    done, listed = journal.progress, journal.refused_lines
    if as_json:
        print_json({"accepted": done.accepted, "refused": done.refused, "refusedLines": listed})
    else:
        bucket_import.print_counts(done.accepted, done.refused, listed)
    return 1 if done.refused else 0


def _find_api(target_options: target.TargetOptions) -> tuple[str, str]:
    """Give the URL of `POST /ponto` and the key."""
    key = os.environ.get(_KEY_VARIABLE, "")
    if target_options.stage == target.LOCAL:
        address = local_stack.find(target_options.state)
        return address.api_url, key or address.api_key
    if not key:
        raise CommandError(f"set {_KEY_VARIABLE} to an API key of the stage; ponto keys create makes one")
    outputs = stack_outputs(target.create_session(target_options).client("cloudformation"), target_options.stage)
    return outputs["ApiUrl"], key


def _open_at(file: Path, offset: int) -> IO[bytes]:
    content = file.open("rb")
    content.seek(offset)
    return content


@contextmanager
def _stop_on_ctrl_c(api: ApiSender) -> Iterator[None]:
    """Let Ctrl-C end the sending in order: raised from the signal, it could leave a lock of the threads' taken.

    A second one ends the process: the journal bears that.

    Raises:
        KeyboardInterrupt: it was pressed, and not all was sent.
    """
    before = signal.getsignal(signal.SIGINT)
    pressed = False

    def stop(*_: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        api.stop()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except CommandError:
        if pressed:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress_bar(file: Path) -> Iterator[Callable[[Progress], None]]:
    """Show how far it is, on a terminal; of a compressed file only how many lines."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with progress(*columns) as shown:
        with file.open("rb") as content:
            size = None if is_compressed(content.read(2)) else file.stat().st_size
        task = shown.add_task("importing", total=size)

        def advance(done: Progress) -> None:
            text = f"{done.accepted} accepted, {done.refused} refused"
            shown.update(task, description=text, completed=done.offset)

        yield advance

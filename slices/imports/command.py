"""The command `ponto import`: uploads a file of punches to the stage's bucket, and prints the result."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from slices.imports.bucket import Bucket, find_bucket
from slices.imports.file_formats import FileFormat, InvalidFileError
from slices.imports.lines import count_lines, inspect_file
from slices.imports.uploads import FAILURE_FILE, INCOMING_PREFIX, REFUSED_FILE, SUMMARY_FILE, results_prefix
from tools.kit import commands, files, shared_options, target
from tools.kit.clock import Clock
from tools.kit.collaborators import Collaborators, pass_collaborators
from tools.kit.console import progress
from tools.kit.errors import CommandError
from tools.kit.output import print_json, print_result, print_status
from tools.kit.target import TargetOptions

MAX_LINES = 1_000_000
"""Maximum number of lines of a file, a third of what one invocation sends in 14 minutes (README.md, *A long file*)."""

_TIMEOUT_SECONDS = 3_600  # for three invocations of 15 minutes, and Lambda's waits between them
_POLL_SECONDS = 1.0
_NOT_FOUND_CODES = ("NoSuchKey", "AccessDenied")  # AccessDenied if the caller may not list the bucket
_EPILOG = """examples:
  ponto import october.csv
  ponto import october.ndjson.gz --stage dev

exit status: 0 done, 1 some lines were refused, or there is no result yet, 2 the file or the deployment is wrong
"""


@commands.command("import", epilog=_EPILOG)
@click.argument("file", type=shared_options.FILE)
@shared_options.as_json
@target.options
@pass_collaborators
def import_file(collaborators: Collaborators, target_options: TargetOptions, file: Path, *, as_json: bool) -> int:
    """Import a file of punches.

    FILE is NDJSON or CSV, gzipped or not (slices/imports/README.md), or in the format of another slice. It is uploaded
    to the stage's bucket, which needs the parameter uploads. The command waits until the stage has imported the file,
    and prints the result. FILE.refused.ndjson lists refused lines with their numbers and reasons.

    Importing a file again adds no punch twice.
    """
    refused_path = file.with_name(f"{file.name}.refused.ndjson")
    file_format = _check_file(file)
    bucket = find_bucket(target_options)
    files.require_writable(refused_path, force=True)
    key = INCOMING_PREFIX + file.name
    with file.open("rb") as content:
        version = bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=content).get("VersionId")
    folder = results_prefix(key, version)
    print_status(f"uploaded as {bucket.url(key)}; Ctrl-C stops waiting, but not the import")
    result = _wait_for_result(bucket, folder, collaborators.clock)
    refused_path.unlink(missing_ok=True)  # the list of an earlier import
    if result["refused"]:
        with files.write_atomically(refused_path, None) as out:
            out.write(bucket.s3.get_object(Bucket=bucket.name, Key=folder + REFUSED_FILE)["Body"].read())
    counts = f"{result['accepted']} accepted, {result['refused']} refused"
    counts += f": see {refused_path}" if result["refused"] else ""
    if "reason" in result:
        raise CommandError(f"the import failed at line {result['line']}: {result['reason']}. {counts}")
    if as_json:
        refused_lines = str(refused_path) if result["refused"] else None
        print_json(result | {"results": bucket.url(folder), "refusedLines": refused_lines})
    else:
        print_result(counts, "Accepted punches are in the queue; those already stored add no row.")
        if file_format:
            print_result(*file_format.describe(result[file_format.summary_key]))
    return 1 if result["refused"] else 0


def _check_file(file: Path) -> FileFormat | None:
    """Check a file before it is uploaded.

    Returns:
        The format of another slice; None for NDJSON and CSV.

    Raises:
        CommandError: the file cannot be read, is not valid as a whole, or is too long.
    """

    def check_length(line: int) -> None:
        show_line(line)
        if line > MAX_LINES:
            raise CommandError(
                f"{file} has more than {MAX_LINES:,} lines, which may take the stage too long. Split it; of a clock's "
                "file, which must stay whole, export a shorter period"
            )

    try:
        with _show_progress("reading") as show_line:
            with file.open("rb") as content:
                inspected = inspect_file(content, check_length)
            if inspected:
                return inspected.file_format
            with file.open("rb") as content:
                count_lines(content, check_length)
    except InvalidFileError as error:
        raise CommandError(f"{file}: {error}") from None
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from None
    return None


def _wait_for_result(bucket: Bucket, folder: str, clock: Clock) -> dict[str, Any]:
    """Wait for a result and return it: a summary, or a failure, which has the key `reason`."""
    deadline = clock.monotonic() + _TIMEOUT_SECONDS
    with _show_progress("importing"):
        while True:
            code = ""
            for name in (SUMMARY_FILE, FAILURE_FILE):
                try:
                    response = bucket.s3.get_object(Bucket=bucket.name, Key=folder + name)
                except ClientError as error:
                    code = error.response["Error"].get("Code", "")
                    if code not in _NOT_FOUND_CODES:
                        raise
                    continue
                result: dict[str, Any] = json.loads(response["Body"].read())
                return result
            if clock.monotonic() > deadline:
                raise CommandError(
                    f"no result yet in {bucket.url(folder)} (S3: {code}); run ponto dlq list --reason file to see "
                    "whether the import failed",
                    1,
                )
            clock.sleep(_POLL_SECONDS)


@contextmanager
def _show_progress(activity: str) -> Iterator[Callable[[int], None]]:
    """Show an activity on a terminal; yield the function to call with each line number."""
    with progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as display:
        task = display.add_task(activity, total=None)

        def show_line(line: int) -> None:
            if line % 10_000 == 0:
                display.update(task, description=f"{activity}, line {line:,}")

        yield show_line

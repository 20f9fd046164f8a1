"""Import of a file through the stage's bucket, for `ponto import`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from slices.imports.bucket import Bucket, find_bucket
from slices.imports.file_formats import FileFormat
from slices.imports.journal import refused_lines_path
from slices.imports.uploads import FAILURE_FILE, INCOMING_PREFIX, SUMMARY_FILE, results_prefix
from tools.kit import files, target
from tools.kit.clock import Clock
from tools.kit.console import progress
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status

_TIMEOUT_SECONDS = 3_600  # longer than one invocation, because a very large file needs several
_POLL_SECONDS = 1.0
_NOT_FOUND_CODES = ("NoSuchKey", "AccessDenied")  # AccessDenied if the caller may not list the bucket


def import_file(
    target_options: target.TargetOptions, file: Path, file_format: FileFormat, clock: Clock, *, as_json: bool
) -> int:
    """Upload a file, wait until it is imported, and print the summary.

    Returns:
        The exit status.

    Raises:
        CommandError: the stage has no bucket for files, the import failed, or there is no result after an hour.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or rejected a request.
    """
    bucket = find_bucket(target_options)
    list_path = refused_lines_path(file)
    files.require_writable(list_path, force=True)
    key = INCOMING_PREFIX + file.name
    with file.open("rb") as content:
        version = bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=content).get("VersionId")
    folder = results_prefix(key, version)
    print_status(f"uploaded as {bucket.url(key)}; Ctrl-C stops waiting, but not the import")
    result = _wait_for_result(bucket, folder, clock)
    refused_path = _copy_refused_lines(bucket, folder, result, list_path)
    if "reason" in result:
        counts = format_counts(result["accepted"], result["refused"], refused_path)
        raise CommandError(f"the import failed at line {result['line']}: {result['reason']}. {counts}")
    if as_json:
        print_json(result | {"results": bucket.url(folder), "refusedLines": refused_path})
    else:
        print_counts(result["accepted"], result["refused"], refused_path)
        print_result(*file_format.describe(result[file_format.SUMMARY_KEY]))
    return 1 if result["refused"] else 0


@contextmanager
def show_progress(activity: str) -> Iterator[Callable[[int], None]]:
    """Show an activity on a terminal; yield the function to call with each line number."""
    with progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as display:
        task = display.add_task(activity, total=None)

        def show_line(line: int) -> None:
            if line % 10_000 == 0:
                display.update(task, description=f"{activity}, line {line:,}")

        yield show_line


def format_counts(accepted: int, refused: int, refused_path: str | None) -> str:
    """Return the counts of a file's lines as text, with the path of the list of refused lines if there is one."""
    return f"{accepted} accepted, {refused} refused" + (f": see {refused_path}" if refused_path else "")


def print_counts(accepted: int, refused: int, refused_path: str | None) -> None:
    """Print the counts of a complete import."""
    print_result(
        format_counts(accepted, refused, refused_path),
        "Accepted punches are in the queue; those already stored add no row.",
    )


def _copy_refused_lines(bucket: Bucket, folder: str, result: dict[str, Any], path: Path) -> str | None:
    """Join the lists that a result names into one list of refused lines beside the file.

    Remove the key `refusedIn` from the result.

    Returns:
        The path of the list; None if no line was refused.

    Raises:
        CommandError: the lists do not match the count in the result.
    """
    names = result.pop("refusedIn", ())
    if not names and not result["refused"]:
        path.unlink(missing_ok=True)  # the list of an earlier import
        return None
    line_numbers: list[int] = []
    with files.draft(path, None) as out:
        for name in names:
            content = bucket.s3.get_object(Bucket=bucket.name, Key=folder + name)["Body"].read()
            out.write(content)
            line_numbers += (json.loads(line)["line"] for line in content.splitlines())
        if len(line_numbers) != result["refused"] or line_numbers != sorted(set(line_numbers)):
            raise CommandError(
                f"the lists in {bucket.url(folder)} do not match the {pluralize(result['refused'], 'refused line')} "
                "that the summary counts; import the file again",
                1,
            )
    return str(path)


def _wait_for_result(bucket: Bucket, folder: str, clock: Clock) -> dict[str, Any]:
    """Wait for a result and return it: a summary, or a failure, which has the key `reason`."""
    deadline = clock.monotonic() + _TIMEOUT_SECONDS
    with show_progress("importing"):
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

"""A file that the API does not take: into the stage's bucket, and what became of it there."""

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
from slices.imports.uploads import FAILURE, INCOMING, SUMMARY, results_prefix
from tools.kit import files, target
from tools.kit.clock import Clock
from tools.kit.console import progress
from tools.kit.errors import CommandError
from tools.kit.output import pluralize, print_json, print_result, print_status

_TIMEOUT_SECONDS = 3_600  # s; the function's time is up sooner, unless it hands a giant file on
_POLL_SECONDS = 1.0  # s, between two looks
_NOT_FOUND_CODES = ("NoSuchKey", "AccessDenied")  # the second to whoever may not list the bucket


def import_file(
    target_options: target.TargetOptions, file: Path, file_format: FileFormat, clock: Clock, *, as_json: bool
) -> int:
    """Upload a file, wait until it is imported, and print the summary.

    Returns:
        The exit status.

    Raises:
        CommandError: the stage takes no files, the import failed, or there is no result after an hour.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
    """
    bucket = find_bucket(target_options)
    refused = refused_lines_path(file)
    files.require_writable(refused, force=True)
    key = INCOMING + file.name
    with file.open("rb") as content:
        version = bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=content).get("VersionId")
    folder = results_prefix(key, version)
    print_status(f"uploaded as {bucket.url(key)}; Ctrl-C ends the waiting, and not the import")
    summary = _wait_for_result(bucket, folder, clock)
    listed = _copy_refused_lines(bucket, folder, summary, refused)
    if "reason" in summary:
        counts = format_counts(summary["accepted"], summary["refused"], listed)
        raise CommandError(f"the import failed at line {summary['line']}: {summary['reason']}. {counts}")
    if as_json:
        print_json(summary | {"results": bucket.url(folder), "refusedLines": listed})
    else:
        print_counts(summary["accepted"], summary["refused"], listed)
        print_result(*file_format.describe(summary[file_format.SUMMARY_KEY]))
    return 1 if summary["refused"] else 0


@contextmanager
def show_progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal that something lasts, and which line it has reached."""
    with progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as display:
        task = display.add_task(what, total=None)

        def reached(line: int) -> None:
            if line % 10_000 == 0:
                display.update(task, description=f"{what}, line {line:,}")

        yield reached


def format_counts(accepted: int, refused: int, listed: str | None) -> str:
    """Write what became of a file's lines; `listed` is where those that were refused are."""
    return f"{accepted} accepted, {refused} refused" + (f": see {listed}" if listed else "")


def print_counts(accepted: int, refused: int, listed: str | None) -> None:
    """Print that of a file that is done."""
    print_result(
        format_counts(accepted, refused, listed),
        "Those accepted are in the queue; what is stored already adds no row.",
    )


def _copy_refused_lines(bucket: Bucket, folder: str, result: dict[str, Any], refused: Path) -> str | None:
    """Copy the list of refused lines to beside the file, as an import through the API has it; give its name.

    Raises:
        CommandError: the lists that the result names do not hold what it counts.
    """
    names = result.pop("refusedIn", ())
    if not names and not result["refused"]:
        refused.unlink(missing_ok=True)  # of an import before
        return None
    numbers: list[int] = []
    with files.draft(refused, None) as out:
        for name in names:
            content = bucket.s3.get_object(Bucket=bucket.name, Key=folder + name)["Body"].read()
            out.write(content)
            numbers += (json.loads(line)["line"] for line in content.splitlines())
        if len(numbers) != result["refused"] or numbers != sorted(set(numbers)):
            raise CommandError(
                f"the lists in {bucket.url(folder)} do not hold the {pluralize(result['refused'], 'refused line')} "
                f"that its summary counts; import the file again",
                1,
            )
    return str(refused)


def _wait_for_result(bucket: Bucket, folder: str, clock: Clock) -> dict[str, Any]:
    """Give the summary, or the failure, which has a reason."""
    end = clock.monotonic() + _TIMEOUT_SECONDS
    with show_progress("importing"):
        while True:
            code = ""
            for name in (SUMMARY, FAILURE):
                try:
                    answer = bucket.s3.get_object(Bucket=bucket.name, Key=folder + name)
                except ClientError as error:
                    code = error.response["Error"].get("Code", "")
                    if code not in _NOT_FOUND_CODES:
                        raise
                    continue
                found: dict[str, Any] = json.loads(answer["Body"].read())
                return found
            if clock.monotonic() > end:
                raise CommandError(
                    f"no result yet in {bucket.url(folder)} (S3: {code}); ponto dlq list --reason file says whether "
                    "the import failed",
                    1,
                )
            clock.sleep(_POLL_SECONDS)

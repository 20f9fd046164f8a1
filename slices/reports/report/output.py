"""How a report is written, and where: a format, a language; a file, a pipe or a terminal."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

from slices.reports.report import as_csv, as_html, as_json, as_text
from slices.reports.report.i18n import Language
from slices.reports.report.table import Report
from tools.kit import files
from tools.kit.output import data_stream, progress

FORMATS = ("text", "csv", "json", "html")

T = TypeVar("T")


class Output(NamedTuple):
    """What the options say of it."""

    format: str  # one of FORMATS
    separator: str  # of csv
    language: Language  # of text and html
    file: Path | None  # None: standard output
    force: bool  # the file may be there

    def require_writable(self) -> None:
        """Refuse a file that cannot be written, before the work for it is begun.

        Raises:
            CommandError: see `files.require_writable`.
        """
        if self.file:
            files.require_writable(self.file, force=self.force)

    @contextmanager
    def opened(self) -> Iterator[IO[str]]:
        """Open where the report goes: always UTF-8, as html says of itself and json has to be."""
        if self.file:
            encoding = "utf-8-sig" if self.format == "csv" else "utf-8"
            with files.draft(self.file, encoding) as file:
                yield file
        else:
            yield data_stream()

    def counted(self, found: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
        """Show on a terminal how far it is, unless the report itself appears there.

        Args:
            found: what is passed on.
            what: its name, in the plural.
            total: how many there will be; None: nobody knows.
        """
        shown = bool(self.file or not sys.stdout.isatty())
        bar = () if total is None else (BarColumn(),)
        columns = (SpinnerColumn(), *bar, TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
        with progress(*columns, shown=shown) as display:
            yield from display.track(found, total=total, description=what)

    def write(self, report: Report) -> None:
        """Write a report in the format."""
        with self.opened() as out:
            if self.format == "csv":
                as_csv.write(out, report.csv, self.separator)
            elif self.format == "json":
                as_json.write(out, report)
            elif self.format == "html":
                as_html.write(out, report, self.language)
            else:
                as_text.write(out, report, self.language)

"""Rich's console and progress bars. Not in `tools.kit.output`, as importing Rich takes longer than `ponto --help`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import rich.console
from rich.console import ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.segment import Segment

from tools.kit.output import printable, printable_streams, unwrap_stream

_PIPED_WIDTH = 80  # columns, if there is no terminal and COLUMNS is not set


class Console(rich.console.Console):
    """Rich's console, as wide as the terminal; for a file or a pipe, as wide as COLUMNS, or 80 columns.

    Control characters in texts are replaced; the escape sequences that Rich itself adds are kept.
    """

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False) -> None:
        stream = file or (sys.stderr if stderr else sys.stdout)
        super().__init__(file=unwrap_stream(stream), highlight=False, emoji=False, markup=False)
        if self.width < 1 or not (self.is_terminal or os.environ.get("COLUMNS", "").isdigit()):  # COLUMNS may be 0
            self.width = _PIPED_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render, and replace control characters in texts."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text, lines=True), style, control)

    def write(self, text: str) -> None:
        """Write lines without laying them out, which is faster."""
        self.file.write(printable(text, lines=True))

    def on_broken_pipe(self) -> None:
        """Raise the error again for `commands.run`, which exits with 0; Rich would exit with another status."""
        raise  # Rich calls this in its exception handler


@contextmanager
def progress(*columns: str | ProgressColumn, visible: bool = True) -> Iterator[Progress]:
    """Show progress on standard error if that is a terminal and `visible` is true; by default with Rich's columns."""
    console = Console(stderr=True)
    display = Progress(*columns, console=console, disable=not (visible and console.is_terminal))
    with display, printable_streams():  # Rich would interpret escape sequences in other output
        yield display

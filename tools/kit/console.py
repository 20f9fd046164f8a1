"""Rich's console and progress bars, apart from `tools.kit.output`: importing Rich takes longer than `ponto --help`."""

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

_PIPED_WIDTH = 80  # columns, where neither a terminal nor COLUMNS says


class Console(rich.console.Console):
    """Rich's, as wide as the terminal; into a file or a pipe, as COLUMNS says or any terminal shows.

    Its texts are made printable; what Rich adds, colours and the cursor's moves, goes to the terminal as it is.
    """

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False) -> None:
        stream = file or (sys.stderr if stderr else sys.stdout)
        super().__init__(file=unwrap_stream(stream), highlight=False, emoji=False, markup=False)
        if self.width < 1 or not (self.is_terminal or os.environ.get("COLUMNS", "").isdigit()):  # COLUMNS may say 0
            self.width = _PIPED_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render, and make the texts printable."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text, lines=True), style, control)

    def write(self, text: str) -> None:
        """Write lines as they stand, which is faster than to lay them out."""
        self.file.write(printable(text, lines=True))

    def on_broken_pipe(self) -> None:
        """Leave it to `commands.run`: Rich would end the process, and not with 0."""
        raise  # it is called where the error is handled


@contextmanager
def progress(*columns: str | ProgressColumn, visible: bool = True) -> Iterator[Progress]:
    """Show progress on standard error, where that is a terminal and `visible`; the columns are Rich's by default."""
    console = Console(stderr=True)
    display = Progress(*columns, console=console, disable=not (visible and console.is_terminal))
    with display, printable_streams():  # Rich styles by the escapes in what is printed meanwhile
        yield display

"""Where the tables of `dlq` and `keys` are printed."""

from rich.console import Console

_PIPED_WIDTH = 200  # columns, where nobody's terminal says


def for_tables() -> Console:
    """Give standard output, as wide as the terminal, or as a reader of a file can do with."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED_WIDTH
    return console

"""What may be logged of an error of our own code."""

from pathlib import Path
from traceback import extract_tb


def kind_and_line(error: Exception) -> str:
    """Give the kind of an error and the line that raised it, without its text, which may quote a punch."""
    *_, raised = extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(raised.filename).name}:{raised.lineno}"

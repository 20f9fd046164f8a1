"""A command's table in a terminal of 80 columns: none is wider, and what people look for is whole."""

import re
from collections.abc import Callable, Sequence

import pytest


def assert_fits(
    draw: Callable[[], None],
    wanted: Sequence[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    terminal: bool,
) -> None:
    """Draw a table into a terminal, or else a pipe, and hold it against what it must have, whole."""
    for name, value in {"COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        if terminal:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)

    draw()

    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert [line for line in printed.splitlines() if len(line) > 80] == []
    assert [text for text in wanted if text not in printed] == []
    assert "…" not in re.sub(r"Maria[\w ]*…", "", printed)  # a name, whose employee stands beside it

"""`make clean`, which refuses to remove the files of a running stack."""

import fcntl
from pathlib import Path

import pytest

from tools.local import clean


def test_running_stack_stops_make_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lock"
    monkeypatch.setattr(clean, "_LOCK", file)
    assert clean.main() == 0
    file.write_text("4242")

    with file.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert clean.main() == 1

    assert "4242" in capsys.readouterr().err
    assert clean.main() == 0

"""Where throwaway files go: into memory only where there is room, and nobody wants them elsewhere."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.local import temporary


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(temporary, "_MEMORY", tmp_path)
    monkeypatch.setattr(temporary, "_ROOM", 0)


def test_they_go_into_memory(tmp_path: Path) -> None:
    assert temporary.memory() == tmp_path


def test_a_given_folder_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    assert temporary.memory() is None


def test_memory_that_is_not_there_or_too_small_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(temporary, "_MEMORY", tmp_path / "absent")
    assert temporary.memory() is None
    monkeypatch.setattr(temporary, "_MEMORY", tmp_path)
    monkeypatch.setattr(temporary, "_ROOM", 1 << 60)
    assert temporary.memory() is None


def test_memory_in_which_nothing_may_run_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = SimpleNamespace(f_bavail=1, f_frsize=1, f_flag=os.ST_NOEXEC)  # as Docker does
    monkeypatch.setattr(os, "statvfs", lambda _: mounted)
    assert temporary.memory() is None

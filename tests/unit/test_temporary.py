"""Where throwaway files go: into memory only where there is room, and nobody wants them elsewhere."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.local import temporary


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(temporary, "_MEMORY", tmp_path)
    monkeypatch.setattr(temporary, "_ROOM", 0)


def test_they_go_into_memory(tmp_path: Path) -> None:
    assert temporary.memory() == tmp_path


NO_PROGRAMS = SimpleNamespace(f_bavail=1, f_frsize=1, f_flag=os.ST_NOEXEC)  # as Docker mounts it


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (os.environ, "TMPDIR", "/elsewhere"),  # somebody wants them there
        (temporary, "_MEMORY", Path("/absent")),
        (temporary, "_ROOM", 1 << 60),
        (os, "statvfs", lambda _: NO_PROGRAMS),
    ],
)
def test_they_do_not_where_there_is_no_room_for_them_or_another_folder_is_wanted(
    owner: Any, name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = monkeypatch.setitem if owner is os.environ else monkeypatch.setattr
    put(owner, name, value)

    assert temporary.memory() is None

"""Where throwaway files go: into memory only where there is room, and nobody wants them elsewhere."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.local import temporary


@pytest.fixture(autouse=True)
def _no_tmpdir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)


def test_they_go_into_memory(tmp_path: Path) -> None:
    assert temporary.memory(tmp_path, min_free_bytes=0) == tmp_path


def test_they_do_not_where_tmpdir_names_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    assert temporary.memory(tmp_path, min_free_bytes=0) is None


def test_they_do_not_where_there_is_no_such_folder_or_no_room(tmp_path: Path) -> None:
    assert temporary.memory(tmp_path / "absent", min_free_bytes=0) is None
    assert temporary.memory(tmp_path, min_free_bytes=1 << 60) is None


def test_they_do_not_where_no_program_may_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_docker_mounts_it = SimpleNamespace(f_bavail=1, f_frsize=1, f_flag=os.ST_NOEXEC)
    monkeypatch.setattr(os, "statvfs", lambda _: as_docker_mounts_it)
    assert temporary.memory(tmp_path, min_free_bytes=0) is None

"""Where throwaway files go: into memory only where there is room, programs may run, and TMPDIR names no folder."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.local import temporary


def test_files_go_into_memory_unless_it_lacks_room_or_tmpdir_names_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert temporary.memory(tmp_path, min_free_bytes=0) == tmp_path
    assert temporary.memory(tmp_path / "absent", min_free_bytes=0) is None
    assert temporary.memory(tmp_path, min_free_bytes=1 << 60) is None

    as_docker_mounts_it = SimpleNamespace(f_bavail=1, f_frsize=1, f_flag=os.ST_NOEXEC)
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _: as_docker_mounts_it)
        assert temporary.memory(tmp_path, min_free_bytes=0) is None

    monkeypatch.setenv("TMPDIR", "/elsewhere")
    assert temporary.memory(tmp_path, min_free_bytes=0) is None

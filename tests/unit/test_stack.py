"""Whose folder the local stack may take for its own, and close to others."""

import stat
from pathlib import Path

import pytest

from tools.local import stack
from tools.local.errors import LocalError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stack, "STATE", tmp_path / ".local")
    return tmp_path


@pytest.mark.parametrize("made_by", ["jmeter-5.6.3", "bench", "loadtest"])
def test_the_projects_own_folder_is_closed_whoever_made_it(project: Path, made_by: str) -> None:
    state = project / ".local"
    (state / made_by).mkdir(parents=True)
    state.chmod(0o755)

    stack._make_private(state)

    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_folder_with_other_things_is_left_as_it_is(project: Path) -> None:
    state = project / "Documents"
    (state / "letters").mkdir(parents=True)
    state.chmod(0o755)

    with pytest.raises(LocalError, match="is open to others, and holds other things"):
        stack._make_private(state)

    assert stat.S_IMODE(state.stat().st_mode) == 0o755

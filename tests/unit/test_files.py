"""What a command writes for its user: never through a link, never over what is no regular file."""

import os
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tools.kit.errors import CommandError
from tools.kit.files import draft, require_writable, write_at
from tools.kit.pictures import new_figure, save


def link(file: Path) -> None:
    (file.parent / "target").write_text("somebody's")
    file.symlink_to("target")


def dangling_link(file: Path) -> None:
    file.symlink_to("nowhere")


def listening(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(file))


def device(file: Path) -> None:
    os.mknod(file, 0o600 | stat.S_IFCHR, os.makedev(1, 3))


WRITERS: list[Callable[[Path], AbstractContextManager[object]]] = [draft, partial(draft, encoding=None)]

THINGS: dict[str, tuple[Callable[[Path], None], str]] = {
    "link": (link, "is a symbolic link"),
    "dangling link": (dangling_link, "is a symbolic link"),
    "folder": (Path.mkdir, "is a folder"),
    "named pipe": (os.mkfifo, "is a named pipe"),
    "socket": (listening, "is a socket"),
    "device": (device, "is a device"),
}


def state(folder: Path) -> list[tuple[str, int, str]]:
    return sorted(
        (file.name, stat.S_IFMT(file.lstat().st_mode), file.read_text() if file.name == "target" else "")
        for file in folder.iterdir()
    )


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(*thing, id=name, marks=[pytest.mark.root] if name == "device" else [])
        for name, thing in THINGS.items()
    ],
)
def test_what_is_no_regular_file_is_neither_followed_nor_replaced(
    make: Callable[[Path], None], why: str, folder: Path
) -> None:
    file = folder / "out"
    make(file)
    before = state(folder)

    for force in (False, True):
        with pytest.raises(CommandError, match=why):
            require_writable(file, force=force)
    for write in WRITERS:
        with pytest.raises(CommandError, match=why), write(file):
            pass
    with pytest.raises(CommandError, match=why):
        write_at(file, 0, b"mine")

    assert state(folder) == before


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_that_comes_while_the_file_is_written_is_not_replaced(
    write: Callable[[Path], AbstractContextManager[object]], folder: Path
) -> None:
    with pytest.raises(CommandError, match="is a symbolic link"), write(folder / "out"):
        link(folder / "out")

    assert [name for name, *_ in state(folder)] == ["out", "target"]
    assert (folder / "target").read_text() == "somebody's"


def test_force_replaces_a_regular_file_and_leaves_other_names_of_it_alone(folder: Path) -> None:
    file, other = folder / "out", folder / "other"
    file.write_text("mine")
    other.hardlink_to(file)

    require_writable(file, force=True)
    with draft(file) as text:
        text.write("new")

    assert (file.read_text(), other.read_text()) == ("new", "mine")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_goes_on_from_where_it_was_and_from_nowhere_else(folder: Path) -> None:
    file = folder / "out"
    with pytest.raises(CommandError, match="cannot write"):
        write_at(file, 0, b"x")
    file.write_bytes(b"kept, and torn")

    write_at(file, 6, b"new")
    assert file.read_bytes() == b"kept, new"
    with pytest.raises(CommandError, match="is shorter than before"):
        write_at(file, 10, b"x")
    assert file.read_bytes() == b"kept, new"


def test_a_name_that_no_file_can_have_is_one_line(folder: Path) -> None:
    (folder / "file").touch()

    for file in (folder / "file" / "out", folder / ("x" * 300)):
        with pytest.raises(CommandError, match="cannot write"):
            require_writable(file)


def test_a_picture_follows_no_link(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    link(folder / "peak.png")

    with pytest.raises(CommandError, match="is a symbolic link"):
        save(new_figure(1, 1), folder / "peak.png", ".png")
    assert (folder / "target").read_text() == "somebody's"


def test_without_matplotlib_a_picture_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # which another test may have loaded

    with pytest.raises(CommandError, match="needs matplotlib"):
        new_figure(1, 1)

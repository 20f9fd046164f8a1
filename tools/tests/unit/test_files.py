"""Files that commands write: they follow no links, and replace only regular files."""

import os
import socket
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tools.kit.errors import CommandError
from tools.kit.files import require_writable, write_atomically


def create_link(file: Path) -> None:
    (file.parent / "target").write_text("target's content")
    file.symlink_to("target")


def create_dangling_link(file: Path) -> None:
    file.symlink_to("nowhere")


def create_socket(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(file))


def create_device(file: Path) -> None:
    os.mknod(file, 0o600 | stat.S_IFCHR, os.makedev(1, 3))


WRITERS: list[Callable[[Path], AbstractContextManager[object]]] = [
    write_atomically,
    partial(write_atomically, encoding=None),
]

SPECIAL_FILES: dict[str, Callable[[Path], None]] = {
    "link": create_link,
    "dangling link": create_dangling_link,
    "folder": Path.mkdir,
    "named pipe": os.mkfifo,
    "socket": create_socket,
    "device": create_device,
}


def state(folder: Path) -> list[tuple[str, int, str]]:
    return sorted(
        (file.name, stat.S_IFMT(file.lstat().st_mode), file.read_text() if file.name == "target" else "")
        for file in folder.iterdir()
    )


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, id=name, marks=[pytest.mark.root] if name == "device" else [])
        for name, make in SPECIAL_FILES.items()
    ],
)
def test_special_file_is_neither_followed_nor_replaced(make: Callable[[Path], None], folder: Path) -> None:
    file = folder / "out"
    make(file)
    before = state(folder)

    for force in (False, True):
        with pytest.raises(CommandError, match="not a regular file"):
            require_writable(file, force=force)
    for write in WRITERS:
        with pytest.raises(CommandError, match="not a regular file"), write(file):
            pass

    assert state(folder) == before


@pytest.mark.parametrize("write", WRITERS)
def test_link_created_during_the_write_is_not_replaced(
    write: Callable[[Path], AbstractContextManager[object]], folder: Path
) -> None:
    with pytest.raises(CommandError, match="not a regular file"), write(folder / "out"):
        create_link(folder / "out")

    assert [name for name, *_ in state(folder)] == ["out", "target"]
    assert (folder / "target").read_text() == "target's content"


def test_force_replaces_a_regular_file_but_not_its_hard_links(folder: Path) -> None:
    file, other = folder / "out", folder / "other"
    file.write_text("mine")
    other.hardlink_to(file)

    require_writable(file, force=True)
    with write_atomically(file) as text:
        text.write("new")

    assert (file.read_text(), other.read_text()) == ("new", "mine")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

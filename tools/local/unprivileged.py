"""A way for root to run PostgreSQL, which refuses to be root: as another user who reaches what root reaches."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.local.errors import LocalError


class Way(NamedTuple):
    """How a command of PostgreSQL's is started."""

    prefix: tuple[str, ...]  # words before the command; each is a program that becomes the next, with the same pid
    owner: int | None  # the user id that the data has to belong to; None: whoever made it


def find(program: Path, folder: Path) -> Way:
    """Choose how to run a program that has to write in a folder. No mode, owner or user of the system is changed.

    Args:
        program: the one that refuses to be root; it has an option --version.
        folder: where it makes its own folder.

    Raises:
        LocalError: this is root, and cannot be anybody else here.
    """
    if os.geteuid():
        return Way((), None)
    other = _other_user()
    ways = (
        # Root outside, somebody else inside: files are root's. Containers often forbid it.
        Way(("unshare", "--user", f"--map-user={other.pw_uid}", f"--map-group={other.pw_gid}"), 0),
        # Somebody else, with root's right to pass folders, such as a private one that the project is in.
        Way(
            (
                "setpriv",
                f"--reuid={other.pw_uid}",
                f"--regid={other.pw_gid}",
                "--clear-groups",
                "--inh-caps=+dac_override",
                "--ambient-caps=+dac_override",
            ),
            other.pw_uid,
        ),
    )
    for way in ways:
        if _works(way, program, folder):
            return way
    raise LocalError(
        f"PostgreSQL refuses to run as root, and root can be nobody else here, for neither `unshare` nor `setpriv` "
        f"gets from root to user {other.pw_name} with {folder} writable: run this as another user."
    )


def _other_user() -> pwd.struct_passwd:
    users = [user for user in pwd.getpwall() if user.pw_uid > 0]
    users.sort(key=lambda user: user.pw_name != "nobody")
    if not users:
        raise LocalError("PostgreSQL refuses to run as root, and this machine has no other user: add one.")
    return users[0]


def _works(way: Way, program: Path, folder: Path) -> bool:
    probe = [*way.prefix, "sh", "-c", 'test -w "$1" && exec "$0" --version', str(program), str(folder)]
    try:
        return subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0
    except FileNotFoundError:
        return False

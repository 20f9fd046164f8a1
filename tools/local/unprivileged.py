"""A way for root to run PostgreSQL, which refuses to be root: as another user who reaches what root reaches."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.local.errors import LocalError


class Launcher(NamedTuple):
    """Start of a command of PostgreSQL's."""

    prefix: tuple[str, ...]  # words before the command; each is a program that becomes the next, with the same pid
    owner: int | None  # the user id that the data has to belong to; None: whoever made it


def find(initdb: Path, folder: Path) -> Launcher:
    """Choose how to run PostgreSQL's programs. No mode, owner or user of the system is changed.

    Args:
        initdb: the first of them, beside the others.
        folder: where it makes its own folder.

    Raises:
        LocalError: this is root, and cannot be anybody else here.
    """
    if os.geteuid():
        return Launcher((), None)
    other = _other_user()
    # Somebody else, with root's right to pass folders, such as a private one that the project is in.
    setpriv = (
        "setpriv",
        f"--reuid={other.pw_uid}",
        f"--regid={other.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    )
    launchers = (
        # Root outside, somebody else inside: files are root's. Containers often forbid it.
        Launcher(("unshare", "--user", f"--map-user={other.pw_uid}", f"--map-group={other.pw_gid}"), 0),
        # access() ignores that right without this bit, and by access() PostgreSQL's programs look for each other.
        Launcher((*setpriv, "--securebits=+no_setuid_fixup"), other.pw_uid),
        Launcher(setpriv, other.pw_uid),  # where root may not set the bit, and anybody reaches the programs
    )
    for launcher in launchers:
        if _can_run(launcher, initdb, folder):
            return launcher
    raise LocalError(
        f"PostgreSQL refuses to run as root, and root can be nobody else here, for neither `unshare` nor `setpriv` "
        f"gets from root to user {other.pw_name} with {initdb} and {folder} in reach: run this as another user."
    )


def _other_user() -> pwd.struct_passwd:
    users = [user for user in pwd.getpwall() if user.pw_uid > 0]
    users.sort(key=lambda user: user.pw_name != "nobody")
    if not users:
        raise LocalError("PostgreSQL refuses to run as root, and this machine has no other user: add one.")
    return users[0]


def _can_run(launcher: Launcher, initdb: Path, folder: Path) -> bool:
    # --show looks for the other programs, prints settings, and writes nothing.
    probe = [*launcher.prefix, "sh", "-c", 'test -w "$1" && exec "$0" --show -D "$1"', str(initdb), str(folder)]
    try:
        return subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0
    except FileNotFoundError:
        return False

"""Launcher of PostgreSQL for root. PostgreSQL refuses to run as root, so another user runs it with root's access."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.local.errors import LocalError


class Launcher(NamedTuple):
    """Command prefix and data owner for PostgreSQL's programs."""

    prefix: tuple[str, ...]  # words before the command, which keep the process id
    owner: int | None  # user id that must own the data; None: this process's


def find(initdb: Path, folder: Path) -> Launcher:
    """Return how to run PostgreSQL's programs, without changes to files or users of the system.

    Args:
        initdb: path of initdb; the other programs are in the same folder.
        folder: folder in which initdb creates the data folder.

    Raises:
        LocalError: this is root, and no other user can run the programs here.
    """
    if os.geteuid():
        return Launcher((), None)
    user = _other_user()
    # Another user with root's access to folders, as the project may be in a private one.
    setpriv = (
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    )
    launchers = (
        # Root outside the user namespace, another user inside: files belong to root. Containers often forbid this.
        Launcher(("unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}"), 0),
        # PostgreSQL's programs find each other by access(), which ignores that capability without this bit.
        Launcher((*setpriv, "--securebits=+no_setuid_fixup"), user.pw_uid),
        Launcher(setpriv, user.pw_uid),  # if root may not set the bit, and every user can reach the programs
    )
    for launcher in launchers:
        if _can_run(launcher, initdb, folder):
            return launcher
    advice = "Run this as another user" if shutil.which("setpriv") else "Install setpriv, or run this as another user"
    raise LocalError(
        f"PostgreSQL refuses to run as root, and neither `unshare` nor `setpriv` can run it as user {user.pw_name} "
        f"with access to {initdb} and {folder}. {advice}."
    )


def _other_user() -> pwd.struct_passwd:
    users = [user for user in pwd.getpwall() if user.pw_uid > 0]
    users.sort(key=lambda user: user.pw_name != "nobody")
    if not users:
        raise LocalError("PostgreSQL refuses to run as root, and this machine has no other user. Add one.")
    return users[0]


def _can_run(launcher: Launcher, initdb: Path, folder: Path) -> bool:
    # --show only looks for the other programs and prints settings.
    probe = [*launcher.prefix, "sh", "-c", 'test -w "$1" && exec "$0" --show -D "$1"', str(initdb), str(folder)]
    try:
        return subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0
    except FileNotFoundError:
        return False

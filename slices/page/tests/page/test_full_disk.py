"""A disk that was full: what was thanked is there, and is sent. The runs are those of `full_disk`."""

import subprocess
import sys

import pytest

from tools.develop import chromium
from tools.kit.project import ROOT

NAMESPACES = (
    ("unshare", "--mount"),
    ("unshare", "--user", "--map-root-user", "--mount"),
    ("sudo", "--non-interactive", "unshare", "--mount"),
)
"""What lets a command mount: of root, of a user, of a user where the system keeps namespaces to root."""


@pytest.mark.nightly
def test_no_thanked_punch_is_lost_when_the_disk_was_full(capfd: pytest.CaptureFixture[str]) -> None:
    chromium.find()
    command = [*_what_mounts(), sys.executable, "-m", "slices.page.tests.page.full_disk"]

    with capfd.disabled():  # its table is what the README of the slice shows
        status = subprocess.run(command, cwd=ROOT, check=False).returncode

    assert status == 0


def _what_mounts() -> tuple[str, ...]:
    for words in NAMESPACES:
        try:
            subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            refused = error
        else:
            return words
    pytest.skip(f"no right to mount; run this as root ({refused})")

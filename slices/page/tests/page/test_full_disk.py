"""Fill the disk below the page for a while, end the browser, and look whether each thanked punch is still there.

The browser's data is on a small disk of its own. Mounting one takes root, or a namespace in which a user is root:
the test runs this module in one. Both end with the process, and so do the mounts.
"""

import itertools
import json
import re
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import NamedTuple

import click
import pytest
from playwright.sync_api import Error, Page, expect, sync_playwright

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, accept, run_fake_server
from slices.page.tests.page.phones import Phone, export_punches, punch, trigger_online, trigger_visibility
from tests.page.browsers import Window
from tests.waiting import wait_for
from tools.develop import chromium
from tools.kit.project import ROOT

NAMESPACES = (
    ("unshare", "--mount"),
    ("unshare", "--user", "--map-root-user", "--mount"),
    ("sudo", "--non-interactive", "unshare", "--mount"),
)
"""What lets a command mount: of root, of a user, of a user where the system keeps namespaces to root."""

DISKS = ("tmpfs", "ext4")
LOOKS, PRESSES = "looks", "looks and presses"
BEFORE, AFTER = "before the restart", "after the restart"
IN_ORDER, KILLED = "in order", "SIGKILL"

_MIB = 64
_EMPLOYEE = 41
_PATIENCE_MS = 60_000  # with a browser that starts on a full disk: it may show nothing
_TOGETHER = 3  # runs at the same time: they wait most of it
_LOOKS = 8  # while it is full, and as many later: each makes the page write when it will try to send again
_RESTORED = "Faltava uma das duas cópias"
_RUNS = 2  # of each case on each disk


class Case(NamedTuple):
    """What happens around a disk that is full."""

    disk: str
    meanwhile: str  # while it is full, and later
    freed: str  # the disk
    ending: str  # of the browser: in order, or SIGKILL


class Found(NamedTuple):
    """What a run has shown."""

    thanked: int
    lost: int  # thanked punches that are not there in the end
    restored: bool  # the page says that one store had lost something
    wrong: str = ""  # whatever else is not as it should be


class _Employee:
    """Punches by a browser whose disk is full for a while."""

    def __init__(self, profile: Path, server: FakeServer, case: Case, chance: Random) -> None:
        self._profile = profile
        self._ballast = profile.parent / "ballast"
        self._server = server
        self._case = case
        self._chance = chance
        self._thanked: Counter[str] = Counter()  # times of day
        self._died = False  # the browser did, by itself

    def run(self) -> Found:
        """Go through all of it."""
        case, server = self._case, self._server
        with sync_playwright() as playwright:

            def start() -> Phone:
                phone = phones.start_persistent_phone(playwright, self._profile, server.url)
                phone.context.set_default_timeout(_PATIENCE_MS)
                return phone

            phone = start()
            page = phone.open("#key=first")
            server.is_down = True
            for _ in range(self._chance.randint(2, 12)):
                self._press(page)
            self._meanwhile(page, full=True)
            if case.freed == BEFORE:
                self._free()
                self._meanwhile(page)
            self._end(phone)
            if case.freed == AFTER:
                with suppress(Error):  # it may be unable to start, or to show the page
                    phone = start()
                    page = Window.open(phone)  # which is not said to show anything
                    self._meanwhile(page, full=True)
                    self._free()
                    self._meanwhile(page)
                self._free()
                self._end(phone)
            phone = start()
            try:
                return self._judge(phone.open(worker=False))
            finally:
                phone.context.close()

    def _press(self, page: Page) -> None:
        said = punch(page, _EMPLOYEE)
        self._thanked.update(re.findall(r"Obrigado\D*(\d\d:\d\d:\d\d)", said))

    def _meanwhile(self, page: Page, *, full: bool = False) -> None:
        try:
            for _ in range(_LOOKS):
                if full:
                    self._fill()
                trigger_visibility(page)
                if self._case.meanwhile == PRESSES:
                    self._press(page)
                page.wait_for_timeout(self._chance.uniform(100, 700))
        except Error:  # on a full tmpfs the browser may end by itself: one more ending to outlive
            self._died = True

    def _fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):  # it is full
                    while file.write(bytes(size)) == size:
                        pass

    def _free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def _end(self, phone: Phone) -> None:
        with suppress(Error, AssertionError):  # it may have ended by itself
            if self._case.ending == KILLED:
                phones.kill_browser(self._profile)
        with suppress(Error):
            phone.context.close()

    def _judge(self, page: Page) -> Found:
        server, thanked = self._server, self._thanked.total()
        expect(page.locator("#key-state")).not_to_have_text("")  # it is drawn
        kept = [json.loads(line) for line in export_punches(page).splitlines()]
        lost = (self._thanked - Counter(body["ponto"][11:19] for body in kept)).total()
        restored = _RESTORED in page.locator("#warnings").inner_text()
        if lost:
            return Found(thanked, lost, restored)
        server.is_down = False
        trigger_online(page)
        assert "Obrigado" in punch(page, _EMPLOYEE)
        wait_for(
            lambda: len({post.body["id"] for post in server.punch_requests}) > len(kept),
            "all that was kept, and one more",
        )
        sent = {post.body["id"]: post.body for post in server.punch_requests}
        numbers = sorted((body["dispositivo"], body["sequencia"]) for body in sent.values())
        wrong = []
        if numbers != [(numbers[0][0], number) for number in range(1, len(numbers) + 1)]:
            wrong.append(f"numbered {numbers}")
        if {body["id"] for body in kept} - set(sent):
            wrong.append("not all that was kept was sent")
        if len(kept) - thanked > self._died:  # which may have been in the middle of a press
            wrong.append(f"{len(kept) - thanked} kept without thanks")
        return Found(thanked, 0, restored, ", ".join(wrong))


@contextmanager
def small_disk(kind: str) -> Iterator[Path]:
    """Mount a small disk.

    Args:
        kind: tmpfs, or ext4 in a file.

    Raises:
        subprocess.CalledProcessError: that is refused here.
    """
    with tempfile.TemporaryDirectory() as folder:
        mounted_at = Path(folder, "disk")
        mounted_at.mkdir()
        how = ["-t", "tmpfs", "-o", f"size={_MIB}m", "tmpfs"]
        if kind == "ext4":
            image = Path(folder, "image")
            with image.open("wb") as file:
                file.truncate(_MIB << 20)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
            how = ["-o", "loop", str(image)]
        subprocess.run(["mount", *how, mounted_at], check=True)
        try:
            yield mounted_at
        finally:
            subprocess.run(["umount", "--lazy", mounted_at], check=True)


def _run_once(numbered: tuple[int, Case]) -> Found:
    seed, case = numbered
    chance = Random(seed)  # noqa: S311  it repeats
    try:
        with small_disk(case.disk) as disk, run_fake_server(accept) as server:
            return _Employee(disk / "profile", server, case, chance).run()
    except (Error, AssertionError) as error:  # a run that does not end well is told, and the others go on
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
        return Found(0, 0, False, f"lines {lines}: {str(error).splitlines()[0]}")


def _can_mount(disk: str) -> bool:
    try:
        with small_disk(disk):
            return True
    except (OSError, subprocess.CalledProcessError) as error:  # no mkfs.ext4, or no right to a loop device
        click.echo(f"without {disk}: {error}")
        return False


def main() -> int:
    """Go through all cases, print what became of each, and return the exit status: 0 where nothing was lost."""
    disks = list(filter(_can_mount, DISKS))
    cases = [Case(*case) for case in itertools.product(disks, (LOOKS, PRESSES), (BEFORE, AFTER), (IN_ORDER, KILLED))]
    numbered = list(enumerate(cases * _RUNS))
    results: dict[tuple[str, ...], list[Found]] = {}
    with ProcessPoolExecutor(_TOGETHER, get_context("spawn")) as pool:
        for (number, case), found in zip(numbered, pool.map(_run_once, numbered), strict=True):
            results.setdefault(case[1:], []).append(found)
            click.echo(f"seed {number}: {', '.join(case)}: {found}")
    click.echo("| while the disk is full | freed | ending | runs | a store restored | thanked | lost |")
    click.echo("|---|---|---|---|---|---|---|")
    for row, founds in results.items():
        restored = sum(found.restored for found in founds)
        thanked, lost = sum(found.thanked for found in founds), sum(found.lost for found in founds)
        click.echo(f"| {' | '.join(row)} | {len(founds)} | {restored} | {thanked} | {lost} |")
    return int(any(found.lost or found.wrong for founds in results.values() for found in founds))


@pytest.mark.nightly
def test_no_thanked_punch_is_lost_when_the_disk_was_full(capfd: pytest.CaptureFixture[str]) -> None:
    chromium.find()
    command = [*_what_mounts(), sys.executable, "-m", "slices.page.tests.page.test_full_disk"]

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


if __name__ == "__main__":
    sys.exit(main())

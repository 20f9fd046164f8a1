"""Test that no punch that the page confirmed to the employee is lost if the disk is full for a while.

The browser's data is on a small disk that the test mounts. Mounting needs root, or a namespace in which the user is
root, so the test runs this module as a command in such a namespace. The mounts end with the command.
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
from tests.waiting import wait_for
from tools.develop import chromium
from tools.kit.project import ROOT
from tools.tests.page.browsers import Window

MOUNT_COMMANDS = (
    ("unshare", "--mount"),
    ("unshare", "--user", "--map-root-user", "--mount"),
    ("sudo", "--non-interactive", "unshare", "--mount"),
)
"""Prefixes that let a command mount: for root, for a user who may create namespaces, and for a user with sudo."""

DISKS = ("tmpfs", "ext4")
VIEWS_ONLY, VIEWS_AND_PRESSES = "views", "views and presses"
BEFORE, AFTER = "before the restart", "after the restart"
CLOSED, KILLED = "closed", "SIGKILL"

_DISK_MIB = 64
_EMPLOYEE = 41
_TIMEOUT_MS = 60_000  # a browser that starts on a full disk may show nothing
_PARALLEL_RUNS = 3  # a run mostly waits
_VIEWS = 8  # views of the page in each phase; each writes to the disk, as the page stores the time of its next attempt
_RUNS = 2  # runs of each case on each disk


class DiskCase(NamedTuple):
    """Conditions of a run."""

    disk: str  # tmpfs or ext4
    activity: str  # what the employee does while the disk is full and after it was freed
    freed_when: str  # before or after the browser restarts
    ending: str  # how the browser ends: closed, or by SIGKILL


class RunResult(NamedTuple):
    """Result of a run."""

    confirmed: int  # punches that the page confirmed to the employee
    problem: str = ""  # lost punches, or another problem


class _Scenario:
    """An employee who punches in a browser whose disk is full for a while."""

    def __init__(self, profile: Path, server: FakeServer, case: DiskCase, random: Random) -> None:
        self._profile = profile
        self._ballast = profile.parent / "ballast"
        self._server = server
        self._case = case
        self._random = random
        self._confirmed: Counter[str] = Counter()  # number of punches by time of day
        self._has_browser_crashed = False

    def run(self) -> RunResult:
        """Run the case, and return its result."""
        case, server = self._case, self._server
        with sync_playwright() as playwright:

            def start() -> Phone:
                phone = phones.start_persistent_phone(playwright, self._profile, server.url)
                phone.context.set_default_timeout(_TIMEOUT_MS)
                return phone

            phone = start()
            page = phone.open("#key=first")
            server.is_down = True
            for _ in range(self._random.randint(2, 12)):
                self._press(page)
            self._use_page(page, full=True)
            if case.freed_when == BEFORE:
                self._free_disk()
                self._use_page(page)
            self._end_browser(phone)
            if case.freed_when == AFTER:
                with suppress(Error):  # the browser may be unable to start, or to show the page
                    phone = start()
                    page = Window.open(phone)  # does not wait until the page has shown its data
                    self._use_page(page, full=True)
                    self._free_disk()
                    self._use_page(page)
                self._free_disk()
                self._end_browser(phone)
            phone = start()
            try:
                return self._collect_result(phone.open(worker=False))
            finally:
                phone.context.close()

    def _press(self, page: Page) -> None:
        text = punch(page, _EMPLOYEE)
        self._confirmed.update(re.findall(r"Obrigado\D*(\d\d:\d\d:\d\d)", text))

    def _use_page(self, page: Page, *, full: bool = False) -> None:
        try:
            for _ in range(_VIEWS):
                if full:
                    self._fill_disk()
                trigger_visibility(page)
                if self._case.activity == VIEWS_AND_PRESSES:
                    self._press(page)
                page.wait_for_timeout(self._random.uniform(100, 700))
        except Error:  # on a full tmpfs the browser may crash, and punches have to survive that, too
            self._has_browser_crashed = True

    def _fill_disk(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):  # raised when the disk is full
                    while file.write(bytes(size)) == size:
                        pass

    def _free_disk(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def _end_browser(self, phone: Phone) -> None:
        with suppress(Error, AssertionError):  # the browser may have crashed
            if self._case.ending == KILLED:
                phones.kill_browser(self._profile)
        with suppress(Error):
            phone.context.close()

    def _collect_result(self, page: Page) -> RunResult:
        server, confirmed = self._server, self._confirmed.total()
        expect(page.locator("#key-state")).not_to_have_text("")  # the page has shown its data
        exported = [json.loads(line) for line in export_punches(page).splitlines()]
        lost = (self._confirmed - Counter(body["ponto"][11:19] for body in exported)).total()
        if lost:
            return RunResult(confirmed, f"{lost} lost")
        server.is_down = False
        trigger_online(page)
        assert "Obrigado" in punch(page, _EMPLOYEE)
        wait_for(
            lambda: len({post.body["id"] for post in server.punch_requests}) > len(exported),
            "all exported punches and one more",
        )
        sent = {post.body["id"]: post.body for post in server.punch_requests}
        numbers = sorted((body["dispositivo"], body["sequencia"]) for body in sent.values())
        problems = []
        if numbers != [(numbers[0][0], number) for number in range(1, len(numbers) + 1)]:
            problems.append(f"sequence numbers {numbers}")
        if {body["id"] for body in exported} - set(sent):
            problems.append("some exported punches were not sent")
        if len(exported) - confirmed > self._has_browser_crashed:  # a crash may have interrupted one press
            problems.append(f"{len(exported) - confirmed} exported without a confirmation")
        return RunResult(confirmed, ", ".join(problems))


@contextmanager
def small_disk(kind: str) -> Iterator[Path]:
    """Mount a small disk.

    Args:
        kind: tmpfs, or ext4 in a file.

    Raises:
        subprocess.CalledProcessError: The system refuses the mount.
    """
    with tempfile.TemporaryDirectory() as folder:
        mount_point = Path(folder, "disk")
        mount_point.mkdir()
        options = ["-t", "tmpfs", "-o", f"size={_DISK_MIB}m", "tmpfs"]
        if kind == "ext4":
            image = Path(folder, "image")
            with image.open("wb") as file:
                file.truncate(_DISK_MIB << 20)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
            options = ["-o", "loop", str(image)]
        subprocess.run(["mount", *options, mount_point], check=True)
        try:
            yield mount_point
        finally:
            subprocess.run(["umount", "--lazy", mount_point], check=True)


def _run_once(seed_and_case: tuple[int, DiskCase]) -> RunResult:
    seed, case = seed_and_case
    random = Random(seed)  # noqa: S311  it has to be reproducible
    try:
        with small_disk(case.disk) as disk, run_fake_server(accept) as server:
            return _Scenario(disk / "profile", server, case, random).run()
    except (Error, AssertionError) as error:  # reported in the result, so that the other runs continue
        return RunResult(0, "".join(traceback.format_exception(error)))


def _can_mount(disk: str) -> bool:
    try:
        with small_disk(disk):
            return True
    except (OSError, subprocess.CalledProcessError) as error:  # no mkfs.ext4, or no permission for a loop device
        click.echo(f"skipping {disk}: {error}")
        return False


def main() -> int:
    """Run all cases, print their results, and return the exit status: 0 if there was no problem."""
    disks = list(filter(_can_mount, DISKS))
    cases = [
        DiskCase(*case)
        for case in itertools.product(disks, (VIEWS_ONLY, VIEWS_AND_PRESSES), (BEFORE, AFTER), (CLOSED, KILLED))
    ]
    numbered_cases = list(enumerate(cases * _RUNS))
    results: list[RunResult] = []
    with ProcessPoolExecutor(_PARALLEL_RUNS, get_context("spawn")) as pool:
        for (number, case), result in zip(numbered_cases, pool.map(_run_once, numbered_cases), strict=True):
            results.append(result)
            click.echo(f"seed {number}: {', '.join(case)}: {result.confirmed} confirmed {result.problem}")
    click.echo(f"{sum(result.confirmed for result in results)} punches confirmed in {len(results)} runs")
    return int(any(result.problem for result in results) or not results)


@pytest.mark.nightly
def test_no_confirmed_punch_is_lost_when_the_disk_was_full(capfd: pytest.CaptureFixture[str]) -> None:
    chromium.find()
    command = [*_mount_command(), sys.executable, "-m", "slices.page.tests.page.test_full_disk"]

    with capfd.disabled():  # print the results
        status = subprocess.run(command, cwd=ROOT, check=False).returncode

    assert status == 0


def _mount_command() -> tuple[str, ...]:
    for prefix in MOUNT_COMMANDS:
        try:
            subprocess.run([*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            mount_error = error
        else:
            return prefix
    pytest.skip(f"no permission to mount; run this test as root ({mount_error})")


if __name__ == "__main__":
    sys.exit(main())

"""The page in an employee's browser, and the actions of the employee."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, BrowserContext, CDPSession, Error, Page, Playwright, expect

from tests.waiting import wait_for
from tools.develop import chromium
from tools.tests.page.browsers import TIMEOUT_MS, Window, open_window

_DEFAULT_OPTIONS: Any = {"locale": "pt-BR", "viewport": {"width": 390, "height": 844}}

WAITING, SENT, RECORDED = "neste aparelho", "enviada", "registrada"
REFUSED = re.compile(r"^recusada \(400\): não é uma batida válida.*: made up: 400$")
"""Texts of a punch's state on the page."""

INDEXED_DB, CACHE_STORAGE = "indexeddb", "cache_storage"
"""Chromium's names of the two stores."""

# `ready` never settles where service workers are blocked.
_WAIT_FOR_WORKER = """timeoutMs => Promise.race([
  navigator.serviceWorker.ready.then(() => null),
  new Promise((_, reject) => setTimeout(() => reject(new Error("the page has no worker")), timeoutMs)),
])"""
_CLOCK = """
((speed) => {
  const Real = Date, later = setTimeout, often = setInterval, elapsed = performance.now.bind(performance)
  const began = Real.now() - elapsed()
  const now = () => Math.floor(began + speed * elapsed() + window.ahead)
  window.ahead = 0
  window.Date = class extends Real {
    constructor(...parts) { parts.length ? super(...parts) : super(now()) }
    static now() { return now() }
  }
  performance.now = () => speed * elapsed()
  window.setTimeout = (work, ms) => later(work, ms === 15_000 ? ms : ms / speed) // keeps a store's time limit
  window.setInterval = (work, ms) => often(work, ms < 1000 ? ms : ms / speed) // the displayed clock keeps its interval
  AbortSignal.timeout = ms => {
    const controller = new AbortController()
    later(() => controller.abort(), ms / speed)
    return controller.signal
  }
  delete ServiceWorkerRegistration.prototype.sync // the worker's clock is not changed
})(%d)
"""


# Confirms a second punch within a minute.
_CONFIRM_SCRIPT = """async () => {
  const outcome = document.getElementById("outcome")
  const waitForText = async () => {
    while (["", "busy"].includes(outcome.className)) await new Promise(requestAnimationFrame)
  }
  await waitForText()
  if (outcome.className === "question") {
    document.getElementById("yes").click()
    await waitForText()
  }
  return outcome.textContent
}"""


def clock_script(speed: int = 1) -> str:
    """Return an init script that multiplies the page's speed; `window.ahead` (ms) sets its clock forward."""
    return _CLOCK % speed


class Phone(Window):
    """A browser window with separate storage."""

    def __init__(self, context: BrowserContext, url: str, tab: Page | None = None) -> None:
        """Create a phone; `tab` is used for the first `open`, instead of a new tab."""
        super().__init__(context, url)
        self._tab = tab
        self._cdp_sessions: list[CDPSession] = []

    def open(self, fragment: str = "", init_script: str = "", *, worker: bool = True) -> Page:
        """Open the page in a tab, and return it when it has shown its data and stored the key.

        Args:
            fragment: fragment of the URL, for example "#key=...".
            init_script: script that runs before the page's scripts.
            worker: wait until the service worker is ready, so that the page also works offline.
        """
        page, self._tab = self._tab or self.new_tab(), None
        self.add_init_script(page, init_script)
        page.goto(self.url + fragment)
        if worker:
            page.evaluate(_WAIT_FOR_WORKER, TIMEOUT_MS)
        wait_until_drawn(page, key=fragment.partition("#key=")[2])
        return page

    def clear_stores(self, page: Page, *stores: str) -> None:
        """Clear stores, as Chromium does when a log file is damaged.

        Args:
            page: any tab.
            stores: INDEXED_DB, CACHE_STORAGE.
        """
        cdp_session = self.context.new_cdp_session(page)
        cdp_session.send("Storage.clearDataForOrigin", {"origin": self.origin, "storageTypes": ",".join(stores)})
        cdp_session.detach()

    def reopen_without_stores(self, page: Page, *stores: str, init_script: str = "") -> None:
        """Leave the page, clear stores, and open the page again in the same tab.

        Args:
            page: the tab.
            stores: INDEXED_DB, CACHE_STORAGE.
            init_script: runs before the page's scripts from now on.
        """
        page.goto(f"{self.url}config.json")
        self.clear_stores(page, *stores)
        self.add_init_script(page, init_script)
        page.goto(self.url)
        wait_until_drawn(page)

    def add_init_script(self, page: Page, script: str) -> None:
        """Run a script before the page's scripts, until `remove_init_scripts`."""
        cdp_session = self.context.new_cdp_session(page)
        cdp_session.send("Page.enable")
        cdp_session.send("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self._cdp_sessions.append(cdp_session)

    def remove_init_scripts(self) -> None:
        """Remove all scripts of `add_init_script`."""
        for cdp_session in self._cdp_sessions:
            with suppress(Error):  # the tab is closed
                cdp_session.detach()

    @property
    def origin(self) -> str:
        """Origin of the page, to which its storage belongs."""
        return self.url.partition("/stage/")[0]


@contextmanager
def new_phone(browser: Browser, url: str, **options: Any) -> Iterator[Phone]:
    """Open a phone with empty storage.

    Args:
        browser: may be shared with other tests.
        url: URL of the page.
        options: options for Playwright's `new_context`, such as locale, color_scheme, viewport, service_workers.
    """
    with open_window(browser, url, **_DEFAULT_OPTIONS | options) as window:
        yield Phone(window.context, url)


def start_persistent_phone(playwright: Playwright, profile: Path, url: str) -> Phone:
    """Start a browser that keeps its data in a folder, and that `kill_browser` can kill."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium.find(), args=chromium.SWITCHES, **_DEFAULT_OPTIONS
    )
    return Phone(context, url)


def kill_browser(profile: Path) -> None:
    """Kill the browser's main process with SIGKILL, and wait until its other processes have ended."""
    option = f"--user-data-dir={profile}"
    processes = [process for process in psutil.process_iter() if option in _command_line(process)]
    main_processes = [
        process
        for process in processes
        if not any(argument.startswith("--type=") for argument in _command_line(process))
    ]
    assert main_processes, "no browser runs"
    for process in main_processes:
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not any(process.is_running() for process in processes), "the browser's end")


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def punch(page: Page, employee: int | None = None) -> str:
    """Press the button, confirm a second punch, and return the text below the button.

    Args:
        page: a tab.
        employee: number to type first; None: the number in the field.
    """
    if employee is not None:
        page.locator("#employee").fill(str(employee))
    page.locator("#press").click()
    expect(page.locator("#outcome")).to_have_class(re.compile("."))
    return str(page.evaluate(_CONFIRM_SCRIPT))


_PRESS_SCRIPT = f"""async times => {{
    for (; times; times--) {{
        document.getElementById("press").click()
        const text = await ({_CONFIRM_SCRIPT})()
        if (document.getElementById("outcome").className !== "good") throw new Error(text)
    }}
}}"""


def press_repeatedly(page: Page, times: int) -> None:
    """Press the button several times for the number in the field, and wait for each confirmation."""
    page.evaluate(_PRESS_SCRIPT, times)


def wait_until_drawn(page: Page, key: str = "") -> None:
    """Wait until the page has shown its data and its key, because the employee's number may be missing before."""
    page.locator("#device-state:not(:empty)").wait_for(state="attached")
    page.locator("#key-state", has_text=key[-4:]).wait_for(state="attached")


def wait_for_states(page: Page, *expected: str | re.Pattern[str]) -> None:
    """Wait until the page shows these states of its punches, newest first."""
    expect(page.locator("#punches .state")).to_have_text(list(expected))


def wait_for_count(page: Page, count: int) -> None:
    """Wait until a kiosk shows this number of punches, all of which were sent."""
    sent = "enviada" if count == 1 else "todas enviadas"
    expect(page.locator("#summary")).to_have_text(f"{count} hoje, {sent}.")


def trigger_online(page: Page) -> None:
    """Trigger an immediate attempt, as when the network returns."""
    page.evaluate("dispatchEvent(new Event('online'))")


def trigger_visibility(page: Page) -> None:
    """Trigger the event of a page that becomes visible."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def run_background_sync(phone: Phone, page: Page) -> None:
    """Leave the page, and run its background sync."""
    cdp_session = phone.context.new_cdp_session(page)
    registration_ids: list[str] = []
    cdp_session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registration_ids.extend(
            registration["registrationId"] for registration in event["registrations"]
        ),
    )
    cdp_session.send("ServiceWorker.enable")
    page.goto("about:blank")

    def has_registration() -> bool:
        page.evaluate("0")  # Playwright dispatches the browser's events while it waits for the result
        return bool(registration_ids)

    wait_for(has_registration, "Chromium to report the service worker's registration")
    cdp_session.send(
        "ServiceWorker.dispatchSyncEvent",
        {"origin": phone.origin, "registrationId": registration_ids[0], "tag": "outbox", "lastChance": False},
    )


def enter_key(page: Page, key: str) -> None:
    """Save a key in the settings."""
    page.locator("#settings").evaluate("details => { details.open = true }")
    page.locator("#key").fill(key)
    page.get_by_role("button", name="Salvar").click()


def make_kiosk(page: Page, pin: str = "") -> Page:
    """Turn the page into a kiosk in its settings, which stay open, and return it."""
    page.locator("#settings").evaluate("details => { details.open = true }")
    page.locator("#kiosk").check()
    page.locator("#pin").fill(pin)
    page.locator("#remembered button").click()
    expect(page.locator("#saved")).not_to_have_text("")
    expect(page.locator("#pad")).to_be_visible()
    return page


def export_punches(page: Page) -> bytes:
    """Export the punches of a page, and return the file's content."""
    page.locator("#settings").evaluate("details => { details.open = true }")
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.endswith(".ndjson")
    return download.value.path().read_bytes()

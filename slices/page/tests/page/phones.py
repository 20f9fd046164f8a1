"""An employee's browser with the page."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, BrowserContext, CDPSession, Error, Page, Playwright, expect

from tests.page.browsers import MS, Window, window
from tests.waiting import wait_for
from tools.develop import chromium

_DEFAULT_OPTIONS: Any = {"locale": "pt-BR", "viewport": {"width": 390, "height": 844}}

WAITING, SENT, RECORDED = "neste aparelho", "enviada", "registrada"
"""What the page says of a punch."""

INDEXED_DB, CACHE_STORAGE = "indexeddb", "cache_storage"
"""The stores, as Chromium calls them."""

# Where workers are blocked it would wait for ever.
_WAIT_FOR_WORKER = """patience => Promise.race([
  navigator.serviceWorker.ready.then(() => null),
  new Promise((_, fail) => setTimeout(() => fail(new Error("the page has no worker")), patience)),
])"""
_CLOCK = """
((speed) => {
  const Real = Date, later = setTimeout, often = setInterval, elapsed = performance.now.bind(performance)
  const began = Real.now() - elapsed()
  const now = () => Math.floor(began + speed * elapsed() + window.ahead)
  window.ahead = 0
  window.Date = class extends Real {
    constructor(...given) { given.length ? super(...given) : super(now()) }
    static now() { return now() }
  }
  performance.now = () => speed * elapsed()
  window.setTimeout = (work, ms) => later(work, ms === 15_000 ? ms : ms / speed) // a store has its time
  window.setInterval = (work, ms) => often(work, ms < 1000 ? ms : ms / speed) // the clock's face need not hurry
  AbortSignal.timeout = ms => {
    const controller = new AbortController()
    later(() => controller.abort(), ms / speed)
    return controller.signal
  }
  delete ServiceWorkerRegistration.prototype.sync // the worker has the real clock
})(%d)
"""


# A second punch within a minute is one, too.
_CONFIRM_SCRIPT = """async () => {
  const outcome = document.getElementById("outcome")
  const said = async () => {
    while (outcome.textContent === "") await new Promise(requestAnimationFrame)
  }
  await said()
  if (outcome.className === "question") {
    document.getElementById("yes").click()
    await said()
  }
  return outcome.textContent
}"""


def clock_script(speed: int = 1) -> str:
    """Give a script for `Phone.open`: the page's time goes faster, and `window.ahead` (ms) sets its clock."""
    return _CLOCK % speed


class Phone(Window):
    """A browser with storage of its own."""

    def __init__(self, context: BrowserContext, url: str, tab: Page | None = None) -> None:
        """Open `url` in `tab` first, and then in new ones."""
        super().__init__(context, url)
        self._tab = tab
        self._cdp_sessions: list[CDPSession] = []

    def open(self, fragment: str = "", init_script: str = "", *, worker: bool = True) -> Page:
        """Open the page in a tab; give it when it has shown what it keeps, and taken the key.

        Args:
            fragment: of the address, for example "#key=...".
            before: a script that runs before the page's own.
            worker: wait until the page works without network too.
        """
        page, self._tab = self._tab or self.new_tab(), None
        self.add_init_script(page, init_script)
        page.goto(self.url + fragment)
        if worker:
            page.evaluate(_WAIT_FOR_WORKER, MS)
        wait_until_drawn(page, key=fragment.partition("#key=")[2])
        return page

    def clear_stores(self, page: Page, *stores: str) -> None:
        """Lose what is kept in these stores, as Chromium does when a log is torn. `page` is any tab."""
        cdp_session = self.context.new_cdp_session(page)
        cdp_session.send("Storage.clearDataForOrigin", {"origin": self.origin, "storageTypes": ",".join(stores)})
        cdp_session.detach()

    def reopen_without_stores(self, page: Page, *stores: str, init_script: str = "") -> None:
        """Leave the page, lose what is kept in these stores, and open it again, in a tab whose process runs already.

        Args:
            page: it is shown here.
            stores: of FIRST and SECOND.
            before: a script that runs before the page's own from now on.
        """
        page.goto(f"{self.url}config.json")
        self.clear_stores(page, *stores)
        self.add_init_script(page, init_script)
        page.goto(self.url)
        wait_until_drawn(page)

    def add_init_script(self, page: Page, script: str) -> None:
        """Run a script before the page's own from now on, until `forget_scripts`."""
        cdp_session = self.context.new_cdp_session(page)
        cdp_session.send("Page.enable")
        cdp_session.send("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self._cdp_sessions.append(cdp_session)

    def remove_init_scripts(self) -> None:
        """Run none of the scripts any longer."""
        for cdp_session in self._cdp_sessions:
            with suppress(Error):  # its tab is closed
                cdp_session.detach()

    @property
    def origin(self) -> str:
        """The page's, whose storage it has."""
        return self.url.partition("/stage/")[0]


@contextmanager
def new_phone(browser: Browser, url: str, **options: Any) -> Iterator[Phone]:
    """Give a phone, new from its box.

    Args:
        browser: shared with others, who see nothing of it.
        url: the page's.
        how: playwright's: locale, color_scheme, viewport, service_workers.
    """
    with window(browser, url, **_DEFAULT_OPTIONS | options) as new:
        yield Phone(new.context, url)


def start_persistent_phone(playwright: Playwright, profile: Path, url: str) -> Phone:
    """Start a phone that keeps its data in a folder, and that `kill` can end."""
    context = playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium.find(), args=chromium.SWITCHES, **_DEFAULT_OPTIONS
    )
    return Phone(context, url)


def kill_browser(profile: Path) -> None:
    """Kill the browser's process, all at once, as an empty battery does."""
    word = f"--user-data-dir={profile}"
    processes = [process for process in psutil.process_iter() if word in _command_line(process)]
    mains = [process for process in processes if not any(each.startswith("--type=") for each in _command_line(process))]
    assert mains, "no browser runs"
    for process in mains:
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not any(process.is_running() for process in processes), "the browser's end")


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def punch(page: Page, employee: int | None = None) -> str:
    """Press the button once; give what the page answers.

    Args:
        page: a tab.
        employee: typed before; None: whom the page remembers.
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
    """Press the button as often as this, each time after the thanks for the last, for whom the page remembers."""
    page.evaluate(_PRESS_SCRIPT, times)


def wait_until_drawn(page: Page, key: str = "") -> None:
    """Wait until the page has shown what it keeps, and its key: before that a press may be one of nobody."""
    page.locator("#device-state:not(:empty)").wait_for(state="attached")
    page.locator("#key-state", has_text=key[-4:]).wait_for(state="attached")


def wait_for_states(page: Page, *expected: str | re.Pattern[str]) -> None:
    """Wait until the page says this of its punches, the newest first."""
    expect(page.locator("#punches .state")).to_have_text(list(expected))


def refusal_text(status: int, reason: str | None = None) -> str:
    """What the page says of a punch that was refused with a status, by default for a reason that `between` makes up."""
    meaning = {400: ": não é uma batida válida", 413: ": é grande demais"}.get(status, "")
    shown = f"made up: {status}" if reason is None else reason
    return f"recusada ({status}){meaning}. Mostre a quem cuida do ponto{f': {shown}' if shown else '.'}"


def trigger_online(page: Page) -> None:
    """Let the page try at once, as when the network comes back."""
    page.evaluate("dispatchEvent(new Event('online'))")


def trigger_visibility(page: Page) -> None:
    """Let the page know that somebody looks at it again."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def run_background_sync(phone: Phone, page: Page) -> None:
    """Leave the page, and let the browser run its background sync."""
    cdp_session = phone.context.new_cdp_session(page)
    found: list[str] = []
    cdp_session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(each["registrationId"] for each in event["registrations"]),
    )
    cdp_session.send("ServiceWorker.enable")
    page.goto("about:blank")

    def registered() -> list[str]:
        page.evaluate("0")  # while it waits for the answer, Playwright hands out the browser's events
        return found

    wait_for(registered, "Chromium to name the service worker's registration")
    cdp_session.send(
        "ServiceWorker.dispatchSyncEvent",
        {"origin": phone.origin, "registrationId": found[0], "tag": "outbox", "lastChance": False},
    )


def enter_key(page: Page, key: str) -> None:
    """Type another key in the settings."""
    page.locator("#settings").evaluate("details => { details.open = true }")
    page.locator("#key").fill(key)
    page.get_by_role("button", name="Salvar").click()


def make_kiosk(page: Page, pin: str = "") -> Page:
    """Make the page a kiosk's, in its settings, which stay open; give it."""
    page.locator("#settings").evaluate("details => { details.open = true }")
    page.locator("#kiosk").check()
    page.locator("#pin").fill(pin)
    page.locator("#remembered button").click()
    expect(page.locator("#saved")).not_to_have_text("")
    expect(page.locator("#pad")).to_be_visible()
    return page


def export_punches(page: Page) -> bytes:
    """Export the punches of a page; give the file."""
    page.locator("#settings").evaluate("details => { details.open = true }")
    with page.expect_download() as download:
        page.locator("#export").click()
    assert download.value.suggested_filename.endswith(".ndjson")
    return download.value.path().read_bytes()

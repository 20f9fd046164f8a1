"""Tests of the service worker, which caches the page's files for use without network."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser

from slices.page.site import WEB
from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer
from slices.page.tests.page.phones import (
    SENT,
    WAITING,
    clock_script,
    press_repeatedly,
    punch,
    trigger_online,
    wait_for_states,
)


def test_a_new_version_takes_over_by_itself_and_keeps_waiting_punches(
    server: FakeServer, browser: Browser, tmp_path: Path
) -> None:
    with phones.new_phone(browser, server.url) as phone:
        page = phone.open("#key=first", clock_script(20))
        server.is_api_down = True
        punch(page, 123)
        press_repeatedly(page, 9)

        server.folder = Path(shutil.copytree(WEB, tmp_path / "web"))
        html = server.folder / "index.html"
        html.write_text(html.read_text().replace("<main>", '<main data-version="2">'))
        page.evaluate(
            "navigator.serviceWorker.getRegistration().then(registration => registration.update()).then(() => null)"
        )
        page.locator("main[data-version='2']").wait_for()  # after half a minute without a touch

        wait_for_states(page, *[WAITING] * 10)
        server.is_api_down = False
        trigger_online(page)
        wait_for_states(page, *[SENT] * 10)

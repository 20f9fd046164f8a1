"""Tests of the service worker, which caches the page's files for use without network."""

import shutil
from pathlib import Path

from playwright.sync_api import Browser, expect

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

_LIST_CACHED_FILES = """async () => {
    const [shell] = (await caches.keys()).filter(name => name.startsWith("shell "))
    const files = await (await caches.open(shell)).keys()
    return files.map(({ url }) => url).sort()
}"""
_DELETE_CACHED_FILE = """async file => {
    const [shell] = (await caches.keys()).filter(name => name.startsWith("shell "))
    return (await caches.open(shell)).delete(new URL(file, location.href).href)
}"""


def test_a_file_of_another_version_does_not_replace_a_deleted_one_in_the_cache(
    server: FakeServer, browser: Browser
) -> None:
    with phones.new_phone(browser, server.url) as phone:
        page = phone.open("#key=first")
        cached = page.evaluate(_LIST_CACHED_FILES)
        server.file_headers = {"content-security-policy": "default-src 'self'"}
        assert page.evaluate(_DELETE_CACHED_FILE, "./")
        page.reload()

        expect(page.locator("#key-state")).to_contain_text("irst")
        assert page.evaluate(_LIST_CACHED_FILES) == [address for address in cached if address != server.url]


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

"""How the page looks: axe finds nothing, nothing sticks out, and pictures for whoever wants to see it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from slices.page.tests.page import phone as phones
from slices.page.tests.page.between import Between, Fault
from slices.page.tests.page.phone import SENT, clock, press, punch
from tests.page.axe import require_nothing
from tests.serving import json_answer

LONGEST = 9_007_199_254_740_991


@pytest.mark.parametrize(
    ("language", "scheme", "kiosk"),
    [("pt-BR", "light", False), ("en", "dark", False), ("en", "light", True), ("pt-BR", "dark", True)],
)
def test_axe_finds_nothing_and_nothing_sticks_out(
    language: str, scheme: str, kiosk: bool, server: Between, browser: Browser, tmp_path: Path
) -> None:
    server.faults = [Fault(400), Fault(), Fault(), Fault(500, {"Retry-After": "3600"})]
    server.api = lambda path, _, body: (
        json_answer(202, {"message": "accepted"})
        if body is not None
        else server.receipt(path)
        if path.endswith(server.posts[1].body["id"])
        else json_answer(404, {"message": "not yet"})
    )
    how = {"locale": language, "color_scheme": scheme, "service_workers": "block"}
    with phones.phone(browser, server.url, viewport={"width": 320, "height": 640}, **how) as phone:
        page = phone.open(before=clock(), worker=False)
        page.locator("#warnings p").wait_for()  # there is no key
        page.screenshot(path=tmp_path / f"{language}-{scheme}-new.png")
        page.goto(phone.url + "#key=first")
        page.evaluate("window.ahead = 83_000")
        punch(page, LONGEST)
        press(page, 3)
        page.locator("#settings").evaluate("details => { details.open = true }")
        if kiosk:
            page.locator("#kiosk").check()
            page.locator("#remembered button").click()
            page.locator("#pad").wait_for()
        page.locator(".state.recorded").wait_for()
        page.locator(".state.waiting").wait_for()
        if kiosk:
            page.evaluate("window.ahead = 90_083_000")  # a day later, with names
            page.locator(".state.overdue").wait_for()
            page.locator(".whose").first.wait_for()

        for size, width in (("100%", 320), ("200%", 320), *[("100%", 1280)] * kiosk):
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate("size => document.documentElement.style.setProperty('font-size', size)", size)
            page.locator("#employee").focus()
            page.keyboard.press("Tab")  # so that the picture has a focus
            page.screenshot(path=tmp_path / f"{language}-{scheme}-{size}-{width}.png", full_page=True)
            require_nothing(page)

        page.evaluate("document.documentElement.style.removeProperty('font-size')")
        page.goto(phone.url + "#key=other")
        page.locator("#replace").wait_for()
        require_nothing(page)


def test_a_usual_day_has_no_warning_and_a_picture(server: Between, browser: Browser, tmp_path: Path) -> None:
    for scheme in ("light", "dark"):
        with phones.phone(browser, server.url, color_scheme=scheme, service_workers="block") as phone:
            page = phone.open("#key=first", worker=False)
            punch(page, 123)
            press(page, 1)
            page.locator(f".state:text-is('{SENT}')").nth(1).wait_for()
            page.screenshot(path=tmp_path / f"{scheme}.png")
            assert page.locator("#warnings p").count() == 0

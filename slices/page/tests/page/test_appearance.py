"""Tests of the page's appearance: axe finds no violation, and nothing overflows."""

import pytest
from playwright.sync_api import Browser, Page, expect

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, PlannedResponse
from slices.page.tests.page.phones import clock_script, make_kiosk, press_repeatedly, punch
from tests.serving import json_response
from tools.tests.page.axe import require_no_violations

MAX_EMPLOYEE_ID = 9_007_199_254_740_991


def require_appearance(page: Page, language: str, scheme: str, *sizes: tuple[str, int]) -> None:
    """Require that axe finds no violation and that nothing overflows, with the settings and the dialog open.

    Args:
        page: a page that has a key.
        language: pt-BR or en.
        scheme: light or dark.
        sizes: pairs of a font size and a screen width in CSS pixels.
    """
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    if page.locator("html").get_attribute("lang") != language:
        page.locator("#language").click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    for size, width in sizes:
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("size => document.documentElement.style.setProperty('font-size', size)", size)
        page.locator("#employee").focus()
        page.keyboard.press("Tab")
        require_no_violations(page)
    page.evaluate("document.documentElement.style.removeProperty('font-size')")
    page.goto(page.url + "#key=other")
    page.locator("#replace").wait_for()
    require_no_violations(page)
    page.locator("#replace [value=no]").click()
    expect(page.locator("#replace")).to_be_hidden()


def test_axe_finds_no_violation_and_nothing_overflows(server: FakeServer, browser: Browser) -> None:
    server.planned_responses = [
        PlannedResponse(400),
        PlannedResponse(),
        PlannedResponse(),
        PlannedResponse(500, {"Retry-After": "3600"}),
    ]
    server.api = lambda path, _, body: (
        json_response(202, {"message": "accepted"})
        if body is not None
        else server.receipt(path)
        if path.endswith(server.punch_requests[1].body["id"])
        else json_response(404, {"message": "not yet"})
    )
    options = {"viewport": {"width": 320, "height": 640}, "service_workers": "block"}
    with phones.new_phone(browser, server.url, **options) as phone:
        page = phone.open(init_script=clock_script(), worker=False)
        expect(page.locator("#warnings p")).to_have_count(1)  # the key is missing
        page.goto(phone.url + "#key=first")
        page.evaluate("window.ahead = 83_000")
        punch(page, MAX_EMPLOYEE_ID)
        press_repeatedly(page, 3)
        page.locator("#settings").evaluate("details => { details.open = true }")
        page.locator(".state.recorded").wait_for()
        page.locator(".state.waiting").wait_for()
        require_appearance(page, "pt-BR", "light", ("100%", 320), ("200%", 320))

        make_kiosk(page)
        page.evaluate("window.ahead = 90_083_000")  # a day later, when the list shows employee numbers
        page.locator(".state.overdue").wait_for()
        page.locator(".whose").first.wait_for()
        require_appearance(page, "en", "dark", ("200%", 320), ("100%", 1280))


def style(page: Page, selector: str, name: str) -> str:
    """Return a computed property of an element."""
    return str(page.locator(selector).evaluate("(element, name) => getComputedStyle(element)[name]", name))


def test_settings_of_the_system_are_respected(server: FakeServer, browser: Browser) -> None:
    with phones.new_phone(browser, server.url, service_workers="block") as phone:
        page = phone.open("#key=first", worker=False)
        page.emulate_media(forced_colors="active")
        assert style(page, "#press", "borderTopWidth") == "2px"
        page.emulate_media(forced_colors="none", contrast="more")
        assert style(page, "#date", "color") == style(page, "html", "color")
        page.emulate_media(contrast="no-preference")
        assert style(page, "#date", "color") != style(page, "html", "color")


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (844, 390)])
def test_question_in_large_text_breaks_between_words_beside_the_button(
    server: FakeServer, browser: Browser, width: int, height: int
) -> None:
    options = {"viewport": {"width": width, "height": height}, "service_workers": "block"}
    with phones.new_phone(browser, server.url, **options) as phone:
        page = phone.open("#key=first", worker=False)
        page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
        punch(page, 42)

        page.locator("#press").click()

        expect(page.locator("#outcome")).to_have_class("question")
        expect(page.locator("#question")).to_be_in_viewport()
        for button in page.locator("#question button").all():
            lines = button.evaluate(
                "button => { const range = document.createRange(); range.selectNodeContents(button);"
                " return new Set([...range.getClientRects()].map(each => each.top)).size }"
            )
            assert lines <= len(button.inner_text().split())
        press, answer = page.locator("#press").bounding_box(), page.locator("#answer").bounding_box()
        assert press
        assert answer
        assert answer["y"] >= press["y"] + press["height"]


def test_confirmation_survives_midnight(server: FakeServer, browser: Browser) -> None:
    with phones.new_phone(browser, server.url, service_workers="block") as phone:
        page = phone.open("#key=first", init_script=clock_script(), worker=False)
        punch(page, 42)
        date = page.locator("#date").inner_text()

        page.evaluate("window.ahead = 86_400_000")

        expect(page.locator("#date")).not_to_have_text(date)
        expect(page.locator("#outcome.good")).to_contain_text("42")

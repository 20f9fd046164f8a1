"""The picture of the page in its README, of a made-up day: see `tests/page/pictures.py`."""

import re
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser, Route

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, accept
from slices.page.tests.page.phones import punch, wait_for_states
from tests.page.pictures import BROWSER_OPTIONS, instant_at, picture_folder, take_picture
from tests.serving import Response

PAGE = Path(__file__).parents[2]
DAY = [("08:02:11", "recorded"), ("12:01:38", "recorded"), ("13:00:04", "sent"), ("17:33:20", "sent")]


def test_the_page_at_the_end_of_a_day(server: FakeServer, browser: Browser, tmp_path: Path) -> None:
    def remove_date(route: Route) -> None:  # otherwise the page would report that its clock is wrong
        response = route.fetch()
        headers = {name: value for name, value in response.headers.items() if name != "date"}
        route.fulfill(response=response, headers=headers)

    def record_the_first_two(path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        is_later = any(path.endswith(post.body["id"]) for post in server.punch_requests[2:])
        return accept(path, headers, body) if is_later else server.accept_and_record(path, headers, body)

    server.api = record_the_first_two
    with phones.new_phone(browser, server.url, viewport={"width": 390, "height": 760}, **BROWSER_OPTIONS) as phone:
        phone.context.route(re.compile("/ponto"), remove_date)
        phone.context.clock.install(time=instant_at("08:00:00"))
        page = phone.open("#key=made-up", worker=False)
        states: list[str] = []
        for time, state in DAY:
            page.clock.set_system_time(instant_at(time))
            punch(page, 1042)
            states.insert(0, state)
            wait_for_states(page, *states)
        assert page.locator("#warnings p").count() == 0
        page.mouse.move(0, 0)
        take_picture(page, "section", picture_folder(PAGE, tmp_path) / "page.png")

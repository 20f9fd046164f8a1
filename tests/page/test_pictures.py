"""The README's two pictures, of a made-up day: `make pictures` writes them into docs/pictures."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.page import phone as phones
from tests.page.between import Between, Fault, accept, json_answer
from tests.page.phone import punch, wait_for_states
from tests.serving import Answer
from tools.local import flow

LARGEST = 150_000  # bytes of a picture
HOW: Any = {
    "locale": "en",
    "timezone_id": "America/Sao_Paulo",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "service_workers": "block",
    "device_scale_factor": 1.25,
}
DAY = [("08:02:11", "recorded"), ("12:01:38", "recorded"), ("13:00:04", "sent"), ("17:33:20", "on this device")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder for the pictures: the one that PONTO_PICTURES names, or one that goes with the test."""
    return Path(os.environ.get("PONTO_PICTURES", tmp_path))


def at(time: str) -> str:
    return f"2026-10-05T{time}-03:00"


def take(page: Page, file: Path) -> None:
    page.screenshot(path=file, full_page=True, animations="disabled")
    assert file.stat().st_size < LARGEST


def test_the_page_when_the_server_has_just_gone(server: Between, browser: Browser, folder: Path) -> None:
    def without_its_time(route: Route) -> None:  # beside which the made-up one is wrong
        answer = route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "date"}
        route.fulfill(response=answer, headers=headers)

    def record_the_first_two(path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        is_later = any(path.endswith(post.body["id"]) for post in server.posts[2:])
        return accept(path, headers, body) if is_later else server.record(path, headers, body)

    server.api = record_the_first_two
    server.faults = [Fault(), Fault(), Fault(), Fault(503)]
    with phones.phone(browser, server.url, viewport={"width": 390, "height": 760}, **HOW) as phone:
        phone.context.route(re.compile("/ponto"), without_its_time)
        phone.context.clock.install(time=at("08:00:00"))
        page = phone.open("#key=made-up", worker=False)
        states: list[str] = []
        for time, state in DAY:
            page.clock.set_system_time(at(time))
            punch(page, 1042)
            states.insert(0, state)
            wait_for_states(page, *states)
        page.locator("#warnings p").wait_for()
        page.mouse.move(0, 0)
        take(page, folder / "page.png")


def seconds() -> Iterator[dict[str, int | bool]]:
    """Make up two minutes: the database was stopped for 10 of their seconds, and what has waited since is stored."""
    accepted, stored, duplicates, dead = 18_240, 18_229, 9, 2
    for second in range(121):
        accepted += 60 + 2 * min(second, 60) + 7 * (second * 7 % 5)
        stopped = 107 <= second < 117
        waiting = accepted - stored - duplicates - dead
        stores = 0 if stopped else min(waiting, 390 + 9 * (second * 5 % 7))
        stored += stores
        waiting -= stores
        yield {
            "accepted": accepted,
            "waiting": waiting,
            "stored": stored,
            "duplicates": duplicates,
            "deadLetters": dead,
            "ageSeconds": waiting // 180,
            "databaseStopped": stopped,
        }


def test_the_view_while_what_waited_is_stored(server: Between, browser: Browser, folder: Path) -> None:
    numbers: dict[str, Any] = {
        "error": "",
        "api": {"url": f"{server.url}ponto", "key": "made-up"},
        "lastDeadLetters": [
            {"reason": "malformed", "detail": "body: not JSON, character 0", "received": at("07:58:12")},
            {
                "reason": "conflict",
                "detail": "id 0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e belongs to a punch with another ponto",
                "received": at("07:41:40"),
            },
        ],
    }
    server.folder = flow.FOLDER
    looks: list[dict[str, Any]] = []
    server.api = lambda *_: json_answer(
        200, numbers | {"looks": [look | {"secondsAgo": len(looks) - 1 - place} for place, look in enumerate(looks)]}
    )
    made_up = seconds()
    looks.append(next(made_up))
    numbers |= looks[-1]
    with phones.phone(browser, server.url, viewport={"width": 900, "height": 400}, **HOW) as screen:
        screen.context.clock.install(time=at("08:00:00"))
        page = screen.open("#key=made-up", worker=False)
        page.clock.pause_at(at("08:00:10"))
        for now in made_up:
            expect(page.locator("#accepted output")).to_have_text(f"{numbers['accepted']:,}")
            looks.append(now)
            numbers |= now
            page.clock.run_for(1000)
        expect(page.locator("#state")).to_have_text("The queue drains.")
        expect(page.locator("#accepted output")).to_have_text(f"{numbers['accepted']:,}")
        take(page, folder / "flow.png")

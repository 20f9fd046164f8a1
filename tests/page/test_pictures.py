"""The documents' screenshot of the local stack's view; see `pictures.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsers import open_window
from tests.page.pictures import BROWSER_OPTIONS, instant_at, picture_folder, take_picture
from tools.kit.project import ROOT
from tools.tests.page import view

pytestmark = pytest.mark.nightly


def seconds() -> Iterator[dict[str, int | bool]]:
    """Yield fictitious counts of 121 seconds: the database is stopped for 10 s, then the waiting punches are stored."""
    accepted, stored, duplicates, dead = 18_240, 18_229, 9, 2
    for second in range(121):
        accepted += 60 + 2 * min(second, 60) + 7 * (second * 7 % 5)
        stopped = 107 <= second < 117
        waiting = accepted - stored - duplicates - dead
        newly_stored = 0 if stopped else min(waiting, 390 + 9 * (second * 5 % 7))
        stored += newly_stored
        waiting -= newly_stored
        yield {
            "accepted": accepted,
            "waiting": waiting,
            "stored": stored,
            "duplicates": duplicates,
            "redelivered": 0,
            "failed": 4 if second >= 107 else 0,
            "deadLetters": dead,
            "ageSeconds": waiting // 180,
            "databaseStopped": stopped,
        }


def test_screenshot_of_the_view_while_waiting_punches_are_stored(browser: Browser, tmp_path: Path) -> None:
    numbers: dict[str, Any] = {
        "error": "",
        "api": {"url": "http://127.0.0.1/ponto", "key": "made-up"},
        "example": {"body": {}, "whose": "usuarioId", "when": "ponto"},
        "lastDeadLetters": [
            {"reason": "malformed", "detail": "body: not JSON, character 0", "received": instant_at("07:58:12")},
            {
                "reason": "conflict",
                "detail": "id 0199a1f2-7c1e-7b52-9d1f-6b1f0a4c2d3e belongs to a punch with another ponto",
                "received": instant_at("07:41:40"),
            },
        ],
    }
    looks: list[dict[str, Any]] = []

    def now() -> dict[str, Any]:
        ages = range(len(looks) - 1, -1, -1)
        return numbers | {"looks": [look | {"secondsAgo": age} for look, age in zip(looks, ages, strict=True)]}

    samples = seconds()
    looks.append(next(samples))
    numbers |= looks[-1]
    with (
        view.serve_view(now) as stack,
        open_window(browser, stack.url, viewport={"width": 900, "height": 400}, **BROWSER_OPTIONS) as screen,
    ):
        screen.context.clock.install(time=instant_at("08:00:00"))
        page = screen.open(f"#key={view.KEY}")
        page.clock.pause_at(instant_at("08:00:10"))
        for look in samples:
            expect(page.locator("#accepted output")).to_have_text(f"{numbers['accepted']:,}")
            looks.append(look)
            numbers |= look
            page.clock.run_for(1000)
        expect(page.locator("#state")).to_have_text("The queue drains.")
        expect(page.locator("#accepted output")).to_have_text(f"{numbers['accepted']:,}")
        take_picture(page, "section", picture_folder(ROOT / "docs", tmp_path) / "flow.png")

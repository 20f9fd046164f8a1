"""The operators' view of the local stack: its numbers, with and without a running stack."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ponto.punch import EVENT
from tools.kit import event
from tools.tests.page import view
from tools.tests.page.axe import require_no_violations
from tools.tests.page.browsers import Window, open_window
from tools.tests.page.view import FakeStack, serve_view

KEY = f"#key={view.KEY}"
NUMBERS: dict[str, Any] = {
    "accepted": 1200,
    "waiting": 0,
    "stored": 1100,
    "duplicates": 2,
    "redelivered": 0,
    "failed": 0,
    "deadLetters": 0,
    "ageSeconds": 0,
    "databaseStopped": False,
    "error": "",
    "lastDeadLetters": [],
    "verdict": {"accepted": 1200, "rows": 1200, "duplicates": 0, "deadLetters": 0, "lost": 0},
    "samples": [{"secondsAgo": 0.5, "accepted": 1200, "stored": 1100, "waiting": 0}],
    "api": {"url": "http://127.0.0.1/ponto", "key": "secret"},
    "example": {
        "body": event.body(1, ""),
        "subject": EVENT.fields[EVENT.subject].name,
        "subjects": [event.subject(1)],
        "instant": EVENT.fields[EVENT.instant].name,
    },
}
DEAD_LETTER = {"id": "m", "reason": "malformed", "detail": "body: not JSON", "received": "2026-10-01T11:00:00Z"}


@pytest.fixture
def numbers() -> dict[str, Any]:
    """Return the numbers of the stack, which a test may change."""
    return dict(NUMBERS)


@pytest.fixture
def stack(numbers: dict[str, Any]) -> Iterator[FakeStack]:
    with serve_view(lambda: numbers) as stack:
        yield stack


@pytest.fixture
def screen(browser: Browser, stack: FakeStack) -> Iterator[Window]:
    with open_window(browser, stack.url, locale="en") as screen:
        yield screen


def require_no_violations_at_any_width(page: Page) -> None:
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        require_no_violations(page)


def test_all_is_stored_without_waiting_punches_and_dead_letters(numbers: dict[str, Any], screen: Window) -> None:
    numbers |= {"duplicates": 2, "redelivered": 3, "failed": 1234}
    page = screen.open(KEY)
    expect(page.locator("#duplicates output")).to_have_text("5")
    expect(page.locator("#waiting .failed")).to_have_text("1,234 tries failed and were repeated")
    for waiting, dead_letters, sentence, css_class in (
        (3, 6, "The queue drains.", ""),
        (0, 1, "Dead letters, not stored: 1.", "bad"),
        (0, 1006, "Dead letters, not stored: 1,006.", "bad"),
        (0, 0, "All is stored.", "good"),
    ):
        numbers |= {
            "waiting": waiting,
            "deadLetters": dead_letters,
            "lastDeadLetters": [DEAD_LETTER] * min(dead_letters, 8),
        }

        expect(page.locator("#state")).to_have_text(sentence)
        expect(page.locator("#state")).to_have_class(css_class)
        expect(page.locator("#accepted output")).to_have_text("1,200")
        require_no_violations_at_any_width(page)


def test_stop_is_a_band_and_repeated_tries_are_amber_once_all_is_stored(
    numbers: dict[str, Any], screen: Window
) -> None:
    samples = [
        {"secondsAgo": 9 - each, "accepted": 1, "stored": 1, "waiting": 0, "stopped": each < 4} for each in range(9)
    ]
    numbers |= {"failed": 43, "samples": samples, "waiting": 2}
    page = screen.open(KEY)
    expect(page.locator("#waiting .failed")).to_have_css("color", "rgb(163, 22, 27)")
    expect(page.locator("#stops rect")).to_have_count(4)

    numbers |= {"waiting": 0}

    expect(page.locator("#waiting .failed")).to_have_text("43 tries failed and were repeated")
    expect(page.locator("#waiting .failed")).to_have_css("color", "rgb(138, 90, 0)")
    require_no_violations_at_any_width(page)


def test_verdict_is_shown_when_no_punch_waits(numbers: dict[str, Any], screen: Window) -> None:
    page = screen.open(KEY)
    verdict = page.locator("#verdict")
    expect(verdict).to_have_text("1,200 accepted, 1,200 rows, 0 lost")
    expect(verdict).to_have_class("good")

    numbers |= {"accepted": 1205, "waiting": 5}
    expect(verdict).to_have_text("")
    numbers |= {"waiting": 0, "verdict": {"accepted": 1205, "rows": 1199, "duplicates": 1, "deadLetters": 4, "lost": 1}}
    expect(verdict).to_have_text("1,205 accepted, 1,199 rows, 1 duplicate, 4 dead letters, 1 lost")
    expect(verdict).to_have_class("bad")
    require_no_violations_at_any_width(page)
    numbers |= {"stored": 1101, "verdict": {"lost": None}}
    expect(verdict).to_have_text("")
    assert screen.messages == []

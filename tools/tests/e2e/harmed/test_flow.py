"""The operators' view in the machine's Chromium, with the numbers of the running stack."""

import re
import uuid
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.client import EMPLOYEES, Client
from tests.waiting import wait_for
from tools.kit import event
from tools.local import flow, watch
from tools.tests.page.axe import require_no_violations
from tools.tests.page.browsers import open_window

PUNCHES = 20


def create_conflicting_punches() -> list[dict[str, Any]]:
    """Return two punches with one id; both are accepted, and the second is dead-lettered as a conflict."""
    employee, id_ = next(EMPLOYEES), str(uuid.uuid4())
    return [event.body(employee, f"2026-10-01T0{hour}:00:00Z", id=id_) for hour in (8, 9)]


def read_number(page: Page, name: str) -> int:
    return int(page.locator(f"#{name} output").inner_text().replace(",", ""))


def fetch(client: Client, name: str = "numbers") -> dict[str, Any]:
    address = client.address
    return watch.fetch_numbers(f"{address.aws_endpoint_url}{flow.PATH}{name}", flow.key(address.aws_access_key_id))


def test_verdict_counts_rows_duplicates_and_dead_letters(client: Client) -> None:
    before = fetch(client, "verdict")
    stored, conflict = create_conflicting_punches()

    for body in (stored, stored, conflict):
        client.post(body)
        client.wait_until_drained()

    after = fetch(client, "verdict")
    increase = {name: after[name] - before[name] for name in before if name != "lost"}
    assert increase == {"accepted": 3, "rows": 1, "duplicates": 1, "deadLetters": 1}
    assert after["lost"] == before["lost"]


def test_view_shows_punches_that_wait_for_the_database_and_are_stored_later(client: Client, browser: Browser) -> None:
    stored, conflict = create_conflicting_punches()
    client.post(stored)
    client.wait_until_drained()
    address = client.address
    url = f"{address.aws_endpoint_url}{flow.PATH}"
    with open_window(browser, url, locale="en", viewport={"width": 1280, "height": 800}) as screen:
        page = screen.open(f"#key={flow.key(address.aws_access_key_id)}")
        expect(page.locator("#state")).to_have_text("All is stored.")
        assert page.url == url
        before = {name: read_number(page, name) for name in ("accepted", "stored", "duplicates", "deadLetters")}
        page.locator("#send").evaluate(f"button => {{ button.dataset.punches = {PUNCHES} }}")
        page.locator("#stop").evaluate("button => { button.dataset.seconds = 2 }")

        page.locator("#stop").click()
        expect(page.locator("#state")).to_have_text("The database is stopped: punches wait in the queue.")
        page.locator("#send").click()
        wait_for(lambda: read_number(page, "waiting") > 0, "punches in the queue")
        expect(page.locator("#waiting .age")).to_have_text(re.compile(r"the oldest for \d+ s"))
        punch = event.body(next(EMPLOYEES), "2026-10-01T08:00:00-03:00", id=str(uuid.uuid4()))
        assert [client.post(body).status for body in (punch, punch, conflict)] == [202] * 3

        expect(page.locator("#state")).to_have_text(re.compile(r"Dead letters, not stored: \d+\."))
        wait_for(lambda: read_number(page, "deadLetters") > before["deadLetters"], "the dead letter")
        expect(page.locator("#letters")).to_contain_text("conflict")
        wait_for(lambda: read_number(page, "stored") == before["stored"] + PUNCHES + 1, "every row")
        assert read_number(page, "accepted") == before["accepted"] + PUNCHES + 3
        assert read_number(page, "duplicates") == before["duplicates"] + 1
        require_no_violations(page)
        assert screen.messages == []

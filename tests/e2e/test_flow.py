"""The view for operators in the machine's Chromium: the running services' own numbers."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.page import phone as phones
from tests.page.axe import require_nothing
from tests.waiting import wait_for
from tools.local import flow

PUNCHES = 20


def number(page: Page, name: str) -> int:
    return int(page.locator(f"#{name} output").inner_text().replace(",", ""))


def test_what_flows_is_counted_waits_while_the_database_is_stopped_and_is_stored_afterwards(
    client: Client, deployed: Deployed
) -> None:
    address = client.address
    url = f"{address.aws_endpoint_url}{flow.PATH}"
    with (
        phones.started() as playwright,
        phones.browser(playwright) as browser,
        phones.phone(browser, url, locale="en", viewport={"width": 1280, "height": 800}) as screen,
    ):
        page = screen.open(f"#key={flow.key(deployed.state)}", worker=False)
        expect(page.locator("#state")).to_have_text("All is stored.")
        assert page.url == url
        before = {name: number(page, name) for name in ("accepted", "stored", "duplicates", "deadLetters")}
        page.locator("#send").evaluate(f"button => {{ button.dataset.punches = {PUNCHES} }}")
        page.locator("#stop").evaluate("button => { button.dataset.seconds = 2 }")

        page.locator("#stop").click()
        expect(page.locator("#state")).to_have_text("The database is stopped: punches wait in the queue.")
        page.locator("#send").click()
        wait_for(lambda: number(page, "waiting") > 0, "punches in the queue")
        expect(page.locator("#waiting .rate")).to_have_text(re.compile(r"the oldest for \d+ s"))
        punch = {"usuarioId": next(EMPLOYEES), "ponto": "2026-10-01T08:00:00-03:00"}
        assert [client.post(body).status for body in (punch, punch, {**punch, "dispositivo": "\ud800"})] == [202] * 3

        expect(page.locator("#state")).to_have_text(re.compile(r"Dead letters, not stored: \d+\."))
        wait_for(lambda: number(page, "deadLetters") > before["deadLetters"], "the dead letter")
        expect(page.locator("#letters")).to_contain_text("malformed")
        wait_for(lambda: number(page, "stored") == before["stored"] + PUNCHES + 1, "every row")
        assert number(page, "accepted") == before["accepted"] + PUNCHES + 3
        assert number(page, "duplicates") == before["duplicates"] + 1
        require_nothing(page)
        assert screen.messages == []

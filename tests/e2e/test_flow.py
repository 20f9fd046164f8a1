"""The view for operators in the machine's Chromium: the running services' own numbers."""

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.commands import run_process
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.page import browsers
from tests.page.axe import require_nothing
from tests.strategies import NAMES
from tests.waiting import wait_for
from tools.kit import event
from tools.local import flow, watch

PUNCHES = 20


def spoilt(body: dict[str, Any]) -> dict[str, Any]:
    """Give what the gateway takes and the function does not."""
    return body | {NAMES[0]: "\ud800"}


def number(page: Page, name: str) -> int:
    return int(page.locator(f"#{name} output").inner_text().replace(",", ""))


def ask(client: Client) -> dict[str, Any]:
    url, key = urlsplit(client.address.aws_endpoint_url), flow.key(client.address.aws_access_key_id)
    return watch.ask(str(url.hostname), int(url.port or 0), f"{flow.PATH}numbers", key)


def test_a_dead_letter_that_is_sent_back_is_not_accepted_again(client: Client, deployed: Deployed) -> None:
    before = ask(client)["accepted"]
    client.post(spoilt(event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z")))
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")

    done = run_process("dlq", "redrive", "--all", "--state", deployed.state)

    assert done.out.startswith("1 redriven, 0 failed")
    client.wait_until_drained()
    numbers = ask(client)
    assert numbers["accepted"] == before + 1
    assert watch.line(numbers).startswith(f"accepted {before + 1:,}  queued 0  stored ")
    assert "  dead letters 1" in watch.line(numbers)
    wait_for(lambda: ask(client)["looks"][-1]["accepted"] == before + 1, "it to be among the last two minutes")


def test_what_flows_is_counted_waits_while_the_database_is_stopped_and_is_stored_afterwards(client: Client) -> None:
    address = client.address
    url = f"{address.aws_endpoint_url}{flow.PATH}"
    with (
        browsers.started() as playwright,
        browsers.browser(playwright) as browser,
        browsers.window(browser, url, locale="en", viewport={"width": 1280, "height": 800}) as screen,
    ):
        page = screen.open(f"#key={flow.key(address.aws_access_key_id)}")
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
        punch = event.body(next(EMPLOYEES), "2026-10-01T08:00:00-03:00")
        assert [client.post(body).status for body in (punch, punch, spoilt(punch))] == [202] * 3

        expect(page.locator("#state")).to_have_text(re.compile(r"Dead letters, not stored: \d+\."))
        wait_for(lambda: number(page, "deadLetters") > before["deadLetters"], "the dead letter")
        expect(page.locator("#letters")).to_contain_text("malformed")
        wait_for(lambda: number(page, "stored") == before["stored"] + PUNCHES + 1, "every row")
        assert number(page, "accepted") == before["accepted"] + PUNCHES + 3
        assert number(page, "duplicates") == before["duplicates"] + 1
        require_nothing(page)
        assert screen.messages == []

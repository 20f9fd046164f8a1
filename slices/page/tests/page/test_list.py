"""Tests of the list of punches: by day, as far back as the device keeps them, with what happens to each."""

import json
import re
import subprocess
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import expect

from slices.page.site import WEB
from slices.page.tests.page.fake_server import FakeServer, accept
from slices.page.tests.page.phones import RECORDED, SENT, Phone, clock_script, punch, wait_for_states
from tests.waiting import DEADLINE_SECONDS

EMPLOYEE = 123
KEY_FRAGMENT = "#key=first"
DAY_MS = 86_400_000


def group(*times: str, states: dict[str, str] | None = None) -> list[Any]:
    """Return date and pairs of each day, newest first, for the punches of one employee at these local times."""
    punches = [
        {"order": order, "state": (states or {}).get(time, "sent"), "body": {"usuarioId": 1, "ponto": time}}
        for order, time in enumerate(times)
    ]
    code = f"""import * as days from '{(WEB / "days.js").as_uri()}'
        const time = date => date.toTimeString().slice(0, 5)
        const pairs = day => [new Date(day.at).getDate(), days.formatPairs(day.punches, time)]
        console.log(JSON.stringify(days.groupByDay({json.dumps(punches)}).map(pairs)))"""
    result = subprocess.run(["node", "--input-type=module", "--eval", code], capture_output=True, text=True, check=True)
    return list(json.loads(result.stdout.replace("\N{EN DASH}", "-")))


def test_punches_of_a_day_are_shown_in_pairs_and_a_refused_one_in_none() -> None:
    assert group("2026-10-01T08:01", "2026-10-01T12:00", "2026-10-01T13:02") == [[1, "08:01 - 12:00, 13:02 - ..."]]
    refused = {"2026-10-01T09:00": "refused"}
    assert group("2026-10-01T08:01", "2026-10-01T09:00", states=refused) == [[1, "08:01 - ..."]]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["2026-10-01T22:00", "2026-10-02T06:00"], [[1, "22:00 - 06:00"]]),
        (["2026-10-01T18:00", "2026-10-02T05:00"], [[2, "05:00 - ..."], [1, "18:00 - ..."]]),
        (["2026-10-01T07:00", "2026-10-01T19:00"], [[1, "07:00 - 19:00"]]),
    ],
)
def test_a_shift_over_midnight_belongs_to_its_first_day(times: list[str], expected: list[Any]) -> None:
    assert group(*times) == expected


def test_punches_of_earlier_days_stay_in_the_list(server: FakeServer, phone: Phone) -> None:
    server.api = server.accept_and_record
    page = phone.open(KEY_FRAGMENT, clock_script(5), worker=False)
    for day in range(10):
        page.evaluate(f"window.ahead = {day * DAY_MS}")
        punch(page, EMPLOYEE)
    expect(page.locator("#days .recorded")).to_have_count(9)  # today's, and eight before it

    page.evaluate(f"window.ahead = {10 * DAY_MS}")
    expect(page.locator("#days .recorded")).to_have_count(8)
    expect(page.locator("#summary")).to_have_text("")  # and not that there is none
    page.locator("#more").click()

    expect(page.locator("#days .recorded")).to_have_count(10)
    expect(page.locator("#more")).to_be_hidden()


def test_a_store_that_hangs_and_a_server_that_is_slow_show_it(server: FakeServer, phone: Phone) -> None:
    is_released = Event()
    server.api = lambda *request: accept(*request) if is_released.wait(DEADLINE_SECONDS) else (504, {}, b"")
    page = phone.open(KEY_FRAGMENT, worker=False)
    hold = "void navigator.locks.request('stores', () => new Promise(resolve => (window.release = resolve)))"
    page.evaluate(hold)
    page.locator("#employee").fill(str(EMPLOYEE))
    page.locator("#press").click()

    expect(page.locator("#outcome")).to_have_text("Guardando...")
    page.evaluate("release()")
    expect(page.locator("#outcome")).to_have_text(re.compile("guardada neste aparelho, enviando"))
    wait_for_states(page, re.compile("enviando"))
    is_released.set()
    wait_for_states(page, SENT)


def test_receipt_of_a_recorded_punch_is_shared_or_printed(server: FakeServer, phone: Phone) -> None:
    server.api = server.accept_and_record
    page = phone.open(KEY_FRAGMENT, clock_script(5), worker=False)
    punch(page, EMPLOYEE)
    wait_for_states(page, RECORDED)
    page.evaluate("navigator.share = ({ text }) => (window.shared = text); window.print = () => {}")
    receipt = page.get_by_role("button", name="Comprovante")
    receipt.click()
    (post,) = server.punch_requests
    shared = page.evaluate("window.shared")
    for part in (str(EMPLOYEE), post.body["ponto"][11:19], post.body["id"], post.body["dispositivo"], RECORDED):
        assert part in shared

    page.evaluate("navigator.share = undefined")
    receipt.click()
    page.emulate_media(media="print")

    expect(page.locator("#receipt")).to_have_text(shared)
    expect(page.locator("main")).to_be_hidden()
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("#receipt")).to_be_hidden()


def test_installation_is_offered_after_the_first_recorded_punch_until_it_is_dismissed(
    server: FakeServer, phone: Phone
) -> None:
    server.api = server.accept_and_record
    page = phone.open(KEY_FRAGMENT, clock_script(5), worker=False)
    offer = (
        "dispatchEvent(Object.assign(new Event('beforeinstallprompt'), { prompt: () => (window.installed = true) }))"
    )
    page.evaluate(offer)
    expect(page.locator("#install")).to_be_hidden()
    punch(page, EMPLOYEE)
    page.get_by_role("button", name="Instalar").click()
    assert page.evaluate("window.installed")

    page.get_by_role("button", name="Agora não").click()
    expect(page.locator("#install")).to_be_hidden()
    page.reload()
    page.evaluate(offer)
    wait_for_states(page, RECORDED)
    expect(page.locator("#install")).to_be_hidden()

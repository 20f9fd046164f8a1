"""The page's outbox: punches, keys and settings, with the responses of a fake server."""

import re
from collections.abc import Callable
from datetime import UTC

from playwright.sync_api import Browser, Page, expect

from ponto.drain.parser import parse
from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, PlannedResponse
from slices.page.tests.page.phones import (
    RECORDED,
    REFUSED,
    SENT,
    WAITING,
    Phone,
    clock_script,
    enter_key,
    export_punches,
    press_repeatedly,
    punch,
    run_background_sync,
    trigger_online,
    trigger_visibility,
    wait_for_count,
    wait_for_states,
)
from tests.waiting import wait_for

EMPLOYEE = 123
KEY_FRAGMENT = "#key=first"


def test_a_refused_key_stops_the_outbox_until_the_page_is_visible_or_gets_another_key(
    server: FakeServer, phone: Phone
) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    open_settings(page)
    triggers: list[Callable[[Page], None]] = [
        trigger_online,
        trigger_visibility,
        save,
        lambda page: enter_key(page, "second"),
    ]
    for number, trigger in enumerate(triggers):
        server.planned_responses = [PlannedResponse(403)]
        punch(page, EMPLOYEE)
        expect(page.locator("#warnings")).to_contain_text("foi recusada (403)")
        wait_for_states(page, WAITING, *[SENT] * number)
        trigger(page)
        wait_for_states(page, *[SENT] * (number + 1))
        expect(page.locator("#warnings")).to_have_text("")
    assert [post.status for post in server.punch_requests] == [403, 202] * 4
    assert [post.key for post in server.punch_requests] == ["first"] * 7 + ["second"]


def test_the_background_sync_sends_after_a_long_outage_without_waiting(server: FakeServer, browser: Browser) -> None:
    with phones.new_phone(browser, server.url) as phone:
        page = phone.open(KEY_FRAGMENT)
        server.is_api_down = True
        punch(page, EMPLOYEE)
        expect(page.locator("#warnings")).to_contain_text("O servidor não responde")
        page.evaluate(
            """async () => {
                const { saveSetting } = await import("./database.js")
                await navigator.locks.request("outbox", () =>
                    saveSetting("retry", { attempts: 9, delay: 600_000, at: Date.now() + 590_000, answered: false }))
            }"""
        )
        server.is_api_down = False
        run_background_sync(phone, page)
        wait_for(lambda: server.punch_requests, "the request of the background sync")

    assert [post.body["usuarioId"] for post in server.punch_requests] == [EMPLOYEE]


def test_a_punch_is_confirmed_once_it_is_on_the_disk(phone: Phone) -> None:
    page = phone.open(
        init_script="""
        window.completed = []
        const { transaction } = IDBDatabase.prototype, { add } = IDBObjectStore.prototype
        IDBDatabase.prototype.transaction = function () {
            const created = transaction.apply(this, arguments)
            const outcome = () => document.getElementById("outcome").textContent
            created.addEventListener("complete", () => created.adds && completed.push([created.durability, outcome()]))
            return created
        }
        IDBObjectStore.prototype.add = function () {
            this.transaction.adds = true
            return add.apply(this, arguments)
        }
        """,
        worker=False,
    )

    assert "Obrigado" in punch(page, EMPLOYEE)
    assert page.evaluate("completed") == [["strict", ""]]


def test_a_stored_punch_is_thanked_for_even_if_nothing_more_can_be_written(phone: Phone) -> None:
    page = phone.open(
        KEY_FRAGMENT,
        """
        const { put } = IDBObjectStore.prototype
        IDBObjectStore.prototype.put = function (value, name) {
            if (name === "employee") throw new DOMException("full", "QuotaExceededError")
            return put.apply(this, arguments)
        }
        """,
        worker=False,
    )

    assert "Obrigado" in punch(page, EMPLOYEE)
    wait_for_states(page, SENT)


def test_a_second_tab_saves_only_what_was_changed_in_it(server: FakeServer, phone: Phone) -> None:
    first, second = (phone.open(KEY_FRAGMENT, worker=False) for _ in range(2))
    punch(first, EMPLOYEE)
    open_settings(second)
    first.bring_to_front()  # a click in a hidden tab takes a second
    open_settings(first)
    first.locator("#device").fill("Portão")
    first.get_by_label("Quiosque").check()
    save(first)
    expect(second.locator("#device")).to_have_value("Portão")
    expect(second.locator("#pad")).to_be_visible()
    second.bring_to_front()
    second.locator("#key").fill("second")
    save(second)

    first.bring_to_front()
    punch(first, EMPLOYEE)
    wait_for_count(first, 2)
    assert server.punch_requests[1].body["dispositivo"].startswith("Portão-")
    first.reload()
    expect(first.locator("#pad")).to_be_visible()


def test_no_request_has_the_key_but_in_its_header(server: FakeServer, phone: Phone) -> None:
    server.api = server.accept_and_record
    before = phone.context.pages[0].evaluate("history.length")
    page = phone.open("#key=7Secret7", worker=False)
    punch(page, EMPLOYEE)
    wait_for_states(page, RECORDED)
    page.reload()
    wait_for_states(page, RECORDED)

    assert {post.key for post in server.punch_requests} == {"7Secret7"}
    assert len(server.requested_addresses) > 10
    assert not [address for address in server.requested_addresses if "7Secret7" in address]
    assert "7Secret7" not in page.url
    assert page.evaluate("history.length") == before + 1  # the key is not in the history


def test_without_a_key_nothing_is_sent_and_nothing_lost(server: FakeServer, phone: Phone) -> None:
    page = phone.open("", clock_script(), worker=False)

    punch(page, EMPLOYEE)
    expect(page.locator("#warnings")).to_contain_text("ainda não tem chave")
    wait_for_states(page, WAITING)
    page.evaluate("window.ahead = 86_400_000")
    expect(page.locator("#punches .state")).to_have_text(WAITING)  # also on the next day
    assert server.punch_requests == []
    page.goto(phone.url + KEY_FRAGMENT)  # the link of the phone's camera, opened in the same tab

    wait_for_states(page, SENT)
    expect(page).to_have_url(phone.url)


def test_a_link_replaces_a_key_only_when_asked_to(server: FakeServer, phone: Phone) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    for number, (answer, key) in enumerate((("Manter a guardada", "first"), ("Trocar", "other")), 1):
        page.goto(phone.url + "#key=other")
        expect(page).to_have_url(phone.url)
        page.get_by_role("button", name=answer).click()
        expect(page.locator("#key-state")).to_contain_text(key[-4:])
        punch(page, EMPLOYEE)

        wait_for_states(page, *[SENT] * number)
        assert server.punch_requests[-1].key == key


def test_every_line_of_an_export_is_a_punch_as_it_was_posted(server: FakeServer, phone: Phone) -> None:
    server.planned_responses = [PlannedResponse(400), PlannedResponse(), PlannedResponse(500, {"Retry-After": "3600"})]
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, EMPLOYEE)
    press_repeatedly(page, 2)
    wait_for_states(page, WAITING, SENT, REFUSED)
    wait_for(lambda: len(server.punch_requests) == 3, "the third request")

    file = export_punches(page)

    punches = [parse(line.decode(), UTC) for line in file.splitlines()]
    assert [(each.usuario_id, each.sequencia) for each in punches] == [(EMPLOYEE, 1), (EMPLOYEE, 2), (EMPLOYEE, 3)]
    assert {str(each.id) for each in punches} == {post.body["id"] for post in server.punch_requests}


def save(page: Page) -> None:
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#saved")).to_have_text("Salvo.")


def open_settings(page: Page) -> None:
    page.locator("#settings summary").click()


def test_another_name_is_another_device_numbered_from_one(server: FakeServer, phone: Phone) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, EMPLOYEE)
    open_settings(page)
    page.locator("#device").fill("  Portão \u202e1 ")
    save(page)
    press_repeatedly(page, 1)

    wait_for_states(page, SENT, SENT)
    first, second = (post.body for post in server.punch_requests)
    assert (first["sequencia"], second["sequencia"]) == (1, 1)
    assert re.fullmatch("web-[a-z2-9]{8}", first["dispositivo"])
    assert re.fullmatch("Portão 1-[a-z2-9]{8}", second["dispositivo"])

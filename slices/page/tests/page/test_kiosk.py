"""Tests of the page as a kiosk: keypads, badge readers, and settings behind a PIN."""

import re
from collections.abc import Mapping
from threading import Event

from playwright.sync_api import Page, expect

from slices.page.tests.page.fake_server import FakeServer
from slices.page.tests.page.phones import (
    INDEXED_DB,
    Phone,
    clock_script,
    export_punches,
    make_kiosk,
    trigger_visibility,
    wait_for_count,
    wait_until_drawn,
)
from tests.serving import Response, json_response
from tests.waiting import DEADLINE_SECONDS
from tools.tests.page.axe import require_no_violations

KEY_FRAGMENT = "#key=first"
NEW_KEY = "another-key-of-40-characters-that-is-good"
PIN = "2468"


def open_kiosk(phone: Phone, init_script: str = "", pin: str = PIN) -> Page:
    page = make_kiosk(phone.open(KEY_FRAGMENT, init_script, worker=False), pin)
    page.locator("#settings summary").click()
    expect(page.locator("#settings")).not_to_have_attribute("open", "")
    return page


def enter_pin_or_key(page: Page, pin_or_key: str) -> None:
    page.locator("#proof").fill(pin_or_key)
    page.get_by_role("button", name="Abrir").click()


def require_locked(page: Page) -> None:
    expect(page.locator("#proof")).to_be_visible()
    for hidden in ("#key", "#device", "#kiosk", "#pin", "#export"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator("#pin").input_value() == ""


def test_digits_and_enter_reach_the_field_wherever_the_focus_is(server: FakeServer, phone: Phone) -> None:
    page = make_kiosk(phone.open(KEY_FRAGMENT, worker=False))
    expect(page.locator("#employee")).to_have_attribute("inputmode", "none")  # the system's keyboard is not shown
    sent: list[int] = []
    for focus in ("body", "#settings summary", "#press", "#kiosk"):
        sent.append(123 + len(sent))
        page.evaluate("document.activeElement.blur()")
        if focus != "body":
            page.locator(focus).first.focus()

        page.keyboard.type(str(sent[-1]))
        page.keyboard.press("Enter")

        expect(page.locator("#outcome")).to_have_text(re.compile(f"^Obrigado! .* da matrícula {sent[-1]}: "))
        wait_for_count(page, len(sent))
        assert [post.body["usuarioId"] for post in server.punch_requests] == sent
    page.evaluate("document.activeElement.blur()")
    page.locator("#pad").get_by_text("C", exact=True).click()
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("Digite a matrícula")
    for digit in "411":
        page.locator("#pad").get_by_text(digit, exact=True).click()
    page.keyboard.press("Enter")
    wait_for_count(page, len(sent) + 1)
    assert server.punch_requests[-1].body["usuarioId"] == 411


def test_digits_typed_while_a_punch_is_being_stored_stay_for_the_next_punch(server: FakeServer, phone: Phone) -> None:
    page = make_kiosk(phone.open(KEY_FRAGMENT, worker=False))
    page.locator("#employee").focus()
    page.evaluate(
        "void navigator.locks.request('stores', () => new Promise(resolve => (window.releaseLock = resolve)))"
    )
    page.keyboard.type("123\n456\n")
    expect(page.locator("#employee")).to_have_value("")
    page.evaluate("releaseLock()")

    wait_for_count(page, 2)
    assert [post.body["usuarioId"] for post in server.punch_requests] == [123, 456]


def test_a_kiosks_settings_and_export_require_the_pin(phone: Phone) -> None:
    page = open_kiosk(phone)
    page.locator("#settings summary").click()
    require_locked(page)
    enter_pin_or_key(page, "1357")
    expect(page.locator("#proof-state")).to_contain_text("Não é o PIN nem uma chave que o servidor possa confirmar")
    require_locked(page)
    require_no_violations(page)
    enter_pin_or_key(page, PIN)
    expect(page.locator("#device")).to_be_visible()
    assert export_punches(page) == b""

    phone.reopen_without_stores(page, INDEXED_DB)
    page.locator("#settings summary").click()
    require_locked(page)
    enter_pin_or_key(page, PIN)
    page.locator("#pin").fill(" ")  # removes the PIN
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#saved")).to_have_text("Salvo.")
    page.reload()
    wait_until_drawn(page)
    page.locator("#settings summary").click()
    expect(page.locator("#device")).to_be_visible()


def test_open_settings_are_locked_again_after_30_seconds_without_input(phone: Phone) -> None:
    page = open_kiosk(phone, clock_script())
    page.locator("#settings summary").click()
    enter_pin_or_key(page, PIN)
    page.locator("#device").fill("half")
    page.evaluate("const now = performance.now.bind(performance); performance.now = () => now() + 30_000")
    expect(page.locator("#settings")).not_to_have_attribute("open", "")
    page.locator("#settings summary").click()
    require_locked(page)
    enter_pin_or_key(page, PIN)
    expect(page.locator("#device")).to_have_value("")


def test_tries_of_the_pin_are_limited_even_after_a_reload(phone: Phone) -> None:
    page = open_kiosk(phone, clock_script())
    page.locator("#settings summary").click()
    for _ in range(3):
        enter_pin_or_key(page, "1357")
        expect(page.locator("#proof-state")).to_contain_text("Não é o PIN")
        page.locator("#settings summary").click()
        page.locator("#settings summary").click()
    page.reload()
    wait_until_drawn(page)
    page.locator("#settings summary").click()

    enter_pin_or_key(page, PIN)
    expect(page.locator("#proof-state")).to_have_text(re.compile(r"de novo em (29|30) s"))
    require_locked(page)
    page.evaluate("window.ahead = 31_000")
    enter_pin_or_key(page, PIN)
    expect(page.locator("#device")).to_be_visible()


def test_screen_of_a_kiosk_stays_on_after_it_was_hidden(phone: Phone) -> None:
    lock = "navigator.wakeLock.request = kind => (window.locks = [...window.locks ?? [], kind], { release() {} })"
    page = phone.open(KEY_FRAGMENT, lock, worker=False)
    assert page.evaluate("window.locks") is None
    make_kiosk(page)
    page.wait_for_function("window.locks.length === 1")

    trigger_visibility(page)

    page.wait_for_function("window.locks.length === 2")


def test_a_valid_key_opens_the_settings_too(server: FakeServer, phone: Phone) -> None:
    keys: list[str] = []

    def api(_path: str, headers: Mapping[str, str], _body: bytes | None) -> Response:
        keys.append(headers["x-api-key"])
        return json_response(404 if keys[-1] == NEW_KEY else 403, {"message": "made up"})

    server.api = api
    page = open_kiosk(phone)
    page.locator("#settings summary").click()
    for wrong in ("13579", "x" * 40):
        enter_pin_or_key(page, wrong)
        expect(page.locator("#proof-state")).to_contain_text("Não é o PIN")
        require_locked(page)
    assert "13579" not in keys  # it may be a PIN
    for key in ("first", f"{phone.url}#key={NEW_KEY}"):
        enter_pin_or_key(page, key)
        expect(page.locator("#device")).to_be_visible()
        expect(page.locator("#key-state")).to_contain_text("irst")  # its own key stays
        page.locator("#settings summary").click()
        page.locator("#settings summary").click()
        require_locked(page)


def test_settings_closed_before_the_server_confirms_the_key_stay_locked(server: FakeServer, phone: Phone) -> None:
    page = open_kiosk(phone)
    is_released = Event()
    server.api = lambda *_: json_response(404 if is_released.wait(DEADLINE_SECONDS) else 504, {"message": "made up"})
    page.locator("#settings summary").click()
    with page.expect_response(re.compile("/ponto/-$")):
        with page.expect_request(re.compile("/ponto/-$")):
            enter_pin_or_key(page, NEW_KEY)
        page.locator("#settings summary").click()
        expect(page.locator("#settings")).not_to_have_attribute("open", "")
        is_released.set()
    page.locator("#settings summary").click()
    require_locked(page)
    page.evaluate("new Promise(requestAnimationFrame)")
    require_locked(page)

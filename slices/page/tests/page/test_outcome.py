"""Tests of the text below the button: confirmations, errors, and the question before a second punch."""

import re
from threading import Event

import pytest
from playwright.sync_api import Page, expect

from slices.page.tests.page.fake_server import FakeServer, PlannedResponse, accept
from slices.page.tests.page.phones import (
    RECORDED,
    SENT,
    WAITING,
    Phone,
    clock_script,
    make_kiosk,
    punch,
    wait_for_count,
    wait_for_states,
)
from tests.waiting import DEADLINE_SECONDS
from tools.tests.page.axe import require_no_violations

EMPLOYEE = 123
KEY_FRAGMENT = "#key=first"
PUNCH_AGAIN = "Bater de novo"


def expect_outcome(page: Page, css_class: str, text: str) -> None:
    """Wait for a text below the button, and for its CSS class: good, bad, question or empty."""
    expect(page.locator("#outcome")).to_have_text(re.compile(text))
    expect(page.locator("#outcome")).to_have_class(css_class)


def submit(page: Page, employee: int) -> None:
    """Press the button without waiting for the text below it."""
    page.locator("#employee").fill(str(employee))
    page.locator("#press").click()


def test_a_confirmation_shows_the_punchs_state_and_only_the_state_is_read_out_again(
    server: FakeServer, phone: Phone
) -> None:
    is_released = Event()
    server.api = lambda *request: accept(*request) if is_released.wait(DEADLINE_SECONDS) else (504, {}, b"")
    page = phone.open(KEY_FRAGMENT, clock_script(5), worker=False)
    submit(page, EMPLOYEE)

    expect_outcome(page, "good", f"Obrigado! Batida das .* da matrícula {EMPLOYEE}: guardada neste aparelho$")
    page.evaluate("window.before = document.getElementById('outcome').firstChild")
    is_released.set()
    expect_outcome(page, "good", f"Obrigado! .* {SENT}$")
    server.api = server.accept_and_record
    expect_outcome(page, "good", f"Obrigado! .* {RECORDED}$")
    assert page.evaluate("[before.isConnected, outcome.ariaAtomic]") == [True, "false"]


def test_a_punch_with_the_id_of_another_is_not_confirmed(server: FakeServer, phone: Phone) -> None:
    server.api = lambda path, headers, body: (
        server.receipt(path, usuarioId=1) if body is None else accept(path, headers, body)
    )
    page = phone.open(KEY_FRAGMENT, clock_script(5), worker=False)
    submit(page, EMPLOYEE)

    expect_outcome(page, "bad", f"^Batida das .* da matrícula {EMPLOYEE}: não registrada: o servidor tem outra batida")


def test_a_kiosk_hides_the_confirmation_at_the_next_digit_or_after_four_seconds(phone: Phone) -> None:
    page = make_kiosk(phone.open(KEY_FRAGMENT, worker=False))
    punch(page, EMPLOYEE)
    page.locator("#pad").get_by_text("4", exact=True).click()
    assert page.locator("#outcome").inner_text() == ""  # at once
    expect(page.locator("#employee")).to_have_value("4")

    page.evaluate("window.began = performance.now(); performance.now = () => began")
    assert "Obrigado" in punch(page, EMPLOYEE + 1)
    wait_for_count(page, 2)
    outcomes = [
        page.evaluate(
            """async seconds => {
                performance.now = () => began + 1000 * seconds
                const clock = document.getElementById("seconds")
                await new Promise(ticks => new MutationObserver(ticks).observe(clock, { childList: true }))
                return document.getElementById("outcome").textContent
            }""",
            seconds,
        )
        for seconds in (3, 5)
    ]
    assert [text.partition("!")[0] for text in outcomes] == ["Obrigado", ""]
    assert str(EMPLOYEE) not in page.locator("main").inner_text()


def test_a_second_punch_within_a_minute_is_stored_after_confirmation_only(server: FakeServer, phone: Phone) -> None:
    page = phone.open(KEY_FRAGMENT, clock_script(), worker=False)
    submit(page, EMPLOYEE)
    wait_for_states(page, SENT)  # a punch in flight would be sent again after the reload
    page.reload()
    expect(page.locator("#employee")).to_have_value(str(EMPLOYEE))  # until then there is no employee to punch for
    page.evaluate("window.ahead += 8000")

    page.locator("#press").click()
    expect_outcome(page, "question", rf"^A matrícula {EMPLOYEE} bateu há (8|9|\d\d) s\. De novo\?$")
    require_no_violations(page)
    page.keyboard.press("Escape")
    expect_outcome(page, "", "^$")
    expect(page.get_by_role("button", name=PUNCH_AGAIN)).to_be_hidden()
    other_employee = EMPLOYEE + 1
    submit(page, other_employee)
    expect_outcome(page, "good", "Obrigado")

    submit(page, EMPLOYEE)
    page.get_by_role("button", name=PUNCH_AGAIN).click()
    expect_outcome(page, "good", "Obrigado")
    page.evaluate("window.ahead += 61_000")
    submit(page, EMPLOYEE)
    expect_outcome(page, "good", "Obrigado")
    wait_for_states(page, *[SENT] * 4)
    assert [post.body["usuarioId"] for post in server.punch_requests] == [EMPLOYEE, other_employee, EMPLOYEE, EMPLOYEE]


def test_presses_while_the_first_punch_is_being_stored_ask_for_confirmation(server: FakeServer, phone: Phone) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    page.locator("#employee").fill(str(EMPLOYEE))
    page.evaluate("for (let times = 0; times < 40; times++) document.getElementById('punch').requestSubmit()")

    expect_outcome(page, "question", "De novo")
    wait_for_states(page, SENT)
    assert len(server.punch_requests) == 1


@pytest.mark.parametrize("is_kiosk", [True, False])
def test_the_enter_key_of_a_badge_reader_does_not_confirm_a_second_punch(
    is_kiosk: bool, server: FakeServer, phone: Phone
) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    if is_kiosk:
        make_kiosk(page)
    page.locator("#employee").focus()
    page.keyboard.type(f"{EMPLOYEE}\n")
    expect_outcome(page, "good", "Obrigado")
    page.locator("#employee").fill("")

    page.keyboard.type(f"{EMPLOYEE}\n\n\n")
    expect_outcome(page, "question", "De novo")
    page.keyboard.type("\n\n")
    expect_outcome(page, "question", "De novo")
    page.get_by_role("button", name=PUNCH_AGAIN).focus()
    page.keyboard.type("456\n")
    wait_for_count(page, 2) if is_kiosk else wait_for_states(page, SENT, SENT)
    expect_outcome(page, "good", "da matrícula 456: ")
    assert [post.body["usuarioId"] for post in server.punch_requests] == [EMPLOYEE, 456]


def test_no_question_follows_a_refused_punch_and_an_unanswered_question_disappears(
    server: FakeServer, phone: Phone
) -> None:
    server.planned_responses = [PlannedResponse(400)]
    page = phone.open(KEY_FRAGMENT, clock_script(), worker=False)
    submit(page, EMPLOYEE)
    expect_outcome(page, "bad", f"^Batida das .* da matrícula {EMPLOYEE}: recusada .400.")
    page.locator("#press").click()
    expect_outcome(page, "good", "Obrigado")
    page.locator("#press").click()
    expect_outcome(page, "question", "De novo")
    page.evaluate("const now = performance.now.bind(performance); performance.now = () => now() + 60_000")

    expect_outcome(page, "", "^$")
    expect(page.get_by_role("button", name=PUNCH_AGAIN)).to_be_hidden()


def test_a_missing_network_or_response_is_reported(server: FakeServer, phone: Phone) -> None:
    page = phone.open(KEY_FRAGMENT, clock_script(10), worker=False)
    phone.context.set_offline(True)
    punch(page, EMPLOYEE)
    expect(page.locator("#warnings")).to_have_text(re.compile("^Sem rede: "))
    wait_for_states(page, WAITING)
    server.is_api_down = True
    phone.context.set_offline(False)
    expect(page.locator("#warnings")).to_have_text(re.compile("^O servidor não responde; talvez não haja rede: "))
    punch(page, EMPLOYEE + 1)
    server.is_api_down = False
    server.planned_responses = [PlannedResponse(503)] * 9
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("#warnings")).to_have_text(re.compile("^O servidor não recebe batidas agora: "))
    server.planned_responses = []
    wait_for_states(page, SENT, SENT)
    expect(page.locator("#warnings")).to_have_text("")
    assert {post.body["usuarioId"] for post in server.punch_requests if post.body["offline"]} == {
        EMPLOYEE,
        EMPLOYEE + 1,
    }


def test_the_warning_of_a_wrong_clock_says_which_time_counts(phone: Phone) -> None:
    page = phone.open(KEY_FRAGMENT, clock_script(), worker=False)
    page.evaluate("window.ahead = -3_600_000")
    punch(page, EMPLOYEE)

    warning = re.compile("^O relógio deste aparelho está .* atrasado, e a batida conta com a hora que ele mostra")
    expect(page.locator("#warnings")).to_have_text(warning)

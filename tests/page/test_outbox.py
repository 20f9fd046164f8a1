"""What the page does with punches and keys, by what a server answers."""

import io
import itertools
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from ponto.lines import lines
from ponto.punch import parse
from tests.page.between import Answer, Between, Fault, accept, json_answer
from tests.page.phone import (
    HERE,
    RECORDED,
    SENT,
    Phone,
    clock,
    enter_key,
    exported,
    look_again,
    press,
    punch,
    wait_for_states,
)
from tests.waiting import wait_for

EMPLOYEE = 123
KEY = "#key=first"
SPEED = 50  # of the page's clock


def waits(server: Between) -> list[timedelta]:
    """Give the times between the attempts, by the page's clock."""
    sent = [datetime.fromisoformat(post.body["enviado"]) for post in server.posts]
    return [later - earlier for earlier, later in itertools.pairwise(sent)]


def test_what_is_no_answer_of_the_queues_is_tried_again_later_each_time(server: Between, phone: Phone) -> None:
    server.faults = [Fault(status) for status in (408, 429, 500, 503, 404, 200)]
    page = phone.open(KEY, clock(SPEED), worker=False)

    punch(page, EMPLOYEE)
    press(page, 1)

    wait_for_states(page, SENT, SENT)
    assert [post.status for post in server.posts] == [408, 429, 500, 503, 404, 200, 202, 202]
    assert all(wait >= timedelta(seconds=2**attempt) for attempt, wait in enumerate(waits(server)[:6]))


def test_silence_is_given_up_and_what_waits_goes_on(server: Between, phone: Phone) -> None:
    server.faults = [Fault(silence=40 / SPEED)]
    page = phone.open(KEY, clock(SPEED), worker=False)

    punch(page, EMPLOYEE)
    press(page, 2)

    wait_for_states(page, SENT, SENT, SENT)
    wait_for(lambda: len(server.posts) == 4, "the silent one")
    assert sorted(post.body["sequencia"] for post in server.posts) == [1, 1, 2, 3]


@pytest.mark.parametrize("looks", [False, True])
def test_retry_after_is_obeyed_whoever_looks(looks: bool, server: Between, phone: Phone) -> None:
    server.faults = [Fault(429, {"Retry-After": "60"})]
    page = phone.open(KEY, clock(SPEED), worker=False)

    punch(page, EMPLOYEE)
    wait_for(lambda: server.posts, "the first attempt")
    expect(page.locator("#warnings")).to_contain_text("não recebe batidas agora")
    if looks:
        press(page, 1)
        look_again(page)

    wait_for_states(page, *[SENT] * (1 + looks))
    assert waits(server)[0] >= timedelta(seconds=60)
    assert [post.body["offline"] for post in server.posts] == [False, False, True][: 2 + looks]


def test_a_refused_punch_is_shown_and_kept_and_the_next_one_goes_on(server: Between, phone: Phone) -> None:
    server.faults = [Fault(400), Fault(413), Fault(415)]
    page = phone.open(KEY, worker=False)

    punch(page, EMPLOYEE)
    press(page, 3)

    shown = [SENT, *(f"recusada: made up: {status}" for status in (415, 413, 400))]
    wait_for_states(page, *shown)
    page.reload()
    wait_for_states(page, *shown)
    assert [post.body["sequencia"] for post in server.posts] == [1, 2, 3, 4]
    assert [json.loads(line)["sequencia"] for line in exported(page).splitlines()] == [1, 2, 3, 4]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_outbox_until_there_is_another(status: int, server: Between, phone: Phone) -> None:
    server.faults = [Fault(status)]
    page = phone.open(KEY, worker=False)

    punch(page, EMPLOYEE)
    expect(page.locator("#warnings")).to_contain_text(f"foi recusada ({status})")
    press(page, 2)
    look_again(page)
    wait_for_states(page, HERE, HERE, HERE)
    enter_key(page, f"{phone.url}#key=other")

    wait_for_states(page, SENT, SENT, SENT)
    expect(page.locator("#warnings")).to_have_text("")
    assert [(post.key, post.body["sequencia"]) for post in server.posts] == [
        ("first", 1),
        ("other", 1),
        ("other", 2),
        ("other", 3),
    ]


def test_without_a_key_nothing_is_sent_and_nothing_lost(server: Between, phone: Phone) -> None:
    page = phone.open(worker=False)

    punch(page, EMPLOYEE)
    expect(page.locator("#warnings")).to_contain_text("ainda não tem chave")
    wait_for_states(page, HERE)
    assert server.posts == []
    page.goto(phone.url + KEY)  # the camera's link, into the open page

    wait_for_states(page, SENT)
    expect(page).to_have_url(phone.url)


@pytest.mark.parametrize("answer", ["Trocar", "Manter a guardada"])
def test_a_link_replaces_a_key_only_when_asked_to(answer: str, server: Between, phone: Phone) -> None:
    page = phone.open(KEY, worker=False)
    expect(page.locator("#key-state")).to_contain_text("irst")

    page.goto(phone.url + "#key=other")
    expect(page).to_have_url(phone.url)
    page.get_by_role("button", name=answer).click()
    punch(page, EMPLOYEE)

    wait_for_states(page, SENT)
    assert server.posts[0].key == ("other" if answer == "Trocar" else "first")


def test_a_punch_is_recorded_once_its_receipt_says_so(server: Between, phone: Phone) -> None:
    answers = [
        json_answer(503, {"message": "the database resumes"}),
        json_answer(404, {"message": "not yet"}),
        json_answer(200, {"situacao": "gravada", "id": "of another"}),
    ]

    def api(path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if body is not None:
            return accept(path, headers, body)
        return answers.pop(0) if answers else server.receipt(path)

    server.api = api
    page = phone.open(KEY, clock(SPEED), worker=False)
    punch(page, EMPLOYEE)
    press(page, 1)

    wait_for_states(page, RECORDED, RECORDED)
    asked = list(server.receipts)
    assert set(asked) == {post.body["id"] for post in server.posts}
    page.reload()
    wait_for_states(page, RECORDED, RECORDED)
    press(page, 1)
    wait_for_states(page, RECORDED, RECORDED, RECORDED)
    assert set(server.receipts[len(asked) :]) == {server.posts[-1].body["id"]}  # what is recorded is not asked again


def test_a_receipt_of_another_punch_is_shown_as_a_conflict_and_the_punch_kept(server: Between, phone: Phone) -> None:
    def api(path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if body is not None:
            return accept(path, headers, body)
        punch = next(post.body for post in server.posts if path.endswith(post.body["id"]))
        later = datetime.fromisoformat(punch["ponto"]) + timedelta(milliseconds=1)
        anothers: dict[int, dict[str, object]] = {1: {"usuarioId": EMPLOYEE + 1}, 2: {"ponto": later.isoformat()}}
        return server.receipt(path, **anothers.get(punch["sequencia"], {}))

    server.api = api
    page = phone.open(KEY, clock(SPEED), worker=False)
    punch(page, EMPLOYEE)
    press(page, 2)

    conflict = re.compile("^não registrada: .* o mesmo id")
    wait_for_states(page, RECORDED, conflict, conflict)
    expect(page.locator("#summary")).to_have_text("2 não foram registradas.")
    asked = len(server.receipts)
    page.reload()
    page.evaluate("window.ahead = 86_400_000")
    press(page, 1)
    wait_for_states(page, RECORDED, conflict, conflict)  # recorded ones of yesterday are not listed
    assert set(server.receipts[asked:]) == {server.posts[-1].body["id"]}
    assert [post.body["sequencia"] for post in server.posts] == [1, 2, 3, 4]  # a 202 is never sent again
    assert [json.loads(line)["sequencia"] for line in exported(page).splitlines()] == [1, 2, 3, 4]


def test_receipts_are_asked_for_while_a_later_punch_waits(server: Between, phone: Phone) -> None:
    server.faults = [Fault(), Fault(500, {"Retry-After": "3600"})]
    server.api = server.record
    page = phone.open("", clock(SPEED), worker=False)
    punch(page, EMPLOYEE)
    press(page, 1)
    page.goto(phone.url + KEY)

    wait_for_states(page, HERE, RECORDED)


def test_an_import_reads_every_punch_of_an_export(server: Between, phone: Phone) -> None:
    server.faults = [Fault(400), Fault(), Fault(500, {"Retry-After": "3600"})]
    page = phone.open(KEY, worker=False)
    punch(page, EMPLOYEE)
    press(page, 2)
    wait_for_states(page, HERE, SENT, "recusada: made up: 400")

    file = exported(page)

    found = list(lines(lambda offset: io.BytesIO(file[offset:]), UTC))
    assert [line.refusal for line in found] == ["", "", ""]
    punches = [parse(line.body, UTC) for line in found]
    assert [(each.usuario_id, each.sequencia) for each in punches] == [(EMPLOYEE, 1), (EMPLOYEE, 2), (EMPLOYEE, 3)]
    assert {str(each.id) for each in punches} == {post.body["id"] for post in server.posts}


def save(page: Page) -> None:
    page.get_by_role("button", name="Salvar").click()
    expect(page.locator("#saved")).to_have_text("Salvo.")


def open_settings(page: Page) -> None:
    page.locator("#settings summary").click()


def test_another_name_is_another_device_numbered_from_one(server: Between, phone: Phone) -> None:
    page = phone.open(KEY, worker=False)
    punch(page, EMPLOYEE)
    open_settings(page)
    page.locator("#device").fill("  Portão \u202e1 ")
    save(page)
    press(page, 1)

    wait_for_states(page, SENT, SENT)
    first, second = (post.body for post in server.posts)
    assert (first["sequencia"], second["sequencia"]) == (1, 1)
    assert re.fullmatch("web-[a-z2-9]{8}", first["dispositivo"])
    assert re.fullmatch("Portão 1-[a-z2-9]{8}", second["dispositivo"])


def test_a_kiosk_forgets_each_person(server: Between, phone: Phone) -> None:
    page = phone.open(KEY, worker=False)
    open_settings(page)
    page.get_by_label("Quiosque").check()
    save(page)

    for digit in str(EMPLOYEE):
        page.locator("#pad").get_by_text(digit, exact=True).click()
    thanks = punch(page)
    wait_for_states(page, SENT)
    again = punch(page)

    assert str(EMPLOYEE) in thanks
    assert "Digite o número" in again
    assert str(EMPLOYEE) not in page.locator("section").inner_text()
    page.reload()
    expect(page.locator("#pad")).to_be_visible()
    assert page.locator("#employee").input_value() == ""
    assert [post.body["usuarioId"] for post in server.posts] == [EMPLOYEE]


def test_a_key_that_is_held_and_a_double_click_are_one_punch_each(server: Between, phone: Phone) -> None:
    page = phone.open(KEY, worker=False)
    page.locator("#employee").fill(str(EMPLOYEE))

    page.locator("#press").focus()
    for _ in range(5):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    wait_for_states(page, SENT)
    page.locator("#press").dblclick()

    wait_for_states(page, SENT, SENT)
    assert len(server.posts) == 2


def test_a_browser_without_a_promise_to_keep_data_says_so(phone: Phone) -> None:
    page = phone.open(KEY, "navigator.storage.persist = () => Promise.resolve(false)", worker=False)
    open_settings(page)
    expect(page.locator("#storage")).to_contain_text("instale a página")

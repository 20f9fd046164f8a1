"""The page for employees in the machine's Chromium, against the running stack: from the thumb to the row."""

import re
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright, expect

from slices.page.tests.page import phone as phones
from slices.page.tests.page.between import Between, Fault, between, copy_of_the_page, stack_at
from slices.page.tests.page.phone import (
    HERE,
    RECORDED,
    SENT,
    Phone,
    clock,
    enter_key,
    kill,
    look_again,
    press,
    punch,
    refused,
    wait_for_states,
)
from tests.e2e.client import EMPLOYEES, Client
from tests.waiting import wait_for
from tools.local.stack import Stack

SPEED = 20  # of a page's clock, where it has to wait
DONE = re.compile(f"{SENT}|{RECORDED}")  # whichever it is by now


@pytest.fixture
def server(client: Client) -> Iterator[Between]:
    """Stand between the browsers and the stack."""
    with between(stack_at(client.address.root_url)) as server:
        yield server


@pytest.fixture
def phone(browser: Browser, server: Between) -> Iterator[Phone]:
    with phones.phone(browser, server.url) as phone:
        yield phone


@pytest.fixture
def profile() -> Iterator[Path]:
    """Keep a browser's data from one start to the next."""
    with tempfile.TemporaryDirectory(prefix="ponto-phone-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def key(client: Client) -> str:
    """As a link has it."""
    return f"#key={client.address.api_key}"


def require_rows(client: Client, server: Between, employee: int, count: int) -> None:
    """Wait for all rows of an employee, and hold them to being numbered without a gap and sent in order."""

    def rows() -> list[tuple[Any, ...]]:
        return client.query(
            "select sequencia, id::text, dispositivo from ponto.batida where usuario_id = %s order by sequencia, id",
            employee,
        )

    wait_for(lambda: len(rows()) >= count, f"{count} rows")
    client.wait_until_drained()
    found = rows()
    assert [number for number, *_ in found] == list(range(1, count + 1))
    assert len({device for *_, device in found}) == 1

    def accepted() -> list[str]:
        return list(dict.fromkeys(post.body["id"] for post in server.sent(employee) if post.status in (0, 202)))

    wait_for(lambda: len(accepted()) >= count, "the answers")
    assert accepted() == [identifier for _, identifier, _ in found]


def test_a_punch_goes_from_the_thumb_to_the_row(client: Client, server: Between, phone: Phone, key: str) -> None:
    employee = next(EMPLOYEES)
    page = phone.open(key, clock(SPEED))

    thanks = punch(page, employee)
    wait_for_states(page, RECORDED)  # by its receipt

    require_rows(client, server, employee, 1)
    (post,) = server.sent(employee)
    assert f"da matrícula {employee}: " in thanks
    assert page.url == phone.url
    assert set(post.body) == {"id", "usuarioId", "ponto", "dispositivo", "sequencia", "offline", "enviado"}
    assert post.body["id"][14] == "7"
    assert post.body["offline"] is False
    page.reload()
    expect(page.locator("#employee")).to_have_value(str(employee))
    wait_for_states(page, RECORDED)


def test_fifty_punches_without_network_survive_a_killed_browser(
    client: Client, server: Between, playwright: Playwright, profile: Path, key: str
) -> None:
    employee = next(EMPLOYEES)
    page = phones.start(playwright, profile, server.url).open(key)
    server.down = True
    page.reload()  # from the worker: there is no network

    punch(page, employee)
    press(page, 49)
    kill(profile)
    phone = phones.start(playwright, profile, server.url)
    page = phone.open(worker=False)
    wait_for_states(page, *[HERE] * 50)
    assert client.rows(employee) == []
    server.down = False
    look_again(page)

    require_rows(client, server, employee, 50)
    wait_for_states(page, *[DONE] * 50)
    assert len(server.sent(employee)) == 50
    phone.context.close()


def test_a_punch_whose_answer_is_lost_is_sent_again_under_its_id(
    client: Client, server: Between, phone: Phone, key: str
) -> None:
    employee = next(EMPLOYEES)
    server.faults = [Fault(lost=True), Fault(lost=True)]
    page = phone.open(key, clock(SPEED), worker=False)

    punch(page, employee)
    punch(page)

    require_rows(client, server, employee, 2)
    wait_for_states(page, DONE, DONE)
    assert [post.body["sequencia"] for post in server.sent(employee)] == [1, 1, 1, 2]
    # Of each attempt only the time of sending is another.
    attempts = [{**post.body, "enviado": ""} for post in server.sent(employee)[:3]]
    assert attempts[0] == attempts[1] == attempts[2]
    assert len({post.body["enviado"] for post in server.sent(employee)}) == 4


def test_two_tabs_share_one_outbox(client: Client, server: Between, phone: Phone, key: str) -> None:
    employee = next(EMPLOYEES)
    tabs = [phone.open(key), phone.open()]
    server.down = True

    for tab in tabs:
        tab.locator("#employee").fill(str(employee))
    for _ in range(10):
        for tab in tabs:
            press(tab, 1)
    for tab in tabs:
        wait_for_states(tab, *[HERE] * 20)
    server.down = False
    for tab in tabs:
        look_again(tab)

    require_rows(client, server, employee, 20)
    assert len(server.sent(employee)) == 20
    for tab in tabs:
        wait_for_states(tab, *[DONE] * 20)


def test_whatever_a_server_answers_each_punch_becomes_one_row_or_is_shown_as_refused(
    client: Client, server: Between, phone: Phone, key: str
) -> None:
    employee, refusal = next(EMPLOYEES), refused(400)
    server.faults = [Fault(400), Fault(429, {"Retry-After": "2"}), Fault(500), Fault(silence=40 / SPEED)]
    server.faults += [Fault(403)] * 50  # by the page's clock ten minutes lie between them
    page = phone.open(key, clock(SPEED), worker=False)

    punch(page, employee)
    press(page, 3)
    expect(page.locator("#warnings")).to_contain_text("foi recusada (403)")
    wait_for_states(page, HERE, HERE, HERE, refusal)
    server.faults.clear()
    enter_key(page, client.address.api_key)

    wait_for_states(page, DONE, DONE, DONE, refusal)
    wait_for(lambda: len(client.rows(employee)) == 3, "three rows")
    ids = [row.punch.id for row in client.rows(employee)]
    answered = [(post.body["sequencia"], post.status) for post in server.sent(employee)]
    answered = [each for index, each in enumerate(answered) if each != (2, 403) or index == answered.index(each)]
    # The silent one was given up after 30 s, and came through afterwards.
    assert [each for each in answered if each != (2, 202)] == [
        (1, 400),
        (2, 429),
        (2, 500),
        (2, 403),
        (3, 202),
        (4, 202),
    ]
    assert answered.count((2, 202)) == 2
    assert ids == list(dict.fromkeys(post.body["id"] for post in server.sent(employee) if post.status == 202))


def test_a_revoked_key_stops_the_outbox_and_a_new_one_empties_it(
    client: Client, server: Between, phone: Phone, stack: Stack
) -> None:
    employee = next(EMPLOYEES)
    api = stack.client("apigateway")
    (plan,) = [each for each in api.get_usage_plans()["items"] if each.get("apiStages")]
    with made_key(api, plan["id"]) as new:
        with made_key(api, plan["id"]) as old:
            page = phone.open(f"#key={old}", worker=False)
            punch(page, employee)
            wait_for_states(page, DONE)
        press(page, 10)
        expect(page.locator("#warnings")).to_contain_text("foi recusada (403)")
        wait_for_states(page, *[HERE] * 10, DONE)

        enter_key(page, new)

        require_rows(client, server, employee, 11)
        wait_for_states(page, *[DONE] * 11)
        expect(page.locator("#warnings")).to_have_text("")
        keys = [post.key for post in server.sent(employee)]
        assert keys == [old] * 2 + [new] * 10


@contextmanager
def made_key(api: Any, plan: str) -> Iterator[str]:
    """Make an API key that may punch for as long as the context lasts."""
    made = api.create_api_key(name="page", enabled=True)
    api.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
    try:
        yield made["value"]
    finally:
        api.delete_usage_plan_key(usagePlanId=plan, keyId=made["id"])
        api.delete_api_key(apiKey=made["id"])


def test_a_clock_that_jumps_delays_nothing_and_is_shown(
    client: Client, server: Between, phone: Phone, key: str
) -> None:
    employee = next(EMPLOYEES)
    server.faults = [Fault(500, {"Retry-After": "3600"})]
    page = phone.open(key, clock(), worker=False)

    page.evaluate("window.ahead = 2 * 86_400_000")
    punch(page, employee)
    wait_for(lambda: server.sent(employee), "the first attempt")
    expect(page.locator("#warnings")).to_contain_text("não recebe batidas agora")  # it has put the next one off
    page.evaluate("window.ahead = -3 * 86_400_000")
    punch(page)

    require_rows(client, server, employee, 2)
    expect(page.locator("#warnings")).to_contain_text(re.compile(r"(3 d( \d s)?|2 d 23 h) atrasado"))
    rows = client.query("select recebida_em - enviado from ponto.batida where usuario_id = %s", employee)
    assert {round(behind / timedelta(days=1)) for (behind,) in rows} == {3}  # as the phone's clock stood


def test_a_full_storage_is_no_thanks_and_no_number(client: Client, server: Between, phone: Phone, key: str) -> None:
    employee = next(EMPLOYEES)
    developer = phone.context.new_cdp_session(phone.context.new_page())

    developer.send("Storage.overrideQuotaForOrigin", {"origin": server.origin, "quotaSize": 1})
    page = phone.open(worker=False)
    refused = punch(page, employee)
    developer.send("Storage.overrideQuotaForOrigin", {"origin": server.origin})
    thanks = punch(page)
    page.goto(phone.url + key)

    assert "NÃO foi guardada: a memória deste aparelho está cheia" in refused
    assert "Obrigado" in thanks
    require_rows(client, server, employee, 1)


def test_a_new_version_of_the_page_takes_over_with_ten_in_the_outbox(
    client: Client, server: Between, phone: Phone, key: str, tmp_path: Path
) -> None:
    employee = next(EMPLOYEES)
    page = phone.open(key, clock(SPEED))
    server.api_down = True
    punch(page, employee)
    press(page, 9)

    server.folder = copy_of_the_page(tmp_path / "web")
    html = server.folder / "index.html"
    html.write_text(html.read_text().replace("<main>", '<main data-version="2">'))
    page.evaluate("navigator.serviceWorker.getRegistration().then(found => found.update()).then(() => null)")
    page.locator("main[data-version='2']").wait_for()  # by itself, once nobody touches it

    wait_for_states(page, *[HERE] * 10)
    server.api_down = False
    look_again(page)
    require_rows(client, server, employee, 10)


def test_the_stack_itself_serves_the_page_with_a_strict_policy(stack: Stack, browser: Browser) -> None:
    url = stack.address.root_url
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        policy = answer.headers["content-security-policy"]
        assert answer.headers["access-control-allow-origin"] is None
    requests: list[str] = []

    with phones.phone(browser, url) as phone:
        phone.context.on("request", lambda request: requests.append(request.url))
        page = phone.open()
        expect(page.locator("#clock")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))

    assert policy.startswith("default-src 'none'")
    assert "unsafe-" not in policy
    assert phone.messages == []
    assert [other for other in requests if not other.startswith(url)] == []

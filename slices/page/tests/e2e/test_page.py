"""The page for employees in the machine's Chromium, against the running stack: from the thumb to the row."""

import re
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import urllib3
from playwright.sync_api import Browser, Playwright, expect

from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import ApiHandler, FakeServer, PunchRequest, run_fake_server
from slices.page.tests.page.phones import (
    RECORDED,
    SENT,
    WAITING,
    Phone,
    clock_script,
    kill_browser,
    press_repeatedly,
    punch,
    trigger_online,
    wait_for_states,
)
from tests.e2e.client import EMPLOYEES, Client
from tests.serving import Response
from tests.waiting import DEADLINE, wait_for
from tools.local.stack import Stack

SPEED = 20  # of a page's clock, where it has to wait
DONE = re.compile(f"{SENT}|{RECORDED}")  # whichever it is by now


def forward_to(page_url: str) -> ApiHandler:
    """Pass everything on to the stack whose page has this address."""

    def answer(path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        kept = {name: value for name, value in headers.items() if name in ("content-type", "x-api-key")}
        method = "GET" if body is None else "POST"
        given = urllib3.request(method, page_url + path, body=body, headers=kept, retries=False, timeout=DEADLINE)
        own = ("content-length", "date", "server", "connection", "transfer-encoding")
        return (
            given.status,
            {name: value for name, value in given.headers.items() if name.lower() not in own},
            given.data,
        )

    return answer


def sent(server: FakeServer, employee: int) -> list[PunchRequest]:
    """Give the posts of an employee, oldest first."""
    return [post for post in list(server.punch_requests) if post.body["usuarioId"] == employee]


@pytest.fixture
def server(client: Client) -> Iterator[FakeServer]:
    """Stand between the browsers and the stack."""
    with run_fake_server(forward_to(client.address.root_url)) as server:
        yield server


@pytest.fixture
def phone(browser: Browser, server: FakeServer) -> Iterator[Phone]:
    with phones.new_phone(browser, server.url) as phone:
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


def require_rows(client: Client, server: FakeServer, employee: int, count: int) -> None:
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
        return list(dict.fromkeys(post.body["id"] for post in sent(server, employee) if post.status == 202))

    wait_for(lambda: len(accepted()) >= count, "the answers")
    assert accepted() == [identifier for _, identifier, _ in found]


def test_a_punch_goes_from_the_thumb_to_the_row(client: Client, server: FakeServer, phone: Phone, key: str) -> None:
    employee = next(EMPLOYEES)
    page = phone.open(key, clock_script(SPEED))

    thanks = punch(page, employee)
    wait_for_states(page, RECORDED)  # by its receipt

    require_rows(client, server, employee, 1)
    (post,) = sent(server, employee)
    assert f"da matrícula {employee}: " in thanks
    assert page.url == phone.url
    assert set(post.body) == {"id", "usuarioId", "ponto", "dispositivo", "sequencia", "offline", "enviado"}
    assert post.body["id"][14] == "7"
    assert post.body["offline"] is False
    page.reload()
    expect(page.locator("#employee")).to_have_value(str(employee))
    wait_for_states(page, RECORDED)


def test_fifty_punches_without_network_survive_a_killed_browser(
    client: Client, server: FakeServer, playwright: Playwright, profile: Path, key: str
) -> None:
    employee = next(EMPLOYEES)
    page = phones.start_persistent_phone(playwright, profile, server.url).open(key)
    server.is_down = True
    page.reload()  # from the worker: there is no network

    punch(page, employee)
    press_repeatedly(page, 49)
    kill_browser(profile)
    phone = phones.start_persistent_phone(playwright, profile, server.url)
    page = phone.open(worker=False)
    wait_for_states(page, *[WAITING] * 50)
    assert client.rows(employee) == []
    server.is_down = False
    trigger_online(page)

    require_rows(client, server, employee, 50)
    wait_for_states(page, *[DONE] * 50)
    assert len(sent(server, employee)) == 50
    phone.context.close()


def test_the_stack_itself_serves_the_page_with_a_strict_policy(stack: Stack, browser: Browser) -> None:
    url = stack.address.root_url
    with urllib.request.urlopen(url) as answer:  # noqa: S310
        policy = answer.headers["content-security-policy"]
        assert answer.headers["access-control-allow-origin"] is None
    requests: list[str] = []

    with phones.new_phone(browser, url) as phone:
        phone.context.on("request", lambda request: requests.append(request.url))
        page = phone.open()
        expect(page.locator("#clock")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))

    assert policy.startswith("default-src 'none'")
    assert "unsafe-" not in policy
    assert phone.messages == []
    assert [other for other in requests if not other.startswith(url)] == []

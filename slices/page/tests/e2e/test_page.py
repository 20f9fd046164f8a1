"""Tests of the page in Chromium with a running stack."""

import re
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
from tests.waiting import DEADLINE_SECONDS, wait_for
from tools.local.stack import Stack

SPEED = 20  # factor of a page's clock, in tests that wait
SENT_OR_RECORDED = re.compile(f"{SENT}|{RECORDED}")


def forward_to(page_url: str) -> ApiHandler:
    """Return a handler that forwards requests to the stack whose page has this URL."""

    def answer(path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        forwarded = {name: value for name, value in headers.items() if name in ("content-type", "x-api-key")}
        method = "GET" if body is None else "POST"
        response = urllib3.request(
            method, page_url + path, body=body, headers=forwarded, retries=False, timeout=DEADLINE_SECONDS
        )
        rewritten = ("content-length", "date", "server", "connection", "transfer-encoding")
        return (
            response.status,
            {name: value for name, value in response.headers.items() if name.lower() not in rewritten},
            response.data,
        )

    return answer


def employee_requests(server: FakeServer, employee: int) -> list[PunchRequest]:
    """Return an employee's requests, oldest first."""
    return [post for post in list(server.punch_requests) if post.body["usuarioId"] == employee]


@pytest.fixture
def server(client: Client) -> Iterator[FakeServer]:
    """A server between the browsers and the stack."""
    with run_fake_server(forward_to(client.address.root_url)) as server:
        yield server


@pytest.fixture
def phone(browser: Browser, server: FakeServer) -> Iterator[Phone]:
    with phones.new_phone(browser, server.url) as phone:
        yield phone


@pytest.fixture
def key(client: Client) -> str:
    """The fragment of a link with the API key."""
    return f"#key={client.address.api_key}"


def require_rows(client: Client, server: FakeServer, employee: int, count: int) -> None:
    """Wait for an employee's rows, and check that they are numbered without a gap and were sent in order."""

    def rows() -> list[tuple[Any, ...]]:
        return client.query(
            "select sequencia, id::text, dispositivo from ponto.batida where usuario_id = %s order by sequencia, id",
            employee,
        )

    wait_for(lambda: len(rows()) >= count, f"{count} rows")
    client.wait_until_drained()
    stored = rows()
    assert [number for number, *_ in stored] == list(range(1, count + 1))
    assert len({device for *_, device in stored}) == 1

    def accepted_ids() -> list[str]:
        return list(
            dict.fromkeys(post.body["id"] for post in employee_requests(server, employee) if post.status == 202)
        )

    wait_for(lambda: len(accepted_ids()) >= count, "the responses")
    assert accepted_ids() == [identifier for _, identifier, _ in stored]


def test_a_punch_goes_from_the_button_to_the_row(client: Client, server: FakeServer, phone: Phone, key: str) -> None:
    employee = next(EMPLOYEES)
    page = phone.open(key, clock_script(SPEED))

    outcome = punch(page, employee)
    wait_for_states(page, RECORDED)

    require_rows(client, server, employee, 1)
    (post,) = employee_requests(server, employee)
    assert f"da matrícula {employee}: " in outcome
    assert page.url == phone.url
    assert set(post.body) == {"id", "usuarioId", "ponto", "dispositivo", "sequencia", "offline", "enviado"}
    assert post.body["id"][14] == "7"
    assert post.body["offline"] is False
    page.reload()
    expect(page.locator("#employee")).to_have_value(str(employee))
    wait_for_states(page, RECORDED)


def test_fifty_punches_without_network_survive_a_killed_browser(
    client: Client, server: FakeServer, playwright: Playwright, tmp_path: Path, key: str
) -> None:
    employee, profile = next(EMPLOYEES), tmp_path / "profile"
    page = phones.start_persistent_phone(playwright, profile, server.url).open(key)
    server.is_down = True
    page.reload()  # served by the service worker

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
    wait_for_states(page, *[SENT_OR_RECORDED] * 50)
    assert len(employee_requests(server, employee)) == 50
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
    assert [address for address in requests if not address.startswith(url)] == []

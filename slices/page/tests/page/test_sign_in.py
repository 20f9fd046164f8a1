"""Employees who sign in by a user pool: authorization code with PKCE, tokens that end, and whose punches are sent."""

import base64
import hashlib
import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, expect

from slices.page import site
from slices.page.tests.page import phones
from slices.page.tests.page.fake_server import FakeServer, accept
from slices.page.tests.page.phones import SENT, WAITING, Phone, press_repeatedly, punch, wait_for_states
from tests.page.axe import require_nothing
from tests.serving import Request, Response, answering, json_answer
from tests.waiting import DEADLINE, wait_for

CLIENT = "app client"


class UserPool:
    """Plays a Cognito user pool's domain: it signs everybody in, and holds clients to PKCE.

    Who has signed in is signed in again until they sign out, as by Cognito's cookie; there is one browser.
    """

    def __init__(self) -> None:
        self.employee = 0  # who signs in next
        self.known = 0  # who has signed in
        self.tokens: list[str] = []  # made so far
        self.revoked: list[str] = []  # refresh tokens
        self.questions: list[dict[str, str]] = []  # to all endpoints
        self.origin = ""  # its address

    @property
    def settings(self) -> site.SignIn:
        """What the page is told."""
        oauth2 = f"{self.origin}/oauth2"
        return site.SignIn(
            f"{oauth2}/authorize", f"{oauth2}/token", f"{oauth2}/revoke", f"{self.origin}/logout", CLIENT
        )

    def redirect(self, path: str, asked: dict[str, str]) -> str:
        """Answer the endpoints that a browser is sent to: where it goes on."""
        self.questions.append(asked)
        if path == "/logout":
            self.known = 0
            return asked["logout_uri"]
        self.known = self.employee = self.known or self.employee
        return f"{asked['redirect_uri']}?{urllib.parse.urlencode({'code': 'code', 'state': asked['state']})}"

    def make_token(self) -> str:
        """Make an ID token; nobody checks its signature here."""
        claims = {"custom:usuarioId": str(self.employee), "number": len(self.tokens), "name": "Conceição"}
        body = base64.urlsafe_b64encode(json.dumps(claims, ensure_ascii=False).encode()).decode().rstrip("=")
        self.tokens.append(f"header.{body}.signature")
        return self.tokens[-1]

    def grant(self, fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Answer the token endpoint."""
        self.questions.append(fields)
        if fields["grant_type"] == "refresh_token":
            good = fields["refresh_token"] not in self.revoked
            return (200, {"id_token": self.make_token()}) if good else (400, {"error": "invalid_grant"})
        asked = next(each for each in reversed(self.questions) if "code_challenge" in each)
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        good = (challenge, CLIENT) == (asked["code_challenge"], fields["client_id"]) and fields["code"] == "code"
        if not good or fields["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"id_token": self.make_token(), "refresh_token": "refresh"}

    def answer(self, request: Request) -> Response:
        """Answer any endpoint."""
        path, _, query = request.path.partition("?")
        if request.method == "GET":
            return 302, {"location": self.redirect(path, dict(urllib.parse.parse_qsl(query)))}, b""
        fields = dict(urllib.parse.parse_qsl(request.body.decode()))
        if path == "/oauth2/revoke":
            self.questions.append(fields)
            self.revoked.append(fields["token"])
            return 200, {}, b""
        status, body = self.grant(fields)
        # The header as Cognito's token endpoint has it.
        return status, {"access-control-allow-origin": "*"}, json.dumps(body).encode()


@contextmanager
def user_pool() -> Iterator[UserPool]:
    """Listen for as long as the context lasts."""
    pool = UserPool()
    with answering(pool.answer) as pool.origin:
        yield pool


KEY = "#key=first"
ANA, RUI = 123, 456


@pytest.fixture
def pool(server: FakeServer) -> Iterator[UserPool]:
    """Give the stage a user pool: who sends a punch has signed in, by the newest token."""

    with user_pool() as signed_in:

        def api(path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            if headers.get("authorization") in signed_in.tokens[-1:]:
                return accept(path, headers, body)
            return json_answer(401, {"message": "Unauthorized"})

        server.sign_in, server.api = signed_in.settings, api
        yield signed_in


def sign_in(page: Page, pool: UserPool, employee: int) -> None:
    pool.employee = employee
    page.get_by_role("button", name="Entrar com a sua conta").click()
    page.get_by_role("button", name=f"Sair da conta da matrícula {employee}").wait_for()


def sign_out(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Sair").click()


def test_who_signs_in_punches_by_their_own_number(server: FakeServer, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    expect(page.locator("#warnings")).to_contain_text("Ninguém entrou")
    require_nothing(page)
    sign_in(page, pool, ANA)

    expect(page.locator("#employee")).to_have_value(str(ANA))
    expect(page.locator("#employee")).not_to_be_editable()
    expect(page).to_have_url(phone.url)
    punch(page)
    wait_for_states(page, SENT)
    expect(page.locator("#warnings")).to_have_text("")
    require_nothing(page)
    asked, token = pool.questions
    assert asked | {"state": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": pool.settings.client,
        "redirect_uri": phone.url,
        "scope": "openid",
        "state": "",
        "code_challenge_method": "S256",
        "code_challenge": "",
    }
    assert len(token["code_verifier"]) == 43
    assert [post.body["usuarioId"] for post in server.punch_requests] == [ANA]


def test_punches_wait_for_their_own_employees_sign_in(server: FakeServer, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    punch(page, RUI)
    punch(page, ANA)
    wait_for_states(page, WAITING, WAITING)

    sign_in(page, pool, ANA)
    wait_for_states(page, SENT, WAITING)
    sign_out(page)
    expect(page.locator("#employee")).to_have_value("")
    expect(page).to_have_url(phone.url)
    assert pool.questions[-2:] == [
        {"client_id": pool.settings.client, "token": "refresh"},
        {"client_id": pool.settings.client, "logout_uri": phone.url},
    ]
    assert pool.revoked == ["refresh"]
    sign_in(page, pool, RUI)

    wait_for_states(page, SENT, SENT)
    assert [post.body["usuarioId"] for post in server.punch_requests if post.status == 202] == [ANA, RUI]


def test_who_signs_out_without_network_is_forgotten_on_the_device(phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    sign_in(page, pool, ANA)
    asked = len(pool.questions)
    phone.context.set_offline(True)
    page.get_by_role("button", name="Sair").click()

    expect(page.get_by_role("button", name="Entrar com a sua conta")).to_be_enabled()
    expect(page.locator("#employee")).to_have_value("")
    expect(page.locator("#warnings")).to_contain_text("Ninguém entrou")
    assert len(pool.questions) == asked


@pytest.mark.usefixtures("pool")
def test_a_sign_in_that_cannot_begin_says_that_and_nothing_of_the_storage(phone: Phone) -> None:
    page = phone.open(KEY, worker=False)
    button = page.get_by_role("button", name="Entrar com a sua conta")
    button.wait_for()
    phone.context.set_offline(True)
    button.click()

    expect(page.locator("#outcome")).to_contain_text("Não foi possível entrar")
    expect(page.locator("#warnings")).to_have_text(re.compile("^Ninguém entrou"))


def test_a_token_that_is_too_old_is_renewed_and_nobody_notices(
    server: FakeServer, phone: Phone, pool: UserPool
) -> None:
    page = phone.open(KEY, worker=False)
    sign_in(page, pool, ANA)
    pool.make_token()  # what the phone has is no good any more

    punch(page)
    press_repeatedly(page, 1)

    wait_for_states(page, SENT, SENT)
    assert pool.questions[-1] == {
        "client_id": pool.settings.client,
        "grant_type": "refresh_token",
        "refresh_token": "refresh",
    }
    assert [post.status for post in server.punch_requests] == [401, 202, 202]


def test_a_page_with_the_policy_of_another_version_is_not_kept(server: FakeServer, browser: Browser) -> None:
    """It would never be allowed to ask the user pool for tokens. A server of many machines may mix them for a while."""
    with user_pool() as pool, phones.new_phone(browser, server.url) as phone:
        page = phone.open()
        server.sign_in = pool.settings
        server.file_headers = {"content-security-policy": site.HEADERS["content-security-policy"]}
        update = """navigator.serviceWorker.getRegistration().then(async found => {
            const state = new Promise(done => found.addEventListener("updatefound", () => {
                found.installing.addEventListener("statechange", event => done(event.target.state), { once: true })
            }, { once: true }))
            await found.update()
            return state
        })"""
        assert page.evaluate(update) == "redundant"
        server.file_headers = {}
        assert page.evaluate(update) == "installed"


def test_a_code_that_this_device_did_not_ask_for_is_not_taken(phone: Phone, pool: UserPool) -> None:
    page = phone.open(worker=False)
    for answer in ("?code=code&state=forged", "?error=access_denied&state=forged"):
        page.goto(phone.url + answer)

        expect(page.locator("#outcome")).to_contain_text("Não foi possível entrar (state)")
        assert "?" not in page.url
    assert pool.questions == []


def test_a_link_does_not_break_a_sign_in_off_that_is_under_way(phone: Phone, pool: UserPool) -> None:
    page, other = phone.open(KEY, worker=False), phone.open(worker=False)
    redirect, came, goes = pool.redirect, Event(), Event()

    def slow(path: str, asked: dict[str, str]) -> str:
        came.set()
        goes.wait(DEADLINE)
        return redirect(path, asked)

    pool.redirect = slow  # type: ignore[method-assign]
    pool.employee = ANA
    page.get_by_role("button", name="Entrar com a sua conta").click(no_wait_after=True)
    wait_for(came.is_set, "the way to the user pool")
    for link in ("?state=x", "?code=code&state=x", "?error=access_denied&state="):
        other.goto(phone.url + link)
        expect(other.locator("#outcome")).to_contain_text("Não foi possível entrar (state)")
    goes.set()

    page.get_by_role("button", name=f"Sair da conta da matrícula {ANA}").wait_for()

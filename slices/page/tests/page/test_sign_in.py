"""Tests of the sign-in by a user pool: authorization code with PKCE, token renewal, and whose punches are sent."""

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Page, expect

from slices.page import site
from slices.page.tests.page.fake_server import FakeServer, accept
from slices.page.tests.page.phones import SENT, WAITING, Phone, punch, wait_for_states
from tests.serving import Request, Response, http_server, json_response
from tools.tests.page.axe import require_no_violations

CLIENT = "app client"


def encode(content: bytes) -> str:
    """Return the content in base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class FakeUserPool:
    """Fake domain of a Cognito user pool, for one browser: it asks for no password, and requires PKCE.

    As with Cognito's cookie, an employee stays signed in until they sign out.
    """

    def __init__(self) -> None:
        self.next_employee = 0  # employee who signs in next
        self.signed_in_employee = 0
        self.token = ""  # the last issued one
        self.requests: list[dict[str, str]] = []  # fields of the requests to all endpoints
        self.origin = ""

    @property
    def settings(self) -> site.SignIn:
        """Settings of the page for this user pool."""
        oauth2 = f"{self.origin}/oauth2"
        return site.SignIn(
            f"{oauth2}/authorize", f"{oauth2}/token", f"{oauth2}/revoke", f"{self.origin}/logout", CLIENT
        )

    def redirect(self, path: str, fields: dict[str, str]) -> str:
        """Return the URL to which the endpoints `authorize` and `logout` redirect the browser."""
        self.requests.append(fields)
        if path == "/logout":
            self.signed_in_employee = 0
            return fields["logout_uri"]
        self.signed_in_employee = self.next_employee = self.signed_in_employee or self.next_employee
        return f"{fields['redirect_uri']}?{urllib.parse.urlencode({'code': 'code', 'state': fields['state']})}"

    def grant(self, fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        """Return the status and the body of the token endpoint's response."""
        authorization = next(request for request in reversed(self.requests) if "code_challenge" in request)
        granted = {
            "client_id": CLIENT,
            "grant_type": "authorization_code",
            "code": "code",
            "code_challenge": encode(hashlib.sha256(fields.pop("code_verifier").encode()).digest()),
            "redirect_uri": authorization["redirect_uri"],
        }
        if fields | {"code_challenge": authorization["code_challenge"]} != granted:
            return 400, {"error": "invalid_grant"}
        claims = {"custom:usuarioId": str(self.next_employee), "name": "Conceição"}
        self.token = f"header.{encode(json.dumps(claims, ensure_ascii=False).encode())}.signature"
        return 200, {"id_token": self.token, "refresh_token": "refresh"}

    def answer(self, request: Request) -> Response:
        """Return the response of any endpoint."""
        path, _, query = request.path.partition("?")
        if request.method == "GET":
            return 302, {"location": self.redirect(path, dict(urllib.parse.parse_qsl(query)))}, b""
        fields = dict(urllib.parse.parse_qsl(request.body.decode()))
        if path == "/oauth2/revoke":
            self.requests.append(fields)
            return 200, {}, b""
        status, body = self.grant(fields)
        # Cognito's token endpoint sends this header too.
        return status, {"access-control-allow-origin": "*"}, json.dumps(body).encode()


KEY_FRAGMENT = "#key=first"
ANA, RUI = 123, 456


@pytest.fixture
def pool(server: FakeServer) -> Iterator[FakeUserPool]:
    """A user pool of the stage, whose API accepts only punches with the last token."""
    user_pool = FakeUserPool()
    with http_server(user_pool.answer) as user_pool.origin:

        def api(path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
            is_signed_in = user_pool.token and headers.get("authorization") == user_pool.token
            return accept(path, headers, body) if is_signed_in else json_response(401, {"message": "Unauthorized"})

        server.sign_in, server.api = user_pool.settings, api
        yield user_pool


def sign_in(page: Page, pool: FakeUserPool, employee: int) -> None:
    pool.next_employee = employee
    page.get_by_role("button", name="Entrar com a sua conta").click()
    page.get_by_role("button", name=f"Sair da conta da matrícula {employee}").wait_for()


def sign_out(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Sair").click()


def test_an_employee_who_signs_in_punches_with_their_own_number(
    server: FakeServer, phone: Phone, pool: FakeUserPool
) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    expect(page.locator("#warnings")).to_contain_text("Nenhum empregado entrou")
    require_no_violations(page)
    sign_in(page, pool, ANA)

    expect(page.locator("#employee")).to_have_value(str(ANA))
    expect(page.locator("#employee")).not_to_be_editable()
    expect(page).to_have_url(phone.url)
    punch(page)
    wait_for_states(page, SENT)
    expect(page.locator("#warnings")).to_have_text("")
    require_no_violations(page)
    (authorization,) = pool.requests
    assert authorization | {"state": "", "code_challenge": ""} == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": phone.url,
        "scope": "openid",
        "state": "",
        "code_challenge_method": "S256",
        "code_challenge": "",
    }
    assert [post.body["usuarioId"] for post in server.punch_requests] == [ANA]


def test_punches_wait_for_their_own_employees_sign_in(server: FakeServer, phone: Phone, pool: FakeUserPool) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    punch(page, RUI)
    punch(page, ANA)
    wait_for_states(page, WAITING, WAITING)

    sign_in(page, pool, ANA)
    wait_for_states(page, SENT, WAITING)
    sign_out(page)
    expect(page.locator("#employee")).to_have_value("")
    expect(page).to_have_url(phone.url)
    assert pool.requests[-2:] == [
        {"client_id": CLIENT, "token": "refresh"},
        {"client_id": CLIENT, "logout_uri": phone.url},
    ]
    sign_in(page, pool, RUI)

    wait_for_states(page, SENT, SENT)
    assert [post.body["usuarioId"] for post in server.punch_requests if post.status == 202] == [ANA, RUI]


def test_signing_out_without_network_forgets_the_employee_on_the_device(phone: Phone, pool: FakeUserPool) -> None:
    page = phone.open(KEY_FRAGMENT, worker=False)
    sign_in(page, pool, ANA)
    request_count = len(pool.requests)
    phone.context.set_offline(True)
    page.get_by_role("button", name="Sair").click()

    expect(page.get_by_role("button", name="Entrar com a sua conta")).to_be_enabled()
    expect(page.locator("#employee")).to_have_value("")
    expect(page.locator("#warnings")).to_contain_text("Nenhum empregado entrou")
    assert len(pool.requests) == request_count


def test_a_code_that_this_device_did_not_request_is_refused(phone: Phone, pool: FakeUserPool) -> None:
    page = phone.open(worker=False)
    page.evaluate(
        "import('./database.js').then(each => each.saveSetting('signingIn', { verifier: 'of', state: 'another' }))"
    )
    for answer in ("?code=code&state=forged", "?error=access_denied&state=forged"):
        page.goto(phone.url + answer)

        expect(page.locator("#outcome")).to_contain_text("Não foi possível entrar (state)")
        assert "?" not in page.url
    assert pool.requests == []

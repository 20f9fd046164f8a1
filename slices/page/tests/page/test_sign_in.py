"""Employees who sign in by a user pool: authorization code with PKCE, tokens that end, and whose punches are sent."""

import re
from collections.abc import Iterator, Mapping
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, expect

from slices.page import site
from slices.page.tests.page import phone as phones
from slices.page.tests.page.between import Between, accept
from slices.page.tests.page.phone import HERE, SENT, Phone, press, punch, wait_for_states
from slices.page.tests.page.user_pool import UserPool, user_pool
from tests.page.axe import require_nothing
from tests.serving import Response, json_answer
from tests.waiting import DEADLINE, wait_for

KEY = "#key=first"
ANA, RUI = 123, 456


@pytest.fixture
def pool(server: Between) -> Iterator[UserPool]:
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


def test_who_signs_in_punches_by_their_own_number(server: Between, phone: Phone, pool: UserPool) -> None:
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
    assert [post.body["usuarioId"] for post in server.posts] == [ANA]


def test_punches_wait_for_their_own_employees_sign_in(server: Between, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    punch(page, RUI)
    punch(page, ANA)
    wait_for_states(page, HERE, HERE)

    sign_in(page, pool, ANA)
    wait_for_states(page, SENT, HERE)
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
    assert [post.body["usuarioId"] for post in server.posts if post.status == 202] == [ANA, RUI]


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


def test_a_token_that_is_too_old_is_renewed_and_nobody_notices(server: Between, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    sign_in(page, pool, ANA)
    pool.make_token()  # what the phone has is no good any more

    punch(page)
    press(page, 1)

    wait_for_states(page, SENT, SENT)
    assert pool.questions[-1] == {
        "client_id": pool.settings.client,
        "grant_type": "refresh_token",
        "refresh_token": "refresh",
    }
    assert [post.status for post in server.posts] == [401, 202, 202]


def test_a_page_with_the_policy_of_another_version_is_not_kept(server: Between, browser: Browser) -> None:
    """It would never be allowed to ask the user pool for tokens. A server of many machines may mix them for a while."""
    with user_pool() as pool, phones.phone(browser, server.url) as phone:
        page = phone.open()
        server.sign_in = pool.settings
        server.headers = {"content-security-policy": site.HEADERS["content-security-policy"]}
        update = """navigator.serviceWorker.getRegistration().then(async found => {
            const state = new Promise(done => found.addEventListener("updatefound", () => {
                found.installing.addEventListener("statechange", event => done(event.target.state), { once: true })
            }, { once: true }))
            await found.update()
            return state
        })"""
        assert page.evaluate(update) == "redundant"
        server.headers = {}
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

"""Employees who sign in by a user pool: authorization code with PKCE, tokens that end, and whose punches are sent."""

import re
from collections.abc import Iterator, Mapping
from threading import Event

import pytest
from playwright.sync_api import Browser, Page, expect

from slices.page import site
from slices.page.tests.page import phone as phones
from slices.page.tests.page.between import Between, accept
from slices.page.tests.page.phone import HERE, SENT, Phone, clock, look_again, press, punch, wait_for_states
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


def test_who_signs_out_is_signed_out_though_nobody_answers_the_revocation(phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, clock(20), worker=False)
    sign_in(page, pool, ANA)
    revoke, came, goes = pool.revoke, Event(), Event()

    def silent(fields: dict[str, str]) -> int:
        came.set()
        goes.wait(DEADLINE)
        return revoke(fields)

    pool.revoke = silent  # type: ignore[method-assign]
    try:
        sign_out(page)
        assert came.is_set()
        assert pool.questions[-1] == {"client_id": pool.settings.client, "logout_uri": phone.url}
    finally:
        goes.set()


def test_a_renewal_that_does_not_name_the_same_employee_ends_the_session(
    server: Between, phone: Phone, pool: UserPool
) -> None:
    page = phone.open(KEY, worker=False)
    grant = pool.grant
    sent: list[str] = []
    for claims in ({"custom:usuarioId": str(RUI)}, {"custom:usuarioId": "0x7b"}, None):
        sign_in(page, pool, ANA)
        pool.make_token()
        if claims is None:
            pool.grant = lambda fields: (200, {"id_token": fields["client_id"]})  # type: ignore[method-assign]
        else:
            pool.claims = claims  # type: ignore[assignment]

        punch(page)

        expect(page.locator("#warnings")).to_have_text(re.compile("^Ninguém entrou"))
        wait_for_states(page, HERE, *sent)
        pool.claims, pool.grant = {}, grant  # type: ignore[method-assign]
        sign_in(page, pool, ANA)
        sent.append(SENT)
        wait_for_states(page, *sent)
        sign_out(page)
    assert [post.body["usuarioId"] for post in server.posts if post.status == 202] == [ANA] * 3


@pytest.mark.usefixtures("pool")
def test_a_sign_in_that_cannot_begin_says_that_and_nothing_of_the_storage(phone: Phone) -> None:
    page = phone.open(KEY, worker=False)
    button = page.get_by_role("button", name="Entrar com a sua conta")
    button.wait_for()
    phone.context.set_offline(True)
    button.click()

    expect(page.locator("#outcome")).to_contain_text("Não foi possível entrar")
    expect(page.locator("#warnings")).to_have_text(re.compile("^Ninguém entrou"))


def test_a_token_that_names_no_employee_signs_nobody_in(phone: Phone, pool: UserPool) -> None:
    pool.claims = {"custom:usuarioId": "4.1e1"}
    page = phone.open(KEY, worker=False)
    page.get_by_role("button", name="Entrar com a sua conta").click()

    expect(page.locator("#outcome")).to_contain_text("Não foi possível entrar (custom:usuarioId)")
    expect(page.locator("#warnings")).to_have_text(re.compile("^Ninguém entrou"))


def test_a_renewal_that_cannot_be_asked_for_is_tried_again(phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    sign_in(page, pool, ANA)
    for number, body in enumerate((None, "{", "{}", "[" * 1_000_000), 1):
        pool.make_token()
        page.route(
            "**/config.json", lambda route, _, body=body: route.abort() if body is None else route.fulfill(body=body)
        )

        punch(page)
        expect(page.locator("#warnings")).to_have_text(re.compile("^O servidor não responde"))
        page.unroute("**/config.json")
        look_again(page)

        wait_for_states(page, *[SENT] * number)
        expect(page.locator("#warnings")).to_have_text("")


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


def test_a_receipt_renews_a_token_that_is_too_old(server: Between, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, clock(10), worker=False)
    sign_in(page, pool, ANA)
    punch(page)
    wait_for_states(page, SENT)
    pool.make_token()  # an hour has gone by
    page.evaluate("window.ahead = 86_400_000 + 3_600_000")

    wait_for_states(page, re.compile("^enviada, ainda não registrada"))
    pool.make_token()
    accepting = server.api
    server.api = lambda path, headers, body: (
        server.receipt(path) if accepting(path, headers, body)[0] == 404 else accepting(path, headers, body)
    )
    look_again(page)
    wait_for_states(page)  # what is recorded is listed on its own day only
    renewals = [asked for asked in pool.questions if asked.get("grant_type") == "refresh_token"]
    assert len(renewals) == 2


@pytest.mark.parametrize("status", [400, 500])
def test_a_receipt_whose_token_is_not_renewed_ends_the_session_or_is_asked_for_again(
    status: int, phone: Phone, pool: UserPool
) -> None:
    page = phone.open(KEY, clock(10), worker=False)
    sign_in(page, pool, ANA)
    punch(page)
    wait_for_states(page, SENT)
    pool.make_token()
    pool.status = status
    page.evaluate("window.ahead = 86_400_000 + 3_600_000")

    if status == 400:
        expect(page.locator("#warnings")).to_contain_text("Ninguém entrou")
        pool.status = 200
        sign_in(page, pool, ANA)
        page.evaluate("window.ahead = 86_400_000 + 3_600_000")  # it was loaded anew
    else:
        asked = len(pool.questions)
        wait_for(lambda: len(pool.questions) > asked, "a renewal")
        page.get_by_role("button", name="Sair da conta").wait_for()
        pool.status = 200
    wait_for_states(page, re.compile("^enviada, ainda não registrada"))


@pytest.mark.parametrize("status", [400, 500])
def test_a_session_that_has_ended_keeps_everything_until_the_next(
    status: int, server: Between, phone: Phone, pool: UserPool
) -> None:
    page = phone.open(KEY, clock(20), worker=False)
    sign_in(page, pool, ANA)
    pool.make_token()
    pool.status = status

    punch(page)
    expect(page.locator("#warnings")).to_contain_text("Ninguém entrou" if status == 400 else "O servidor não responde")
    wait_for_states(page, HERE)
    pool.status = 200
    if status == 400:
        sign_in(page, pool, ANA)
    else:
        look_again(page)

    wait_for_states(page, SENT)
    assert len({post.body["id"] for post in server.posts}) == 1


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


def test_a_refusal_from_before_the_sign_in_stops_nothing(server: Between, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    punch(page, ANA)
    expect(page.locator("#warnings")).to_contain_text("Ninguém entrou")
    wait_for(lambda: server.posts, "a refusal")
    strict, grant, came, goes = server.api, pool.grant, Event(), Event()

    def api(path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        if body is not None and "authorization" not in headers:
            came.set()
            goes.wait(DEADLINE)
        return strict(path, headers, body)

    def slow(fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        came.wait(DEADLINE)  # the punch is on its way, without a token
        return grant(fields)

    server.api, pool.grant = api, slow  # type: ignore[method-assign]
    sign_in(page, pool, ANA)
    goes.set()

    wait_for_states(page, SENT)
    assert [post.status for post in server.posts][-2:] == [401, 202]


def test_who_signs_out_while_a_token_is_renewed_stays_out(server: Between, phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    sign_in(page, pool, ANA)
    pool.make_token()
    grant, came, goes = pool.grant, Event(), Event()

    def slow(fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        granted = grant(fields)  # before the sign-out revokes it
        came.set()
        goes.wait(DEADLINE)
        return granted

    pool.grant = slow  # type: ignore[method-assign]
    punch(page)
    wait_for(came.is_set, "the renewal")
    sign_out(phone.open(worker=False))  # in a tab that breaks nothing off here
    page.get_by_role("button", name="Entrar com a sua conta").wait_for()
    goes.set()
    wait_for(lambda: len(server.posts) >= 2, "an attempt after it")

    expect(page.locator("#warnings")).to_contain_text("Ninguém entrou")
    wait_for_states(page, HERE)
    assert {post.status for post in server.posts} == {401}


def test_an_old_sessions_end_leaves_a_newer_one_alone(phone: Phone, pool: UserPool) -> None:
    page = phone.open(KEY, worker=False)
    sign_in(page, pool, ANA)
    pool.make_token()
    came, goes = Event(), Event()
    grant = pool.grant

    def slow(fields: dict[str, str]) -> tuple[int, dict[str, str]]:
        if fields["grant_type"] != "refresh_token":
            return grant(fields)
        came.set()
        goes.wait(DEADLINE)
        return 400, {"error": "invalid_grant"}

    pool.grant = slow  # type: ignore[method-assign]
    punch(page)
    wait_for(came.is_set, "the renewal")
    other = phone.open(worker=False)
    sign_out(other)
    sign_in(other, pool, ANA)
    goes.set()

    wait_for_states(page, SENT)
    page.get_by_role("button", name=f"Sair da conta da matrícula {ANA}").wait_for()

"""Tests of the page's form and list of requests, in front of a fake server."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from slices.page.site import SignIn
from slices.page.tests.page.fake_server import FakeServer, accept, run_fake_server
from slices.page.tests.page.phones import WAITING, Phone, punch, wait_for_states
from tests.serving import Response, json_response
from tools.tests.page.axe import require_no_violations

WEB = Path(__file__).parents[2] / "web"
CREATED = datetime.now(UTC).isoformat()  # the same for all, as the page sorts by it
STATE = "#ask-state"


class Requests:
    """Fake API of requests."""

    def __init__(self) -> None:
        self.answers: list[Response] = []
        self.asked: list[dict[str, Any]] = []
        self.listed: list[dict[str, Any]] = []
        self.states: dict[str, dict[str, Any]] = {}
        self.is_answering = threading.Event()
        self.is_answering.set()

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        if path.startswith("solicitacao/"):
            request_id = path.removeprefix("solicitacao/")
            return json_response(200, {"id": request_id, "situacao": "aguardando"} | self.states.get(request_id, {}))
        if path != "solicitacao":
            return accept(path, headers, body)
        if body is None:
            return json_response(200, {"solicitacoes": self.listed})
        self.asked.append(json.loads(body))
        self.is_answering.wait(10)
        return self.answers.pop(0) if self.answers else json_response(201, {})


@pytest.fixture
def api() -> Requests:
    return Requests()


@pytest.fixture
def server(api: Requests) -> Iterator[FakeServer]:
    with run_fake_server(api) as server:
        server.additions = {"requests": WEB}
        yield server


DAY = f"{datetime.now() - timedelta(days=2):%Y-%m-%d}"


def fill(page: Page) -> None:
    page.get_by_text("Esqueci de bater").click()
    for name, value in (("day", DAY), ("time", "18:00"), ("reason", "tablet parado")):
        page.locator(f"#ask-{name}").fill(value)


def send(page: Page) -> None:
    page.get_by_role("button", name="Pedir a correção").click()


def test_request_is_kept_offline_and_every_retry_has_its_id(phone: Phone, api: Requests) -> None:
    page = phone.open("#key=first", worker=False)
    page.locator("#employee").fill("123")
    fill(page)
    phone.context.set_offline(True)
    send(page)
    expect(page.locator(STATE)).to_contain_text("NÃO foi enviado")
    punch(page)
    wait_for_states(page, WAITING)
    phone.context.set_offline(False)
    api.answers = [json_response(503, {}), json_response(400, {"message": "in English", "motivo": "futuro"})]
    send(page)
    expect(page.locator(STATE)).to_contain_text("envie de novo")
    page.reload()
    expect(page.locator("#ask-reason")).to_have_value("tablet parado")
    send(page)
    expect(page.locator(STATE)).to_have_text("O pedido NÃO foi registrado. Este horário ainda não chegou.")
    expect(page.locator("#ask-day")).to_have_attribute("aria-invalid", "true")
    require_no_violations(page)
    page.locator("#ask-reason").fill("outro motivo")
    send(page)
    expect(page.locator(STATE)).to_contain_text("só conta depois")

    first, second, third = api.asked
    assert first == second
    assert first["id"][14] == "7"
    assert third["id"] != first["id"]
    assert first.items() >= {"usuarioId": 123, "tipo": "inclusao", "ponto": f"{DAY}T18:00"}.items()
    expect(page.locator("#ask-reason")).to_have_value("")


def test_punch_that_is_not_stored_yet_is_asked_about_later(phone: Phone, server: FakeServer, api: Requests) -> None:
    page = phone.open("#key=first", worker=False)
    punch(page, 123)
    page.get_by_role("button", name="Corrigir").press("Enter")
    expect(page.get_by_label("esta batida não vale")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("bati\nduas vezes ")
    expect(page.locator("#ask-count")).to_have_text("16/200")
    api.answers = [json_response(404, {"message": "not stored", "motivo": "ausente"})]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(STATE)).to_contain_text("ainda não foi registrada")
    require_no_violations(page)
    send(page)
    expect(page.locator(STATE)).to_contain_text("só conta depois")

    assert api.asked[0] == api.asked[1]
    sent = server.punch_requests[0].body["id"]
    assert api.asked[0].items() >= {"tipo": "desconsideracao", "batidaId": sent, "motivo": "bati duas vezes"}.items()


def test_missing_punch_is_asked_for_beside_another_for_its_employee(phone: Phone, api: Requests) -> None:
    page = phone.open("#key=first", worker=False)
    punch(page, 123)
    page.locator("#employee").fill("124")
    expect(page.locator("#ask-employee")).to_have_text("Para a matrícula 124")
    page.get_by_role("button", name="Corrigir").click()
    page.get_by_label("falta uma batida").check()
    expect(page.locator("#ask-employee")).to_have_text("Para a matrícula 123")
    today = f"{datetime.now():%Y-%m-%d}"
    day = page.locator("#ask-day")
    assert [day.input_value(), day.get_attribute("max")] == [today, today]
    page.locator("#ask-time").fill("00:00")
    page.locator("#ask-reason").fill("tablet parado")
    send(page)
    expect(page.locator(STATE)).to_contain_text("só conta depois")
    assert api.asked[0].items() >= {"usuarioId": 123, "tipo": "inclusao", "ponto": f"{today}T00:00"}.items()


def test_incomplete_or_old_request_is_not_sent_and_without_a_key_there_is_no_form(phone: Phone, api: Requests) -> None:
    page = phone.open(worker=False)
    expect(page.locator("#ask")).to_be_attached()
    expect(page.locator("#ask")).to_be_hidden()
    page.goto(phone.url + "#key=first")
    fill(page)
    send(page)
    expect(page.locator("#employee")).to_be_focused()
    expect(page.locator(STATE)).to_contain_text("matrícula")
    page.locator("#employee").fill("123")
    page.locator("#ask-time").fill("")
    send(page)
    expect(page.locator("#ask-time")).to_be_focused()
    expect(page.locator("#ask-form [aria-invalid]")).to_have_count(1)
    page.locator("#ask-time").fill("18:00")
    page.locator("#ask-day").fill("2026-01-01")
    send(page)
    expect(page.locator(STATE)).to_contain_text("60 dias")
    assert api.asked == []


def test_answer_is_in_the_pages_language_and_an_unknown_one_in_english(phone: Phone, api: Requests) -> None:
    page = phone.open("#key=first", worker=False)
    page.locator("#employee").fill("123")
    fill(page)
    answers: dict[str, tuple[int, dict[str, str]]] = {
        "quem cuida do ponto que cadastre": (400, {"message": "in English", "motivo": "desconhecido"}),
        "recusa a chave": (403, {"message": "Forbidden"}),
        "too strange": (400, {"message": "too strange", "motivo": "novo"}),
    }
    for text, (status, body) in answers.items():
        api.answers = [json_response(status, body)]
        send(page)
        expect(page.locator(STATE)).to_contain_text(text)
    page.locator("#language").click()
    expect(page.locator(STATE)).to_have_text("The request was NOT stored. too strange")


def test_fields_cannot_change_while_they_are_sent(phone: Phone, api: Requests) -> None:
    page = phone.open("#key=first", worker=False)
    page.locator("#employee").fill("123")
    fill(page)
    api.is_answering.clear()
    send(page)
    reason = page.locator("#ask-reason")
    expect(reason).not_to_be_editable()
    api.is_answering.set()
    expect(reason).to_have_value("")
    expect(reason).to_be_editable()


def sign_in(page: Page, employee: int) -> None:
    page.evaluate(
        """employee => import("./database.js")
          .then(database => database.saveSetting("session", { token: "t", refresh: null, employee }))
          .then(() => dispatchEvent(new Event("outbox")))""",
        employee,
    )


def test_signed_in_employee_sees_own_requests_only(phone: Phone, server: FakeServer, api: Requests) -> None:
    server.sign_in = SignIn.from_domain("pool.example.com", "client")
    api.listed = [listed(situacao=state) for state in ("aguardando", "aceita", "desfeita", "corrigida", "aceita")]
    api.listed.append(listed(situacao="recusada", recusa="férias"))
    page = phone.open("#key=first", worker=False)
    expect(page.locator("#requests")).to_be_attached()
    expect(page.locator("#requests, #ask").filter(visible=True)).to_have_count(0)
    sign_in(page, 122)
    fill(page)
    punch(page)
    expect(page.get_by_role("button", name="Corrigir")).to_have_count(1)
    sign_in(page, 123)

    expect(page.locator("#requests li")).to_have_count(5)
    expect(page.get_by_role("button", name="Corrigir")).to_have_count(0)
    page.get_by_role("button", name="mostrar todos").click()
    expect(page.locator("#requests li").last).to_contain_text("recusadoResposta: férias")
    expect(page.locator("#ask-reason")).to_have_value("")  # another person's
    page.locator("#language").click()
    expect(page.locator("#requests li").first).to_contain_text("waiting")
    require_no_violations(page)
    api.listed = []  # the server lists the signed-in employee's only
    sign_in(page, 122)
    expect(page.locator("#requests")).to_be_hidden()
    assert "férias" not in page.evaluate("JSON.stringify(localStorage)")


def listed(**values: object) -> dict[str, object]:
    request = {"id": str(uuid.uuid4()), "usuarioId": 123, "tipo": "inclusao", "motivo": "tablet parado", "recusa": None}
    return request | {"criadaEm": CREATED, "ponto": CREATED} | values


def test_sent_request_stays_on_the_device_until_it_is_answered(phone: Phone, api: Requests) -> None:
    page = phone.open("#key=first", worker=False)
    punch(page, 123)
    page.get_by_role("button", name="Corrigir").click()
    page.locator("#ask-reason").fill("bati duas vezes")
    send(page)
    expect(page.locator(STATE)).to_contain_text("matrícula 123: desconsiderar")
    expect(page.locator("#punches")).to_contain_text("pedido enviado")
    expect(page.get_by_role("button", name="Corrigir")).to_have_count(0)
    for _ in range(2):  # the second is the same request
        page.locator("#ask-day").fill(DAY)
        page.locator("#ask-time").fill("18:00")
        page.locator("#ask-reason").fill("tablet parado")
        send(page)
    expect(page.locator(STATE)).to_contain_text("já pediu")
    assert len(api.asked) == 2
    api.states[api.asked[0]["id"]] = {"situacao": "recusada", "recusa": "foram duas pessoas"}
    page.reload()
    expect(page.locator("#requests li").last).to_contain_text("Resposta: foram duas pessoas")
    expect(page.locator("#requests li").first).to_contain_text("aguardando")
    expect(page.locator("#punches")).to_contain_text("pedido recusado")
    expect(page.get_by_role("button", name="Corrigir")).to_be_visible()
    require_no_violations(page)
    page.locator("#employee").fill("124")
    expect(page.locator("#requests")).to_be_hidden()

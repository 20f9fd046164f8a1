"""A signed-in employee asks on the page of a deployed stage, and a manager accepts."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from slices.page.tests.page import phones
from slices.reports.tests.company import fill
from slices.requests.tests.requesting import new_id
from slices.sign_in.tests.e2e.alone.test_identity import UserPool
from tests.commands import runner
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed

YESTERDAY = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0) - timedelta(days=1)


def open_signed_in(page: Page, url: str, employee: int, token: str) -> None:
    page.goto(url)
    page.evaluate(
        """session => import("./database.js")
          .then(database => database.saveSetting("session", session))
          .then(() => dispatchEvent(new Event("outbox")))""",
        {"token": token, "refresh": None, "employee": employee},
    )


@pytest.mark.slow
def test_signed_in_employee_asks_for_themselves_only_and_sees_the_decision(
    browser: Browser, client: Client, deployed: Deployed, pool: UserPool, capsys: pytest.CaptureFixture[str]
) -> None:
    ana, rui = next(EMPLOYEES), next(EMPLOYEES)
    url, token = client.address.root_url, pool.sign_in(ana)
    ruis_punch = new_id()
    punch = "insert into ponto.batida (id, usuario_id, ponto) values (%s, %s, %s)"
    for punch_id, employee in ((new_id(), ana), (ruis_punch, rui)):
        fill(client.address.database_url, punch, punch_id, employee, YESTERDAY)

    client.address = client.address._replace(api_url=client.address.api_url.removesuffix("/ponto"))
    body = {"id": new_id(), "usuarioId": rui, "tipo": "inclusao", "ponto": YESTERDAY.isoformat(), "motivo": "forgot"}
    disregard = {
        "id": new_id(),
        "usuarioId": ana,
        "tipo": "desconsideracao",
        "batidaId": ruis_punch,
        "motivo": "not me",
    }
    answers = [client.post(each, subpath="/solicitacao", authorization=token).status for each in (body, disregard)]
    assert answers == [400, 404]
    assert client.post(body, subpath="/solicitacao").status == 401

    with phones.new_phone(browser, url) as phone:
        page = phone.new_tab()
        open_signed_in(page, f"{url}#key={client.address.api_key}", ana, token)
        page.get_by_text("Esqueci de bater").click()
        page.locator("#ask-day").fill(f"{YESTERDAY:%Y-%m-%d}")
        page.locator("#ask-time").fill("10:05")
        page.locator("#ask-reason").fill("tablet parado")
        page.get_by_role("button", name="Pedir a correção").click()
        expect(page.locator("#requests li")).to_contain_text("aguardando")

        run = runner(capsys)
        (request,) = json.loads(run("requests", "list", "--waiting", "--json", "--state", deployed.state).out)
        assert (request["usuarioId"], request["autenticada"]) == (ana, True)
        assert run("requests", "accept", request["id"], "--state", deployed.state).status == 0

        page.reload()
        expect(page.locator("#requests li")).to_contain_text("aceito")

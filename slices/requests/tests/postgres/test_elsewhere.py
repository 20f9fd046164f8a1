"""Requests in reports, in `ponto person`, in `ponto trace`'s corrections, and in the documented erasure."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from playwright.sync_api import Browser, Page

from slices.reports.tests.company import MONTH, NOVEMBER, runner
from slices.reports.tests.company import database as database
from slices.reports.tests.company import url as url
from slices.reports.tests.postgres.test_person import Stage
from slices.reports.tests.postgres.test_person import dev as dev
from tests.database import execute
from tests.documents import erasure_statement
from tools.kit.project import ROOT
from tools.tests.page.axe import require_no_violations
from tools.tests.page.browsers import browser as browser
from tools.tests.page.browsers import playwright as playwright

REQUESTS = """
insert into solicitacao (id, usuario_id, tipo, ponto, motivo, autenticada)
select overlay(gen_random_uuid()::text placing '7' from 15)::uuid, 101 + n % 7, 'inclusao', '2026-11-26 17:00-03',
    'forgot', n < 9
from generate_series(1, 14) as n;
insert into solicitacao (id, usuario_id, tipo, batida_id, motivo, autenticada)
select overlay(gen_random_uuid()::text placing '7' from 15)::uuid, usuario_id, 'desconsideracao', id, 'twice', false
from batida;
insert into recusa (solicitacao_id, motivo, autor) select id, 'on leave', 'maria' from solicitacao where autenticada;
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def test_no_figure_of_a_report_changes_before_a_request_is_accepted(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(url, tmp_path, monkeypatch, capsys)
    reports = (
        ("timecard", *MONTH, "--all"),
        ("totals", *MONTH),
        ("exceptions", *NOVEMBER, "--no-queue"),
        ("changes", *MONTH, "--since", "2026-11-20T12:00"),
    )

    def print_all() -> list[str]:
        results = [run(*words, "--format", "json") for words in reports]
        assert all(result.out and not result.err for result in results), results
        return [result.out for result in results]

    before = print_all()
    execute(url, REQUESTS)
    assert print_all() == before


ACCEPTED = """
insert into correcao (id, tipo, usuario_id, ponto, motivo)
select min(aceite::text)::uuid, tipo, usuario_id, ponto, 'forgot'
from solicitacao_situacao
where tipo = 'inclusao' and usuario_id in (103, 106) and autenticada = (usuario_id = 106)
group by 2, 3, 4
"""


def test_accepted_request_is_named_with_its_correction(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(url, tmp_path, monkeypatch, capsys)
    execute(url, REQUESTS)
    execute(url, ACCEPTED)
    execute(
        url, "insert into correcao (tipo, usuario_id, ponto, motivo) values ('inclusao', 107, '2026-11-26', 'forgot')"
    )

    def print_card(employee_id: int) -> str:
        return " ".join(run("timecard", *MONTH, "--employee", employee_id, "--lang", "pt").out.split())

    assert ", a pedido do empregado: forgot" in print_card(106)
    assert ", a pedido do empregado (autoria não verificada): forgot" in print_card(103)
    assert "incluída por postgres" in print_card(107)
    assert "a pedido" not in print_card(107)
    assert "at the employee's request" in run("changes", *MONTH, "--since", "2026-11-20T12:00").out


def test_person_has_the_requests_of_the_employee_only(dev: Stage, url: str) -> None:
    execute(url, REQUESTS)

    assert dev.run(106).status == 0

    requests = json.loads(dev.text())["solicitacoes"]
    ids = dev.execute("select id::text from solicitacao where usuario_id = 106 order by criada_em, id")
    assert [each["id"] for each in requests] == ids
    assert {each["situacao"] for each in requests} == {"aguardando", "recusada"}
    assert set(requests[0]) == dev.fields("solicitacao_situacao")
    assert "on leave" in dev.text("html")


def test_page_of_a_person_has_the_requests_in_words(dev: Stage, url: str, page: Page) -> None:
    execute(url, REQUESTS)

    assert dev.run(106, "--lang", "pt").status == 0

    page.goto((dev.folder / "employee-106.html").as_uri())
    table = page.locator("#solicitacoes + .wide")
    headings = "Enviada em, Tipo, Batida, Motivo, Situação, Motivo da recusa, Outros campos"
    assert ", ".join(table.locator("th").all_inner_texts()) == headings
    assert re.findall(r"\w+_\w+|Ocorrência|autenticada|aceite|desconsideracao", table.inner_text()) == []
    require_no_violations(page)


def test_only_the_employees_requests_are_erased(migrated_url: str) -> None:
    for number, employee in enumerate((123, 124)):
        execute(
            migrated_url,
            "insert into solicitacao (id, usuario_id, tipo, ponto, motivo, autenticada)"
            f" values ('0199a1f2-7c1e-7b52-9d1f-00000000000{number}', {employee}, 'inclusao', now(), 'forgot', true)",
        )
    execute(migrated_url, "insert into recusa select id, 'on leave', 'maria' from solicitacao")

    execute(migrated_url, erasure_statement(ROOT / "slices" / "requests" / "README.md", "solicitacao"))

    assert execute(migrated_url, "select usuario_id, recusa_autor from solicitacao_situacao") == [(124, "maria")]
    with pytest.raises(psycopg2.errors.RaiseException, match="DELETE refused"):
        execute(migrated_url, "delete from recusa")

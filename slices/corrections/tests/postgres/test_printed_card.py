"""Time cards with corrections, printed in Chromium."""

from slices.reports.tests.company import database as database
from slices.reports.tests.company import dlq as dlq
from slices.reports.tests.company import shared_database
from slices.reports.tests.postgres.test_report_pages import Open
from slices.reports.tests.postgres.test_report_pages import open_report as open_report
from tools.tests.page.browsers import browser as browser
from tools.tests.page.browsers import playwright as playwright

# Employee 300 + n worked on each day of October, and has n corrections by a person who assumed a role.
CORRECTED_MONTHS = """
insert into batida (id, usuario_id, ponto, recebida_em)
select gen_random_uuid(), usuario_id, at, at
from unnest(array[308, 330]) as usuario_id,
    generate_series(timestamptz '2026-10-01 08:00-03', '2026-10-31 08:00-03', '1 day') as day,
    unnest(array[day, day + '4 hours', day + '5 hours']) as at;
set session_replication_role = replica;
insert into correcao (id, usuario_id, tipo, ponto, motivo, autor, criada_em)
select overlay(overlay(gen_random_uuid()::text placing '8' from 15) placing 'c' from 1)::uuid, usuario_id, 'inclusao',
    timestamptz '2026-10-01 17:00-03' + n * interval '1 day', 'no power',
    'arn:aws:sts::123456789012:assumed-role/batida-ponto-dev-CorrectorRole/joana', '2026-11-04 08:00-03'
from unnest(array[308, 330]) as usuario_id, generate_series(1, usuario_id - 300) as n;
set session_replication_role = origin;
"""
unchanged_database = shared_database(CORRECTED_MONTHS)


def test_signatures_are_on_a_page_with_month_number_and_total(open_report: Open) -> None:
    def print_pages(employee_id: int) -> list[str]:
        words = ("timecard", "--employee", str(employee_id), "--month", "2026-10", "--lang", "pt")
        return [sheet.extract_text() for sheet in open_report(*words).printed().pages]

    (only_page,) = print_pages(308)
    assert "incluída por joana em" in only_page
    assert only_page.count("arn:aws:sts::") == 1
    first, last = print_pages(330)
    assert "Assinatura" not in first
    assert last.index("de outubro de 2026, matrícula 330, total 244:00") < last.index("Assinatura")

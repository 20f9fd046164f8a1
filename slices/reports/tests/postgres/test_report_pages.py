"""The HTML reports, displayed and printed in Chromium."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pypdf import PdfReader

from slices.reports.tests.company import MONTH, Run, runner, shared_database
from slices.reports.tests.company import database as database
from slices.reports.tests.company import dlq as dlq
from slices.reports.tests.company import url as url
from tools.tests.page.browsers import browser as browser
from tools.tests.page.browsers import playwright as playwright

_PHONE, _SCREEN = (360, 740), (1280, 900)
A4 = (595, 842)  # points
_PAPER = round((210 - 2 * 13) * 96 / 25.4)  # CSS pixels between the margins of 13 mm on A4

# Ten punches on each of 31 days and a name of two lines: the fullest possible page.
FULLEST_MONTH = """
insert into funcionario (usuario_id, nome, cpf)
values (201, 'Maximiliano ' || repeat('Albuquerque ', 6), '52998224725');
insert into batida (id, usuario_id, ponto, recebida_em)
select gen_random_uuid(), 201, at, at
from generate_series(timestamptz '2026-10-01 00:00-03', '2026-10-31 00:00-03', '1 day') as day,
    generate_series(day + interval '18:30', day + interval '27:30', '1 hour') as at
"""

unchanged_database = shared_database(FULLEST_MONTH)


class OpenedPage:
    """A page in the browser, with its console messages and requests."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(file.as_uri())

    def printed(self) -> PdfReader:
        return PdfReader(io.BytesIO(self.page.pdf(prefer_css_page_size=True)))

    def widths(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the width of the content and of the window, for a window size; the content fits if it is not wider."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        content_width, window_width = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        return content_width, window_width


Open = Callable[..., OpenedPage]


@pytest.fixture
def open_report(
    database: str,
    dlq: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    browser: Browser,
) -> Iterator[Open]:
    """Return a function that writes a report of the company and opens it."""
    run: Run = runner(database, tmp_path, monkeypatch, capsys, dlq, "https://sqs.us-east-1.amazonaws.com")
    page = browser.new_page()

    def write_and_open(*words: str) -> OpenedPage:
        file = tmp_path / "report.html"
        result = run(*words, "--format", "html", "--output", file, "--force")
        assert result.status == 0, result.err
        return OpenedPage(page, file)

    yield write_and_open
    page.close()


# Headings of a time card that are wider than their columns.
_WIDE_HEADINGS = """
[...document.querySelectorAll(".time-card th")].filter(th => th.scrollWidth > th.clientWidth).map(th => th.textContent)
"""


def test_page_is_self_contained_and_fits_screen_phone_and_paper(open_report: Open) -> None:
    page = open_report("timecard", "--all", *MONTH, "--lang", "pt")
    for size in (_SCREEN, _PHONE):
        content_width, window_width = page.widths(size)
        assert content_width <= window_width, size
    assert page.page.evaluate(_WIDE_HEADINGS) == []
    assert page.page.locator("main").count() == 1
    printed = page.printed()
    for sheet in printed.pages:
        assert (round(sheet.mediabox.width), round(sheet.mediabox.height)) == A4
    page.page.emulate_media(media="print")
    content_width, window_width = page.widths((_PAPER, 900))
    assert content_width <= window_width
    assert page.messages == []
    assert [url for url in page.requests if not url.startswith("file:")] == []
    assert len(page.requests) == 1


def test_time_cards_print_a_page_for_each_employee(open_report: Open) -> None:
    pages = [sheet.extract_text() for sheet in open_report("timecard", "--all", *MONTH, "--lang", "pt").printed().pages]

    numbers = (101, 102, 103, 104, 105, 106, 107, 201)
    assert len(pages) == len(numbers)
    for number, text in zip(numbers, pages, strict=True):
        assert f"\n{number}\n" in text
    words = ("Espelho de ponto", "ovembro de 2026", "178:30", "Assinatura do empregado", "Não emitido por REP-P")
    for text in (*words, "111.222.333-44"):
        assert text in pages[0]
    assert "+1" in pages[2]


def test_a_script_in_a_name_is_text(open_report: Open) -> None:
    page = open_report("timecard", "--employee", "104", "--employee", "105", *MONTH)

    assert page.page.title() == "Time card, November 2026"
    assert page.page.locator(".name dd").first.inner_text() == '<script>document.title = "gone"</script>'
    assert page.page.locator("script").count() == 0

"""The HTML pages of `ponto report` with corrections, opened and printed in Chromium."""

import pytest

from slices.corrections.tests.correcting import CORRECTIONS_SQL
from slices.reports.tests.company import MONTH, NOVEMBER, shared_database
from slices.reports.tests.company import database as database
from slices.reports.tests.company import dlq as dlq
from slices.reports.tests.postgres.test_report_pages import FULLEST_MONTH, Open, require_fit, require_unbroken_words
from slices.reports.tests.postgres.test_report_pages import browser as browser
from slices.reports.tests.postgres.test_report_pages import open_report as open_report

unchanged_database = shared_database(FULLEST_MONTH, CORRECTIONS_SQL)


@pytest.mark.parametrize(
    "words",
    [
        ("timecard", "--employee", "106", *MONTH),
        ("changes", *MONTH, "--since", "2026-11-10T12:00"),
        ("exceptions", *NOVEMBER, "--no-queue"),
    ],
    ids=lambda words: words[0],
)
def test_a_page_fits_screen_phone_and_paper(words: tuple[str, ...], open_report: Open) -> None:
    require_fit(open_report(*words, "--lang", "pt"))


def test_corrected_card_neither_breaks_nor_overlaps_words_in_a_wide_font(open_report: Open) -> None:
    require_unbroken_words(open_report("timecard", "--employee", "106", *MONTH, "--lang", "pt"), "DejaVu Sans")

"""`ponto report`: the reports; each has a file of its own."""

from slices.reports.report import changes, cutoffs, exceptions, gaps, options, peak, timecard, totals
from tools.kit import commands

_EPILOG = f"""examples:
  ponto report timecard --employee 123 --month 2026-11
  ponto report timecard --all --month 2026-11 --lang pt --format html \\
    --output november.html
  ponto report totals --month 2026-11 --format csv --output november.csv
  ponto report exceptions --month 2026-11
  ponto report changes --month 2026-10 --since 2026-11-03T12:00
  ponto report cutoffs --month 2026-11
  ponto report gaps --month 2026-11
  ponto report peak --day 2026-11-23 --picture peak.png

Text and html are written in the language. csv has the database's names, json the same in camelCase; times are ISO 8601,
UTC or local, and lengths of time are minutes or seconds, as the name says. csv: with commas, or --separator ";"; a file
begins with the mark (BOM) by which spreadsheets know UTF-8, a pipe does not. A text that a spreadsheet would run gets
an apostrophe.

{options.STATUS}"""


@commands.group(epilog=_EPILOG)
def report() -> None:
    """Time cards, totals, exceptions, changes, gaps, the peak.

    Reports from the database, which is only read (slices/reports/report-command.md).
    """


for _each in (changes, cutoffs, exceptions, gaps, peak, timecard, totals):
    report.add_command(_each.command)

"""The command group `ponto report`; each report has a separate module."""

from slices.reports.report import changes, exceptions, listings, options, time_card
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

Text, and the html of time cards, are in the language of --lang. csv has the database's column names, json the same in
camelCase. Times are ISO 8601, UTC or local; durations are in minutes or seconds, as their names say. csv is separated
by commas, or by --separator ";". A csv file begins with a byte order mark, by which spreadsheets recognize UTF-8;
standard output has none. Text that a spreadsheet would run as a formula is preceded by an apostrophe.

{options.STATUS}"""


@commands.group(epilog=_EPILOG)
def report() -> None:
    """Print time cards, totals and other reports.

    The commands only read the database. Documentation: slices/reports/report-command.md.
    """


for _command in (
    *(changes.command, exceptions.command, time_card.command),
    *(listings.cutoffs, listings.gaps, listings.totals),
):
    report.add_command(_command)

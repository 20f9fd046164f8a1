"""reports.md, whose tables of columns come from the database."""

from tools.develop.docs import marks
from tools.kit.project import ROOT


def test_the_page_of_the_views_has_their_columns() -> None:
    reports = (ROOT / "slices" / "reports" / "reports.md").read_text(encoding="utf-8")
    assert len([source for source in marks.sources(reports) if source.startswith("columns: ")]) >= 8

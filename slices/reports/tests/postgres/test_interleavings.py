"""A report among programs that write, in every order: a fault that is planted is found."""

from lab.interleavings.command import explore
from lab.interleavings.runs import stage
from lab.interleavings.scenarios import PLANTED


def test_a_report_whose_statements_see_different_instants_is_found(migrated_url: str) -> None:
    with stage(migrated_url) as here:
        found = next(run for run in explore(here, "report", PLANTED["snapshot"]) if run.broken)
        [again] = explore(here, "report", PLANTED["snapshot"], order=found.order)

    assert "a report shows two instants" in " ".join(found.broken)
    assert again == found

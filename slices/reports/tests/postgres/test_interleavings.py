"""The scenario of a report and concurrent writers finds a planted defect."""

from lab.interleavings.command import explore_orders
from lab.interleavings.runs import open_runner
from lab.interleavings.scenarios import MUTANTS


def test_a_report_whose_statements_see_different_instants_is_found(migrated_url: str) -> None:
    with open_runner(migrated_url) as runner:
        failed_run = next(run for run in explore_orders(runner, "report", MUTANTS["snapshot"]) if run.broken_rules)
        [repeated_run] = explore_orders(runner, "report", MUTANTS["snapshot"], order=failed_run.order)

    assert "a report shows two instants" in " ".join(failed_run.broken_rules)
    assert repeated_run == failed_run

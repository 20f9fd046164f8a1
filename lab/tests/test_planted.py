"""The planted faults keep up with the files that they change."""

import tomllib

from lab.mutants.planted import FAULTS, Fault
from tools.kit.project import ROOT


def test_every_planted_fault_can_be_applied() -> None:
    faults = [Fault(**each) for each in tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"]]
    assert [fault.what for fault in faults if not fault.is_applicable(ROOT)] == []

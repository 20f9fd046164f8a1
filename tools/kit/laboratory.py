"""What a slice adds to the laboratory."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Laboratory(NamedTuple):
    """What the laboratory runs for a slice, by name."""

    scenarios: Mapping[str, Any] = {}  # lab.interleavings.scenario.Scenario
    faults: Mapping[str, Any] = {}  # lab.interleavings.planted.Planted
    benchmarks: Mapping[str, Any] = {}  # lab.bench.harness.Part
    readings: Mapping[str, Any] = {}  # lab.bench.harness.Reading, which the part `growth` times

"""What JMeter saw: its results file, and the figures in it."""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PUNCH, REPEAT, MALFORMED = "punch", "repeat", "malformed"  # the samplers of the plans
_ACCEPTED, _REFUSED = "202", "400"
_CLOSED = "Non HTTP response message: Socket closed"  # Java: by this side; by the other it is "Connection reset"
_accepted_line = re.compile(f",(?:{PUNCH}|{REPEAT}),{_ACCEPTED},".encode())


class Sample(NamedTuple):
    """A request and its answer."""

    sampler: str  # PUNCH, REPEAT or MALFORMED
    began_ms: int  # ms since the epoch, UTC
    elapsed_ms: int  # from before the request to the last byte of the answer
    code: str  # the HTTP status, or words when there was no answer
    message: str  # what the status says, or why there was none
    is_expected: bool  # the plan's assertions on status and body hold
    failure: str  # which does not
    id: str  # of the punch
    employee_id: int

    @property
    def ended_ms(self) -> int:
        """When the answer was there."""
        return self.began_ms + self.elapsed_ms

    @property
    def is_accepted(self) -> bool:
        """Whether the gateway took over a punch."""
        return self.sampler != MALFORMED and self.code == _ACCEPTED


class Latency(NamedTuple):
    """Of all requests, milliseconds until the last byte of the answer."""

    average: float
    min: int
    p50: int
    p95: int
    p99: int
    max: int


class Figures(NamedTuple):
    """A run as JMeter saw it."""

    requests: int
    accepted: dict[str, int]  # id -> employee, of each punch that was answered with 202 at least once
    accepted_ms: list[int]  # when each of them was first answered so, ms since the epoch, ascending
    last_accepted_ms: int  # the end of the last 202, repeats included
    repeats: int  # further 202s
    refused: int  # malformed, and answered with 400
    errors: int  # answers that were not as expected, and requests without one
    failures: dict[str, int]  # what the errors were: status and assertion
    began_ms: int
    seconds: float  # from the first request to the last answer
    latency: Latency

    @property
    def requests_per_second(self) -> float:
        """Over the whole run, ramp-up included, as JMeter's summary counts."""
        return self.requests / self.seconds if self.seconds else 0.0


def read_samples(file: Path) -> Iterator[Sample]:
    """Read a results file in CSV, written with user.properties.

    Raises:
        KeyError: a column is missing: another configuration wrote it.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            yield Sample(
                sampler=row["label"],
                began_ms=int(row["timeStamp"]),
                elapsed_ms=int(row["elapsed"]),
                code=row["responseCode"],
                message=row["responseMessage"],
                is_expected=row["success"] == "true",
                failure=row["failureMessage"],
                id=row["id"],
                employee_id=int(row["usuarioId"]),
            )


def summarize(samples: Iterable[Sample]) -> Figures:
    """Count and time.

    Raises:
        ValueError: there are no samples.
    """
    samples = list(samples)
    if not samples:
        raise ValueError("no samples")
    accepted: dict[str, int] = {}
    accepted_ms: list[int] = []
    repeats = 0
    for sample in sorted(samples, key=lambda sample: sample.ended_ms):
        if not sample.is_accepted:
            continue
        if sample.id in accepted:
            repeats += 1
        else:
            accepted[sample.id] = sample.employee_id
            accepted_ms.append(sample.ended_ms)
    failures = Counter(_failure(sample) for sample in samples if not sample.is_expected)
    began_ms = min(sample.began_ms for sample in samples)
    elapsed = sorted(sample.elapsed_ms for sample in samples)
    p50, p95, p99 = (elapsed[math.ceil(len(elapsed) * percent / 100) - 1] for percent in (50, 95, 99))  # nearest-rank
    return Figures(
        requests=len(samples),
        accepted=accepted,
        accepted_ms=accepted_ms,
        last_accepted_ms=max((sample.ended_ms for sample in samples if sample.is_accepted), default=0),
        repeats=repeats,
        refused=sum(sample.sampler == MALFORMED and sample.code == _REFUSED for sample in samples),
        errors=failures.total(),
        failures=dict(failures.most_common()),
        began_ms=began_ms,
        seconds=(max(sample.ended_ms for sample in samples) - began_ms) / 1000,
        latency=Latency(sum(elapsed) / len(elapsed), elapsed[0], p50, p95, p99, elapsed[-1]),
    )


class ResultsTail:
    """Counts what JMeter has written so far, for progress: the proof reads the file again, properly."""

    def __init__(self, file: Path) -> None:
        self.accepted = 0  # answers
        self._file = file
        self._read = 0  # bytes

    def look(self) -> int:
        """Return how many 202s there are by now."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._read)
                text = file.read()
        except FileNotFoundError:
            return 0
        complete = text[: text.rfind(b"\n") + 1]
        self._read += len(complete)
        self.accepted += len(_accepted_line.findall(complete))
        return self.accepted


def _failure(sample: Sample) -> str:
    if sample.message == _CLOSED:
        return f"{sample.sampler}: no answer when the schedule ended, so JMeter closed the connection"
    said = sample.failure.partition("\n")[0].strip()
    return f"{sample.sampler}: {sample.code}" + (f": {said}" if said else "")

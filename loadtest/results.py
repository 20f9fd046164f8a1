"""Results file of JMeter, and the figures computed from it. JMeter computes the latency: see `jmeter`."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ponto.punch import EVENT
from ponto.shared.event import Subject

PUNCH, REPEAT, MALFORMED = "punch", "repeat", "malformed"  # names of the samplers in device.jmx
_ACCEPTED, _REFUSED = "202", "400"
_CLOSED = "Non HTTP response message: Socket closed"  # closed by JMeter; a server causes "Connection reset"
_ACCEPTED_LINE = re.compile(f",(?:{PUNCH}|{REPEAT}),{_ACCEPTED},".encode())


class Sample(NamedTuple):
    """Request and its answer."""

    sampler: str  # PUNCH, REPEAT or MALFORMED
    began_ms: int  # Unix time in milliseconds
    elapsed_ms: int  # from before the request to the last byte of the answer
    code: str  # HTTP status, or a description if there was no answer
    message: str  # reason phrase of the status, or the error
    is_expected: bool  # the assertions of the plan hold
    failure: str  # message of the assertion that does not hold
    id: str  # id of the punch
    employee_id: Subject

    @property
    def ended_ms(self) -> int:
        """Unix time in milliseconds at which the answer was complete."""
        return self.began_ms + self.elapsed_ms

    @property
    def is_accepted(self) -> bool:
        """True if the gateway accepted a punch."""
        return self.sampler != MALFORMED and self.code == _ACCEPTED


class Figures(NamedTuple):
    """Figures of a run, as JMeter measured it."""

    requests: int
    accepted: dict[str, Subject]  # employee id by punch id, for each punch with at least one 202
    accepted_ms: list[int]  # time of each punch's first 202, as Unix time in milliseconds, ascending
    last_accepted_ms: int  # time of the last 202, repeats included
    repeats: int  # further 202s
    refused: int  # malformed requests that were answered with 400
    errors: int  # unexpected answers, and requests without an answer
    failures: dict[str, int]  # number of errors by description
    began_ms: int
    seconds: float  # from the first request to the last answer

    @property
    def requests_per_second(self) -> float:
        """Average of the run, ramp-up included, as in the summary of JMeter."""
        return self.requests / self.seconds if self.seconds else 0.0


def read_samples(file: Path) -> Iterator[Sample]:
    """Yield the samples of a results file, which must have the columns that user.properties configures.

    Raises:
        KeyError: a column is missing.
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
                employee_id=EVENT.parse_subject(row["subject"]),
            )


def summarize(samples: Iterable[Sample]) -> Figures:
    """Compute the figures of a run.

    Raises:
        ValueError: there are no samples.
    """
    samples = list(samples)
    if not samples:
        raise ValueError("no samples")
    accepted: dict[str, Subject] = {}
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
    )


class ResultsTail:
    """Counter of the 202s in a growing results file, for progress. The proof parses the complete file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._accepted = 0
        self._offset = 0  # bytes read so far

    def count_accepted(self) -> int:
        """Return the number of 202s so far."""
        with suppress(FileNotFoundError), self._file.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
            complete = text[: text.rfind(b"\n") + 1]
            self._offset += len(complete)
            self._accepted += len(_ACCEPTED_LINE.findall(complete))
        return self._accepted


def _failure(sample: Sample) -> str:
    if sample.message == _CLOSED:
        return f"{sample.sampler}: no answer when the schedule ended, so JMeter closed the connection"
    assertion = sample.failure.partition("\n")[0].strip()
    return f"{sample.sampler}: {sample.code}" + (f": {assertion}" if assertion else "")

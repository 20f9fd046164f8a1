"""Tests of a file that is imported by several invocations, some of which are repeated or killed."""

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slices.imports import function
from slices.imports.file_formats import InvalidFileError
from slices.imports.tests.unit.test_uploads import RESERVE, FakeAws, punch
from slices.imports.uploads import FAILURE_FILE, SUMMARY_FILE

FOLDER = "results/october.ndjson/v1/"


class KilledError(BaseException):
    """Lambda ended the process."""


class InvocationSimulator:
    """Runs the invocations of a file in any order; kills some, and runs some twice."""

    def __init__(self, fake_aws: FakeAws, patch: pytest.MonkeyPatch, random: Random) -> None:
        self.results: list[Any] = []  # all summaries and failures that were written
        self._fake_aws = fake_aws
        self._random = random
        self._remaining_mishaps = 12  # limited, so that the import ends
        self._ticks = 0
        self._importer = fake_aws.importer(function.read_settings(), self._tick)
        for target, name in (
            (fake_aws.bucket, "put_object"),
            (fake_aws.bucket, "delete_object"),
            (fake_aws.functions, "invoke"),
        ):
            patch.setattr(target, name, self._make_killable(getattr(target, name)))

    def run(self, event: Any) -> None:
        """Run an event and all continuations of its file."""
        waiting = [event] * self._random.choice([1, 2])  # S3 may send an event twice
        tries: dict[str, int] = {}
        while waiting:
            event = waiting.pop(self._random.randrange(len(waiting)))
            if self._draw_mishap(0.2):
                waiting.append(event)  # Lambda may invoke twice
            self._ticks = 0
            try:
                self._importer.run(event, RESERVE + self._random.randint(1, 5))  # seconds, one for each batch
            except KilledError:
                waiting.append(event)
            except InvalidFileError:
                key = json.dumps(event)
                tries[key] = tries.get(key, 0) + 1
                if tries[key] < 3:
                    waiting.append(event)
            waiting += self._fake_aws.functions.events
            self._fake_aws.functions.events = []

    def refused_numbers(self, result: Any) -> list[int]:
        """Return the numbers of the refused lines, from the lists that a result names."""
        return [
            json.loads(line)["line"]
            for name in result.get("refusedIn", ())
            for line in self._fake_aws.bucket.results[FOLDER + name].splitlines()
        ]

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

    def _draw_mishap(self, probability: float) -> bool:
        happens = self._remaining_mishaps > 0 and self._random.random() < probability
        self._remaining_mishaps -= happens
        return happens

    def _make_killable(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def killable(**parameters: Any) -> Any:
            if self._draw_mishap(0.05):
                raise KilledError
            response = call(**parameters)
            if "Body" in parameters and parameters["Key"].endswith((SUMMARY_FILE, FAILURE_FILE)):
                self.results.append(json.loads(parameters["Body"]))
            if self._draw_mishap(0.05):
                raise KilledError
            return response

        return killable


randoms = st.integers(0, 2**32).map(Random)


def draw_lines(random: Random) -> list[bool]:
    """Return, for each line of a file, whether it is a punch."""
    return [random.random() < 0.8 for _ in range(random.randint(1, 150))]


@settings(max_examples=150)
@given(randoms)
@pytest.mark.parametrize("is_broken", [False, True])
def test_results_match_their_lists_if_invocations_are_repeated_or_killed(is_broken: bool, random: Random) -> None:
    good = draw_lines(random)
    content = b"".join((punch(number) if is_good else b"{") + b"\n" for number, is_good in enumerate(good, 1))
    with pytest.MonkeyPatch.context() as patch:
        fake_aws = FakeAws(patch)
        simulator = InvocationSimulator(fake_aws, patch, random)
        simulator.run(fake_aws.upload(gzip.compress(content)[:-9] if is_broken else content))

        assert simulator.results
        for result in simulator.results:
            before = good[: result["line"] - 1] if is_broken else good  # the rest of the gzip data is unreadable
            assert result.get("reason", "").startswith("the gzip data is corrupt" if is_broken else "")
            assert (result["accepted"], result["refused"]) == (sum(before), len(before) - sum(before))
            assert simulator.refused_numbers(result) == [
                number for number, is_good in enumerate(before, 1) if not is_good
            ]
            assert set(fake_aws.queue.employee_ids()) == {number for number, is_good in enumerate(before, 1) if is_good}
        assert (FOLDER + SUMMARY_FILE in fake_aws.bucket.results) is not is_broken
        assert (FOLDER + FAILURE_FILE in fake_aws.bucket.results) is is_broken

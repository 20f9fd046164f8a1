"""A file over several invocations, some of them doubled or killed: each result counts what its lists hold."""

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
from slices.imports.uploads import FAILURE, SUMMARY

FOLDER = "results/clock.ndjson/v1/"


class Killed(BaseException):
    """Lambda ends the process."""


class Chains:
    """The invocations that a file takes, in any order; some end in the middle, and some happen twice."""

    def __init__(self, fake_aws: FakeAws, patch: pytest.MonkeyPatch, chance: Random) -> None:
        self.results: list[Any] = []  # summaries and failures, as they were written
        self._fake_aws = fake_aws
        self._chance = chance
        self._mishaps = 12  # at most, or it would not end
        self._ticks = 0
        self._importer = fake_aws.importer(function.read_settings(), self._tick)
        for target, name in (
            (fake_aws.bucket, "put_object"),
            (fake_aws.bucket, "delete_object"),
            (fake_aws.functions, "invoke"),
        ):
            patch.setattr(target, name, self._mortal(getattr(target, name)))

    def run(self, event: Any) -> None:
        """Run an event, and whatever follows from it, to the end."""
        waiting = [event] * self._chance.choice([1, 2])  # S3 says some things twice
        tries: dict[str, int] = {}
        while waiting:
            now = waiting.pop(self._chance.randrange(len(waiting)))
            if self._mishap(0.2):
                waiting.append(now)  # so does Lambda
            self._ticks = 0
            try:
                self._importer.run(now, RESERVE + self._chance.randint(1, 5))  # so many batches
            except Killed:
                waiting.append(now)
            except InvalidFileError:
                name = json.dumps(now)
                tries[name] = tries.get(name, 0) + 1
                if tries[name] < 3:
                    waiting.append(now)
            waiting += self._fake_aws.functions.events
            self._fake_aws.functions.events = []

    def listed(self, result: Any) -> list[int]:
        """Give the numbers of the refused lines, as they are in the lists that a result names."""
        return [
            json.loads(line)["line"]
            for name in result.get("refusedIn", ())
            for line in self._fake_aws.bucket.results[FOLDER + name].splitlines()
        ]

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

    def _mishap(self, likely: float) -> bool:
        happens = self._mishaps > 0 and self._chance.random() < likely
        self._mishaps -= happens
        return happens

    def _mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def mortal(**how: Any) -> Any:
            if self._mishap(0.05):
                raise Killed
            answer = call(**how)
            if "Body" in how and how["Key"].endswith((SUMMARY, FAILURE)):
                self.results.append(json.loads(how["Body"]))
            if self._mishap(0.05):
                raise Killed
            return answer

        return mortal


chances = st.integers(0, 2**32).map(Random)


def drawn(chance: Random) -> list[bool]:
    """Say of each line of a file whether it is a punch."""
    return [chance.random() < 0.8 for _ in range(chance.randint(1, 150))]


@settings(max_examples=150)
@given(chances)
@pytest.mark.parametrize("is_broken", [False, True])
def test_whatever_happens_twice_or_ends_in_the_middle_a_result_counts_what_its_lists_hold(
    is_broken: bool, chance: Random
) -> None:
    good = drawn(chance)
    content = b"".join((punch(number) if is_good else b"{") + b"\n" for number, is_good in enumerate(good, 1))
    with pytest.MonkeyPatch.context() as patch:
        fake_aws = FakeAws(patch)
        chains = Chains(fake_aws, patch, chance)
        chains.run(fake_aws.upload(gzip.compress(content)[:-9] if is_broken else content))

        assert chains.results
        for result in chains.results:
            before = good[: result["line"] - 1] if is_broken else good  # of a gzip, the rest may be unreadable
            assert result.get("reason", "").startswith("the compression is broken" if is_broken else "")
            assert (result["accepted"], result["refused"]) == (sum(before), len(before) - sum(before))
            assert chains.listed(result) == [number for number, is_good in enumerate(before, 1) if not is_good]
            assert set(fake_aws.queue.employees()) == {number for number, is_good in enumerate(before, 1) if is_good}
        assert (FOLDER + SUMMARY in fake_aws.bucket.results) is not is_broken
        assert (FOLDER + FAILURE in fake_aws.bucket.results) is is_broken

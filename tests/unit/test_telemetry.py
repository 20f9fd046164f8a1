"""The emulator's logs and metrics grow neither in a long run nor over many."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core import persistence  # type: ignore[import-untyped]
from ministack.services import cloudwatch, lambda_svc  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs as logs

from tools.local import adapter, replacements

FUNCTION = {"config": {"FunctionName": "function"}}
GROUP = "/aws/lambda/function"


@pytest.fixture(autouse=True)
def _replaced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    replacements.replace(monkeypatch.setattr)
    yield
    logs.reset()
    cloudwatch.reset()


def invoke(times: int) -> None:
    for number in range(times):
        lambda_svc._emit_lambda_logs(FUNCTION, str(number), "printed", error=False, duration_ms=1)
        lambda_svc._emit_lambda_metrics("function", 1.0, error=False, throttle=False)


def requests() -> list[str]:
    """The invocations whose log is kept."""
    streams = logs._log_groups[GROUP]["streams"].values()
    return [stream["events"][0]["message"].split()[2] for stream in streams]


def test_only_the_newest_are_kept() -> None:
    invoke(adapter.KEPT + 10)

    assert requests() == [str(number) for number in range(10, adapter.KEPT + 10)]
    # Points are dropped before another comes.
    assert {len(points) for points in cloudwatch._metrics.values()} == {adapter.KEPT + 1}


def test_a_stop_saves_log_groups_and_nothing_that_was_logged_or_measured() -> None:
    invoke(2)
    logs._log_groups[GROUP]["retentionInDays"] = 30

    def saved(state: Any) -> Any:
        return json.loads(json.dumps(state, default=persistence._json_default))

    (group,) = saved(logs.get_state())["log_groups"]["data"].values()
    assert (group["retentionInDays"], group["streams"]) == (30, {})
    assert saved(cloudwatch.get_state())["metrics"]["data"] == {}

"""The emulator's logs and metrics: the newest of a run, and nothing of the runs before.

The emulator keeps a log stream and four metric points of every invocation for ever. All of it would be saved at each
stop and read at each start, until there is no time left for it.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import AccountRegionScopedDict  # type: ignore[import-untyped]
from ministack.services import cloudwatch, lambda_svc  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs as logs

_MOST = 2_000  # log streams of a group, and points of a metric


def replace() -> None:
    """Have the emulator of this process keep no more than these, and save log groups without what was logged."""
    emit: Callable[..., None] = lambda_svc._emit_lambda_logs
    metric_points: Callable[[tuple[Any, ...]], list[Any]] = cloudwatch._metric_bucket
    logs_state: Callable[[], dict[str, Any]] = logs.get_state
    metrics_state: Callable[[], dict[str, Any]] = cloudwatch.get_state

    def emit_and_drop_oldest(*values: Any, **named: Any) -> None:
        emit(*values, **named)
        for _, group in logs._log_groups.all_items():
            for name in list(group["streams"])[:-_MOST]:
                group["streams"].pop(name, None)

    def newest_points(key: tuple[Any, ...]) -> list[Any]:
        found = metric_points(key)
        del found[:-_MOST]
        return found

    # Asked for at the stop only: nobody reads streams and points any more, so they go before the rest is copied.

    def groups_alone() -> dict[str, Any]:
        groups, logs._log_groups = logs._log_groups, AccountRegionScopedDict()
        kept = AccountRegionScopedDict()
        for place, group in groups.all_items():
            kept.set_scoped(*place, {**group, "streams": {}})
        return {**logs_state(), "log_groups": kept}

    def without_points() -> dict[str, Any]:
        cloudwatch._metrics = AccountRegionScopedDict()
        return {**metrics_state(), "metrics": AccountRegionScopedDict()}

    lambda_svc._emit_lambda_logs = emit_and_drop_oldest
    cloudwatch._metric_bucket = newest_points
    logs.get_state = groups_alone
    cloudwatch.get_state = without_points

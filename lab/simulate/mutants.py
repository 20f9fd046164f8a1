"""Mutants of `make simulate`: deliberately broken settings, each of which must break a rule."""

from collections.abc import Callable
from typing import NamedTuple

from lab.simulate.settings import SimulationSettings


class SettingsMutant(NamedTuple):
    """Change of the settings that `--fault` applies."""

    description: str
    apply: Callable[[SimulationSettings], SimulationSettings]


def _remove_backoff_limit(settings: SimulationSettings) -> SimulationSettings:
    delays = ",".join(str(5 * 2**number) for number in range(14))  # up to the maximum of SQS, 12 hours
    return settings._replace(environment=settings.environment | {"RETRY_DELAYS": delays})


MUTANTS = {
    "visibility": SettingsMutant(
        "a visibility timeout of 30 s", lambda settings: settings._replace(visibility_timeout_seconds=30)
    ),
    "receives": SettingsMutant("a maxReceiveCount of 5", lambda settings: settings._replace(max_receive_count=5)),
    "retention": SettingsMutant(
        "the retention of the two queues swapped",
        lambda settings: settings._replace(
            retention_seconds=settings.dead_letter_retention_seconds,
            dead_letter_retention_seconds=settings.retention_seconds,
        ),
    ),
    "success": SettingsMutant(
        "success reported for failed messages", lambda settings: settings._replace(should_answer_success=True)
    ),
    "backoff": SettingsMutant("a backoff without an upper limit", _remove_backoff_limit),
}

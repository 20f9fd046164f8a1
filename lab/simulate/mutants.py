"""The faults that `--fault` plants: mistakes of ours, to see that they are found."""

from collections.abc import Callable
from typing import NamedTuple

from lab.simulate.settings import SimulationSettings


class SettingsMutant(NamedTuple):
    """A planted fault."""

    description: str
    apply: Callable[[SimulationSettings], SimulationSettings]


def _without_end(settings: SimulationSettings) -> SimulationSettings:
    delays = ",".join(str(5 * 2**number) for number in range(14))  # up to SQS's 12 hours
    return settings._replace(environment=settings.environment | {"RETRY_DELAYS": delays})


MUTANTS = {
    "visibility": SettingsMutant(
        "a visibility timeout of 30 s", lambda found: found._replace(visibility_timeout_seconds=30)
    ),
    "receives": SettingsMutant("a maxReceiveCount of 5", lambda found: found._replace(max_receive_count=5)),
    "retention": SettingsMutant(
        "the retention of the two queues swapped",
        lambda found: found._replace(
            retention_seconds=found.dead_letter_retention_seconds, dead_letter_retention_seconds=found.retention_seconds
        ),
    ),
    "commit": SettingsMutant(
        "messages deleted before the commit, which the next batch makes",
        lambda found: found._replace(should_commit_late=True),
    ),
    "success": SettingsMutant(
        "success answered for a failure", lambda found: found._replace(should_answer_success=True)
    ),
    "look-up": SettingsMutant("the look-up statement removed", lambda found: found._replace(has_look_up=False)),
    "backoff": SettingsMutant("a backoff without end", _without_end),
}

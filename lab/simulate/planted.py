"""The faults that `--fault` plants: mistakes of ours, to see that they are found."""

from collections.abc import Callable
from typing import NamedTuple

from lab.simulate.settings import Settings


class Planted(NamedTuple):
    """A planted fault."""

    what: str
    plant: Callable[[Settings], Settings]


def _without_end(settings: Settings) -> Settings:
    delays = ",".join(str(5 * 2**number) for number in range(14))  # up to SQS's 12 hours
    return settings._replace(environment=settings.environment | {"RETRY_DELAYS": delays})


PLANTED = {
    "visibility": Planted("a visibility timeout of 30 s", lambda found: found._replace(visibility=30)),
    "receives": Planted("a maxReceiveCount of 5", lambda found: found._replace(most_receives=5)),
    "retention": Planted(
        "the retention of the two queues swapped",
        lambda found: found._replace(retention=found.dead_letter_retention, dead_letter_retention=found.retention),
    ),
    "commit": Planted(
        "messages deleted before the commit, which the next batch makes",
        lambda found: found._replace(commit_late=True),
    ),
    "success": Planted("success answered for a failure", lambda found: found._replace(answer_success=True)),
    "look-up": Planted("the look-up statement removed", lambda found: found._replace(look_up=False)),
    "backoff": Planted("a backoff without end", _without_end),
}

"""How much is in a queue."""

from typing import Any, cast

from tools.kit.queues import Depth, depth


class Sqs:
    def get_queue_attributes(self, **_: Any) -> dict[str, dict[str, str]]:
        counts = {"": "1", "NotVisible": "2", "Delayed": "4", "Received": "8"}
        return {"Attributes": {f"ApproximateNumberOfMessages{what}": count for what, count in counts.items()}}


def test_what_waits_what_is_worked_on_and_what_is_delayed_are_all_in_a_queue() -> None:
    found = depth(cast(Any, Sqs()), "https://queue")

    assert found == Depth(visible=1, in_flight=2, delayed=4)
    assert found.total == 7

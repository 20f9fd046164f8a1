"""The function that sends the punches of files to the queue."""

import os
import time
from typing import Any

from ponto import config, log
from slices.imports import uploads


def read_settings() -> uploads.ImportSettings:
    """Read the settings of the function.

    Raises:
        ConfigurationError: naming all that is missing, or what is wrong.
    """
    found = config.required_variables(os.environ, "QUEUE_URL", "TIME_ZONE")
    return uploads.ImportSettings(
        queue_url=found["QUEUE_URL"],
        zone=config.parse_time_zone(found["TIME_ZONE"]),
        requires_sign_in=config.is_sign_in_required(),
        message_group=os.environ.get("MESSAGE_GROUP") or None,
    )


def main(event: Any, context: Any) -> None:
    """Send the punches of a file that came into the bucket to the queue.

    Args:
        event: of S3, asynchronously, or what an invocation before handed on.
        context: Lambda's, which knows how much time is left.

    Raises:
        Exception: of `Importer.run`. Lambda tries twice again, and then dead-letters the event.
    """
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    task, why = uploads.create_importer(read_settings()).run(event, end)
    log.write(
        "import",
        context.aws_request_id,
        file=task.key,
        nextLine=task.position.line,
        accepted=task.accepted,
        refused=task.refused,
        rounds=task.invocations,
        **({"handedOn": why} if why else {}),
    )

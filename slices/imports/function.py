"""The Lambda function that imports the files of the stage's bucket."""

import os
import time
from typing import Any

from ponto import config, log
from slices.imports import uploads


def read_settings() -> uploads.ImportSettings:
    """Read the settings of the function from its environment.

    Raises:
        ConfigurationError: a variable is missing or invalid; the message names all of them.
    """
    variables = config.required_variables(os.environ, "QUEUE_URL", "TIME_ZONE")
    return uploads.ImportSettings(
        queue_url=variables["QUEUE_URL"],
        zone=config.parse_time_zone(variables["TIME_ZONE"]),
        requires_sign_in=config.is_sign_in_required(),
        message_group=os.environ.get("MESSAGE_GROUP") or None,
    )


def main(event: Any, context: Any) -> None:
    """Send the punches of an uploaded file to the queue.

    Args:
        event: an asynchronous S3 notification, or the event with which an earlier invocation continues the file.
        context: the Lambda context, for the remaining time.

    Raises:
        Exception: from `Importer.run`. Lambda retries twice, then dead-letters the event.
    """
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    task, reason = uploads.create_importer(read_settings()).run(event, end)
    log.write(
        "import",
        context.aws_request_id,
        file=task.key,
        nextLine=task.position.line,
        accepted=task.accepted,
        refused=task.refused,
        rounds=task.invocations,
        **({"handedOn": reason} if reason else {}),
    )

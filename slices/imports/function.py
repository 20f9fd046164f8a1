"""The Lambda function that imports the files of the stage's bucket."""

import os
import time
from typing import Any

from ponto.shared import config, log
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
        is_sign_in_required=config.is_sign_in_required(),
        message_group=os.environ.get("MESSAGE_GROUP") or None,
    )


def main(event: Any, context: Any) -> None:
    """Send the punches of an uploaded file to the queue.

    Args:
        event: an asynchronous S3 notification.
        context: the Lambda context, for the remaining time.

    Raises:
        InvalidEventError: the event names no file.
        Exception: from `Importer.run`. Lambda repeats the invocation twice, then dead-letters the event.
    """
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    importer = uploads.create_importer(read_settings())
    for file in uploads.parse_event(event):
        result = importer.run(file, end)
        log.write(
            "import", context.aws_request_id, file=file.key, accepted=result["accepted"], refused=result["refused"]
        )

"""The Lambda function that imports the files of the stage's bucket."""

import os
import time
from typing import Any

from ponto.shared import config, log
from slices.imports import uploads


def main(event: Any, context: Any) -> None:
    """Send the punches of an uploaded file to the queue.

    Args:
        event: an asynchronous S3 notification.
        context: the Lambda context, for the remaining time.

    Raises:
        ConfigurationError: a variable is missing or invalid; the message names all of them.
        InvalidEventError: the event names no file.
        Exception: from `Importer.run`. Lambda repeats the invocation twice, then dead-letters the event.
    """
    end = time.monotonic() + context.get_remaining_time_in_millis() / 1000
    variables = config.required_variables(os.environ, "QUEUE_URL", "TIME_ZONE")
    importer = uploads.create_importer(config.parse_time_zone(variables["TIME_ZONE"]), variables["QUEUE_URL"])
    file = uploads.parse_event(event)
    result = importer.run(file, end)
    log.write("import", context.aws_request_id, file=file.key, accepted=result["accepted"], refused=result["refused"])

"""The function that writes corrections."""

import os
import time
from typing import Any

from ponto import config, log
from slices.corrections import request


def main(event: Any, context: Any) -> request.Response:
    """Write corrections; see `request.answer`.

    Args:
        event: a POST, as API Gateway's proxy integration gives it: with whom AWS found to have signed it.
        context: Lambda's, which knows the request's id.
    """
    started = time.monotonic()
    database = config.load_database()
    answer, done = request.answer(event, lambda: config.connection_parameters(database), os.environ.get("AUTHOR", ""))
    log.answered("correction", context.aws_request_id, (time.monotonic() - started) * 1000, done._asdict())
    return answer

"""The function that answers `GET /ponto/{id}`."""

import os
from functools import cache
from typing import Any

from ponto import config, log
from slices.receipts.lookup import Receipts, Response


@cache  # once per execution environment, with the connection that it keeps
def receipts() -> Receipts:
    """Make what answers, as the environment says; connects to nothing.

    Raises:
        ConfigurationError: the environment lacks a value, or has a wrong one.
    """
    database = config.load_database()
    return Receipts(
        database.connection_parameters,
        os.environ.get("CORS_ORIGIN", ""),
        identity=config.is_identity_required(),
    )


def main(event: Any, context: Any) -> Response:
    """Say whether a punch is a row; to an employee who signed in also which of their last two days are.

    Args:
        event: a GET, as API Gateway's proxy integration gives it.
        context: Lambda's, which knows the request's id.
    """
    return receipts().answer(event, lambda text: log.warning(context.aws_request_id, text))

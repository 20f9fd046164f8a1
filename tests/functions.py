"""The deployed functions, as calls of the handler: what Lambda would do, and what it would log."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

import handler
from ponto.reader import query_function
from tests.database import SCHEMA_ENVIRONMENT
from tests.events import Context, Record, sqs_event

IAM_LOGIN_ENVIRONMENT = {
    "DB_LOGIN": "iam",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "ASIANOBODY",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_SESSION_TOKEN": "none",
}
"""The environment of functions that sign in by IAM; a socket that trusts everybody does not look at their tokens."""


class Functions:
    """The functions of the local stack on a database; each call has an environment of its own."""

    def __init__(self, url: str, user: str) -> None:
        """Takes the database, and as whom the functions sign in."""
        parameters = parse_dsn(url)
        self.environment = {
            "DB_HOST": parameters["host"],
            "DB_NAME": parameters["dbname"],
            "DB_USER": user,
            "TIME_ZONE": "America/Sao_Paulo",
            **SCHEMA_ENVIRONMENT,
        }
        self.handle: Callable[..., Any] = query_function.handle
        """What `read` runs statements with."""
        self.log = io.StringIO()
        handler.environment_drain.cache_clear()

    def call(self, name: str, event: object) -> Any:
        """Call a function of the handler as Lambda does."""
        return self.run(partial(handler.read, handle=self.handle) if name == "read" else getattr(handler, name), event)

    def deliver(self, *records: Record) -> list[str]:
        """Call the drain with a batch; return the ids of the messages that will come back."""
        response = self.call("main", sqs_event(*records))
        assert response.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]

    def run(self, function: Callable[[Any, Any], Any], event: object) -> Any:
        """Call an entry point as Lambda does."""
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(self.log):
            patch.setitem(sys.modules, "rds_config", None)  # of the developer
            for variable in [name for name in os.environ if name.startswith("DB_")]:
                patch.delenv(variable)
            for variable, value in self.environment.items():
                patch.setenv(variable, value)
            return function(event, Context())

    def invoke(self, _: object, asked: Mapping[str, Any]) -> Any:
        """Answer a client of Lambda; see `tests.aws.Calls.stubs`."""
        stack, _, name = asked["FunctionName"].rpartition("-")
        assert stack == "batida-ponto-local"
        return {"Payload": io.BytesIO(json.dumps(self.call(name, json.loads(asked["Payload"]))).encode())}

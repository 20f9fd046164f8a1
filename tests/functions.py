"""Direct calls of the deployed functions, without Lambda."""

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

import handler
from ponto.read import query_function
from tests.aws import Calls
from tests.database import SCHEMA_ENVIRONMENT
from tests.events import Context, Record, sqs_event


class Functions:
    """The functions of a stage on a test database; each call gets a copy of `environment`."""

    def __init__(self, url: str, user: str) -> None:
        """Create the functions.

        Args:
            url: libpq URI of the database.
            user: Role as which the functions sign in.
        """
        parameters = parse_dsn(url)
        self.environment = {
            "DB_HOST": parameters["host"],
            "DB_NAME": parameters["dbname"],
            "DB_USER": user,
            "TIME_ZONE": "America/Sao_Paulo",
            **SCHEMA_ENVIRONMENT,
        }
        self.handle: Callable[..., Any] = query_function.handle
        """The function that `read` passes its event to; a test may replace it."""
        self.log = io.StringIO()
        handler.environment_drain.cache_clear()

    def call(self, name: str, event: object) -> Any:
        """Call a function of the handler as Lambda does."""
        return self.run(partial(handler.read, handle=self.handle) if name == "read" else getattr(handler, name), event)

    def deliver(self, *records: Record) -> list[str]:
        """Call the drain with a batch; return the ids of the messages that SQS redelivers."""
        response = self.call("main", sqs_event(*records))
        assert response.keys() == {"batchItemFailures"}
        return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]

    def run(self, function: Callable[[Any, Any], Any], event: object) -> Any:
        """Call an entry point as Lambda does. If the test fails, pytest prints the response and the log."""
        start = self.log.tell()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(self.log):
            patch.setitem(sys.modules, "rds_config", None)  # hide the developer's file
            for variable in [name for name in os.environ if name.startswith("DB_")]:
                patch.delenv(variable)
            for variable, value in self.environment.items():
                patch.setenv(variable, value)
            response = function(event, Context())
        logging.getLogger(__name__).warning("response: %s\nlog: %s", response, self.log.getvalue()[start:])
        return response

    def invoke(self, _: object, parameters: Mapping[str, Any]) -> Any:
        """Call the function that a client of Lambda invokes: a stub for `tests.aws.Calls.stubs`."""
        stack, _, name = parameters["FunctionName"].rpartition("-")
        assert stack in ("batida-ponto-local", "batida-ponto-dev")
        return {"Payload": io.BytesIO(json.dumps(self.call(name, json.loads(parameters["Payload"]))).encode())}


def stub_functions(monkeypatch: pytest.MonkeyPatch, url: str, user: str = "ponto_reader") -> Functions:
    """Make boto3 call these functions instead of Lambda; see `Functions`."""
    functions = Functions(url, user)
    Calls(monkeypatch).stubs["Invoke"] = functions.invoke
    return functions

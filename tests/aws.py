"""AWS in tests: moto or the emulator answers what boto3's clients call, unless a test stands in its way."""

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

Call = Callable[[], Any]


class RecordedCall(NamedTuple):
    """A call of a client."""

    operation: str  # as AWS names it: SendMessage
    parameters: Any
    signer: str  # the access key that signs it; empty: there is none


class Calls:
    """All calls of all clients, from here on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.history: list[RecordedCall] = []
        # Operation -> what happens instead: an error, an answer, or a function, which gets the call, to make or not,
        # and its parameters.
        self.stubs: dict[str, Any] = {}
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            key = client._get_credentials()
            self.history.append(RecordedCall(operation, parameters, key.access_key if key else ""))
            instead = self.stubs.get(operation)
            if isinstance(instead, BaseException):
                raise instead
            if callable(instead):
                return instead(lambda: real(client, operation, parameters), parameters)
            return real(client, operation, parameters) if instead is None else instead

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    @property
    def operations(self) -> list[str]:
        """The names of all that were called."""
        return [made.operation for made in self.history]

    def by_operation(self, operation: str) -> list[RecordedCall]:
        """Return the calls of an operation."""
        return [made for made in self.history if made.operation == operation]


def skip_long_polling(call: Call, parameters: dict[str, Any]) -> Any:
    """Receive messages without waiting for more."""
    parameters["WaitTimeSeconds"] = 0
    return call()


def refusal(code: str, message: str = "not you", operation: str = "Operation") -> ClientError:
    """Make the error with which AWS refuses a call."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


NO_STACK = refusal("ValidationError", "Stack with id batida-ponto-prod does not exist")
"""CloudFormation's answer about a stack that is not there, or about a resource of it."""


def stack(**outputs: str) -> Any:
    """Write CloudFormation's answer about a stack with these outputs."""
    named = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": named}]}


def invoke_stub(payload: object, *, failed: bool = False) -> Callable[..., Any]:
    """Write Lambda's answers of a function that returns, or fails with, one thing whenever it is invoked."""

    def answer(*_: object) -> Any:
        found = {"Payload": io.BytesIO(json.dumps(payload).encode())}
        return found | ({"FunctionError": "Unhandled"} if failed else {})

    return answer


def receive_all(sqs: Any, url: str, **how: Any) -> list[Any]:
    """Take what is visible in a queue, with all attributes; it stays there, hidden.

    Args:
        sqs: boto3's client.
        url: of the queue.
        how: what else `receive_message` takes.
    """
    found: list[Any] = []
    ask = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"]} | how
    while messages := sqs.receive_message(QueueUrl=url, **ask).get("Messages"):
        found += messages
    return found
